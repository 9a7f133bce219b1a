/* flush_all in a ring of three: one time above all clocks, at all members. */
#include "coordinator/owners.h"

static struct ring the_ring;
static struct ring *const ring = &the_ring;

static struct flush_registers registers_of(unsigned machine)
{
    return coordinator_flush_registers(&ring_loop(ring, machine, 0)->coordinator);
}

static struct request *flush_request(uint64_t delay_ms)
{
    struct request *request = ask(ring, REQUEST_FLUSH, "");
    if (delay_ms != 0)
        request->expiry_ms = node_now_ms(ring_loop(ring, 0, 0), ring->now) + delay_ms;
    return request;
}

static void set_some(void)
{
    for (unsigned i = 0; i < 12; i++) {
        char key[8];
        snprintf(key, sizeof key, "k%u", i);
        assert_int_equal(set(ring, i % 3, key, "v"), REQUEST_OK);
    }
}

static unsigned shown(unsigned machine)
{
    unsigned count = 0;
    for (unsigned i = 0; i < 12; i++) {
        char key[8];
        snprintf(key, sizeof key, "k%u", i);
        count += get(ring, machine, key)->status == REQUEST_OK;
    }
    return count;
}

static void flush_hides_everything_everywhere(void **state)
{
    (void)state;
    owners_open(ring);
    set_some();
    assert_int_equal(run(ring, 0, flush_request(0)), REQUEST_OK);
    for (unsigned m = 0; m < 3; m++) {
        assert_int_equal(shown(m), 0);
        assert_true(registers_of(m).flushed == registers_of(0).flushed);
    }
    set_some();
    for (unsigned m = 0; m < 3; m++)
        assert_int_equal(shown(m), 12); /* and what comes afterwards lives */
    owners_close(ring);
}

/* Only its own clock says how late a write is that nobody else has seen. */
static void flush_is_later_than_the_clock_of_any_member(void **state)
{
    (void)state;
    char key[32];
    owners_open(ring);
    for (unsigned i = 0;; i++) {
        snprintf(key, sizeof key, "w:%u", i); /* w = 1, r = 3 */
        if (at(ring, key, 0) == 2)
            break;
    }
    hybrid_observe(node_clock(ring->machines[2].shared), hybrid_of_ms(ring->now.wall_ms + 20000));
    rule(FATE_LOST, MESSAGE_WRITE, 2, ANY);
    assert_int_equal(set(ring, 2, key, "v"), REQUEST_OK);
    all_arrive();
    assert_int_equal(run(ring, 0, flush_request(0)), REQUEST_OK);
    for (unsigned m = 0; m < 3; m++)
        assert_int_equal(get(ring, m, key)->status, REQUEST_MISS);
    owners_close(ring);
}

/* Its time would hide whatever the others write until then. */
static void a_flush_at_a_node_whose_clock_is_far_ahead_is_refused_by_the_others(void **state)
{
    (void)state;
    owners_open(ring);
    set_some();
    hybrid_observe(node_clock(ring->machines[1].shared), hybrid_of_ms(ring->now.wall_ms + 10 * REPLICA_AHEAD_MS_MAX));
    assert_int_equal(run(ring, 1, flush_request(0)), REQUEST_FAILED);
    for (unsigned m = 0; m < 3; m++)
        assert_true(registers_of(m).flushed == 0 && shown(m) == 12); /* the node itself hides nothing either */
    hybrid_time time = hybrid_of_ms(ring->now.wall_ms + 10 * REPLICA_AHEAD_MS_MAX);
    struct flush_registers far = {.flushed = time, .issued = time}; /* as gossip and greetings would tell them */
    coordinator_take_registers(&ring_loop(ring, 0, 0)->coordinator, ring->now, &far);
    ring_pump(ring);
    assert_int_equal(registers_of(0).flushed, 0);
    set_some();
    assert_true(shown(0) == 12 && shown(2) == 12);
    owners_close(ring);
}

/* Nobody can say that its clock is right: registers of a wrong one would end what the others write until theirs get
 * there.
 */
static void a_flush_that_nobody_else_answers_is_refused(void **state)
{
    (void)state;
    owners_open(ring);
    set_some();
    ring_part(ring, 0, 1);
    ring_part(ring, 2, 1);
    struct request *request = flush_request(0);
    assert_int_equal(run(ring, 1, request), REQUEST_FAILED);
    assert_int_equal(request->failure, FAILURE_NO_QUORUM);
    assert_true(registers_of(1).flushed == 0);
    assert_int_equal(run(ring, 0, flush_request(0)), REQUEST_OK); /* two are enough */
    ring_dial_all(ring);
    ring_pump(ring);
    assert_true(registers_of(1).flushed == registers_of(0).flushed && registers_of(1).flushed != 0);
    owners_close(ring);
}

static void it_answers_when_all_that_are_up_have_stored_it(void **state)
{
    (void)state;
    owners_open(ring);
    set_some();
    rule(FATE_HELD, MESSAGE_FLUSH_REPLY, 2, ANY);
    struct request *request = flush_request(0);
    start(ring, 0, request);
    assert_false(is_done(request));
    assert_int_equal(shown(0), 12); /* it is waiting for a clock */
    ring_release_held(ring);
    ring_pump(ring);
    assert_false(is_done(request)); /* now it is waiting for the third to have stored it */
    assert_int_equal(shown(1), 0);
    all_arrive();
    ring_release_held(ring);
    ring_pump(ring);
    assert_true(is_done(request) && request->status == REQUEST_OK);
    owners_close(ring);
}

