/* One get or put as the node works on it, Dynamo 4.5: what the front end asks and what it is told.
 *
 * The structure is borrowed from a pool by a session, filled, given to node_request() and returned to the session by
 * request->done. Everything that the answer points to lives until request_finish(). */
#ifndef COORDINATOR_REQUEST_H
#define COORDINATOR_REQUEST_H

#include "base/arena.h"
#include "base/blob.h"
#include "base/bytes.h"
#include "base/queue.h"
#include "ring/bucket.h"
#include "storage/store.h"
#include "version/object.h"

#include <stdbool.h>
#include <stdint.h>

enum {
    REQUEST_KEY_MAX = 250,
    REQUEST_TRIED_MAX = 8 /* members that a request may have been tried at in vain */
};

enum request_kind {
    REQUEST_GET, /* read; with touch, vivify or recache also changes expiry and marks */
    REQUEST_SET, /* with has_token: cas */
    REQUEST_ADD,
    REQUEST_REPLACE,
    REQUEST_APPEND,
    REQUEST_PREPEND,
    REQUEST_INCR,
    REQUEST_DECR,
    REQUEST_DELETE, /* with invalidate: mark stale instead */
    REQUEST_TOUCH,
    REQUEST_FLUSH /* flush_all; no key */
};

enum request_status {
    REQUEST_OK,          /* found, stored, deleted, touched, flushed */
    REQUEST_MISS,        /* no such key (NOT_FOUND) */
    REQUEST_NOT_STORED,  /* add on a present key, replace and append on a missing one, append past the limit */
    REQUEST_EXISTS,      /* the token does not match */
    REQUEST_NON_NUMERIC, /* incr and decr */
    REQUEST_TOO_LARGE,   /* the object with all its siblings would pass the limit */
    REQUEST_NO_MEMORY,   /* no space in log, map, disk or memory: nothing was changed */
    REQUEST_FAILED       /* outcome unknown or unreadable: SERVER_ERROR with request->failure */
};

/* Whether a get is a miss [R6]: where one value is answered the newest version decides; a reply of many values shows
 * all that can be seen, and is a miss when there are none. */
enum request_shows {
    REQUEST_SHOWS_NEWEST,
    REQUEST_SHOWS_SIBLINGS_IF_MULTI_VALUE, /* as the bucket's multi_value says: gets, gats */
    REQUEST_SHOWS_SIBLINGS                 /* opcode 0xe0 */
};

/* Why a request failed; SERVER_ERROR to the client. Those marked "unknown" may have been carried out all the same. */
enum request_failure {
    FAILURE_NONE,
    FAILURE_CORRUPT, /* the stored record is corrupt */
    FAILURE_DISK_READ,
    FAILURE_DISK_WRITE, /* unknown */
    FAILURE_NO_QUORUM,  /* fewer owners are up than the bucket's r or w: nothing was done */
    FAILURE_TIMEOUT,    /* too few owners answered in time: unknown */
    FAILURE_LOST,       /* the coordinator that had it is gone: unknown */
    FAILURE_HELD,       /* the ring is changing: nothing was done, try again */
    FAILURE_BUSY,       /* too many requests are under way: nothing was done */
    FAILURE_CLOCK,      /* a flush at a time that most others take for nonsense: nothing was done */
    REQUEST_FAILURES
};

/* A static text for people, without "SERVER_ERROR". */
const char *request_failure_text(enum request_failure failure);

struct request;
typedef void request_done(struct request *);

struct request {
    struct queue_node link; /* the session's */

    /* What is asked. */
    enum request_kind kind;
    uint16_t key_len;
    bool claims;        /* GET by meta: of several readers of a stale item one is told `won` */
    bool peek;          /* GET: does not count as a use of the item (meta u) */
    bool has_token;     /* writes: compare first */
    bool has_expiry;    /* GET: touch to expiry_ms; DELETE with invalidate: set expiry_ms */
    bool invalidate;    /* DELETE: mark stale; SET with has_token: on a mismatch store as stale */
    bool create;        /* INCR, DECR: make the key with `initial` and expiry_ms when missing */
    bool vivify;        /* GET: make an empty item with vivify_expiry_ms when missing */
    bool recache;       /* GET: win when less than recache_ttl_s are left */
    bool recache_first; /* GET: it is the expiry before the touch that counts for recache */
    uint8_t shows;      /* GET: enum request_shows */
    bool whole_second;  /* FLUSH at once: also what is written until this second ends, as memcached without cas does */
    uint32_t flags;
    uint64_t expiry_ms; /* absolute, 0 never (exptime_to_expiry_ms); FLUSH: from when, 0 at once */
    uint64_t vivify_expiry_ms;
    uint64_t recache_ttl_s;
    uint64_t token;
    uint64_t delta, initial;
    uint64_t value_max; /* APPEND, PREPEND: most bytes of the result; 0: as the node's settings say */
    struct bytes value; /* valid until done; the session may move the bytes between calls, so read it anew */
    request_done *done; /* called from node_settle, never from node_request */
    void *owner;        /* the asker's own */
    /* Of a forwarded write with a token: what the token stood for where it came from. Valid until done. */
    bool knows_context;
    struct context context;
    /* Of a write that came through another node, or that was tried elsewhere before [R10]: set by the node, all 0
     * without. With an attempt above 1 the earlier ones may have been carried out, or may be yet. */
    uint64_t name;     /* its second name, version/object.h */
    uint32_t attempt;  /* from 1 */
    bool stands_in;    /* who is to coordinate it is no owner: all of them are down for whoever chose him [4.6]. Set by
                          coordinator_route; of what was forwarded here, by the sender's choice */
    bool is_full_here; /* the coordinator's, for ports.reroute: no space here; nothing was done, another node may have
                          some */
    hybrid_time began; /* what the request writes is later */
    uint8_t tried_count;
    uint32_t tried[REQUEST_TRIED_MAX]; /* ids of members that coordinator_route passes over: request_note_tried */

