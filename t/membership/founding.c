/* How rings begin [R13]. */
#include "membership/world.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>

#include <cmocka.h>

static void world_fails(const struct world *world)
{
    print_message("seed %llu\n", (unsigned long long)world->seed);
    for (unsigned i = 0; i < world->count; i++)
        if (world->nodes[i].membership != NULL)
            print_message("  n%u waits for: %s; reported: %s\n", i, membership_waits_for(world->nodes[i].membership),
                          world->nodes[i].report);
}

#define WORLD_ASSERT(world, claim)                                                                                     \
    do {                                                                                                               \
        if (!(claim)) {                                                                                                \
            world_fails(world);                                                                                        \
            fail_msg("%s", #claim);                                                                                    \
        }                                                                                                              \
    } while (0)

static void node_without_seeds_founds_a_ring_of_its_own_in_its_first_tick(void **state)
{
    (void)state;
    struct world world;
    world_init(&world, 1, 1);
    assert_true(world_start(&world, 0));
    membership_tick(world.nodes[0].membership, world_now(&world));
    assert_int_equal(world.nodes[0].publications, 1);
    assert_int_equal(world.nodes[0].epoch, 1);
    assert_int_equal(membership_phase(world.nodes[0].membership), MEMBERSHIP_MEMBER);
    assert_string_equal(membership_waits_for(world.nodes[0].membership), "");
    world_close(&world);
}

static void three_founders_found_one_ring(void **state)
{
    (void)state;
    for (uint64_t seed = 1; seed <= 2000; seed++) {
        struct world world;
        world_init(&world, seed, 3);
        world.delay_ms_max = seed % 50;
        for (unsigned i = 0; i < 3; i++)
            world_seeds(&world, i, (const int[]){0, 1, 2, -1});
        unsigned first = (unsigned)prng_below(&world.prng, 3), turn = 1 + (unsigned)prng_below(&world.prng, 2);
        for (unsigned i = 0; i < 3; i++) {
            WORLD_ASSERT(&world, world_start(&world, (first + i * turn) % 3));
            world_run(&world, prng_below(&world.prng, 3000), NULL);
        }
        WORLD_ASSERT(&world, world_run(&world, 10000, world_is_one_ring));
        WORLD_ASSERT(&world, world_rings(&world) == 1 && !world.two_tables);
        world_close(&world);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(node_without_seeds_founds_a_ring_of_its_own_in_its_first_tick),
        cmocka_unit_test(three_founders_found_one_ring),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
