#include "base/check.h"
#include "storage/lmdb/environment.h"
#include "storage/lmdb/readers.h"

#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

enum {
    SCAN_CLOCK_EVERY = 64,      /* records between looks at the clock */
    ENGINE_KEY_MAX = 511,       /* LMDB's own limit */
    DISK_SLACK_BYTES = 4 << 20, /* less than this free beyond what a batch needs: an I/O error means a full disk */
    DISK_GROWTH = 4             /* pages written per byte put, at worst, for small records in random order */
};

struct lmdb_engine {
    struct engine engine;
    struct environment environment; /* changed only while all readers are locked */
    struct readers readers;         /* one more than the caller's: the last is for read_meta */
    struct lmdb_options options;
    char *directory;
    MDB_txn *batch; /* of the storage thread */
    uint64_t batch_bytes;
    _Atomic uint64_t bytes_used, bytes_max, file_bytes, records; /* as of the last commit */
    _Atomic bool nearly_full;
};

static struct lmdb_engine *lmdb_of(struct engine *engine)
{
    return (struct lmdb_engine *)(void *)engine;
}

static void report(const struct lmdb_engine *lmdb, const char *what, int code)
{
    if (lmdb->options.report == NULL)
        return;
    char text[LMDB_ERROR_MAX];
    snprintf(text, sizeof(text), "LMDB could not %s in %.300s: %s", what, lmdb->directory, mdb_strerror(code));
    lmdb->options.report(lmdb->options.host, text);
}

static void usage_refresh(struct lmdb_engine *lmdb)
{
    struct engine_usage usage;
    environment_usage(&lmdb->environment, lmdb->options.reserve_bytes, &usage);
    if (usage.bytes_max == 0)
        return;
    atomic_store_explicit(&lmdb->bytes_used, usage.bytes_used, memory_order_relaxed);
    atomic_store_explicit(&lmdb->bytes_max, usage.bytes_max, memory_order_relaxed);
    atomic_store_explicit(&lmdb->file_bytes, usage.file_bytes, memory_order_relaxed);
    atomic_store_explicit(&lmdb->records, usage.records, memory_order_relaxed);
    atomic_store_explicit(&lmdb->nearly_full, usage.nearly_full, memory_order_relaxed);
}

/* Storage thread, no batch open. */
static void reopen(struct lmdb_engine *lmdb)
{
    char error[LMDB_ERROR_MAX];
    readers_lock_all(&lmdb->readers);
    environment_close(&lmdb->environment);
    enum lmdb_open_status status = environment_open(&lmdb->environment, &lmdb->options, error);
    readers_unlock_all(&lmdb->readers);
    if (lmdb->options.report == NULL)
        return;
    if (status == LMDB_OPEN_OK)
        snprintf(error, sizeof(error), "LMDB's environment in %.300s had failed and has been reopened",
                 lmdb->directory);
    lmdb->options.report(lmdb->options.host, error);
}

/* Reading. */

static enum engine_status get(struct lmdb_engine *lmdb, unsigned reader, bool meta, struct bytes key,
                              struct blob **record)
{
    *record = NULL;
    MDB_txn *txn = NULL;
    int code = readers_begin(&lmdb->readers, reader, &lmdb->environment.env, &txn);
    if (code != 0) {
        readers_end(&lmdb->readers, reader);
        report(lmdb, "begin a read", code);
        return ENGINE_IO;
    }
    MDB_val name = {.mv_size = key.len, .mv_data = (void *)(uintptr_t)key.at};
    MDB_val value;
    code = mdb_get(txn, meta ? lmdb->environment.meta : lmdb->environment.data, &name, &value);
    if (code == 0 && !environment_contains(&lmdb->environment, &value))
        code = MDB_CORRUPTED;
    enum engine_status status = ENGINE_OK;
    if (code == 0) {
        *record = value.mv_size <= BLOB_LEN_MAX ? blob_new(value.mv_size) : NULL;
        if (*record != NULL && value.mv_size != 0)
            memcpy((*record)->at, value.mv_data, value.mv_size);
        status = *record != NULL ? ENGINE_OK : ENGINE_MEMORY;
    } else {
        status = code == MDB_NOTFOUND ? ENGINE_ABSENT : ENGINE_IO;
    }
    readers_end(&lmdb->readers, reader);
    if (status == ENGINE_IO)
        report(lmdb, "read a record", code);
    return status;
}

/* The last one reads for the storage thread, and the meta table. */
static unsigned number_of(const struct lmdb_engine *lmdb, unsigned reader)
{
    CHECK(reader < lmdb->options.readers || reader == ENGINE_READER_STORAGE);
    return reader == ENGINE_READER_STORAGE ? lmdb->options.readers : reader;
}

static enum engine_status lmdb_read(struct engine *engine, unsigned reader, struct bytes key, struct blob **record)
{
    struct lmdb_engine *lmdb = lmdb_of(engine);
    return get(lmdb, number_of(lmdb, reader), false, key, record);
}

