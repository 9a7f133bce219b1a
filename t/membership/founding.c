/* How rings begin [R13]. */
#include "membership/world.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>

#include <cmocka.h>

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

static void founders_start_in_any_order_over_a_network_that_loses_half(void **state)
{
    (void)state;
    for (uint64_t seed = 1; seed <= 1000; seed++) {
        struct world world;
        world_init(&world, seed, 3 + (unsigned)(seed % 3));
        world.loss = 500;
        world.twice = 300;
        world.delay_ms_max = 400;
        for (unsigned i = 0; i < world.count; i++)
            world_seeds(&world, i, (const int[]){0, 1, 2, -1});
        for (unsigned i = 0; i < world.count; i++)
            WORLD_ASSERT(&world, world_start(&world, i));
        world_run(&world, 5000, NULL);
        world.loss = world.twice = 0;
        WORLD_ASSERT(&world, world_run(&world, 60000, world_is_one_ring));
        WORLD_ASSERT(&world, world_rings(&world) == 1 && !world.two_tables);
        world_close(&world);
    }
}

/* Every founder crashes and comes back at random moments. */
static void crash_in_the_middle_of_founding_is_finished_by_the_others(void **state)
{
    (void)state;
    for (uint64_t seed = 1; seed <= 2000; seed++) {
        struct world world;
        world_init(&world, seed, 3);
        world.loss = (unsigned)(seed % 4) * 100;
        world.delay_ms_max = 20;
        for (unsigned i = 0; i < 3; i++) {
            world_seeds(&world, i, (const int[]){0, 1, 2, -1});
            WORLD_ASSERT(&world, world_start(&world, i));
        }
        for (unsigned i = 0; i < 12; i++) {
            world_run(&world, prng_below(&world.prng, 120), NULL);
            unsigned n = (unsigned)prng_below(&world.prng, 3);
            if (world.nodes[n].membership != NULL)
                world_crash(&world, n);
            else
                WORLD_ASSERT(&world, world_start(&world, n));
        }
        world.loss = 0;
        for (unsigned i = 0; i < 3; i++)
            if (world.nodes[i].membership == NULL)
                WORLD_ASSERT(&world, world_start(&world, i));
        WORLD_ASSERT(&world, world_run(&world, 30000, world_is_one_ring));
        WORLD_ASSERT(&world, world_rings(&world) == 1 && !world.two_tables);
        world_close(&world);
    }
}

/* Founders come back as something else than what a proposal of their ring says of them: without their directories, or
 * at another address for clients. What is proposed then is what is there then. */
static void founders_that_change_while_they_found_do_not_stop_it(void **state)
{
    (void)state;
    for (uint64_t seed = 1; seed <= 500; seed++) {
        struct world world;
        world_init(&world, seed, 3);
        world.loss = (unsigned)(seed % 4) * 100;
        world.delay_ms_max = 200;
        for (unsigned i = 0; i < 3; i++) {
            world_seeds(&world, i, (const int[]){0, 1, 2, -1});
            WORLD_ASSERT(&world, world_start(&world, i));
        }
        for (unsigned i = 0; i < 4; i++) {
            world_run(&world, 100 + prng_below(&world.prng, 500), NULL);
            unsigned n = (unsigned)prng_below(&world.prng, 3);
            if (world_rings(&world) != 0)
                break;
            if (seed % 2 == 0)
                world_wipe(&world, n);
            else
                world_crash(&world, n);
            snprintf(world.nodes[n].settings.self.client, sizeof world.nodes[n].settings.self.client, "c%u:%u", n, i);
            WORLD_ASSERT(&world, world_start(&world, n));
        }
        world.loss = 0;
        WORLD_ASSERT(&world, world_run(&world, 60000, world_is_one_ring));
        WORLD_ASSERT(&world, world_rings(&world) == 1 && !world.two_tables);
        world_close(&world);
    }
}

static bool is_in_ring_of(struct world *world, unsigned node, unsigned members)
{
    const struct ring_view *view = membership_view(world->nodes[node].membership);
    return view != NULL && view->member_count == members;
}

