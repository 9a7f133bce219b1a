#include "storage/buffer.h"

#include "base/check.h"

#include <stdlib.h>

enum { TABLE_BITS_MIN = 3, TABLE_BITS_MAX = 26, EVICT_LOOKS_MAX = 32 };

void buffer_init(struct buffer *buffer, uint32_t stripes, const struct lock_ops *locks)
{
    CHECK(stripes > 0 && stripes <= 65536 && (stripes & (stripes - 1)) == 0);
    *buffer = (struct buffer){.locks = locks};
    while (1U << buffer->stripe_bits < stripes)
        buffer->stripe_bits++;
    buffer->stripes = aligned_alloc(_Alignof(struct stripe), stripes * sizeof *buffer->stripes);
    CHECK_MEMORY(buffer->stripes);
    for (uint32_t i = 0; i < stripes; i++) {
        struct stripe *stripe = &buffer->stripes[i];
        *stripe = (struct stripe){.bits = TABLE_BITS_MIN};
        stripe->table = calloc((size_t)1 << stripe->bits, sizeof(struct entry *));
        CHECK_MEMORY(stripe->table);
        list_init(&stripe->clean);
        list_init(&stripe->dirty);
        locks->init(&stripe->lock);
    }
}

static void free_entry(struct entry *entry)
{
    blob_release(entry->record);
    free(entry);
}

void buffer_close(struct buffer *buffer)
{
    for (uint32_t i = 0; i < 1U << buffer->stripe_bits; i++) {
        struct stripe *stripe = &buffer->stripes[i];
        for (size_t b = 0; b < (size_t)1 << stripe->bits; b++) {
            while (stripe->table[b] != NULL) {
                struct entry *entry = stripe->table[b];
                stripe->table[b] = entry->next;
                free_entry(entry);
            }
        }
        free(stripe->table);
        buffer->locks->close(&stripe->lock);
    }
    free(buffer->stripes);
    buffer->stripes = NULL;
}

static struct entry **bucket_of(const struct buffer *buffer, const struct stripe *stripe, uint32_t hash)
{
    return &stripe->table[buffer_position(buffer, hash) >> (32 - stripe->bits)];
}

struct entry *buffer_find(const struct buffer *buffer, const struct stripe *stripe, const struct place *place)
{
    struct entry *entry = *bucket_of(buffer, stripe, place->hash);
    for (; entry != NULL; entry = entry->next)
        if (entry->hash == place->hash && entry->partition == place->partition && entry->key_len == place->key.len
            && (entry->key_len == 0 || memcmp(entry->key, place->key.at, entry->key_len) == 0))
            return entry;
    return NULL;
}

static void grow_table(struct buffer *buffer, struct stripe *stripe)
{
    struct stripe grown = *stripe;
    grown.bits++;
    grown.table = calloc((size_t)1 << grown.bits, sizeof(struct entry *));
    if (grown.table == NULL)
        return; /* longer chains are slower, not wrong */
    for (size_t b = 0; b < (size_t)1 << stripe->bits; b++) {
        while (stripe->table[b] != NULL) {
            struct entry *entry = stripe->table[b];
            stripe->table[b] = entry->next;
            struct entry **bucket = bucket_of(buffer, &grown, entry->hash);
            entry->next = *bucket;
            *bucket = entry;
        }
    }
    free(stripe->table);
    stripe->table = grown.table;
    stripe->bits = grown.bits;
}

uint64_t buffer_footprint(size_t key_len, const struct blob *record)
{
    /* glibc: one word of header, multiples of 16. */
    size_t entry = (sizeof(struct entry) + key_len + sizeof(size_t) + 15) & ~(size_t)15;
    return entry + (record == NULL ? 0 : blob_footprint(record));
}

/* Shared counters are touched only when they change: an overwrite of equal size costs nothing here. */
static void add(_Atomic uint64_t *counter, uint64_t before, uint64_t after)
{
    if (before != after)
        atomic_fetch_add_explicit(counter, after - before, memory_order_relaxed);
}

struct entry *buffer_insert(struct buffer *buffer, struct stripe *stripe, const struct place *place,
                            struct blob *record, unsigned flags, uint32_t now_s)
{
    CHECK(place->key.len <= UINT8_MAX && (record != NULL || (flags & ENTRY_DIRTY) != 0));
    struct entry *entry = malloc(sizeof *entry + place->key.len);
    CHECK_MEMORY(entry);
    *entry = (struct entry){.record = record,
                            .hash = place->hash,
                            .partition = place->partition,
                            .key_len = (uint8_t)place->key.len,
                            .used_s = now_s,
                            .flags = (uint8_t)flags};
    if (place->key.len != 0)
        memcpy(entry->key, place->key.at, place->key.len);
    if (stripe->count >= (uint32_t)1 << stripe->bits && stripe->bits < TABLE_BITS_MAX)
        grow_table(buffer, stripe);
    struct entry **bucket = bucket_of(buffer, stripe, place->hash);
    entry->next = *bucket;
    *bucket = entry;
    stripe->count++;
    uint64_t footprint = buffer_footprint(place->key.len, record);
    add(&buffer->bytes, 0, footprint);
    add(&buffer->records, 0, 1);
    if ((flags & ENTRY_DIRTY) == 0) {
        list_push_front(&stripe->clean, &entry->order);
        return entry;
    }
    list_push_back(&stripe->dirty, &entry->order);
    add(&buffer->dirty_bytes, 0, footprint);
    add(&buffer->dirty_records, 0, 1);
    return entry;
}

