/* The LMDB engine: batches, snapshots, limits, and what it refuses to open. */
#define _GNU_SOURCE
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/check.h"
#include "storage/lmdb/lmdb_engine.h"

#include <fcntl.h>
#include <lmdb.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#define MIB ((uint64_t)1 << 20)

struct fixture {
    char directory[64];
    struct engine *engine;
    struct lmdb_options options;
    char error[LMDB_ERROR_MAX];
};

static enum lmdb_open_status open_engine(struct fixture *f)
{
    return lmdb_engine_open(&f->engine, &f->options, f->error);
}

static void close_engine(struct fixture *f)
{
    if (f->engine != NULL)
        f->engine->ops->close(f->engine);
    f->engine = NULL;
}

static int setup(void **state)
{
    struct fixture *f = calloc(1, sizeof(*f));
    CHECK_MEMORY(f);
    strcpy(f->directory, "/tmp/ringcached-lmdb-XXXXXX");
    assert_non_null(mkdtemp(f->directory));
    f->options = (struct lmdb_options){.directory = f->directory, .map_bytes = 64 * MIB, .readers = 3};
    *state = f;
    return 0;
}

static int teardown(void **state)
{
    struct fixture *f = *state;
    char command[128];
    close_engine(f);
    snprintf(command, sizeof(command), "rm -rf '%s'", f->directory);
    int code = system(command);
    free(f);
    return code;
}

static struct bytes text(const char *string)
{
    return bytes_of_text(string);
}

static enum engine_status put_one(struct engine *engine, const char *key, struct bytes value)
{
    enum engine_status status = engine->ops->begin(engine);
    if (status == ENGINE_OK)
        status = engine->ops->put(engine, text(key), value);
    if (status == ENGINE_OK)
        status = engine->ops->commit(engine);
    return status;
}

static void assert_holds(struct engine *engine, const char *key, const char *value)
{
    struct blob *record = NULL;
    assert_int_equal(engine->ops->read(engine, 0, text(key), &record), value == NULL ? ENGINE_ABSENT : ENGINE_OK);
    if (value == NULL) {
        assert_null(record);
        return;
    }
    assert_true(bytes_equal(blob_bytes(record), text(value)));
    blob_release(record);
}

static void a_batch_is_seen_after_its_commit_and_not_before(void **state)
{
    struct fixture *f = *state;
    assert_int_equal(open_engine(f), LMDB_OPEN_OK);
    const struct engine_ops *ops = f->engine->ops;
    assert_int_equal(ops->begin(f->engine), ENGINE_OK);
    assert_int_equal(ops->put(f->engine, text("a"), text("1")), ENGINE_OK);
    assert_holds(f->engine, "a", NULL);
    assert_int_equal(ops->commit(f->engine), ENGINE_OK);
    assert_holds(f->engine, "a", "1");
}

static void an_aborted_batch_leaves_nothing(void **state)
{
    struct fixture *f = *state;
    assert_int_equal(open_engine(f), LMDB_OPEN_OK);
    assert_int_equal(put_one(f->engine, "a", text("old")), ENGINE_OK);
    assert_int_equal(f->engine->ops->begin(f->engine), ENGINE_OK);
    assert_int_equal(f->engine->ops->put(f->engine, text("a"), text("new")), ENGINE_OK);
    f->engine->ops->abort(f->engine);
    assert_holds(f->engine, "a", "old");
}

static void erasing_what_is_not_there_is_good(void **state)
{
    struct fixture *f = *state;
    assert_int_equal(open_engine(f), LMDB_OPEN_OK);
    assert_int_equal(put_one(f->engine, "a", text("1")), ENGINE_OK);
    assert_int_equal(f->engine->ops->begin(f->engine), ENGINE_OK);
    assert_int_equal(f->engine->ops->erase(f->engine, text("a")), ENGINE_OK);
    assert_int_equal(f->engine->ops->erase(f->engine, text("a")), ENGINE_OK);
    assert_int_equal(f->engine->ops->commit(f->engine), ENGINE_OK);
    assert_holds(f->engine, "a", NULL);
}

