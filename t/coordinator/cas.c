/* The cas token is the context: what a write with a token replaces, and what it leaves beside itself. */
#include "node/world.h"

static enum backing_kind kind;
static struct world the_world;
static struct world *const world = &the_world;

static uint64_t counted(const _Atomic uint64_t *counter)
{
    return atomic_load(counter);
}

static bool values_are(const char *key, const char *a, const char *b, const char *c)
{
    const char *const values[] = {a, b, c};
    unsigned count = a == NULL ? 0 : b == NULL ? 1 : c == NULL ? 2 : 3;
    return shows_all(world, key, values, count);
}

/* A key with the siblings "y" (newest) and "x". Returns the token that their writers had read. */
static uint64_t make_two(const char *key)
{
    assert_int_equal(set(world, key, "base"), REQUEST_OK);
    uint64_t token = token_of_all(world, key);
    assert_int_equal(cas(world, key, "x", token), REQUEST_OK);
    assert_int_equal(cas(world, key, "y", token), REQUEST_OK);
    assert_true(values_are(key, "y", "x", NULL));
    return token;
}

static void a_current_token_writes_once(void **state)
{
    (void)state;
    const char *const keys[] = {"k", "l:k"};
    world_open(world, kind);
    for (unsigned i = 0; i < 2; i++) {
        assert_int_equal(set(world, keys[i], "a"), REQUEST_OK);
        uint64_t token = token_of_all(world, keys[i]);
        assert_int_equal(cas(world, keys[i], "b", token), REQUEST_OK);
        assert_int_equal(cas(world, keys[i], "c", token), REQUEST_EXISTS);
        assert_true(values_are(keys[i], "b", NULL, NULL));
        assert_int_equal(cas(world, keys[i], "c", token_of_all(world, keys[i])), REQUEST_OK);
    }
    world_close(world);
}

static void a_wrong_token_is_exists_on_a_key_and_a_miss_without(void **state)
{
    (void)state;
    const char *const keys[] = {"k", "l:k", "s:k"};
    world_open(world, kind);
    for (unsigned i = 0; i < 3; i++) {
        assert_int_equal(cas(world, keys[i], "b", 12345), REQUEST_MISS);
        assert_int_equal(set(world, keys[i], "a"), REQUEST_OK);
        uint64_t token = token_of_all(world, keys[i]);
        assert_int_equal(cas(world, keys[i], "b", token ^ 1), REQUEST_EXISTS);
        assert_int_equal(cas(world, keys[i], "b", 0), REQUEST_EXISTS);
        assert_int_equal(delete (world, keys[i]), REQUEST_OK);
        assert_int_equal(cas(world, keys[i], "b", token), REQUEST_MISS);
        assert_true(is_missing(world, keys[i]));
    }
    world_close(world);
}

static void a_token_of_another_key_is_worth_nothing(void **state)
{
    (void)state;
    world_open(world, kind);
    assert_int_equal(set(world, "s:a", "1"), REQUEST_OK);
    assert_int_equal(set(world, "s:b", "1"), REQUEST_OK);
    assert_int_equal(cas(world, "s:b", "2", token_of_all(world, "s:a")), REQUEST_EXISTS);
    world_close(world);
}

static void the_same_token_twice_makes_siblings_where_allowed(void **state)
{
    (void)state;
    world_open(world, kind);
    uint64_t token = make_two("s:k");
    assert_true(shows(world, "s:k", "y"));
    assert_int_equal(cas(world, "s:k", "z", token), REQUEST_OK);
    assert_true(values_are("s:k", "z", "y", "x"));
    assert_true(counted(&world->node.coordinator.counters.siblings_made) == 2);
    assert_true(counted(&world->node.coordinator.counters.reads_by_versions[3]) >= 1);
    world_close(world);
}

