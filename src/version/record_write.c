#include "base/check.h"
#include "base/hash.h"
#include "base/wire.h"
#include "version/record.h"
#include "version/record_layout.h"
#include "version/sorted.h"

static unsigned traits_of(const struct version *version)
{
    CHECK(version->kind == VERSION_VALUE || version->value.len == 0);
    CHECK((version->marks & ~(VERSION_STALE | VERSION_WIN_SENT)) == 0);
    CHECK((version->request == 0) == (version->attempt == 0));
    unsigned traits = (unsigned)version->marks << TRAIT_MARKS_SHIFT;
    if (version->kind == VERSION_TOMBSTONE)
        traits |= TRAIT_TOMBSTONE;
    if (version->flags != 0)
        traits |= TRAIT_FLAGS;
    if (version->expiry_ms != 0)
        traits |= TRAIT_EXPIRY;
    if (version->expiry_stamp != version->time)
        traits |= TRAIT_STAMP;
    if (version->request != 0)
        traits |= TRAIT_REQUEST;
    return traits;
}

static size_t traits_size(unsigned traits)
{
    return (traits & TRAITS_IN_SECOND_BYTE) != 0 ? 2 : 1;
}

static uint8_t *write_traits(uint8_t *at, unsigned traits)
{
    if ((traits & TRAITS_IN_SECOND_BYTE) == 0)
        return wire_write_u8(at, (uint8_t)traits);
    return wire_write_u8(wire_write_u8(at, (uint8_t)(traits | TRAIT_MORE)), (uint8_t)(traits >> 8));
}

static size_t times_size(const struct version *version)
{
    return 8 + (version->flags == 0 ? 0 : wire_varint_len(version->flags))
           + (version->expiry_ms == 0 ? 0 : wire_varint_len(version->expiry_ms))
           + (version->expiry_stamp == version->time ? 0 : 8)
           + (version->request == 0 ? 0 : 8 + wire_varint_len(version->attempt));
}

/* The numbers of a version apart from its dot. */
static uint8_t *write_times(uint8_t *at, const struct version *version)
{
    at = wire_write_u64(at, version->time);
    if (version->flags != 0)
        at = wire_write_varint(at, version->flags);
    if (version->expiry_ms != 0)
        at = wire_write_varint(at, version->expiry_ms);
    if (version->expiry_stamp != version->time)
        at = wire_write_u64(at, version->expiry_stamp);
    if (version->request != 0)
        at = wire_write_varint(wire_write_u64(at, version->request), version->attempt);
    return at;
}

static size_t value_size(const struct version *version)
{
    if (version->kind == VERSION_TOMBSTONE)
        return 0;
    return wire_varint_len(version->value.len) + version->value.len;
}

static uint8_t *write_value(uint8_t *at, const struct version *version)
{
    if (version->kind == VERSION_TOMBSTONE)
        return at;
    return wire_write_bytes(wire_write_varint(at, version->value.len), version->value);
}

static size_t dot_size(const struct actor *actor, uint64_t counter)
{
    return 12 + wire_varint_len(actor->birth) + wire_varint_len(counter);
}

static uint8_t *write_dot(uint8_t *at, const struct actor *actor, uint64_t counter)
{
    at = wire_write_u32(at, actor->node);
    at = wire_write_u64(at, actor->incarnation);
    at = wire_write_varint(at, actor->birth);
    return wire_write_varint(at, counter);
}

/* The pair of the newest version's actor; a canonical object has it. */
static const struct pair *own_pair(const struct object *object)
{
    const struct pair *pair = context_find(&object->context, &object->live[0].dot.actor);
    CHECK(pair != NULL);
    return pair;
}

static bool is_own_pair_plain(const struct pair *own, const struct version *newest)
{
    return own->counter == newest->dot.counter && own->time == newest->time;
}

static bool is_short(const struct object *object)
{
    return object->live_count == 1 && object->context.count == 1 && is_own_pair_plain(own_pair(object), object->live);
}

static size_t short_size(const struct version *version)
{
    return RECORD_HEAD_BYTES + traits_size(traits_of(version)) + dot_size(&version->dot.actor, version->dot.counter)
           + times_size(version) + version->value.len;
}

