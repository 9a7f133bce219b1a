/* Whose clock is off: everybody finds the same one, and only where most agree. */
#include "membership/world.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static void ring_of(struct world *world, uint64_t seed, unsigned count)
{
    static const int ALL[] = {0, 1, 2, 3, 4, 5, 6, 7, 8, 9, -1};
    assert_true(count < sizeof ALL / sizeof ALL[0]);
    int seeds[sizeof ALL / sizeof ALL[0]];
    memcpy(seeds, ALL, sizeof seeds);
    seeds[count] = -1;
    world_init(world, seed, count);
    world->delay_ms_max = 50;
    for (unsigned i = 0; i < count; i++) {
        world_seeds(world, i, seeds);
        WORLD_ASSERT(world, world_start(world, i));
    }
    WORLD_ASSERT(world, world_run(world, 20000, world_is_one_ring));
    world_run(world, 10000, NULL);
}

static bool only_one_is_off(const struct world *world, unsigned node)
{
    for (unsigned i = 0; i < world->count; i++)
        if (world->nodes[i].off_count != 1 || world->nodes[i].off[0] != world->nodes[node].settings.self.id)
            return false;
    return true;
}

static bool nobody_is_off(struct world *world)
{
    for (unsigned i = 0; i < world->count; i++)
        if (world->nodes[i].off_count != 0)
            return false;
    return true;
}

static bool one_is_off(struct world *world)
{
    return only_one_is_off(world, 1);
}

static struct membership_row row_at(struct world *world, unsigned at, unsigned of)
{
    struct membership_row rows[16];
    unsigned count = membership_rows(world->nodes[at].membership, world_now_at(world, at), rows, 16);
    for (unsigned i = 0; i < count; i++)
        if (rows[i].member->id == world->nodes[of].settings.self.id)
            return rows[i];
    fail_msg("no row");
    return rows[0];
}

static void clock_that_is_off_is_found_by_everybody_and_by_itself(void **state)
{
    (void)state;
    for (uint64_t seed = 1; seed <= 60; seed++) {
        struct world world;
        unsigned count = 3 + (unsigned)seed % 4;
        ring_of(&world, seed, count);
        WORLD_ASSERT(&world, nobody_is_off(&world));
        int64_t ahead_ms = seed % 2 == 0 ? 31000 : -31000;
        world.nodes[1].wall_ahead_ms = ahead_ms;
        WORLD_ASSERT(&world, world_run(&world, 30000, one_is_off));
        for (unsigned i = 0; i < count; i++) {
            struct membership_row row = row_at(&world, i, 1);
            WORLD_ASSERT(&world, row.is_quarantined && llabs(row.clock_ahead_ms - ahead_ms) < 200);
            WORLD_ASSERT(&world, strstr(row.note, ahead_ms > 0 ? "ahead of" : "behind") != NULL);
            WORLD_ASSERT(&world, !row_at(&world, i, 0).is_quarantined);
        }
        world.nodes[1].wall_ahead_ms = 0;
        WORLD_ASSERT(&world, world_run(&world, 60000, nobody_is_off));
        WORLD_ASSERT(&world, world.nodes[0].off_changes == 2 && world.nodes[1].off_changes == 2);
        world_close(&world);
    }
}

/* Also in a larger ring, where two given members rarely speak: until everybody knows, requests go past it. */
static void clock_that_is_right_again_is_known_soon(void **state)
{
    (void)state;
    uint64_t longest_ms = 0;
    for (uint64_t seed = 1; seed <= 60; seed++) {
        struct world world;
        ring_of(&world, seed, 10);
        world.nodes[1].wall_ahead_ms = 31000;
        WORLD_ASSERT(&world, world_run(&world, 60000, one_is_off));
        uint64_t began_ns = world.now_ns;
        world.nodes[1].wall_ahead_ms = 0;
        WORLD_ASSERT(&world, world_run(&world, 60000, nobody_is_off));
        uint64_t took_ms = (world.now_ns - began_ns) / WORLD_MS;
        longest_ms = took_ms > longest_ms ? took_ms : longest_ms;
        world_close(&world);
    }
    print_message("a clock that was right again was known after at most %llu ms\n", (unsigned long long)longest_ms);
    /* Two measurements, a second apart, and three rounds of judging. */
    assert_true(longest_ms < 8000);
}

