/* The horizon [R3]: it rises when everything at or before it is at every owner, and for no less. */
#include "antientropy/world.h"

#include <string.h>

enum { INTERVAL_MS = 1000, SOME_INTERVALS_MS = 8000 };

static void open_world(struct world *world, unsigned nodes, uint64_t seed)
{
    world_init(world, nodes, 3, 16, seed);
    world->settings.interval_ms = INTERVAL_MS;
}

static hybrid_time lowest(const struct world *world)
{
    hybrid_time low = UINT64_MAX;
    for (unsigned i = 0; i < world->count; i++) {
        for (uint16_t p = 0; p < 16; p++) {
            if (world->boxes[i].is_up && world_owns(world, i, p) && world_horizon(world, i, p) < low)
                low = world_horizon(world, i, p);
        }
    }
    return low;
}

static hybrid_time highest(const struct world *world)
{
    hybrid_time high = 0;
    for (unsigned i = 0; i < world->count; i++) {
        for (uint16_t p = 0; p < 16; p++) {
            if (world->boxes[i].is_up && world_horizon(world, i, p) > high)
                high = world_horizon(world, i, p);
        }
    }
    return high;
}

static bool some_node_says(const struct world *world, const char *text)
{
    for (unsigned i = 0; i < world->count; i++) {
        struct antientropy_horizon horizon;
        if (!world->boxes[i].is_up)
            continue;
        antientropy_horizon(world->boxes[i].antientropy, &horizon);
        if (strstr(horizon.held_back_by, text) != NULL)
            return true;
    }
    return false;
}

/* Runs for some intervals; none may have risen above what it was. */
static void assert_stands(struct world *world, const char *because)
{
    world_run(world, 3 * INTERVAL_MS); /* what has been agreed on already comes into force */
    hybrid_time before = highest(world);
    world_run(world, SOME_INTERVALS_MS);
    assert_true(highest(world) == before);
    assert_true(some_node_says(world, because));
}

static void assert_rises(struct world *world)
{
    hybrid_time before = lowest(world);
    world_run(world, 2 * SOME_INTERVALS_MS);
    assert_true(lowest(world) > before);
}

static void it_follows_the_present_in_a_healthy_ring(void **state)
{
    (void)state;
    struct world world;
    open_world(&world, 5, 1);
    world_start(&world);
    world_run(&world, 2 * SOME_INTERVALS_MS);
    uint64_t now_ms = hybrid_ms(world_clock(&world, 0));
    assert_true(lowest(&world) > 0);
    assert_true(hybrid_ms(highest(&world)) <= now_ms - WORLD_GRACE_MS);
    assert_true(hybrid_ms(lowest(&world)) >= now_ms - WORLD_GRACE_MS - 6 * INTERVAL_MS);
    assert_rises(&world);
    assert_true(some_node_says(&world, ""));
    struct antientropy_horizon horizon;
    antientropy_horizon(world.boxes[0].antientropy, &horizon);
    assert_true(horizon.lowest > 0 && horizon.lowest <= horizon.highest);
    assert_int_equal(horizon.doubtful + horizon.behind, 0);
    world_close(&world);
}

static void it_stands_while_a_member_is_down(void **state)
{
    (void)state;
    struct world world;
    open_world(&world, 5, 2);
    world_start(&world);
    world_run(&world, SOME_INTERVALS_MS);
    world_kill(&world, 3);
    assert_stands(&world, "is down");
    world_restart(&world, 3);
    assert_rises(&world);
    world_close(&world);
}

/* Also one that owns nothing of the partition: it may keep a hint. */
static void it_stands_while_a_member_is_silent(void **state)
{
    (void)state;
    struct world world;
    open_world(&world, 5, 3);
    world_start(&world);
    world_run(&world, SOME_INTERVALS_MS);
    world.boxes[2].is_cut = true;
    assert_stands(&world, "node");
    world.boxes[2].is_cut = false;
    assert_rises(&world);
    world_close(&world);
}

static void hints_hold_their_own_partition_back(void **state)
{
    (void)state;
    struct world world;
    open_world(&world, 5, 4);
    world_start(&world);
    uint16_t held = 7;
    unsigned keeper = world_owner(&world, held, 4); /* the last of the list, no owner */
    uint32_t owed = world.boxes[world_owner(&world, held, 1)].id;
    hints_note_update(world.boxes[keeper].hints, owed, held, false, true, 0);
    world_run(&world, 2 * SOME_INTERVALS_MS);
    for (unsigned i = 0; i < 5; i++)
        assert_int_equal(world_horizon(&world, i, held), 0);
    assert_true(world_horizon(&world, world_owner(&world, 8, 0), 8) > 0);
    assert_true(some_node_says(&world, "hints that node"));
    hints_note_update(world.boxes[keeper].hints, owed, held, true, false, 0);
    assert_rises(&world);
    world_close(&world);
}