/* A founder goes for good, at some moment of founding; who named it starts again without it. If all the others have
 * voted for the ring with it, it may have founded that: they wait, and say so. Else they found theirs. */
static void founders_go_on_without_one_that_nobody_names_any_more(void **state)
{
    (void)state;
    unsigned went_on = 0, waited = 0;
    for (uint64_t seed = 1; seed <= 600; seed++) {
        struct world world;
        world_init(&world, seed, 3);
        world.delay_ms_max = 50;
        unsigned stays = (unsigned)(seed % 3), changes = (unsigned)(stays + 1 + seed / 3 % 2) % 3;
        unsigned goes = 3 - stays - changes;
        for (unsigned i = 0; i < 3; i++)
            world_seeds(&world, i, (const int[]){0, 1, 2, -1});
        world_seeds(&world, stays, (const int[]){(int)stays, (int)changes, -1});
        for (unsigned i = 0; i < 3; i++)
            WORLD_ASSERT(&world, world_start(&world, i));
        world_run(&world, prng_below(&world.prng, 1000), NULL);
        world_crash(&world, goes);
        world_run(&world, 2000, NULL);
        unsigned members = world_rings(&world) != 0 ? 3 : 2;
        world_crash(&world, changes);
        world_seeds(&world, changes, (const int[]){(int)stays, (int)changes, -1});
        WORLD_ASSERT(&world, world_start(&world, changes));
        world_run(&world, 30000, NULL);
        bool waits = !is_in_ring_of(&world, stays, members);
        WORLD_ASSERT(&world, waits == !is_in_ring_of(&world, changes, members));
        if (waits) {
            const char *why = membership_waits_for(world.nodes[changes].membership);
            WORLD_ASSERT(&world, strstr(why, "it has voted for a ring with n") == why);
            WORLD_ASSERT(&world, world_rings(&world) == 0);
            WORLD_ASSERT(&world, world_start(&world, goes));
            world_crash(&world, changes);
            world_seeds(&world, changes, (const int[]){0, 1, 2, -1});
            WORLD_ASSERT(&world, world_start(&world, changes));
            WORLD_ASSERT(&world, world_run(&world, 30000, world_is_one_ring));
        }
        went_on += members == 2 && !waits;
        waited += waits;
        WORLD_ASSERT(&world, world_rings(&world) == 1 && !world.two_tables);
        world_close(&world);
    }
    print_message("%u went on, %u waited\n", went_on, waited);
    assert_true(went_on > 100 && waited > 0);
}

static void ring_of_three(struct world *world, uint64_t seed)
{
    world_init(world, seed, 3);
    for (unsigned i = 0; i < 3; i++) {
        world_seeds(world, i, (const int[]){0, 1, 2, -1});
        WORLD_ASSERT(world, world_start(world, i));
    }
    WORLD_ASSERT(world, world_run(world, 10000, world_is_one_ring));
}

static void wiped_seed_that_is_cut_off_does_not_found(void **state)
{
    (void)state;
    struct world world;
    ring_of_three(&world, 5);
    world_wipe(&world, 1);
    world.nodes[1].is_cut_off = true;
    WORLD_ASSERT(&world, world_start(&world, 1));
    world_run(&world, 600000, NULL);
    WORLD_ASSERT(&world, world_rings(&world) == 1);
    assert_int_equal(membership_phase(world.nodes[1].membership), MEMBERSHIP_FOUNDING);
    assert_string_equal(membership_waits_for(world.nodes[1].membership), "the seeds n0:1, n2:1 do not answer");
    world_close(&world);
}

static void two_wiped_seeds_without_the_third_do_not_found(void **state)
{
    (void)state;
    struct world world;
    ring_of_three(&world, 6);
    world.nodes[2].is_cut_off = true;
    for (unsigned i = 0; i < 2; i++) {
        world_wipe(&world, i);
        WORLD_ASSERT(&world, world_start(&world, i));
    }
    world_run(&world, 60000, NULL);
    WORLD_ASSERT(&world, world_rings(&world) == 1);
    assert_string_equal(membership_waits_for(world.nodes[0].membership), "the seed n2:1 does not answer");
    world_close(&world);
}