static enum engine_status lmdb_read_meta(struct engine *engine, const char *name, struct blob **value)
{
    struct lmdb_engine *lmdb = lmdb_of(engine);
    return get(lmdb, lmdb->options.readers, true, bytes_of_text(name), value);
}

/* Scanning. */

struct scan {
    engine_visit *visit;
    void *context;
    size_t left, visited;
    uint8_t last[ENGINE_KEY_MAX]; /* where to go on in the next snapshot */
    size_t last_len;
    bool stopped;
};

static uint64_t monotonic_ms(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (uint64_t)now.tv_sec * 1000 + (uint64_t)now.tv_nsec / 1000000;
}

/* The first record after scan->last. */
static int scan_seek(struct scan *scan, MDB_cursor *cursor, MDB_val *key, MDB_val *value)
{
    if (scan->last_len == 0)
        return mdb_cursor_get(cursor, key, value, MDB_FIRST);
    *key = (MDB_val){.mv_size = scan->last_len, .mv_data = scan->last};
    int code = mdb_cursor_get(cursor, key, value, MDB_SET_RANGE);
    if (code == 0 && key->mv_size == scan->last_len && memcmp(key->mv_data, scan->last, scan->last_len) == 0)
        code = mdb_cursor_get(cursor, key, value, MDB_NEXT);
    return code;
}

/* A value whose length is damaged is shown as an empty one, which is no record. */
static struct bytes value_within(const struct environment *environment, const MDB_val *value)
{
    return environment_contains(environment, value) ? bytes_of(value->mv_data, value->mv_size) : bytes_of(NULL, 0);
}

/* Visits records out of one snapshot until its time is over. MDB_NOTFOUND at the end of the table. */
static int scan_snapshot(struct scan *scan, const struct environment *environment, MDB_cursor *cursor)
{
    uint64_t until = monotonic_ms() + LMDB_SNAPSHOT_MS_MAX;
    MDB_val key, value;
    int code = scan_seek(scan, cursor, &key, &value);
    for (unsigned i = 1; code == 0; i++) {
        if (key.mv_size > ENGINE_KEY_MAX || !environment_contains(environment, &key))
            return MDB_CORRUPTED;
        scan->last_len = key.mv_size;
        memcpy(scan->last, key.mv_data, key.mv_size);
        scan->visited++;
        scan->left--;
        scan->stopped =
            !scan->visit(scan->context, bytes_of(key.mv_data, key.mv_size), value_within(environment, &value));
        if (scan->stopped || scan->left == 0 || (i % SCAN_CLOCK_EVERY == 0 && monotonic_ms() >= until))
            break;
        code = mdb_cursor_get(cursor, &key, &value, MDB_NEXT);
    }
    return code;
}

static enum engine_status lmdb_scan(struct engine *engine, unsigned reader, struct bytes after, size_t max,
                                    engine_visit *visit, void *context, size_t *visited)
{
    struct lmdb_engine *lmdb = lmdb_of(engine);
    CHECK(after.len <= ENGINE_KEY_MAX);
    reader = number_of(lmdb, reader);
    struct scan scan = {.visit = visit, .context = context, .left = max, .last_len = after.len};
    if (after.len != 0)
        memcpy(scan.last, after.at, after.len);
    int code = 0;
    while (code == 0 && scan.left > 0 && !scan.stopped) {
        MDB_txn *txn = NULL;
        MDB_cursor *cursor = NULL;
        code = readers_begin(&lmdb->readers, reader, &lmdb->environment.env, &txn);
        if (code == 0)
            code = mdb_cursor_open(txn, lmdb->environment.data, &cursor);
        if (code == 0)
            code = scan_snapshot(&scan, &lmdb->environment, cursor);
        if (cursor != NULL)
            mdb_cursor_close(cursor);
        readers_end(&lmdb->readers, reader);
    }
    *visited = scan.visited;
    if (code == 0 || code == MDB_NOTFOUND)
        return ENGINE_OK;
    report(lmdb, "scan", code);
    return ENGINE_IO;
}

/* Batches. */

static void lmdb_abort(struct engine *engine)
{
    struct lmdb_engine *lmdb = lmdb_of(engine);
    if (lmdb->batch != NULL)
        mdb_txn_abort(lmdb->batch);
    lmdb->batch = NULL;
}

static enum engine_status batch_failed(struct lmdb_engine *lmdb, const char *what, int code)
{
    lmdb_abort(&lmdb->engine);
    enum engine_status status =
        environment_status(&lmdb->environment, code, DISK_SLACK_BYTES + DISK_GROWTH * lmdb->batch_bytes);
    report(lmdb, what, code);
    if (environment_is_panicked(&lmdb->environment))
        reopen(lmdb);
    return status;
}

