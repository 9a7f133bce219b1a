/* A frame of which a bit has turned over is never believed: checksums cover all of it. */
#include "message/antientropy.h"
#include "simulator/world.h"

/* The repairing node looks at an answer, or at anything while its ring is idle, only when it has a use for it. A late
 * one is dropped as it is, whatever is in it; that is not believing it. What the frame's own checksum does not cover is
 * the record behind the head, and nobody gets at that but through these decoders. */
static bool is_dropped_unread(const struct frame *frame)
{
    struct message_reconcile asked;
    struct message_reconcile_reply answered;
    if (frame->type == MESSAGE_RECONCILE)
        return !message_read_reconcile(frame, &asked);
    return frame->type == MESSAGE_RECONCILE_REPLY && !message_read_reconcile_reply(frame, &answered);
}

void checks_on_flipped(struct world *world, const struct machine *machine, const struct frame *frame, bool is_good)
{
    check_judged(world, &check_verified);
    if (is_good && !is_dropped_unread(frame))
        check_fails(world, &check_verified, TRACE_NO_KEY, "%s believes a message of type %u with a wrong bit",
                    machine->name, frame->type);
}

const struct check check_verified = {
    .name = "verified",
    .claim = "a message with a wrong bit is never believed",
};
