/* The sync thread's work: group commit. */
#include "storage/inside.h"

#include "base/check.h"

#include <stdlib.h>

/* A segment with unsynced records, and how far it went when it was looked at. */
struct pinned {
    struct segment *segment;
    uint64_t used;
};

struct sync_round {
    struct pinned *pinned;
    size_t count, capacity;
    uint64_t *targets; /* of each log: its position at the cut */
    bool *failed;      /* of each log: a segment could not be synced */
};

/* With the set's lock. */
static void pin(struct sync_round *round, struct segment *segment)
{
    if (segment->broken) {
        if (segment->owner != SEGMENT_OWNER_NONE)
            round->failed[segment->owner] = true;
        return;
    }
    if (segment->synced >= segment->used)
        return;
    if (round->count == round->capacity) {
        round->capacity = round->capacity == 0 ? 16 : 2 * round->capacity;
        round->pinned = realloc(round->pinned, round->capacity * sizeof *round->pinned);
        CHECK_MEMORY(round->pinned);
    }
    segment->pins++;
    round->pinned[round->count++] = (struct pinned){.segment = segment, .used = segment->used};
}

/* Looks at all logs at one moment: what an update was built on is in the same cut as the update. */
static void cut(struct store *store, struct sync_round *round)
{
    const struct lock_ops *locks = store->ports.locks;
    struct log_set *set = &store->logs;
    for (unsigned i = 0; i < store->loop_count; i++)
        locks->take(&store->loop_logs[i]->lock);
    locks->take(&set->lock);
    for (unsigned i = 0; i < store->loop_count; i++) {
        struct log *log = store->loop_logs[i];
        round->targets[i] = log->position;
        if (log->active != NULL)
            pin(round, log->active);
    }
    for (struct list *link = set->sealed.next; link != &set->sealed; link = link->next)
        pin(round, CONTAINER_OF(link, struct segment, link));
    locks->give(&set->lock);
    for (unsigned i = store->loop_count; i-- > 0;)
        locks->give(&store->loop_logs[i]->lock);
}

static void sync_segment(struct store *store, struct sync_round *round, const struct pinned *pinned)
{
    const struct lock_ops *locks = store->ports.locks;
    struct segment *segment = pinned->segment;
    enum disk_status status = store->ports.disk->sync(store->ports.disk, segment->file);
    counter_add_shared(&store->counters.log_syncs, 1);
    locks->take(&store->logs.lock);
    segment->pins--;
    if (status == DISK_OK)
        segment->synced = pinned->used;
    else
        segment->broken = true;
    if (status != DISK_OK && segment->owner != SEGMENT_OWNER_NONE)
        round->failed[segment->owner] = true;
    locks->give(&store->logs.lock);
    if (status == DISK_OK)
        return;
    /* What the kernel could not write it may have forgotten: syncing again would prove nothing. The records are in
     * memory, so a checkpoint makes them durable. */
    counter_add_shared(&store->counters.io_errors, 1);
    store_report(store,
                 "A segment of the log could not be synced; its records go to the engine at once; check the disk "
                 "of the data directory.");
}

void store_complete_synced(struct store *store, struct store_loop *loop, uint64_t durable, enum store_status status)
{
    struct log *log = &loop->log;
    bool any = false;
    store->ports.locks->take(&log->lock);
    if (status == STORE_OK && durable > log->durable)
        log->durable = durable;
    while (!queue_is_empty(&log->unsynced)) {
        struct store_op *op = CONTAINER_OF(log->unsynced.first, struct store_op, link);
        if (op->log_position > durable)
            break;
        queue_pop(&log->unsynced);
        if (status != STORE_OK)
            op->status = status;
        queue_push(&log->synced, &op->link);
        any = true;
    }
    if (any)
        atomic_store_explicit(&loop->has_synced, true, memory_order_release);
    store->ports.locks->give(&log->lock);
    if (any)
        store->ports.wake_loop(store->ports.host, loop->number);
}

static void mark_broken(struct store *store, struct log *log, bool broken)
{
    store->ports.locks->take(&log->lock);
    log->broken = broken;
    store->ports.locks->give(&log->lock);
}

void store_sync(struct store *store)
{
    if (!store_is_durable(store))
        return;
    struct sync_round round = {.targets = calloc(store->loop_count, sizeof *round.targets),
                               .failed = calloc(store->loop_count, sizeof *round.failed)};
    CHECK_MEMORY(round.targets);
    CHECK_MEMORY(round.failed);
    cut(store, &round);
    for (size_t i = 0; i < round.count; i++)
        sync_segment(store, &round, &round.pinned[i]);
    bool any_failed = false;
    for (unsigned i = 0; i < store->loop_count; i++) {
        mark_broken(store, store->loop_logs[i], round.failed[i]);
        if (!round.failed[i])
            store_complete_synced(store, &store->loops[i], round.targets[i], STORE_OK);
        any_failed |= round.failed[i];
    }
    if (any_failed) {
        atomic_store(&store->checkpoint_wanted, true);
        store->ports.wake_storage(store->ports.host);
    }
    free(round.pinned);
    free(round.targets);
    free(round.failed);
}
