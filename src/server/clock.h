/* The clocks, read once for each turn of a loop. */
#ifndef SERVER_CLOCK_H
#define SERVER_CLOCK_H

#include "base/instant.h"

#include <stdint.h>
#include <time.h>

/* Monotonic time is exact: latencies come from it. Wall time is the kernel's last tick, which saves a read of
 * the hardware clock; it is at most a tick late, and the hybrid clock advances with the monotonic clock between. */
static inline struct instant clock_now(void)
{
    struct timespec mono, wall;
    clock_gettime(CLOCK_MONOTONIC, &mono);
    clock_gettime(CLOCK_REALTIME_COARSE, &wall);
    return (struct instant){.mono_ns = (uint64_t)mono.tv_sec * 1000000000 + (uint64_t)mono.tv_nsec,
                            .wall_ms = (uint64_t)wall.tv_sec * 1000 + (uint64_t)wall.tv_nsec / 1000000};
}

#endif
