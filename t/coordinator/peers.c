/* Who is up, who is silent, how fast they are. */
#include "coordinator/peers.h"

#include "base/chain.h"
#include "base/list.h"
#include "base/prng.h"
#include "base/seeded.h"

enum { MS = 1000000 };

static struct queue flushes;
static struct peers peers;
static struct pool chunks;
static struct link link_of_seven;

static struct instant at_ms(uint64_t ms)
{
    return (struct instant){.mono_ns = ms * MS, .wall_ms = ms};
}

static struct peer *open_peer(void)
{
    queue_init(&flushes);
    peers_init(&peers, &flushes);
    pool_init(&chunks, chain_chunk_size(), 4);
    link_of_seven = (struct link){.peer = 7, .is_dialled = true, .out_max = 100};
    chain_init(&link_of_seven.out, &chunks);
    struct peer *peer = peers_take(&peers, 7);
    peer_set_link(peer, &link_of_seven);
    return peer;
}

static void close_peer(void)
{
    chain_close(&link_of_seven.out);
    pool_close(&chunks);
    peers_close(&peers);
}

static void peers_are_found_whatever_order_they_came_in(void **state)
{
    (void)state;
    const uint32_t nodes[] = {50, 10, 40, 20, 30, 60, 5, 70, 1, 90, 80};
    (void)open_peer();
    for (unsigned i = 0; i < sizeof nodes / sizeof *nodes; i++) {
        assert_null(peers_find(&peers, nodes[i]));
        assert_int_equal(peers_take(&peers, nodes[i])->node, nodes[i]);
    }
    for (unsigned i = 0; i < sizeof nodes / sizeof *nodes; i++) {
        assert_int_equal(peers_find(&peers, nodes[i])->node, nodes[i]);
        assert_ptr_equal(peers_take(&peers, nodes[i]), peers_find(&peers, nodes[i]));
    }
    assert_int_equal(peers.count, 12);
    assert_null(peers_find(&peers, 55));
    close_peer();
}

static void a_request_puts_the_link_among_the_flushes_once(void **state)
{
    (void)state;
    struct peer *peer = open_peer();
    assert_true(peer_is_up(peer, at_ms(1)));
    assert_ptr_equal(peer_request(&peers, peer, at_ms(1)), &link_of_seven.out);
    assert_ptr_equal(peer_request(&peers, peer, at_ms(1)), &link_of_seven.out);
    assert_ptr_equal(queue_pop(&flushes), &link_of_seven.flush);
    assert_null(queue_pop(&flushes));
    close_peer();
}

static void without_a_link_or_with_a_full_one_it_is_not_up(void **state)
{
    (void)state;
    struct peer *peer = open_peer();
    uint8_t much[200] = {0};
    chain_append(&link_of_seven.out, bytes_of(much, sizeof much));
    assert_false(peer_is_up(peer, at_ms(1)));
    assert_null(peer_request(&peers, peer, at_ms(1)));
    assert_null(queue_pop(&flushes));
    chain_close(&link_of_seven.out);
    assert_true(peer_is_up(peer, at_ms(1)));
    peer_set_link(peer, NULL);
    assert_false(peer_is_up(peer, at_ms(1)));
    assert_null(peer_request(&peers, peer, at_ms(1)));
    close_peer();
}

/* So many answers that its latency is known. */
static void learn(struct peer *peer, uint64_t latency_ms)
{
    for (unsigned i = 0; i < 100; i++)
        peer_on_answer(peer, latency_ms * MS);
}

/* Looks every millisecond; returns when the peer has said to need this. */
static uint64_t look_until(struct peer *peer, uint64_t from_ms, enum peer_need need)
{
    for (uint64_t ms = from_ms; ms < from_ms + 10000; ms++) {
        peers.wake_at_ns = UINT64_MAX;
        if (peer_look(peer, at_ms(ms)) == need)
            return ms;
        assert_true(peers.wake_at_ns > ms * MS); /* there is more to be looked at, later */
    }
    return UINT64_MAX;
}

