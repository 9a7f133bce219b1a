/* [R11]: the hash tree that is kept is the one that would be built from the records; and when nothing fails any more
 * those of all owners are the same. */
#include "base/check.h"
#include "simulator/world.h"
#include "storage/tree.h"
#include "version/fingerprint.h"

#include <stdlib.h>

/* What the leaves of a partition should be. */
static void build(struct world *world, struct machine *machine, uint16_t partition, uint64_t *leaves)
{
    uint32_t partitions = world->plan.ring.partition_count;
    memset(leaves, 0, tree_leaves_of_partition(partitions) * sizeof *leaves);
    for (unsigned i = 0; i < world->keys.count; i++) {
        const struct key *key = &world->keys.list[i];
        struct blob *record = key->partition == partition ? machine_read(machine, i) : NULL;
        bool good = record != NULL;
        uint64_t fingerprint = good ? record_fingerprint(blob_bytes(record), &good) : 0;
        if (good)
            leaves[tree_leaf_in_partition(key->hash, partitions)] += tree_weight(key->hash, fingerprint);
        blob_release(record);
    }
}

static void judge_partition(struct world *world, struct machine *machine, unsigned key)
{
    uint32_t partitions = world->plan.ring.partition_count, count = tree_leaves_of_partition(partitions);
    uint16_t partition = world->keys.list[key].partition;
    const struct tree *tree = store_tree(machine->store);
    uint64_t *leaves = malloc(count * sizeof *leaves);
    CHECK_MEMORY(leaves);
    build(world, machine, partition, leaves);
    check_judged(world, &check_trees);
    for (uint32_t i = 0; i < count; i++) {
        if (tree_leaf(tree, partitions, partition, i) == leaves[i])
            continue;
        check_fails(world, &check_trees, (int)key, "leaf %u of partition %u at %s is not what its records add up to", i,
                    partition, machine->name);
        break;
    }
    free(leaves);
}

/* A damaged record is still what its leaf says, but nobody can read that. */
static bool is_rotten(const struct world *world, unsigned machine, uint16_t partition)
{
    for (unsigned key = 0; key < world->keys.count; key++) {
        if (world->keys.list[key].partition == partition && world->oracle.copies[machine][key].is_rotten)
            return true;
    }
    return false;
}

void checks_on_tree(struct world *world, struct machine *machine)
{
    for (unsigned key = 0; key < world->keys.count; key++) {
        if (!is_rotten(world, machine->index, world->keys.list[key].partition))
            judge_partition(world, machine, key);
    }
}

/* What is dead is freed here earlier than there; check_identical knows what is. */
static bool is_being_freed(const struct world *world, const struct ring_view *view, uint16_t partition)
{
    const uint16_t *list = ring_preference_list(view, partition);
    for (unsigned key = 0; key < world->keys.count; key++) {
        int first = machine_by_address(world, view->members[list[0]].name);
        for (uint32_t i = 1; i < view->owner_count && world->keys.list[key].partition == partition; i++) {
            int other = machine_by_address(world, view->members[list[i]].name);
            const struct copy *a = &world->oracle.copies[first][key], *b = &world->oracle.copies[other][key];
            if (a->exists != b->exists || a->live_count != b->live_count)
                return true;
        }
    }
    return false;
}

static void compare(struct world *world, unsigned key, const struct ring_view *view)
{
    uint16_t partition = world->keys.list[key].partition;
    const uint16_t *list = ring_preference_list(view, partition);
    uint64_t first = 0;
    if (is_being_freed(world, view, partition))
        return;
    for (uint32_t i = 0; i < view->owner_count; i++) {
        int owner = machine_by_address(world, view->members[list[i]].name);
        if (is_rotten(world, (unsigned)owner, partition))
            return;
        uint64_t root = tree_root(store_tree(world->machines[owner].store), view->partition_count, partition);
        if (i == 0)
            first = root;
        else if (root != first)
            check_fails(world, &check_trees, (int)key, "the trees of partition %u differ at the end: %s and %s",
                        partition, view->members[list[0]].name, view->members[list[i]].name);
    }
}

static void at_rest(struct world *world)
{
    for (unsigned i = 0; i < world->plan.nodes; i++) {
        if (world->machines[i].state != MACHINE_UP)
            return;
        checks_on_tree(world, &world->machines[i]);
    }
    for (unsigned key = 0; key < world->keys.count; key++)
        compare(world, key, node_view(world->machines[0].shared));
}

const struct check check_trees = {
    .name = "trees",
    .claim = "hash trees are what the records add up to, and at the end the owners' are the same [R11]",
    .at_rest = at_rest,
};
