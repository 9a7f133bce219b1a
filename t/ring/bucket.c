/* Buckets: which settings a key has, and which settings cannot be. */
#include "ring/bucket.h"

#include "base/prng.h"
#include "base/seeded.h"

static struct bucket with_prefix(const char *name, const char *prefix)
{
    struct bucket bucket = bucket_default(name);
    bucket.prefix_len = (uint16_t)strlen(prefix);
    memcpy(bucket.prefix, prefix, bucket.prefix_len);
    return bucket;
}

static const char *put(struct bucket_table *table, const char *name, const char *prefix)
{
    struct bucket bucket = with_prefix(name, prefix);
    return bucket_table_put(table, &bucket);
}

static const char *name_for(const struct bucket_table *table, const char *key)
{
    return bucket_of_key(table, bytes_of_text(key))->name;
}

static void a_new_table_has_the_documented_defaults(void **state)
{
    (void)state;
    struct bucket_table table;
    bucket_table_init(&table);
    const struct bucket *bucket = bucket_of_key(&table, bytes_of_text("any"));
    assert_string_equal(bucket->name, "default");
    assert_int_equal(bucket->prefix_len, 0);
    assert_int_equal(bucket->r, 2);
    assert_int_equal(bucket->w, 2);
    assert_int_equal(bucket->reconcile, RECONCILE_SIBLINGS);
    assert_int_equal(bucket->stale_cas, STALE_CAS_EXISTS);
    assert_int_equal(bucket->durability, DURABILITY_COMMITTED);
    assert_true(bucket->multi_value);
    assert_int_equal(bucket->durable_writes, 0);
    assert_int_equal(bucket->siblings_max, 100);
    assert_null(bucket_conflict(bucket));
    bucket_table_close(&table);
}

static void the_longest_prefix_wins_in_whatever_order_they_came(void **state)
{
    (void)state;
    const char *const prefixes[] = {"s", "session:", "session:admin:", "t"};
    for (unsigned first = 0; first < 4; first++) {
        struct bucket_table table;
        bucket_table_init(&table);
        for (unsigned i = 0; i < 4; i++)
            assert_null(put(&table, prefixes[(first + i) % 4], prefixes[(first + i) % 4]));
        assert_string_equal(name_for(&table, "session:admin:1"), "session:admin:");
        assert_string_equal(name_for(&table, "session:admin:"), "session:admin:");
        assert_string_equal(name_for(&table, "session:admin"), "session:");
        assert_string_equal(name_for(&table, "session"), "s");
        assert_string_equal(name_for(&table, "t"), "t");
        assert_string_equal(name_for(&table, "u"), "default");
        assert_string_equal(name_for(&table, "Session:1"), "default");
        assert_string_equal(name_for(&table, ""), "default");
        bucket_table_close(&table);
    }
}

/* Against the definition: of all buckets whose prefix begins the key, the one with the longest. */
static void generated_keys_find_the_bucket_of_the_definition(void **state)
{
    (void)state;
    for (uint64_t seed = 1; seed <= 50; seed++) {
        struct prng prng;
        prng_init(&prng, seed);
        struct bucket_table table;
        bucket_table_init(&table);
        for (unsigned i = 0; i < 20; i++) { /* two letters only, so that prefixes nest and collide */
            char prefix[6] = {0}, name[] = "n00";
            for (uint64_t n = prng_below(&prng, 5), at = 0; at <= n; at++)
                prefix[at] = (char)('a' + prng_below(&prng, 2));
            name[1] = (char)('0' + i / 10);
            name[2] = (char)('0' + i % 10);
            (void)put(&table, name, prefix);
        }
        for (unsigned round = 0; round < 500; round++) {
            char key[9] = {0};
            for (uint64_t n = prng_below(&prng, 9), at = 0; at < n; at++)
                key[at] = (char)('a' + prng_below(&prng, 2));
            const struct bucket *found = bucket_of_key(&table, bytes_of_text(key));
            struct bytes prefix = bytes_of(found->prefix, found->prefix_len);
            assert_seeded(bytes_begin_with(bytes_of_text(key), prefix), seed);
            for (uint32_t i = 0; i < table.count; i++) {
                struct bytes other = bytes_of(table.buckets[i].prefix, table.buckets[i].prefix_len);
                if (other.len > prefix.len)
                    assert_seeded(!bytes_begin_with(bytes_of_text(key), other), seed);
            }
        }
        bucket_table_close(&table);
    }
}

