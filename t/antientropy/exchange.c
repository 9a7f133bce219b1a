/* Exchanges between owners: whatever differs becomes the same. */
#include "antientropy/world.h"

#include "base/check.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static void assert_value_everywhere(struct world *world, const char *key, const char *value)
{
    for (unsigned i = 0; i < world->count; i++) {
        if ((world_owners(world, key) >> i & 1) == 0)
            continue;
        const char *shown = world_value(world, i, key, NULL);
        if (value == NULL)
            assert_null(shown);
        else
            assert_string_equal(shown, value);
    }
}

static void what_one_owner_missed_reaches_it(void **state)
{
    (void)state;
    struct world world;
    world_init(&world, 3, 3, 64, 1);
    world_start(&world);
    world_put(&world, 1, "a", "one");
    world_put(&world, 2, "b", "two");
    world_put(&world, 4, "c", "three");
    world_put(&world, 7, "d", "old");
    world_put(&world, 6, "d", "new");
    assert_true(world_run_until_same(&world, 3000, NULL));
    assert_value_everywhere(&world, "a", "one");
    assert_value_everywhere(&world, "b", "two");
    assert_value_everywhere(&world, "c", "three");
    assert_value_everywhere(&world, "d", "new");
    for (unsigned i = 0; i < 3; i++) {
        uint32_t live;
        world_value(&world, i, "d", &live);
        assert_int_equal(live, 1);
    }
    world_close(&world);
}

static void deletes_travel_like_values(void **state)
{
    (void)state;
    struct world world;
    world_init(&world, 3, 3, 64, 2);
    world_start(&world);
    world_put(&world, 7, "gone", "value");
    world_put(&world, 1, "gone", NULL);
    assert_true(world_run_until_same(&world, 3000, NULL));
    assert_value_everywhere(&world, "gone", NULL);
    world_close(&world);
}

static void racing_writes_become_siblings_at_all_owners(void **state)
{
    (void)state;
    struct world world;
    world_init(&world, 3, 3, 64, 3);
    world_start(&world);
    world_put(&world, 7, "cart", "empty");
    world_put(&world, 1, "cart", "bread");
    world_put(&world, 2, "cart", "milk");
    world_put(&world, 4, "cart", "eggs");
    assert_true(world_run_until_same(&world, 5000, NULL));
    for (unsigned i = 0; i < 3; i++) {
        uint32_t live;
        world_value(&world, i, "cart", &live);
        assert_int_equal(live, 3);
    }
    world_close(&world);
}

static void only_the_newest_stays_where_the_last_write_wins(void **state)
{
    (void)state;
    struct world world;
    world_init(&world, 3, 3, 64, 4);
    world_start(&world);
    world_put(&world, 1, "l:session", "older");
    world_run(&world, 1);
    world_put(&world, 6, "l:session", "newer");
    assert_true(world_run_until_same(&world, 3000, NULL));
    assert_value_everywhere(&world, "l:session", "newer");
    for (unsigned i = 0; i < 3; i++) {
        uint32_t live;
        world_value(&world, i, "l:session", &live);
        assert_int_equal(live, 1);
    }
    world_close(&world);
}

/* Not every node owns every partition, and nobody is given what he does not own. */
static void only_owners_get_what_is_theirs(void **state)
{
    (void)state;
    struct world world;
    char key[32];
    world_init(&world, 5, 3, 64, 5);
    world_start(&world);
    for (unsigned i = 0; i < 200; i++) {
        snprintf(key, sizeof key, "key-%u", i);
        unsigned owners = world_owners(&world, key);
        world_put(&world, owners & (0U - owners), key, key); /* the lowest owner alone */
    }
    assert_true(world_run_until_same(&world, 5000, NULL));
    for (unsigned i = 0; i < 200; i++) {
        snprintf(key, sizeof key, "key-%u", i);
        for (unsigned n = 0; n < 5; n++) {
            const char *value = world_value(&world, n, key, NULL);
            assert_true((value != NULL) == ((world_owners(&world, key) >> n & 1) != 0));
        }
    }
    world_close(&world);
}

