/* P3: when faults have stopped, the replicas become identical: the same live versions, bytes and expiry. */
#include "simulator/world.h"

static const struct living *find(const struct copy *copy, uint32_t written)
{
    for (uint32_t i = 0; i < copy->live_count; i++) {
        if (copy->live[i].written == written)
            return &copy->live[i];
    }
    return NULL;
}

/* Everything that lives in `a` lives the same in `b`, or `b` has freed it behind its horizon already. Whether the bytes
 * of an expired version are still there is not compared: they go at different moments. */
static bool is_part(const struct world *world, const struct copy *a, const struct copy *b)
{
    for (uint32_t i = 0; i < a->live_count; i++) {
        const struct living *x = &a->live[i], *y = find(b, x->written);
        const struct written *written = &world->oracle.written[x->written];
        if (y == NULL && bitset_has(&b->known, written->number) && written->time <= b->horizon)
            continue;
        if (y == NULL || x->expiry_ms != y->expiry_ms || x->expiry_stamp != y->expiry_stamp || x->marks != y->marks)
            return false;
    }
    return true;
}

static bool is_same(const struct world *world, const struct copy *a, const struct copy *b)
{
    return a->is_rotten || b->is_rotten || (is_part(world, a, b) && is_part(world, b, a));
}

static void judge(struct world *world, int key, const struct ring_view *view)
{
    const uint16_t *list = ring_preference_list(view, world->keys.list[key].partition);
    int first = machine_by_address(world, view->members[list[0]].name);
    for (uint32_t i = 1; i < view->owner_count; i++) {
        int other = machine_by_address(world, view->members[list[i]].name);
        const struct copy *a = &world->oracle.copies[first][key], *b = &world->oracle.copies[other][key];
        check_judged(world, &check_identical);
        if (is_same(world, a, b))
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
    for (unsigned key = 0; key < world->keys.count && world->machines[0].shared != NULL; key++)
        judge(world, (int)key, node_view(world->machines[0].shared));
}

const struct check check_identical = {
    .name = "identical",
    .claim = "when faults stop, all replicas become identical (P3)",
    .at_rest = at_rest,
};