static enum engine_status lmdb_begin(struct engine *engine)
{
    struct lmdb_engine *lmdb = lmdb_of(engine);
    CHECK(lmdb->batch == NULL);
    lmdb->batch_bytes = 0;
    if (lmdb->environment.env == NULL)
        reopen(lmdb);
    if (lmdb->environment.env == NULL)
        return ENGINE_IO;
    int code = mdb_txn_begin(lmdb->environment.env, NULL, 0, &lmdb->batch);
    if (code == 0)
        return ENGINE_OK;
    lmdb->batch = NULL;
    return batch_failed(lmdb, "begin a batch", code);
}

static enum engine_status put(struct lmdb_engine *lmdb, MDB_dbi table, struct bytes key, struct bytes data)
{
    CHECK(lmdb->batch != NULL && key.len > 0 && key.len <= ENGINE_KEY_MAX);
    lmdb->batch_bytes += key.len + data.len;
    MDB_val name = {.mv_size = key.len, .mv_data = (void *)(uintptr_t)key.at};
    MDB_val value = {.mv_size = data.len, .mv_data = (void *)(uintptr_t)data.at};
    int code = mdb_put(lmdb->batch, table, &name, &value, 0);
    return code == 0 ? ENGINE_OK : batch_failed(lmdb, "write a record", code);
}

static enum engine_status lmdb_put(struct engine *engine, struct bytes key, struct bytes record)
{
    struct lmdb_engine *lmdb = lmdb_of(engine);
    return put(lmdb, lmdb->environment.data, key, record);
}

static enum engine_status lmdb_put_meta(struct engine *engine, const char *name, struct bytes value)
{
    struct lmdb_engine *lmdb = lmdb_of(engine);
    return put(lmdb, lmdb->environment.meta, bytes_of_text(name), value);
}

static enum engine_status lmdb_erase(struct engine *engine, struct bytes key)
{
    struct lmdb_engine *lmdb = lmdb_of(engine);
    CHECK(lmdb->batch != NULL && key.len > 0 && key.len <= ENGINE_KEY_MAX);
    MDB_val name = {.mv_size = key.len, .mv_data = (void *)(uintptr_t)key.at};
    int code = mdb_del(lmdb->batch, lmdb->environment.data, &name, NULL);
    return code == 0 || code == MDB_NOTFOUND ? ENGINE_OK : batch_failed(lmdb, "erase a record", code);
}

static enum engine_status lmdb_commit(struct engine *engine)
{
    struct lmdb_engine *lmdb = lmdb_of(engine);
    CHECK(lmdb->batch != NULL);
    int code = mdb_txn_commit(lmdb->batch);
    lmdb->batch = NULL; /* gone whatever commit says */
    if (code != 0)
        return batch_failed(lmdb, "commit a batch", code);
    usage_refresh(lmdb);
    return ENGINE_OK;
}

static void lmdb_usage(struct engine *engine, struct engine_usage *out)
{
    struct lmdb_engine *lmdb = lmdb_of(engine);
    out->bytes_used = atomic_load_explicit(&lmdb->bytes_used, memory_order_relaxed);
    out->bytes_max = atomic_load_explicit(&lmdb->bytes_max, memory_order_relaxed);
    out->bytes_reserved = lmdb->options.reserve_bytes;
    out->file_bytes = atomic_load_explicit(&lmdb->file_bytes, memory_order_relaxed);
    out->records = atomic_load_explicit(&lmdb->records, memory_order_relaxed);
    out->nearly_full = atomic_load_explicit(&lmdb->nearly_full, memory_order_relaxed);
}

static void lmdb_close(struct engine *engine)
{
    struct lmdb_engine *lmdb = lmdb_of(engine);
    lmdb_abort(engine);
    readers_close(&lmdb->readers);
    environment_close(&lmdb->environment);
    free(lmdb->directory);
    free(lmdb);
}

static const struct engine_ops LMDB_OPS = {
    .read = lmdb_read,
    .begin = lmdb_begin,
    .put = lmdb_put,
    .erase = lmdb_erase,
    .put_meta = lmdb_put_meta,
    .commit = lmdb_commit,
    .abort = lmdb_abort,
    .read_meta = lmdb_read_meta,
    .scan = lmdb_scan,
    .usage = lmdb_usage,
    .close = lmdb_close,
};

enum lmdb_open_status lmdb_engine_open(struct engine **engine, const struct lmdb_options *options, char *error)
{
    *engine = NULL;
    struct lmdb_engine *lmdb = calloc(1, sizeof(*lmdb));
    CHECK_MEMORY(lmdb);
    lmdb->engine.ops = &LMDB_OPS;
    lmdb->options = *options;
    lmdb->directory = strdup(options->directory);
    CHECK_MEMORY(lmdb->directory);
    lmdb->options.directory = lmdb->directory;
    readers_init(&lmdb->readers, options->readers + 1);
    enum lmdb_open_status status = environment_open(&lmdb->environment, &lmdb->options, error);
    if (status != LMDB_OPEN_OK) {
        lmdb_close(&lmdb->engine);
        return status;
    }
    usage_refresh(lmdb);
    *engine = &lmdb->engine;
    return LMDB_OPEN_OK;
}
