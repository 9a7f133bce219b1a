#include "membership/shared.h"

#include "base/check.h"

#include <stdlib.h>

void shared_close(struct shared *shared)
{
    bucket_table_close(&shared->buckets);
    free(shared->bytes);
    *shared = (struct shared){0};
}

/* Takes `buckets` itself. */
static void replace(struct shared *shared, uint64_t version, uint32_t writer, struct bucket_table buckets)
{
    shared_close(shared);
    shared->version = version;
    shared->writer = writer;
    shared->buckets = buckets;
    shared->len = bucket_table_size(&buckets);
    shared->bytes = malloc(shared->len);
    CHECK_MEMORY(shared->bytes);
    bucket_table_encode(&buckets, shared->bytes);
}

void shared_set(struct shared *shared, uint64_t version, uint32_t writer, const struct bucket_table *buckets)
{
    struct bucket_table copy;
    bucket_table_copy(&copy, buckets);
    replace(shared, version, writer, copy);
}

bool shared_read(struct shared *shared, uint64_t version, uint32_t writer, struct bytes in, const char **fault)
{
    struct bucket_table decoded;
    if (!bucket_table_decode(in, &decoded, fault))
        return false;
    replace(shared, version, writer, decoded);
    return true;
}

int shared_compare(const struct shared *shared, uint64_t version, uint32_t writer)
{
    if (shared->version != version)
        return shared->version < version ? -1 : 1;
    return shared->writer < writer ? -1 : shared->writer > writer;
}
