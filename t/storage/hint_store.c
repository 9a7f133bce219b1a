/* A store of hints: nearly always empty, it must cost next to nothing then, and be as good as the data's when it is
 * used. */
#include "storage/fixture.h"

#include "base/hash.h"

#include <stdlib.h>
#include <string.h>

static void open_empty(struct fixture *fixture)
{
    fixture_init(fixture);
    fixture->limits.no_tree = true;
    fixture_open(fixture);
}

static void an_unused_one_makes_no_file_and_writes_nothing(void **state)
{
    (void)state;
    struct fixture fixture;
    open_empty(&fixture);
    for (unsigned start = 0; start < 3; start++) {
        assert_true(fixture.found.clean);
        fixture_checkpoint(&fixture);
        fixture_checkpoint(&fixture);
        store_sync(fixture.store);
        fixture_stop(&fixture);
        assert_int_equal(fixture.disk.created, 0);
        assert_int_equal(fixture.engine.commits, 0);
        fixture_open(&fixture);
    }
    fixture_close(&fixture);
}

static void the_first_hint_waits_for_its_segment_and_is_kept(void **state)
{
    (void)state;
    struct fixture fixture;
    open_empty(&fixture);
    struct write *write = write_new(&fixture, "1234first", "value", DURABILITY_COMMITTED);
    write->op.hash = hash_of_key(bytes_after(write->op.key, STORE_HINT_PREFIX));
    fixture.storage_wakes = 0;
    assert_false(write_submit(write, 0));
    assert_true(fixture.storage_wakes > 0);
    fixture_slices(&fixture);
    assert_true(write->done);
    assert_int_equal(write->op.status, STORE_OK);
    assert_true(fixture.disk.created >= 1);
    free(write);
    fixture_crash(&fixture);
    fixture_open(&fixture);
    assert_false(fixture.found.clean);
    assert_int_equal(fixture.found.replayed_records, 1);
    /* Replay has found the same hash as who submitted it. */
    struct store_op op = {.kind = STORE_READ, .partition = 9 % 3, .key = bytes_of_text("1234first")};
    op.hash = hash_of_key(bytes_of_text("first"));
    store_submit(store_loop_of(fixture.store, 0), fixture.now, &op);
    assert_ptr_equal(store_next_done(store_loop_of(fixture.store, 0), fixture.now), &op);
    assert_int_equal(op.status, STORE_OK);
    blob_release(op.record);
    fixture_close(&fixture);
}

static void a_used_one_that_is_empty_again_keeps_one_segment_and_none_after_a_start(void **state)
{
    (void)state;
    struct fixture fixture;
    struct store_stats stats;
    open_empty(&fixture);
    for (unsigned i = 0; i < 200; i++)
        assert_int_equal(fixture_set(&fixture, i % 2 == 0 ? "1234even" : "1234odd", "value", DURABILITY_COMMITTED),
                         STORE_OK);
    fixture_erase(&fixture, "1234even");
    fixture_erase(&fixture, "1234odd");
    fixture_checkpoint(&fixture);
    fixture_checkpoint(&fixture);
    store_stats(fixture.store, &stats);
    assert_true(stats.log_segments <= 2);
    assert_int_equal(fixture.engine.records.count, 0);
    fixture_stop(&fixture);
    fixture_open(&fixture);
    store_stats(fixture.store, &stats);
    assert_int_equal(stats.log_segments, 0);
    assert_null(fixture.disk.files);
    fixture_close(&fixture);
}

static void a_stop_counts_as_clean_only_until_something_is_stored(void **state)
{
    (void)state;
    struct fixture fixture;
    open_empty(&fixture);
    fixture_set(&fixture, "1234a", "value", DURABILITY_COMMITTED);
    fixture_stop(&fixture);
    fixture_open(&fixture);
    assert_true(fixture.found.clean);
    unsigned commits = fixture.engine.commits;
    fixture_crash(&fixture); /* nothing had changed: as good as stopped */
    fixture_open(&fixture);
    assert_true(fixture.found.clean);
    assert_int_equal(fixture.engine.commits, commits);
    fixture_set(&fixture, "1234b", "value", DURABILITY_COMMITTED);
    fixture_checkpoint(&fixture);
    fixture_crash(&fixture);
    fixture_open(&fixture);
    assert_false(fixture.found.clean);
    fixture_close(&fixture);
}

static void a_full_one_refuses_and_still_deletes(void **state)
{
    (void)state;
    struct fixture fixture;
    open_empty(&fixture);
    assert_int_equal(fixture_set(&fixture, "1234a", "value", DURABILITY_COMMITTED), STORE_OK);
    fixture_checkpoint(&fixture);
    fixture.engine.nearly_full = true;
    fixture.engine.bytes_max = 1 << 20;
    assert_int_equal(fixture_set(&fixture, "1234b", "value", DURABILITY_COMMITTED), STORE_OK); /* not yet known */
    fixture_checkpoint(&fixture);
    assert_int_equal(fixture_set(&fixture, "1234c", "value", DURABILITY_COMMITTED), STORE_FULL);
    struct write *write = write_new(&fixture, "1234a", NULL, DURABILITY_COMMITTED);
    write->op.uses_reserve = true;
    write_submit(write, 0);
    fixture_slices(&fixture);
    assert_true(write->done);
    assert_int_equal(write->op.status, STORE_OK);
    free(write);
    fixture_close(&fixture);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(an_unused_one_makes_no_file_and_writes_nothing),
        cmocka_unit_test(the_first_hint_waits_for_its_segment_and_is_kept),
        cmocka_unit_test(a_used_one_that_is_empty_again_keeps_one_segment_and_none_after_a_start),
        cmocka_unit_test(a_stop_counts_as_clean_only_until_something_is_stored),
        cmocka_unit_test(a_full_one_refuses_and_still_deletes),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
