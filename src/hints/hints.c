#include "hints/hints.h"

#include "base/check.h"
#include "base/hash.h"
#include "base/list.h"
#include "base/wire.h"
#include "hints/inside.h"
#include "version/record.h"

#include <stdlib.h>

enum { OWNER_BYTES = STORE_HINT_PREFIX, LOAD_SLICE = 1024 };

struct hints *hints_new(struct store *store, struct replica *replica)
{
    struct hints *hints = calloc(1, sizeof *hints);
    CHECK_MEMORY(hints);
    hints->store = store;
    hints->replica = replica;
    hints->partitions = calloc(PARTITIONS, sizeof *hints->partitions);
    CHECK_MEMORY(hints->partitions);
    return hints;
}

void hints_free(struct hints *hints)
{
    free(hints->partitions);
    free(hints);
}

bool hints_exist(const struct hints *hints)
{
    return hints->store != NULL;
}

/* ---- Keys ---- */

struct bytes hint_key(uint8_t *at, uint32_t owner, struct bytes key)
{
    CHECK(key.len <= HINT_KEY_MAX - OWNER_BYTES);
    uint8_t *place = wire_write_u32(at, owner);
    if (key.len != 0)
        memmove(place, key.at, key.len); /* it may be there already */
    return bytes_of(at, OWNER_BYTES + key.len);
}

uint32_t hint_owner(struct bytes hint_key)
{
    CHECK(hint_key.len >= OWNER_BYTES);
    return wire_u32_at(hint_key.at);
}

struct bytes hint_client_key(struct bytes hint_key)
{
    CHECK(hint_key.len >= OWNER_BYTES);
    return bytes_after(hint_key, OWNER_BYTES);
}

/* ---- Counts ---- */

/* The owner's row; the last one is shared by all that find no room. With `make` a free row becomes the owner's. */
static struct owner_row *row_of(struct hints *hints, uint32_t owner, bool make)
{
    uint32_t at = (uint32_t)hash_mix(owner) % ROWS;
    for (unsigned looks = 0; looks < ROWS; looks++, at = (at + 1) % ROWS) {
        struct owner_row *row = &hints->rows[at];
        uint64_t name = atomic_load_explicit(&row->name, memory_order_acquire);
        if (name == 0 && !make)
            return NULL;
        if (name == 0 && atomic_compare_exchange_strong(&row->name, &name, (uint64_t)owner + 1))
            return row;
        if (name == (uint64_t)owner + 1)
            return row;
    }
    return &hints->rows[ROWS];
}

void hints_count_made(struct hints *hints, uint32_t owner, uint16_t partition, uint64_t now_ms)
{
    struct owner_row *row = row_of(hints, owner, true);
    if (atomic_fetch_add(&row->count, 1) == 0)
        atomic_store_explicit(&row->since_ms, now_ms, memory_order_relaxed);
    atomic_fetch_add(&hints->partitions[partition], 1);
    atomic_fetch_add(&hints->kept, 1);
}

static void subtract_known(_Atomic uint64_t *count)
{
    uint64_t seen = atomic_load(count);
    while (seen != 0 && !atomic_compare_exchange_weak(count, &seen, seen - 1))
        ;
}

/* One that was counted, or one of those that hints_load has not found: then the counts are what is known at least. */
void hints_count_gone(struct hints *hints, uint32_t owner, uint16_t partition)
{
    struct owner_row *row = row_of(hints, owner, true);
    if (hints->is_uncounted) {
        uint32_t seen = atomic_load(&hints->partitions[partition]);
        while (seen != 0 && !atomic_compare_exchange_weak(&hints->partitions[partition], &seen, seen - 1))
            ;
        subtract_known(&row->count);
        subtract_known(&hints->kept);
        return;
    }
    CHECK(atomic_fetch_sub(&row->count, 1) != 0);
    CHECK(atomic_fetch_sub(&hints->partitions[partition], 1) != 0);
    CHECK(atomic_fetch_sub(&hints->kept, 1) != 0);
}

static uint64_t bytes_grown(const struct hints *hints)
{
    struct store_stats stats;
    if (hints->store == NULL)
        return 0;
    store_stats(hints->store, &stats);
    return stats.hint_bytes_grown;
}

uint32_t hints_of_partition(const struct hints *hints, uint16_t partition)
{
    return atomic_load(&hints->partitions[partition]) + hints->is_uncounted;
}

uint64_t hints_of_owner(const struct hints *hints, uint32_t owner)
{
    const struct owner_row *row = row_of((struct hints *)(uintptr_t)hints, owner, false);
    return row == NULL ? 0 : atomic_load(&row->count);
}

void hints_count(const struct hints *hints, struct hints_counters *out)
{
    *out = (struct hints_counters){.stored = atomic_load(&hints->stored),
                                   .delivered = atomic_load(&hints->delivered),
                                   .refused = atomic_load(&hints->refused),
                                   .kept = atomic_load(&hints->kept),
                                   .bytes = hints->bytes_loaded + bytes_grown(hints) - atomic_load(&hints->bytes_lost)};
}

