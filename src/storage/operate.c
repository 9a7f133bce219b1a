/* What loops do: take an op, read or update one record, give the op back. */
#include "storage/inside.h"

#include "base/check.h"

/* The newest record of a key, as seen under its stripe's lock: in the buffer, or out of the engine, or neither. */
struct found {
    struct stripe *stripe;
    struct entry *entry;
    struct blob *fetched;
    bool is_corrupt; /* the engine's is, and counts as none */
};

uint8_t *store_draft_alloc(struct store_draft *draft, size_t len)
{
    CHECK(draft->record == NULL && len > 0);
    draft->record = len > LOG_OBJECT_MAX ? NULL : blob_new(len);
    return draft->record == NULL ? NULL : draft->record->at;
}

bool store_draft_take(struct store_draft *draft, struct blob *record)
{
    CHECK(draft->record == NULL && record->len > 0);
    if (record->len > LOG_OBJECT_MAX)
        return false;
    draft->record = blob_retain(record);
    return true;
}

static struct place place_of(const struct store_op *op)
{
    return (struct place){.hash = op->hash, .partition = op->partition, .key = op->key};
}

static void take(const struct store *store, struct stripe *stripe)
{
    store->ports.locks->take(&stripe->lock);
}

static void give(const struct store *store, struct stripe *stripe)
{
    store->ports.locks->give(&stripe->lock);
}

/* The engine is read without the lock. If the key is in the buffer afterwards, that is newer; if entries have left
 * the stripe meanwhile, the key's may have been among them, newer than what was read: read again. */
static enum store_status fetch(struct store_loop *loop, const struct store_op *op, const struct place *place,
                               struct found *found)
{
    struct store *store = loop->store;
    for (;;) {
        uint64_t removals = found->stripe->removals;
        give(store, found->stripe);
        counter_add(&loop->counters.engine_reads, 1);
        enum store_status status = store_read_engine(store, loop->number, op->partition, op->key, &found->fetched);
        take(store, found->stripe);
        found->entry = buffer_find(&store->buffer, found->stripe, place);
        if (found->entry == NULL && found->stripe->removals == removals)
            return status;
        blob_release(found->fetched);
        found->fetched = NULL;
        if (found->entry != NULL)
            return STORE_OK;
    }
}

/* Looks the key up. Afterwards the stripe's lock is held. */
static enum store_status find(struct store_loop *loop, const struct store_op *op, const struct place *place,
                              struct found *found)
{
    struct store *store = loop->store;
    found->stripe = buffer_stripe(&store->buffer, op->hash);
    take(store, found->stripe);
    found->entry = buffer_find(&store->buffer, found->stripe, place);
    if (found->entry != NULL) {
        counter_add(&loop->counters.hits, 1);
        return STORE_OK;
    }
    counter_add(&loop->counters.misses, 1);
    return store_is_durable(store) ? fetch(loop, op, place, found) : STORE_ABSENT;
}

/* Keeps what was read out of the engine for the next reader. Takes over found->fetched. */
static void keep_fetched(struct store *store, const struct place *place, struct found *found, unsigned flags,
                         uint32_t now_s)
{
    if (found->fetched == NULL)
        return;
    if (found->fetched->len <= store->record_clean_max)
        buffer_insert(&store->buffer, found->stripe, place, found->fetched, flags, now_s);
    else
        blob_release(found->fetched);
    found->fetched = NULL;
}

static void describe_use(struct store_op *op, const struct entry *entry, uint32_t now_s)
{
    op->fetched_before = entry != NULL && (entry->flags & ENTRY_FETCHED) != 0;
    op->idle_s = entry != NULL && now_s > entry->used_s ? now_s - entry->used_s : 0;
}

/* Writes to the entry only what changes, so that hot entries stay shared between the processors' caches. */
static void note_use(struct entry *entry, uint32_t now_s)
{
    const unsigned used = ENTRY_RECENT | ENTRY_FETCHED;
    if ((entry->flags & used) != used)
        entry->flags |= (uint8_t)used;
    if (entry->used_s != now_s)
        entry->used_s = now_s;
}

static void read_record(struct store_loop *loop, struct instant now, struct store_op *op)
{
    struct store *store = loop->store;
    struct place place = place_of(op);
    struct found found = {0};
    uint32_t now_s = seconds_of(now);
    op->status = find(loop, op, &place, &found);
    struct entry *entry = found.entry;
    describe_use(op, entry, now_s);
    bool inserted = false;
    if (entry != NULL && entry->record == NULL) {
        op->status = STORE_ABSENT;
    } else if (entry != NULL) {
        op->record = blob_retain(entry->record);
        if (!op->peek)
            note_use(entry, now_s);
    } else if (found.fetched != NULL && op->peek) {
        op->record = found.fetched;
    } else if (found.fetched != NULL) {
        op->record = blob_retain(found.fetched);
        keep_fetched(store, &place, &found, ENTRY_FETCHED, now_s);
        inserted = true;
    }
    give(store, found.stripe);
    if (op->status == STORE_FULL)
        op->status = STORE_IO; /* no memory for a copy */
    if (inserted)
        store_evict(store);
}

