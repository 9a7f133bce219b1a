/* Arbitrary bytes as a record: whatever decodes is canonical, and record_newest agrees with record_decode. */
#include "version/record.h"
#include "base/check.h"

#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static bool same_version(const struct version *a, const struct version *b)
{
    return dot_equal(&a->dot, &b->dot) && a->time == b->time && a->expiry_stamp == b->expiry_stamp
           && a->expiry_ms == b->expiry_ms && a->flags == b->flags && a->kind == b->kind && a->marks == b->marks
           && a->request == b->request && a->attempt == b->attempt && a->value.at == b->value.at
           && a->value.len == b->value.len;
}

static void check_newest(struct bytes record, const struct object *object)
{
    struct version newest;
    uint32_t live_count;
    CHECK(record_newest(record, &newest, &live_count) == RECORD_OK);
    CHECK(live_count == object->live_count);
    CHECK(live_count == 0 || same_version(&newest, object_newest(object)));
}

/* All but the checksum, which the fuzzer need not guess. A record of an earlier format is written in the present one,
 * and that comes back as the same object, which is all that can be said of it. */
static void check_encoding(struct bytes record, const struct object *object, bool is_old, struct arena *arena)
{
    enum { CHECKSUM_BYTES = 8 };
    size_t len = record_size(object);
    uint8_t *again = malloc(len);
    CHECK_MEMORY(again);
    record_encode(object, again);
    CHECK(record_verify(bytes_of(again, len)) == RECORD_OK);
    if (is_old) {
        struct object same;
        CHECK(record_decode(bytes_of(again, len), &same, arena) == RECORD_OK);
        check_encoding(bytes_of(again, len), &same, false, arena);
    } else {
        CHECK(bytes_equal(bytes_after(bytes_of(again, len), CHECKSUM_BYTES), bytes_after(record, CHECKSUM_BYTES)));
    }
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
        check_encoding(record, &object, data[8] != RECORD_FORMAT, &arena);
        check_merge(&object, &arena);
    }
    arena_close(&arena);
    return 0;
}
