/* The two ends of a connection in the middle of their handshake, and the line between them. */
#ifndef T_MESSAGE_ENDS_H
#define T_MESSAGE_ENDS_H

/* cmocka wants these before its own header. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "message/handshake_wire.h"
#include "wires.h"

#include <string.h>

struct end {
    struct handshake_identity self;
    struct handshake handshake;
    enum handshake_status status;
    struct wire wire;
    uint8_t nonce[HANDSHAKE_NONCE_BYTES];
    uint8_t unread[4 * HANDSHAKE_BYTES_MAX]; /* what has come and was not taken */
    size_t unread_len;
};

struct ends {
    struct end dialler, acceptor;
};

static inline void end_open(struct end *end, const char *node, uint64_t incarnation, uint8_t nonce)
{
    *end = (struct end){.self = {.cluster = "music",
                                 .node = node,
                                 .incarnation = incarnation,
                                 .secret = bytes_of_text("a secret of the whole ring")}};
    memset(end->nonce, nonce, sizeof end->nonce);
    wire_open(&end->wire);
}

/* "alpha" will dial "beta" about data, as its loop 3. Change what should differ before ends_begin. */
static inline void ends_open(struct ends *ends)
{
    end_open(&ends->dialler, "alpha", 0xa11a, 0xda);
    end_open(&ends->acceptor, "beta", 0xbe7a, 0xac);
}

static inline void ends_begin(struct ends *ends)
{
    struct end *dialler = &ends->dialler;
    handshake_accept(&ends->acceptor.handshake, &ends->acceptor.self, ends->acceptor.nonce);
    handshake_dial(&dialler->handshake, &dialler->self, PLANE_DATA, 3, dialler->nonce, &dialler->wire.chain);
}

static inline void ends_close(struct ends *ends)
{
    wire_close(&ends->dialler.wire);
    wire_close(&ends->acceptor.wire);
}

/* As a connection's owner does it: what is new goes behind what was left, what was taken goes. */
static inline enum handshake_status end_hear(struct end *end, struct bytes in)
{
    assert_true(in.len <= sizeof end->unread - end->unread_len);
    if (in.len > 0)
        memcpy(end->unread + end->unread_len, in.at, in.len);
    end->unread_len += in.len;
    uint8_t *exact = bytes_copy(bytes_of(end->unread, end->unread_len));
    size_t used;
    end->status = handshake_feed(&end->handshake, bytes_of(exact, end->unread_len), &used, &end->wire.chain);
    free(exact);
    assert_true(used <= end->unread_len);
    end->unread_len -= used;
    memmove(end->unread, end->unread + used, end->unread_len);
    return end->status;
}

/* What `from` has to say reaches `to` in pieces of `step` bytes. Returns whether there was anything. */
static inline bool end_pass(struct end *from, struct end *to, size_t step)
{
    struct bytes said = wire_take_all(&from->wire);
    for (size_t at = 0; at < said.len; at += step)
        end_hear(to, bytes_of(said.at + at, said.len - at < step ? said.len - at : step));
    bytes_free(said);
    return said.len > 0;
}

static inline void ends_talk(struct ends *ends, size_t step)
{
    bool spoke = true;
    while (spoke) {
        spoke = end_pass(&ends->dialler, &ends->acceptor, step);
        spoke = end_pass(&ends->acceptor, &ends->dialler, step) || spoke;
    }
}

/* One message of `end`, taken off its chain; free it. */
static inline struct bytes end_take(struct end *end)
{
    struct bytes said = wire_take_all(&end->wire);
    struct saying saying;
    assert_int_equal(saying_next(said, &saying), FRAME_OK);
    assert_int_equal(saying.whole.len, said.len);
    return said;
}

#endif
