/* Frames: whole or not at all, whatever is cut off, flipped or claimed. */
#include "message/frame.h"
#include "base/hash.h"
#include "base/seeded.h"
#include "base/wire.h"
#include "wires.h"

#include "base/prng.h"

enum { FRAME_MAX = 32 << 20, TYPE = 200, LONG = 5000 };

static const struct bytes none = {NULL, 0};

static struct bytes frame_of(struct bytes head, struct bytes tail)
{
    struct wire wire;
    wire_open(&wire);
    frame_append_both(&wire.chain, TYPE, head, NULL, tail);
    struct bytes frame = wire_take_all(&wire);
    wire_close(&wire);
    return frame;
}

static struct bytes random_bytes(struct prng *prng, size_t len)
{
    uint8_t *at = malloc(len + (len == 0));
    CHECK_MEMORY(at);
    for (size_t i = 0; i < len; i++)
        at[i] = (uint8_t)prng_next(prng);
    return bytes_of(at, len);
}

static void assert_frame(struct bytes in, uint8_t type, struct bytes head, struct bytes tail)
{
    struct frame frame;
    size_t used;
    assert_int_equal(frame_next(in, FRAME_MAX, &frame, &used), FRAME_OK);
    assert_int_equal(used, in.len);
    assert_int_equal(frame.type, type);
    assert_true(bytes_equal(frame.head, head) && bytes_equal(frame.tail, tail));
}

/* docs/messages.md, byte by byte. */
static void a_frame_has_the_documented_bytes(void **state)
{
    (void)state;
    struct bytes frame = frame_of(bytes_of_text("head"), bytes_of_text("tail!"));
    static const uint8_t lengths[] = {0, 0, 0, 22, 0, 0, 0, 5};
    static const uint8_t contents[] = {TYPE, 'h', 'e', 'a', 'd', 't', 'a', 'i', 'l', '!'};
    assert_int_equal(frame.len, FRAME_HEADER_BYTES + sizeof contents);
    assert_memory_equal(frame.at, lengths, sizeof lengths);
    assert_memory_equal(frame.at + FRAME_HEADER_BYTES, contents, sizeof contents);
    struct wire_reader reader = wire_reader_of(bytes_of(frame.at + 8, 8));
    uint32_t seed = (uint32_t)hash_mix((uint64_t)22 << 32 | 5);
    assert_true(wire_read_u64(&reader) == hash_fingerprint(bytes_of(contents, 5), seed));
    bytes_free(frame);
}

/* Begun and ended in place, appended, and with heads beyond what one piece of a chain holds. */
static void what_was_written_is_read(void **state)
{
    (void)state;
    static const size_t lengths[] = {0, 1, 60, FRAME_BEGIN_MAX - 1, FRAME_BEGIN_MAX, FRAME_BEGIN_MAX + 1, 70000};
    enum { LENGTHS = sizeof lengths / sizeof *lengths };
    struct prng prng;
    prng_init(&prng, 1);
    struct bytes bytes = random_bytes(&prng, 70000);
    for (size_t i = 0; i < LENGTHS * LENGTHS; i++) {
        struct bytes head = bytes_of(bytes.at, lengths[i / LENGTHS]);
        struct bytes tail = bytes_of(bytes.at + 70000 - lengths[i % LENGTHS], lengths[i % LENGTHS]);
        struct bytes frame = frame_of(head, tail);
        assert_int_equal(frame.len, FRAME_BYTES_MIN + head.len + tail.len);
        assert_frame(frame, TYPE, head, tail);
        bytes_free(frame);
    }
    bytes_free(bytes);
}

static void frame_append_adds_no_tail(void **state)
{
    (void)state;
    struct wire wire;
    wire_open(&wire);
    frame_append(&wire.chain, MESSAGE_OF_MEMBERSHIP, bytes_of_text("gossip"));
    struct bytes frame = wire_take_all(&wire);
    assert_frame(frame, MESSAGE_OF_MEMBERSHIP, bytes_of_text("gossip"), none);
    bytes_free(frame);
    wire_close(&wire);
}

/* A head is written where the socket will read it: also behind other frames, and when a new chunk has to be taken. */
static void frames_follow_each_other_in_one_chain(void **state)
{
    (void)state;
    enum { FRAMES = 500 };
    struct wire wire;
    wire_open(&wire);
    for (size_t i = 0; i < FRAMES; i++) {
        size_t len = i * 7 % FRAME_BEGIN_MAX;
        uint8_t *at = frame_begin(&wire.chain, (uint8_t)i, len + i % 50);
        memset(at, (int)(i & 0xff), len);
        frame_end(&wire.chain, at + len, NULL, bytes_of_text("tail"));
    }
    struct bytes all = wire_take_all(&wire), rest = all;
    for (size_t i = 0; i < FRAMES; i++) {
        struct frame frame;
        size_t used;
        assert_int_equal(frame_next(rest, FRAME_MAX, &frame, &used), FRAME_OK);
        assert_int_equal(frame.type, (uint8_t)i);
        assert_int_equal(frame.head.len, i * 7 % FRAME_BEGIN_MAX);
        assert_true(frame.head.len == 0
                    || (frame.head.at[0] == (uint8_t)i && frame.head.at[frame.head.len - 1] == (uint8_t)i));
        assert_true(bytes_equal(frame.tail, bytes_of_text("tail")));
        rest = bytes_after(rest, used);
    }
    assert_int_equal(rest.len, 0);
    bytes_free(all);
    wire_close(&wire);
}

