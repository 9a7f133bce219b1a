/* The checker of hash trees: silent over good ones, also while they change, and loud over a bad one. */
#include "antientropy/world.h"

#include "base/wire.h"

#include <stdio.h>
#include <string.h>

enum { PARTITIONS = 1024, A_PASS_MS = 30000 + 70 * 10500 };

static void fill(struct world *world, unsigned keys)
{
    char key[32];
    for (unsigned i = 0; i < keys; i++) {
        snprintf(key, sizeof key, "key-%u", i);
        world_put(world, 1, key, "value");
    }
}

/* A record goes behind the store's back; the process is down. */
static void lose(struct world *world, unsigned node, const char *key)
{
    struct engine *engine = &world->boxes[node].engine.engine;
    uint8_t full[64];
    uint8_t *end = wire_write_bytes(wire_write_u16(full, world_partition(world, key)), bytes_of_text(key));
    assert_int_equal(engine->ops->begin(engine), ENGINE_OK);
    assert_int_equal(engine->ops->erase(engine, bytes_of(full, (size_t)(end - full))), ENGINE_OK);
    assert_int_equal(engine->ops->commit(engine), ENGINE_OK);
}

static void it_is_silent_over_trees_that_are_right(void **state)
{
    (void)state;
    struct world world;
    struct antientropy_checker checker;
    world_init(&world, 1, 1, PARTITIONS, 1);
    world_start(&world);
    fill(&world, 3000);
    world_run(&world, A_PASS_MS);
    antientropy_checker(world.boxes[0].antientropy, &checker);
    assert_int_equal(checker.passes, 1);
    assert_true(checker.partitions >= PARTITIONS);
    assert_int_equal(checker.mismatches, 0);
    assert_int_equal(checker.last_mismatch, -1);
    assert_int_equal(world.boxes[0].reports, 0);
    world_close(&world);
}

static void it_is_silent_while_clients_write(void **state)
{
    (void)state;
    struct world world;
    struct antientropy_checker checker;
    char key[32];
    world_init(&world, 1, 1, PARTITIONS, 2);
    world_start(&world);
    fill(&world, 2000);
    for (unsigned i = 0; i < A_PASS_MS / 5; i++) {
        snprintf(key, sizeof key, "key-%u", (unsigned)prng_below(&world.prng, 3000));
        world_put(&world, 1, key, i % 7 == 0 ? NULL : "changed");
        world_run(&world, 5);
    }
    antientropy_checker(world.boxes[0].antientropy, &checker);
    assert_true(checker.partitions >= PARTITIONS);
    assert_int_equal(checker.mismatches, 0);
    world_close(&world);
}

static void it_tells_of_a_tree_that_is_wrong(void **state)
{
    (void)state;
    struct world world;
    struct antientropy_checker checker;
    world_init(&world, 1, 1, PARTITIONS, 3);
    world_start(&world);
    fill(&world, 2000);
    world_run(&world, 1000);
    world_kill(&world, 0);
    lose(&world, 0, "key-77");
    world_restart(&world, 0);
    world_run(&world, A_PASS_MS + 20000);
    antientropy_checker(world.boxes[0].antientropy, &checker);
    assert_int_equal(checker.mismatches, 1);
    assert_int_equal(checker.last_mismatch, world_partition(&world, "key-77"));
    assert_int_equal(world.boxes[0].reports, 1);
    char told[32];
    snprintf(told, sizeof told, "ringctl repair %u", world_partition(&world, "key-77"));
    assert_non_null(strstr(world.boxes[0].last_report, told));
    world_close(&world);
}

