#include "base/hash.h"
#include "version/object.h"

static uint64_t dot_fingerprint(const struct dot *dot)
{
    uint64_t mixed = hash_mix(dot->actor.incarnation + dot->actor.node);
    mixed = hash_mix(mixed ^ dot->actor.birth);
    return hash_mix(mixed + dot->counter);
}

/* A sum does not depend on the order; mixed once more, so that tokens of sets that share dots look unrelated. */
uint64_t token_of_versions(const struct version *live, uint32_t count)
{
    const uint64_t largest = ((uint64_t)1 << 63) - 2;
    uint64_t sum = count;
    for (uint32_t i = 0; i < count; i++)
        sum += dot_fingerprint(&live[i].dot);
    return 1 + hash_mix(sum) % largest;
}
