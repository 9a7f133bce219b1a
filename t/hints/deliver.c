/* Hints are handed over, whatever happens on the way, and never dropped. */
#include "hints/world.h"

#include "base/hash.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static struct world *const world = &the_world;

static uint64_t kept(void)
{
    struct hints_counters counted;
    hints_count(world->hints, &counted);
    return counted.kept;
}

static struct deliver_counters counters(void)
{
    struct deliver_counters counted;
    deliver_count(world->deliver, &counted);
    return counted;
}

static void hint_many(char owner, unsigned count, const char *value)
{
    for (unsigned i = 0; i < count; i++) {
        char key[32];
        world_key(world, owner, i, key);
        assert_int_equal(world_hint(world, owner, key, value, 50), STORE_OK);
    }
}

static void raise_peer(char name)
{
    struct fake_peer *peer = world_peer(world, name);
    peer->is_up = true;
    deliver_on_peer_up(world->deliver, world->now, peer->node);
}

static void expect_all(char owner, unsigned count, const char *value)
{
    for (unsigned i = 0; i < count; i++) {
        char key[32];
        world_key(world, owner, i, key);
        const struct kept *it = world_kept(world_peer(world, owner), key);
        assert_non_null(it);
        assert_string_equal(world_value(it->record), value);
    }
}

static void hints_wait_for_their_owner_and_go_when_it_returns(void **state)
{
    (void)state;
    hint_many('b', 20, "value");
    world_run(world, 30000);
    assert_int_equal(kept(), 20);
    assert_int_equal(counters().sent, 0);
    raise_peer('b');
    world_run(world, 200);
    assert_int_equal(kept(), 0);
    expect_all('b', 20, "value");
    assert_int_equal(counters().sent, 20); /* each once */
    assert_int_equal(counters().acknowledged, 20);
    world_check_counts(world);
    world_crash(world); /* and deleted for good */
    world_run(world, 5000);
    assert_int_equal(counters().sent, 0);
}

static void a_new_hint_of_an_owner_that_is_up_is_seen_soon(void **state)
{
    (void)state;
    raise_peer('b');
    world_run(world, 5000);
    assert_int_equal(counters().passes, 0); /* nothing to do, nothing done */
    hint_many('b', 1, "value");
    world_run(world, DELIVER_LOOK_MS + 200);
    assert_int_equal(kept(), 0);
    world_run(world, 10000);
    assert_true(counters().passes <= 2);
}

static void others_hints_stay_where_they_are(void **state)
{
    (void)state;
    hint_many('b', 10, "value");
    hint_many('c', 10, "value");
    raise_peer('c');
    world_run(world, 1000);
    expect_all('c', 10, "value");
    assert_int_equal(kept(), 10);
    assert_int_equal(world_peer(world, 'b')->sent_count, 0);
}

static void the_owner_sets_the_pace(void **state)
{
    (void)state;
    struct fake_peer *peer = world_peer(world, 'b');
    hint_many('b', 150, "value");
    peer->holds_back = UINT32_MAX;
    raise_peer('b');
    world_run(world, 500);
    assert_int_equal(peer->sent_count, DELIVER_WINDOW);
    world_release(world, peer);
    world_run(world, 1000);
    assert_int_equal(kept(), 0);
    assert_int_equal(peer->most_unanswered, DELIVER_WINDOW);
    assert_int_equal(peer->sent_count, 150);
}

static void a_slow_owner_does_not_hold_up_another(void **state)
{
    (void)state;
    struct fake_peer *slow = world_peer(world, 'b');
    hint_many('b', 100, "value");
    hint_many('c', 100, "value");
    slow->holds_back = UINT32_MAX;
    raise_peer('b');
    raise_peer('c');
    world_run(world, 1000);
    expect_all('c', 100, "value");
    assert_int_equal(kept(), 100);
}

