/* Ring views swapped whole under running loops, and nodes that have different ones. */
#include "node/ring.h"

static struct ring the_ring;
static struct ring *const ring = &the_ring;

static void an_older_view_is_refused_and_a_newer_one_seen_at_the_next_call(void **state)
{
    (void)state;
    ring_open(ring, 3, 2);
    struct node_shared *shared = ring->machines[0].shared;
    struct node *node = ring_loop(ring, 0, 0);
    ring_publish(ring, 0, 3, 5);
    assert_int_equal(node_epoch(shared), 5);
    assert_int_equal(node_loop_view(node)->epoch, 5);
    assert_false(node_publish_view(shared, ring_table(ring, 3, 4)));
    assert_int_equal(node_loop_view(node)->epoch, 5);
    assert_int_equal(node_view(shared)->member_count, 3);
    ring_close(ring);
}

/* What a sleeping loop uses stays; what nobody uses goes. The sanitizers would tell of either. */
static void a_loop_that_never_runs_keeps_the_view_it_has_and_no_other(void **state)
{
    (void)state;
    ring_open_with(ring, 2, 2, 2);
    ring_publish(ring, 0, 2, 1);
    struct node *sleeper = ring_loop(ring, 0, 0), *runner = ring_loop(ring, 0, 1);
    const struct ring_view *old = node_loop_view(sleeper);
    for (uint64_t epoch = 2; epoch < 500; epoch++) {
        ring_publish(ring, 0, 2, epoch);
        if (epoch % 3 == 0)
            assert_int_equal(node_loop_view(runner)->epoch, epoch);
        assert_int_equal(old->epoch, 1);
        assert_int_equal(old->member_count, 2);
    }
    assert_int_equal(node_loop_view(sleeper)->epoch, 499);
    assert_int_equal(node_loop_view(runner)->epoch, 499);
    ring_close(ring);
}

static void a_node_may_be_opened_again_in_the_place_of_a_closed_one(void **state)
{
    (void)state;
    ring_open_with(ring, 1, 1, 1);
    for (unsigned i = 0; i < 10; i++) {
        struct node *node = ring_loop(ring, 0, 0);
        ring_publish(ring, 0, 1, i + 1);
        node_close(node);
        ring_publish(ring, 0, 1, i + 1);
        node_init(node, ring->machines[0].shared, store_loop_of(ring->machines[0].store, 0), NULL);
        assert_int_equal(node_loop_view(node)->epoch, i + 1);
    }
    ring_close(ring);
}

/* Writes that others have made by the older table did not come here. */
static void what_a_node_comes_to_own_is_behind(void **state)
{
    (void)state;
    ring_open_with(ring, 4, 1, 2);
    for (unsigned m = 0; m < 4; m++)
        ring_publish(ring, m, 3, 1);
    for (unsigned m = 0; m < 4; m++)
        ring_publish(ring, m, 4, 2);
    struct ring_view *before = ring_table(ring, 3, 1), *after = ring_table(ring, 4, 2);
    unsigned marked = 0;
    for (unsigned m = 0; m < 4; m++) {
        int was = ring_member_index(before, ring->machines[m].id), is = ring_member_index(after, ring->machines[m].id);
        for (unsigned p = 0; p < after->partition_count; p++) {
            bool had = was >= 0 && ring_owner_place(before, (uint16_t)p, (uint32_t)was) >= 0;
            bool has = ring_owner_place(after, (uint16_t)p, (uint32_t)is) >= 0;
            assert_int_equal(standing_is_behind(node_standing(ring->machines[m].shared), (uint16_t)p), has && !had);
            marked += has && !had;
        }
    }
    assert_true(marked > 0);
    ring_view_free(before);
    ring_view_free(after);
    ring_close(ring);
}

