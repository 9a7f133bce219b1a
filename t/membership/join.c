/* Joins and the agreement on tables [R12], with all parts together. */
#include "membership/world.h"

#include "message/agreement.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>

#include <cmocka.h>

static void start_ring(struct world *world, uint64_t seed, unsigned count, unsigned founders)
{
    static const int lists[][4] = {{-1}, {0, -1}, {0, 1, -1}, {0, 1, 2, -1}};
    world_init(world, seed, count);
    for (unsigned i = 0; i < count; i++)
        world_seeds(world, i, lists[founders]);
    for (unsigned i = 0; i < founders; i++)
        WORLD_ASSERT(world, world_start(world, i));
    world_run(world, 10000, NULL);
    WORLD_ASSERT(world, world_rings(world) == 1);
}

static void fresh_node_that_names_members_joins_by_itself(void **state)
{
    (void)state;
    struct world world;
    start_ring(&world, 1, 4, 3);
    assert_true(world_start(&world, 3));
    WORLD_ASSERT(&world, world_run(&world, 1000, world_is_one_ring));
    assert_int_equal(world.nodes[3].epoch, 2);
    world_run(&world, 2000, NULL);
    for (unsigned i = 0; i < 4; i++)
        WORLD_ASSERT(&world, !world.nodes[i].holds);
    WORLD_ASSERT(&world, world_is_sound(&world));
    world_close(&world);
}

static void ring_of_one_takes_in_a_second_and_a_third(void **state)
{
    (void)state;
    struct world world;
    start_ring(&world, 2, 3, 1);
    assert_true(world_start(&world, 1));
    assert_true(world_start(&world, 2));
    WORLD_ASSERT(&world, world_run(&world, 10000, world_is_one_ring));
    assert_int_equal(world.nodes[2].epoch, 3);
    WORLD_ASSERT(&world, world_is_sound(&world) && world_rings(&world) == 1);
    world_close(&world);
}

/* n1 has founded a ring of its own, n2 waits for a seed that is not there. */
static void administrator_invites_ring_of_one_and_waiting_node(void **state)
{
    (void)state;
    struct world world;
    world_init(&world, 3, 3);
    world_seeds(&world, 2, (const int[]){7, -1});
    for (unsigned i = 0; i < 3; i++)
        assert_true(world_start(&world, i));
    world_run(&world, 100, NULL);
    world_invite(&world, 0, "n1:1");
    world_invite(&world, 0, "n2:1");
    WORLD_ASSERT(&world, world_run(&world, 9000, world_is_one_ring));
    world_run(&world, 1500, NULL);
    assert_int_equal(world.joins_good, 2);
    assert_int_equal(world.joins_bad, 0);
    for (unsigned i = 0; i < 3; i++)
        WORLD_ASSERT(&world, !world.nodes[i].holds);
    world_close(&world);
}

static void administrator_is_told_why_a_node_does_not_come(void **state)
{
    (void)state;
    struct world world;
    start_ring(&world, 4, 6, 2);
    world_invite(&world, 0, "n0:1");
    assert_string_equal(world.told, "that is this node itself");
    world_invite(&world, 0, "n1:1");
    world_run(&world, 1000, NULL);
    assert_string_equal(world.told, "n1 is a member of this ring already");
    assert_int_equal(world.joins_good, 1);
    world_invite(&world, 0, "nowhere:1");
    world_run(&world, 10100, NULL);
    assert_string_equal(world.told, "nowhere:1 does not answer");
    world_seeds(&world, 3, (const int[]){-1});
    assert_true(world_start(&world, 3));
    world_run(&world, 10, NULL);
    world_write(&world, 3);
    world_invite(&world, 0, "n3:1");
    world_run(&world, 1000, NULL);
    assert_string_equal(world.told, "n3 has data; only a node with an empty data directory can join");
    world_seeds(&world, 4, (const int[]){-1});
    assert_true(world_start(&world, 4));
    world_write(&world, 1);
    world_run(&world, 3000, NULL); /* gossip tells n0 */
    world_invite(&world, 0, "n4:1");
    world_run(&world, 1000, NULL);
    assert_string_equal(world.told, "this ring has data; moving data is not offered by this release");
    assert_int_equal(world.joins_bad, 4);
    WORLD_ASSERT(&world, world.nodes[4].membership != NULL && !world.nodes[4].holds);
    assert_int_equal(membership_view(world.nodes[4].membership)->member_count, 1);
    world_close(&world);
}

static void ring_of_one_whose_invitation_comes_to_nothing_goes_on_in_peace(void **state)
{
    (void)state;
    struct world world;
    start_ring(&world, 10, 3, 2);
    world_seeds(&world, 2, (const int[]){-1});
    assert_true(world_start(&world, 2));
    world_run(&world, 10, NULL);
    world_write(&world, 1); /* n0 does not know of it when it invites */
    world_invite(&world, 0, "n2:1");
    world_run(&world, 30000, NULL); /* checks as well that nobody wants to be woken for ever */
    assert_int_equal(world.joins_bad, 1);
    WORLD_ASSERT(&world, !world.nodes[2].holds);
    assert_int_equal(membership_phase(world.nodes[2].membership), MEMBERSHIP_MEMBER);
    assert_string_equal(membership_waits_for(world.nodes[2].membership), "");
    world_close(&world);
}

