/* What is under way with the other nodes that keep a key, Dynamo 4.5 and 4.6. Within the room.
 *
 * A round begins with its request and may outlive it: late answers still repair what they show to be old. So it keeps
 * what it needs of the request (key, quorums, durability) and references to the records. Its id is in every message and
 * comes back in the answers; a round that starts to ask something else gets a new id, so that late answers to what it
 * asked before are told apart.
 *
 * A round's nodes are its places: the owners in the order of the preference list, then those who stand in for some of
 * them, each a node of its own. This node is one of them; when it stands in itself its local copy is the hints that it
 * keeps, and a put's record becomes one for the first owner that is down.
 *
 *   STARTING   the local read or update is in the store
 *   READING    READs are out (get; put that has to know what the others have)
 *   UPDATING   the local update of a put is in the store
 *   WRITING    WRITEs are out: of a put, or what a get writes back before it answers
 *   RESTAMPING a put lost against a later time and is being written anew under a later one
 *   WAITING    for a newer view: an owner knows one
 *   LINGERING  the client has its answer; late ones are waited for
 *
 *   round.c    from the first id to the end
 *   places.c   who is asked, who stands in
 *   fetched.c  what READs have brought */
#ifndef COORDINATOR_ROUND_H
#define COORDINATOR_ROUND_H

#include "coordinator/coordinator.h"
#include "coordinator/quorum.h"
#include "coordinator/wheel.h"
#include "hints/hints.h"
#include "replica/merge.h"
#include "replica/standing.h"

enum {
    ROUND_LINGERING_MAX = 8192,            /* beyond, the oldest ones are given up */
    ROUND_PLACES_MAX = 2 * RING_COPIES_MAX /* every owner may have somebody stand in for it */
};

enum round_kind { ROUND_GET, ROUND_PUT };

enum round_phase {
    ROUND_STARTING,
    ROUND_READING,
    ROUND_UPDATING,
    ROUND_WRITING,
    ROUND_RESTAMPING,
    ROUND_WAITING,
    ROUND_LINGERING
};

struct round_place {
    uint32_t node;
    int8_t stands_for;     /* the place of an owner, -1: this is one */
    uint64_t asked_ns;     /* when it was last asked anything */
    uint64_t replies_then; /* peer->replies at that time */
    struct blob *record;   /* its answer to a READ if that brought one */
    hybrid_time horizon;   /* of its copy, as it answered; 0 of a stand-in */
    uint64_t fingerprint;  /* of its copy as far as is known: once it has answered a READ; get: this node's own from the
                              beginning */
};

struct round {
    struct timer timer;    /* the next hedge or the deadline */
    struct list lingering; /* of the table, while LINGERING */
    struct coordinator *coordinator;
    struct request *request; /* NULL once it has been answered */
    const struct bucket *bucket;
    uint64_t id, epoch, deadline_ns;
    uint64_t hedge_ns; /* 0: no more to be asked */
    uint32_t hash;
    uint32_t next_stand_in; /* the next of the preference list who could stand in */
    uint16_t partition;
    uint8_t kind, phase;
    uint8_t owner_count, place_count;
    int8_t self;           /* this node's place, -1: the view has changed and it is no owner any more */
    uint16_t read_asked;   /* places that have been sent a READ under this id */
    uint16_t answered;     /* of these, who has told what it has, whether or not that counts */
    uint16_t absent;       /* of these, who has nothing */
    uint16_t write_asked;  /* places that have been sent a WRITE under this id */
    uint16_t acknowledged; /* get: of write_asked, who has answered */
    uint16_t stale;        /* places that said that the view is old */
    uint16_t missing;      /* put: owners that are down, silent, or refuse; not who is slow */
    uint16_t stood_for;    /* owners for whom somebody stands in */
    uint8_t restamps;
    uint8_t hints_read;     /* owners whose hints this node, standing in, has looked up */
    bool asks_all;          /* not just as many as needed: a sampled get, a delete of what is not here */
    bool may_go_on;         /* put: it need not know what the others have, though it had better */
    bool is_short;          /* put: it has gone on without an answer of as many as are needed */
    bool hedged;            /* a hedge has been due: do not wait for more than is needed */
    bool lost_local;        /* the local record is corrupt */
    bool is_doubtful;       /* the local copy is */
    bool store_has_request; /* request->op is in the store: the request cannot end */
    bool store_has_merge;   /* merge.op is in the store: the round cannot end */
    bool repair_again;      /* `made` has changed while merge.op was in the store */
    bool closing;
    bool keeps_use, is_use;
    bool has_dot;         /* put: `dot` is the version that it made */
    bool has_found;       /* put: an earlier attempt has made `made` already */
    bool hint_was_there;  /* put of a stand-in: what the last run of its update has found ... */
    bool hint_is_counted; /* ... and that a hint has been counted for it */
    bool overwritten;     /* while RESTAMPING: something else is the newest here by now */
    struct quorum reads, writes;
    struct dot dot, restamped_dot;
    struct blob *restamped;     /* while RESTAMPING: what becomes `made` */
    hybrid_time floor;          /* put: restamp above this time */
    hybrid_time horizon;        /* of `local`, then of `made` [R3] */
    struct blob *local;         /* the local record as it was read; NULL: none */
    uint64_t local_fingerprint; /* of `local`, for good: what READs ask about, so what the answer "the same" means */
    struct blob *made;          /* what WRITEs carry: a put's new record, a get's merged one */
    uint64_t made_fingerprint;  /* get */
    struct replica_merge merge; /* the local copy's share of a write-back or a repair; restamps use its op */
    uint16_t key_len;
    /* What is behind this is not set to zero when a round begins. */
    uint8_t hint_key[HINT_KEY_MAX]; /* the owner's id (round_local_key), and from ROUND_KEY_AT the client's key */
    struct round_place places[ROUND_PLACES_MAX];
};

