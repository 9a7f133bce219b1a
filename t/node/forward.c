/* Requests on their way to another coordinator and back: at most once, retried where that is safe. */
#include "node/ring.h"

#include "message/forward.h"

static struct ring the_ring;
static struct ring *const ring = &the_ring;

static unsigned wanted_type; /* of the frames that the judges below deal with */

static enum fate lose(struct ring *of, unsigned from, unsigned to, const struct frame *frame)
{
    (void)of, (void)from, (void)to;
    return frame->type == wanted_type ? FATE_LOST : FATE_ARRIVES;
}

static enum fate hold(struct ring *of, unsigned from, unsigned to, const struct frame *frame)
{
    (void)of, (void)from, (void)to;
    return frame->type == wanted_type ? FATE_HELD : FATE_ARRIVES;
}

static enum fate repeat(struct ring *of, unsigned from, unsigned to, const struct frame *frame)
{
    (void)of, (void)from, (void)to;
    return frame->type == wanted_type ? FATE_TWICE : FATE_ARRIVES;
}

static void judge_by(enum fate (*judge)(struct ring *, unsigned, unsigned, const struct frame *), unsigned type)
{
    ring->judge = judge;
    wanted_type = type;
}

static unsigned not_owner_of(const char *key)
{
    return place_of_key(ring, key, ring->machine_count - 1);
}

static void a_forwarded_incr_that_the_network_repeats_counts_once(void **state)
{
    (void)state;
    char key[32];
    ring_open(ring, 3, 1);
    key_led_by(ring, 2, 0, key);
    assert_int_equal(set(ring, 0, key, "0"), REQUEST_OK);
    judge_by(repeat, MESSAGE_FORWARD);
    for (unsigned i = 1; i <= 5; i++) {
        struct request *request = ask(ring, REQUEST_INCR, key);
        request->delta = 1;
        assert_int_equal(run(ring, i % 2, request), REQUEST_OK);
        assert_int_equal(request->number, i);
    }
    assert_int_equal(COUNTER(ring, 2, repeated_forwards), 5);
    assert_true(shows(ring, 2, key, "5"));
    ring_close(ring);
}

static void a_repeated_answer_is_ignored(void **state)
{
    (void)state;
    char key[32];
    ring_open(ring, 3, 1);
    key_led_by(ring, 2, 0, key);
    judge_by(repeat, MESSAGE_FORWARD_REPLY);
    assert_int_equal(set(ring, 0, key, "0"), REQUEST_OK);
    assert_int_equal(incr(ring, 0, key, 3), REQUEST_OK);
    assert_true(shows(ring, 0, key, "3"));
    ring_close(ring);
}

/* The link breaks after the coordinator has carried the request out and before its answer is here. */
static struct request *lose_link_behind(struct request *request, unsigned from, unsigned to)
{
    judge_by(lose, MESSAGE_FORWARD_REPLY);
    start(ring, from, request);
    assert_false(is_done(request));
    ring->judge = NULL;
    ring_cut(ring, ring_joint(ring, from, 0, to));
    ring_pump(ring);
    return request;
}

static void a_touch_whose_link_dies_goes_to_the_next_owner(void **state)
{
    (void)state;
    char key[32];
    ring_open(ring, 4, 3);
    key_led_by(ring, 2, 0, key);
    unsigned from = not_owner_of(key), second = place_of_key(ring, key, 1);
    assert_int_equal(set(ring, from, key, "1"), REQUEST_OK);
    struct request *request = ask(ring, REQUEST_TOUCH, key);
    lose_link_behind(request, from, 2);
    assert_true(is_done(request));
    assert_int_equal(request->status, REQUEST_OK);
    assert_int_equal(COUNTER(ring, from, forward_retries), 1);
    assert_int_equal(COUNTER(ring, second, served_forwards), 1);
    ring_close(ring);
}

static void a_touch_whose_forwarder_is_the_next_owner_is_coordinated_by_that_one_itself(void **state)
{
    (void)state;
    char key[32];
    ring_open(ring, 4, 3);
    key_led_by(ring, 2, 0, key);
    unsigned second = place_of_key(ring, key, 1), third = place_of_key(ring, key, 2);
    assert_int_equal(set(ring, second, key, "1"), REQUEST_OK);
    struct request *request = ask(ring, REQUEST_TOUCH, key);
    lose_link_behind(request, second, 2);
    assert_true(is_done(request));
    assert_int_equal(request->status, REQUEST_OK);
    assert_int_equal(COUNTER(ring, third, served_forwards), 0);
    ring_close(ring);
}