static void the_token_of_all_resolves_them(void **state)
{
    (void)state;
    world_open(world, kind);
    (void)make_two("s:k");
    uint64_t all = token_of_all(world, "s:k");
    assert_int_equal(cas(world, "s:k", "merged", all), REQUEST_OK);
    assert_true(values_are("s:k", "merged", NULL, NULL));
    assert_true(counted(&world->node.coordinator.counters.siblings_resolved) == 1);
    assert_int_equal(cas(world, "s:k", "late", all), REQUEST_OK); /* stale again: beside it */
    assert_true(values_are("s:k", "late", "merged", NULL));
    world_close(world);
}

static void the_token_of_one_removes_that_one_only(void **state)
{
    (void)state;
    world_open(world, kind);
    for (int pick = 0; pick < 2; pick++) {
        (void)make_two("s:k");
        uint64_t one = token_of_one(world, "s:k", pick);
        assert_true(one != token_of_all(world, "s:k"));
        assert_int_equal(cas(world, "s:k", "new", one), REQUEST_OK);
        assert_true(values_are("s:k", "new", pick == 0 ? "x" : "y", NULL));
        assert_int_equal(cas(world, "s:k", "more", one), REQUEST_OK); /* what it showed is gone: nothing else goes */
        assert_true(values_are("s:k", "more", "new", pick == 0 ? "x" : "y"));
    }
    world_close(world);
}

static void the_token_of_a_write_beside_siblings_covers_that_write_only(void **state)
{
    (void)state;
    world_open(world, kind);
    (void)set(world, "s:k", "base");
    uint64_t token = token_of_all(world, "s:k");
    (void)cas(world, "s:k", "x", token);
    struct request *second = ask(world, REQUEST_SET, "s:k");
    second->value = text("y");
    second->has_token = true;
    second->token = token;
    assert_int_equal(run(world, second), REQUEST_OK);
    assert_true(second->written_token == token_of_one(world, "s:k", 0));
    struct request *touched = ask(world, REQUEST_TOUCH, "s:k");
    assert_int_equal(run(world, touched), REQUEST_OK);
    assert_true(touched->written_token == second->written_token);
    assert_int_equal(cas(world, "s:k", "y2", second->written_token), REQUEST_OK);
    assert_true(values_are("s:k", "y2", "x", NULL)); /* its writer had never seen x */
    world_close(world);
}

static void writes_without_a_token_resolve_what_is_known(void **state)
{
    (void)state;
    world_open(world, kind);
    (void)make_two("s:k");
    assert_int_equal(set(world, "s:k", "plain"), REQUEST_OK);
    assert_true(values_are("s:k", "plain", NULL, NULL));
    (void)make_two("s:k");
    assert_int_equal(write_value(world, REQUEST_APPEND, "s:k", "+"), REQUEST_OK);
    assert_true(values_are("s:k", "y+", NULL, NULL));
    (void)make_two("s:k");
    assert_int_equal(delete (world, "s:k"), REQUEST_OK);
    assert_true(values_are("s:k", NULL, NULL, NULL) && is_missing(world, "s:k"));
    world_close(world);
}

static void deleting_one_sibling_hides_the_other_from_those_who_get_one_value(void **state)
{
    (void)state;
    world_open(world, kind);
    (void)make_two("s:k");
    struct request *request = ask(world, REQUEST_DELETE, "s:k");
    request->has_token = true;
    request->token = token_of_one(world, "s:k", 0);
    assert_int_equal(run(world, request), REQUEST_OK);
    struct request *read = get(world, "s:k");
    assert_int_equal(read->status, REQUEST_MISS); /* the newest version is a tombstone [R6] */
    assert_int_equal(read->version_count, 0);
    read = get_siblings(world, "s:k"); /* a reply of many values shows the live one */
    assert_int_equal(read->status, REQUEST_OK);
    assert_int_equal(read->version_count, 1);
    assert_true(bytes_equal(read->versions[0].value, text("x")));
    uint64_t token = node_token(&world->node, read, NODE_ALL_VERSIONS); /* and stands for the tombstone as well */
    assert_int_equal(cas(world, "s:k", "again", token), REQUEST_OK);
    assert_true(values_are("s:k", "again", NULL, NULL) && shows(world, "s:k", "again"));
    world_close(world);
}

