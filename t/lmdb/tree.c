/* A store over LMDB: its hash tree is stored in the transactions of the records, survives a killed process, and a
 * directory of before the tree gets one. */
#define _GNU_SOURCE
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/check.h"
#include "base/hash.h"
#include "simulator/fake_disk.h"
#include "storage/deaf.h"
#include "storage/lmdb/lmdb_engine.h"
#include "storage/store.h"
#include "storage/tree_inside.h"
#include "version/record.h"

#include <lmdb.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { KEYS = 3000, PARTITIONS = 16 };

struct fixture {
    char directory[64], error[LMDB_ERROR_MAX];
    struct lmdb_options options;
    struct fake_disk disk;
    struct engine *engine;
    struct store *store;
    struct store_recovery found;
    struct instant now;
    hybrid_time clock;
    uint64_t births;
    unsigned reports;
};

static void report(void *host, const char *text)
{
    struct fixture *f = host;
    f->reports += text[0] != '\0';
}

static void open_store(struct fixture *f)
{
    assert_int_equal(lmdb_engine_open(&f->engine, &f->options, f->error), LMDB_OPEN_OK);
    struct store_limits limits = store_limits_default();
    limits.log_segment_bytes = 1 << 20;
    limits.log_bytes = 32 << 20;
    limits.batch_records = 256;
    struct store_ports ports = {.disk = &f->disk.disk,
                                .engine = f->engine,
                                .locks = &lock_none,
                                .wake_loop = deaf_wake_loop,
                                .wake_storage = deaf_wake,
                                .wake_sync = deaf_wake,
                                .report = report,
                                .host = f};
    assert_int_equal(store_open(&f->store, &limits, &ports, 1, &f->found), STORE_OPEN_OK);
}

static void stop_store(struct fixture *f, bool clean)
{
    if (clean)
        store_close(f->store, f->clock);
    else
        store_abandon(f->store);
    f->engine->ops->close(f->engine);
    f->store = NULL;
}

static int setup(void **state)
{
    struct fixture *f = calloc(1, sizeof(*f));
    CHECK_MEMORY(f);
    strcpy(f->directory, "/tmp/ringcached-lmdb-XXXXXX");
    assert_non_null(mkdtemp(f->directory));
    f->options = (struct lmdb_options){.directory = f->directory, .map_bytes = 64 << 20, .readers = 1};
    f->now = (struct instant){.mono_ns = 1000000000, .wall_ms = 1};
    f->clock = hybrid_of_ms(1000);
    fake_disk_init(&f->disk);
    *state = f;
    return 0;
}

static int teardown(void **state)
{
    struct fixture *f = *state;
    char command[128];
    if (f->store != NULL)
        stop_store(f, false);
    fake_disk_close(&f->disk);
    snprintf(command, sizeof(command), "rm -rf '%s'", f->directory);
    int code = system(command);
    free(f);
    return code;
}

struct write {
    struct store_op op; /* first */
    struct fixture *fixture;
    bool erases;
};

static enum store_verdict apply(struct store_op *op, struct bytes current, struct store_draft *draft)
{
    struct write *write = (struct write *)(void *)op;
    struct fixture *f = write->fixture;
    if (write->erases)
        return STORE_ERASE;
    struct arena arena;
    arena_init(&arena);
    struct object before = {0}, after;
    CHECK(current.len == 0 || record_decode(current, &before, &arena) == RECORD_OK);
    bool birth_used;
    struct version fresh = {.kind = VERSION_VALUE, .time = ++f->clock, .value = bytes_of_text("some value")};
    fresh.expiry_stamp = fresh.time;
    fresh.dot = object_next_dot(&before, 7, 1, ++f->births, &birth_used);
    object_put(&after, &before, NULL, &fresh, &arena);
    uint8_t *at = store_draft_alloc(draft, record_size(&after));
    CHECK_MEMORY(at);
    record_encode(&after, at);
    arena_close(&arena);
    return STORE_REPLACE;
}

static void update(struct fixture *f, unsigned key, bool erases)
{
    char name[32];
    snprintf(name, sizeof name, "lmdb-tree-key-%u", key);
    struct write write = {
        .op = {.kind = STORE_UPDATE, .durability = DURABILITY_COMMITTED, .key = bytes_of_text(name), .apply = apply},
        .fixture = f,
        .erases = erases};
    write.op.hash = hash_of_key(write.op.key);
    write.op.partition = (uint16_t)(write.op.hash % PARTITIONS);
    struct store_loop *loop = store_loop_of(f->store, 0);
    store_submit(loop, f->now, &write.op);
    assert_ptr_equal(store_next_done(loop, f->now), &write.op);
    assert_int_equal(write.op.status, STORE_OK);
}

