/* The data directory: made, known, locked, and refused with a clear word. */
#define _GNU_SOURCE
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "server/data_dir.h"
#include "server/last_run.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

struct fixture {
    char parent[64], path[96];
    struct data_dir dir;
    struct data_dir_wish wish;
    struct logger log;
    int log_fd;
    char said[4096];
};

static int setup(void **state)
{
    struct fixture *f = calloc(1, sizeof(*f));
    assert_non_null(f);
    strcpy(f->parent, "/tmp/ringcached-dir-XXXXXX");
    assert_non_null(mkdtemp(f->parent));
    snprintf(f->path, sizeof(f->path), "%s/data", f->parent);
    f->wish = (struct data_dir_wish){.path = f->path, .node_default = "host:1"};
    f->log_fd = memfd_create("log", MFD_CLOEXEC);
    logger_init(&f->log, f->log_fd, 0);
    f->dir.lock = -1;
    *state = f;
    return 0;
}

static int teardown(void **state)
{
    struct fixture *f = *state;
    char command[128];
    data_dir_close(&f->dir);
    logger_close(&f->log);
    close(f->log_fd);
    snprintf(command, sizeof(command), "rm -rf '%s'", f->parent);
    int code = system(command);
    free(f);
    return code;
}

static bool open_it(struct fixture *f)
{
    return data_dir_open(&f->dir, &f->wish, &f->log);
}

static void assert_said(struct fixture *f, const char *what)
{
    ssize_t len = pread(f->log_fd, f->said, sizeof(f->said) - 1, 0);
    f->said[len > 0 ? len : 0] = '\0';
    if (strstr(f->said, what) == NULL)
        fail_msg("expected \"%s\" in: %s", what, f->said);
}

static void write_file(const struct fixture *f, const char *name, const char *text)
{
    char path[128];
    snprintf(path, sizeof(path), "%s/%s", f->path, name);
    FILE *file = fopen(path, "w");
    assert_non_null(file);
    fputs(text, file);
    fclose(file);
}

static void a_missing_directory_is_made_for_its_owner_only(void **state)
{
    struct fixture *f = *state;
    struct stat stat_buffer;
    assert_true(open_it(f));
    assert_true(f->dir.fresh);
    assert_string_equal(f->dir.node, "host:1");
    assert_int_equal(f->dir.partitions, RING_PARTITIONS_DEFAULT);
    assert_int_equal(stat(f->path, &stat_buffer), 0);
    assert_int_equal(stat_buffer.st_mode & 0777, 0700);
}

static void name_and_partitions_are_remembered(void **state)
{
    struct fixture *f = *state;
    f->wish.node = "alice";
    f->wish.partitions = 64;
    assert_true(open_it(f));
    data_dir_close(&f->dir);
    f->wish.node = NULL;
    f->wish.node_default = "other:2";
    f->wish.partitions = 128;
    assert_true(open_it(f));
    assert_false(f->dir.fresh);
    assert_string_equal(f->dir.node, "alice");
    assert_int_equal(f->dir.partitions, 64);
    assert_said(f, "founded with 64 partitions");
}

static void another_nodes_directory_is_refused(void **state)
{
    struct fixture *f = *state;
    f->wish.node = "alice";
    assert_true(open_it(f));
    data_dir_close(&f->dir);
    f->wish.node = "bob";
    assert_false(open_it(f));
    assert_said(f, "belongs to node alice, not to bob");
}

static void a_directory_in_use_is_refused_with_the_pid(void **state)
{
    struct fixture *f = *state;
    struct data_dir second = {.lock = -1};
    char pid[32];
    assert_true(open_it(f));
    assert_false(data_dir_open(&second, &f->wish, &f->log));
    snprintf(pid, sizeof(pid), "pid %ld;", (long)getpid());
    assert_said(f, "in use by another process");
    assert_said(f, pid);
    data_dir_close(&f->dir);
    assert_true(data_dir_open(&second, &f->wish, &f->log));
    data_dir_close(&second);
}

static void a_foreign_directory_is_refused_and_left_as_it_was(void **state)
{
    struct fixture *f = *state;
    char path[128];
    assert_int_equal(mkdir(f->path, 0700), 0);
    write_file(f, "letter.txt", "dear");
    assert_false(open_it(f));
    assert_said(f, "is not empty and has not been made by ringcached");
    snprintf(path, sizeof(path), "%s/lock", f->path);
    assert_int_not_equal(access(path, F_OK), 0);
}

static void a_later_format_is_refused(void **state)
{
    struct fixture *f = *state;
    assert_int_equal(mkdir(f->path, 0700), 0);
    write_file(f, "identity", "ringcached-data 2\nshape of things to come\n");
    assert_false(open_it(f));
    assert_said(f, "was written by a later release");
}

static void a_damaged_identity_is_refused(void **state)
{
    struct fixture *f = *state;
    assert_int_equal(mkdir(f->path, 0700), 0);
    write_file(f, "identity", "");
    assert_false(open_it(f));
    assert_said(f, "damaged identity file");
    write_file(f, "identity", "ringcached-data 1\nnode a");
    assert_false(open_it(f));
}

