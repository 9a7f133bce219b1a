/* Whether all copies are the same: every member is asked for the roots of its trees. */
#include "node/ring.h"

#include "node/survey.h"

static struct ring the_ring;
static struct ring *const ring = &the_ring;

static unsigned wanted_type;

static enum fate lose(struct ring *of, unsigned from, unsigned to, const struct frame *frame)
{
    (void)of, (void)from, (void)to;
    return frame->type == wanted_type ? FATE_LOST : FATE_ARRIVES;
}

static enum fate repeat(struct ring *of, unsigned from, unsigned to, const struct frame *frame)
{
    (void)of, (void)from, (void)to;
    return frame->type == wanted_type ? FATE_TWICE : FATE_ARRIVES;
}

static void on_done(struct survey *survey)
{
    bool *done = survey->owner;
    assert_false(*done);
    *done = true;
}

/* Of all partitions. */
static void begin(struct survey *survey, struct partition_set *wanted, bool *done, unsigned machine)
{
    partition_set_init(wanted, ring->settings.partition_count);
    for (uint32_t i = 0; i < ring->settings.partition_count; i++)
        partition_set_add(wanted, i);
    memset(survey, 0xa5, sizeof *survey); /* everything but what the caller sets is the node's to set */
    survey->wanted = wanted;
    survey->done = on_done;
    survey->owner = done;
    *done = false;
    node_survey(ring_loop(ring, machine, 0), ring->now, survey);
    assert_false(*done);
    ring_pump(ring);
}

static void end(struct survey *survey, struct partition_set *wanted)
{
    node_survey_finish(survey);
    partition_set_close(wanted);
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
    struct survey survey;
    struct partition_set wanted;
    bool done;
    ring_open_as(ring, BACKING_DURABLE, false, 4, 1, 3);
    ring_join_all(ring);
    assert_int_equal(set(ring, 0, "a", "1"), REQUEST_OK);
    ring_pump(ring);
    for (unsigned m = 0; m < 4; m++) {
        begin(&survey, &wanted, &done, m);
        assert_true(done);
        assert_int_equal(survey.member_count, 4);
        assert_int_equal(survey.owner_count, 3);
        for (unsigned i = 0; i < 4; i++) {
            assert_int_equal(survey.members[i].outcome, SURVEY_ANSWERED);
            assert_int_equal(survey.members[i].hints, 0);
        }
        assert_int_equal(differing(&survey), 0);
        assert_true(survey.roots[(size_t)partition_of("a") * 3] != 0);
        end(&survey, &wanted);
    }
    ring_close(ring);
}

static void a_copy_that_missed_a_write_stands_apart(void **state)
{
    (void)state;
    struct survey survey;
    struct partition_set wanted;
    bool done;
    ring_open_as(ring, BACKING_DURABLE, false, 4, 1, 3);
    ring_join_all(ring);
    unsigned first = place_of_key(ring, "a", 0), last = place_of_key(ring, "a", 2);
    assert_int_equal(set(ring, first, "a", "1"), REQUEST_OK);
    ring_pump(ring);
    ring_part(ring, first, last);
    assert_int_equal(set(ring, first, "a", "2"), REQUEST_OK);
    ring_pump(ring);
    (void)ring_dial(ring, first, 0, last);
    (void)ring_dial(ring, last, 0, first);
    ring_pump(ring);
    begin(&survey, &wanted, &done, first);
    assert_true(done);
    assert_int_equal(differing(&survey), 1);
    assert_false(survey_is_same(&survey, partition_of("a")));
    size_t at = (size_t)partition_of("a") * 3;
    assert_true(survey.roots[at] == survey.roots[at + 1] && survey.roots[at] != survey.roots[at + 2]);
    end(&survey, &wanted);
    ring_close(ring);
}

static void whoever_does_not_answer_is_told_and_nothing_of_it_is_known(void **state)
{
    (void)state;
    struct survey survey;
    struct partition_set wanted;
    bool done;
    ring_open_as(ring, BACKING_DURABLE, false, 3, 1, 3);
    ring_join_all(ring);
    ring_part(ring, 0, 2);
    begin(&survey, &wanted, &done, 0);
    assert_true(done);
    unsigned unreachable = 0;
    for (unsigned i = 0; i < 3; i++)
        unreachable += survey.members[i].outcome == SURVEY_UNREACHABLE;
    assert_int_equal(unreachable, 1);
    assert_int_equal(differing(&survey), ring->settings.partition_count);
    end(&survey, &wanted);

    wanted_type = MESSAGE_SURVEY_REPLY;
    ring->judge = lose;
    begin(&survey, &wanted, &done, 0);
    assert_false(done);
    ring_pass(ring, RING_TIMEOUT_MS + 1);
    assert_true(done);
    for (unsigned i = 0, others = 0; i < 3; i++) {
        bool is_self = survey.members[i].node == ring->machines[0].id;
        assert_int_equal(survey.members[i].outcome, is_self ? SURVEY_ANSWERED : SURVEY_UNREACHABLE);
        others += !is_self;
        assert_true(others <= 2);
    }
    end(&survey, &wanted);
    ring->judge = NULL;
    ring_close(ring);
}

static void a_repeated_answer_counts_once(void **state)
{
    (void)state;
    struct survey survey;
    struct partition_set wanted;
    bool done;
    ring_open_as(ring, BACKING_DURABLE, false, 3, 1, 3);
    ring_join_all(ring);
    wanted_type = MESSAGE_SURVEY_REPLY;
    ring->judge = repeat;
    begin(&survey, &wanted, &done, 1);
    assert_true(done);
    assert_int_equal(differing(&survey), 0);
    end(&survey, &wanted);
    ring->judge = NULL;
    ring_close(ring);
}

static void a_link_that_breaks_ends_the_wait(void **state)
{
    (void)state;
    struct survey survey;
    struct partition_set wanted;
    bool done;
    ring_open_as(ring, BACKING_DURABLE, false, 2, 1, 2);
    ring_join_all(ring);
    wanted_type = MESSAGE_SURVEY_REPLY;
    ring->judge = lose;
    begin(&survey, &wanted, &done, 0);
    assert_false(done);
    ring_part(ring, 0, 1);
    ring_pump(ring);
    assert_true(done);
    end(&survey, &wanted);
    ring->judge = NULL;
    ring_close(ring);
}

static void doubtful_copies_are_counted(void **state)
{
    (void)state;
    struct survey survey;
    struct partition_set wanted;
    bool done;
    ring_open_as(ring, BACKING_DURABLE, false, 2, 1, 2);
    ring_join_all(ring);
    standing_mark(node_standing(ring->machines[1].shared), 3, STANDING_DOUBTFUL);
    begin(&survey, &wanted, &done, 0);
    assert_true(done);
    for (unsigned i = 0; i < 2; i++)
        assert_int_equal(survey.members[i].doubtful, survey.members[i].node == ring->machines[1].id);
    end(&survey, &wanted);
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
