#include "storage/checkpoint.h"

#include "base/check.h"
#include "base/wire.h"
#include "storage/inside.h"
#include "version/record.h"

#include <stdlib.h>

enum {
    FAILING_BATCH_SHARE = 16, /* after a failure batches are smaller: a smaller one may still fit */
    PREFIX_KEY_LEN = 14       /* of a dirty_ref's prefix, after the partition */
};

static struct dirty_ref ref_of(struct entry *entry)
{
    uint8_t prefix[2 + PREFIX_KEY_LEN] = {0};
    wire_write_u16(prefix, entry->partition);
    memcpy(prefix + 2, entry->key, entry->key_len < PREFIX_KEY_LEN ? entry->key_len : PREFIX_KEY_LEN);
    struct wire_reader reader = wire_reader_of(bytes_of(prefix, sizeof prefix));
    uint64_t first = wire_read_u64(&reader), second = wire_read_u64(&reader);
    return (struct dirty_ref){.prefix = {first, second}, .entry = entry};
}

static int compare_refs(const void *left, const void *right)
{
    const struct dirty_ref *a = left, *b = right;
    for (unsigned i = 0; i < 2; i++)
        if (a->prefix[i] != b->prefix[i])
            return a->prefix[i] < b->prefix[i] ? -1 : 1;
    return bytes_compare(bytes_of(a->entry->key, a->entry->key_len), bytes_of(b->entry->key, b->entry->key_len));
}

static void collect_entry(struct checkpoint *checkpoint, struct entry *entry)
{
    if (checkpoint->count == checkpoint->capacity) {
        checkpoint->capacity = checkpoint->capacity == 0 ? 1024 : 2 * checkpoint->capacity;
        checkpoint->refs = realloc(checkpoint->refs, checkpoint->capacity * sizeof *checkpoint->refs);
        CHECK_MEMORY(checkpoint->refs);
    }
    checkpoint->refs[checkpoint->count++] = ref_of(entry);
}

static void collect(struct store *store)
{
    struct checkpoint *checkpoint = &store->checkpoint;
    for (uint32_t i = 0; i < store->limits.stripes; i++) {
        struct stripe *stripe = &store->buffer.stripes[i];
        store->ports.locks->take(&stripe->lock);
        for (struct list *link = stripe->dirty.next; link != &stripe->dirty; link = link->next)
            collect_entry(checkpoint, CONTAINER_OF(link, struct entry, order));
        store->ports.locks->give(&stripe->lock);
    }
    if (checkpoint->count > 1)
        qsort(checkpoint->refs, checkpoint->count, sizeof *checkpoint->refs, compare_refs);
}

void checkpoint_begin(struct store *store, bool moves_floor)
{
    struct checkpoint *checkpoint = &store->checkpoint;
    CHECK(!checkpoint->running);
    if (checkpoint->batch == NULL) {
        checkpoint->batch = calloc(store->limits.batch_records, sizeof *checkpoint->batch);
        CHECK_MEMORY(checkpoint->batch);
    }
    atomic_store(&store->checkpoint_wanted, false);
    checkpoint->running = true;
    checkpoint->moves_floor = moves_floor;
    checkpoint->count = checkpoint->next = 0;
    atomic_fetch_add(&store->rounds_begun, 1); /* after wishes were taken as fulfilled, before anything is looked at */
    if (moves_floor)
        checkpoint->floor = log_seal(&store->logs, store->loop_logs, store->loop_count);
    /* Before collecting: an update that still sees the old value has marked its entry before we look at its stripe. */
    atomic_store(&store->dirty_since_ns, 0);
    collect(store);
}

static void release_batch(struct checkpoint *checkpoint, size_t count)
{
    for (size_t i = 0; i < count; i++)
        blob_release(checkpoint->batch[i].record);
}