/* gats: whoever is shown a value has it touched; whoever is shown one value and finds none touches nothing. */
static void touching_all_finds_the_live_sibling_of_a_deleted_one(void **state)
{
    (void)state;
    world_open(world, kind);
    (void)make_two("s:k");
    struct request *request = ask(world, REQUEST_DELETE, "s:k");
    request->has_token = true;
    request->token = token_of_one(world, "s:k", 0);
    assert_int_equal(run(world, request), REQUEST_OK);
    for (unsigned all = 0; all < 2; all++) {
        struct request *gat = ask(world, REQUEST_GET, "s:k");
        gat->has_expiry = true;
        gat->expiry_ms = now_ms(world) + 100;
        gat->shows = all ? REQUEST_SHOWS_SIBLINGS_IF_MULTI_VALUE : REQUEST_SHOWS_NEWEST;
        assert_int_equal(run(world, gat), all ? REQUEST_OK : REQUEST_MISS);
        assert_int_equal(gat->version_count, all);
        struct request *read = get_siblings(world, "s:k");
        assert_int_equal(read->version_count, 1);
        assert_true((read->versions[0].expiry_ms != 0) == (all != 0));
    }
    advance(world, 100);
    assert_true(values_are("s:k", NULL, NULL, NULL));
    world_close(world);
}

static void deleting_one_sibling_leaves_the_other_even_without_a_grace(void **state)
{
    (void)state;
    struct node_settings settings = world_settings();
    settings.grace_ms = 0;
    world_open_with(world, kind, settings);
    (void)make_two("s:k");
    struct request *request = ask(world, REQUEST_DELETE, "s:k");
    request->has_token = true;
    request->token = token_of_one(world, "s:k", 1);
    assert_int_equal(run(world, request), REQUEST_OK);
    assert_true(values_are("s:k", "y", NULL, NULL));
    world_close(world);
}

static void arithmetic_with_the_token_of_one_changes_that_one(void **state)
{
    (void)state;
    const enum request_kind kinds[] = {REQUEST_APPEND, REQUEST_INCR, REQUEST_DELETE};
    const char *const results[] = {"1+", "3", "1"};
    world_open(world, kind);
    for (unsigned i = 0; i < 3; i++) {
        (void)set(world, "s:k", "base");
        uint64_t token = token_of_all(world, "s:k");
        (void)cas(world, "s:k", "1", token);
        (void)cas(world, "s:k", "70", token);
        struct request *request = ask(world, kinds[i], "s:k");
        request->value = text("+");
        request->delta = 2;
        request->invalidate = true; /* of a delete: mark stale */
        request->has_token = true;
        request->token = token_of_one(world, "s:k", 1);
        assert_int_equal(run(world, request), REQUEST_OK);
        assert_true(values_are("s:k", results[i], "70", NULL));
        assert_true(kinds[i] != REQUEST_INCR || request->number == 3);
    }
    world_close(world);
}

static void only_whole_values_become_siblings(void **state)
{
    (void)state;
    const enum request_kind kinds[] = {REQUEST_APPEND, REQUEST_PREPEND, REQUEST_INCR,
                                       REQUEST_DECR,   REQUEST_DELETE,  REQUEST_REPLACE};
    world_open(world, kind);
    (void)set(world, "s:k", "1");
    uint64_t token = token_of_all(world, "s:k");
    (void)cas(world, "s:k", "2", token);
    for (unsigned i = 0; i < sizeof kinds / sizeof *kinds; i++) {
        struct request *request = ask(world, kinds[i], "s:k");
        request->has_token = true;
        request->token = token;
        assert_int_equal(run(world, request), REQUEST_EXISTS);
        assert_true(values_are("s:k", "2", NULL, NULL));
    }
    world_close(world);
}

