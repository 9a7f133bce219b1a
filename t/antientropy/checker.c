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

static const char *shown(struct world *world, unsigned node, const char *key)
{
    const char *value = world_value(world, node, key, NULL);
    return value == NULL ? "nothing" : value;
}

/* Before the checker has noticed: what is missing here is not dead for being at or before the horizon. */
static void a_repair_brings_back_what_this_copy_lacks(void **state)
{
    (void)state;
    for (unsigned asker = 0; asker < 2; asker++) {
        struct world world;
        world_init(&world, 2, 2, 64, 6);
        world.settings.interval_ms = 2000;
        world_start(&world);
        world_put(&world, 3, "victim", "value");
        world_put(&world, 3, "deleted", "value");
        world_put(&world, 3, "deleted", NULL);
        uint16_t partition = world_partition(&world, "victim");
        hybrid_time written = world_clock(&world, 0);
        world_run(&world, 20000);
        assert_true(world_horizon(&world, 0, partition) > written && world_horizon(&world, 1, partition) > written);
        world_kill(&world, asker);
        lose(&world, asker, "victim");
        world_restart(&world, asker);
        world_run(&world, 3000);
        assert_string_equal(shown(&world, asker, "victim"), "nothing");
        antientropy_repair(world.boxes[asker].antientropy, world.now, -1);
        world_run(&world, 5000);
        assert_string_equal(shown(&world, 1 - asker, "victim"), "value");
        assert_string_equal(shown(&world, asker, "victim"), "value");
        assert_string_equal(shown(&world, asker, "deleted"), "nothing");
        assert_true(antientropy_is_done_since(world.boxes[asker].antientropy, 0));
        world_close(&world);
    }
}

static void a_repair_does_not_believe_a_copy_that_lacks_what_it_had(void **state)
{
    (void)state;
    struct world world;
    world_init(&world, 2, 2, 64, 7);
    world.settings.interval_ms = 2000;
    world_start(&world);
    world_put(&world, 3, "victim", "value");
    world_run(&world, 20000);
    world_kill(&world, 1);
    lose(&world, 1, "victim");
    world_restart(&world, 1);
    world_run(&world, 3000);
    assert_true(world_horizon(&world, 1, world_partition(&world, "victim")) > 0);
    antientropy_repair(world.boxes[0].antientropy, world.now, -1);
    world_run(&world, 5000);
    assert_string_equal(shown(&world, 0, "victim"), "value");
    world_close(&world);
}

