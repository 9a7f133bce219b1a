/* Who is at the other end: the first bytes on every connection between nodes.
 *
 *   dialler   -> HELLO     version range, cluster name, node, incarnation, plane, loop, nonce
 *   acceptor  -> WELCOME   chosen version, cluster name, node, incarnation, nonce, proof
 *   dialler   -> PROOF     proof
 *   acceptor  -> READY
 *
 * A proof is HMAC-SHA256 under the shared secret over both nonces, the role and everything that both sides have said,
 * so that it can be neither replayed nor reflected. Without a secret file the secret is empty: then the cluster's name
 * is all that must agree. Who is refused is told why (REFUSED with a text) where that reveals nothing, and it is
 * logged. The handshake's bytes are bounded, and the owner bounds its time (HANDSHAKE_MS_MAX).
 *
 * It proves who is there when a connection begins. It does not encrypt or sign what follows: whoever can change packets
 * on the way between nodes has to be kept out by other means. docs/messages.md has the bytes. */
#ifndef MESSAGE_HANDSHAKE_H
#define MESSAGE_HANDSHAKE_H

#include "base/bytes.h"
#include "base/chain.h"
#include "message/frame.h"
#include "ring/ring.h"

#include <stdbool.h>
#include <stdint.h>

enum {
    MESSAGE_VERSION_MIN =
        2, /* the oldest version of the messages (MESSAGE_VERSION is the newest) that is still spoken */
    HANDSHAKE_NONCE_BYTES = 16,
    HANDSHAKE_PROOF_BYTES = 32,
    HANDSHAKE_BYTES_MAX = 1024, /* of one side's message */
    HANDSHAKE_SECRET_MAX = 4096,
    HANDSHAKE_MS_MAX = 3000
};

/* What the connection is for. */
enum handshake_plane { PLANE_DATA = 1, PLANE_MEMBERSHIP = 2 };

struct handshake_identity {
    const char *cluster;  /* name, 1 .. RING_NAME_MAX bytes */
    const char *node;     /* name, 1 .. RING_NAME_MAX bytes, like the cluster's without control characters */
    uint64_t incarnation; /* not 0 */
    struct bytes secret;  /* 0 .. HANDSHAKE_SECRET_MAX bytes */
    /* The versions that this end speaks; 0: MESSAGE_VERSION_MIN and MESSAGE_VERSION. */
    uint8_t version_min, version_max;
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

/* Why a handshake was refused, by either end. */
enum handshake_reason {
    HANDSHAKE_FINE,
    HANDSHAKE_MALFORMED, /* no ringcached node at all, or a message that cannot be understood */
    HANDSHAKE_VERSIONS,  /* no version of the messages that both speak */
    HANDSHAKE_CLUSTERS,  /* the names differ */
    HANDSHAKE_SECRETS,   /* the shared secrets differ */
    HANDSHAKE_SELF,      /* this very process is at both ends of a link for data: the address is one's own */
    HANDSHAKE_NAMESAKE,  /* another process, or an earlier run of this one, has the same node name */
    HANDSHAKE_NO_PROOF,  /* libcrypto does not compute the proof here */
    HANDSHAKE_REASONS
};

struct handshake {
    const struct handshake_identity *self;
    bool is_dialler;
    uint8_t state;
    uint8_t plane;
    uint16_t loop;
    uint8_t nonce[HANDSHAKE_NONCE_BYTES];
    struct handshake_peer peer; /* until DONE: what the other end claims */
    uint8_t reason;             /* enum handshake_reason. What the other end says of it is not proved */
    char fault[256];            /* a text without control characters; "" until refused */
    /* What both sides have said, for the proofs. */
    uint8_t said[2 * HANDSHAKE_BYTES_MAX];
    size_t said_len;
};

/* `nonce`: HANDSHAKE_NONCE_BYTES random bytes, never used before. `self` is borrowed until the handshake is over. A
 * dialler's HELLO is appended to `out` at once. */
void handshake_dial(struct handshake *handshake, const struct handshake_identity *self, enum handshake_plane plane,
                    uint16_t loop, const uint8_t *nonce, struct chain *out);
void handshake_accept(struct handshake *handshake, const struct handshake_identity *self, const uint8_t *nonce);

/* Goes on with what was read; *used bytes of it belong to the handshake and have been taken, keep the others for the
 * next call (MORE) or for frame_next (DONE). Never waits for more than HANDSHAKE_BYTES_MAX bytes at once. Answers are
 * appended to `out`. Once DONE or REFUSED it stays so and takes nothing. */
enum handshake_status handshake_feed(struct handshake *handshake, struct bytes in, size_t *used, struct chain *out);

#endif