/* The ring is empty, so the node may come back without its data. Its old votes are not missed: all others agree. */
static void wiped_member_of_an_empty_ring_returns(void **state)
{
    (void)state;
    for (uint64_t seed = 1; seed <= 200; seed++) {
        struct world world;
        ring_of_three(&world, seed);
        world.delay_ms_max = 30;
        world.loss = 100;
        world_wipe(&world, 1);
        WORLD_ASSERT(&world, world_start(&world, 1));
        WORLD_ASSERT(&world, world_run(&world, 40000, world_is_one_ring));
        WORLD_ASSERT(&world, world_rings(&world) == 1 && !world.two_tables);
        WORLD_ASSERT(&world, world.nodes[1].epoch == 2);
        world_close(&world);
    }
}

/* Those who see it without others serve all the same, but not before they had time to answer. */
static void member_that_hears_nobody_has_its_table_at_once_and_serves_soon(void **state)
{
    (void)state;
    struct world world;
    ring_of_three(&world, 8);
    world_crash(&world, 2);
    world.nodes[2].is_cut_off = true;
    WORLD_ASSERT(&world, world_start(&world, 2));
    membership_tick(world.nodes[2].membership, world_now(&world));
    assert_int_equal(world.nodes[2].epoch, 1);
    assert_int_equal(world.nodes[2].buckets.count, 1);
    assert_int_equal(membership_phase(world.nodes[2].membership), MEMBERSHIP_RETURNING);
    world_run(&world, 1900, NULL);
    assert_int_equal(membership_phase(world.nodes[2].membership), MEMBERSHIP_RETURNING);
    world_run(&world, 400, NULL);
    assert_int_equal(membership_phase(world.nodes[2].membership), MEMBERSHIP_MEMBER);
    assert_false(world.nodes[2].confirmed);
    world_close(&world);
}

static bool addresses_are_new(struct world *world)
{
    for (unsigned i = 0; i < world->count; i++)
        for (unsigned k = 0; k < world->count; k++)
            if (membership_view(world->nodes[i].membership)->members[k].peer[0] != 'm')
                return false;
    return world_is_one_ring(world);
}

/* All three come back at other addresses at once: only the seeds lead them to each other. */
static void members_that_have_moved_find_each_other_by_their_seeds(void **state)
{
    (void)state;
    for (uint64_t seed = 1; seed <= 50; seed++) {
        struct world world;
        ring_of_three(&world, seed);
        world.delay_ms_max = 20;
        for (unsigned i = 0; i < 3; i++) {
            struct world_node *node = &world.nodes[i];
            world_crash(&world, i);
            node->has_data = true;
            node->address[0] = node->settings.self.peer[0] = 'm';
            for (unsigned k = 0; k < 3; k++)
                node->seed_texts[k][0] = 'm';
        }
        for (unsigned i = 0; i < 3; i++)
            WORLD_ASSERT(&world, world_start(&world, i));
        WORLD_ASSERT(&world, world_run(&world, 120000, addresses_are_new));
        WORLD_ASSERT(&world, world_is_sound(&world) && world_rings(&world) == 1);
        for (unsigned i = 0; i < 3; i++)
            WORLD_ASSERT(&world, !world.nodes[i].holds);
        world_close(&world);
    }
}

static void seed_lists_are_followed_to_their_end(void **state)
{
    (void)state;
    struct world world;
    world_init(&world, 9, 4);
    world_seeds(&world, 0, (const int[]){0, 1, -1});
    world_seeds(&world, 1, (const int[]){2, -1});
    world_seeds(&world, 2, (const int[]){0, -1});
    world_seeds(&world, 3, (const int[]){1, -1});
    for (unsigned i = 0; i < 3; i += 2)
        assert_true(world_start(&world, i));
    assert_true(world_start(&world, 3));
    world_run(&world, 10000, NULL);
    assert_int_equal(world_rings(&world), 0);
    assert_string_equal(membership_waits_for(world.nodes[0].membership), "the seed n1:1 does not answer");
    assert_true(world_start(&world, 1));
    WORLD_ASSERT(&world, world_run(&world, 20000, world_is_one_ring));
    /* n3 is named by nobody: it has joined, the others have founded. */
    assert_int_equal(world.nodes[3].epoch, 2);
    assert_int_equal(world_rings(&world), 1);
    world_close(&world);
}

