#include "protocol/command.h"

enum { RELATIVE_MAX_S = 30 * 24 * 3600 };

/* Hybrid times have 48 bits for milliseconds; what lies beyond never comes. */
#define EXPIRY_MAX_MS (UINT64_MAX >> 16)

uint64_t exptime_to_expiry_ms(int64_t exptime, uint64_t now_ms)
{
    if (exptime == 0)
        return 0;
    if (exptime < 0)
        return 1;
    if (exptime <= RELATIVE_MAX_S)
        return now_ms + (uint64_t)exptime * 1000;
    if ((uint64_t)exptime > EXPIRY_MAX_MS / 1000)
        return EXPIRY_MAX_MS;
    return (uint64_t)exptime * 1000;
}