/* A key that the first machine thinks is the second's, and that is the third's since epoch 2. */
static void moved_key(char *key)
{
    struct ring_view *before = ring_table(ring, 2, 1), *after = ring_table(ring, 3, 2);
    for (unsigned i = 0;; i++) {
        snprintf(key, 32, "moved%u", i);
        uint16_t partition = ring_partition(before, hash_of_key(text(key)));
        uint32_t first = before->members[ring_preference_list(before, partition)[0]].id;
        uint32_t then = after->members[ring_preference_list(after, partition)[0]].id;
        if (first == ring->machines[1].id && then == ring->machines[2].id)
            break;
    }
    ring_view_free(before);
    ring_view_free(after);
}

static void what_went_to_a_former_owner_goes_to_the_new_one_with_the_newer_view(void **state)
{
    (void)state;
    char key[32];
    ring_open_with(ring, 3, 1, 1);
    ring_publish(ring, 0, 2, 1);
    ring_publish(ring, 1, 3, 2);
    ring_publish(ring, 2, 3, 2);
    ring_dial_all(ring);
    ring_pump(ring);
    ring->machines[0].heard_epoch = 0;
    moved_key(key);
    struct request *request = ask(ring, REQUEST_INCR, key);
    request->create = true;
    request->initial = 7;
    start(ring, 0, request);
    assert_false(is_done(request));
    ring_pass(ring, 200);
    assert_false(is_done(request));
    assert_int_equal(ring->machines[0].heard_epoch, 2);
    ring_publish(ring, 0, 3, 2);
    ring_pump(ring);
    assert_true(is_done(request));
    assert_int_equal(request->status, REQUEST_OK);
    assert_int_equal(COUNTER(ring, 1, served_forwards), 0);
    assert_int_equal(COUNTER(ring, 2, served_forwards), 1);
    assert_true(shows(ring, 1, key, "7"));
    ring_close(ring);
}

/* A get that turns out to change something, while the only owner of its key becomes another one. */
static void a_former_owner_does_not_go_on_with_a_get_that_changes_something(void **state)
{
    (void)state;
    char key[32];
    ring_open_with(ring, 3, 1, 1);
    for (unsigned m = 0; m < 3; m++)
        ring_publish(ring, m, 2, 1);
    ring_dial_all(ring);
    ring_pump(ring);
    moved_key(key);
    struct request *request = ask(ring, REQUEST_GET, key);
    request->vivify = true;
    node_request(ring_loop(ring, 1, 0), ring->now, request);
    for (unsigned m = 0; m < 3; m++)
        ring_publish(ring, m, 3, 2);
    ring_pump(ring);
    assert_true(is_done(request) && request->status == REQUEST_OK && request->won);
    assert_int_equal(COUNTER(ring, 2, served_forwards), 1);
    assert_int_equal(get(ring, 0, key)->status, REQUEST_OK);
    ring_close(ring);
}

static void what_went_to_an_owner_that_does_not_know_yet_waits_for_it(void **state)
{
    (void)state;
    char key[32];
    ring_open_with(ring, 3, 1, 1);
    ring_publish(ring, 0, 3, 2);
    ring_publish(ring, 1, 3, 2);
    ring_publish(ring, 2, 2, 1);
    ring_dial_all(ring);
    ring_pump(ring);
    ring->machines[2].heard_epoch = 0;
    moved_key(key);
    struct request *request = ask(ring, REQUEST_SET, key);
    request->value = text("1");
    start(ring, 0, request);
    ring_pass(ring, 200);
    assert_false(is_done(request));
    assert_int_equal(ring->machines[2].heard_epoch, 2);
    ring_publish(ring, 2, 3, 2);
    ring_pass(ring, 200);
    assert_true(is_done(request));
    assert_int_equal(request->status, REQUEST_OK);
    ring_close(ring);
}