static void requests_that_must_not_be_done_twice_fail_as_lost(void **state)
{
    (void)state;
    static const enum request_kind kinds[] = {REQUEST_SET,    REQUEST_DELETE,  REQUEST_ADD,  REQUEST_REPLACE,
                                              REQUEST_APPEND, REQUEST_PREPEND, REQUEST_INCR, REQUEST_DECR};
    char key[32];
    ring_open(ring, 4, 3);
    for (unsigned i = 0; i < sizeof kinds / sizeof kinds[0]; i++) {
        key_led_by(ring, 2, i, key);
        unsigned from = not_owner_of(key);
        if (kinds[i] != REQUEST_ADD)
            assert_int_equal(set(ring, from, key, "10"), REQUEST_OK);
        struct request *request = ask(ring, kinds[i], key);
        request->delta = 1;
        request->value = text("1");
        lose_link_behind(request, from, 2);
        assert_true(is_done(request));
        assert_int_equal(request->status, REQUEST_FAILED);
        assert_int_equal(request->failure, FAILURE_LOST);
        (void)ring_dial(ring, from, 0, 2);
        ring_pump(ring);
    }
    ring_close(ring);
}

static void what_asks_for_a_token_or_changes_by_reading_fails_as_lost_too(void **state)
{
    (void)state;
    char key[32];
    ring_open(ring, 4, 3);
    key_led_by(ring, 2, 0, key);
    unsigned from = not_owner_of(key);
    for (unsigned i = 0; i < 4; i++) {
        static const enum request_kind kinds[] = {REQUEST_SET, REQUEST_DELETE, REQUEST_GET, REQUEST_GET};
        assert_int_equal(set(ring, from, key, "1"), REQUEST_OK);
        uint64_t token = node_token(ring_loop(ring, from, 0), get(ring, from, key), NODE_ALL_VERSIONS);
        struct request *request = ask(ring, kinds[i], key);
        request->has_token = i < 2;
        request->token = token;
        request->has_expiry = i == 2;
        request->claims = i == 3;
        request->value = text("2");
        lose_link_behind(request, from, 2);
        assert_true(is_done(request));
        assert_int_equal(request->status, REQUEST_FAILED);
        assert_int_equal(request->failure, FAILURE_LOST);
        (void)ring_dial(ring, from, 0, 2);
        ring_pump(ring);
    }
    ring_close(ring);
}

static void gets_and_touches_are_sent_on(void **state)
{
    (void)state;
    static const enum request_kind kinds[] = {REQUEST_GET, REQUEST_TOUCH};
    char key[32];
    ring_open(ring, 4, 3);
    key_led_by(ring, 2, 0, key);
    unsigned from = not_owner_of(key);
    assert_int_equal(set(ring, from, key, "1"), REQUEST_OK);
    for (unsigned i = 0; i < 2; i++) {
        struct request *request = lose_link_behind(ask(ring, kinds[i], key), from, 2);
        assert_true(is_done(request));
        assert_int_equal(request->status, REQUEST_OK);
        (void)ring_dial(ring, from, 0, 2);
        ring_pump(ring);
    }
    ring_close(ring);
}

/* The first coordinator has carried it out and is gone; whoever is asked after it does nothing. What became of it is
 * unknown all the same. */
