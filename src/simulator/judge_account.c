/* What versions there were, as far as clients can tell. */
#include "simulator/judge_inside.h"
#include "simulator/world.h"

static bool makes_version(const struct op *op)
{
    if (op->key < 0 || !op_writes(op) || op->kind == OP_TOUCH)
        return false;
    /* A delete that finds nothing leaves a tombstone all the same. */
    return op->outcome == OP_DONE || op->outcome == OP_FAILED || op->outcome == OP_LOST
           || (op->kind == OP_DELETE && op->outcome == OP_MISS);
}

static void add_version(struct world *world, size_t number, const struct op *op)
{
    struct version version = {.dot = {.actor = {.node = 1, .incarnation = 1, .birth = 1}, .counter = number + 1},
                              .time = op->began,
                              .kind = op->kind == OP_DELETE ? VERSION_TOMBSTONE : VERSION_VALUE,
                              .value = op->value};
    uint32_t index = oracle_add_written(&world->oracle, op->machine, op->key, &version);
    world->oracle.written[index].time_max = op->ended;
}

/* A cart's writer had seen the items that it lists, and no others. */
static void account_for_cart(struct oracle *oracle, struct written *written)
{
    uint64_t item;
    for (size_t at = 0; value_next(written->value, '.', &at, &item);) {
        uint32_t other = oracle_first_of_op(oracle, item);
        if (other != ORACLE_NONE && &oracle->written[other] != written)
            bitset_add(&written->past, oracle->written[other].number);
    }
}

/* Any other write replaces what its coordinator knows: perhaps all that had begun before it ended. */
static void account_for_others(struct oracle *oracle, struct written *written)
{
    const struct key_writes *writes = &oracle->keys[written->key];
    for (uint32_t i = 0; i < writes->count; i++) {
        const struct written *other = &oracle->written[writes->list[i]];
        if (other != written && written->time_max >= other->time)
            bitset_add(&written->past, i);
    }
}

void judge_account(struct world *world)
{
    for (size_t i = 0; i < world->history.count; i++) {
        const struct op *op = history_op(&world->history, i);
        if (makes_version(op))
            add_version(world, i, op);
    }
    for (uint32_t i = 0; i < world->oracle.count; i++) {
        struct written *written = &world->oracle.written[i];
        bool is_cart = world->keys.list[written->key].kind == KEYS_CART && !written->is_tombstone;
        if (is_cart)
            account_for_cart(&world->oracle, written);
        else
            account_for_others(&world->oracle, written);
    }
}
