/* Reading and writing numbers in byte strings: big-endian fixed widths and varints (7 bits a byte,
 * lowest first). Readers never pass the end: they turn `ok` false and return zeros from then on. */
#ifndef BASE_WIRE_H
#define BASE_WIRE_H

#include "base/bytes.h"

#include <stdbool.h>
#include <stdint.h>

enum { WIRE_VARINT_MAX = 10 }; /* bytes of the longest varint */

struct wire_reader {
    const uint8_t *at, *end;
    bool ok;
};

static inline struct wire_reader wire_reader_of(struct bytes in)
{
    return (struct wire_reader){.at = in.at, .end = in.len == 0 ? in.at : in.at + in.len, .ok = true};
}

static inline size_t wire_left(const struct wire_reader *reader)
{
    return (size_t)(reader->end - reader->at);
}

static inline uint64_t wire_read_big_endian(struct wire_reader *reader, unsigned width)
{
    if (!reader->ok || wire_left(reader) < width) {
        reader->ok = false;
        return 0;
    }
    uint64_t value = 0;
    for (unsigned i = 0; i < width; i++)
        value = value << 8 | reader->at[i];
    reader->at += width;
    return value;
}

static inline uint8_t wire_read_u8(struct wire_reader *reader)
{
    return (uint8_t)wire_read_big_endian(reader, 1);
}
static inline uint16_t wire_read_u16(struct wire_reader *reader)
{
    return (uint16_t)wire_read_big_endian(reader, 2);
}
static inline uint32_t wire_read_u32(struct wire_reader *reader)
{
    return (uint32_t)wire_read_big_endian(reader, 4);
}
static inline uint64_t wire_read_u64(struct wire_reader *reader)
{
    return wire_read_big_endian(reader, 8);
}

/* Only the shortest form of a number is accepted, so that equal values have equal bytes. */
static inline uint64_t wire_read_varint(struct wire_reader *reader)
{
    uint64_t value = 0;
    for (unsigned shift = 0; reader->ok && shift < 64; shift += 7) {
        uint8_t byte = wire_read_u8(reader);
        if (shift == 63 && byte > 1)
            break;
        value |= (uint64_t)(byte & 0x7f) << shift;
        if (byte < 0x80) {
            if (byte == 0 && shift > 0)
                break;
            return value;
        }
    }
    reader->ok = false;
    return 0;
}

/* `len` bytes in place, valid as long as what is read. */
static inline struct bytes wire_read_bytes(struct wire_reader *reader, uint64_t len)
{
    if (!reader->ok || wire_left(reader) < len) {
        reader->ok = false;
        return bytes_of(NULL, 0);
    }
    struct bytes result = bytes_of(reader->at, (size_t)len);
    if (len != 0)
        reader->at += len;
    return result;
}

/* Writers return the place after what they wrote; the caller has made room. */
static inline uint8_t *wire_write_big_endian(uint8_t *at, uint64_t value, unsigned width)
{
    for (unsigned i = 0; i < width; i++)
        at[i] = (uint8_t)(value >> (8 * (width - 1 - i)));
    return at + width;
}
static inline uint8_t *wire_write_u8(uint8_t *at, uint8_t value)
{
    *at = value;
    return at + 1;
}
static inline uint8_t *wire_write_u16(uint8_t *at, uint16_t value)
{
    return wire_write_big_endian(at, value, 2);
}
static inline uint8_t *wire_write_u32(uint8_t *at, uint32_t value)
{
    return wire_write_big_endian(at, value, 4);
}
static inline uint8_t *wire_write_u64(uint8_t *at, uint64_t value)
{
    return wire_write_big_endian(at, value, 8);
}
static inline uint8_t *wire_write_varint(uint8_t *at, uint64_t value)
{
    while (value >= 0x80) {
        *at++ = (uint8_t)(value | 0x80);
        value >>= 7;
    }
    *at++ = (uint8_t)value;
    return at;
}
static inline uint8_t *wire_write_bytes(uint8_t *at, struct bytes data)
{
    if (data.len != 0)
        memcpy(at, data.at, data.len);
    return at + data.len;
}

/* How many bytes the varint of `value` takes. */
static inline unsigned wire_varint_len(uint64_t value)
{
    unsigned len = 1;
    while (value >= 0x80) {
        value >>= 7;
        len++;
    }
    return len;
}

#endif
