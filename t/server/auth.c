/* The password file. */
#define _GNU_SOURCE
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "server/auth.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

struct fixture {
    struct auth auth;
    struct logger log;
    int log_fd;
    char path[64];
};

static int setup(void **state)
{
    struct fixture *f = calloc(1, sizeof(*f));
    assert_non_null(f);
    strcpy(f->path, "/tmp/ringcached-auth-XXXXXX");
    close(mkstemp(f->path));
    f->log_fd = memfd_create("log", MFD_CLOEXEC);
    logger_init(&f->log, f->log_fd, 0);
    auth_init(&f->auth);
    *state = f;
    return 0;
}

static int teardown(void **state)
{
    struct fixture *f = *state;
    auth_close(&f->auth);
    logger_close(&f->log);
    close(f->log_fd);
    unlink(f->path);
    free(f);
    return 0;
}

static bool load(struct fixture *f, const char *text)
{
    FILE *file = fopen(f->path, "w");
    assert_non_null(file);
    fputs(text, file);
    fclose(file);
    return auth_load(&f->auth, f->path, &f->log);
}

static bool may(struct fixture *f, const char *user, const char *password)
{
    return auth_verify(&f->auth, bytes_of_text(user), bytes_of_text(password));
}

static void users_get_in_with_their_own_password_only(void **state)
{
    struct fixture *f = *state;
    assert_false(may(f, "foo", "bar")); /* nobody before a file has been read */
    assert_true(load(f, "foo:bar\nlong:a:b c\r\n\nlast:z"));
    assert_true(may(f, "foo", "bar"));
    assert_true(may(f, "long", "a:b c")); /* the first colon ends the name */
    assert_true(may(f, "last", "z"));     /* without a line end, too */
    assert_false(may(f, "foo", "z"));
    assert_false(may(f, "foo", "ba"));
    assert_false(may(f, "foo", "barr"));
    assert_false(may(f, "fo", "obar"));
    assert_false(may(f, "", ""));
    assert_false(may(f, "foo", ""));
}

static void texts_longer_than_any_entry_are_refused_without_overrun(void **state)
{
    struct fixture *f = *state;
    char big[AUTH_NAME_MAX + 2];
    memset(big, 'x', sizeof(big) - 1);
    big[sizeof(big) - 1] = '\0';
    assert_true(load(f, "foo:bar\n"));
    assert_false(may(f, big, "bar"));
    assert_false(may(f, "foo", big));
}

static void a_bad_reload_keeps_the_old_users_and_names_the_line(void **state)
{
    struct fixture *f = *state;
    char said[2048];
    assert_true(load(f, "foo:bar\n"));
    assert_false(load(f, "new:one\nno colon here\n"));
    assert_true(may(f, "foo", "bar"));
    assert_false(may(f, "new", "one"));
    ssize_t len = pread(f->log_fd, said, sizeof(said) - 1, 0);
    said[len > 0 ? len : 0] = '\0';
    assert_non_null(strstr(said, ":2: the line is not of the form user:password"));
    assert_null(strstr(said, "no colon here")); /* passwords do not go into logs */
    assert_false(load(f, ""));
    assert_false(load(f, ":nameless\n"));
    assert_true(load(f, "new:one\n"));
    assert_false(may(f, "foo", "bar"));
    assert_true(may(f, "new", "one"));
}

#define CLAIM(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        CLAIM(users_get_in_with_their_own_password_only),
        CLAIM(texts_longer_than_any_entry_are_refused_without_overrun),
        CLAIM(a_bad_reload_keeps_the_old_users_and_names_the_line),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
