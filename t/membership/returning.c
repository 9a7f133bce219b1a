/* Which process a member is: confirmed, refused, an old copy, wiped. */
#include "membership/world.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static bool all_serve(struct world *world)
{
    for (unsigned i = 0; i < 3; i++)
        if (world->nodes[i].membership == NULL || membership_phase(world->nodes[i].membership) != MEMBERSHIP_MEMBER
            || !world->nodes[i].confirmed)
            return false;
    return true;
}

/* Nodes 0 to 2 are a ring with data; 3 and more are down, in the world but in no ring. */
static void ring_of_three(struct world *world, uint64_t seed, unsigned count)
{
    world_init(world, seed, 3);
    world->delay_ms_max = 5;
    for (unsigned i = 0; i < 3; i++) {
        world_seeds(world, i, (const int[]){0, 1, 2, -1});
        WORLD_ASSERT(world, world_start(world, i));
    }
    WORLD_ASSERT(world, world_run(world, 20000, all_serve));
    for (; world->count < count; world->count++)
        world_add(world, world->count);
    for (unsigned i = 0; i < 3; i++)
        world_write(world, i);
    world_run(world, 5000, NULL); /* everybody has heard what everybody has stored */
}

static enum membership_phase phase(const struct world *world, unsigned node)
{
    return membership_phase(world->nodes[node].membership);
}

static bool has_served(const struct world *world, unsigned node)
{
    return world->nodes[node].membership != NULL && phase(world, node) == MEMBERSHIP_MEMBER;
}

static bool two_serves(struct world *world)
{
    return has_served(world, 2) && world->nodes[2].confirmed;
}

static bool three_serves(struct world *world)
{
    return has_served(world, 3) && world->nodes[3].confirmed;
}

/* The node is started and is in the ring again soon. */
static void come_back(struct world *world, unsigned node, uint64_t ms)
{
    WORLD_ASSERT(world, world_start(world, node));
    WORLD_ASSERT(world, world_run(world, ms, node == 2 ? two_serves : three_serves));
}

/* A copy of the third node's directory, and then another process runs on the original: the copy is old. */
static struct world_copy old_copy(struct world *world)
{
    struct world_copy copy = world_copy(world, 2);
    world_crash(world, 2);
    come_back(world, 2, 2000);
    world_run(world, 3000, NULL);
    return copy;
}

/* Node 3 is to run as node 0, on a copy of its directory. */
static void copy_first_to_last(struct world *world)
{
    struct world_copy copy = world_copy(world, 0);
    world_name(world, 3, 0);
    world_restore(world, 3, &copy);
}

static void restart_at_the_same_address_is_confirmed_at_once_and_without_doubt(void **state)
{
    (void)state;
    for (uint64_t seed = 1; seed <= 100; seed++) {
        struct world world;
        ring_of_three(&world, seed, 3);
        for (unsigned times = 0; times < 3; times++) {
            world_crash(&world, 2);
            WORLD_ASSERT(&world, world_start(&world, 2));
            WORLD_ASSERT(&world, !has_served(&world, 2));
            WORLD_ASSERT(&world, world_run(&world, 700, two_serves));
            WORLD_ASSERT(&world, world.nodes[2].doubts == 0);
            world_write(&world, 2);
            world_run(&world, prng_below(&world.prng, 3000), NULL);
        }
        WORLD_ASSERT(&world, world_rings(&world) == 1 && world_is_sound(&world));
        world_close(&world);
    }
}

