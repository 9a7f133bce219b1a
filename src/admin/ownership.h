/* Who has how much of the ring. Within the room. */
#ifndef ADMIN_OWNERSHIP_H
#define ADMIN_OWNERSHIP_H

#include "ring/ring.h"

#include <stdint.h>

struct ownership {
    uint64_t replicas; /* partitions of which the member keeps a copy */
    uint64_t first;    /* partitions whose coordinator it is as long as all are up */
};

/* Of each member, by index. The caller frees it. */
struct ownership *ownership_of(const struct ring_view *view);
/* All copies of all partitions. */
static inline uint64_t ownership_whole(const struct ring_view *view)
{
    return (uint64_t)view->partition_count * view->owner_count;
}

#endif
