/* Gets in a ring of three: whom they ask, when they answer, what they leave behind. */
#include "coordinator/owners.h"

static struct ring the_ring;
static struct ring *const ring = &the_ring;

static void get_asks_as_many_others_as_it_needs_and_no_more(void **state)
{
    (void)state;
    owners_open(ring);
    assert_int_equal(set(ring, at(ring, "k", 0), "k", "v"), REQUEST_OK);
    memset(ring->frames, 0, sizeof ring->frames);
    assert_true(shows(ring, at(ring, "k", 0), "k", "v"));
    assert_int_equal(ring->frames[MESSAGE_READ], 1);
    assert_int_equal(ring->frames[MESSAGE_WRITE], 0);
    assert_int_equal(COORDINATED(ring, at(ring, "k", 0), same_answers), 1);
    assert_int_equal(get(ring, at(ring, "none", 2), "none")->status, REQUEST_MISS);
    assert_int_equal(ring->frames[MESSAGE_READ], 2);
    assert_int_equal(get(ring, at(ring, "w:none", 0), "w:none")->status, REQUEST_MISS);
    assert_int_equal(ring->frames[MESSAGE_READ], 4); /* r = 3 */
    owners_close(ring);
}

static void get_answers_after_r(void **state)
{
    (void)state;
    owners_open(ring);
    unsigned first = at(ring, "w:k", 0), second = at(ring, "w:k", 1), third = at(ring, "w:k", 2);
    assert_int_equal(set(ring, first, "w:k", "v"), REQUEST_OK);
    rule(FATE_HELD, MESSAGE_READ_REPLY, (int)third, ANY);
    struct request *request = ask(ring, REQUEST_GET, "w:k"); /* r = 3 */
    start(ring, first, request);
    assert_false(is_done(request)); /* two of three have answered */
    all_arrive();
    ring_release_held(ring);
    ring_pump(ring);
    assert_true(is_done(request) && request->status == REQUEST_OK);

    rule(FATE_HELD, MESSAGE_READ_REPLY, ANY, ANY);
    request = ask(ring, REQUEST_GET, "k"); /* r = 2 */
    start(ring, at(ring, "k", 0), request);
    assert_false(is_done(request));
    all_arrive();
    ring_release_held(ring);
    ring_pump(ring);
    assert_true(is_done(request) && request->status == REQUEST_MISS);
    (void)second;
    owners_close(ring);
}

static void r1_sends_nothing(void **state)
{
    (void)state;
    owners_open(ring);
    assert_int_equal(set(ring, at(ring, "a:k", 0), "a:k", "v"), REQUEST_OK);
    memset(ring->frames, 0, sizeof ring->frames);
    for (unsigned place = 0; place < 3; place++)
        assert_true(shows(ring, at(ring, "a:k", place), "a:k", "v"));
    for (unsigned type = 0; type < 16; type++)
        assert_int_equal(ring->frames[type], 0);
    assert_true(coordinator_wake_at(&ring_loop(ring, at(ring, "a:k", 1), 0)->coordinator) == UINT64_MAX);
    owners_close(ring);
}

static void get_merges_and_writes_back_before_the_reply(void **state)
{
    (void)state;
    owners_open(ring);
    unsigned first = at(ring, "k", 0), second = at(ring, "k", 1), third = at(ring, "k", 2);
    plant(ring, 2, "k", "v");
    rule(FATE_HELD, MESSAGE_WRITE_REPLY, ANY, ANY);
    struct request *request = ask(ring, REQUEST_GET, "k");
    start(ring, third, request); /* it asks the first owner, which has nothing */
    assert_false(is_done(request));
    assert_true(holds(ring, first, "k", "v")); /* has it, but the reader does not know yet */
    all_arrive();
    ring_release_held(ring);
    ring_pump(ring);
    assert_true(is_done(request) && request->status == REQUEST_OK);
    assert_true(bytes_equal(request->versions[0].value, text("v")));
    assert_int_equal(COORDINATED(ring, third, repairs_before), 1);

    plant(ring, 2, "m", "v");
    first = at(ring, "m", 0), third = at(ring, "m", 2);
    rule(FATE_LOST, MESSAGE_READ, (int)first, (int)at(ring, "m", 1));
    request = ask(ring, REQUEST_GET, "m");
    start(ring, first, request); /* hedges to the third in the end */
    ring_pass(ring, 60);
    assert_true(is_done(request) && request->status == REQUEST_OK);
    assert_true(holds(ring, first, "m", "v")); /* its own copy as well */
    (void)second;
    owners_close(ring);
}

