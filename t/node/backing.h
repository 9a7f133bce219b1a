/* What a store under test keeps its data in: nothing (volatile), or a disk and an engine in memory that outlive the
 * store as the real ones outlive a process. */
#ifndef T_NODE_BACKING_H
#define T_NODE_BACKING_H

#include "base/list.h"
#include "base/seeded.h"
#include "storage/store.h"

#include <stdlib.h>
#include <string.h>

enum backing_kind { BACKING_VOLATILE, BACKING_DURABLE };

enum { BACKING_FILES = 64, BACKING_RECORDS = 4096 };

struct backing_file {
    struct disk_file file;
    char name[DISK_NAME_MAX + 1]; /* empty: free */
};

struct backing_record {
    bool is_meta;
    struct blob *key, *value;
};

struct backing {
    enum backing_kind kind;
    struct disk disk;
    struct engine engine;
    struct backing_file files[BACKING_FILES];
    struct backing_record records[BACKING_RECORDS],
        batch[BACKING_RECORDS]; /* records: sorted; batch: value NULL erases */
    size_t record_count, batch_count;
};

static inline struct backing *backing_of_disk(struct disk *disk)
{
    return CONTAINER_OF(disk, struct backing, disk);
}

static inline struct backing *backing_of_engine(struct engine *engine)
{
    return CONTAINER_OF(engine, struct backing, engine);
}

static inline struct backing_file *backing_find_file(struct backing *backing, const char *name)
{
    for (unsigned i = 0; i < BACKING_FILES; i++) {
        if (strcmp(backing->files[i].name, name) == 0)
            return &backing->files[i];
    }
    return NULL;
}

static inline enum disk_status backing_create(struct disk *disk, const char *name, uint64_t size,
                                              struct disk_file **file)
{
    struct backing_file *found = backing_find_file(backing_of_disk(disk), "");
    if (found == NULL || strlen(name) > DISK_NAME_MAX)
        return DISK_FULL;
    strcpy(found->name, name);
    found->file = (struct disk_file){.map = calloc(1, size), .size = size};
    *file = &found->file;
    return DISK_OK;
}

static inline enum disk_status backing_open_file(struct disk *disk, const char *name, struct disk_file **file)
{
    struct backing_file *found = backing_find_file(backing_of_disk(disk), name);
    if (found == NULL)
        return DISK_IO;
    *file = &found->file;
    return DISK_OK;
}

static inline enum disk_status backing_write(struct disk *disk, struct disk_file *file, uint64_t offset,
                                             struct bytes data)
{
    (void)disk;
    memcpy(file->map + offset, data.at, data.len);
    return DISK_OK;
}

static inline enum disk_status backing_read(struct disk *disk, struct disk_file *file, uint64_t offset, uint8_t *at,
                                            size_t len)
{
    (void)disk;
    memcpy(at, file->map + offset, len);
    return DISK_OK;
}

static inline enum disk_status backing_sync(struct disk *disk, struct disk_file *file)
{
    (void)disk, (void)file;
    return DISK_OK;
}

static inline void backing_close_file(struct disk *disk, struct disk_file *file)
{
    (void)disk, (void)file;
}

static inline enum disk_status backing_remove(struct disk *disk, const char *name)
{
    struct backing_file *found = backing_find_file(backing_of_disk(disk), name);
    if (found == NULL)
        return DISK_IO;
    free(found->file.map);
    *found = (struct backing_file){0};
    return DISK_OK;
}

static inline enum disk_status backing_list(struct disk *disk, disk_visit *visit, void *context)
{
    struct backing *backing = backing_of_disk(disk);
    for (unsigned i = 0; i < BACKING_FILES; i++) {
        if (backing->files[i].name[0] != 0)
            visit(context, backing->files[i].name, backing->files[i].file.size);
    }
    return DISK_OK;
}

static inline struct blob *backing_copy(struct bytes data)
{
    struct blob *blob = blob_new(data.len);
    if (data.len != 0)
        memcpy(blob->at, data.at, data.len);
    return blob;
}

static inline int backing_order(const struct backing_record *record, bool is_meta, struct bytes key)
{
    return record->is_meta != is_meta ? (int)record->is_meta - (int)is_meta
                                      : bytes_compare(blob_bytes(record->key), key);
}

/* The first record not before the key. */
static inline size_t backing_lower_bound(const struct backing *backing, bool is_meta, struct bytes key)
{
    size_t at = 0;
    while (at < backing->record_count && backing_order(&backing->records[at], is_meta, key) < 0)
        at++;
    return at;
}

static inline enum engine_status backing_get(struct backing *backing, bool is_meta, struct bytes key,
                                             struct blob **value)
{
    size_t at = backing_lower_bound(backing, is_meta, key);
    if (at == backing->record_count || backing_order(&backing->records[at], is_meta, key) != 0)
        return ENGINE_ABSENT;
    *value = blob_retain(backing->records[at].value);
    return ENGINE_OK;
}

static inline enum engine_status backing_engine_read(struct engine *engine, unsigned reader, struct bytes key,
                                                     struct blob **record)
{
    (void)reader;
    return backing_get(backing_of_engine(engine), false, key, record);
}

