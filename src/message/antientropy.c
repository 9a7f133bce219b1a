#include "message/antientropy.h"

#include "base/hash.h"
#include "message/antientropy_fields.h"

enum { KEYS_IS_END = 1, COMPLETE_IS_SAME = 1 };

void message_write_roots(struct chain *out, const struct message_roots *m)
{
    CHECK(m->count <= MESSAGE_ROOTS_MAX);
    struct draft head = {0};
    draft_varint(&head, m->id);
    draft_varint(&head, m->epoch);
    draft_varint(&head, m->count);
    draft_bytes(&head, m->list);
    repair_end(out, MESSAGE_ROOTS, &head);
}

static bool is_list_of_roots(struct bytes in, uint32_t count)
{
    struct wire_reader list = wire_reader_of(in);
    struct repair_root root;
    int last = -1;
    for (uint32_t i = 0; i < count; i++) {
        if (!message_next_root(&list, &last, &root))
            return false;
    }
    return fields_end(&list);
}

bool message_read_roots(const struct frame *frame, struct message_roots *m)
{
    struct wire_reader reader = fields_of(frame, MESSAGE_ROOTS);
    m->id = wire_read_varint(&reader);
    m->epoch = wire_read_varint(&reader);
    m->count = (uint32_t)fields_number(&reader, MESSAGE_ROOTS_MAX);
    m->list = wire_read_bytes(&reader, wire_left(&reader));
    return fields_end_all(&reader, frame) && is_list_of_roots(m->list, m->count);
}

void message_write_roots_reply(struct chain *out, const struct message_roots_reply *m)
{
    struct draft head = {0};
    repair_write_answer(&head, &m->answer);
    if (m->answer.status == REPAIR_OK) {
        draft_u64(&head, m->run);
        draft_u64(&head, m->began);
        draft_bytes(&head, m->differing);
    }
    repair_end(out, MESSAGE_ROOTS_REPLY, &head);
}

bool message_read_roots_reply(const struct frame *frame, struct message_roots_reply *m)
{
    struct wire_reader reader = fields_of(frame, MESSAGE_ROOTS_REPLY);
    *m = (struct message_roots_reply){.answer = repair_read_answer(&reader)};
    if (repair_is_ok(&reader, &m->answer)) {
        m->run = wire_read_u64(&reader);
        m->began = wire_read_u64(&reader);
        m->differing = repair_read_set(&reader);
    }
    return fields_end_all(&reader, frame);
}

void message_write_sums(struct chain *out, const struct message_sums *m)
{
    struct draft head = {0};
    draft_varint(&head, m->id);
    draft_varint(&head, m->epoch);
    draft_varint(&head, m->partition);
    draft_varint(&head, m->horizon);
    repair_write_groups(&head, m->count);
    draft_bytes(&head, bytes_of(m->sums, 8 * (size_t)m->count));
    repair_end(out, MESSAGE_SUMS, &head);
}

bool message_read_sums(const struct frame *frame, struct message_sums *m)
{
    struct wire_reader reader = fields_of(frame, MESSAGE_SUMS);
    m->id = wire_read_varint(&reader);
    m->epoch = wire_read_varint(&reader);
    m->partition = (uint16_t)fields_number(&reader, UINT16_MAX);
    m->horizon = fields_number(&reader, HYBRID_TIME_MAX);
    m->count = repair_read_groups(&reader);
    m->sums = wire_read_bytes(&reader, 8 * (uint64_t)m->count).at;
    return fields_end_all(&reader, frame);
}

void message_write_sums_reply(struct chain *out, const struct message_sums_reply *m)
{
    struct draft head = {0};
    repair_write_answer(&head, &m->answer);
    if (m->answer.status == REPAIR_OK) {
        draft_varint(&head, m->horizon);
        repair_write_groups(&head, m->count);
        draft_bytes(&head, bytes_of(m->bits, repair_bit_bytes(m->count)));
    }
    repair_end(out, MESSAGE_SUMS_REPLY, &head);
}

bool message_read_sums_reply(const struct frame *frame, struct message_sums_reply *m)
{
    struct wire_reader reader = fields_of(frame, MESSAGE_SUMS_REPLY);
    *m = (struct message_sums_reply){.answer = repair_read_answer(&reader)};
    if (repair_is_ok(&reader, &m->answer)) {
        m->horizon = fields_number(&reader, HYBRID_TIME_MAX);
        m->count = repair_read_groups(&reader);
        m->bits = repair_read_bits(&reader, m->count);
    }
    return fields_end_all(&reader, frame);
}

