/* Reading and updating one record at a time. */
#include "storage/fixture.h"

#include <stdio.h>
#include <stdlib.h>

static void an_update_is_read_back_at_every_durability(void **state)
{
    (void)state;
    struct fixture fixture;
    fixture_init(&fixture);
    fixture_open(&fixture);
    fixture_expect(&fixture, "a", NULL);
    assert_int_equal(fixture_set(&fixture, "a", "one", DURABILITY_BUFFERED), STORE_OK);
    fixture_expect(&fixture, "a", "one");
    assert_int_equal(fixture_set(&fixture, "a", "two", DURABILITY_COMMITTED), STORE_OK);
    fixture_expect(&fixture, "a", "two");
    assert_int_equal(fixture_set(&fixture, "a", "three", DURABILITY_SYNCED), STORE_OK);
    fixture_expect(&fixture, "a", "three");
    assert_int_equal(fixture_erase(&fixture, "a"), STORE_OK);
    fixture_expect(&fixture, "a", NULL);
    fixture_close(&fixture);
}

static void erasing_nothing_leaves_no_trace(void **state)
{
    (void)state;
    struct fixture fixture;
    struct store_stats stats;
    fixture_init(&fixture);
    fixture_open(&fixture);
    assert_int_equal(fixture_erase(&fixture, "a"), STORE_OK);
    store_stats(fixture.store, &stats);
    assert_int_equal(stats.records_dirty, 0);
    assert_int_equal(stats.log_appended_bytes, 0);
    fixture_close(&fixture);
}

static void keeping_says_unchanged(void **state)
{
    (void)state;
    struct fixture fixture;
    fixture_init(&fixture);
    fixture_open(&fixture);
    fixture_set(&fixture, "a", "one", DURABILITY_COMMITTED);
    struct write *write = write_new(&fixture, "a", "two", DURABILITY_COMMITTED);
    write->kind = WRITE_KEEP;
    assert_true(write_submit(write, 0));
    assert_int_equal(write->op.status, STORE_UNCHANGED);
    fixture_expect(&fixture, "a", "one");
    free(write);
    fixture_close(&fixture);
}

/* A replica that is to store durably what it already has, by another loop's update that is not synced yet. */
static void keeping_what_is_not_synced_yet_waits_for_the_sync(void **state)
{
    (void)state;
    struct fixture fixture;
    fixture_init(&fixture);
    fixture_open(&fixture);
    fixture_set(&fixture, "a", "one", DURABILITY_COMMITTED);
    struct write *write = write_new(&fixture, "a", "two", DURABILITY_SYNCED);
    write->kind = WRITE_KEEP;
    assert_false(write_submit(write, 1));
    store_sync(fixture.store);
    fixture_collect(&fixture);
    assert_true(write->done);
    assert_int_equal(write->op.status, STORE_UNCHANGED);
    struct prng prng = {.state = 1};
    fixture_crash(&fixture);
    fake_disk_power_loss(&fixture.disk, &prng);
    fixture_open(&fixture);
    fixture_expect(&fixture, "a", "one");
    free(write);
    fixture_close(&fixture);
}

static void a_checkpointed_record_is_read_from_the_engine_once(void **state)
{
    (void)state;
    struct fixture fixture;
    struct store_stats stats;
    fixture_init(&fixture);
    fixture_open(&fixture);
    fixture_set(&fixture, "a", "one", DURABILITY_COMMITTED);
    fixture_checkpoint(&fixture);
    assert_non_null(fake_engine_record(&fixture.engine, 1, "a"));
    fixture_stop(&fixture);
    fixture_open(&fixture);
    unsigned before = fixture.engine.reads;
    fixture_expect(&fixture, "a", "one");
    fixture_expect(&fixture, "a", "one");
    assert_int_equal(fixture.engine.reads, before + 1);
    store_stats(fixture.store, &stats);
    assert_int_equal(stats.buffer_hits, 1);
    assert_int_equal(stats.buffer_misses, 1);
    fixture_close(&fixture);
}

/* An update may come between a miss and the engine's answer: the engine's older record must not win. */
static void overtake_once(void *context)
{
    struct fixture *fixture = context;
    fixture->engine.after_read = NULL;
    fixture_set(fixture, "a", "newer", DURABILITY_COMMITTED);
}

