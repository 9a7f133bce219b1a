/* Step 4 of claims (claim.c): shortest exchanges. */
#include "ring/claim.h"

#include "base/check.h"

#include <stdlib.h>

/* A search, breadth first, from all who keep too much. `from[m]` is how m would get a place more: who gives it, which.
 */
struct search {
    const struct claim *claim;
    uint32_t *first_slots, *next_slots; /* lists of the slots (partition x owner_count + place) of each owner */
    uint16_t *queue, *unreached;
    uint32_t queue_count, unreached_count;
    uint16_t *givers;
    uint32_t *slots;
};

static const uint32_t NO_SLOT = UINT32_MAX;
static const uint16_t NO_GIVER = UINT16_MAX;

static void search_init(struct search *search, const struct claim *claim)
{
    uint32_t owners = claim->places->member_count + 1;
    size_t slots = (size_t)claim->partition_count * claim->places->owner_count;
    *search = (struct search){.claim = claim,
                              .first_slots = calloc(owners, sizeof *search->first_slots),
                              .next_slots = calloc(slots, sizeof *search->next_slots),
                              .queue = calloc(owners, sizeof *search->queue),
                              .unreached = calloc(owners, sizeof *search->unreached),
                              .givers = calloc(owners, sizeof *search->givers),
                              .slots = calloc(owners, sizeof *search->slots)};
    CHECK_MEMORY(search->first_slots);
    CHECK_MEMORY(search->next_slots);
    CHECK_MEMORY(search->queue);
    CHECK_MEMORY(search->unreached);
    CHECK_MEMORY(search->givers);
    CHECK_MEMORY(search->slots);
    for (uint32_t i = 0; i < owners; i++)
        search->first_slots[i] = NO_SLOT;
    for (size_t i = slots; i-- > 0;) {
        search->next_slots[i] = search->first_slots[claim->owners[i]];
        search->first_slots[claim->owners[i]] = (uint32_t)i;
    }
}

static void search_close(struct search *search)
{
    free(search->first_slots);
    free(search->next_slots);
    free(search->queue);
    free(search->unreached);
    free(search->givers);
    free(search->slots);
}

/* Those who keep too much begin the queue. */
static void begin(struct search *search)
{
    const struct claim *claim = search->claim;
    for (uint32_t i = 0; i <= claim->places->member_count; i++) {
        search->givers[i] = NO_GIVER;
        if (claim->held[i] > claim->quotas[i])
            search->queue[search->queue_count++] = (uint16_t)i;
        else if (i < claim->places->member_count)
            search->unreached[search->unreached_count++] = (uint16_t)i;
    }
}

/* Everyone not yet reached who could take this slot from its owner is reached through it. Returns the first of them who
 * keeps too little, or member_count. */
static uint32_t reach_through(struct search *search, uint32_t slot)
{
    const struct claim *claim = search->claim;
    uint32_t owner_count = claim->places->owner_count, kept = 0, found = claim->places->member_count;
    struct place_gap gap = place_gap_of(claim->places, claim_row(claim, slot / owner_count), slot % owner_count);
    for (uint32_t i = 0; i < search->unreached_count; i++) {
        uint16_t member = search->unreached[i];
        if (!place_gap_takes(&gap, member)) {
            search->unreached[kept++] = member;
            continue;
        }
        search->givers[member] = claim->owners[slot];
        search->slots[member] = slot;
        search->queue[search->queue_count++] = member;
        if (found == claim->places->member_count && claim->held[member] < claim->quotas[member])
            found = member;
    }
    search->unreached_count = kept;
    return found;
}

/* Someone who keeps too little and how to give it something, or member_count: nobody keeps too much. */
static uint32_t find(struct search *search)
{
    uint32_t nobody = search->claim->places->member_count;
    for (uint32_t head = 0; head < search->queue_count; head++) {
        for (uint32_t slot = search->first_slots[search->queue[head]]; slot != NO_SLOT;
             slot = search->next_slots[slot]) {
            uint32_t found = reach_through(search, slot);
            if (found != nobody)
                return found;
        }
    }
    CHECK(search->queue_count == 0);
    return nobody;
}

/* The members from a taker back to who gives in the end, with the slots that they give. */
struct path {
    uint16_t members[RING_MEMBERS_MAX + 1];
    uint32_t slots[RING_MEMBERS_MAX + 1];
    uint32_t count; /* of slots; of members one more */
};

static void path_of(const struct search *search, uint32_t taker, struct path *path)
{
    path->members[0] = (uint16_t)taker;
    while (search->givers[taker] != NO_GIVER) {
        path->slots[path->count++] = search->slots[taker];
        taker = search->givers[taker];
        path->members[path->count] = (uint16_t)taker;
    }
}

static void carry_out(const struct claim *claim, const struct path *path)
{
    uint32_t owner_count = claim->places->owner_count;
    for (uint32_t i = 0; i < path->count; i++)
        claim_give(claim, path->slots[i] / owner_count, path->slots[i] % owner_count, path->members[i]);
}

/* Is this slot still the giver's, and does its row take the taker, whatever the steps before it in the path do? */
static bool slot_serves(const struct claim *claim, const struct path *path, uint32_t step, uint32_t slot)
{
    uint32_t owner_count = claim->places->owner_count, partition = slot / owner_count;
    if (claim->owners[slot] != path->members[step + 1])
        return false;
    for (uint32_t i = 0; i < step; i++) {
        if (path->slots[i] / owner_count == partition)
            return false;
    }
    struct place_gap gap = place_gap_of(claim->places, claim_row(claim, partition), slot % owner_count);
    return place_gap_takes(&gap, path->members[step]);
}

/* Finds other slots for an exchange between the same members. */
static bool renew(const struct search *search, struct path *path)
{
    for (uint32_t i = 0; i < path->count; i++) {
        while (path->slots[i] != NO_SLOT && !slot_serves(search->claim, path, i, path->slots[i]))
            path->slots[i] = search->next_slots[path->slots[i]];
        if (path->slots[i] == NO_SLOT)
            return false;
    }
    return true;
}

/* Where one such exchange is needed, often hundreds are, between the same members: all of them are carried out, so that
 * the search, which looks at every slot, is worth its time. */
bool claim_exchange(const struct claim *claim)
{
    struct search search;
    search_init(&search, claim);
    begin(&search);
    uint32_t taker = find(&search);
    bool found = taker != claim->places->member_count;
    if (found) {
        struct path path = {0};
        path_of(&search, taker, &path);
        uint32_t giver = path.members[path.count];
        do
            carry_out(claim, &path);
        while (claim->held[taker] < claim->quotas[taker] && claim->held[giver] > claim->quotas[giver]
               && renew(&search, &path));
    }
    search_close(&search);
    return found;
}
