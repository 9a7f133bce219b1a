/* Siblings as libmemcached shows them: `cas` with one token twice, all versions by mget + fetch_result, and the cart
 * that is written back. The keys are in the bucket `cart:` with stale-cas = sibling. */
#include "fixture.h"

enum { VERSIONS_MAX = 8 };

/* What one look at a key showed. */
struct look {
    unsigned count;
    char values[VERSIONS_MAX][64];
    uint64_t token; /* of the last one; all must be the same in text */
};

static void look_add(struct look *look, memcached_result_st *item)
{
    assert_true(look->count < VERSIONS_MAX && memcached_result_length(item) < 64);
    if (memcached_result_length(item) != 0) /* an empty value is a NULL in libmemcached */
        memcpy(look->values[look->count], memcached_result_value(item), memcached_result_length(item));
    look->values[look->count++][memcached_result_length(item)] = '\0';
    look->token = memcached_result_cas(item);
}

/* Mentions the key `mentions` times in one mget and fetches what comes. */
static struct look look_at(memcached_st *client, const char *key, size_t mentions)
{
    struct look look = {0};
    const char *keys[VERSIONS_MAX];
    size_t lengths[VERSIONS_MAX];
    for (size_t i = 0; i < mentions; i++) {
        keys[i] = key;
        lengths[i] = strlen(key);
    }
    assert_int_equal(memcached_mget(client, keys, lengths, mentions), MEMCACHED_SUCCESS);
    memcached_return_t result;
    memcached_result_st *item;
    while ((item = memcached_fetch_result(client, NULL, &result)) != NULL) {
        look_add(&look, item);
        memcached_result_free(item);
    }
    return look;
}

static memcached_return_t put_back(memcached_st *client, const char *key, const char *value, uint64_t token)
{
    return memcached_cas(client, key, strlen(key), value, strlen(value), 0, 0, token);
}

/* Two siblings, "milk" and then "bread". */
static void make_siblings(memcached_st *client, const char *key)
{
    assert_int_equal(put(client, key, "", 0, 0), MEMCACHED_SUCCESS);
    struct look look = look_at(client, key, 1);
    assert_int_equal(look.count, 1);
    assert_int_equal(put_back(client, key, "milk", look.token), MEMCACHED_SUCCESS);
    assert_int_equal(put_back(client, key, "bread", look.token), MEMCACHED_SUCCESS);
}

static void text_mget_shows_all_siblings(void **state)
{
    memcached_st *client = *state;
    make_siblings(client, "cart:1");
    struct look look = look_at(client, "cart:1", 1);
    assert_int_equal(look.count, 2);
    assert_string_equal(look.values[0], "milk");
    assert_string_equal(look.values[1], "bread");
    assert_int_equal(put_back(client, "cart:1", "milk bread", look.token), MEMCACHED_SUCCESS);
    look = look_at(client, "cart:1", 1);
    assert_int_equal(look.count, 1);
    assert_string_equal(look.values[0], "milk bread");
}

static void binary_mget_shows_the_next_sibling_for_each_mention(void **state)
{
    memcached_st *client = *state;
    make_siblings(client, "cart:2");
    struct look look = look_at(client, "cart:2", 2);
    assert_int_equal(look.count, 2);
    assert_string_equal(look.values[0], "bread");
    assert_string_equal(look.values[1], "milk");
    look = look_at(client, "cart:2", 1);
    assert_int_equal(look.count, 1);
    assert_string_equal(look.values[0], "bread");
}

static void get_takes_one_and_keeps_step(void **state)
{
    memcached_st *client = *state;
    make_siblings(client, "cart:3");
    for (int i = 0; i < 3; i++) {
        size_t len;
        uint32_t flags;
        memcached_return_t result;
        char *value = memcached_get(client, "cart:3", 6, &len, &flags, &result);
        assert_int_equal(result, MEMCACHED_SUCCESS);
        assert_true((len == 4 && memcmp(value, "milk", 4) == 0) || (len == 5 && memcmp(value, "bread", 5) == 0));
        free(value);
        assert_int_equal(put(client, "other", "1", 0, 0), MEMCACHED_SUCCESS);
        must_hold(client, "other", "1");
    }
}

static void other_buckets_refuse_a_stale_cas(void **state)
{
    memcached_st *client = *state;
    assert_int_equal(put(client, "plain", "1", 0, 0), MEMCACHED_SUCCESS);
    struct look look = look_at(client, "plain", 1);
    assert_int_equal(put_back(client, "plain", "2", look.token), MEMCACHED_SUCCESS);
    assert_int_equal(put_back(client, "plain", "3", look.token), MEMCACHED_DATA_EXISTS);
    must_hold(client, "plain", "2");
    memcached_delete(client, "plain", 5, 0);
    assert_int_equal(put_back(client, "plain", "4", look.token), MEMCACHED_NOTFOUND);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(text_mget_shows_all_siblings, text_client, client_end),
        cmocka_unit_test_setup_teardown(binary_mget_shows_the_next_sibling_for_each_mention, binary_client, client_end),
        BOTH(get_takes_one_and_keeps_step),
        BOTH(other_buckets_refuse_a_stale_cas),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
