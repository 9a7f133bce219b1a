/* Random messages of every type, from a seed. */
#ifndef T_MESSAGE_GENERATE_H
#define T_MESSAGE_GENERATE_H

#include "again.h"
#include "base/check.h"
#include "base/prng.h"
#include "version/record.h"

#include <stdlib.h>
#include <string.h>

enum { GENERATED_PAIRS_MAX = 300, GENERATED_VALUE_MAX = 6000 };

/* A message with the memory that it points into. */
struct generated {
    struct prng prng;
    union any_message m;
    uint8_t type;
    struct blob *blob; /* the tail */
    struct pair pairs[GENERATED_PAIRS_MAX];
    uint8_t key[MESSAGE_KEY_MAX];
};

/* Of any size: small numbers are as likely as large ones. */
static inline uint64_t any_number(struct prng *prng)
{
    return prng_next(prng) >> prng_below(prng, 64);
}

static inline bool any_bool(struct prng *prng)
{
    return prng_below(prng, 2) != 0;
}

static inline struct bytes any_key(struct generated *generated)
{
    size_t len = 1 + prng_below(&generated->prng, MESSAGE_KEY_MAX);
    for (size_t i = 0; i < len; i++)
        generated->key[i] = (uint8_t)prng_next(&generated->prng);
    return bytes_of(generated->key, len);
}

static inline struct bytes any_value(struct generated *generated)
{
    size_t len = prng_below(&generated->prng, any_bool(&generated->prng) ? 100 : GENERATED_VALUE_MAX);
    generated->blob = blob_new(len);
    CHECK_MEMORY(generated->blob);
    for (size_t i = 0; i < len; i++)
        generated->blob->at[i] = (uint8_t)prng_next(&generated->prng);
    return blob_bytes(generated->blob);
}

/* The record of an object with one version. */
static inline struct bytes any_record(struct generated *generated)
{
    struct bytes value = any_value(generated);
    struct blob *value_blob = generated->blob;
    struct dot dot = {{(uint32_t)prng_next(&generated->prng), 1 + any_number(&generated->prng) / 2, 1}, 1};
    hybrid_time time = prng_next(&generated->prng) & HYBRID_TIME_MAX;
    struct version version = {.dot = dot, .time = time, .expiry_stamp = time, .kind = VERSION_VALUE, .value = value};
    struct pair pair = {dot.actor, dot.counter, time};
    struct object object = {.context = {&pair, 1}, .live = &version, .live_count = 1};
    generated->blob = blob_new(record_size(&object));
    CHECK_MEMORY(generated->blob);
    record_encode(&object, generated->blob->at);
    blob_release(value_blob);
    return blob_bytes(generated->blob);
}

/* Mostly short ones, sometimes one whose head does not fit into one piece of a chain. */
static inline struct context any_context(struct generated *generated)
{
    struct prng *prng = &generated->prng;
    uint32_t count = (uint32_t)prng_below(prng, prng_below(prng, 4) == 0 ? GENERATED_PAIRS_MAX : 4);
    uint32_t node = (uint32_t)prng_below(prng, 1000);
    for (uint32_t i = 0; i < count; i++) {
        node += 1 + (uint32_t)prng_below(prng, UINT32_MAX / GENERATED_PAIRS_MAX - 10);
        generated->pairs[i] = (struct pair){.actor = {node, 1 + any_number(prng) / 2, 1 + any_number(prng) / 2},
                                            .counter = 1 + any_number(prng) / 2,
                                            .time = prng_next(prng) & HYBRID_TIME_MAX};
    }
    if (count > 0 && any_bool(prng))
        generated->pairs[0].actor = request_actor(1 + any_number(prng) / 2);
    return (struct context){generated->pairs, count};
}

static inline hybrid_time any_horizon(struct prng *prng)
{
    return any_bool(prng) ? any_number(prng) & HYBRID_TIME_MAX : 0;
}

static inline struct flush_registers any_registers(struct prng *prng)
{
    return (struct flush_registers){any_number(prng), any_number(prng), any_number(prng)};
}

static inline void generate_read(struct generated *generated)
{
    struct prng *prng = &generated->prng;
    struct message_read *m = &generated->m.read;
    *m = (struct message_read){.id = any_number(prng), .epoch = any_number(prng), .key = any_key(generated)};
    m->partition = (uint16_t)any_number(prng);
    m->hash = hash_of_key(m->key);
    m->has_fingerprint = any_bool(prng);
    m->peek = any_bool(prng);
    if (m->has_fingerprint)
        m->fingerprint = any_number(prng);
}

static inline void generate_read_reply(struct generated *generated)
{
    struct prng *prng = &generated->prng;
    struct message_read_reply *m = &generated->m.read_reply;
    *m = (struct message_read_reply){.id = any_number(prng), .epoch = any_number(prng)};
    m->status = (enum message_status)prng_below(prng, MESSAGE_STATUSES);
    m->idle_s = (uint32_t)any_number(prng);
    m->fetched_before = any_bool(prng);
    m->is_doubtful = any_bool(prng);
    m->is_hint = any_bool(prng);
    m->horizon = any_horizon(prng);
    if (m->status == MESSAGE_OK)
        m->record = any_record(generated);
}

