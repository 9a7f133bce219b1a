/* Reading the fields of a message: each in its range, or the reader's `ok` turns false. For this room only. */
#ifndef MESSAGE_FIELDS_H
#define MESSAGE_FIELDS_H

#include "base/wire.h"
#include "message/frame.h"
#include "version/record.h"

static inline void fields_require(struct wire_reader *reader, bool claim)
{
    if (!claim)
        reader->ok = false;
}

/* 0 .. max; 0 when it is more. */
static inline uint64_t fields_number(struct wire_reader *reader, uint64_t max)
{
    uint64_t number = wire_read_varint(reader);
    fields_require(reader, number <= max);
    return number <= max ? number : 0;
}

/* One byte, 0 .. max; 0 when it is more. */
static inline uint8_t fields_small(struct wire_reader *reader, uint8_t max)
{
    uint8_t number = wire_read_u8(reader);
    fields_require(reader, number <= max);
    return number <= max ? number : 0;
}

/* One byte in which only the bits of `known` may be set. */
static inline uint8_t fields_bits(struct wire_reader *reader, uint8_t known)
{
    uint8_t bits = wire_read_u8(reader);
    fields_require(reader, (bits & ~known) == 0);
    return bits;
}

/* What is left of the head: 1 .. max bytes. */
static inline struct bytes fields_rest(struct wire_reader *reader, size_t max)
{
    size_t len = wire_left(reader);
    fields_require(reader, len >= 1 && len <= max);
    return wire_read_bytes(reader, len);
}

/* A reader of the head, not ok when the frame is of another type. */
static inline struct wire_reader fields_of(const struct frame *frame, uint8_t type)
{
    struct wire_reader reader = wire_reader_of(frame->head);
    fields_require(&reader, frame->type == type);
    return reader;
}

/* Every byte of the head was read and was right. */
static inline bool fields_end(const struct wire_reader *reader)
{
    return reader->ok && wire_left(reader) == 0;
}

/* The same for a message that has no tail. */
static inline bool fields_end_all(const struct wire_reader *reader, const struct frame *frame)
{
    return fields_end(reader) && frame->tail.len == 0;
}

#endif
