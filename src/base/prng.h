/* Randomness as an argument: a small generator (splitmix64) that is seeded from outside. Not for secrets. */
#ifndef BASE_PRNG_H
#define BASE_PRNG_H

#include "base/hash.h"

#include <stdint.h>

struct prng {
    uint64_t state;
};

static inline void prng_init(struct prng *prng, uint64_t seed)
{
    prng->state = seed;
}

static inline uint64_t prng_next(struct prng *prng)
{
    prng->state += 0x9e3779b97f4a7c15ULL;
    return hash_mix(prng->state);
}

/* Uniform in [0, bound); bound > 0. The bias (bound / 2^64) is of no account for our bounds. */
static inline uint64_t prng_below(struct prng *prng, uint64_t bound)
{
    return prng_next(prng) % bound;
}

#endif
