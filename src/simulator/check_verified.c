/* A frame of which a bit has turned over is never believed: checksums cover all of it. */
#include "simulator/world.h"

void checks_on_flipped(struct world *world, const struct machine *machine, const struct frame *frame, bool is_good)
{
    check_judged(world, &check_verified);
    if (is_good)
        check_fails(world, &check_verified, TRACE_NO_KEY, "%s believes a message of type %u with a wrong bit",
                    machine->name, frame->type);
}

const struct check check_verified = {
    .name = "verified",
    .claim = "a message with a wrong bit is never believed",
};