static void lost_answers_are_waited_for_and_the_hints_sent_again(void **state)
{
    (void)state;
    struct fake_peer *peer = world_peer(world, 'b');
    hint_many('b', 50, "value");
    peer->loses_answers = true;
    raise_peer('b');
    world_run(world, DELIVER_TIMEOUT_MS - 500);
    assert_int_equal(peer->sent_count, DELIVER_WINDOW);
    world_run(world, 1000);
    assert_true(counters().timed_out >= DELIVER_WINDOW);
    assert_int_equal(kept(), 50);
    peer->loses_answers = false;
    world_run(world, 20000);
    assert_int_equal(kept(), 0);
    expect_all('b', 50, "value");
    world_check_counts(world);
}

static void an_owner_that_goes_down_in_the_middle_gets_the_rest_later(void **state)
{
    (void)state;
    struct fake_peer *peer = world_peer(world, 'b');
    hint_many('b', 80, "value");
    peer->holds_back = 20;
    raise_peer('b');
    world_run(world, 200);
    uint64_t left = kept();
    assert_true(left >= 20 && left <= 80);
    peer->is_up = false;
    deliver_on_peer_down(world->deliver, world->now, peer->node);
    peer->holds_back = 0;
    world_run(world, 10000);
    assert_true(kept() >= 20);
    unsigned sent = peer->sent_count;
    world_run(world, 10000);
    assert_int_equal(peer->sent_count, sent);
    raise_peer('b');
    world_run(world, 2000);
    assert_int_equal(kept(), 0);
    expect_all('b', 80, "value");
    world_check_counts(world);
}

static void a_hint_overwritten_on_its_way_stays_and_goes_again(void **state)
{
    (void)state;
    char key[32];
    struct fake_peer *peer = world_peer(world, 'b');
    world_key(world, 'b', 0, key);
    world_hint(world, 'b', key, "old", 50);
    peer->holds_back = 1;
    raise_peer('b');
    world_run(world, 300);
    assert_int_equal(peer->sent_count, 1);
    world_hint(world, 'b', key, "new", 51);
    world_release(world, peer);
    assert_int_equal(kept(), 1);
    assert_int_equal(counters().changed, 1);
    assert_string_equal(world_value_of_hint(world, 'b', key), "new");
    world_run(world, 2000);
    assert_int_equal(kept(), 0);
    assert_int_equal(world_kept(peer, key)->times, 2);
    assert_string_equal(world_value(world_kept(peer, key)->record), "new");
    world_check_counts(world);
}

static void a_crash_before_the_deletion_delivers_twice_the_same(void **state)
{
    (void)state;
    struct fake_peer *peer = world_peer(world, 'b');
    hint_many('b', 10, "value");
    peer->holds_back = UINT32_MAX;
    raise_peer('b');
    world_run(world, 300);
    assert_int_equal(peer->kept_count, 10); /* it has them, and nobody knows */
    world_crash(world);
    peer->holds_back = 0;
    assert_int_equal(kept(), 10);
    world_run(world, 1000);
    assert_int_equal(kept(), 0);
    for (unsigned i = 0; i < 10; i++) {
        assert_int_equal(peer->kept[i].times, 2);
        assert_string_equal(world_value(peer->kept[i].record), "value");
    }
}

static void an_answer_of_before_a_crash_or_to_another_hint_deletes_nothing(void **state)
{
    (void)state;
    struct fake_peer *peer = world_peer(world, 'b');
    hint_many('b', 3, "value");
    peer->holds_back = UINT32_MAX;
    raise_peer('b');
    world_run(world, 300);
    uint64_t id = peer->sent[0].message.id;
    const struct message_write_reply late[] = {{.id = id + (UINT64_C(1) << 40), .status = MESSAGE_OK},
                                               {.id = DELIVER_ID_BIT, .status = MESSAGE_OK},
                                               {.id = id, .status = MESSAGE_OK}};
    deliver_on_write_reply(world->deliver, world->now, peer->node, &late[0]);
    deliver_on_write_reply(world->deliver, world->now, peer->node, &late[1]);
    deliver_on_write_reply(world->deliver, world->now, world_peer(world, 'c')->node, &late[2]); /* not from b */
    world_run(world, 100);
    assert_int_equal(kept(), 3);
}