/* A later reader of any quorum sees what an earlier one saw. */
static void no_later_read_is_older(void **state)
{
    (void)state;
    owners_open(ring);
    for (unsigned reader = 0; reader < 3; reader++) {
        for (unsigned later = 0; later < 3; later++) {
            char key[16];
            snprintf(key, sizeof key, "k%u%u", reader, later);
            plant(ring, 2, key, "v");
            bool seen = shows(ring, at(ring, key, reader), key, "v");
            assert_true(!seen || shows(ring, at(ring, key, later), key, "v"));
            if (reader == 2)
                assert_true(seen);
        }
    }
    owners_close(ring);
}

static void a_write_back_that_is_not_acknowledged_holds_the_answer_up_no_longer_than_a_hedge(void **state)
{
    (void)state;
    owners_open(ring);
    unsigned third = at(ring, "k", 2);
    plant(ring, 2, "k", "v");
    rule(FATE_LOST, MESSAGE_WRITE_REPLY, ANY, (int)third);
    struct request *request = ask(ring, REQUEST_GET, "k");
    start(ring, third, request);
    assert_false(is_done(request));
    ring_pass(ring, 52); /* PEER_HEDGE_US_FIRST: little is known of the peer yet */
    assert_true(is_done(request) && request->status == REQUEST_OK);
    owners_close(ring);
}

static void hedge_goes_to_next_owner(void **state)
{
    (void)state;
    owners_open(ring);
    unsigned first = at(ring, "k", 0), second = at(ring, "k", 1);
    assert_int_equal(set(ring, first, "k", "v"), REQUEST_OK);
    rule(FATE_LOST, MESSAGE_READ, (int)first, (int)second);
    memset(ring->frames, 0, sizeof ring->frames);
    struct request *request = ask(ring, REQUEST_GET, "k");
    start(ring, first, request);
    ring_pass(ring, 48);
    assert_false(is_done(request));
    ring_pass(ring, 4);
    assert_true(is_done(request) && request->status == REQUEST_OK);
    assert_int_equal(COORDINATED(ring, first, hedges), 1);
    assert_int_equal(ring->frames[MESSAGE_READ], 1); /* the third got it; the second's was lost on the way */
    owners_close(ring);
}

static void late_answer_is_repaired(void **state)
{
    (void)state;
    owners_open(ring);
    unsigned first = at(ring, "k", 0), second = at(ring, "k", 1), third = at(ring, "k", 2);
    rule(FATE_LOST, MESSAGE_WRITE, (int)first, (int)second);
    assert_int_equal(set(ring, first, "k", "v"), REQUEST_OK);
    assert_true(holds(ring, second, "k", NULL));
    all_arrive();
    rule(FATE_HELD, MESSAGE_READ_REPLY, (int)second, ANY);
    struct request *request = ask(ring, REQUEST_GET, "k");
    start(ring, first, request);
    ring_pass(ring, 52); /* the third is asked too, and has the same */
    assert_true(is_done(request) && request->status == REQUEST_OK);
    all_arrive();
    ring_release_held(ring);
    ring_pump(ring);
    assert_true(holds(ring, second, "k", "v"));
    assert_int_equal(COORDINATED(ring, first, repairs_after), 1);
    assert_int_equal(COORDINATED(ring, first, repairs_before), 0);
    (void)third;
    owners_close(ring);
}

static void a_late_answer_with_news_repairs_those_who_answered_before(void **state)
{
    (void)state;
    owners_open(ring);
    unsigned first = at(ring, "k", 0), second = at(ring, "k", 1), third = at(ring, "k", 2);
    plant(ring, 1, "k", "news");
    rule(FATE_HELD, MESSAGE_READ_REPLY, (int)second, ANY);
    struct request *request = ask(ring, REQUEST_GET, "k");
    start(ring, first, request);
    ring_pass(ring, 52);
    assert_true(is_done(request) && request->status == REQUEST_MISS);
    all_arrive();
    ring_release_held(ring);
    ring_pump(ring);
    assert_true(holds(ring, first, "k", "news"));
    assert_true(holds(ring, third, "k", "news"));
    owners_close(ring);
}

