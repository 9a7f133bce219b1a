/* Who stands in for the owners of a partition.
 *
 * Every partition has an order of its own in which members follow its owners, by a hash of partition and member: so the
 * partitions of a node that is down have their stand-ins on all other nodes, and a change of members leaves the order
 * of the others as it was. Before that comes P5: first one of each data centre that has no owner, then one of each rack
 * that has none, then a second of each rack, a third and so on, so that a stand-in adds a rack where there is one to
 * add. */
#include "ring/strategy.h"

#include "base/check.h"
#include "base/hash.h"

#include <stdlib.h>
#include <string.h>

enum { TURNS_MAX = 8 }; /* the turns of racks that are kept apart; who comes later comes by hash alone */

struct candidate {
    uint16_t hash, member;
};

struct standins {
    const struct places *places;
    const struct ring_member *members;
    struct candidate *candidates, *sorted;
    uint8_t *turns;       /* of each candidate */
    uint8_t *rack_counts; /* of those listed so far, up to TURNS_MAX */
    bool *datacenters_listed, *owners;
};

struct standins *standins_new(const struct places *places, const struct ring_member *members)
{
    struct standins *standins = calloc(1, sizeof *standins);
    CHECK_MEMORY(standins);
    *standins = (struct standins){.places = places,
                                  .members = members,
                                  .candidates = calloc(places->member_count, sizeof *standins->candidates),
                                  .sorted = calloc(places->member_count, sizeof *standins->sorted),
                                  .turns = calloc(places->member_count, 1),
                                  .rack_counts = calloc(places->rack_count, 1),
                                  .datacenters_listed = calloc(places->datacenter_count, sizeof(bool)),
                                  .owners = calloc(places->member_count, sizeof(bool))};
    CHECK_MEMORY(standins->candidates);
    CHECK_MEMORY(standins->sorted);
    CHECK_MEMORY(standins->turns);
    CHECK_MEMORY(standins->rack_counts);
    CHECK_MEMORY(standins->datacenters_listed);
    CHECK_MEMORY(standins->owners);
    return standins;
}

void standins_free(struct standins *standins)
{
    free(standins->candidates);
    free(standins->sorted);
    free(standins->turns);
    free(standins->rack_counts);
    free(standins->datacenters_listed);
    free(standins->owners);
    free(standins);
}

/* All but the owners, by index. */
static uint32_t collect(struct standins *standins, uint32_t partition, const uint16_t *list)
{
    uint32_t count = 0, owner_count = standins->places->owner_count;
    for (uint32_t i = 0; i < owner_count; i++)
        standins->owners[list[i]] = true;
    for (uint32_t i = 0; i < standins->places->member_count; i++) {
        uint64_t hash = hash_mix((uint64_t)partition << 32 | standins->members[i].id);
        if (!standins->owners[i])
            standins->candidates[count++] = (struct candidate){.hash = (uint16_t)(hash >> 48), .member = (uint16_t)i};
    }
    for (uint32_t i = 0; i < owner_count; i++)
        standins->owners[list[i]] = false;
    return count;
}

/* By hash and, where hashes are equal, by index: counted by their upper halves and then put right by insertion, which
 * has little left to do. This is most of the work of computing a view. */
static void sort(struct standins *standins, uint32_t count)
{
    uint16_t starts[257] = {0};
    for (uint32_t i = 0; i < count; i++)
        starts[(standins->candidates[i].hash >> 8) + 1]++;
    for (uint32_t i = 1; i < 257; i++)
        starts[i] = (uint16_t)(starts[i] + starts[i - 1]);
    for (uint32_t i = 0; i < count; i++)
        standins->sorted[starts[standins->candidates[i].hash >> 8]++] = standins->candidates[i];
    for (uint32_t i = 1; i < count; i++) {
        struct candidate candidate = standins->sorted[i];
        uint32_t at = i;
        for (; at > 0 && standins->sorted[at - 1].hash > candidate.hash; at--)
            standins->sorted[at] = standins->sorted[at - 1];
        standins->sorted[at] = candidate;
    }
}

/* The turn in which a member is listed, when those before it are listed. */
static uint8_t take_turn(struct standins *standins, uint16_t member)
{
    uint8_t *rack_count = &standins->rack_counts[standins->places->racks[member]];
    bool *datacenter_listed = &standins->datacenters_listed[standins->places->datacenters[member]];
    uint8_t turn = *datacenter_listed ? (uint8_t)(*rack_count + 1) : 0;
    *datacenter_listed = true;
    if (*rack_count < TURNS_MAX - 2)
        ++*rack_count;
    return turn;
}

void standins_append(struct standins *standins, uint32_t partition, uint16_t *list)
{
    const struct places *places = standins->places;
    uint32_t count = collect(standins, partition, list);
    sort(standins, count);
    memset(standins->rack_counts, 0, places->rack_count);
    memset(standins->datacenters_listed, 0, places->datacenter_count * sizeof(bool));
    for (uint32_t i = 0; i < places->owner_count; i++)
        (void)take_turn(standins, list[i]);
    uint32_t starts[TURNS_MAX + 1] = {0};
    for (uint32_t i = 0; i < count; i++) {
        standins->turns[i] = take_turn(standins, standins->sorted[i].member);
        starts[standins->turns[i] + 1]++;
    }
    starts[0] = places->owner_count;
    for (uint32_t i = 1; i <= TURNS_MAX; i++)
        starts[i] += starts[i - 1];
    for (uint32_t i = 0; i < count; i++)
        list[starts[standins->turns[i]]++] = standins->sorted[i].member;
}