static void a_full_owner_is_left_alone_for_a_while_and_nothing_is_dropped(void **state)
{
    (void)state;
    struct fake_peer *peer = world_peer(world, 'b');
    hint_many('b', 200, "value");
    peer->answers_with = MESSAGE_FULL;
    raise_peer('b');
    world_run(world, 60000);
    assert_int_equal(kept(), 200);
    assert_true(peer->sent_count < 20 * 48); /* some of them in each pass, one every 5 seconds */
    assert_int_equal(counters().refused, peer->sent_count);
    peer->answers_with = MESSAGE_OK;
    peer->sent_count = 0;
    world_run(world, 12000);
    assert_int_equal(kept(), 0);
    expect_all('b', 200, "value");
}

static void a_hint_that_is_never_taken_does_not_stop_the_others(void **state)
{
    (void)state;
    struct fake_peer *peer = world_peer(world, 'b');
    hint_many('b', 100, "value");
    world_key(world, 'b', 7, peer->refuses);
    raise_peer('b');
    world_run(world, 5000);
    assert_int_equal(kept(), 1);
    assert_string_equal(world_value_of_hint(world, 'b', peer->refuses), "value");
    unsigned sent = peer->sent_count;
    world_run(world, 30000);
    assert_true(peer->sent_count > sent && peer->sent_count - sent < 20); /* again and again, not often */
    peer->refuses[0] = '\0';
    world_run(world, 6000);
    assert_int_equal(kept(), 0);
}

static void what_is_dead_for_its_owner_has_been_delivered(void **state)
{
    (void)state;
    hint_many('b', 5, "value");
    world_peer(world, 'b')->answers_with = MESSAGE_DEAD;
    raise_peer('b');
    world_run(world, 1000);
    assert_int_equal(kept(), 0);
    assert_int_equal(counters().acknowledged, 5);
}

/* ---- The table changes ---- */

static void hints_of_one_who_has_left_go_to_all_present_owners(void **state)
{
    (void)state;
    hint_many('b', 30, "value");
    world_set_view(world, "acd", 2);
    raise_peer('c');
    world_run(world, 15000);
    unsigned left = 0, merged = 0;
    for (unsigned i = 0; i < 30; i++) {
        char key[32];
        world_set_view(world, "abcd", 2); /* names are by the old table */
        world_key(world, 'b', i, key);
        world_set_view(world, "acd", 2);
        if (world_owns(world, key, 'd')) { /* who is down: the others may have it, the hint stays */
            assert_string_equal(world_value_of_hint(world, 'b', key), "value");
            left++;
        } else {
            assert_null(world_value_of_hint(world, 'b', key));
            assert_non_null(world_kept(world_peer(world, 'c'), key));
            merged++;
        }
    }
    assert_true(left > 0 && merged > 0);
    assert_int_equal(kept(), left);
    raise_peer('d');
    world_run(world, 15000);
    assert_int_equal(kept(), 0);
    assert_int_equal(counters().readdressed, 30);
    world_check_counts(world);
}

static void what_is_under_way_when_the_table_changes_is_sent_again(void **state)
{
    (void)state;
    struct fake_peer *b = world_peer(world, 'b');
    hint_many('b', 10, "value");
    b->holds_back = UINT32_MAX;
    raise_peer('b');
    world_run(world, 300);
    assert_int_equal(b->sent_count, 10);
    world_set_view(world, "acd", 2);
    world_release(world, b); /* too late */
    world_run(world, 100);
    assert_int_equal(kept(), 10);
    raise_peer('c');
    raise_peer('d');
    world_run(world, 10000);
    assert_int_equal(kept(), 0);
    assert_int_equal(counters().readdressed, 10);
}

static void a_node_that_has_become_an_owner_merges_its_hints(void **state)
{
    (void)state;
    hint_many('b', 30, "value");
    world_set_view(world, "ab", 2); /* both own everything now */
    raise_peer('b');
    world_run(world, 2000);
    assert_int_equal(kept(), 0);
    assert_int_equal(counters().merged_here, 30);
    assert_int_equal(world_peer(world, 'b')->kept_count, 30);
    struct store_stats stats;
    store_stats(world->data.store, &stats);
    assert_int_equal(stats.records_buffered, 30);
}