/* It was told the fingerprint of the local copy as that was when it was asked; that copy has changed since. */
static void a_late_answer_that_nothing_differs_is_about_the_copy_of_then(void **state)
{
    (void)state;
    owners_open(ring);
    unsigned first = at(ring, "k", 0), third = at(ring, "k", 2);
    assert_int_equal(set(ring, first, "k", "old"), REQUEST_OK);
    ring_pass(ring, 5);
    plant(ring, 1, "k", "new");
    ring_loop(ring, first, 0)->coordinator.settings.read_all_share = 1000;
    rule(FATE_HELD, MESSAGE_READ_REPLY, (int)third, ANY);
    assert_true(shows(ring, first, "k", "new"));
    assert_true(holds(ring, third, "k", "old"));
    all_arrive();
    ring_release_held(ring);
    ring_pump(ring);
    assert_true(holds(ring, third, "k", "new"));
    owners_close(ring);
}

/* While older news are being written back, an answer brings newer ones: whoever is shown these too must find them at a
 * quorum, or is not shown them yet. */
static void what_is_shown_has_been_written_back(void **state)
{
    (void)state;
    all_arrive();
    ring_open(ring, 5, 5);
    owners_set_buckets(ring);
    ring->judge = owners_judge;
    unsigned first = at(ring, "w:k", 0), second = at(ring, "w:k", 1), third = at(ring, "w:k", 2),
             fourth = at(ring, "w:k", 3); /* r = 3 */
    plant(ring, 1, "w:k", "old");
    ring_pass(ring, 5);
    plant(ring, 3, "w:k", "new");
    ring_loop(ring, first, 0)->coordinator.settings.read_all_share = 1000;
    rule(FATE_HELD, MESSAGE_READ_REPLY, (int)fourth, ANY);
    rule(FATE_HELD, MESSAGE_WRITE_REPLY, ANY, ANY);
    rule(FATE_LOST, MESSAGE_READ, (int)first, (int)at(ring, "w:k", 4));
    struct request *request = ask(ring, REQUEST_GET, "w:k");
    start(ring, first, request);
    assert_false(is_done(request));
    assert_true(holds(ring, second, "w:k", "old") && holds(ring, third, "w:k", "old"));
    all_arrive();
    rule(FATE_LOST, MESSAGE_WRITE, ANY, ANY);
    ring_release_held(ring);
    ring_pump(ring);
    assert_true(is_done(request) && request->status == REQUEST_OK);
    bool shows_new = bytes_equal(request->versions[0].value, text("new"));
    unsigned with_it = 0; /* who has what is newer has both */
    for (unsigned m = 0; m < 5; m++)
        with_it += holds(ring, m, "w:k", "new") || (!shows_new && holds(ring, m, "w:k", "old"));
    assert_true(with_it >= 3);

    all_arrive(); /* and what came too late to be shown is repaired all the same */
    assert_true(shows(ring, first, "w:k", "new"));
    owners_close(ring);
}

static void duplicate_reply_counts_once(void **state)
{
    (void)state;
    owners_open(ring);
    unsigned first = at(ring, "w:k", 0), second = at(ring, "w:k", 1), third = at(ring, "w:k", 2);
    rule(FATE_TWICE, MESSAGE_READ_REPLY, (int)second, ANY);
    rule(FATE_LOST, MESSAGE_READ_REPLY, (int)third, ANY);
    struct request *request = ask(ring, REQUEST_GET, "w:k"); /* r = 3 */
    start(ring, first, request);
    assert_false(is_done(request));
    ring_pass(ring, RING_TIMEOUT_MS + 2);
    assert_true(is_done(request));
    assert_int_equal(request->status, REQUEST_FAILED);
    assert_int_equal(request->failure, FAILURE_TIMEOUT);
    assert_int_equal(COORDINATED(ring, first, timeouts), 1);
    owners_close(ring);
}

