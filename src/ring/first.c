/* Who is first among the owners of a partition: it coordinates the writes, so everybody should be it equally often.
 * Only the order of owners changes here, so no data moves; and as few rows as possible, so that clients' and nodes'
 * ideas of who coordinates stay right.
 *
 * Letting every owner be first in 1 / owner_count of its partitions would be perfectly fair and is a flow in which each
 * partition gives one unit to one of its owners; a flow in whole numbers between the floors and ceilings of that one
 * always exists. It is reached by shortest paths, as in exchange.c: a gives the first place to b in one partition, b to
 * c in another. */
#include "ring/strategy.h"

#include "base/check.h"

#include <stdlib.h>

struct firsts {
    uint32_t member_count, owner_count, partition_count;
    uint16_t *owners;
    uint32_t *held;            /* partitions in which a member is first */
    uint32_t *floors, *limits; /* the least of these, and what is aimed at: floors or ceilings */
    uint32_t *heads, *nexts;   /* for a search: lists of the partitions in which a member is first */
    uint16_t *queue, *givers;
    uint32_t *through;
};

static const uint32_t NO_PARTITION = UINT32_MAX;

static uint16_t *row_of(const struct firsts *firsts, uint32_t partition)
{
    return &firsts->owners[(size_t)partition * firsts->owner_count];
}

/* The owner at `place` becomes the first, and the first takes its place. */
static void make_first(const struct firsts *firsts, uint32_t partition, uint32_t place)
{
    uint16_t *row = row_of(firsts, partition), first = row[0];
    firsts->held[first]--;
    firsts->held[row[place]]++;
    row[0] = row[place];
    row[place] = first;
}

static uint32_t *new_numbers(size_t count)
{
    uint32_t *numbers = calloc(count, sizeof *numbers);
    CHECK_MEMORY(numbers);
    return numbers;
}

static void firsts_init(struct firsts *firsts, const struct places *places, uint32_t partition_count, uint16_t *owners)
{
    uint32_t members = places->member_count;
    *firsts = (struct firsts){.member_count = members,
                              .owner_count = places->owner_count,
                              .partition_count = partition_count,
                              .owners = owners,
                              .held = new_numbers(members),
                              .floors = new_numbers(members),
                              .limits = new_numbers(members),
                              .heads = new_numbers(members),
                              .nexts = new_numbers(partition_count),
                              .queue = calloc(members, sizeof *firsts->queue),
                              .givers = calloc(members, sizeof *firsts->givers),
                              .through = new_numbers(members)};
    CHECK_MEMORY(firsts->queue);
    CHECK_MEMORY(firsts->givers);
    for (uint32_t partition = 0; partition < partition_count; partition++) {
        firsts->held[row_of(firsts, partition)[0]]++;
        for (uint32_t i = 0; i < firsts->owner_count; i++)
            firsts->limits[row_of(firsts, partition)[i]]++;
    }
    for (uint32_t i = 0; i < members; i++) {
        firsts->floors[i] = firsts->limits[i] / firsts->owner_count;
        firsts->limits[i] = (firsts->limits[i] + firsts->owner_count - 1) / firsts->owner_count;
    }
}

static void firsts_close(struct firsts *firsts)
{
    free(firsts->held);
    free(firsts->floors);
    free(firsts->limits);
    free(firsts->heads);
    free(firsts->nexts);
    free(firsts->queue);
    free(firsts->givers);
    free(firsts->through);
}

/* Whoever is first too often lets the owner of the row be it that is so least often: nearly everything. */
static void settle_directly(struct firsts *firsts)
{
    for (uint32_t partition = 0; partition < firsts->partition_count; partition++) {
        const uint16_t *row = row_of(firsts, partition);
        if (firsts->held[row[0]] <= firsts->limits[row[0]])
            continue;
        uint32_t best = 0;
        int64_t most_lacking = 0;
        for (uint32_t i = 1; i < firsts->owner_count; i++) {
            int64_t lacking = (int64_t)firsts->limits[row[i]] - firsts->held[row[i]];
            if (lacking > most_lacking) {
                most_lacking = lacking;
                best = i;
            }
        }
        if (best > 0)
            make_first(firsts, partition, best);
    }
}

static void list_partitions(const struct firsts *firsts)
{
    for (uint32_t i = 0; i < firsts->member_count; i++)
        firsts->heads[i] = NO_PARTITION;
    for (uint32_t partition = firsts->partition_count; partition-- > 0;) {
        uint16_t first = row_of(firsts, partition)[0];
        firsts->nexts[partition] = firsts->heads[first];
        firsts->heads[first] = partition;
    }
}

static void carry_out(const struct firsts *firsts, uint16_t taker)
{
    while (firsts->givers[taker] != taker) {
        uint32_t partition = firsts->through[taker], place = 0;
        while (row_of(firsts, partition)[place] != taker)
            place++;
        make_first(firsts, partition, place);
        taker = firsts->givers[taker];
    }
}

/* Moves one first place from those above their limit to those below it. false: there is no way. */
static bool shift_one(const struct firsts *firsts)
{
    const uint16_t unreached = UINT16_MAX;
    uint32_t count = 0;
    list_partitions(firsts);
    for (uint32_t i = 0; i < firsts->member_count; i++) {
        bool above = firsts->held[i] > firsts->limits[i];
        firsts->givers[i] = above ? (uint16_t)i : unreached;
        if (above)
            firsts->queue[count++] = (uint16_t)i;
    }
    for (uint32_t head = 0; head < count; head++) {
        for (uint32_t partition = firsts->heads[firsts->queue[head]]; partition != NO_PARTITION;
             partition = firsts->nexts[partition]) {
            for (uint32_t i = 1; i < firsts->owner_count; i++) {
                uint16_t member = row_of(firsts, partition)[i];
                if (firsts->givers[member] != unreached)
                    continue;
                firsts->givers[member] = firsts->queue[head];
                firsts->through[member] = partition;
                firsts->queue[count++] = member;
                if (firsts->held[member] < firsts->limits[member]) {
                    carry_out(firsts, member);
                    return true;
                }
            }
        }
    }
    return false;
}

void strategy_balance_first(const struct places *places, uint32_t partition_count, uint16_t *owners)
{
    struct firsts firsts;
    firsts_init(&firsts, places, partition_count, owners);
    settle_directly(&firsts);
    while (shift_one(&firsts))
        continue;
    /* Nobody is above its ceiling now; those below their floor get theirs from those above their own. */
    for (uint32_t i = 0; i < firsts.member_count; i++)
        firsts.limits[i] = firsts.floors[i];
    settle_directly(&firsts);
    while (shift_one(&firsts))
        continue;
    firsts_close(&firsts);
}