/* References to the newest records of the next entries; the engine is written without any lock. */
static size_t load_batch(struct store *store)
{
    struct checkpoint *checkpoint = &store->checkpoint;
    size_t most = store->limits.batch_records, count = 0;
    uint64_t bytes = 0;
    if (checkpoint->backoff_ms != 0)
        most = most / FAILING_BATCH_SHARE + 1;
    while (count < most && bytes < store->limits.batch_bytes && checkpoint->next + count < checkpoint->count) {
        struct entry *entry = checkpoint->refs[checkpoint->next + count].entry;
        struct stripe *stripe = buffer_stripe(&store->buffer, entry->hash);
        struct batch_item *item = &checkpoint->batch[count++];
        store->ports.locks->take(&stripe->lock);
        CHECK((entry->flags & ENTRY_DIRTY) != 0);
        *item = (struct batch_item){.entry = entry, .generation = entry->generation, .base = entry->base};
        item->record = entry->record == NULL ? NULL : blob_retain(entry->record);
        store->ports.locks->give(&stripe->lock);
        bytes += entry->key_len + (item->record == NULL ? 0U : item->record->len);
        if (store->tree != NULL && entry->key_len != 0)
            item->weight = tree_weight_of_record(entry->hash, bytes_of_record(item->record));
    }
    return count;
}

static enum engine_status put_number_pair(struct engine *engine, const char *name, uint64_t first, uint64_t second)
{
    uint8_t value[LOG_FLOOR_LEN];
    wire_write_u64(wire_write_u64(value, first), second);
    return engine->ops->put_meta(engine, name, bytes_of(value, sizeof value));
}

static enum engine_status put_item(struct engine *engine, const struct batch_item *item)
{
    uint8_t at[KEY_WITH_PARTITION];
    const struct entry *entry = item->entry;
    struct bytes key = store_engine_key(at, entry->partition, bytes_of(entry->key, entry->key_len));
    if (item->record == NULL)
        return engine->ops->erase(engine, key);
    return engine->ops->put(engine, key, blob_bytes(item->record));
}

static hybrid_time later_of(hybrid_time newest, hybrid_time time, hybrid_time most)
{
    return time > newest && time <= most ? time : newest;
}

/* The clock goes with every batch: a record in the engine is never newer than it, not even one that was written after
 * the caller had looked at the clock. What is further ahead than any clock may be is data alone. */
static hybrid_time newest_of_batch(const struct checkpoint *checkpoint, size_t count, hybrid_time newest)
{
    const hybrid_time most = hybrid_of_ms(hybrid_ms(newest) + STORE_AHEAD_MS_MAX);
    for (size_t i = 0; i < count; i++) {
        struct version version;
        uint32_t live_count = 0;
        const struct blob *record = checkpoint->batch[i].record;
        if (record == NULL || record_newest(blob_bytes(record), &version, &live_count) != RECORD_OK || live_count == 0)
            continue;
        newest = later_of(newest, version.time, most);
        newest = later_of(newest, version.expiry_stamp, most);
    }
    return newest;
}

static void note_correction(struct store *store, bool failed)
{
    struct checkpoint *checkpoint = &store->checkpoint;
    if (!failed) {
        checkpoint->correct_backoff_ms = 0;
        return;
    }
    counter_add_shared(&store->counters.io_errors, 1);
    if (checkpoint->correct_backoff_ms == 0)
        store_report(store, "The hash tree could not be put right because the engine could not be read; it will be "
                            "tried again; check the disk of the data directory.");
    checkpoint->correct_backoff_ms =
        checkpoint->correct_backoff_ms == 0 ? CORRECT_BACKOFF_MIN_MS : 2 * checkpoint->correct_backoff_ms;
    if (checkpoint->correct_backoff_ms > CORRECT_BACKOFF_MAX_MS)
        checkpoint->correct_backoff_ms = CORRECT_BACKOFF_MAX_MS;
    checkpoint->correct_retry_ns = checkpoint->now_ns + checkpoint->correct_backoff_ms * (uint64_t)1000000;
}

/* Between two batches. A tree that cannot be put right now is no reason to keep records from the engine. */
static void correct_tree(struct store *store)
{
    const struct checkpoint *checkpoint = &store->checkpoint;
    bool failed = false;
    if (store->tree == NULL || !tree_has_suspects(store->tree)
        || (checkpoint->correct_backoff_ms != 0 && checkpoint->now_ns < checkpoint->correct_retry_ns))
        return;
    tree_correct(store->tree, store->ports.engine, &failed);
    note_correction(store, failed);
}

