/* What the store does with its hash tree (storage/tree.h).
 *
 * Two sums are kept of each leaf: over the newest records, which everyone sees, and over the engine's. The second one
 * is what is stored: a batch adds to it the differences of its records, and writes the blocks of leaves that have
 * changed in the same transaction. For that each dirty entry remembers the weight of what the engine has of its key
 * (entry->base). After a start both sums are what was stored, and replay adds to the first what it makes dirty, as
 * updates do.
 *
 * A record that has been damaged in the engine is in both sums with the weight it once had, which nobody can tell any
 * more. While it is there it does no harm. When something takes its place its leaf becomes a suspect, and before the
 * next batch the leaf is summed up from the engine's records, of which a damaged one counts as none. */
#ifndef STORAGE_TREE_INSIDE_H
#define STORAGE_TREE_INSIDE_H

#include "storage/engine.h"
#include "storage/tree.h"

#include <stdatomic.h>

enum {
    TREE_FORMAT = 1, /* of what is stored, also of the fingerprints in it: another one is built anew */
    TREE_SUSPECTS_MAX = 256
};

/* A leaf whose sum may be wrong; with partition_count not 0 all leaves of the partition. */
struct tree_suspect {
    uint16_t partition;
    uint32_t leaf, partition_count;
};

struct tree {
    _Atomic uint64_t *leaves;                 /* sums over the newest records, by tree_place */
    _Atomic(bool) block_is_used[TREE_BLOCKS]; /* false: all its leaves are 0, and have always been */

    atomic_flag guard; /* of the suspects; taken for a few instructions */
    _Atomic uint32_t suspect_count;
    bool all_suspect; /* there were too many */
    struct tree_suspect suspects[TREE_SUSPECTS_MAX];
    _Atomic uint64_t corrected; /* leaves that were wrong */

    /* The storage thread's. */
    uint64_t *stored;                   /* sums over the engine's records, by tree_place */
    uint64_t unsaved[TREE_BLOCKS / 64]; /* blocks that differ from the engine's */
    bool has_header;                    /* the engine says that it has a tree */
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

/* tree_change will follow soon: leaves are met at random, so the processor should fetch this one meanwhile. */
static inline void tree_prepare(const struct tree *tree, uint32_t hash)
{
    __builtin_prefetch((const void *)&tree->leaves[tree_place_of_hash(hash)], 1);
}

static inline void tree_add(struct tree *tree, uint32_t place, uint64_t difference)
{
    _Atomic(bool) *is_used = &tree->block_is_used[place / TREE_BLOCK_LEAVES];
    if (!atomic_load_explicit(is_used, memory_order_relaxed))
        atomic_store_explicit(is_used, true, memory_order_relaxed);
    atomic_fetch_add_explicit(&tree->leaves[place], difference, memory_order_relaxed);
}

/* A record has become another one. Under its key's stripe; two stripes may have records in one leaf. */
static inline void tree_change(struct tree *tree, uint32_t hash, uint64_t before, uint64_t after)
{
    if (before != after)
        tree_add(tree, tree_place_of_hash(hash), after - before);
}

/* A damaged record of the engine has been replaced; or somebody wants a partition's leaves looked at. Any thread. */
void tree_suspect_leaf(struct tree *tree, uint16_t partition, uint32_t hash);
void tree_suspect_partition(struct tree *tree, uint32_t partition_count, uint16_t partition);

static inline bool tree_has_suspects(struct tree *tree)
{
    return atomic_load_explicit(&tree->suspect_count, memory_order_relaxed) != 0;
}

/* ---- tree_keep.c: before the threads start, then by the storage thread ---- */

enum tree_load {
    TREE_LOADED,
    TREE_ABSENT,  /* the engine has none, or one of another format */
    TREE_DAMAGED, /* it has, and its checksums are wrong */
    TREE_FAILED   /* the engine cannot be read */
};
/* Takes over what is stored. Unless it is TREE_LOADED all leaves are 0. */
enum tree_load tree_load(struct tree *tree, struct engine *engine);
/* When there was nothing to load, or it was damaged: sums up all the engine's records, to be written with the next
 * batch. `met` is called for each that is damaged. false: the engine cannot be read. */
typedef void tree_meet_damaged(void *context, uint16_t partition, struct bytes key);
bool tree_build(struct tree *tree, struct engine *engine, tree_meet_damaged *met, void *context, uint64_t *records);

/* A batch puts a record in the place of another one. If it fails, the same the other way round. */
void tree_store_change(struct tree *tree, uint32_t hash, uint64_t before, uint64_t after);
/* Puts what differs from the engine into its batch. tree_settle after the commit. */
enum engine_status tree_put(struct tree *tree, struct engine *engine);
void tree_settle(struct tree *tree);

/* Sums suspects up anew from what has been committed, between two batches. Returns how many leaves were wrong; those of
 * a partition that cannot be read stay suspects and *failed is set. */
uint64_t tree_correct(struct tree *tree, struct engine *engine, bool *failed);

#endif
