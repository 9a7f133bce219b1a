/* P3, as far as reading repairs: when faults have stopped and every key has been read through every node, the replicas
 * that were read are identical: the same live versions, bytes and expiry. */
#include "simulator/world.h"

static bool is_same(const struct copy *a, const struct copy *b)
{
    if (a->live_count != b->live_count)
        return false;
    for (uint32_t i = 0; i < a->live_count; i++) {
        const struct living *x = &a->live[i], *y = &b->live[i];
        if (x->written != y->written || x->expiry_ms != y->expiry_ms || x->expiry_stamp != y->expiry_stamp
            || x->kind != y->kind || x->marks != y->marks)
            return false;
    }
    return true;
}

static void judge(struct world *world, int key, const struct ring_view *view)
{
    const uint16_t *list = ring_preference_list(view, world->keys.list[key].partition);
    int first = machine_by_address(world, view->members[list[0]].name);
    for (uint32_t i = 1; i < view->owner_count; i++) {
        int other = machine_by_address(world, view->members[list[i]].name);
        const struct copy *a = &world->oracle.copies[first][key], *b = &world->oracle.copies[other][key];
        check_judged(world, &check_identical);
        if (is_same(a, b))
            continue;
        char one[200], two[200];
        oracle_describe(&world->oracle, a, one, sizeof one);
        oracle_describe(&world->oracle, b, two, sizeof two);
        check_fails(world, &check_identical, key, "%s differs: %s has %s, %s has %s", world->keys.list[key].text,
                    world->machines[first].name, one, world->machines[other].name, two);
    }
}

static void at_rest(struct world *world)
{
    for (unsigned key = 0; key < world->keys.count; key++) {
        /* A read of one asks nobody else. */
        if (plan_r(&world->plan, world->keys.list[key].kind) > 1 && world->machines[0].shared != NULL)
            judge(world, (int)key, node_view(world->machines[0].shared));
    }
}

const struct check check_identical = {
    .name = "identical",
    .claim = "when faults stop, the replicas that were read become identical (P3)",
    .at_rest = at_rest,
};
