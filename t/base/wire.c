/* Numbers in byte strings: one form for each value, and no reading past the end. */
#include "base/wire.h"

#include "base/prng.h"
#include "base/seeded.h"

static struct wire_reader reader_over(const uint8_t *at, size_t len)
{
    return wire_reader_of(bytes_of(at, len));
}

static void assert_varint_round_trip(uint64_t value)
{
    uint8_t buffer[WIRE_VARINT_MAX];
    size_t len = (size_t)(wire_write_varint(buffer, value) - buffer);
    assert_int_equal(len, wire_varint_len(value));

    struct wire_reader reader = reader_over(buffer, len);
    assert_true(wire_read_varint(&reader) == value);
    assert_true(reader.ok);
    assert_int_equal(wire_left(&reader), 0);

    for (size_t cut = 0; cut < len; cut++) {
        struct wire_reader shorter = reader_over(buffer, cut);
        assert_true(wire_read_varint(&shorter) == 0);
        assert_false(shorter.ok);
    }
}

static void varint_takes_a_byte_for_each_seven_bits(void **state)
{
    (void)state;
    assert_int_equal(wire_varint_len(0), 1);
    for (unsigned bits = 7; bits < 64; bits += 7) {
        uint64_t first_longer = (uint64_t)1 << bits;
        assert_int_equal(wire_varint_len(first_longer - 1), bits / 7);
        assert_int_equal(wire_varint_len(first_longer), bits / 7 + 1);
        assert_varint_round_trip(first_longer - 1);
        assert_varint_round_trip(first_longer);
    }
    assert_int_equal(wire_varint_len(UINT64_MAX), WIRE_VARINT_MAX);
    assert_varint_round_trip(0);
    assert_varint_round_trip(UINT64_MAX);
}

static void varint_refuses_every_longer_form_of_a_value(void **state)
{
    (void)state;
    const uint64_t values[] = {0, 1, 127, 128, 16383, 16384, (uint64_t)1 << 55};
    for (size_t i = 0; i < sizeof values / sizeof *values; i++) {
        uint8_t buffer[WIRE_VARINT_MAX];
        uint8_t *end = wire_write_varint(buffer, values[i]);
        while (end < buffer + WIRE_VARINT_MAX) { /* append one more group of seven zero bits */
            end[-1] |= 0x80;
            *end++ = 0;
            struct wire_reader reader = reader_over(buffer, (size_t)(end - buffer));
            (void)wire_read_varint(&reader);
            assert_false(reader.ok);
        }
    }
}

static void varint_refuses_more_than_64_bits(void **state)
{
    (void)state;
    uint8_t buffer[12];
    memset(buffer, 0xff, sizeof buffer);
    buffer[9] = 0x01; /* the 64th bit */
    struct wire_reader largest = reader_over(buffer, 10);
    assert_true(wire_read_varint(&largest) == UINT64_MAX);
    assert_true(largest.ok);

    buffer[9] = 0x02; /* the 65th */
    struct wire_reader larger = reader_over(buffer, 10);
    (void)wire_read_varint(&larger);
    assert_false(larger.ok);

    buffer[9] = 0x81;
    buffer[10] = 0x00;
    struct wire_reader longer = reader_over(buffer, 11);
    (void)wire_read_varint(&longer);
    assert_false(longer.ok);
}

static void accepted_varints_are_what_would_be_written(void **state)
{
    (void)state;
    const uint64_t seed = 11;
    struct prng prng;
    prng_init(&prng, seed);
    unsigned accepted = 0, refused = 0;
    for (unsigned round = 0; round < 200000; round++) {
        uint8_t noise[12], written[WIRE_VARINT_MAX];
        size_t len = (size_t)prng_below(&prng, sizeof noise + 1);
        for (size_t i = 0; i < len; i++) { /* mostly continuation bytes, often with no bit of their own */
            uint64_t draw = prng_next(&prng);
            noise[i] = (uint8_t)((draw >> 8 & 3) == 0 ? draw & 0x81 : draw | 0x80);
        }
        struct wire_reader reader = reader_over(noise, len);
        uint64_t value = wire_read_varint(&reader);
        if (!reader.ok) {
            refused++;
            continue;
        }
        accepted++;
        size_t used = len - wire_left(&reader);
        assert_seeded(used == wire_varint_len(value), seed);
        assert_seeded((size_t)(wire_write_varint(written, value) - written) == used, seed);
        assert_seeded(memcmp(written, noise, used) == 0, seed);
    }
    assert_true(accepted > 10000 && refused > 10000);
}

