/* The threads behind the store: one writes checkpoints and sweeps (with a node of its own, at lower priority), one
 * makes the log durable. */
#ifndef SERVER_KEEPER_H
#define SERVER_KEEPER_H

#include "node/node.h"
#include "server/logger.h"
#include "storage/store.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>

enum {
    KEEPER_NICE = 10,
    SWEEP_SLICE_RECORDS = 256,
    SWEEP_PASS_S = 600,    /* a pass over all records takes about this long, within the next two */
    SWEEP_RATE_MIN = 1000, /* records a second */
    SWEEP_RATE_MAX = 50000,
    SWEEP_PAUSE_MS_MIN = 500, /* between passes, a quarter of the grace */
    SWEEP_PAUSE_MS_MAX = 10000,
    KEEPER_SETTLE_ROUNDS = 1000 /* of waiting for the sweep's updates at the end, a millisecond each */
};

/* A thread's bell: rung from any thread, also when nobody waits yet. */
struct bell {
    pthread_mutex_t lock;
    pthread_cond_t condition;
    _Atomic bool rung;
};

struct keeper {
    struct store *store, *hints; /* hints NULL: there are none */
    struct node_shared *shared;
    struct node node; /* the background loop's */
    struct logger *log;
    uint64_t grace_ms;
    bool is_volatile; /* neither checkpoints nor sync */
    struct bell storage_bell, sync_bell;
    _Atomic bool stopping;
    pthread_t storage_thread, sync_thread;
    bool storage_runs, sync_runs;
    /* The sweep's pace. */
    uint64_t sweep_at_ms, passes;
};

/* The bells work from here on, so that the store may ring them while it opens. */
void keeper_init(struct keeper *keeper, struct logger *log);
struct keeper_parts {
    struct store *store, *hints; /* hints and hint_loop NULL: there are none */
    struct node_shared *shared;
    struct store_loop *loop, *hint_loop; /* the background loop's sides */
    bool is_volatile;
    uint64_t grace_ms;
};
/* false after an error that has been logged. */
bool keeper_start(struct keeper *keeper, const struct keeper_parts *parts);
/* Waits for both threads; the workers have ended. */
void keeper_stop(struct keeper *keeper);
void keeper_close(struct keeper *keeper);

/* Any thread. */
void keeper_wake_storage(struct keeper *keeper);
void keeper_wake_sync(struct keeper *keeper);

#endif