static void a_silent_one_is_probed_after_pauses_that_grow(void **state)
{
    (void)state;
    struct peer *peer = open_peer();
    uint64_t now = 1000, pause = PEER_PROBE_MS_MIN;
    peer_on_silence(peer, at_ms(now));
    assert_int_equal(look_until(peer, now, PEER_HAS_FALLEN_SILENT), now); /* told once */
    for (unsigned probes = 0; probes < 8; probes++) {
        assert_false(peer_is_up(peer, at_ms(now + pause)));
        assert_null(peer_request(&peers, peer, at_ms(now + pause)));
        assert_int_equal(look_until(peer, now, PEER_NEEDS_GREETING), now + pause);
        assert_true(peers.wake_at_ns > (now + pause) * MS);
        now += pause;
        peer_on_silence(peer, at_ms(now)); /* requests of before run into their deadlines: nothing new */
        pause = 2 * pause < PEER_PROBE_MS_MAX ? 2 * pause : PEER_PROBE_MS_MAX;
    }
    assert_int_equal(pause, PEER_PROBE_MS_MAX);
    peer_on_answer(peer, 1 * MS);
    assert_true(peer_is_up(peer, at_ms(now)));
    assert_int_equal(peers.returns, 1);
    peer_on_silence(peer, at_ms(now)); /* and the next silence begins with a short pause */
    assert_int_equal(look_until(peer, now, PEER_HAS_FALLEN_SILENT), now);
    assert_int_equal(look_until(peer, now, PEER_NEEDS_GREETING), now + PEER_PROBE_MS_MIN);
    close_peer();
}

static void whoever_can_do_nothing_without_a_silent_one_may_ask_it(void **state)
{
    (void)state;
    struct peer *peer = open_peer();
    peer_on_silence(peer, at_ms(1000));
    assert_true(peer_is_linked(peer));
    assert_null(peer_request(&peers, peer, at_ms(1001)));
    assert_ptr_equal(peer_request_in_need(&peers, peer, at_ms(1001)), &link_of_seven.out);
    peer_set_link(peer, NULL);
    assert_false(peer_is_linked(peer));
    assert_null(peer_request_in_need(&peers, peer, at_ms(1001)));
    close_peer();
}

/* Its patience is some times its own usual latency, within bounds. It is greeted at half of it. */
static void who_says_nothing_for_long_is_silent(void **state)
{
    (void)state;
    static const struct {
        uint64_t latency_ms, patience_ms;
    } cases[] = {{1, PEER_SILENCE_MS_MIN},
                 {30, (uint64_t)30 * PEER_SILENCE_P99S},
                 {400, PEER_SILENCE_MS_MAX},
                 {0, PEER_SILENCE_MS_MAX}}; /* 0: nothing is known of it */
    for (unsigned i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct peer *peer = open_peer();
        if (cases[i].latency_ms != 0)
            learn(peer, cases[i].latency_ms);
        assert_in_range(peer_patience_ns(peer), cases[i].patience_ms * MS * 9 / 10,
                        cases[i].patience_ms * MS * 11 / 10);
        uint64_t patience_ms = peer_patience_ns(peer) / MS;
        assert_non_null(peer_request(&peers, peer, at_ms(1000)));
        assert_in_range(peers.wake_at_ns, 1000 * (uint64_t)MS, (1001 + patience_ms / 2) * MS);
        assert_in_range(look_until(peer, 1000, PEER_NEEDS_GREETING), 1000 + patience_ms / 2, 1001 + patience_ms / 2);
        assert_non_null(peer_request(&peers, peer, at_ms(1000 + patience_ms))); /* it is the oldest that counts */
        assert_false(peer_is_up(peer, at_ms(1002 + patience_ms)));              /* also before the timer has gone off */
        uint64_t fell = look_until(peer, 1001 + patience_ms / 2, PEER_HAS_FALLEN_SILENT);
        assert_in_range(fell, 1000 + patience_ms, 1002 + patience_ms);
        peer_on_sign(peer);
        assert_true(peer_is_up(peer, at_ms(fell)));
        close_peer();
    }
}

