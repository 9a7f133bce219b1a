/* The background sweep, Dynamo 5 with [R3] and [R5], and what people are shown of a key. */
#include "node/world.h"

static enum backing_kind kind;
static struct world the_world;
static struct world *const world = &the_world;

static bool has_record(const char *key)
{
    return lines_with(world, key, "") > 0;
}

static void the_deleted_are_freed_after_the_grace_and_not_before(void **state)
{
    (void)state;
    world_open(world, kind);
    assert_int_equal(set(world, "k", "v"), REQUEST_OK);
    assert_int_equal(delete (world, "k"), REQUEST_OK);
    assert_int_equal(sweep_all(world), 0);
    advance(world, WORLD_GRACE_MS - 1000);
    assert_int_equal(sweep_all(world), 0);
    assert_true(has_record("k"));
    advance(world, 1001);
    assert_int_equal(sweep_all(world), 1);
    assert_false(has_record("k"));
    assert_int_equal(sweep_all(world), 0);
    world_close(world);
}

static void without_a_grace_a_delete_leaves_nothing(void **state)
{
    (void)state;
    struct node_settings settings = world_settings();
    settings.grace_ms = 0;
    world_open_with(world, kind, settings);
    assert_int_equal(set(world, "k", "v"), REQUEST_OK);
    assert_int_equal(delete (world, "k"), REQUEST_OK);
    assert_false(has_record("k"));
    world_close(world);
}

static void the_expired_are_freed_when_their_end_is_past_the_grace(void **state)
{
    (void)state;
    world_open(world, kind);
    assert_int_equal(set_expiring(world, "k", "v", 2 * WORLD_GRACE_MS), REQUEST_OK);
    advance(world, 3 * WORLD_GRACE_MS - 1000);
    assert_true(is_missing(world, "k"));
    assert_int_equal(sweep_all(world), 0);
    assert_true(has_record("k"));
    advance(world, 1001);
    assert_int_equal(sweep_all(world), 1);
    assert_false(has_record("k"));
    world_close(world);
}

static void what_a_touch_prolonged_stays(void **state)
{
    (void)state;
    world_open(world, kind);
    assert_int_equal(set_expiring(world, "k", "v", 1000), REQUEST_OK);
    assert_int_equal(touch(world, "k", 0), REQUEST_OK);
    advance(world, 10 * WORLD_GRACE_MS);
    assert_int_equal(sweep_all(world), 0);
    assert_true(shows(world, "k", "v"));
    world_close(world);
}

/* "k" with a long expired and a live sibling, the live one newest. */
static void make_half_expired(void)
{
    assert_int_equal(set(world, "s:k", "base"), REQUEST_OK);
    uint64_t token = token_of_all(world, "s:k");
    struct request *request = ask(world, REQUEST_SET, "s:k");
    request->value = text("this one goes");
    request->has_token = true;
    request->token = token;
    request->expiry_ms = now_ms(world) + 1000;
    assert_int_equal(run(world, request), REQUEST_OK);
    assert_int_equal(cas(world, "s:k", "stays", token), REQUEST_OK);
}

static void an_expired_sibling_loses_its_bytes_but_not_its_dot(void **state)
{
    (void)state;
    world_open(world, kind);
    make_half_expired();
    uint64_t token = token_of_all(world, "s:k");
    advance(world, WORLD_GRACE_MS);
    assert_int_equal(sweep_all(world), 0);
    assert_int_equal(lines_with(world, "s:k", "size 13"), 1);
    advance(world, 1001);
    assert_int_equal(sweep_all(world), 1);
    assert_int_equal(lines_with(world, "s:k", "size 13"), 0);
    assert_int_equal(lines_with(world, "s:k", " expired "), 1);
    assert_int_equal(lines_with(world, "s:k", " live "), 1);
    assert_true(token_of_all(world, "s:k") == token);
    assert_true(shows(world, "s:k", "stays"));
    assert_int_equal(sweep_all(world), 0);
    assert_int_equal(cas(world, "s:k", "merged", token), REQUEST_OK);
    assert_int_equal(lines_with(world, "s:k", "version"), 1);
    world_close(world);
}

static const char *numbered(char *key, unsigned i)
{
    memcpy(key, "key-000", 8);
    key[4] = (char)('0' + i / 100);
    key[5] = (char)('0' + i / 10 % 10);
    key[6] = (char)('0' + i % 10);
    return key;
}

static void a_pass_meets_every_record_and_spares_the_living(void **state)
{
    (void)state;
    enum { KEYS = 300 };
    char key[8];
    world_open(world, kind);
    for (unsigned i = 0; i < KEYS; i++) {
        assert_int_equal(set(world, numbered(key, i), "v"), REQUEST_OK);
        if (i % 3 == 0)
            assert_int_equal(delete (world, key), REQUEST_OK);
        if (i % 3 == 1)
            assert_int_equal(touch(world, key, now_ms(world) + 10), REQUEST_OK);
    }
    advance(world, WORLD_GRACE_MS + 1000);
    assert_int_equal(sweep_all(world), KEYS / 3 * 2);
    for (unsigned i = 0; i < KEYS; i++) {
        assert_true(has_record(numbered(key, i)) == (i % 3 == 2));
        assert_true(shows(world, key, "v") == (i % 3 == 2));
    }
    world_close(world);
}

