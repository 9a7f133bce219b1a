#include "base/blob.h"

#include "base/check.h"

#include <malloc.h>
#include <stdlib.h>

struct blob *blob_new(size_t len)
{
    if (len > BLOB_LEN_MAX)
        return NULL;
    struct blob *blob = malloc(sizeof *blob + len);
    if (blob == NULL)
        return NULL;
    atomic_init(&blob->references, 1);
    blob->len = (uint32_t)len;
    return blob;
}

void blob_release(struct blob *blob)
{
    if (blob == NULL)
        return;
    uint32_t before = atomic_fetch_sub_explicit(&blob->references, 1, memory_order_acq_rel);
    CHECK(before > 0);
    if (before == 1)
        free(blob);
}

size_t blob_footprint(const struct blob *blob)
{
    /* glibc's header of a chunk is one word. */
    return malloc_usable_size((void *)(uintptr_t)blob) + sizeof(size_t);
}
