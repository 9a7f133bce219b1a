/* The object buffer: the newest records in memory, dirty ones until their checkpoint, clean ones as long as
 * memory allows.
 *
 * It is cut into stripes by key hash. A stripe is a small hash table with its own lock, a list of clean
 * entries in order of use (second chance: a read only sets a flag) and a list of dirty ones. Whoever touches
 * a stripe or an entry holds the stripe's lock; an entry's key never changes and may be read without it as
 * long as the entry cannot go away, and a dirty entry leaves only by the hand of the storage thread. */
#ifndef STORAGE_BUFFER_H
#define STORAGE_BUFFER_H

#include "base/blob.h"
#include "base/bytes.h"
#include "base/list.h"
#include "storage/lock.h"

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

enum entry_flags {
    ENTRY_DIRTY = 1,  /* newer than the engine's */
    ENTRY_RECENT = 2, /* used since it was last looked at for eviction */
    ENTRY_FETCHED = 4 /* read since the record came into the buffer */
};

/* What identifies a record. */
struct place {
    uint32_t hash;
    uint16_t partition;
    struct bytes key;
};

struct entry {
    struct entry *next;  /* in the bucket */
    struct list order;   /* in the stripe's clean or dirty list */
    struct blob *record; /* NULL: erased, and dirty until the engine knows */
    uint32_t hash;
    uint32_t generation; /* counts the updates */
    uint32_t used_s;     /* second of the last use */
    uint16_t partition;
    uint8_t key_len;
    uint8_t flags;
    uint64_t base; /* while it is dirty: the weight in the hash tree of what the engine has of the key; 0: of nothing */
    uint8_t key[];
};

struct stripe {
    _Alignas(64) struct lock lock;
    struct entry **table; /* 1 << bits buckets */
    uint32_t bits;
    uint32_t count;
    struct list clean, dirty; /* newest first; oldest first */
    /* Entries that have left. A reader of the engine that finds it unchanged knows that what it read is still
     * the newest: a record that had been updated meanwhile would be here or would have left. */
    uint64_t removals;
};

struct buffer {
    struct stripe *stripes;
    unsigned stripe_bits;
    const struct lock_ops *locks;
    _Alignas(64) _Atomic uint64_t bytes; /* footprint of entries and records */
    _Atomic uint64_t records;
    _Alignas(64) _Atomic uint64_t dirty_bytes;
    _Atomic uint64_t dirty_records;
    _Atomic uint32_t hand; /* the stripe to evict from next */
};

/* `stripes`: a power of two up to 65536. */
void buffer_init(struct buffer *buffer, uint32_t stripes, const struct lock_ops *locks);
/* Frees everything, dirty or not. */
void buffer_close(struct buffer *buffer);

/* The factor mixes all bits of a hash upwards: the keys of a node may agree in the bits that choose partitions. */
static inline uint64_t buffer_mix(uint32_t hash)
{
    return (uint64_t)hash * 0x9e3779b97f4a7c15U;
}

static inline struct stripe *buffer_stripe(const struct buffer *buffer, uint32_t hash)
{
    return &buffer->stripes[buffer->stripe_bits == 0 ? 0 : buffer_mix(hash) >> (64 - buffer->stripe_bits)];
}

/* The entry's position in its stripe: buckets are ranges of it, so growing a table keeps the order. */
static inline uint32_t buffer_position(const struct buffer *buffer, uint32_t hash)
{
    return (uint32_t)(buffer_mix(hash) << buffer->stripe_bits >> 32);
}

/* The entry, or NULL. */
struct entry *buffer_find(const struct buffer *buffer, const struct stripe *stripe, const struct place *place);

/* Adds an entry that is not there. Takes over the reference to `record`; NULL only with ENTRY_DIRTY. */
struct entry *buffer_insert(struct buffer *buffer, struct stripe *stripe, const struct place *place,
                            struct blob *record, unsigned flags, uint32_t now_s);

/* Gives the entry a new record (NULL: erased), a new generation and the flags. Takes over the reference; returns the
 * old record, which the caller releases, best after giving the lock. */
struct blob *buffer_replace(struct buffer *buffer, struct stripe *stripe, struct entry *entry, struct blob *record,
                            unsigned flags, uint32_t now_s);

/* The engine has this entry now. An erased entry, or one that is not worth keeping, leaves. */
void buffer_mark_clean(struct buffer *buffer, struct stripe *stripe, struct entry *entry, bool keep);

/* Takes an entry out and frees it. */
void buffer_remove(struct buffer *buffer, struct stripe *stripe, struct entry *entry);

struct buffer_evicted {
    uint64_t records, unfetched;
};

/* Evicts clean entries, roughly the least recently used, until the buffer is within `bytes_max` or nothing more can
 * go. The caller holds no stripe's lock. */
struct buffer_evicted buffer_evict(struct buffer *buffer, uint64_t bytes_max);

/* What an entry with this key and record costs. */
uint64_t buffer_footprint(size_t key_len, const struct blob *record);

#endif
