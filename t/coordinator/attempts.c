/* A write whose coordinator was lost is tried again at another one, under its name [R10]: it is done once, and what
 * came between is not undone. */
#include "coordinator/owners.h"

static struct ring the_ring;
static struct ring *const ring = &the_ring;

enum { NAME = 0x1234567 };

static hybrid_time now(void)
{
    return hybrid_next(node_clock(ring->machines[0].shared), ring->now);
}

static struct request *attempt(struct request *request, uint32_t number, hybrid_time began)
{
    request->name = NAME;
    request->attempt = number;
    request->began = began;
    return request;
}

/* From here on the second owner coordinates what it is asked. */
static void lose_the_first(const char *key)
{
    ring_cut(ring, ring_joint(ring, at(ring, key, 1), 0, at(ring, key, 0)));
    ring_pump(ring);
}

static struct request *set_of(const char *key, const char *value)
{
    return asked(ring, REQUEST_SET, key, value);
}

/* ---- (a) ---- */

struct kind_case {
    enum request_kind kind;
    const char *before, *value, *after; /* before: NULL: there is nothing; after: what is shown then, NULL: a miss */
    enum request_status status;
};

static const struct kind_case the_cases[] = {
    {REQUEST_SET, NULL, "v", "v", REQUEST_OK},           {REQUEST_SET, "u", "v", "v", REQUEST_OK},
    {REQUEST_ADD, NULL, "v", "v", REQUEST_OK},           {REQUEST_ADD, "u", "v", "u", REQUEST_NOT_STORED},
    {REQUEST_REPLACE, "u", "v", "v", REQUEST_OK},        {REQUEST_REPLACE, NULL, "v", NULL, REQUEST_NOT_STORED},
    {REQUEST_APPEND, "u", "v", "uv", REQUEST_OK},        {REQUEST_PREPEND, "u", "v", "vu", REQUEST_OK},
    {REQUEST_INCR, "41", "", "42", REQUEST_OK},          {REQUEST_DECR, "41", "", "40", REQUEST_OK},
    {REQUEST_INCR, "ab", "", "ab", REQUEST_NON_NUMERIC}, {REQUEST_DELETE, "u", "", NULL, REQUEST_OK},
    {REQUEST_DELETE, NULL, "", NULL, REQUEST_MISS},
};

static struct request *request_of(const struct kind_case *of, const char *key)
{
    struct request *request = asked(ring, of->kind, key, of->value);
    request->delta = 1;
    return request;
}

static void a_second_attempt_answers_what_the_first_one_did(void **state)
{
    (void)state;
    for (unsigned i = 0; i < sizeof the_cases / sizeof *the_cases; i++) {
        const struct kind_case *of = &the_cases[i];
        owners_open(ring);
        unsigned first = at(ring, "k", 0), second = at(ring, "k", 1);
        if (of->before != NULL)
            assert_int_equal(set(ring, first, "k", of->before), REQUEST_OK);
        hybrid_time began = now();
        struct request *one = attempt(request_of(of, "k"), 1, began);
        if (of->before == NULL) /* so that a delete leaves a tombstone */
            rule(FATE_LOST, MESSAGE_READ_REPLY, (int)second, (int)first);
        start(ring, first, one);
        ring_pass(ring, 60);
        assert_true(is_done(one));
        assert_int_equal(one->status, of->status);
        all_arrive();
        lose_the_first("k");
        struct request *two = attempt(request_of(of, "k"), 2, began);
        run(ring, second, two);
        if (of->status == REQUEST_NON_NUMERIC) { /* it made no version that the second could find */
            assert_true(two->status == REQUEST_FAILED && two->failure == FAILURE_LOST);
        } else {
            assert_int_equal(two->status, of->status);
            assert_true(two->number == one->number);
        }
        if (of->status == REQUEST_OK)
            assert_true(two->written_token == one->written_token);
        for (unsigned place = 1; place < 3; place++) {
            struct request *seen = get(ring, at(ring, "k", place), "k");
            assert_int_equal(seen->status, of->after == NULL ? REQUEST_MISS : REQUEST_OK);
            if (of->after != NULL)
                assert_true(seen->version_count == 1 && bytes_equal(seen->versions[0].value, text(of->after)));
        }
        owners_close(ring);
    }
}