static void who_waits_in_vain_for_a_view_is_told_that_nothing_was_done(void **state)
{
    (void)state;
    char key[32];
    ring_open_with(ring, 3, 1, 1);
    ring_publish(ring, 0, 2, 1);
    ring_publish(ring, 1, 3, 2);
    ring_publish(ring, 2, 3, 2);
    ring_dial_all(ring);
    ring_pump(ring);
    moved_key(key);
    struct request *request = ask(ring, REQUEST_INCR, key);
    start(ring, 0, request);
    ring_pass(ring, RING_TIMEOUT_MS + 2);
    assert_true(is_done(request));
    assert_int_equal(request->status, REQUEST_FAILED);
    assert_int_equal(request->failure, FAILURE_HELD);
    assert_true(COUNTER(ring, 0, forward_retries) > 2 && COUNTER(ring, 0, forward_retries) < 20);
    ring_close(ring);
}

static void a_replica_with_a_newer_view_refuses_and_its_asker_starts_again_under_it(void **state)
{
    (void)state;
    char key[32];
    ring_open(ring, 3, 3);
    key_led_by(ring, 0, 0, key);
    ring_publish(ring, 1, 3, 4);
    ring_publish(ring, 2, 3, 4);
    ring->machines[0].heard_epoch = 0;
    struct request *request = ask(ring, REQUEST_SET, key);
    request->value = text("1");
    start(ring, 0, request);
    ring_pass(ring, 10);
    assert_false(is_done(request));
    assert_int_equal(ring->machines[0].heard_epoch, 4);
    assert_true(COUNTER(ring, 1, refused_epochs) > 0);
    assert_int_equal(COUNTER(ring, 1, served_writes), 0);
    ring_publish(ring, 0, 3, 4);
    ring_pass(ring, 100);
    assert_true(is_done(request));
    assert_int_equal(request->status, REQUEST_OK);
    assert_true(shows(ring, 1, key, "1") && shows(ring, 2, key, "1"));
    ring_close(ring);
}

static void a_replica_with_an_older_view_serves_and_tells_its_membership(void **state)
{
    (void)state;
    char key[32];
    ring_open(ring, 3, 3);
    key_led_by(ring, 0, 0, key);
    ring_publish(ring, 0, 3, 4);
    assert_int_equal(set(ring, 0, key, "1"), REQUEST_OK);
    assert_int_equal(ring->machines[1].heard_epoch, 4);
    assert_int_equal(ring->machines[2].heard_epoch, 4);
    assert_true(COUNTER(ring, 1, served_writes) == 1 && COUNTER(ring, 2, served_writes) == 1);
    ring_close(ring);
}

/* New tables arrive while requests are under way at every stage; none of them is lost or holds on to an old table. */
static void views_are_swapped_under_running_requests(void **state)
{
    (void)state;
    static const unsigned types[] = {MESSAGE_FORWARD,    MESSAGE_FORWARD_REPLY, MESSAGE_READ,
                                     MESSAGE_READ_REPLY, MESSAGE_WRITE,         MESSAGE_WRITE_REPLY};
    char key[32];
    ring_open(ring, 4, 3);
    uint64_t epoch = 1;
    for (unsigned i = 0; i < sizeof types / sizeof types[0]; i++) {
        struct request *requests[8];
        ring_treat(ring, types[i], FATE_HELD);
        for (unsigned n = 0; n < 8; n++) {
            snprintf(key, sizeof key, "key%u-%u", i, n);
            requests[n] = ask(ring, n % 2 == 0 ? REQUEST_SET : REQUEST_INCR, key);
            requests[n]->create = true;
            start(ring, n % 4, requests[n]);
        }
        epoch++;
        for (unsigned m = 0; m < 4; m++) {
            ring_publish(ring, m, 4, epoch);
            ring_pump(ring);
        }
        ring->judge = NULL;
        ring_release_held(ring);
        ring_pass(ring, RING_TIMEOUT_MS + 10);
        for (unsigned n = 0; n < 8; n++) {
            assert_true(is_done(requests[n]));
            assert_int_equal(requests[n]->status, REQUEST_OK);
        }
    }
    ring_close(ring);
}

