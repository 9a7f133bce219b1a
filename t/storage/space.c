/* What happens when there is no space, and when it comes back. */
#include "storage/fixture.h"

#include "storage/inside.h"

#include <stdio.h>
#include <stdlib.h>

static char *value_of(size_t len)
{
    char *value = malloc(len + 1);
    memset(value, 'v', len);
    value[len] = '\0';
    return value;
}

/* Updates until one does not end at once. */
static struct write *fill_until_waiting(struct fixture *fixture, size_t len, enum durability durability)
{
    char *value = value_of(len), name[32];
    struct write *write = NULL;
    for (unsigned i = 0; i < 100000; i++) {
        snprintf(name, sizeof name, "fill-%u", i);
        write = write_new(fixture, name, value, durability);
        if (!write_submit(write, 0))
            break;
        assert_int_equal(write->op.status, STORE_OK);
        free(write);
        write = NULL;
    }
    free(value);
    assert_non_null(write);
    return write;
}

static void an_update_waits_for_a_segment_and_then_succeeds(void **state)
{
    (void)state;
    struct fixture fixture;
    struct store_stats stats;
    fixture_init(&fixture);
    fixture_open(&fixture);
    fixture.wakes[0] = fixture.storage_wakes = 0;
    struct write *write = fill_until_waiting(&fixture, 500, DURABILITY_COMMITTED);
    assert_true(fixture.storage_wakes > 0);
    struct write *second = write_new(&fixture, "second", "x", DURABILITY_BUFFERED);
    assert_false(write_submit(second, 0)); /* in order, behind the first */
    assert_int_equal(second->applied, 0);
    fixture_slices(&fixture);
    assert_true(fixture.wakes[0] > 0);
    assert_true(write->done && second->done);
    assert_int_equal(write->op.status, STORE_OK);
    assert_int_equal(second->op.status, STORE_OK);
    fixture_expect(&fixture, "second", "x");
    store_stats(fixture.store, &stats);
    assert_int_equal(stats.updates_waited, 2);
    assert_int_equal(stats.checkpoints, 0); /* a spare segment was enough */
    free(write);
    free(second);
    fixture_close(&fixture);
}

/* The storage thread may be busy with zeros when the first requests come. Segments of the usual size, so that those of
 * the start are small. */
static void the_first_updates_of_each_loop_wait_for_nobody(void **state)
{
    (void)state;
    struct fixture fixture;
    fixture_init(&fixture);
    fixture.limits.log_segment_bytes = (uint64_t)4 * LOG_FIRST_BYTES;
    fixture.limits.log_bytes = (uint64_t)64 * LOG_FIRST_BYTES;
    fixture_open(&fixture);
    for (unsigned loop = 0; loop < FIXTURE_LOOPS; loop++) {
        struct write *write = write_new(&fixture, loop == 0 ? "a" : loop == 1 ? "b" : "c", "x", DURABILITY_COMMITTED);
        assert_true(write_submit(write, loop));
        assert_int_equal(write->op.status, STORE_OK);
        free(write);
    }
    /* What does not fit into a small segment gets a whole one. */
    struct store_stats stats;
    struct write *write = fill_until_waiting(&fixture, 60000, DURABILITY_COMMITTED);
    fixture_slices(&fixture);
    assert_true(write->done);
    store_stats(fixture.store, &stats);
    assert_true(stats.log_bytes >= (uint64_t)4 * LOG_FIRST_BYTES);
    fixture_expect(&fixture, "c", "x");
    free(write);
    fixture_close(&fixture);
}

static void updates_wait_above_the_dirty_limit_until_a_checkpoint(void **state)
{
    (void)state;
    struct fixture fixture;
    struct store_stats stats;
    fixture_init(&fixture);
    fixture_open(&fixture);
    struct write *write = fill_until_waiting(&fixture, 2000, DURABILITY_BUFFERED);
    store_stats(fixture.store, &stats);
    assert_in_range(stats.bytes_dirty, fixture.limits.dirty_bytes, fixture.limits.dirty_bytes + 4096);
    fixture_slices(&fixture);
    assert_true(write->done);
    assert_int_equal(write->op.status, STORE_OK);
    free(write);
    fixture_close(&fixture);
}

