/* Time as an argument: nothing below the server reads a clock. */
#ifndef BASE_INSTANT_H
#define BASE_INSTANT_H

#include <stdint.h>

struct instant {
    uint64_t mono_ns; /* since an arbitrary start, never goes back */
    uint64_t wall_ms; /* since 1970 UTC, may step either way */
};

#endif