static void records_and_meta_outlive_the_engine(void **state)
{
    struct fixture *f = *state;
    struct blob *value = NULL;
    assert_int_equal(open_engine(f), LMDB_OPEN_OK);
    assert_int_equal(put_one(f->engine, "key", text("value")), ENGINE_OK);
    assert_int_equal(f->engine->ops->begin(f->engine), ENGINE_OK);
    assert_int_equal(f->engine->ops->put_meta(f->engine, "name", text("meta")), ENGINE_OK);
    assert_int_equal(f->engine->ops->commit(f->engine), ENGINE_OK);
    close_engine(f);
    assert_int_equal(open_engine(f), LMDB_OPEN_OK);
    assert_holds(f->engine, "key", "value");
    assert_int_equal(f->engine->ops->read_meta(f->engine, "name", &value), ENGINE_OK);
    assert_true(bytes_equal(blob_bytes(value), text("meta")));
    blob_release(value);
    assert_int_equal(f->engine->ops->read_meta(f->engine, "other", &value), ENGINE_ABSENT);
    struct engine_usage usage;
    f->engine->ops->usage(f->engine, &usage);
    assert_int_equal(usage.records, 1);
    assert_false(usage.nearly_full);
}

/* Scanning. */

struct seen {
    char keys[64][8];
    unsigned count, stop_at;
};

static bool remember(void *context, struct bytes key, struct bytes record)
{
    struct seen *seen = context;
    (void)record;
    assert_true(seen->count < 64 && key.len < 8);
    memcpy(seen->keys[seen->count], key.at, key.len);
    seen->keys[seen->count++][key.len] = '\0';
    return seen->count != seen->stop_at;
}

static void fill_letters(struct engine *engine)
{
    assert_int_equal(engine->ops->begin(engine), ENGINE_OK);
    for (char c = 'z'; c >= 'a'; c--)
        assert_int_equal(engine->ops->put(engine, bytes_of(&c, 1), text("x")), ENGINE_OK);
    assert_int_equal(engine->ops->commit(engine), ENGINE_OK);
}

static void a_scan_visits_in_key_order_behind_the_given_key(void **state)
{
    struct fixture *f = *state;
    size_t visited = 0;
    struct seen seen = {0};
    assert_int_equal(open_engine(f), LMDB_OPEN_OK);
    fill_letters(f->engine);
    assert_int_equal(f->engine->ops->scan(f->engine, 2, bytes_of(NULL, 0), 3, remember, &seen, &visited), ENGINE_OK);
    assert_int_equal(visited, 3);
    assert_string_equal(seen.keys[0], "a");
    assert_string_equal(seen.keys[2], "c");
    seen.count = 0;
    assert_int_equal(f->engine->ops->scan(f->engine, 2, text("x"), 10, remember, &seen, &visited), ENGINE_OK);
    assert_int_equal(visited, 2); /* y and z are the last */
    assert_string_equal(seen.keys[0], "y");
    seen.count = 0;
    assert_int_equal(f->engine->ops->scan(f->engine, 2, text("bb"), 1, remember, &seen, &visited), ENGINE_OK);
    assert_string_equal(seen.keys[0], "c"); /* also behind a key that is not there */
    assert_int_equal(f->engine->ops->scan(f->engine, 2, text("z"), 1, remember, &seen, &visited), ENGINE_OK);
    assert_int_equal(visited, 0);
}

static void a_scan_stops_when_the_visitor_says_so(void **state)
{
    struct fixture *f = *state;
    size_t visited = 0;
    struct seen seen = {.stop_at = 4};
    assert_int_equal(open_engine(f), LMDB_OPEN_OK);
    fill_letters(f->engine);
    assert_int_equal(f->engine->ops->scan(f->engine, 1, bytes_of(NULL, 0), 26, remember, &seen, &visited), ENGINE_OK);
    assert_int_equal(visited, 4);
}

struct slow_scan {
    unsigned visited;
    bool in_order;
    char last;
};

/* Each visit takes longer than a snapshot may live. */
static bool dawdle(void *context, struct bytes key, struct bytes record)
{
    struct slow_scan *scan = context;
    (void)record;
    if (scan->visited % 64 == 0)
        usleep(LMDB_SNAPSHOT_MS_MAX * 1000 + 1000);
    unsigned index = (unsigned)key.at[0] << 8 | key.at[1];
    scan->in_order &= index == scan->visited;
    scan->visited++;
    return true;
}

static void a_slow_scan_renews_its_snapshot_and_misses_nothing(void **state)
{
    struct fixture *f = *state;
    size_t visited = 0;
    struct slow_scan scan = {.in_order = true};
    assert_int_equal(open_engine(f), LMDB_OPEN_OK);
    assert_int_equal(f->engine->ops->begin(f->engine), ENGINE_OK);
    for (unsigned i = 0; i < 500; i++) {
        uint8_t key[2] = {(uint8_t)(i >> 8), (uint8_t)i};
        assert_int_equal(f->engine->ops->put(f->engine, bytes_of(key, 2), text("x")), ENGINE_OK);
    }
    assert_int_equal(f->engine->ops->commit(f->engine), ENGINE_OK);
    assert_int_equal(f->engine->ops->scan(f->engine, 0, bytes_of(NULL, 0), 1000, dawdle, &scan, &visited), ENGINE_OK);
    assert_int_equal(visited, 500);
    assert_true(scan.in_order);
}

