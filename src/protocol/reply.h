/* Writing replies, byte by byte as memcached 1.6.18 writes them. Everything goes to the end of a chain. */
#ifndef PROTOCOL_REPLY_H
#define PROTOCOL_REPLY_H

#include "base/chain.h"
#include "protocol/command.h"

/* Status codes of the binary protocol. */
enum binary_status {
    BINARY_OK = 0x00,
    BINARY_NOT_FOUND = 0x01,
    BINARY_EXISTS = 0x02,
    BINARY_TOO_LARGE = 0x03,
    BINARY_INVALID = 0x04,
    BINARY_NOT_STORED = 0x05,
    BINARY_NON_NUMERIC = 0x06,
    BINARY_AUTH_ERROR = 0x20,
    BINARY_AUTH_CONTINUE = 0x21,
    BINARY_UNKNOWN = 0x81,
    BINARY_NO_MEMORY = 0x82
};

/* A text line; adds \r\n. */
void reply_line(struct chain *out, const char *line);
/* "VALUE <key> <flags> <len>[ <token>]\r\n<value>\r\n"; `value` lies inside `holder`. */
void reply_value(struct chain *out, struct bytes key, uint32_t flags, struct blob *holder, struct bytes value,
                 bool with_token, uint64_t token);
/* "<number>\r\n" */
void reply_number(struct chain *out, uint64_t number);

/* A binary response: header, extras, key, value; the value by copy. */
void reply_binary(struct chain *out, const struct command *to, uint16_t status, struct bytes extras, struct bytes key,
                  struct bytes value, uint64_t token);
/* A binary response to the GET family: extras are the flags; `value` lies inside `holder`. */
void reply_binary_value(struct chain *out, const struct command *to, uint32_t flags, struct bytes key,
                        struct blob *holder, struct bytes value, uint64_t token);
/* A binary error with memcached's text for the status as its value. A GETK or GATK miss carries the key instead and is
 * written with reply_binary(BINARY_NOT_FOUND). */
void reply_binary_error(struct chain *out, const struct command *to, uint16_t status);

/* What a meta reply may tell of an item. */
struct meta_item {
    struct bytes key; /* raw as sent when it came in base64: flag b of the request is returned behind it */
    uint32_t flags;
    uint64_t token;
    uint64_t size; /* of the value */
    int64_t ttl_s; /* -1: never expires */
    uint32_t idle_s;
    bool fetched;
    uint32_t siblings;         /* live versions of the key */
    bool won, stale, win_sent; /* W, X, Z */
};

/* "<code>[ <size>] <flags>*\r\n": `code` is "HD", "VA", "EN", "NS", "EX", "NF"; the request's return flags follow in
 * the request's order, then of an mg Z, X, W as they hold. With "VA" the size comes after the code and the caller
 * appends the value and \r\n. Without an item (EN, NF, NS, EX) only item->key counts, and only O, k and the c of an ms,
 * which is 0 then, are returned. The tokens of to->meta.list must still be readable. */
void reply_meta(struct chain *out, const struct command *to, const char *code, const struct meta_item *item);

#endif
