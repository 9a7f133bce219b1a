#include "message/handshake.h"

#include "base/check.h"
#include "message/handshake_wire.h"

#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <openssl/hmac.h>
#include <stdarg.h>
#include <stdio.h>

enum state { WAITS_FOR_HELLO, WAITS_FOR_PROOF, WAITS_FOR_WELCOME, WAITS_FOR_READY, IS_DONE, IS_REFUSED };

enum { ROLE_BYTES = 29, PROVED_MAX = ROLE_BYTES + 2 * HANDSHAKE_BYTES_MAX };

static const char acceptor_role[] = "ringcached handshake acceptor";
static const char dialler_role[] = "ringcached handshake dialler ";
_Static_assert(sizeof acceptor_role - 1 == ROLE_BYTES && sizeof dialler_role - 1 == ROLE_BYTES,
               "roles of one length: what follows them begins at one place");

static uint8_t version_min(const struct handshake *handshake)
{
    return handshake->self->version_min != 0 ? handshake->self->version_min : MESSAGE_VERSION_MIN;
}

static uint8_t version_max(const struct handshake *handshake)
{
    return handshake->self->version_max != 0 ? handshake->self->version_max : MESSAGE_VERSION;
}

static void say(struct chain *out, const uint8_t *begin, const uint8_t *end)
{
    chain_append(out, bytes_of(begin, (size_t)(end - begin)));
}

__attribute__((format(printf, 4, 5))) static void refuse(struct handshake *handshake, struct chain *out,
                                                         enum handshake_reason reason, const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(handshake->fault, sizeof handshake->fault, format, arguments);
    va_end(arguments);
    handshake->state = IS_REFUSED;
    handshake->reason = (uint8_t)reason;
    uint8_t refusal[HANDSHAKE_BYTES_MAX];
    say(out, refusal, saying_write_refusal(refusal, reason, handshake->fault));
}

static void refuse_malformed(struct handshake *handshake, struct chain *out)
{
    refuse(handshake, out, HANDSHAKE_MALFORMED, "a message of the handshake is malformed");
}

/* Nothing is answered: whoever is there does not speak this language. */
static void refuse_stranger(struct handshake *handshake)
{
    snprintf(handshake->fault, sizeof handshake->fault, "the other end is not a ringcached node");
    handshake->state = IS_REFUSED;
    handshake->reason = HANDSHAKE_MALFORMED;
}

static void hear_refusal(struct handshake *handshake, const struct saying *saying, struct chain *out)
{
    char text[SAYING_TEXT_MAX + 1];
    uint8_t reason;
    if (!saying_read_refusal(saying, &reason, text)) {
        refuse_malformed(handshake, out);
        return;
    }
    snprintf(handshake->fault, sizeof handshake->fault, "refused by the other end: %s", text);
    handshake->state = IS_REFUSED;
    handshake->reason = reason < HANDSHAKE_REASONS ? reason : HANDSHAKE_MALFORMED;
}

/* Everything that is said goes into the proofs, byte by byte, so that no part of it can be exchanged on its way. Each
 * message begins with its length: no two conversations have the same bytes. */
static void remember(struct handshake *handshake, struct bytes said)
{
    CHECK(said.len <= sizeof handshake->said - handshake->said_len);
    memcpy(handshake->said + handshake->said_len, said.at, said.len);
    handshake->said_len += said.len;
}

/* HMAC-SHA256 over the role and what has been said so far. */
static bool prove(const struct handshake *handshake, const char *role, uint8_t *proof)
{
    uint8_t proved[PROVED_MAX];
    memcpy(proved, role, ROLE_BYTES);
    memcpy(proved + ROLE_BYTES, handshake->said, handshake->said_len);
    struct bytes secret = handshake->self->secret;
    unsigned len = 0;
    return HMAC(EVP_sha256(), secret.len == 0 ? (const uint8_t *)"" : secret.at, (int)secret.len, proved,
                ROLE_BYTES + handshake->said_len, proof, &len)
               != NULL
           && len == HANDSHAKE_PROOF_BYTES;
}

static void refuse_no_proof(struct handshake *handshake, struct chain *out)
{
    refuse(handshake, out, HANDSHAKE_NO_PROOF, "libcrypto does not compute HMAC-SHA256 on node \"%s\"",
           handshake->self->node);
}

/* false: it was refused. */
static bool check_proof(struct handshake *handshake, const char *role, const uint8_t *proof, struct chain *out)
{
    uint8_t wanted[HANDSHAKE_PROOF_BYTES];
    if (!prove(handshake, role, wanted)) {
        refuse_no_proof(handshake, out);
        return false;
    }
    if (CRYPTO_memcmp(proof, wanted, sizeof wanted) != 0) {
        refuse(handshake, out, HANDSHAKE_SECRETS, "the shared secret differs");
        return false;
    }
    return true;
}