static void a_first_start_that_was_interrupted_starts_anew(void **state)
{
    struct fixture *f = *state;
    assert_int_equal(mkdir(f->path, 0700), 0);
    write_file(f, "lock", "123\n");
    write_file(f, "identity.new", "ringca");
    assert_true(open_it(f));
    assert_true(f->dir.fresh);
}

static void a_missing_parent_and_a_file_in_the_way_are_named(void **state)
{
    struct fixture *f = *state;
    char path[128];
    snprintf(path, sizeof(path), "%s/no/such", f->parent);
    f->wish.path = path;
    assert_false(open_it(f));
    assert_said(f, "its parent directory does not exist");
    f->wish.path = "/dev/null";
    assert_false(open_it(f));
    assert_said(f, "data directory /dev/null cannot be");
}

static void closing_twice_is_harmless(void **state)
{
    struct fixture *f = *state;
    struct data_dir never = {0};
    assert_true(open_it(f));
    data_dir_close(&f->dir);
    data_dir_close(&f->dir);
    data_dir_close(&never);
}

static void lines_are_one_line_and_rate_limited(void **state)
{
    struct fixture *f = *state;
    unsigned lines = 0;
    for (unsigned i = 0; i < 10 * LOGGER_BURST_MAX; i++)
        logger_line(&f->log, LEVEL_ERROR, "test", "first \"line\"\nsecond");
    logger_line(&f->log, LEVEL_DEBUG, "test", "nobody asked for this");
    assert_said(f, "event=test text=\"first \\\"line\\\" second\"\n");
    static char all[1 << 20];
    ssize_t len = pread(f->log_fd, all, sizeof(all), 0);
    for (ssize_t i = 0; i < len; i++)
        lines += all[i] == '\n';
    assert_true(lines >= LOGGER_BURST_MAX && lines <= LOGGER_BURST_MAX + 5 * LOGGER_PER_SECOND_MAX);
}

static struct last_run follow(struct fixture *f)
{
    struct last_run last;
    assert_true(last_run_read(&last, &f->dir, &f->log));
    assert_true(last_run_note(&f->dir, &f->log));
    return last;
}

static void in_directory(struct fixture *f, const char *command)
{
    char line[256];
    snprintf(line, sizeof(line), "cd '%s' && %s", f->path, command);
    assert_int_equal(system(line), 0);
}

static void a_start_knows_the_one_before_it(void **state)
{
    struct fixture *f = *state;
    assert_true(open_it(f));
    assert_false(follow(f).is_known);
    struct last_run last = follow(f);
    assert_true(last.is_known && last.is_same_boot);
    assert_false(last.is_copied);
}

static void another_boot_of_the_machine_is_noticed(void **state)
{
    struct fixture *f = *state;
    assert_true(open_it(f));
    follow(f);
    in_directory(f, "sed -i 's/^boot ..../boot 0000/' run");
    struct last_run last = follow(f);
    assert_true(last.is_known);
    assert_false(last.is_same_boot);
    assert_true(follow(f).is_same_boot); /* this start has left its own note */
}

static void a_copy_of_the_directory_is_noticed(void **state)
{
    struct fixture *f = *state;
    assert_true(open_it(f));
    follow(f);
    data_dir_close(&f->dir);
    in_directory(f, "cp -a . ../copy && cd .. && mv data moved && mv copy data");
    assert_true(open_it(f));
    assert_true(follow(f).is_copied);
    assert_false(follow(f).is_copied);
}

/* Somebody who cannot tell what happened must not say that nothing did. */
static void a_note_that_is_damaged_is_none(void **state)
{
    struct fixture *f = *state;
    assert_true(open_it(f));
    follow(f);
    in_directory(f, "printf 'ringcached-run 9' > run");
    struct last_run last = follow(f);
    assert_false(last.is_known);
    assert_false(last.is_same_boot);
}

#define CLAIM(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        CLAIM(a_missing_directory_is_made_for_its_owner_only),
        CLAIM(name_and_partitions_are_remembered),
        CLAIM(another_nodes_directory_is_refused),
        CLAIM(a_directory_in_use_is_refused_with_the_pid),
        CLAIM(a_foreign_directory_is_refused_and_left_as_it_was),
        CLAIM(a_later_format_is_refused),
        CLAIM(a_damaged_identity_is_refused),
        CLAIM(a_first_start_that_was_interrupted_starts_anew),
        CLAIM(a_missing_parent_and_a_file_in_the_way_are_named),
        CLAIM(closing_twice_is_harmless),
        CLAIM(a_start_knows_the_one_before_it),
        CLAIM(another_boot_of_the_machine_is_noticed),
        CLAIM(a_copy_of_the_directory_is_noticed),
        CLAIM(a_note_that_is_damaged_is_none),
        CLAIM(lines_are_one_line_and_rate_limited),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
