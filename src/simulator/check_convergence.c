/* P3: when faults have stopped, every copy is compared with the others', every hint handed over and every damaged
 * record replaced, within bounded time; and then repair sends nothing any more. */
#include "simulator/world.h"

static void name_damage(struct world *world, const struct machine *machine)
{
    for (unsigned key = 0; key < world->keys.count; key++) {
        if (world->oracle.copies[machine->index][key].is_rotten)
            check_fails(world, &check_convergence, (int)key,
                        "the record of %s that was damaged at %s has not been replaced long after the last fault",
                        world->keys.list[key].text, machine->name);
    }
}

static void name_laggard(struct world *world)
{
    for (unsigned i = 0; i < world->plan.nodes; i++) {
        const struct machine *machine = &world->machines[i];
        struct hints_counters hints;
        hints_count(node_hints(machine->shared), &hints);
        if (hints.kept != 0 && !oracle_has_lost_for_good(world))
            check_fails(world, &check_convergence, TRACE_NO_KEY, "%s still has %u hints long after the last fault",
                        machine->name, (unsigned)hints.kept);
        if (!machine_is_restored(machine))
            check_fails(world, &check_convergence, TRACE_NO_KEY,
                        "%s still has copies that have not been compared, long after the last fault", machine->name);
        if (!oracle_has_lost_for_good(world))
            name_damage(world, machine);
    }
}

void checks_on_converged(struct world *world, bool has)
{
    check_judged(world, &check_convergence);
    if (!has && !checks_failed(&world->checks))
        name_laggard(world);
}

void checks_on_silent_ring(struct world *world, uint64_t records)
{
    check_judged(world, &check_convergence);
    if (records != 0)
        check_fails(world, &check_convergence, TRACE_NO_KEY, "%u records travel though all has been repaired",
                    (unsigned)records);
}

const struct check check_convergence = {
    .name = "convergence",
    .claim =
        "after faults copies are compared, hints handed over, damaged records replaced in bounded time, and repair "
        "ends (P3)",
};