unsigned hints_rows(const struct hints *hints, struct hints_row *rows, unsigned max)
{
    unsigned found = 0;
    for (unsigned i = 0; i <= ROWS; i++) {
        const struct owner_row *row = &hints->rows[i];
        uint64_t count = atomic_load(&row->count), name = atomic_load(&row->name);
        if (count == 0)
            continue;
        if (found < max)
            rows[found] = (struct hints_row){.owner = name == 0 ? 0 : (uint32_t)(name - 1),
                                             .count = count,
                                             .since_ms = atomic_load_explicit(&row->since_ms, memory_order_relaxed)};
        found++;
    }
    return found;
}

static void count_loaded(void *context, uint16_t partition, struct bytes key, struct bytes record)
{
    struct hints *hints = context;
    struct version newest = {0};
    uint32_t live_count = 0;
    if (key.len <= OWNER_BYTES) /* damaged: nobody's */
        return;
    if (record_newest(record, &newest, &live_count) != RECORD_OK || live_count == 0)
        newest.time = 0;
    struct owner_row *row = row_of(hints, hint_owner(key), true);
    uint64_t ms = hybrid_ms(newest.time), since = atomic_load(&row->since_ms);
    hints_count_made(hints, hint_owner(key), partition, ms);
    if (since != 0 && since < ms)
        ms = since;
    atomic_store(&row->since_ms, ms);
    hints->bytes_loaded += key.len + record.len;
}

/* What the log has given back and the engine has not taken. */
static void count_dirty(void *context, uint16_t partition, struct bytes key, struct bytes in_engine,
                        struct bytes newest)
{
    struct hints *hints = context;
    if (in_engine.len == 0 && newest.len != 0) {
        count_loaded(hints, partition, key, newest);
        return;
    }
    if (in_engine.len == 0 || key.len <= OWNER_BYTES)
        return;
    if (newest.len == 0)
        hints_count_gone(hints, hint_owner(key), partition);
    hints->bytes_loaded += newest.len == 0 ? 0 : key.len + newest.len;
    hints->bytes_loaded -= key.len + in_engine.len;
}

void hints_load(struct hints *hints, struct store_loop *loop)
{
    struct store_cursor cursor = {.shows_damaged = true}; /* deliver deletes them */
    if (hints->store == NULL)
        return;
    while (cursor.passes == 0 && !cursor.failed)
        store_scan(hints->store, loop, &cursor, LOAD_SLICE, count_loaded, hints);
    hints->is_uncounted = cursor.failed;
    store_scan_dirty(hints->store, count_dirty, hints);
    hints->bytes_loaded -= bytes_grown(hints); /* by replay */
}

/* ---- What store ops do to them ---- */

/* A hint that is being made is counted before it is there: whoever finds none of a partition counted may rely on it. */
static enum store_verdict apply(struct store_op *op, struct bytes current, struct store_draft *draft)
{
    struct hint_write *write = CONTAINER_OF(op, struct hint_write, merge.op);
    write->was_there = current.len != 0;
    enum store_verdict verdict = write->merge_apply(op, current, draft);
    if (verdict == STORE_REPLACE && !write->was_there && !write->is_counted) {
        hints_count_made(write->hints, hint_owner(op->key), op->partition,
                         hybrid_now_ms(&write->hints->replica->clock, write->merge.now));
        write->is_counted = true;
    }
    return verdict;
}

void hint_write_init(struct hint_write *write, struct hints *hints, struct arena *scratch, struct instant now,
                     struct blob *incoming, bool keeps_newest, uint32_t owner, struct bytes key)
{
    *write = (struct hint_write){.hints = hints};
    replica_merge_init(&write->merge, hints->replica, scratch, now, incoming, keeps_newest);
    write->merge.is_hint = true;
    write->merge_apply = write->merge.op.apply;
    write->merge.op.apply = apply;
    write->merge.op.key = hint_key(write->key, owner, key);
    write->merge.op.hash = hash_of_key(key);
}

void hint_write_end(struct hint_write *write)
{
    struct hints *hints = write->hints;
    const struct store_op *op = &write->merge.op;
    bool is_stored = store_has_changed(op);
    bool is_refused = op->status != STORE_OK
                      && (op->status != STORE_UNCHANGED || write->merge.outcome == MERGE_NO_MEMORY
                          || write->merge.outcome == MERGE_CORRUPT);
    if (write->is_counted && (!is_stored || write->was_there))
        hints_count_gone(hints, hint_owner(op->key), op->partition);
    write->is_counted = false;
    if (is_stored)
        atomic_fetch_add_explicit(&hints->stored, 1, memory_order_relaxed);
    if (is_refused)
        atomic_fetch_add_explicit(&hints->refused, 1, memory_order_relaxed);
}

void hints_note_update(struct hints *hints, uint32_t owner, uint16_t partition, bool existed, bool exists,
                       uint64_t now_ms)
{
    if (!existed && exists)
        hints_count_made(hints, owner, partition, now_ms);
    if (existed && !exists)
        hints_count_gone(hints, owner, partition);
}