void message_write_keys(struct chain *out, const struct message_keys *m)
{
    CHECK(m->is_end == (m->upto.len == 0) && m->list.len <= MESSAGE_KEYS_BYTES_MAX);
    struct draft head = {0};
    draft_u8(&head, m->is_end ? KEYS_IS_END : 0);
    draft_varint(&head, m->id);
    draft_varint(&head, m->epoch);
    draft_u64(&head, m->run);
    draft_varint(&head, m->partition);
    draft_varint(&head, m->mark);
    repair_write_groups(&head, m->groups);
    draft_bytes(&head, bytes_of(m->bits, repair_bit_bytes(m->groups)));
    draft_block(&head, m->after);
    draft_block(&head, m->upto);
    draft_varint(&head, m->count);
    draft_bytes(&head, m->list);
    repair_end(out, MESSAGE_KEYS, &head);
}

/* Is `key` in its place: behind `before`, and not behind the end of the range? */
static bool is_between(struct bytes before, struct bytes key, bool is_end, struct bytes upto)
{
    return bytes_compare(before, key) < 0 && (is_end || bytes_compare(key, upto) <= 0);
}

static bool is_list_of_keys(const struct message_keys *m)
{
    struct wire_reader list = wire_reader_of(m->list);
    struct repair_key key;
    struct bytes before = m->after;
    for (uint32_t i = 0; i < m->count; i++) {
        if (!message_next_key(&list, &key) || !is_between(before, key.key, m->is_end, m->upto))
            return false;
        before = key.key;
    }
    return fields_end(&list);
}

bool message_read_keys(const struct frame *frame, struct message_keys *m)
{
    struct wire_reader reader = fields_of(frame, MESSAGE_KEYS);
    m->is_end = fields_bits(&reader, KEYS_IS_END) != 0;
    m->id = wire_read_varint(&reader);
    m->epoch = wire_read_varint(&reader);
    m->run = wire_read_u64(&reader);
    m->partition = (uint16_t)fields_number(&reader, UINT16_MAX);
    m->mark = wire_read_varint(&reader);
    m->groups = repair_read_groups(&reader);
    m->bits = repair_read_bits(&reader, m->groups);
    m->after = draft_read_block(&reader, MESSAGE_KEY_MAX);
    m->upto = draft_read_block(&reader, MESSAGE_KEY_MAX);
    m->count = (uint32_t)fields_number(&reader, MESSAGE_KEYS_BYTES_MAX);
    m->list = wire_read_bytes(&reader, wire_left(&reader));
    if (!fields_end_all(&reader, frame) || m->list.len > MESSAGE_KEYS_BYTES_MAX || m->is_end != (m->upto.len == 0))
        return false;
    return (m->is_end || bytes_compare(m->after, m->upto) < 0) && is_list_of_keys(m);
}

void message_write_keys_reply(struct chain *out, const struct message_keys_reply *m)
{
    CHECK(m->differing.len + m->extras.len <= MESSAGE_KEYS_ANSWER_MAX);
    struct draft head = {0};
    repair_write_answer(&head, &m->answer);
    if (m->answer.status == REPAIR_WAIT)
        draft_varint(&head, m->mark);
    if (m->answer.status == REPAIR_OK) {
        draft_u8(&head, m->is_end ? KEYS_IS_END : 0);
        draft_block(&head, m->upto);
        draft_varint(&head, m->differing_count);
        draft_block(&head, m->differing);
        draft_varint(&head, m->extra_count);
        draft_bytes(&head, m->extras);
    }
    repair_end(out, MESSAGE_KEYS_REPLY, &head);
}

static bool are_lists_of_answers(const struct message_keys_reply *m)
{
    struct wire_reader differing = wire_reader_of(m->differing), extras = wire_reader_of(m->extras);
    struct repair_differing place;
    struct repair_extra extra;
    struct bytes before = {0};
    int last = -1;
    for (uint32_t i = 0; i < m->differing_count; i++) {
        if (!message_next_differing(&differing, &last, &place))
            return false;
    }
    for (uint32_t i = 0; i < m->extra_count; i++) {
        if (!message_next_extra(&extras, &extra) || !is_between(before, extra.key, m->is_end, m->upto))
            return false;
        before = extra.key;
    }
    return fields_end(&differing) && fields_end(&extras);
}

bool message_read_keys_reply(const struct frame *frame, struct message_keys_reply *m)
{
    struct wire_reader reader = fields_of(frame, MESSAGE_KEYS_REPLY);
    *m = (struct message_keys_reply){.answer = repair_read_answer(&reader)};
    if (reader.ok && m->answer.status == REPAIR_WAIT)
        m->mark = wire_read_varint(&reader);
    if (!repair_is_ok(&reader, &m->answer))
        return fields_end_all(&reader, frame);
    m->is_end = fields_bits(&reader, KEYS_IS_END) != 0;
    m->upto = draft_read_block(&reader, MESSAGE_KEY_MAX);
    m->differing_count = (uint32_t)fields_number(&reader, MESSAGE_KEYS_BYTES_MAX);
    m->differing = draft_read_block(&reader, MESSAGE_KEYS_ANSWER_MAX);
    m->extra_count = (uint32_t)fields_number(&reader, MESSAGE_KEYS_BYTES_MAX);
    m->extras = wire_read_bytes(&reader, wire_left(&reader));
    if (!fields_end_all(&reader, frame) || m->differing.len + m->extras.len > MESSAGE_KEYS_ANSWER_MAX)
        return false;
    return m->is_end == (m->upto.len == 0) && are_lists_of_answers(m);
}