static void fixed_widths_are_big_endian(void **state)
{
    (void)state;
    const uint8_t expected[] = {0xab, 0x01, 0x02, 0x03, 0x04, 0x05, 0x06, 0x07,
                                0x08, 0x09, 0x0a, 0x0b, 0x0c, 0x0d, 0x0e};
    uint8_t buffer[sizeof expected];
    uint8_t *at = wire_write_u8(buffer, 0xab);
    at = wire_write_u16(at, 0x0102);
    at = wire_write_u32(at, 0x03040506);
    at = wire_write_u64(at, 0x0708090a0b0c0d0eULL);
    assert_ptr_equal(at, buffer + sizeof buffer);
    assert_memory_equal(buffer, expected, sizeof expected);

    struct wire_reader reader = reader_over(buffer, sizeof buffer);
    assert_int_equal(wire_read_u8(&reader), 0xab);
    assert_int_equal(wire_read_u16(&reader), 0x0102);
    assert_int_equal(wire_read_u32(&reader), 0x03040506);
    assert_true(wire_read_u64(&reader) == 0x0708090a0b0c0d0eULL);
    assert_true(reader.ok);
}

static void a_reader_that_failed_stays_failed(void **state)
{
    (void)state;
    const uint8_t three[] = {1, 2, 3};
    struct wire_reader reader = reader_over(three, sizeof three);
    assert_int_equal(wire_read_u32(&reader), 0);
    assert_false(reader.ok);
    assert_int_equal(wire_read_u8(&reader), 0); /* although three bytes are there */
    assert_true(wire_read_varint(&reader) == 0);
    assert_int_equal(wire_read_bytes(&reader, 1).len, 0);
    assert_false(reader.ok);
}

static void bytes_are_read_in_place_and_never_past_the_end(void **state)
{
    (void)state;
    const uint8_t text[] = {'a', 'b', 'c', 'd'};
    struct wire_reader reader = reader_over(text, sizeof text);
    struct bytes first = wire_read_bytes(&reader, 3);
    assert_ptr_equal(first.at, text);
    assert_int_equal(first.len, 3);
    assert_int_equal(wire_read_bytes(&reader, 0).len, 0);
    assert_true(reader.ok);
    struct wire_reader before = reader;
    assert_int_equal(wire_read_bytes(&reader, UINT64_MAX).len, 0);
    assert_false(reader.ok);
    assert_int_equal(wire_read_bytes(&before, 1).at[0], 'd');
    assert_true(before.ok);
}

static void an_empty_slice_reads_nothing(void **state)
{
    (void)state;
    struct wire_reader reader = wire_reader_of(bytes_of(NULL, 0));
    assert_int_equal(wire_left(&reader), 0);
    assert_int_equal(wire_read_bytes(&reader, 0).len, 0);
    assert_true(reader.ok);
    (void)wire_read_u8(&reader);
    assert_false(reader.ok);
    uint8_t place;
    assert_ptr_equal(wire_write_bytes(&place, bytes_of(NULL, 0)), &place);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(varint_takes_a_byte_for_each_seven_bits),
        cmocka_unit_test(varint_refuses_every_longer_form_of_a_value),
        cmocka_unit_test(varint_refuses_more_than_64_bits),
        cmocka_unit_test(accepted_varints_are_what_would_be_written),
        cmocka_unit_test(fixed_widths_are_big_endian),
        cmocka_unit_test(a_reader_that_failed_stays_failed),
        cmocka_unit_test(bytes_are_read_in_place_and_never_past_the_end),
        cmocka_unit_test(an_empty_slice_reads_nothing),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
