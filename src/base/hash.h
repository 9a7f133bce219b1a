/* The hash functions of the project, all MurmurHash3 from libmurmurhash. */
#ifndef BASE_HASH_H
#define BASE_HASH_H

#include "base/bytes.h"

#include <stdint.h>

/* The hash that places a key on the ring: MurmurHash3_x86_32 with seed 0xdeadbeef * length, the same
 * that libmemcached computes for MEMCACHED_HASH_MURMUR3, so that its virtual buckets are our partitions. */
uint32_t hash_of_key(struct bytes key);

/* A 64-bit fingerprint of bytes (MurmurHash3_x64_128, first half): checksums and tree leaves. */
uint64_t hash_fingerprint(struct bytes data, uint32_t seed);

/* A bijective mix of 64 bits (the finaliser of MurmurHash3): for fingerprints of numbers. */
static inline uint64_t hash_mix(uint64_t x)
{
    x ^= x >> 33;
    x *= 0xff51afd7ed558ccdULL;
    x ^= x >> 33;
    x *= 0xc4ceb9fe1a85ec53ULL;
    x ^= x >> 33;
    return x;
}

#endif
