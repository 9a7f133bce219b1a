/* What another incarnation of the process finds, after a clean stop and after none. */
#include "base/prng.h"
#include "node/world.h"

static struct world the_world;
static struct world *const world = &the_world;

static void open_durable(void)
{
    world_open(world, BACKING_DURABLE);
}

/* Both ways of ending: each test runs its body twice. */
#define for_each_end(cleanly) for (unsigned cleanly = 0; cleanly < 2; cleanly++)

static void values_and_tokens_are_the_same_afterwards(void **state)
{
    (void)state;
    for_each_end(cleanly)
    {
        open_durable();
        struct request *write = ask(world, REQUEST_SET, "k");
        write->value = bytes_of("a\0b", 3);
        write->flags = 0xffffffff;
        write->expiry_ms = now_ms(world) + 10000;
        assert_int_equal(run(world, write), REQUEST_OK);
        uint64_t token = write->written_token, expiry_ms = write->expiry_ms;
        world_restart(world, cleanly);
        struct request *read = get(world, "k");
        assert_int_equal(read->status, REQUEST_OK);
        assert_true(bytes_equal(read->versions[0].value, bytes_of("a\0b", 3)));
        assert_true(read->versions[0].flags == 0xffffffff && read->versions[0].expiry_ms == expiry_ms);
        assert_true(token_of_all(world, "k") == token);
        assert_int_equal(cas(world, "k", "new", token), REQUEST_OK);
        assert_int_equal(cas(world, "k", "late", token), REQUEST_EXISTS);
        world_restart(world, cleanly);
        assert_true(shows(world, "k", "new"));
        world_close(world);
    }
}

static void siblings_stay_and_their_tokens_still_name_them(void **state)
{
    (void)state;
    for_each_end(cleanly)
    {
        open_durable();
        (void)set(world, "s:k", "base");
        uint64_t stale = token_of_all(world, "s:k");
        (void)cas(world, "s:k", "x", stale);
        (void)cas(world, "s:k", "y", stale);
        uint64_t all = token_of_all(world, "s:k"), one = token_of_one(world, "s:k", 1);
        world_restart(world, cleanly);
        const char *const both[] = {"y", "x"}, *const changed[] = {"x2", "y"}, *const merged[] = {"m"};
        assert_true(shows_all(world, "s:k", both, 2));
        assert_true(token_of_all(world, "s:k") == all && token_of_one(world, "s:k", 1) == one);
        assert_int_equal(cas(world, "s:k", "z", stale), REQUEST_EXISTS); /* what it stood for has been forgotten */
        assert_int_equal(cas(world, "s:k", "x2", one), REQUEST_OK);
        assert_true(shows_all(world, "s:k", changed, 2));
        all = token_of_all(world, "s:k");
        world_restart(world, cleanly);
        assert_int_equal(cas(world, "s:k", "m", all), REQUEST_OK);
        assert_true(shows_all(world, "s:k", merged, 1));
        world_close(world);
    }
}

static void the_dead_stay_dead(void **state)
{
    (void)state;
    for_each_end(cleanly)
    {
        open_durable();
        (void)set(world, "deleted", "v");
        (void)set_expiring(world, "expired", "v", 1000);
        (void)set_expiring(world, "cut short", "v", 100000);
        checkpoint(world);
        (void)delete (world, "deleted");
        (void)touch(world, "cut short", now_ms(world) + 10);
        advance(world, 2000);
        world_restart(world, cleanly);
        assert_true(is_missing(world, "deleted") && is_missing(world, "expired") && is_missing(world, "cut short"));
        world_close(world);
    }
}

