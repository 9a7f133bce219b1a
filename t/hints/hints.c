/* Hints: their keys, and counts that are exact whatever happens. */
#include "hints/world.h"

#include "base/hash.h"
#include "base/prng.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static struct world *const world = &the_world;

static void keys_come_apart_again(void **state)
{
    (void)state;
    uint8_t at[HINT_KEY_MAX], client[250];
    memset(client, 'k', sizeof client);
    for (size_t len = 1; len <= sizeof client; len += 83) {
        struct bytes key = hint_key(at, 0xfffffffe, bytes_of(client, len));
        assert_int_equal(key.len, len + STORE_HINT_PREFIX);
        assert_int_equal(hint_owner(key), 0xfffffffe);
        assert_true(bytes_equal(hint_client_key(key), bytes_of(client, len)));
    }
}

static void writes_of_one_key_merge_into_one_hint(void **state)
{
    (void)state;
    char key[32];
    world_key(world, 'b', 0, key);
    for (unsigned i = 0; i < 3; i++)
        assert_int_equal(world_hint(world, 'b', key, i == 2 ? "last" : "first", 50 + i), STORE_OK);
    assert_int_equal(world_hint(world, 'c', key, "for c", 50), STORE_OK);
    struct hints_counters counted;
    hints_count(world->hints, &counted);
    assert_int_equal(counted.kept, 2);
    assert_int_equal(counted.stored, 4);
    assert_int_equal(hints_of_owner(world->hints, ring_node_id("b")), 1);
    assert_int_equal(hints_of_owner(world->hints, ring_node_id("c")), 1);
    assert_int_equal(hints_of_owner(world->hints, ring_node_id("d")), 0);
    assert_string_equal(world_value_of_hint(world, 'b', key), "last");
    world_check_counts(world);
}

static void rows_tell_since_when(void **state)
{
    (void)state;
    char key[32];
    struct hints_row rows[4];
    world_key(world, 'b', 0, key);
    world_hint(world, 'b', key, "value", 50);
    uint64_t then = world->now.wall_ms;
    world_run(world, 3000);
    world_key(world, 'b', 1, key);
    world_hint(world, 'b', key, "value", 50);
    for (unsigned start = 0; start < 2; start++) {
        assert_int_equal(hints_rows(world->hints, rows, 4), 1);
        assert_int_equal(rows[0].owner, ring_node_id("b"));
        assert_int_equal(rows[0].count, 2);
        assert_int_equal(rows[0].since_ms, then);
        world_crash(world); /* known from the oldest of them */
    }
    assert_int_equal(hints_rows(world->hints, rows, 0), 1); /* says how many there are */
}

/* Who finds no hint of a partition may let its horizon rise: one that is being made counts already. */
static void a_hint_that_is_being_made_counts(void **state)
{
    (void)state;
    char key[32];
    world_key(world, 'b', 0, key);
    struct blob *record = world_record(world, "value", 50);
    struct hint_write write;
    hint_write_init(&write, world->hints, &world->scratch, world->now, record, true, ring_node_id("b"),
                    bytes_of_text(key));
    write.merge.op.partition = ring_partition(world->view, write.merge.op.hash);
    write.merge.op.durability = DURABILITY_COMMITTED;
    struct store_loop *loop = store_loop_of(world->hint.store, 0);
    store_submit(loop, world->now, &write.merge.op);
    assert_null(store_next_done(loop, world->now)); /* it waits for the first segment of the log */
    assert_int_equal(hints_of_partition(world->hints, write.merge.op.partition), 1);
    world_run(world, 50);
    assert_ptr_equal(store_next_done(loop, world->now), &write.merge.op);
    hint_write_end(&write);
    assert_int_equal(write.merge.op.status, STORE_OK);
    world_check_counts(world);
    blob_release(record);
}

static void a_refused_hint_is_told_and_not_counted_as_kept(void **state)
{
    (void)state;
    char key[32];
    struct hints_counters counted;
    world_key(world, 'b', 0, key);
    assert_int_equal(world_hint(world, 'b', key, "value", 50), STORE_OK);
    world->hint.engine.nearly_full = true;
    world_run(world, 6000);
    for (unsigned i = 1; i < 3; i++) {
        world_key(world, 'b', i, key);
        assert_int_equal(world_hint(world, 'b', key, "value", 50), STORE_FULL);
    }
    hints_count(world->hints, &counted);
    assert_int_equal(counted.kept, 1);
    assert_int_equal(counted.refused, 2);
    world_check_counts(world);
    world->hint.engine.nearly_full = false;
}

static void a_stand_in_that_coordinates_counts_too(void **state)
{
    (void)state;
    hints_note_update(world->hints, 77, 5, false, true, 1000);
    hints_note_update(world->hints, 77, 5, true, true, 2000);
    assert_int_equal(hints_of_owner(world->hints, 77), 1);
    assert_int_equal(hints_of_partition(world->hints, 5), 1);
    hints_note_update(world->hints, 77, 5, true, false, 3000);
    hints_note_update(world->hints, 77, 5, false, false, 3000);
    assert_int_equal(hints_of_owner(world->hints, 77), 0);
    assert_int_equal(hints_of_partition(world->hints, 5), 0);
}

