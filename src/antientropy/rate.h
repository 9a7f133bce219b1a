/* A token bucket: so many bytes a second. What is larger than all that it holds passes too, as soon as there is
 * anything in it; the bucket is then in debt, and the rest waits until that has been paid. */
#ifndef ANTIENTROPY_RATE_H
#define ANTIENTROPY_RATE_H

#include "base/instant.h"

#include <stdbool.h>
#include <stdint.h>

struct rate {
    uint64_t per_second; /* 0: no limit */
    int64_t level;       /* bytes */
    uint64_t at_ns;      /* up to when the bucket has been filled */
};

/* The bucket is full. */
void rate_init(struct rate *rate, uint64_t per_second, struct instant now);
/* Is anything in it? Fills it first. */
bool rate_allows(struct rate *rate, struct instant now);
/* Is it in debt by more than a second's worth? */
bool rate_is_overdrawn(struct rate *rate, struct instant now);
void rate_spend(struct rate *rate, uint64_t bytes);
/* When something will be in it, monotonic nanoseconds; 0: now. */
uint64_t rate_allows_at(const struct rate *rate);

#endif
