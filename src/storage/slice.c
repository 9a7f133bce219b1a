/* One slice of the storage thread's work: keep spare segments ready, begin or go on with a checkpoint. */
#include "storage/inside.h"

enum { IDLE_MS_MAX = 1000, PAUSE_MS = 1 };

static bool anyone_waits(struct store *store)
{
    for (unsigned i = 0; i < store->loop_count; i++)
        if (atomic_load(&store->loops[i].is_waiting))
            return true;
    return false;
}

static void note_creation(struct store *store, struct instant now, bool refused)
{
    struct checkpoint *checkpoint = &store->checkpoint;
    if (!refused) {
        if (checkpoint->create_backoff_ms != 0)
            store_report(store, "Segments of the log can be created again.");
        checkpoint->create_backoff_ms = 0;
        return;
    }
    if (checkpoint->create_backoff_ms == 0)
        store_report(store, "A segment of the log could not be created because the disk is full or fails; updates are "
                            "refused when the log has no room left; free space in the data directory.");
    checkpoint->create_backoff_ms =
        checkpoint->create_backoff_ms == 0 ? BACKOFF_MIN_MS : 2 * checkpoint->create_backoff_ms;
    if (checkpoint->create_backoff_ms > BACKOFF_MAX_MS)
        checkpoint->create_backoff_ms = BACKOFF_MAX_MS;
    checkpoint->create_retry_ns = now.mono_ns + checkpoint->create_backoff_ms * (uint64_t)1000000;
}

/* What keeping segments ready has come to. */
struct supply {
    bool more;    /* something was added, look again */
    bool blocked; /* something is missing that a checkpoint may free */
};

static void supply_specials(struct store *store, struct supply *supply)
{
    for (unsigned i = 0; i < store->loop_count; i++) {
        enum log_supply got = log_supply_special(&store->logs, store->loop_logs[i], atomic_load(&store->engine_fails));
        supply->more |= got == SUPPLY_ADDED || got == SUPPLY_REFUSED;
        supply->blocked |= got == SUPPLY_LIMIT;
    }
}

/* As many spares as logs are active: all are sealed at the same moment. */
static struct supply supply_segments(struct store *store, struct instant now)
{
    struct checkpoint *checkpoint = &store->checkpoint;
    struct supply supply = {0};
    unsigned active = log_count_active(&store->logs, store->loop_logs, store->loop_count);
    bool paused = checkpoint->create_backoff_ms != 0 && now.mono_ns < checkpoint->create_retry_ns;
    if (!paused) {
        bool only_when_needed = store_is_of_hints(store) && !anyone_waits(store);
        enum log_supply got = log_supply_spare(&store->logs, active != 0 ? active : only_when_needed ? 0 : 1);
        if (got == SUPPLY_ADDED || got == SUPPLY_REFUSED)
            note_creation(store, now, got == SUPPLY_REFUSED);
        supply.more = got == SUPPLY_ADDED;
        supply.blocked = got == SUPPLY_LIMIT || got == SUPPLY_REFUSED;
    } else {
        supply.blocked = true;
    }
    supply_specials(store, &supply);
    if (supply.more)
        store_announce_space(store);
    return supply;
}

/* Says whether waiting for a segment is in vain: none is ready, none can be made, and either no checkpoint would free
 * one or checkpoints fail. */
static void judge_exhaustion(struct store *store, bool blocked)
{
    bool exhausted =
        blocked && !log_has_spare(&store->logs)
        && (atomic_load(&store->engine_fails) || log_used(&store->logs, store->loop_logs, store->loop_count) == 0);
    if (exhausted == atomic_load(&store->log_exhausted))
        return;
    atomic_store(&store->log_exhausted, exhausted);
    store_announce_space(store);
}

static uint64_t age_ms(struct store *store, struct instant now)
{
    uint64_t since = atomic_load(&store->dirty_since_ns);
    return since == 0 || now.mono_ns < since ? 0 : (now.mono_ns - since) / 1000000;
}

/* The round in which this failed has ended long ago, perhaps, and there may be nothing else to be written. */
static bool tree_is_due(const struct store *store)
{
    return store->tree != NULL && store->checkpoint.correct_backoff_ms != 0 && tree_has_suspects(store->tree)
           && store->checkpoint.now_ns >= store->checkpoint.correct_retry_ns;
}

static bool round_is_due(struct store *store, struct instant now, bool blocked)
{
    if (atomic_load(&store->checkpoint_wanted) || tree_is_due(store)
        || atomic_load(&store->buffer.dirty_bytes) >= store->limits.checkpoint_bytes)
        return true;
    if (atomic_load(&store->dirty_since_ns) != 0 && age_ms(store, now) >= store->limits.checkpoint_age_ms)
        return true;
    uint64_t used = log_used(&store->logs, store->loop_logs, store->loop_count);
    return used > store->logs.bytes_max / 2 || (blocked && used != 0 && anyone_waits(store));
}

static uint32_t ms_until(struct instant now, uint64_t then_ns)
{
    return then_ns <= now.mono_ns ? 0 : (uint32_t)((then_ns - now.mono_ns) / 1000000 + 1);
}

/* A round that is under way, or due. Returns the milliseconds until the next slice. */
static uint32_t advance(struct store *store, struct instant now, hybrid_time newest, bool blocked)
{
    struct checkpoint *checkpoint = &store->checkpoint;
    if (!checkpoint->running) {
        if (!round_is_due(store, now, blocked)) {
            uint64_t age = age_ms(store, now);
            uint32_t left = (uint32_t)(store->limits.checkpoint_age_ms - age);
            return atomic_load(&store->dirty_since_ns) == 0 || left > IDLE_MS_MAX ? IDLE_MS_MAX : left;
        }
        checkpoint_begin(store, true);
    } else if (checkpoint->backoff_ms != 0 && now.mono_ns < checkpoint->retry_ns) {
        return ms_until(now, checkpoint->retry_ns);
    }
    if (checkpoint_write_batch(store, newest) != ENGINE_OK) {
        checkpoint->retry_ns = now.mono_ns + checkpoint->backoff_ms * (uint64_t)1000000;
        return checkpoint->backoff_ms;
    }
    if (!checkpoint->running)
        return 0; /* whether the next one is due shows the next slice */
    /* A pause lets the loops have the disk and the processor, unless they wait for us. */
    return anyone_waits(store) ? 0 : PAUSE_MS;
}

uint32_t store_checkpoint_slice(struct store *store, struct instant now, hybrid_time newest)
{
    if (!store_is_durable(store))
        return IDLE_MS_MAX;
    store->checkpoint.now_ns = now.mono_ns;
    struct supply supply = supply_segments(store, now);
    uint32_t wait_ms = advance(store, now, newest, supply.blocked);
    if (!store->checkpoint.running) /* what the sync thread had in hand when the round ended */
        log_release(&store->logs, store->checkpoint.floor_done, store_spares_max(store));
    judge_exhaustion(store, supply.blocked);
    if (supply.more)
        return 0;
    /* When that moment has passed and nothing is missing, there is nothing to hurry for. */
    if (store->checkpoint.create_backoff_ms != 0 && now.mono_ns < store->checkpoint.create_retry_ns) {
        uint32_t retry_ms = ms_until(now, store->checkpoint.create_retry_ns);
        return retry_ms < wait_ms ? retry_ms : wait_ms;
    }
    return wait_ms;
}
