#include "storage/buffer.h"

#include "base/check.h"
#include "storage/fixture.h"

#include <stdio.h>
#include <stdlib.h>

static struct blob *record_of(size_t len)
{
    struct blob *record = blob_new(len);
    CHECK_MEMORY(record);
    memset(record->at, 'r', len);
    return record;
}

static struct place place_at(uint32_t number, char *key)
{
    int len = snprintf(key, 32, "key-%u", number);
    struct bytes name = bytes_of(key, (size_t)len);
    return (struct place){.hash = hash_of_key(name), .partition = 5, .key = name};
}

static struct entry *insert(struct buffer *buffer, uint32_t number, unsigned flags)
{
    char key[32];
    struct place place = place_at(number, key);
    return buffer_insert(buffer, buffer_stripe(buffer, place.hash), &place, record_of(100), flags, 9);
}

static struct entry *find(struct buffer *buffer, uint32_t number)
{
    char key[32];
    struct place place = place_at(number, key);
    return buffer_find(buffer, buffer_stripe(buffer, place.hash), &place);
}

static void finds_every_entry_while_tables_grow(void **state)
{
    (void)state;
    struct buffer buffer;
    buffer_init(&buffer, 4, &lock_none);
    for (uint32_t i = 0; i < 5000; i++) {
        assert_null(find(&buffer, i));
        insert(&buffer, i, 0);
    }
    for (uint32_t i = 0; i < 5000; i++)
        assert_non_null(find(&buffer, i));
    assert_int_equal(buffer.records, 5000);
    buffer_close(&buffer);
}

static void same_key_in_two_partitions_is_two_records(void **state)
{
    (void)state;
    struct buffer buffer;
    buffer_init(&buffer, 1, &lock_none);
    struct place place = {.hash = 77, .partition = 1, .key = bytes_of_text("k")}, other = place;
    other.partition = 2;
    struct entry *entry = buffer_insert(&buffer, &buffer.stripes[0], &place, record_of(1), 0, 0);
    assert_ptr_equal(buffer_find(&buffer, &buffer.stripes[0], &place), entry);
    assert_null(buffer_find(&buffer, &buffer.stripes[0], &other));
    buffer_close(&buffer);
}

static void counts_return_to_zero_when_all_is_removed(void **state)
{
    (void)state;
    struct buffer buffer;
    buffer_init(&buffer, 2, &lock_none);
    for (uint32_t i = 0; i < 100; i++)
        insert(&buffer, i, i % 2 == 0 ? ENTRY_DIRTY : 0);
    assert_int_equal(buffer.dirty_records, 50);
    for (uint32_t i = 0; i < 100; i++) {
        struct entry *entry = find(&buffer, i);
        struct stripe *stripe = buffer_stripe(&buffer, entry->hash);
        blob_release(buffer_replace(&buffer, stripe, entry, i % 3 == 0 ? NULL : record_of(10 * i), ENTRY_DIRTY, 10));
    }
    assert_int_equal(buffer.dirty_records, 100);
    assert_int_equal(buffer.dirty_bytes, buffer.bytes);
    for (uint32_t i = 0; i < 100; i++) {
        struct entry *entry = find(&buffer, i);
        struct stripe *stripe = buffer_stripe(&buffer, entry->hash);
        buffer_mark_clean(&buffer, stripe, entry, true);
        if (i % 3 != 0)
            buffer_remove(&buffer, stripe, entry);
        assert_null(find(&buffer, i)); /* erased entries left with the mark */
    }
    assert_int_equal(buffer.bytes, 0);
    assert_int_equal(buffer.dirty_bytes, 0);
    assert_int_equal(buffer.records, 0);
    assert_int_equal(buffer.dirty_records, 0);
    assert_int_equal(buffer.stripes[0].removals + buffer.stripes[1].removals, 100);
    buffer_close(&buffer);
}

static void evicts_the_oldest_but_spares_what_was_used(void **state)
{
    (void)state;
    struct buffer buffer;
    buffer_init(&buffer, 1, &lock_none);
    for (uint32_t i = 0; i < 10; i++)
        insert(&buffer, i, 0);
    uint64_t each = buffer.bytes / 10;
    find(&buffer, 0)->flags |= ENTRY_RECENT | ENTRY_FETCHED;
    struct buffer_evicted evicted = buffer_evict(&buffer, 8 * each);
    assert_int_equal(evicted.records, 2);
    assert_int_equal(evicted.unfetched, 2);
    assert_non_null(find(&buffer, 0)); /* the oldest, but used */
    assert_null(find(&buffer, 1));
    assert_null(find(&buffer, 2));
    /* Its second chance is spent: unused since, it goes after those that are older now. */
    evicted = buffer_evict(&buffer, 0);
    assert_int_equal(evicted.records, 8);
    assert_int_equal(evicted.unfetched, 7);
    assert_int_equal(buffer.bytes, 0);
    buffer_close(&buffer);
}

/* In a stripe of its own a used entry meets the hand alone: its second chance must last until the next round. */
static void a_used_entry_alone_in_its_stripe_outlives_unused_ones(void **state)
{
    (void)state;
    struct buffer buffer;
    buffer_init(&buffer, 256, &lock_none);
    for (uint32_t i = 0; i < 20; i++)
        insert(&buffer, i, 0);
    uint64_t each = buffer.bytes / 20;
    for (uint32_t round = 20; round < 220; round++) {
        find(&buffer, 7)->flags |= ENTRY_RECENT;
        insert(&buffer, round, 0);
        assert_int_equal(buffer_evict(&buffer, 20 * each + each / 2).records, 1);
        assert_non_null(find(&buffer, 7));
    }
    buffer_close(&buffer);
}

static void eviction_ends_when_everything_is_recent(void **state)
{
    (void)state;
    struct buffer buffer;
    buffer_init(&buffer, 1, &lock_none);
    for (uint32_t i = 0; i < 1000; i++)
        insert(&buffer, i, ENTRY_RECENT);
    uint64_t half = buffer.bytes / 2;
    buffer_evict(&buffer, half);
    assert_in_range(buffer.bytes, half - 1000, half);
    buffer_close(&buffer);
}

static void never_evicts_what_is_dirty(void **state)
{
    (void)state;
    struct buffer buffer;
    buffer_init(&buffer, 4, &lock_none);
    for (uint32_t i = 0; i < 100; i++)
        insert(&buffer, i, i < 40 ? ENTRY_DIRTY : 0);
    struct buffer_evicted evicted = buffer_evict(&buffer, 0);
    assert_int_equal(evicted.records, 60);
    for (uint32_t i = 0; i < 40; i++)
        assert_non_null(find(&buffer, i));
    buffer_close(&buffer);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(finds_every_entry_while_tables_grow),
        cmocka_unit_test(same_key_in_two_partitions_is_two_records),
        cmocka_unit_test(counts_return_to_zero_when_all_is_removed),
        cmocka_unit_test(evicts_the_oldest_but_spares_what_was_used),
        cmocka_unit_test(a_used_entry_alone_in_its_stripe_outlives_unused_ones),
        cmocka_unit_test(eviction_ends_when_everything_is_recent),
        cmocka_unit_test(never_evicts_what_is_dirty),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
