/* Dots and times of new versions, Dynamo 4.4 with [R1] and [R2]. */
#include "replica/replica.h"

#include "base/prng.h"
#include "base/seeded.h"
#include "replica/dots.h"

#include <string.h>

enum { NODE = 5 };

static struct instant at_ms(uint64_t ms)
{
    return (struct instant){.mono_ns = ms * 1000000, .wall_ms = ms};
}

static void a_key_without_a_pair_of_this_incarnation_gets_a_new_birth(void **state)
{
    (void)state;
    static struct replica replica;
    replica_init(&replica, NODE, 77, 0);
    struct object empty = {0};
    struct version first = replica_fresh_version(&replica, &empty, at_ms(1000));
    struct version second = replica_fresh_version(&replica, &empty, at_ms(1000));
    assert_int_equal(first.dot.actor.node, NODE);
    assert_true(first.dot.actor.incarnation == 77);
    assert_true(first.dot.actor.birth == 1 && first.dot.counter == 1);
    assert_true(second.dot.actor.birth == 2 && second.dot.counter == 1);

    struct pair foreign[] = {{.actor = {.node = NODE, .incarnation = 76, .birth = 9}, .counter = 4},
                             {.actor = {.node = NODE + 1, .incarnation = 77, .birth = 3}, .counter = 6}};
    struct object others = {.context = {.pairs = foreign, .count = 2}};
    struct version third = replica_fresh_version(&replica, &others, at_ms(1000));
    assert_true(third.dot.actor.birth == 3 && third.dot.counter == 1);
    assert_true(third.dot.actor.incarnation == 77 && third.dot.actor.node == NODE);
}

static void a_key_with_one_goes_on_counting_and_draws_no_birth(void **state)
{
    (void)state;
    static struct replica replica;
    replica_init(&replica, NODE, 77, 0);
    struct pair own = {.actor = {.node = NODE, .incarnation = 77, .birth = 4}, .counter = 8};
    struct object object = {.context = {.pairs = &own, .count = 1}};
    for (unsigned i = 0; i < 3; i++) {
        struct version next = replica_fresh_version(&replica, &object, at_ms(1000));
        assert_true(next.dot.actor.birth == 4 && next.dot.counter == 9);
    }
    assert_true(atomic_load(&replica.births) == 0);
}

static void a_fresh_version_is_blank_but_for_dot_and_times(void **state)
{
    (void)state;
    static struct replica replica;
    replica_init(&replica, NODE, 77, 0);
    struct object empty = {0};
    struct version fresh = replica_fresh_version(&replica, &empty, at_ms(1000));
    assert_true(hybrid_ms(fresh.time) == 1000);
    assert_true(fresh.expiry_stamp == fresh.time);
    assert_true(fresh.expiry_ms == 0 && fresh.flags == 0 && fresh.marks == 0 && fresh.value.len == 0);
    assert_int_equal(fresh.kind, VERSION_VALUE);
}

static void a_write_is_later_than_what_it_covers_however_far_ahead_that_is(void **state)
{
    (void)state;
    static struct replica replica;
    replica_init(&replica, NODE, 77, 0);
    const uint64_t year_ms = 365ULL * 86400 * 1000;
    struct version stored = {.time = hybrid_of_ms(1000 + year_ms) + 3, .dot = {.counter = 1}};
    struct object object = {.live = &stored, .live_count = 1};
    struct version fresh = replica_fresh_version(&replica, &object, at_ms(1000));
    assert_true(fresh.time > stored.time);
    assert_true(fresh.expiry_stamp == fresh.time);

    struct object empty = {0}; /* and the clock has not followed */
    struct version other = replica_fresh_version(&replica, &empty, at_ms(1000));
    assert_true(hybrid_ms(other.time) == 1000);
}

static void times_rise_although_the_wall_clock_is_set_back(void **state)
{
    (void)state;
    static struct replica replica;
    replica_init(&replica, NODE, 77, hybrid_of_ms(5000)); /* known from the data directory */
    struct object empty = {0};
    hybrid_time last = hybrid_of_ms(5000);
    for (unsigned i = 0; i < 100; i++) {
        struct instant now = {.mono_ns = i * 1000000ULL, .wall_ms = 4000 - 30 * i};
        struct version fresh = replica_fresh_version(&replica, &empty, now);
        assert_true(fresh.time > last);
        last = fresh.time;
    }
}

