/* Gossip: the algebra of merging, and what spreads how fast. */
#include "membership/entries.h"
#include "membership/world.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

/* Small ranges, so that all relations between two entries come up. */
static struct gossip_entry draw_entry(struct prng *prng)
{
    struct gossip_entry entry = {.removed = prng_below(prng, 4)};
    snprintf(entry.name, sizeof entry.name, "n");
    entry.id = ring_node_id(entry.name);
    uint64_t epoch = prng_below(prng, 5);
    if (epoch < entry.removed || epoch == 0) {
        entry.removed = entry.removed == 0 ? 1 : entry.removed;
        entry.name[0] = '\0';
        return entry;
    }
    entry.epoch = epoch;
    entry.version = prng_below(prng, 3);
    entry.incarnation = prng_below(prng, 3);
    entry.records = prng_below(prng, 2); /* two contents of one version: nobody's error may split the ring */
    return entry;
}

static struct gossip_entry join(const struct gossip_entry *a, const struct gossip_entry *b)
{
    struct gossip_entry result = *a;
    entry_merge(&result, b);
    return result;
}

static bool same(const struct gossip_entry *a, const struct gossip_entry *b)
{
    return a->removed == b->removed && entry_compare(a, b) == 0;
}

static void merge_is_commutative_associative_and_idempotent(void **state)
{
    (void)state;
    struct prng prng;
    prng_init(&prng, 77);
    for (unsigned i = 0; i < 200000; i++) {
        struct gossip_entry a = draw_entry(&prng), b = draw_entry(&prng), c = draw_entry(&prng);
        struct gossip_entry ab = join(&a, &b), ba = join(&b, &a), bc = join(&b, &c), aa = join(&a, &a);
        struct gossip_entry ab_c = join(&ab, &c), a_bc = join(&a, &bc), ab_b = join(&ab, &b);
        if (!same(&ab, &ba) || !same(&aa, &a) || !same(&ab_c, &a_bc) || !same(&ab_b, &ab))
            fail_msg("seed 77, round %u", i);
    }
}

static void tombstone_ends_what_was_written_before_it_and_nothing_later(void **state)
{
    (void)state;
    struct gossip_entry old = {.id = 9, .epoch = 3, .version = 100}, stone = {.id = 9, .removed = 4},
                        back = {.id = 9, .epoch = 5, .version = 1};
    assert_false(entry_merge(&stone, &old));
    assert_int_equal(stone.epoch, 0);
    assert_true(entry_merge(&stone, &back));
    assert_int_equal(stone.version, 1);
    assert_int_equal(stone.removed, 4);
}

static void strangers_are_bounded(void **state)
{
    (void)state;
    struct entries entries = {0};
    bool news;
    unsigned taken = 0;
    for (uint32_t id = 1; id <= 5000; id++) {
        struct gossip_entry entry = {.id = id, .epoch = 1, .version = 1};
        taken += entries_merge(&entries, &entry, 0, &news) != NULL;
    }
    assert_int_equal(taken, ENTRIES_STRANGERS_MAX);
    entries_close(&entries);
}

static void start_ring(struct world *world, uint64_t seed, unsigned count)
{
    static const int seeds[] = {0, 1, 2, -1};
    world_init(world, seed, count);
    for (unsigned i = 0; i < count; i++) {
        world_seeds(world, i, seeds);
        WORLD_ASSERT(world, world_start(world, i));
    }
    WORLD_ASSERT(world, world_run(world, 1000000, world_is_one_ring));
    WORLD_ASSERT(world, world_is_sound(world));
}

static bool all_flushed(struct world *world)
{
    for (unsigned i = 0; i < world->count; i++)
        if (world->nodes[i].flush.flushed != world->nodes[0].flush.flushed)
            return false;
    return true;
}

static void flush_registers_reach_all_of_fifty_members_in_few_rounds(void **state)
{
    (void)state;
    struct world world;
    start_ring(&world, 3, 50);
    unsigned worst = 0, sum = 0, runs = 20;
    for (unsigned i = 1; i <= runs; i++) {
        uint64_t before = world.now_ns;
        world.nodes[i].flush.flushed = 1000 + i;
        world.nodes[0].flush.flushed = 1000 + i; /* whom the others are compared with */
        WORLD_ASSERT(&world, world_run(&world, 60000, all_flushed));
        unsigned rounds = (unsigned)((world.now_ns - before) / ((uint64_t)MEMBERSHIP_GOSSIP_MS * WORLD_MS) + 1);
        worst = rounds > worst ? rounds : worst;
        sum += rounds;
    }
    print_message("50 members: %u rounds on average, %u at most; a digest has at most %llu bytes\n", sum / runs, worst,
                  (unsigned long long)world.digest_bytes_max);
    assert_true(worst <= 12);
    /* About 20 bytes for each entry, and a sender of less than a hundred. */
    assert_true(world.digest_bytes_max < 50 * 23 + 100);
    world_close(&world);
}