static void who_was_away_hears_of_it_before_any_data(void **state)
{
    (void)state;
    owners_open(ring);
    set_some();
    ring_part(ring, 0, 2);
    ring_part(ring, 1, 2);
    assert_int_equal(run(ring, 0, flush_request(0)), REQUEST_OK);
    assert_true(registers_of(2).flushed == 0);
    ring_dial_all(ring);
    ring_pump(ring);
    assert_true(registers_of(2).flushed == registers_of(0).flushed);
    assert_int_equal(shown(2), 0);
    owners_close(ring);
}

static void who_says_nothing_holds_it_up_for_half_its_time(void **state)
{
    (void)state;
    owners_open(ring);
    set_some();
    rule(FATE_LOST, MESSAGE_FLUSH, ANY, 2);
    struct request *request = flush_request(0);
    start(ring, 0, request);
    ring_pass(ring, RING_TIMEOUT_MS / 2 - 2);
    assert_false(is_done(request));
    ring_pass(ring, RING_TIMEOUT_MS / 2 + 4);
    assert_true(is_done(request));
    assert_int_equal(request->status, REQUEST_FAILED); /* it was up, and is not known to have stored it */
    assert_int_equal(request->failure, FAILURE_TIMEOUT);
    assert_int_equal(shown(0), 0);
    owners_close(ring);
}

static void a_member_that_goes_meanwhile_is_not_waited_for(void **state)
{
    (void)state;
    owners_open(ring);
    set_some();
    rule(FATE_HELD, MESSAGE_FLUSH, ANY, 2);
    struct request *request = flush_request(0);
    start(ring, 0, request);
    assert_false(is_done(request));
    ring_part(ring, 0, 2);
    ring_pump(ring);
    assert_true(is_done(request) && request->status == REQUEST_OK);
    owners_close(ring);
}

static void the_last_delayed_flush_counts_at_all_members(void **state)
{
    (void)state;
    owners_open(ring);
    set_some();
    assert_int_equal(run(ring, 0, flush_request(1000)), REQUEST_OK);
    assert_int_equal(run(ring, 1, flush_request(5000)), REQUEST_OK);
    ring_pass(ring, 4990);
    for (unsigned m = 0; m < 3; m++)
        assert_int_equal(shown(m), 12);
    ring_pass(ring, 20);
    for (unsigned m = 0; m < 3; m++)
        assert_int_equal(shown(m), 0);
    owners_close(ring);
}

static void a_delayed_flush_that_is_due_is_not_taken_back_by_a_later_command(void **state)
{
    (void)state;
    owners_open(ring);
    set_some();
    assert_int_equal(run(ring, 0, flush_request(100)), REQUEST_OK);
    ring_pass(ring, 150);
    assert_int_equal(run(ring, 1, flush_request(100000)), REQUEST_OK);
    for (unsigned m = 0; m < 3; m++)
        assert_int_equal(shown(m), 0);
    owners_close(ring);
}

static void flush_of_an_absurd_clock_does_not_hide_what_comes_later(void **state)
{
    (void)state;
    owners_open(ring);
    hybrid_observe(node_clock(ring->machines[2].shared), hybrid_of_ms(ring->now.wall_ms + 10000000));
    assert_int_equal(run(ring, 0, flush_request(0)), REQUEST_OK);
    assert_true(hybrid_ms(registers_of(0).flushed) < ring->now.wall_ms + 1000000);
    ring_pass(ring, 10);
    char key[32];
    (void)key_led_by(ring, 0, 0, key);
    assert_int_equal(set(ring, 0, key, "v"), REQUEST_OK);
    assert_true(shows(ring, 1, key, "v"));
    owners_close(ring);
}

/* It has said nothing for a while, so nobody waits for it. But its link is there: it is told before anything else that
 * goes to it. */
static void a_silent_member_with_a_link_is_told_all_the_same(void **state)
{
    (void)state;
    owners_open(ring);
    unsigned first = at(ring, "k", 0), third = at(ring, "k", 2);
    assert_int_equal(set(ring, first, "k", "old"), REQUEST_OK);
    rule(FATE_LOST, ANY, (int)third, ANY);
    assert_int_equal(set(ring, first, "k", "old"), REQUEST_OK);
    ring_pass(ring, RING_TIMEOUT_MS + 10);
    assert_true(peers_find(&ring_loop(ring, first, 0)->peers, ring->machines[third].id)->is_silent);
    struct request *flush = ask(ring, REQUEST_FLUSH, "");
    start(ring, first, flush);
    assert_true(is_done(flush) && flush->status == REQUEST_OK);
    all_arrive();
    assert_int_equal(get(ring, third, "k")->status, REQUEST_MISS);
    owners_close(ring);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(flush_hides_everything_everywhere),
        cmocka_unit_test(flush_is_later_than_the_clock_of_any_member),
        cmocka_unit_test(a_flush_at_a_node_whose_clock_is_far_ahead_is_refused_by_the_others),
        cmocka_unit_test(a_flush_that_nobody_else_answers_is_refused),
        cmocka_unit_test(it_answers_when_all_that_are_up_have_stored_it),
        cmocka_unit_test(who_was_away_hears_of_it_before_any_data),
        cmocka_unit_test(who_says_nothing_holds_it_up_for_half_its_time),
        cmocka_unit_test(a_member_that_goes_meanwhile_is_not_waited_for),
        cmocka_unit_test(the_last_delayed_flush_counts_at_all_members),
        cmocka_unit_test(a_delayed_flush_that_is_due_is_not_taken_back_by_a_later_command),
        cmocka_unit_test(flush_of_an_absurd_clock_does_not_hide_what_comes_later),
        cmocka_unit_test(a_silent_member_with_a_link_is_told_all_the_same),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
