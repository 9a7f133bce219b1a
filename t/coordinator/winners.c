/* Stale items, recaching and vivifying: of several readers exactly one is told to fetch the value anew. */
#include "node/world.h"

enum { READERS = 5 };

static enum backing_kind kind;
static struct world the_world;
static struct world *const world = &the_world;

static struct request *meta_get(const char *key)
{
    struct request *request = ask(world, REQUEST_GET, key);
    request->claims = true;
    return request;
}

static struct request *run_meta_get(const char *key)
{
    struct request *request = meta_get(key);
    (void)run(world, request);
    return request;
}

static struct request *recache_get(const char *key, uint64_t ttl_s)
{
    struct request *request = meta_get(key);
    request->recache = true;
    request->recache_ttl_s = ttl_s;
    return request;
}

static enum request_status invalidate(const char *key)
{
    struct request *request = ask(world, REQUEST_DELETE, key);
    request->invalidate = true;
    return run(world, request);
}

/* All are under way together, then all have ended. Returns how many won; the others must have been told so. */
static unsigned winners(struct request *const *readers)
{
    unsigned won = 0;
    for (unsigned i = 0; i < READERS; i++)
        node_request(&world->node, world->now, readers[i]);
    assert_int_equal(node_settle(&world->node, world->now), READERS);
    for (unsigned i = 0; i < READERS; i++) {
        assert_int_equal(readers[i]->status, REQUEST_OK);
        assert_true(readers[i]->won != readers[i]->win_sent);
        won += readers[i]->won;
    }
    return won;
}

static void one_of_several_readers_of_a_stale_item_wins(void **state)
{
    (void)state;
    world_open(world, kind);
    assert_int_equal(set(world, "k", "v"), REQUEST_OK);
    assert_int_equal(invalidate("k"), REQUEST_OK);
    struct request *readers[READERS];
    for (unsigned i = 0; i < READERS; i++)
        readers[i] = meta_get("k");
    assert_int_equal(winners(readers), 1);
    for (unsigned i = 0; i < READERS; i++) {
        assert_true(readers[i]->stale);
        assert_true(bytes_equal(readers[i]->versions[0].value, text("v")));
    }
    assert_int_equal(invalidate("k"), REQUEST_OK); /* stale anew: the next one wins again */
    assert_true(run_meta_get("k")->won);
    assert_true(run_meta_get("k")->win_sent);
    world_close(world);
}

static void ordinary_gets_neither_win_nor_take_the_win_away(void **state)
{
    (void)state;
    world_open(world, kind);
    assert_int_equal(set(world, "k", "v"), REQUEST_OK);
    assert_int_equal(invalidate("k"), REQUEST_OK);
    assert_false(get(world, "k")->won);
    assert_true(shows(world, "k", "v"));
    assert_true(run_meta_get("k")->won);
    world_close(world);
}

static void a_fresh_item_has_no_winner(void **state)
{
    (void)state;
    world_open(world, kind);
    assert_int_equal(set(world, "k", "v"), REQUEST_OK);
    struct request *read = run_meta_get("k");
    assert_false(read->won || read->stale || read->win_sent);
    world_close(world);
}

static void the_winners_value_ends_the_staleness(void **state)
{
    (void)state;
    world_open(world, kind);
    assert_int_equal(set(world, "k", "v"), REQUEST_OK);
    uint64_t before = token_of_all(world, "k");
    assert_int_equal(invalidate("k"), REQUEST_OK);
    struct request *winner = run_meta_get("k");
    assert_true(winner->won);
    uint64_t token = node_token(&world->node, winner, NODE_ALL_VERSIONS);
    assert_int_equal(cas(world, "k", "late", before), REQUEST_EXISTS); /* read before it became stale */
    assert_int_equal(cas(world, "k", "new", token), REQUEST_OK);
    struct request *read = run_meta_get("k");
    assert_false(read->won || read->stale || read->win_sent);
    assert_true(bytes_equal(read->versions[0].value, text("new")));
    world_close(world);
}

