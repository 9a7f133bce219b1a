/* The sliding window of forwarded requests: at most once for each number. */
#include "node/once.h"
#include "base/seeded.h"

#include "base/prng.h"

#include <stdlib.h>
#include <string.h>

static void a_number_is_taken_once(void **state)
{
    (void)state;
    static struct once once;
    for (uint64_t number = 1; number <= 3 * ONCE_WINDOW; number++) {
        assert_true(once_take(&once, number));
        assert_false(once_take(&once, number));
    }
    assert_false(once_take(&once, 1)); /* long gone */
    assert_false(once_take(&once, 2 * ONCE_WINDOW + 1));
}

static void zero_is_no_number(void **state)
{
    (void)state;
    static struct once once;
    assert_false(once_take(&once, 0));
}

static void numbers_that_were_left_out_may_come_late(void **state)
{
    (void)state;
    static struct once once;
    assert_true(once_take(&once, 10));
    assert_true(once_take(&once, 7));
    assert_false(once_take(&once, 7));
    assert_true(once_take(&once, ONCE_WINDOW + 6)); /* 7 is now the oldest in the window but for 6, which has left it */
    assert_false(once_take(&once, 6));
    assert_false(once_take(&once, 7));
    assert_true(once_take(&once, 8));
    assert_false(once_take(&once, 10));
}

static void a_leap_forgets_what_it_leaves_behind_and_nothing_else(void **state)
{
    (void)state;
    static struct once once;
    assert_true(once_take(&once, 5));
    assert_true(once_take(&once, UINT64_MAX));
    assert_false(once_take(&once, UINT64_MAX));
    assert_false(once_take(&once, 5)); /* too old to tell */
    assert_true(once_take(&once, UINT64_MAX - ONCE_WINDOW + 1));
    assert_false(once_take(&once, UINT64_MAX - ONCE_WINDOW));
}

static void the_last_numbers_of_all_may_come_one_by_one(void **state)
{
    (void)state;
    static struct once once;
    assert_true(once_take(&once, UINT64_MAX - 1));
    assert_true(once_take(&once, UINT64_MAX));
    assert_false(once_take(&once, UINT64_MAX));
}

/* Against the obvious: a set of all numbers that have come. */
static void any_order_gives_what_a_set_of_all_numbers_gives(void **state)
{
    (void)state;
    enum { NUMBERS = 4 * ONCE_WINDOW, SEED = 0x0c3 };
    static struct once once;
    static bool seen[NUMBERS + 1];
    struct prng prng;
    prng_init(&prng, SEED);
    uint64_t newest = 0;
    for (unsigned i = 0; i < 4 * NUMBERS; i++) {
        uint64_t spread = prng_below(&prng, 4) == 0 ? ONCE_WINDOW + ONCE_WINDOW / 2 : 50;
        uint64_t middle = (uint64_t)i / 4;
        uint64_t number = middle + prng_below(&prng, spread);
        number = number > spread / 2 ? number - spread / 2 : 1;
        if (number > NUMBERS)
            continue;
        newest = number > newest ? number : newest;
        bool expected = !seen[number] && newest - number < ONCE_WINDOW;
        assert_seeded(once_take(&once, number) == expected, SEED);
        seen[number] = true;
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_number_is_taken_once),
        cmocka_unit_test(zero_is_no_number),
        cmocka_unit_test(numbers_that_were_left_out_may_come_late),
        cmocka_unit_test(a_leap_forgets_what_it_leaves_behind_and_nothing_else),
        cmocka_unit_test(the_last_numbers_of_all_may_come_one_by_one),
        cmocka_unit_test(any_order_gives_what_a_set_of_all_numbers_gives),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