static uint8_t *write_short(uint8_t *at, const struct version *version)
{
    at = write_traits(at, traits_of(version));
    at = write_dot(at, &version->dot.actor, version->dot.counter);
    return wire_write_bytes(write_times(at, version), version->value);
}

/* The newest version opens a long record too, so that record_newest need not look further. */
static size_t newest_size(const struct object *object)
{
    const struct version *newest = object->live;
    const struct pair *own = own_pair(object);
    return dot_size(&newest->dot.actor, newest->dot.counter) + times_size(newest) + value_size(newest)
           + (is_own_pair_plain(own, newest) ? 0 : wire_varint_len(own->counter) + 8);
}

static uint8_t *write_newest(uint8_t *at, const struct object *object)
{
    const struct version *newest = object->live;
    const struct pair *own = own_pair(object);
    at = write_value(write_times(write_dot(at, &newest->dot.actor, newest->dot.counter), newest), newest);
    if (!is_own_pair_plain(own, newest))
        at = wire_write_u64(wire_write_varint(at, own->counter), own->time);
    return at;
}

static uint32_t place_of(const struct context *context, const struct actor *actor)
{
    const struct pair *pair = context_find(context, actor);
    CHECK(pair != NULL);
    return (uint32_t)(pair - context->pairs);
}

static size_t further_size(const struct context *context, const struct version *version)
{
    return traits_size(traits_of(version)) + wire_varint_len(place_of(context, &version->dot.actor))
           + wire_varint_len(version->dot.counter) + times_size(version) + value_size(version);
}

static uint8_t *write_further(uint8_t *at, const struct context *context, const struct version *version)
{
    at = write_traits(at, traits_of(version));
    at = wire_write_varint(at, place_of(context, &version->dot.actor));
    at = wire_write_varint(at, version->dot.counter);
    return write_value(write_times(at, version), version);
}

static uint32_t listed_pairs(const struct object *object)
{
    return object->context.count - (object->live_count > 0);
}

static unsigned long_traits(const struct object *object)
{
    if (object->live_count == 0)
        return TRAIT_LONG;
    bool is_plain = is_own_pair_plain(own_pair(object), object->live);
    return TRAIT_LONG | traits_of(object->live) | (is_plain ? 0 : TRAIT_OWN_PAIR);
}

static size_t long_size(const struct object *object)
{
    const struct pair *own = object->live_count > 0 ? own_pair(object) : NULL;
    size_t size = RECORD_HEAD_BYTES + traits_size(long_traits(object)) + wire_varint_len(object->live_count)
                  + wire_varint_len(listed_pairs(object));
    if (own != NULL)
        size += newest_size(object);
    for (uint32_t i = 0; i < object->context.count; i++) {
        const struct pair *pair = &object->context.pairs[i];
        if (pair != own)
            size += dot_size(&pair->actor, pair->counter) + 8;
    }
    for (uint32_t i = 1; i < object->live_count; i++)
        size += further_size(&object->context, &object->live[i]);
    return size;
}

static uint8_t *write_long(uint8_t *at, const struct object *object)
{
    const struct pair *own = object->live_count > 0 ? own_pair(object) : NULL;
    at = write_traits(at, long_traits(object));
    at = wire_write_varint(at, object->live_count);
    at = wire_write_varint(at, listed_pairs(object));
    if (own != NULL)
        at = write_newest(at, object);
    for (uint32_t i = 0; i < object->context.count; i++) {
        const struct pair *pair = &object->context.pairs[i];
        if (pair != own)
            at = wire_write_u64(write_dot(at, &pair->actor, pair->counter), pair->time);
    }
    for (uint32_t i = 1; i < object->live_count; i++)
        at = write_further(at, &object->context, &object->live[i]);
    return at;
}

size_t record_size(const struct object *object)
{
    CHECK(record_fits(object));
    return is_short(object) ? short_size(object->live) : long_size(object);
}

void record_encode(const struct object *object, uint8_t *at)
{
    uint8_t *body = at + RECORD_CHECKSUM_BYTES;
    uint8_t *end = wire_write_u8(body, RECORD_FORMAT);
    end = is_short(object) ? write_short(end, object->live) : write_long(end, object);
    wire_write_u64(at, hash_fingerprint(bytes_of(body, (size_t)(end - body)), RECORD_CHECKSUM_SEED));
}
