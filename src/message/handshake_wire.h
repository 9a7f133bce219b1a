/* The messages of the handshake as bytes; docs/messages.md is the description. For this room only. */
#ifndef MESSAGE_HANDSHAKE_WIRE_H
#define MESSAGE_HANDSHAKE_WIRE_H

#include "base/bytes.h"
#include "message/frame.h"
#include "message/handshake.h"

#include <stdbool.h>
#include <stdint.h>

enum {
    SAYING_HEADER_BYTES = 7, /* magic, kind, length of the fields */
    SAYING_FIELDS_MAX = HANDSHAKE_BYTES_MAX - SAYING_HEADER_BYTES,
    SAYING_TEXT_MAX = 200 /* of a refusal */
};

enum saying_kind { SAYING_HELLO = 1, SAYING_WELCOME, SAYING_PROOF, SAYING_READY, SAYING_REFUSED };

/* One message of the handshake. */
struct saying {
    uint8_t kind; /* as sent */
    struct bytes whole, fields;
};

/* Texts point into what was read; they are 1 .. RING_NAME_MAX bytes without control characters. */
struct saying_hello {
    uint8_t version_min, version_max;
    uint8_t plane;
    uint16_t loop;
    uint64_t incarnation;
    const uint8_t *nonce;
    struct bytes cluster, node;
};

struct saying_welcome {
    uint8_t version;
    uint64_t incarnation;
    const uint8_t *nonce;
    struct bytes cluster, node;
    const uint8_t *proof;  /* behind everything else */
    struct bytes unproved; /* the message up to the proof */
};

/* Is this, as far as it goes, the beginning of a message of the handshake? */
bool saying_begins(struct bytes in);
/* The first message of `in`, which saying_begins. */
enum frame_status saying_next(struct bytes in, struct saying *out);

/* Writers fill in at most HANDSHAKE_BYTES_MAX bytes and return the place behind; of a welcome the proof is not written.
 */
uint8_t *saying_write_hello(uint8_t *at, const struct saying_hello *m);
uint8_t *saying_write_welcome(uint8_t *at, const struct saying_welcome *m);
uint8_t *saying_write(uint8_t *at, enum saying_kind kind, struct bytes fields);
uint8_t *saying_write_refusal(uint8_t *at, enum handshake_reason reason, const char *text);

/* false: malformed. A hello from a program that speaks later versions than `version_known` may have further fields. */
bool saying_read_hello(const struct saying *saying, uint8_t version_known, struct saying_hello *m);
bool saying_read_welcome(const struct saying *saying, struct saying_welcome *m);
/* `text` has room for SAYING_TEXT_MAX + 1; control characters in it become '?'. */
bool saying_read_refusal(const struct saying *saying, uint8_t *reason, char *text);

/* 1 .. RING_NAME_MAX bytes, none of them a control character? */
bool saying_name_is_good(struct bytes name);

#endif
