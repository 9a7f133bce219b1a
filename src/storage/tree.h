/* The hash tree of a store, Dynamo 4.7 with [R11]: sums over the fingerprints of its records.
 *
 * A leaf is the sum of what tree_weight gives for each of its records, modulo 2^64: it does not depend on their order,
 * and an update changes it by a difference. Leaves are kept in memory and change with each update, under the key's
 * stripe. The checkpoint writes the changed blocks of leaves in the transaction that writes their records, so what is
 * stored is the sum of what is stored; replay adds the differences of what it replays. So the tree is never rebuilt.
 *
 * A leaf is chosen by the low TREE_LEAF_BITS bits of a key's hash. Those of a partition are the ones whose low bits are
 * its number, so the tree does not depend on how many partitions the ring has. There are 2^18 leaves whatever the
 * number of keys (2 MiB; 4 keys in a leaf with a million, 400 with a hundred million): a partition of a ring of 1,024
 * has 256. Upper levels are computed when they are asked for.
 *
 * Any thread may read; each leaf is read whole, several are not read at one moment. */
#ifndef STORAGE_TREE_H
#define STORAGE_TREE_H

#include "base/bytes.h"

#include <stdbool.h>
#include <stdint.h>

enum {
    TREE_LEAF_BITS = 18,
    TREE_LEAVES = 1 << TREE_LEAF_BITS,
    TREE_BLOCK_BITS = 10, /* leaves whose hashes agree in these low bits are written together */
    TREE_BLOCKS = 1 << TREE_BLOCK_BITS,
    TREE_BLOCK_LEAVES = TREE_LEAVES / TREE_BLOCKS
};

struct tree;

/* How many leaves a partition has when there are so many partitions: a power of two, at least 4. */
static inline uint32_t tree_leaves_of_partition(uint32_t partition_count)
{
    return (uint32_t)TREE_LEAVES / partition_count;
}

/* The number of a key's leaf within its partition. */
static inline uint32_t tree_leaf_in_partition(uint32_t hash, uint32_t partition_count)
{
    return (hash & (TREE_LEAVES - 1)) / partition_count;
}

/* What a record adds to its leaf: of its key's hash and record_fingerprint; 0 for none. */
uint64_t tree_weight(uint32_t hash, uint64_t fingerprint);

/* One leaf of a partition. */
uint64_t tree_leaf(const struct tree *tree, uint32_t partition_count, uint16_t partition, uint32_t leaf);
/* The sum of `count` leaves of a partition, from `first` on, modulo 2^64. */
uint64_t tree_sum(const struct tree *tree, uint32_t partition_count, uint16_t partition, uint32_t first,
                  uint32_t count);
/* A fingerprint over all leaves of a partition, in their order; 0 when all are 0. */
uint64_t tree_root(const struct tree *tree, uint32_t partition_count, uint16_t partition);

#endif