static void the_log_never_outgrows_its_limit(void **state)
{
    (void)state;
    struct fixture fixture;
    char *value = value_of(1000);
    fixture_init(&fixture);
    fixture.limits.checkpoint_age_ms = 1000000;
    fixture_open(&fixture);
    for (unsigned i = 0; i < 3000; i++) {
        struct write *write = write_new(&fixture, "always the same", value, DURABILITY_COMMITTED);
        if (!write_submit(write, i % FIXTURE_LOOPS))
            fixture_slices(&fixture);
        assert_true(write->done);
        assert_int_equal(write->op.status, STORE_OK);
        assert_true(fixture.disk.bytes <= fixture.limits.log_bytes);
        free(write);
    }
    free(value);
    fixture_close(&fixture);
}

static void a_full_disk_ends_in_full_only_when_checkpoints_fail_too(void **state)
{
    (void)state;
    struct fixture fixture;
    char *value = value_of(1000);
    fixture_init(&fixture);
    fixture_open(&fixture);
    fixture.disk.bytes_max = fixture.disk.bytes; /* a spare segment for each loop is all there is */
    for (unsigned i = 0; i < 100; i++) {
        fixture.now.mono_ns += 10000000;
        assert_int_equal(fixture_set(&fixture, "a", value, DURABILITY_COMMITTED), STORE_OK);
    }
    fixture.engine.commit_fails = ENGINE_FULL;
    unsigned full = 0;
    for (unsigned i = 0; i < 100; i++) {
        fixture.now.mono_ns += 10000000;
        full += fixture_set(&fixture, "b", value, DURABILITY_COMMITTED) == STORE_FULL;
    }
    assert_in_range(full, 52, 99); /* three segments of 16 KiB hold at most 48, then none */
    fixture_expect(&fixture, "b", value);
    fixture_expect(&fixture, "a", value);
    /* Space returns: within the longest pause all is well again. */
    fixture.engine.commit_fails = ENGINE_OK;
    fixture.now.mono_ns += (uint64_t)BACKOFF_MAX_MS * 1000000;
    fixture_slices(&fixture);
    assert_int_equal(fixture_set(&fixture, "c", value, DURABILITY_COMMITTED), STORE_OK);
    free(value);
    fixture_close(&fixture);
}

static void a_store_without_any_segment_refuses_and_recovers(void **state)
{
    (void)state;
    struct fixture fixture;
    fixture_init(&fixture);
    fixture.disk.bytes_max = 100;
    fixture_open(&fixture);
    assert_true(fixture.reports > 0);
    assert_int_equal(fixture_set(&fixture, "a", "one", DURABILITY_COMMITTED), STORE_FULL);
    /* Now that it is known, at once. */
    struct write *write = write_new(&fixture, "a", "two", DURABILITY_COMMITTED);
    assert_true(write_submit(write, 0));
    assert_int_equal(write->op.status, STORE_FULL);
    free(write);
    fixture_expect(&fixture, "a", NULL);
    unsigned reports = fixture.reports;
    for (unsigned i = 0; i < 20; i++) {
        fixture.now.mono_ns += 1000000000;
        fixture_slices(&fixture);
    }
    assert_int_equal(fixture.reports, reports); /* once, not with every attempt */
    fixture.disk.bytes_max = UINT64_MAX;
    fixture.now.mono_ns += (uint64_t)BACKOFF_MAX_MS * 1000000;
    fixture_slices(&fixture);
    assert_int_equal(fixture_set(&fixture, "a", "one", DURABILITY_COMMITTED), STORE_OK);
    fixture_close(&fixture);
}

static void a_record_larger_than_a_segment_gets_its_own(void **state)
{
    (void)state;
    struct fixture fixture;
    char *value = value_of(60000);
    fixture_init(&fixture);
    fixture_open(&fixture);
    assert_int_equal(fixture_set(&fixture, "large", value, DURABILITY_COMMITTED), STORE_OK);
    assert_int_equal(fixture_set(&fixture, "small", "s", DURABILITY_COMMITTED), STORE_OK);
    fixture_crash(&fixture);
    fixture_open(&fixture);
    assert_int_equal(fixture.found.replayed_records, 2);
    fixture_expect(&fixture, "large", value);
    fixture_expect(&fixture, "small", "s");
    assert_true(fixture.disk.bytes <= (FIXTURE_LOOPS + 1) * fixture.limits.log_segment_bytes); /* and is removed */

    fixture.disk.bytes_max = fixture.disk.bytes + 20000;
    assert_int_equal(fixture_set(&fixture, "large", value, DURABILITY_COMMITTED), STORE_FULL);
    assert_int_equal(fixture_set(&fixture, "small", "t", DURABILITY_COMMITTED), STORE_OK);
    fixture.disk.bytes_max = UINT64_MAX;
    assert_int_equal(fixture_set(&fixture, "large", value, DURABILITY_COMMITTED), STORE_OK);
    free(value);
    fixture_close(&fixture);
}

