/* P4: a value is not read after its time, whatever the clocks of the nodes say, as long as they are within their bound.
 */
#include "simulator/world.h"

enum {
    SLACK_MS = 4000, /* clocks are up to 0.9 s ahead and step by up to 1 s; exptimes are whole seconds */
    LOST_MS = 60000  /* when a command without an answer has been carried out at the latest */
};

static uint64_t end_of(const struct op *op)
{
    uint64_t ended = op->ended_ns == UINT64_MAX ? op->sent_ns + LOST_MS * (uint64_t)WORLD_MS_NS : op->ended_ns;
    return op->exptime == 0 ? UINT64_MAX : ended + (op->exptime * 1000 + SLACK_MS) * (uint64_t)WORLD_MS_NS;
}

static bool sets_expiry(const struct op *op)
{
    return op->kind == OP_TOUCH || op->kind == OP_GAT;
}

/* Until when the value of this write may be read: its own expiry, or a later touch. */
static uint64_t until(const struct world *world, const struct op *read, size_t write)
{
    uint64_t last = end_of(history_op(&world->history, write));
    for (size_t i = 0; i < world->history.count && last != UINT64_MAX; i++) {
        const struct op *op = history_op(&world->history, i);
        if (op->key != read->key || !sets_expiry(op) || op->sent_ns > read->ended_ns)
            continue;
        uint64_t end = end_of(op);
        last = end > last ? end : last;
    }
    return last;
}

static void on_end(struct world *world, size_t number)
{
    const struct op *read = history_op(&world->history, number);
    uint64_t writer;
    if (world->plan.faults[FAULT_FAR_CLOCK] || read->kind > OP_GETS || read->outcome != OP_DONE
        || world->keys.list[read->key].kind != KEYS_EXPIRING)
        return;
    for (unsigned i = 0; i < read->seen_count; i++) {
        for (size_t at = 0; value_next(read->seen[i].value, '#', &at, &writer);) {
            if (writer >= world->history.count)
                continue;
            check_judged(world, &check_expired);
            if (until(world, read, writer) < read->began_ns)
                check_fails(world, &check_expired, read->key, "operation %zu at %s reads \"#%u;\", which has expired",
                            number, world->machines[read->machine].name, (unsigned)writer);
        }
    }
}

const struct check check_expired = {
    .name = "expired",
    .claim = "an expired value is never read again (P4)",
    .on_end = on_end,
};