void message_write_reconcile(struct chain *out, const struct message_reconcile *m, struct blob *blob)
{
    CHECK(m->key.len >= 1 && m->key.len <= MESSAGE_KEY_MAX);
    uint8_t *at = frame_begin(out, MESSAGE_RECONCILE, 4 * WIRE_VARINT_MAX + m->key.len);
    at = wire_write_varint(at, m->id);
    at = wire_write_varint(at, m->epoch);
    at = wire_write_varint(at, m->partition);
    at = wire_write_varint(at, m->horizon);
    frame_end(out, wire_write_bytes(at, m->key), blob, m->record);
}

bool message_read_reconcile(const struct frame *frame, struct message_reconcile *m)
{
    struct wire_reader reader = fields_of(frame, MESSAGE_RECONCILE);
    m->id = wire_read_varint(&reader);
    m->epoch = wire_read_varint(&reader);
    m->partition = (uint16_t)fields_number(&reader, UINT16_MAX);
    m->horizon = fields_number(&reader, HYBRID_TIME_MAX);
    m->key = fields_rest(&reader, MESSAGE_KEY_MAX);
    m->record = frame->tail;
    if (!fields_end(&reader) || (m->record.len > 0 && record_verify(m->record) != RECORD_OK))
        return false;
    m->hash = hash_of_key(m->key);
    return true;
}

static bool has_merged(enum repair_status status)
{
    return status == REPAIR_OK || status == REPAIR_SAME || status == REPAIR_ABSENT || status == REPAIR_UNSURE
           || status == REPAIR_DAMAGED;
}

void message_write_reconcile_reply(struct chain *out, const struct message_reconcile_reply *m, struct blob *blob)
{
    CHECK((m->answer.status == REPAIR_OK) == (m->record.len > 0) && m->answer.status < REPAIR_STATUSES);
    uint8_t *at = frame_begin(out, MESSAGE_RECONCILE_REPLY, 1 + 3 * WIRE_VARINT_MAX);
    at = wire_write_u8(at, (uint8_t)m->answer.status);
    at = wire_write_varint(at, m->answer.id);
    at = wire_write_varint(at, m->answer.epoch);
    if (has_merged(m->answer.status))
        at = wire_write_varint(at, m->horizon);
    frame_end(out, at, blob, m->record);
}

bool message_read_reconcile_reply(const struct frame *frame, struct message_reconcile_reply *m)
{
    struct wire_reader reader = fields_of(frame, MESSAGE_RECONCILE_REPLY);
    *m = (struct message_reconcile_reply){.answer = repair_read_answer(&reader), .record = frame->tail};
    if (reader.ok && has_merged(m->answer.status))
        m->horizon = fields_number(&reader, HYBRID_TIME_MAX);
    if (m->answer.status != REPAIR_OK)
        return fields_end_all(&reader, frame);
    return fields_end(&reader) && record_verify(m->record) == RECORD_OK;
}

void message_write_complete(struct chain *out, const struct message_complete *m)
{
    struct draft head = {0};
    draft_u8(&head, m->is_same ? COMPLETE_IS_SAME : 0);
    draft_varint(&head, m->id);
    draft_varint(&head, m->epoch);
    draft_u64(&head, m->run);
    draft_u64(&head, m->began);
    draft_bytes(&head, m->partitions);
    repair_end(out, MESSAGE_COMPLETE, &head);
}

bool message_read_complete(const struct frame *frame, struct message_complete *m)
{
    struct wire_reader reader = fields_of(frame, MESSAGE_COMPLETE);
    m->is_same = fields_bits(&reader, COMPLETE_IS_SAME) != 0;
    m->id = wire_read_varint(&reader);
    m->epoch = wire_read_varint(&reader);
    m->run = wire_read_u64(&reader);
    m->began = wire_read_u64(&reader);
    m->partitions = repair_read_set(&reader);
    return fields_end_all(&reader, frame);
}

void message_write_complete_reply(struct chain *out, const struct message_complete_reply *m)
{
    struct draft head = {0};
    repair_write_answer(&head, &m->answer);
    repair_end(out, MESSAGE_COMPLETE_REPLY, &head);
}

bool message_read_complete_reply(const struct frame *frame, struct message_complete_reply *m)
{
    struct wire_reader reader = fields_of(frame, MESSAGE_COMPLETE_REPLY);
    m->answer = repair_read_answer(&reader);
    return fields_end_all(&reader, frame);
}