/* false: it was refused. */
static bool check_names(struct handshake *handshake, struct bytes cluster, struct chain *out)
{
    const struct handshake_identity *self = handshake->self;
    if (!bytes_equal(cluster, bytes_of_text(self->cluster))) {
        refuse(handshake, out, HANDSHAKE_CLUSTERS, "the cluster of one node is \"%s\", of the other \"%.*s\"",
               self->cluster, (int)cluster.len, (const char *)cluster.at);
        return false;
    }
    if (strcmp(handshake->peer.node, self->node) != 0)
        return true;
    /* A node that does not know an address for its own learns it from the answer to its probe. */
    bool is_self = handshake->peer.incarnation == self->incarnation;
    if (is_self && handshake->peer.plane == PLANE_MEMBERSHIP)
        return true;
    if (is_self)
        refuse(handshake, out, HANDSHAKE_SELF, "node \"%s\" has reached itself", self->node);
    else
        refuse(handshake, out, HANDSHAKE_NAMESAKE, "another process claims to be node \"%s\" too", self->node);
    return false;
}

static void set_peer(struct handshake *handshake, struct bytes node, uint64_t incarnation)
{
    memcpy(handshake->peer.node, node.at, node.len);
    handshake->peer.node[node.len] = '\0';
    handshake->peer.incarnation = incarnation;
}

static bool choose_version(struct handshake *handshake, const struct saying_hello *hello)
{
    uint8_t highest = hello->version_max < version_max(handshake) ? hello->version_max : version_max(handshake);
    handshake->peer.version = highest;
    return highest >= hello->version_min && highest >= version_min(handshake);
}

static void say_welcome(struct handshake *handshake, struct chain *out)
{
    const struct handshake_identity *self = handshake->self;
    struct saying_welcome welcome = {.version = handshake->peer.version,
                                     .incarnation = self->incarnation,
                                     .nonce = handshake->nonce,
                                     .cluster = bytes_of_text(self->cluster),
                                     .node = bytes_of_text(self->node)};
    uint8_t said[HANDSHAKE_BYTES_MAX];
    uint8_t *proof = saying_write_welcome(said, &welcome);
    remember(handshake, bytes_of(said, (size_t)(proof - said)));
    if (!prove(handshake, acceptor_role, proof)) {
        refuse_no_proof(handshake, out);
        return;
    }
    remember(handshake, bytes_of(proof, HANDSHAKE_PROOF_BYTES));
    say(out, said, proof + HANDSHAKE_PROOF_BYTES);
    handshake->state = WAITS_FOR_PROOF;
}

static void on_hello(struct handshake *handshake, const struct saying *saying, struct chain *out)
{
    struct saying_hello hello;
    if (!saying_read_hello(saying, version_max(handshake), &hello)) {
        refuse_malformed(handshake, out);
        return;
    }
    remember(handshake, saying->whole);
    set_peer(handshake, hello.node, hello.incarnation);
    handshake->peer.plane = hello.plane;
    handshake->peer.loop = hello.loop;
    if (!choose_version(handshake, &hello))
        refuse(handshake, out, HANDSHAKE_VERSIONS, "this node speaks message versions %u to %u, the other end %u to %u",
               version_min(handshake), version_max(handshake), hello.version_min, hello.version_max);
    else if (check_names(handshake, hello.cluster, out))
        say_welcome(handshake, out);
}

static void say_proof(struct handshake *handshake, struct chain *out)
{
    uint8_t proof[HANDSHAKE_PROOF_BYTES], said[HANDSHAKE_BYTES_MAX];
    if (!prove(handshake, dialler_role, proof)) {
        refuse_no_proof(handshake, out);
        return;
    }
    say(out, said, saying_write(said, SAYING_PROOF, bytes_of(proof, sizeof proof)));
    handshake->state = WAITS_FOR_READY;
}

static void on_welcome(struct handshake *handshake, const struct saying *saying, struct chain *out)
{
    struct saying_welcome welcome;
    if (!saying_read_welcome(saying, &welcome)) {
        refuse_malformed(handshake, out);
        return;
    }
    set_peer(handshake, welcome.node, welcome.incarnation);
    handshake->peer.version = welcome.version;
    if (welcome.version < version_min(handshake) || welcome.version > version_max(handshake)) {
        refuse(handshake, out, HANDSHAKE_VERSIONS, "this node speaks message versions %u to %u, not %u",
               version_min(handshake), version_max(handshake), welcome.version);
        return;
    }
    if (!check_names(handshake, welcome.cluster, out))
        return;
    remember(handshake, welcome.unproved);
    if (!check_proof(handshake, acceptor_role, welcome.proof, out))
        return;
    remember(handshake, bytes_of(welcome.proof, HANDSHAKE_PROOF_BYTES));
    say_proof(handshake, out);
}

