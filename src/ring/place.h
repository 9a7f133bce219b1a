/* P5: the copies of a partition lie in as many racks and data centres as there are, Dynamo 4.3 and 4.6.
 *
 * N owners are N different nodes in min(N, racks) different racks and min(N, data centres) different data centres. A
 * rack is one by its name and the data centre it stands in. So a list of owners may be wanting in different racks at
 * most N - min(N, racks) times, and a list that is not yet whole can be completed exactly if it keeps to the same
 * number: that is the whole rule, and it makes lists of owners the independent sets of a matroid, on which claim.h
 * builds. */
#ifndef RING_PLACE_H
#define RING_PLACE_H

#include "ring/ring.h"

/* The racks and data centres of the members of one view, as numbers. In rows of owners, member_count stands for a place
 * that nobody has. */
struct places {
    uint32_t member_count, owner_count;
    uint32_t rack_count, datacenter_count;
    uint32_t racks_shared_max, datacenters_shared_max; /* how many owners may share one with an earlier owner */
    uint16_t *racks;                                   /* of each member, 0 .. rack_count - 1 */
    uint16_t *datacenters;                             /* of each member */
    uint16_t *rack_datacenters;                        /* of each rack */
};

/* `members` is not kept. owner_count <= member_count. Close with places_close. */
void places_init(struct places *places, const struct ring_member *members, uint32_t member_count, uint32_t owner_count);
void places_close(struct places *places);

/* Whether a member is in the same group (`groups` is racks or datacenters) as one of `count` others. */
bool place_shared(const uint16_t *groups, const uint16_t *others, uint32_t count, uint16_t member);

/* What a row of owners takes when the owner at one place is given away. Valid until the row changes. */
struct place_gap {
    const struct places *places;
    uint32_t count; /* of the others */
    uint16_t others[RING_COPIES_MAX];
    bool rack_may_be_shared, datacenter_may_be_shared;
};

/* `row` has owner_count places; the one at `place` is to be filled anew. */
struct place_gap place_gap_of(const struct places *places, const uint16_t *row, uint32_t place);

/* May `member` have the place? */
bool place_gap_takes(const struct place_gap *gap, uint16_t member);

/* Makes every owner give way (to nobody) that P5 does not allow beside those before it in `order`, a permutation of the
 * places of the row. */
void place_clear(const struct places *places, uint16_t *row, const uint32_t *order);

/* Has the row owner_count different members as P5 wants them? */
bool place_row_good(const struct places *places, const uint16_t *row);

#endif
