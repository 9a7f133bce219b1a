/* Keys and values of the load generator. */
#include "load_wire.h"

#include "base/decimal.h"
#include "base/wire.h"

enum { STAMP_DIGITS = 16 };

uint8_t *load_write_key(const struct load_options *options, uint64_t key, uint8_t *at)
{
    at = wire_write_bytes(at, bytes_of_text(options->key_prefix));
    return decimal_write(at, key);
}

static size_t stamp_write(const struct load_options *options, uint64_t key, uint8_t stamp[STAMP_DIGITS])
{
    for (unsigned i = 0; i < STAMP_DIGITS; i++)
        stamp[i] = (uint8_t)("0123456789abcdef"[key >> (4 * i) & 15]);
    return options->value_size < STAMP_DIGITS ? options->value_size : STAMP_DIGITS;
}

uint8_t *load_write_value(const struct load_options *options, uint64_t key, uint8_t *at)
{
    uint8_t stamp[STAMP_DIGITS];
    size_t stamped = stamp_write(options, key, stamp);
    memcpy(at, stamp, stamped);
    memset(at + stamped, 'x', options->value_size - stamped);
    return at + options->value_size;
}

bool load_value_is_of(const struct load_options *options, uint64_t key, struct bytes value)
{
    uint8_t stamp[STAMP_DIGITS];
    size_t stamped = stamp_write(options, key, stamp);
    return value.len == options->value_size && bytes_begin_with(value, bytes_of(stamp, stamped));
}