/* One key's object on a node that writes, forgets, restarts and is restored from old copies. */
struct history {
    struct prng prng;
    struct replica replica;
    struct object object, copy; /* copy: what a backup held */
    struct arena arenas[2], copy_arena;
    unsigned arena;
    struct dot_ledger ledger;
    uint64_t now_ms, incarnation;
};

static void object_clone(struct object *to, const struct object *from, struct arena *arena)
{
    *to = *from;
    to->context.pairs = arena_alloc(arena, from->context.count * sizeof *to->context.pairs);
    to->live = arena_alloc(arena, from->live_count * sizeof *to->live);
    if (from->context.count != 0)
        memcpy(to->context.pairs, from->context.pairs, from->context.count * sizeof *to->context.pairs);
    if (from->live_count != 0)
        memcpy(to->live, from->live, from->live_count * sizeof *to->live);
}

static void history_write(struct history *history)
{
    struct version fresh = replica_fresh_version(&history->replica, &history->object, at_ms(history->now_ms));
    dot_ledger_enter(&history->ledger, fresh.dot);
    struct arena *arena = &history->arenas[history->arena ^= 1];
    struct object out;
    arena_reset(arena);
    static const struct context nothing = {0};
    bool is_sibling = history->object.live_count < 5 && prng_below(&history->prng, 2) == 0;
    object_put(&out, &history->object, is_sibling ? &nothing : NULL, &fresh, arena);
    history->object = out;
}

static void history_restart(struct history *history, bool with_new_incarnation)
{
    if (with_new_incarnation)
        history->incarnation = prng_next(&history->prng) | 1;
    replica_init(&history->replica, NODE, history->incarnation, 0);
}

static void history_step(struct history *history, bool with_new_incarnation)
{
    history->now_ms += prng_below(&history->prng, 3);
    switch (prng_below(&history->prng, 20)) {
    case 0:
        history->object = (struct object){0}; /* freed by the sweep */
        break;
    case 1:
        history_restart(history, with_new_incarnation);
        break;
    case 2: /* a backup is taken */
        arena_reset(&history->copy_arena);
        object_clone(&history->copy, &history->object, &history->copy_arena);
        break;
    case 3: /* and restored, which takes a restart */
        history_restart(history, with_new_incarnation);
        arena_reset(&history->arenas[history->arena]);
        object_clone(&history->object, &history->copy, &history->arenas[history->arena]);
        break;
    case 4:
        object_prune(&history->object, 2, hybrid_of_ms(history->now_ms));
        break;
    default:
        history_write(history);
        break;
    }
}

static bool history_has_twins(uint64_t seed, bool with_new_incarnation)
{
    static struct history history;
    history = (struct history){.now_ms = 1000};
    prng_init(&history.prng, seed);
    arena_init(&history.arenas[0]);
    arena_init(&history.arenas[1]);
    arena_init(&history.copy_arena);
    history.incarnation = 1;
    history_restart(&history, true);
    for (unsigned step = 0; step < 2000; step++)
        history_step(&history, with_new_incarnation);
    bool twins = dot_ledger_has_twins(&history.ledger);
    dot_ledger_close(&history.ledger);
    arena_close(&history.arenas[0]);
    arena_close(&history.arenas[1]);
    arena_close(&history.copy_arena);
    return twins;
}

static void no_dot_names_two_values(void **state)
{
    (void)state;
    for (uint64_t seed = 1; seed <= 50; seed++)
        assert_seeded(!history_has_twins(seed, true), seed);
}

/* Without a new incarnation at each start the ledger must find twins, or it finds nothing at all. */
static void the_ledger_notices_an_incarnation_that_is_used_again(void **state)
{
    (void)state;
    for (uint64_t seed = 1; seed <= 5; seed++)
        assert_seeded(history_has_twins(seed, false), seed);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_key_without_a_pair_of_this_incarnation_gets_a_new_birth),
        cmocka_unit_test(a_key_with_one_goes_on_counting_and_draws_no_birth),
        cmocka_unit_test(a_fresh_version_is_blank_but_for_dot_and_times),
        cmocka_unit_test(a_write_is_later_than_what_it_covers_however_far_ahead_that_is),
        cmocka_unit_test(times_rise_although_the_wall_clock_is_set_back),
        cmocka_unit_test(no_dot_names_two_values),
        cmocka_unit_test(the_ledger_notices_an_incarnation_that_is_used_again),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
