/* Strategy 3: every node claims its quota of the partitions, Dynamo 6.2.
 *
 *   1. Owners that P5 no longer allows beside the others of their row give way.
 *   2. Quotas are computed (quota.h).
 *   3. Partition by partition, free places and places of nodes over their quota go to nodes under their quota that the
 *      row takes: nearly everything is settled here, and each place that moves has to.
 *   4. What remains (a node has too little, but every row that could give has it already, or P5 is against it) is
 *      settled by exchanges: a gives a place to b, which gives one elsewhere to c, and so on. One always exists,
 * because quotas that P5 permits can be met (quota.h) and rows are independent sets of a matroid (place.h): an exchange
 * is an augmenting path of matroid intersection, and one that is as short as possible leaves all rows sound. */
#include "ring/claim.h"

#include "base/check.h"
#include "base/hash.h"
#include "ring/quota.h"
#include "ring/strategy.h"

#include <stdlib.h>

/* Nodes under their quota, for step 3. */
struct claimants {
    uint16_t *members;
    uint32_t count;
    /* What racks and data centres lack, where a partition has at most one owner in each: those that lack most must be
     * served first, or they lack something in the end that only rows which have them already could give. */
    uint32_t *rack_lacks, *datacenter_lacks;
    bool one_for_rack, one_for_datacenter;
    /* In how many rows a rack, a data centre has nobody, where every row needs somebody from each: as much of what it
     * lacks is not for rows that have somebody. */
    uint32_t *rack_needs, *datacenter_needs;
    bool all_racks_needed, all_datacenters_needed;
    const uint32_t *ids; /* of each member, to decide ties */
};

/* Of an owner's place: how much too much its owner keeps. */
static int64_t surplus(const struct claim *claim, uint16_t owner)
{
    return (int64_t)claim->held[owner] - claim->quotas[owner];
}

static void count_held(const struct claim *claim)
{
    size_t places = (size_t)claim->partition_count * claim->places->owner_count;
    for (uint32_t i = 0; i <= claim->places->member_count; i++)
        claim->held[i] = 0;
    for (size_t i = 0; i < places; i++)
        claim->held[claim->owners[i]]++;
}

/* Step 1. Owners with the smallest surplus stay. */
static void clear_row(const struct claim *claim, uint16_t *row)
{
    uint32_t order[RING_COPIES_MAX], count = claim->places->owner_count;
    for (uint32_t i = 0; i < count; i++) {
        uint32_t at = i;
        for (; at > 0 && surplus(claim, row[order[at - 1]]) > surplus(claim, row[i]); at--)
            order[at] = order[at - 1];
        order[at] = i;
    }
    place_clear(claim->places, row, order);
}

static void clear_rows(const struct claim *claim, const struct ring_member *members)
{
    count_held(claim);
    quota_of_members(claim->places, members, claim->partition_count, claim->held, claim->quotas);
    for (uint32_t partition = 0; partition < claim->partition_count; partition++)
        clear_row(claim, claim_row(claim, partition));
    count_held(claim);
}

/* What rows need of racks and data centres changes by -1 when `member` joins these others, by 1 when it goes. */
static void change_needs(struct claimants *claimants, const struct places *places, const uint16_t *others,
                         uint32_t count, uint16_t member, uint32_t change)
{
    if (claimants->all_racks_needed && !place_shared(places->racks, others, count, member))
        claimants->rack_needs[places->racks[member]] += change;
    if (claimants->all_datacenters_needed && !place_shared(places->datacenters, others, count, member))
        claimants->datacenter_needs[places->datacenters[member]] += change;
}

static void count_needs(struct claimants *claimants, const struct claim *claim)
{
    const struct places *places = claim->places;
    for (uint32_t i = 0; i < places->rack_count; i++)
        claimants->rack_needs[i] = claim->partition_count;
    for (uint32_t i = 0; i < places->datacenter_count; i++)
        claimants->datacenter_needs[i] = claim->partition_count;
    for (uint32_t partition = 0; partition < claim->partition_count; partition++) {
        struct place_gap gap = place_gap_of(places, claim_row(claim, partition), places->owner_count);
        for (uint32_t i = 0; i < gap.count; i++)
            change_needs(claimants, places, gap.others, i, gap.others[i], (uint32_t)-1);
    }
}