/* The leaves of the batch's records, there and back. */
static void change_tree(struct store *store, size_t count, bool back)
{
    for (size_t i = 0; i < count && store->tree != NULL; i++) {
        const struct batch_item *item = &store->checkpoint.batch[i];
        tree_store_change(store->tree, item->entry->hash, back ? item->weight : item->base,
                          back ? item->base : item->weight);
    }
}

static enum engine_status put_batch(struct store *store, size_t count, bool last, hybrid_time newest)
{
    struct engine *engine = store->ports.engine;
    struct checkpoint *checkpoint = &store->checkpoint;
    enum engine_status status = engine->ops->begin(engine);
    for (size_t i = 0; i < count && status == ENGINE_OK; i++)
        status = put_item(engine, &checkpoint->batch[i]);
    if (status == ENGINE_OK && store->tree != NULL)
        status = tree_put(store->tree, engine);
    if (status == ENGINE_OK && last && checkpoint->moves_floor)
        status = put_number_pair(engine, META_LOG_FLOOR, checkpoint->floor, atomic_load(&store->logs.next_sequence));
    if (status == ENGINE_OK && checkpoint->erases_mark)
        status = engine->ops->put_meta(engine, META_CLEAN_STOP, store_in_use());
    uint8_t clock[8];
    newest = newest_of_batch(checkpoint, count, newest);
    wire_write_u64(clock, newest);
    if (status == ENGINE_OK && newest != 0)
        status = engine->ops->put_meta(engine, META_HYBRID_TIME, bytes_of(clock, sizeof clock));
    return status == ENGINE_OK ? engine->ops->commit(engine) : status;
}

/* What was written and has not changed since is clean. */
static void settle_batch(struct store *store, size_t count)
{
    struct checkpoint *checkpoint = &store->checkpoint;
    for (size_t i = 0; i < count; i++) {
        struct batch_item *item = &checkpoint->batch[i];
        struct stripe *stripe = buffer_stripe(&store->buffer, item->entry->hash);
        bool keep = item->record != NULL && item->record->len <= store->record_clean_max;
        store->ports.locks->take(&stripe->lock);
        item->entry->base = item->weight;
        if (item->entry->generation == item->generation)
            buffer_mark_clean(&store->buffer, stripe, item->entry, keep);
        store->ports.locks->give(&stripe->lock);
    }
    checkpoint->next += count;
    counter_add_shared(&store->counters.checkpointed_records, count);
}

static void end_round(struct store *store)
{
    struct checkpoint *checkpoint = &store->checkpoint;
    checkpoint->running = false;
    free(checkpoint->refs);
    checkpoint->refs = NULL;
    checkpoint->count = checkpoint->next = checkpoint->capacity = 0;
    counter_add_shared(&store->counters.checkpoints, 1);
    atomic_store(&store->rounds_done, atomic_load(&store->rounds_begun));
    if (!checkpoint->moves_floor)
        return;
    checkpoint->floor_done = checkpoint->floor;
    if (log_release(&store->logs, checkpoint->floor, store_spares_max(store)) != DISK_OK)
        store_report(store, "A segment of the log that is no longer needed could not be removed; its space is missing "
                            "until the next start.");
    for (unsigned i = 0; i < store->loop_count; i++)
        store_complete_synced(store, &store->loops[i], store->loops[i].log.sealed_to, STORE_OK);
}

/* Half of the room, because pages are not always filled and a record that needs pages of its own wastes up to half of
 * the last. */
void store_note_usage(struct store *store)
{
    struct engine_usage usage = {0};
    store->ports.engine->ops->usage(store->ports.engine, &usage);
    uint64_t taken = usage.bytes_used + usage.bytes_reserved;
    uint64_t share = taken < usage.bytes_max ? (usage.bytes_max - taken) / 2 : 0;
    atomic_store(&store->map_share, usage.bytes_max == 0 ? UINT64_MAX : share); /* 0: not known */
    if (usage.nearly_full == atomic_load(&store->nearly_full))
        return;
    atomic_store(&store->nearly_full, usage.nearly_full);
    store_report(store, usage.nearly_full
                            ? "The map of the engine is full up to its reserve: sets are refused, deletes go on; raise "
                              "map-size or delete records."
                            : "The engine has room again: sets are accepted.");
}