/* Limits. */

static void a_full_map_answers_full_and_keeps_what_was_there(void **state)
{
    struct fixture *f = *state;
    static uint8_t block[64 * 1024];
    char key[24];
    enum engine_status status = ENGINE_OK;
    unsigned stored = 0;
    f->options.map_bytes = 2 * MIB;
    assert_int_equal(open_engine(f), LMDB_OPEN_OK);
    assert_int_equal(put_one(f->engine, "first", text("kept")), ENGINE_OK);
    while (status == ENGINE_OK && stored < 64) {
        snprintf(key, sizeof(key), "block-%03u", stored);
        status = put_one(f->engine, key, bytes_of(block, sizeof(block)));
        stored += status == ENGINE_OK;
    }
    assert_int_equal(status, ENGINE_FULL); /* 64 blocks are twice the map */
    assert_true(stored > 8);
    assert_holds(f->engine, "first", "kept");
    assert_holds(f->engine, key, NULL); /* nothing of the failed batch */
}

static void the_reserve_is_announced_before_the_map_is_full_and_lets_erase_work(void **state)
{
    struct fixture *f = *state;
    static uint8_t block[64 * 1024];
    char key[24];
    struct engine_usage usage;
    unsigned stored = 0;
    f->options.map_bytes = 4 * MIB;
    f->options.reserve_bytes = 1 * MIB;
    assert_int_equal(open_engine(f), LMDB_OPEN_OK);
    for (;;) {
        f->engine->ops->usage(f->engine, &usage);
        if (usage.nearly_full)
            break;
        snprintf(key, sizeof(key), "block-%03u", stored);
        assert_int_equal(put_one(f->engine, key, bytes_of(block, sizeof(block))), ENGINE_OK);
        stored++;
    }
    assert_true(usage.bytes_used >= 3 * MIB && usage.bytes_used <= 4 * MIB);
    while (stored > 0) {
        snprintf(key, sizeof(key), "block-%03u", --stored);
        assert_int_equal(f->engine->ops->begin(f->engine), ENGINE_OK);
        assert_int_equal(f->engine->ops->erase(f->engine, text(key)), ENGINE_OK);
        assert_int_equal(f->engine->ops->commit(f->engine), ENGINE_OK);
    }
    f->engine->ops->usage(f->engine, &usage);
    assert_false(usage.nearly_full);                  /* the freed pages are counted */
    assert_true(usage.file_bytes > usage.bytes_used); /* though the file keeps its size */
    assert_int_equal(usage.records, 0);
}

static void a_write_that_the_file_system_refuses_loses_nothing(void **state)
{
    struct fixture *f = *state;
    static uint8_t block[512 * 1024];
    struct rlimit old, small;
    assert_int_equal(open_engine(f), LMDB_OPEN_OK);
    assert_int_equal(put_one(f->engine, "a", text("kept")), ENGINE_OK);
    signal(SIGXFSZ, SIG_IGN);
    assert_int_equal(getrlimit(RLIMIT_FSIZE, &old), 0);
    small = (struct rlimit){.rlim_cur = 128 * 1024, .rlim_max = old.rlim_max};
    assert_int_equal(setrlimit(RLIMIT_FSIZE, &small), 0);
    enum engine_status status = put_one(f->engine, "b", bytes_of(block, sizeof(block)));
    assert_int_equal(setrlimit(RLIMIT_FSIZE, &old), 0);
    assert_true(status == ENGINE_FULL || status == ENGINE_IO);
    assert_holds(f->engine, "a", "kept");
    assert_holds(f->engine, "b", NULL);
    assert_int_equal(put_one(f->engine, "b", text("later")), ENGINE_OK);
    assert_holds(f->engine, "b", "later");
}