    /* What is answered; valid from done until request_finish. */
    enum request_status status;
    enum request_failure failure;   /* REQUEST_FAILED */
    const struct bucket *bucket;    /* the key's */
    const struct version *versions; /* GET: the visible ones, newest first; into record. None of a miss */
    uint32_t version_count;
    struct blob *record;        /* what versions point into */
    uint64_t number;            /* INCR, DECR */
    uint64_t written_token;     /* writes: the token of the result */
    uint64_t written_expiry_ms; /* writes of a value: the expiry of the result (ma with t) */
    bool created;               /* INCR, DECR, GET with vivify: the key was missing and has been made */
    bool fetched_before;        /* GET */
    uint32_t idle_s;            /* GET */
    bool won, stale, win_sent;  /* GET with claims: W, X, Z */
    bool expired, flushed;      /* GET: why it is a miss, when it is for one of these */

    /* The coordinator's own. */
    struct store_op op;
    struct instant started;
    struct coordinator *coordinator;
    struct round *round; /* NULL where there is one owner only */
    uint64_t deadline_ns;
    bool copy_is_doubtful; /* GET: the local copy, before it was read */
    hybrid_time copy_horizon;
    bool in_doubt;           /* a coordinator that is gone may have done it: nobody can say that nothing was done */
    bool has_effects;        /* GET: it has turned out to change something (a claim on a stale item, a vivification) */
    hybrid_time touch_stamp; /* GET that touched or made the item: what has this stamp is shown even if now expired */
    struct version version_one;   /* versions points here when there is just one */
    struct version *version_many; /* malloc'd when there are more */
    uint8_t key[REQUEST_KEY_MAX];
};

static inline struct bytes request_key(const struct request *request)
{
    return bytes_of(request->key, request->key_len);
}

/* Is it answered with all its visible versions? Its bucket has been set. */
static inline bool request_shows_siblings(const struct request *request)
{
    return request->shows == REQUEST_SHOWS_SIBLINGS
           || (request->shows == REQUEST_SHOWS_SIBLINGS_IF_MULTI_VALUE && request->bucket->multi_value);
}

/* It has been tried at this member in vain, or cannot be carried out there. With REQUEST_TRIED_MAX of them nobody is
 * left to be tried. */
static inline void request_note_tried(struct request *request, uint32_t member)
{
    if (request->tried_count < REQUEST_TRIED_MAX)
        request->tried[request->tried_count++] = member;
}

static inline bool request_was_tried_at(const struct request *request, uint32_t member)
{
    for (unsigned i = 0; i < request->tried_count; i++) {
        if (request->tried[i] == member)
            return true;
    }
    return request->tried_count == REQUEST_TRIED_MAX;
}

/* A request without any option for a key of 0 .. REQUEST_KEY_MAX bytes (0 for REQUEST_FLUSH only). Does not touch the
 * rest of the key buffer. */
void request_init(struct request *request, enum request_kind kind, struct bytes key, request_done *done, void *owner);

/* To be called before request->done: an answer that claims that nothing was done becomes FAILURE_LOST if the request is
 * in doubt. */
static inline void request_admit_doubt(struct request *request)
{
    bool denies = request->status == REQUEST_NO_MEMORY
                  || (request->status == REQUEST_FAILED && request->failure != FAILURE_TIMEOUT);
    if (!request->in_doubt || !denies)
        return;
    request->status = REQUEST_FAILED;
    request->failure = FAILURE_LOST;
}

/* Gives back what the answer holds. After it the structure may be reused. */
void request_finish(struct request *request);

#endif
