#include "ring/quota.h"

#include "base/check.h"

#include <stdlib.h>

/* The tree: [0] all, then the data centres, then the racks, then the nodes. Parents come before their children. All
 * arithmetic is on whole numbers, because every node of the ring must come to the same quotas. */
struct unit {
    uint32_t parent;
    uint64_t weight;      /* 0 but for nodes */
    uint64_t least, most; /* partitions that it keeps, summed over its nodes */
    uint32_t held;
    bool is_shared_out; /* belongs to the group that is being shared out, by weight or with a fixed total */
    bool is_fixed;      /* at its least or most: `whole` is what it gets */
    int limited;        /* by the last evaluation: -1 below its least, 1 above its most */
    uint64_t value;     /* by the last evaluation, in parts of a partition */
    uint64_t whole;     /* its exact share: whole partitions ... */
    uint64_t part;      /* ... and a part of one, in the unit of the group's rate */
    uint32_t quota;
};

struct tree {
    struct unit *units;
    uint32_t count, first_node;
};

static void limit_group(struct unit *unit, uint32_t group_count, uint32_t owner_count, uint32_t partition_count)
{
    unit->least = group_count <= owner_count ? partition_count : 0;
    unit->most = group_count >= owner_count ? partition_count : (uint64_t)partition_count * owner_count;
}

static void tree_init(struct tree *tree, const struct places *places, const struct ring_member *members,
                      uint32_t partition_count, const uint32_t *held)
{
    uint32_t first_rack = 1 + places->datacenter_count, first_node = first_rack + places->rack_count;
    tree->count = first_node + places->member_count;
    tree->first_node = first_node;
    tree->units = calloc(tree->count, sizeof *tree->units);
    CHECK_MEMORY(tree->units);
    for (uint32_t i = 0; i < places->datacenter_count; i++)
        limit_group(&tree->units[1 + i], places->datacenter_count, places->owner_count, partition_count);
    for (uint32_t i = 0; i < places->rack_count; i++) {
        tree->units[first_rack + i].parent = 1U + places->rack_datacenters[i];
        limit_group(&tree->units[first_rack + i], places->rack_count, places->owner_count, partition_count);
    }
    for (uint32_t i = 0; i < places->member_count; i++)
        tree->units[first_node + i] = (struct unit){.parent = first_rack + places->racks[i],
                                                    .weight = members[i].weight,
                                                    .most = partition_count,
                                                    .held = held[i]};
    for (uint32_t i = tree->count - 1; i > 0; i--)
        tree->units[tree->units[i].parent].held += tree->units[i].held;
}

/* What lies below a group, except below units that are fixed. */
static void mark_shared_out(struct tree *tree, uint32_t group)
{
    for (uint32_t i = 0; i <= group; i++)
        tree->units[i].is_shared_out = i == group;
    for (uint32_t i = group + 1; i < tree->count; i++) {
        const struct unit *parent = &tree->units[tree->units[i].parent];
        tree->units[i].is_shared_out = parent->is_shared_out && !(parent->is_fixed && parent != &tree->units[group]);
    }
}

/* The value of each unit below the group at the rate `rest` / `parts` for each weight, in 1 / `parts` of a partition:
 * 10^5 x 10^6 for a node, 10^8 x 10^6 for all. The sum is the group's own value. */
static void evaluate(struct tree *tree, uint32_t group, uint64_t rest, uint64_t parts)
{
    for (uint32_t i = group; i < tree->count; i++)
        tree->units[i].value = 0;
    for (uint32_t i = tree->count - 1; i > group; i--) {
        struct unit *unit = &tree->units[i];
        if (!unit->is_shared_out)
            continue;
        if (unit->is_fixed)
            unit->value = unit->whole * parts;
        else if (i >= tree->first_node)
            unit->value = unit->weight * rest;
        unit->limited = 0;
        if (!unit->is_fixed && unit->value < unit->least * parts) {
            unit->value = unit->least * parts;
            unit->limited = -1;
        } else if (!unit->is_fixed && unit->value > unit->most * parts) {
            unit->value = unit->most * parts;
            unit->limited = 1;
        }
        tree->units[unit->parent].value += unit->value;
    }
}

/* Fixes the units that are limited on one side; how many. */
static uint32_t fix(struct tree *tree, uint32_t group, int side)
{
    uint32_t count = 0;
    for (uint32_t i = group + 1; i < tree->count; i++) {
        struct unit *unit = &tree->units[i];
        if (!unit->is_shared_out || unit->is_fixed || unit->limited != side)
            continue;
        unit->is_fixed = true;
        unit->whole = side < 0 ? unit->least : unit->most;
        count++;
    }
    return count;
}

