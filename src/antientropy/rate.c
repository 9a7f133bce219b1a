#include "antientropy/rate.h"

#define NS_PER_S UINT64_C(1000000000)

enum { BURSTS_PER_SECOND = 8, BURST_BYTES_MIN = 65536 };

static int64_t full(const struct rate *rate)
{
    uint64_t burst = rate->per_second / BURSTS_PER_SECOND;
    return (int64_t)(burst < BURST_BYTES_MIN ? BURST_BYTES_MIN : burst);
}

void rate_init(struct rate *rate, uint64_t per_second, struct instant now)
{
    uint64_t most = (uint64_t)1 << 40; /* so that a second's worth of nanoseconds fits into the arithmetic */
    *rate = (struct rate){.per_second = per_second < most ? per_second : most, .at_ns = now.mono_ns};
    rate->level = full(rate);
}

static void fill(struct rate *rate, struct instant now)
{
    uint64_t passed = now.mono_ns > rate->at_ns ? now.mono_ns - rate->at_ns : 0;
    uint64_t seconds = passed / NS_PER_S, rest = passed % NS_PER_S;
    if (seconds > (uint64_t)1 << 20)
        seconds = (uint64_t)1 << 20;
    /* Split, for the product of all nanoseconds would not fit. What has not come to a byte yet counts the next time. */
    uint64_t gained = seconds * rate->per_second + rest / 1000 * rate->per_second / (NS_PER_S / 1000);
    if (gained == 0)
        return;
    rate->at_ns = now.mono_ns;
    rate->level += (int64_t)gained;
    if (rate->level > full(rate))
        rate->level = full(rate);
}

bool rate_allows(struct rate *rate, struct instant now)
{
    if (rate->per_second == 0)
        return true;
    fill(rate, now);
    return rate->level > 0;
}

bool rate_is_overdrawn(struct rate *rate, struct instant now)
{
    return !rate_allows(rate, now) && rate->level < -(int64_t)rate->per_second;
}

void rate_spend(struct rate *rate, uint64_t bytes)
{
    if (rate->per_second != 0)
        rate->level -= (int64_t)bytes;
}

uint64_t rate_allows_at(const struct rate *rate)
{
    if (rate->per_second == 0 || rate->level > 0)
        return 0;
    uint64_t owed = (uint64_t)(1 - rate->level);
    uint64_t seconds = owed / rate->per_second, rest = owed % rate->per_second;
    /* A microsecond more, because filling counts whole ones. */
    return rate->at_ns + seconds * NS_PER_S + rest * (NS_PER_S / 1000) / rate->per_second * 1000 + 2000;
}