static void counts_are_exact_after_any_number_of_crashes(void **state)
{
    (void)state;
    struct prng prng;
    prng_init(&prng, 4711);
    for (unsigned step = 0; step < 400; step++) {
        char key[32], owner = (char)('b' + prng_below(&prng, PEERS));
        struct fake_peer *peer = world_peer(world, (char)('b' + prng_below(&prng, PEERS)));
        world_key(world, owner, (unsigned)prng_below(&prng, 20), key);
        world_hint(world, owner, key, "value", 50 + step);
        peer->is_up = prng_below(&prng, 3) == 0;
        peer->loses_answers = prng_below(&prng, 3) == 0;
        if (peer->sent_count > SENT_MAX - 100)
            peer->sent_count = peer->unanswered = 0;
        if (prng_below(&prng, 10) == 0)
            world_run(world, (unsigned)prng_below(&prng, 4000));
        if (prng_below(&prng, 20) == 0)
            world_crash(world);
        if (step % 20 == 0)
            world_check_counts(world);
    }
    for (unsigned i = 0; i < PEERS; i++) {
        world->peers[i].is_up = true;
        world->peers[i].loses_answers = false;
        world->peers[i].sent_count = world->peers[i].unanswered = 0;
    }
    world_run(world, 20000);
    struct hints_counters counted;
    hints_count(world->hints, &counted);
    assert_int_equal(counted.kept, 0);
    world_check_counts(world);
}

static void what_replay_could_not_checkpoint_is_counted_too(void **state)
{
    (void)state;
    char key[32];
    for (unsigned i = 0; i < 10; i++) {
        world_key(world, 'b', i, key);
        world_hint(world, 'b', key, "in the engine", 50);
    }
    world_run(world, 6000);
    world->hint.engine.commit_fails = ENGINE_FULL;
    for (unsigned i = 5; i < 20; i++) { /* five that are there become longer, ten are new */
        world_key(world, 'b', i, key);
        world_hint(world, 'b', key, "in the log alone, and longer", 51);
    }
    world_crash(world);
    struct hints_counters counted;
    hints_count(world->hints, &counted);
    assert_int_equal(counted.kept, 20);
    world->hint.engine.commit_fails = ENGINE_OK;
    world_run(world, 10000);
    world_check_counts(world);
}

static void hints_that_cannot_be_counted_hold_every_horizon_back(void **state)
{
    (void)state;
    char key[32];
    world_key(world, 'b', 0, key);
    world_hint(world, 'b', key, "value", 50);
    world_run(world, 6000);
    world->hint.engine.read_fails = ENGINE_IO;
    struct hints *hints = hints_new(world->hint.store, &world->replica);
    hints_load(hints, store_loop_of(world->hint.store, 0));
    for (uint16_t partition = 0; partition < PARTITIONS; partition++)
        assert_true(hints_of_partition(hints, partition) > 0);
    hints_free(hints);
    world->hint.engine.read_fails = ENGINE_OK;
}

static void more_owners_than_rows_are_counted_together(void **state)
{
    (void)state;
    const uint32_t many = 2 * HINT_OWNERS_MAX + 10;
    for (uint32_t owner = 1; owner <= many; owner++)
        hints_note_update(world->hints, owner, 1, false, true, 1000);
    assert_int_equal(hints_of_partition(world->hints, 1), many);
    uint64_t least = UINT64_MAX;
    for (uint32_t owner = 1; owner <= many; owner++)
        least = hints_of_owner(world->hints, owner) < least ? hints_of_owner(world->hints, owner) : least;
    assert_int_equal(least, 1); /* never fewer than there are */
    for (uint32_t owner = 1; owner <= many; owner++)
        hints_note_update(world->hints, owner, 1, true, false, 1000);
    assert_int_equal(hints_of_partition(world->hints, 1), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(keys_come_apart_again),
        cmocka_unit_test_setup_teardown(writes_of_one_key_merge_into_one_hint, world_setup, world_teardown),
        cmocka_unit_test_setup_teardown(rows_tell_since_when, world_setup, world_teardown),
        cmocka_unit_test_setup_teardown(a_hint_that_is_being_made_counts, world_setup, world_teardown),
        cmocka_unit_test_setup_teardown(a_refused_hint_is_told_and_not_counted_as_kept, world_setup, world_teardown),
        cmocka_unit_test_setup_teardown(a_stand_in_that_coordinates_counts_too, world_setup, world_teardown),
        cmocka_unit_test_setup_teardown(counts_are_exact_after_any_number_of_crashes, world_setup, world_teardown),
        cmocka_unit_test_setup_teardown(what_replay_could_not_checkpoint_is_counted_too, world_setup, world_teardown),
        cmocka_unit_test_setup_teardown(hints_that_cannot_be_counted_hold_every_horizon_back, world_setup,
                                        world_teardown),
        cmocka_unit_test_setup_teardown(more_owners_than_rows_are_counted_together, world_setup, world_teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
