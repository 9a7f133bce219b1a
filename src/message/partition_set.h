/* Sets of partitions: a bit for each here, runs of neighbours in a message.
 *
 * Encoded: for each run, in ascending order, the number of partitions left out since the last one (varint; 0 only
 * before the first) and the number of partitions in it less one (varint). The empty set is no bytes. A set has one
 * encoding. */
#ifndef MESSAGE_PARTITION_SET_H
#define MESSAGE_PARTITION_SET_H

#include "base/bytes.h"
#include "message/draft.h"

#include <stdbool.h>
#include <stdint.h>

struct partition_set {
    uint64_t *words;
    uint32_t partitions; /* those that it can hold: 0 .. partitions - 1 */
};

/* Empty. Aborts without memory. */
void partition_set_init(struct partition_set *set, uint32_t partitions);
/* May be called twice, and on zeros. */
void partition_set_close(struct partition_set *set);
void partition_set_clear(struct partition_set *set);

static inline bool partition_set_has(const struct partition_set *set, uint32_t partition)
{
    return (set->words[partition / 64] >> partition % 64 & 1) != 0;
}
static inline void partition_set_add(struct partition_set *set, uint32_t partition)
{
    set->words[partition / 64] |= UINT64_C(1) << partition % 64;
}
static inline void partition_set_remove(struct partition_set *set, uint32_t partition)
{
    set->words[partition / 64] &= ~(UINT64_C(1) << partition % 64);
}

/* How many it holds. */
uint32_t partition_set_count(const struct partition_set *set);
/* The first one from `from` on, or -1. */
int partition_set_next(const struct partition_set *set, uint32_t from);
/* Both for as many partitions. */
void partition_set_copy(struct partition_set *to, const struct partition_set *from);
void partition_set_join(struct partition_set *to, const struct partition_set *from);
void partition_set_subtract(struct partition_set *from, const struct partition_set *what);
void partition_set_intersect(struct partition_set *to, const struct partition_set *with);

/* Appends the encoded set. */
void partition_set_encode(const struct partition_set *set, struct draft *draft);
/* Is this an encoded set of partitions below RING_PARTITIONS_MAX? */
bool partition_set_is_valid(struct bytes in);
/* `set` is initialised; it then holds what is encoded. false: not valid, or partitions beyond those it can hold. */
bool partition_set_decode(struct bytes in, struct partition_set *set);

#endif
