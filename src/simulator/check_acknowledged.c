/* P2, siblings: an acknowledged write is returned by later reads, or was replaced by a write that knew of it. Judged
 * for every read while things go wrong, and of every replica at the end. */
#include "base/check.h"
#include "simulator/world.h"

#include <stdlib.h>

static bool is_judged(const struct world *world, const struct op *op)
{
    enum key_kind kind = op->key < 0 ? KEYS_LATEST : world->keys.list[op->key].kind;
    return (kind == KEYS_PLAIN || kind == KEYS_CART || kind == KEYS_EXPIRING) && plan_is_strict(&world->plan, kind);
}

/* The versions that may explain an answer: those whose values it shows, and tombstones, which are never shown. */
struct answer {
    const struct op *read;
    uint32_t *list;
    uint32_t count;
};

static bool is_shown(const struct op *read, const struct written *written)
{
    for (unsigned i = 0; i < read->seen_count; i++) {
        if (bytes_equal(read->seen[i].value, written->value))
            return true;
    }
    return false;
}

static struct answer answer_of(const struct world *world, const struct op *read)
{
    const struct key_writes *writes = &world->oracle.keys[read->key];
    struct answer answer = {.read = read, .list = malloc((writes->count + 1) * sizeof *answer.list)};
    CHECK_MEMORY(answer.list);
    for (uint32_t i = 0; i < writes->count; i++) {
        const struct written *written = &world->oracle.written[writes->list[i]];
        if (written->is_tombstone || is_shown(read, written))
            answer.list[answer.count++] = writes->list[i];
    }
    return answer;
}

/* Does the answer know of this version: shows it, or something that replaced it? */
static bool answer_knows(const struct world *world, const struct answer *answer, uint32_t wanted)
{
    const struct oracle *oracle = &world->oracle;
    for (uint32_t i = 0; i < answer->count; i++) {
        if (answer->list[i] == wanted || oracle_replaces(oracle, answer->list[i], wanted))
            return true;
        /* Where one value is answered it is the newest, or none if that is a tombstone; gets shows all that live [R6].
         */
        if (answer->read->kind != OP_GETS && oracle_may_follow(oracle, answer->list[i], wanted))
            return true;
    }
    return false;
}

static void judge(struct world *world, size_t number, const struct answer *answer, size_t other)
{
    const struct op *read = answer->read, *write = history_op(&world->history, other);
    uint32_t at = oracle_first_of_op(&world->oracle, other);
    check_judged(world, &check_acknowledged);
    for (uint32_t i = at; i != ORACLE_NONE; i = world->oracle.written[i].next_of_op) {
        if (answer_knows(world, answer, i))
            return;
    }
    check_fails(world, &check_acknowledged, read->key,
                "operation %zu (%s at %s) shows nothing of \"%.*s\", which operation %zu had acknowledged", number,
                op_name(read->kind), world->machines[read->machine].name, (int)write->value.len,
                (const char *)write->value.at, other);
}

static void on_end(struct world *world, size_t number)
{
    const struct op *read = history_op(&world->history, number);
    if (!op_is_read(read) || read->outcome > OP_MISS || read->outcome == OP_PENDING || !is_judged(world, read)
        || world->plan.flushes || !checks_quorums_meet(world))
        return;
    if (world->keys.list[read->key].kind == KEYS_EXPIRING) /* touches may have ended it: judged at the end only */
        return;
    if (read->kind == OP_GETS && !world->plan.buckets[world->keys.list[read->key].kind].multi_value)
        return;
    struct answer answer = answer_of(world, read);
    for (size_t i = 0; i < world->history.count; i++) {
        const struct op *write = history_op(&world->history, i);
        bool counts = write->key == read->key && op_stores(write) && write->outcome == OP_DONE && !write->noreply
                      && write->ended < read->began;
        if (counts)
            judge(world, number, &answer, i);
    }
    free(answer.list);
}

/* What was replaced, died and was freed has been known, also where the directory has been lost since. What a context
 * tells of is not enough: that is what the product believes. */
static bool has_known(const struct world *world, unsigned machine, uint32_t written)
{
    const struct written *wanted = &world->oracle.written[written];
    const struct copy *copy = &world->oracle.copies[machine][wanted->key];
    const struct key_writes *writes = &world->oracle.keys[wanted->key];
    bool is_known = bitset_has(&copy->known, wanted->number) || bitset_has(&copy->freed, wanted->number);
    for (uint32_t i = 0; i < writes->count && !is_known; i++)
        is_known = (bitset_has(&copy->known, i) || bitset_has(&copy->freed, i))
                   && oracle_replaces(&world->oracle, writes->list[i], written);
    return is_known;
}

static void at_rest(struct world *world)
{
    for (size_t i = 0; i < world->history.count; i++) {
        const struct op *write = history_op(&world->history, i);
        if (!op_stores(write) || write->outcome != OP_DONE || write->noreply || !is_judged(world, write))
            continue;
        bool is_held = false;
        for (uint32_t at = oracle_first_of_op(&world->oracle, i); at != ORACLE_NONE && !is_held;
             at = world->oracle.written[at].next_of_op) {
            for (unsigned machine = 0; machine < world->plan.nodes; machine++)
                is_held |= has_known(world, machine, at);
        }
        check_judged(world, &check_acknowledged);
        if (!is_held && world->plan.nodes > 1)
            check_fails(world, &check_acknowledged, write->key,
                        "at the end nothing is left of \"%.*s\" (operation %zu)", (int)write->value.len,
                        (const char *)write->value.at, i);
    }
}

const struct check check_acknowledged = {
    .name = "acknowledged",
    .claim = "an acknowledged write is returned by later reads or was replaced by a write that knew of it (P2)",
    .on_end = on_end,
    .at_rest = at_rest,
    .needs_budget = true,
};