static void a_cas_that_was_done_is_done(void **state)
{
    (void)state;
    owners_open(ring);
    unsigned first = at(ring, "k", 0), second = at(ring, "k", 1);
    struct request *before = set_of("k", "1");
    assert_int_equal(run(ring, first, before), REQUEST_OK);
    uint64_t token = before->written_token;
    hybrid_time began = now();
    for (uint32_t number = 1; number <= 3; number++) {
        struct request *cas = attempt(set_of("k", "2"), number, began);
        cas->has_token = true;
        cas->token = token;
        assert_int_equal(run(ring, number == 1 ? first : second, cas), REQUEST_OK);
        if (number == 1)
            lose_the_first("k");
    }
    struct request *cas = set_of("k", "3"); /* without the name it would be refused, and is */
    cas->has_token = true;
    cas->token = token;
    assert_int_equal(run(ring, second, cas), REQUEST_EXISTS);
    assert_true(shows(ring, second, "k", "2"));
    owners_close(ring);
}

static void an_invalidation_that_was_done_is_done(void **state)
{
    (void)state;
    owners_open(ring);
    unsigned first = at(ring, "k", 0), second = at(ring, "k", 1);
    assert_int_equal(set(ring, first, "k", "v"), REQUEST_OK);
    hybrid_time began = now();
    for (uint32_t number = 1; number <= 2; number++) {
        struct request *request = attempt(ask(ring, REQUEST_DELETE, "k"), number, began);
        request->invalidate = true;
        assert_int_equal(run(ring, number == 1 ? first : second, request), REQUEST_OK);
        if (number == 1)
            lose_the_first("k");
    }
    struct request *seen = get(ring, second, "k");
    assert_true(seen->status == REQUEST_OK && seen->stale && seen->version_count == 1);
    owners_close(ring);
}

/* The first attempt came to one replica only: the second one sees to it that W have it before it says so. */
static void what_is_found_goes_to_w(void **state)
{
    (void)state;
    owners_open(ring);
    unsigned first = at(ring, "k", 0), second = at(ring, "k", 1), third = at(ring, "k", 2);
    hybrid_time began = now();
    rule(FATE_LOST, MESSAGE_WRITE, (int)first, (int)second);
    rule(FATE_LOST, MESSAGE_WRITE_REPLY, ANY, (int)first);
    start(ring, first, attempt(set_of("k", "v"), 1, began));
    ring_pass(ring, RING_TIMEOUT_MS + 2);
    all_arrive();
    assert_true(holds(ring, third, "k", "v") && holds(ring, second, "k", NULL));
    lose_the_first("k");
    ring_pass(ring, PEER_PROBE_MS_MAX + 10);
    assert_int_equal(run(ring, second, attempt(set_of("k", "v"), 2, began)), REQUEST_OK);
    assert_true(holds(ring, second, "k", "v"));
    assert_int_equal(COORDINATED(ring, second, found_again), 1);
    assert_int_equal(get(ring, second, "k")->version_count, 1);
    owners_close(ring);
}

/* ---- (b), (c) ---- */

static void a_delete_that_covered_the_first_attempt_is_not_undone_by_the_second(void **state)
{
    (void)state;
    owners_open(ring);
    unsigned first = at(ring, "k", 0), second = at(ring, "k", 1);
    hybrid_time began = now();
    assert_int_equal(run(ring, first, attempt(set_of("k", "v"), 1, began)), REQUEST_OK);
    assert_int_equal(run(ring, first, ask(ring, REQUEST_DELETE, "k")), REQUEST_OK);
    lose_the_first("k");
    struct request *two = attempt(set_of("k", "v"), 2, began);
    assert_int_equal(run(ring, second, two), REQUEST_FAILED);
    assert_int_equal(two->failure, FAILURE_LOST);
    assert_int_equal(get(ring, second, "k")->status, REQUEST_MISS);
    assert_int_equal(COORDINATED(ring, second, lost_again), 1);
    owners_close(ring);
}

