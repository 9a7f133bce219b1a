#include "server/cluster_links.h"

bool links_meet_quorums(const struct ring_view *view, const struct bucket_table *buckets, uint32_t missing)
{
    uint32_t owners = view->owner_count, left = missing < owners ? owners - missing : 0;
    for (uint32_t i = 0; i < buckets->count; i++) {
        const struct bucket *bucket = &buckets->buckets[i];
        uint32_t r = bucket->r < owners ? bucket->r : owners, w = bucket->w < owners ? bucket->w : owners;
        if (left < r || left < w)
            return false;
    }
    return true;
}

bool links_suffice(const struct ring_view *view, const struct bucket_table *buckets, uint32_t missing,
                   uint64_t waited_ms)
{
    if (missing == 0 || waited_ms >= LINKS_WAIT_MS)
        return true;
    return waited_ms >= LINKS_ENOUGH_MS && links_meet_quorums(view, buckets, missing);
}
