#include "server/keeper.h"

#include "base/check.h"
#include "server/clock.h"

#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

enum { BELL_PATIENCE_MS = 3600000 /* a bell is never missed; this only bounds the wait */ };

static void bell_init(struct bell *bell)
{
    pthread_condattr_t attributes;
    CHECK(pthread_condattr_init(&attributes) == 0);
    CHECK(pthread_condattr_setclock(&attributes, CLOCK_MONOTONIC) == 0);
    CHECK(pthread_cond_init(&bell->condition, &attributes) == 0);
    CHECK(pthread_mutex_init(&bell->lock, NULL) == 0);
    pthread_condattr_destroy(&attributes);
}

static void bell_close(struct bell *bell)
{
    pthread_cond_destroy(&bell->condition);
    pthread_mutex_destroy(&bell->lock);
}

static void bell_ring(struct bell *bell)
{
    if (atomic_exchange(&bell->rung, true))
        return;
    pthread_mutex_lock(&bell->lock);
    pthread_cond_signal(&bell->condition);
    pthread_mutex_unlock(&bell->lock);
}

/* Until it is rung, at most `ms`; false: it has not been rung. */
static bool bell_wait(struct bell *bell, uint64_t ms)
{
    struct timespec until;
    clock_gettime(CLOCK_MONOTONIC, &until);
    until.tv_sec += (time_t)(ms / 1000);
    until.tv_nsec += (long)(ms % 1000) * 1000000;
    if (until.tv_nsec >= 1000000000) {
        until.tv_nsec -= 1000000000;
        until.tv_sec++;
    }
    pthread_mutex_lock(&bell->lock);
    while (!atomic_load(&bell->rung) && pthread_cond_timedwait(&bell->condition, &bell->lock, &until) == 0)
        continue;
    pthread_mutex_unlock(&bell->lock);
    return atomic_exchange(&bell->rung, false);
}

static hybrid_time newest(struct keeper *keeper)
{
    return atomic_load_explicit(&node_clock(keeper->shared)->last, memory_order_relaxed);
}

/* How many records there are decides how fast the sweep goes. */
static uint64_t sweep_interval_ms(struct keeper *keeper)
{
    struct store_stats stats;
    store_stats(keeper->store, &stats);
    uint64_t rate = (stats.has_engine ? stats.engine.records : stats.records_buffered) / SWEEP_PASS_S;
    rate = rate < SWEEP_RATE_MIN ? SWEEP_RATE_MIN : rate > SWEEP_RATE_MAX ? SWEEP_RATE_MAX : rate;
    return SWEEP_SLICE_RECORDS * 1000 / rate;
}

static uint64_t sweep_pause_ms(const struct keeper *keeper)
{
    uint64_t pause = keeper->grace_ms / 4;
    return pause < SWEEP_PAUSE_MS_MIN ? SWEEP_PAUSE_MS_MIN : pause > SWEEP_PAUSE_MS_MAX ? SWEEP_PAUSE_MS_MAX : pause;
}

/* Returns the milliseconds until the next slice. */
static uint64_t sweep(struct keeper *keeper, struct instant now)
{
    uint64_t now_ms = now.mono_ns / 1000000;
    if (now_ms < keeper->sweep_at_ms)
        return keeper->sweep_at_ms - now_ms;
    struct node_sweep_result result = node_sweep(&keeper->node, now, SWEEP_SLICE_RECORDS);
    uint64_t wait = sweep_interval_ms(keeper);
    if (result.changed > result.seen / 4)
        wait = 1; /* much is dead here: go on, there is space to win */
    if (result.pass_ended)
        wait = sweep_pause_ms(keeper);
    keeper->sweep_at_ms = now_ms + wait;
    return wait;
}

/* A slice for each store. Returns the milliseconds until one of them wants the next. */
static uint64_t checkpoint(struct keeper *keeper, struct instant now)
{
    if (keeper->is_volatile)
        return BELL_PATIENCE_MS;
    uint64_t wait = store_checkpoint_slice(keeper->store, now, newest(keeper));
    uint64_t hints_wait =
        keeper->hints != NULL ? store_checkpoint_slice(keeper->hints, now, newest(keeper)) : BELL_PATIENCE_MS;
    return wait < hints_wait ? wait : hints_wait;
}

