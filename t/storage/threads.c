/* Real threads over one store: loops, storage and sync. Meant for ThreadSanitizer as well. */
#include "storage/check_tree.h"
#include "storage/fixture.h"
#include "storage/tree.h"

#include "base/check.h"
#include "version/record.h"

#include <pthread.h>
#include <sched.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>

enum { SHARED_KEYS = 50, ROUNDS = 4000 };

_Static_assert(sizeof(pthread_mutex_t) <= LOCK_SPACE, "a mutex must fit into a lock");

static pthread_mutex_t *mutex_of(struct lock *lock)
{
    return (pthread_mutex_t *)(void *)lock->space;
}
static void init_mutex(struct lock *lock)
{
    CHECK(pthread_mutex_init(mutex_of(lock), NULL) == 0);
}
static void take_mutex(struct lock *lock)
{
    CHECK(pthread_mutex_lock(mutex_of(lock)) == 0);
}
static void give_mutex(struct lock *lock)
{
    CHECK(pthread_mutex_unlock(mutex_of(lock)) == 0);
}
static void close_mutex(struct lock *lock)
{
    CHECK(pthread_mutex_destroy(mutex_of(lock)) == 0);
}
static const struct lock_ops MUTEXES = {init_mutex, take_mutex, give_mutex, close_mutex};

struct shared {
    struct fixture fixture;
    atomic_bool stop;
    atomic_uint failed;
};

struct worker {
    struct shared *shared;
    unsigned loop;
    unsigned last[SHARED_KEYS]; /* value of each of its own keys */
};

static void quiet_wake_loop(void *host, unsigned loop)
{
    (void)host;
    (void)loop;
}
static void quiet_wake(void *host)
{
    (void)host;
}

/* The loops spin on their completions: nobody needs to be woken. */
static void wait_for(struct worker *worker, struct store_op *op)
{
    struct store_loop *loop = store_loop_of(worker->shared->fixture.store, worker->loop);
    struct instant now = {.mono_ns = 5000000000, .wall_ms = 5};
    store_submit(loop, now, op);
    struct store_op *done;
    while ((done = store_next_done(loop, now)) == NULL)
        sched_yield();
    CHECK(done == op);
}

static void update_one(struct worker *worker, struct write *write, unsigned key, unsigned value)
{
    write->op.key = bytes_of(write->key, (size_t)snprintf(write->key, sizeof write->key, "%u-%u", worker->loop, key));
    write->op.hash = hash_of_key(write->op.key);
    write->op.partition = (uint16_t)worker->loop;
    write->op.durability = (enum durability)(value % 16 == 0 ? DURABILITY_SYNCED : value % 2);
    write->value_len = (size_t)snprintf((char *)write->value, 64, "%u", value) + 1;
    wait_for(worker, &write->op);
    if (write->op.status != STORE_OK)
        atomic_fetch_add(&worker->shared->failed, 1);
}

/* Reads its own write, or any value of another's key. */
static void read_one(struct worker *worker, unsigned owner, unsigned key)
{
    char name[32];
    struct store_op op = {.kind = STORE_READ, .partition = (uint16_t)owner};
    op.key = bytes_of(name, (size_t)snprintf(name, sizeof name, "%u-%u", owner, key));
    op.hash = hash_of_key(op.key);
    wait_for(worker, &op);
    struct version newest;
    uint32_t live;
    unsigned value = 0;
    if (op.status == STORE_OK) {
        CHECK(record_newest(blob_bytes(op.record), &newest, &live) == RECORD_OK && live == 1);
        CHECK(sscanf((const char *)newest.value.at, "%u", &value) == 1);
    }
    if (op.status != STORE_OK && op.status != STORE_ABSENT)
        atomic_fetch_add(&worker->shared->failed, 1);
    if (owner == worker->loop && value != worker->last[key])
        atomic_fetch_add(&worker->shared->failed, 1);
    blob_release(op.record);
}

