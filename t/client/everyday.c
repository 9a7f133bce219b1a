/* What an application does with libmemcached, in both protocols. */
#include "fixture.h"

#include <unistd.h>

static void set_get_and_delete(void **state)
{
    memcached_st *client = *state;
    assert_int_equal(put(client, "a", "value", 0, 77), MEMCACHED_SUCCESS);
    size_t len;
    uint32_t flags;
    memcached_return_t result;
    char *value = memcached_get(client, "a", 1, &len, &flags, &result);
    assert_int_equal(result, MEMCACHED_SUCCESS);
    assert_int_equal(flags, 77);
    assert_int_equal(len, 5);
    assert_memory_equal(value, "value", 5);
    free(value);
    assert_int_equal(memcached_delete(client, "a", 1, 0), MEMCACHED_SUCCESS);
    assert_int_equal(memcached_delete(client, "a", 1, 0), MEMCACHED_NOTFOUND);
    must_hold(client, "a", NULL);
}

static void add_and_replace_look_first(void **state)
{
    memcached_st *client = *state;
    memcached_delete(client, "b", 1, 0);
    /* Text says NOT_STORED; the binary protocol says why. */
    bool binary = memcached_behavior_get(client, MEMCACHED_BEHAVIOR_BINARY_PROTOCOL) != 0;
    assert_int_equal(memcached_replace(client, "b", 1, "1", 1, 0, 0),
                     binary ? MEMCACHED_NOTFOUND : MEMCACHED_NOTSTORED);
    assert_int_equal(memcached_add(client, "b", 1, "2", 1, 0, 0), MEMCACHED_SUCCESS);
    assert_int_equal(memcached_add(client, "b", 1, "3", 1, 0, 0), binary ? MEMCACHED_DATA_EXISTS : MEMCACHED_NOTSTORED);
    assert_int_equal(memcached_replace(client, "b", 1, "4", 1, 0, 0), MEMCACHED_SUCCESS);
    must_hold(client, "b", "4");
}

static void append_and_prepend(void **state)
{
    memcached_st *client = *state;
    assert_int_equal(put(client, "c", "middle", 0, 0), MEMCACHED_SUCCESS);
    assert_int_equal(memcached_append(client, "c", 1, ">", 1, 0, 0), MEMCACHED_SUCCESS);
    assert_int_equal(memcached_prepend(client, "c", 1, "<", 1, 0, 0), MEMCACHED_SUCCESS);
    must_hold(client, "c", "<middle>");
}

static void numbers_count(void **state)
{
    memcached_st *client = *state;
    uint64_t number = 0;
    memcached_delete(client, "n", 1, 0);
    assert_int_equal(memcached_increment(client, "n", 1, 1, &number), MEMCACHED_NOTFOUND);
    assert_int_equal(put(client, "n", "10", 0, 0), MEMCACHED_SUCCESS);
    assert_int_equal(memcached_increment(client, "n", 1, 5, &number), MEMCACHED_SUCCESS);
    assert_int_equal(number, 15);
    assert_int_equal(memcached_decrement(client, "n", 1, 100, &number), MEMCACHED_SUCCESS);
    assert_int_equal(number, 0);
}

static void a_missing_number_is_made(void **state)
{
    /* The binary protocol only: text has no such command. */
    memcached_st *client = *state;
    uint64_t number = 0;
    memcached_delete(client, "made", 4, 0);
    assert_int_equal(memcached_increment_with_initial(client, "made", 4, 1, 42, 0, &number), MEMCACHED_SUCCESS);
    assert_int_equal(number, 42);
    assert_int_equal(memcached_increment_with_initial(client, "made", 4, 1, 42, 0, &number), MEMCACHED_SUCCESS);
    assert_int_equal(number, 43);
}

static void exist_leaves_no_trace(void **state)
{
    /* The text client asks with an `add` that expires at once. */
    memcached_st *client = *state;
    memcached_delete(client, "e", 1, 0);
    assert_int_equal(memcached_exist(client, "e", 1), MEMCACHED_NOTFOUND);
    assert_int_equal(memcached_exist(client, "e", 1), MEMCACHED_NOTFOUND);
    assert_int_equal(put(client, "e", "1", 0, 0), MEMCACHED_SUCCESS);
    assert_int_equal(memcached_exist(client, "e", 1), MEMCACHED_SUCCESS);
    must_hold(client, "e", "1");
}

static void touch_changes_the_time(void **state)
{
    memcached_st *client = *state;
    assert_int_equal(put(client, "t", "1", 0, 0), MEMCACHED_SUCCESS);
    assert_int_equal(memcached_touch(client, "t", 1, 100), MEMCACHED_SUCCESS);
    must_hold(client, "t", "1");
    /* Over thirty days is an absolute time: this one is in 1970. */
    assert_int_equal(memcached_touch(client, "t", 1, 2592001), MEMCACHED_SUCCESS);
    must_hold(client, "t", NULL);
    assert_int_equal(memcached_touch(client, "t", 1, 100), MEMCACHED_NOTFOUND);
}

