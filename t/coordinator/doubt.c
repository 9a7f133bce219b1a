/* Copies that may have lost something, or that writes may have passed by, and what is dead by somebody's horizon: [R9],
 * [R3]. */
#include "coordinator/owners.h"

static struct ring the_ring;
static struct ring *const ring = &the_ring;

static struct standing *standing_of(unsigned machine)
{
    return node_standing(ring->machines[machine].shared);
}

static uint16_t partition_of(const char *key)
{
    return ring_partition(node_view(ring->machines[0].shared), hash_of_key(text(key)));
}

static void mark(const char *key, unsigned place, enum standing_flag flag)
{
    standing_mark(standing_of(at(ring, key, place)), partition_of(key), flag);
}

static void the_answer_of_a_doubtful_owner_is_merged_and_not_counted(void **state)
{
    (void)state;
    owners_open(ring);
    unsigned first = at(ring, "k", 0), third = at(ring, "k", 2);
    plant(ring, 1, "k", "v");
    mark("k", 1, STANDING_DOUBTFUL);
    assert_true(shows(ring, first, "k", "v"));
    assert_int_equal(ring->frames[MESSAGE_READ], 2); /* the third makes the quorum */
    assert_true(holds(ring, first, "k", "v") && holds(ring, third, "k", "v"));
    assert_int_equal(COORDINATED(ring, first, doubtful_answers), 1);

    ring_part(ring, first, third);
    memset(ring->frames, 0, sizeof ring->frames);
    struct request *request = get(ring, first, "k");
    assert_int_equal(request->status, REQUEST_FAILED);
    assert_int_equal(request->failure, FAILURE_NO_QUORUM);
    assert_true(standing_clear(standing_of(at(ring, "k", 1)), partition_of("k"),
                               standing_marks(standing_of(at(ring, "k", 1)), partition_of("k"))));
    assert_true(shows(ring, first, "k", "v"));
    owners_close(ring);
}

static void what_a_doubtful_owner_lacks_it_gets_and_nobody_waits_for_that(void **state)
{
    (void)state;
    owners_open(ring);
    unsigned first = at(ring, "k", 0), second = at(ring, "k", 1);
    rule(FATE_LOST, MESSAGE_WRITE, (int)first, (int)second);
    assert_int_equal(set(ring, first, "k", "v"), REQUEST_OK);
    all_arrive();
    mark("k", 1, STANDING_DOUBTFUL);
    rule(FATE_LOST, MESSAGE_WRITE_REPLY, (int)second, (int)first);
    assert_true(shows(ring, first, "k", "v"));
    assert_true(holds(ring, second, "k", "v"));
    owners_close(ring);
}

static void the_own_copy_does_not_count_while_it_is_doubtful(void **state)
{
    (void)state;
    owners_open(ring);
    unsigned first = at(ring, "k", 0);
    assert_int_equal(set(ring, first, "k", "v"), REQUEST_OK);
    mark("k", 0, STANDING_DOUBTFUL);
    memset(ring->frames, 0, sizeof ring->frames);
    assert_true(shows(ring, first, "k", "v"));
    assert_int_equal(ring->frames[MESSAGE_READ], 2);

    assert_int_equal(set(ring, at(ring, "a:k", 0), "a:k", "v"), REQUEST_OK); /* r = 1 */
    memset(ring->frames, 0, sizeof ring->frames);
    mark("a:k", 0, STANDING_DOUBTFUL);
    assert_true(shows(ring, at(ring, "a:k", 0), "a:k", "v"));
    assert_int_equal(ring->frames[MESSAGE_READ], 1);

    ring_part(ring, first, at(ring, "k", 1));
    assert_int_equal(get(ring, first, "k")->failure, FAILURE_NO_QUORUM);
    owners_close(ring);
}

static void a_read_modify_write_of_a_doubtful_coordinator_asks_as_many_others_as_are_needed(void **state)
{
    (void)state;
    owners_open(ring);
    unsigned first = at(ring, "n", 0);
    plant(ring, 2, "n", "41");
    assert_int_equal(incr(ring, first, "n", 1), REQUEST_MISS); /* the second has nothing either: it asks no more */
    mark("n", 0, STANDING_DOUBTFUL);
    memset(ring->frames, 0, sizeof ring->frames);
    struct request *request = ask(ring, REQUEST_INCR, "n");
    request->delta = 1;
    assert_int_equal(run(ring, first, request), REQUEST_OK);
    assert_int_equal(request->number, 42);
    assert_int_equal(ring->frames[MESSAGE_READ], 2); /* n - w + 1 */

    ring_part(ring, first, at(ring, "n", 1));
    request = ask(ring, REQUEST_INCR, "n");
    assert_int_equal(run(ring, first, request), REQUEST_FAILED);
    assert_int_equal(request->failure, FAILURE_NO_QUORUM);
    owners_close(ring);
}