/* What a member writes from now on could have a time at or before the horizon. */
static void it_stands_while_a_clock_is_not_past_it(void **state)
{
    (void)state;
    struct world world;
    open_world(&world, 3, 5);
    world_start(&world);
    /* Clocks follow each other with every message that carries a time, but not a time so far ahead. */
    uint32_t far_ms = REPLICA_AHEAD_MS_MAX + WORLD_GRACE_MS + 60000;
    for (unsigned i = 0; i < 3; i++)
        world.boxes[i].ahead_ms = i == 1 ? 0 : (int64_t)far_ms;
    hybrid_time own = world_clock(&world, 1);
    world_run(&world, 2 * SOME_INTERVALS_MS);
    for (unsigned i = 0; i < 3; i++) {
        for (uint16_t p = 0; p < 16; p++)
            assert_true(world_horizon(&world, i, p) <= own + hybrid_of_ms(2 * SOME_INTERVALS_MS));
    }
    assert_true(some_node_says(&world, "the clock of node"));
    world_close(&world);
}

/* Everything is compared once, and then never again: the attempts that begin later must not count that. */
static void an_exchange_that_began_before_does_not_count(void **state)
{
    (void)state;
    struct world world;
    open_world(&world, 3, 6);
    world.settings.interval_ms = 600000; /* of exchanges, and of attempts */
    world_start(&world);
    world_run(&world, 3000);
    for (unsigned i = 0; i < 3; i++)
        assert_true(antientropy_is_done_since(world.boxes[i].antientropy, 0));
    world_run(&world, 650000); /* the attempts have begun, the exchanges that belong to them may not have */
    assert_int_equal(lowest(&world) == 0, 1);
    world_run(&world, 900000);
    assert_true(lowest(&world) > 0);
    world_close(&world);
}

static void it_stands_while_a_copy_is_not_on_the_disk(void **state)
{
    (void)state;
    struct world world;
    open_world(&world, 3, 7);
    world_start(&world);
    world_put(&world, 7, "key", "value");
    world.boxes[2].never_checkpoints = true;
    world_put(&world, 7, "key", "dirty");
    world_run(&world, 2 * SOME_INTERVALS_MS);
    /* The attempts go up to the mark and no further; nothing was set anywhere. */
    assert_int_equal(highest(&world), 0);
    world.boxes[2].never_checkpoints = false;
    assert_rises(&world);
    world_close(&world);
}

static void it_is_not_in_force_before_it_is_kept(void **state)
{
    (void)state;
    struct world world;
    open_world(&world, 3, 8);
    world_start(&world);
    world.boxes[1].never_keeps = true;
    world_run(&world, 2 * SOME_INTERVALS_MS);
    for (uint16_t p = 0; p < 16; p++) {
        assert_int_equal(world_horizon(&world, 1, p), 0);
        assert_true(world_horizon(&world, 0, p) > 0);
    }
    world_close(&world);
}

static void it_stands_while_an_owner_is_doubtful(void **state)
{
    (void)state;
    struct world world;
    open_world(&world, 3, 9);
    world_start(&world);
    world_run(&world, SOME_INTERVALS_MS);
    standing_set_confirmed(world.boxes[1].standing, false);
    assert_stands(&world, "has not compared partition");
    standing_set_confirmed(world.boxes[1].standing, true);
    assert_rises(&world);
    world_close(&world);
}

/* One that has been wiped takes a horizon only after it has been refilled; until then it has none. */
static void a_wiped_owner_begins_without_one(void **state)
{
    (void)state;
    struct world world;
    open_world(&world, 3, 10);
    world_start(&world);
    world_run(&world, 2 * SOME_INTERVALS_MS);
    assert_true(lowest(&world) > 0);
    world_kill(&world, 2);
    world_restart_empty(&world, 2);
    assert_int_equal(world_horizon(&world, 2, 3), 0);
    assert_rises(&world);
    assert_true(world_horizon(&world, 2, 3) > 0);
    world_close(&world);
}

/* While the horizon cannot rise (a member is down) the owners are wiped one after the other. What they knew to be dead
 * is still known to be dead when none of those that knew it at first is left. */
