/* An object: a context (version vector) and the live versions, each with its dot. Dynamo 4.4 as dotted
 * version vectors; rules [R1]-[R5].
 *
 * Everything here is arithmetic on values: no clock is read, nothing is stored. Arrays belong to the
 * arena or to whoever built the object, value bytes to whatever record they were decoded from. */
#ifndef VERSION_OBJECT_H
#define VERSION_OBJECT_H

#include "base/arena.h"
#include "base/bytes.h"
#include "version/dot.h"
#include "version/hybrid.h"

#include <stdbool.h>
#include <stdint.h>

/* One entry of a context: this actor's writes up to `counter` are known. */
struct pair {
    struct actor actor;
    uint64_t counter;
    hybrid_time time; /* of that last write, or of the one that made it dead: pruning looks at it [R4] */
};

/* Sorted by actor, no actor twice. */
struct context {
    struct pair *pairs;
    uint32_t count;
};

enum version_kind {
    VERSION_VALUE,    /* has bytes */
    VERSION_TOMBSTONE /* deleted, or expired long enough that its bytes were dropped [R5] */
};

/* Marks that memcached's meta commands leave on an item. They travel and merge with the expiry stamp. */
enum version_mark {
    VERSION_STALE = 1,   /* md I: serve with X */
    VERSION_WIN_SENT = 2 /* some client has been told W: others get Z */
};

struct version {
    struct dot dot;
    uint64_t request;         /* second name of a write that came through another node [R10], 0: it has none */
    uint32_t attempt;         /* of that request, from 1; 0 without one */
    hybrid_time time;         /* of the write; above the time of every version it replaced */
    hybrid_time expiry_stamp; /* when expiry and marks were last set; starts equal to time */
    uint64_t expiry_ms;       /* absolute hybrid milliseconds from which it is expired; 0: never */
    uint32_t flags;           /* the client's 32 bits */
    uint8_t kind;             /* enum version_kind */
    uint8_t marks;            /* of enum version_mark */
    struct bytes value;       /* empty for a tombstone */
};

/* live is sorted by version_compare, newest first; no dot twice. Every live dot is covered by the context. */
struct object {
    struct context context;
    struct version *live;
    uint32_t live_count;
};

/* Order of versions: hybrid time, then actor, then counter [R2]. > 0 when `a` is newer. */
int version_compare(const struct version *a, const struct version *b);

/* The second name of a write [R10]. A node that forwards a write gives it a random id and numbers its attempts. When
 * the coordinator is lost it may try again elsewhere: the version that the second attempt makes covers the first one,
 * by a pair of this actor in its context, and so does everything that covers the second. However late the first one's
 * version turns up, it is known to have been overwritten. Only second attempts add such a pair. `node` 0 is no member's
 * id. */
static inline struct actor request_actor(uint64_t request)
{
    return (struct actor){.node = 0, .incarnation = request, .birth = 0};
}

/* Expired at `now_ms` (hybrid)? Tombstones are not "expired", they are dead. */
static inline bool version_is_expired(const struct version *version, uint64_t now_ms)
{
    return version->expiry_ms != 0 && version->expiry_ms <= now_ms;
}

/* Does the context know of this write? */
bool context_covers(const struct context *context, const struct dot *dot);
/* Does it know that this attempt of a request has been overtaken or overwritten? */
bool context_covers_attempt(const struct context *context, uint64_t request, uint32_t attempt);
/* Does it know of this version, by either of its names? */
bool context_covers_version(const struct context *context, const struct version *version);
/* Every pair of `small` is covered by `large`. */
bool context_contains(const struct context *large, const struct context *small);
/* The counter of `actor`'s pair, 0 without one. */
uint64_t context_counter(const struct context *context, const struct actor *actor);
/* The pair of this node's last birth in this incarnation, NULL without one. */
const struct pair *context_last_birth(const struct context *context, uint32_t node, uint64_t incarnation);
/* The union, pair by pair the higher counter (its time goes along; equal counters: the later time). */
void context_join(struct context *out, const struct context *a, const struct context *b, struct arena *arena);