static void slices_may_be_as_large_as_the_limit_and_larger_ones_are_cut(void **state)
{
    (void)state;
    enum { KEYS = NODE_SWEEP_MAX + 300 };
    world_open(world, kind);
    char key[] = "0000";
    for (unsigned i = 0; i < KEYS; i++) {
        key[0] = (char)('a' + i / 1000);
        key[1] = (char)('0' + i / 100 % 10);
        key[2] = (char)('0' + i / 10 % 10);
        key[3] = (char)('0' + i % 10);
        assert_int_equal(set(world, key, "v"), REQUEST_OK);
        assert_int_equal(delete (world, key), REQUEST_OK);
    }
    advance(world, WORLD_GRACE_MS + 1000);
    if (kind == BACKING_DURABLE)
        checkpoint(world);
    unsigned changed = 0;
    for (unsigned slice = 0; slice < 4; slice++) {
        struct node_sweep_result result = node_sweep(&world->node, world->now, UINT32_MAX);
        assert_true(result.changed <= NODE_SWEEP_MAX);
        changed += result.changed;
    }
    assert_int_equal(changed, KEYS);
    assert_int_equal(node_sweep_pending(&world->node), 0);
    world_close(world);
}

static void what_was_freed_stays_away_and_may_be_written_anew(void **state)
{
    (void)state;
    world_open(world, kind);
    assert_int_equal(set(world, "s:k", "v"), REQUEST_OK);
    uint64_t token = token_of_all(world, "s:k");
    assert_int_equal(delete (world, "s:k"), REQUEST_OK);
    advance(world, WORLD_GRACE_MS + 1);
    assert_int_equal(sweep_all(world), 1);
    if (kind == BACKING_DURABLE)
        world_restart(world, false);
    assert_true(is_missing(world, "s:k"));
    assert_int_equal(set(world, "s:k", "new"), REQUEST_OK);
    assert_int_equal(cas(world, "s:k", "x", token), REQUEST_EXISTS); /* what it had covered is not known any more */
    assert_true(shows(world, "s:k", "new"));
    world_close(world);
}

static void people_are_told_of_every_version_with_its_clock(void **state)
{
    (void)state;
    world_open(world, kind);
    assert_int_equal(lines_with(world, "s:k", ""), -1);
    make_half_expired();
    assert_int_equal(lines_with(world, "s:k", "version "), 2);
    assert_int_equal(lines_with(world, "s:k", " live "), 2);
    assert_int_equal(lines_with(world, "s:k", "clock "), 1);    /* one writer: this node */
    assert_int_equal(lines_with(world, "s:k", "counter 3"), 2); /* the newest version's, and the clock's */
    assert_int_equal(lines_with(world, "s:k", "holder node"), 2);
    assert_int_equal(lines_with(world, "s:k", "size 5"), 1);
    advance(world, 1000);
    assert_int_equal(lines_with(world, "s:k", " expired "), 1);
    assert_int_equal(delete (world, "s:k"), REQUEST_OK);
    assert_int_equal(lines_with(world, "s:k", " deleted "), 1);
    assert_int_equal(set(world, "k", "v"), REQUEST_OK);
    assert_int_equal(flush(world, 0), REQUEST_OK);
    assert_int_equal(lines_with(world, "k", " flushed "), 1);
    world_close(world);
}

static void describing_a_key_ends_no_request(void **state)
{
    (void)state;
    world_open(world, kind);
    assert_int_equal(set(world, "k", "v"), REQUEST_OK);
    struct request *request = ask(world, REQUEST_GET, "k");
    node_request(&world->node, world->now, request);
    assert_int_equal(lines_with(world, "k", "version"), 1);
    assert_false(is_done(request)); /* that is for node_settle */
    assert_int_equal(node_settle(&world->node, world->now), 1);
    assert_true(is_done(request) && request->status == REQUEST_OK);
    world_close(world);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_deleted_are_freed_after_the_grace_and_not_before),
        cmocka_unit_test(without_a_grace_a_delete_leaves_nothing),
        cmocka_unit_test(the_expired_are_freed_when_their_end_is_past_the_grace),
        cmocka_unit_test(what_a_touch_prolonged_stays),
        cmocka_unit_test(an_expired_sibling_loses_its_bytes_but_not_its_dot),
        cmocka_unit_test(a_pass_meets_every_record_and_spares_the_living),
        cmocka_unit_test(slices_may_be_as_large_as_the_limit_and_larger_ones_are_cut),
        cmocka_unit_test(what_was_freed_stays_away_and_may_be_written_anew),
        cmocka_unit_test(people_are_told_of_every_version_with_its_clock),
        cmocka_unit_test(describing_a_key_ends_no_request),
    };
    return_run_over_each_store(kind, tests);
}
