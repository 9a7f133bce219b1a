/* The frame around every message between two nodes: length, checksum, type.
 *
 *   length      4 bytes, of everything behind this field
 *   head length 4 bytes
 *   checksum    8 bytes, fingerprint of the head with its type, seeded with both lengths
 *   head        1 byte type, then the message's fields (data.h, forward.h, gossip.h, ...)
 *   tail        a record or a value, if the message carries one; records have a checksum of their own, a value's is in
 *               the head
 *
 * The tail stands apart so that a long value goes from the store to the socket by reference. docs/messages.md lists
 * all messages. The version of the format is agreed on in the handshake (handshake.h). */
#ifndef MESSAGE_FRAME_H
#define MESSAGE_FRAME_H

#include "base/blob.h"
#include "base/bytes.h"
#include "base/chain.h"

#include <stddef.h>
#include <stdint.h>

enum {
    MESSAGE_VERSION = 2,
    FRAME_HEADER_BYTES = 16,
    FRAME_BYTES_MIN = FRAME_HEADER_BYTES + 1, /* every frame has a type */
    FRAME_HEAD_MAX = 16 << 20,                /* bytes of a head with its type: the largest is a ring's table */
    FRAME_BEGIN_MAX = CHAIN_RESERVE_MAX - 64  /* bytes of a head that frame_begin gives room for */
};

enum message_type {
    /* Between two loops that serve clients. */
    MESSAGE_GREETING = 1, /* first on every link, both ways: what must be known before any data */
    MESSAGE_READ = 2,
    MESSAGE_READ_REPLY = 3,
    MESSAGE_WRITE = 4,
    MESSAGE_WRITE_REPLY = 5,
    MESSAGE_FORWARD = 6,
    MESSAGE_FORWARD_REPLY = 7,
    MESSAGE_FLUSH = 8,
    MESSAGE_FLUSH_REPLY = 9,
    MESSAGE_SURVEY = 10, /* survey.h */
    MESSAGE_SURVEY_REPLY = 11,
    /* Between the repairing nodes of two processes (message/antientropy.h). */
    MESSAGE_OF_REPAIR = 16,
    MESSAGE_END_OF_REPAIR = 48, /* types from MESSAGE_OF_REPAIR up to this, itself excluded */
    /* Between the members as such. All types from here on go to membership_receive. */
    MESSAGE_OF_MEMBERSHIP = 64
};

struct frame {
    uint8_t type;      /* as sent; may be unknown */
    struct bytes head; /* without the type */
    struct bytes tail;
};

enum frame_status {
    FRAME_OK,
    FRAME_MORE, /* not whole yet */
    FRAME_BAD   /* lengths or checksum are wrong: nothing behind it can be trusted, close the connection */
};

/* Looks at the first frame of `in`. OK: `out` points into `in`, *used is its length. MORE: *used is the number of bytes
 * wanted in all, as far as it is known by now (at least in.len + 1). A frame of more than `frame_max` bytes, its header
 * counted in, is BAD as soon as its length has been read. *used says nothing when it is BAD, and `out` is set only when
 * it is OK. Tails are not looked at here: what reads the message checks them. */
enum frame_status frame_next(struct bytes in, size_t frame_max, struct frame *out, size_t *used);

/* Writes a frame: frame_begin gives room for a head of up to `head_max` <= FRAME_BEGIN_MAX bytes (behind the type),
 * frame_end takes what was written up to `end` and adds the tail (by reference if it lies in `blob` and is long; `blob`
 * may be NULL: copied). The chain takes a reference of its own, the caller keeps his. Nothing else may touch the chain
 * in between; a frame that was begun and not ended leaves no trace. Longer heads: frame_append. */
uint8_t *frame_begin(struct chain *out, uint8_t type, size_t head_max);
void frame_end(struct chain *out, uint8_t *end, struct blob *blob, struct bytes tail);
/* A frame without tail whose head (without the type) has been written elsewhere; less than FRAME_HEAD_MAX bytes,
 * copied. */
void frame_append(struct chain *out, uint8_t type, struct bytes head);
/* The same with a tail as in frame_end. */
void frame_append_both(struct chain *out, uint8_t type, struct bytes head, struct blob *blob, struct bytes tail);

#endif