static void invalidating_keeps_bytes_flags_and_expiry_unless_told(void **state)
{
    (void)state;
    world_open(world, kind);
    struct request *write = ask(world, REQUEST_SET, "k");
    write->value = text("v");
    write->flags = 77;
    write->expiry_ms = now_ms(world) + 5000;
    assert_int_equal(run(world, write), REQUEST_OK);
    uint64_t token = token_of_all(world, "k");
    assert_int_equal(invalidate("k"), REQUEST_OK);
    struct request *read = get(world, "k");
    assert_true(read->versions[0].flags == 77 && read->versions[0].expiry_ms == write->expiry_ms);
    assert_true(token_of_all(world, "k") != token);
    struct request *mark = ask(world, REQUEST_DELETE, "k");
    mark->invalidate = true;
    mark->has_expiry = true;
    mark->expiry_ms = now_ms(world) + 100;
    assert_int_equal(run(world, mark), REQUEST_OK);
    advance(world, 99);
    assert_true(shows(world, "k", "v"));
    advance(world, 1);
    assert_true(is_missing(world, "k"));
    assert_int_equal(invalidate("k"), REQUEST_MISS);
    world_close(world);
}

static void an_older_value_may_be_stored_as_stale(void **state)
{
    (void)state;
    world_open(world, kind);
    uint64_t expiry_ms = now_ms(world) + 5000;
    assert_int_equal(set_expiring(world, "k", "v", 5000), REQUEST_OK);
    uint64_t token = token_of_all(world, "k");
    assert_int_equal(invalidate("k"), REQUEST_OK);
    assert_true(run_meta_get("k")->won);

    struct request *write = ask(world, REQUEST_SET, "k");
    write->value = text("old");
    write->flags = 4;
    write->has_token = true;
    write->token = token;
    write->invalidate = true;
    assert_int_equal(run(world, write), REQUEST_OK);
    struct request *read = run_meta_get("k");
    assert_true(bytes_equal(read->versions[0].value, text("old")) && read->versions[0].flags == 4);
    assert_true(read->stale && read->win_sent && !read->won); /* the winner is still at work */
    assert_true(read->versions[0].expiry_ms == expiry_ms);

    write = ask(world, REQUEST_SET, "k");
    write->value = text("new");
    write->has_token = true;
    write->token = token_of_all(world, "k");
    write->invalidate = true;
    assert_int_equal(run(world, write), REQUEST_OK);
    assert_false(run_meta_get("k")->stale); /* with the current token it is an ordinary cas */
    world_close(world);
}

static void one_of_several_readers_recaches_an_item_near_its_end(void **state)
{
    (void)state;
    world_open(world, kind);
    assert_int_equal(set_expiring(world, "k", "v", 30000), REQUEST_OK);
    struct request *read = recache_get("k", 30);
    assert_int_equal(run(world, read), REQUEST_OK);
    assert_false(read->won); /* not less than 30 s are left */
    advance(world, 1);
    read = recache_get("k", 30);
    assert_int_equal(run(world, read), REQUEST_OK);
    assert_false(read->won); /* nor in whole seconds, as a TTL is told */
    advance(world, 1000);
    struct request *readers[READERS];
    for (unsigned i = 0; i < READERS; i++)
        readers[i] = recache_get("k", 30);
    assert_int_equal(winners(readers), 1);
    assert_true(readers[0]->versions[0].expiry_ms == now_ms(world) + 28999); /* recaching does not prolong */
    assert_int_equal(set_expiring(world, "k", "v", 10000), REQUEST_OK);
    read = recache_get("k", 30);
    assert_int_equal(run(world, read), REQUEST_OK);
    assert_true(read->won); /* a new value, a new win */
    world_close(world);
}

