/* What a store under test keeps its data in: nothing (volatile), or the simulator's disk and engine, which outlive the
 * store as the real ones outlive a process. */
#ifndef T_NODE_BACKING_H
#define T_NODE_BACKING_H

#include "base/list.h"
#include "base/seeded.h"
#include "simulator/fake_disk.h"
#include "simulator/fake_engine.h"
#include "storage/store.h"

#include <stdlib.h>
#include <string.h>

enum backing_kind { BACKING_VOLATILE, BACKING_DURABLE };

struct backing {
    enum backing_kind kind;
    struct fake_disk disk;
    struct fake_engine engine;
};

static inline void backing_init(struct backing *backing, enum backing_kind kind)
{
    backing->kind = kind;
    fake_disk_init(&backing->disk);
    backing->disk.sync_copies_not = true; /* no test here loses power */
    fake_engine_init(&backing->engine, &lock_none);
}

static inline void backing_close(struct backing *backing)
{
    fake_disk_close(&backing->disk);
    fake_engine_free(&backing->engine);
}

static inline void backing_wake_loop(void *host, unsigned loop)
{
    (void)host, (void)loop;
}

static inline void backing_wake(void *host)
{
    (void)host;
}

static inline void backing_report(void *host, const char *text)
{
    (void)host;
    print_message("store: %s\n", text);
}

static inline struct store *backing_open_store(struct backing *backing, struct store_recovery *found)
{
    bool durable = backing->kind == BACKING_DURABLE;
    struct store_limits limits = store_limits_default();
    limits.memory_bytes = 16 << 20;
    limits.stripes = 4;
    limits.checkpoint_age_ms = 0; /* a checkpoint may begin whenever the test asks for a slice */
    limits.log_segment_bytes = 1 << 20;
    limits.log_bytes = 8 << 20;
    const struct store_ports ports = {.disk = durable ? &backing->disk.disk : NULL,
                                      .engine = durable ? &backing->engine.engine : NULL,
                                      .locks = &lock_none,
                                      .wake_loop = backing_wake_loop,
                                      .wake_storage = backing_wake,
                                      .wake_sync = backing_wake,
                                      .report = backing_report};
    struct store *store = NULL;
    assert_int_equal(store_open(&store, &limits, &ports, 2, found), STORE_OPEN_OK);
    return store;
}

/* Runs the tests over a volatile and over a durable store; `kind` tells them which. Ends main. */
#define return_run_over_each_store(kind, tests)                                                                        \
    do {                                                                                                               \
        (kind) = BACKING_VOLATILE;                                                                                     \
        int failed = cmocka_run_group_tests_name("volatile store", tests, NULL, NULL);                                 \
        (kind) = BACKING_DURABLE;                                                                                      \
        return failed + cmocka_run_group_tests_name("durable store", tests, NULL, NULL);                               \
    } while (0)

#endif
