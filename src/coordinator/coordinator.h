/* The coordinator of requests on one loop, Dynamo 4.5 with [R2], [R6]-[R10].
 *
 * A request is a get, a put or a read-modify-write. In a ring of one the local copy is the quorum: a get is one read of
 * the store and a put one update, whose function does the whole read-modify-write under the key's stripe; no message
 * and no timer is made. In a larger ring a round goes with the request:
 *
 * - get: local read; READ with its fingerprint to r - 1 other owners; answers that differ are merged, and those who
 * lack something get it back before the client has its answer, so that no later read is older. Late answers are
 * repaired after the reply.
 * - set: local update; WRITE of the whole object to the other owners; answer after w.
 * - read-modify-write: READ from n - w other owners first; their objects are merged under the stripe in the update.
 *
 *   coordinator.c  starts requests, ends them
 *   route.c        who coordinates what
 *   events.c       answers of other nodes and timers, dealt out to the rounds
 *   round.c        what is under way with other nodes: ids, deadlines, late replies
 *   places.c       owners and those who stand in for them
 *   fetched.c      what others have, merged
 *   quorum.h       counting, apart from effects
 *   get.c, put.c   the rounds of reads and writes
 *   put_reading.c  what a put has to know before
 *   put_writing.c  who gets what it has made
 *   read.c         what a get answers
 *   kept.c         the local copy of a node that stands in: hints
 *   write.c        which change a put makes to a record
 *   attempt.c      a put that may have been carried out already
 *   change.c       the changes
 *   modify.c       memcached's own arithmetic: append, incr, ...
 *   cas.c          which versions a token covers
 *   restamp.c      a put that lost against a later time
 *   flush.c        flush_all; registers.c keeps what it sets
 *   wheel.h        timers
 *   peers.h        the other members */
#ifndef COORDINATOR_COORDINATOR_H
#define COORDINATOR_COORDINATOR_H

#include "base/counter.h"
#include "base/instant.h"
#include "base/list.h"
#include "base/queue.h"
#include "coordinator/peers.h"
#include "coordinator/request.h"
#include "coordinator/token_table.h"
#include "message/data.h"
#include "replica/replica.h"
#include "ring/ring.h"
#include "storage/store.h"

#include <stdatomic.h>
#include <stdint.h>

enum {
    COORDINATOR_VERSIONS_SEEN = 8, /* reads that saw 0, 1, ... 6, more versions (Dynamo 6.3) */
    COORDINATOR_ROUNDS_MAX = 65536 /* under way at once on one loop; then SERVER_ERROR */
};

/* Written by the loop, read by anyone. */
struct coordinator_counters {
    _Atomic uint64_t reads_by_versions[COORDINATOR_VERSIONS_SEEN];
    _Atomic uint64_t siblings_made, siblings_resolved, siblings_refused;
    _Atomic uint64_t tokens_known, tokens_unknown; /* of cas writes whose token was not the current one */
    _Atomic uint64_t rounds, same_answers, other_answers, hedges, repairs_before, repairs_after, restamps;
    _Atomic uint64_t no_quorum, timeouts, late_answers, stale_epochs;
    _Atomic uint64_t stand_ins, doubtful_answers, found_again, lost_again, short_writes, went_elsewhere;
};

/* Members whose clocks are off: they store and serve, but coordinate nothing [R2]. Written by one thread, read by any;
 * zero-initialised nobody is in it. More than it has room for are an outvoted majority, which cannot be. */
enum { QUARANTINED_MAX = 512 };
struct quarantine {
    _Atomic uint32_t count;
    _Atomic uint32_t ids[QUARANTINED_MAX];
};
void quarantine_set(struct quarantine *quarantine, const uint32_t *ids, unsigned count);
bool quarantine_has(const struct quarantine *quarantine, uint32_t member);

