/* P6: a reply comes within the request's deadline, from a node that is not paused and stays up. */
#include "simulator/world.h"

void checks_on_silence(struct world *world, size_t number)
{
    const struct op *op = history_op(&world->history, number);
    const struct machine *machine = &world->machines[op->machine];
    check_judged(world, &check_silence);
    if (machine->quiet_since_ns <= op->sent_ns)
        check_fails(world, &check_silence, op->key, "operation %zu (%s) at %s was never answered", number,
                    op_name(op->kind), machine->name);
}

const struct check check_silence = {
    .name = "silence",
    .claim = "a node that is up answers every request within its deadline (P6)",
};
