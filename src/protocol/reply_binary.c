#include "base/check.h"
#include "base/wire.h"
#include "protocol/reply.h"

enum { MAGIC_RESPONSE = 0x81, FLAGS_BYTES = 4, EXTRAS_MAX = 255, TOGETHER_MAX = 1024 };

static uint8_t *write_header(uint8_t *at, const struct command *to, uint16_t status, size_t extras_len, size_t key_len,
                             size_t value_len, uint64_t token)
{
    CHECK(extras_len <= EXTRAS_MAX && key_len <= KEY_MAX && value_len <= UINT32_MAX - EXTRAS_MAX - KEY_MAX);
    at = wire_write_u8(at, MAGIC_RESPONSE);
    at = wire_write_u8(at, to->opcode);
    at = wire_write_u16(at, (uint16_t)key_len);
    at = wire_write_u8(at, (uint8_t)extras_len);
    at = wire_write_u8(at, 0); /* data type: raw bytes, there is no other */
    at = wire_write_u16(at, status);
    at = wire_write_u32(at, (uint32_t)(extras_len + key_len + value_len));
    at = wire_write_u32(at, to->opaque);
    return wire_write_u64(at, token);
}

void reply_binary(struct chain *out, const struct command *to, uint16_t status, struct bytes extras, struct bytes key,
                  struct bytes value, uint64_t token)
{
    uint8_t *at = chain_reserve(out, BINARY_HEADER + EXTRAS_MAX + KEY_MAX);
    at = write_header(at, to, status, extras.len, key.len, value.len, token);
    at = wire_write_bytes(at, extras);
    chain_commit(out, wire_write_bytes(at, key));
    chain_append(out, value);
}

void reply_binary_value(struct chain *out, const struct command *to, uint32_t flags, struct bytes key,
                        struct blob *holder, struct bytes value, uint64_t token)
{
    uint8_t *at = chain_reserve(out, BINARY_HEADER + FLAGS_BYTES + KEY_MAX + TOGETHER_MAX);
    at = write_header(at, to, BINARY_OK, FLAGS_BYTES, key.len, value.len, token);
    at = wire_write_u32(at, flags);
    at = wire_write_bytes(at, key);
    if (value.len <= TOGETHER_MAX) {
        chain_commit(out, wire_write_bytes(at, value));
        return;
    }
    chain_commit(out, at);
    chain_append_blob(out, holder, value);
}

static const char *status_text(uint16_t status)
{
    switch (status) {
    case BINARY_NOT_FOUND:
        return "Not found";
    case BINARY_EXISTS:
        return "Data exists for key.";
    case BINARY_TOO_LARGE:
        return "Too large.";
    case BINARY_INVALID:
        return "Invalid arguments";
    case BINARY_NOT_STORED:
        return "Not stored.";
    case BINARY_NON_NUMERIC:
        return "Non-numeric server-side value for incr or decr";
    case BINARY_AUTH_ERROR:
        return "Auth failure.";
    case BINARY_UNKNOWN:
        return "Unknown command";
    case BINARY_NO_MEMORY:
        return "Out of memory";
    default:
        CHECK(false);
    }
}

void reply_binary_error(struct chain *out, const struct command *to, uint16_t status)
{
    struct bytes none = {0};
    reply_binary(out, to, status, none, none, bytes_of_text(status_text(status)), 0);
}
