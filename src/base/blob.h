/* Bytes with a reference count: written once by their maker, then shared unchanged, also between
 * threads. A stored record lives in one; a reply that is still being sent keeps it alive. */
#ifndef BASE_BLOB_H
#define BASE_BLOB_H

#include "base/bytes.h"

#include <stdatomic.h>
#include <stdint.h>

struct blob {
    _Atomic uint32_t references;
    uint32_t len; /* bytes used */
    uint8_t at[];
};

/* The longest blob, bytes. */
#define BLOB_LEN_MAX ((size_t)UINT32_MAX - 4096)

/* A new blob of `len` uninitialised bytes with one reference, or NULL when there is no memory for
 * it (the size is often chosen by a client, so that is an error of the world). */
struct blob *blob_new(size_t len);

/* One more reference; returns `blob`. */
static inline struct blob *blob_retain(struct blob *blob)
{
    atomic_fetch_add_explicit(&blob->references, 1, memory_order_relaxed);
    return blob;
}

/* Gives a reference back, frees with the last one. NULL is allowed. */
void blob_release(struct blob *blob);

/* What the allocator really spends on this blob, bytes. */
size_t blob_footprint(const struct blob *blob);

static inline struct bytes blob_bytes(const struct blob *blob)
{
    return bytes_of(blob->at, blob->len);
}

#endif