static void node_whose_only_seed_is_itself_founds_alone(void **state)
{
    (void)state;
    struct world world;
    world_init(&world, 10, 1);
    world_seeds(&world, 0, (const int[]){0, -1});
    assert_true(world_start(&world, 0));
    WORLD_ASSERT(&world, world_run(&world, 2000, world_is_one_ring));
    world_close(&world);
}

/* "localhost" and "127.0.0.1" are two addresses of one node: answers tell its name. */
static void node_recognises_itself_behind_another_address(void **state)
{
    (void)state;
    struct world world;
    world_init(&world, 11, 2);
    for (unsigned i = 0; i < 2; i++)
        world_seeds(&world, i, (const int[]){0, 1, -1});
    world.nodes[0].settings.seeds[0] = "alias-of-n0:1";
    world.alias = "alias-of-n0:1";
    for (unsigned i = 0; i < 2; i++)
        assert_true(world_start(&world, i));
    WORLD_ASSERT(&world, world_run(&world, 5000, world_is_one_ring));
    assert_int_equal(membership_view(world.nodes[0].membership)->member_count, 2);
    world_close(&world);
}

static void founders_of_different_settings_are_refused_with_both_values(void **state)
{
    (void)state;
    struct world world;
    world_init(&world, 12, 2);
    for (unsigned i = 0; i < 2; i++)
        world_seeds(&world, i, (const int[]){0, 1, -1});
    world.nodes[1].settings.ring.partition_count = 64;
    for (unsigned i = 0; i < 2; i++)
        assert_true(world_start(&world, i));
    world_run(&world, 10000, NULL);
    assert_int_equal(world_rings(&world), 0);
    assert_string_equal(membership_waits_for(world.nodes[0].membership),
                        "the founders want different rings: n0 has partitions 16, strategy 3, copies 3, tokens 64; n1 "
                        "has 64, 3, 3, 64");
    world_close(&world);
}

static void founder_with_data_is_named(void **state)
{
    (void)state;
    struct world world;
    world_init(&world, 13, 2);
    for (unsigned i = 0; i < 2; i++)
        world_seeds(&world, i, (const int[]){0, 1, -1});
    world.nodes[1].has_data = true;
    for (unsigned i = 0; i < 2; i++)
        assert_true(world_start(&world, i));
    world_run(&world, 10000, NULL);
    assert_int_equal(world_rings(&world), 0);
    assert_string_equal(membership_waits_for(world.nodes[0].membership),
                        "the seed n1:1 has data but is in no ring: nodes with data cannot found one");
    assert_int_equal(world.nodes[0].worst, MEMBERSHIP_ERROR);
    world_close(&world);
}

static void two_nodes_of_one_name_are_refused(void **state)
{
    (void)state;
    struct world world;
    world_init(&world, 14, 3);
    for (unsigned i = 0; i < 3; i++)
        world_seeds(&world, i, (const int[]){0, 1, 2, -1});
    world.nodes[2].settings.self.id = world.nodes[1].settings.self.id;
    strcpy(world.nodes[2].settings.self.name, "n1");
    for (unsigned i = 0; i < 3; i++)
        assert_true(world_start(&world, i));
    world_run(&world, 10000, NULL);
    assert_int_equal(world_rings(&world), 0);
    assert_string_equal(membership_waits_for(world.nodes[0].membership),
                        "the nodes at n1:1 and n2:1 have the same name: names must differ");
    world_close(&world);
}

static void buckets_of_the_proposer_become_the_rings(void **state)
{
    (void)state;
    struct world world;
    world_init(&world, 15, 3);
    struct bucket cart = bucket_default("cart");
    memcpy(cart.prefix, "cart:", 5);
    cart.prefix_len = 5;
    for (unsigned i = 0; i < 3; i++) {
        world_seeds(&world, i, (const int[]){0, 1, 2, -1});
        assert_null(bucket_table_put(&world.nodes[i].settings.buckets, &cart));
        assert_true(world_start(&world, i));
    }
    WORLD_ASSERT(&world, world_run(&world, 10000, world_is_one_ring));
    for (unsigned i = 0; i < 3; i++)
        assert_true(bucket_table_equal(&world.nodes[i].buckets, &world.nodes[0].settings.buckets));
    world_close(&world);
}