/* The newer record may even have been checkpointed and evicted when the answer comes. */
static void overtake_and_leave_once(void *context)
{
    struct fixture *fixture = context;
    overtake_once(fixture);
    fixture_checkpoint(fixture);
    char value[300], name[32];
    memset(value, 'x', sizeof value - 1);
    value[sizeof value - 1] = '\0';
    for (unsigned i = 0; i < 6000; i++) {
        snprintf(name, sizeof name, "filler-%u", i);
        fixture_set(fixture, name, value, DURABILITY_BUFFERED);
        if (i % 500 == 499)
            fixture_checkpoint(fixture);
    }
}

static void a_miss_never_serves_what_an_update_has_overtaken(void **state)
{
    (void)state;
    for (unsigned leaves = 0; leaves < 2; leaves++) {
        struct fixture fixture;
        fixture_init(&fixture);
        fixture_open(&fixture);
        fixture_set(&fixture, "a", "older", DURABILITY_COMMITTED);
        fixture_stop(&fixture);
        fixture_open(&fixture);
        fixture.engine.context = &fixture;
        fixture.engine.after_read = leaves == 1 ? overtake_and_leave_once : overtake_once;
        fixture_expect(&fixture, "a", "newer");
        assert_null(fixture.engine.after_read);
        fixture_expect(&fixture, "a", "newer");
        fixture_close(&fixture);
    }
}

static void update_in_batch_once(void *context)
{
    struct fixture *fixture = context;
    fixture->engine.before_commit = NULL;
    fixture_set(fixture, "a", "two", DURABILITY_COMMITTED);
    fixture_erase(fixture, "b");
}

static void an_update_during_a_batch_waits_for_the_next_round(void **state)
{
    (void)state;
    struct fixture fixture;
    struct store_stats stats;
    fixture_init(&fixture);
    fixture_open(&fixture);
    fixture_set(&fixture, "a", "one", DURABILITY_COMMITTED);
    fixture_set(&fixture, "b", "one", DURABILITY_COMMITTED);
    fixture.engine.context = &fixture;
    fixture.engine.before_commit = update_in_batch_once;
    fixture_checkpoint(&fixture);
    store_stats(fixture.store, &stats);
    assert_int_equal(stats.records_dirty, 2);
    assert_int_equal(stats.checkpoints, 1);
    fixture_crash(&fixture); /* the first round has moved the floor, but not past what came later */
    fixture_open(&fixture);
    assert_int_equal(fixture.found.replayed_records, 2);
    fixture_expect(&fixture, "a", "two");
    fixture_expect(&fixture, "b", NULL);
    fixture_close(&fixture);
}

static void damage_is_reported_and_neither_served_nor_overwritten(void **state)
{
    (void)state;
    struct fixture fixture;
    struct store_stats stats;
    fixture_init(&fixture);
    fixture_open(&fixture);
    fixture_set(&fixture, "a", "one", DURABILITY_COMMITTED);
    fixture_stop(&fixture);
    struct blob *record = fake_engine_record(&fixture.engine, 1, "a");
    record->at[record->len - 1] ^= 1;
    fixture_open(&fixture);
    assert_int_equal(fixture_get(&fixture, "a", NULL), STORE_CORRUPT);
    assert_int_equal(fixture_set(&fixture, "a", "two", DURABILITY_COMMITTED), STORE_CORRUPT);
    assert_non_null(strstr(fixture.last_report, "key \"a\""));
    store_stats(fixture.store, &stats);
    assert_int_equal(stats.corrupt_records, 2);
    fixture_close(&fixture);
}