static void a_touch_that_may_have_been_done_never_claims_that_it_was_not(void **state)
{
    (void)state;
    char key[32];
    ring_open(ring, 4, 3);
    for (unsigned way = 0; way < 4; way++) {
        key_led_by(ring, 2, way, key);
        unsigned second = place_of_key(ring, key, 1), third = place_of_key(ring, key, 2);
        unsigned from = way == 1 ? second : not_owner_of(key);
        assert_int_equal(set(ring, from, key, "1"), REQUEST_OK);
        struct request *request = ask(ring, REQUEST_TOUCH, key);
        judge_by(lose, MESSAGE_FORWARD_REPLY);
        start(ring, from, request);
        assert_false(is_done(request));
        ring->judge = NULL;
        if (way == 0) { /* nobody is left to ask */
            ring_cut(ring, ring_joint(ring, from, 0, second));
            ring_cut(ring, ring_joint(ring, from, 0, third));
        } else if (way == 1) { /* the asker itself is next, and alone */
            ring_cut(ring, ring_joint(ring, from, 0, third));
        } else if (way == 2) { /* the next ones reach too few */
            ring_part(ring, second, third);
            ring_part(ring, second, 2);
            ring_part(ring, third, 2);
        } else { /* no writes are allowed there now */
            node_hold_writes(ring->machines[second].shared, true);
        }
        ring_cut(ring, ring_joint(ring, from, 0, 2));
        ring_pump(ring);
        assert_true(is_done(request));
        assert_int_equal(request->status, REQUEST_FAILED);
        assert_int_equal(request->failure, FAILURE_LOST);
        node_hold_writes(ring->machines[second].shared, false);
        ring_dial_all(ring);
        ring_pump(ring);
        assert_true(shows(ring, from, key, "1"));
    }
    ring_close(ring);
}

static void a_request_that_never_left_is_sent_elsewhere_whatever_it_is(void **state)
{
    (void)state;
    char key[32];
    ring_open(ring, 4, 3);
    key_led_by(ring, 2, 0, key);
    unsigned from = not_owner_of(key);
    assert_int_equal(set(ring, from, key, "1"), REQUEST_OK);
    ring_joint(ring, from, 0, 2)->end[0].out_max = 0; /* its queue is full */
    assert_int_equal(incr(ring, from, key, 1), REQUEST_OK);
    assert_true(shows(ring, from, key, "2"));
    ring_part(ring, from, 2);
    assert_int_equal(incr(ring, from, key, 1), REQUEST_OK);
    assert_true(shows(ring, from, key, "3"));
    ring_close(ring);
}

static void a_lost_forward_times_out_and_its_silent_peer_is_left_alone_for_a_while(void **state)
{
    (void)state;
    char key[32];
    ring_open(ring, 4, 3);
    key_led_by(ring, 2, 0, key);
    unsigned from = not_owner_of(key);
    judge_by(lose, MESSAGE_FORWARD);
    struct request *request = ask(ring, REQUEST_SET, key);
    request->value = text("1");
    start(ring, from, request);
    ring_pass(ring, RING_TIMEOUT_MS - 1);
    assert_false(is_done(request));
    ring_pass(ring, 2);
    assert_true(is_done(request));
    assert_int_equal(request->status, REQUEST_FAILED);
    assert_int_equal(request->failure, FAILURE_TIMEOUT);
    ring->judge = NULL;
    assert_int_equal(set(ring, from, key, "2"), REQUEST_OK);
    assert_int_equal(COUNTER(ring, 2, served_forwards), 0);
    ring_pass(ring, PEER_PROBE_MS_MIN);
    assert_int_equal(set(ring, from, key, "3"), REQUEST_OK);
    assert_int_equal(COUNTER(ring, 2, served_forwards), 1); /* the probe */
    ring_close(ring);
}

static void an_answer_that_comes_too_late_changes_nothing(void **state)
{
    (void)state;
    char key[32];
    ring_open(ring, 3, 1);
    key_led_by(ring, 2, 0, key);
    judge_by(hold, MESSAGE_FORWARD_REPLY);
    struct request *request = ask(ring, REQUEST_SET, key);
    request->value = text("1");
    start(ring, 0, request);
    ring_pass(ring, RING_TIMEOUT_MS + 1);
    assert_true(is_done(request) && request->failure == FAILURE_TIMEOUT);
    struct request *next = ask(ring, REQUEST_GET, key);
    ring_pass(ring, PEER_PROBE_MS_MIN);
    start(ring, 0, next);
    assert_false(is_done(next));
    ring->judge = NULL;
    ring_release_held(ring);
    assert_true(is_done(next));
    assert_true(bytes_equal(next->versions[0].value, text("1")));
    ring_close(ring);
}