static void bad_network_makes_no_false_doubts_and_no_refusals(void **state)
{
    (void)state;
    for (uint64_t seed = 1; seed <= 100; seed++) {
        struct world world;
        ring_of_three(&world, seed, 3);
        world.loss = 200;
        world.twice = 100;
        world.delay_ms_max = 300;
        for (unsigned times = 0; times < 10; times++) {
            unsigned node = (unsigned)prng_below(&world.prng, 3);
            if (world.nodes[node].membership != NULL)
                world_crash(&world, node);
            world_run(&world, prng_below(&world.prng, 4000), NULL);
            WORLD_ASSERT(&world, world_start(&world, node));
            world_write(&world, node);
            world_run(&world, prng_below(&world.prng, 2000), NULL);
            WORLD_ASSERT(&world, world.nodes[node].doubts == 0);
        }
        world.loss = world.twice = 0;
        WORLD_ASSERT(&world, world_run(&world, 20000, all_serve));
        for (unsigned i = 0; i < 3; i++)
            WORLD_ASSERT(&world, !membership_is_refused(world.nodes[i].membership) && world.nodes[i].doubts == 0);
        world_close(&world);
    }
}

/* The second process has a copy of the first one's directory, at another address. */
static void copied_directory_is_refused_while_the_first_is_alive(void **state)
{
    (void)state;
    for (uint64_t seed = 1; seed <= 50; seed++) {
        struct world world;
        ring_of_three(&world, seed, 4);
        copy_first_to_last(&world);
        uint64_t first = world.nodes[0].settings.incarnation;
        WORLD_ASSERT(&world, world_start(&world, 3));
        for (unsigned i = 0; i < 150; i++) {
            world_run(&world, 200, NULL);
            WORLD_ASSERT(&world, !has_served(&world, 3) && !world.nodes[3].confirmed);
            WORLD_ASSERT(&world, has_served(&world, 0) && world.nodes[0].confirmed);
            WORLD_ASSERT(&world, world.nodes[1].admitted[0] == first && world.nodes[2].admitted[0] == first);
        }
        const char *text = membership_waits_for(world.nodes[3].membership);
        WORLD_ASSERT(&world, membership_is_refused(world.nodes[3].membership));
        WORLD_ASSERT(&world, strstr(text, "n0:1") != NULL && strstr(text, "n3:1") != NULL);
        char incarnation[32];
        snprintf(incarnation, sizeof incarnation, "%016llx", (unsigned long long)first);
        WORLD_ASSERT(&world, strstr(text, incarnation) != NULL);
        WORLD_ASSERT(&world, world.nodes[0].doubts == 0 && world.nodes[0].publications == 1);
        /* Every member's status tells of it. */
        struct membership_row rows[8];
        unsigned count = membership_rows(world.nodes[1].membership, world_now(&world), rows, 8), told = 0;
        for (unsigned i = 0; i < count; i++)
            told += strcmp(rows[i].member->name, "n0") == 0 && strstr(rows[i].note, "n3:1") != NULL;
        WORLD_ASSERT(&world, told == 1);
        world_close(&world);
    }
}

/* What the first one stored after the copy was made is missing in it, and the ring knows. */
static void copy_takes_over_when_the_first_is_gone_and_is_doubtful(void **state)
{
    (void)state;
    for (uint64_t seed = 1; seed <= 50; seed++) {
        struct world world;
        ring_of_three(&world, seed, 4);
        copy_first_to_last(&world);
        for (unsigned i = 0; i < 5; i++)
            world_write(&world, 0);
        world_run(&world, 5000, NULL);
        WORLD_ASSERT(&world, world_start(&world, 3));
        world_run(&world, 5000, NULL);
        WORLD_ASSERT(&world, !has_served(&world, 3));
        world_crash(&world, 0);
        WORLD_ASSERT(&world, world_run(&world, 4000, three_serves));
        WORLD_ASSERT(&world, world.nodes[3].doubts > 0);
        WORLD_ASSERT(&world, world.nodes[1].admitted[0] == world.nodes[3].settings.incarnation);
        world_close(&world);
    }
}

