/* Counting answers. */
#include "coordinator/quorum.h"

#include "base/prng.h"
#include "base/seeded.h"

static void it_is_met_by_as_many_as_are_needed(void **state)
{
    (void)state;
    struct quorum quorum = quorum_of(3, 2);
    assert_int_equal(quorum_verdict_of(&quorum), QUORUM_POSSIBLE);
    quorum_yes(&quorum, 2);
    assert_int_equal(quorum_verdict_of(&quorum), QUORUM_POSSIBLE);
    assert_int_equal(quorum_missing(&quorum), 1);
    quorum_yes(&quorum, 0);
    assert_int_equal(quorum_verdict_of(&quorum), QUORUM_MET);
    assert_int_equal(quorum_missing(&quorum), 0);
    assert_false(quorum_is_unanimous(&quorum));
    quorum_yes(&quorum, 1);
    assert_true(quorum_is_unanimous(&quorum));
}

static void one_owner_is_one_however_often_it_answers(void **state)
{
    (void)state;
    struct quorum quorum = quorum_of(3, 2);
    for (unsigned i = 0; i < 5; i++)
        quorum_yes(&quorum, 1);
    assert_int_equal(quorum_verdict_of(&quorum), QUORUM_POSSIBLE);
    assert_int_equal(quorum_missing(&quorum), 1);
}

static void it_is_impossible_when_too_few_are_left(void **state)
{
    (void)state;
    struct quorum quorum = quorum_of(3, 2);
    quorum_no(&quorum, 0);
    assert_int_equal(quorum_verdict_of(&quorum), QUORUM_POSSIBLE);
    quorum_no(&quorum, 0);
    assert_int_equal(quorum_verdict_of(&quorum), QUORUM_POSSIBLE);
    quorum_no(&quorum, 2);
    assert_int_equal(quorum_verdict_of(&quorum), QUORUM_IMPOSSIBLE);
    struct quorum more = quorum_of(3, 4);
    assert_int_equal(quorum_verdict_of(&more), QUORUM_IMPOSSIBLE);
    struct quorum none = quorum_of(3, 0);
    assert_int_equal(quorum_verdict_of(&none), QUORUM_MET);
}

static void a_yes_stands_and_a_no_may_still_become_one(void **state)
{
    (void)state;
    struct quorum quorum = quorum_of(2, 2);
    quorum_yes(&quorum, 0);
    quorum_no(&quorum, 0);
    quorum_no(&quorum, 1);
    assert_int_equal(quorum_verdict_of(&quorum), QUORUM_IMPOSSIBLE);
    quorum_yes(&quorum, 1);
    assert_int_equal(quorum_verdict_of(&quorum), QUORUM_MET);
}

static void who_is_no_owner_does_not_count(void **state)
{
    (void)state;
    struct quorum quorum = quorum_of(2, 2);
    quorum_yes(&quorum, 0);
    quorum_yes(&quorum, 5);
    assert_int_equal(quorum_verdict_of(&quorum), QUORUM_POSSIBLE);
}

/* A stand-in that has handed its hint over has it no more, and the owner answers for the same copy. */
static void an_owner_and_who_stands_in_for_it_count_once(void **state)
{
    (void)state;
    struct quorum quorum = quorum_of(3, 2);
    quorum_admit(&quorum, 3, 2);
    quorum_yes(&quorum, 3);
    quorum_yes(&quorum, 2);
    assert_int_equal(quorum_verdict_of(&quorum), QUORUM_POSSIBLE);
    assert_int_equal(quorum_missing(&quorum), 1);
    quorum_no(&quorum, 0);
    quorum_no(&quorum, 1);
    assert_int_equal(quorum_verdict_of(&quorum), QUORUM_IMPOSSIBLE);
    quorum_admit(&quorum, 4, 0);
    assert_int_equal(quorum_verdict_of(&quorum), QUORUM_POSSIBLE);
    quorum_yes(&quorum, 4);
    assert_int_equal(quorum_verdict_of(&quorum), QUORUM_MET);
}

/* Against counting by hand. */
static void any_order_of_answers_gives_what_counting_gives(void **state)
{
    (void)state;
    const uint64_t seed = 17;
    struct prng prng;
    prng_init(&prng, seed);
    for (unsigned round = 0; round < 20000; round++) {
        unsigned owners = 1 + (unsigned)prng_below(&prng, 7), needed = (unsigned)prng_below(&prng, owners + 2);
        struct quorum quorum = quorum_of(owners, needed);
        bool yes[8] = {false}, no[8] = {false};
        for (unsigned step = 0; step < 12; step++) {
            unsigned place = (unsigned)prng_below(&prng, owners);
            bool is_yes = prng_below(&prng, 2) == 0;
            (is_yes ? quorum_yes : quorum_no)(&quorum, place);
            *(is_yes ? &yes[place] : &no[place]) = true;
            unsigned agreed = 0, failed = 0;
            for (unsigned i = 0; i < owners; i++) {
                agreed += yes[i];
                failed += no[i] && !yes[i];
            }
            enum quorum_verdict expected = agreed >= needed            ? QUORUM_MET
                                           : owners - failed >= needed ? QUORUM_POSSIBLE
                                                                       : QUORUM_IMPOSSIBLE;
            assert_seeded(quorum_verdict_of(&quorum) == expected, seed);
        }
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(it_is_met_by_as_many_as_are_needed),
        cmocka_unit_test(one_owner_is_one_however_often_it_answers),
        cmocka_unit_test(it_is_impossible_when_too_few_are_left),
        cmocka_unit_test(a_yes_stands_and_a_no_may_still_become_one),
        cmocka_unit_test(who_is_no_owner_does_not_count),
        cmocka_unit_test(an_owner_and_who_stands_in_for_it_count_once),
        cmocka_unit_test(any_order_of_answers_gives_what_counting_gives),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
