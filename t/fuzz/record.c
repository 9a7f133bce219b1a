/* Arbitrary bytes as a record: whatever decodes is canonical, and record_newest agrees with record_decode. */
#include "version/record.h"
#include "base/check.h"

#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static bool same_version(const struct version *a, const struct version *b)
{
    return dot_equal(&a->dot, &b->dot) && a->time == b->time && a->expiry_stamp == b->expiry_stamp
           && a->expiry_ms == b->expiry_ms && a->flags == b->flags && a->kind == b->kind && a->marks == b->marks
           && a->value.at == b->value.at && a->value.len == b->value.len;
}

static void check_newest(struct bytes record, const struct object *object)
{
    struct version newest;
    uint32_t live_count;
    CHECK(record_newest(record, &newest, &live_count) == RECORD_OK);
    CHECK(live_count == object->live_count);
    CHECK(live_count == 0 || same_version(&newest, object_newest(object)));
}

/* All but the checksum, which the fuzzer need not guess. */
static void check_encoding(struct bytes record, const struct object *object)
{
    enum { CHECKSUM_BYTES = 8 };
    CHECK(record_size(object) == record.len);
    uint8_t *again = malloc(record.len);
    CHECK_MEMORY(again);
    record_encode(object, again);
    CHECK(bytes_equal(bytes_after(bytes_of(again, record.len), CHECKSUM_BYTES), bytes_after(record, CHECKSUM_BYTES)));
    CHECK(record_verify(bytes_of(again, record.len)) == RECORD_OK);
    free(again);
}

static void check_merge(const struct object *object, struct arena *arena)
{
    struct object merged;
    object_merge(&merged, object, 0, object, 0, arena);
    CHECK(merged.live_count == object->live_count && merged.context.count == object->context.count);
    for (uint32_t i = 0; i < merged.live_count; i++)
        CHECK(same_version(&merged.live[i], &object->live[i]));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct bytes record = bytes_of(data, size);
    struct version newest;
    uint32_t live_count;
    struct arena arena;
    struct object object;
    arena_init(&arena);
    record_verify(record);
    record_newest(record, &newest, &live_count);
    if (record_decode(record, &object, &arena) == RECORD_OK) {
        check_newest(record, &object);
        check_encoding(record, &object);
        check_merge(&object, &arena);
    }
    arena_close(&arena);
    return 0;
}