static void a_wiped_node_is_full_again_and_no_longer_doubtful(void **state)
{
    (void)state;
    struct world world;
    char key[32];
    world_init(&world, 3, 3, 64, 6);
    world_start(&world);
    for (unsigned i = 0; i < 3000; i++) {
        snprintf(key, sizeof key, "key-%u", i);
        world_put(&world, 7, key, key);
    }
    world_kill(&world, 2);
    world_restart_empty(&world, 2);
    assert_true(standing_is_doubtful(world.boxes[2].standing, 0));
    unsigned took;
    assert_true(world_run_until_same(&world, 20000, &took));
    world_run(&world, 1000);
    for (uint16_t p = 0; p < 64; p++)
        assert_false(standing_is_behind(world.boxes[2].standing, p));
    for (unsigned i = 0; i < 3000; i++) {
        snprintf(key, sizeof key, "key-%u", i);
        assert_string_equal(world_value(&world, 2, key, NULL), key);
    }
    world_close(&world);
}

/* One that is doubtful stays so while another owner is away: what it acknowledged may only be there. */
static void a_wiped_node_waits_for_every_other_owner(void **state)
{
    (void)state;
    struct world world;
    world_init(&world, 3, 3, 64, 7);
    world_start(&world);
    world_run(&world, 2000);
    world_kill(&world, 1);
    world_kill(&world, 2);
    world_restart_empty(&world, 2);
    world_run(&world, 15000);
    assert_true(standing_is_doubtful(world.boxes[2].standing, 0));
    world_restart(&world, 1);
    world_run(&world, 3000);
    assert_false(standing_is_doubtful(world.boxes[2].standing, 0));
    assert_false(standing_is_behind(world.boxes[1].standing, 0));
    world_close(&world);
}

/* Nobody else knows that it was frozen: it asks by itself, also where the other one usually does. */
static void a_node_that_is_behind_asks_by_itself(void **state)
{
    (void)state;
    struct world world;
    world_init(&world, 2, 2, 64, 8);
    world_start(&world);
    world_run(&world, 3000);
    for (unsigned i = 0; i < 2; i++) {
        standing_mark_all(world.boxes[i].standing, STANDING_BEHIND);
        world_run(&world, 2500);
        assert_false(standing_is_behind(world.boxes[i].standing, 5));
    }
    world_close(&world);
}

static void a_corrupt_record_is_fetched_from_another_owner(void **state)
{
    (void)state;
    struct world world;
    char key[32];
    world_init(&world, 2, 2, 16, 9);
    world_start(&world);
    for (unsigned i = 0; i < 50; i++) {
        snprintf(key, sizeof key, "key-%u", i);
        world_put(&world, 3, key, key);
    }
    world_run(&world, 2000);
    for (unsigned node = 0; node < 2; node++) {
        world_kill(&world, node);
        snprintf(key, sizeof key, "key-%u", 7 + node);
        struct blob *record = fake_engine_record(&world.boxes[node].engine, world_partition(&world, key), key);
        assert_non_null(record);
        record->at[record->len - 1] ^= 1;
        world_restart(&world, node);
        world_run(&world, 1000);
        antientropy_repair(world.boxes[1 - node].antientropy, world.now, world_partition(&world, key));
        /* Its fingerprint is right, only reading shows the damage: make the other side differ. */
        world_put(&world, 1U << (1 - node), key, "newer");
        world_run(&world, 11000);
        assert_string_equal(world_value(&world, node, key, NULL), "newer");
    }
    world_close(&world);
}