/* Its ballots would not survive a crash: another one of the same number could then carry another value. */
static void member_that_cannot_save_asks_nobody_to_vote(void **state)
{
    (void)state;
    struct world world;
    start_ring(&world, 11, 4, 3);
    world_seeds(&world, 3, (const int[]){-1}); /* so that it asks nobody but who invites it */
    assert_true(world_start(&world, 3));
    world_run(&world, 10, NULL);
    world.delay_ms_max = 20;
    world.nodes[0].disk_fails = true;
    world_invite(&world, 0, "n3:1");
    for (unsigned ms = 0; ms < 9000; ms++) {
        world_run(&world, 1, NULL);
        for (size_t i = 0; i < world.message_count; i++)
            WORLD_ASSERT(
                &world, world.messages[i].from != 0
                            || (world.messages[i].type != MESSAGE_PREPARE && world.messages[i].type != MESSAGE_ACCEPT));
    }
    world.nodes[0].disk_fails = false;
    WORLD_ASSERT(&world, world_run(&world, 20000, world_is_one_ring));
    world_close(&world);
}

static void join_of_a_ring_with_data_is_refused_by_whoever_has_it(void **state)
{
    (void)state;
    struct world world;
    start_ring(&world, 5, 4, 3);
    world_write(&world, 2);
    world.nodes[2].records = 0; /* gossip does not tell */
    assert_true(world_start(&world, 3));
    world_run(&world, 3000, NULL);
    assert_null(membership_view(world.nodes[3].membership));
    assert_string_equal(membership_waits_for(world.nodes[3].membership),
                        "the ring has not taken it in: this ring has data; moving data is not offered by this release");
    for (unsigned i = 0; i < 3; i++)
        WORLD_ASSERT(&world, !world.nodes[i].holds && world.nodes[i].epoch == 1);
    world_close(&world);
}

static void join_waits_for_a_member_that_is_down(void **state)
{
    (void)state;
    struct world world;
    start_ring(&world, 6, 4, 3);
    world_crash(&world, 1);
    assert_true(world_start(&world, 3));
    world_run(&world, 15000, NULL);
    assert_null(membership_view(world.nodes[3].membership));
    assert_string_equal(membership_waits_for(world.nodes[3].membership),
                        "the ring has not taken it in: the members have not decided on n3 within 10 s: no answer from "
                        "n1; it may still come about");
    WORLD_ASSERT(&world, !world.nodes[0].holds && !world.nodes[2].holds);
    assert_true(world_start(&world, 1));
    WORLD_ASSERT(&world, world_run(&world, 20000, world_is_one_ring));
    world_close(&world);
}

/* Random joins, invitations, crashes and writes over a bad network; then all goes well and must come to an end. */
static bool chaos(struct world *world, uint64_t seed, bool lying_disk)
{
    start_ring(world, seed, 6, 1 + (unsigned)(seed % 3));
    unsigned founders = 1 + (unsigned)(seed % 3);
    world->loss = (unsigned)prng_below(&world->prng, 400);
    world->twice = (unsigned)prng_below(&world->prng, 300);
    world->delay_ms_max = prng_below(&world->prng, 200);
    for (unsigned i = founders; i < 6; i++)
        WORLD_ASSERT(world, world_start(world, i));
    if (lying_disk)
        for (unsigned i = 0; i < 6; i++)
            world->nodes[i].disk_lies = true;
    for (unsigned i = 0; i < 60; i++) {
        world_run(world, prng_below(&world->prng, 600), NULL);
        unsigned n = (unsigned)prng_below(&world->prng, 6);
        struct world_node *node = &world->nodes[n];
        if (prng_below(&world->prng, 3) == 0)
            node->is_cut_off = !node->is_cut_off;
        else if (node->membership == NULL)
            WORLD_ASSERT(world, world_start(world, n));
        else if (prng_below(&world->prng, 3) == 0)
            world_crash(world, n);
        else if (seed % 5 == 0 && i > 40)
            world_write(world, n);
    }
    world->loss = world->twice = 0;
    world->delay_ms_max = 5;
    for (unsigned i = 0; i < 6; i++) {
        world->nodes[i].is_cut_off = false;
        if (world->nodes[i].membership == NULL)
            WORLD_ASSERT(world, world_start(world, i));
    }
    return world_is_sound(world);
}