static void mget_fetches_what_is_there(void **state)
{
    memcached_st *client = *state;
    char keys[100][16];
    const char *pointers[100];
    size_t lengths[100];
    for (int i = 0; i < 100; i++) {
        lengths[i] = (size_t)snprintf(keys[i], sizeof(keys[i]), "many.%d", i);
        pointers[i] = keys[i];
        memcached_delete(client, keys[i], lengths[i], 0);
        if (i % 2 == 0)
            assert_int_equal(put(client, keys[i], keys[i], 0, (uint32_t)i), MEMCACHED_SUCCESS);
    }
    assert_int_equal(memcached_mget(client, pointers, lengths, 100), MEMCACHED_SUCCESS);
    int found = 0;
    memcached_return_t result;
    memcached_result_st *item;
    while ((item = memcached_fetch_result(client, NULL, &result)) != NULL) {
        assert_int_equal(memcached_result_length(item), memcached_result_key_length(item));
        assert_memory_equal(memcached_result_value(item), memcached_result_key_value(item),
                            memcached_result_length(item));
        assert_int_equal(memcached_result_flags(item) % 2, 0);
        found++;
        memcached_result_free(item);
    }
    assert_int_equal(found, 50);
}

static void quiet_writes_keep_step(void **state)
{
    memcached_st *client = *state;
    assert_int_equal(memcached_behavior_set(client, MEMCACHED_BEHAVIOR_NOREPLY, 1), MEMCACHED_SUCCESS);
    for (int i = 0; i < 500; i++) {
        char value[16];
        snprintf(value, sizeof(value), "%d", i);
        put(client, "quiet", value, 0, 0);
    }
    assert_int_equal(memcached_behavior_set(client, MEMCACHED_BEHAVIOR_NOREPLY, 0), MEMCACHED_SUCCESS);
    memcached_flush_buffers(client);
    must_hold(client, "quiet", "499");
}

static void buffered_writes_arrive(void **state)
{
    memcached_st *client = *state;
    assert_int_equal(memcached_behavior_set(client, MEMCACHED_BEHAVIOR_BUFFER_REQUESTS, 1), MEMCACHED_SUCCESS);
    for (int i = 0; i < 500; i++) {
        memcached_return_t result = put(client, "buffered", "1", 0, 0);
        assert_true(result == MEMCACHED_BUFFERED || result == MEMCACHED_SUCCESS);
    }
    assert_int_equal(memcached_flush_buffers(client), MEMCACHED_SUCCESS);
    assert_int_equal(memcached_behavior_set(client, MEMCACHED_BEHAVIOR_BUFFER_REQUESTS, 0), MEMCACHED_SUCCESS);
    must_hold(client, "buffered", "1");
}

static void large_values_and_too_large_ones(void **state)
{
    memcached_st *client = *state;
    size_t size = 1000000;
    char *value = malloc(2 * size);
    memset(value, 'v', 2 * size);
    assert_int_equal(memcached_set(client, "large", 5, value, size, 0, 0), MEMCACHED_SUCCESS);
    size_t len;
    uint32_t flags;
    memcached_return_t result;
    char *found = memcached_get(client, "large", 5, &len, &flags, &result);
    assert_int_equal(result, MEMCACHED_SUCCESS);
    assert_int_equal(len, size);
    assert_memory_equal(found, value, size);
    free(found);
    assert_int_not_equal(memcached_set(client, "large", 5, value, 2 * size, 0, 0), MEMCACHED_SUCCESS);
    free(value);
    /* The connection is still good. */
    assert_int_equal(put(client, "small", "1", 0, 0), MEMCACHED_SUCCESS);
    must_hold(client, "small", "1");
}

static void version_and_statistics(void **state)
{
    memcached_st *client = *state;
    assert_int_equal(memcached_version(client), MEMCACHED_SUCCESS);
    memcached_return_t result;
    memcached_stat_st *statistics = memcached_stat(client, NULL, &result);
    assert_int_equal(result, MEMCACHED_SUCCESS);
    char *pid = memcached_stat_get_value(client, statistics, "pid", &result);
    assert_non_null(pid);
    assert_true(atoi(pid) > 0);
    free(pid);
    memcached_stat_free(client, statistics);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        BOTH(set_get_and_delete),
        BOTH(add_and_replace_look_first),
        BOTH(append_and_prepend),
        BOTH(numbers_count),
        cmocka_unit_test_setup_teardown(a_missing_number_is_made, binary_client, client_end),
        BOTH(exist_leaves_no_trace),
        BOTH(touch_changes_the_time),
        BOTH(mget_fetches_what_is_there),
        BOTH(quiet_writes_keep_step),
        BOTH(buffered_writes_arrive),
        BOTH(large_values_and_too_large_ones),
        BOTH(version_and_statistics),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
