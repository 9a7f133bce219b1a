/* Requests on their way to another coordinator and back: at most once, retried where that is safe. */
#include "node/ring.h"

#include "message/forward.h"

static struct ring the_ring;
static struct ring *const ring = &the_ring;

static unsigned not_owner_of(const char *key)
{
    return place_of_key(ring, key, ring->machine_count - 1);
}

/* A process that is frozen takes nothing and sends nothing; its sockets do. What it had got and sent before counts:
 * only frames to and from it that are of this type or come later are held back. */
static unsigned frozen, frozen_from_type;
static bool is_frozen;

static enum fate hold_frozen(struct ring *of, unsigned from, unsigned to, const struct frame *frame)
{
    (void)of;
    if (from != frozen && to != frozen)
        return FATE_ARRIVES;
    is_frozen |= frame->type == frozen_from_type;
    return is_frozen ? FATE_HELD : FATE_ARRIVES;
}

static void freeze(unsigned machine, unsigned from_type)
{
    frozen = machine;
    frozen_from_type = from_type;
    is_frozen = false;
    ring->judge = hold_frozen;
}

static void thaw(void)
{
    ring->judge = NULL;
    ring_release_held(ring);
    ring_pump(ring);
}

static void a_forwarded_incr_that_the_network_repeats_counts_once(void **state)
{
    (void)state;
    char key[32];
    ring_open(ring, 3, 1);
    key_led_by(ring, 2, 0, key);
    assert_int_equal(set(ring, 0, key, "0"), REQUEST_OK);
    ring_treat(ring, MESSAGE_FORWARD, FATE_TWICE);
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
    ring_treat(ring, MESSAGE_FORWARD_REPLY, FATE_TWICE);
    assert_int_equal(set(ring, 0, key, "0"), REQUEST_OK);
    assert_int_equal(incr(ring, 0, key, 3), REQUEST_OK);
    assert_true(shows(ring, 0, key, "3"));
    ring_close(ring);
}