static void what_others_wrote_meanwhile_is_not_changed_by_what_builds_on_it(void **state)
{
    (void)state;
    owners_open(ring);
    unsigned first = at(ring, "k", 0), second = at(ring, "k", 1);
    hybrid_time began = now();
    ring_pass(ring, 2);
    assert_int_equal(set(ring, first, "k", "7"), REQUEST_OK);
    lose_the_first("k");
    struct request *two = attempt(ask(ring, REQUEST_INCR, "k"), 2, began);
    two->delta = 1;
    assert_int_equal(run(ring, second, two), REQUEST_FAILED);
    assert_int_equal(two->failure, FAILURE_LOST);
    assert_true(shows(ring, second, "k", "7"));

    /* A plain set comes after it: its client still waits. */
    assert_int_equal(run(ring, second, attempt(set_of("k", "v"), 2, began)), REQUEST_OK);
    assert_true(shows(ring, second, "k", "v"));
    assert_int_equal(get(ring, second, "k")->version_count, 1);

    ring_pass(ring, 2); /* what was there before the request began is */
    assert_int_equal(run(ring, second, attempt(set_of("k", "v"), 2, now())), REQUEST_OK);
    assert_true(shows(ring, second, "k", "v"));
    owners_close(ring);
}

static void a_first_attempt_goes_over_what_is_newer_than_its_beginning(void **state)
{
    (void)state;
    owners_open(ring);
    unsigned first = at(ring, "k", 0);
    hybrid_time began = now();
    ring_pass(ring, 2);
    assert_int_equal(set(ring, first, "k", "other"), REQUEST_OK);
    assert_int_equal(run(ring, first, attempt(set_of("k", "v"), 1, began)), REQUEST_OK);
    assert_true(shows(ring, first, "k", "v"));
    owners_close(ring);
}

static void a_beginning_that_no_clock_follows_tells_nothing(void **state)
{
    (void)state;
    owners_open(ring);
    unsigned first = at(ring, "k", 0);
    hybrid_time began = hybrid_of_ms(ring->now.wall_ms + 10 * REPLICA_AHEAD_MS_MAX);
    struct request *two = attempt(set_of("k", "v"), 2, began);
    assert_int_equal(run(ring, first, two), REQUEST_FAILED);
    assert_int_equal(two->failure, FAILURE_LOST);
    assert_int_equal(run(ring, first, attempt(set_of("k", "v"), 1, began)), REQUEST_OK); /* nothing hangs on it */
    owners_close(ring);
}

/* ---- (d) ---- */

static void the_first_attempt_turns_up_late_and_is_known_to_be_overwritten(void **state)
{
    (void)state;
    owners_open(ring);
    unsigned first = at(ring, "k", 0), second = at(ring, "k", 1);
    hybrid_time began = now();
    rule(FATE_LOST, MESSAGE_WRITE, ANY, ANY); /* it stays with the first */
    start(ring, first, attempt(asked(ring, REQUEST_SET, "k", "v"), 1, began));
    ring_pass(ring, RING_TIMEOUT_MS + 2);
    all_arrive();
    assert_true(holds(ring, first, "k", "v"));
    lose_the_first("k");
    ring_pass(ring, PEER_PROBE_MS_MAX + 10);
    assert_int_equal(run(ring, second, attempt(asked(ring, REQUEST_SET, "k", "v"), 2, began)), REQUEST_OK);
    assert_int_equal(run(ring, second, ask(ring, REQUEST_DELETE, "k")), REQUEST_OK);
    (void)ring_dial(ring, second, 0, first);
    ring_pump(ring);
    for (unsigned place = 0; place < 3; place++) /* the delete covers the first attempt, of which it never heard */
        assert_int_equal(get(ring, at(ring, "k", place), "k")->status, REQUEST_MISS);
    owners_close(ring);
}

static void a_first_attempt_that_arrives_after_the_second_does_nothing(void **state)
{
    (void)state;
    owners_open(ring);
    unsigned first = at(ring, "n", 0), second = at(ring, "n", 1);
    assert_int_equal(set(ring, first, "n", "u"), REQUEST_OK);
    hybrid_time began = now();
    lose_the_first("n");
    assert_int_equal(run(ring, second, attempt(set_of("n", "v"), 2, began)), REQUEST_OK);
    struct request *late = attempt(set_of("n", "v"), 1, began);
    assert_int_equal(run(ring, first, late), REQUEST_OK); /* it is done: one of them is it */
    assert_true(shows(ring, first, "n", "v"));

    assert_int_equal(run(ring, first, ask(ring, REQUEST_DELETE, "n")), REQUEST_OK);
    late = attempt(set_of("n", "v"), 1, began); /* and once more when it has been overwritten */
    assert_int_equal(run(ring, first, late), REQUEST_FAILED);
    assert_int_equal(late->failure, FAILURE_LOST);
    assert_int_equal(get(ring, first, "n")->status, REQUEST_MISS);
    owners_close(ring);
}

