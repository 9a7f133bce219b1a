#include "base/check.h"
#include "base/decimal.h"
#include "base/wire.h"
#include "protocol/reply.h"

/* A value up to this is written with its line in one go. */
enum { TOGETHER_MAX = 1024 };

static const struct bytes crlf = {.at = (const uint8_t *)"\r\n", .len = 2};

void reply_line(struct chain *out, const char *line)
{
    chain_append_text(out, line);
    chain_append(out, crlf);
}

void reply_value(struct chain *out, struct bytes key, uint32_t flags, struct blob *holder, struct bytes value,
                 bool with_token, uint64_t token)
{
    CHECK(key.len <= KEY_MAX);
    uint8_t *at = chain_reserve(out, KEY_MAX + 80 + TOGETHER_MAX);
    at = wire_write_bytes(at, bytes_of("VALUE ", 6));
    at = wire_write_bytes(at, key);
    *at++ = ' ';
    at = decimal_write(at, flags);
    *at++ = ' ';
    at = decimal_write(at, value.len);
    if (with_token) {
        *at++ = ' ';
        at = decimal_write(at, token);
    }
    at = wire_write_bytes(at, crlf);
    if (value.len <= TOGETHER_MAX) {
        at = wire_write_bytes(at, value);
        chain_commit(out, wire_write_bytes(at, crlf));
        return;
    }
    chain_commit(out, at);
    chain_append_blob(out, holder, value);
    chain_append(out, crlf);
}

void reply_number(struct chain *out, uint64_t number)
{
    uint8_t *at = chain_reserve(out, DECIMAL_MAX + 2);
    at = decimal_write(at, number);
    chain_commit(out, wire_write_bytes(at, crlf));
}