static void prefixes_are_bytes_with_zeros_among_them(void **state)
{
    (void)state;
    struct bucket_table table;
    bucket_table_init(&table);
    struct bucket bucket = bucket_default("binary");
    memcpy(bucket.prefix, "\0\xff", 2);
    bucket.prefix_len = 2;
    assert_null(bucket_table_put(&table, &bucket));
    assert_string_equal(bucket_of_key(&table, bytes_of("\0\xff\0", 3))->name, "binary");
    assert_string_equal(bucket_of_key(&table, bytes_of("\0", 1))->name, "default");
    bucket_table_close(&table);
}

static void the_same_name_replaces(void **state)
{
    (void)state;
    struct bucket_table table;
    bucket_table_init(&table);
    assert_null(put(&table, "a", "a:"));
    assert_null(put(&table, "b", "b:"));
    struct bucket changed = with_prefix("a", "c:");
    changed.r = 3;
    assert_null(bucket_table_put(&table, &changed));
    assert_int_equal(table.count, 3);
    assert_string_equal(name_for(&table, "a:1"), "default");
    assert_int_equal(bucket_of_key(&table, bytes_of_text("c:1"))->r, 3);

    struct bucket fallback = bucket_default("default");
    fallback.reconcile = RECONCILE_LWW;
    assert_null(bucket_table_put(&table, &fallback));
    assert_int_equal(table.count, 3);
    assert_int_equal(bucket_of_key(&table, bytes_of_text("x"))->reconcile, RECONCILE_LWW);
    bucket_table_close(&table);
}

static void two_buckets_never_have_one_prefix(void **state)
{
    (void)state;
    struct bucket_table table;
    bucket_table_init(&table);
    assert_null(put(&table, "a", "a:"));
    assert_null(put(&table, "b", "b:"));
    assert_non_null(put(&table, "c", "a:"));
    assert_non_null(put(&table, "b", "a:")); /* not by a change either */
    assert_null(put(&table, "b", "b:"));     /* its own is no duplicate */
    assert_int_equal(table.count, 3);
    assert_string_equal(name_for(&table, "b:1"), "b");
    bucket_table_close(&table);
}

static void only_the_default_bucket_has_no_prefix(void **state)
{
    (void)state;
    struct bucket_table table;
    bucket_table_init(&table);
    assert_non_null(put(&table, "a", ""));
    assert_non_null(put(&table, "default", "d:"));
    assert_int_equal(table.count, 1);
    bucket_table_close(&table);
}

static void impossible_settings_are_refused_and_change_nothing(void **state)
{
    (void)state;
    struct bucket_table table;
    bucket_table_init(&table);
    struct bucket bucket = with_prefix("a", "a:");
    bucket.reconcile = RECONCILE_LWW;
    bucket.stale_cas = STALE_CAS_SIBLING;
    assert_non_null(bucket_conflict(&bucket));
    assert_ptr_equal(bucket_table_put(&table, &bucket), bucket_conflict(&bucket));
    bucket.stale_cas = STALE_CAS_EXISTS;
    assert_null(bucket_conflict(&bucket));

    bucket.durable_writes = 1;
    assert_non_null(bucket_table_put(&table, &bucket));
    bucket.durability = DURABILITY_BUFFERED;
    assert_null(bucket_conflict(&bucket));

    bucket.siblings_max = 0;
    assert_non_null(bucket_table_put(&table, &bucket));
    assert_int_equal(table.count, 1);
    bucket_table_close(&table);
}

