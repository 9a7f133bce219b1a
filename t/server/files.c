/* The shared secret's file, the file of the ring's state, and the file of ports. */
#define _GNU_SOURCE
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "server/listen.h"
#include "server/secret.h"
#include "server/state_file.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

struct fixture {
    char directory[64], path[96];
    struct logger log;
    int log_fd;
    struct secret secret;
};

static int setup(void **state)
{
    struct fixture *f = calloc(1, sizeof(*f));
    assert_non_null(f);
    strcpy(f->directory, "/tmp/ringcached-files-XXXXXX");
    assert_non_null(mkdtemp(f->directory));
    snprintf(f->path, sizeof(f->path), "%s/file", f->directory);
    f->log_fd = memfd_create("log", MFD_CLOEXEC);
    logger_init(&f->log, f->log_fd, 0);
    *state = f;
    return 0;
}

static int teardown(void **state)
{
    struct fixture *f = *state;
    static const char *const NAMES[] = {"file", "file.new", "state", "state.new"};
    char path[128];
    for (size_t i = 0; i < sizeof(NAMES) / sizeof(NAMES[0]); i++) {
        snprintf(path, sizeof(path), "%s/%s", f->directory, NAMES[i]);
        unlink(path);
    }
    assert_int_equal(rmdir(f->directory), 0);
    logger_close(&f->log);
    close(f->log_fd);
    free(f);
    return 0;
}

static bool has_logged(struct fixture *f, const char *text)
{
    char said[4096];
    ssize_t len = pread(f->log_fd, said, sizeof(said) - 1, 0);
    said[len > 0 ? len : 0] = '\0';
    return strstr(said, text) != NULL;
}

static bool load(struct fixture *f, const void *text, size_t len, mode_t mode)
{
    FILE *file = fopen(f->path, "w");
    assert_non_null(file);
    assert_int_equal(fwrite(text, 1, len, file), len);
    fclose(file);
    assert_int_equal(chmod(f->path, mode), 0);
    return secret_load(&f->secret, f->path, &f->log);
}

static void assert_secret(struct fixture *f, const char *text)
{
    assert_true(bytes_equal(secret_bytes(&f->secret), bytes_of_text(text)));
}

static void a_secret_is_the_files_content_without_its_line_end(void **state)
{
    struct fixture *f = *state;
    assert_true(load(f, "horse", 5, 0600));
    assert_secret(f, "horse");
    assert_true(load(f, "horse\n", 6, 0640)); /* a group may share it */
    assert_secret(f, "horse");
    assert_true(load(f, "horse\r\n", 7, 0400));
    assert_secret(f, "horse");
    assert_true(load(f, " two\nlines\n", 11, 0600));
    assert_secret(f, " two\nlines");
    assert_true(secret_load(&f->secret, NULL, &f->log)); /* none */
    assert_int_equal(f->secret.len, 0);
}

static void a_secret_that_others_can_read_or_write_is_refused(void **state)
{
    struct fixture *f = *state;
    assert_false(load(f, "horse", 5, 0604));
    assert_int_equal(f->secret.len, 0);
    assert_true(has_logged(f, "may be read or changed by others; chmod it to 600"));
    assert_false(load(f, "horse", 5, 0602));
    assert_false(load(f, "horse", 5, 0666));
}

static void a_secret_has_a_length(void **state)
{
    struct fixture *f = *state;
    static char big[HANDSHAKE_SECRET_MAX + 1];
    memset(big, 'x', sizeof(big));
    assert_true(load(f, big, HANDSHAKE_SECRET_MAX, 0600));
    assert_int_equal(f->secret.len, HANDSHAKE_SECRET_MAX);
    assert_false(load(f, big, HANDSHAKE_SECRET_MAX + 1, 0600));
    assert_true(has_logged(f, "is too long; at most 4096 bytes"));
    assert_false(load(f, "", 0, 0600));
    assert_true(has_logged(f, "is empty"));
    assert_false(load(f, "\n", 1, 0600));
    assert_false(secret_load(&f->secret, "/tmp/ringcached-no-such-file", &f->log));
    assert_true(has_logged(f, "cannot read the secret file"));
}

static void assert_state(struct fixture *f, const char *expected, size_t expected_len)
{
    uint8_t *content;
    size_t len;
    assert_true(state_file_read(f->directory, "state", &content, &len, &f->log));
    assert_int_equal(len, expected_len);
    if (len != 0)
        assert_memory_equal(content, expected, len);
    free(content);
}

static void a_state_is_replaced_whole(void **state)
{
    struct fixture *f = *state;
    char draft[96];
    assert_state(f, "", 0); /* there is none yet */
    assert_true(state_file_write(f->directory, "state", bytes_of("one\0two", 7), &f->log));
    assert_state(f, "one\0two", 7);
    assert_true(state_file_write(f->directory, "state", bytes_of("3", 1), &f->log));
    assert_state(f, "3", 1);
    snprintf(draft, sizeof(draft), "%s/state.new", f->directory);
    assert_int_not_equal(access(draft, F_OK), 0);
    struct stat facts;
    snprintf(draft, sizeof(draft), "%s/state", f->directory);
    assert_int_equal(stat(draft, &facts), 0);
    assert_int_equal(facts.st_mode & 0777, 0600);
}

static void a_state_that_cannot_be_written_leaves_the_old_one(void **state)
{
    struct fixture *f = *state;
    char draft[96];
    assert_true(state_file_write(f->directory, "state", bytes_of("old", 3), &f->log));
    snprintf(draft, sizeof(draft), "%s/state.new", f->directory);
    assert_int_equal(mkdir(draft, 0700), 0); /* in the way, also of root */
    assert_false(state_file_write(f->directory, "state", bytes_of("new", 3), &f->log));
    assert_true(has_logged(f, "state.new"));
    assert_state(f, "old", 3);
    assert_int_equal(rmdir(draft), 0);
    uint8_t *content;
    size_t len;
    assert_false(state_file_read("/tmp", "", &content, &len, &f->log)); /* a directory */
    assert_null(content);
}

/* What a file system may leave behind that has lost a file's bytes: it must not pass for a node without a past. */
static void a_state_without_a_byte_is_damage(void **state)
{
    struct fixture *f = *state;
    uint8_t *content;
    size_t len;
    FILE *file = fopen(f->path, "w");
    assert_non_null(file);
    assert_int_equal(fclose(file), 0);
    assert_false(state_file_read(f->directory, "file", &content, &len, &f->log));
    assert_null(content);
    assert_true(has_logged(f, "it is empty"));
}

static void open_ports_are_written_for_whoever_started_the_process(void **state)
{
    struct fixture *f = *state;
    char text[128];
    setenv("RINGCACHED_PORTS_FILENAME", f->path, 1);
    ports_file_write(11211, 12211, 0, &f->log);
    unsetenv("RINGCACHED_PORTS_FILENAME");
    FILE *file = fopen(f->path, "r");
    assert_non_null(file);
    text[fread(text, 1, sizeof(text) - 1, file)] = '\0';
    fclose(file);
    assert_string_equal(text, "client 11211\npeer 12211\n");
}

#define CLAIM(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        CLAIM(a_secret_is_the_files_content_without_its_line_end),
        CLAIM(a_secret_that_others_can_read_or_write_is_refused),
        CLAIM(a_secret_has_a_length),
        CLAIM(a_state_is_replaced_whole),
        CLAIM(a_state_that_cannot_be_written_leaves_the_old_one),
        CLAIM(a_state_without_a_byte_is_damage),
        CLAIM(open_ports_are_written_for_whoever_started_the_process),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