static void count_line(void *context, const char *line)
{
    *(unsigned *)context += strstr(line, "version ") == line;
}

/* How many versions a machine has of a key itself. */
static unsigned copies_at(unsigned machine, const char *key)
{
    unsigned count = 0;
    (void)node_describe_key(ring_loop(ring, machine, 0), ring->now, text(key), count_line, &count);
    return count;
}

static void a_repair_is_not_held(void **state)
{
    (void)state;
    char key[32];
    ring_open(ring, 3, 3);
    key_led_by(ring, 0, 0, key);
    ring_part(ring, 0, 1);
    assert_int_equal(set(ring, 0, key, "1"), REQUEST_OK);
    assert_int_equal(copies_at(1, key), 0);
    ring_dial_all(ring);
    ring_pump(ring);
    for (unsigned m = 0; m < 3; m++)
        node_hold_writes(ring->machines[m].shared, true);
    ring_loop(ring, 0, 0)->coordinator.settings.read_all_share = 1000;
    assert_true(shows(ring, 0, key, "1"));
    ring_pass(ring, 100);
    assert_int_equal(copies_at(1, key), 1);
    ring_close(ring);
}

static void while_writes_are_held_only_reads_go_on(void **state)
{
    (void)state;
    char key[32];
    ring_open(ring, 3, 3);
    key_led_by(ring, 0, 0, key);
    assert_int_equal(set(ring, 0, key, "1"), REQUEST_OK);
    for (unsigned m = 0; m < 3; m++)
        node_hold_writes(ring->machines[m].shared, true);
    for (unsigned m = 0; m < 3; m++) {
        struct request *request = ask(ring, REQUEST_SET, key);
        request->value = text("2");
        start(ring, m, request);
        ring_pass(ring, RING_TIMEOUT_MS); /* whoever forwards it asks again until then */
        assert_true(is_done(request) && request->status == REQUEST_FAILED);
        assert_int_equal(request->failure, FAILURE_HELD);
        assert_true(shows(ring, m, key, "1"));
    }
    node_hold_writes(ring->machines[0].shared, false); /* the others still refuse their copies */
    struct request *request = ask(ring, REQUEST_SET, key);
    request->value = text("3");
    start(ring, 0, request);
    ring_pass(ring, RING_TIMEOUT_MS + 10);
    assert_true(is_done(request) && request->status == REQUEST_FAILED);
    for (unsigned m = 0; m < 3; m++)
        node_hold_writes(ring->machines[m].shared, false);
    assert_int_equal(set(ring, 1, key, "4"), REQUEST_OK);
    assert_true(shows(ring, 2, key, "4"));
    ring_close(ring);
}

/* A ring that is empty while it asks may not be written to behind its back. */
static void a_write_that_still_reads_when_writes_are_held_is_held_too(void **state)
{
    (void)state;
    char key[32];
    ring_open(ring, 3, 3);
    key_led_by(ring, 0, 0, key);
    struct request *request = ask(ring, REQUEST_ADD, key);
    request->value = text("1");
    node_request(ring_loop(ring, 0, 0), ring->now, request); /* it asks another owner first */
    for (unsigned m = 0; m < 3; m++)
        node_hold_writes(ring->machines[m].shared, true);
    ring_pass(ring, 100);
    assert_true(is_done(request) && request->status == REQUEST_FAILED);
    assert_int_equal(request->failure, FAILURE_HELD);
    for (unsigned m = 0; m < 3; m++)
        assert_true(node_is_empty(ring->machines[m].shared));
    ring_close(ring);
}

