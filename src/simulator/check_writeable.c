/* P1, with a strict quorum: once faults have stopped, every request to every node succeeds. */
#include "simulator/world.h"

/* Where a stored record is damaged and, beyond the fault budget, no good copy is left, w nodes may not be there. */
static bool is_lost(const struct world *world, int key)
{
    for (unsigned i = 0; key >= 0 && i < world->plan.nodes && world->plan.exceeds_budget; i++) {
        if (world->oracle.copies[i][key].is_rotten)
            return true;
    }
    return false;
}

static void on_end(struct world *world, size_t number)
{
    const struct op *op = history_op(&world->history, number);
    if (!world->must_serve || is_lost(world, op->key))
        return;
    check_judged(world, &check_writeable);
    if (op->outcome == OP_FAILED)
        check_fails(world, &check_writeable, op->key,
                    "operation %zu (%s at %s) ended in \"%s\" though nothing fails any more", number, op_name(op->kind),
                    world->machines[op->machine].name, op->error);
}

static void at_rest(struct world *world)
{
    for (unsigned i = 0; i < world->plan.nodes; i++) {
        if (!machine_serves(&world->machines[i]))
            check_fails(world, &check_writeable, TRACE_NO_KEY, "%s does not serve though nothing fails any more",
                        world->machines[i].name);
    }
}

const struct check check_writeable = {
    .name = "writeable",
    .claim = "a request to a node that reaches enough owners succeeds (P1, with a strict quorum)",
    .on_end = on_end,
    .at_rest = at_rest,
};