static void several_large_records_share_the_limit(void **state)
{
    (void)state;
    struct fixture fixture;
    char *value = value_of(60000);
    fixture_init(&fixture);
    fixture.limits.log_bytes = 0; /* the least that is possible */
    fixture_open(&fixture);
    struct write *writes[FIXTURE_LOOPS];
    for (unsigned i = 0; i < FIXTURE_LOOPS; i++) {
        char name[32];
        snprintf(name, sizeof name, "large-%u", i);
        writes[i] = write_new(&fixture, name, value, DURABILITY_COMMITTED);
        assert_false(write_submit(writes[i], i));
    }
    fixture_slices(&fixture);
    for (unsigned i = 0; i < FIXTURE_LOOPS; i++) {
        assert_true(writes[i]->done);
        assert_int_equal(writes[i]->op.status, STORE_OK);
        free(writes[i]);
    }
    free(value);
    fixture_close(&fixture);
}

static void a_failing_checkpoint_loses_nothing_and_is_reported_once(void **state)
{
    (void)state;
    struct fixture fixture;
    struct store_stats stats;
    fixture_init(&fixture);
    fixture_open(&fixture);
    for (unsigned i = 0; i < 300; i++) {
        char name[32];
        snprintf(name, sizeof name, "key-%u", i);
        fixture_set(&fixture, name, "value", DURABILITY_COMMITTED);
        if (i % 50 == 0)
            fixture_slices(&fixture);
    }
    fixture.engine.commit_fails = ENGINE_IO;
    fixture.engine.fail_after = 2; /* in the middle of the round */
    for (unsigned i = 0; i < 10; i++)
        fixture_checkpoint(&fixture);
    assert_int_equal(fixture.reports, 1);
    store_stats(fixture.store, &stats);
    assert_true(stats.checkpoint_failures >= 5);
    assert_int_equal(stats.checkpointed_records, 128);
    assert_int_equal(stats.records_dirty, 300 - 128);
    fixture_set(&fixture, "key-0", "changed meanwhile", DURABILITY_COMMITTED);
    fixture.engine.commit_fails = ENGINE_OK;
    fixture_checkpoint(&fixture);
    fixture_checkpoint(&fixture);
    assert_int_equal(fixture.reports, 2);
    store_stats(fixture.store, &stats);
    assert_int_equal(stats.records_dirty, 0);
    assert_int_equal(fixture.engine.records.count, 300);
    fixture_crash(&fixture);
    fixture_open(&fixture);
    assert_int_equal(fixture.found.replayed_records, 0);
    fixture_expect(&fixture, "key-0", "changed meanwhile");
    fixture_expect(&fixture, "key-299", "value");
    fixture_close(&fixture);
}

static void a_stop_whose_checkpoint_fails_is_not_clean(void **state)
{
    (void)state;
    struct fixture fixture;
    fixture_init(&fixture);
    fixture_open(&fixture);
    fixture_set(&fixture, "a", "one", DURABILITY_COMMITTED);
    fixture.engine.commit_fails = ENGINE_FULL;
    assert_false(store_close(fixture.store, fixture.clock));
    fixture.engine.commit_fails = ENGINE_OK;
    fixture_open(&fixture);
    assert_false(fixture.found.clean);
    assert_int_equal(fixture.found.replayed_records, 1);
    fixture_expect(&fixture, "a", "one");
    assert_true(store_close(fixture.store, fixture.clock));
    fixture_open(&fixture);
    assert_true(fixture.found.clean);
    assert_int_equal(fixture.found.replayed_records, 0);
    fixture_expect(&fixture, "a", "one");
    fixture_close(&fixture);
}

