/* Replies leave in the order of the commands, whatever order the node answers in; clients that do not read wait. */
#include "frontend/talk.h"

#include "base/prng.h"

static void store_keys(struct talk *talk, unsigned keys)
{
    char line[60];
    for (unsigned i = 0; i < keys; i++) {
        (void)snprintf(line, sizeof line, "set k%u 0 0 2\r\nv%u\r\n", i, i);
        says(talk, line, "STORED\r\n");
    }
    talk->store->holds = true;
}

/* Lets one held request end, and the session go on if it asked to. */
static void release(struct talk *talk, unsigned index)
{
    fake_release(talk->store, index);
    talk->ready = 0;
    node_settle(&talk->node, talk->now);
    if (talk->ready > 0)
        talk->verdict = session_continue(&talk->session, talk->now);
    talk_drain(talk);
}

TALK_TEST(reads_answered_backwards_are_replied_forwards)
{
    store_keys(talk, 3);
    says(talk, "get k0\r\nget k1\r\nmg k2 v\r\n", "");
    assert_int_equal(talk->store->held_count, 3);
    release(talk, 2);
    release(talk, 1);
    talk_hears(talk, text(""));
    release(talk, 0);
    talk_hears(talk, text("VALUE k0 0 2\r\nv0\r\nEND\r\nVALUE k1 0 2\r\nv1\r\nEND\r\nVA 2\r\nv2\r\n"));
    assert_int_equal(talk->verdict, SESSION_READ);
}

TALK_TEST(keys_of_one_line_are_asked_together_and_answered_in_order)
{
    store_keys(talk, 3);
    says(talk, "get k0 k1 k2 none\r\n", "");
    assert_int_equal(talk->store->held_count, 4);
    release(talk, 3);
    release(talk, 0);
    talk_hears(talk, text("VALUE k0 0 2\r\nv0\r\n"));
    release(talk, 1);
    release(talk, 0);
    talk_hears(talk, text("VALUE k1 0 2\r\nv1\r\nVALUE k2 0 2\r\nv2\r\nEND\r\n"));
}

TALK_TEST_WITH(no_more_reads_are_in_flight_than_allowed, settings.reads_inflight_max = 2)
{
    store_keys(talk, 3);
    says(talk, "get k0 k1 k2\r\nget k0\r\n", "");
    assert_int_equal(talk->store->held_count, 2);
    assert_int_equal(talk->verdict, SESSION_PAUSE);
    release(talk, 1); /* done, but its record is still held: nothing more is asked */
    assert_int_equal(talk->store->held_count, 1);
    release(talk, 0);
    talk_hears(talk, text("VALUE k0 0 2\r\nv0\r\nVALUE k1 0 2\r\nv1\r\n"));
    assert_int_equal(talk->store->held_count, 2);
    release(talk, 1);
    talk_hears(talk, text(""));
    release(talk, 0);
    talk_hears(talk, text("VALUE k2 0 2\r\nv2\r\nEND\r\nVALUE k0 0 2\r\nv0\r\nEND\r\n"));
}

TALK_TEST(a_write_waits_for_the_reads_before_it_and_the_reads_behind_it_wait)
{
    store_keys(talk, 1);
    says(talk, "get k0\r\nset k0 0 0 3\r\nnew\r\nget k0\r\n", "");
    assert_int_equal(talk->store->held_count, 1);
    assert_int_equal(talk->verdict, SESSION_PAUSE);
    release(talk, 0);
    talk_hears(talk, text("VALUE k0 0 2\r\nv0\r\nEND\r\n"));
    assert_int_equal(talk->store->held_count, 1);
    release(talk, 0);
    talk_hears(talk, text("STORED\r\n"));
    release(talk, 0);
    talk_hears(talk, text("VALUE k0 0 3\r\nnew\r\nEND\r\n"));
}

/* talk_feed frees the input after each call, so the sanitizer notices a value or key that was not kept. */
TALK_TEST(values_and_keys_outlive_the_input)
{
    talk->store->holds = true;
    says(talk, "set k 1 0 5\r\nhello\r\n", "");
    assert_int_equal(talk->verdict, SESSION_READ);
    release(talk, 0);
    talk_hears(talk, text("STORED\r\n"));
    says(talk, "ms bWU= 2 b k Oab c q\r\nhi\r\nmg bWU= b k v Oxyz\r\n", "");
    release(talk, 0);
    release(talk, 0);
    talk_hears(talk, text("VA 2 kbWU= b Oxyz\r\nhi\r\n"));
}