static unsigned rows_of(struct world *world, unsigned node, enum member_state wanted)
{
    struct membership_row rows[WORLD_NODES_MAX];
    unsigned count = membership_rows(world->nodes[node].membership, world_now(world), rows, WORLD_NODES_MAX), found = 0;
    for (unsigned i = 0; i < count; i++)
        found += rows[i].state == wanted;
    return found;
}

static void nobody_is_shown_as_down_while_all_are_up(void **state)
{
    (void)state;
    struct world world;
    start_ring(&world, 4, 50);
    world_run(&world, 10000, NULL);
    unsigned down = 0, shown = 0;
    for (unsigned round = 0; round < 60; round++) {
        world_run(&world, 1000, NULL);
        for (unsigned i = 0; i < 50; i++) {
            down += rows_of(&world, i, MEMBER_DOWN);
            shown += 50;
        }
    }
    print_message("50 members: %u of %u rows wrongly down\n", down, shown);
    assert_int_equal(down, 0);
    world_close(&world);
}

static void silent_member_is_shown_as_down_and_stays_in_the_table(void **state)
{
    (void)state;
    struct world world;
    start_ring(&world, 5, 5);
    world_run(&world, 3000, NULL);
    assert_int_equal(rows_of(&world, 0, MEMBER_UP), 5);
    world_crash(&world, 4);
    world_run(&world, 12000, NULL);
    for (unsigned i = 0; i < 4; i++) {
        assert_int_equal(rows_of(&world, i, MEMBER_DOWN), 1);
        assert_int_equal(rows_of(&world, i, MEMBER_UP), 4);
        assert_int_equal(membership_view(world.nodes[i].membership)->member_count, 5);
    }
    assert_true(world_start(&world, 4));
    world_run(&world, 8000, NULL);
    for (unsigned i = 0; i < 5; i++)
        assert_int_equal(rows_of(&world, i, MEMBER_UP), 5);
    world_close(&world);
}

/* Its versions begin anew far below those that the others remember. */
static void restarted_node_jumps_above_what_is_told_of_its_former_life(void **state)
{
    (void)state;
    struct world world;
    start_ring(&world, 6, 3);
    world_run(&world, 5000, NULL);
    world_crash(&world, 1);
    world.wall_back_ms = 100000000;
    assert_true(world_start(&world, 1));
    world.nodes[1].records = 42;
    world_run(&world, 8000, NULL);
    struct membership_row rows[3];
    membership_rows(world.nodes[0].membership, world_now(&world), rows, 3);
    for (unsigned i = 0; i < 3; i++)
        if (strcmp(rows[i].member->name, "n1") == 0) {
            assert_int_equal(rows[i].records, 42);
            assert_int_equal(rows[i].state, MEMBER_UP);
            assert_true(rows[i].incarnation == world.nodes[1].settings.incarnation);
        }
    world_close(&world);
}

/* n0 is told something of another node, by n1. */
static void tell(struct world *world, const struct gossip_entry *entry)
{
    const struct ring_view *view = membership_view(world->nodes[1].membership);
    struct message_difference m = {.count = 1, .entries = entry};
    m.sender = (struct message_sender){
        .cluster = view->settings.cluster, .epoch = view->epoch, .incarnation = world->nodes[1].settings.incarnation};
    snprintf(m.sender.peer, sizeof m.sender.peer, "n1:1");
    struct draft head = {0};
    message_write_difference(&head, &m);
    struct frame frame = {.type = MESSAGE_DIFFERENCE, .head = draft_written(&head)};
    assert_true(membership_receive(world->nodes[0].membership, world_now(world), "n1", &frame));
    draft_close(&head);
}

static void nobody_is_buried_by_a_table_that_nobody_has(void **state)
{
    (void)state;
    struct world world;
    start_ring(&world, 12, 3);
    world_run(&world, 3000, NULL);
    for (unsigned n = 0; n < 3; n++) {
        struct gossip_entry tombstone = {.id = world.nodes[n].settings.self.id, .removed = 1000};
        tell(&world, &tombstone);
    }
    world_run(&world, 20000, NULL);
    for (unsigned n = 0; n < 3; n++)
        assert_int_equal(rows_of(&world, n, MEMBER_UP), 3);
    world_close(&world);
}

