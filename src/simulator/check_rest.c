/* When nothing is asked any more, nothing is under way any more: no timer, no round, no forward, no memory. */
#include "node/forward.h"
#include "simulator/world.h"

static void at_rest(struct world *world)
{
    for (unsigned i = 0; i < world->plan.nodes; i++) {
        const struct machine *machine = &world->machines[i];
        for (unsigned j = 0; machine->state == MACHINE_UP && j <= machine->loop_count; j++) {
            const struct node *node = &machine->loops[j].node;
            check_judged(world, &check_rest);
            if (coordinator_wake_at(&node->coordinator) != UINT64_MAX || forward_wake_at(node) != UINT64_MAX)
                check_fails(world, &check_rest, TRACE_NO_KEY, "%s still has a timer when all has ended", machine->name);
            else if (node_pending(node) != 0)
                check_fails(world, &check_rest, TRACE_NO_KEY, "%s still serves others when all has ended",
                            machine->name);
            else if (machine->loops[j].frontend.requests.borrowed != 0)
                check_fails(world, &check_rest, TRACE_NO_KEY, "%s still has requests when all has ended",
                            machine->name);
        }
    }
}

static void on_closed(struct world *world, const struct machine_loop *loop)
{
    const struct frontend *frontend = &loop->frontend;
    check_judged(world, &check_rest);
    if (frontend->requests.borrowed + frontend->tasks.borrowed + frontend->works.borrowed + frontend->chunks.borrowed
        != 0)
        check_fails(world, &check_rest, TRACE_NO_KEY, "%s has not given back all memory of its loop",
                    loop->machine->name);
}

const struct check check_rest = {
    .name = "rest",
    .claim = "when nothing is asked, nothing is left under way: no timer, round, forward or buffer",
    .at_rest = at_rest,
    .on_closed = on_closed,
};
