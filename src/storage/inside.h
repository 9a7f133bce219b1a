/* What the files of the store share among themselves. */
#ifndef STORAGE_INSIDE_H
#define STORAGE_INSIDE_H

#include "base/counter.h"
#include "storage/buffer.h"
#include "storage/checkpoint.h"
#include "storage/log.h"
#include "storage/store.h"
#include "storage/tree_inside.h"

#include <stdatomic.h>

enum {
    RECORD_SHARE_MAX = 8,                  /* a record of more than memory / this is not kept clean in the buffer */
    BACKOFF_MIN_MS = 100,                  /* after a failure of engine or disk */
    BACKOFF_MAX_MS = 5000,                 /* doubled up to this */
    CORRECT_BACKOFF_MIN_MS = 1000,         /* after the hash tree could not be put right: each attempt is a scan */
    CORRECT_BACKOFF_MAX_MS = 60000,        /* doubled up to this */
    KEY_WITH_PARTITION = 2 + STORE_KEY_MAX /* longest key of the engine */
};

/* Written by the loop alone, read by anyone. */
struct loop_counters {
    _Atomic uint64_t hits, misses, engine_reads, reclaimed, waited;
};

/* Written by any thread; rare events. */
struct store_counters {
    _Atomic uint64_t evictions, evicted_unfetched, checkpoints, checkpointed_records, checkpoint_failures, log_syncs;
    _Atomic uint64_t corrupt_records, io_errors, full_errors;
    _Atomic uint32_t damaged; /* the partition of the last of these records and 1, 0: store_next_damaged has told it */
};

struct store_loop {
    _Alignas(64) struct store *store;
    unsigned number;
    struct queue done;    /* finished ops; the loop's alone */
    struct queue waiting; /* updates without space, in the order of their submission; the loop's alone */
    uint64_t seen_space;  /* the store's space_epoch when the first of them was last tried */
    _Atomic bool is_waiting;
    _Atomic bool has_synced; /* log.synced is not empty */
    struct loop_counters counters;
    struct log log;
};

struct store {
    struct store_limits limits;
    struct store_ports ports;
    struct buffer buffer;
    struct log_set logs;    /* durable stores only */
    struct log **loop_logs; /* of the loops, by number */
    struct store_loop *loops;
    unsigned loop_count;
    uint64_t record_clean_max; /* bytes of the largest record that is kept clean */
    struct tree *tree;         /* NULL: none is kept */
    bool found_clean;          /* when it was opened */

    _Atomic uint64_t dirty_since_ns;            /* since when something dirty has waited for a checkpoint, 0: nothing */
    _Atomic uint64_t space_epoch;               /* grows whenever a waiting update may find what it waits for */
    _Atomic bool nearly_full;                   /* the engine has only its reserve left */
    _Atomic uint64_t map_share;                 /* most dirty bytes for which the map has room before its reserve */
    _Atomic bool engine_fails;                  /* the last batch failed */
    _Atomic bool looks_stopped;                 /* the clean-stop mark could not be erased yet: updates wait for that */
    _Atomic bool log_exhausted;                 /* no segment can be had, and no checkpoint would free one */
    _Atomic bool checkpoint_wanted;             /* start a round whatever the limits say */
    _Atomic uint64_t rounds_begun, rounds_done; /* of checkpoints, for marks */

    _Atomic uint64_t hint_bytes; /* of a store of hints: by how much keys and records have grown since it was opened */

    struct checkpoint checkpoint; /* storage thread */
    struct store_counters counters;
};

static inline bool store_is_durable(const struct store *store)
{
    return store->ports.engine != NULL;
}

static inline bool store_is_of_hints(const struct store *store)
{
    return store->limits.no_tree;
}

/* Segments that are kept for use again. */
static inline unsigned store_spares_max(const struct store *store)
{
    return store_is_of_hints(store) ? 1 : store->loop_count + 1;
}

static inline uint32_t seconds_of(struct instant now)
{
    return (uint32_t)(now.mono_ns / 1000000000U);
}

/* For counters with many. */
static inline void counter_add_shared(_Atomic uint64_t *counter, uint64_t n)
{
    atomic_fetch_add_explicit(counter, n, memory_order_relaxed);
}

/* What op.hash is for this key. */
uint32_t store_hash_of_key(const struct store *store, struct bytes key);

/* The engine's form of a key; `at` has room for KEY_WITH_PARTITION bytes. */
struct bytes store_engine_key(uint8_t *at, uint16_t partition, struct bytes key);

/* Reads a record out of the engine and verifies it. STORE_OK, STORE_ABSENT, STORE_CORRUPT, STORE_IO or STORE_FULL (no
 * memory). */
enum store_status store_read_engine(struct store *store, unsigned reader, uint16_t partition, struct bytes key,
                                    struct blob **record);

/* The clean-stop mark of a directory that is in use: no log floor is so high. */
static inline struct bytes store_in_use(void)
{
    static const uint8_t mark[8] = {0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff};
    return bytes_of(mark, sizeof mark);
}

/* Evicts until the buffer is within its memory. Without any lock. */
void store_evict(struct store *store);

/* Counts and reports a record that failed its checksum; not every one of many. */
void store_report_corrupt(struct store *store, uint16_t partition, struct bytes key);

/* Passes a sentence on to whoever runs the store. */
void store_report(struct store *store, const char *text);

/* Looks how much room the engine has, before the first update and after every batch. */
void store_note_usage(struct store *store);

/* Something has changed that updates wait for: lets every loop that has such try again. */
void store_announce_space(struct store *store);

/* Moves ops whose log position is durable, up to `durable`, to the loop's finished ones. Takes the log's lock. */
void store_complete_synced(struct store *store, struct store_loop *loop, uint64_t durable, enum store_status status);

/* Notes that something is dirty since `now`. Under a stripe's lock, after the entry was marked. */
static inline void store_note_dirty(struct store *store, struct instant now)
{
    if (atomic_load_explicit(&store->dirty_since_ns, memory_order_relaxed) != 0)
        return;
    atomic_store_explicit(&store->dirty_since_ns, now.mono_ns == 0 ? 1 : now.mono_ns, memory_order_relaxed);
    store->ports.wake_storage(store->ports.host);
}

static inline struct bytes bytes_of_record(const struct blob *record)
{
    return record == NULL ? bytes_of(NULL, 0) : blob_bytes(record);
}

/* Bytes of a key and its record. */
static inline uint64_t store_weight_in_bytes(const struct place *place, struct bytes record)
{
    return record.len == 0 ? 0 : place->key.len + record.len;
}

/* The record of this key becomes another one; either may be empty. Under its stripe's lock. Returns the weight of the
 * one before, which a clean entry has to remember. */
static inline uint64_t store_note_change(struct store *store, const struct place *place, struct bytes before,
                                         struct bytes after)
{
    if (store_is_of_hints(store))
        counter_add_shared(&store->hint_bytes,
                           store_weight_in_bytes(place, after) - store_weight_in_bytes(place, before));
    if (store->tree == NULL || place->key.len == 0)
        return 0;
    uint64_t weight = tree_weight_of_record(place->hash, before);
    tree_change(store->tree, place->hash, weight, tree_weight_of_record(place->hash, after));
    return weight;
}

#endif
