/* An engine in memory: a sorted table, batches that happen wholly or not at all, and faults on demand. It
 * outlives the store, as files would. */
#ifndef SIMULATOR_FAKE_ENGINE_H
#define SIMULATOR_FAKE_ENGINE_H

#include "storage/engine.h"
#include "storage/lock.h"

struct fake_row {
    struct blob *key, *record; /* in a batch: record NULL erases */
};

struct fake_table {
    struct fake_row *rows;
    size_t count, capacity;
};

struct fake_engine {
    struct engine engine; /* first */
    const struct lock_ops *locks;
    struct lock lock; /* of the tables, for tests with threads */
    struct fake_table records, meta;
    struct fake_table batch, batch_meta; /* not yet committed, in the order of the calls */
    bool in_batch;
    uint64_t bytes_max; /* of the map; a batch that needs more is ENGINE_FULL */
    uint64_t disk_max;  /* the same of the disk below it: usage does not tell */
    enum engine_status commit_fails, read_fails, put_fails, meta_fails; /* ENGINE_OK: it works */
    unsigned fail_after; /* so many commits succeed before commit_fails counts */
    bool nearly_full;
    uint64_t bytes_reserved;
    /* What happens between the snapshot of a read and its return, and before a commit. NULL: nothing. */
    void (*after_read)(void *context);
    void (*before_commit)(void *context);
    void (*committed)(void *context); /* a batch that has just been committed; it is still there */
    void *context;
    unsigned commits, reads;
    size_t batch_max; /* the largest batch so far */
};

/* An empty engine; `locks`: lock_none where there is one thread. */
void fake_engine_init(struct fake_engine *engine, const struct lock_ops *locks);
/* Frees everything that is kept. */
void fake_engine_free(struct fake_engine *engine);
/* A copy of what has been committed, without limits, faults or calls; `copy` is not initialised. */
void fake_engine_copy(struct fake_engine *copy, const struct fake_engine *engine);
/* The process that used it is gone: a batch under way never happened. */
void fake_engine_crash(struct fake_engine *engine);

/* Draws a record: its row, and its key (with the partition before it) in *key, which the caller releases; *key NULL:
 * there is none. */
struct prng;
size_t fake_engine_draw(const struct fake_engine *engine, struct prng *prng, struct blob **key);
/* A bit of the record in this row turns over. */
void fake_engine_flip(struct fake_engine *engine, size_t row, struct prng *prng);
/* The record of a client's key, or NULL. The engine's. */
struct blob *fake_engine_record(struct fake_engine *engine, uint16_t partition, const char *key);
/* Puts a meta value, as if an earlier process had. */
void fake_engine_set_meta(struct fake_engine *engine, const char *name, struct bytes value);

#endif
