/* The ring: which nodes keep a partition, Dynamo 4.2, 4.3 and 6.2.
 *
 * A view is immutable and swapped whole. In this release it has one member; strategies and claims come
 * behind the same interface. */
#ifndef RING_RING_H
#define RING_RING_H

#include <stdint.h>

enum { RING_PARTITIONS_DEFAULT = 1024, RING_PARTITIONS_MAX = 65536, RING_COPIES_MAX = 7, RING_NAME_MAX = 63 };

struct ring_member {
    uint32_t id;                  /* ring_node_id(name) */
    char name[RING_NAME_MAX + 1]; /* NUL-terminated */
};

struct ring_view {
    uint64_t epoch;
    uint32_t partition_count; /* a power of two */
    uint32_t member_count;
    const struct ring_member *members;
    const uint16_t *rows; /* partition_count rows of member_count indexes into members: preference lists */
};

/* The id of a node by its name: a hash, never 0. */
uint32_t ring_node_id(const char *name);

/* A view of a ring with a single member, epoch 1; NULL when partition_count is not a power of two within
 * 1 .. RING_PARTITIONS_MAX or the name is empty or too long. Free with ring_view_free. */
struct ring_view *ring_view_new_single(const char *name, uint32_t partition_count);
void ring_view_free(struct ring_view *view);

/* The partition of a key whose hash_of_key is `hash`. */
static inline uint16_t ring_partition(const struct ring_view *view, uint32_t hash)
{
    return (uint16_t)(hash & (view->partition_count - 1));
}

/* The preference list of a partition: member_count indexes into members, best first. */
static inline const uint16_t *ring_preference_list(const struct ring_view *view, uint16_t partition)
{
    return &view->rows[(uint32_t)partition * view->member_count];
}

/* Equal tables have equal fingerprints, on every node. */
uint64_t ring_fingerprint(const struct ring_view *view);

#endif