static unsigned versions_after_a_set(bool is_behind)
{
    owners_open(ring);
    unsigned first = at(ring, "k", 0);
    plant(ring, 1, "k", "passed by");
    ring_pass(ring, 5);
    if (is_behind)
        mark("k", 0, STANDING_BEHIND);
    assert_int_equal(set(ring, first, "k", "v"), REQUEST_OK);
    assert_int_equal(ring->frames[MESSAGE_READ], is_behind ? 1 : 0); /* n - w */
    struct request *seen = get(ring, first, "k");
    assert_true(bytes_equal(seen->versions[0].value, text("v")));
    unsigned count = seen->version_count;
    owners_close(ring);
    return count;
}

static void a_copy_that_is_behind_asks_before_it_replaces(void **state)
{
    (void)state;
    assert_int_equal(versions_after_a_set(false), 2);
    assert_int_equal(versions_after_a_set(true), 1);
}

static void who_is_behind_writes_all_the_same_when_nobody_tells(void **state)
{
    (void)state;
    owners_open(ring);
    unsigned first = at(ring, "k", 0);
    mark("k", 0, STANDING_BEHIND);
    rule(FATE_LOST, MESSAGE_READ, (int)first, ANY);
    struct request *request = asked(ring, REQUEST_SET, "k", "v");
    start(ring, first, request);
    assert_false(is_done(request));
    ring_pass(ring, 110); /* two hedges, PEER_HEDGE_US_FIRST each */
    assert_true(is_done(request) && request->status == REQUEST_OK);
    assert_int_equal(COORDINATED(ring, first, short_writes), 1);

    struct request *append = asked(ring, REQUEST_APPEND, "k", "v"); /* this one has to know */
    start(ring, first, append);
    ring_pass(ring, 200);
    assert_false(is_done(append));
    ring_pass(ring, RING_TIMEOUT_MS);
    assert_true(is_done(append) && append->status == REQUEST_FAILED);
    owners_close(ring);
}

/* What builds on a value waits for answers that are just slow, and not for ever. */
static void a_cart_goes_on_when_answers_have_been_missed_long_enough(void **state)
{
    (void)state;
    owners_open(ring);
    unsigned first = at(ring, "s:k", 0);
    assert_int_equal(set(ring, first, "s:k", "u"), REQUEST_OK);
    rule(FATE_HELD, MESSAGE_READ_REPLY, ANY, (int)first);
    struct request *request = asked(ring, REQUEST_APPEND, "s:k", "v");
    start(ring, first, request);
    ring_pass(ring, 200);
    assert_false(is_done(request));
    ring_pass(ring, 60); /* GO_ON_AFTER_MS */
    assert_true(is_done(request) && request->status == REQUEST_OK);
    assert_true(holds(ring, first, "s:k", "uv"));
    assert_int_equal(COORDINATED(ring, first, short_writes), 1);
    all_arrive();
    ring_release_held(ring);
    ring_pump(ring);
    owners_close(ring);
}

/* ---- Horizons ---- */

/* It is in force at once, as after the storage thread has kept it. */
static void raise_horizon(const char *key, unsigned place, hybrid_time to)
{
    struct standing *standing = standing_of(at(ring, key, place));
    uint32_t partitions = node_view(ring->machines[0].shared)->partition_count;
    standing_raise_horizon(standing, partition_of(key), to);
    uint8_t *kept = malloc(standing_size(partitions));
    assert_non_null(kept);
    standing_encode(standing, partitions, kept);
    standing_kept(standing);
    free(kept);
}

static hybrid_time present(void)
{
    return hybrid_next(node_clock(ring->machines[0].shared), ring->now);
}

/* Who has nothing and says that what he does not have is dead. */
static void what_is_dead_by_anothers_horizon_does_not_come_back(void **state)
{
    (void)state;
    for (unsigned with = 0; with < 2; with++) {
        owners_open(ring);
        unsigned first = at(ring, "w:k", 0), third = at(ring, "w:k", 2); /* r = 3 */
        plant(ring, 2, "w:k", "old");
        ring_pass(ring, 5);
        if (with == 1)
            raise_horizon("w:k", 1, present());
        struct request *seen = get(ring, first, "w:k");
        assert_int_equal(seen->status, with == 1 ? REQUEST_MISS : REQUEST_OK);
        assert_true(holds(ring, at(ring, "w:k", 1), "w:k", with == 1 ? NULL : "old"));
        if (with == 1) { /* and whoever still had it is told */
            struct blob *record = record_at(ring, third, "w:k");
            struct version newest;
            uint32_t count = 0;
            assert_true(record == NULL || record_newest(blob_bytes(record), &newest, &count) == RECORD_OK);
            assert_int_equal(count, 0);
            blob_release(record);
        }
        owners_close(ring);
    }
}

