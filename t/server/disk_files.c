/* The log's files on a real file system, mapped and written. */
#define _GNU_SOURCE
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "server/disk_files.h"

#include <linux/magic.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

struct fixture {
    char path[64];
    struct disk *disk;
    struct logger log;
};

static int setup(void **state)
{
    struct fixture *f = calloc(1, sizeof(*f));
    assert_non_null(f);
    strcpy(f->path, "/tmp/ringcached-log-XXXXXX");
    assert_non_null(mkdtemp(f->path));
    logger_init(&f->log, -1, 0);
    *state = f;
    return 0;
}

static int teardown(void **state)
{
    struct fixture *f = *state;
    char command[128];
    disk_files_close(f->disk);
    logger_close(&f->log);
    snprintf(command, sizeof(command), "rm -rf '%s'", f->path);
    int code = system(command);
    free(f);
    return code;
}

struct listing {
    char names[8][DISK_NAME_MAX + 1];
    uint64_t sizes[8];
    unsigned count;
};

static void note(void *context, const char *name, uint64_t size)
{
    struct listing *listing = context;
    strcpy(listing->names[listing->count], name);
    listing->sizes[listing->count++] = size;
}

static void write_read_and_reopen(struct fixture *f, enum log_write how, bool is_mapped)
{
    struct disk_file *file = NULL;
    uint8_t back[5] = {0};
    f->disk = disk_files_open(f->path, how, &f->log);
    assert_non_null(f->disk);
    assert_int_equal(f->disk->create(f->disk, "one", 1 << 20, &file), DISK_OK);
    assert_int_equal(file->size, 1 << 20);
    assert_int_equal(file->map != NULL, is_mapped);
    assert_int_equal(f->disk->read(f->disk, file, 999, back, 5), DISK_OK);
    assert_memory_equal(back, "\0\0\0\0\0", 5);
    assert_int_equal(f->disk->write(f->disk, file, 1000, bytes_of_text("hello")), DISK_OK);
    assert_int_equal(f->disk->read(f->disk, file, 1000, back, 5), DISK_OK);
    assert_memory_equal(back, "hello", 5);
    assert_int_equal(f->disk->sync(f->disk, file), DISK_OK);
    f->disk->close_file(f->disk, file);
    assert_int_equal(f->disk->open(f->disk, "one", &file), DISK_OK);
    assert_int_equal(f->disk->read(f->disk, file, 1000, back, 5), DISK_OK);
    assert_memory_equal(back, "hello", 5);
    f->disk->close_file(f->disk, file);
}

static void what_is_written_through_the_map_is_there_after_reopening(void **state)
{
    write_read_and_reopen(*state, LOG_WRITE_MAPPED, true);
}

static void what_is_written_by_calls_is_there_after_reopening(void **state)
{
    write_read_and_reopen(*state, LOG_WRITE_WRITTEN, false);
}

static void files_are_listed_and_removed_and_drafts_of_a_crash_vanish(void **state)
{
    struct fixture *f = *state;
    struct disk_file *file = NULL;
    struct listing listing = {0};
    char draft[96];
    f->disk = disk_files_open(f->path, LOG_WRITE_AUTO, &f->log);
    assert_int_equal(f->disk->create(f->disk, "one", 4096, &file), DISK_OK);
    f->disk->close_file(f->disk, file);
    snprintf(draft, sizeof(draft), "%s/two.new", f->path);
    FILE *half = fopen(draft, "w");
    assert_non_null(half);
    fputs("half", half);
    fclose(half);
    assert_int_equal(f->disk->list(f->disk, note, &listing), DISK_OK);
    assert_int_equal(listing.count, 1);
    assert_string_equal(listing.names[0], "one");
    assert_int_equal(listing.sizes[0], 4096);
    assert_int_not_equal(access(draft, F_OK), 0);
    assert_int_equal(f->disk->remove(f->disk, "one"), DISK_OK);
    listing.count = 0;
    assert_int_equal(f->disk->list(f->disk, note, &listing), DISK_OK);
    assert_int_equal(listing.count, 0);
    assert_int_equal(f->disk->open(f->disk, "one", &file), DISK_IO);
}

