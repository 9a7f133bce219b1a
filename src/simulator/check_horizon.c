/* [R3]: when the horizon of a copy rises, all that was written at or before it and lives on anywhere is there, or has
 * been known there; so what is not there is dead. */
#include "simulator/world.h"

#include <inttypes.h>

static void judge_copy(struct world *world, const struct machine *machine, int key, hybrid_time horizon,
                       const struct copy *other, unsigned holder, const char *what)
{
    const struct copy *own = &world->oracle.copies[machine->index][key];
    for (uint32_t i = 0; i < other->live_count && !other->is_rotten; i++) {
        const struct written *written = &world->oracle.written[other->live[i].written];
        if (written->time > horizon || bitset_has(&own->known, written->number)
            || oracle_holds(&world->oracle, own, other->live[i].written))
            continue;
        check_fails(world, &check_horizon, key,
                    "%s raises its horizon to %" PRIu64 " and has never had \"%.*s\", which %s has %s", machine->name,
                    (uint64_t)hybrid_ms(horizon) % 100000, (int)written->value.len, (const char *)written->value.at,
                    world->machines[holder].name, what);
    }
}

static void judge(struct world *world, const struct machine *machine, int key, hybrid_time horizon)
{
    struct oracle *oracle = &world->oracle;
    if (oracle->copies[machine->index][key].is_rotten)
        return; /* what cannot be read is merged as if there were no horizon */
    check_judged(world, &check_horizon);
    for (unsigned i = 0; i < world->plan.nodes; i++) {
        if (i != machine->index)
            judge_copy(world, machine, key, horizon, &oracle->copies[i][key], i, "in its data");
        for (unsigned j = 0; j < oracle->hints[i][key].count; j++)
            judge_copy(world, machine, key, horizon, &oracle->hints[i][key].list[j]->copy, i, "in a hint");
    }
}

/* Where a stored record was damaged the checker finds that the tree is wrong, and withdraws the horizon before it mends
 * that: what is missing here is not dead for that. */
static bool is_withdrawn(const struct world *world, const struct machine *machine, uint16_t partition)
{
    for (unsigned key = 0; key < world->keys.count; key++) {
        if (world->keys.list[key].partition == partition && world->oracle.copies[machine->index][key].was_rotten)
            return true;
    }
    return false;
}

void checks_on_standing(struct world *world, const struct machine *machine)
{
    for (unsigned key = 0; world->plan.nodes > 1 && key < world->keys.count; key++) {
        struct copy *copy = &world->oracle.copies[machine->index][key];
        hybrid_time horizon = standing_horizon(node_standing(machine->shared), world->keys.list[key].partition);
        if (horizon == copy->horizon)
            continue;
        WORLD_SAY(world, (int)key, "the horizon of %s is %" PRIu64, machine->name,
                  (uint64_t)hybrid_ms(horizon) % 100000);
        if (horizon < copy->horizon && (horizon != 0 || !is_withdrawn(world, machine, world->keys.list[key].partition)))
            check_fails(world, &check_horizon, (int)key, "the horizon of %s goes back", machine->name);
        copy->horizon = horizon;
        if (horizon > world->oracle.horizons[key])
            world->oracle.horizons[key] = horizon;
        judge(world, machine, (int)key, horizon);
    }
}

const struct check check_horizon = {
    .name = "horizon",
    .claim = "what was written before the horizon of a copy and lives on anywhere is known there [R3]",
};