/* The tree does not know of a record that has gone; comparing key by key does. */
static void a_repair_compares_what_the_trees_take_for_identical(void **state)
{
    (void)state;
    struct world world;
    world_init(&world, 2, 2, 16, 10);
    world_start(&world);
    world_put(&world, 3, "victim", "value");
    world_run(&world, 2000);
    world_kill(&world, 1);
    struct engine *engine = &world.boxes[1].engine.engine;
    uint8_t full[32] = {(uint8_t)(world_partition(&world, "victim") >> 8), (uint8_t)world_partition(&world, "victim")};
    memcpy(full + 2, "victim", 6);
    assert_int_equal(engine->ops->begin(engine), ENGINE_OK);
    assert_int_equal(engine->ops->erase(engine, bytes_of(full, 8)), ENGINE_OK);
    assert_int_equal(engine->ops->commit(engine), ENGINE_OK);
    world_restart(&world, 1);
    world_run(&world, 5000);
    assert_true(world_is_same(&world)); /* as far as the trees go */
    assert_null(world_value(&world, 1, "victim", NULL));
    antientropy_repair(world.boxes[0].antientropy, world.now, -1);
    assert_false(antientropy_is_done_since(world.boxes[0].antientropy, 0));
    world_run(&world, 2000);
    assert_string_equal(world_value(&world, 1, "victim", NULL), "value");
    assert_true(antientropy_is_done_since(world.boxes[0].antientropy, 0));
    world_close(&world);
}

static void rows_tell_since_when_a_pair_is_identical(void **state)
{
    (void)state;
    struct world world;
    world_init(&world, 2, 2, 64, 11);
    world_start(&world);
    world_run(&world, 500);
    struct antientropy_peer_row asker = world_row(&world, 0, 1), other = world_row(&world, 1, 0);
    assert_int_equal(asker.partitions, 64);
    assert_int_equal(asker.identical, 64);
    assert_int_equal(other.identical, 64);
    assert_int_equal(asker.exchanges, 1);
    assert_true(asker.identical_since_ms > 0 && other.identical_since_ms > 0);
    world_run(&world, 12000);
    assert_int_equal(world_row(&world, 0, 1).identical_since_ms, asker.identical_since_ms);
    assert_true(world_row(&world, 0, 1).compared_ms > asker.compared_ms);
    world_put(&world, 2, "new", "here");
    assert_true(world_run_until_same(&world, 12000, NULL));
    world_run(&world, 100);
    assert_int_equal(world_row(&world, 0, 1).identical_since_ms, 0);
    assert_int_equal(world_row(&world, 1, 0).identical_since_ms, 0);
    assert_int_equal(world_row(&world, 0, 1).identical, 63);
    assert_true(world_row(&world, 0, 1).keys_exchanged >= 1);
    world_run(&world, 2000); /* an exchange that found something is followed by another */
    assert_int_equal(world_row(&world, 0, 1).identical, 64);
    assert_true(world_row(&world, 0, 1).identical_since_ms > asker.identical_since_ms + 12000);
    assert_true(world_row(&world, 1, 0).identical_since_ms > asker.identical_since_ms + 12000);
    world_close(&world);
}

static void it_is_done_when_every_owner_was_compared_since(void **state)
{
    (void)state;
    struct world world;
    world_init(&world, 3, 3, 64, 12);
    world_start(&world);
    world_run(&world, 2000);
    hybrid_time since = world_clock(&world, 0);
    assert_true(antientropy_is_done_since(world.boxes[0].antientropy, 0));
    assert_false(antientropy_is_done_since(world.boxes[0].antientropy, since));
    world_run(&world, 11000);
    assert_true(antientropy_is_done_since(world.boxes[0].antientropy, since));
    world_kill(&world, 2);
    since = world_clock(&world, 0);
    world_run(&world, 30000);
    assert_false(antientropy_is_done_since(world.boxes[0].antientropy, since));
    world_close(&world);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_one_owner_missed_reaches_it),
        cmocka_unit_test(deletes_travel_like_values),
        cmocka_unit_test(racing_writes_become_siblings_at_all_owners),
        cmocka_unit_test(only_the_newest_stays_where_the_last_write_wins),
        cmocka_unit_test(only_owners_get_what_is_theirs),
        cmocka_unit_test(a_wiped_node_is_full_again_and_no_longer_doubtful),
        cmocka_unit_test(a_wiped_node_waits_for_every_other_owner),
        cmocka_unit_test(a_node_that_is_behind_asks_by_itself),
        cmocka_unit_test(a_corrupt_record_is_fetched_from_another_owner),
        cmocka_unit_test(a_repair_compares_what_the_trees_take_for_identical),
        cmocka_unit_test(rows_tell_since_when_a_pair_is_identical),
        cmocka_unit_test(it_is_done_when_every_owner_was_compared_since),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
