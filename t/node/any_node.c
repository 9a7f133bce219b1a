/* A ring of nodes answers through any of them, Dynamo 4.5. */
#include "node/ring.h"

static struct ring the_ring;
static struct ring *const ring = &the_ring;

static void three_nodes_show_each_others_sets(void **state)
{
    (void)state;
    char key[32], value[32];
    ring_open(ring, 3, 3);
    for (unsigned i = 0; i < 60; i++) {
        snprintf(key, sizeof key, "key%u", i);
        snprintf(value, sizeof value, "value%u", i);
        assert_int_equal(set(ring, i % 3, key, value), REQUEST_OK);
        for (unsigned m = 0; m < 3; m++)
            assert_true(shows(ring, m, key, value));
    }
    for (unsigned m = 0; m < 3; m++)
        assert_int_equal(COUNTER(ring, m, forward_failures), 0);
    ring_close(ring);
}

static void five_nodes_with_two_copies_show_all_keys(void **state)
{
    (void)state;
    char key[32];
    ring_open(ring, 5, 2);
    for (unsigned i = 0; i < 100; i++) {
        snprintf(key, sizeof key, "key%u", i);
        assert_int_equal(set(ring, i % 5, key, key), REQUEST_OK);
    }
    for (unsigned i = 0; i < 100; i++) {
        snprintf(key, sizeof key, "key%u", i);
        for (unsigned m = 0; m < 5; m++)
            assert_true(shows(ring, m, key, key));
    }
    assert_int_equal(get(ring, 0, "nothing")->status, REQUEST_MISS);
    ring_close(ring);
}

static uint64_t forwarded(void)
{
    uint64_t sum = 0;
    for (unsigned m = 0; m < ring->machine_count; m++)
        sum += COUNTER(ring, m, forwarded);
    return sum;
}

static void what_the_first_owner_is_asked_is_not_forwarded(void **state)
{
    (void)state;
    char key[32];
    ring_open(ring, 4, 2);
    for (unsigned m = 0; m < 4; m++) {
        for (unsigned i = 0; i < 5; i++) {
            assert_int_equal(set(ring, m, key_led_by(ring, m, i, key), "1"), REQUEST_OK);
            assert_int_equal(incr(ring, m, key, 1), REQUEST_OK);
            assert_true(shows(ring, m, key, "2"));
        }
    }
    assert_int_equal(forwarded(), 0);
    ring_close(ring);
}

static void a_get_stays_with_any_owner_and_a_write_goes_to_the_first(void **state)
{
    (void)state;
    char key[32];
    ring_open(ring, 4, 2);
    key_led_by(ring, 0, 0, key);
    unsigned second = place_of_key(ring, key, 1), third = place_of_key(ring, key, 2);
    assert_int_equal(set(ring, 0, key, "1"), REQUEST_OK);
    assert_true(shows(ring, second, key, "1"));
    assert_int_equal(forwarded(), 0);
    assert_int_equal(set(ring, second, key, "2"), REQUEST_OK);
    assert_int_equal(COUNTER(ring, second, forwarded), 1);
    assert_int_equal(COUNTER(ring, 0, served_forwards), 1);
    assert_true(shows(ring, third, key, "2"));
    assert_int_equal(COUNTER(ring, third, forwarded), 1);
    assert_int_equal(COUNTER(ring, 0, served_forwards), 2);
    ring_close(ring);
}

/* A process that has just started does not know yet who is up: others coordinate until it serves. */
static void nothing_is_forwarded_to_a_node_that_holds_forwards(void **state)
{
    (void)state;
    char key[32];
    ring_open(ring, 4, 2);
    key_led_by(ring, 0, 0, key);
    unsigned second = place_of_key(ring, key, 1), third = place_of_key(ring, key, 2);
    node_hold_forwards(ring->machines[0].shared, true);
    assert_int_equal(set(ring, third, key, "1"), REQUEST_OK);
    assert_true(shows(ring, third, key, "1"));
    assert_int_equal(COUNTER(ring, 0, served_forwards), 0);
    assert_int_equal(COUNTER(ring, second, served_forwards), 2);
    assert_true(COUNTER(ring, 0, served_writes) > 0); /* it is a replica all the same */
    node_hold_forwards(ring->machines[0].shared, false);
    assert_int_equal(set(ring, third, key, "2"), REQUEST_OK);
    assert_int_equal(COUNTER(ring, 0, served_forwards), 1);
    ring_close(ring);
}

