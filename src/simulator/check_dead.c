/* P4: what was acknowledged before an acknowledged delete began is not read after it. */
#include "simulator/world.h"

static bool precedes(const struct op *a, const struct op *b)
{
    return (a->outcome == OP_DONE || (a->kind == OP_DELETE && a->outcome == OP_MISS)) && !a->noreply
           && a->ended < b->began;
}

/* The last delete that was over before the read began, by when it began: what was over before that is dead. */
static const struct op *last_delete(const struct world *world, const struct op *read)
{
    const struct op *last = NULL;
    for (size_t i = 0; i < world->history.count; i++) {
        const struct op *op = history_op(&world->history, i);
        if (op->key == read->key && op->kind == OP_DELETE && precedes(op, read)
            && (last == NULL || op->began > last->began))
            last = op;
    }
    return last;
}

/* Was a part of the value written while the delete was under way? Then its writer may rightly have built on what the
 * delete took away: neither knew of the other. */
static bool is_concurrent(const struct world *world, struct bytes value, const struct op *death)
{
    uint64_t writer;
    for (size_t at = 0; value_next(value, '#', &at, &writer);) {
        const struct op *op = writer < world->history.count ? history_op(&world->history, writer) : NULL;
        if (op != NULL && !precedes(op, death) && op->began < death->ended)
            return true;
    }
    return false;
}

static void judge(struct world *world, size_t number, struct bytes value, const struct op *death)
{
    const struct op *read = history_op(&world->history, number);
    uint64_t writer;
    if (is_concurrent(world, value, death))
        return;
    for (size_t at = 0; value_next(value, '#', &at, &writer);) {
        check_judged(world, &check_dead);
        if (writer < world->history.count && precedes(history_op(&world->history, writer), death))
            check_fails(world, &check_dead, read->key, "operation %zu at %s reads \"#%u;\", which had been deleted",
                        number, world->machines[read->machine].name, (unsigned)writer);
    }
}

static void on_end(struct world *world, size_t number)
{
    const struct op *read = history_op(&world->history, number);
    if (!op_is_read(read) || read->outcome != OP_DONE || !checks_quorums_meet(world))
        return;
    enum key_kind kind = world->keys.list[read->key].kind;
    if (kind == KEYS_COUNTER || !plan_is_strict(&world->plan, kind))
        return;
    const struct op *death = last_delete(world, read);
    for (unsigned i = 0; death != NULL && i < read->seen_count; i++)
        judge(world, number, read->seen[i].value, death);
}

const struct check check_dead = {
    .name = "dead",
    .claim = "a deleted value is never read again (P4)",
    .on_end = on_end,
};
