/* Arbitrary bytes as the other end of a handshake. The first byte says which end listens; how the rest is cut makes no
 * difference, nothing but the right proof lets anybody in, and no end waits or talks without bound. */
#include "message/handshake.h"
#include "base/check.h"
#include "base/hash.h"
#include "base/prng.h"

#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

struct heard {
    enum handshake_status status;
    size_t used, answered;
    uint8_t reason;
    char fault[256];
};

static const uint8_t nonce[HANDSHAKE_NONCE_BYTES] = "fuzz";

static void begin(struct handshake *handshake, const struct handshake_identity *self, bool dials, struct chain *out)
{
    if (dials)
        handshake_dial(handshake, self, PLANE_DATA, 1, nonce, out);
    else
        handshake_accept(handshake, self, nonce);
}

/* Feeds `in` as a connection would: what was not taken is offered again together with what came then. `step` 0: pieces
 * of random length. */
static struct heard hear(const struct handshake_identity *self, bool dials, struct bytes in, size_t step,
                         struct pool *chunks)
{
    struct handshake handshake;
    struct chain out;
    struct prng prng;
    struct heard heard = {.status = HANDSHAKE_MORE};
    prng_init(&prng, hash_fingerprint(in, 0));
    chain_init(&out, chunks);
    begin(&handshake, self, dials, &out);
    size_t greeted = out.len, come = 0;
    while (heard.status == HANDSHAKE_MORE && come < in.len) {
        size_t more = step != 0 ? step : 1 + prng_below(&prng, 40);
        come = in.len - come < more ? in.len : come + more;
        size_t used;
        heard.status = handshake_feed(&handshake, bytes_of(in.at + heard.used, come - heard.used), &used, &out);
        CHECK(used <= come - heard.used);
        heard.used += used;
        CHECK(heard.status != HANDSHAKE_MORE || come - heard.used < HANDSHAKE_BYTES_MAX);
    }
    heard.answered = out.len - greeted;
    CHECK(out.len <= 2 * HANDSHAKE_BYTES_MAX);
    CHECK((heard.status == HANDSHAKE_REFUSED) == (handshake.reason != HANDSHAKE_FINE));
    heard.reason = handshake.reason;
    memcpy(heard.fault, handshake.fault, sizeof heard.fault);
    CHECK(memchr(heard.fault, '\0', sizeof heard.fault) != NULL);
    for (const char *at = heard.fault; *at != '\0'; at++)
        CHECK((uint8_t)*at >= ' ' && *at != 0x7f);
    chain_close(&out);
    return heard;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (size < 1)
        return 0;
    static const struct handshake_identity self = {
        .cluster = "music", .node = "alpha", .incarnation = 1, .secret = {(const uint8_t *)"secret", 6}};
    struct pool chunks;
    pool_init(&chunks, chain_chunk_size(), 4);
    struct bytes in = bytes_of(data + 1, size - 1);
    bool dials = data[0] % 2 != 0;
    struct heard whole = hear(&self, dials, in, SIZE_MAX / 2, &chunks);
    CHECK(whole.status != HANDSHAKE_DONE);
    for (size_t step = 0; step < 3; step++) {
        struct heard cut = hear(&self, dials, in, step, &chunks);
        CHECK(cut.status == whole.status && cut.reason == whole.reason && cut.answered == whole.answered);
        CHECK(cut.used == whole.used && strcmp(cut.fault, whole.fault) == 0);
    }
    CHECK(chunks.borrowed == 0);
    pool_close(&chunks);
    return 0;
}