/* "The same" says that what is neither here nor there is dead, if somebody else has it. */
static void a_horizon_that_comes_with_the_same_counts_against_third_ones(void **state)
{
    (void)state;
    for (unsigned with = 0; with < 2; with++) {
        owners_open(ring);
        unsigned first = at(ring, "w:k", 0), third = at(ring, "w:k", 2);
        plant(ring, 2, "w:k", "old");
        ring_pass(ring, 5);
        hybrid_time then = present();
        ring_pass(ring, 5);
        rule(FATE_LOST, MESSAGE_WRITE, (int)first, (int)third);
        assert_int_equal(set(ring, first, "w:k", "new"), REQUEST_OK); /* w = 1 */
        all_arrive();
        if (with == 1)
            raise_horizon("w:k", 1, then);
        struct request *seen = get(ring, first, "w:k");
        assert_int_equal(seen->version_count, with == 1 ? 1 : 2);
        assert_true(bytes_equal(seen->versions[0].value, text("new")));
        owners_close(ring);
    }
}

static void a_read_modify_write_does_not_take_up_what_is_dead(void **state)
{
    (void)state;
    owners_open(ring);
    unsigned first = at(ring, "k", 0);
    plant(ring, 1, "k", "old");
    ring_pass(ring, 5);
    raise_horizon("k", 0, present());
    assert_int_equal(run(ring, first, asked(ring, REQUEST_APPEND, "k", "x")), REQUEST_NOT_STORED);
    assert_int_equal(run(ring, first, asked(ring, REQUEST_ADD, "k", "new")), REQUEST_OK);
    for (unsigned place = 0; place < 3; place++) {
        struct request *seen = get(ring, at(ring, "k", place), "k");
        assert_true(seen->version_count == 1 && bytes_equal(seen->versions[0].value, text("new")));
    }
    owners_close(ring);
}

/* A record that is lost is not absent: what it does not show need not be dead. */
static void an_unreadable_copy_kills_nothing(void **state)
{
    (void)state;
    for (unsigned writes = 0; writes < 2; writes++) {
        owners_open(ring);
        unsigned first = at(ring, "k", 0);
        assert_int_equal(set(ring, first, "k", "v"), REQUEST_OK);
        ring_pass(ring, 5);
        raise_horizon("k", 0, present());
        struct blob *record = record_at(ring, first, "k");
        memset(record->at, 0xff, record->len);
        blob_release(record);
        if (writes == 1)
            assert_int_equal(run(ring, first, asked(ring, REQUEST_APPEND, "k", "w")), REQUEST_OK);
        assert_true(shows(ring, first, "k", writes == 1 ? "vw" : "v"));
        assert_true(holds(ring, first, "k", writes == 1 ? "vw" : "v"));
        owners_close(ring);
    }
}

static void an_unreadable_copy_is_replaced_by_what_the_others_have(void **state)
{
    (void)state;
    owners_open(ring);
    unsigned first = at(ring, "n", 0);
    for (unsigned i = 1; i <= 5; i++)
        assert_int_equal(run(ring, first, incr_of(ring, "n")), REQUEST_OK);
    struct blob *before = record_at(ring, at(ring, "n", 1), "n");
    struct blob *record = record_at(ring, first, "n");
    assert_ptr_not_equal(before, record);
    memset(record->at, 0xff, record->len);
    blob_release(record);
    struct request *incr = incr_of(ring, "n");
    assert_int_equal(run(ring, first, incr), REQUEST_OK);
    assert_int_equal(incr->number, 6);
    struct version old, now;
    uint32_t count;
    struct blob *after = record_at(ring, first, "n");
    assert_int_equal(record_newest(blob_bytes(before), &old, &count), RECORD_OK);
    assert_int_equal(record_newest(blob_bytes(after), &now, &count), RECORD_OK);
    /* What the lost copy had counted to nobody knows: another birth counts from one [R1]. */
    assert_true(now.dot.actor.incarnation == old.dot.actor.incarnation && now.dot.actor.birth > old.dot.actor.birth);
    assert_int_equal(now.dot.counter, 1);
    blob_release(before);
    blob_release(after);
    owners_close(ring);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_answer_of_a_doubtful_owner_is_merged_and_not_counted),
        cmocka_unit_test(what_a_doubtful_owner_lacks_it_gets_and_nobody_waits_for_that),
        cmocka_unit_test(the_own_copy_does_not_count_while_it_is_doubtful),
        cmocka_unit_test(a_read_modify_write_of_a_doubtful_coordinator_asks_as_many_others_as_are_needed),
        cmocka_unit_test(a_copy_that_is_behind_asks_before_it_replaces),
        cmocka_unit_test(who_is_behind_writes_all_the_same_when_nobody_tells),
        cmocka_unit_test(a_cart_goes_on_when_answers_have_been_missed_long_enough),
        cmocka_unit_test(what_is_dead_by_anothers_horizon_does_not_come_back),
        cmocka_unit_test(a_horizon_that_comes_with_the_same_counts_against_third_ones),
        cmocka_unit_test(a_read_modify_write_does_not_take_up_what_is_dead),
        cmocka_unit_test(an_unreadable_copy_kills_nothing),
        cmocka_unit_test(an_unreadable_copy_is_replaced_by_what_the_others_have),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
