/* What exchanges cost: few messages, bounded ones, and none with data when all is the same. */
#include "antientropy/world.h"

#include "storage/tree.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static bool is_long;

static uint64_t questions_of_keys(const struct world *world)
{
    return world->messages[MESSAGE_SUMS] + world->messages[MESSAGE_KEYS] + world->messages[MESSAGE_RECONCILE]
           + world->messages[MESSAGE_COMPLETE];
}

static void fill(struct world *world, unsigned mask, unsigned keys)
{
    char key[32];
    for (unsigned i = 0; i < keys; i++) {
        snprintf(key, sizeof key, "key-%u", i);
        world_put(world, mask, key, "some value of thirty-two bytes...");
    }
}

/* After convergence: one message and one answer for each pair, interval and 1,024 partitions, whatever is stored. */
static void identical_copies_exchange_roots_only(void **state)
{
    (void)state;
    const struct {
        unsigned nodes;
        uint32_t partitions, messages_of_a_pair;
    } rings[] = {{2, 64, 1}, {3, 1024, 1}, {2, 2048, 2}};
    for (unsigned i = 0; i < 3; i++) {
        struct world world;
        world_init(&world, rings[i].nodes, 3, rings[i].partitions, 30 + i);
        world_start(&world);
        fill(&world, (1U << rings[i].nodes) - 1, 300);
        world_run(&world, 2000);
        world_forget_counts(&world);
        world_run(&world, 100000); /* ten intervals of 7/8 to 1 */
        unsigned pairs = rings[i].nodes * (rings[i].nodes - 1) / 2;
        uint64_t roots = world.messages[MESSAGE_ROOTS], each = pairs * rings[i].messages_of_a_pair;
        assert_in_range(roots, 9 * each, 12 * each);
        assert_int_equal(world.messages[MESSAGE_ROOTS_REPLY], roots);
        assert_int_equal(questions_of_keys(&world), 0);
        assert_int_equal(world.records, 0);
        assert_true(world.longest[MESSAGE_ROOTS] <= 1024 * 9 + 32);
        world_close(&world);
    }
}

/* Of each pair one side asks, so the same is not compared twice. */
static void one_side_of_a_pair_asks(void **state)
{
    (void)state;
    struct world world;
    world_init(&world, 2, 2, 64, 34);
    world_start(&world);
    world_run(&world, 45000);
    assert_true(world_row(&world, 0, 1).exchanges >= 4);
    assert_int_equal(world_row(&world, 1, 0).exchanges, 0);
    assert_true(world_row(&world, 1, 0).compared_ms > 0);
    world_close(&world);
}

static void a_single_key_is_found_in_a_few_messages(void **state)
{
    (void)state;
    unsigned keys = is_long ? 1000000 : 100000;
    struct world world;
    world_init(&world, 2, 2, 1024, 35);
    world.memory_bytes = keys * UINT64_C(1024);
    world_start(&world);
    fill(&world, 3, keys);
    world_run(&world, 2000);
    assert_true(world_is_same(&world));
    world_forget_counts(&world);
    world_put(&world, 2, "key-4711", "another");
    unsigned took;
    assert_true(world_run_until_same(&world, 11000, &took));
    world_run(&world, 100);
    uint64_t messages = world_messages(&world), bytes = world_bytes(&world);
    uint64_t horizon = 0;
    for (unsigned type = MESSAGE_HORIZON_ASK; type <= MESSAGE_HORIZON_SET_REPLY; type++) {
        horizon += world.messages[type];
        bytes -= world.bytes[type];
    }
    /* Roots and sums, keys twice where the other had to checkpoint first, one record, the end; each with its answer. */
    print_message("one key among %u: %llu messages, %llu bytes\n", keys, (unsigned long long)(messages - horizon),
                  (unsigned long long)bytes);
    assert_int_equal(world.messages[MESSAGE_ROOTS], 1);
    assert_int_equal(world.messages[MESSAGE_SUMS], 1);
    assert_in_range(world.messages[MESSAGE_KEYS], 1, 20);
    assert_int_equal(world.messages[MESSAGE_RECONCILE], 1);
    assert_int_equal(world.messages[MESSAGE_COMPLETE], 1);
    assert_in_range(bytes, 1, 40000);
    assert_string_equal(world_value(&world, 0, "key-4711", NULL), "another");
    world_close(&world);
}

