/* Requests on a store that makes them wait, fails, or holds what nobody can read. */
#include "coordinator/unruly_store.h"

static struct world the_world;
static struct world *const world = &the_world;
static struct store_loop loop;

static void start(struct request *request)
{
    node_request(&world->node, world->now, request);
    assert_int_equal(node_settle(&world->node, world->now), 0);
    assert_false(is_done(request));
}

static void go_on(struct request *request)
{
    unruly_go_on(&loop);
    assert_int_equal(node_settle(&world->node, world->now), 1);
    assert_true(is_done(request));
}

/* Another loop's write while ours wait. */
static void meanwhile(const char *key, const char *value)
{
    loop.waits = false;
    assert_int_equal(value == NULL ? delete (world, key) : set(world, key, value), REQUEST_OK);
    loop.waits = true;
}

static struct request *waiting(enum request_kind which, const char *key, const char *value)
{
    struct request *request = ask(world, which, key);
    request->value = text(value);
    request->delta = 1;
    loop.waits = true;
    start(request);
    return request;
}

static void a_waiting_request_is_answered_from_what_is_there_when_it_goes_on(void **state)
{
    (void)state;
    unruly_open(world, &loop);
    struct request *add = waiting(REQUEST_ADD, "a", "mine");
    meanwhile("a", "theirs");
    go_on(add);
    assert_int_equal(add->status, REQUEST_NOT_STORED);
    assert_true(add->written_token == 0);
    assert_true(shows(world, "a", "theirs"));

    assert_int_equal(set(world, "n", "1"), REQUEST_OK);
    struct request *incr = waiting(REQUEST_INCR, "n", "");
    meanwhile("n", "41");
    go_on(incr);
    assert_true(incr->status == REQUEST_OK && incr->number == 42);
    assert_true(incr->written_token == token_of_all(world, "n"));

    incr = ask(world, REQUEST_INCR, "made");
    incr->create = true;
    incr->delta = 1;
    loop.waits = true;
    start(incr);
    meanwhile("made", "7");
    go_on(incr);
    assert_true(incr->number == 8 && !incr->created);

    struct request *touched = waiting(REQUEST_TOUCH, "n", "");
    meanwhile("n", NULL);
    go_on(touched);
    assert_int_equal(touched->status, REQUEST_MISS);
    unruly_close(world, &loop);
}

static void a_waiting_reader_wins_only_if_nobody_has_won_meanwhile(void **state)
{
    (void)state;
    unruly_open(world, &loop);
    struct request *vivify = ask(world, REQUEST_GET, "k");
    vivify->vivify = vivify->claims = true;
    loop.waits = true;
    start(vivify);
    meanwhile("k", "theirs");
    go_on(vivify);
    assert_int_equal(vivify->status, REQUEST_OK);
    assert_false(vivify->won);
    assert_true(bytes_equal(vivify->versions[0].value, text("theirs")));

    vivify = ask(world, REQUEST_GET, "v");
    vivify->vivify = vivify->claims = true;
    loop.waits = true;
    start(vivify);
    go_on(vivify);
    assert_true(vivify->won); /* after two runs of the function still one win */
    struct request *gat = ask(world, REQUEST_GET, "k");
    gat->has_expiry = true;
    loop.waits = true;
    start(gat);
    meanwhile("k", NULL);
    go_on(gat);
    assert_int_equal(gat->status, REQUEST_MISS);
    assert_int_equal(gat->version_count, 0);
    unruly_close(world, &loop); /* and no reference has been left behind */
}

static void a_cas_that_waited_is_compared_again(void **state)
{
    (void)state;
    unruly_open(world, &loop);
    assert_int_equal(set(world, "k", "a"), REQUEST_OK);
    struct request *write = ask(world, REQUEST_SET, "k");
    write->value = text("mine");
    write->has_token = true;
    write->token = token_of_all(world, "k");
    loop.waits = true;
    start(write);
    meanwhile("k", "theirs");
    go_on(write);
    assert_int_equal(write->status, REQUEST_EXISTS);
    assert_true(shows(world, "k", "theirs"));
    unruly_close(world, &loop);
}

static void a_waiting_flush_counts_when_it_is_stored(void **state)
{
    (void)state;
    unruly_open(world, &loop);
    assert_int_equal(set(world, "k", "a"), REQUEST_OK);
    struct request *request = ask(world, REQUEST_FLUSH, "");
    loop.waits = true;
    start(request);
    assert_true(shows(world, "k", "a"));
    go_on(request);
    assert_int_equal(request->status, REQUEST_OK);
    assert_true(is_missing(world, "k"));
    unruly_close(world, &loop);
}

static void without_space_nothing_changes_and_the_client_is_told(void **state)
{
    (void)state;
    const enum request_kind kinds[] = {REQUEST_SET,  REQUEST_REPLACE, REQUEST_APPEND, REQUEST_INCR,
                                       REQUEST_DECR, REQUEST_TOUCH,   REQUEST_DELETE, REQUEST_FLUSH};
    unruly_open(world, &loop);
    assert_int_equal(set(world, "k", "1"), REQUEST_OK);
    for (unsigned no_memory = 0; no_memory < 2; no_memory++) {
        loop.no_memory = no_memory != 0;
        loop.update_status = no_memory != 0 ? STORE_OK : STORE_FULL;
        for (unsigned i = 0; i < sizeof kinds / sizeof *kinds; i++) {
            struct request *request = ask(world, kinds[i], kinds[i] == REQUEST_FLUSH ? "" : "k");
            request->value = text("2");
            assert_int_equal(run(world, request), REQUEST_NO_MEMORY);
            assert_true(shows(world, "k", "1"));
        }
        struct request *gat = ask(world, REQUEST_GET, "k");
        gat->has_expiry = true;
        assert_int_equal(run(world, gat), REQUEST_NO_MEMORY);
        assert_int_equal(write_value(world, REQUEST_ADD, "new", "2"), REQUEST_NO_MEMORY);
        assert_true(is_missing(world, "new"));
        assert_int_equal(write_value(world, REQUEST_ADD, "k", "2"), REQUEST_NOT_STORED); /* needs no space */
    }
    unruly_close(world, &loop);
}