static void claimants_init(struct claimants *claimants, const struct claim *claim, const struct ring_member *members)
{
    const struct places *places = claim->places;
    uint32_t *ids = calloc(places->member_count, sizeof *ids);
    *claimants = (struct claimants){.members = calloc(places->member_count, sizeof *claimants->members),
                                    .rack_lacks = calloc(places->rack_count, sizeof *claimants->rack_lacks),
                                    .datacenter_lacks = calloc(places->datacenter_count, sizeof(uint32_t)),
                                    .rack_needs = calloc(places->rack_count, sizeof *claimants->rack_needs),
                                    .datacenter_needs = calloc(places->datacenter_count, sizeof(uint32_t)),
                                    .all_racks_needed = places->rack_count <= places->owner_count,
                                    .all_datacenters_needed = places->datacenter_count <= places->owner_count,
                                    .one_for_rack = places->racks_shared_max == 0,
                                    .one_for_datacenter = places->datacenters_shared_max == 0,
                                    .ids = ids};
    CHECK_MEMORY(ids);
    CHECK_MEMORY(claimants->members);
    CHECK_MEMORY(claimants->rack_lacks);
    CHECK_MEMORY(claimants->datacenter_lacks);
    CHECK_MEMORY(claimants->rack_needs);
    CHECK_MEMORY(claimants->datacenter_needs);
    count_needs(claimants, claim);
    for (uint32_t i = 0; i < places->member_count; i++) {
        ids[i] = members[i].id;
        if (claim->held[i] >= claim->quotas[i])
            continue;
        uint32_t lack = claim->quotas[i] - claim->held[i];
        claimants->members[claimants->count++] = (uint16_t)i;
        claimants->rack_lacks[places->racks[i]] += lack;
        claimants->datacenter_lacks[places->datacenters[i]] += lack;
    }
}

static void claimants_close(struct claimants *claimants)
{
    free((void *)(uintptr_t)claimants->ids);
    free(claimants->members);
    free(claimants->rack_lacks);
    free(claimants->datacenter_lacks);
    free(claimants->rack_needs);
    free(claimants->datacenter_needs);
}

/* How urgently a member must get a place: what its data centre, its rack, and itself lack, in that order. */
struct urgency {
    uint32_t datacenter, rack, own;
    uint64_t tie;
};

static struct urgency urgency_of(const struct claim *claim, const struct claimants *claimants, uint16_t member,
                                 uint32_t partition)
{
    const struct places *places = claim->places;
    return (struct urgency){
        .datacenter = claimants->one_for_datacenter ? claimants->datacenter_lacks[places->datacenters[member]] : 0,
        .rack = claimants->one_for_rack ? claimants->rack_lacks[places->racks[member]] : 0,
        .own = claim->quotas[member] - claim->held[member],
        .tie = hash_mix((uint64_t)partition << 32 | claimants->ids[member])};
}

/* A hash decides between equals, so that the partitions of one node have their other owners on all other nodes. */
static bool is_more_urgent(const struct urgency *a, const struct urgency *b)
{
    if (a->datacenter != b->datacenter)
        return a->datacenter > b->datacenter;
    if (a->rack != b->rack)
        return a->rack > b->rack;
    if (a->own != b->own)
        return a->own > b->own;
    return a->tie > b->tie;
}

/* Is all that the member's rack or data centre lacks needed by rows that have nobody from there, unlike this one? */
static bool is_needed_elsewhere(const struct claimants *claimants, const struct place_gap *gap, uint16_t member)
{
    const struct places *places = gap->places;
    uint16_t rack = places->racks[member], datacenter = places->datacenters[member];
    return (claimants->all_racks_needed && claimants->rack_lacks[rack] <= claimants->rack_needs[rack]
            && place_shared(places->racks, gap->others, gap->count, member))
           || (claimants->all_datacenters_needed
               && claimants->datacenter_lacks[datacenter] <= claimants->datacenter_needs[datacenter]
               && place_shared(places->datacenters, gap->others, gap->count, member));
}