static void a_segment_that_was_refused_and_is_not_needed_any_more_hurries_nobody(void **state)
{
    (void)state;
    struct fixture fixture;
    fixture_init(&fixture);
    fixture.limits.no_tree = true; /* a store of hints needs a segment only while somebody waits */
    fixture.disk.bytes_max = 100;
    fixture_open(&fixture);
    assert_int_equal(fixture_set(&fixture, "the hint of a key", "one", DURABILITY_COMMITTED), STORE_FULL);
    fixture.now.mono_ns += (uint64_t)BACKOFF_MAX_MS * 1000000;
    for (unsigned i = 0; i < 3; i++)
        assert_true(store_checkpoint_slice(fixture.store, fixture.now, fixture.clock) > 1);
    fixture_close(&fixture);
}

/* Nobody fetches the refusal for a while. */
static void a_large_record_on_a_full_disk_hurries_nobody(void **state)
{
    (void)state;
    struct fixture fixture;
    fixture_init(&fixture);
    fixture_open(&fixture);
    fixture_slices(&fixture);
    fixture.disk.bytes_max = 100;
    struct write *large = write_new(&fixture, "large", "", DURABILITY_COMMITTED);
    large->value_len = 40 << 10; /* more than a segment */
    assert_false(write_submit(large, 0));
    unsigned hurried = 0;
    for (unsigned i = 0; i < 20; i++)
        hurried += store_checkpoint_slice(fixture.store, fixture.now, fixture.clock) == 0;
    assert_true(hurried <= 3);
    fixture_collect(&fixture);
    assert_true(large->done);
    assert_int_equal(large->op.status, STORE_FULL);
    free(large);
    fixture_close(&fixture);
}

static void a_put_that_fails_ends_the_batch(void **state)
{
    (void)state;
    struct fixture fixture;
    fixture_init(&fixture);
    fixture_open(&fixture);
    fixture_set(&fixture, "a", "one", DURABILITY_COMMITTED);
    unsigned commits = fixture.engine.commits;
    fixture.engine.put_fails = ENGINE_FULL;
    fixture_checkpoint(&fixture);
    assert_int_equal(fixture.engine.commits, commits);
    fixture.engine.put_fails = ENGINE_OK;
    fixture_checkpoint(&fixture);
    assert_non_null(fake_engine_record(&fixture.engine, 1, "a"));
    fixture_close(&fixture);
}

static void the_reserve_is_for_deletes(void **state)
{
    (void)state;
    struct fixture fixture;
    fixture_init(&fixture);
    fixture_open(&fixture);
    fixture_set(&fixture, "a", "one", DURABILITY_COMMITTED);
    fixture.engine.nearly_full = true;
    fixture_checkpoint(&fixture); /* learns it with the commit */
    assert_int_equal(fixture_set(&fixture, "a", "two", DURABILITY_COMMITTED), STORE_FULL);
    struct write *delete = write_new(&fixture, "a", NULL, DURABILITY_COMMITTED);
    delete->op.uses_reserve = true;
    assert_true(write_submit(delete, 0));
    assert_int_equal(delete->op.status, STORE_OK);
    free(delete);
    fixture.engine.nearly_full = false;
    fixture_checkpoint(&fixture);
    assert_int_equal(fixture_set(&fixture, "a", "two", DURABILITY_COMMITTED), STORE_OK);
    fixture_close(&fixture);
}

/* Sets that were accepted before the map was seen to be full must not have eaten what deletes need. */
static void what_is_accepted_leaves_the_reserve_alone(void **state)
{
    (void)state;
    struct fixture fixture;
    fixture_init(&fixture);
    fixture.engine.bytes_max = 100000;
    fixture.engine.bytes_reserved = 20000;
    fixture_open(&fixture);
    char key[16], *value = value_of(1000);
    unsigned accepted = 0;
    enum store_status status = STORE_OK;
    for (; accepted < 200 && status == STORE_OK; accepted++) {
        snprintf(key, sizeof key, "key%u", accepted);
        status = fixture_set(&fixture, key, value, DURABILITY_COMMITTED);
    }
    assert_int_equal(status, STORE_FULL);
    fixture_checkpoint(&fixture);
    struct store_stats stats;
    store_stats(fixture.store, &stats);
    assert_int_equal(stats.records_dirty, 0);
    assert_int_equal(stats.checkpoint_failures, 0);
    assert_true(stats.engine.bytes_used <= 80000);
    assert_true(accepted > 60); /* of some 75 that fit: waiting for checkpoints has used the room up */
    assert_int_equal(fixture_set(&fixture, "more", value, DURABILITY_COMMITTED), STORE_FULL);
    for (unsigned i = 0; i + 1 < accepted; i++) {
        snprintf(key, sizeof key, "key%u", i);
        struct write *delete = write_new(&fixture, key, "", DURABILITY_COMMITTED);
        delete->kind = WRITE_TOMBSTONE;
        delete->op.uses_reserve = true;
        assert_true(write_submit(delete, 0));
        assert_int_equal(delete->op.status, STORE_OK);
        free(delete);
    }
    fixture_checkpoint(&fixture);
    assert_int_equal(fixture_set(&fixture, "more", value, DURABILITY_COMMITTED), STORE_OK);
    free(value);
    fixture_close(&fixture);
}