static void who_answers_slowly_or_is_not_asked_is_not_silent(void **state)
{
    (void)state;
    struct peer *peer = open_peer();
    for (uint64_t ms = 5000; ms <= 50000; ms += 500) {
        assert_non_null(peer_request(&peers, peer, at_ms(ms)));
        assert_int_not_equal(peer_look(peer, at_ms(ms + 400)), PEER_HAS_FALLEN_SILENT);
        peer_on_answer(peer, 400 * (uint64_t)MS);
    }
    assert_true(peer_is_up(peer, at_ms(90000)));
    assert_int_equal(peer_look(peer, at_ms(90000)), PEER_NEEDS_NOTHING);
    assert_int_equal(peers.returns, 0);
    close_peer();
}

static void that_this_process_did_not_run_is_nobody_elses_silence(void **state)
{
    (void)state;
    struct peer *peer = open_peer();
    assert_non_null(peer_request(&peers, peer, at_ms(1000)));
    peers_forgive(&peers, 60000 * (uint64_t)MS);
    assert_true(peer_is_up(peer, at_ms(61100)));
    assert_int_equal(look_until(peer, 61100, PEER_HAS_FALLEN_SILENT), 61001 + PEER_SILENCE_MS_MAX);
    close_peer();
}

/* A new link in place of a broken one is a return, the first one of all is not. */
static void a_link_that_is_there_again_is_a_return(void **state)
{
    (void)state;
    struct peer *peer = open_peer();
    assert_int_equal(peers.returns, 0);
    peer_set_link(peer, &link_of_seven); /* a newer one beside the old */
    assert_int_equal(peers.returns, 0);
    peer_set_link(peer, NULL);
    peer_set_link(peer, &link_of_seven);
    assert_int_equal(peers.returns, 1);
    close_peer();
}

static void the_hedge_follows_the_99th_percentile(void **state)
{
    (void)state;
    const uint64_t seed = 23;
    struct prng prng;
    struct peer *peer = open_peer();
    prng_init(&prng, seed);
    assert_int_equal(peer_hedge_after_ns(peer), (uint64_t)PEER_HEDGE_US_FIRST * 1000);
    /* Between 2 and 4 ms: the true value is 3.98 ms. */
    for (unsigned i = 0; i < 20000; i++)
        peer_on_answer(peer, 2 * MS + prng_below(&prng, 2 * MS));
    assert_in_range(peer_hedge_after_ns(peer), 3500000, 4600000);
    /* It becomes slow: soon known. */
    for (unsigned i = 0; i < 200; i++)
        peer_on_answer(peer, 40 * (uint64_t)MS);
    assert_in_range(peer_hedge_after_ns(peer), 35 * (uint64_t)MS, 45 * (uint64_t)MS);
    /* And fast again. */
    for (unsigned i = 0; i < 20000; i++)
        peer_on_answer(peer, 100000 + prng_below(&prng, 100000));
    assert_int_equal(peer_hedge_after_ns(peer), (uint64_t)PEER_HEDGE_US_MIN * 1000);
    /* One in fifty takes 20 ms: the 99th percentile is among these. */
    for (unsigned i = 0; i < 200000; i++)
        peer_on_answer(peer, i % 50 == 0 ? 20 * (uint64_t)MS : 200000);
    assert_in_range(peer_hedge_after_ns(peer), 10 * (uint64_t)MS, 22 * (uint64_t)MS);
    close_peer();
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(peers_are_found_whatever_order_they_came_in),
        cmocka_unit_test(a_request_puts_the_link_among_the_flushes_once),
        cmocka_unit_test(without_a_link_or_with_a_full_one_it_is_not_up),
        cmocka_unit_test(a_silent_one_is_probed_after_pauses_that_grow),
        cmocka_unit_test(whoever_can_do_nothing_without_a_silent_one_may_ask_it),
        cmocka_unit_test(who_says_nothing_for_long_is_silent),
        cmocka_unit_test(who_answers_slowly_or_is_not_asked_is_not_silent),
        cmocka_unit_test(that_this_process_did_not_run_is_nobody_elses_silence),
        cmocka_unit_test(a_link_that_is_there_again_is_a_return),
        cmocka_unit_test(the_hedge_follows_the_99th_percentile),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
