/* Decimal text at its limits. */
#include "base/decimal.h"

#include "base/prng.h"
#include "base/seeded.h"

static bool reads_as(const char *text, uint64_t expected)
{
    uint64_t value;
    return decimal_read(bytes_of_text(text), &value) && value == expected;
}

static bool is_refused(const char *text)
{
    uint64_t value;
    return !decimal_read(bytes_of_text(text), &value);
}

static bool reads_signed_as(const char *text, int64_t expected)
{
    int64_t value;
    return decimal_read_signed(bytes_of_text(text), &value) && value == expected;
}

static bool is_refused_signed(const char *text)
{
    int64_t value;
    return !decimal_read_signed(bytes_of_text(text), &value);
}

static void unsigned_numbers_end_at_2_to_the_64(void **state)
{
    (void)state;
    assert_true(reads_as("0", 0));
    assert_true(reads_as("007", 7));
    assert_true(reads_as("18446744073709551615", UINT64_MAX));
    assert_true(is_refused("18446744073709551616"));
    assert_true(is_refused("18446744073709551620")); /* overflows in the multiplication */
    assert_true(is_refused("99999999999999999999"));
    assert_true(is_refused("184467440737095516150"));
}

static void only_digits_are_a_number(void **state)
{
    (void)state;
    const char *const bad[] = {"", " ", "1 ", " 1", "+1", "-1", "1a", "0x1", "1.0", "/", ":", "\x80", "1\r"};
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
        assert_true(is_refused(bad[i]));
    uint64_t value;
    assert_false(decimal_read(bytes_of("1\0", 2), &value));
    assert_false(decimal_read(bytes_of(NULL, 0), &value));
}

static void signed_numbers_end_where_int64_does(void **state)
{
    (void)state;
    assert_true(reads_signed_as("9223372036854775807", INT64_MAX));
    assert_true(reads_signed_as("+9223372036854775807", INT64_MAX));
    assert_true(reads_signed_as("-9223372036854775808", INT64_MIN));
    assert_true(reads_signed_as("-0", 0));
    assert_true(is_refused_signed("9223372036854775808"));
    assert_true(is_refused_signed("-9223372036854775809"));
    assert_true(is_refused_signed("-18446744073709551616"));
    const char *const bad[] = {"", "-", "+", "--1", "+-1", "- 1", "1-"};
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
        assert_true(is_refused_signed(bad[i]));
}

static void what_is_written_is_read_back(void **state)
{
    (void)state;
    const uint64_t seed = 21;
    struct prng prng;
    prng_init(&prng, seed);
    for (unsigned round = 0; round < 20000; round++) {
        uint64_t value = prng_next(&prng) >> prng_below(&prng, 64), back;
        uint8_t text[DECIMAL_MAX];
        struct bytes written = bytes_of(text, (size_t)(decimal_write(text, value) - text));
        assert_seeded(written.len <= DECIMAL_MAX, seed);
        assert_seeded(written.len == 1 || text[0] != '0', seed);
        assert_seeded(decimal_read(written, &back) && back == value, seed);
    }
    uint8_t text[DECIMAL_MAX];
    assert_ptr_equal(decimal_write(text, UINT64_MAX), text + DECIMAL_MAX);
    assert_memory_equal(text, "18446744073709551615", DECIMAL_MAX);
    assert_ptr_equal(decimal_write(text, 0), text + 1);
    assert_int_equal(text[0], '0');
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(unsigned_numbers_end_at_2_to_the_64),
        cmocka_unit_test(only_digits_are_a_number),
        cmocka_unit_test(signed_numbers_end_where_int64_does),
        cmocka_unit_test(what_is_written_is_read_back),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
