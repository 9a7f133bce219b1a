#include "message/frame.h"

#include "base/check.h"
#include "base/hash.h"
#include "base/wire.h"

enum {
    LENGTH_BYTES = 4,
    LENGTHS_BYTES = 8, /* both lengths, in front of the checksum */
    TYPE_BYTES = 1
};

/* Both lengths are in the seed, so that a damaged one is noticed although only the head is hashed. */
static uint64_t checksum_of(struct bytes head, size_t length)
{
    return hash_fingerprint(head, (uint32_t)hash_mix((uint64_t)length << 32 | head.len));
}

enum frame_status frame_next(struct bytes in, size_t frame_max, struct frame *out, size_t *used)
{
    *used = FRAME_BYTES_MIN;
    if (in.len < LENGTH_BYTES)
        return FRAME_MORE;
    struct wire_reader reader = wire_reader_of(in);
    size_t length = wire_read_u32(&reader);
    size_t whole = LENGTH_BYTES + length;
    if (whole < FRAME_BYTES_MIN || whole > frame_max)
        return FRAME_BAD;
    *used = whole;
    if (in.len < LENGTHS_BYTES)
        return FRAME_MORE;
    size_t head_len = wire_read_u32(&reader);
    if (head_len < TYPE_BYTES || head_len > FRAME_HEAD_MAX || head_len > whole - FRAME_HEADER_BYTES)
        return FRAME_BAD;
    if (in.len < whole)
        return FRAME_MORE;
    uint64_t checksum = wire_read_u64(&reader);
    struct bytes head = bytes_of(in.at + FRAME_HEADER_BYTES, head_len);
    if (checksum != checksum_of(head, length))
        return FRAME_BAD;
    out->type = head.at[0];
    out->head = bytes_after(head, TYPE_BYTES);
    out->tail = bytes_of(head.at + head_len, whole - FRAME_HEADER_BYTES - head_len);
    return FRAME_OK;
}

static void write_header(uint8_t *at, struct bytes head, size_t tail_len)
{
    size_t length = FRAME_HEADER_BYTES - LENGTH_BYTES + head.len + tail_len;
    CHECK(head.len <= FRAME_HEAD_MAX && length <= UINT32_MAX);
    at = wire_write_u32(at, (uint32_t)length);
    at = wire_write_u32(at, (uint32_t)head.len);
    wire_write_u64(at, checksum_of(head, length));
}

static void append_tail(struct chain *out, struct blob *blob, struct bytes tail)
{
    if (blob == NULL)
        chain_append(out, tail);
    else
        chain_append_blob(out, blob, tail);
}

uint8_t *frame_begin(struct chain *out, uint8_t type, size_t head_max)
{
    CHECK(head_max <= FRAME_BEGIN_MAX);
    uint8_t *at = chain_reserve(out, FRAME_HEADER_BYTES + TYPE_BYTES + head_max);
    return wire_write_u8(at + FRAME_HEADER_BYTES, type);
}

void frame_end(struct chain *out, uint8_t *end, struct blob *blob, struct bytes tail)
{
    /* Nothing has been committed since frame_begin: the chain still stands where the frame begins. */
    uint8_t *begin = chain_reserve(out, 0);
    uint8_t *head = begin + FRAME_HEADER_BYTES;
    CHECK(end > head && end <= head + TYPE_BYTES + FRAME_BEGIN_MAX);
    write_header(begin, bytes_of(head, (size_t)(end - head)), tail.len);
    chain_commit(out, end);
    append_tail(out, blob, tail);
}

/* The head is hashed in one piece with its type: both are copied together once, and the chain refers to that copy. */
static void append_long(struct chain *out, uint8_t type, struct bytes head, size_t tail_len)
{
    CHECK(head.len < FRAME_HEAD_MAX);
    struct blob *copy = blob_new(TYPE_BYTES + head.len);
    CHECK_MEMORY(copy);
    wire_write_bytes(wire_write_u8(copy->at, type), head);
    uint8_t *at = chain_reserve(out, FRAME_HEADER_BYTES);
    write_header(at, blob_bytes(copy), tail_len);
    chain_commit(out, at + FRAME_HEADER_BYTES);
    chain_append_blob(out, copy, blob_bytes(copy));
    blob_release(copy);
}

void frame_append_both(struct chain *out, uint8_t type, struct bytes head, struct blob *blob, struct bytes tail)
{
    if (head.len <= FRAME_BEGIN_MAX) {
        uint8_t *at = frame_begin(out, type, head.len);
        frame_end(out, wire_write_bytes(at, head), blob, tail);
        return;
    }
    append_long(out, type, head, tail.len);
    append_tail(out, blob, tail);
}

void frame_append(struct chain *out, uint8_t type, struct bytes head)
{
    frame_append_both(out, type, head, NULL, bytes_of(NULL, 0));
}