/* An update's way through: finished, or to be tried again when there is space. */
enum progress { FINISHED, MUST_WAIT };

static enum progress finish(struct store_op *op, enum store_status status)
{
    op->status = status;
    return FINISHED;
}

/* Would the map still have its reserve when this record and all that is dirty have been checkpointed? When it is only
 * the others that are in the way, their checkpoint shows how much room they really take. */
static enum progress admit_to_map(struct store *store, uint64_t size, uint64_t dirty, enum store_status *status)
{
    uint64_t share = atomic_load_explicit(&store->map_share, memory_order_relaxed);
    bool nearly_full = atomic_load_explicit(&store->nearly_full, memory_order_relaxed);
    if (!nearly_full && dirty <= share && size <= share - dirty)
        return FINISHED;
    if (nearly_full || size > share || dirty == 0 || atomic_load(&store->engine_fails)) {
        *status = STORE_FULL;
        return FINISHED;
    }
    atomic_store(&store->checkpoint_wanted, true);
    return MUST_WAIT;
}

/* What is acknowledged now would be missed by nobody if it got lost. */
static enum progress await_mark(struct store *store, enum store_status *status)
{
    if (!atomic_load(&store->engine_fails)) {
        atomic_store(&store->checkpoint_wanted, true);
        return MUST_WAIT;
    }
    *status = STORE_FULL;
    return FINISHED;
}

/* Is there room for what the update wants to leave in memory and engine? */
static enum progress admit_durable(struct store *store, const struct store_op *op, const struct blob *record,
                                   enum store_status *status)
{
    uint64_t dirty = atomic_load_explicit(&store->buffer.dirty_bytes, memory_order_relaxed);
    uint64_t size = record == NULL ? 0 : op->key.len + record->len;
    if (atomic_load_explicit(&store->looks_stopped, memory_order_relaxed))
        return await_mark(store, status);
    enum progress progress = op->uses_reserve ? FINISHED : admit_to_map(store, size, dirty, status);
    if (progress == MUST_WAIT || *status != STORE_OK)
        return progress;
    if (dirty < store->limits.dirty_bytes)
        return FINISHED;
    if (!atomic_load(&store->engine_fails))
        return MUST_WAIT;
    *status = STORE_FULL;
    return FINISHED;
}

static void admit_volatile(struct store *store, const struct store_op *op, const struct entry *entry,
                           const struct blob *record, enum store_status *status)
{
    if (record == NULL)
        return;
    uint64_t before = entry == NULL ? 0 : buffer_footprint(entry->key_len, entry->record);
    uint64_t after = buffer_footprint(op->key.len, record);
    uint64_t bytes = atomic_load_explicit(&store->buffer.bytes, memory_order_relaxed);
    bool grows_too_far = after > before && bytes + (after - before) > store->limits.memory_bytes;
    if (after > store->limits.memory_bytes || (grows_too_far && !store->limits.evict))
        *status = STORE_FULL;
}

/* Erasures are logged whatever the durability says: replay merges, and would bring back what is not known to have
 * been erased. */
static enum progress append_to_log(struct store_loop *loop, struct store_op *op, const struct blob *record,
                                   enum store_status *status)
{
    struct store *store = loop->store;
    if (log_is_in_doubt(&store->logs) && !log_settle_doubts(&store->logs, store->loop_logs, store->loop_count)) {
        *status = STORE_IO;
        return FINISHED;
    }
    if (op->durability == DURABILITY_BUFFERED && record != NULL)
        return FINISHED;
    struct log_record entry = {
        .partition = op->partition, .key = op->key, .record = record == NULL ? bytes_of(NULL, 0) : blob_bytes(record)};
    enum log_status appended = log_append(&store->logs, &loop->log, &entry, &op->log_position);
    if (loop->log.took_spare) {
        loop->log.took_spare = false;
        store->ports.wake_storage(store->ports.host);
    }
    if (appended == LOG_OK)
        return FINISHED;
    if (appended == LOG_WAIT && !atomic_load(&store->log_exhausted))
        return MUST_WAIT;
    *status = appended == LOG_IO ? STORE_IO : STORE_FULL;
    return FINISHED;
}

