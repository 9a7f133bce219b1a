/* P4 with [R7]: what flush_all has ended is not read again. While nothing fails that is so from its acknowledgement on;
 * when everything has been mended, for every flush that any node knows of, whoever had not heard of it then. */
#include "simulator/world.h"

static bool is_acknowledged_before(const struct op *a, const struct op *b)
{
    return a->outcome == OP_DONE && !a->noreply && a->ended < b->began;
}

/* The last acknowledged flush that was over before the read began. */
static const struct op *last_flush(const struct world *world, const struct op *read)
{
    const struct op *last = NULL;
    for (size_t i = 0; i < world->history.count; i++) {
        const struct op *op = history_op(&world->history, i);
        if (op->kind == OP_FLUSH && is_acknowledged_before(op, read) && (last == NULL || op->began > last->began))
            last = op;
    }
    return last;
}

/* An append that races with the flush may find the value and get a later time than the flush: then it was first. */
static bool has_raced(const struct world *world, struct bytes value, const struct op *flush)
{
    uint64_t writer;
    for (size_t at = 0; value_next(value, '#', &at, &writer);) {
        const struct op *op = writer < world->history.count ? history_op(&world->history, writer) : NULL;
        if (op != NULL && op->began < flush->ended && op->ended > flush->began)
            return true;
    }
    return false;
}

static void judge_calm(struct world *world, size_t number, const struct op *read)
{
    const struct op *flush = last_flush(world, read);
    uint64_t writer;
    for (unsigned i = 0; flush != NULL && i < read->seen_count; i++) {
        if (has_raced(world, read->seen[i].value, flush))
            continue;
        for (size_t at = 0; value_next(read->seen[i].value, '#', &at, &writer);) {
            check_judged(world, &check_flushed);
            if (writer < world->history.count && is_acknowledged_before(history_op(&world->history, writer), flush))
                check_fails(world, &check_flushed, read->key,
                            "operation %zu at %s reads \"#%u;\", which had been flushed", number,
                            world->machines[read->machine].name, (unsigned)writer);
        }
    }
}

static hybrid_time newest_flush(struct world *world)
{
    hybrid_time newest = 0;
    for (unsigned i = 0; i < world->plan.nodes; i++) {
        struct machine *machine = &world->machines[i];
        if (machine->state != MACHINE_UP)
            continue;
        hybrid_time flushed = coordinator_flush_registers(&machine->loops[0].node.coordinator).flushed;
        newest = flushed > newest ? flushed : newest;
    }
    return newest;
}

/* Has its operation made no other version, with the same value and a later time? */
static bool is_only_one(const struct oracle *oracle, const struct written *written)
{
    return written->op != SIZE_MAX
           && oracle->written[oracle_first_of_op(oracle, written->op)].next_of_op == ORACLE_NONE;
}

static void judge_mended(struct world *world, size_t number, const struct op *read)
{
    const struct oracle *oracle = &world->oracle;
    const struct key_writes *writes = &oracle->keys[read->key];
    hybrid_time flushed = newest_flush(world);
    for (uint32_t i = 0; i < writes->count && flushed != 0; i++) {
        const struct written *written = &oracle->written[writes->list[i]];
        if (written->time > flushed || written->is_tombstone)
            continue;
        check_judged(world, &check_flushed);
        for (unsigned j = 0; j < read->seen_count; j++) {
            if (bytes_equal(read->seen[j].value, written->value) && is_only_one(oracle, written))
                check_fails(world, &check_flushed, read->key, "operation %zu at %s reads \"%.*s\", which is flushed",
                            number, world->machines[read->machine].name, (int)written->value.len,
                            (const char *)written->value.at);
        }
    }
}

static void on_end(struct world *world, size_t number)
{
    const struct op *read = history_op(&world->history, number);
    if (!world->plan.flushes || !op_is_read(read) || read->outcome != OP_DONE)
        return;
    if (!world->checks.faults_began)
        judge_calm(world, number, read);
    if (world->must_serve)
        judge_mended(world, number, read);
}

const struct check check_flushed = {
    .name = "flushed",
    .claim = "what flush_all has ended is never read again (P4) [R7]",
    .on_end = on_end,
    .needs_budget = true,
};