/* LMDB writes its meta page through a descriptor of its own, opened with O_DSYNC. Makes that one read-only. */
static void break_meta_writes(const struct fixture *f)
{
    char path[80], link[80], target[128];
    snprintf(path, sizeof(path), "%s/data.mdb", f->directory);
    int read_only = open(path, O_RDONLY);
    bool found = false;
    for (int fd = 3; fd < 64; fd++) {
        snprintf(link, sizeof(link), "/proc/self/fd/%d", fd);
        ssize_t len = readlink(link, target, sizeof(target) - 1);
        int flags = fcntl(fd, F_GETFL);
        if (len > 0 && fd != read_only && (flags & O_DSYNC) != 0) {
            target[len] = '\0';
            if (strcmp(target, path) == 0)
                found = dup2(read_only, fd) == fd;
        }
    }
    close(read_only);
    assert_true(found);
}

/* Makes the length of every value of `key` 1 GiB longer than it is. In front of a key stand its value's length (low
 * half, high half), flags and its own length, 16 bits each. Returns how many it met. */
static unsigned lengthen_values(const struct fixture *f, const char *key)
{
    char path[80];
    snprintf(path, sizeof(path), "%s/data.mdb", f->directory);
    int fd = open(path, O_RDWR);
    struct stat file;
    assert_true(fd >= 0 && fstat(fd, &file) == 0);
    uint8_t *all = malloc((size_t)file.st_size);
    CHECK_MEMORY(all);
    assert_int_equal(pread(fd, all, (size_t)file.st_size, 0), file.st_size);
    unsigned met = 0;
    size_t len = strlen(key);
    for (off_t at = 8; at + (off_t)len <= file.st_size; at++) {
        if (memcmp(all + at, key, len) != 0 || all[at - 2] != len || all[at - 1] != 0)
            continue;
        uint8_t high = all[at - 5] | 0x40;
        assert_int_equal(pwrite(fd, &high, 1, at - 5), 1);
        met++;
    }
    free(all);
    close(fd);
    return met;
}

struct lengths {
    unsigned count;
    size_t of[8];
};

static bool remember_length(void *context, struct bytes key, struct bytes record)
{
    struct lengths *lengths = context;
    (void)key;
    assert_true(lengths->count < 8);
    lengths->of[lengths->count++] = record.len;
    return true;
}

/* The file is smaller than the damaged length, and so is the map. */
static void a_length_that_leads_out_of_the_file_is_an_error_and_not_followed(void **state)
{
    struct fixture *f = *state;
    struct blob *record = NULL;
    struct lengths lengths = {0};
    size_t visited = 0;
    uint8_t *large = calloc(1, 20000);
    CHECK_MEMORY(large);
    assert_int_equal(open_engine(f), LMDB_OPEN_OK);
    assert_int_equal(put_one(f->engine, "a-whole", bytes_of(large, 20000)), ENGINE_OK);
    assert_int_equal(put_one(f->engine, "b-large", bytes_of(large, 20000)), ENGINE_OK);
    assert_int_equal(put_one(f->engine, "c-small", text("value")), ENGINE_OK);
    close_engine(f);
    assert_true(lengthen_values(f, "b-large") > 0 && lengthen_values(f, "c-small") > 0);
    assert_int_equal(open_engine(f), LMDB_OPEN_OK);
    assert_int_equal(f->engine->ops->read(f->engine, 0, text("b-large"), &record), ENGINE_IO);
    assert_int_equal(f->engine->ops->read(f->engine, 0, text("c-small"), &record), ENGINE_IO);
    assert_int_equal(f->engine->ops->read(f->engine, 0, text("a-whole"), &record), ENGINE_OK);
    assert_int_equal(record->len, 20000);
    blob_release(record);
    /* A scan goes on behind it, and shows it as what cannot be a record. */
    assert_int_equal(f->engine->ops->scan(f->engine, 0, bytes_of(NULL, 0), 8, remember_length, &lengths, &visited),
                     ENGINE_OK);
    assert_int_equal(lengths.count, 3);
    assert_int_equal(lengths.of[0], 20000);
    assert_int_equal(lengths.of[1], 0);
    assert_int_equal(lengths.of[2], 0);
    free(large);
}

static void count_lines(void *host, const char *line)
{
    unsigned *count = host;
    *count += strstr(line, "shorter") != NULL;
}