/* Space first, then the log, then the buffer: whatever fails has changed nothing. */
static enum progress reserve(struct store_loop *loop, struct store_op *op, const struct found *found,
                             const struct blob *record, enum store_status *status)
{
    *status = STORE_OK;
    if (!store_is_durable(loop->store)) {
        admit_volatile(loop->store, op, found->entry, record, status);
        return FINISHED;
    }
    enum progress progress = admit_durable(loop->store, op, record, status);
    if (progress == MUST_WAIT || *status != STORE_OK)
        return progress;
    return append_to_log(loop, op, record, status);
}

static struct bytes current_of(const struct found *found)
{
    return bytes_of_record(found->entry != NULL ? found->entry->record : found->fetched);
}

/* Returns the replaced record. */
static struct blob *install(struct store *store, const struct store_op *op, const struct place *place,
                            struct found *found, struct blob *record, struct instant now)
{
    uint64_t weight = store_note_change(store, place, current_of(found), bytes_of_record(record));
    bool was_dirty = found->entry != NULL && (found->entry->flags & ENTRY_DIRTY) != 0;
    bool durable = store_is_durable(store);
    unsigned kept = found->entry == NULL ? 0 : found->entry->flags & (ENTRY_RECENT | ENTRY_FETCHED);
    unsigned flags = (durable ? ENTRY_DIRTY : 0) | (op->keeps_use ? kept : kept & ENTRY_RECENT);
    if (op->is_use)
        flags |= ENTRY_RECENT | ENTRY_FETCHED;
    struct blob *old = NULL;
    if (found->entry != NULL && record == NULL && !durable)
        buffer_remove(&store->buffer, found->stripe, found->entry);
    else if (found->entry != NULL)
        old =
            buffer_replace(&store->buffer, found->stripe, found->entry, record, flags | ENTRY_RECENT, seconds_of(now));
    else
        found->entry = buffer_insert(&store->buffer, found->stripe, place, record, flags, seconds_of(now));
    if (!durable)
        return old;
    if (!was_dirty)
        found->entry->base = weight;
    if (found->is_corrupt && store->tree != NULL)
        tree_suspect_leaf(store->tree, place->partition, place->hash);
    store_note_dirty(store, now);
    return old;
}

/* Erasing nothing needs no record in the log. But an erasure that is still only in the buffer may not be synced: who
 * asks for a synced one waits for it as well. */
static bool is_gone_already(const struct store_op *op, const struct found *found)
{
    if (found->entry == NULL)
        return found->fetched == NULL && !found->is_corrupt;
    return found->entry->record == NULL && op->durability != DURABILITY_SYNCED;
}

/* Nothing changes. But who asks for synced is told so only when what is there has been synced, and that may be another
 * loop's update of a moment ago: appended once more, to this loop's log, it is in the same cut as the op. */
static enum progress keep_record(struct store_loop *loop, struct store_op *op, const struct found *found)
{
    enum store_status status = STORE_OK;
    if (op->durability == DURABILITY_SYNCED && op->unsaved && store_is_durable(loop->store)
        && append_to_log(loop, op, found->entry->record, &status) == MUST_WAIT)
        return MUST_WAIT;
    return finish(op, status == STORE_OK ? STORE_UNCHANGED : status);
}

/* Runs the op's function and carries out what it says. Under the stripe's lock. *old is what the caller releases
 * after giving the lock. */
static enum progress apply_update(struct store_loop *loop, struct instant now, struct store_op *op,
                                  const struct place *place, struct found *found, struct blob **old)
{
    struct bytes current = current_of(found);
    struct store_draft draft = {0};
    op->unsaved = found->entry != NULL && (found->entry->flags & ENTRY_DIRTY) != 0;
    enum store_verdict verdict = op->apply(op, current, &draft);
    *old = draft.record;
    if (verdict == STORE_KEEP)
        return keep_record(loop, op, found);
    if (verdict == STORE_ERASE && is_gone_already(op, found))
        return finish(op, STORE_OK);
    CHECK(verdict == STORE_ERASE || draft.record != NULL);
    struct blob *record = verdict == STORE_ERASE ? NULL : draft.record;
    enum store_status status;
    if (reserve(loop, op, found, record, &status) == MUST_WAIT)
        return MUST_WAIT;
    if (status == STORE_FULL)
        counter_add_shared(&loop->store->counters.full_errors, 1);
    if (status == STORE_IO)
        counter_add_shared(&loop->store->counters.io_errors, 1);
    if (status != STORE_OK)
        return finish(op, status);
    if (record == NULL) {
        counter_add(&loop->counters.reclaimed, 1);
        blob_release(draft.record);
    }
    *old = install(loop->store, op, place, found, record, now);
    blob_release(found->fetched);
    found->fetched = NULL;
    return finish(op, STORE_OK);
}