TALK_TEST(commands_to_the_server_keep_their_place)
{
    store_keys(talk, 1);
    says(talk, "get k0\r\nversion\r\nverbosity 2\r\nstats\r\nget k0\r\nquit\r\nget k0\r\n", "");
    assert_int_equal(talk->verbosity, 0);
    release(talk, 0);
    talk_hears(talk, text("VALUE k0 0 2\r\nv0\r\nEND\r\nVERSION 1.2.3\r\nOK\r\nSTAT pid 7\r\nSTAT bare\r\nEND\r\n"));
    assert_int_equal(talk->verbosity, 2);
    release(talk, 0);
    talk_hears(talk, text("VALUE k0 0 2\r\nv0\r\nEND\r\n"));
    assert_int_equal(talk->verdict, SESSION_CLOSE);
}

TALK_TEST(a_rude_line_behind_a_slow_read_closes_after_the_answer)
{
    store_keys(talk, 1);
    says(talk, "get k0\r\nGET / HTTP/1.1\r\nHost: x\r\n", "");
    talk_feed(talk, text("OPTIONS / HTTP/1.0\r\n"));
    release(talk, 0);
    while (talk->verdict != SESSION_CLOSE && talk->store->held_count > 0)
        release(talk, 0);
    assert_int_equal(talk->verdict, SESSION_CLOSE);
}

TALK_TEST(a_session_closes_only_when_the_node_is_done_with_it)
{
    store_keys(talk, 2);
    says(talk, "get k0 k1\r\nset k0 0 0 1\r\nx\r\nget k1\r\n", "");
    assert_false(session_close(&talk->session));
    talk->ready = 0;
    fake_release(talk->store, 1);
    node_settle(&talk->node, talk->now);
    assert_int_equal(talk->ready, 0);
    assert_false(session_close(&talk->session));
    fake_release(talk->store, 0);
    node_settle(&talk->node, talk->now);
    assert_int_equal(talk->ready, 1); /* talk_end closes it for good and finds nothing borrowed */
}

TALK_TEST(a_late_answer_is_timed_from_its_command_on)
{
    store_keys(talk, 1);
    says(talk, "get k0\r\n", "");
    frontend_end_turn(&talk->frontend, talk->now, talk->now);
    passes_s(talk, 2);
    release(talk, 0);
    talk_hears(talk, text("VALUE k0 0 2\r\nv0\r\nEND\r\n"));
    assert_int_equal(histogram_total(&talk->frontend.latency[LATENCY_GET]), 1);
    assert_int_equal(talk->frontend.latency[LATENCY_GET].max, 2000000000);
}

/* Any order of completions gives the replies of a server that answers at once. */
TALK_TEST(any_order_of_completions_gives_the_same_replies)
{
    static const char script[] =
        "get k0 k1 k2 k0\r\nmg k1 v k\r\nget none\r\nset k1 0 0 3\r\nabc\r\nget k1 k2\r\n"
        "get none k3\r\nincr n 1\r\nma n N0 J7 v\r\nappend k2 0 0 1\r\nx\r\nget k2 n\r\nmn\r\n";
    struct talk *other = calloc(1, sizeof *other);
    store_keys(talk, 4);
    talk->store->holds = false;
    talk_feed(talk, text("set k1 0 0 2\r\nv1\r\n"));
    input_close(&talk->heard);
    talk_feed(talk, text(script));
    for (uint64_t seed = 1; seed <= 50; seed++) {
        struct prng prng;
        prng_init(&prng, seed);
        talk_start(other);
        store_keys(other, 4);
        other->store->holds = false;
        talk_feed(other, text("set k1 0 0 2\r\nv1\r\n"));
        input_close(&other->heard);
        other->store->holds = true;
        talk_feed(other, text(script));
        while (other->store->held_count > 0)
            release(other, (unsigned)prng_below(&prng, other->store->held_count));
        struct bytes heard = talk_heard(other);
        if (!bytes_equal(heard, talk_heard(talk)))
            fail_msg("seed %llu: %.*s", (unsigned long long)seed, (int)heard.len, heard.at);
        talk_end(other);
    }
    free(other);
}

