#include "message/antientropy_fields.h"

enum { COMPARED_WANTS_MARK = 1, COMPARED_IS_KEPT = 1 };

void message_write_horizon_ask(struct chain *out, const struct message_horizon_ask *m)
{
    struct draft head = {0};
    draft_varint(&head, m->id);
    draft_varint(&head, m->epoch);
    draft_u64(&head, m->horizon);
    draft_bytes(&head, m->partitions);
    repair_end(out, MESSAGE_HORIZON_ASK, &head);
}

static hybrid_time read_time(struct wire_reader *reader)
{
    hybrid_time time = wire_read_u64(reader);
    fields_require(reader, time <= HYBRID_TIME_MAX);
    return time;
}

bool message_read_horizon_ask(const struct frame *frame, struct message_horizon_ask *m)
{
    struct wire_reader reader = fields_of(frame, MESSAGE_HORIZON_ASK);
    m->id = wire_read_varint(&reader);
    m->epoch = wire_read_varint(&reader);
    m->horizon = read_time(&reader);
    m->partitions = repair_read_set(&reader);
    return fields_end_all(&reader, frame);
}

void message_write_horizon_ask_reply(struct chain *out, const struct message_horizon_ask_reply *m)
{
    struct draft head = {0};
    repair_write_answer(&head, &m->answer);
    if (m->answer.status == REPAIR_OK) {
        draft_u64(&head, m->run);
        draft_u64(&head, m->clock);
        draft_bytes(&head, m->hints);
    }
    repair_end(out, MESSAGE_HORIZON_ASK_REPLY, &head);
}

bool message_read_horizon_ask_reply(const struct frame *frame, struct message_horizon_ask_reply *m)
{
    struct wire_reader reader = fields_of(frame, MESSAGE_HORIZON_ASK_REPLY);
    *m = (struct message_horizon_ask_reply){.answer = repair_read_answer(&reader)};
    if (repair_is_ok(&reader, &m->answer)) {
        m->run = wire_read_u64(&reader);
        m->clock = read_time(&reader);
        m->hints = repair_read_set(&reader);
    }
    return fields_end_all(&reader, frame);
}

void message_write_horizon_compared(struct chain *out, const struct message_horizon_compared *m)
{
    struct draft head = {0};
    draft_u8(&head, m->wants_mark ? COMPARED_WANTS_MARK : 0);
    draft_varint(&head, m->id);
    draft_varint(&head, m->epoch);
    draft_u64(&head, m->run);
    draft_u64(&head, m->after);
    draft_u64(&head, m->since);
    draft_varint(&head, m->mark);
    draft_bytes(&head, m->partitions);
    repair_end(out, MESSAGE_HORIZON_COMPARED, &head);
}

bool message_read_horizon_compared(const struct frame *frame, struct message_horizon_compared *m)
{
    struct wire_reader reader = fields_of(frame, MESSAGE_HORIZON_COMPARED);
    m->wants_mark = fields_bits(&reader, COMPARED_WANTS_MARK) != 0;
    m->id = wire_read_varint(&reader);
    m->epoch = wire_read_varint(&reader);
    m->run = wire_read_u64(&reader);
    m->after = read_time(&reader);
    m->since = read_time(&reader);
    m->mark = wire_read_varint(&reader);
    m->partitions = repair_read_set(&reader);
    return fields_end_all(&reader, frame);
}

void message_write_horizon_compared_reply(struct chain *out, const struct message_horizon_compared_reply *m)
{
    struct draft head = {0};
    repair_write_answer(&head, &m->answer);
    if (m->answer.status == REPAIR_OK) {
        draft_u8(&head, m->is_kept ? COMPARED_IS_KEPT : 0);
        draft_u64(&head, m->since);
        draft_varint(&head, m->mark);
        draft_bytes(&head, m->compared);
    }
    repair_end(out, MESSAGE_HORIZON_COMPARED_REPLY, &head);
}

bool message_read_horizon_compared_reply(const struct frame *frame, struct message_horizon_compared_reply *m)
{
    struct wire_reader reader = fields_of(frame, MESSAGE_HORIZON_COMPARED_REPLY);
    *m = (struct message_horizon_compared_reply){.answer = repair_read_answer(&reader)};
    if (repair_is_ok(&reader, &m->answer)) {
        m->is_kept = fields_bits(&reader, COMPARED_IS_KEPT) != 0;
        m->since = read_time(&reader);
        m->mark = wire_read_varint(&reader);
        m->compared = repair_read_set(&reader);
    }
    return fields_end_all(&reader, frame);
}

void message_write_horizon_set(struct chain *out, const struct message_horizon_set *m)
{
    struct draft head = {0};
    draft_varint(&head, m->id);
    draft_varint(&head, m->epoch);
    draft_u64(&head, m->run);
    draft_u64(&head, m->horizon);
    draft_bytes(&head, m->partitions);
    repair_end(out, MESSAGE_HORIZON_SET, &head);
}

bool message_read_horizon_set(const struct frame *frame, struct message_horizon_set *m)
{
    struct wire_reader reader = fields_of(frame, MESSAGE_HORIZON_SET);
    m->id = wire_read_varint(&reader);
    m->epoch = wire_read_varint(&reader);
    m->run = wire_read_u64(&reader);
    m->horizon = read_time(&reader);
    m->partitions = repair_read_set(&reader);
    return fields_end_all(&reader, frame);
}

void message_write_horizon_set_reply(struct chain *out, const struct message_horizon_set_reply *m)
{
    struct draft head = {0};
    repair_write_answer(&head, &m->answer);
    repair_end(out, MESSAGE_HORIZON_SET_REPLY, &head);
}

bool message_read_horizon_set_reply(const struct frame *frame, struct message_horizon_set_reply *m)
{
    struct wire_reader reader = fields_of(frame, MESSAGE_HORIZON_SET_REPLY);
    m->answer = repair_read_answer(&reader);
    return fields_end_all(&reader, frame);
}