/* Who jumped above it would soon say what all others take for malformed. */
static void node_does_not_follow_a_version_that_leaves_no_room(void **state)
{
    (void)state;
    struct world world;
    start_ring(&world, 13, 3);
    world_run(&world, 3000, NULL);
    struct gossip_entry entry = {.id = world.nodes[0].settings.self.id,
                                 .epoch = 1,
                                 .version = GOSSIP_VERSION_MAX - 3,
                                 .incarnation = 77,
                                 .state = MEMBER_UP,
                                 .name = "n0",
                                 .peer = "n0:1",
                                 .program = "x"};
    tell(&world, &entry);
    world_run(&world, 20000, NULL); /* checks that every message is well-formed */
    assert_int_equal(rows_of(&world, 1, MEMBER_UP), 3);
    world_close(&world);
}

static struct bucket_table table_with_r(uint8_t r)
{
    struct bucket_table table;
    bucket_table_init(&table);
    table.buckets[0].r = r;
    return table;
}

static bool same_buckets(struct world *world)
{
    for (unsigned i = 1; i < world->count; i++)
        if (!bucket_table_equal(&world->nodes[i].buckets, &world->nodes[0].buckets))
            return false;
    return true;
}

static void last_version_of_the_settings_wins_everywhere_and_survives(void **state)
{
    (void)state;
    struct world world;
    start_ring(&world, 7, 5);
    struct bucket_table one = table_with_r(1), three = table_with_r(3);
    membership_set_buckets(world.nodes[1].membership, world_now(&world), &one);
    assert_int_equal(world.nodes[1].buckets.buckets[0].r, 1);
    world_run(&world, 12000, NULL);
    WORLD_ASSERT(&world, same_buckets(&world) && world.nodes[4].buckets.buckets[0].r == 1);
    membership_set_buckets(world.nodes[3].membership, world_now(&world), &three);
    world_run(&world, 12000, NULL);
    WORLD_ASSERT(&world, same_buckets(&world) && world.nodes[0].buckets.buckets[0].r == 3);
    /* At the same time at two nodes: one of the two, everywhere. */
    membership_set_buckets(world.nodes[0].membership, world_now(&world), &one);
    membership_set_buckets(world.nodes[2].membership, world_now(&world), &three);
    world_run(&world, 12000, NULL);
    WORLD_ASSERT(&world, same_buckets(&world));
    uint8_t r = world.nodes[0].buckets.buckets[0].r;
    world_crash(&world, 4);
    world.nodes[4].is_cut_off = true;
    assert_true(world_start(&world, 4));
    world_run(&world, 10, NULL);
    assert_int_equal(world.nodes[4].buckets.buckets[0].r, r);
    bucket_table_close(&one);
    bucket_table_close(&three);
    world_close(&world);
}

static void member_that_comes_back_with_an_old_table_fetches_the_new_one(void **state)
{
    (void)state;
    struct world world;
    start_ring(&world, 8, 3);
    struct world_node *late = &world.nodes[2];
    /* What n2 had before n3 came: its disk forgets what comes later. */
    late->disk_lies = true;
    world.count = 4;
    world_add(&world, 3);
    world_seeds(&world, 3, (const int[]){0, -1});
    assert_true(world_start(&world, 3));
    WORLD_ASSERT(&world, world_run(&world, 10000, world_is_one_ring));
    world_crash(&world, 2);
    late->disk_lies = false;
    assert_true(world_start(&world, 2));
    world_run(&world, 1, NULL);
    assert_int_equal(late->epoch, 1);
    WORLD_ASSERT(&world, world_run(&world, 10000, world_is_one_ring));
    assert_int_equal(late->epoch, 2);
    /* A data message told of a table that is not there: asking for it comes to an end. */
    membership_hear_of_epoch(late->membership, world_now(&world), 9);
    world_run(&world, 20000, NULL);
    assert_int_equal(late->epoch, 2);
    world_close(&world);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(merge_is_commutative_associative_and_idempotent),
        cmocka_unit_test(tombstone_ends_what_was_written_before_it_and_nothing_later),
        cmocka_unit_test(strangers_are_bounded),
        cmocka_unit_test(flush_registers_reach_all_of_fifty_members_in_few_rounds),
        cmocka_unit_test(nobody_is_shown_as_down_while_all_are_up),
        cmocka_unit_test(silent_member_is_shown_as_down_and_stays_in_the_table),
        cmocka_unit_test(restarted_node_jumps_above_what_is_told_of_its_former_life),
        cmocka_unit_test(nobody_is_buried_by_a_table_that_nobody_has),
        cmocka_unit_test(node_does_not_follow_a_version_that_leaves_no_room),
        cmocka_unit_test(last_version_of_the_settings_wins_everywhere_and_survives),
        cmocka_unit_test(member_that_comes_back_with_an_old_table_fetches_the_new_one),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
