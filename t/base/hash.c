/* The hash of a key is the one that libmemcached clients compute. */
#include "base/hash.h"

#include "base/prng.h"
#include "base/seeded.h"

#ifdef HAVE_LIBHASHKIT
#include <libhashkit-1.0/hashkit.h>
#endif

static uint32_t rotated(uint32_t x, unsigned bits)
{
    return x << bits | x >> (32 - bits);
}

static uint32_t scrambled(uint32_t block)
{
    return rotated(block * 0xcc9e2d51U, 15) * 0x1b873593U;
}

/* MurmurHash3_x86_32 as its public description says: blocks of four bytes, lowest first. */
static uint32_t murmur(struct bytes data, uint32_t seed)
{
    uint32_t hash = seed, block = 0;
    for (size_t i = 0; i < data.len; i++) {
        block |= (uint32_t)data.at[i] << (i % 4 * 8);
        if (i % 4 == 3) {
            hash = rotated(hash ^ scrambled(block), 13) * 5 + 0xe6546b64U;
            block = 0;
        }
    }
    hash ^= scrambled(block); /* of nothing: 0 */
    hash ^= (uint32_t)data.len;
    hash = (hash ^ hash >> 16) * 0x85ebca6bU;
    hash = (hash ^ hash >> 13) * 0xc2b2ae35U;
    return hash ^ hash >> 16;
}

static void the_reference_gives_the_published_values(void **state)
{
    (void)state;
    assert_int_equal(murmur(bytes_of_text(""), 0), 0);
    assert_int_equal(murmur(bytes_of_text(""), 1), 0x514e28b7);
    assert_int_equal(murmur(bytes_of_text(""), 0xffffffff), 0x81f16f39);
    assert_int_equal(murmur(bytes_of("\xff\xff\xff\xff", 4), 0), 0x76293b50);
    assert_int_equal(murmur(bytes_of("!Ce\x87", 4), 0), 0xf55b516b);
    assert_int_equal(murmur(bytes_of("!Ce\x87", 4), 0x5082edee), 0x2362f9de);
    assert_int_equal(murmur(bytes_of("!Ce", 3), 0), 0x7e4a8634);
    assert_int_equal(murmur(bytes_of("!C", 2), 0), 0xa0f7b07a);
    assert_int_equal(murmur(bytes_of("!", 1), 0), 0x72661cf4);
    assert_int_equal(murmur(bytes_of("\0\0\0\0", 4), 0), 0x2362f9de);
    assert_int_equal(murmur(bytes_of_text("Hello, world!"), 0x9747b28c), 0x24884cba);
    assert_int_equal(murmur(bytes_of_text("The quick brown fox jumps over the lazy dog"), 0x9747b28c), 0x2fa826cd);
}

static void keys_are_hashed_with_a_seed_from_their_length(void **state)
{
    (void)state;
    const uint64_t seed = 61;
    struct prng prng;
    prng_init(&prng, seed);
    assert_int_equal(hash_of_key(bytes_of("", 0)), 0);
    for (unsigned round = 0; round < 20000; round++) {
        uint8_t buffer[260];
        size_t offset = (size_t)prng_below(&prng, 8), len = (size_t)prng_below(&prng, 251);
        for (size_t i = 0; i < len; i++)
            buffer[offset + i] = (uint8_t)prng_next(&prng);
        struct bytes key = bytes_of(buffer + offset, len);
        assert_seeded(hash_of_key(key) == murmur(key, 0xdeadbeefU * (uint32_t)len), seed);
#ifdef HAVE_LIBHASHKIT
        assert_seeded(hash_of_key(key) == libhashkit_digest((const char *)key.at, len, HASHKIT_HASH_MURMUR3), seed);
#endif
    }
}

/* The inverse, step by step: x ^ x >> 33 undoes itself, odd factors have inverses modulo 2^64. */
static uint64_t unmixed(uint64_t x)
{
    const uint64_t factors[] = {0xc4ceb9fe1a85ec53ULL, 0xff51afd7ed558ccdULL};
    for (unsigned i = 0; i < 2; i++) {
        uint64_t inverse = factors[i]; /* right in the lowest 3 bits; each step doubles that */
        for (unsigned step = 0; step < 5; step++)
            inverse *= 2 - factors[i] * inverse;
        x ^= x >> 33;
        x *= inverse;
    }
    return x ^ x >> 33;
}

static void mix_can_be_undone(void **state)
{
    (void)state;
    const uint64_t seed = 62;
    struct prng prng;
    prng_init(&prng, seed);
    for (unsigned round = 0; round < 10000; round++) {
        uint64_t x = prng_next(&prng) >> prng_below(&prng, 64);
        assert_seeded(unmixed(hash_mix(x)) == x, seed);
    }
}

static void fingerprints_depend_on_every_byte_and_the_seed(void **state)
{
    (void)state;
    uint8_t data[100] = {0};
    uint64_t plain = hash_fingerprint(bytes_of(data, sizeof data), 1);
    assert_true(hash_fingerprint(bytes_of(data, sizeof data), 1) == plain);
    assert_true(hash_fingerprint(bytes_of(data, sizeof data), 2) != plain);
    assert_true(hash_fingerprint(bytes_of(data, sizeof data - 1), 1) != plain);
    for (size_t bit = 0; bit < sizeof data * 8; bit++) {
        data[bit / 8] ^= (uint8_t)(1U << bit % 8);
        assert_true(hash_fingerprint(bytes_of(data, sizeof data), 1) != plain);
        data[bit / 8] ^= (uint8_t)(1U << bit % 8);
    }
}

static void random_numbers_repeat_with_their_seed(void **state)
{
    (void)state;
    struct prng a, b, c;
    prng_init(&a, 5);
    prng_init(&b, 5);
    prng_init(&c, 6);
    unsigned equal_to_c = 0, below_half = 0;
    for (unsigned i = 0; i < 10000; i++) {
        uint64_t x = prng_next(&a);
        assert_true(x == prng_next(&b));
        equal_to_c += x == prng_next(&c);
        below_half += prng_below(&c, 10) < 5;
        (void)prng_next(&a);
        (void)prng_next(&b);
    }
    assert_int_equal(equal_to_c, 0);
    assert_in_range(below_half, 4700, 5300); /* six standard deviations of 50 */
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_reference_gives_the_published_values),
        cmocka_unit_test(keys_are_hashed_with_a_seed_from_their_length),
        cmocka_unit_test(mix_can_be_undone),
        cmocka_unit_test(fingerprints_depend_on_every_byte_and_the_seed),
        cmocka_unit_test(random_numbers_repeat_with_their_seed),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
