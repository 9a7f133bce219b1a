/* flush_all, Dynamo 4.4 with [R7]. */
#include "node/world.h"

static enum backing_kind kind;
static struct world the_world;
static struct world *const world = &the_world;

static void a_flush_ends_all_that_was_written_before_and_nothing_after(void **state)
{
    (void)state;
    world_open(world, kind);
    assert_int_equal(set(world, "a", "1"), REQUEST_OK);
    assert_int_equal(set(world, "s:b", "1"), REQUEST_OK);
    assert_int_equal(flush(world, 0), REQUEST_OK);
    assert_int_equal(set(world, "c", "1"), REQUEST_OK); /* in the same millisecond */
    assert_true(is_missing(world, "a") && is_missing(world, "s:b"));
    assert_true(shows(world, "c", "1"));
    assert_int_equal(touch(world, "a", 0), REQUEST_MISS);
    assert_int_equal(write_value(world, REQUEST_ADD, "a", "2"), REQUEST_OK);
    assert_true(shows(world, "a", "2"));
    world_close(world);
}

static void a_touch_does_not_save_from_a_flush(void **state)
{
    (void)state;
    world_open(world, kind);
    assert_int_equal(set(world, "a", "1"), REQUEST_OK);
    assert_int_equal(flush(world, 1000), REQUEST_OK);
    advance(world, 999);
    assert_int_equal(touch(world, "a", 0), REQUEST_OK);
    advance(world, 1);
    assert_true(is_missing(world, "a"));
    world_close(world);
}

static void a_delayed_flush_waits_for_its_moment(void **state)
{
    (void)state;
    world_open(world, kind);
    assert_int_equal(set(world, "early", "1"), REQUEST_OK);
    assert_int_equal(flush(world, 1000), REQUEST_OK);
    assert_int_equal(set(world, "between", "1"), REQUEST_OK); /* written before it is due: ends too */
    advance(world, 999);
    assert_true(shows(world, "early", "1") && shows(world, "between", "1"));
    advance(world, 1);
    assert_true(is_missing(world, "early") && is_missing(world, "between"));
    assert_int_equal(set(world, "late", "1"), REQUEST_OK);
    assert_true(shows(world, "late", "1"));
    advance(world, 100000);
    assert_true(shows(world, "late", "1"));
    world_close(world);
}

static void a_write_in_the_moment_of_a_delayed_flush_lives(void **state)
{
    (void)state;
    world_open(world, kind);
    assert_int_equal(set(world, "a", "old"), REQUEST_OK);
    assert_int_equal(flush(world, 1000), REQUEST_OK);
    advance(world, 1000);
    assert_int_equal(set(world, "a", "new"), REQUEST_OK); /* the first to notice that it is due */
    assert_true(shows(world, "a", "new"));
    world_close(world);
}

static void the_last_delayed_flush_counts(void **state)
{
    (void)state;
    world_open(world, kind);
    assert_int_equal(set(world, "a", "1"), REQUEST_OK);
    assert_int_equal(flush(world, 1000), REQUEST_OK);
    assert_int_equal(flush(world, 5000), REQUEST_OK);
    advance(world, 4999);
    assert_true(shows(world, "a", "1"));
    advance(world, 1);
    assert_true(is_missing(world, "a"));

    assert_int_equal(flush(world, 5000), REQUEST_OK);
    assert_int_equal(flush(world, 0), REQUEST_OK); /* takes the place of the delayed one */
    assert_int_equal(set(world, "a", "2"), REQUEST_OK);
    advance(world, 6000);
    assert_true(shows(world, "a", "2"));
    world_close(world);
}

