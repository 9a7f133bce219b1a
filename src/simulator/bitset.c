#include "simulator/bitset.h"

#include "base/check.h"

#include <stdlib.h>
#include <string.h>

void bitset_close(struct bitset *set)
{
    free(set->words);
    *set = (struct bitset){0};
}

static void grow(struct bitset *set, uint32_t count)
{
    if (count <= set->count)
        return;
    set->words = realloc(set->words, count * sizeof *set->words);
    CHECK_MEMORY(set->words);
    memset(set->words + set->count, 0, (count - set->count) * sizeof *set->words);
    set->count = count;
}

void bitset_add(struct bitset *set, uint32_t number)
{
    grow(set, number / 64 + 1);
    set->words[number / 64] |= (uint64_t)1 << number % 64;
}

void bitset_remove(struct bitset *set, uint32_t number)
{
    if (number / 64 < set->count)
        set->words[number / 64] &= ~((uint64_t)1 << number % 64);
}

void bitset_join(struct bitset *set, const struct bitset *more)
{
    grow(set, more->count);
    for (uint32_t i = 0; i < more->count; i++)
        set->words[i] |= more->words[i];
}

void bitset_subtract(struct bitset *set, const struct bitset *less)
{
    for (uint32_t i = 0; i < set->count && i < less->count; i++)
        set->words[i] &= ~less->words[i];
}

struct bitset bitset_copy(const struct bitset *set)
{
    struct bitset copy = {0};
    bitset_join(&copy, set);
    return copy;
}

int64_t bitset_missing(const struct bitset *whole, const struct bitset *part)
{
    for (uint32_t i = 0; i < part->count; i++) {
        uint64_t missing = part->words[i] & ~(i < whole->count ? whole->words[i] : 0);
        for (uint32_t bit = 0; missing != 0; bit++, missing >>= 1) {
            if ((missing & 1) != 0)
                return (int64_t)i * 64 + bit;
        }
    }
    return -1;
}
