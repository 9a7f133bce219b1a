/* The three strategies of Dynamo 6.2: who owns which partition.
 *
 * Each is a pure function on whole numbers only, so that every node of a ring computes the same table. Owners are rows
 * of places.owner_count indexes of members, a row for each partition, best first. */
#ifndef RING_STRATEGY_H
#define RING_STRATEGY_H

#include "ring/place.h"

/* Strategy 3 (claim.c). In: the owners so far, member_count where a place is free, everywhere in a new ring. Out:
 * owners as P5 wants them, each member with exactly its quota (quota.h), as few places as possible given to others.
 * `seed` decides which of equally good partitions move. */
void strategy_claim(const struct places *places, const struct ring_member *members, uint32_t partition_count,
                    uint64_t seed, uint16_t *owners);

/* Strategies 1 and 2 (tokens.c): the first different nodes clockwise, as P5 wants them, from the middle of the
 * partition (1: the arcs between tokens, their ends rounded to partitions) or from its end (2). */
void strategy_walk(const struct places *places, const struct ring_member *members, uint32_t partition_count,
                   uint32_t tokens, bool from_middle, uint16_t *owners);

/* Reorders rows so that each member is the first owner of about its share of its partitions: floor or ceiling of their
 * number divided by owner_count (first.c). */
void strategy_balance_first(const struct places *places, uint32_t partition_count, uint16_t *owners);

/* Who stands in for the owners of a partition, in which order (standin.c). */
struct standins; /* memory for the computation */
/* `places` and `members` are borrowed until standins_free. */
struct standins *standins_new(const struct places *places, const struct ring_member *members);
void standins_free(struct standins *standins);
/* `list` has member_count places, the first owner_count are written already. */
void standins_append(struct standins *standins, uint32_t partition, uint16_t *list);

#endif