/* Whatever is missing: opening or reading says so, and what is still there can be read. */
static void a_file_that_has_been_cut_is_an_error_and_not_the_end(void **state)
{
    struct fixture *f = *state;
    char path[80], key[8];
    uint8_t *large = calloc(1, 20000);
    CHECK_MEMORY(large);
    snprintf(path, sizeof(path), "%s/data.mdb", f->directory);
    unsigned lines = 0;
    f->options.report = count_lines;
    f->options.host = &lines;
    for (unsigned tenths = 9; tenths > 0; tenths--) {
        unlink(path);
        assert_int_equal(open_engine(f), LMDB_OPEN_OK);
        for (unsigned i = 0; i < 50; i++) {
            snprintf(key, sizeof(key), "k%u", i);
            assert_int_equal(put_one(f->engine, key, bytes_of(large, 20000)), ENGINE_OK);
        }
        close_engine(f);
        struct stat file;
        assert_int_equal(stat(path, &file), 0);
        assert_int_equal(truncate(path, file.st_size / 40960 * 4096 * tenths), 0);
        lines = 0;
        enum lmdb_open_status status = open_engine(f);
        assert_int_equal(lines, 1);
        for (unsigned i = 0; status == LMDB_OPEN_OK && i < 50; i++) {
            struct blob *record = NULL;
            snprintf(key, sizeof(key), "k%u", i);
            enum engine_status found = f->engine->ops->read(f->engine, 0, text(key), &record);
            assert_true(found == ENGINE_OK || found == ENGINE_IO);
            blob_release(record);
        }
        if (status != LMDB_OPEN_OK)
            assert_non_null(strstr(f->error, "damaged"));
        close_engine(f);
    }
    free(large);
}

static void note(void *host, const char *sentence)
{
    unsigned *reopened = host;
    *reopened += strstr(sentence, "reopened") != NULL;
}

static void a_panicked_environment_is_reopened(void **state)
{
    struct fixture *f = *state;
    unsigned reopened = 0;
    f->options.report = note;
    f->options.host = &reopened;
    assert_int_equal(open_engine(f), LMDB_OPEN_OK);
    assert_int_equal(put_one(f->engine, "a", text("kept")), ENGINE_OK);
    assert_holds(f->engine, "a", "kept"); /* a read transaction is waiting to be renewed */
    break_meta_writes(f);
    assert_int_not_equal(put_one(f->engine, "b", text("lost")), ENGINE_OK);
    assert_int_equal(reopened, 1);
    assert_holds(f->engine, "a", "kept");
    assert_holds(f->engine, "b", NULL);
    assert_int_equal(put_one(f->engine, "b", text("again")), ENGINE_OK);
    assert_holds(f->engine, "b", "again");
}

/* Readers beside the writer: two records are always written together. */

struct race {
    struct engine *engine;
    unsigned reader;
    _Atomic bool *stop;
    unsigned torn;
    _Atomic unsigned read;
};

static bool compare(void *context, struct bytes key, struct bytes record)
{
    struct bytes *first = context;
    (void)key;
    if (first->at == NULL) {
        *first = record;
        return true;
    }
    if (!bytes_equal(*first, record))
        first->len = 0;
    return false;
}

static void *read_pairs(void *context)
{
    struct race *race = context;
    while (!atomic_load(race->stop)) {
        struct bytes first = {0};
        size_t visited = 0;
        race->engine->ops->scan(race->engine, race->reader, bytes_of(NULL, 0), 2, compare, &first, &visited);
        race->torn += visited == 2 && first.len == 0;
        race->read++;
    }
    return NULL;
}

/* A busy machine may let a reader begin late: the writer goes on until each has met some of its batches. */
static bool all_have_read(const struct race *races, unsigned count)
{
    for (unsigned i = 0; i < count; i++) {
        if (atomic_load(&races[i].read) < 20)
            return false;
    }
    return true;
}

static void readers_see_whole_batches_while_others_are_committed(void **state)
{
    struct fixture *f = *state;
    _Atomic bool stop = false;
    struct race races[2];
    pthread_t threads[2];
    assert_int_equal(open_engine(f), LMDB_OPEN_OK);
    for (unsigned i = 0; i < 2; i++) {
        races[i] = (struct race){.engine = f->engine, .reader = i, .stop = &stop};
        assert_int_equal(pthread_create(&threads[i], NULL, read_pairs, &races[i]), 0);
    }
    for (unsigned i = 0; i < 200 || !all_have_read(races, 2); i++) {
        assert_int_equal(f->engine->ops->begin(f->engine), ENGINE_OK);
        assert_int_equal(f->engine->ops->put(f->engine, text("x"), bytes_of(&i, sizeof(i))), ENGINE_OK);
        assert_int_equal(f->engine->ops->put(f->engine, text("y"), bytes_of(&i, sizeof(i))), ENGINE_OK);
        assert_int_equal(f->engine->ops->commit(f->engine), ENGINE_OK);
    }
    atomic_store(&stop, true);
    for (unsigned i = 0; i < 2; i++) {
        pthread_join(threads[i], NULL);
        assert_int_equal(races[i].torn, 0);
    }
}

