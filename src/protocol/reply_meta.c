/* The first line of meta replies. Which flags are told depends on the command and on whether there is an item. */
#include "base/check.h"
#include "base/decimal.h"
#include "base/wire.h"
#include "protocol/reply.h"

/* A code, a size, the key in base64 or not, an opaque, a handful of numbers. */
enum { META_LINE_MAX = 1024 };

static bool has_item(const char *code)
{
    return code[0] == 'V' || code[0] == 'H';
}

/* The flags that a command returns, when it has an item. */
static const char *returned_flags(enum command_kind kind)
{
    switch (kind) {
    case COMMAND_META_GET:
        return "kOstcflhn";
    case COMMAND_INCR:
    case COMMAND_DECR:
        return "kOtc";
    case COMMAND_DELETE:
        return "kO";
    default:
        return "kOc";
    }
}

static const char *returned_without_item(enum command_kind kind)
{
    switch (kind) {
    case COMMAND_META_GET:
    case COMMAND_INCR:
    case COMMAND_DECR:
    case COMMAND_DELETE:
        return "kO";
    default:
        return "kOc";
    }
}

static uint8_t *write_number(uint8_t *at, char letter, uint64_t number)
{
    *at++ = ' ';
    *at++ = (uint8_t)letter;
    return decimal_write(at, number);
}

static uint8_t *write_ttl(uint8_t *at, int64_t ttl_s)
{
    if (ttl_s < 0)
        return wire_write_bytes(at, bytes_of(" t-1", 4));
    return write_number(at, 't', (uint64_t)ttl_s);
}

static uint8_t *write_key(uint8_t *at, struct bytes key, bool is_base64)
{
    CHECK(key.len <= KEY_MAX);
    at = wire_write_bytes(at, bytes_of(" k", 2));
    at = wire_write_bytes(at, key);
    return is_base64 ? wire_write_bytes(at, bytes_of(" b", 2)) : at;
}

static uint8_t *write_opaque(uint8_t *at, struct bytes token)
{
    CHECK(token.len < META_OPAQUE_MAX);
    at = wire_write_bytes(at, bytes_of(" O", 2));
    return wire_write_bytes(at, token);
}

static uint8_t *write_flag(uint8_t *at, const struct meta_flag *flag, const struct command *to, bool found,
                           const struct meta_item *item)
{
    switch (flag->letter) {
    case 'k':
        return write_key(at, item->key, meta_has(&to->meta, 'b'));
    case 'O':
        return write_opaque(at, flag->token);
    case 's':
        return write_number(at, 's', item->size);
    case 't':
        return write_ttl(at, item->ttl_s);
    case 'c':
        return write_number(at, 'c', found ? item->token : 0);
    case 'f':
        return write_number(at, 'f', item->flags);
    case 'l':
        return write_number(at, 'l', item->idle_s);
    case 'h':
        return write_number(at, 'h', item->fetched ? 1 : 0);
    case META_COUNT:
        return write_number(at, META_COUNT, item->siblings);
    default:
        CHECK(false);
    }
}

/* Z, X, W is the order of memcached 1.6.18. */
static uint8_t *write_marks(uint8_t *at, const struct meta_item *item)
{
    if (item->win_sent)
        at = wire_write_bytes(at, bytes_of(" Z", 2));
    if (item->stale)
        at = wire_write_bytes(at, bytes_of(" X", 2));
    if (item->won)
        at = wire_write_bytes(at, bytes_of(" W", 2));
    return at;
}

void reply_meta(struct chain *out, const struct command *to, const char *code, const struct meta_item *item)
{
    bool found = has_item(code);
    const char *returned = found ? returned_flags(to->kind) : returned_without_item(to->kind);
    uint8_t *at = chain_reserve(out, META_LINE_MAX);
    at = wire_write_bytes(at, bytes_of(code, 2));
    if (code[0] == 'V') {
        *at++ = ' ';
        at = decimal_write(at, item->size);
    }
    for (unsigned i = 0; i < to->meta.count; i++) {
        const struct meta_flag *flag = &to->meta.list[i];
        if (strchr(returned, flag->letter) != NULL)
            at = write_flag(at, flag, to, found, item);
    }
    if (found && to->kind == COMMAND_META_GET)
        at = write_marks(at, item);
    chain_commit(out, wire_write_bytes(at, bytes_of("\r\n", 2)));
}
