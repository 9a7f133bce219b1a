/* A libmemcached client of the server whose port is in the environment (t/blackbox/with_server.py starts it). */
#ifndef CLIENT_FIXTURE_H
#define CLIENT_FIXTURE_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>
#include <libmemcached/memcached.h>

static inline memcached_st *client_new(int binary)
{
    const char *host = getenv("RINGCACHED_HOST"), *port = getenv("RINGCACHED_PORT");
    assert_true(host != NULL && port != NULL);
    memcached_st *client = memcached_create(NULL);
    assert_non_null(client);
    assert_int_equal(memcached_server_add(client, host, (in_port_t)atoi(port)), MEMCACHED_SUCCESS);
    assert_int_equal(memcached_behavior_set(client, MEMCACHED_BEHAVIOR_BINARY_PROTOCOL, (uint64_t)binary),
                     MEMCACHED_SUCCESS);
    assert_int_equal(memcached_behavior_set(client, MEMCACHED_BEHAVIOR_SUPPORT_CAS, 1), MEMCACHED_SUCCESS);
    return client;
}

static inline int text_client(void **state)
{
    *state = client_new(0);
    return 0;
}

static inline int binary_client(void **state)
{
    *state = client_new(1);
    return 0;
}

static inline int client_end(void **state)
{
    memcached_free(*state);
    return 0;
}

/* Each claim is tested with both protocols. */
#define BOTH(test)                                                                                                     \
    {#test " (text)", test, text_client, client_end, NULL},                                                            \
    {                                                                                                                  \
#test " (binary)", test, binary_client, client_end, NULL                                                       \
    }

static inline memcached_return_t put(memcached_st *client, const char *key, const char *value, time_t expiry,
                                     uint32_t flags)
{
    return memcached_set(client, key, strlen(key), value, strlen(value), expiry, flags);
}

/* The value must be `expected`; NULL: there must be none. */
static inline void must_hold(memcached_st *client, const char *key, const char *expected)
{
    size_t len = 0;
    uint32_t flags = 0;
    memcached_return_t result;
    char *value = memcached_get(client, key, strlen(key), &len, &flags, &result);
    if (expected == NULL) {
        assert_int_equal(result, MEMCACHED_NOTFOUND);
        assert_null(value);
        return;
    }
    assert_int_equal(result, MEMCACHED_SUCCESS);
    assert_int_equal(len, strlen(expected));
    assert_memory_equal(value, expected, len);
    free(value);
}

#endif
