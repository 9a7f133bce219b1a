/* Reads a message of repair and writes it again: what is accepted must come out as the bytes that came in. */
#ifndef T_MESSAGE_REPAIR_AGAIN_H
#define T_MESSAGE_REPAIR_AGAIN_H

#include "message/antientropy.h"

union any_repair {
    struct message_roots roots;
    struct message_roots_reply roots_reply;
    struct message_sums sums;
    struct message_sums_reply sums_reply;
    struct message_keys keys;
    struct message_keys_reply keys_reply;
    struct message_reconcile reconcile;
    struct message_reconcile_reply reconcile_reply;
    struct message_complete complete;
    struct message_complete_reply complete_reply;
    struct message_horizon_ask horizon_ask;
    struct message_horizon_ask_reply horizon_ask_reply;
    struct message_horizon_compared horizon_compared;
    struct message_horizon_compared_reply horizon_compared_reply;
    struct message_horizon_set horizon_set;
    struct message_horizon_set_reply horizon_set_reply;
};

/* By the frame's type; one that is not of repair is refused. */
static inline bool repair_read_any(const struct frame *frame, union any_repair *m)
{
    switch (frame->type) {
    case MESSAGE_ROOTS:
        return message_read_roots(frame, &m->roots);
    case MESSAGE_ROOTS_REPLY:
        return message_read_roots_reply(frame, &m->roots_reply);
    case MESSAGE_SUMS:
        return message_read_sums(frame, &m->sums);
    case MESSAGE_SUMS_REPLY:
        return message_read_sums_reply(frame, &m->sums_reply);
    case MESSAGE_KEYS:
        return message_read_keys(frame, &m->keys);
    case MESSAGE_KEYS_REPLY:
        return message_read_keys_reply(frame, &m->keys_reply);
    case MESSAGE_RECONCILE:
        return message_read_reconcile(frame, &m->reconcile);
    case MESSAGE_RECONCILE_REPLY:
        return message_read_reconcile_reply(frame, &m->reconcile_reply);
    case MESSAGE_COMPLETE:
        return message_read_complete(frame, &m->complete);
    case MESSAGE_COMPLETE_REPLY:
        return message_read_complete_reply(frame, &m->complete_reply);
    case MESSAGE_HORIZON_ASK:
        return message_read_horizon_ask(frame, &m->horizon_ask);
    case MESSAGE_HORIZON_ASK_REPLY:
        return message_read_horizon_ask_reply(frame, &m->horizon_ask_reply);
    case MESSAGE_HORIZON_COMPARED:
        return message_read_horizon_compared(frame, &m->horizon_compared);
    case MESSAGE_HORIZON_COMPARED_REPLY:
        return message_read_horizon_compared_reply(frame, &m->horizon_compared_reply);
    case MESSAGE_HORIZON_SET:
        return message_read_horizon_set(frame, &m->horizon_set);
    case MESSAGE_HORIZON_SET_REPLY:
        return message_read_horizon_set_reply(frame, &m->horizon_set_reply);
    default:
        return false;
    }
}

static inline void repair_write_any(struct chain *out, uint8_t type, const union any_repair *m)
{
    switch (type) {
    case MESSAGE_ROOTS:
        message_write_roots(out, &m->roots);
        return;
    case MESSAGE_ROOTS_REPLY:
        message_write_roots_reply(out, &m->roots_reply);
        return;
    case MESSAGE_SUMS:
        message_write_sums(out, &m->sums);
        return;
    case MESSAGE_SUMS_REPLY:
        message_write_sums_reply(out, &m->sums_reply);
        return;
    case MESSAGE_KEYS:
        message_write_keys(out, &m->keys);
        return;
    case MESSAGE_KEYS_REPLY:
        message_write_keys_reply(out, &m->keys_reply);
        return;
    case MESSAGE_RECONCILE:
        message_write_reconcile(out, &m->reconcile, NULL);
        return;
    case MESSAGE_RECONCILE_REPLY:
        message_write_reconcile_reply(out, &m->reconcile_reply, NULL);
        return;
    case MESSAGE_COMPLETE:
        message_write_complete(out, &m->complete);
        return;
    case MESSAGE_COMPLETE_REPLY:
        message_write_complete_reply(out, &m->complete_reply);
        return;
    case MESSAGE_HORIZON_ASK:
        message_write_horizon_ask(out, &m->horizon_ask);
        return;
    case MESSAGE_HORIZON_ASK_REPLY:
        message_write_horizon_ask_reply(out, &m->horizon_ask_reply);
        return;
    case MESSAGE_HORIZON_COMPARED:
        message_write_horizon_compared(out, &m->horizon_compared);
        return;
    case MESSAGE_HORIZON_COMPARED_REPLY:
        message_write_horizon_compared_reply(out, &m->horizon_compared_reply);
        return;
    case MESSAGE_HORIZON_SET:
        message_write_horizon_set(out, &m->horizon_set);
        return;
    default:
        message_write_horizon_set_reply(out, &m->horizon_set_reply);
    }
}

/* false: the message was refused, and nothing is written. */
static inline bool repair_again(const struct frame *frame, struct chain *out)
{
    union any_repair m;
    if (!repair_read_any(frame, &m))
        return false;
    repair_write_any(out, frame->type, &m);
    return true;
}

#endif