static void an_answer_after_all_is_over_is_dropped(void **state)
{
    (void)state;
    owners_open(ring);
    unsigned first = at(ring, "k", 0);
    rule(FATE_HELD, MESSAGE_READ_REPLY, ANY, ANY);
    struct request *request = ask(ring, REQUEST_GET, "k");
    start(ring, first, request);
    ring_pass(ring, RING_TIMEOUT_MS + 2);
    assert_true(is_done(request));
    all_arrive();
    uint64_t late = COORDINATED(ring, first, late_answers);
    ring_release_held(ring);
    ring_pump(ring);
    assert_int_equal(COORDINATED(ring, first, late_answers), late + 2);
    assert_int_equal(get(ring, first, "k")->status, REQUEST_MISS); /* and whoever answers is up again */
    owners_close(ring);
}

/* Even if the next round takes the place of the one that it belonged to. */
static void an_answer_to_an_earlier_round_does_not_count_in_a_later_one(void **state)
{
    (void)state;
    owners_open(ring);
    unsigned first = at(ring, "w:k", 0);
    rule(FATE_HELD, MESSAGE_READ_REPLY, ANY, ANY);
    struct request *request = ask(ring, REQUEST_GET, "w:k"); /* r = 3 */
    start(ring, first, request);
    ring_pass(ring, RING_TIMEOUT_MS + 200);
    assert_true(is_done(request));
    all_arrive();
    rule(FATE_LOST, MESSAGE_READ, ANY, ANY);
    request = ask(ring, REQUEST_GET, "w:k");
    start(ring, first, request);
    ring_release_held(ring);
    ring_pump(ring);
    assert_false(is_done(request));
    ring_pass(ring, RING_TIMEOUT_MS + 2);
    assert_true(is_done(request) && request->failure == FAILURE_TIMEOUT);
    owners_close(ring);
}

static void a_share_of_gets_asks_all_owners(void **state)
{
    (void)state;
    owners_open(ring);
    unsigned first = at(ring, "k", 0), third = at(ring, "k", 2);
    struct coordinator *coordinator = &ring_loop(ring, first, 0)->coordinator;
    rule(FATE_LOST, MESSAGE_WRITE, (int)first, (int)third);
    assert_int_equal(set(ring, first, "k", "v"), REQUEST_OK);
    all_arrive();
    coordinator->settings.read_all_share = 1000;
    assert_true(shows(ring, first, "k", "v"));
    assert_int_equal(ring->frames[MESSAGE_READ], 2);
    assert_true(holds(ring, third, "k", "v")); /* nobody but such a get would have asked it */

    coordinator->settings.read_all_share = 100;
    memset(ring->frames, 0, sizeof ring->frames);
    for (unsigned i = 0; i < 1000; i++)
        assert_true(shows(ring, first, "k", "v"));
    /* 1000 + Binomial(1000, 0.1): five standard deviations are 48. */
    assert_in_range(ring->frames[MESSAGE_READ], 1052, 1148);

    coordinator->settings.read_all_share = 1000; /* also where the local copy is answer enough */
    assert_int_equal(get(ring, at(ring, "a:k", 0), "a:k")->status, REQUEST_MISS);
    owners_close(ring);
}

static void with_too_few_owners_up_nothing_is_asked(void **state)
{
    (void)state;
    owners_open(ring);
    ring_part(ring, 0, 1);
    ring_pump(ring);
    memset(ring->frames, 0, sizeof ring->frames);
    struct request *request = get(ring, 0, "w:k"); /* r = 3 */
    assert_int_equal(request->failure, FAILURE_NO_QUORUM);
    assert_int_equal(ring->frames[MESSAGE_READ], 0);
    ring_part(ring, 0, 2);
    ring_pump(ring);
    memset(ring->frames, 0, sizeof ring->frames);
    request = get(ring, 0, "k");
    assert_int_equal(request->status, REQUEST_FAILED);
    assert_int_equal(request->failure, FAILURE_NO_QUORUM);
    assert_int_equal(ring->frames[MESSAGE_READ], 0);
    request = ask(ring, REQUEST_GET, "a:k"); /* r = 1 */
    assert_int_equal(run(ring, 0, request), REQUEST_MISS);
    owners_close(ring);
}