/* Reads many other keys of the bucket, whose tokens take the places of older ones. */
static void crowd_the_table(void)
{
    for (unsigned i = 0; i < 2000; i++) {
        char key[] = "s:crowd-00";
        key[8] = (char)('0' + i / 10 % 10);
        key[9] = (char)('0' + i % 10);
        (void)set(world, key, "v");
        (void)token_of_all(world, key);
    }
}

static void a_forgotten_token_is_exists_unless_it_is_current(void **state)
{
    (void)state;
    struct node_settings settings = world_settings();
    settings.tokens_max = 1;
    world_open_with(world, kind, settings);
    (void)set(world, "s:k", "a");
    uint64_t token = token_of_all(world, "s:k");
    (void)set(world, "s:k", "b");
    assert_int_equal(cas(world, "s:k", "c", token), REQUEST_OK); /* known: a sibling */
    uint64_t one = token_of_one(world, "s:k", 1), all = token_of_all(world, "s:k");
    uint64_t unknown = counted(&world->node.coordinator.counters.tokens_unknown);
    crowd_the_table();
    assert_int_equal(cas(world, "s:k", "d", token), REQUEST_EXISTS);
    assert_true(counted(&world->node.coordinator.counters.tokens_unknown) == unknown + 1);
    assert_true(values_are("s:k", "c", "b", NULL));
    assert_int_equal(cas(world, "s:k", "e", one), REQUEST_OK); /* it names a version that is there */
    assert_true(values_are("s:k", "e", "c", NULL));
    assert_int_equal(cas(world, "s:k", "f", all), REQUEST_EXISTS);
    crowd_the_table();
    all = token_of_all(world, "s:k");
    crowd_the_table();
    assert_int_equal(cas(world, "s:k", "f", all), REQUEST_OK);
    assert_true(values_are("s:k", "f", NULL, NULL));
    world_close(world);
}

static void more_siblings_than_allowed_are_refused(void **state)
{
    (void)state;
    world_open(world, kind);
    uint64_t token = make_two("f:k");
    assert_int_equal(cas(world, "f:k", "z", token), REQUEST_OK);
    assert_int_equal(cas(world, "f:k", "one too many", token), REQUEST_EXISTS);
    assert_true(values_are("f:k", "z", "y", "x"));
    assert_true(counted(&world->node.coordinator.counters.siblings_refused) == 1);
    assert_int_equal(cas(world, "f:k", "y2", token_of_one(world, "f:k", 1)), REQUEST_OK); /* no more than before */
    assert_true(values_are("f:k", "y2", "z", "x"));
    assert_int_equal(cas(world, "f:k", "merged", token_of_all(world, "f:k")), REQUEST_OK);
    world_close(world);
}

static void siblings_that_would_pass_the_object_limit_are_refused(void **state)
{
    (void)state;
    char large[WORLD_OBJECT_MAX / 2];
    memset(large, 'v', sizeof large);
    large[sizeof large - 1] = 0;
    world_open(world, kind);
    (void)set(world, "s:k", large);
    uint64_t token = token_of_all(world, "s:k");
    (void)set(world, "s:k", large);
    assert_int_equal(cas(world, "s:k", large, token), REQUEST_EXISTS);
    assert_true(values_are("s:k", large, NULL, NULL));
    assert_int_equal(cas(world, "s:k", "small", token), REQUEST_OK);
    assert_true(values_are("s:k", "small", large, NULL));
    world_close(world);
}

