#include "parsed.h"

static const uint64_t now_ms = 1790000000123;

static void zero_is_never(void **state)
{
    (void)state;
    assert_true(exptime_to_expiry_ms(0, now_ms) == 0);
    assert_true(exptime_to_expiry_ms(0, 0) == 0);
}

static void negative_has_expired_and_is_not_never(void **state)
{
    (void)state;
    assert_true(exptime_to_expiry_ms(-1, now_ms) == 1);
    assert_true(exptime_to_expiry_ms(INT64_MIN, now_ms) == 1);
}

static void thirty_days_is_the_last_that_counts_from_now(void **state)
{
    (void)state;
    assert_true(exptime_to_expiry_ms(1, now_ms) == now_ms + 1000);
    assert_true(exptime_to_expiry_ms(2592000, now_ms) == now_ms + 2592000000);
    assert_true(exptime_to_expiry_ms(2592001, now_ms) == 2592001000);
}

/* libmemcached's "exist" sends 2678400, 31 days, and counts on instant expiry. */
static void an_absolute_time_in_the_past_has_expired(void **state)
{
    (void)state;
    uint64_t expiry = exptime_to_expiry_ms(2678400, now_ms);
    assert_true(expiry != 0 && expiry <= now_ms);
}

static void absolute_times_go_beyond_2038_and_never_wrap(void **state)
{
    (void)state;
    assert_true(exptime_to_expiry_ms(4102444800, now_ms) == 4102444800000);
    assert_true(exptime_to_expiry_ms(INT64_MAX, now_ms) > now_ms);
    /* A hybrid time shifts milliseconds by 16 bits: the result must survive that. */
    assert_true(exptime_to_expiry_ms(INT64_MAX, now_ms) << 16 >> 16 == exptime_to_expiry_ms(INT64_MAX, now_ms));
    assert_true(exptime_to_expiry_ms(281474976710, now_ms) <= exptime_to_expiry_ms(281474976711, now_ms));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(zero_is_never),
        cmocka_unit_test(negative_has_expired_and_is_not_never),
        cmocka_unit_test(thirty_days_is_the_last_that_counts_from_now),
        cmocka_unit_test(an_absolute_time_in_the_past_has_expired),
        cmocka_unit_test(absolute_times_go_beyond_2038_and_never_wrap),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
