/* Strategies 1 and 2: random tokens on a circle, Dynamo 4.2 and 6.2.
 *
 * A node has tokens at hashes of its name and their numbers, more of them for more weight: nothing but the members
 * counts, so that no history need be known. Strategy 1 gives the keys between two tokens to the node of the second;
 * here the ends of these arcs are rounded to whole partitions, so that storage and transfers know partitions only. A
 * partition thus goes to the first token after its middle. Strategy 2 takes the first one after its end. */
#include "ring/strategy.h"

#include "base/check.h"
#include "base/hash.h"

#include <stdlib.h>

enum { NODE_TOKENS_MAX = 16384 };

struct token {
    uint64_t position;
    uint16_t member;
};

static uint32_t token_count(const struct ring_member *member, uint32_t tokens)
{
    uint64_t count = ((uint64_t)tokens * member->weight + RING_WEIGHT_ONE / 2) / RING_WEIGHT_ONE;
    return count == 0 ? 1 : count > NODE_TOKENS_MAX ? NODE_TOKENS_MAX : (uint32_t)count;
}

/* A total order, since members of the same position differ. */
static int compare_tokens(const void *left, const void *right)
{
    const struct token *a = left, *b = right;
    if (a->position != b->position)
        return a->position < b->position ? -1 : 1;
    return a->member < b->member ? -1 : a->member > b->member;
}

static struct token *tokens_new(const struct places *places, const struct ring_member *members, uint32_t tokens,
                                uint32_t *count)
{
    *count = 0;
    for (uint32_t i = 0; i < places->member_count; i++)
        *count += token_count(&members[i], tokens);
    struct token *all = calloc(*count, sizeof *all), *at = all;
    CHECK_MEMORY(all);
    for (uint32_t i = 0; i < places->member_count; i++) {
        uint64_t name = hash_fingerprint(bytes_of_text(members[i].name), 2);
        for (uint32_t number = 0; number < token_count(&members[i], tokens); number++)
            *at++ = (struct token){.position = hash_mix(name + number * 0x9e3779b97f4a7c15ULL), .member = (uint16_t)i};
    }
    qsort(all, *count, sizeof *all, compare_tokens);
    return all;
}

/* The first owner_count different members from token `at` on that P5 allows. Whoever is passed over because of P5 stays
 * forbidden for the row, so one round of the circle completes it. */
static void walk(const struct places *places, const struct token *tokens, uint32_t count, uint32_t at, uint16_t *row)
{
    for (uint32_t i = 0; i < places->owner_count; i++)
        row[i] = (uint16_t)places->member_count;
    uint32_t found = 0;
    struct place_gap gap = place_gap_of(places, row, found);
    for (uint32_t steps = 0; found < places->owner_count; steps++) {
        CHECK(steps < count);
        uint16_t member = tokens[(at + steps) % count].member;
        if (!place_gap_takes(&gap, member))
            continue;
        row[found++] = member;
        if (found < places->owner_count)
            gap = place_gap_of(places, row, found);
    }
}

void strategy_walk(const struct places *places, const struct ring_member *members, uint32_t partition_count,
                   uint32_t tokens, bool from_middle, uint16_t *owners)
{
    uint32_t count, at = 0;
    struct token *all = tokens_new(places, members, tokens, &count);
    /* The width of a partition; with a single one 2^64, which is 0 here, and the end is the circle's beginning. */
    uint64_t width = UINT64_MAX / partition_count + 1;
    uint64_t from = from_middle ? UINT64_MAX / partition_count / 2 + 1 : width;
    for (uint32_t partition = 0; partition < partition_count; partition++) {
        uint64_t start = from + partition * width;
        if (start == 0) /* the end of the last partition */
            at = 0;
        else
            while (at < count && all[at].position < start)
                at++;
        walk(places, all, count, at % count, &owners[(size_t)partition * places->owner_count]);
    }
    free(all);
}