enum { ROUND_KEY_AT = HINT_KEY_MAX - REQUEST_KEY_MAX };

static inline struct bytes round_key(const struct round *round)
{
    return bytes_of(round->hint_key + ROUND_KEY_AT, round->key_len);
}

/* Is this node none of the owners? */
static inline bool round_stands_in(const struct round *round)
{
    return round->self >= (int)round->owner_count;
}

/* `seed`: for drawing the share of gets that ask all. */
struct round_table *round_table_new(uint64_t seed);
/* Drops what lingers; nothing else may be under way. */
void round_table_free(struct round_table *table);

/* A new round for a request, with the owners of its partition in the view, and with this node to stand in if it is none
 * of them. NULL: too many are under way. */
struct round *round_begin(struct coordinator *coordinator, struct request *request, enum round_kind kind);

/* Ends a round; request (if any) has been taken from it. At once, or when the store has given its op back. */
void round_close(struct round *round);

/* The request has been answered and is no longer the round's. Waits for late answers if any are missing, else closes.
 */
void round_linger(struct round *round);

/* The round of a message's id and the place of the node that answered; NULL: unknown, too late. */
struct round *round_of_answer(struct coordinator *coordinator, uint64_t id, uint32_t from, unsigned *place);

/* Calls `visit` for each round; it may close the one that it is called with. */
void round_visit_all(struct coordinator *coordinator, void (*visit)(struct round *, uint32_t node), uint32_t node);

/* The node at this place counts: as an owner, or in the stead of the one it stands in for. */
void round_admit(const struct round *round, struct quorum *quorum, unsigned place);

/* A new id: answers to what has been asked until now are too late from here on. */
void round_renew(struct round *round);

/* READs, WRITEs that are out and may still be answered. */
uint16_t round_reads_out(const struct round *round);
uint16_t round_writes_out(const struct round *round);

/* Sets the timer to the hedge or the deadline. */
void round_set_timer(struct round *round);

/* Where this node's own copy is, and under which key. A stand-in's is a hint for the owner that it stands in for. */
struct store_loop *round_local_store(const struct round *round);
struct bytes round_local_key(struct round *round);

/* Submits the merge of `made` into the local copy. Not for a stand-in. */
void round_merge_locally(struct round *round);

/* Ends the request: it is told at the end of the coordinator's call. */
void round_end_request(struct round *round);
void round_fail_request(struct round *round, enum request_failure failure);

/* The timers' wheel and chance, for coordinator.c. */
struct wheel *round_wheel(const struct coordinator *coordinator);
bool round_draw_share(struct coordinator *coordinator);

/* ---- places.c ---- */

/* Takes the owners of the present view and forgets who was asked. */
void round_take_owners(struct round *round);
/* Lets go of what a place has answered. */
void round_drop_answers(struct round *round);
/* The place of a node, -1: it has none. */
int round_place_of(const struct round *round, uint32_t node);

/* Other owners that are up, by their places. */
uint16_t round_up(const struct round *round);
/* Of these places, whose nodes are up and may still be expected to answer. */
uint16_t round_lively(const struct round *round, uint16_t places);
/* How many other nodes could keep a write, or tell of one: owners that are linked, and as many as stand in. Counts no
 * further than `enough`. */
unsigned round_reachable(const struct round *round, unsigned enough);

/* Asks up to `max` further owners that are up for their object, in the order of preference; returns how many. */
unsigned round_ask(struct round *round, unsigned max);
/* The same when owners are missing: of owners that are up, then of those who may stand in for the others, then, with
 * `in_need`, of owners that are silent but linked. */
unsigned round_ask_further(struct round *round, unsigned max, bool in_need);

/* Sends `made` to a place; with `awaited` its answer bears the round's id. false: it is not up. */
bool round_send(struct round *round, unsigned place, bool is_repair, bool awaited);
/* Sends `made` to further nodes, one for each owner that is missing and for which nobody stands in yet, but at most
 * `max`; returns how many. */
unsigned round_send_to_stand_ins(struct round *round, unsigned max);
/* Sends `made` to owners that are silent but linked and have not been sent it. */
unsigned round_send_in_need(struct round *round, unsigned max);
/* A put: this place will not keep the write. */
void round_note_missing(struct round *round, unsigned place);
/* Forgets who has stood in, but for this node itself. */
void round_forget_stand_ins(struct round *round);

/* The deadline has passed: who was asked and has said nothing since is silent. */
void round_note_silence(struct round *round);

/* ---- fetched.c ---- */

/* A node has told what it has: takes its record, and counts it as far as it counts [R9]. */
void round_take_answer(struct round *round, unsigned place, const struct message_read_reply *reply);

/* Merges everything that READs have brought into `object`, whose horizon `horizon` is and becomes; the arrays are in
 * the arena. false: a record cannot be decoded, or all together are more than one record takes. */
bool round_merge_fetched(const struct round *round, struct object *object, hybrid_time *horizon, struct arena *arena);

/* Has another node answered a READ with something else than what has this fingerprint? */
bool round_has_other_answer(const struct round *round, uint64_t fingerprint);

/* The horizon of this node's own copy [R3]. To be asked for before the record is read, for it may rise. */
hybrid_time round_own_horizon(const struct coordinator *coordinator, uint16_t partition);

#endif