/* Merge of two replicas' objects: commutative, associative, idempotent, and blind to clocks. A version
 * lives on if both sides have it, or if the other side's context covers it by none of its names and its time is
 * after the other side's horizon [R3] (0: no horizon). Of two copies of one dot the one with bytes wins,
 * and expiry, stamp and marks of the later stamp [R5]; equal stamps: the larger (expiry, marks), where
 * "never" is the largest expiry. The result's horizon is the larger of the two.
 * `out` may not be `a` or `b`; it shares their value bytes; its arrays come from the arena. */
void object_merge(struct object *out, const struct object *a, hybrid_time horizon_a, const struct object *b,
                  hybrid_time horizon_b, struct arena *arena);

/* A write: removes the live versions that `covered` covers and adds `fresh`, whose dot has been issued by
 * object_next_dot. `covered` NULL means all that is known here (a plain set). The caller made sure that
 * fresh->time is above every removed version's, and that neither context covers any of its names (both are checked).
 * The context afterwards is the join of object's, covered's and the new dot (with fresh->time, or the time
 * its actor's pair had if that is later); pairs of what this write alone has made dead get its time; an attempt after
 * the first adds a pair that covers those before it. A context carries no horizon: where contexts are pruned, the
 * object that `covered` was read from has to be merged, with its horizon, before the put. Arrays of `out` come from the
 * arena; `out` may not be `object`. */
void object_put(struct object *out, const struct object *object, const struct context *covered,
                const struct version *fresh, struct arena *arena);

/* The same for a last-write-wins bucket, where only the newest is shown: live versions later than `later_than` stay
 * behind the new one, although they are known (HYBRID_TIME_MAX: none). For an attempt of a request, when the request
 * began: when a later attempt turns out to have overtaken this one, and with it what this one knew is dead, they are
 * the newest. */
void object_put_over(struct object *out, const struct object *object, const struct context *covered,
                     const struct version *fresh, hybrid_time later_than, struct arena *arena);

/* The dot of the next write by `node` in this `incarnation` to `object` [R1]: the next counter of the
 * pair of this incarnation that the context holds, or counter 1 of `birth_if_new`. *birth_used tells
 * whether birth_if_new was consumed. */
struct dot object_next_dot(const struct object *object, uint32_t node, uint64_t incarnation, uint64_t birth_if_new,
                           bool *birth_used);

/* The same for a node that has dropped pairs of its own in this incarnation (freed or pruned a record, gave a
 * hint away, failed a commit after the dot had left): pairs with a birth up to `birth_floor` are not gone on
 * with. Such a pair can come back from elsewhere with an older counter, and its next dot would then name a
 * second value. Births are drawn in rising order; the floor is the highest birth that was dropped. */
struct dot object_next_dot_above(const struct object *object, uint64_t birth_floor, uint32_t node, uint64_t incarnation,
                                 uint64_t birth_if_new, bool *birth_used);

/* Last-write-wins buckets: keeps only the newest live version, the one that is shown. As long as that may turn out to
 * have been overtaken by a later attempt of its request (it has a second name and is later than the horizon), the next
 * newest stays behind it, and so on: what it has driven out would be lost with it. */
void object_keep_newest(struct object *object, hybrid_time horizon);

/* Drops pairs beyond `keep` (10 in the paper), oldest first, but only pairs with time <= horizon and
 * without a live dot [R4]. In place. */
void object_prune(struct object *object, uint32_t keep, hybrid_time horizon);

/* The newest live version, or NULL for an object without any. */
static inline const struct version *object_newest(const struct object *object)
{
    return object->live_count == 0 ? NULL : &object->live[0];
}

/* The cas token of a set of live dots: a 63-bit fingerprint, 1 .. 2^63-2, that does not depend on their
 * order; the same versions give the same token on every node. Tombstones among them count too. */
uint64_t token_of_versions(const struct version *live, uint32_t count);
static inline uint64_t token_of_object(const struct object *object)
{
    return token_of_versions(object->live, object->live_count);
}

#endif