/* Two loops, each with a flush: the store orders them, but the loops learn of their ends in the other order. */
static void the_last_delayed_flush_counts_whoever_is_told_first(void **state)
{
    (void)state;
    struct node other;
    world_open(world, kind);
    node_init(&other, world->shared, store_loop_of(world->store, 1), NULL);
    assert_int_equal(set(world, "a", "1"), REQUEST_OK);
    if (kind == BACKING_DURABLE)
        checkpoint(world); /* makes a segment of the log for either loop */
    struct request *first = ask(world, REQUEST_FLUSH, ""), *second = ask(world, REQUEST_FLUSH, "");
    first->expiry_ms = now_ms(world) + 1000;
    second->expiry_ms = now_ms(world) + 5000;
    node_request(&world->node, world->now, first);
    node_request(&other, world->now, second);
    assert_int_equal(node_settle(&other, world->now), 1);
    assert_int_equal(node_settle(&world->node, world->now), 1);
    assert_true(is_done(first) && is_done(second));
    advance(world, 4999);
    assert_true(shows(world, "a", "1"));
    advance(world, 1);
    assert_true(is_missing(world, "a"));
    node_close(&other);
    world_close(world);
}

static void a_flush_that_was_due_is_not_taken_back(void **state)
{
    (void)state;
    world_open(world, kind);
    assert_int_equal(set(world, "a", "1"), REQUEST_OK);
    assert_int_equal(flush(world, 1000), REQUEST_OK);
    advance(world, 2000);
    assert_int_equal(set(world, "b", "1"), REQUEST_OK);
    assert_int_equal(flush(world, 1000), REQUEST_OK);
    assert_true(is_missing(world, "a"));
    assert_true(shows(world, "b", "1"));
    advance(world, 1000);
    assert_true(is_missing(world, "b"));
    world_close(world);
}

static void flushes_outlive_the_process(void **state)
{
    (void)state;
    if (kind == BACKING_VOLATILE) /* it forgets what was flushed, too */
        return;
    for (unsigned cleanly = 0; cleanly < 2; cleanly++) {
        world_open(world, kind);
        assert_int_equal(set(world, "a", "1"), REQUEST_OK);
        assert_int_equal(flush(world, 0), REQUEST_OK);
        assert_int_equal(set(world, "b", "1"), REQUEST_OK);
        assert_int_equal(flush(world, 1000), REQUEST_OK);
        world_restart(world, cleanly);
        assert_true(is_missing(world, "a"));
        assert_true(shows(world, "b", "1"));
        advance(world, 1000);
        assert_true(is_missing(world, "b"));
        assert_int_equal(set(world, "c", "1"), REQUEST_OK);
        world_restart(world, cleanly);
        assert_true(is_missing(world, "a") && is_missing(world, "b"));
        assert_true(shows(world, "c", "1"));
        world_close(world);
    }
}

static void the_flush_register_is_no_key_and_survives_the_sweep(void **state)
{
    (void)state;
    world_open(world, kind);
    assert_int_equal(set(world, "a", "1"), REQUEST_OK);
    assert_int_equal(flush(world, 0), REQUEST_OK);
    advance(world, WORLD_GRACE_MS + 1);
    assert_int_equal(sweep_all(world), 1);
    advance(world, 10 * WORLD_GRACE_MS);
    assert_int_equal(sweep_all(world), 0);
    assert_true(lines_with(world, "", "version") == 1);
    world_close(world);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_flush_ends_all_that_was_written_before_and_nothing_after),
        cmocka_unit_test(a_touch_does_not_save_from_a_flush),
        cmocka_unit_test(a_delayed_flush_waits_for_its_moment),
        cmocka_unit_test(a_write_in_the_moment_of_a_delayed_flush_lives),
        cmocka_unit_test(the_last_delayed_flush_counts),
        cmocka_unit_test(the_last_delayed_flush_counts_whoever_is_told_first),
        cmocka_unit_test(a_flush_that_was_due_is_not_taken_back),
        cmocka_unit_test(flushes_outlive_the_process),
        cmocka_unit_test(the_flush_register_is_no_key_and_survives_the_sweep),
    };
    return_run_over_each_store(kind, tests);
}
