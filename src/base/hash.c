#include "base/hash.h"

#include <murmurhash.h>

uint32_t hash_of_key(struct bytes key)
{
    uint32_t hash;
    lmmh_x86_32(key.at, (uint32_t)key.len, 0xdeadbeefU * (uint32_t)key.len, &hash);
    return hash;
}

uint64_t hash_fingerprint(struct bytes data, uint32_t seed)
{
    uint64_t halves[2];
    lmmh_x64_128(data.at, (uint32_t)data.len, seed, halves);
    return halves[0];
}