static void the_last_member_keeps_what_it_stood_in_for(void **state)
{
    (void)state;
    hint_many('b', 30, "value");
    world_set_view(world, "a", 1);
    world_run(world, 2000);
    assert_int_equal(kept(), 0);
    assert_int_equal(counters().merged_here, 30);
    struct store_stats stats;
    store_stats(world->data.store, &stats);
    assert_int_equal(stats.records_buffered, 30);
}

static void a_hint_does_not_die_of_the_horizon_of_a_ring_of_one(void **state)
{
    (void)state;
    hint_many('b', 5, "older than the grace");
    world_run(world, 1000);
    world_set_view(world, "a", 1);
    replica_set_alone(&world->replica, true);
    world->replica.grace_ms = 10;
    world_run(world, 5000);
    assert_int_equal(kept(), 5);
    replica_set_alone(&world->replica, false); /* as the node does while there are hints */
    world_run(world, 6000);
    assert_int_equal(kept(), 0);
    struct store_stats stats;
    store_stats(world->data.store, &stats);
    assert_int_equal(stats.records_buffered, 5);
}

/* ---- Versions ---- */

static void a_pair_of_this_node_that_goes_with_a_hint_is_not_gone_on_with(void **state)
{
    (void)state;
    char key[32];
    world_key(world, 'b', 0, key);
    world_hint(world, 'b', key, "by another", 50);
    atomic_store(&world->replica.births, 100);
    raise_peer('b');
    world_run(world, 1000);
    assert_int_equal(kept(), 0);
    assert_int_equal(atomic_load(&world->replica.birth_floor), 0);
    world_hint(world, 'b', key, "coordinated here", world->replica.node);
    world_run(world, 1000);
    assert_int_equal(kept(), 0);
    assert_int_equal(atomic_load(&world->replica.birth_floor), 100);
}

/* ---- Faults of the hint store ---- */

static void a_hint_store_that_cannot_checkpoint_still_delivers_what_it_can_show(void **state)
{
    (void)state;
    hint_many('b', 10, "value");
    world_run(world, 6000); /* in the engine by age */
    world->hint.engine.commit_fails = ENGINE_FULL;
    raise_peer('b');
    world_run(world, DELIVER_CHECKPOINT_MS + 3000);
    assert_int_equal(kept(), 0);
    expect_all('b', 10, "value");
    world->hint.engine.commit_fails = ENGINE_OK;
    world_run(world, 10000);
    world_check_counts(world);
}

static void a_hint_store_that_cannot_be_read_is_tried_again(void **state)
{
    (void)state;
    hint_many('b', 10, "value");
    world->hint.engine.read_fails = ENGINE_IO;
    raise_peer('b');
    world_run(world, 20000);
    assert_int_equal(kept(), 10);
    world->hint.engine.read_fails = ENGINE_OK;
    world_run(world, 6000);
    assert_int_equal(kept(), 0);
}

/* One of ten, in the engine. */
static void damage_one(void)
{
    struct prng prng;
    prng_init(&prng, 1);
    hint_many('b', 10, "value");
    world_run(world, 6000); /* in the engine by age */
    assert_int_equal(world->hint.engine.records.count, 10);
    fake_engine_flip(&world->hint.engine, 4, &prng);
}

static void a_hint_that_cannot_be_read_is_lost_and_counted_no_more(void **state)
{
    (void)state;
    damage_one();
    world_crash(world); /* nothing is in memory any more */
    atomic_store(&world->replica.births, 100);
    assert_int_equal(kept(), 10);
    raise_peer('b');
    world_run(world, 2000);
    struct hints_counters counted;
    hints_count(world->hints, &counted);
    assert_true(counted.kept == 0 && counted.bytes == 0 && counted.delivered == 9);
    assert_int_equal(counters().lost, 1);
    assert_int_equal(world_peer(world, 'b')->kept_count, 9);
    assert_int_equal(atomic_load(&world->replica.birth_floor), 100); /* it may have held any pair */
    assert_int_equal(world->losses, 0);                              /* this node is no owner */
    world_run(world, 6000);
    assert_int_equal(world->hint.engine.records.count, 0);
    world_check_counts(world);
}