static void it_outlives_owners_that_are_lost_one_by_one(void **state)
{
    (void)state;
    struct world world;
    open_world(&world, 4, 14);
    world_start(&world);
    world_run(&world, 2 * SOME_INTERVALS_MS);
    world_kill(&world, 3);
    world_run(&world, 3 * INTERVAL_MS);
    hybrid_time before[16];
    unsigned without = 0; /* partitions that the absent one does not own */
    for (uint16_t p = 0; p < 16; p++) {
        before[p] = world_horizon(&world, 0, p) * !world_owns(&world, 3, p);
        without += before[p] > 0;
    }
    assert_true(without > 0);
    for (unsigned node = 0; node < 3; node++) {
        world_kill(&world, node);
        world_restart_empty(&world, node);
        assert_int_equal(world_horizon(&world, node, 3), 0);
        world_run(&world, 4 * INTERVAL_MS);
    }
    for (unsigned node = 0; node < 3; node++) {
        for (uint16_t p = 0; p < 16; p++) {
            if (before[p] == 0)
                continue;
            assert_int_equal(world_horizon(&world, node, p), before[p]);
            assert_false(standing_is_doubtful(world.boxes[node].standing, p));
        }
    }
    world_close(&world);
}

/* A restart keeps it. */
static void it_survives_a_restart(void **state)
{
    (void)state;
    struct world world;
    open_world(&world, 3, 11);
    world_start(&world);
    world_run(&world, 2 * SOME_INTERVALS_MS);
    hybrid_time before = world_horizon(&world, 1, 5);
    assert_true(before > 0);
    world_kill(&world, 1);
    world_restart(&world, 1);
    assert_true(world_horizon(&world, 1, 5) >= before);
    world_close(&world);
}

/* What it is there for: a copy that was away for long cannot revive what is dead, although nobody remembers it. */
static void what_is_dead_and_forgotten_stays_dead(void **state)
{
    (void)state;
    struct world world;
    open_world(&world, 3, 12);
    world_start(&world);
    world_put(&world, 7, "victim", "value");
    struct blob *late = world_record(&world, 0, "victim");
    world_put(&world, 7, "victim", NULL);
    world_run(&world, 3 * SOME_INTERVALS_MS);
    for (unsigned i = 0; i < 3; i++)
        assert_true(world_horizon(&world, i, world_partition(&world, "victim")) > 0);
    for (unsigned i = 0; i < 3; i++)
        world_forget(&world, i, "victim");
    /* It comes back at one of them only, past its horizon, as from a process that does not know of it. */
    world_place(&world, 1, "victim", late);
    assert_non_null(world_value(&world, 1, "victim", NULL));
    world_run(&world, 5 * INTERVAL_MS);
    for (unsigned i = 0; i < 3; i++)
        assert_null(world_value(&world, i, "victim", NULL));
    assert_true(world_is_same(&world));
    blob_release(late);
    world_close(&world);
}

/* Of two owners either one may be the one that asks: both must say what their horizon is. */
static void the_dead_die_at_both_ends_of_an_exchange(void **state)
{
    (void)state;
    for (unsigned place = 0; place < 2; place++) {
        struct world world;
        open_world(&world, 2, 13 + place);
        world_start(&world);
        world_put(&world, 3, "victim", "value");
        struct blob *late = world_record(&world, 0, "victim");
        world_put(&world, 3, "victim", NULL);
        world_run(&world, 3 * SOME_INTERVALS_MS);
        world_forget(&world, 0, "victim");
        world_forget(&world, 1, "victim");
        world_place(&world, place, "victim", late);
        world_run(&world, 5 * INTERVAL_MS);
        assert_null(world_value(&world, place, "victim", NULL));
        assert_true(world_is_same(&world));
        blob_release(late);
        world_close(&world);
    }
}

static void it_rises_through_a_bad_network_too(void **state)
{
    (void)state;
    for (uint64_t seed = 20; seed < 24; seed++) {
        struct world world;
        open_world(&world, 4, seed);
        world.lost = 20;
        world.repeated = 100;
        world.delay_ms = 20;
        world_start(&world);
        world_run(&world, 4 * SOME_INTERVALS_MS);
        assert_seeded(lowest(&world) > 0, seed);
        world_close(&world);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(it_follows_the_present_in_a_healthy_ring),
        cmocka_unit_test(it_stands_while_a_member_is_down),
        cmocka_unit_test(it_stands_while_a_member_is_silent),
        cmocka_unit_test(hints_hold_their_own_partition_back),
        cmocka_unit_test(it_stands_while_a_clock_is_not_past_it),
        cmocka_unit_test(an_exchange_that_began_before_does_not_count),
        cmocka_unit_test(it_stands_while_a_copy_is_not_on_the_disk),
        cmocka_unit_test(it_is_not_in_force_before_it_is_kept),
        cmocka_unit_test(it_stands_while_an_owner_is_doubtful),
        cmocka_unit_test(a_wiped_owner_begins_without_one),
        cmocka_unit_test(it_outlives_owners_that_are_lost_one_by_one),
        cmocka_unit_test(it_survives_a_restart),
        cmocka_unit_test(what_is_dead_and_forgotten_stays_dead),
        cmocka_unit_test(the_dead_die_at_both_ends_of_an_exchange),
        cmocka_unit_test(it_rises_through_a_bad_network_too),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