/* The first coordinator has counted on from a set that nobody else has yet, and that is acknowledged later: a second
 * attempt that counts on from what was there before would take the first one's place, and the set would be gone. */
static void what_builds_on_a_value_is_not_carried_out_by_a_second_attempt(void **state)
{
    (void)state;
    owners_open(ring);
    unsigned first = at(ring, "n", 0), second = at(ring, "n", 1);
    assert_int_equal(set(ring, first, "n", "41"), REQUEST_OK);
    hybrid_time began = now();
    ring_treat(ring, MESSAGE_WRITE, FATE_LOST);
    start(ring, first, set_of("n", "100"));
    start(ring, first, attempt(request_of(&the_cases[8], "n"), 1, began));
    ring_pass(ring, 10);
    assert_true(holds(ring, first, "n", "101"));
    all_arrive();
    lose_the_first("n");
    struct request *two = attempt(request_of(&the_cases[8], "n"), 2, began);
    assert_int_equal(run(ring, second, two), REQUEST_FAILED);
    assert_int_equal(two->failure, FAILURE_LOST);
    assert_true(shows(ring, second, "n", "41"));
    owners_close(ring);
}

/* It would cover "w", be found to have been overtaken, and take it along. */
static void a_late_first_attempt_asks_before_it_goes_over_what_is_newer(void **state)
{
    (void)state;
    owners_open(ring);
    unsigned first = at(ring, "k", 0), second = at(ring, "k", 1), third = at(ring, "k", 2);
    hybrid_time began = now();
    ring_pass(ring, 2);
    assert_int_equal(set(ring, first, "k", "w"), REQUEST_OK);
    ring_part(ring, first, second);
    ring_part(ring, first, third);
    assert_int_equal(run(ring, second, attempt(set_of("k", "v"), 2, began)), REQUEST_OK);
    assert_int_equal(set(ring, second, "k", "x"), REQUEST_OK);
    ring_dial_all(ring);
    ring_pass(ring, 30);
    assert_true(holds(ring, first, "k", "w"));
    struct request *late = attempt(set_of("k", "v"), 1, began);
    assert_int_equal(run(ring, first, late), REQUEST_FAILED);
    assert_int_equal(late->failure, FAILURE_LOST);
    assert_true(holds(ring, first, "k", "w"));
    assert_true(shows(ring, first, "k", "x"));
    owners_close(ring);
}

static void a_late_first_attempt_over_what_is_older_asks_nobody(void **state)
{
    (void)state;
    owners_open(ring);
    unsigned first = at(ring, "k", 0);
    assert_int_equal(set(ring, first, "k", "w"), REQUEST_OK);
    hybrid_time began = now();
    ring_pass(ring, 30);
    uint64_t reads = ring->frames[MESSAGE_READ];
    assert_int_equal(run(ring, first, attempt(set_of("k", "v"), 1, began)), REQUEST_OK);
    assert_int_equal(run(ring, first, attempt(set_of("n", "v"), 1, began)), REQUEST_OK);
    assert_int_equal(ring->frames[MESSAGE_READ], reads);
    assert_true(shows(ring, first, "k", "v"));
    owners_close(ring);
}

static void a_second_attempt_asks_first(void **state)
{
    (void)state;
    owners_open(ring);
    unsigned first = at(ring, "k", 0);
    assert_int_equal(run(ring, first, attempt(set_of("k", "v"), 1, now())), REQUEST_OK);
    assert_int_equal(ring->frames[MESSAGE_READ], 0);
    assert_int_equal(run(ring, first, attempt(set_of("m", "v"), 2, now())), REQUEST_OK);
    assert_int_equal(ring->frames[MESSAGE_READ], 1); /* n - w */

    ring_part(ring, first, at(ring, "k", 1)); /* and does nothing when too few tell */
    ring_part(ring, first, at(ring, "k", 2));
    struct request *request = attempt(set_of("k", "w"), 2, now());
    assert_int_equal(run(ring, first, request), REQUEST_FAILED);
    assert_int_equal(request->failure, FAILURE_NO_QUORUM);
    assert_true(holds(ring, first, "k", "v"));
    owners_close(ring);
}

