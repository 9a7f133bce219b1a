/* P7: no queue grows without limit. */
#include "simulator/world.h"

enum {
    ONE_MESSAGE_MAX = 128 << 10, /* a link takes a last request when it has any room left */
    REPLIES_MAX = 1 << 20,       /* replies are always taken; the requests at the other end bound them */
    REQUESTS_MAX = 4096
};

static void on_link(struct world *world, const struct endpoint *end)
{
    size_t limit = world->plan.link_out_max + (end->link.is_dialled ? ONE_MESSAGE_MAX : REPLIES_MAX);
    check_judged(world, &check_bounded);
    if (end->link.out.len > limit)
        check_fails(world, &check_bounded, TRACE_NO_KEY, "%zu bytes wait on a link of %s, %zu are allowed",
                    end->link.out.len, end->loop->machine->name, limit);
}

static void on_turn(struct world *world, const struct machine_loop *loop)
{
    check_judged(world, &check_bounded);
    if (loop->frontend.requests.borrowed > REQUESTS_MAX)
        check_fails(world, &check_bounded, TRACE_NO_KEY, "%zu requests are under way on a loop of %s",
                    loop->frontend.requests.borrowed, loop->machine->name);
}

const struct check check_bounded = {
    .name = "bounded",
    .claim = "every queue has a limit (P7)",
    .on_link = on_link,
    .on_turn = on_turn,
};
