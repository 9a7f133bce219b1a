#include "storage/fixture.h"

#include "base/arena.h"
#include "base/check.h"
#include "version/record.h"

#include <stdlib.h>

static void wake_loop(void *host, unsigned loop)
{
    ((struct fixture *)host)->wakes[loop]++;
}

static void wake_storage(void *host)
{
    ((struct fixture *)host)->storage_wakes++;
}

static void wake_sync(void *host)
{
    ((struct fixture *)host)->sync_wakes++;
}

static void report(void *host, const char *text)
{
    struct fixture *fixture = host;
    fixture->reports++;
    size_t len = strlen(text);
    CHECK(len > 20 && len < sizeof fixture->last_report);
    memcpy(fixture->last_report, text, len + 1);
}

void fixture_init(struct fixture *fixture)
{
    *fixture = (struct fixture){.limits = store_limits_default(), .now = {.mono_ns = 1000000000, .wall_ms = 1}};
    fake_disk_init(&fixture->disk);
    fake_engine_init(&fixture->engine, &lock_none);
    fixture->limits.memory_bytes = 1 << 20;
    fixture->limits.dirty_bytes = 512 << 10;
    fixture->limits.checkpoint_bytes = 256 << 10;
    fixture->limits.log_segment_bytes = 16 << 10;
    fixture->limits.log_bytes = 256 << 10;
    fixture->limits.batch_records = 64;
    fixture->limits.batch_bytes = 64 << 10;
    fixture->limits.stripes = 8;
    fixture->clock = hybrid_of_ms(1000);
    fixture->ports = (struct store_ports){.disk = &fixture->disk.disk,
                                          .engine = &fixture->engine.engine,
                                          .locks = &lock_none,
                                          .wake_loop = wake_loop,
                                          .wake_storage = wake_storage,
                                          .wake_sync = wake_sync,
                                          .report = report,
                                          .host = fixture};
}

void fixture_close(struct fixture *fixture)
{
    if (fixture->store != NULL)
        fixture_crash(fixture);
    fake_disk_close(&fixture->disk);
    fake_engine_free(&fixture->engine);
}

void fixture_open(struct fixture *fixture)
{
    enum store_open_status status =
        store_open(&fixture->store, &fixture->limits, &fixture->ports, FIXTURE_LOOPS, &fixture->found);
    if (status != STORE_OPEN_OK)
        fail_msg("store_open: %s", fixture->last_report);
}

void fixture_crash(struct fixture *fixture)
{
    store_abandon(fixture->store);
    fixture->store = NULL;
    fake_engine_crash(&fixture->engine);
}

void fixture_stop(struct fixture *fixture)
{
    store_close(fixture->store, fixture->clock);
    fixture->store = NULL;
}

static enum store_verdict encode_into(struct store_draft *draft, const struct object *object)
{
    uint8_t *at = store_draft_alloc(draft, record_size(object));
    CHECK_MEMORY(at);
    record_encode(object, at);
    return STORE_REPLACE;
}

/* What a coordinator does on one node: one more version that replaces what is there. */
static enum store_verdict apply_write(struct store_op *op, struct bytes current, struct store_draft *draft)
{
    struct write *write = (struct write *)(void *)op;
    write->applied++;
    if (write->kind == WRITE_KEEP)
        return STORE_KEEP;
    if (write->kind == WRITE_ERASE)
        return STORE_ERASE;
    struct arena arena;
    arena_init(&arena);
    struct object before = {0}, after;
    if (current.len != 0)
        CHECK(record_decode(current, &before, &arena) == RECORD_OK);
    bool birth_used;
    struct version fresh = {.kind = write->kind == WRITE_SET ? VERSION_VALUE : VERSION_TOMBSTONE};
    fresh.time = fresh.expiry_stamp = __atomic_add_fetch(&write->fixture->clock, 1, __ATOMIC_RELAXED);
    fresh.dot =
        object_next_dot(&before, 7, 1, __atomic_add_fetch(&write->fixture->births, 1, __ATOMIC_RELAXED), &birth_used);
    if (write->kind == WRITE_SET)
        fresh.value = bytes_of(write->value, write->value_len);
    object_put(&after, &before, NULL, &fresh, &arena);
    enum store_verdict verdict = encode_into(draft, &after);
    arena_close(&arena);
    return verdict;
}

