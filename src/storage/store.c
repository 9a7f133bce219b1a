#include "storage/store.h"

#include "base/check.h"
#include "base/hash.h"
#include "base/wire.h"
#include "storage/inside.h"
#include "storage/replay.h"
#include "version/record.h"

#include <stdio.h>
#include <stdlib.h>

struct store_limits store_limits_default(void)
{
    return (struct store_limits){.memory_bytes = (uint64_t)64 << 20,
                                 .dirty_bytes = (uint64_t)32 << 20,
                                 .log_segment_bytes = (uint64_t)64 << 20,
                                 .log_bytes = (uint64_t)1 << 30,
                                 .checkpoint_bytes = (uint64_t)16 << 20,
                                 .checkpoint_age_ms = 5000,
                                 .batch_records = 2048,
                                 .batch_bytes = (uint64_t)4 << 20,
                                 .stripes = 1024,
                                 .evict = true};
}

/* Limits that could not hold together are brought to ones that can: dirty records must leave room in memory for
 * clean ones, a checkpoint must begin before updates have to wait for it, and the log needs two segments for each
 * loop (one that is written, one that is sealed). */
static struct store_limits settle_limits(struct store_limits limits, unsigned loops)
{
    uint64_t dirty_max = limits.memory_bytes - limits.memory_bytes / 4;
    uint64_t log_min = (2 * (uint64_t)loops + 2) * limits.log_segment_bytes;
    if (limits.dirty_bytes > dirty_max)
        limits.dirty_bytes = dirty_max;
    if (limits.checkpoint_bytes > limits.dirty_bytes / 2)
        limits.checkpoint_bytes = limits.dirty_bytes / 2;
    if (limits.checkpoint_bytes == 0)
        limits.checkpoint_bytes = 1; /* nothing dirty must not look like too much */
    if (limits.log_bytes < log_min)
        limits.log_bytes = log_min;
    CHECK(limits.batch_records > 0 && limits.batch_bytes > 0);
    CHECK(limits.log_segment_bytes >= SEGMENT_HEADER + 2 * LOG_RECORD_HEADER);
    return limits;
}

static struct store *store_new(const struct store_limits *limits, const struct store_ports *ports, unsigned loops)
{
    CHECK(loops > 0 && (ports->disk == NULL) == (ports->engine == NULL));
    struct store *store = aligned_alloc(_Alignof(struct store), sizeof *store);
    CHECK_MEMORY(store);
    memset(store, 0, sizeof *store);
    store->limits = settle_limits(*limits, loops);
    store->ports = *ports;
    store->loop_count = loops;
    store->record_clean_max = store->limits.memory_bytes / RECORD_SHARE_MAX;
    buffer_init(&store->buffer, store->limits.stripes, ports->locks);
    store->tree = ports->engine == NULL || limits->no_tree ? NULL : tree_new();
    log_set_init(&store->logs, ports->disk, ports->locks, store->limits.log_segment_bytes, store->limits.log_bytes);
    store->loops = aligned_alloc(_Alignof(struct store_loop), loops * sizeof *store->loops);
    store->loop_logs = calloc(loops, sizeof(struct log *));
    CHECK_MEMORY(store->loops);
    CHECK_MEMORY(store->loop_logs);
    memset(store->loops, 0, loops * sizeof *store->loops);
    for (unsigned i = 0; i < loops; i++) {
        struct store_loop *loop = &store->loops[i];
        loop->store = store;
        loop->number = i;
        queue_init(&loop->done);
        queue_init(&loop->waiting);
        log_init(&loop->log, &store->logs, (int)i);
        store->loop_logs[i] = &loop->log;
    }
    return store;
}

void store_abandon(struct store *store)
{
    for (unsigned i = 0; i < store->loop_count; i++)
        log_close(&store->loops[i].log, &store->logs);
    log_set_close(&store->logs);
    checkpoint_close(store);
    buffer_close(&store->buffer);
    tree_free(store->tree);
    free(store->loop_logs);
    free(store->loops);
    free(store);
}

enum store_open_status store_open(struct store **store, const struct store_limits *limits,
                                  const struct store_ports *ports, unsigned loops, struct store_recovery *found)
{
    *found = (struct store_recovery){.clean = true};
    *store = store_new(limits, ports, loops);
    if (!store_is_durable(*store) || replay_all(*store, found)) {
        (*store)->found_clean = found->clean;
        return STORE_OPEN_OK;
    }
    store_abandon(*store);
    *store = NULL;
    return STORE_OPEN_FAILED;
}