static void a_touch_changes_no_token_and_makes_no_stale_one_good(void **state)
{
    (void)state;
    world_open(world, kind);
    (void)make_two("s:k");
    uint64_t all = token_of_all(world, "s:k");
    assert_int_equal(touch(world, "s:k", now_ms(world) + 1000), REQUEST_OK);
    assert_true(token_of_all(world, "s:k") == all);
    struct request *read = get(world, "s:k"); /* both are touched */
    assert_true(read->versions[0].expiry_ms == read->versions[1].expiry_ms && read->versions[1].expiry_ms != 0);
    assert_int_equal(cas(world, "s:k", "merged", all), REQUEST_OK);
    assert_true(values_are("s:k", "merged", NULL, NULL));
    world_close(world);
}

static void an_expired_newest_sibling_hides_the_others_from_those_who_get_one_value(void **state)
{
    (void)state;
    world_open(world, kind);
    (void)set(world, "s:k", "base");
    uint64_t token = token_of_all(world, "s:k");
    (void)cas(world, "s:k", "stays", token);
    struct request *request = ask(world, REQUEST_SET, "s:k");
    request->value = text("goes");
    request->has_token = true;
    request->token = token;
    request->expiry_ms = now_ms(world) + 100;
    assert_int_equal(run(world, request), REQUEST_OK);
    advance(world, 100);
    struct request *read = get(world, "s:k");
    assert_true(read->status == REQUEST_MISS && read->expired && read->version_count == 0);
    assert_true(values_are("s:k", "stays", NULL, NULL));
    assert_int_equal(touch(world, "s:k", 0), REQUEST_MISS);
    assert_int_equal(write_value(world, REQUEST_ADD, "s:k", "added"), REQUEST_OK);
    assert_true(values_are("s:k", "added", NULL, NULL));
    world_close(world);
}

/* Buckets can be changed while siblings exist; then a reply of one value covers all of them. */
static void in_a_bucket_without_siblings_a_token_covers_all_there_are(void **state)
{
    (void)state;
    world_open(world, kind);
    (void)make_two("s:k");
    struct bucket_table plain;
    bucket_table_init(&plain);
    assert_true(node_reload_buckets(world->shared, &plain));
    bucket_table_close(&plain);
    uint64_t one = token_of_one(world, "s:k", 0);
    assert_true(one == token_of_all(world, "s:k"));
    assert_int_equal(cas(world, "s:k", "only", one), REQUEST_OK);
    assert_true(values_are("s:k", "only", NULL, NULL));
    assert_int_equal(cas(world, "s:k", "no", one), REQUEST_EXISTS);
    world_close(world);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_current_token_writes_once),
        cmocka_unit_test(a_wrong_token_is_exists_on_a_key_and_a_miss_without),
        cmocka_unit_test(a_token_of_another_key_is_worth_nothing),
        cmocka_unit_test(the_same_token_twice_makes_siblings_where_allowed),
        cmocka_unit_test(the_token_of_all_resolves_them),
        cmocka_unit_test(the_token_of_one_removes_that_one_only),
        cmocka_unit_test(the_token_of_a_write_beside_siblings_covers_that_write_only),
        cmocka_unit_test(writes_without_a_token_resolve_what_is_known),
        cmocka_unit_test(deleting_one_sibling_hides_the_other_from_those_who_get_one_value),
        cmocka_unit_test(touching_all_finds_the_live_sibling_of_a_deleted_one),
        cmocka_unit_test(deleting_one_sibling_leaves_the_other_even_without_a_grace),
        cmocka_unit_test(arithmetic_with_the_token_of_one_changes_that_one),
        cmocka_unit_test(only_whole_values_become_siblings),
        cmocka_unit_test(a_forgotten_token_is_exists_unless_it_is_current),
        cmocka_unit_test(more_siblings_than_allowed_are_refused),
        cmocka_unit_test(siblings_that_would_pass_the_object_limit_are_refused),
        cmocka_unit_test(a_touch_changes_no_token_and_makes_no_stale_one_good),
        cmocka_unit_test(an_expired_newest_sibling_hides_the_others_from_those_who_get_one_value),
        cmocka_unit_test(in_a_bucket_without_siblings_a_token_covers_all_there_are),
    };
    return_run_over_each_store(kind, tests);
}
