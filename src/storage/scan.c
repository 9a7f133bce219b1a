/* Visiting all records, a bounded number at a time. */
#include "storage/inside.h"

#include "base/check.h"
#include "base/wire.h"
#include "version/record.h"

#include <stdlib.h>

struct engine_scan {
    struct store *store;
    struct store_cursor *cursor;
    store_visit *visit;
    void *context;
    size_t visited;
};

/* The damaged record may be in memory, too, as it was. Then that takes its place with the next checkpoint. Who reads
 * through the store sees no damage until it has gone from there, and nobody else's copy is taken over meanwhile, since
 * it is the same; but scans and the hash tree go by the engine. */
static void write_again(struct store *store, uint16_t partition, struct bytes key)
{
    const struct place place = {.hash = store_hash_of_key(store, key), .partition = partition, .key = key};
    struct stripe *stripe = buffer_stripe(&store->buffer, place.hash);
    if (store->tree != NULL)
        tree_prepare(store->tree, place.hash);
    store->ports.locks->take(&stripe->lock);
    struct entry *entry = buffer_find(&store->buffer, stripe, &place);
    bool has_copy = entry != NULL && (entry->flags & ENTRY_DIRTY) == 0;
    if (has_copy) {
        unsigned flags = entry->flags | (unsigned)ENTRY_DIRTY;
        struct bytes record = blob_bytes(entry->record);
        (void)buffer_replace(&store->buffer, stripe, entry, entry->record, flags, entry->used_s);
        if (store->tree != NULL && key.len > 0) { /* as when a damaged record is replaced: the engine has nothing */
            entry->base = 0;
            tree_change(store->tree, place.hash, 0, tree_weight_of_record(place.hash, record));
            tree_suspect_leaf(store->tree, partition, place.hash);
        }
    }
    store->ports.locks->give(&stripe->lock);
    if (!has_copy)
        return;
    atomic_store(&store->checkpoint_wanted, true);
    store->ports.wake_storage(store->ports.host);
}

static bool visit_engine_record(void *context, struct bytes key, struct bytes record)
{
    struct engine_scan *scan = context;
    if (key.len < 2 || key.len > sizeof scan->cursor->key) {
        store_report_corrupt(scan->store, 0, bytes_of(NULL, 0)); /* a damaged length: nobody's key */
        return true;
    }
    memcpy(scan->cursor->key, key.at, key.len);
    scan->cursor->key_len = (uint16_t)key.len;
    struct wire_reader reader = wire_reader_of(key);
    uint16_t partition = wire_read_u16(&reader);
    struct bytes name = bytes_after(key, 2);
    bool is_good = record_verify(record) == RECORD_OK;
    if (!is_good)
        write_again(scan->store, partition, name);
    if (is_good || scan->cursor->shows_damaged) {
        scan->visit(scan->context, partition, name, record);
        scan->visited++;
    } else {
        store_report_corrupt(scan->store, partition, name);
    }
    return true;
}

static void start_over(struct store_cursor *cursor)
{
    *cursor = (struct store_cursor){.passes = cursor->passes + 1, .shows_damaged = cursor->shows_damaged};
}

static size_t scan_engine(struct engine_scan *scan, unsigned reader, size_t max)
{
    struct engine *engine = scan->store->ports.engine;
    struct store_cursor *cursor = scan->cursor;
    uint8_t after[sizeof cursor->key];
    size_t met = 0, len = cursor->key_len;
    memcpy(after, cursor->key, len);
    cursor->failed =
        engine->ops->scan(engine, reader, bytes_of(after, len), max, visit_engine_record, scan, &met) != ENGINE_OK;
    if (cursor->failed)
        counter_add_shared(&scan->store->counters.io_errors, 1);
    else if (met < max)
        start_over(cursor);
    return scan->visited;
}

/* Like visit_engine_record, up to the end of a partition. */
struct partition_scan {
    struct engine_scan scan; /* first */
    uint16_t partition;
    bool ended;
};

static bool visit_partition_record(void *context, struct bytes key, struct bytes record)
{
    struct partition_scan *scan = context;
    struct wire_reader reader = wire_reader_of(key);
    scan->ended = key.len >= 2 && wire_read_u16(&reader) != scan->partition;
    return !scan->ended && visit_engine_record(&scan->scan, key, record);
}

