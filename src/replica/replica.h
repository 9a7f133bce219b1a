/* One copy of the data on this node, Dynamo 5 with [R1]-[R8]: what a version is worth at present.
 *
 * The functions of this room are pure and work on single objects; the store runs them under the key's stripe. */
#ifndef REPLICA_REPLICA_H
#define REPLICA_REPLICA_H

#include "base/instant.h"
#include "version/hybrid.h"
#include "version/object.h"

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

enum {
    REPLICA_PAIRS_KEPT = 10,     /* context pairs up to which nothing is pruned: the paper's number [R4] */
    REPLICA_PAIRS_KEPT_ALONE = 1 /* in a ring of one, where only earlier incarnations of this node could need them */
};

struct standing;

/* Shared by all loops of a process. */
struct replica {
    uint32_t node;
    uint64_t incarnation;
    _Atomic uint64_t births;      /* the last one drawn [R1] */
    _Atomic uint64_t birth_floor; /* pairs with a birth up to this are not gone on with: replica_forget_births */
    struct hybrid_clock clock;
    _Atomic hybrid_time flushed;       /* versions written at or before it are dead, for ever [R7] */
    _Atomic hybrid_time flush_pending; /* of a delayed flush_all, 0: none */
    hybrid_time flush_issued;          /* when that was commanded; under flush_guard */
    atomic_flag flush_guard;           /* taken for a few instructions, by a flush_all only */
    uint64_t grace_ms;                 /* how long the dead are kept; 0 where nobody can bring them back */
    _Atomic bool is_alone;             /* the ring has no other member: replica_set_alone */
    struct standing *standing;         /* of the copies here, the node's; NULL: no horizon but that of a ring of one */
    uint64_t value_max, object_max;    /* bytes of one value, of a whole record */
};

/* `newest`: the highest hybrid time known from the data directory. The replica is alone until it is told otherwise. */
void replica_init(struct replica *replica, uint32_t node, uint64_t incarnation, hybrid_time newest);

/* With every change of the ring: before anything is done by the view in which others have joined, and after the last
 * use of one in which they were there. Any one thread. */
void replica_set_alone(struct replica *replica, bool is_alone);
bool replica_is_alone(const struct replica *replica);

/* What judging a version needs to know of the present. */
struct replica_present {
    uint64_t now_ms;     /* hybrid */
    hybrid_time flushed; /* a pending flush that is due counts */
};

/* Another node's time: the clock follows it, unless it is absurdly far ahead, which is that node's fault and must not
 * become everyone's [R2]. Any thread. */
enum { REPLICA_AHEAD_MS_MAX = 60000 };
void replica_observe(struct replica *replica, hybrid_time seen, struct instant now);
/* The same with the times of all live versions of an object that came from elsewhere. */
void replica_observe_object(struct replica *replica, const struct object *object, struct instant now);

/* The present at `now`. Any thread. */
struct replica_present replica_present_at(struct replica *replica, struct instant now);

/* Whether a version is shown, or why not. */
enum replica_sight { SIGHT_VISIBLE, SIGHT_DELETED, SIGHT_EXPIRED, SIGHT_FLUSHED };
enum replica_sight replica_sight_of(const struct version *version, const struct replica_present *present);

/* The newest version when it is visible, else NULL: a newer tombstone hides what is beside it [R6]. */
const struct version *replica_shown(const struct object *object, const struct replica_present *present);

/* The horizon in force of this node's copy of a partition [R3]. In a ring of one all members are up and no hint is
 * under way, so it is the present less the grace; else standing_horizon. Any thread. Whoever sends it with an object,
 * or merges with it, loads it before the object is read (under the key's stripe, which keeps others from writing, order
 * does not matter): it says that what had been written by then is here, and the object must not be older than that. */
hybrid_time replica_horizon(const struct replica *replica, const struct replica_present *present, uint16_t partition);
/* Up to how many pairs of a context nothing is pruned: one of the numbers above. */
uint32_t replica_pairs_kept(const struct replica *replica);

/* Nothing but invisible versions, and nothing in the context, after the horizon: the object may be freed without a
 * message [R3]. */
bool replica_is_freeable(const struct object *object, const struct replica_present *present, hybrid_time horizon);

/* Turns versions that expired (or were flushed) at or before the horizon into tombstones under their dots [R5].
 * In place; returns whether any was. */
bool replica_drop_expired_bytes(struct object *object, const struct replica_present *present, hybrid_time horizon);

/* Raises the flush registers; they never go back. `pending` replaces the pending one if it was issued later (`issued`:
 * the time of the version that holds the registers), for loops may learn of their flushes in another order [R7]. */
void replica_flush(struct replica *replica, hybrid_time flushed, hybrid_time pending, hybrid_time issued);

/* A record of this node has been lost (it is corrupt and another owner's copy takes its place): that copy may hold an
 * older counter of a pair of ours, so no birth drawn until now is gone on with [R1]. Any thread. */
void replica_forget_births(struct replica *replica);

/* The registers as they are: whoever learns of them takes them over with replica_flush. Any thread. */
void replica_flush_registers(struct replica *replica, hybrid_time *flushed, hybrid_time *pending, hybrid_time *issued);

/* A context from elsewhere is about to be joined to `held`, that of the record here. A pair of this incarnation that
 * comes back with it, after the record here was freed or has dropped the pair, may have an older counter than was given
 * out: no birth up to its own is gone on with [R1]. Before the next dot is drawn for the record; any thread. */
void replica_note_returned(struct replica *replica, const struct context *held, const struct context *incoming);

/* A version that a put of this node would add to `object` now: dot [R1], time above everything there [R2] and the
 * expiry stamp are set, the rest is zero. */
struct version replica_fresh_version(struct replica *replica, const struct object *object, struct instant now);

#endif
