/* Every value that is read was written, to that key, by operations that had begun. */
#include "simulator/world.h"

#include "base/decimal.h"

enum { COUNTER_STEP = 1000000 };

static const struct op *writer(struct world *world, const struct op *read, uint64_t number, char mark)
{
    if (number >= world->history.count)
        return NULL;
    const struct op *op = history_op(&world->history, number);
    bool fits = op->key == read->key && op_stores(op) && op->sent_ns <= read->ended_ns;
    return fits && (mark == '.' || value_has(op->value, mark, number)) ? op : NULL;
}

/* A value is made of those of its writers, whole. */
static bool is_written(struct world *world, const struct op *read, struct bytes value)
{
    uint64_t number;
    size_t len = 0;
    for (size_t at = 0; value_next(value, '#', &at, &number);) {
        const struct op *op = writer(world, read, number, '#');
        if (op == NULL)
            return false;
        len += op->value.len;
    }
    for (size_t at = 0; value_next(value, '.', &at, &number);) {
        if (writer(world, read, number, '.') == NULL)
            return false;
    }
    return len == value.len;
}

/* A counter begins in the middle of its maker's range. */
static bool is_counted(struct world *world, const struct op *read, struct bytes value)
{
    uint64_t number;
    while (value.len > 0 && value.at[value.len - 1] == ' ')
        value.len--; /* memcached's decr leaves the length */
    return decimal_read(value, &number) && writer(world, read, number / COUNTER_STEP, '.') != NULL;
}

static void on_end(struct world *world, size_t number)
{
    const struct op *op = history_op(&world->history, number);
    if (!op_is_read(op) || op->outcome != OP_DONE)
        return;
    bool counts = world->keys.list[op->key].kind == KEYS_COUNTER;
    for (unsigned i = 0; i < op->seen_count; i++) {
        struct bytes value = op->seen[i].value;
        check_judged(world, &check_written);
        if (!(counts ? is_counted(world, op, value) : is_written(world, op, value)))
            check_fails(world, &check_written, op->key, "operation %zu read \"%.*s\" from %s, which nobody wrote",
                        number, value.len < 100 ? (int)value.len : 100, (const char *)value.at,
                        world->keys.list[op->key].text);
    }
}

const struct check check_written = {
    .name = "written",
    .claim = "every value that is read was written by someone",
    .on_end = on_end,
};