static bool checkpoint_rest(struct store *store, hybrid_time newest)
{
    if (store->checkpoint.running && checkpoint_all(store, true, newest) != ENGINE_OK)
        return false;
    return checkpoint_all(store, true, newest) == ENGINE_OK;
}

/* Nothing has come since the start: what the last stop left is still right. */
static bool is_untouched(struct store *store)
{
    return store_is_of_hints(store) && store->found_clean && atomic_load(&store->rounds_begun) == 0
           && atomic_load(&store->buffer.dirty_records) == 0;
}

bool store_close(struct store *store, hybrid_time newest)
{
    bool kept = true;
    if (store_is_durable(store) && !is_untouched(store)) {
        uint8_t mark[8];
        kept = checkpoint_rest(store, newest);
        wire_write_u64(mark, store->checkpoint.floor_done);
        kept = kept && store_put_meta(store, META_CLEAN_STOP, bytes_of(mark, sizeof mark));
        if (!kept)
            store_report(store, "The last checkpoint failed; the log keeps what is missing and the next start replays "
                                "it.");
    }
    store_abandon(store);
    return kept;
}

struct tree *store_tree(struct store *store)
{
    return store->tree;
}

void store_correct_tree(struct store *store, uint32_t partition_count, uint16_t partition)
{
    if (store->tree == NULL)
        return;
    CHECK(partition_count <= TREE_LEAVES / 4 && partition < partition_count);
    tree_suspect_partition(store->tree, partition_count, partition);
    atomic_store(&store->checkpoint_wanted, true);
    store->ports.wake_storage(store->ports.host);
}

struct store_loop *store_loop_of(struct store *store, unsigned loop)
{
    CHECK(loop < store->loop_count);
    return &store->loops[loop];
}

uint32_t store_hash_of_key(const struct store *store, struct bytes key)
{
    size_t skipped = store->limits.no_tree && key.len >= STORE_HINT_PREFIX ? STORE_HINT_PREFIX : 0;
    return hash_of_key(bytes_after(key, skipped));
}

struct bytes store_engine_key(uint8_t *at, uint16_t partition, struct bytes key)
{
    CHECK(key.len <= KEY_WITH_PARTITION - 2);
    uint8_t *end = wire_write_bytes(wire_write_u16(at, partition), key);
    return bytes_of(at, (size_t)(end - at));
}

enum store_status store_read_engine(struct store *store, unsigned reader, uint16_t partition, struct bytes key,
                                    struct blob **record)
{
    uint8_t at[KEY_WITH_PARTITION];
    struct engine *engine = store->ports.engine;
    *record = NULL;
    enum engine_status status = engine->ops->read(engine, reader, store_engine_key(at, partition, key), record);
    if (status == ENGINE_ABSENT)
        return STORE_ABSENT;
    if (status != ENGINE_OK) {
        *record = NULL;
        counter_add_shared(&store->counters.io_errors, 1);
        return status == ENGINE_MEMORY ? STORE_FULL : STORE_IO;
    }
    if (record_verify(blob_bytes(*record)) == RECORD_OK)
        return STORE_OK;
    blob_release(*record);
    *record = NULL;
    store_report_corrupt(store, partition, key);
    return STORE_CORRUPT;
}

void store_evict(struct store *store)
{
    if (atomic_load_explicit(&store->buffer.bytes, memory_order_relaxed) <= store->limits.memory_bytes)
        return;
    struct buffer_evicted evicted = buffer_evict(&store->buffer, store->limits.memory_bytes);
    if (evicted.records != 0)
        counter_add_shared(&store->counters.evictions, evicted.records);
    if (evicted.unfetched != 0)
        counter_add_shared(&store->counters.evicted_unfetched, evicted.unfetched);
}

void store_report(struct store *store, const char *text)
{
    store->ports.report(store->ports.host, text);
}

/* The key's bytes with a dot for what is no printable character. */
static void printable(char *out, struct bytes key)
{
    for (size_t i = 0; i < key.len; i++)
        out[i] = (char)(key.at[i] > ' ' && key.at[i] < 0x7f ? key.at[i] : '.');
    out[key.len] = '\0';
}

void store_report_corrupt(struct store *store, uint16_t partition, struct bytes key)
{
    uint64_t number = atomic_fetch_add(&store->counters.corrupt_records, 1) + 1;
    if (key.len > 0)
        atomic_store(&store->counters.damaged, (uint32_t)partition + 1);
    if ((number & (number - 1)) != 0)
        return; /* the 1st, 2nd, 4th, 8th ...: a damaged disk has many */
    char name[KEY_WITH_PARTITION], text[KEY_WITH_PARTITION + 200];
    printable(name, key);
    snprintf(
        text, sizeof text,
        "Record %llu with a wrong checksum: partition %u, key \"%s\"; it is not served; check the disk and restore "
        "the record.",
        (unsigned long long)number, (unsigned)partition, name);
    store_report(store, text);
}

