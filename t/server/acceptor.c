/* What takes connections, when the system gives it nothing. */
#define _GNU_SOURCE
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "server/acceptor.h"

#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

/* As shell_open does it: after a failed init the listeners are closed by whoever has them, and everything else by
 * acceptor_close. */
static void an_acceptor_that_cannot_start_leaves_the_listeners_to_the_caller(void **state)
{
    (void)state;
    struct logger log;
    struct rlimit old, none;
    struct acceptor *acceptor = calloc(1, sizeof(*acceptor));
    assert_non_null(acceptor);
    struct event_base *base = event_base_new();
    struct listeners listeners = {.count = 1, .unix_socket = strdup("/tmp/ringcached-no-such-socket")};
    listeners.fds[0] = socket(AF_UNIX, SOCK_STREAM, 0);
    assert_true(listeners.fds[0] >= 0);
    int number = listeners.fds[0];
    logger_init(&log, -1, 0);
    assert_int_equal(getrlimit(RLIMIT_NOFILE, &old), 0);
    none = (struct rlimit){.rlim_cur = 0, .rlim_max = old.rlim_max};
    assert_int_equal(setrlimit(RLIMIT_NOFILE, &none), 0);
    bool good = acceptor_init(acceptor, base, &listeners, &log);
    assert_int_equal(setrlimit(RLIMIT_NOFILE, &old), 0);
    assert_false(good);

    listeners_close(&listeners);
    int others = socket(AF_UNIX, SOCK_STREAM, 0); /* the same number, now somebody else's */
    assert_int_equal(others, number);
    acceptor_close(acceptor);
    assert_int_equal(close(others), 0);
    event_base_free(base);
    logger_close(&log);
    free(acceptor);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(an_acceptor_that_cannot_start_leaves_the_listeners_to_the_caller),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