static void a_frame_that_was_not_ended_leaves_no_trace(void **state)
{
    (void)state;
    struct wire wire;
    wire_open(&wire);
    memset(frame_begin(&wire.chain, 1, 100), 'x', 100);
    assert_int_equal(wire.chain.len, 0);
    frame_append(&wire.chain, TYPE, bytes_of_text("head"));
    struct bytes frame = wire_take_all(&wire);
    assert_frame(frame, TYPE, bytes_of_text("head"), none);
    bytes_free(frame);
    wire_close(&wire);
}

static void long_tails_go_by_reference(void **state)
{
    (void)state;
    struct wire wire;
    wire_open(&wire);
    struct blob *blob = blob_new(LONG + 10);
    assert_non_null(blob);
    memset(blob->at, 'v', blob->len);
    struct bytes tail = bytes_of(blob->at + 7, LONG);
    frame_end(&wire.chain, frame_begin(&wire.chain, TYPE, 0), blob, tail);
    assert_int_equal(blob->references, 2);
    struct bytes slices[3];
    assert_int_equal(chain_slices(&wire.chain, slices, 3), 2);
    assert_ptr_equal(slices[1].at, tail.at);
    struct bytes frame = wire_take_all(&wire);
    assert_int_equal(blob->references, 1);
    assert_frame(frame, TYPE, none, tail);
    bytes_free(frame);

    frame_end(&wire.chain, frame_begin(&wire.chain, TYPE, 0), blob, bytes_of(blob->at, 10));
    assert_int_equal(blob->references, 1); /* short: copied */
    frame_end(&wire.chain, frame_begin(&wire.chain, TYPE, 0), NULL, tail);
    assert_int_equal(blob->references, 1); /* nobody's: copied */
    frame_end(&wire.chain, frame_begin(&wire.chain, TYPE, 0), blob, tail);
    assert_int_equal(blob->references, 2);
    chain_close(&wire.chain);
    assert_int_equal(blob->references, 1);
    blob_release(blob);
    wire_close(&wire);
}

static void every_part_of_a_frame_asks_for_more(void **state)
{
    (void)state;
    struct bytes whole = frame_of(bytes_of_text("some head"), bytes_of_text("some tail"));
    for (size_t len = 0; len < whole.len; len++) {
        uint8_t *part = bytes_copy(bytes_of(whole.at, len));
        struct frame frame;
        size_t used;
        assert_int_equal(frame_next(bytes_of(part, len), FRAME_MAX, &frame, &used), FRAME_MORE);
        assert_true(used > len && used <= whole.len);
        if (len >= 4)
            assert_int_equal(used, whole.len);
        free(part);
    }
    bytes_free(whole);
}

static void set_checksum(uint8_t *frame, size_t len)
{
    struct wire_reader reader = wire_reader_of(bytes_of(frame, len));
    size_t length = wire_read_u32(&reader), head_len = wire_read_u32(&reader);
    if (head_len > len - FRAME_HEADER_BYTES)
        return;
    uint32_t seed = (uint32_t)hash_mix((uint64_t)length << 32 | head_len);
    wire_write_u64(frame + 8, hash_fingerprint(bytes_of(frame + FRAME_HEADER_BYTES, head_len), seed));
}

/* Flips each bit of the first `flip_len` bytes of a frame; returns how many flips were taken for a frame of other
 * contents. `repairs`: with the checksum mended, as if it were not compared. */
static unsigned count_accepted(struct bytes whole, size_t flip_len, bool repairs)
{
    unsigned counts[3] = {0};
    for (size_t bit = 0; bit < flip_len * 8; bit++) {
        uint8_t *copy = bytes_copy(whole);
        copy[bit / 8] ^= (uint8_t)(1 << bit % 8);
        if (repairs)
            set_checksum(copy, whole.len);
        struct frame frame;
        size_t used;
        enum frame_status status = frame_next(bytes_of(copy, whole.len), FRAME_MAX, &frame, &used);
        assert_true(status != FRAME_MORE || used > whole.len);
        counts[status]++;
        free(copy);
    }
    assert_int_equal(counts[FRAME_OK] + counts[FRAME_MORE] + counts[FRAME_BAD], flip_len * 8);
    if (!repairs)
        assert_true(counts[FRAME_MORE] > 0 && counts[FRAME_MORE] <= 32); /* only a larger length can ask for more */
    return counts[FRAME_OK];
}

