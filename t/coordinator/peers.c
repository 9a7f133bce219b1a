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

static void a_silent_one_is_probed_after_pauses_that_grow(void **state)
{
    (void)state;
    struct peer *peer = open_peer();
    uint64_t now = 1000, pause = PEER_PROBE_MS_MIN;
    peer_on_silence(peer, at_ms(now));
    for (unsigned probes = 0; probes < 8; probes++) {
        assert_false(peer_is_up(peer, at_ms(now + pause - 1)));
        assert_null(peer_request(&peers, peer, at_ms(now + pause - 1)));
        now += pause;
        assert_true(peer_is_up(peer, at_ms(now)));
        assert_non_null(peer_request(&peers, peer, at_ms(now))); /* that is the probe */
        assert_false(peer_is_up(peer, at_ms(now)));
        now += 5000;
        peer_on_silence(peer, at_ms(now)); /* its deadline */
        pause = 2 * pause < PEER_PROBE_MS_MAX ? 2 * pause : PEER_PROBE_MS_MAX;
    }
    assert_int_equal(pause, PEER_PROBE_MS_MAX);
    peer_on_answer(peer, 1 * MS);
    assert_true(peer_is_up(peer, at_ms(now)));
    peer_on_silence(peer, at_ms(now)); /* and the next silence begins with a short pause */
    assert_true(peer_is_up(peer, at_ms(now + PEER_PROBE_MS_MIN)));
    close_peer();
}

/* Rounds may be given up before their deadline when there are very many: silence is noticed all the same. */
static void who_answers_nothing_for_a_second_is_silent(void **state)
{
    (void)state;
    struct peer *peer = open_peer();
    for (uint64_t ms = 1000; ms <= 1000 + PEER_SILENCE_MS; ms += 10)
        assert_non_null(peer_request(&peers, peer, at_ms(ms)));
    assert_false(peer_is_up(peer, at_ms(1001 + PEER_SILENCE_MS)));
    assert_null(peer_request(&peers, peer, at_ms(1001 + PEER_SILENCE_MS)));
    peer_on_sign(peer);
    assert_true(peer_is_up(peer, at_ms(1002 + PEER_SILENCE_MS)));
    for (uint64_t ms = 5000; ms <= 50000; ms += 900) { /* slow, but not silent */
        assert_non_null(peer_request(&peers, peer, at_ms(ms)));
        peer_on_answer(peer, 800 * (uint64_t)MS);
    }
    assert_true(peer_is_up(peer, at_ms(60000))); /* not having been asked is no silence */
    close_peer();
}

/* A lost answer, and nothing was asked for long: the next request is a probe at once, not an error first. */
static void after_a_long_rest_a_lost_answer_costs_nothing(void **state)
{
    (void)state;
    struct peer *peer = open_peer();
    assert_non_null(peer_request(&peers, peer, at_ms(1000)));
    assert_true(peer_is_up(peer, at_ms(20000)));
    assert_non_null(peer_request(&peers, peer, at_ms(20000)));
    assert_false(peer_is_up(peer, at_ms(20001))); /* until it answers */
    peer_on_answer(peer, MS);
    assert_true(peer_is_up(peer, at_ms(20002)));
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
        cmocka_unit_test(who_answers_nothing_for_a_second_is_silent),
        cmocka_unit_test(after_a_long_rest_a_lost_answer_costs_nothing),
        cmocka_unit_test(the_hedge_follows_the_99th_percentile),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