/* The hybrid clock goes on where the last incarnation was, whatever the wall clock says. */
static void a_wall_clock_set_back_revives_nothing_and_loses_no_write(void **state)
{
    (void)state;
    for_each_end(cleanly)
    {
        open_durable();
        (void)set_expiring(world, "expired", "v", 1000);
        advance(world, 5000);
        (void)set(world, "k", "first");
        checkpoint(world);
        world->now.wall_ms -= 3600 * 1000;
        world_restart(world, cleanly);
        assert_true(is_missing(world, "expired"));
        assert_int_equal(set(world, "k", "second"), REQUEST_OK);
        assert_true(shows(world, "k", "second"));
        assert_int_equal(flush(world, 0), REQUEST_OK);
        assert_true(is_missing(world, "k"));
        world_close(world);
    }
}

/* The engine still has the old version when the process dies, the log the new one, whose clock has been pruned. */
static void an_overwritten_version_of_an_earlier_incarnation_does_not_come_back(void **state)
{
    (void)state;
    for (unsigned writes = 1; writes <= 3; writes++) {
        open_durable();
        (void)set(world, "k", "old");
        checkpoint(world);
        world_restart(world, true);
        advance(world, 2 * WORLD_GRACE_MS);
        for (unsigned i = 0; i < writes; i++)
            assert_int_equal(set(world, "k", "new"), REQUEST_OK);
        world_restart(world, false);
        const char *const only[] = {"new"};
        assert_true(shows_all(world, "k", only, 1));
        assert_int_equal(lines_with(world, "k", "version"), 1);
        world_close(world);
    }
}

static void promise(enum durability durability)
{
    struct bucket_table buckets = world_buckets();
    buckets.buckets[0].durability = durability;
    assert_true(node_reload_buckets(world->shared, &buckets));
    bucket_table_close(&buckets);
}

/* The same, but the log misses the first of the new writes: it was only buffered. */
static void what_a_buffered_write_replaced_does_not_come_back_under_a_later_one(void **state)
{
    (void)state;
    for (unsigned writes = 1; writes <= 3; writes++) {
        open_durable();
        (void)set(world, "k", "old");
        checkpoint(world);
        world_restart(world, true);
        promise(DURABILITY_BUFFERED);
        for (unsigned i = 0; i < writes; i++)
            assert_int_equal(set(world, "k", "buffered"), REQUEST_OK);
        advance(world, 2 * WORLD_GRACE_MS);
        promise(DURABILITY_COMMITTED);
        assert_int_equal(set(world, "k", "committed"), REQUEST_OK);
        world_restart(world, false);
        const char *const only[] = {"committed"};
        assert_true(shows_all(world, "k", only, 1));
        world_close(world);
    }
}

static void clocks_do_not_grow_with_restarts(void **state)
{
    (void)state;
    open_durable();
    for (unsigned i = 0; i < 20; i++) {
        assert_int_equal(set(world, "k", "v"), REQUEST_OK);
        advance(world, 2 * WORLD_GRACE_MS);
        world_restart(world, i % 2 == 0);
    }
    assert_true(lines_with(world, "k", "clock") <= 3);
    world_close(world);
}

/* Every acknowledged write is there after a crash, nothing else is, and no key has siblings that nobody asked for. */
static void generated_crashes_lose_and_revive_nothing(void **state)
{
    (void)state;
    enum { KEYS = 5 };
    static const char *const keys[KEYS] = {"a", "b", "s:c", "l:d", "e"};
    for (uint64_t seed = 1; seed <= 30; seed++) {
        struct prng prng;
        prng_init(&prng, seed);
        char expected[KEYS][8] = {{0}};
        struct node_settings settings = world_settings();
        settings.grace_ms = seed % 2 * 50;
        world_open_with(world, BACKING_DURABLE, settings);
        for (unsigned step = 0; step < 300; step++) {
            unsigned key = (unsigned)prng_below(&prng, KEYS);
            advance(world, prng_below(&prng, 20));
            switch (prng_below(&prng, 12)) {
            case 0:
                world_restart(world, prng_below(&prng, 2) == 0);
                break;
            case 1:
                checkpoint(world);
                break;
            case 2:
                (void)sweep_all(world);
                break;
            case 3:
            case 4:
                (void)delete (world, keys[key]);
                expected[key][0] = 0;
                break;
            default:
                memcpy(expected[key], "v000", 5);
                expected[key][1] = (char)('0' + step / 100);
                expected[key][2] = (char)('0' + step / 10 % 10);
                expected[key][3] = (char)('0' + step % 10);
                assert_seeded(set(world, keys[key], expected[key]) == REQUEST_OK, seed);
                break;
            }
            for (unsigned i = 0; i < KEYS; i++) {
                const char *const only[] = {expected[i]};
                assert_seeded(shows_all(world, keys[i], only, expected[i][0] != 0), seed);
            }
        }
        world_close(world);
    }
}

