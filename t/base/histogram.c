/* Quantiles within 1/16 of the truth, in constant memory. */
#include "base/histogram.h"

#include "base/prng.h"
#include "base/seeded.h"

#include <math.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

enum { VALUES = 5000 };

static int ascending(const void *a, const void *b)
{
    uint64_t x, y;
    memcpy(&x, a, sizeof x);
    memcpy(&y, b, sizeof y);
    return x < y ? -1 : x > y;
}

/* What was promised: the end of the bucket that holds `exact`, so never below it and at most a sixteenth above. */
static bool is_close(uint64_t reported, uint64_t exact)
{
    return reported >= exact && reported - exact <= exact / 16;
}

/* The smallest of the sorted values that `fraction` of them do not exceed. */
static uint64_t exact_quantile(const uint64_t *sorted, double fraction)
{
    size_t rank = (size_t)ceil(fraction * VALUES);
    return sorted[rank == 0 ? 0 : rank - 1];
}

static uint64_t draw_value(struct prng *prng, unsigned shape)
{
    switch (shape) {
    case 0: /* of every size */
        return prng_next(prng) >> prng_below(prng, 64);
    case 1: /* small: exact */
        return prng_below(prng, 16);
    case 2: /* latencies in a narrow range */
        return 20000 + prng_below(prng, 9000);
    default: /* a few very long ones */
        return prng_below(prng, 100) == 0 ? 500000000 + prng_below(prng, 1000) : 100 + prng_below(prng, 50);
    }
}

static void quantiles_are_within_a_sixteenth(void **state)
{
    (void)state;
    static struct histogram histogram;
    static uint64_t values[VALUES];
    const double fractions[] = {0, 0.001, 0.1, 0.25, 0.5, 0.75, 0.9, 0.99, 0.999, 1};
    for (uint64_t seed = 1; seed <= 40; seed++) {
        struct prng prng;
        prng_init(&prng, seed);
        histogram_reset(&histogram);
        for (unsigned i = 0; i < VALUES; i++) {
            values[i] = draw_value(&prng, (unsigned)(seed % 4));
            histogram_record(&histogram, values[i]);
        }
        qsort(values, VALUES, sizeof *values, ascending);
        assert_seeded(histogram_total(&histogram) == VALUES, seed);
        for (unsigned i = 0; i < sizeof fractions / sizeof *fractions; i++)
            assert_seeded(is_close(histogram_quantile(&histogram, fractions[i]), exact_quantile(values, fractions[i])),
                          seed);
        assert_seeded(histogram_quantile(&histogram, 1) == values[VALUES - 1], seed);
    }
}

static void the_bound_is_one_that_can_be_missed(void **state)
{
    (void)state;
    assert_true(is_close(1062, 1000));
    assert_false(is_close(1063, 1000)); /* 1/16 of 1000 is 62.5 */
    assert_false(is_close(999, 1000));
    assert_false(is_close(1023, 900)); /* what buckets of one for each power of two would answer */
    assert_false(is_close(16, 15));
}

static void the_extremes_have_buckets(void **state)
{
    (void)state;
    static struct histogram histogram;
    histogram_reset(&histogram);
    assert_true(histogram_quantile(&histogram, 0.5) == 0);
    histogram_record(&histogram, 0);
    assert_true(histogram_quantile(&histogram, 1) == 0);
    histogram_record(&histogram, UINT64_MAX);
    assert_true(histogram_quantile(&histogram, 1) == UINT64_MAX);
    assert_true(histogram_quantile(&histogram, 0.5) == 0);
    for (unsigned bit = 0; bit < 64; bit++) { /* the first and the last value of each row */
        uint64_t first = (uint64_t)1 << bit, last = first + (first - 1);
        histogram_reset(&histogram);
        histogram_record(&histogram, first);
        assert_true(histogram_quantile(&histogram, 0.5) == first);
        histogram_record(&histogram, last);
        assert_true(histogram_quantile(&histogram, 1) == last);
        assert_true(is_close(histogram_quantile(&histogram, 0.5), first));
    }
}

static void adding_is_recording_in_one(void **state)
{
    (void)state;
    static struct histogram left, right, both;
    const uint64_t seed = 51;
    struct prng prng;
    prng_init(&prng, seed);
    for (unsigned i = 0; i < VALUES; i++) {
        uint64_t value = draw_value(&prng, 0);
        histogram_record(i % 3 == 0 ? &left : &right, value);
        histogram_record(&both, value);
    }
    histogram_add(&left, &right);
    for (unsigned i = 0; i < HISTOGRAM_BUCKETS; i++)
        assert_seeded(atomic_load(&left.counts[i]) == atomic_load(&both.counts[i]), seed);
    assert_seeded(atomic_load(&left.max) == atomic_load(&both.max), seed);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(quantiles_are_within_a_sixteenth),
        cmocka_unit_test(the_bound_is_one_that_can_be_missed),
        cmocka_unit_test(the_extremes_have_buckets),
        cmocka_unit_test(adding_is_recording_in_one),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
