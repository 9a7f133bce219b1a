/* A member that says impossible things cannot keep the others from deciding, nor hide one from another; who invited and
 * fell silent does not hold writes for ever. */
#include "membership/agreement.h"
#include "membership/world.h"
#include "message/agreement.h"
#include "message/gossip.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static void ring_of_three(struct world *world, uint64_t seed)
{
    world_init(world, seed, 3);
    world->delay_ms_max = 5;
    for (unsigned i = 0; i < 3; i++) {
        world_seeds(world, i, (const int[]){0, 1, 2, -1});
        WORLD_ASSERT(world, world_start(world, i));
    }
    WORLD_ASSERT(world, world_run(world, 20000, world_is_one_ring));
    world_run(world, 3000, NULL);
}

static struct message_sender sender_of(const struct world *world, unsigned node)
{
    const struct world_node *at = &world->nodes[node];
    struct message_sender sender = {
        .cluster = at->cluster, .epoch = at->epoch, .incarnation = at->settings.incarnation};
    snprintf(sender.peer, sizeof sender.peer, "%s", at->settings.self.peer);
    return sender;
}

/* As if `from` had said so to `to`. */
static void inject(struct world *world, unsigned from, unsigned to, uint8_t type, struct draft *head)
{
    struct frame frame = {.type = type, .head = draft_written(head)};
    membership_receive(world->nodes[to].membership, world_now(world), world->nodes[from].settings.self.name, &frame);
    draft_close(head);
}

static void highest_ballot_of_all_does_not_end_decisions(void **state)
{
    (void)state;
    for (uint64_t seed = 1; seed <= 20; seed++) {
        struct world world;
        ring_of_three(&world, seed);
        for (unsigned to = 0; to < 2; to++) {
            struct message_agreement m = {.sender = sender_of(&world, 2),
                                          .decree = 2,
                                          .ballot = {.round = BALLOT_ROUND_MAX, .node = ring_node_id("n2")}};
            struct draft head = {0};
            message_write_agreement(&head, MESSAGE_PREPARE, &m);
            inject(&world, 2, to, MESSAGE_PREPARE, &head);
        }
        world_wipe(&world, 1);
        WORLD_ASSERT(&world, world_start(&world, 1));
        WORLD_ASSERT(&world, world_run(&world, 10000, world_is_one_ring));
        WORLD_ASSERT(&world, world.nodes[0].epoch == 2);
        world_close(&world);
    }
}

static void proposer_is_not_led_to_the_last_ballot(void **state)
{
    (void)state;
    struct proposer proposer = {0};
    uint32_t acceptors[] = {1, 2, 3};
    proposer_start(&proposer, 5, 1, acceptors, 3, 10);
    proposer_begin(&proposer);
    struct message_agreement m = {.decree = 5,
                                  .ballot = proposer.ballot,
                                  .refusal = VOTE_LOWER_BALLOT,
                                  .promised = {.round = BALLOT_ROUND_MAX, .node = 2}};
    assert_true(proposer_on_promise(&proposer, 2, &m));
    proposer_begin(&proposer);
    assert_int_equal(proposer.ballot.round, 12);
    m.ballot = proposer.ballot;
    m.promised.round = 500;
    assert_true(proposer_on_promise(&proposer, 2, &m));
    proposer_begin(&proposer);
    assert_int_equal(proposer.ballot.round, 501);
    proposer_close(&proposer);
}

static enum member_state state_at(struct world *world, unsigned at, unsigned of)
{
    struct membership_row rows[8];
    unsigned count = membership_rows(world->nodes[at].membership, world_now(world), rows, 8);
    for (unsigned i = 0; i < count; i++)
        if (rows[i].member->id == world->nodes[of].settings.self.id)
            return rows[i].state;
    fail_msg("no row");
    return MEMBER_DOWN;
}

