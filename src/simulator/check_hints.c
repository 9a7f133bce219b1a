/* A hint goes only when its owner, or every present owner, has had all that it held; and when nothing fails any more
 * there are none. */
#include "simulator/world.h"

/* Has this machine, at any time, stored this version or one that replaced it? */
static bool has_had(const struct world *world, unsigned machine, int key, uint32_t written)
{
    const struct copy *copy = &world->oracle.copies[machine][key];
    const struct written *wanted = &world->oracle.written[written];
    const struct version named = {.dot = wanted->dot, .request = wanted->request, .attempt = wanted->attempt};
    uint32_t number = wanted->number;
    if (context_covers_version(&copy->context, &named))
        return true; /* also by its name: a later attempt is there */
    return bitset_has(&copy->known, number) || bitset_has(&copy->lost, number) || bitset_has(&copy->freed, number)
           || oracle_holds(&world->oracle, copy, written) || world->oracle.written[written].time <= copy->horizon;
}

static bool all_owners_have_had(const struct world *world, const struct machine *machine, int key, uint32_t written)
{
    const struct ring_view *view = node_view(machine->shared);
    const uint16_t *list = ring_preference_list(view, world->keys.list[key].partition);
    for (uint32_t i = 0; i < view->owner_count; i++) {
        int owner = machine_by_address(world, view->members[list[i]].name);
        if (owner < 0 || !has_had(world, (unsigned)owner, key, written))
            return false;
    }
    return true;
}

static void on_stored(struct world *world, const struct stored *stored)
{
    if (stored->owner == ORACLE_DATA || !stored->is_erased)
        return;
    const struct machine *machine = &world->machines[stored->machine];
    for (uint32_t i = 0; i < stored->before->live_count; i++) {
        uint32_t written = stored->before->live[i].written;
        check_judged(world, &check_hints);
        if (has_had(world, (unsigned)stored->owner, stored->key, written)
            || all_owners_have_had(world, machine, stored->key, written))
            continue;
        check_fails(world, &check_hints, stored->key, "%s drops its hint of \"%.*s\", which %s has never had",
                    machine->name, (int)world->oracle.written[written].value.len,
                    (const char *)world->oracle.written[written].value.at, world->machines[stored->owner].name);
    }
}

static void at_rest(struct world *world)
{
    for (unsigned i = 0; i < world->plan.nodes && !oracle_has_lost_for_good(world); i++) {
        struct hints_counters counters = {0};
        if (world->machines[i].state != MACHINE_UP)
            continue;
        hints_count(node_hints(world->machines[i].shared), &counters);
        check_judged(world, &check_hints);
        if (counters.kept != 0)
            check_fails(world, &check_hints, TRACE_NO_KEY, "%s still has %u hints when nothing fails any more",
                        world->machines[i].name, (unsigned)counters.kept);
        for (unsigned key = 0; key < world->keys.count; key++) {
            for (unsigned j = 0; j < world->oracle.hints[i][key].count; j++) {
                if (world->oracle.hints[i][key].list[j]->copy.exists)
                    check_fails(world, &check_hints, (int)key, "%s keeps a hint that it does not count",
                                world->machines[i].name);
            }
        }
    }
}

const struct check check_hints = {
    .name = "hints",
    .claim = "no hint is lost, and when nothing fails any more there are none [4.6]",
    .on_stored = on_stored,
    .at_rest = at_rest,
};