/* Nobody could ever checkpoint it, and all that comes after it would wait for that. */
static void a_record_that_the_map_cannot_hold_is_refused_at_once(void **state)
{
    (void)state;
    struct fixture fixture;
    fixture_init(&fixture);
    fixture.engine.bytes_max = 50000;
    fixture_open(&fixture);
    char *value = value_of(60000);
    fixture.disk.bytes_max = UINT64_MAX;
    assert_int_equal(fixture_set(&fixture, "large", value, DURABILITY_COMMITTED), STORE_FULL);
    assert_int_equal(fixture_set(&fixture, "small", "one", DURABILITY_COMMITTED), STORE_OK);
    fixture_checkpoint(&fixture);
    assert_non_null(fake_engine_record(&fixture.engine, 2, "small"));
    free(value);
    fixture_close(&fixture);
}

static void a_log_that_cannot_be_written_changes_nothing(void **state)
{
    (void)state;
    struct fixture fixture;
    fixture_init(&fixture);
    fixture.disk.unmapped = true;
    fixture_open(&fixture);
    fixture_set(&fixture, "a", "one", DURABILITY_COMMITTED);
    fixture.disk.write_fails = true;
    assert_int_equal(fixture_set(&fixture, "a", "two", DURABILITY_COMMITTED), STORE_IO);
    fixture_expect(&fixture, "a", "one");
    fixture.disk.write_fails = false;
    assert_int_equal(fixture_set(&fixture, "a", "three", DURABILITY_COMMITTED), STORE_OK);
    fixture_crash(&fixture);
    fixture_open(&fixture);
    assert_int_equal(fixture.found.replayed_records, 2);
    fixture_expect(&fixture, "a", "three");
    fixture_close(&fixture);
}

static void the_smallest_limits_leave_a_store_that_works_and_rests(void **state)
{
    (void)state;
    struct fixture fixture;
    fixture_init(&fixture);
    fixture.limits.dirty_bytes = fixture.limits.checkpoint_bytes = fixture.limits.log_bytes = 1;
    fixture_open(&fixture);
    unsigned commits = fixture.engine.commits;
    fixture_slices(&fixture); /* insists on rest */
    assert_int_equal(fixture.engine.commits, commits);
    assert_int_equal(fixture_set(&fixture, "a", "one", DURABILITY_COMMITTED), STORE_OK);
    assert_int_equal(fixture_set(&fixture, "a", "two", DURABILITY_COMMITTED), STORE_OK);
    fixture_slices(&fixture);
    fixture_expect(&fixture, "a", "two");
    fixture_close(&fixture);
}

static void fails_although_it_landed(struct fixture *fixture, const char *key, const char *value)
{
    fixture->disk.writes_land_and_fail = 1;
    assert_int_equal(fixture_set(fixture, key, value, DURABILITY_COMMITTED), STORE_IO);
}

/* The next write of the key has the same dot: replay must not meet both. */
static void an_append_that_failed_is_never_replayed(void **state)
{
    (void)state;
    char *large = value_of(20000); /* in a segment of its own */
    struct fixture fixture;
    fixture_init(&fixture);
    fixture.disk.unmapped = true;
    fixture_open(&fixture);
    fixture_set(&fixture, "a", "one", DURABILITY_COMMITTED);
    fails_although_it_landed(&fixture, "a", "two");
    assert_int_equal(fixture_set(&fixture, "b", large, DURABILITY_COMMITTED), STORE_OK);
    fixture_crash(&fixture);
    fixture_open(&fixture);
    assert_int_equal(fixture.found.replayed_records, 2);
    fixture_expect(&fixture, "a", "one");
    fixture_expect(&fixture, "b", large);
    free(large);
    fixture_close(&fixture);
}

