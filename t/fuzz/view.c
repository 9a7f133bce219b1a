/* Arbitrary bytes as a view, a change, a table of buckets: what is accepted has exactly these bytes and can be used. */
#include "base/check.h"
#include "base/wire.h"
#include "ring/bucket.h"
#include "ring/ring.h"

#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* Every list names every member once. */
static void check_lists(const struct ring_view *view)
{
    uint32_t *seen = calloc(view->member_count, sizeof *seen);
    CHECK_MEMORY(seen);
    for (uint32_t partition = 0; partition < view->partition_count; partition++) {
        const uint16_t *list = ring_preference_list(view, (uint16_t)partition);
        for (uint32_t i = 0; i < view->member_count; i++) {
            CHECK(list[i] < view->member_count && seen[list[i]] == partition);
            seen[list[i]]++;
        }
    }
    free(seen);
}

static void check_encoding(const struct ring_view *view, struct bytes in)
{
    CHECK(ring_view_size(view) == in.len);
    uint8_t *again = malloc(in.len);
    CHECK_MEMORY(again);
    ring_view_encode(view, again);
    CHECK(bytes_equal(bytes_of(again, in.len), in));
    free(again);
}

/* A table that no strategy made, even one that breaks P5, must not stop the next change. */
static void check_changes(const struct ring_view *view)
{
    struct ring_change leave = {.kind = RING_CHANGE_LEAVE, .member = view->members[view->member_count / 2]};
    struct ring_view *after = ring_view_after(view, &leave);
    CHECK((after == NULL) == (view->member_count == 1));
    if (after != NULL)
        check_lists(after);
    ring_view_free(after);
}

static void try_view(struct bytes in)
{
    const char *fault;
    struct ring_view *view = ring_view_decode(in, &fault);
    CHECK((view == NULL) == (fault != NULL));
    if (view == NULL)
        return;
    check_lists(view);
    check_encoding(view, in);
    if (view->partition_count <= 4096 && view->member_count <= 64)
        check_changes(view);
    ring_view_free(view);
}

static void try_change(struct bytes in)
{
    struct wire_reader reader = wire_reader_of(in);
    struct ring_change change;
    uint8_t again[RING_CHANGE_BYTES_MAX];
    if (!ring_change_decode(&reader, &change)) {
        CHECK(!reader.ok);
        return;
    }
    size_t len = (size_t)(ring_change_encode(&change, again) - again);
    CHECK(bytes_equal(bytes_of(again, len), bytes_of(in.at, in.len - wire_left(&reader))));
    CHECK(ring_member_fault(&change.member) == NULL);
}

static void try_buckets(struct bytes in)
{
    struct bucket_table table;
    const char *fault;
    bool good = bucket_table_decode(in, &table, &fault);
    CHECK(good == (fault == NULL));
    if (!good)
        return;
    CHECK(bucket_table_size(&table) == in.len);
    uint8_t *again = malloc(in.len);
    CHECK_MEMORY(again);
    bucket_table_encode(&table, again);
    CHECK(bytes_equal(bytes_of(again, in.len), in));
    free(again);
    bucket_table_close(&table);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    try_view(bytes_of(data, size));
    try_change(bytes_of(data, size));
    try_buckets(bytes_of(data, size));
    return 0;
}