static void values_of_any_length_travel(void **state)
{
    (void)state;
    static const size_t lengths[] = {0, 1, 511, 512, 513, 4000, 16000, 70000, RING_VALUE_MAX};
    char key[32];
    char *value = malloc(RING_VALUE_MAX);
    assert_non_null(value);
    ring_open(ring, 3, 1);
    key_led_by(ring, 2, 0, key);
    for (unsigned i = 0; i < sizeof lengths / sizeof lengths[0]; i++) {
        memset(value, 'a' + (int)i, lengths[i]);
        struct request *request = ask(ring, REQUEST_SET, key);
        request->value = bytes_of(value, lengths[i]);
        assert_int_equal(run(ring, 0, request), REQUEST_OK);
        request = get(ring, 1, key);
        assert_int_equal(request->status, REQUEST_OK);
        assert_true(bytes_equal(request->versions[0].value, bytes_of(value, lengths[i])));
    }
    free(value);
    ring_close(ring);
}

/* The session may move the value's bytes once node_request has returned: what was sent has them already. */
static void a_value_may_move_as_soon_as_it_is_asked(void **state)
{
    (void)state;
    char key[32], value[] = "first";
    ring_open(ring, 3, 1);
    key_led_by(ring, 2, 0, key);
    struct request *request = ask(ring, REQUEST_SET, key);
    request->value = text(value);
    node_request(ring_loop(ring, 0, 0), ring->now, request);
    memset(value, 'x', 5);
    request->value = text("first");
    ring_pump(ring);
    assert_true(shows(ring, 1, key, "first"));
    ring_close(ring);
}

static void two_loops_of_a_machine_share_its_copies_and_have_links_of_their_own(void **state)
{
    (void)state;
    char key[32];
    ring_open_with(ring, 3, 2, 2);
    ring_join_all(ring);
    for (unsigned i = 0; i < 30; i++) {
        snprintf(key, sizeof key, "key%u", i);
        struct request *request = ask(ring, REQUEST_SET, key);
        request->value = text(key);
        node_request(ring_loop(ring, i % 3, i / 3 % 2), ring->now, request);
        ring_pump(ring);
        assert_true(is_done(request) && request->status == REQUEST_OK);
        for (unsigned loop = 0; loop < 2; loop++) {
            request = ask(ring, REQUEST_GET, key);
            node_request(ring_loop(ring, (i + 1) % 3, loop), ring->now, request);
            ring_pump(ring);
            assert_true(is_done(request) && request->status == REQUEST_OK);
            assert_true(bytes_equal(request->versions[0].value, text(key)));
        }
    }
    uint64_t by_loop[2] = {0};
    for (unsigned m = 0; m < 3; m++) {
        for (unsigned loop = 0; loop < 2; loop++)
            by_loop[loop] += atomic_load(&ring_loop(ring, m, loop)->counters.forwarded);
    }
    assert_true(by_loop[0] > 0 && by_loop[1] > 0);
    ring_close(ring);
}

static void a_flush_through_one_node_ends_what_all_hold(void **state)
{
    (void)state;
    char key[32];
    ring_open(ring, 3, 2);
    for (unsigned i = 0; i < 10; i++) {
        snprintf(key, sizeof key, "key%u", i);
        assert_int_equal(set(ring, i % 3, key, key), REQUEST_OK);
    }
    assert_int_equal(run(ring, 1, ask(ring, REQUEST_FLUSH, "")), REQUEST_OK);
    for (unsigned i = 0; i < 10; i++) {
        snprintf(key, sizeof key, "key%u", i);
        for (unsigned m = 0; m < 3; m++)
            assert_int_equal(get(ring, m, key)->status, REQUEST_MISS);
        assert_int_equal(set(ring, (i + 1) % 3, key, "new"), REQUEST_OK);
        for (unsigned m = 0; m < 3; m++)
            assert_true(shows(ring, m, key, "new"));
    }
    ring_close(ring);
}

static void a_ring_of_one_sends_nothing_and_wants_no_tick(void **state)
{
    (void)state;
    ring_open(ring, 1, 3);
    assert_int_equal(set(ring, 0, "a", "1"), REQUEST_OK);
    struct request *request = ask(ring, REQUEST_GET, "a");
    node_request(ring_loop(ring, 0, 0), ring->now, request);
    assert_true(node_wake_at(ring_loop(ring, 0, 0)) == UINT64_MAX);
    ring_pump(ring);
    assert_true(is_done(request));
    ring_close(ring);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(three_nodes_show_each_others_sets),
        cmocka_unit_test(five_nodes_with_two_copies_show_all_keys),
        cmocka_unit_test(what_the_first_owner_is_asked_is_not_forwarded),
        cmocka_unit_test(a_get_stays_with_any_owner_and_a_write_goes_to_the_first),
        cmocka_unit_test(nothing_is_forwarded_to_a_node_that_holds_forwards),
        cmocka_unit_test(values_of_any_length_travel),
        cmocka_unit_test(a_value_may_move_as_soon_as_it_is_asked),
        cmocka_unit_test(two_loops_of_a_machine_share_its_copies_and_have_links_of_their_own),
        cmocka_unit_test(a_flush_through_one_node_ends_what_all_hold),
        cmocka_unit_test(a_ring_of_one_sends_nothing_and_wants_no_tick),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