/* The coordinator is told a little less than what is left, so that its own failure is here in time. */
static void a_coordinator_without_a_quorum_says_so_before_its_asker_gives_up(void **state)
{
    (void)state;
    char key[32];
    ring_open(ring, 4, 3);
    key_led_by(ring, 2, 0, key);
    unsigned from = not_owner_of(key);
    judge_by(lose, MESSAGE_WRITE);
    struct request *request = ask(ring, REQUEST_SET, key);
    request->value = text("1");
    start(ring, from, request);
    ring_pass(ring, RING_TIMEOUT_MS - 1);
    assert_true(is_done(request));
    assert_int_equal(request->failure, FAILURE_TIMEOUT);
    ring->judge = NULL;
    assert_false(peers_find(&ring_loop(ring, from, 0)->peers, ring->machines[2].id)->is_silent);
    ring_close(ring);
}

/* The first owner is cut off from the others, the asker is not. */
static void a_coordinator_that_reaches_too_few_owners_is_passed_over(void **state)
{
    (void)state;
    char key[32];
    ring_open(ring, 4, 3);
    key_led_by(ring, 2, 0, key);
    unsigned from = not_owner_of(key);
    assert_int_equal(set(ring, from, key, "1"), REQUEST_OK);
    ring_part(ring, 2, place_of_key(ring, key, 1));
    ring_part(ring, 2, place_of_key(ring, key, 2));
    assert_int_equal(incr(ring, from, key, 1), REQUEST_OK);
    assert_true(shows(ring, from, key, "2"));
    assert_int_equal(COUNTER(ring, from, forward_retries), 2);
    ring_part(ring, place_of_key(ring, key, 1), place_of_key(ring, key, 2));
    struct request *request = ask(ring, REQUEST_INCR, key);
    request->delta = 1;
    assert_int_equal(run(ring, from, request), REQUEST_FAILED);
    assert_int_equal(request->failure, FAILURE_NO_QUORUM);
    ring_close(ring);
}

static void without_any_owner_nothing_is_done(void **state)
{
    (void)state;
    char key[32];
    ring_open(ring, 4, 1);
    key_led_by(ring, 2, 0, key);
    ring_part(ring, 0, 2);
    struct request *request = get(ring, 0, key);
    assert_int_equal(request->status, REQUEST_FAILED);
    assert_int_equal(request->failure, FAILURE_NO_QUORUM);
    assert_int_equal(set(ring, 0, key, "1"), REQUEST_FAILED);
    assert_int_equal(COUNTER(ring, 0, forward_failures), 2);
    ring_close(ring);
}

static const char *sibling_key_led_by(unsigned machine, char *key)
{
    for (unsigned i = 0;; i++) {
        snprintf(key, 32, "s:%u", i);
        if (place_of_key(ring, key, 0) == machine)
            return key;
    }
}

static struct request *cas(const char *key, const char *value, uint64_t token)
{
    struct request *request = ask(ring, REQUEST_SET, key);
    request->has_token = true;
    request->token = token;
    request->value = text(value);
    return request;
}

/* What a token covered is known where it was given: at the first owner, which is then cut off, and at the node through
 * which the client got it. The second owner, which coordinates now, learns it from there. */
static void the_context_of_a_known_token_goes_along(void **state)
{
    (void)state;
    char key[32];
    ring_open(ring, 4, 3);
    sibling_key_led_by(2, key);
    unsigned from = not_owner_of(key);
    assert_int_equal(set(ring, from, key, "1"), REQUEST_OK);
    uint64_t token = node_token(ring_loop(ring, from, 0), get(ring, from, key), NODE_ALL_VERSIONS);
    for (unsigned m = 0; m < 4; m++) {
        if (m != 2)
            ring_part(ring, 2, m);
    }
    assert_int_equal(set(ring, from, key, "2"), REQUEST_OK);             /* in between */
    assert_int_equal(run(ring, from, cas(key, "3", token)), REQUEST_OK); /* a sibling of 2: the bucket wants that */
    const struct request *both = get(ring, from, key);
    assert_int_equal(both->version_count, 2);
    assert_true(bytes_equal(both->versions[0].value, text("3")) && bytes_equal(both->versions[1].value, text("2")));
    unsigned third = place_of_key(ring, key, 2);
    assert_int_equal(run(ring, third, cas(key, "4", token)), REQUEST_EXISTS); /* this way nobody knows that token */

    ring_dial_all(ring);
    ring_pump(ring);
    token = node_token(ring_loop(ring, third, 0), get(ring, third, key), NODE_ALL_VERSIONS);
    assert_int_equal(run(ring, from, cas(key, "5", token)), REQUEST_OK); /* resolves them, wherever it goes */
    for (unsigned m = 0; m < 4; m++) {
        assert_true(shows(ring, m, key, "5"));
        assert_int_equal(get(ring, m, key)->version_count, 1);
    }
    ring_close(ring);
}

