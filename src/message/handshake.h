/* Who is at the other end: the first bytes on every connection between nodes.
 *
 *   dialler   -> HELLO     version range, cluster name, node, incarnation, plane, loop, nonce
 *   acceptor  -> WELCOME   chosen version, cluster name, node, incarnation, nonce, proof
 *   dialler   -> PROOF     proof
 *   acceptor  -> READY
 *
 * A proof is HMAC-SHA256 under the shared secret over both nonces, the role and everything that both sides have said, so
 * that it can be neither replayed nor reflected. Without a secret file the secret is empty: then the cluster's name is
 * all that must agree. Who is refused is told why (REFUSED with a text) where that reveals nothing, and it is logged.
 * The handshake's bytes are bounded, and the owner bounds its time (HANDSHAKE_MS_MAX). */
#ifndef MESSAGE_HANDSHAKE_H
#define MESSAGE_HANDSHAKE_H

#include "base/bytes.h"
#include "base/chain.h"
#include "ring/ring.h"

#include <stdbool.h>
#include <stdint.h>

enum {
    HANDSHAKE_NONCE_BYTES = 16,
    HANDSHAKE_BYTES_MAX = 1024, /* of one side's message */
    HANDSHAKE_SECRET_MAX = 4096,
    HANDSHAKE_MS_MAX = 3000
};

/* What the connection is for. */
enum handshake_plane { PLANE_DATA = 1, PLANE_MEMBERSHIP = 2 };

struct handshake_identity {
    const char *cluster; /* name, 1 .. RING_NAME_MAX bytes */
    const char *node;    /* name */
    uint64_t incarnation;
    struct bytes secret; /* 0 .. HANDSHAKE_SECRET_MAX bytes */
};

/* What became known of the other end. */
struct handshake_peer {
    char node[RING_NAME_MAX + 1];
    uint64_t incarnation;
    uint8_t plane; /* enum handshake_plane */
    uint16_t loop; /* number of the dialling loop: an acceptor deals links out by it */
    uint8_t version;
};

enum handshake_status {
    HANDSHAKE_MORE,   /* go on reading */
    HANDSHAKE_DONE,   /* `peer` is valid and proved; bytes behind the handshake are frames */
    HANDSHAKE_REFUSED /* write out what is in `out`, then close; handshake->fault says why, for the log */
};

struct handshake {
    const struct handshake_identity *self;
    bool is_dialler;
    uint8_t state;
    uint8_t plane;
    uint16_t loop;
    uint8_t nonce[HANDSHAKE_NONCE_BYTES];
    struct handshake_peer peer;
    char fault[192];
    /* What both sides have said, for the proofs. */
    uint8_t said[2 * HANDSHAKE_BYTES_MAX];
    size_t said_len;
};

/* `nonce`: HANDSHAKE_NONCE_BYTES random bytes. `self` is borrowed until the handshake is over. A dialler's HELLO is
 * appended to `out` at once. */
void handshake_dial(struct handshake *handshake, const struct handshake_identity *self, enum handshake_plane plane,
                    uint16_t loop, const uint8_t *nonce, struct chain *out);
void handshake_accept(struct handshake *handshake, const struct handshake_identity *self, const uint8_t *nonce);

/* Goes on with what was read; *used bytes of it belong to the handshake. Answers are appended to `out`. */
enum handshake_status handshake_feed(struct handshake *handshake, struct bytes in, size_t *used, struct chain *out);

#endif