struct blob *buffer_replace(struct buffer *buffer, struct stripe *stripe, struct entry *entry, struct blob *record,
                            unsigned flags, uint32_t now_s)
{
    bool was_dirty = (entry->flags & ENTRY_DIRTY) != 0, is_dirty = (flags & ENTRY_DIRTY) != 0;
    CHECK(is_dirty || (!was_dirty && record != NULL));
    struct blob *old = entry->record;
    uint64_t before = buffer_footprint(entry->key_len, old), after = buffer_footprint(entry->key_len, record);
    add(&buffer->bytes, before, after);
    add(&buffer->dirty_bytes, was_dirty ? before : 0, is_dirty ? after : 0);
    add(&buffer->dirty_records, was_dirty, is_dirty);
    if (is_dirty && !was_dirty) {
        list_remove(&entry->order);
        list_push_back(&stripe->dirty, &entry->order);
    }
    entry->record = record;
    entry->generation++;
    entry->used_s = now_s;
    entry->flags = (uint8_t)flags;
    return old;
}

void buffer_remove(struct buffer *buffer, struct stripe *stripe, struct entry *entry)
{
    struct entry **at = bucket_of(buffer, stripe, entry->hash);
    while (*at != entry)
        at = &(*at)->next;
    *at = entry->next;
    list_remove(&entry->order);
    stripe->count--;
    stripe->removals++;
    uint64_t footprint = buffer_footprint(entry->key_len, entry->record);
    add(&buffer->bytes, footprint, 0);
    add(&buffer->records, 1, 0);
    if ((entry->flags & ENTRY_DIRTY) != 0) {
        add(&buffer->dirty_bytes, footprint, 0);
        add(&buffer->dirty_records, 1, 0);
    }
    free_entry(entry);
}

void buffer_mark_clean(struct buffer *buffer, struct stripe *stripe, struct entry *entry, bool keep)
{
    CHECK((entry->flags & ENTRY_DIRTY) != 0);
    if (entry->record == NULL || !keep) {
        buffer_remove(buffer, stripe, entry);
        return;
    }
    add(&buffer->dirty_bytes, buffer_footprint(entry->key_len, entry->record), 0);
    add(&buffer->dirty_records, 1, 0);
    entry->flags &= (uint8_t)~ENTRY_DIRTY;
    list_remove(&entry->order);
    list_push_front(&stripe->clean, &entry->order);
}

/* One entry of this stripe, the oldest that has not been used since the last look. */
static bool evict_one(struct buffer *buffer, struct stripe *stripe, struct buffer_evicted *evicted)
{
    const struct entry *spared = NULL; /* the first that got its second chance: it lasts until the hand comes again */
    for (unsigned looks = 0; looks < EVICT_LOOKS_MAX && !list_is_empty(&stripe->clean); looks++) {
        struct entry *entry = CONTAINER_OF(stripe->clean.prev, struct entry, order);
        if (entry == spared)
            return false;
        if ((entry->flags & ENTRY_RECENT) != 0 && looks + 1 < EVICT_LOOKS_MAX) {
            spared = spared == NULL ? entry : spared;
            entry->flags &= (uint8_t)~ENTRY_RECENT;
            list_remove(&entry->order);
            list_push_front(&stripe->clean, &entry->order);
            continue;
        }
        evicted->records++;
        evicted->unfetched += (entry->flags & ENTRY_FETCHED) == 0;
        buffer_remove(buffer, stripe, entry);
        return true;
    }
    return false;
}

struct buffer_evicted buffer_evict(struct buffer *buffer, uint64_t bytes_max)
{
    struct buffer_evicted evicted = {0};
    uint32_t stripes = 1U << buffer->stripe_bits, barren = 0;
    /* Twice round without a find: once takes second chances, once more finds who had them. */
    while (barren < 2 * stripes && atomic_load_explicit(&buffer->bytes, memory_order_relaxed) > bytes_max) {
        uint32_t hand = atomic_fetch_add_explicit(&buffer->hand, 1, memory_order_relaxed);
        struct stripe *stripe = &buffer->stripes[hand & (stripes - 1)];
        buffer->locks->take(&stripe->lock);
        bool found = evict_one(buffer, stripe, &evicted);
        buffer->locks->give(&stripe->lock);
        barren = found ? 0 : barren + 1;
    }
    return evicted;
}
