/* Strategy 3 while it is at work (claim.c, exchange.c). */
#ifndef RING_CLAIM_H
#define RING_CLAIM_H

#include "ring/place.h"

/* Who keeps what, and who ought to. Index member_count in the arrays is nobody, whose quota is 0: a free place is a
 * place of which nobody keeps too much. */
struct claim {
    const struct places *places;
    uint32_t partition_count;
    uint16_t *owners; /* partition_count rows of owner_count */
    uint32_t *held, *quotas;
};

static inline uint16_t *claim_row(const struct claim *claim, uint32_t partition)
{
    return &claim->owners[(size_t)partition * claim->places->owner_count];
}

/* Gives a place of a partition to another member, or to nobody. */
static inline void claim_give(const struct claim *claim, uint32_t partition, uint32_t place, uint16_t member)
{
    uint16_t *owner = &claim_row(claim, partition)[place];
    claim->held[*owner]--;
    claim->held[member]++;
    *owner = member;
}

/* Moves one place from those who keep more than their quota to those who keep less, through as few others as possible
 * (exchange.c). false: everyone has its quota. */
bool claim_exchange(const struct claim *claim);

#endif