static void a_hint_that_cannot_be_read_but_is_in_memory_is_delivered(void **state)
{
    (void)state;
    damage_one();
    raise_peer('b');
    world_run(world, 12000);
    assert_int_equal(kept(), 0);
    assert_int_equal(counters().lost, 0);
    expect_all('b', 10, "value");
    world_check_counts(world);
}

/* What the log has instead of it is the same hint, also when the engine has not taken it yet. */
static void a_hint_that_cannot_be_read_and_is_in_the_log_is_counted_once(void **state)
{
    (void)state;
    damage_one();
    world->hint.engine.commit_fails = ENGINE_IO;
    hint_many('b', 10, "newer");
    world_crash(world);
    assert_int_equal(kept(), 10);
    world->hint.engine.commit_fails = ENGINE_OK;
    world_check_counts(world);
    raise_peer('b');
    world_run(world, 12000);
    assert_int_equal(kept(), 0);
    expect_all('b', 10, "newer");
    world_check_counts(world);
}

static void an_owner_that_loses_what_it_stood_in_for_says_so(void **state)
{
    (void)state;
    damage_one();
    world_crash(world);
    world_set_view(world, "ab", 2); /* both own everything now */
    raise_peer('b');
    world_run(world, 2000);
    assert_int_equal(kept(), 0);
    assert_int_equal(counters().merged_here, 9);
    assert_int_equal(world->losses, 1);
}

static void nothing_begins_after_a_stop(void **state)
{
    (void)state;
    hint_many('b', 10, "value");
    deliver_stop(world->deliver);
    raise_peer('b');
    world_run(world, 5000);
    assert_int_equal(counters().sent, 0);
    assert_int_equal(deliver_pending(world->deliver), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
#define CLAIM(name) cmocka_unit_test_setup_teardown(name, world_setup, world_teardown)
        CLAIM(hints_wait_for_their_owner_and_go_when_it_returns),
        CLAIM(a_new_hint_of_an_owner_that_is_up_is_seen_soon),
        CLAIM(others_hints_stay_where_they_are),
        CLAIM(the_owner_sets_the_pace),
        CLAIM(a_slow_owner_does_not_hold_up_another),
        CLAIM(lost_answers_are_waited_for_and_the_hints_sent_again),
        CLAIM(an_owner_that_goes_down_in_the_middle_gets_the_rest_later),
        CLAIM(a_hint_overwritten_on_its_way_stays_and_goes_again),
        CLAIM(a_crash_before_the_deletion_delivers_twice_the_same),
        CLAIM(an_answer_of_before_a_crash_or_to_another_hint_deletes_nothing),
        CLAIM(a_full_owner_is_left_alone_for_a_while_and_nothing_is_dropped),
        CLAIM(a_hint_that_is_never_taken_does_not_stop_the_others),
        CLAIM(what_is_dead_for_its_owner_has_been_delivered),
        CLAIM(hints_of_one_who_has_left_go_to_all_present_owners),
        CLAIM(what_is_under_way_when_the_table_changes_is_sent_again),
        CLAIM(a_node_that_has_become_an_owner_merges_its_hints),
        CLAIM(the_last_member_keeps_what_it_stood_in_for),
        CLAIM(a_hint_does_not_die_of_the_horizon_of_a_ring_of_one),
        CLAIM(a_pair_of_this_node_that_goes_with_a_hint_is_not_gone_on_with),
        CLAIM(a_hint_store_that_cannot_checkpoint_still_delivers_what_it_can_show),
        CLAIM(a_hint_store_that_cannot_be_read_is_tried_again),
        CLAIM(a_hint_that_cannot_be_read_is_lost_and_counted_no_more),
        CLAIM(a_hint_that_cannot_be_read_but_is_in_memory_is_delivered),
        CLAIM(a_hint_that_cannot_be_read_and_is_in_the_log_is_counted_once),
        CLAIM(an_owner_that_loses_what_it_stood_in_for_says_so),
        CLAIM(nothing_begins_after_a_stop),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