static void a_damaged_record_gives_way_to_an_update_that_replaces_it(void **state)
{
    (void)state;
    struct fixture fixture;
    fixture_init(&fixture);
    fixture_open(&fixture);
    fixture_set(&fixture, "a", "one", DURABILITY_COMMITTED);
    fixture_stop(&fixture);
    struct blob *record = fake_engine_record(&fixture.engine, 1, "a");
    record->at[record->len - 1] ^= 1;
    fixture_open(&fixture);
    struct write *write = write_new(&fixture, "a", "two", DURABILITY_COMMITTED);
    write->op.replaces_corrupt = true;
    assert_true(write_submit(write, 0));
    assert_int_equal(write->op.status, STORE_OK);
    free(write);
    fixture_expect(&fixture, "a", "two");
    fixture_crash(&fixture); /* replay meets the damaged record too */
    fixture_open(&fixture);
    fixture_expect(&fixture, "a", "two");
    fixture_stop(&fixture);
    fixture_open(&fixture);
    fixture_expect(&fixture, "a", "two");
    fixture_close(&fixture);
}

static void a_read_by_an_update_counts_as_a_use(void **state)
{
    (void)state;
    struct fixture fixture;
    fixture_init(&fixture);
    fixture_open(&fixture);
    fixture_set(&fixture, "a", "one", DURABILITY_COMMITTED);
    struct write *write = write_new(&fixture, "a", "two", DURABILITY_COMMITTED);
    write->op.is_use = true;
    assert_true(write_submit(write, 0));
    assert_false(write->op.fetched_before);
    free(write);
    write = write_new(&fixture, "a", "three", DURABILITY_COMMITTED);
    assert_true(write_submit(write, 0));
    assert_true(write->op.fetched_before);
    free(write);
    fixture_close(&fixture);
}

static void an_unreadable_engine_is_an_error_and_no_miss(void **state)
{
    (void)state;
    struct fixture fixture;
    fixture_init(&fixture);
    fixture_open(&fixture);
    fixture_set(&fixture, "a", "one", DURABILITY_COMMITTED);
    fixture.engine.read_fails = ENGINE_IO;
    assert_int_equal(fixture_get(&fixture, "b", NULL), STORE_IO);
    assert_int_equal(fixture_set(&fixture, "b", "two", DURABILITY_COMMITTED), STORE_IO);
    fixture_expect(&fixture, "a", "one"); /* what is in memory is served */
    fixture.engine.read_fails = ENGINE_OK;
    fixture_expect(&fixture, "b", NULL);
    fixture_close(&fixture);
}

static void use_is_told_but_a_peek_does_not_count(void **state)
{
    (void)state;
    struct fixture fixture;
    fixture_init(&fixture);
    fixture_open(&fixture);
    fixture_set(&fixture, "a", "one", DURABILITY_COMMITTED);
    struct store_loop *loop = store_loop_of(fixture.store, 0);
    const bool peeks[] = {true, false, false, true};
    const bool fetched[] = {false, false, true, true};
    const uint32_t idle[] = {10, 20, 10, 10};
    for (unsigned i = 0; i < 4; i++) {
        fixture.now.mono_ns += 10000000000U;
        struct store_op op = {.kind = STORE_READ, .peek = peeks[i], .partition = 1, .key = bytes_of_text("a")};
        op.hash = hash_of_key(op.key);
        store_submit(loop, fixture.now, &op);
        assert_ptr_equal(store_next_done(loop, fixture.now), &op);
        assert_int_equal(op.status, STORE_OK);
        assert_int_equal(op.fetched_before, fetched[i]);
        assert_int_equal(op.idle_s, idle[i]);
        blob_release(op.record);
    }
    fixture_set(&fixture, "a", "two", DURABILITY_COMMITTED);
    struct write *touch = write_new(&fixture, "a", "three", DURABILITY_COMMITTED);
    assert_true(write_submit(touch, 0));
    assert_false(touch->op.fetched_before); /* a new record starts afresh */
    free(touch);
    fixture_expect(&fixture, "a", "three");
    touch = write_new(&fixture, "a", "four", DURABILITY_COMMITTED);
    touch->op.keeps_use = true;
    assert_true(write_submit(touch, 0));
    free(touch);
    touch = write_new(&fixture, "a", "five", DURABILITY_COMMITTED);
    assert_true(write_submit(touch, 0));
    assert_true(touch->op.fetched_before); /* unless the update says that it is still the same */
    free(touch);
    fixture_close(&fixture);
}

