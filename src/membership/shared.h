/* The ring's shared settings: one entry, the highest (version, writer) is in force everywhere. */
#ifndef MEMBERSHIP_SHARED_H
#define MEMBERSHIP_SHARED_H

#include "base/bytes.h"
#include "ring/bucket.h"

#include <stdbool.h>
#include <stdint.h>

struct shared {
    uint64_t version; /* 0: what this node would like, no ring's */
    uint32_t writer;  /* id of the node that set them */
    struct bucket_table buckets;
    uint8_t *bytes; /* encoded; owned */
    size_t len;
};

/* Zero-initialised, it is closed. Frees what it holds. */
void shared_close(struct shared *shared);
/* Takes over a copy of `buckets`. */
void shared_set(struct shared *shared, uint64_t version, uint32_t writer, const struct bucket_table *buckets);
/* The same from bytes. false: they are malformed; nothing has changed, *fault is a static text. */
bool shared_read(struct shared *shared, uint64_t version, uint32_t writer, struct bytes in, const char **fault);

/* < 0, 0 or > 0: is what `shared` has older, the same or newer? */
int shared_compare(const struct shared *shared, uint64_t version, uint32_t writer);

static inline struct bytes shared_bytes(const struct shared *shared)
{
    return bytes_of(shared->bytes, shared->len);
}

#endif