bool store_scan_partition(struct store *store, struct store_loop *loop, uint16_t partition, struct store_cursor *cursor,
                          size_t max, store_visit *visit, void *context)
{
    CHECK(max > 0 && store_is_durable(store));
    struct partition_scan scan = {.scan = {.store = store, .cursor = cursor, .visit = visit, .context = context},
                                  .partition = partition};
    struct engine *engine = store->ports.engine;
    uint8_t after[sizeof cursor->key];
    size_t met = 0, len = cursor->key_len;
    memcpy(after, cursor->key, len);
    if (len == 0)
        len = (size_t)(wire_write_u16(after, partition) - after); /* records without a key are the node's own */
    cursor->failed =
        engine->ops->scan(engine, loop->number, bytes_of(after, len), max, visit_partition_record, &scan, &met)
        != ENGINE_OK;
    if (cursor->failed)
        counter_add_shared(&store->counters.io_errors, 1);
    return cursor->failed || (!scan.ended && met == max);
}

/* A record of a volatile store, held while it is visited without the lock. */
struct held {
    struct blob *record;
    uint16_t partition;
    uint8_t key_len;
    uint8_t key[LOG_KEY_MAX];
};

/* Copies one bucket; `held` has room for it. */
static void hold_bucket(const struct entry *entry, struct held *held)
{
    for (size_t i = 0; entry != NULL; entry = entry->next, i++) {
        held[i].record = blob_retain(entry->record);
        held[i].partition = entry->partition;
        held[i].key_len = entry->key_len;
        memcpy(held[i].key, entry->key, entry->key_len);
    }
}

/* Buckets are ranges of positions, also after the table has grown: the cursor is where the next range begins. */
static size_t hold_next(struct store *store, struct store_cursor *cursor, struct held **held)
{
    struct stripe *stripe = &store->buffer.stripes[cursor->stripe];
    size_t count = 0;
    store->ports.locks->take(&stripe->lock);
    unsigned shift = 32 - stripe->bits;
    uint64_t bucket = cursor->position >> shift, end = (uint64_t)1 << stripe->bits;
    while (bucket < end && stripe->table[bucket] == NULL)
        bucket++;
    if (bucket < end) {
        for (const struct entry *entry = stripe->table[bucket]; entry != NULL; entry = entry->next)
            count++;
        *held = malloc(count * sizeof **held);
        CHECK_MEMORY(*held);
        hold_bucket(stripe->table[bucket++], *held);
    }
    store->ports.locks->give(&stripe->lock);
    cursor->position = bucket << shift;
    if (bucket == end) {
        cursor->position = 0;
        cursor->stripe++;
    }
    return count;
}

static size_t scan_buffer(struct store *store, struct store_cursor *cursor, size_t max, store_visit *visit,
                          void *context)
{
    size_t visited = 0;
    while (visited < max) {
        struct held *held = NULL;
        size_t count = hold_next(store, cursor, &held);
        for (size_t i = 0; i < count; i++) {
            visit(context, held[i].partition, bytes_of(held[i].key, held[i].key_len), blob_bytes(held[i].record));
            blob_release(held[i].record);
        }
        free(held);
        visited += count;
        if (cursor->stripe == store->limits.stripes) {
            start_over(cursor);
            break;
        }
    }
    return visited;
}

size_t store_scan(struct store *store, struct store_loop *loop, struct store_cursor *cursor, size_t max,
                  store_visit *visit, void *context)
{
    CHECK(max > 0);
    if (!store_is_durable(store))
        return scan_buffer(store, cursor, max, visit, context);
    struct engine_scan scan = {.store = store, .cursor = cursor, .visit = visit, .context = context};
    return scan_engine(&scan, loop->number, max);
}

/* A damaged record is there, too: a scan that shows such has shown it. */
static void visit_dirty(struct store *store, const struct entry *entry, store_visit_dirty *visit, void *context)
{
    uint8_t at[KEY_WITH_PARTITION];
    struct bytes key = bytes_of(entry->key, entry->key_len), full = store_engine_key(at, entry->partition, key);
    struct blob *in_engine = NULL;
    if (store->ports.engine->ops->read(store->ports.engine, ENGINE_READER_STORAGE, full, &in_engine) != ENGINE_OK)
        in_engine = NULL;
    visit(context, entry->partition, key, bytes_of_record(in_engine), bytes_of_record(entry->record));
    blob_release(in_engine);
}

void store_scan_dirty(struct store *store, store_visit_dirty *visit, void *context)
{
    for (uint32_t i = 0; store_is_durable(store) && i < store->limits.stripes; i++) {
        const struct stripe *stripe = &store->buffer.stripes[i];
        for (struct list *link = stripe->dirty.next; link != &stripe->dirty; link = link->next)
            visit_dirty(store, CONTAINER_OF(link, struct entry, order), visit, context);
    }
}
