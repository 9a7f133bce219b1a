#include "version/fingerprint.h"

#include "base/hash.h"
#include "version/record.h"

/* One number after the other is mixed in, so that equal numbers in other places give another result. */
static uint64_t fingerprint_of(const struct version *version)
{
    uint64_t mix = hash_mix(version->dot.actor.incarnation + version->dot.actor.node);
    mix = hash_mix(mix + version->dot.actor.birth);
    mix = hash_mix(mix ^ version->dot.counter);
    mix = hash_mix(mix + version->expiry_stamp);
    return hash_mix(mix ^ (version->expiry_ms << 2 | version->marks));
}

/* Sums do not depend on an order. 0 is kept for nothing at all. */
static uint64_t not_zero(uint64_t sum)
{
    return sum == 0 ? 1 : sum;
}

uint64_t object_fingerprint(const struct object *object)
{
    uint64_t sum = 0;
    for (uint32_t i = 0; i < object->live_count; i++)
        sum += fingerprint_of(&object->live[i]);
    return object->live_count == 0 ? 0 : not_zero(sum);
}

static uint64_t decoded_fingerprint(struct bytes record, bool *ok)
{
    struct arena arena;
    struct object object;
    arena_init(&arena);
    *ok = record_decode(record, &object, &arena) == RECORD_OK;
    uint64_t fingerprint = object_fingerprint(&object);
    arena_close(&arena);
    return fingerprint;
}

uint64_t record_fingerprint(struct bytes record, bool *ok)
{
    struct version newest;
    uint32_t live_count;
    *ok = true;
    if (record.len == 0)
        return 0;
    if (record_newest(record, &newest, &live_count) != RECORD_OK) {
        *ok = false;
        return 0;
    }
    if (live_count > 1)
        return decoded_fingerprint(record, ok);
    return live_count == 0 ? 0 : not_zero(fingerprint_of(&newest));
}
