/* While nothing has failed no request fails. */
#include "simulator/world.h"

static void on_end(struct world *world, size_t number)
{
    const struct op *op = history_op(&world->history, number);
    if (world->checks.faults_began)
        return;
    check_judged(world, &check_calm);
    if (op->outcome == OP_FAILED)
        check_fails(world, &check_calm, op->key, "operation %zu (%s at %s) ended in \"%s\" and nothing has failed",
                    number, op_name(op->kind), world->machines[op->machine].name, op->error);
}

const struct check check_calm = {
    .name = "calm",
    .claim = "while nothing fails no request fails",
    .on_end = on_end,
};