/* It could not even be taken back: then nothing is written, by whatever loop and promise, until it can. */
static void after_an_append_of_unknown_fate_nothing_is_written(void **state)
{
    (void)state;
    for (unsigned sealed = 0; sealed < 2; sealed++) {
        struct fixture fixture;
        fixture_init(&fixture);
        fixture.disk.unmapped = true;
        fixture_open(&fixture);
        fixture_set(&fixture, "a", "one", DURABILITY_COMMITTED);
        fixture.disk.write_fails = true;
        fails_although_it_landed(&fixture, "a", "two");
        struct write *buffered = write_new(&fixture, "a", "three", DURABILITY_BUFFERED);
        assert_true(write_submit(buffered, 1));
        assert_int_equal(buffered->op.status, STORE_IO);
        free(buffered);
        fixture_expect(&fixture, "a", "one");
        if (sealed) { /* the checkpoint fails, and the segment is no longer the active one */
            fixture.engine.commit_fails = ENGINE_IO;
            fixture_checkpoint(&fixture);
            fixture.engine.commit_fails = ENGINE_OK;
        }
        assert_int_equal(fixture_set(&fixture, "c", "x", DURABILITY_COMMITTED), STORE_IO);
        fixture.disk.write_fails = false;
        assert_int_equal(fixture_set(&fixture, "c", "x", DURABILITY_COMMITTED), STORE_OK);
        fixture_crash(&fixture);
        fixture_open(&fixture);
        fixture_expect(&fixture, "a", "one");
        assert_int_equal(fixture.found.replayed_records, 2);
        fixture_close(&fixture);
    }
}

/* A checkpoint that ends makes it harmless as well. */
static void a_checkpoint_ends_the_doubt(void **state)
{
    (void)state;
    struct fixture fixture;
    fixture_init(&fixture);
    fixture.disk.unmapped = true;
    fixture_open(&fixture);
    fixture_set(&fixture, "a", "one", DURABILITY_COMMITTED);
    fixture.disk.write_fails = true;
    fails_although_it_landed(&fixture, "a", "two");
    fixture_checkpoint(&fixture);
    struct write *buffered = write_new(&fixture, "a", "three", DURABILITY_BUFFERED);
    assert_true(write_submit(buffered, 1));
    assert_int_equal(buffered->op.status, STORE_OK);
    free(buffered);
    fixture_close(&fixture);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(an_update_waits_for_a_segment_and_then_succeeds),
        cmocka_unit_test(the_first_updates_of_each_loop_wait_for_nobody),
        cmocka_unit_test(updates_wait_above_the_dirty_limit_until_a_checkpoint),
        cmocka_unit_test(the_log_never_outgrows_its_limit),
        cmocka_unit_test(a_full_disk_ends_in_full_only_when_checkpoints_fail_too),
        cmocka_unit_test(a_store_without_any_segment_refuses_and_recovers),
        cmocka_unit_test(a_record_larger_than_a_segment_gets_its_own),
        cmocka_unit_test(several_large_records_share_the_limit),
        cmocka_unit_test(a_failing_checkpoint_loses_nothing_and_is_reported_once),
        cmocka_unit_test(a_stop_whose_checkpoint_fails_is_not_clean),
        cmocka_unit_test(a_segment_that_was_refused_and_is_not_needed_any_more_hurries_nobody),
        cmocka_unit_test(a_large_record_on_a_full_disk_hurries_nobody),
        cmocka_unit_test(a_put_that_fails_ends_the_batch),
        cmocka_unit_test(the_reserve_is_for_deletes),
        cmocka_unit_test(what_is_accepted_leaves_the_reserve_alone),
        cmocka_unit_test(a_record_that_the_map_cannot_hold_is_refused_at_once),
        cmocka_unit_test(a_log_that_cannot_be_written_changes_nothing),
        cmocka_unit_test(the_smallest_limits_leave_a_store_that_works_and_rests),
        cmocka_unit_test(an_append_that_failed_is_never_replayed),
        cmocka_unit_test(after_an_append_of_unknown_fate_nothing_is_written),
        cmocka_unit_test(a_checkpoint_ends_the_doubt),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
