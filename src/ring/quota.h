/* How many partitions each node is to keep: its share of all copies by weight, as far as P5 permits. */
#ifndef RING_QUOTA_H
#define RING_QUOTA_H

#include "ring/place.h"

/* Writes the quota of each member. Quotas add up to partition_count x owner_count, and owners can be found for every
 * partition as P5 wants them so that each node keeps exactly its quota.
 *
 * The exact share of a node is its weight times a rate that is the same for all nodes, except where P5 says otherwise:
 * nobody keeps a partition twice, so a node's share ends at partition_count; where there are N racks or more, so does
 * that of a rack, and where there are at most N, a rack's share is partition_count or more (likewise data centres).
 * What these limits take from one or give to it goes to the others by weight. A quota is the floor or the ceiling of
 * the exact share; of several ways to round, the one that is nearest to `held` (what each member keeps at present) is
 * taken, so that rounding moves nothing. */
void quota_of_members(const struct places *places, const struct ring_member *members, uint32_t partition_count,
                      const uint32_t *held, uint32_t *quotas);

#endif
