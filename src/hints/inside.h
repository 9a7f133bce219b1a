/* What the files of this room share among themselves. */
#ifndef HINTS_INSIDE_H
#define HINTS_INSIDE_H

#include "hints/hints.h"

#include <stdatomic.h>

enum { PARTITIONS = 65536, ROWS = 2 * HINT_OWNERS_MAX };

/* Rows are found by the owner's id and never given back: a process meets no more owners than a ring has members. */
struct owner_row {
    _Atomic uint64_t name; /* the owner's id + 1, 0: free */
    _Atomic uint64_t count, since_ms;
};

struct hints {
    struct store *store;
    struct replica *replica;
    _Atomic uint32_t *partitions;
    bool is_uncounted; /* hints_load has not found all */
    struct owner_row rows[ROWS + 1];
    uint64_t bytes_loaded;       /* of those that an earlier run left; changed before the threads start */
    _Atomic uint64_t bytes_lost; /* of hints that could not be read: the store has not counted them off */
    _Atomic uint64_t kept, stored, delivered, refused;
};

/* Hints of owners that found no row. */
static inline uint64_t hints_of_others(const struct hints *hints)
{
    return atomic_load(&hints->rows[ROWS].count);
}

/* One hint more, one less. Any thread. */
void hints_count_made(struct hints *hints, uint32_t owner, uint16_t partition, uint64_t now_ms);
void hints_count_gone(struct hints *hints, uint32_t owner, uint16_t partition);
#endif