int store_next_damaged(struct store *store)
{
    return (int)atomic_exchange(&store->counters.damaged, 0) - 1;
}

void store_announce_space(struct store *store)
{
    atomic_fetch_add(&store->space_epoch, 1);
    for (unsigned i = 0; i < store->loop_count; i++)
        if (atomic_load(&store->loops[i].is_waiting))
            store->ports.wake_loop(store->ports.host, i);
}

bool store_put_meta(struct store *store, const char *name, struct bytes value)
{
    struct engine *engine = store->ports.engine;
    if (engine == NULL)
        return true;
    return engine->ops->begin(engine) == ENGINE_OK && engine->ops->put_meta(engine, name, value) == ENGINE_OK
           && engine->ops->commit(engine) == ENGINE_OK;
}

enum store_status store_find_meta(struct store *store, const char *name, struct blob **value)
{
    struct engine *engine = store->ports.engine;
    *value = NULL;
    enum engine_status status = engine == NULL ? ENGINE_ABSENT : engine->ops->read_meta(engine, name, value);
    if (status == ENGINE_OK)
        return STORE_OK;
    *value = NULL;
    return status == ENGINE_ABSENT ? STORE_ABSENT : STORE_IO;
}

struct blob *store_read_meta(struct store *store, const char *name)
{
    struct blob *value;
    (void)store_find_meta(store, name, &value);
    return value;
}

static uint64_t get(_Atomic uint64_t *counter)
{
    return atomic_load_explicit(counter, memory_order_relaxed);
}

static void add_loop_stats(struct store_loop *loop, struct store_stats *out)
{
    struct loop_counters *counters = &loop->counters;
    const struct lock_ops *locks = loop->store->ports.locks;
    out->buffer_hits += get(&counters->hits);
    out->buffer_misses += get(&counters->misses);
    out->engine_reads += get(&counters->engine_reads);
    out->reclaimed += get(&counters->reclaimed);
    out->updates_waited += get(&counters->waited);
    locks->take(&loop->log.lock);
    out->log_appended_bytes += loop->log.position;
    out->log_segments += loop->log.active != NULL;
    out->log_segments += loop->log.special != NULL;
    locks->give(&loop->log.lock);
}

uint64_t store_sequence(struct store *store)
{
    return atomic_load_explicit(&store->logs.next_sequence, memory_order_relaxed);
}

void store_pass_stripes(struct store *store)
{
    const struct lock_ops *locks = store->ports.locks;
    for (size_t i = 0; i < (size_t)1 << store->buffer.stripe_bits; i++) {
        locks->take(&store->buffer.stripes[i].lock);
        locks->give(&store->buffer.stripes[i].lock);
    }
}

void store_stats(struct store *store, struct store_stats *out)
{
    struct store_counters *counters = &store->counters;
    *out = (struct store_stats){.records_buffered = get(&store->buffer.records),
                                .bytes_buffered = get(&store->buffer.bytes),
                                .records_dirty = get(&store->buffer.dirty_records),
                                .bytes_dirty = get(&store->buffer.dirty_bytes),
                                .evictions = get(&counters->evictions),
                                .evicted_unfetched = get(&counters->evicted_unfetched),
                                .checkpoints = get(&counters->checkpoints),
                                .checkpointed_records = get(&counters->checkpointed_records),
                                .checkpoint_failures = get(&counters->checkpoint_failures),
                                .log_syncs = get(&counters->log_syncs),
                                .corrupt_records = get(&counters->corrupt_records),
                                .io_errors = get(&counters->io_errors),
                                .full_errors = get(&counters->full_errors)};
    for (unsigned i = 0; i < store->loop_count; i++)
        add_loop_stats(&store->loops[i], out);
    store->ports.locks->take(&store->logs.lock);
    out->log_segments += store->logs.spare_count + store->logs.sealed_count;
    out->log_bytes = store->logs.bytes;
    store->ports.locks->give(&store->logs.lock);
    out->hint_bytes_grown = get(&store->hint_bytes);
    out->leaves_corrected = store->tree == NULL ? 0 : get(&store->tree->corrected);
    out->has_engine = store_is_durable(store);
    if (out->has_engine)
        store->ports.engine->ops->usage(store->ports.engine, &out->engine);
}
