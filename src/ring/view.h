/* How a view is put together (ring.c), also from bytes (view_wire.c). */
#ifndef RING_VIEW_H
#define RING_VIEW_H

#include "ring/place.h"

/* The number of owners in a ring of so many members. */
static inline uint32_t view_owner_count(const struct ring_settings *settings, uint32_t member_count)
{
    return settings->copies < member_count ? settings->copies : member_count;
}

/* A view of these members (sorted by id, without faults) and owners (settings.partition_count rows of
 * places.owner_count indexes); the rest of each list follows. Everything is copied. Free with ring_view_free. */
struct ring_view *view_of_owners(const struct ring_settings *settings, uint64_t epoch, const struct places *places,
                                 const struct ring_member *members, const uint16_t *owners);

#endif