/* Finds the rate at which the values below a group add up to its total. If the values at the rate that would do without
 * limits add up to too much, some are at their least and will be so at the right (lower) rate too, so these are fixed
 * and the rest is shared out again; likewise with too little and their most. */
static uint64_t find_rate(struct tree *tree, uint32_t group, uint64_t total)
{
    for (;;) {
        mark_shared_out(tree, group);
        uint64_t fixed = 0, weight = 0;
        for (uint32_t i = group + 1; i < tree->count; i++) {
            const struct unit *unit = &tree->units[i];
            if (unit->is_shared_out && unit->is_fixed)
                fixed += unit->whole;
            else if (unit->is_shared_out)
                weight += unit->weight;
        }
        CHECK(fixed <= total);
        uint64_t parts = weight == 0 ? 1 : weight;
        evaluate(tree, group, weight == 0 ? 0 : total - fixed, parts);
        uint64_t sum = tree->units[group].value;
        if (sum == total * parts) {
            (void)fix(tree, group, -1);
            (void)fix(tree, group, 1);
            return parts;
        }
        uint32_t count = fix(tree, group, sum > total * parts ? -1 : 1);
        CHECK(count > 0);
    }
}

static void share_out(struct tree *tree, uint32_t group, uint64_t total)
{
    /* What was found below the group together with others does not hold when it is limited as a whole. */
    for (uint32_t i = 0; i < tree->count; i++) {
        struct unit *unit = &tree->units[i];
        unit->is_shared_out = i == group || (i > group && tree->units[unit->parent].is_shared_out);
        if (unit->is_shared_out && i != group)
            unit->is_fixed = false;
    }
    uint64_t parts = find_rate(tree, group, total);
    for (uint32_t i = group + 1; i < tree->count; i++) {
        struct unit *unit = &tree->units[i];
        if (!unit->is_shared_out)
            continue;
        unit->whole = unit->value / parts;
        unit->part = unit->value % parts;
    }
}

struct rounding {
    uint32_t unit;
    bool is_held; /* rounding up asks for nothing new */
    uint64_t part;
};

/* A total order: largest remainders, but first those that have what they would get. */
static int compare_roundings(const void *left, const void *right)
{
    const struct rounding *a = left, *b = right;
    if (a->is_held != b->is_held)
        return a->is_held ? -1 : 1;
    if (a->part != b->part)
        return a->part > b->part ? -1 : 1;
    return a->unit < b->unit ? -1 : a->unit > b->unit;
}

/* The quotas of a group's children: the wholes, and one more for as many of those with a part as the group's own quota
 * asks for. The shares of children add up to that of the group, so neither too few nor too many have a part. */
static void round_children(struct tree *tree, uint32_t group, struct rounding *roundings)
{
    uint32_t count = 0;
    uint64_t rest = tree->units[group].quota;
    for (uint32_t i = group + 1; i < tree->count; i++) {
        struct unit *unit = &tree->units[i];
        if (unit->parent != group)
            continue;
        rest -= unit->whole;
        unit->quota = (uint32_t)unit->whole;
        if (unit->part > 0)
            roundings[count++] = (struct rounding){.unit = i, .is_held = unit->held > unit->whole, .part = unit->part};
    }
    CHECK(rest <= count);
    qsort(roundings, count, sizeof *roundings, compare_roundings);
    for (uint32_t i = 0; i < rest; i++)
        tree->units[roundings[i].unit].quota++;
}

void quota_of_members(const struct places *places, const struct ring_member *members, uint32_t partition_count,
                      const uint32_t *held, uint32_t *quotas)
{
    struct tree tree;
    tree_init(&tree, places, members, partition_count, held);
    uint64_t total = (uint64_t)partition_count * places->owner_count;
    tree.units[0].quota = (uint32_t)total;
    share_out(&tree, 0, total);
    for (uint32_t i = 1; i < tree.first_node; i++) {
        if (tree.units[i].is_fixed)
            share_out(&tree, i, tree.units[i].whole);
    }
    struct rounding *roundings = calloc(tree.count, sizeof *roundings);
    CHECK_MEMORY(roundings);
    for (uint32_t i = 0; i < tree.first_node; i++)
        round_children(&tree, i, roundings);
    for (uint32_t i = 0; i < places->member_count; i++)
        quotas[i] = tree.units[tree.first_node + i].quota;
    free(roundings);
    free(tree.units);
}
