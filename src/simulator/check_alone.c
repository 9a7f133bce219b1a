/* While nothing has failed there are no siblings but those that clients asked for (stale-cas = sibling). */
#include "simulator/world.h"

static void on_end(struct world *world, size_t number)
{
    const struct op *op = history_op(&world->history, number);
    if (world->checks.faults_began || op->kind != OP_GETS || op->outcome != OP_DONE)
        return;
    if (world->keys.list[op->key].kind == KEYS_CART)
        return;
    check_judged(world, &check_alone);
    if (op->seen_count > 1)
        check_fails(world, &check_alone, op->key, "operation %zu reads %u siblings of %s and nothing has failed",
                    number, op->seen_count, world->keys.list[op->key].text);
}

const struct check check_alone = {
    .name = "alone",
    .claim = "while nothing fails there are no siblings but those asked for",
    .on_end = on_end,
};
