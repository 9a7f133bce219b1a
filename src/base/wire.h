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

static inline const uint8_t *wire_take(struct wire_reader *reader, size_t width)
{
    if (!reader->ok || wire_left(reader) < width) {
        reader->ok = false;
        return NULL;
    }
    const uint8_t *at = reader->at;
    reader->at += width;
    return at;
}

/* Written out, because compilers turn these expressions into one load and a byte swap, and loops they do not. */
static inline uint8_t wire_read_u8(struct wire_reader *reader)
{
    const uint8_t *at = wire_take(reader, 1);
    return at == NULL ? 0 : *at;
}
static inline uint16_t wire_read_u16(struct wire_reader *reader)
{
    const uint8_t *at = wire_take(reader, 2);
    unsigned value = at == NULL ? 0 : (unsigned)at[0] << 8 | at[1];
    return (uint16_t)value;
}
static inline uint32_t wire_u32_at(const uint8_t *at)
{
    return (uint32_t)at[0] << 24 | (uint32_t)at[1] << 16 | (uint32_t)at[2] << 8 | at[3];
}
static inline uint32_t wire_read_u32(struct wire_reader *reader)
{
    const uint8_t *at = wire_take(reader, 4);
    return at == NULL ? 0 : wire_u32_at(at);
}
static inline uint64_t wire_read_u64(struct wire_reader *reader)
{
    const uint8_t *at = wire_take(reader, 8);
    return at == NULL ? 0 : (uint64_t)wire_u32_at(at) << 32 | wire_u32_at(at + 4);
}

/* Only the shortest form of a number is accepted, so that equal values have equal bytes. */
static inline uint64_t wire_read_varint(struct wire_reader *reader)
{
    if (reader->ok && reader->at < reader->end && *reader->at < 0x80)
        return *reader->at++; /* most are short */
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
static inline uint8_t *wire_write_u8(uint8_t *at, uint8_t value)
{
    *at = value;
    return at + 1;
}
static inline uint8_t *wire_write_u16(uint8_t *at, uint16_t value)
{
    at[0] = (uint8_t)(value >> 8);
    at[1] = (uint8_t)value;
    return at + 2;
}
static inline uint8_t *wire_write_u32(uint8_t *at, uint32_t value)
{
    at[0] = (uint8_t)(value >> 24);
    at[1] = (uint8_t)(value >> 16);
    at[2] = (uint8_t)(value >> 8);
    at[3] = (uint8_t)value;
    return at + 4;
}
static inline uint8_t *wire_write_u64(uint8_t *at, uint64_t value)
{
    return wire_write_u32(wire_write_u32(at, (uint32_t)(value >> 32)), (uint32_t)value);
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