static void memory_stays_bounded_and_nothing_is_lost(void **state)
{
    (void)state;
    struct fixture fixture;
    struct store_stats stats;
    fixture_init(&fixture);
    fixture_open(&fixture);
    char name[32], value[512];
    memset(value, 'v', sizeof value - 1);
    value[sizeof value - 1] = '\0';
    for (unsigned i = 0; i < 6000; i++) {
        snprintf(name, sizeof name, "key-%u", i);
        assert_int_equal(fixture_set(&fixture, name, value, DURABILITY_COMMITTED), STORE_OK);
        if (i % 100 == 0)
            fixture_slices(&fixture);
        store_stats(fixture.store, &stats);
        assert_true(stats.bytes_buffered <= fixture.limits.memory_bytes + 4096);
    }
    assert_true(stats.evictions > 3000);
    for (unsigned i = 0; i < 6000; i++) {
        snprintf(name, sizeof name, "key-%u", i);
        fixture_expect(&fixture, name, value);
    }
    store_stats(fixture.store, &stats);
    assert_true(stats.bytes_buffered <= fixture.limits.memory_bytes);
    fixture_close(&fixture);
}

struct seen {
    unsigned count, per_key[1000];
};

static void see(void *context, uint16_t partition, struct bytes key, struct bytes record)
{
    struct seen *seen = context;
    unsigned number;
    char name[32] = {0};
    assert_true(key.len < sizeof name && record.len > 0);
    memcpy(name, key.at, key.len);
    assert_int_equal(sscanf(name, "key-%u", &number), 1);
    assert_int_equal(partition, key.len % 3);
    seen->count++;
    seen->per_key[number]++;
}

static void scan_all(struct fixture *fixture, unsigned keys)
{
    struct seen seen = {0};
    struct store_cursor cursor = {0};
    while (cursor.passes == 0)
        store_scan(fixture->store, store_loop_of(fixture->store, 0), &cursor, 7, see, &seen);
    assert_int_equal(seen.count, keys);
    for (unsigned i = 0; i < keys; i++)
        assert_int_equal(seen.per_key[i], 1);
}

static void a_scan_meets_every_record_once(void **state)
{
    (void)state;
    for (unsigned is_volatile = 0; is_volatile < 2; is_volatile++) {
        struct fixture fixture;
        fixture_init(&fixture);
        if (is_volatile) {
            fixture.ports.disk = NULL;
            fixture.ports.engine = NULL;
        }
        fixture_open(&fixture);
        for (unsigned i = 0; i < 1000; i++) {
            char name[32];
            snprintf(name, sizeof name, "key-%u", i);
            fixture_set(&fixture, name, "value", DURABILITY_BUFFERED);
        }
        fixture_checkpoint(&fixture);
        scan_all(&fixture, 1000);
        fixture_close(&fixture);
    }
}

static void put_into_engine(struct fixture *fixture, struct bytes key, struct bytes record)
{
    struct engine *engine = &fixture->engine.engine;
    assert_int_equal(engine->ops->begin(engine), ENGINE_OK);
    assert_int_equal(engine->ops->put(engine, key, record), ENGINE_OK);
    assert_int_equal(engine->ops->commit(engine), ENGINE_OK);
}

/* A damaged file can show keys that nobody could have written. */
static void a_scan_passes_over_keys_of_impossible_length_and_reports_them(void **state)
{
    (void)state;
    static uint8_t key[300];
    struct fixture fixture;
    fixture_init(&fixture);
    fixture_open(&fixture);
    fixture_set(&fixture, "key-0", "value", DURABILITY_BUFFERED);
    fixture_set(&fixture, "key-1", "value", DURABILITY_BUFFERED);
    fixture_checkpoint(&fixture);
    put_into_engine(&fixture, bytes_of(key, 1), bytes_of_text("x"));
    put_into_engine(&fixture, bytes_of(key, sizeof key), bytes_of_text("x"));
    scan_all(&fixture, 2);
    struct store_stats stats;
    store_stats(fixture.store, &stats);
    assert_int_equal(stats.corrupt_records, 2);
    fixture_close(&fixture);
}

