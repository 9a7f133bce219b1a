/* Members by the dozen, and what every table of a ring must satisfy, judged without the code that makes tables. */
#ifndef T_RING_MEMBERS_H
#define T_RING_MEMBERS_H

#include "base/bounds.h"
#include "base/check.h"
#include "base/prng.h"
#include "ring/ring.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static inline struct ring_settings settings_of(uint32_t partition_count, uint8_t copies)
{
    return (struct ring_settings){.cluster = 0x5eed,
                                  .partition_count = partition_count,
                                  .strategy = RING_CLAIMED_PARTITIONS,
                                  .copies = copies,
                                  .tokens = RING_TOKENS_DEFAULT};
}

static inline struct ring_member member_of(unsigned number, const char *rack, const char *datacenter)
{
    struct ring_member member = {.weight = RING_WEIGHT_ONE};
    snprintf(member.name, sizeof member.name, "node-%u", number);
    snprintf(member.peer, sizeof member.peer, "10.1.%u.%u:12211", number / 256, number % 256);
    snprintf(member.client, sizeof member.client, "10.1.%u.%u:11211", number / 256, number % 256);
    snprintf(member.rack, sizeof member.rack, "%s", rack);
    snprintf(member.datacenter, sizeof member.datacenter, "%s", datacenter);
    member.id = ring_node_id(member.name);
    return member;
}

/* node-0 ... in one rack, of equal weight. */
static inline void equal_members(struct ring_member *members, uint32_t count)
{
    for (uint32_t i = 0; i < count; i++)
        members[i] = member_of(i, "", "");
}

/* Racks "r0" ... of the data centres "d0" ..., some crowded and some with one node, weights 0.1 to 10. */
static inline void random_members(struct ring_member *members, uint32_t count, struct prng *prng)
{
    uint64_t racks = 1 + prng_below(prng, 6), datacenters = 1 + prng_below(prng, 5);
    bool weighted = prng_below(prng, 2) == 0;
    for (uint32_t i = 0; i < count; i++) {
        char rack[24], datacenter[24];
        snprintf(rack, sizeof rack, "r%u", (unsigned)prng_below(prng, 1 + prng_below(prng, racks)));
        snprintf(datacenter, sizeof datacenter, "d%u", (unsigned)prng_below(prng, 1 + prng_below(prng, datacenters)));
        members[i] = member_of(i, rack, datacenter);
        if (weighted)
            members[i].weight = (uint32_t)(100 + prng_below(prng, 9901));
    }
}

/* How many different ones are among some members: members by `indexes`, or the first `count` if that is NULL. */
static inline uint32_t different_racks(const struct ring_member *members, const uint16_t *indexes, uint32_t count)
{
    uint32_t different = 0;
    for (uint32_t i = 0; i < count; i++) {
        bool is_new = true;
        for (uint32_t k = 0; k < i && is_new; k++) {
            const struct ring_member *a = &members[indexes ? indexes[i] : i], *b = &members[indexes ? indexes[k] : k];
            is_new = strcmp(a->rack, b->rack) != 0 || strcmp(a->datacenter, b->datacenter) != 0;
        }
        different += is_new;
    }
    return different;
}

static inline uint32_t different_datacenters(const struct ring_member *members, const uint16_t *indexes, uint32_t count)
{
    uint32_t different = 0;
    for (uint32_t i = 0; i < count; i++) {
        bool is_new = true;
        for (uint32_t k = 0; k < i && is_new; k++)
            is_new =
                strcmp(members[indexes ? indexes[i] : i].datacenter, members[indexes ? indexes[k] : k].datacenter) != 0;
        different += is_new;
    }
    return different;
}

/* Is every row a permutation of all members? */
static inline bool lists_are_whole(const struct ring_view *view)
{
    bool seen[RING_MEMBERS_MAX];
    for (uint32_t partition = 0; partition < view->partition_count; partition++) {
        const uint16_t *list = ring_preference_list(view, (uint16_t)partition);
        memset(seen, 0, sizeof seen);
        for (uint32_t i = 0; i < view->member_count; i++) {
            if (list[i] >= view->member_count || seen[list[i]])
                return false;
            seen[list[i]] = true;
        }
    }
    return true;
}

/* Partitions whose owners are in fewer racks or data centres than P5 wants, or not all different. */
static inline uint32_t p5_violations(const struct ring_view *view)
{
    uint32_t racks = (uint32_t)smaller(view->owner_count, different_racks(view->members, NULL, view->member_count));
    uint32_t datacenters =
        (uint32_t)smaller(view->owner_count, different_datacenters(view->members, NULL, view->member_count));
    uint32_t violations = 0;
    for (uint32_t partition = 0; partition < view->partition_count; partition++) {
        const uint16_t *list = ring_preference_list(view, (uint16_t)partition);
        bool good = different_racks(view->members, list, view->owner_count) == racks
                    && different_datacenters(view->members, list, view->owner_count) == datacenters;
        for (uint32_t i = 0; i < view->owner_count; i++) {
            for (uint32_t k = 0; k < i; k++)
                good = good && list[i] != list[k];
        }
        violations += !good;
    }
    return violations;
}

/* Partitions that each member owns; in which it is the first owner. */
static inline void count_owned(const struct ring_view *view, uint32_t *owned, uint32_t *first)
{
    memset(owned, 0, view->member_count * sizeof *owned);
    memset(first, 0, view->member_count * sizeof *first);
    for (uint32_t partition = 0; partition < view->partition_count; partition++) {
        const uint16_t *list = ring_preference_list(view, (uint16_t)partition);
        first[list[0]]++;
        for (uint32_t i = 0; i < view->owner_count; i++)
            owned[list[i]]++;
    }
}

/* How many copies have an owner that did not have them before. */
static inline uint32_t copies_moved(const struct ring_view *before, const struct ring_view *after)
{
    uint32_t moved = 0;
    for (uint32_t partition = 0; partition < after->partition_count; partition++) {
        const uint16_t *list = ring_preference_list(after, (uint16_t)partition);
        for (uint32_t i = 0; i < after->owner_count; i++) {
            int then = ring_member_index(before, after->members[list[i]].id);
            moved += then < 0 || ring_owner_place(before, (uint16_t)partition, (uint32_t)then) < 0;
        }
    }
    return moved;
}

static inline struct ring_view *view_changed(const struct ring_view *view, enum ring_change_kind kind,
                                             const struct ring_member *member)
{
    struct ring_change change = {.kind = kind, .member = *member};
    return ring_view_after(view, &change);
}

#endif
