/* What the tests of all messages of the data plane do with them. */
#ifndef T_MESSAGE_SHARED_H
#define T_MESSAGE_SHARED_H

#include "base/seeded.h"
#include "base/wire.h"
#include "generate.h"
#include "wires.h"

enum { SHARED_FRAME_MAX = 1 << 20 };

/* A message as one piece of memory; free it. */
static inline struct bytes generated_frame(const struct generated *generated)
{
    struct wire wire;
    wire_open(&wire);
    message_write_any(&wire.chain, generated->type, &generated->m, generated->blob);
    struct bytes frame = wire_take_all(&wire);
    wire_close(&wire);
    return frame;
}

/* Takes the one frame that `in` is. */
static inline struct frame frame_in(struct bytes in)
{
    struct frame frame;
    size_t used;
    assert_int_equal(frame_next(in, SHARED_FRAME_MAX, &frame, &used), FRAME_OK);
    assert_int_equal(used, in.len);
    return frame;
}

/* Does `whole` go through frame_next and its decoder? Then it must be written again as it came in. */
static inline bool is_accepted(struct bytes whole)
{
    struct frame frame;
    size_t used;
    if (frame_next(whole, SHARED_FRAME_MAX, &frame, &used) != FRAME_OK || used != whole.len)
        return false;
    struct wire wire;
    wire_open(&wire);
    bool accepted = message_again(&frame, &wire.chain);
    struct bytes again = wire_take_all(&wire);
    if (accepted)
        assert_true(bytes_equal(again, whole));
    bytes_free(again);
    wire_close(&wire);
    return accepted;
}

/* A message of `type` with this head and tail: does its decoder take it? */
static inline bool head_is_accepted(uint8_t type, struct bytes head, struct bytes tail)
{
    uint8_t *head_copy = bytes_copy(head), *tail_copy = bytes_copy(tail);
    struct frame frame = {.type = type, .head = bytes_of(head_copy, head.len), .tail = bytes_of(tail_copy, tail.len)};
    struct wire wire;
    wire_open(&wire);
    bool accepted = message_again(&frame, &wire.chain);
    wire_close(&wire);
    free(head_copy);
    free(tail_copy);
    return accepted;
}

static inline void mend_checksum(uint8_t *frame)
{
    struct wire_reader reader = wire_reader_of(bytes_of(frame, 8));
    uint64_t length = wire_read_u32(&reader);
    size_t head_len = wire_read_u32(&reader);
    if (head_len > length - 12)
        return;
    uint32_t seed = (uint32_t)hash_mix(length << 32 | head_len);
    wire_write_u64(frame + 8, hash_fingerprint(bytes_of(frame + FRAME_HEADER_BYTES, head_len), seed));
}

/* How many of the frames with one flipped bit are accepted; `mends`: as if the frame's checksum were not compared. */
static inline unsigned accepted_flips(struct bytes whole, bool mends)
{
    unsigned accepted = 0;
    for (size_t bit = 0; bit < whole.len * 8; bit++) {
        uint8_t *copy = bytes_copy(whole);
        copy[bit / 8] ^= (uint8_t)(1 << bit % 8);
        if (mends && bit >= 64)
            mend_checksum(copy);
        /* A flip within the checksum itself is undone by mending. */
        bool is_same = memcmp(copy, whole.at, whole.len) == 0;
        accepted += !is_same && is_accepted(bytes_of(copy, whole.len));
        free(copy);
    }
    return accepted;
}

/* Every message of `type`, generated from many seeds, is accepted whole, never with a bit flipped or its end cut off.
 */
static inline void check_damage(uint8_t type, uint64_t seeds)
{
    unsigned accepted_when_mended = 0;
    for (uint64_t seed = 1; seed <= seeds; seed++) {
        struct generated generated;
        generate(&generated, type, seed);
        struct bytes whole = generated_frame(&generated);
        assert_seeded(is_accepted(whole), seed);
        for (size_t len = 0; len < whole.len; len++) {
            struct frame frame;
            size_t used;
            assert_seeded(frame_next(bytes_of(whole.at, len), SHARED_FRAME_MAX, &frame, &used) == FRAME_MORE, seed);
        }
        if (whole.len <= 400) { /* each bit of a long one takes long, and enough of them are short */
            assert_seeded(accepted_flips(whole, false) == 0, seed);
            accepted_when_mended += accepted_flips(whole, true);
        }
        bytes_free(whole);
        generated_close(&generated);
    }
    /* The control: it is the frame's checksum that refuses most of them. */
    assert_true(accepted_when_mended > 100);
}

/* Every prefix of the head, and the head with a byte more, is refused: no field is optional by accident. A key at the
 * end of a head may be shorter, though. */
static inline void check_cut_heads(uint8_t type, uint64_t seeds, bool ends_with_key)
{
    for (uint64_t seed = 1; seed <= seeds; seed++) {
        struct generated generated;
        generate(&generated, type, seed);
        struct bytes whole = generated_frame(&generated);
        struct frame frame = frame_in(whole);
        size_t key_len = type == MESSAGE_READ    ? generated.m.read.key.len
                         : type == MESSAGE_WRITE ? generated.m.write.key.len
                                                 : generated.m.forward.key.len;
        size_t fixed = frame.head.len - (ends_with_key ? key_len - 1 : 0);
        for (size_t len = 0; len < fixed; len++)
            assert_seeded(!head_is_accepted(type, bytes_of(frame.head.at, len), frame.tail), seed);
        if (!ends_with_key) {
            uint8_t *longer = calloc(1, frame.head.len + 1);
            assert_non_null(longer);
            memcpy(longer, frame.head.at, frame.head.len);
            assert_seeded(!head_is_accepted(type, bytes_of(longer, frame.head.len + 1), frame.tail), seed);
            free(longer);
        }
        bytes_free(whole);
        generated_close(&generated);
    }
}

#endif
