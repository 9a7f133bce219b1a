/* A counter is no lower than what was acknowledged before, and no higher than everything that was asked for.
 *
 * The first needs one writer who asks one thing at a time: of two that increment at the same moment through different
 * coordinators, one may be hidden behind the other's sibling. */
#include "base/decimal.h"
#include "simulator/judge.h"
#include "simulator/world.h"

struct bounds {
    uint64_t low, high;
};

static bool counts(const struct op *op)
{
    return op->kind == OP_INCR || op->kind == OP_DECR;
}

/* The one operation that began the counter; NULL: there were several, nothing is claimed. */
static const struct op *beginning(const struct world *world)
{
    const struct op *first = NULL;
    for (size_t i = 0; i < world->history.count; i++) {
        const struct op *op = history_op(&world->history, i);
        if (!op_writes(op) || counts(op) || op->kind == OP_TOUCH)
            continue;
        if (first != NULL || !op_stores(op) || op->outcome != OP_DONE)
            return NULL;
        first = op;
    }
    return first;
}

static bool has_one_writer(const struct world *world)
{
    const struct op *first = NULL;
    for (size_t i = 0; i < world->history.count; i++) {
        const struct op *op = history_op(&world->history, i);
        if (!counts(op))
            continue;
        if (first != NULL && first->client != op->client)
            return false;
        first = first != NULL ? first : op;
    }
    return true;
}

/* What the counter may show to `seer`, which may be an incr itself. */
static struct bounds bounds_of(const struct world *world, const struct op *seer, uint64_t base)
{
    struct bounds bounds = {base, base};
    for (size_t i = 0; i < world->history.count; i++) {
        const struct op *op = history_op(&world->history, i);
        if (!counts(op) || op->began > seer->ended)
            continue;
        bool surely = op == seer || (op->outcome == OP_DONE && op->ended < seer->began);
        bool perhaps = surely || (op->outcome != OP_MISS && op->outcome != OP_REFUSED);
        bool up = op->kind == OP_INCR;
        if (up ? surely : perhaps)
            bounds.low = up ? bounds.low + op->number : bounds.low - op->number;
        if (up ? perhaps : surely)
            bounds.high = up ? bounds.high + op->number : bounds.high - op->number;
    }
    return bounds;
}

static void judge(struct world *world, size_t number, const struct op *seer, uint64_t shown)
{
    const struct op *first = beginning(world);
    uint64_t base;
    if (first == NULL || !decimal_read(first->value, &base) || first->ended >= seer->began)
        return;
    struct bounds bounds = bounds_of(world, seer, base);
    check_judged(world, &check_counted);
    if (shown > bounds.high)
        check_fails(world, &check_counted, seer->key,
                    "operation %zu (%s) shows %llu, which is more than the %llu that all ever asked for make", number,
                    op_name(seer->kind), (unsigned long long)shown, (unsigned long long)bounds.high);
    if (shown < bounds.low && has_one_writer(world))
        check_fails(world, &check_counted, seer->key,
                    "operation %zu (%s) shows %llu, but %llu had been acknowledged to its only writer", number,
                    op_name(seer->kind), (unsigned long long)shown, (unsigned long long)bounds.low);
}

static void on_end(struct world *world, size_t number)
{
    const struct op *op = history_op(&world->history, number);
    uint64_t shown;
    if (world->keys.list[op->key].kind != KEYS_COUNTER || op->outcome != OP_DONE)
        return;
    if (counts(op))
        judge(world, number, op, op->answered);
    for (unsigned i = 0; op_is_read(op) && i < op->seen_count; i++) {
        if (decimal_read(op->seen[i].value, &shown))
            judge(world, number, op, shown);
    }
}

const struct check check_counted = {
    .name = "counted",
    .claim = "a counter is no lower than what was acknowledged to its only writer, and no higher than all asked for",
    .on_end = on_end,
};