/* Whoever sends SIGHUP for new passwords every hour must not run out of reloads. */
/* What can be said of the copies after a start, with what was kept of them as it is now. */
static bool all_are_doubtful_after(bool *is_good)
{
    world_stop(world, true);
    world_start(world);
    *is_good = node_load_standing(world->shared, false);
    unsigned doubtful = 0;
    for (uint32_t i = 0; i < world->settings.partition_count; i++)
        doubtful += standing_is_doubtful(node_standing(world->shared), (uint16_t)i);
    assert_true(doubtful == 0 || doubtful == world->settings.partition_count);
    return doubtful != 0;
}

static void a_standing_that_cannot_be_read_is_not_one_that_says_nothing(void **state)
{
    (void)state;
    bool is_good;
    open_durable();
    assert_true(!all_are_doubtful_after(&is_good) && is_good); /* nothing was ever kept */
    standing_raise_horizon(node_standing(world->shared), 3, hybrid_of_ms(7));
    node_keep_standing(world->shared);
    assert_true(!all_are_doubtful_after(&is_good) && is_good);
    assert_int_equal(standing_horizon(node_standing(world->shared), 3), hybrid_of_ms(7));
    fake_engine_set_meta(&world->backing.engine, "standing", text("neither"));
    assert_true(all_are_doubtful_after(&is_good) && !is_good);
    node_keep_standing(world->shared);
    assert_true(all_are_doubtful_after(&is_good) && is_good); /* that is known now */
    world_close(world);
    open_durable();
    world->backing.engine.meta_fails = ENGINE_IO; /* only now: the store has read its own */
    assert_false(node_load_standing(world->shared, false));
    assert_true(standing_is_doubtful(node_standing(world->shared), 0));
    world->backing.engine.meta_fails = ENGINE_OK;
    world_close(world);
}

static void reloads_that_change_nothing_are_not_counted(void **state)
{
    (void)state;
    world_open(world, BACKING_VOLATILE);
    struct bucket_table buckets = world_buckets();
    for (unsigned i = 0; i < 3000; i++)
        assert_true(node_reload_buckets(world->shared, &buckets));
    unsigned changes = 0;
    while (changes < 3000) {
        buckets.buckets[0].siblings_max = 200 + changes;
        if (!node_reload_buckets(world->shared, &buckets))
            break;
        changes++;
    }
    assert_in_range(changes, 1000, 1024);
    assert_int_equal(node_buckets(world->shared)->buckets[0].siblings_max, 200 + changes - 1);
    bucket_table_close(&buckets);
    world_close(world);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(values_and_tokens_are_the_same_afterwards),
        cmocka_unit_test(siblings_stay_and_their_tokens_still_name_them),
        cmocka_unit_test(the_dead_stay_dead),
        cmocka_unit_test(a_wall_clock_set_back_revives_nothing_and_loses_no_write),
        cmocka_unit_test(an_overwritten_version_of_an_earlier_incarnation_does_not_come_back),
        cmocka_unit_test(what_a_buffered_write_replaced_does_not_come_back_under_a_later_one),
        cmocka_unit_test(clocks_do_not_grow_with_restarts),
        cmocka_unit_test(a_standing_that_cannot_be_read_is_not_one_that_says_nothing),
        cmocka_unit_test(reloads_that_change_nothing_are_not_counted),
        cmocka_unit_test(generated_crashes_lose_and_revive_nothing),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