static void no_flipped_bit_of_header_or_head_is_accepted(void **state)
{
    (void)state;
    struct prng prng;
    for (uint64_t seed = 1; seed <= 60; seed++) {
        prng_init(&prng, seed);
        struct bytes head = random_bytes(&prng, prng_below(&prng, 120));
        struct bytes tail = random_bytes(&prng, prng_below(&prng, 120));
        struct bytes whole = frame_of(head, tail);
        assert_seeded(count_accepted(whole, FRAME_BYTES_MIN + head.len, false) == 0, seed);
        bytes_free(head);
        bytes_free(tail);
        bytes_free(whole);
    }
}

/* The control for the test above: with a mended checksum each flip within the head is accepted, so it is the checksum
 * that refuses them, and the flips do reach frame_next. */
static void flipped_bits_are_accepted_when_the_checksum_is_mended(void **state)
{
    (void)state;
    struct bytes whole = frame_of(bytes_of_text("0123456789"), bytes_of_text("tail"));
    unsigned accepted = count_accepted(whole, FRAME_BYTES_MIN + 10, true);
    assert_true(accepted >= 11 * 8);
    bytes_free(whole);
}

/* A length that is too large for anybody, or for us, is known as soon as it is there: nobody waits for its bytes. */
static void impossible_lengths_are_bad_at_once(void **state)
{
    (void)state;
    struct frame frame;
    size_t used;
    static const uint8_t huge[] = {0xff, 0xff, 0xff, 0xff}, tiny[] = {0, 0, 0, 12}, least[] = {0, 0, 0, 13};
    assert_int_equal(frame_next(bytes_of(huge, 4), FRAME_MAX, &frame, &used), FRAME_BAD);
    assert_int_equal(frame_next(bytes_of(tiny, 4), FRAME_MAX, &frame, &used), FRAME_BAD);
    assert_int_equal(frame_next(bytes_of(least, 4), FRAME_MAX, &frame, &used), FRAME_MORE);
    static const uint8_t no_head[] = {0, 0, 0, 13, 0, 0, 0, 0}, long_head[] = {0, 0, 0, 13, 0, 0, 0, 2};
    assert_int_equal(frame_next(bytes_of(no_head, 8), FRAME_MAX, &frame, &used), FRAME_BAD);
    assert_int_equal(frame_next(bytes_of(long_head, 8), FRAME_MAX, &frame, &used), FRAME_BAD);
    static const uint8_t head_above_max[] = {0x02, 0, 0, 0, 0x01, 0, 0, 1};
    assert_int_equal(frame_next(bytes_of(head_above_max, 8), SIZE_MAX, &frame, &used), FRAME_BAD);
    static const uint8_t head_of_max[] = {0x02, 0, 0, 0, 0x01, 0, 0, 0};
    assert_int_equal(frame_next(bytes_of(head_of_max, 8), SIZE_MAX, &frame, &used), FRAME_MORE);
    assert_int_equal(used, 4 + (2 << 24));
}

static void a_frame_of_frame_max_bytes_is_the_longest_that_is_taken(void **state)
{
    (void)state;
    struct bytes whole = frame_of(bytes_of_text("head"), bytes_of_text("tail"));
    struct frame frame;
    size_t used;
    assert_int_equal(frame_next(whole, whole.len, &frame, &used), FRAME_OK);
    assert_int_equal(frame_next(whole, whole.len - 1, &frame, &used), FRAME_BAD);
    bytes_free(whole);
}

static void garbage_is_never_a_frame(void **state)
{
    (void)state;
    struct prng prng;
    for (uint64_t seed = 1; seed <= 3000; seed++) {
        prng_init(&prng, seed);
        struct bytes garbage = random_bytes(&prng, prng_below(&prng, 400));
        if (garbage.len >= 8 && seed % 2 == 0) { /* with lengths that could be right */
            uint8_t *at = (uint8_t *)(uintptr_t)garbage.at;
            wire_write_u32(wire_write_u32(at, (uint32_t)(garbage.len - 4)), (uint32_t)prng_below(&prng, garbage.len));
        }
        struct frame frame;
        size_t used;
        assert_seeded(frame_next(garbage, FRAME_MAX, &frame, &used) != FRAME_OK, seed);
        bytes_free(garbage);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_frame_has_the_documented_bytes),
        cmocka_unit_test(what_was_written_is_read),
        cmocka_unit_test(frame_append_adds_no_tail),
        cmocka_unit_test(frames_follow_each_other_in_one_chain),
        cmocka_unit_test(a_frame_that_was_not_ended_leaves_no_trace),
        cmocka_unit_test(long_tails_go_by_reference),
        cmocka_unit_test(every_part_of_a_frame_asks_for_more),
        cmocka_unit_test(no_flipped_bit_of_header_or_head_is_accepted),
        cmocka_unit_test(flipped_bits_are_accepted_when_the_checksum_is_mended),
        cmocka_unit_test(impossible_lengths_are_bad_at_once),
        cmocka_unit_test(a_frame_of_frame_max_bytes_is_the_longest_that_is_taken),
        cmocka_unit_test(garbage_is_never_a_frame),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
