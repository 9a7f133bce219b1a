#include "ring/place.h"

#include "base/bounds.h"
#include "base/check.h"

#include <stdlib.h>
#include <string.h>

/* Numbers in the order of the members, which is the same everywhere. */
static void number_datacenters(struct places *places, const struct ring_member *members, uint32_t *first_members)
{
    for (uint32_t member = 0; member < places->member_count; member++) {
        uint32_t at = 0;
        while (at < places->datacenter_count
               && strcmp(members[first_members[at]].datacenter, members[member].datacenter) != 0)
            at++;
        if (at == places->datacenter_count)
            first_members[places->datacenter_count++] = member;
        places->datacenters[member] = (uint16_t)at;
    }
}

static void number_racks(struct places *places, const struct ring_member *members, uint32_t *first_members)
{
    for (uint32_t member = 0; member < places->member_count; member++) {
        uint16_t datacenter = places->datacenters[member];
        uint32_t at = 0;
        while (at < places->rack_count
               && (places->rack_datacenters[at] != datacenter
                   || strcmp(members[first_members[at]].rack, members[member].rack) != 0))
            at++;
        if (at == places->rack_count) {
            places->rack_datacenters[at] = datacenter;
            first_members[places->rack_count++] = member;
        }
        places->racks[member] = (uint16_t)at;
    }
}

void places_init(struct places *places, const struct ring_member *members, uint32_t member_count, uint32_t owner_count)
{
    *places = (struct places){.member_count = member_count,
                              .owner_count = owner_count,
                              .racks = calloc(member_count, sizeof *places->racks),
                              .datacenters = calloc(member_count, sizeof *places->datacenters),
                              .rack_datacenters = calloc(member_count, sizeof *places->rack_datacenters)};
    uint32_t *first_members = calloc(member_count, sizeof *first_members);
    CHECK_MEMORY(places->racks);
    CHECK_MEMORY(places->datacenters);
    CHECK_MEMORY(places->rack_datacenters);
    CHECK_MEMORY(first_members);
    number_datacenters(places, members, first_members);
    number_racks(places, members, first_members);
    free(first_members);
    places->racks_shared_max = owner_count - (uint32_t)smaller(owner_count, places->rack_count);
    places->datacenters_shared_max = owner_count - (uint32_t)smaller(owner_count, places->datacenter_count);
}

void places_close(struct places *places)
{
    free(places->racks);
    free(places->datacenters);
    free(places->rack_datacenters);
    *places = (struct places){0};
}

bool place_shared(const uint16_t *groups, const uint16_t *others, uint32_t count, uint16_t member)
{
    for (uint32_t i = 0; i < count; i++) {
        if (groups[others[i]] == groups[member])
            return true;
    }
    return false;
}

/* How many of the others share a group with one before them. */
static uint32_t shared_count(const uint16_t *groups, const uint16_t *others, uint32_t count)
{
    uint32_t shared = 0;
    for (uint32_t i = 1; i < count; i++)
        shared += place_shared(groups, others, i, others[i]);
    return shared;
}

static void judge_sharing(struct place_gap *gap)
{
    const struct places *places = gap->places;
    gap->rack_may_be_shared = shared_count(places->racks, gap->others, gap->count) < places->racks_shared_max;
    gap->datacenter_may_be_shared =
        shared_count(places->datacenters, gap->others, gap->count) < places->datacenters_shared_max;
}

struct place_gap place_gap_of(const struct places *places, const uint16_t *row, uint32_t place)
{
    struct place_gap gap = {.places = places};
    for (uint32_t i = 0; i < places->owner_count; i++) {
        if (i != place && row[i] != places->member_count)
            gap.others[gap.count++] = row[i];
    }
    judge_sharing(&gap);
    return gap;
}

bool place_gap_takes(const struct place_gap *gap, uint16_t member)
{
    const uint16_t *racks = gap->places->racks, *datacenters = gap->places->datacenters;
    for (uint32_t i = 0; i < gap->count; i++) {
        uint16_t other = gap->others[i];
        if (other == member || (racks[other] == racks[member] && !gap->rack_may_be_shared)
            || (datacenters[other] == datacenters[member] && !gap->datacenter_may_be_shared))
            return false;
    }
    return true;
}

void place_clear(const struct places *places, uint16_t *row, const uint32_t *order)
{
    struct place_gap gap = {.places = places};
    for (uint32_t i = 0; i < places->owner_count; i++) {
        uint16_t *owner = &row[order[i]];
        if (*owner == places->member_count)
            continue;
        judge_sharing(&gap);
        if (place_gap_takes(&gap, *owner))
            gap.others[gap.count++] = *owner;
        else
            *owner = (uint16_t)places->member_count;
    }
}

bool place_row_good(const struct places *places, const uint16_t *row)
{
    struct place_gap gap = {.places = places};
    for (uint32_t i = 0; i < places->owner_count; i++) {
        judge_sharing(&gap);
        if (row[i] >= places->member_count || !place_gap_takes(&gap, row[i]))
            return false;
        gap.others[gap.count++] = row[i];
    }
    return true;
}