static void *run_loop(void *context)
{
    struct worker *worker = context;
    struct prng prng;
    prng_init(&prng, worker->loop + 1);
    struct write *write = write_new(&worker->shared->fixture, "x", "x", DURABILITY_COMMITTED);
    for (unsigned i = 1; i <= ROUNDS; i++) {
        unsigned key = (unsigned)prng_below(&prng, SHARED_KEYS);
        update_one(worker, write, key, i);
        worker->last[key] = i;
        read_one(worker, worker->loop, (unsigned)prng_below(&prng, SHARED_KEYS));
        read_one(worker, (unsigned)prng_below(&prng, FIXTURE_LOOPS), (unsigned)prng_below(&prng, SHARED_KEYS));
    }
    free(write);
    return NULL;
}

static void *run_storage(void *context)
{
    struct shared *shared = context;
    struct instant now = {.mono_ns = 5000000000, .wall_ms = 5};
    struct store_stats stats;
    while (!atomic_load(&shared->stop)) {
        store_checkpoint_slice(shared->fixture.store, now, 1);
        store_stats(shared->fixture.store, &stats);
        now.mono_ns += 1000000;
        sched_yield();
    }
    return NULL;
}

static void *run_sync(void *context)
{
    struct shared *shared = context;
    while (!atomic_load(&shared->stop)) {
        store_sync(shared->fixture.store);
        for (uint16_t partition = 0; partition < 4; partition++)
            tree_root(store_tree(shared->fixture.store), 65536, partition);
        store_is_checkpointed(shared->fixture.store, store_mark(shared->fixture.store));
        sched_yield();
    }
    return NULL;
}

/* Gives the others time to overtake a read. */
static void dawdle(void *context)
{
    (void)context;
    for (unsigned i = 0; i < 3; i++)
        sched_yield();
}

static void every_loop_reads_its_own_writes(void **state)
{
    (void)state;
    struct shared *shared = calloc(1, sizeof *shared);
    struct worker workers[FIXTURE_LOOPS] = {0};
    pthread_t threads[FIXTURE_LOOPS + 2];
    CHECK_MEMORY(shared);
    fixture_init(&shared->fixture);
    shared->fixture.ports.locks = &MUTEXES;
    fake_engine_free(&shared->fixture.engine);
    fake_engine_init(&shared->fixture.engine, &MUTEXES);
    shared->fixture.ports.wake_loop = quiet_wake_loop;
    shared->fixture.ports.wake_storage = shared->fixture.ports.wake_sync = quiet_wake;
    shared->fixture.disk.sync_copies_not = true;
    shared->fixture.engine.after_read = dawdle;
    shared->fixture.limits.memory_bytes = 12 << 10; /* so little that entries come and go all the time */
    shared->fixture.limits.checkpoint_age_ms = 3;
    shared->fixture.limits.batch_records = 8;
    fixture_open(&shared->fixture);
    for (unsigned i = 0; i < FIXTURE_LOOPS; i++) {
        workers[i].shared = shared;
        workers[i].loop = i;
        pthread_create(&threads[i], NULL, run_loop, &workers[i]);
    }
    pthread_create(&threads[FIXTURE_LOOPS], NULL, run_storage, shared);
    pthread_create(&threads[FIXTURE_LOOPS + 1], NULL, run_sync, shared);
    for (unsigned i = 0; i < FIXTURE_LOOPS; i++)
        pthread_join(threads[i], NULL);
    atomic_store(&shared->stop, true);
    pthread_join(threads[FIXTURE_LOOPS], NULL);
    pthread_join(threads[FIXTURE_LOOPS + 1], NULL);
    assert_int_equal(atomic_load(&shared->failed), 0);
    struct store_stats stats;
    store_stats(shared->fixture.store, &stats);
    assert_true(stats.evictions > 0 && stats.checkpoints > 2 && stats.engine_reads > 0);
    check_tree(&shared->fixture, "after all threads", 0);
    fixture_checkpoint(&shared->fixture);
    check_tree(&shared->fixture, "after the last checkpoint", 0);
    fixture_close(&shared->fixture);
    free(shared);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_loop_reads_its_own_writes),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