static void what_never_expires_is_never_recached(void **state)
{
    (void)state;
    world_open(world, kind);
    assert_int_equal(set(world, "k", "v"), REQUEST_OK);
    struct request *read = recache_get("k", UINT64_MAX);
    assert_int_equal(run(world, read), REQUEST_OK);
    assert_false(read->won || read->win_sent);
    assert_int_equal(set_expiring(world, "k", "v", 1000), REQUEST_OK);
    read = recache_get("k", 0);
    assert_int_equal(run(world, read), REQUEST_OK);
    assert_false(read->won);
    world_close(world);
}

static void one_of_several_readers_makes_a_missing_item(void **state)
{
    (void)state;
    world_open(world, kind);
    struct request *readers[READERS];
    for (unsigned i = 0; i < READERS; i++) {
        readers[i] = meta_get("k");
        readers[i]->vivify = true;
        readers[i]->vivify_expiry_ms = now_ms(world) + 1000;
    }
    assert_int_equal(winners(readers), 1);
    for (unsigned i = 0; i < READERS; i++)
        assert_int_equal(readers[i]->versions[0].value.len, 0);
    assert_int_equal(set(world, "k", "v"), REQUEST_OK);
    struct request *read = run_meta_get("k");
    assert_false(read->won || read->win_sent);
    world_close(world);
}

static void every_get_is_counted_once(void **state)
{
    (void)state;
    world_open(world, kind);
    assert_int_equal(set(world, "k", "v"), REQUEST_OK);
    assert_int_equal(invalidate("k"), REQUEST_OK);
    (void)run_meta_get("k"); /* goes on as an update */
    (void)get(world, "k");
    (void)get(world, "missing");
    struct request *gat = ask(world, REQUEST_GET, "missing");
    gat->has_expiry = true;
    (void)run(world, gat);
    struct coordinator_counters *counters = &world->node.coordinator.counters;
    assert_true(atomic_load(&counters->reads_by_versions[0]) == 2);
    assert_true(atomic_load(&counters->reads_by_versions[1]) == 2);
    world_close(world);
}

static void a_get_tells_of_the_item_before_it(void **state)
{
    (void)state;
    world_open(world, kind);
    assert_int_equal(set(world, "k", "v"), REQUEST_OK);
    advance(world, 7000);
    struct request *gat = ask(world, REQUEST_GET, "k");
    gat->has_expiry = true;
    assert_int_equal(run(world, gat), REQUEST_OK);
    assert_false(gat->fetched_before);
    assert_int_equal(gat->idle_s, 7);
    assert_int_equal(set(world, "k", "v"), REQUEST_OK);
    struct request *peek = ask(world, REQUEST_GET, "k");
    peek->peek = true;
    assert_int_equal(run(world, peek), REQUEST_OK);
    struct request *first = get(world, "k"), *second = get(world, "k");
    assert_true(!first->fetched_before && second->fetched_before);
    assert_int_equal(touch(world, "k", 0), REQUEST_OK); /* the same item still */
    assert_true(get(world, "k")->fetched_before);
    assert_int_equal(set(world, "k", "w"), REQUEST_OK);
    assert_false(get(world, "k")->fetched_before);
    world_close(world);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(one_of_several_readers_of_a_stale_item_wins),
        cmocka_unit_test(ordinary_gets_neither_win_nor_take_the_win_away),
        cmocka_unit_test(a_fresh_item_has_no_winner),
        cmocka_unit_test(the_winners_value_ends_the_staleness),
        cmocka_unit_test(invalidating_keeps_bytes_flags_and_expiry_unless_told),
        cmocka_unit_test(an_older_value_may_be_stored_as_stale),
        cmocka_unit_test(one_of_several_readers_recaches_an_item_near_its_end),
        cmocka_unit_test(what_never_expires_is_never_recached),
        cmocka_unit_test(one_of_several_readers_makes_a_missing_item),
        cmocka_unit_test(every_get_is_counted_once),
        cmocka_unit_test(a_get_tells_of_the_item_before_it),
    };
    return_run_over_each_store(kind, tests);
}