static void same_name_with_an_empty_directory_is_refused_while_the_first_is_alive(void **state)
{
    (void)state;
    for (uint64_t seed = 1; seed <= 50; seed++) {
        struct world world;
        ring_of_three(&world, seed, 4);
        world_name(&world, 3, 0);
        world_seeds(&world, 3, (const int[]){1, 2, -1});
        WORLD_ASSERT(&world, world_start(&world, 3));
        for (unsigned i = 0; i < 150; i++) {
            world_run(&world, 200, NULL);
            WORLD_ASSERT(&world, !has_served(&world, 3));
            WORLD_ASSERT(&world, has_served(&world, 0) && world.nodes[0].confirmed);
        }
        const char *text = membership_waits_for(world.nodes[3].membership);
        WORLD_ASSERT(&world, strstr(text, "another process is alive that is node n0 (at n0:1") != NULL);
        WORLD_ASSERT(&world, world.nodes[1].epoch == 1 && world.nodes[0].doubts == 0);
        /* And it is taken when the first is gone. */
        world_crash(&world, 0);
        WORLD_ASSERT(&world, world_run(&world, 6000, three_serves));
        WORLD_ASSERT(&world, world.nodes[3].doubts > 0 && world.nodes[3].epoch == 2);
        world_close(&world);
    }
}

static void old_copy_is_doubtful_and_its_votes_do_not_count_until_it_is_taken_back(void **state)
{
    (void)state;
    for (uint64_t seed = 1; seed <= 50; seed++) {
        struct world world;
        ring_of_three(&world, seed, 3);
        struct world_copy copy = old_copy(&world);
        WORLD_ASSERT(&world, world.nodes[2].doubts == 0);
        world_restore(&world, 2, &copy);
        come_back(&world, 2, 2000);
        WORLD_ASSERT(&world, world.nodes[2].doubts > 0);
        world_run(&world, 5000, NULL);
        WORLD_ASSERT(&world, world_is_one_ring(&world) && world.nodes[0].epoch == 2);
        /* Only once: the next start is without doubt, once the host has certainly kept it. */
        world_run(&world, 15000, NULL);
        world_crash(&world, 2);
        come_back(&world, 2, 2000);
        WORLD_ASSERT(&world, world.nodes[2].doubts == 0);
        world_close(&world);
    }
}

static void copy_made_in_the_last_run_is_found_out_by_what_is_missing(void **state)
{
    (void)state;
    for (uint64_t seed = 1; seed <= 50; seed++) {
        struct world world;
        ring_of_three(&world, seed, 3);
        struct world_copy copy = world_copy(&world, 2);
        world_write(&world, 2);
        world_run(&world, 6000, NULL);
        world_restore(&world, 2, &copy);
        come_back(&world, 2, 2000);
        WORLD_ASSERT(&world, world.nodes[2].doubts > 0);
        world_close(&world);
    }
}

/* All lose power at once and find less than they had: everybody is doubtful, and everybody keeps its vote. */
static void loss_of_power_everywhere_leaves_the_ring_able_to_decide(void **state)
{
    (void)state;
    struct world world;
    ring_of_three(&world, 3, 3);
    for (unsigned i = 0; i < 3; i++) {
        world_crash(&world, i);
        world.nodes[i].stored = 0;
    }
    /* They have written down what they knew of each other when they last saved anything. */
    for (unsigned i = 0; i < 3; i++)
        WORLD_ASSERT(&world, world_start(&world, i));
    WORLD_ASSERT(&world, world_run(&world, 5000, all_serve));
    world_wipe(&world, 1);
    WORLD_ASSERT(&world, world_start(&world, 1));
    WORLD_ASSERT(&world, world_run(&world, 5000, all_serve));
    WORLD_ASSERT(&world, world_is_one_ring(&world));
    world_close(&world);
}

/* The host has not kept yet that the copies are doubtful when the process dies. */
static void doubt_survives_a_crash(void **state)
{
    (void)state;
    for (uint64_t seed = 1; seed <= 50; seed++) {
        struct world world;
        ring_of_three(&world, seed, 3);
        struct world_copy copy = old_copy(&world);
        world_restore(&world, 2, &copy);
        for (unsigned times = 0; times < 5; times++) {
            WORLD_ASSERT(&world, world_start(&world, 2));
            world_run(&world, prng_below(&world.prng, 40), NULL);
            world_crash(&world, 2);
        }
        come_back(&world, 2, 3000);
        WORLD_ASSERT(&world, world.nodes[2].doubts > 0);
        world_close(&world);
    }
}