/* Within a few seconds in a small ring: it goes on writing with a wrong clock until then. */
static void ring_of_three_finds_it_soon(void **state)
{
    (void)state;
    uint64_t longest_ms = 0;
    for (uint64_t seed = 1; seed <= 100; seed++) {
        struct world world;
        ring_of(&world, seed, 3);
        uint64_t began_ns = world.now_ns;
        world.nodes[1].wall_ahead_ms = 15000;
        WORLD_ASSERT(&world, world_run(&world, 20000, one_is_off));
        uint64_t took_ms = (world.now_ns - began_ns) / WORLD_MS;
        longest_ms = took_ms > longest_ms ? took_ms : longest_ms;
        world_close(&world);
    }
    print_message("a clock that was off was known after at most %llu ms\n", (unsigned long long)longest_ms);
    assert_true(longest_ms < 15000);
}

static void clocks_within_the_bound_are_right(void **state)
{
    (void)state;
    struct world world;
    ring_of(&world, 3, 5);
    for (unsigned i = 0; i < 5; i++)
        world.nodes[i].wall_ahead_ms = (int64_t)i * 2000; /* the first and the last are 4 s from the median */
    world_run(&world, 60000, NULL);
    for (unsigned i = 0; i < 5; i++)
        WORLD_ASSERT(&world, world.nodes[i].off_changes == 0);
    world_close(&world);
}

static void of_two_that_differ_nobody_knows_who_is_right(void **state)
{
    (void)state;
    for (unsigned count = 2; count <= 4; count += 2) {
        struct world world;
        ring_of(&world, 4, count);
        for (unsigned i = 0; i < count / 2; i++)
            world.nodes[i].wall_ahead_ms = 60000;
        world_run(&world, 60000, NULL);
        for (unsigned i = 0; i < count; i++) {
            WORLD_ASSERT(&world, world.nodes[i].off_count == 0); /* while the news went round there may have been */
            WORLD_ASSERT(&world, strstr(world.nodes[i].report, "too few members agree to tell whose is right") != NULL);
        }
        struct membership_row row = row_at(&world, 0, count - 1);
        WORLD_ASSERT(&world, !row.is_quarantined && strstr(row.note, "behind") != NULL);
        world_close(&world);
    }
}

/* A clock that goes to and fro about the bound does not change what it is each time. */
static void clock_about_the_bound_does_not_flap(void **state)
{
    (void)state;
    struct world world;
    ring_of(&world, 5, 3);
    for (unsigned i = 0; i < 120; i++) {
        world.nodes[1].wall_ahead_ms = i % 2 == 0 ? 10400 : 9600;
        world_run(&world, 1700, NULL);
    }
    for (unsigned i = 0; i < 3; i++)
        WORLD_ASSERT(&world, world.nodes[i].off_changes <= 1);
    world_close(&world);
}

/* After SIGCONT it reads what has waited for it, in which all clocks are behind. */
static void frozen_process_blames_nobody_when_it_goes_on(void **state)
{
    (void)state;
    for (uint64_t seed = 1; seed <= 50; seed++) {
        struct world world;
        ring_of(&world, seed, 3);
        world.nodes[2].is_frozen = true;
        world_run(&world, 15000 + prng_below(&world.prng, 60000), NULL);
        world.nodes[2].is_frozen = false;
        world_run(&world, 10000, NULL);
        for (unsigned i = 0; i < 3; i++)
            WORLD_ASSERT(&world, world.nodes[i].off_changes == 0);
        world_close(&world);
    }
}

static void bound_is_a_setting(void **state)
{
    (void)state;
    struct world world;
    world_init(&world, 6, 3);
    world.delay_ms_max = 20;
    for (unsigned i = 0; i < 3; i++) {
        world.nodes[i].settings.clock_bound_ms = 500;
        world_seeds(&world, i, (const int[]){0, 1, 2, -1});
        WORLD_ASSERT(&world, world_start(&world, i));
    }
    world_run(&world, 10000, NULL);
    WORLD_ASSERT(&world, nobody_is_off(&world));
    world.nodes[1].wall_ahead_ms = -700;
    WORLD_ASSERT(&world, world_run(&world, 20000, one_is_off));
    world_close(&world);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(clock_that_is_off_is_found_by_everybody_and_by_itself),
        cmocka_unit_test(clock_that_is_right_again_is_known_soon),
        cmocka_unit_test(ring_of_three_finds_it_soon),
        cmocka_unit_test(clocks_within_the_bound_are_right),
        cmocka_unit_test(of_two_that_differ_nobody_knows_who_is_right),
        cmocka_unit_test(clock_about_the_bound_does_not_flap),
        cmocka_unit_test(frozen_process_blames_nobody_when_it_goes_on),
        cmocka_unit_test(bound_is_a_setting),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