static void a_table_holds_256_buckets(void **state)
{
    (void)state;
    struct bucket_table table;
    bucket_table_init(&table);
    for (unsigned i = 1; i < BUCKETS_MAX; i++) {
        char name[] = "b000";
        name[1] = (char)('0' + i / 100);
        name[2] = (char)('0' + i / 10 % 10);
        name[3] = (char)('0' + i % 10);
        assert_null(put(&table, name, name));
    }
    assert_int_equal(table.count, BUCKETS_MAX);
    assert_non_null(put(&table, "more", "more"));
    assert_null(put(&table, "b001", "new"));
    assert_int_equal(table.count, BUCKETS_MAX);
    assert_string_equal(name_for(&table, "new:1"), "b001");
    assert_string_equal(name_for(&table, "b255"), "b255");
    bucket_table_close(&table);
}

static void a_copy_is_independent(void **state)
{
    (void)state;
    struct bucket_table table, copy;
    bucket_table_init(&table);
    assert_null(put(&table, "a", "a:"));
    bucket_table_copy(&copy, &table);
    assert_null(put(&table, "b", "b:"));
    struct bucket changed = with_prefix("a", "z:");
    assert_null(bucket_table_put(&table, &changed));
    bucket_table_close(&table);
    assert_int_equal(copy.count, 2);
    assert_string_equal(name_for(&copy, "a:1"), "a");
    assert_string_equal(name_for(&copy, "b:1"), "default");
    bucket_table_close(&copy);
}

static void the_longest_names_and_prefixes_fit(void **state)
{
    (void)state;
    char name[BUCKET_NAME_MAX + 1], prefix[BUCKET_PREFIX_MAX + 1];
    memset(name, 'n', sizeof name);
    memset(prefix, 'p', sizeof prefix);
    name[BUCKET_NAME_MAX] = 0;
    prefix[BUCKET_PREFIX_MAX] = 0;
    struct bucket_table table;
    bucket_table_init(&table);
    assert_null(put(&table, name, prefix));
    assert_string_equal(name_for(&table, prefix), name);
    assert_string_equal(name_for(&table, prefix + 1), "default");
    bucket_table_close(&table);
}

static void tables_are_equal_when_every_setting_is(void **state)
{
    (void)state;
    struct bucket changed[9];
    for (unsigned i = 0; i < 9; i++)
        changed[i] = with_prefix("b", "p");
    changed[0].r = 3;
    changed[1].w = 3;
    changed[2].reconcile = RECONCILE_LWW;
    changed[3].stale_cas = STALE_CAS_SIBLING;
    changed[4].durability = DURABILITY_SYNCED;
    changed[5].multi_value = false;
    changed[6].siblings_max = 7;
    changed[7].prefix[0] = 'q';
    changed[8].name[0] = 'c';
    struct bucket_table a, b;
    bucket_table_init(&a);
    bucket_table_init(&b);
    assert_true(bucket_table_equal(&a, &b));
    assert_null(put(&a, "b", "p"));
    assert_false(bucket_table_equal(&a, &b));
    assert_null(put(&b, "b", "p"));
    assert_true(bucket_table_equal(&a, &b));
    bucket_table_close(&b);
    for (unsigned i = 0; i < 9; i++) {
        bucket_table_init(&b);
        assert_null(bucket_table_put(&b, &changed[i]));
        assert_false(bucket_table_equal(&a, &b));
        bucket_table_close(&b);
    }
    bucket_table_close(&a);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_new_table_has_the_documented_defaults),
        cmocka_unit_test(the_longest_prefix_wins_in_whatever_order_they_came),
        cmocka_unit_test(generated_keys_find_the_bucket_of_the_definition),
        cmocka_unit_test(prefixes_are_bytes_with_zeros_among_them),
        cmocka_unit_test(the_same_name_replaces),
        cmocka_unit_test(two_buckets_never_have_one_prefix),
        cmocka_unit_test(only_the_default_bucket_has_no_prefix),
        cmocka_unit_test(impossible_settings_are_refused_and_change_nothing),
        cmocka_unit_test(a_table_holds_256_buckets),
        cmocka_unit_test(a_copy_is_independent),
        cmocka_unit_test(the_longest_names_and_prefixes_fit),
        cmocka_unit_test(tables_are_equal_when_every_setting_is),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
