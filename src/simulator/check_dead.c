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

static bool is_known(const struct world *world, const struct written *written)
{
    for (unsigned i = 0; i < world->plan.nodes; i++) {
        if (bitset_has(&world->oracle.copies[i][written->key].known, written->number))
            return true;
    }
    return false;
}

/* A later attempt of its request is known: whoever knows that one never has this, or drops it, however late its time
 * is, and what it had replaced may come back [R10]. The later attempt ends what it has to by its own time. */
static bool is_overtaken(const struct world *world, const struct written *death)
{
    const struct key_writes *writes = &world->oracle.keys[death->key];
    for (uint32_t i = 0; i < writes->count && death->request != 0; i++) {
        const struct written *other = &world->oracle.written[writes->list[i]];
        if (other->request == death->request && other->attempt > death->attempt && is_known(world, other))
            return true;
    }
    return false;
}

/* Does this tombstone, which some replica knows, end that version: has its maker known of it, or, where the last write
 * wins, is it later? */
static bool ends(const struct world *world, uint32_t death_index, uint32_t victim)
{
    const struct oracle *oracle = &world->oracle;
    const struct written *death = &oracle->written[death_index];
    if (!death->is_tombstone || !is_known(world, death))
        return false;
    if (oracle_is_latest(oracle, death->key))
        return oracle_compare(oracle, death_index, victim) > 0 && !is_overtaken(world, death);
    return bitset_has(&death->past, oracle->written[victim].number);
}

static bool is_dead(const struct world *world, uint32_t victim)
{
    const struct key_writes *writes = &world->oracle.keys[world->oracle.written[victim].key];
    for (uint32_t i = 0; i < writes->count; i++) {
        if (ends(world, writes->list[i], victim))
            return true;
    }
    return false;
}

/* Halves of a ring that do not hear each other go on both: a delete ends what its half knew of, whatever had been
 * acknowledged elsewhere by then. */
static void judge_known(struct world *world, size_t number, struct bytes value)
{
    const struct op *read = history_op(&world->history, number);
    const struct key_writes *writes = &world->oracle.keys[read->key];
    bool may_live = writes->count == 0;
    for (uint32_t i = 0; i < writes->count && !may_live; i++) {
        const struct written *written = &world->oracle.written[writes->list[i]];
        may_live = !written->is_tombstone && bytes_equal(written->value, value) && !is_dead(world, writes->list[i]);
    }
    check_judged(world, &check_dead);
    if (!may_live)
        check_fails(world, &check_dead, read->key, "operation %zu at %s reads \"%.*s\", which had been deleted", number,
                    world->machines[read->machine].name, value.len < 60 ? (int)value.len : 60, (const char *)value.at);
}

static void on_end(struct world *world, size_t number)
{
    const struct op *read = history_op(&world->history, number);
    if (!op_is_read(read) || read->outcome != OP_DONE || !checks_quorums_meet(world))
        return;
    enum key_kind kind = world->keys.list[read->key].kind;
    if (kind == KEYS_COUNTER || !plan_is_strict(&world->plan, kind))
        return;
    bool had_halves = world->plan.sloppy && world->checks.faults_began && world->plan.nodes > 1;
    const struct op *death = had_halves ? NULL : last_delete(world, read);
    for (unsigned i = 0; i < read->seen_count; i++) {
        if (had_halves)
            judge_known(world, number, read->seen[i].value);
        else if (death != NULL)
            judge(world, number, read->seen[i].value, death);
    }
}

const struct check check_dead = {
    .name = "dead",
    .claim = "a deleted value is never read again (P4)",
    .on_end = on_end,
    .needs_budget = true,
};