static void a_peer_that_answers_others_is_not_silent_for_one_lost_request(void **state)
{
    (void)state;
    char key[32];
    ring_open(ring, 4, 3);
    key_led_by(ring, 2, 0, key);
    unsigned from = not_owner_of(key);
    judge_by(lose, MESSAGE_FORWARD);
    struct request *request = ask(ring, REQUEST_SET, key);
    request->value = text("1");
    start(ring, from, request);
    ring->judge = NULL;
    ring_pass(ring, RING_TIMEOUT_MS / 2);
    assert_int_equal(set(ring, from, key, "2"), REQUEST_OK);
    ring_pass(ring, RING_TIMEOUT_MS / 2 + 2);
    assert_true(is_done(request) && request->failure == FAILURE_TIMEOUT);
    assert_int_equal(set(ring, from, key, "3"), REQUEST_OK);
    assert_int_equal(COUNTER(ring, 2, served_forwards), 2);
    ring_close(ring);
}

static void too_many_forwards_are_refused_at_once(void **state)
{
    (void)state;
    static struct request requests[NODE_FORWARDS_MAX + 1];
    static bool done[NODE_FORWARDS_MAX + 1];
    char key[32];
    ring_open(ring, 2, 1);
    key_led_by(ring, 1, 0, key);
    ring_joint(ring, 0, 0, 1)->end[0].out_max = SIZE_MAX;
    judge_by(lose, MESSAGE_FORWARD);
    memset(done, 0, sizeof done);
    for (unsigned i = 0; i <= NODE_FORWARDS_MAX; i++) {
        request_init(&requests[i], REQUEST_GET, text(key), ring_on_done, &done[i]);
        node_request(ring_loop(ring, 0, 0), ring->now, &requests[i]);
    }
    assert_int_equal(node_settle(ring_loop(ring, 0, 0), ring->now), 1);
    assert_true(done[NODE_FORWARDS_MAX]);
    assert_int_equal(requests[NODE_FORWARDS_MAX].failure, FAILURE_BUSY);
    ring_cut(ring, ring_joint(ring, 0, 0, 1));
    for (unsigned i = 0; i < NODE_FORWARDS_MAX; i++)
        assert_true(done[i] && requests[i].failure == FAILURE_NO_QUORUM);
    ring_close(ring);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_forwarded_incr_that_the_network_repeats_counts_once),
        cmocka_unit_test(a_repeated_answer_is_ignored),
        cmocka_unit_test(a_touch_whose_link_dies_goes_to_the_next_owner),
        cmocka_unit_test(a_touch_whose_forwarder_is_the_next_owner_is_coordinated_by_that_one_itself),
        cmocka_unit_test(requests_that_must_not_be_done_twice_fail_as_lost),
        cmocka_unit_test(what_asks_for_a_token_or_changes_by_reading_fails_as_lost_too),
        cmocka_unit_test(gets_and_touches_are_sent_on),
        cmocka_unit_test(a_touch_that_may_have_been_done_never_claims_that_it_was_not),
        cmocka_unit_test(a_request_that_never_left_is_sent_elsewhere_whatever_it_is),
        cmocka_unit_test(a_lost_forward_times_out_and_its_silent_peer_is_left_alone_for_a_while),
        cmocka_unit_test(an_answer_that_comes_too_late_changes_nothing),
        cmocka_unit_test(a_coordinator_without_a_quorum_says_so_before_its_asker_gives_up),
        cmocka_unit_test(a_coordinator_that_reaches_too_few_owners_is_passed_over),
        cmocka_unit_test(without_any_owner_nothing_is_done),
        cmocka_unit_test(the_context_of_a_known_token_goes_along),
        cmocka_unit_test(a_peer_that_answers_others_is_not_silent_for_one_lost_request),
        cmocka_unit_test(too_many_forwards_are_refused_at_once),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
