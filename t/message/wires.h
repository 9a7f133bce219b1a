/* A chain to write messages to, and what was written as one piece of memory of just that length, so that a sanitizer
 * sees the first byte read beyond it. */
#ifndef T_MESSAGE_WIRES_H
#define T_MESSAGE_WIRES_H

#include "base/chain.h"
#include "base/check.h"

#include <stdlib.h>

struct wire {
    struct pool chunks;
    struct chain chain;
};

static inline void wire_open(struct wire *wire)
{
    pool_init(&wire->chunks, chain_chunk_size(), 4);
    chain_init(&wire->chain, &wire->chunks);
}

static inline void wire_close(struct wire *wire)
{
    chain_close(&wire->chain);
    CHECK(wire->chunks.borrowed == 0);
    pool_close(&wire->chunks);
}

/* A copy that the caller frees. */
static inline uint8_t *bytes_copy(struct bytes bytes)
{
    uint8_t *copy = malloc(bytes.len + (bytes.len == 0));
    CHECK_MEMORY(copy);
    if (bytes.len != 0)
        memcpy(copy, bytes.at, bytes.len);
    return copy;
}

/* Everything that waits in the chain, taken off it. Free `at`. */
static inline struct bytes wire_take_all(struct wire *wire)
{
    size_t len = wire->chain.len, at = 0;
    uint8_t *copy = malloc(len + (len == 0));
    CHECK_MEMORY(copy);
    while (wire->chain.len > 0) {
        struct bytes slice;
        CHECK(chain_slices(&wire->chain, &slice, 1) == 1);
        memcpy(copy + at, slice.at, slice.len);
        at += slice.len;
        chain_consume(&wire->chain, slice.len);
    }
    CHECK(at == len);
    return bytes_of(copy, len);
}

static inline void bytes_free(struct bytes bytes)
{
    free((void *)(uintptr_t)bytes.at);
}

#endif