static void large_values(struct talk *talk, unsigned keys, size_t len)
{
    char line[60];
    uint8_t *value = malloc(len + 2);
    assert_non_null(value);
    memset(value, 'v', len);
    memcpy(value + len, "\r\n", 2);
    for (unsigned i = 0; i < keys; i++) {
        (void)snprintf(line, sizeof line, "set big%u 0 0 %zu\r\n", i, len);
        talk_feed(talk, text(line));
        talk_feed(talk, bytes_of(value, len + 2));
        talk_hears(talk, text("STORED\r\n"));
    }
    free(value);
}

TALK_TEST_WITH(a_client_that_does_not_read_makes_the_session_wait, settings.out_bytes_max = 100000)
{
    enum { KEYS = 20, LEN = 90000 };
    char line[400] = "get";
    large_values(talk, KEYS, LEN);
    for (unsigned i = 0; i < KEYS; i++)
        (void)snprintf(line + strlen(line), sizeof line - strlen(line), " big%u", i);
    (void)snprintf(line + strlen(line), sizeof line - strlen(line), "\r\nversion\r\n");
    talk->verdict = session_feed(&talk->session, talk->now, text(line));
    size_t replies = 0;
    while (talk->verdict == SESSION_PAUSE) {
        assert_true(talk->session.out.len <= talk->settings.out_bytes_max + LEN + 100);
        replies += talk->session.out.len;
        chain_consume(&talk->session.out, talk->session.out.len);
        talk->verdict = session_continue(&talk->session, talk->now);
    }
    replies += talk->session.out.len;
    assert_int_equal(talk->verdict, SESSION_READ);
    /* "VALUE bigN 0 90000\r\n", the value, its line end; ten keys have a second digit; END and the version behind it */
    assert_int_equal(replies, KEYS * (20 + LEN + 2) + 10 + 5 + strlen("VERSION 1.2.3\r\n"));
    talk_drain(talk);
    input_close(&talk->heard);
}

TALK_TEST_WITH(a_long_pipeline_lets_others_have_their_turn, settings.requests_per_event = 2)
{
    talk->verdict = session_feed(&talk->session, talk->now, text("mn\r\nmn\r\nmn\r\nmn\r\nmn\r\n"));
    assert_int_equal(talk->verdict, SESSION_YIELD);
    assert_int_equal(talk->session.out.len, 2 * 4);
    assert_int_equal(session_continue(&talk->session, talk->now), SESSION_YIELD);
    assert_int_equal(session_continue(&talk->session, talk->now), SESSION_READ);
    assert_int_equal(talk->session.out.len, 5 * 4);
    assert_int_equal(talk->frontend.counters.conn_yields, 2);
}

TALK_TEST(an_idle_session_holds_nothing)
{
    says(talk, "set k 0 0 5\r\nhel", "");
    assert_true(session_memory(&talk->session) > 0);
    says(talk, "lo\r\n", "STORED\r\n");
    assert_null(talk->session.work);
    assert_int_equal(session_memory(&talk->session), 0);
    says(talk, "get k\r", "");
    assert_non_null(talk->session.work);
    says(talk, "\n", "VALUE k 0 5\r\nhello\r\nEND\r\n");
    assert_null(talk->session.work);
    assert_int_equal(talk->frontend.tasks.borrowed, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(reads_answered_backwards_are_replied_forwards),
        cmocka_unit_test(keys_of_one_line_are_asked_together_and_answered_in_order),
        cmocka_unit_test(no_more_reads_are_in_flight_than_allowed),
        cmocka_unit_test(a_write_waits_for_the_reads_before_it_and_the_reads_behind_it_wait),
        cmocka_unit_test(values_and_keys_outlive_the_input),
        cmocka_unit_test(commands_to_the_server_keep_their_place),
        cmocka_unit_test(a_rude_line_behind_a_slow_read_closes_after_the_answer),
        cmocka_unit_test(a_session_closes_only_when_the_node_is_done_with_it),
        cmocka_unit_test(a_late_answer_is_timed_from_its_command_on),
        cmocka_unit_test(any_order_of_completions_gives_the_same_replies),
        cmocka_unit_test(a_client_that_does_not_read_makes_the_session_wait),
        cmocka_unit_test(a_long_pipeline_lets_others_have_their_turn),
        cmocka_unit_test(an_idle_session_holds_nothing),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