/* Not even the promise of a directory that was lost: a founder whose disk fails says nothing at all. */
static void node_that_cannot_save_takes_no_part(void **state)
{
    (void)state;
    struct world world;
    world_init(&world, 16, 3);
    world.nodes[0].disk_fails = true;
    for (unsigned i = 0; i < 3; i++) {
        world_seeds(&world, i, (const int[]){0, 1, 2, -1});
        assert_true(world_start(&world, i));
    }
    world_run(&world, 10000, NULL);
    assert_int_equal(world_rings(&world), 0);
    assert_string_equal(membership_waits_for(world.nodes[1].membership), "the seed n0:1 does not answer");
    world.nodes[0].disk_fails = false;
    WORLD_ASSERT(&world, world_run(&world, 10000, world_is_one_ring));
    world_close(&world);
}

static void node_with_data_does_not_join(void **state)
{
    (void)state;
    struct world world;
    world_init(&world, 17, 2);
    world_seeds(&world, 1, (const int[]){0, -1});
    world.nodes[1].has_data = true;
    for (unsigned i = 0; i < 2; i++)
        assert_true(world_start(&world, i));
    world_run(&world, 10000, NULL);
    assert_string_equal(
        membership_waits_for(world.nodes[1].membership),
        "it has data of its own and belongs to no ring, but the seed n0:1 is in a ring; only a node with "
        "an empty data directory can join it");
    assert_int_equal(world.nodes[0].epoch, 1);
    world_close(&world);
}

static void seeds_of_two_rings_are_refused(void **state)
{
    (void)state;
    struct world world;
    world_init(&world, 18, 3);
    world_seeds(&world, 2, (const int[]){0, 1, -1});
    for (unsigned i = 0; i < 3; i++)
        assert_true(world_start(&world, i));
    world_run(&world, 10000, NULL);
    /* It may have asked the first ring that answered before it knew of the second. */
    if (membership_view(world.nodes[2].membership) == NULL)
        assert_string_equal(membership_waits_for(world.nodes[2].membership),
                            "the seeds n0:1 and n1:1 belong to different rings: name only those of one ring");
    assert_int_equal(world_rings(&world), 2);
    world_close(&world);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(node_without_seeds_founds_a_ring_of_its_own_in_its_first_tick),
        cmocka_unit_test(three_founders_found_one_ring),
        cmocka_unit_test(founders_start_in_any_order_over_a_network_that_loses_half),
        cmocka_unit_test(crash_in_the_middle_of_founding_is_finished_by_the_others),
        cmocka_unit_test(founders_that_change_while_they_found_do_not_stop_it),
        cmocka_unit_test(founders_go_on_without_one_that_nobody_names_any_more),
        cmocka_unit_test(wiped_seed_that_is_cut_off_does_not_found),
        cmocka_unit_test(two_wiped_seeds_without_the_third_do_not_found),
        cmocka_unit_test(wiped_member_of_an_empty_ring_returns),
        cmocka_unit_test(member_that_hears_nobody_has_its_table_at_once_and_serves_soon),
        cmocka_unit_test(members_that_have_moved_find_each_other_by_their_seeds),
        cmocka_unit_test(seed_lists_are_followed_to_their_end),
        cmocka_unit_test(node_whose_only_seed_is_itself_founds_alone),
        cmocka_unit_test(node_recognises_itself_behind_another_address),
        cmocka_unit_test(founders_of_different_settings_are_refused_with_both_values),
        cmocka_unit_test(founder_with_data_is_named),
        cmocka_unit_test(two_nodes_of_one_name_are_refused),
        cmocka_unit_test(buckets_of_the_proposer_become_the_rings),
        cmocka_unit_test(node_that_cannot_save_takes_no_part),
        cmocka_unit_test(node_with_data_does_not_join),
        cmocka_unit_test(seeds_of_two_rings_are_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