struct write *write_new(struct fixture *fixture, const char *key, const char *value, enum durability durability)
{
    struct write *write = calloc(1, sizeof *write);
    CHECK_MEMORY(write);
    write->fixture = fixture;
    CHECK(strlen(key) < sizeof write->key);
    memcpy(write->key, key, strlen(key));
    write->kind = value == NULL ? WRITE_ERASE : WRITE_SET;
    write->value_len = value == NULL ? 0 : strlen(value);
    if (value != NULL)
        memcpy(write->value, value, write->value_len);
    write->op = (struct store_op){.kind = STORE_UPDATE,
                                  .durability = durability,
                                  .partition = (uint16_t)(strlen(key) % 3),
                                  .key = bytes_of_text(write->key),
                                  .apply = apply_write};
    write->op.hash = hash_of_key(write->op.key);
    return write;
}

void fixture_collect(struct fixture *fixture)
{
    for (unsigned i = 0; i < FIXTURE_LOOPS; i++) {
        struct store_op *op;
        while ((op = store_next_done(store_loop_of(fixture->store, i), fixture->now)) != NULL)
            if (op->kind == STORE_UPDATE)
                ((struct write *)(void *)op)->done = true;
    }
}

bool write_submit(struct write *write, unsigned loop)
{
    store_submit(store_loop_of(write->fixture->store, loop), write->fixture->now, &write->op);
    fixture_collect(write->fixture);
    return write->done;
}

static enum store_status run_write(struct fixture *fixture, const char *key, const char *value,
                                   enum durability durability)
{
    struct write *write = write_new(fixture, key, value, durability);
    if (!write_submit(write, 0)) {
        fixture_slices(fixture);
        store_sync(fixture->store);
        fixture_collect(fixture);
    }
    if (!write->done)
        fail_msg("the update of %s never ends: %s", key, fixture->last_report);
    enum store_status status = write->op.status;
    free(write);
    return status;
}

enum store_status fixture_set(struct fixture *fixture, const char *key, const char *value, enum durability durability)
{
    return run_write(fixture, key, value, durability);
}

enum store_status fixture_erase(struct fixture *fixture, const char *key)
{
    return run_write(fixture, key, NULL, DURABILITY_COMMITTED);
}

enum store_status fixture_get(struct fixture *fixture, const char *key, char *value)
{
    struct store_op op = {.kind = STORE_READ, .partition = (uint16_t)(strlen(key) % 3), .key = bytes_of_text(key)};
    op.hash = hash_of_key(op.key);
    struct store_loop *loop = store_loop_of(fixture->store, 1);
    store_submit(loop, fixture->now, &op);
    struct store_op *done = store_next_done(loop, fixture->now);
    CHECK(done == &op);
    if (op.status == STORE_OK && value != NULL) {
        struct version newest;
        uint32_t live;
        CHECK(record_newest(blob_bytes(op.record), &newest, &live) == RECORD_OK && live > 0);
        memcpy(value, newest.value.at, newest.value.len);
        value[newest.value.len] = '\0';
        if (newest.kind == VERSION_TOMBSTONE)
            memcpy(value, "(deleted)", 10);
    }
    blob_release(op.record);
    return op.status;
}

void fixture_expect(struct fixture *fixture, const char *key, const char *value)
{
    static _Thread_local char got[VALUE_MAX + 1];
    enum store_status status = fixture_get(fixture, key, got);
    assert_int_equal(status, value == NULL ? STORE_ABSENT : STORE_OK);
    if (value != NULL)
        assert_string_equal(got, value);
}

void fixture_slices(struct fixture *fixture)
{
    for (unsigned i = 0; i < 1000; i++) {
        uint32_t wait_ms = store_checkpoint_slice(fixture->store, fixture->now, fixture->clock);
        fixture_collect(fixture);
        if (wait_ms > 1)
            return;
    }
    fail_msg("the slices never come to rest");
}

void fixture_checkpoint(struct fixture *fixture)
{
    fixture->now.mono_ns += (uint64_t)fixture->limits.checkpoint_age_ms * 1000000;
    fixture_slices(fixture);
}