static void note_success(struct store *store)
{
    struct checkpoint *checkpoint = &store->checkpoint;
    if (checkpoint->backoff_ms != 0)
        store_report(store, "Checkpoints succeed again.");
    checkpoint->backoff_ms = 0;
    checkpoint->retry_ns = 0;
    atomic_store(&store->engine_fails, false);
}

/* Ops that wait for a sync which has failed learn it when the checkpoint, their last hope, fails as well. */
static void fail_unsynced(struct store *store)
{
    const struct lock_ops *locks = store->ports.locks;
    for (unsigned i = 0; i < store->loop_count; i++) {
        struct log *log = &store->loops[i].log;
        locks->take(&log->lock);
        bool broken = log->broken;
        locks->give(&log->lock);
        if (broken)
            store_complete_synced(store, &store->loops[i], log->sealed_to, STORE_IO);
    }
}

static void note_failure(struct store *store, enum engine_status status)
{
    struct checkpoint *checkpoint = &store->checkpoint;
    if (checkpoint->backoff_ms == 0)
        store_report(store,
                     status == ENGINE_FULL
                         ? "A checkpoint failed because the map of the engine or the disk is full; the log keeps "
                           "everything and it will be retried; raise map-size or free space in the data directory."
                         : "A checkpoint failed because the engine could not write; the log keeps everything and "
                           "it will be retried; check the disk of the data directory.");
    checkpoint->backoff_ms = checkpoint->backoff_ms == 0 ? BACKOFF_MIN_MS : 2 * checkpoint->backoff_ms;
    if (checkpoint->backoff_ms > BACKOFF_MAX_MS)
        checkpoint->backoff_ms = BACKOFF_MAX_MS;
    counter_add_shared(&store->counters.checkpoint_failures, 1);
    atomic_store(&store->engine_fails, true);
    fail_unsynced(store);
}

enum engine_status checkpoint_write_batch(struct store *store, hybrid_time newest)
{
    struct checkpoint *checkpoint = &store->checkpoint;
    CHECK(checkpoint->running);
    size_t count = load_batch(store);
    bool last = checkpoint->next + count == checkpoint->count;
    correct_tree(store);
    change_tree(store, count, false);
    enum engine_status status = put_batch(store, count, last, newest);
    store_note_usage(store); /* before what was written is no longer dirty: it must count once at least */
    if (status != ENGINE_OK)
        change_tree(store, count, true);
    else if (store->tree != NULL)
        tree_settle(store->tree);
    if (status == ENGINE_OK) {
        checkpoint->erases_mark = false;
        atomic_store(&store->looks_stopped, false);
        settle_batch(store, count);
        note_success(store);
    } else {
        note_failure(store, status);
    }
    release_batch(checkpoint, count);
    if (status == ENGINE_OK && last)
        end_round(store);
    store_announce_space(store);
    return status;
}

enum engine_status checkpoint_all(struct store *store, bool moves_floor, hybrid_time newest)
{
    enum engine_status status = ENGINE_OK;
    if (!store->checkpoint.running)
        checkpoint_begin(store, moves_floor);
    while (store->checkpoint.running && status == ENGINE_OK)
        status = checkpoint_write_batch(store, newest);
    return status;
}

/* Rounds are numbered as they begin. The next one to begin collects all that has been updated by now. */
uint64_t store_mark(struct store *store)
{
    if (!store_is_durable(store))
        return UINT64_MAX;
    uint64_t begun = atomic_load(&store->rounds_begun);
    bool is_clean = atomic_load(&store->buffer.dirty_records) == 0;
    if (is_clean && atomic_load(&store->rounds_done) == begun)
        return begun;
    atomic_store(&store->checkpoint_wanted, true);
    store->ports.wake_storage(store->ports.host);
    return begun + 1;
}

bool store_is_checkpointed(struct store *store, uint64_t mark)
{
    return store_is_durable(store) && mark <= atomic_load(&store->rounds_done);
}

void checkpoint_close(struct store *store)
{
    free(store->checkpoint.refs);
    free(store->checkpoint.batch);
}
