/* P6: exactly one reply for each request, of its kind, in its order. */
#include "simulator/world.h"

static void show(struct bytes in, char *text, size_t room)
{
    size_t len = in.len < room - 1 ? in.len : room - 1;
    for (size_t i = 0; i < len; i++)
        text[i] = in.at[i] < ' ' ? ' ' : (char)in.at[i];
    text[len] = '\0';
}

void checks_on_wrong_reply(struct world *world, size_t number, struct bytes in)
{
    char text[80];
    show(in, text, sizeof text);
    if (number == SIZE_MAX) {
        check_fails(world, &check_replies, TRACE_NO_KEY, "a client that had asked nothing more was told \"%s\"", text);
        return;
    }
    const struct op *op = history_op(&world->history, number);
    check_fails(world, &check_replies, op->key, "operation %zu (%s) was answered \"%s\"", number, op_name(op->kind),
                text);
}

static void on_end(struct world *world, size_t number)
{
    (void)number;
    check_judged(world, &check_replies);
}

const struct check check_replies = {
    .name = "replies",
    .claim = "every request gets exactly one reply, of its kind, in its order on its connection (P6)",
    .on_end = on_end,
};
