#include "message/forward.h"

#include "base/check.h"
#include "base/hash.h"
#include "message/data.h"
#include "message/fields.h"
#include "version/record.h"

#include <stdlib.h>

enum {
    VALUE_SEED = 0x76616c75, /* of a value's fingerprint */
    FINGERPRINT_BYTES = 8,
    PAIR_MIN = 4 + 8 + 1 + 1 + 8,
    PAIR_MAX = 4 + 8 + 2 * WIRE_VARINT_MAX + 8,
    FORWARD_FIELDS_MAX = 2 + 14 * WIRE_VARINT_MAX + 8 + 8 + FINGERPRINT_BYTES, /* without context and key */
    FORWARD_REPLY_MAX = 2 + 8 * WIRE_VARINT_MAX
};

/* Bits of the second byte of a FORWARD. */
enum { KNOWS_TOKEN = 0x01, STANDS_IN = 0x02, HAS_REQUEST = 0x04, HAS_BEGUN = 0x08, FORWARD_BITS = 0x0f };

static uint8_t *write_context(uint8_t *at, const struct context *context)
{
    at = wire_write_varint(at, context->count);
    for (uint32_t i = 0; i < context->count; i++) {
        const struct pair *pair = &context->pairs[i];
        at = wire_write_u32(at, pair->actor.node);
        at = wire_write_u64(at, pair->actor.incarnation);
        at = wire_write_varint(at, pair->actor.birth);
        at = wire_write_varint(at, pair->counter);
        at = wire_write_u64(at, pair->time);
    }
    return at;
}

static struct pair read_pair(struct wire_reader *reader)
{
    struct pair pair;
    pair.actor.node = wire_read_u32(reader);
    pair.actor.incarnation = wire_read_u64(reader);
    pair.actor.birth = wire_read_varint(reader);
    pair.counter = wire_read_varint(reader);
    pair.time = wire_read_u64(reader);
    bool is_request = pair.actor.node == 0 && pair.actor.birth == 0; /* request_actor */
    fields_require(reader, pair.actor.incarnation != 0 && (pair.actor.birth != 0 || is_request) && pair.counter != 0
                               && pair.time <= HYBRID_TIME_MAX);
    return pair;
}

static void read_context(struct wire_reader *reader, struct context *context, struct arena *arena)
{
    uint64_t count = fields_number(reader, RECORD_PAIRS_MAX);
    fields_require(reader, wire_left(reader) / PAIR_MIN >= count); /* before memory is taken for them */
    if (!reader->ok || count == 0)
        return;
    context->pairs = arena_alloc(arena, count * sizeof *context->pairs);
    for (; context->count < count && reader->ok; context->count++) {
        struct pair *pair = &context->pairs[context->count];
        *pair = read_pair(reader);
        if (context->count > 0)
            fields_require(reader, actor_compare(&pair[-1].actor, &pair->actor) < 0);
    }
}

static uint8_t bits_of(const struct message_forward *m)
{
    unsigned bits = (m->knows_token ? KNOWS_TOKEN : 0) | (m->stands_in ? STANDS_IN : 0);
    bits |= (m->request != 0 ? HAS_REQUEST : 0) | (m->began != 0 ? HAS_BEGUN : 0);
    return (uint8_t)bits;
}

static uint8_t *write_request(uint8_t *at, const struct message_forward *m)
{
    if (m->request != 0)
        at = wire_write_varint(wire_write_u64(at, m->request), m->attempt);
    return m->began != 0 ? wire_write_u64(at, m->began) : at;
}

static void read_request(struct wire_reader *reader, uint8_t bits, struct message_forward *m)
{
    bool has_request = (bits & HAS_REQUEST) != 0, has_begun = (bits & HAS_BEGUN) != 0;
    m->request = has_request ? wire_read_u64(reader) : 0;
    m->attempt = has_request ? (uint32_t)fields_number(reader, UINT32_MAX) : 0;
    m->began = has_begun ? wire_read_u64(reader) : 0;
    fields_require(reader, has_request == (m->request != 0) && has_request == (m->attempt != 0)
                               && has_begun == (m->began != 0) && m->began <= HYBRID_TIME_MAX);
}

static uint8_t *write_forward_head(uint8_t *at, const struct message_forward *m)
{
    at = wire_write_u8(at, m->kind);
    at = wire_write_u8(at, bits_of(m));
    at = wire_write_varint(at, m->options);
    at = wire_write_varint(at, m->number);
    at = wire_write_varint(at, m->epoch);
    at = wire_write_varint(at, m->remaining_ms);
    at = wire_write_varint(at, m->flags);
    at = wire_write_varint(at, m->expiry_ms);
    at = wire_write_varint(at, m->vivify_expiry_ms);
    at = wire_write_varint(at, m->recache_ttl_s);
    at = wire_write_varint(at, m->token);
    at = wire_write_varint(at, m->delta);
    at = wire_write_varint(at, m->initial);
    at = wire_write_varint(at, m->value_max);
    at = write_request(at, m);
    if (m->knows_token)
        at = write_context(at, &m->context);
    if (m->value.len != 0)
        at = wire_write_u64(at, hash_fingerprint(m->value, VALUE_SEED));
    return wire_write_bytes(at, m->key);
}