static bool nobody_holds(struct world *world)
{
    uint64_t epoch = 0;
    for (unsigned i = 0; i < world->count; i++) {
        const struct world_node *node = &world->nodes[i];
        if (membership_view(node->membership) == NULL)
            continue;
        if (node->holds || (epoch != 0 && node->epoch != epoch))
            return false;
        epoch = node->epoch;
    }
    return true;
}

static void concurrent_joins_end_in_one_order_of_tables(void **state)
{
    (void)state;
    for (uint64_t seed = 1; seed <= 1000; seed++) {
        struct world world;
        WORLD_ASSERT(&world, chaos(&world, seed, false));
        if (seed % 5 != 0)
            WORLD_ASSERT(&world, world_run(&world, 120000, world_is_one_ring));
        WORLD_ASSERT(&world, world_run(&world, 60000, nobody_holds));
        WORLD_ASSERT(&world, world_is_sound(&world) && world_rings(&world) == 1);
        world_close(&world);
    }
}

static void control_members_that_forget_their_votes_are_caught(void **state)
{
    (void)state;
    unsigned caught = 0;
    for (uint64_t seed = 1; seed <= 200; seed++) {
        struct world world;
        caught += !chaos(&world, seed, true);
        world_close(&world);
    }
    print_message("caught %u of 200\n", caught);
    assert_true(caught > 0);
}

/* What stands at the very end of a join: some have accepted, the proposer is gone. */
static void join_that_got_stuck_half_way_ends_without_its_proposer(void **state)
{
    (void)state;
    unsigned grown = 0, ended = 0;
    for (uint64_t seed = 1; seed <= 500; seed++) {
        struct world world;
        start_ring(&world, seed, 4, 3);
        world.delay_ms_max = 20;
        assert_true(world_start(&world, 3));
        /* The newcomer and the member that proposes it stop for good at a random moment of the join. */
        world_run(&world, prng_below(&world.prng, 300), NULL);
        world_crash(&world, 3);
        unsigned gone = (unsigned)prng_below(&world.prng, 3);
        world_crash(&world, gone);
        world_run(&world, 8000, NULL);
        WORLD_ASSERT(&world, world_start(&world, gone));
        world_run(&world, 8000, NULL);
        for (unsigned i = 0; i < 3; i++) {
            WORLD_ASSERT(&world, !world.nodes[i].holds);
            WORLD_ASSERT(&world, world.nodes[i].epoch == world.nodes[0].epoch);
        }
        grown += membership_view(world.nodes[0].membership)->member_count == 4;
        ended += membership_view(world.nodes[0].membership)->member_count == 3;
        WORLD_ASSERT(&world, world_is_sound(&world));
        world_close(&world);
    }
    /* Both ends are reached, or the moments were drawn badly. */
    print_message("%u grew, %u stayed\n", grown, ended);
    assert_true(grown > 20 && ended > 20);
}

static void two_rings_never_merge(void **state)
{
    (void)state;
    struct world world;
    world_init(&world, 9, 4);
    world_seeds(&world, 0, (const int[]){0, 1, -1});
    world_seeds(&world, 1, (const int[]){0, 1, -1});
    world_seeds(&world, 2, (const int[]){2, 3, -1});
    world_seeds(&world, 3, (const int[]){2, 3, -1});
    for (unsigned i = 0; i < 4; i++)
        assert_true(world_start(&world, i));
    world_run(&world, 5000, NULL);
    /* They come to know of each other: the one ring's nodes come back with seeds of the other's. */
    world_crash(&world, 0);
    world_seeds(&world, 0, (const int[]){2, 3, -1});
    assert_true(world_start(&world, 0));
    world_invite(&world, 1, "n2:1");
    world_run(&world, 60000, NULL);
    assert_string_equal(world.told, "n2 is a member of another ring");
    for (unsigned i = 0; i < 4; i++)
        assert_int_equal(membership_view(world.nodes[i].membership)->member_count, 2);
    assert_true(world.nodes[0].cluster == world.nodes[1].cluster && world.nodes[0].cluster != world.nodes[2].cluster);
    world_close(&world);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(fresh_node_that_names_members_joins_by_itself),
        cmocka_unit_test(ring_of_one_takes_in_a_second_and_a_third),
        cmocka_unit_test(administrator_invites_ring_of_one_and_waiting_node),
        cmocka_unit_test(administrator_is_told_why_a_node_does_not_come),
        cmocka_unit_test(ring_of_one_whose_invitation_comes_to_nothing_goes_on_in_peace),
        cmocka_unit_test(member_that_cannot_save_asks_nobody_to_vote),
        cmocka_unit_test(join_of_a_ring_with_data_is_refused_by_whoever_has_it),
        cmocka_unit_test(join_waits_for_a_member_that_is_down),
        cmocka_unit_test(concurrent_joins_end_in_one_order_of_tables),
        cmocka_unit_test(control_members_that_forget_their_votes_are_caught),
        cmocka_unit_test(join_that_got_stuck_half_way_ends_without_its_proposer),
        cmocka_unit_test(two_rings_never_merge),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
