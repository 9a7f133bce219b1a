/* memcached's arithmetic on values. */
#include "coordinator/modify.h"

#include "base/seeded.h"

static bool is_number(const char *value, uint64_t expected)
{
    uint64_t number;
    return modify_number_of(bytes_of_text(value), &number) && number == expected;
}

static bool is_no_number(const char *value)
{
    uint64_t number;
    return !modify_number_of(bytes_of_text(value), &number);
}

static bool becomes(uint64_t number, size_t old_len, const char *expected)
{
    struct blob *made = modify_number_text(number, old_len);
    bool same = bytes_equal(blob_bytes(made), bytes_of_text(expected));
    blob_release(made);
    return same;
}

static void numbers_may_have_white_space_around(void **state)
{
    (void)state;
    assert_true(is_number("0", 0));
    assert_true(is_number("9 ", 9)); /* what decr leaves of 10 */
    assert_true(is_number(" 12", 12));
    assert_true(is_number("\t\n\v\f\r12\r\n", 12));
    assert_true(is_number("12 34", 12));
    assert_true(is_number("+7", 7));
    assert_true(is_number("007", 7));
    assert_true(is_number("18446744073709551615", UINT64_MAX));
}

static void anything_else_is_no_number(void **state)
{
    (void)state;
    const char *const bad[] = {
        "", " ", "a", "1a", "-1", "--1", "+-1", "+ 1", "1.5", "0x10", "1,000", "18446744073709551616", "\xff"};
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
        assert_true(is_no_number(bad[i]));
}

static void shorter_numbers_are_padded_and_longer_ones_grow(void **state)
{
    (void)state;
    assert_true(becomes(9, 2, "9 "));
    assert_true(becomes(0, 5, "0    "));
    assert_true(becomes(10, 1, "10"));
    assert_true(becomes(10, 2, "10"));
    assert_true(becomes(0, 0, "0"));
    assert_true(becomes(UINT64_MAX, 0, "18446744073709551615"));
}

static void incr_wraps_and_decr_stops_at_zero(void **state)
{
    (void)state;
    assert_true(modify_delta(5, 3, true) == 8);
    assert_true(modify_delta(UINT64_MAX, 1, true) == 0);
    assert_true(modify_delta(UINT64_MAX, UINT64_MAX, true) == UINT64_MAX - 1);
    assert_true(modify_delta(5, 3, false) == 2);
    assert_true(modify_delta(5, 5, false) == 0);
    assert_true(modify_delta(5, 6, false) == 0);
    assert_true(modify_delta(0, UINT64_MAX, false) == 0);
}

static void joined_values_are_one_behind_the_other(void **state)
{
    (void)state;
    const char *const pairs[][3] = {{"ab", "cd", "abcd"}, {"", "cd", "cd"}, {"ab", "", "ab"}, {"", "", ""}};
    for (unsigned i = 0; i < 4; i++) {
        struct blob *whole = modify_concat(bytes_of_text(pairs[i][0]), bytes_of_text(pairs[i][1]));
        assert_true(bytes_equal(blob_bytes(whole), bytes_of_text(pairs[i][2])));
        blob_release(whole);
    }
    assert_null(modify_concat(bytes_of("x", BLOB_LEN_MAX), bytes_of("y", 1)));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(numbers_may_have_white_space_around),
        cmocka_unit_test(anything_else_is_no_number),
        cmocka_unit_test(shorter_numbers_are_padded_and_longer_ones_grow),
        cmocka_unit_test(incr_wraps_and_decr_stops_at_zero),
        cmocka_unit_test(joined_values_are_one_behind_the_other),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