static inline enum engine_status backing_engine_read_meta(struct engine *engine, const char *name, struct blob **value)
{
    return backing_get(backing_of_engine(engine), true, bytes_of_text(name), value);
}

static inline enum engine_status backing_begin(struct engine *engine)
{
    assert_int_equal(backing_of_engine(engine)->batch_count, 0);
    return ENGINE_OK;
}

static inline enum engine_status backing_add(struct engine *engine, bool is_meta, struct bytes key, struct blob *value)
{
    struct backing *backing = backing_of_engine(engine);
    assert_true(backing->batch_count < BACKING_RECORDS);
    backing->batch[backing->batch_count++] =
        (struct backing_record){.is_meta = is_meta, .key = backing_copy(key), .value = value};
    return ENGINE_OK;
}

static inline enum engine_status backing_put(struct engine *engine, struct bytes key, struct bytes record)
{
    return backing_add(engine, false, key, backing_copy(record));
}

static inline enum engine_status backing_erase(struct engine *engine, struct bytes key)
{
    return backing_add(engine, false, key, NULL);
}

static inline enum engine_status backing_put_meta(struct engine *engine, const char *name, struct bytes value)
{
    return backing_add(engine, true, bytes_of_text(name), backing_copy(value));
}

static inline void backing_drop(struct backing_record *record)
{
    blob_release(record->key);
    blob_release(record->value);
}

static inline void backing_apply(struct backing *backing, struct backing_record *change)
{
    size_t at = backing_lower_bound(backing, change->is_meta, blob_bytes(change->key));
    struct backing_record *place = &backing->records[at];
    bool exists = at < backing->record_count && backing_order(place, change->is_meta, blob_bytes(change->key)) == 0;
    size_t behind = (backing->record_count - at) * sizeof *place;
    if (exists)
        backing_drop(place);
    if (exists && change->value == NULL) {
        memmove(place, place + 1, behind - sizeof *place);
        backing->record_count--;
    } else if (!exists && change->value != NULL) {
        assert_true(backing->record_count < BACKING_RECORDS);
        memmove(place + 1, place, behind);
        backing->record_count++;
    }
    if (change->value == NULL)
        backing_drop(change);
    else
        *place = *change;
}

static inline enum engine_status backing_commit(struct engine *engine)
{
    struct backing *backing = backing_of_engine(engine);
    for (size_t i = 0; i < backing->batch_count; i++)
        backing_apply(backing, &backing->batch[i]);
    backing->batch_count = 0;
    return ENGINE_OK;
}

static inline void backing_abort(struct engine *engine)
{
    struct backing *backing = backing_of_engine(engine);
    while (backing->batch_count > 0)
        backing_drop(&backing->batch[--backing->batch_count]);
}

static inline enum engine_status backing_scan(struct engine *engine, unsigned reader, struct bytes after, size_t max,
                                              engine_visit *visit, void *context, size_t *visited)
{
    struct backing *backing = backing_of_engine(engine);
    (void)reader;
    *visited = 0;
    for (size_t i = 0; i < backing->record_count && *visited < max; i++) {
        const struct backing_record *record = &backing->records[i];
        if (record->is_meta || (after.len != 0 && bytes_compare(blob_bytes(record->key), after) <= 0))
            continue;
        ++*visited;
        if (!visit(context, blob_bytes(record->key), blob_bytes(record->value)))
            break;
    }
    return ENGINE_OK;
}

static inline void backing_usage(struct engine *engine, struct engine_usage *out)
{
    struct backing *backing = backing_of_engine(engine);
    *out = (struct engine_usage){.bytes_max = (uint64_t)1 << 40};
    for (size_t i = 0; i < backing->record_count; i++)
        out->records += !backing->records[i].is_meta;
}

static inline void backing_engine_close(struct engine *engine)
{
    (void)engine;
}

static inline void backing_init(struct backing *backing, enum backing_kind kind)
{
    static const struct engine_ops ops = {
        .read = backing_engine_read,
        .begin = backing_begin,
        .put = backing_put,
        .erase = backing_erase,
        .put_meta = backing_put_meta,
        .commit = backing_commit,
        .abort = backing_abort,
        .read_meta = backing_engine_read_meta,
        .scan = backing_scan,
        .usage = backing_usage,
        .close = backing_engine_close,
    };
    *backing = (struct backing){
        .kind = kind,
        .disk = {backing_create, backing_open_file, backing_write, backing_read, backing_sync, backing_close_file,
                 backing_remove, backing_list},
        .engine = {.ops = &ops},
    };
}

static inline void backing_close(struct backing *backing)
{
    for (unsigned i = 0; i < BACKING_FILES; i++)
        free(backing->files[i].file.map);
    backing_abort(&backing->engine);
    while (backing->record_count > 0)
        backing_drop(&backing->records[--backing->record_count]);
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
    const struct store_ports ports = {.disk = durable ? &backing->disk : NULL,
                                      .engine = durable ? &backing->engine : NULL,
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