/* The fewest partitions: each has very many leaves, and keys by the thousand fall into each group of them. */
static void messages_are_bounded_with_the_fewest_partitions(void **state)
{
    (void)state;
    struct world world;
    world_init(&world, 2, 2, 1, 36);
    world_start(&world);
    fill(&world, 1, 20000);
    for (unsigned i = 0; i < 100; i++) { /* the longest keys too */
        char key[251];
        memset(key, 'a' + (int)(i % 26), 250);
        snprintf(key, sizeof key, "%u", i);
        key[strlen(key)] = 'k';
        key[250] = '\0';
        world_put(&world, 2, key, "long");
    }
    assert_true(world_run_until_same(&world, 20000, NULL));
    assert_true(world.longest[MESSAGE_KEYS] <= 36 << 10);
    assert_true(world.longest[MESSAGE_KEYS_REPLY] <= 36 << 10);
    assert_true(world.longest[MESSAGE_SUMS] <= 9 << 10);
    assert_true(world.messages[MESSAGE_KEYS] >= 10); /* it came in pieces */
    assert_string_equal(world_value(&world, 1, "key-19999", NULL), "some value of thirty-two bytes...");
    world_close(&world);
}

static void no_more_than_the_window_is_under_way(void **state)
{
    (void)state;
    struct world world;
    world_init(&world, 2, 2, 16, 37);
    world.settings.window = 10;
    world_start(&world);
    fill(&world, 1, 2000);
    for (unsigned i = 0; i < 3000 && !world_is_same(&world); i++) {
        world_run(&world, 1);
        assert_in_range(world.messages[MESSAGE_RECONCILE] - world.messages[MESSAGE_RECONCILE_REPLY], 0, 10);
    }
    assert_true(world_is_same(&world));
    world_close(&world);
}

/* 2 MB at 200 kB a second take about ten seconds, and go evenly to both. */
static void the_rate_is_kept_and_shared(void **state)
{
    (void)state;
    struct world world;
    uint8_t *value = calloc(1, 10000);
    assert_non_null(value);
    world_init(&world, 3, 3, 16, 38);
    world.settings.bytes_per_second = 200000;
    world_start(&world);
    for (unsigned i = 0; i < 200; i++) {
        char key[32];
        snprintf(key, sizeof key, "key-%u", i);
        world_put_bytes(&world, 1, key, bytes_of(value, 10000)); /* the lowest id: it asks both others */
    }
    world_run(&world, 5000);
    uint64_t first = world_row(&world, 0, 1).bytes_sent, second = world_row(&world, 0, 2).bytes_sent;
    assert_in_range(first + second, 700000, 1400000);
    assert_in_range(first, 250000, 1000000);
    assert_in_range(second, 250000, 1000000);
    assert_true(world_run_until_same(&world, 40000, NULL));
    free(value);
    world_close(&world);
}

static void a_value_larger_than_the_rate_passes(void **state)
{
    (void)state;
    struct world world;
    uint8_t *value = calloc(1, 3000000);
    assert_non_null(value);
    world_init(&world, 2, 2, 16, 39);
    world.settings.bytes_per_second = 100000;
    world_start(&world);
    world_put_bytes(&world, 2, "large", bytes_of(value, 3000000));
    world_put(&world, 2, "small", "beside it");
    assert_true(world_run_until_same(&world, 60000, NULL));
    assert_string_equal(world_value(&world, 0, "small", NULL), "beside it");
    free(value);
    world_close(&world);
}

/* 200,000 keys at 16 MB a second have to be there within 20 s; here each message takes 2 ms. */
static void a_wiped_node_is_refilled_fast(void **state)
{
    (void)state;
    unsigned keys = is_long ? 200000 : 20000, took;
    struct world world;
    world_init(&world, 3, 3, 1024, 40);
    world.settings.bytes_per_second = 16 << 20;
    world.memory_bytes = keys * UINT64_C(1024) + (64 << 20);
    world.delay_ms = 1;
    world_start(&world);
    fill(&world, 7, keys);
    world_run(&world, 2000);
    world_kill(&world, 2);
    world_restart_empty(&world, 2);
    world_forget_counts(&world);
    assert_true(world_run_until_same(&world, 30000, &took));
    print_message("%u keys in %u ms; %llu records of %llu bytes in %llu messages\n", keys, took,
                  (unsigned long long)world.records, (unsigned long long)world.record_bytes,
                  (unsigned long long)world_messages(&world));
    assert_true(took < 20000);
    /* Two others refill it, and hardly do the same work. */
    assert_in_range(world.records, keys, keys + keys / 2);
    world_close(&world);
}

int main(int argc, char **argv)
{
    is_long = argc > 1 && strcmp(argv[1], "--long") == 0;
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(identical_copies_exchange_roots_only),
        cmocka_unit_test(one_side_of_a_pair_asks),
        cmocka_unit_test(a_single_key_is_found_in_a_few_messages),
        cmocka_unit_test(messages_are_bounded_with_the_fewest_partitions),
        cmocka_unit_test(no_more_than_the_window_is_under_way),
        cmocka_unit_test(the_rate_is_kept_and_shared),
        cmocka_unit_test(a_value_larger_than_the_rate_passes),
        cmocka_unit_test(a_wiped_node_is_refilled_fast),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
