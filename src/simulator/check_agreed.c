/* P3, as clients see it: when all has been mended, every node answers the same for a key, siblings and token included.
 */
#include "simulator/judge.h"
#include "simulator/world.h"

/* The last answer of this node, NULL: it has not been asked since all was mended. */
static const struct op *last_read(const struct world *world, unsigned machine)
{
    for (size_t i = world->history.count; i-- > 0;) {
        const struct op *op = history_op(&world->history, i);
        if (op->machine == machine && op_is_read(op) && op->sent_ns >= world->checks.mended_ns
            && (op->outcome == OP_DONE || op->outcome == OP_MISS))
            return op;
    }
    return NULL;
}

static bool shows(const struct op *op, const struct seen *wanted)
{
    for (unsigned i = 0; i < op->seen_count; i++) {
        if (bytes_equal(op->seen[i].value, wanted->value) && op->seen[i].token == wanted->token)
            return true;
    }
    return false;
}

static bool is_same(const struct op *a, const struct op *b)
{
    bool same = a->outcome == b->outcome && a->seen_count == b->seen_count;
    for (unsigned i = 0; same && i < a->seen_count; i++)
        same = shows(b, &a->seen[i]);
    return same;
}

static void at_rest(struct world *world)
{
    const struct op *first = last_read(world, 0);
    for (unsigned i = 0; i < world->plan.nodes; i++) {
        const struct op *other = last_read(world, i);
        check_judged(world, &check_agreed);
        if (first == NULL || other == NULL)
            check_fails(world, &check_agreed, 0, "%s has given no answer since all was mended",
                        world->machines[first == NULL ? 0 : i].name);
        else if (!is_same(first, other))
            check_fails(world, &check_agreed, 0,
                        "at the end %s answers %u values (the newest: \"%.*s\"), %s %u (\"%.*s\")",
                        world->machines[0].name, first->seen_count,
                        first->seen_count > 0 ? (int)first->seen[first->seen_count - 1].value.len : 0,
                        first->seen_count > 0 ? (const char *)first->seen[first->seen_count - 1].value.at : "",
                        world->machines[i].name, other->seen_count,
                        other->seen_count > 0 ? (int)other->seen[other->seen_count - 1].value.len : 0,
                        other->seen_count > 0 ? (const char *)other->seen[other->seen_count - 1].value.at : "");
    }
}

const struct check check_agreed = {
    .name = "agreed",
    .claim = "at the end every node answers the same (P3)",
    .at_rest = at_rest,
};