/* Updates of the sweep that wait for space need a checkpoint before they end. A disk that stays full must not keep the
 * process from stopping. */
static void finish_sweep(struct keeper *keeper)
{
    for (unsigned i = 0; i < KEEPER_SETTLE_ROUNDS && node_sweep_pending(&keeper->node) > 0; i++) {
        struct instant now = clock_now();
        checkpoint(keeper, now);
        node_settle(&keeper->node, now);
        nanosleep(&(struct timespec){.tv_nsec = 1000000}, NULL);
    }
}

static void *run_storage(void *context)
{
    struct keeper *keeper = context;
    /* Of this thread alone, as Linux has it: checkpoints give way to requests. */
    setpriority(PRIO_PROCESS, (id_t)gettid(), KEEPER_NICE);
    while (!atomic_load(&keeper->stopping)) {
        struct instant now = clock_now();
        uint64_t wait = checkpoint(keeper, now);
        node_keep_standing(keeper->shared);
        node_settle(&keeper->node, now);
        uint64_t sweep_wait = sweep(keeper, now);
        wait = wait < sweep_wait ? wait : sweep_wait;
        if (wait > 0)
            bell_wait(&keeper->storage_bell, wait);
    }
    finish_sweep(keeper);
    return NULL;
}

static void *run_sync(void *context)
{
    struct keeper *keeper = context;
    while (!atomic_load(&keeper->stopping)) {
        if (!bell_wait(&keeper->sync_bell, BELL_PATIENCE_MS) || atomic_load(&keeper->stopping))
            continue;
        store_sync(keeper->store);
        if (keeper->hints != NULL)
            store_sync(keeper->hints);
    }
    return NULL;
}

void keeper_init(struct keeper *keeper, struct logger *log)
{
    *keeper = (struct keeper){.log = log};
    bell_init(&keeper->storage_bell);
    bell_init(&keeper->sync_bell);
}

static bool start(struct keeper *keeper, pthread_t *thread, void *(*run)(void *), const char *name)
{
    int code = pthread_create(thread, NULL, run, keeper);
    if (code != 0)
        logger_line(keeper->log, LEVEL_ERROR, "start", "cannot start a thread: %s", strerror(code));
    else
        pthread_setname_np(*thread, name);
    return code == 0;
}

bool keeper_start(struct keeper *keeper, const struct keeper_parts *parts)
{
    bool is_volatile = parts->is_volatile;
    keeper->store = parts->store;
    keeper->hints = parts->hints;
    keeper->shared = parts->shared;
    keeper->is_volatile = is_volatile;
    keeper->grace_ms = parts->grace_ms;
    node_init(&keeper->node, parts->shared, parts->loop, parts->hint_loop);
    keeper->storage_runs = start(keeper, &keeper->storage_thread, run_storage, "storage");
    if (keeper->storage_runs && !is_volatile)
        keeper->sync_runs = start(keeper, &keeper->sync_thread, run_sync, "sync");
    return keeper->storage_runs && (is_volatile || keeper->sync_runs);
}

void keeper_stop(struct keeper *keeper)
{
    atomic_store(&keeper->stopping, true);
    keeper_wake_storage(keeper);
    keeper_wake_sync(keeper);
    if (keeper->storage_runs)
        pthread_join(keeper->storage_thread, NULL);
    if (keeper->sync_runs)
        pthread_join(keeper->sync_thread, NULL);
    keeper->storage_runs = keeper->sync_runs = false;
}

void keeper_close(struct keeper *keeper)
{
    keeper_stop(keeper);
    /* What still waited for space when finish_sweep gave up was never carried out; the process ends anyway. */
    if (keeper->store != NULL && node_sweep_pending(&keeper->node) == 0)
        node_close(&keeper->node);
    bell_close(&keeper->storage_bell);
    bell_close(&keeper->sync_bell);
    *keeper = (struct keeper){0};
}

void keeper_wake_storage(struct keeper *keeper)
{
    bell_ring(&keeper->storage_bell);
}

void keeper_wake_sync(struct keeper *keeper)
{
    bell_ring(&keeper->sync_bell);
}