/* n2 tells n1 of n0: a version above all that n0 can have, or an epoch that no table has. */
static void nobody_is_hidden_behind_what_another_says_of_him(void **state)
{
    (void)state;
    for (unsigned kind = 0; kind < 3; kind++) {
        struct world world;
        ring_of_three(&world, 4);
        struct gossip_entry entry = {.id = ring_node_id("n0"), .epoch = 1, .version = 1, .name = "n0", .peer = "x:1"};
        entry.incarnation = world.nodes[0].settings.incarnation;
        entry.clock = 1;
        entry.epoch = kind == 0 ? GOSSIP_EPOCH_MAX : 1;
        entry.version = kind == 1   ? GOSSIP_VERSION_MAX
                        : kind == 2 ? world_now(&world).wall_ms + (uint64_t)99 * 365 * 24 * 3600 * 1000
                                    : 1;
        struct message_difference m = {.sender = sender_of(&world, 2), .count = 1, .entries = &entry};
        struct draft head = {0};
        message_write_difference(&head, &m);
        inject(&world, 2, 1, MESSAGE_DIFFERENCE, &head);
        world_run(&world, 20000, NULL);
        WORLD_ASSERT(&world, state_at(&world, 1, 0) == MEMBER_UP && state_at(&world, 2, 0) == MEMBER_UP);
        world_close(&world);
    }
}

static void last_version_of_the_settings_is_not_taken(void **state)
{
    (void)state;
    struct world world;
    ring_of_three(&world, 5);
    struct bucket_table buckets;
    bucket_table_init(&buckets);
    buckets.buckets[0].w = 3;
    size_t size = bucket_table_size(&buckets);
    uint8_t *bytes = malloc(size);
    assert_non_null(bytes);
    bucket_table_encode(&buckets, bytes);
    struct message_difference m = {.sender = sender_of(&world, 2),
                                   .has_settings = true,
                                   .settings_version = GOSSIP_VERSION_MAX,
                                   .settings = bytes_of(bytes, size)};
    struct draft head = {0};
    message_write_difference(&head, &m);
    inject(&world, 2, 1, MESSAGE_DIFFERENCE, &head);
    free(bytes);
    WORLD_ASSERT(&world, world.nodes[1].buckets.buckets[0].w != 3);
    buckets.buckets[0].w = 1;
    membership_set_buckets(world.nodes[0].membership, world_now(&world), &buckets);
    world_run(&world, 10000, NULL);
    for (unsigned i = 0; i < 3; i++)
        WORLD_ASSERT(&world, world.nodes[i].buckets.buckets[0].w == 1);
    bucket_table_close(&buckets);
    world_close(&world);
}

static bool is_invited(struct world *world)
{
    return world->nodes[3].holds;
}

static void ring_of_one_whose_inviter_is_gone_goes_on(void **state)
{
    (void)state;
    struct world world;
    ring_of_three(&world, 6);
    world_add(&world, world.count++);
    WORLD_ASSERT(&world, world_start(&world, 3));
    world_run(&world, 1000, NULL);
    world.nodes[1].is_cut_off = true; /* so that nothing can be decided */
    world_invite(&world, 0, "n3:1");
    WORLD_ASSERT(&world, world_run(&world, 5000, is_invited));
    world_crash(&world, 0);
    world_run(&world, 25000, NULL);
    WORLD_ASSERT(&world, world.nodes[3].holds);
    world_run(&world, 10000, NULL);
    WORLD_ASSERT(&world, !world.nodes[3].holds && world.nodes[3].membership != NULL);
    WORLD_ASSERT(&world, strstr(world.nodes[3].report, "goes on alone") != NULL);
    world_close(&world);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(highest_ballot_of_all_does_not_end_decisions),
        cmocka_unit_test(proposer_is_not_led_to_the_last_ballot),
        cmocka_unit_test(nobody_is_hidden_behind_what_another_says_of_him),
        cmocka_unit_test(last_version_of_the_settings_is_not_taken),
        cmocka_unit_test(ring_of_one_whose_inviter_is_gone_goes_on),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
