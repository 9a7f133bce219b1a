/* What the store does with its hash tree (storage/tree.h). */
#ifndef STORAGE_TREE_INSIDE_H
#define STORAGE_TREE_INSIDE_H

#include "storage/tree.h"

#include <stdatomic.h>

struct tree {
    _Atomic uint64_t *leaves; /* sums over the newest records, by tree_place */
};

/* Where a leaf lies: those of a block side by side. */
static inline uint32_t tree_place(uint32_t leaf)
{
    return (leaf & (TREE_BLOCKS - 1)) * TREE_BLOCK_LEAVES + (leaf >> TREE_BLOCK_BITS);
}

static inline uint32_t tree_place_of_hash(uint32_t hash)
{
    return tree_place(hash & (TREE_LEAVES - 1));
}

/* All leaves are 0. Aborts without memory. */
struct tree *tree_new(void);
/* NULL is allowed. */
void tree_free(struct tree *tree);

/* The weight of a record in the leaf of its key, 0 for none and for one that cannot be read. */
uint64_t tree_weight_of_record(uint32_t hash, struct bytes record);

/* A record has become another one. Under its key's stripe; two stripes may have records in one leaf. */
static inline void tree_change(struct tree *tree, uint32_t hash, uint64_t before, uint64_t after)
{
    if (before != after)
        atomic_fetch_add_explicit(&tree->leaves[tree_place_of_hash(hash)], after - before, memory_order_relaxed);
}

#endif
