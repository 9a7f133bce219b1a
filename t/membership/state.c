/* What survives a crash, and what of it is refused. */
#include "membership/inside.h"
#include "membership/world.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

static void found_one(struct world *world)
{
    world_init(world, 1, 1);
    assert_true(world_start(world, 0));
    world_run(world, 100, NULL);
    world_crash(world, 0);
}

static void everything_that_was_written_is_read_again(void **unused)
{
    (void)unused;
    struct value value = {.kind = VALUE_FOUND,
                          .settings = {.cluster = 5, .partition_count = 8, .strategy = 3, .copies = 2, .tokens = 64},
                          .founder_count = 1};
    value.founders[0] = (struct founder){.directory = 77};
    struct ring_member *member = &value.founders[0].member;
    snprintf(member->name, sizeof member->name, "a");
    snprintf(member->peer, sizeof member->peer, "a:1");
    snprintf(member->client, sizeof member->client, "a:2");
    member->id = ring_node_id("a");
    member->weight = RING_WEIGHT_ONE;
    struct state state = {.name = "a", .directory = 77, .invited_by = "b:1"};
    state.table = table_of_founders(&value);
    assert_non_null(state.table);
    acceptor_move(&state.acceptor, 2);
    acceptor_accept(&state.acceptor, (struct ballot){.round = 3, .node = 4}, bytes_of_text("value"));
    acceptor_promise(&state.acceptor, (struct ballot){.round = 9, .node = 1});
    struct bucket_table buckets;
    bucket_table_init(&buckets);
    buckets.buckets[0].r = 3;
    shared_set(&state.shared, 12, 13, &buckets);
    struct entries entries = {0}, again_entries = {0};
    bool news;
    entries_merge(&entries, &(struct gossip_entry){.id = 99, .removed = 4}, 0, &news);
    entries_merge(&entries, &(struct gossip_entry){.id = 98, .epoch = 4}, 0, &news); /* not a tombstone: not kept */

    struct draft out = {0};
    state_write(&out, &state, &entries);
    struct state again;
    char fault[192] = "";
    assert_true(state_read(draft_written(&out), &again, &again_entries, fault));
    assert_string_equal(again.name, "a");
    assert_true(again.directory == 77);
    assert_string_equal(again.invited_by, "b:1");
    assert_true(again.table->fingerprint == state.table->fingerprint);
    assert_true(table_directory(again.table, member->id) == 77);
    assert_true(again.acceptor.decree == 2 && again.acceptor.promised.round == 9 && again.acceptor.accepted.round == 3);
    assert_true(bytes_equal(acceptor_value(&again.acceptor), bytes_of_text("value")));
    assert_true(again.shared.version == 12 && again.shared.writer == 13);
    assert_true(bucket_table_equal(&again.shared.buckets, &buckets));
    assert_int_equal(again_entries.count, 1);
    assert_int_equal(entries_find(&again_entries, 99)->entry.removed, 4);

    struct draft out2 = {0};
    state_write(&out2, &again, &again_entries);
    assert_true(bytes_equal(draft_written(&out), draft_written(&out2)));
    draft_close(&out);
    draft_close(&out2);
    state_close(&state);
    state_close(&again);
    entries_close(&entries);
    entries_close(&again_entries);
    bucket_table_close(&buckets);
}

static void every_flipped_bit_and_every_cut_is_noticed(void **unused)
{
    (void)unused;
    struct world world;
    found_one(&world);
    struct world_node *node = &world.nodes[0];
    for (size_t i = 0; i < node->saved_len * 8; i++) {
        node->saved[i / 8] ^= (uint8_t)(1 << i % 8);
        assert_false(world_start(&world, 0));
        assert_true(strncmp(node->report, "the saved membership cannot be used: ", 37) == 0);
        node->saved[i / 8] ^= (uint8_t)(1 << i % 8);
    }
    size_t whole = node->saved_len;
    for (node->saved_len = 1; node->saved_len < whole; node->saved_len++)
        assert_false(world_start(&world, 0));
    node->saved_len = whole;
    assert_true(world_start(&world, 0));
    world_close(&world);
}

static void state_of_another_node_is_refused_by_name(void **unused)
{
    (void)unused;
    struct world world;
    found_one(&world);
    struct ring_member *self = &world.nodes[0].settings.self;
    snprintf(self->name, sizeof self->name, "other");
    self->id = ring_node_id("other");
    assert_false(world_start(&world, 0));
    assert_string_equal(world.nodes[0].report, "the saved membership is that of the node n0, this node is other");
    world_close(&world);
}

static void impossible_settings_are_refused(void **unused)
{
    (void)unused;
    struct world world;
    world_init(&world, 1, 1);
    world.nodes[0].settings.ring.partition_count = 3;
    assert_false(world_start(&world, 0));
    assert_true(world.nodes[0].report[0] != '\0');
    world.nodes[0].settings.ring.partition_count = 16;
    world.nodes[0].settings.seeds[0] = "";
    world.nodes[0].settings.seed_count = 1;
    assert_false(world_start(&world, 0));
    assert_string_equal(world.nodes[0].report, "a seed's address is empty or too long");
    world_close(&world);
}

/* Its vote of before the crash counts: it holds writes from its first moment on. */
static void member_with_an_undecided_vote_holds_writes_before_it_serves(void **unused)
{
    (void)unused;
    unsigned seen = 0;
    for (uint64_t seed = 1; seed <= 300; seed++) {
        struct world world;
        world_init(&world, seed, 2);
        world.delay_ms_max = 10;
        world_seeds(&world, 1, (const int[]){0, -1});
        assert_true(world_start(&world, 0) && world_start(&world, 1));
        world_run(&world, 5000, world_is_one_ring);
        world.count = 3;
        world_add(&world, 2);
        world_seeds(&world, 2, (const int[]){0, -1});
        assert_true(world_start(&world, 2));
        world_run(&world, prng_below(&world.prng, 60), NULL);
        bool held = world.nodes[1].holds && world.nodes[1].epoch == 2;
        world_crash(&world, 1);
        world.nodes[1].is_cut_off = true;
        assert_true(world_start(&world, 1));
        membership_tick(world.nodes[1].membership, world_now(&world));
        WORLD_ASSERT(&world, world.nodes[1].holds == held);
        WORLD_ASSERT(&world, world.nodes[1].publications > 0);
        seen += held;
        world_close(&world);
    }
    assert_true(seen > 5);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(everything_that_was_written_is_read_again),
        cmocka_unit_test(every_flipped_bit_and_every_cut_is_noticed),
        cmocka_unit_test(state_of_another_node_is_refused_by_name),
        cmocka_unit_test(impossible_settings_are_refused),
        cmocka_unit_test(member_with_an_undecided_vote_holds_writes_before_it_serves),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