static void on_proof(struct handshake *handshake, const struct saying *saying, struct chain *out)
{
    if (saying->fields.len != HANDSHAKE_PROOF_BYTES) {
        refuse_malformed(handshake, out);
        return;
    }
    if (!check_proof(handshake, dialler_role, saying->fields.at, out))
        return;
    uint8_t said[HANDSHAKE_BYTES_MAX];
    say(out, said, saying_write(said, SAYING_READY, bytes_of(NULL, 0)));
    handshake->state = IS_DONE;
}

static void on_ready(struct handshake *handshake, const struct saying *saying, struct chain *out)
{
    if (saying->fields.len != 0)
        refuse_malformed(handshake, out);
    else
        handshake->state = IS_DONE;
}

/* What each state waits for; a refusal may come in all of them. */
static const struct {
    uint8_t kind;
    void (*on)(struct handshake *handshake, const struct saying *saying, struct chain *out);
} awaited[] = {
    [WAITS_FOR_HELLO] = {SAYING_HELLO, on_hello},
    [WAITS_FOR_PROOF] = {SAYING_PROOF, on_proof},
    [WAITS_FOR_WELCOME] = {SAYING_WELCOME, on_welcome},
    [WAITS_FOR_READY] = {SAYING_READY, on_ready},
};

static void on_saying(struct handshake *handshake, const struct saying *saying, struct chain *out)
{
    if (saying->kind == SAYING_REFUSED)
        hear_refusal(handshake, saying, out);
    else if (saying->kind == awaited[handshake->state].kind)
        awaited[handshake->state].on(handshake, saying, out);
    else
        refuse_malformed(handshake, out);
}

static void begin(struct handshake *handshake, const struct handshake_identity *self, const uint8_t *nonce,
                  enum state state)
{
    CHECK(self->incarnation != 0 && self->secret.len <= HANDSHAKE_SECRET_MAX);
    CHECK(saying_name_is_good(bytes_of_text(self->cluster)) && saying_name_is_good(bytes_of_text(self->node)));
    *handshake = (struct handshake){.self = self, .state = (uint8_t)state};
    memcpy(handshake->nonce, nonce, HANDSHAKE_NONCE_BYTES);
}

void handshake_dial(struct handshake *handshake, const struct handshake_identity *self, enum handshake_plane plane,
                    uint16_t loop, const uint8_t *nonce, struct chain *out)
{
    begin(handshake, self, nonce, WAITS_FOR_WELCOME);
    handshake->is_dialler = true;
    handshake->plane = handshake->peer.plane = (uint8_t)plane;
    handshake->loop = handshake->peer.loop = loop;
    struct saying_hello hello = {.version_min = version_min(handshake),
                                 .version_max = version_max(handshake),
                                 .plane = (uint8_t)plane,
                                 .loop = loop,
                                 .incarnation = self->incarnation,
                                 .nonce = nonce,
                                 .cluster = bytes_of_text(self->cluster),
                                 .node = bytes_of_text(self->node)};
    uint8_t said[HANDSHAKE_BYTES_MAX];
    const uint8_t *end = saying_write_hello(said, &hello);
    remember(handshake, bytes_of(said, (size_t)(end - said)));
    say(out, said, end);
}

void handshake_accept(struct handshake *handshake, const struct handshake_identity *self, const uint8_t *nonce)
{
    begin(handshake, self, nonce, WAITS_FOR_HELLO);
}

enum handshake_status handshake_feed(struct handshake *handshake, struct bytes in, size_t *used, struct chain *out)
{
    *used = 0;
    while (handshake->state < IS_DONE) {
        struct bytes rest = bytes_after(in, *used);
        struct saying saying;
        if (!saying_begins(rest)) {
            refuse_stranger(handshake);
            break;
        }
        enum frame_status status = saying_next(rest, &saying);
        if (status == FRAME_MORE)
            return HANDSHAKE_MORE;
        if (status == FRAME_BAD) {
            refuse_malformed(handshake, out);
            break;
        }
        *used += saying.whole.len;
        on_saying(handshake, &saying, out);
    }
    return handshake->state == IS_DONE ? HANDSHAKE_DONE : HANDSHAKE_REFUSED;
}