/* The claimant (its index there) for a place, or -1. */
static int best_claimant(const struct claim *claim, const struct claimants *claimants, uint32_t partition,
                         uint32_t place)
{
    struct place_gap gap = place_gap_of(claim->places, claim_row(claim, partition), place);
    struct urgency best = {0};
    int found = -1;
    for (uint32_t i = 0; i < claimants->count; i++) {
        uint16_t member = claimants->members[i];
        if (!place_gap_takes(&gap, member) || is_needed_elsewhere(claimants, &gap, member))
            continue;
        struct urgency urgency = urgency_of(claim, claimants, member, partition);
        if (found < 0 || is_more_urgent(&urgency, &best)) {
            best = urgency;
            found = (int)i;
        }
    }
    return found;
}

static void serve(const struct claim *claim, struct claimants *claimants, int index, uint32_t partition, uint32_t place)
{
    uint16_t member = claimants->members[index], before = claim_row(claim, partition)[place];
    struct place_gap gap = place_gap_of(claim->places, claim_row(claim, partition), place);
    if (before != claim->places->member_count)
        change_needs(claimants, claim->places, gap.others, gap.count, before, 1);
    change_needs(claimants, claim->places, gap.others, gap.count, member, (uint32_t)-1);
    claim_give(claim, partition, place, member);
    claimants->rack_lacks[claim->places->racks[member]]--;
    claimants->datacenter_lacks[claim->places->datacenters[member]]--;
    if (claim->held[member] == claim->quotas[member])
        claimants->members[index] = claimants->members[--claimants->count];
}

/* The places of a row in the order of their owners' surpluses, largest first; how many have one. */
static uint32_t places_to_give(const struct claim *claim, const uint16_t *row, uint32_t *order)
{
    uint32_t count = 0;
    for (uint32_t i = 0; i < claim->places->owner_count; i++) {
        int64_t own = surplus(claim, row[i]);
        if (own <= 0)
            continue;
        uint32_t at = count++;
        for (; at > 0 && surplus(claim, row[order[at - 1]]) < own; at--)
            order[at] = order[at - 1];
        order[at] = i;
    }
    return count;
}

/* Step 3 for one partition. Free places first: they are in need, not only their claimants. */
static void settle_row(const struct claim *claim, struct claimants *claimants, uint32_t partition)
{
    uint16_t *row = claim_row(claim, partition);
    for (uint32_t i = 0; i < claim->places->owner_count && claimants->count > 0; i++) {
        int index = row[i] == claim->places->member_count ? best_claimant(claim, claimants, partition, i) : -1;
        if (index >= 0)
            serve(claim, claimants, index, partition, i);
    }
    uint32_t order[RING_COPIES_MAX];
    uint32_t count = places_to_give(claim, row, order);
    for (uint32_t i = 0; i < count && claimants->count > 0; i++) {
        if (surplus(claim, row[order[i]]) <= 0) /* no longer */
            continue;
        int index = best_claimant(claim, claimants, partition, order[i]);
        if (index >= 0)
            serve(claim, claimants, index, partition, order[i]);
    }
}

/* Step 3. The partitions are visited in an order that differs from change to change. */
static void settle_rows(const struct claim *claim, const struct ring_member *members, uint64_t seed)
{
    struct claimants claimants;
    claimants_init(&claimants, claim, members);
    uint32_t stride = (uint32_t)hash_mix(seed) | 1, start = (uint32_t)hash_mix(seed + 1);
    for (uint32_t i = 0; i < claim->partition_count && claimants.count > 0; i++)
        settle_row(claim, &claimants, (start + i * stride) & (claim->partition_count - 1));
    claimants_close(&claimants);
}

void strategy_claim(const struct places *places, const struct ring_member *members, uint32_t partition_count,
                    uint64_t seed, uint16_t *owners)
{
    struct claim claim = {.places = places,
                          .partition_count = partition_count,
                          .owners = owners,
                          .held = calloc(places->member_count + 1U, sizeof *claim.held),
                          .quotas = calloc(places->member_count + 1U, sizeof *claim.quotas)};
    CHECK_MEMORY(claim.held);
    CHECK_MEMORY(claim.quotas);
    clear_rows(&claim, members);
    quota_of_members(places, members, partition_count, claim.held, claim.quotas);
    settle_rows(&claim, members, seed);
    while (claim_exchange(&claim))
        continue;
    for (uint32_t partition = 0; partition < partition_count; partition++)
        CHECK(place_row_good(places, claim_row(&claim, partition)));
    free(claim.held);
    free(claim.quotas);
}