static void a_read_whose_owner_goes_is_asked_of_the_next_at_once(void **state)
{
    (void)state;
    owners_open(ring);
    unsigned first = at(ring, "k", 0), second = at(ring, "k", 1);
    assert_int_equal(set(ring, first, "k", "v"), REQUEST_OK);
    rule(FATE_HELD, MESSAGE_READ, (int)first, (int)second);
    struct request *request = ask(ring, REQUEST_GET, "k");
    start(ring, first, request);
    assert_false(is_done(request));
    ring_cut(ring, ring_joint(ring, first, 0, second));
    ring_pump(ring);
    assert_true(is_done(request) && request->status == REQUEST_OK);
    owners_close(ring);
}

static void siblings_at_different_owners_are_all_shown(void **state)
{
    (void)state;
    owners_open(ring);
    plant(ring, 0, "s:k", "here");
    plant(ring, 1, "s:k", "there");
    struct request *request = get(ring, at(ring, "s:k", 0), "s:k");
    assert_int_equal(request->status, REQUEST_OK);
    assert_int_equal(request->version_count, 2);
    for (unsigned place = 0; place < 2; place++) {
        uint64_t token = node_token(ring_loop(ring, at(ring, "s:k", 0), 0), request, NODE_ALL_VERSIONS);
        struct request *again = get(ring, at(ring, "s:k", place), "s:k");
        assert_int_equal(again->version_count, 2);
        assert_true(node_token(ring_loop(ring, at(ring, "s:k", place), 0), again, NODE_ALL_VERSIONS) == token);
    }
    plant(ring, 0, "l:k", "here");
    ring_pass(ring, 5);
    plant(ring, 1, "l:k", "there");
    request = get(ring, at(ring, "l:k", 0), "l:k");
    assert_int_equal(request->version_count, 1); /* only the latest */
    assert_true(bytes_equal(request->versions[0].value, text("there")));
    assert_true(holds(ring, at(ring, "l:k", 0), "l:k", "there"));
    owners_close(ring);
}

static void an_unreadable_copy_is_got_back_from_the_others(void **state)
{
    (void)state;
    owners_open(ring);
    unsigned first = at(ring, "k", 0);
    assert_int_equal(set(ring, first, "k", "v"), REQUEST_OK);
    struct blob *record = record_at(ring, first, "k");
    memset(record->at, 0xff, record->len); /* as the store would hand out what a checksum cannot see */
    blob_release(record);
    assert_true(shows(ring, first, "k", "v"));
    assert_true(holds(ring, first, "k", "v"));
    owners_close(ring);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(get_asks_as_many_others_as_it_needs_and_no_more),
        cmocka_unit_test(get_answers_after_r),
        cmocka_unit_test(r1_sends_nothing),
        cmocka_unit_test(get_merges_and_writes_back_before_the_reply),
        cmocka_unit_test(no_later_read_is_older),
        cmocka_unit_test(a_write_back_that_is_not_acknowledged_holds_the_answer_up_no_longer_than_a_hedge),
        cmocka_unit_test(hedge_goes_to_next_owner),
        cmocka_unit_test(late_answer_is_repaired),
        cmocka_unit_test(a_late_answer_with_news_repairs_those_who_answered_before),
        cmocka_unit_test(a_late_answer_that_nothing_differs_is_about_the_copy_of_then),
        cmocka_unit_test(what_is_shown_has_been_written_back),
        cmocka_unit_test(duplicate_reply_counts_once),
        cmocka_unit_test(an_answer_after_all_is_over_is_dropped),
        cmocka_unit_test(an_answer_to_an_earlier_round_does_not_count_in_a_later_one),
        cmocka_unit_test(a_share_of_gets_asks_all_owners),
        cmocka_unit_test(with_too_few_owners_up_nothing_is_asked),
        cmocka_unit_test(a_read_whose_owner_goes_is_asked_of_the_next_at_once),
        cmocka_unit_test(siblings_at_different_owners_are_all_shown),
        cmocka_unit_test(an_unreadable_copy_is_got_back_from_the_others),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