static inline void generate_write(struct generated *generated)
{
    struct prng *prng = &generated->prng;
    struct message_write *m = &generated->m.write;
    *m = (struct message_write){.id = any_number(prng), .epoch = any_number(prng), .key = any_key(generated)};
    m->partition = (uint16_t)any_number(prng);
    m->hash = hash_of_key(m->key);
    m->durability = (uint8_t)prng_below(prng, 3);
    m->is_repair = any_bool(prng);
    m->keeps_use = any_bool(prng);
    m->is_use = any_bool(prng);
    m->stands_in_for = any_bool(prng) ? (uint32_t)any_number(prng) : 0;
    m->horizon = any_horizon(prng);
    m->record = any_record(generated);
}

static inline void generate_forward(struct generated *generated)
{
    struct prng *prng = &generated->prng;
    struct message_forward *m = &generated->m.forward;
    *m = (struct message_forward){.number = any_number(prng), .epoch = any_number(prng), .key = any_key(generated)};
    m->remaining_ms = (uint32_t)any_number(prng);
    m->kind = (uint8_t)prng_below(prng, FORWARD_KINDS);
    m->options = (uint16_t)prng_below(prng, FORWARD_OPTIONS_ALL + 1);
    m->flags = (uint32_t)any_number(prng);
    uint64_t *const numbers[] = {&m->expiry_ms, &m->vivify_expiry_ms, &m->recache_ttl_s, &m->token,
                                 &m->delta,     &m->initial,          &m->value_max};
    for (size_t i = 0; i < sizeof numbers / sizeof *numbers; i++)
        *numbers[i] = any_bool(prng) ? any_number(prng) : 0;
    if (any_bool(prng)) {
        m->request = 1 + any_number(prng) / 2;
        m->attempt = 1 + (uint32_t)(any_number(prng) % UINT32_MAX);
    }
    m->began = any_horizon(prng);
    m->stands_in = any_bool(prng);
    m->knows_token = any_bool(prng);
    if (m->knows_token)
        m->context = any_context(generated);
    if (any_bool(prng))
        m->value = any_value(generated);
}

static inline void generate_forward_reply(struct generated *generated)
{
    struct prng *prng = &generated->prng;
    struct message_forward_reply *m = &generated->m.forward_reply;
    *m = (struct message_forward_reply){.number = any_number(prng), .epoch = any_number(prng)};
    m->status = (uint8_t)prng_below(prng, FORWARD_STATUSES);
    m->failure = (uint8_t)prng_below(prng, FORWARD_FAILURES);
    m->marks = (uint16_t)prng_below(prng, FORWARD_MARKS_ALL + 1);
    m->idle_s = (uint32_t)any_number(prng);
    m->value_number = any_number(prng);
    m->written_token = any_number(prng);
    m->written_expiry_ms = any_number(prng);
    m->touch_stamp = any_number(prng);
    if (any_bool(prng))
        m->record = any_record(generated);
}

/* One of the data plane's types. Close it with generated_close. */
static inline void generate(struct generated *generated, uint8_t type, uint64_t seed)
{
    *generated = (struct generated){.type = type};
    struct prng *prng = &generated->prng;
    prng_init(prng, seed * 64 + type);
    switch (type) {
    case MESSAGE_GREETING:
        generated->m.greeting = (struct message_greeting){.epoch = any_number(prng), .cluster = prng_next(prng)};
        generated->m.greeting.clock = prng_next(prng);
        generated->m.greeting.flush = any_registers(prng);
        generated->m.greeting.is_reply = any_bool(prng);
        generated->m.greeting.is_disbelieved = generated->m.greeting.is_reply && any_bool(prng);
        return;
    case MESSAGE_READ:
        generate_read(generated);
        return;
    case MESSAGE_READ_REPLY:
        generate_read_reply(generated);
        return;
    case MESSAGE_WRITE:
        generate_write(generated);
        return;
    case MESSAGE_WRITE_REPLY:
        generated->m.write_reply = (struct message_write_reply){.id = any_number(prng), .epoch = any_number(prng)};
        generated->m.write_reply.status = (enum message_status)prng_below(prng, MESSAGE_STATUSES);
        generated->m.write_reply.winner = any_number(prng);
        return;
    case MESSAGE_FORWARD:
        generate_forward(generated);
        return;
    case MESSAGE_FORWARD_REPLY:
        generate_forward_reply(generated);
        return;
    case MESSAGE_FLUSH:
        generated->m.flush = (struct message_flush){.id = any_number(prng), .registers = any_registers(prng)};
        return;
    default:
        CHECK(type == MESSAGE_FLUSH_REPLY);
        generated->m.flush_reply = (struct message_flush_reply){.id = any_number(prng), .clock = prng_next(prng)};
        generated->m.flush_reply.status = (enum message_status)prng_below(prng, MESSAGE_STATUSES);
    }
}

static inline void generated_close(struct generated *generated)
{
    blob_release(generated->blob);
}

#endif