void message_write_forward(struct chain *out, const struct message_forward *m, struct blob *blob)
{
    CHECK(m->kind < FORWARD_KINDS && (m->options & ~FORWARD_OPTIONS_ALL) == 0);
    CHECK(m->key.len >= 1 && m->key.len <= MESSAGE_KEY_MAX);
    CHECK(m->began <= HYBRID_TIME_MAX && (m->request == 0 || m->attempt != 0));
    CHECK(m->context.count <= RECORD_PAIRS_MAX && (m->knows_token || m->context.count == 0));
    size_t head_max = FORWARD_FIELDS_MAX + (size_t)m->context.count * PAIR_MAX + m->key.len;
    if (head_max <= FRAME_BEGIN_MAX) {
        uint8_t *at = frame_begin(out, MESSAGE_FORWARD, head_max);
        frame_end(out, write_forward_head(at, m), blob, m->value);
        return;
    }
    uint8_t *head = malloc(head_max);
    CHECK_MEMORY(head);
    const uint8_t *end = write_forward_head(head, m);
    frame_append_both(out, MESSAGE_FORWARD, bytes_of(head, (size_t)(end - head)), blob, m->value);
    free(head);
}

bool message_read_forward(const struct frame *frame, struct message_forward *m, struct arena *arena)
{
    struct wire_reader reader = fields_of(frame, MESSAGE_FORWARD);
    m->kind = fields_small(&reader, FORWARD_KINDS - 1);
    uint8_t bits = fields_bits(&reader, FORWARD_BITS);
    m->knows_token = (bits & KNOWS_TOKEN) != 0;
    m->stands_in = (bits & STANDS_IN) != 0;
    m->options = (uint16_t)fields_number(&reader, FORWARD_OPTIONS_ALL);
    m->number = wire_read_varint(&reader);
    m->epoch = wire_read_varint(&reader);
    m->remaining_ms = (uint32_t)fields_number(&reader, UINT32_MAX);
    m->flags = (uint32_t)fields_number(&reader, UINT32_MAX);
    m->expiry_ms = wire_read_varint(&reader);
    m->vivify_expiry_ms = wire_read_varint(&reader);
    m->recache_ttl_s = wire_read_varint(&reader);
    m->token = wire_read_varint(&reader);
    m->delta = wire_read_varint(&reader);
    m->initial = wire_read_varint(&reader);
    m->value_max = wire_read_varint(&reader);
    read_request(&reader, bits, m);
    m->context = (struct context){0};
    if (m->knows_token)
        read_context(&reader, &m->context, arena);
    m->value = frame->tail;
    uint64_t fingerprint = m->value.len != 0 ? wire_read_u64(&reader) : 0;
    m->key = fields_rest(&reader, MESSAGE_KEY_MAX);
    return fields_end(&reader) && (m->value.len == 0 || fingerprint == hash_fingerprint(m->value, VALUE_SEED));
}

void message_write_forward_reply(struct chain *out, const struct message_forward_reply *m, struct blob *blob)
{
    CHECK(m->status < FORWARD_STATUSES && m->failure < FORWARD_FAILURES && (m->marks & ~FORWARD_MARKS_ALL) == 0);
    uint8_t *at = frame_begin(out, MESSAGE_FORWARD_REPLY, FORWARD_REPLY_MAX);
    at = wire_write_u8(at, m->status);
    at = wire_write_u8(at, m->failure);
    at = wire_write_varint(at, m->marks);
    at = wire_write_varint(at, m->number);
    at = wire_write_varint(at, m->epoch);
    at = wire_write_varint(at, m->idle_s);
    at = wire_write_varint(at, m->value_number);
    at = wire_write_varint(at, m->written_token);
    at = wire_write_varint(at, m->written_expiry_ms);
    at = wire_write_varint(at, m->touch_stamp);
    frame_end(out, at, blob, m->record);
}

bool message_read_forward_reply(const struct frame *frame, struct message_forward_reply *m)
{
    struct wire_reader reader = fields_of(frame, MESSAGE_FORWARD_REPLY);
    m->status = fields_small(&reader, FORWARD_STATUSES - 1);
    m->failure = fields_small(&reader, FORWARD_FAILURES - 1);
    m->marks = (uint16_t)fields_number(&reader, FORWARD_MARKS_ALL);
    m->number = wire_read_varint(&reader);
    m->epoch = wire_read_varint(&reader);
    m->idle_s = (uint32_t)fields_number(&reader, UINT32_MAX);
    m->value_number = wire_read_varint(&reader);
    m->written_token = wire_read_varint(&reader);
    m->written_expiry_ms = wire_read_varint(&reader);
    m->touch_stamp = wire_read_varint(&reader);
    m->record = frame->tail;
    return fields_end(&reader) && (m->record.len == 0 || record_verify(m->record) == RECORD_OK);
}
