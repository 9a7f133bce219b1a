/* Whether all copies are the same: every member is asked for the roots of its trees. */
#include "node/ring.h"

#include "node/survey.h"

static struct ring the_ring;
static struct ring *const ring = &the_ring;

struct question {
    struct survey survey;
    struct partition_set wanted;
    bool done;
};

static void open_ring(unsigned machines, unsigned copies)
{
    ring_open_as(ring, BACKING_DURABLE, false, machines, 1, copies);
    ring_join_all(ring);
}

static void on_done(struct survey *survey)
{
    bool *done = survey->owner;
    assert_false(*done);
    *done = true;
}

/* Of all partitions. */
static void begin(struct question *q, unsigned machine)
{
    partition_set_init(&q->wanted, ring->settings.partition_count);
    for (uint32_t i = 0; i < ring->settings.partition_count; i++)
        partition_set_add(&q->wanted, i);
    memset(&q->survey, 0xa5, sizeof q->survey); /* everything but what the caller sets is the node's to set */
    q->survey.wanted = &q->wanted;
    q->survey.done = on_done;
    q->survey.owner = &q->done;
    q->done = false;
    node_survey(ring_loop(ring, machine, 0), ring->now, &q->survey);
    assert_false(q->done);
    ring_pump(ring);
}

static void end(struct question *q)
{
    node_survey_finish(&q->survey);
    partition_set_close(&q->wanted);
}

static unsigned differing(const struct survey *survey)
{
    unsigned count = 0;
    for (uint32_t i = 0; i < ring->settings.partition_count; i++)
        count += !survey_is_same(survey, i);
    return count;
}

static uint32_t partition_of(const char *key)
{
    return hash_of_key(text(key)) & (ring->settings.partition_count - 1);
}

static void all_copies_are_the_same_after_a_write_whoever_asks(void **state)
{
    (void)state;
    struct question q;
    open_ring(4, 3);
    assert_int_equal(set(ring, 0, "a", "1"), REQUEST_OK);
    ring_pump(ring);
    for (unsigned m = 0; m < 4; m++) {
        begin(&q, m);
        assert_true(q.done);
        assert_int_equal(q.survey.member_count, 4);
        assert_int_equal(q.survey.owner_count, 3);
        for (unsigned i = 0; i < 4; i++) {
            assert_int_equal(q.survey.members[i].outcome, SURVEY_ANSWERED);
            assert_int_equal(q.survey.members[i].hints, 0);
        }
        assert_int_equal(differing(&q.survey), 0);
        assert_true(q.survey.roots[(size_t)partition_of("a") * 3] != 0);
        end(&q);
    }
    ring_close(ring);
}

static void a_copy_that_missed_a_write_stands_apart(void **state)
{
    (void)state;
    struct question q;
    open_ring(4, 3);
    unsigned first = place_of_key(ring, "a", 0), last = place_of_key(ring, "a", 2);
    assert_int_equal(set(ring, first, "a", "1"), REQUEST_OK);
    ring_pump(ring);
    ring_part(ring, first, last);
    assert_int_equal(set(ring, first, "a", "2"), REQUEST_OK);
    ring_pump(ring);
    (void)ring_dial(ring, first, 0, last);
    (void)ring_dial(ring, last, 0, first);
    ring_pump(ring);
    begin(&q, first);
    assert_true(q.done);
    assert_int_equal(differing(&q.survey), 1);
    assert_false(survey_is_same(&q.survey, partition_of("a")));
    size_t at = (size_t)partition_of("a") * 3;
    assert_true(q.survey.roots[at] == q.survey.roots[at + 1] && q.survey.roots[at] != q.survey.roots[at + 2]);
    end(&q);
    ring_close(ring);
}

static void whoever_does_not_answer_is_told_and_nothing_of_it_is_known(void **state)
{
    (void)state;
    struct question q;
    open_ring(3, 3);
    ring_part(ring, 0, 2);
    begin(&q, 0);
    assert_true(q.done);
    unsigned unreachable = 0;
    for (unsigned i = 0; i < 3; i++)
        unreachable += q.survey.members[i].outcome == SURVEY_UNREACHABLE;
    assert_int_equal(unreachable, 1);
    assert_int_equal(differing(&q.survey), ring->settings.partition_count);
    end(&q);

    ring_treat(ring, MESSAGE_SURVEY_REPLY, FATE_LOST);
    begin(&q, 0);
    assert_false(q.done);
    ring_pass(ring, RING_TIMEOUT_MS + 1);
    assert_true(q.done);
    for (unsigned i = 0, others = 0; i < 3; i++) {
        bool is_self = q.survey.members[i].node == ring->machines[0].id;
        assert_int_equal(q.survey.members[i].outcome, is_self ? SURVEY_ANSWERED : SURVEY_UNREACHABLE);
        others += !is_self;
        assert_true(others <= 2);
    }
    end(&q);
    ring_close(ring);
}

static void a_repeated_answer_counts_once(void **state)
{
    (void)state;
    struct question q;
    open_ring(3, 3);
    ring_treat(ring, MESSAGE_SURVEY_REPLY, FATE_TWICE);
    begin(&q, 1);
    assert_true(q.done);
    assert_int_equal(differing(&q.survey), 0);
    end(&q);
    ring_close(ring);
}

static void a_link_that_breaks_ends_the_wait(void **state)
{
    (void)state;
    struct question q;
    open_ring(2, 2);
    ring_treat(ring, MESSAGE_SURVEY_REPLY, FATE_LOST);
    begin(&q, 0);
    assert_false(q.done);
    ring_part(ring, 0, 1);
    ring_pump(ring);
    assert_true(q.done);
    end(&q);
    ring_close(ring);
}

static void doubtful_copies_are_counted(void **state)
{
    (void)state;
    struct question q;
    open_ring(2, 2);
    standing_mark(node_standing(ring->machines[1].shared), 3, STANDING_DOUBTFUL);
    begin(&q, 0);
    assert_true(q.done);
    for (unsigned i = 0; i < 2; i++)
        assert_int_equal(q.survey.members[i].doubtful, q.survey.members[i].node == ring->machines[1].id);
    end(&q);
    ring_close(ring);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(all_copies_are_the_same_after_a_write_whoever_asks),
        cmocka_unit_test(a_copy_that_missed_a_write_stands_apart),
        cmocka_unit_test(whoever_does_not_answer_is_told_and_nothing_of_it_is_known),
        cmocka_unit_test(a_repeated_answer_counts_once),
        cmocka_unit_test(a_link_that_breaks_ends_the_wait),
        cmocka_unit_test(doubtful_copies_are_counted),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
