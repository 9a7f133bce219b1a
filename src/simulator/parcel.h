/* Bytes on their way: a frame between two nodes, a piece of a client's conversation. Shared by its copies. */
#ifndef SIMULATOR_PARCEL_H
#define SIMULATOR_PARCEL_H

#include "base/bytes.h"

#include <stdbool.h>
#include <stdint.h>

struct parcel {
    unsigned references;
    bool is_flipped; /* a bit of it has turned over on the way */
    size_t len;
    uint8_t at[];
};

/* A copy of `data` with one reference. */
struct parcel *parcel_new(struct bytes data);
/* One more reference; returns `parcel`. */
struct parcel *parcel_retain(struct parcel *parcel);
/* Gives a reference back; NULL is allowed. */
void parcel_release(struct parcel *parcel);

static inline struct bytes parcel_bytes(const struct parcel *parcel)
{
    return bytes_of(parcel->at, parcel->len);
}

#endif