/* The other owner's copy must not die of it: what is not here and at or before the horizon would count as dead. */
static void what_is_missing_comes_back_from_the_other_owner(void **state)
{
    (void)state;
    struct world world;
    struct antientropy_checker checker;
    uint32_t live;
    world_init(&world, 2, 2, PARTITIONS, 4);
    world.settings.interval_ms = 2000;
    world_start(&world);
    for (unsigned i = 0; i < 300; i++) {
        char key[32];
        snprintf(key, sizeof key, "key-%u", i);
        world_put(&world, 3, key, "value");
    }
    uint16_t partition = world_partition(&world, "key-77");
    hybrid_time written = world_clock(&world, 0);
    world_run(&world, 20000);
    assert_true(world_horizon(&world, 0, partition) > written && world_horizon(&world, 1, partition) > written);
    world_kill(&world, 0);
    lose(&world, 0, "key-77");
    world_restart(&world, 0);
    world_run(&world, A_PASS_MS + 20000);
    antientropy_checker(world.boxes[0].antientropy, &checker);
    assert_int_equal(checker.mismatches, 1);
    for (unsigned i = 2; i-- > 0;) {
        const char *value = world_value(&world, i, "key-77", &live);
        if (value == NULL || strcmp(value, "value") != 0)
            fail_msg("node %u has %s", i, value == NULL ? "nothing" : value);
    }
    assert_true(world_is_same(&world));
    assert_false(standing_is_doubtful(world.boxes[0].standing, partition));
    assert_true(world_horizon(&world, 0, partition) > written);
    struct store_stats stats;
    store_stats(world.boxes[0].store, &stats);
    assert_int_equal(stats.leaves_corrected, 1);
    world_close(&world);
}

/* Two owners of 300 records; one of those that the first has is damaged, and `name` says which. */
static void open_damaged(struct world *world, char *name, size_t room)
{
    struct blob *key;
    world_init(world, 2, 2, PARTITIONS, 5);
    world->settings.interval_ms = 2000;
    world_start(world);
    for (unsigned i = 0; i < 300; i++) {
        snprintf(name, room, "key-%u", i);
        world_put(world, 3, name, "value");
    }
    world_run(world, 20000);
    world_kill(world, 0);
    size_t row = fake_engine_draw(&world->boxes[0].engine, &world->prng, &key);
    fake_engine_flip(&world->boxes[0].engine, row, &world->prng);
    memset(name, 0, room);
    memcpy(name, key->at + 2, key->len - 2);
    blob_release(key);
    world_restart(world, 0);
}

static void expect_value_everywhere(struct world *world, const char *name)
{
    uint32_t live;
    for (unsigned i = 0; i < 2; i++) {
        const char *value = world_value(world, i, name, &live);
        if (value == NULL || strcmp(value, "value") != 0)
            fail_msg("node %u has %s", i, value == NULL ? "nothing" : value);
    }
}

/* It is still in the tree as it was: no mismatch, and no reason to doubt the rest of the partition. */
static void what_cannot_be_read_is_brought_by_the_other_owner(void **state)
{
    (void)state;
    struct world world;
    struct antientropy_checker checker;
    char name[32];
    open_damaged(&world, name, sizeof name);
    world_run(&world, A_PASS_MS + 20000);
    antientropy_checker(world.boxes[0].antientropy, &checker);
    assert_int_equal(checker.mismatches, 0);
    expect_value_everywhere(&world, name);
    world_close(&world);
}

/* Long before the checker, which takes its time, comes to that partition. */
static void what_a_reader_could_not_read_is_brought_soon(void **state)
{
    (void)state;
    struct world world;
    uint32_t live;
    char name[32];
    open_damaged(&world, name, sizeof name);
    world_run(&world, 5000);
    assert_null(world_value(&world, 0, name, &live));
    world_run(&world, 20000);
    expect_value_everywhere(&world, name);
    world_close(&world);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(it_is_silent_over_trees_that_are_right),
        cmocka_unit_test(it_is_silent_while_clients_write),
        cmocka_unit_test(it_tells_of_a_tree_that_is_wrong),
        cmocka_unit_test(what_cannot_be_read_is_brought_by_the_other_owner),
        cmocka_unit_test(what_a_reader_could_not_read_is_brought_soon),
        cmocka_unit_test(what_is_missing_comes_back_from_the_other_owner),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