struct coordinator_settings {
    uint32_t timeout_ms;     /* of a request, 1000 */
    bool sloppy;             /* stand-ins take the place of owners that are down (quorum = sloppy) */
    uint16_t read_all_share; /* of 1000 gets, how many ask all owners so that read repair sees the rest */
    uint64_t seed;           /* for drawing that share */
};

/* Calls to whoever owns the coordinator. */
struct coordinator_ports {
    /* The request, of which nothing has been done yet, is not for this node to carry out after all: a get has turned
     * out to change something (request->has_effects is set by now), or the view has changed and the partition has other
     * owners, or there is no space here and the ring is larger than this node (request->is_full_here is set). It is the
     * host's again, as before coordinator_start: it is to be sent elsewhere, or started here again (a forwarded get
     * with has_effects: who forwarded it has chosen this node), or ended. Called from within the functions below, so
     * the host only queues it and acts when they have returned. */
    void (*reroute)(void *host, struct instant now, struct request *request);
    void *host;
};

/* store_op.owner: whose an operation is. Those below COORDINATOR_OPS go to coordinator_on_stored; from there on the
 * numbers are the node's own. */
enum coordinator_op {
    COORDINATOR_OP_REQUEST,   /* embedded in a struct request */
    COORDINATOR_OP_ROUND,     /* a round's own: write-back, repair, restamp */
    COORDINATOR_OP_REGISTERS, /* flush registers that were taken over */
    COORDINATOR_OPS
};

struct round;

struct coordinator {
    struct replica *replica;
    struct token_table *tokens;
    struct store_loop *store;
    struct peers *peers;
    struct standing *standing;
    struct hints *hints;
    struct store_loop *hint_store; /* this loop's side of the hint database, NULL: there is none */
    struct coordinator_settings settings;
    struct coordinator_ports ports;
    const struct ring_view *view;        /* in force; its owner sets it before each call, never NULL */
    const struct quarantine *quarantine; /* NULL: nobody ever is */
    const _Atomic bool *writes_held; /* no write is accepted while a change of the ring is being decided; may be NULL */
    struct instant now;              /* of the call that is under way */
    struct arena scratch;            /* of the record that is under way */
    struct coordinator_counters counters;
    struct round_table *rounds; /* round.c */
    struct queue ended;         /* requests whose done is due at the end of the call */
    unsigned pending;           /* its own operations in the store: merges, restamps, registers */
    struct list flushes;        /* flush_all commands under way in a larger ring; flush.c */
    uint64_t flush_number;
};

/* Embedded in its node. What it is given is shared and must outlive it. */
struct coordinator_parts {
    struct replica *replica;
    struct token_table *tokens;
    struct store_loop *store;
    struct peers *peers;
    struct standing *standing;
    struct hints *hints;
    struct store_loop *hint_store; /* NULL: nothing stands in */
    const struct quarantine *quarantine;
    const _Atomic bool *writes_held;
    struct coordinator_settings settings;
    struct coordinator_ports ports;
};
void coordinator_init(struct coordinator *coordinator, const struct coordinator_parts *parts);
/* All its requests have ended and nothing is pending; rounds that wait for late answers are dropped. */
void coordinator_close(struct coordinator *coordinator);

/* Starts a request; bucket, op.hash and op.partition have been set, this node is one of the partition's owners, or
 * request->stands_in and it keeps hints (every node for REQUEST_FLUSH); else it is rerouted. `deadline_ns`: monotonic;
 * 0: settings.timeout_ms from now. request->done is called by a later call of one of the functions below, never from
 * within this one. */
void coordinator_start(struct coordinator *coordinator, struct instant now, struct request *request,
                       uint64_t deadline_ns);

/* The events of a round. Each calls request->done of the requests that it ends and returns how many those were. */
unsigned coordinator_on_stored(struct coordinator *coordinator, struct instant now, struct store_op *op);
unsigned coordinator_on_read_reply(struct coordinator *coordinator, struct instant now, uint32_t from,
                                   const struct message_read_reply *reply);
unsigned coordinator_on_write_reply(struct coordinator *coordinator, struct instant now, uint32_t from,
                                    const struct message_write_reply *reply);