/* The link breaks after the coordinator has carried the request out and before its answer is here. */
static struct request *lose_link_behind(struct request *request, unsigned from, unsigned to)
{
    ring_treat(ring, MESSAGE_FORWARD_REPLY, FATE_LOST);
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

/* The value is there once: no sibling of an attempt that came too late, and the number was not counted twice. */
static void has_one_version(const char *key, const char *value)
{
    for (unsigned m = 0; m < ring->machine_count; m++) {
        const struct request *request = get(ring, m, key);
        assert_int_equal(request->status, REQUEST_OK);
        assert_int_equal(request->version_count, 1);
        assert_true(bytes_equal(request->versions[0].value, text(value)));
    }
}

struct write_case {
    enum request_kind kind;
    const char *before; /* NULL: nothing */
    const char *after;  /* NULL: nothing */
};

/* Whatever makes a version has a name [R10]: its second coordinator finds out what the first one has done. */
static const struct write_case CASES[] = {{REQUEST_SET, "10", "1"},       {REQUEST_SET, NULL, "1"},
                                          {REQUEST_DELETE, "10", NULL},   {REQUEST_ADD, NULL, "1"},
                                          {REQUEST_REPLACE, "10", "1"},   {REQUEST_APPEND, "10", "101"},
                                          {REQUEST_PREPEND, "10", "110"}, {REQUEST_INCR, "10", "11"},
                                          {REQUEST_DECR, "10", "9 "} /* as memcached: no shorter */};
enum { CASE_COUNT = sizeof CASES / sizeof CASES[0] };

static struct request *ask_case(const struct write_case *of, unsigned from, const char *key)
{
    if (of->before != NULL)
        assert_int_equal(set(ring, from, key, of->before), REQUEST_OK);
    struct request *request = ask(ring, of->kind, key);
    request->delta = 1;
    request->value = text("1");
    return request;
}

static void assert_case_done_once(const struct write_case *of, const struct request *request, const char *key)
{
    assert_true(is_done(request));
    assert_int_equal(request->status, REQUEST_OK);
    if (of->kind == REQUEST_INCR || of->kind == REQUEST_DECR)
        assert_int_equal(request->number, of->kind == REQUEST_INCR ? 11 : 9);
    if (of->after != NULL)
        has_one_version(key, of->after);
    else
        assert_int_equal(get(ring, 0, key)->status, REQUEST_MISS);
}

/* What builds on a value is found by its second coordinator, or nobody can say what came of it; it is not done twice.
 */
static void assert_case_done_at_most_once(const struct write_case *of, const struct request *request, const char *key)
{
    assert_true(is_done(request));
    if (request->status != REQUEST_FAILED) {
        assert_case_done_once(of, request, key);
        return;
    }
    assert_true(of->kind == REQUEST_APPEND || of->kind == REQUEST_PREPEND || of->kind == REQUEST_INCR
                || of->kind == REQUEST_DECR);
    assert_int_equal(request->failure, FAILURE_LOST);
    const struct request *shown = get(ring, 0, key);
    bool is_done_now = bytes_equal(shown->versions[0].value, text(of->after));
    has_one_version(key, is_done_now ? of->after : of->before);
}

static void a_write_whose_coordinator_dies_behind_it_is_done_once(void **state)
{
    (void)state;
    char key[32];
    ring_open(ring, 4, 3);
    for (unsigned i = 0; i < CASE_COUNT; i++) {
        key_led_by(ring, 2, i, key);
        unsigned from = not_owner_of(key);
        struct request *request = lose_link_behind(ask_case(&CASES[i], from, key), from, 2);
        assert_case_done_once(&CASES[i], request, key);
        (void)ring_dial(ring, from, 0, 2);
        ring_pump(ring);
    }
    ring_close(ring);
}

/* The first one never had it. */
static void a_write_whose_coordinator_dies_before_it_is_done_at_most_once(void **state)
{
    (void)state;
    char key[32];
    ring_open(ring, 4, 3);
    for (unsigned i = 0; i < CASE_COUNT; i++) {
        key_led_by(ring, 2, i, key);
        unsigned from = not_owner_of(key);
        struct request *request = ask_case(&CASES[i], from, key);
        ring_treat(ring, MESSAGE_FORWARD, FATE_LOST);
        start(ring, from, request);
        ring->judge = NULL;
        ring_cut(ring, ring_joint(ring, from, 0, 2));
        ring_pump(ring);
        assert_case_done_at_most_once(&CASES[i], request, key);
        (void)ring_dial(ring, from, 0, 2);
        ring_pump(ring);
    }
    ring_close(ring);
}

/* It lies in the coordinator's socket, or its answer in this node's, until after the second attempt. */
static void a_write_whose_coordinator_is_frozen_is_done_at_most_once(void **state)
{
    (void)state;
    static const unsigned held_types[] = {MESSAGE_FORWARD, MESSAGE_FORWARD_REPLY, MESSAGE_WRITE};
    char key[32];
    for (unsigned way = 0; way < 3; way++) {
        ring_open(ring, 4, 3);
        for (unsigned i = 0; i < CASE_COUNT; i++) {
            key_led_by(ring, 2, i, key);
            unsigned from = not_owner_of(key);
            struct request *request = ask_case(&CASES[i], from, key);
            freeze(2, held_types[way]);
            start(ring, from, request);
            ring_pass(ring, PEER_SILENCE_MS_MAX + 100);
            assert_true(is_done(request));
            thaw();
            ring_pass(ring, 2 * PEER_PROBE_MS_MAX);
            assert_case_done_at_most_once(&CASES[i], request, key);
        }
        ring_close(ring);
    }
}

/* Somebody won at the first coordinator, and it can only be this reader: it is told that somebody has. */
static void a_get_that_claims_is_asked_again(void **state)
{
    (void)state;
    char key[32];
    ring_open(ring, 4, 3);
    key_led_by(ring, 2, 0, key);
    unsigned from = not_owner_of(key);
    assert_int_equal(set(ring, from, key, "1"), REQUEST_OK);
    struct request *stale = ask(ring, REQUEST_DELETE, key);
    stale->invalidate = true;
    assert_int_equal(run(ring, from, stale), REQUEST_OK);
    struct request *request = ask(ring, REQUEST_GET, key);
    request->claims = true;
    lose_link_behind(request, from, 2);
    assert_true(is_done(request));
    assert_int_equal(request->status, REQUEST_OK);
    assert_true(request->stale);
    assert_true(request->won != request->win_sent);
    ring_close(ring);
}

static void what_compares_a_token_is_done_once(void **state)
{
    (void)state;
    char key[32];
    ring_open(ring, 4, 3);
    for (unsigned i = 0; i < 3; i++) {
        static const enum request_kind kinds[] = {REQUEST_SET, REQUEST_DELETE, REQUEST_GET};
        key_led_by(ring, 2, i, key);
        unsigned from = not_owner_of(key);
        assert_int_equal(set(ring, from, key, "1"), REQUEST_OK);
        uint64_t token = node_token(ring_loop(ring, from, 0), get(ring, from, key), NODE_ALL_VERSIONS);
        struct request *request = ask(ring, kinds[i], key);
        request->has_token = i < 2;
        request->token = token;
        request->has_expiry = i == 2; /* gat: setting an expiry twice is as good as once */
        request->value = text("2");
        lose_link_behind(request, from, 2);
        assert_true(is_done(request));
        assert_int_equal(request->status, REQUEST_OK);
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
        ring_treat(ring, MESSAGE_FORWARD_REPLY, FATE_LOST);
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
        ring_pass(ring, RING_TIMEOUT_MS + 10); /* somebody might have come back */
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

/* Its link is there and takes everything: nobody asks it but by greetings until it answers one. */
static void a_lost_forward_goes_elsewhere_and_its_silent_peer_is_left_alone_until_it_answers(void **state)
{
    (void)state;
    char key[32];
    ring_open(ring, 4, 3);
    key_led_by(ring, 2, 0, key);
    unsigned from = not_owner_of(key);
    freeze(2, MESSAGE_FORWARD);
    struct request *request = ask(ring, REQUEST_SET, key);
    request->value = text("1");
    start(ring, from, request);
    assert_false(is_done(request));
    ring_pass(ring, PEER_SILENCE_MS_MAX + 100); /* and a hedge: its next coordinator asks it too */
    assert_true(is_done(request) && request->status == REQUEST_OK);
    assert_int_equal(COUNTER(ring, from, forward_retries), 1);
    assert_int_equal(set(ring, from, key, "2"), REQUEST_OK);
    ring_drop_held(ring, NULL); /* the network lost it all */
    ring->judge = NULL;
    ring_pass(ring, PEER_PROBE_MS_MAX);
    assert_int_equal(COUNTER(ring, 2, served_forwards), 0);
    assert_int_equal(set(ring, from, key, "3"), REQUEST_OK); /* it has answered a greeting */
    assert_int_equal(COUNTER(ring, 2, served_forwards), 1);
    ring_close(ring);
}

/* The only owner is silent, and nobody may stand in: it is asked all the same, and what it says at last counts. */
static void a_silent_peer_is_waited_for_when_there_is_nobody_else(void **state)
{
    (void)state;
    char key[32];
    ring_open(ring, 3, 1);
    key_led_by(ring, 2, 0, key);
    freeze(2, MESSAGE_FORWARD);
    struct request *request = ask(ring, REQUEST_INCR, key);
    request->create = true;
    request->initial = 5;
    start(ring, 0, request);
    ring_pass(ring, PEER_SILENCE_MS_MAX + 100);
    assert_false(is_done(request));
    thaw();
    assert_true(is_done(request) && request->status == REQUEST_OK);
    assert_int_equal(request->number, 5);
    ring_pass(ring, RING_TIMEOUT_MS);
    has_one_version(key, "5");
    ring_close(ring);
}

static void an_answer_that_comes_too_late_changes_nothing(void **state)
{
    (void)state;
    char key[32];
    ring_open(ring, 3, 1);
    key_led_by(ring, 2, 0, key);
    ring_treat(ring, MESSAGE_FORWARD_REPLY, FATE_HELD);
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
    ring_treat(ring, MESSAGE_WRITE, FATE_LOST);
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
    ring_treat(ring, MESSAGE_FORWARD, FATE_LOST);
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
    ring_treat(ring, MESSAGE_FORWARD, FATE_LOST);
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
        cmocka_unit_test(a_write_whose_coordinator_dies_behind_it_is_done_once),
        cmocka_unit_test(a_write_whose_coordinator_dies_before_it_is_done_at_most_once),
        cmocka_unit_test(a_write_whose_coordinator_is_frozen_is_done_at_most_once),
        cmocka_unit_test(a_get_that_claims_is_asked_again),
        cmocka_unit_test(what_compares_a_token_is_done_once),
        cmocka_unit_test(gets_and_touches_are_sent_on),
        cmocka_unit_test(a_touch_that_may_have_been_done_never_claims_that_it_was_not),
        cmocka_unit_test(a_request_that_never_left_is_sent_elsewhere_whatever_it_is),
        cmocka_unit_test(a_lost_forward_goes_elsewhere_and_its_silent_peer_is_left_alone_until_it_answers),
        cmocka_unit_test(a_silent_peer_is_waited_for_when_there_is_nobody_else),
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