static void wiped_member_of_a_ring_with_data_is_back_within_five_seconds(void **state)
{
    (void)state;
    uint64_t longest_ms = 0;
    for (uint64_t seed = 1; seed <= 200; seed++) {
        struct world world;
        ring_of_three(&world, seed, 3);
        world.delay_ms_max = 20;
        world.loss = 50;
        bool has_moved = seed % 2 == 0;
        world_wipe(&world, 1);
        if (has_moved) { /* the old address stays silent */
            snprintf(world.nodes[1].address, sizeof world.nodes[1].address, "moved:1");
            snprintf(world.nodes[1].settings.self.peer, sizeof world.nodes[1].settings.self.peer, "moved:1");
            world_seeds(&world, 1, (const int[]){0, 2, -1});
        }
        world_run(&world, prng_below(&world.prng, 2000), NULL);
        uint64_t began_ns = world.now_ns;
        WORLD_ASSERT(&world, world_start(&world, 1));
        WORLD_ASSERT(&world, world_run(&world, 5000, all_serve));
        uint64_t took_ms = (world.now_ns - began_ns) / WORLD_MS;
        longest_ms = took_ms > longest_ms ? took_ms : longest_ms;
        WORLD_ASSERT(&world, world.nodes[1].doubts > 0);
        WORLD_ASSERT(&world, world.nodes[0].doubts == 0 && world.nodes[2].doubts == 0);
        WORLD_ASSERT(&world, world_run(&world, 10000, world_is_one_ring) && world.nodes[0].epoch == 2);
        WORLD_ASSERT(&world, world_rings(&world) == 1 && !world.two_tables);
        if (has_moved)
            WORLD_ASSERT(&world, strcmp(world.nodes[0].report, "") == 0 || strstr(world.nodes[0].report, "n1") != NULL);
        world_close(&world);
    }
    print_message("a wiped member was back after at most %llu ms\n", (unsigned long long)longest_ms);
}

static void two_wiped_of_three_wait_and_say_why(void **state)
{
    (void)state;
    struct world world;
    ring_of_three(&world, 5, 3);
    world_wipe(&world, 1);
    world_wipe(&world, 2);
    WORLD_ASSERT(&world, world_start(&world, 1));
    WORLD_ASSERT(&world, world_start(&world, 2));
    world_run(&world, 30000, NULL);
    WORLD_ASSERT(&world, world_rings(&world) == 1 && world.nodes[0].epoch == 1 && has_served(&world, 0));
    for (unsigned i = 1; i < 3; i++) {
        WORLD_ASSERT(&world, membership_view(world.nodes[i].membership) == NULL);
        WORLD_ASSERT(&world, strstr(membership_waits_for(world.nodes[i].membership),
                                    "can be taken back by a majority of the members that have not")
                                 != NULL);
    }
    world_close(&world);
}

static bool four_is_in_everywhere(struct world *world)
{
    return world_is_one_ring(world) && world->nodes[4].confirmed;
}

/* Of five, three can take one back while another is away; no two tables come of it, whoever is wiped. */
static void members_return_while_others_are_away_and_no_epoch_has_two_tables(void **state)
{
    (void)state;
    for (uint64_t seed = 1; seed <= 100; seed++) {
        struct world world;
        world_init(&world, seed, 5);
        world.delay_ms_max = 30;
        for (unsigned i = 0; i < 5; i++) {
            world_seeds(&world, i, (const int[]){0, 1, 2, 3, 4, -1});
            WORLD_ASSERT(&world, world_start(&world, i));
        }
        WORLD_ASSERT(&world, world_run(&world, 20000, world_is_one_ring));
        world_run(&world, 3000, NULL);
        world_crash(&world, 3);
        world_wipe(&world, 4);
        WORLD_ASSERT(&world, world_start(&world, 4));
        world.loss = 100;
        world_run(&world, prng_below(&world.prng, 1500), NULL);
        world_wipe(&world, 2); /* in the middle of it */
        WORLD_ASSERT(&world, world_start(&world, 2));
        WORLD_ASSERT(&world, world_start(&world, 3));
        world.loss = 0;
        WORLD_ASSERT(&world, world_run(&world, 60000, four_is_in_everywhere));
        WORLD_ASSERT(&world, world_rings(&world) == 1 && !world.two_tables);
        world_close(&world);
    }
}