unsigned coordinator_on_flush_reply(struct coordinator *coordinator, struct instant now, uint32_t from,
                                    const struct message_flush_reply *reply);
/* The link to a node is gone: what was asked of it counts as failed. */
unsigned coordinator_on_peer_lost(struct coordinator *coordinator, struct instant now, uint32_t node);
/* It has fallen silent: others are asked instead where they are needed, at once. */
unsigned coordinator_on_peer_silent(struct coordinator *coordinator, struct instant now, uint32_t node);
/* Deadlines and hedges that are due. */
unsigned coordinator_tick(struct coordinator *coordinator, struct instant now);
/* When coordinator_tick is due next, monotonic; UINT64_MAX: nothing is under way. May be a little early. */
uint64_t coordinator_wake_at(const struct coordinator *coordinator);
/* Ends the requests that were refused as they were started (no quorum, writes held, too many under way). To be called
 * whenever requests have been started, in node_settle. */
unsigned coordinator_settle(struct coordinator *coordinator, struct instant now);
/* coordinator->view has changed: what was told that its view is old starts again under the new one. To be called by
 * each loop when it sees a new view. */
unsigned coordinator_on_view(struct coordinator *coordinator, struct instant now);

/* Who is to coordinate a request, by the view: the index of a member. A get without effects (has_expiry, has_effects):
 * this node if it is an owner; else, and for everything that writes, the first owner of the preference list that is up
 * (this node counts as up). No owner is up: with settings.sloppy the first other member of the list that is, and
 * request->stands_in is set; without one, an owner that is silent but linked. Members in request->tried and quarantined
 * ones are passed over; a get may be coordinated by a quarantined owner itself if there is nobody else. -1: nobody is
 * left. op.partition has been set. route.c. */
int coordinator_route(struct coordinator *coordinator, struct instant now, struct request *request,
                      uint32_t self_index);

/* See node_token. */
uint64_t coordinator_token(struct coordinator *coordinator, const struct request *request, int pick);

/* Reads the flush register that an earlier run left, synchronously; before the loops start. */
void coordinator_load_flush(struct coordinator *coordinator, struct instant now);

/* This process's flush registers [R7]. Any thread's coordinator gives the same. */
struct flush_registers coordinator_flush_registers(struct coordinator *coordinator);

/* False for times that no clock gives: 2^62 is in the year 4199, and above the last one of all a flush_all would find
 * none for itself. `pending` is a client's and may be any. */
static inline bool coordinator_registers_are_sane(const struct flush_registers *registers)
{
    return (registers->flushed | registers->issued) >> 62 == 0;
}

/* Would registers be taken over here? Times far ahead of the wall clock are no flush that this node could take part in:
 * what is written until then would be dead as it is written [R2]. That holds for its own hybrid time too, which stays
 * ahead when the wall clock has been. */
bool coordinator_believes(struct instant now, const struct flush_registers *registers);

/* Takes over another member's registers, which are sane: they count at once, and are stored durably if they say
 * anything new. Those of times more than REPLICA_AHEAD_MS_MAX ahead are not taken over [R2]. For greetings and gossip,
 * where nobody waits for the disk. */
void coordinator_take_registers(struct coordinator *coordinator, struct instant now,
                                const struct flush_registers *registers);

/* The same for a MESSAGE_FLUSH, which is answered when the registers are stored: embed it, set op.owner, submit it;
 * when store_next_done returns write.op, op.status STORE_OK or STORE_UNCHANGED says that they are. */
struct registers_write {
    struct store_op op;
    struct coordinator *coordinator;
    struct flush_registers registers;
    bool failed;  /* no memory, or the present record is corrupt */
    bool refused; /* they are of times far ahead of this node's clock, and were not taken over */
};
void coordinator_store_registers(struct coordinator *coordinator, struct instant now, struct registers_write *write,
                                 const struct flush_registers *registers, uint8_t owner);

#endif
