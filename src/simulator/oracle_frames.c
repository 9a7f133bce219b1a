/* What messages tell: each record and each context that arrives at a machine. */
#include "base/check.h"
#include "message/antientropy.h"
#include "message/data.h"
#include "message/forward.h"
#include "simulator/world.h"
#include "version/record.h"

/* What a record in a message tells the machine that gets it. */
static void arrive(struct oracle *oracle, unsigned machine, struct bytes record)
{
    struct object object;
    arena_reset(&oracle->scratch);
    if (record.len == 0 || record_decode(record, &object, &oracle->scratch) != RECORD_OK || object.live_count == 0)
        return;
    uint32_t first = oracle_find(oracle, &object.live[0].dot);
    if (first == ORACLE_NONE)
        return;
    int key = oracle->written[first].key;
    struct bitset *arrived = &oracle->copies[machine][key].arrived;
    oracle_known_of(oracle, &object, arrived);
    oracle_overtaken_by(oracle, key, &object.context, arrived);
    if (oracle_is_latest(oracle, key))
        oracle_covered_by(oracle, key, &object.context, arrived);
}

static void arrive_forward(struct oracle *oracle, unsigned machine, const struct frame *frame)
{
    struct message_forward forward;
    arena_reset(&oracle->scratch);
    if (!message_read_forward(frame, &forward, &oracle->scratch) || !forward.knows_token)
        return;
    int key = keys_find(&oracle->world->keys, forward.key);
    if (key >= 0)
        oracle_covered_by(oracle, key, &forward.context, &oracle->copies[machine][key].arrived);
}

void oracle_on_frame(struct world *world, unsigned machine, const struct frame *frame)
{
    struct message_write write;
    struct message_read_reply reply;
    struct message_forward_reply forwarded;
    struct message_reconcile reconcile;
    struct message_reconcile_reply reconciled;
    if (frame->type == MESSAGE_WRITE && message_read_write(frame, &write))
        arrive(&world->oracle, machine, write.record);
    if (frame->type == MESSAGE_READ_REPLY && message_read_read_reply(frame, &reply))
        arrive(&world->oracle, machine, reply.record);
    if (frame->type == MESSAGE_FORWARD_REPLY && message_read_forward_reply(frame, &forwarded))
        arrive(&world->oracle, machine, forwarded.record);
    if (frame->type == MESSAGE_RECONCILE && message_read_reconcile(frame, &reconcile))
        arrive(&world->oracle, machine, reconcile.record);
    if (frame->type == MESSAGE_RECONCILE_REPLY && message_read_reconcile_reply(frame, &reconciled))
        arrive(&world->oracle, machine, reconciled.record);
    if (frame->type == MESSAGE_FORWARD)
        arrive_forward(&world->oracle, machine, frame);
}

static int key_of_record(struct oracle *oracle, struct bytes record)
{
    struct version newest;
    uint32_t live;
    if (record.len == 0 || record_newest(record, &newest, &live) != RECORD_OK || live == 0)
        return TRACE_NO_KEY;
    uint32_t index = oracle_find(oracle, &newest.dot);
    return index == ORACLE_NONE ? TRACE_NO_KEY : oracle->written[index].key;
}

int oracle_key_of_frame(struct world *world, struct bytes data)
{
    struct frame frame;
    struct message_read read;
    struct message_write write;
    struct message_forward forward;
    struct message_read_reply reply;
    struct message_reconcile reconcile;
    size_t used;
    if (world->trace.line == NULL || frame_next(data, data.len, &frame, &used) != FRAME_OK)
        return TRACE_NO_KEY;
    arena_reset(&world->oracle.scratch);
    if (frame.type == MESSAGE_READ && message_read_read(&frame, &read))
        return keys_find(&world->keys, read.key);
    if (frame.type == MESSAGE_WRITE && message_read_write(&frame, &write))
        return keys_find(&world->keys, write.key);
    if (frame.type == MESSAGE_FORWARD && message_read_forward(&frame, &forward, &world->oracle.scratch))
        return keys_find(&world->keys, forward.key);
    if (frame.type == MESSAGE_READ_REPLY && message_read_read_reply(&frame, &reply))
        return key_of_record(&world->oracle, reply.record);
    if (frame.type == MESSAGE_RECONCILE && message_read_reconcile(&frame, &reconcile))
        return keys_find(&world->keys, reconcile.key);
    return TRACE_NO_KEY;
}
