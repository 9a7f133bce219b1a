/* The ring of one: every partition has the same owner, and keys spread over all partitions. */
#include "ring/ring.h"

#include "base/hash.h"
#include "base/prng.h"
#include "base/seeded.h"

#include <stdlib.h>
#include <string.h>

static void the_single_member_is_first_everywhere(void **state)
{
    (void)state;
    struct ring_view *view = ring_view_new_single("10.0.0.1:12211", RING_PARTITIONS_DEFAULT);
    assert_non_null(view);
    assert_true(view->epoch == 1);
    assert_int_equal(view->member_count, 1);
    assert_int_equal(view->partition_count, 1024);
    assert_string_equal(view->members[0].name, "10.0.0.1:12211");
    assert_int_equal(view->members[0].id, ring_node_id("10.0.0.1:12211"));
    for (unsigned partition = 0; partition < view->partition_count; partition++)
        assert_int_equal(ring_preference_list(view, (uint16_t)partition)[0], 0);
    ring_view_free(view);
}

static void partition_counts_are_powers_of_two_up_to_65536(void **state)
{
    (void)state;
    for (uint32_t count = 1; count <= RING_PARTITIONS_MAX; count *= 2) {
        struct ring_view *view = ring_view_new_single("n", count);
        assert_non_null(view);
        ring_view_free(view);
    }
    const uint32_t bad[] = {0, 3, 6, 1023, 1025, 65535, 65537, 131072, 0x80000000U, UINT32_MAX};
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
        assert_null(ring_view_new_single("n", bad[i]));
    ring_view_free(NULL);
}

static void names_have_1_to_63_bytes(void **state)
{
    (void)state;
    char name[RING_NAME_MAX + 2];
    memset(name, 'x', sizeof name);
    name[RING_NAME_MAX + 1] = 0;
    assert_null(ring_view_new_single(name, 16));
    assert_null(ring_view_new_single("", 16));
    name[RING_NAME_MAX] = 0;
    struct ring_view *view = ring_view_new_single(name, 16);
    assert_non_null(view);
    assert_string_equal(view->members[0].name, name);
    ring_view_free(view);
}

static void node_ids_are_never_zero_and_rarely_equal(void **state)
{
    (void)state;
    enum { NAMES = 2000 };
    static uint32_t ids[NAMES];
    for (unsigned i = 0; i < NAMES; i++) {
        char name[24] = "node-";
        unsigned n = i, at = 5;
        do
            name[at++] = (char)('0' + n % 10);
        while ((n /= 10) != 0);
        ids[i] = ring_node_id(name);
        assert_int_not_equal(ids[i], 0);
        for (unsigned k = 0; k < i; k++)
            assert_int_not_equal(ids[i], ids[k]); /* 2 million pairs out of 2^32: one in 2000 such sets has a pair */
    }
}

/* The partition is the low bits of the hash, so that a client with virtual buckets finds it by a modulus. */
static void a_partition_is_the_hash_modulo_their_number(void **state)
{
    (void)state;
    const uint64_t seed = 81;
    struct prng prng;
    prng_init(&prng, seed);
    for (uint32_t count = 1; count <= RING_PARTITIONS_MAX; count *= 4) {
        struct ring_view *view = ring_view_new_single("n", count);
        for (unsigned i = 0; i < 1000; i++) {
            uint32_t hash = (uint32_t)prng_next(&prng);
            assert_seeded(ring_partition(view, hash) == hash % count, seed);
        }
        assert_int_equal(ring_partition(view, UINT32_MAX), count - 1);
        ring_view_free(view);
    }
}

/* Chi-square over 64 partitions with 63 degrees of freedom: mean 63, standard deviation 11.2. */
static double chi_square(const unsigned *counts, unsigned bins, unsigned total)
{
    double expected = (double)total / bins, sum = 0;
    for (unsigned i = 0; i < bins; i++)
        sum += ((double)counts[i] - expected) * ((double)counts[i] - expected) / expected;
    return sum;
}

static void keys_spread_evenly_over_partitions(void **state)
{
    (void)state;
    enum { BINS = 64, KEYS = 64000 };
    unsigned counts[BINS] = {0};
    struct ring_view *view = ring_view_new_single("n", BINS);
    for (unsigned i = 0; i < KEYS; i++) {
        char key[] = "memtier-000000";
        for (unsigned n = i, at = sizeof key - 2; n != 0; n /= 10, at--)
            key[at] = (char)('0' + n % 10);
        counts[ring_partition(view, hash_of_key(bytes_of_text(key)))]++;
    }
    assert_true(chi_square(counts, BINS, KEYS) < 63 + 5 * 11.2);
    counts[0] -= 300; /* a skew of 30 % in one partition is noticed */
    counts[1] += 300;
    assert_true(chi_square(counts, BINS, KEYS) > 63 + 5 * 11.2);
    ring_view_free(view);
}

static void equal_tables_have_equal_fingerprints(void **state)
{
    (void)state;
    struct ring_view *view = ring_view_new_single("a", 64), *same = ring_view_new_single("a", 64);
    struct ring_view *other_name = ring_view_new_single("b", 64), *other_size = ring_view_new_single("a", 128);
    uint64_t print = ring_fingerprint(view);
    assert_true(ring_fingerprint(same) == print);
    assert_true(ring_fingerprint(other_name) != print);
    assert_true(ring_fingerprint(other_size) != print);
    same->epoch++;
    assert_true(ring_fingerprint(same) != print);
    ring_view_free(view);
    ring_view_free(same);
    ring_view_free(other_name);
    ring_view_free(other_size);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_single_member_is_first_everywhere),
        cmocka_unit_test(partition_counts_are_powers_of_two_up_to_65536),
        cmocka_unit_test(names_have_1_to_63_bytes),
        cmocka_unit_test(node_ids_are_never_zero_and_rarely_equal),
        cmocka_unit_test(a_partition_is_the_hash_modulo_their_number),
        cmocka_unit_test(keys_spread_evenly_over_partitions),
        cmocka_unit_test(equal_tables_have_equal_fingerprints),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