static void checkpoint(struct fixture *f, unsigned slices)
{
    f->now.mono_ns += (uint64_t)10000 * 1000000;
    for (unsigned i = 0; i < slices && store_checkpoint_slice(f->store, f->now, f->clock) <= 1; i++) {
    }
}

/* All that is dirty is in the engine: newest, stored and rebuilt leaves are the same. */
static void check_tree(struct fixture *f)
{
    struct tree *tree = store_tree(f->store), *stored = tree_new(), *built = tree_new();
    uint64_t records = 0;
    checkpoint(f, 100000);
    assert_int_equal(tree_load(stored, f->engine), TREE_LOADED);
    assert_true(tree_build(built, f->engine, NULL, NULL, &records));
    assert_true(records > 0);
    for (uint32_t place = 0; place < TREE_LEAVES; place++) {
        assert_int_equal(tree->leaves[place], built->leaves[place]);
        assert_int_equal(stored->leaves[place], built->leaves[place]);
    }
    tree_free(stored);
    tree_free(built);
}

static void the_tree_is_stored_with_the_records(void **state)
{
    struct fixture *f = *state;
    open_store(f);
    for (unsigned round = 0; round < 6; round++) {
        for (unsigned i = 0; i < KEYS; i++)
            update(f, (i * 7 + round) % KEYS, (i + round) % 5 == 0);
        if (round % 2 == 0)
            checkpoint(f, 3 + round); /* some batches, not all */
        stop_store(f, round == 3);
        f->reports = 0;
        open_store(f);
        assert_int_equal(f->reports, 0); /* never built again */
        assert_int_equal(f->found.clean, round == 3);
        check_tree(f);
    }
}

static void change_meta(struct fixture *f, bool forget_tree, const char *format)
{
    MDB_env *env;
    MDB_txn *txn;
    MDB_dbi meta;
    assert_int_equal(mdb_env_create(&env), 0);
    mdb_env_set_maxdbs(env, 8);
    mdb_env_set_mapsize(env, 64 << 20);
    assert_int_equal(mdb_env_open(env, f->directory, 0, 0600), 0);
    assert_int_equal(mdb_txn_begin(env, NULL, 0, &txn), 0);
    assert_int_equal(mdb_dbi_open(txn, "meta", 0, &meta), 0);
    MDB_val name = {.mv_size = 4, .mv_data = (void *)(uintptr_t) "tree"};
    if (forget_tree)
        assert_int_equal(mdb_del(txn, meta, &name, NULL), 0);
    MDB_val key = {.mv_size = 11, .mv_data = (void *)(uintptr_t) "lmdb-format"};
    MDB_val value = {.mv_size = strlen(format), .mv_data = (void *)(uintptr_t)format};
    assert_int_equal(mdb_put(txn, meta, &key, &value, 0), 0);
    assert_int_equal(mdb_txn_commit(txn), 0);
    mdb_env_close(env);
}

static void a_directory_of_before_the_tree_gets_one_and_the_new_format(void **state)
{
    struct fixture *f = *state;
    open_store(f);
    for (unsigned i = 0; i < KEYS; i++)
        update(f, i, false);
    stop_store(f, true);
    change_meta(f, true, "1");
    f->reports = 0;
    open_store(f);
    assert_int_equal(f->reports, 1);
    check_tree(f);
    stop_store(f, false);
    f->reports = 0;
    open_store(f);
    assert_int_equal(f->reports, 0);
    check_tree(f);
    stop_store(f, true);
    struct blob *format = NULL;
    assert_int_equal(lmdb_engine_open(&f->engine, &f->options, f->error), LMDB_OPEN_OK);
    assert_int_equal(f->engine->ops->read_meta(f->engine, "lmdb-format", &format), ENGINE_OK);
    assert_true(bytes_equal(blob_bytes(format), bytes_of_text("2")));
    blob_release(format);
    f->engine->ops->close(f->engine);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(the_tree_is_stored_with_the_records, setup, teardown),
        cmocka_unit_test_setup_teardown(a_directory_of_before_the_tree_gets_one_and_the_new_format, setup, teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
