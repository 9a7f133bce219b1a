/* Who made a write: actors and dots of dotted version vectors, Dynamo 4.4 with [R1]. */
#ifndef VERSION_DOT_H
#define VERSION_DOT_H

#include <stdbool.h>
#include <stdint.h>

/* One writer of one record. The incarnation is random at every start of a process; a birth is drawn
 * whenever the node writes a key for which it holds no record with a pair of this incarnation. So no
 * (actor, counter) ever names two writes: not after a crash, a restored directory or a freed record. */
struct actor {
    uint32_t node;        /* hash of the node's name: for people, uniqueness does not rest on it */
    uint64_t incarnation; /* never 0 */
    uint64_t birth;       /* from 1, unique within the incarnation */
};

/* The counter-th write of an actor to a record; counters start at 1. */
struct dot {
    struct actor actor;
    uint64_t counter;
};

/* < 0, 0, > 0: a fixed total order (node, incarnation, birth). */
static inline int actor_compare(const struct actor *a, const struct actor *b)
{
    if (a->node != b->node)
        return a->node < b->node ? -1 : 1;
    if (a->incarnation != b->incarnation)
        return a->incarnation < b->incarnation ? -1 : 1;
    return a->birth < b->birth ? -1 : a->birth > b->birth;
}
/* By actor, then counter. */
int dot_compare(const struct dot *a, const struct dot *b);

static inline bool dot_equal(const struct dot *a, const struct dot *b)
{
    return a->counter == b->counter && a->actor.birth == b->actor.birth && a->actor.incarnation == b->actor.incarnation
           && a->actor.node == b->actor.node;
}

#endif
