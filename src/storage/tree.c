#include "storage/tree_inside.h"

#include "base/check.h"
#include "base/hash.h"
#include "version/fingerprint.h"

#include <stdlib.h>

struct tree *tree_new(void)
{
    struct tree *tree = calloc(1, sizeof *tree);
    CHECK_MEMORY(tree);
    tree->leaves = calloc(TREE_LEAVES, sizeof *tree->leaves);
    CHECK_MEMORY(tree->leaves);
    tree->stored = calloc(TREE_LEAVES, sizeof *tree->stored);
    CHECK_MEMORY(tree->stored);
    atomic_flag_clear(&tree->guard);
    return tree;
}

void tree_free(struct tree *tree)
{
    if (tree == NULL)
        return;
    free(tree->leaves);
    free(tree->stored);
    free(tree);
}

uint64_t tree_weight(uint32_t hash, uint64_t fingerprint)
{
    return fingerprint == 0 ? 0 : hash_mix(fingerprint ^ hash_mix(hash));
}

uint64_t tree_weight_of_record(uint32_t hash, struct bytes record)
{
    bool ok;
    uint64_t fingerprint = record_fingerprint(record, &ok);
    return ok ? tree_weight(hash, fingerprint) : 0;
}

uint64_t tree_leaf(const struct tree *tree, uint32_t partition_count, uint16_t partition, uint32_t leaf)
{
    CHECK(leaf < tree_leaves_of_partition(partition_count) && partition < partition_count);
    return atomic_load_explicit(&tree->leaves[tree_place(leaf * partition_count + partition)], memory_order_relaxed);
}

static bool is_used(const struct tree *tree, uint32_t leaf)
{
    return atomic_load_explicit(&tree->block_is_used[leaf & (TREE_BLOCKS - 1)], memory_order_relaxed);
}

/* How many blocks the leaves of a partition lie in; leaves with numbers so far apart are in the same. */
static uint32_t blocks_of_partition(uint32_t partition_count)
{
    return partition_count < TREE_BLOCKS ? TREE_BLOCKS / partition_count : 1;
}

uint64_t tree_sum(const struct tree *tree, uint32_t partition_count, uint16_t partition, uint32_t first, uint32_t count)
{
    uint64_t sum = 0;
    uint32_t blocks = blocks_of_partition(partition_count);
    for (uint32_t start = first; start < first + count && start < first + blocks; start++) {
        if (!is_used(tree, start * partition_count + partition))
            continue;
        for (uint32_t i = start; i < first + count; i += blocks)
            sum += tree_leaf(tree, partition_count, partition, i);
    }
    return sum;
}

/* Sums would hide two leaves that have changed places; empty leaves are passed over, so nothing at all gives 0. Block
 * by block, as they lie in memory. */
uint64_t tree_root(const struct tree *tree, uint32_t partition_count, uint16_t partition)
{
    uint64_t root = 0;
    uint32_t count = tree_leaves_of_partition(partition_count);
    uint32_t blocks = blocks_of_partition(partition_count);
    for (uint32_t block = 0; block < blocks; block++) {
        if (!is_used(tree, block * partition_count + partition))
            continue;
        for (uint32_t i = block; i < count; i += blocks) {
            uint64_t leaf = tree_leaf(tree, partition_count, partition, i);
            if (leaf != 0)
                root = hash_mix(root ^ hash_mix(leaf + i));
        }
    }
    return root;
}

static void add_suspect(struct tree *tree, struct tree_suspect suspect)
{
    while (atomic_flag_test_and_set_explicit(&tree->guard, memory_order_acquire)) {
    }
    uint32_t count = atomic_load_explicit(&tree->suspect_count, memory_order_relaxed);
    if (count == TREE_SUSPECTS_MAX)
        tree->all_suspect = true;
    else
        tree->suspects[count++] = suspect;
    atomic_store_explicit(&tree->suspect_count, count, memory_order_relaxed);
    atomic_flag_clear_explicit(&tree->guard, memory_order_release);
}

void tree_suspect_leaf(struct tree *tree, uint16_t partition, uint32_t hash)
{
    add_suspect(tree, (struct tree_suspect){.partition = partition, .leaf = hash & (TREE_LEAVES - 1)});
}

void tree_suspect_partition(struct tree *tree, uint32_t partition_count, uint16_t partition)
{
    add_suspect(tree, (struct tree_suspect){.partition = partition, .partition_count = partition_count});
}