static void a_disk_that_fails_is_told_as_a_failure(void **state)
{
    (void)state;
    unruly_open(world, &loop);
    assert_int_equal(set(world, "k", "1"), REQUEST_OK);
    const enum store_status bad[] = {STORE_IO, STORE_CORRUPT};
    for (unsigned i = 0; i < 2; i++) {
        loop.read_status = loop.update_status = bad[i];
        struct request *read = get(world, "k");
        assert_true(read->status == REQUEST_FAILED && read->failure != FAILURE_NONE);
        assert_int_equal(read->version_count, 0);
        struct request *write = ask(world, REQUEST_SET, "k");
        write->value = text("2");
        assert_int_equal(run(world, write), REQUEST_FAILED);
        assert_int_not_equal(write->failure, FAILURE_NONE);
        loop.read_status = loop.update_status = STORE_OK;
        assert_true(shows(world, "k", "1"));
    }
    unruly_close(world, &loop);
}

static void an_unreadable_record_is_neither_served_nor_overwritten_nor_swept(void **state)
{
    (void)state;
    const enum request_kind kinds[] = {REQUEST_GET, REQUEST_SET, REQUEST_ADD, REQUEST_INCR, REQUEST_DELETE};
    unruly_open(world, &loop);
    assert_int_equal(set(world, "k", "1"), REQUEST_OK);
    struct unruly_record *record = unruly_find(&loop, text("k"));
    blob_release(record->record);
    record->record = blob_new(20);
    memset(record->record->at, 0xff, 20);
    const struct blob *before = record->record;
    for (unsigned i = 0; i < sizeof kinds / sizeof *kinds; i++) {
        struct request *request = ask(world, kinds[i], "k");
        request->value = text("2");
        assert_int_equal(run(world, request), REQUEST_FAILED);
        assert_int_not_equal(request->failure, FAILURE_NONE);
        assert_ptr_equal(record->record, before);
    }
    advance(world, 10 * WORLD_GRACE_MS);
    assert_int_equal(node_sweep(&world->node, world->now, 16).changed, 0);
    assert_ptr_equal(record->record, before);
    assert_int_equal(lines_with(world, "k", "unreadable"), 1);
    unruly_close(world, &loop);
}

static void the_sweep_looks_again_before_it_frees(void **state)
{
    (void)state;
    unruly_open(world, &loop);
    assert_int_equal(set(world, "k", "1"), REQUEST_OK);
    assert_int_equal(set(world, "gone", "1"), REQUEST_OK);
    assert_int_equal(delete (world, "k"), REQUEST_OK);
    assert_int_equal(delete (world, "gone"), REQUEST_OK);
    advance(world, 2 * WORLD_GRACE_MS);
    loop.waits = true;
    struct node_sweep_result result = node_sweep(&world->node, world->now, 16);
    assert_true(result.changed == 0 && node_sweep_pending(&world->node) == 2);
    meanwhile("k", "again");
    assert_int_equal(node_sweep(&world->node, world->now, 16).seen, 0); /* the last slice is not through yet */
    assert_int_equal(lines_with(world, "k", "live"), 1);
    unruly_go_on(&loop);
    result = node_sweep(&world->node, world->now, 16);
    assert_int_equal(result.changed, 1);
    assert_int_equal(node_sweep_pending(&world->node), 0);
    assert_true(shows(world, "k", "again"));
    assert_null(unruly_find(&loop, text("gone"))->record);
    unruly_close(world, &loop);
}

/* The sweep's updates end while somebody reads a key for people: they are not requests. */
static void a_description_leaves_the_sweeps_updates_to_the_sweep(void **state)
{
    (void)state;
    unruly_open(world, &loop);
    assert_int_equal(set(world, "k", "1"), REQUEST_OK);
    assert_int_equal(delete (world, "k"), REQUEST_OK);
    assert_int_equal(set(world, "other", "1"), REQUEST_OK);
    advance(world, 2 * WORLD_GRACE_MS);
    loop.waits = true;
    (void)node_sweep(&world->node, world->now, 16);
    struct request *request = waiting(REQUEST_SET, "other", "2");
    unruly_go_on(&loop); /* both have ended, nobody has been told */
    assert_int_equal(lines_with(world, "other", "live"), 1);
    assert_false(is_done(request));
    assert_int_equal(node_settle(&world->node, world->now), 1);
    assert_true(is_done(request));
    assert_int_equal(node_sweep(&world->node, world->now, 16).changed, 1);
    unruly_close(world, &loop);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_waiting_request_is_answered_from_what_is_there_when_it_goes_on),
        cmocka_unit_test(a_waiting_reader_wins_only_if_nobody_has_won_meanwhile),
        cmocka_unit_test(a_cas_that_waited_is_compared_again),
        cmocka_unit_test(a_waiting_flush_counts_when_it_is_stored),
        cmocka_unit_test(without_space_nothing_changes_and_the_client_is_told),
        cmocka_unit_test(a_disk_that_fails_is_told_as_a_failure),
        cmocka_unit_test(an_unreadable_record_is_neither_served_nor_overwritten_nor_swept),
        cmocka_unit_test(the_sweep_looks_again_before_it_frees),
        cmocka_unit_test(a_description_leaves_the_sweeps_updates_to_the_sweep),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
