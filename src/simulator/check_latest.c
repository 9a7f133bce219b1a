/* P2, last write wins: later reads return an acknowledged write, or one with a later time. */
#include "simulator/world.h"

/* Could the answer come from a version at least as new as this one? */
static bool is_new_enough(const struct world *world, const struct op *read, uint32_t wanted)
{
    const struct key_writes *writes = &world->oracle.keys[read->key];
    for (uint32_t i = 0; i < writes->count; i++) {
        const struct written *other = &world->oracle.written[writes->list[i]];
        bool is_shown = read->outcome == OP_MISS
                            ? other->is_tombstone
                            : !other->is_tombstone && bytes_equal(read->seen[0].value, other->value);
        if (is_shown && (writes->list[i] == wanted || oracle_may_follow(&world->oracle, writes->list[i], wanted)))
            return true;
    }
    return false;
}

static void on_end(struct world *world, size_t number)
{
    const struct op *read = history_op(&world->history, number);
    if (!checks_quorums_meet(world) || !op_is_read(read) || (read->outcome != OP_DONE && read->outcome != OP_MISS)
        || world->plan.flushes || world->keys.list[read->key].kind != KEYS_LATEST
        || !plan_is_strict(&world->plan, KEYS_LATEST))
        return;
    for (size_t i = 0; i < world->history.count; i++) {
        const struct op *write = history_op(&world->history, i);
        if (write->key != read->key || !op_stores(write) || write->outcome != OP_DONE || write->noreply
            || write->ended >= read->began)
            continue;
        bool good = false;
        for (uint32_t at = oracle_first_of_op(&world->oracle, i); at != ORACLE_NONE && !good;
             at = world->oracle.written[at].next_of_op)
            good = is_new_enough(world, read, at);
        check_judged(world, &check_latest);
        if (!good)
            check_fails(world, &check_latest, read->key,
                        "operation %zu at %s reads something older than \"%.*s\", which operation %zu had acknowledged",
                        number, world->machines[read->machine].name, (int)write->value.len,
                        (const char *)write->value.at, i);
    }
}

const struct check check_latest = {
    .name = "latest",
    .claim = "with last-write-wins a read returns an acknowledged write or one with a later time (P2)",
    .on_end = on_end,
    .needs_budget = true,
};