/* As after SIGSTOP: another took its place meanwhile, and it has to notice when it goes on. */
static void frozen_process_whose_place_was_taken_stops_serving(void **state)
{
    (void)state;
    for (uint64_t seed = 1; seed <= 20; seed++) {
        struct world world;
        ring_of_three(&world, seed, 4);
        copy_first_to_last(&world);
        world.nodes[0].is_frozen = true;
        come_back(&world, 3, 6000);
        world_run(&world, 5000, NULL);
        world.nodes[0].is_frozen = false;
        world_run(&world, 4000, NULL);
        WORLD_ASSERT(&world, membership_is_refused(world.nodes[0].membership) && !has_served(&world, 0));
        WORLD_ASSERT(&world, has_served(&world, 3) && world.nodes[3].confirmed);
        world_close(&world);
    }
}

static void thawed_process_goes_on_where_nobody_took_its_place(void **state)
{
    (void)state;
    struct world world;
    ring_of_three(&world, 9, 3);
    world.nodes[0].is_frozen = true;
    world_run(&world, 60000, NULL);
    world.nodes[0].is_frozen = false;
    world_run(&world, 5000, NULL);
    for (unsigned i = 0; i < 3; i++)
        WORLD_ASSERT(&world, has_served(&world, i) && world.nodes[i].confirmed && world.nodes[i].off_changes == 0);
    world_close(&world);
}

static void member_that_hears_nobody_is_confirmed_when_the_others_are_back(void **state)
{
    (void)state;
    struct world world;
    ring_of_three(&world, 11, 3);
    for (unsigned i = 0; i < 3; i++)
        world_crash(&world, i);
    WORLD_ASSERT(&world, world_start(&world, 2));
    world_run(&world, 10000, NULL);
    WORLD_ASSERT(&world, has_served(&world, 2) && !world.nodes[2].confirmed);
    WORLD_ASSERT(&world, world_start(&world, 0));
    WORLD_ASSERT(&world, world_run(&world, 3000, two_serves));
    world_close(&world);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(restart_at_the_same_address_is_confirmed_at_once_and_without_doubt),
        cmocka_unit_test(bad_network_makes_no_false_doubts_and_no_refusals),
        cmocka_unit_test(copied_directory_is_refused_while_the_first_is_alive),
        cmocka_unit_test(copy_takes_over_when_the_first_is_gone_and_is_doubtful),
        cmocka_unit_test(same_name_with_an_empty_directory_is_refused_while_the_first_is_alive),
        cmocka_unit_test(old_copy_is_doubtful_and_its_votes_do_not_count_until_it_is_taken_back),
        cmocka_unit_test(copy_made_in_the_last_run_is_found_out_by_what_is_missing),
        cmocka_unit_test(loss_of_power_everywhere_leaves_the_ring_able_to_decide),
        cmocka_unit_test(doubt_survives_a_crash),
        cmocka_unit_test(wiped_member_of_a_ring_with_data_is_back_within_five_seconds),
        cmocka_unit_test(two_wiped_of_three_wait_and_say_why),
        cmocka_unit_test(members_return_while_others_are_away_and_no_epoch_has_two_tables),
        cmocka_unit_test(frozen_process_whose_place_was_taken_stops_serving),
        cmocka_unit_test(thawed_process_goes_on_where_nobody_took_its_place),
        cmocka_unit_test(member_that_hears_nobody_is_confirmed_when_the_others_are_back),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