/* The version that the first attempt made stands behind another one whose time is later: who is shown one value has
 * perhaps seen them in this order, so it may not be written anew. */
static void an_add_that_was_made_and_overwritten_is_done(void **state)
{
    (void)state;
    owners_open(ring);
    unsigned first = at(ring, "k", 0), second = at(ring, "k", 1), third = at(ring, "k", 2);
    hybrid_time began = now();
    struct request *one = set_of("k", "v");
    one->kind = REQUEST_ADD;
    assert_int_equal(run(ring, first, attempt(one, 1, began)), REQUEST_OK);
    hybrid_observe(node_clock(ring->machines[third].shared), hybrid_of_ms(ring->now.wall_ms + 100000));
    lose_the_first("k");
    plant(ring, 2, "k", "later");
    struct request *two = set_of("k", "v");
    two->kind = REQUEST_ADD;
    assert_int_equal(run(ring, second, attempt(two, 2, began)), REQUEST_OK);
    assert_int_equal(COORDINATED(ring, second, found_again), 1);
    assert_true(shows(ring, second, "k", "later"));
    owners_close(ring);
}

/* What it keeps is older than what an owner has, which the first attempt may have counted on from. */
static void a_stand_in_does_not_count_on_in_a_second_attempt(void **state)
{
    (void)state;
    owners_open_sloppy(ring, 5, 3);
    unsigned first = at(ring, "k", 0), fourth = at(ring, "k", 3), fifth = at(ring, "k", 4);
    put_down(ring, "k", 1);
    put_down(ring, "k", 2);
    assert_int_equal(set(ring, first, "k", "1"), REQUEST_OK);
    assert_true(keeps(ring, fourth, at(ring, "k", 1), "k", "1") && keeps(ring, fifth, at(ring, "k", 2), "k", "1"));
    put_down(ring, "k", 0);
    static const enum request_kind kinds[] = {REQUEST_INCR, REQUEST_DECR, REQUEST_APPEND, REQUEST_PREPEND};
    for (unsigned i = 0; i < sizeof kinds / sizeof *kinds; i++) {
        struct request *two = attempt(asked(ring, kinds[i], "k", "5"), 2, now());
        assert_int_equal(run(ring, fourth, two), REQUEST_FAILED);
        assert_int_equal(two->failure, FAILURE_LOST);
    }
    assert_true(shows(ring, fourth, "k", "1"));
    hybrid_time began = now();
    for (uint32_t number = 1; number <= 2; number++) { /* its own first attempt it knows */
        struct request *one = attempt(asked(ring, REQUEST_APPEND, "k", "2"), number, began);
        assert_int_equal(run(ring, fourth, one), REQUEST_OK);
    }
    assert_true(shows(ring, fourth, "k", "12"));
    owners_close(ring);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_second_attempt_answers_what_the_first_one_did),
        cmocka_unit_test(a_cas_that_was_done_is_done),
        cmocka_unit_test(an_invalidation_that_was_done_is_done),
        cmocka_unit_test(what_is_found_goes_to_w),
        cmocka_unit_test(a_delete_that_covered_the_first_attempt_is_not_undone_by_the_second),
        cmocka_unit_test(what_others_wrote_meanwhile_is_not_changed_by_what_builds_on_it),
        cmocka_unit_test(a_first_attempt_goes_over_what_is_newer_than_its_beginning),
        cmocka_unit_test(a_beginning_that_no_clock_follows_tells_nothing),
        cmocka_unit_test(the_first_attempt_turns_up_late_and_is_known_to_be_overwritten),
        cmocka_unit_test(a_first_attempt_that_arrives_after_the_second_does_nothing),
        cmocka_unit_test(a_late_first_attempt_asks_before_it_goes_over_what_is_newer),
        cmocka_unit_test(a_late_first_attempt_over_what_is_older_asks_nobody),
        cmocka_unit_test(a_second_attempt_asks_first),
        cmocka_unit_test(an_add_that_was_made_and_overwritten_is_done),
        cmocka_unit_test(a_stand_in_does_not_count_on_in_a_second_attempt),
        cmocka_unit_test(what_builds_on_a_value_is_not_carried_out_by_a_second_attempt),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