/* Refusals. */

static void write_foreign(const struct fixture *f, const char *table, const char *key, const char *value)
{
    MDB_env *env = NULL;
    MDB_txn *txn = NULL;
    MDB_dbi dbi;
    MDB_val name = {.mv_size = strlen(key), .mv_data = (void *)(uintptr_t)key};
    MDB_val data = {.mv_size = strlen(value), .mv_data = (void *)(uintptr_t)value};
    assert_int_equal(mdb_env_create(&env), 0);
    assert_int_equal(mdb_env_set_maxdbs(env, 4), 0);
    assert_int_equal(mdb_env_open(env, f->directory, 0, 0600), 0);
    assert_int_equal(mdb_txn_begin(env, NULL, 0, &txn), 0);
    assert_int_equal(mdb_dbi_open(txn, table, MDB_CREATE, &dbi), 0);
    assert_int_equal(mdb_put(txn, dbi, &name, &data, 0), 0);
    assert_int_equal(mdb_txn_commit(txn), 0);
    mdb_env_close(env);
}

static void a_later_format_is_refused_and_left_alone(void **state)
{
    struct fixture *f = *state;
    assert_int_equal(open_engine(f), LMDB_OPEN_OK);
    assert_int_equal(put_one(f->engine, "a", text("1")), ENGINE_OK);
    close_engine(f);
    write_foreign(f, "meta", "lmdb-format", "3");
    assert_int_equal(open_engine(f), LMDB_OPEN_NEWER);
    assert_null(f->engine);
    assert_non_null(strstr(f->error, "later release"));
    assert_non_null(strstr(f->error, f->directory));
    write_foreign(f, "meta", "lmdb-format", "1");
    assert_int_equal(open_engine(f), LMDB_OPEN_OK);
    assert_holds(f->engine, "a", "1");
}

static void an_environment_of_another_program_is_refused(void **state)
{
    struct fixture *f = *state;
    write_foreign(f, "theirs", "k", "v");
    assert_int_equal(open_engine(f), LMDB_OPEN_FOREIGN);
    assert_non_null(strstr(f->error, "another program"));
}

static void a_file_that_is_not_lmdb_is_refused(void **state)
{
    struct fixture *f = *state;
    char path[80];
    snprintf(path, sizeof(path), "%s/data.mdb", f->directory);
    FILE *file = fopen(path, "w");
    assert_non_null(file);
    for (unsigned i = 0; i < 4096; i++)
        fputs("not a database ", file);
    fclose(file);
    assert_int_equal(open_engine(f), LMDB_OPEN_FOREIGN);
    assert_non_null(strstr(f->error, "is not an LMDB file"));
}

static void a_missing_directory_is_an_error_with_its_name(void **state)
{
    struct fixture *f = *state;
    f->options.directory = "/tmp/ringcached-there-is-no-such-directory";
    assert_int_equal(open_engine(f), LMDB_OPEN_FAILED);
    assert_non_null(strstr(f->error, "no-such-directory"));
}

#define CLAIM(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        CLAIM(a_batch_is_seen_after_its_commit_and_not_before),
        CLAIM(an_aborted_batch_leaves_nothing),
        CLAIM(erasing_what_is_not_there_is_good),
        CLAIM(records_and_meta_outlive_the_engine),
        CLAIM(a_scan_visits_in_key_order_behind_the_given_key),
        CLAIM(a_scan_stops_when_the_visitor_says_so),
        CLAIM(a_slow_scan_renews_its_snapshot_and_misses_nothing),
        CLAIM(a_full_map_answers_full_and_keeps_what_was_there),
        CLAIM(the_reserve_is_announced_before_the_map_is_full_and_lets_erase_work),
        CLAIM(a_write_that_the_file_system_refuses_loses_nothing),
        CLAIM(a_length_that_leads_out_of_the_file_is_an_error_and_not_followed),
        CLAIM(a_file_that_has_been_cut_is_an_error_and_not_the_end),
        CLAIM(a_panicked_environment_is_reopened),
        CLAIM(readers_see_whole_batches_while_others_are_committed),
        CLAIM(a_later_format_is_refused_and_left_alone),
        CLAIM(an_environment_of_another_program_is_refused),
        CLAIM(a_file_that_is_not_lmdb_is_refused),
        CLAIM(a_missing_directory_is_an_error_with_its_name),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