/* A limit of the file size stands in for a full disk: the write fails in the middle. */
static void a_file_that_cannot_be_filled_is_not_left_behind(void **state)
{
    struct fixture *f = *state;
    struct disk_file *file = NULL;
    struct listing listing = {0};
    struct rlimit old, small;
    f->disk = disk_files_open(f->path, LOG_WRITE_AUTO, &f->log);
    signal(SIGXFSZ, SIG_IGN);
    assert_int_equal(getrlimit(RLIMIT_FSIZE, &old), 0);
    small = (struct rlimit){.rlim_cur = 1 << 20, .rlim_max = old.rlim_max};
    assert_int_equal(setrlimit(RLIMIT_FSIZE, &small), 0);
    enum disk_status status = f->disk->create(f->disk, "big", 4 << 20, &file);
    assert_int_equal(setrlimit(RLIMIT_FSIZE, &old), 0);
    assert_int_not_equal(status, DISK_OK);
    assert_int_equal(f->disk->list(f->disk, note, &listing), DISK_OK);
    assert_int_equal(listing.count, 0);
    assert_int_equal(f->disk->create(f->disk, "big", 4 << 20, &file), DISK_OK);
    f->disk->close_file(f->disk, file);
}

/* Address space for the file, which is then there and cannot be mapped. */
static void a_file_that_cannot_be_mapped_is_not_left_behind(void **state)
{
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
    (void)state;
    skip(); /* sanitizers need address space themselves */
#else
    struct fixture *f = *state;
    struct disk_file *file = NULL;
    struct listing listing = {0};
    struct rlimit limit, tight;
    f->disk = disk_files_open(f->path, LOG_WRITE_MAPPED, &f->log);
    assert_int_equal(getrlimit(RLIMIT_AS, &limit), 0);
    tight = (struct rlimit){.rlim_cur = 1, .rlim_max = limit.rlim_max};
    assert_int_equal(setrlimit(RLIMIT_AS, &tight), 0);
    enum disk_status status = f->disk->create(f->disk, "log-1", 4 << 20, &file);
    assert_int_equal(setrlimit(RLIMIT_AS, &limit), 0);
    assert_int_equal(status, DISK_IO);
    assert_int_equal(f->disk->list(f->disk, note, &listing), DISK_OK);
    assert_int_equal(listing.count, 0);
#endif
}

static void a_name_that_cannot_be_looked_at_is_an_error_and_not_passed_over(void **state)
{
    struct fixture *f = *state;
    char path[128];
    struct listing listing = {0};
    f->disk = disk_files_open(f->path, LOG_WRITE_MAPPED, &f->log);
    snprintf(path, sizeof(path), "%s/log-2", f->path);
    assert_int_equal(symlink("log-2", path), 0); /* leads to itself */
    assert_int_equal(f->disk->list(f->disk, note, &listing), DISK_IO);
    assert_int_equal(unlink(path), 0);
    assert_int_equal(f->disk->list(f->disk, note, &listing), DISK_OK);
}

static void only_file_systems_that_overwrite_in_place_are_mapped(void **state)
{
    (void)state;
    assert_true(disk_overwrites_in_place(EXT4_SUPER_MAGIC));
    assert_true(disk_overwrites_in_place(TMPFS_MAGIC));
    assert_false(disk_overwrites_in_place(BTRFS_SUPER_MAGIC));
    assert_false(disk_overwrites_in_place(OVERLAYFS_SUPER_MAGIC));
    assert_false(disk_overwrites_in_place(NFS_SUPER_MAGIC));
    assert_false(disk_overwrites_in_place(F2FS_SUPER_MAGIC));
}

#define CLAIM(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        CLAIM(what_is_written_through_the_map_is_there_after_reopening),
        CLAIM(what_is_written_by_calls_is_there_after_reopening),
        CLAIM(files_are_listed_and_removed_and_drafts_of_a_crash_vanish),
        CLAIM(a_file_that_cannot_be_filled_is_not_left_behind),
        CLAIM(a_file_that_cannot_be_mapped_is_not_left_behind),
        CLAIM(a_name_that_cannot_be_looked_at_is_an_error_and_not_passed_over),
        CLAIM(only_file_systems_that_overwrite_in_place_are_mapped),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