/* In a ring of one the dead are freed once the grace is over; in a larger one others may still lack the delete. */
static void what_is_dead_is_freed_in_a_ring_of_one_only(void **state)
{
    (void)state;
    for (unsigned count = 1; count <= 2; count++) {
        ring_open(ring, count, 2);
        assert_int_equal(set(ring, 0, "a", "1"), REQUEST_OK);
        assert_int_equal(run(ring, 0, ask(ring, REQUEST_DELETE, "a")), REQUEST_OK);
        ring->now.mono_ns += 100000 * UINT64_C(1000000);
        ring->now.wall_ms += 100000;
        struct node_sweep_result result = node_sweep(ring_loop(ring, 0, 0), ring->now, 100);
        assert_true(result.pass_ended);
        assert_int_equal(result.changed, count == 1);
        assert_int_equal(copies_at(0, "a"), count == 1 ? 0 : 1);
        ring_close(ring);
    }
}

static void checkpoint(void)
{
    struct machine *machine = &ring->machines[0];
    struct store_stats stats;
    do {
        (void)store_checkpoint_slice(machine->store, ring->now, hybrid_next(node_clock(machine->shared), ring->now));
        store_stats(machine->store, &stats);
    } while (stats.records_dirty > 0);
}

static void assert_empty_until_set(enum backing_kind kind, bool flushes)
{
    ring_open_over(ring, kind, 1, 1, 1);
    ring_join_all(ring);
    struct node_shared *shared = ring->machines[0].shared;
    assert_true(node_is_empty(shared));
    assert_int_equal(get(ring, 0, "a")->status, REQUEST_MISS);
    assert_true(node_is_empty(shared));
    if (flushes) { /* registers are no data, whether they have been checkpointed or not */
        assert_int_equal(run(ring, 0, ask(ring, REQUEST_FLUSH, "")), REQUEST_OK);
        assert_true(node_is_empty(shared));
        checkpoint();
        assert_true(node_is_empty(shared));
    }
    assert_int_equal(set(ring, 0, "a", "1"), REQUEST_OK);
    assert_false(node_is_empty(shared));
    if (kind == BACKING_DURABLE) {
        checkpoint();
        assert_false(node_is_empty(shared));
        if (flushes)
            assert_int_equal(run(ring, 0, ask(ring, REQUEST_FLUSH, "")), REQUEST_OK);
        assert_false(node_is_empty(shared));
    }
    ring_close(ring);
}

static void a_node_is_empty_until_something_is_stored(void **state)
{
    (void)state;
    assert_empty_until_set(BACKING_VOLATILE, false);
    assert_empty_until_set(BACKING_VOLATILE, true);
    assert_empty_until_set(BACKING_DURABLE, false);
    assert_empty_until_set(BACKING_DURABLE, true);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(an_older_view_is_refused_and_a_newer_one_seen_at_the_next_call),
        cmocka_unit_test(a_loop_that_never_runs_keeps_the_view_it_has_and_no_other),
        cmocka_unit_test(a_node_may_be_opened_again_in_the_place_of_a_closed_one),
        cmocka_unit_test(what_went_to_a_former_owner_goes_to_the_new_one_with_the_newer_view),
        cmocka_unit_test(a_former_owner_does_not_go_on_with_a_get_that_changes_something),
        cmocka_unit_test(what_went_to_an_owner_that_does_not_know_yet_waits_for_it),
        cmocka_unit_test(who_waits_in_vain_for_a_view_is_told_that_nothing_was_done),
        cmocka_unit_test(a_replica_with_a_newer_view_refuses_and_its_asker_starts_again_under_it),
        cmocka_unit_test(a_replica_with_an_older_view_serves_and_tells_its_membership),
        cmocka_unit_test(views_are_swapped_under_running_requests),
        cmocka_unit_test(what_a_node_comes_to_own_is_behind),
        cmocka_unit_test(while_writes_are_held_only_reads_go_on),
        cmocka_unit_test(a_write_that_still_reads_when_writes_are_held_is_held_too),
        cmocka_unit_test(a_repair_is_not_held),
        cmocka_unit_test(what_is_dead_is_freed_in_a_ring_of_one_only),
        cmocka_unit_test(a_node_is_empty_until_something_is_stored),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
