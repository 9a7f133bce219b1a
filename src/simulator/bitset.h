/* Sets of small numbers that grow. */
#ifndef SIMULATOR_BITSET_H
#define SIMULATOR_BITSET_H

#include <stdbool.h>
#include <stdint.h>

struct bitset {
    uint64_t *words;
    uint32_t count; /* of words; what lies beyond is not in the set */
};

/* Frees; the set is empty then. */
void bitset_close(struct bitset *set);
/* Adds one number. */
void bitset_add(struct bitset *set, uint32_t number);
/* Takes one number out. */
void bitset_remove(struct bitset *set, uint32_t number);
/* Adds all of `more`. */
void bitset_join(struct bitset *set, const struct bitset *more);
/* Takes all of `less` out. */
void bitset_subtract(struct bitset *set, const struct bitset *less);
/* A copy, to be closed too. */
struct bitset bitset_copy(const struct bitset *set);
/* The lowest number of `part` that is not in `whole`, -1: there is none. */
int64_t bitset_missing(const struct bitset *whole, const struct bitset *part);

static inline bool bitset_has(const struct bitset *set, uint32_t number)
{
    return number / 64 < set->count && (set->words[number / 64] >> number % 64 & 1) != 0;
}

#endif
