/* P3: when faults have stopped, every copy is compared with the others', every hint handed over, within bounded time;
 * and then repair sends nothing any more. */
#include "simulator/world.h"

static void name_laggard(struct world *world)
{
    for (unsigned i = 0; i < world->plan.nodes; i++) {
        const struct machine *machine = &world->machines[i];
        struct hints_counters hints;
        hints_count(node_hints(machine->shared), &hints);
        if (hints.kept != 0 && !oracle_has_rot(world))
            check_fails(world, &check_convergence, TRACE_NO_KEY, "%s still has %u hints long after the last fault",
                        machine->name, (unsigned)hints.kept);
        if (!machine_is_restored(machine))
            check_fails(world, &check_convergence, TRACE_NO_KEY,
                        "%s still has copies that have not been compared, long after the last fault", machine->name);
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
    .claim = "after faults copies are compared and hints handed over in bounded time, and repair ends (P3)",
};