/* An old copy of the directory: its horizon is lower, and what it has and the other has freed stays dead. */
static void a_repair_does_not_revive_what_is_dead(void **state)
{
    (void)state;
    for (unsigned asker = 0; asker < 2; asker++) {
        struct world world;
        world_init(&world, 2, 2, 64, 8);
        world.settings.interval_ms = 2000;
        world_start(&world);
        world_put(&world, 3, "old", "value");
        struct blob *record = world_record(&world, 1, "old");
        world_put(&world, 3, "old", NULL);
        world_run(&world, 20000);
        world_forget(&world, 0, "old");
        world_kill(&world, 1);
        world_restart_empty(&world, 1);
        world_place(&world, 1, "old", record);
        blob_release(record);
        antientropy_repair(world.boxes[asker].antientropy, world.now, -1);
        world_run(&world, 20000);
        assert_string_equal(shown(&world, 0, "old"), "nothing");
        assert_string_equal(shown(&world, 1, "old"), "nothing");
        assert_true(world_is_same(&world));
        assert_true(antientropy_is_done_since(world.boxes[asker].antientropy, 0));
        world_close(&world);
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

/* Also a bit that the fingerprint leaves out, by which keys are compared. */
static void it_matters_not_which_bit_is_wrong(void **state)
{
    (void)state;
    struct world world;
    struct blob *key;
    char name[32];
    open_damaged(&world, name, sizeof name);
    world_kill(&world, 0);
    for (unsigned i = 0; i < 40; i++) {
        size_t row = fake_engine_draw(&world.boxes[0].engine, &world.prng, &key);
        fake_engine_flip(&world.boxes[0].engine, row, &world.prng);
        blob_release(key);
    }
    world_restart(&world, 0);
    world_run(&world, A_PASS_MS + 20000);
    for (unsigned i = 0; i < 300; i++) {
        snprintf(name, sizeof name, "key-%u", i);
        expect_value_everywhere(&world, name);
    }
    world_close(&world);
}

/* So many owners of one record. */
static void open_whole(struct world *world, unsigned count, unsigned w)
{
    struct bucket bucket = bucket_default("default");
    bucket.w = (uint8_t)w;
    world_init(world, count, count, PARTITIONS, 6);
    assert_null(bucket_table_put(&world->buckets, &bucket));
    world->settings.interval_ms = 2000;
    world_start(world);
    world_put(world, (1U << count) - 1, "key", "value");
    world_run(world, 20000);
}

static void damage(struct world *world, unsigned node)
{
    struct blob *key;
    world_kill(world, node);
    size_t row = fake_engine_draw(&world->boxes[node].engine, &world->prng, &key);
    fake_engine_flip(&world->boxes[node].engine, row, &world->prng);
    blob_release(key);
}

/* Damaged at the first; the others have freed theirs, or have a tombstone. */
static void open_lost(struct world *world, unsigned count, bool is_freed)
{
    open_whole(world, count, 2);
    damage(world, 0);
    for (unsigned i = 1; i < count && is_freed; i++)
        world_forget(world, i, "key");
    if (!is_freed)
        world_put(world, (1U << count) - 2, "key", NULL);
    world_restart(world, 0);
}

/* Damaged at the first two of three, and freed at the last. */
static void open_lost_twice(struct world *world, unsigned w)
{
    open_whole(world, 3, w);
    damage(world, 0);
    damage(world, 1);
    world_forget(world, 2, "key");
    world_restart(world, 0);
    world_restart(world, 1);
}

static bool is_readable(struct world *world, unsigned node)
{
    struct store_stats before, after;
    store_stats(world->boxes[node].store, &before);
    blob_release(world_record(world, node, "key"));
    store_stats(world->boxes[node].store, &after);
    return after.corrupt_records == before.corrupt_records;
}

static uint64_t erased(const struct world *world, unsigned node)
{
    struct antientropy_checker checker;
    antientropy_checker(world->boxes[node].antientropy, &checker);
    return checker.erased;
}

static void expect_erased(struct world *world)
{
    assert_true(is_readable(world, 0));
    assert_null(world_record(world, 0, "key"));
    assert_int_equal(erased(world, 0), 1);
    assert_true(world_is_same(world));
}

/* It was dead, or it was the only copy: it could never be read again. Births that may have been in it are not gone on
 * with [R1]. */
static void what_cannot_be_read_and_nobody_else_has_is_erased(void **state)
{
    (void)state;
    struct world world;
    open_lost(&world, 3, true);
    uint64_t births = atomic_load(&world.boxes[0].replica.births);
    atomic_store(&world.boxes[0].replica.births, births + 7);
    assert_false(is_readable(&world, 0));
    world_run(&world, A_PASS_MS + 30000);
    expect_erased(&world);
    assert_int_equal(world.boxes[0].reports, 1);
    assert_non_null(strstr(world.boxes[0].last_report, "was erased"));
    assert_true(atomic_load(&world.boxes[0].replica.birth_floor) >= births + 7);
    world_kill(&world, 0);
    world_restart(&world, 0);
    assert_true(is_readable(&world, 0));
    world_close(&world);
}

/* A record of the dead is something: it is not erased here before it may be forgotten everywhere. */
static void what_cannot_be_read_is_replaced_by_a_tombstone(void **state)
{
    (void)state;
    struct world world;
    uint32_t live;
    open_lost(&world, 2, false);
    assert_false(is_readable(&world, 0));
    world_run(&world, A_PASS_MS + 30000);
    assert_true(is_readable(&world, 0));
    assert_null(world_value(&world, 0, "key", &live));
    assert_int_equal(erased(&world, 0), 0);
    assert_true(world_is_same(&world));
    world_close(&world);
}

static void an_owner_that_is_down_is_waited_for(void **state)
{
    (void)state;
    struct world world;
    open_lost(&world, 3, true);
    world_kill(&world, 2);
    assert_false(is_readable(&world, 0));
    world_run(&world, A_PASS_MS + 30000);
    assert_false(is_readable(&world, 0));
    assert_int_equal(erased(&world, 0), 0);
    world_restart(&world, 2);
    world_run(&world, A_PASS_MS + 30000);
    expect_erased(&world);
    world_close(&world);
}

/* It may have lost what it had acknowledged, and the third owner has something for it that is not here yet. */
static void an_owner_that_is_doubtful_is_waited_for(void **state)
{
    (void)state;
    struct world world;
    open_lost(&world, 3, true);
    uint16_t partition = world_partition(&world, "key");
    world_cut(&world, 1, 2);
    standing_mark(world.boxes[2].standing, partition, STANDING_DOUBTFUL);
    assert_false(is_readable(&world, 0));
    world_run(&world, A_PASS_MS + 30000);
    assert_true(standing_is_doubtful(world.boxes[2].standing, partition));
    assert_false(is_readable(&world, 0));
    assert_int_equal(erased(&world, 0), 0);
    world_join(&world, 1, 2);
    world_run(&world, A_PASS_MS + 30000);
    expect_erased(&world);
    world_close(&world);
}

/* Damage is not absence: as long as two copies cannot be read, nobody says that there was nothing. */
static void what_is_damaged_at_two_owners_stays(void **state)
{
    (void)state;
    struct world world;
    open_whole(&world, 2, 2);
    for (unsigned i = 0; i < 2; i++) {
        damage(&world, i);
        world_restart(&world, i);
    }
    world_run(&world, A_PASS_MS + 30000);
    assert_int_equal(erased(&world, 0) + erased(&world, 1), 0);
    assert_false(is_readable(&world, 0));
    world_close(&world);
}

/* With w = 3 whatever was acknowledged was at the third owner, too, which has it no more: it is dead, though the two
 * damaged copies say nothing. Each of them hears of the other's damage although their lists of keys are the same. */
static void what_is_damaged_at_fewer_than_w_is_erased(void **state)
{
    (void)state;
    struct world world;
    open_lost_twice(&world, 3);
    assert_false(is_readable(&world, 0));
    assert_false(is_readable(&world, 1));
    world_run(&world, A_PASS_MS + 30000);
    for (unsigned i = 0; i < 2; i++) {
        assert_true(is_readable(&world, i));
        assert_null(world_record(&world, i, "key"));
        assert_int_equal(erased(&world, i), 1);
    }
    assert_true(world_is_same(&world));
    world_close(&world);
}

/* With w = 2 a write may have been acknowledged by the two whose copies are damaged. */
static void what_is_damaged_at_w_owners_stays(void **state)
{
    (void)state;
    struct world world;
    open_lost_twice(&world, 2);
    assert_false(is_readable(&world, 0));
    assert_false(is_readable(&world, 1));
    world_run(&world, A_PASS_MS + 30000);
    assert_int_equal(erased(&world, 0) + erased(&world, 1), 0);
    assert_false(is_readable(&world, 0));
    assert_false(is_readable(&world, 1));
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
        cmocka_unit_test(it_matters_not_which_bit_is_wrong),
        cmocka_unit_test(what_cannot_be_read_and_nobody_else_has_is_erased),
        cmocka_unit_test(what_cannot_be_read_is_replaced_by_a_tombstone),
        cmocka_unit_test(an_owner_that_is_down_is_waited_for),
        cmocka_unit_test(an_owner_that_is_doubtful_is_waited_for),
        cmocka_unit_test(what_is_damaged_at_two_owners_stays),
        cmocka_unit_test(what_is_damaged_at_fewer_than_w_is_erased),
        cmocka_unit_test(what_is_damaged_at_w_owners_stays),
        cmocka_unit_test(what_is_missing_comes_back_from_the_other_owner),
        cmocka_unit_test(a_repair_brings_back_what_this_copy_lacks),
        cmocka_unit_test(a_repair_does_not_believe_a_copy_that_lacks_what_it_had),
        cmocka_unit_test(a_repair_does_not_revive_what_is_dead),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