static void a_volatile_store_evicts_or_says_full(void **state)
{
    (void)state;
    for (unsigned evict = 0; evict < 2; evict++) {
        struct fixture fixture;
        struct store_stats stats;
        fixture_init(&fixture);
        fixture.ports.disk = NULL;
        fixture.ports.engine = NULL;
        fixture.limits.evict = evict == 1;
        fixture_open(&fixture);
        char name[32], value[1000];
        memset(value, 'v', sizeof value - 1);
        value[sizeof value - 1] = '\0';
        unsigned full = 0;
        for (unsigned i = 0; i < 3000; i++) {
            snprintf(name, sizeof name, "key-%u", i);
            enum store_status status = fixture_set(&fixture, name, value, DURABILITY_COMMITTED);
            full += status == STORE_FULL;
            assert_true(status == STORE_OK || status == STORE_FULL);
        }
        store_stats(fixture.store, &stats);
        assert_true(stats.bytes_buffered <= fixture.limits.memory_bytes);
        assert_true(evict == 1 ? full == 0 && stats.evictions > 1000 : full > 1000 && stats.evictions == 0);
        fixture_expect(&fixture, evict == 1 ? "key-2999" : "key-0", value);
        assert_int_equal(fixture_erase(&fixture, evict == 1 ? "key-2999" : "key-0"), STORE_OK);
        assert_int_equal(fixture_set(&fixture, "fresh", value, DURABILITY_COMMITTED), STORE_OK);
        fixture_close(&fixture);
    }
}

static void named_values_last(void **state)
{
    (void)state;
    struct fixture fixture;
    fixture_init(&fixture);
    fixture_open(&fixture);
    assert_null(store_read_meta(fixture.store, "identity"));
    assert_true(store_put_meta(fixture.store, "identity", bytes_of_text("node-7")));
    fixture_crash(&fixture);
    fixture_open(&fixture);
    struct blob *value = store_read_meta(fixture.store, "identity");
    assert_non_null(value);
    assert_true(bytes_equal(blob_bytes(value), bytes_of_text("node-7")));
    blob_release(value);
    fixture_close(&fixture);
}

/* Keys with a long beginning in common, and keys that begin others: the fake engine checks the order. */
static void batches_are_in_key_order(void **state)
{
    (void)state;
    struct fixture fixture;
    fixture_init(&fixture);
    fixture_open(&fixture);
    char name[64];
    for (unsigned i = 0; i < 300; i++) {
        snprintf(name, sizeof name, "%.*s%u", (int)(i % 20), "a-long-common-prefix", i * 7919 % 300);
        fixture_set(&fixture, name, "value", DURABILITY_BUFFERED);
    }
    fixture_checkpoint(&fixture);
    assert_true(fixture.engine.batch_max > 1 && fixture.engine.batch_max <= fixture.limits.batch_records);
    fixture_close(&fixture);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(an_update_is_read_back_at_every_durability),
        cmocka_unit_test(erasing_nothing_leaves_no_trace),
        cmocka_unit_test(keeping_says_unchanged),
        cmocka_unit_test(keeping_what_is_not_synced_yet_waits_for_the_sync),
        cmocka_unit_test(a_checkpointed_record_is_read_from_the_engine_once),
        cmocka_unit_test(a_miss_never_serves_what_an_update_has_overtaken),
        cmocka_unit_test(an_update_during_a_batch_waits_for_the_next_round),
        cmocka_unit_test(damage_is_reported_and_neither_served_nor_overwritten),
        cmocka_unit_test(a_damaged_record_gives_way_to_an_update_that_replaces_it),
        cmocka_unit_test(a_read_by_an_update_counts_as_a_use),
        cmocka_unit_test(an_unreadable_engine_is_an_error_and_no_miss),
        cmocka_unit_test(use_is_told_but_a_peek_does_not_count),
        cmocka_unit_test(memory_stays_bounded_and_nothing_is_lost),
        cmocka_unit_test(a_scan_meets_every_record_once),
        cmocka_unit_test(a_scan_passes_over_keys_of_impossible_length_and_reports_them),
        cmocka_unit_test(a_volatile_store_evicts_or_says_full),
        cmocka_unit_test(named_values_last),
        cmocka_unit_test(batches_are_in_key_order),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