static enum progress update_record(struct store_loop *loop, struct instant now, struct store_op *op)
{
    struct store *store = loop->store;
    struct place place = place_of(op);
    struct found found = {0};
    struct blob *old = NULL;
    op->log_position = 0;
    if (store->tree != NULL)
        tree_prepare(store->tree, op->hash);
    enum store_status status = find(loop, op, &place, &found);
    found.is_corrupt = status == STORE_CORRUPT;
    if (found.is_corrupt && op->replaces_corrupt)
        status = STORE_ABSENT;
    describe_use(op, found.entry, seconds_of(now));
    enum progress progress = status == STORE_OK || status == STORE_ABSENT
                                 ? apply_update(loop, now, op, &place, &found, &old)
                                 : finish(op, status);
    keep_fetched(store, &place, &found, 0, seconds_of(now));
    give(store, found.stripe);
    blob_release(old);
    store_evict(store);
    return progress;
}

/* A finished update goes back at once, or when a sync or a checkpoint has passed it. */
static void complete_update(struct store_loop *loop, struct store_op *op)
{
    struct store *store = loop->store;
    bool good = op->status == STORE_OK || op->status == STORE_UNCHANGED;
    if (!good || op->durability != DURABILITY_SYNCED || op->log_position == 0) {
        queue_push(&loop->done, &op->link);
        return;
    }
    store->ports.locks->take(&loop->log.lock);
    bool durable = op->log_position <= loop->log.durable;
    if (!durable)
        queue_push(&loop->log.unsynced, &op->link);
    store->ports.locks->give(&loop->log.lock);
    if (durable)
        queue_push(&loop->done, &op->link);
    else
        store->ports.wake_sync(store->ports.host);
}

/* Tries the waiting updates in their order, as far as there is space. */
static void retry_waiting(struct store_loop *loop, struct instant now)
{
    struct store *store = loop->store;
    while (!queue_is_empty(&loop->waiting)) {
        uint64_t epoch = atomic_load(&store->space_epoch);
        struct store_op *op = CONTAINER_OF(loop->waiting.first, struct store_op, link);
        if (loop->seen_space == epoch)
            return;
        loop->seen_space = epoch;
        if (update_record(loop, now, op) == MUST_WAIT) {
            store->ports.wake_storage(store->ports.host);
            continue; /* the epoch may have moved meanwhile */
        }
        queue_pop(&loop->waiting);
        loop->seen_space = epoch - 1; /* the next one has not been tried */
        complete_update(loop, op);
    }
    atomic_store(&loop->is_waiting, false);
    if (store_is_durable(store))
        log_forget_special(&store->logs, &loop->log);
}

static void submit_update(struct store_loop *loop, struct instant now, struct store_op *op)
{
    struct store *store = loop->store;
    bool must_queue = !queue_is_empty(&loop->waiting);
    uint64_t epoch = atomic_load(&store->space_epoch);
    if (!must_queue && update_record(loop, now, op) == FINISHED) {
        complete_update(loop, op);
        return;
    }
    counter_add(&loop->counters.waited, 1);
    queue_push(&loop->waiting, &op->link);
    if (must_queue)
        return;
    /* Whoever makes space from now on sees that this loop waits; what was made before has moved the epoch. */
    loop->seen_space = epoch;
    atomic_store(&loop->is_waiting, true);
    store->ports.wake_storage(store->ports.host);
}

void store_submit(struct store_loop *loop, struct instant now, struct store_op *op)
{
    op->record = NULL;
    if (op->kind == STORE_UPDATE) {
        submit_update(loop, now, op);
        return;
    }
    read_record(loop, now, op);
    queue_push(&loop->done, &op->link);
}

static void collect_synced(struct store_loop *loop)
{
    if (!atomic_load_explicit(&loop->has_synced, memory_order_acquire))
        return;
    const struct lock_ops *locks = loop->store->ports.locks;
    locks->take(&loop->log.lock);
    queue_append(&loop->done, &loop->log.synced);
    atomic_store_explicit(&loop->has_synced, false, memory_order_relaxed);
    locks->give(&loop->log.lock);
}

struct store_op *store_next_done(struct store_loop *loop, struct instant now)
{
    if (queue_is_empty(&loop->done)) {
        collect_synced(loop);
        if (!queue_is_empty(&loop->waiting))
            retry_waiting(loop, now);
    }
    struct queue_node *node = queue_pop(&loop->done);
    return node == NULL ? NULL : CONTAINER_OF(node, struct store_op, link);
}
