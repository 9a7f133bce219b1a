/* The laws of object_merge over objects that come from simulated histories. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "history.h"
#include "wrong_merges.h"

enum { HISTORIES = 400, TRIPLES = 30 };

/* An object with its horizon: what the laws are about. */
struct state {
    struct object object;
    hybrid_time horizon;
};

static struct state merged(merge_function merge, const struct state *a, const struct state *b, struct arena *arena)
{
    struct state out = {.horizon = a->horizon > b->horizon ? a->horizon : b->horizon};
    merge(&out.object, &a->object, a->horizon, &b->object, b->horizon, arena);
    return out;
}

/* Equal means: the same bytes when stored. A wrong merge may make objects with a dot twice; they have bytes too. */
static bool same(const struct state *a, const struct state *b, struct arena *arena)
{
    size_t len = record_size(&a->object);
    if (len != record_size(&b->object) || a->horizon != b->horizon)
        return false;
    uint8_t *left = arena_alloc(arena, len), *right = arena_alloc(arena, len);
    record_encode(&a->object, left);
    record_encode(&b->object, right);
    return memcmp(left, right, len) == 0;
}

static const char *broken_law(merge_function merge, const struct state *a, const struct state *b, const struct state *c,
                              struct arena *arena)
{
    struct state ab = merged(merge, a, b, arena), ba = merged(merge, b, a, arena);
    if (!same(&ab, &ba, arena))
        return "commutative";
    struct state aa = merged(merge, a, a, arena), ab_b = merged(merge, &ab, b, arena);
    if (!same(&aa, a, arena) || !same(&ab_b, &ab, arena))
        return "idempotent";
    struct state bc = merged(merge, b, c, arena);
    struct state left = merged(merge, &ab, c, arena), right = merged(merge, a, &bc, arena);
    return same(&left, &right, arena) ? NULL : "associative";
}

static const struct place *any_place(struct history *history)
{
    uint64_t n = prng_below(&history->prng, REPLICAS + MESSAGES);
    return n < REPLICAS ? &history->nodes[n].place : &history->messages[n - REPLICAS];
}

static struct state any_state(struct history *history, struct arena *arena)
{
    const struct place *place = any_place(history);
    return (struct state){place_object(place, arena), place->horizon};
}

/* The first law that `merge` breaks over the objects of one history. The history itself merges rightly. */
static const char *law_broken_in(uint64_t seed, struct plan plan, merge_function merge)
{
    struct history history;
    const char *law = NULL;
    plan.merge = object_merge;
    history_open(&history, seed, plan);
    history_run(&history, 20 + (uint32_t)prng_below(&history.prng, 100));
    for (uint32_t i = 0; i < TRIPLES && law == NULL; i++) {
        struct arena arena;
        arena_init(&arena);
        struct state a = any_state(&history, &arena), b = any_state(&history, &arena), c = any_state(&history, &arena);
        law = broken_law(merge, &a, &b, &c, &arena);
        arena_close(&arena);
    }
    history_close(&history);
    return law;
}

static void assert_laws(struct plan plan)
{
    for (uint64_t seed = 1; seed <= HISTORIES; seed++) {
        const char *law = law_broken_in(seed, plan, object_merge);
        if (law != NULL)
            fail_msg("seed %llu: merge is not %s", (unsigned long long)seed, law);
    }
}

static void assert_law_broken(struct plan plan, merge_function merge)
{
    uint64_t seed = 1;
    while (seed <= HISTORIES && law_broken_in(seed, plan, merge) == NULL)
        seed++;
    assert_true(seed <= HISTORIES);
}

static void merge_is_a_join_with_stamps_marks_and_dropped_bytes(void **state)
{
    (void)state;
    assert_laws((struct plan){.with_horizons = false});
}

static void merge_is_a_join_with_horizons_freed_objects_and_pruned_contexts(void **state)
{
    (void)state;
    assert_laws((struct plan){.with_horizons = true});
}

static void merge_is_a_join_with_requests_that_were_retried(void **state)
{
    (void)state;
    assert_laws((struct plan){.with_requests = true});
    assert_laws((struct plan){.with_requests = true, .with_horizons = true});
}

/* The laws must not rest on dots naming one value each: a broken promise elsewhere must not keep replicas apart. */
static void merge_is_a_join_even_when_a_dot_names_two_values(void **state)
{
    (void)state;
    struct prng prng;
    prng_init(&prng, 77);
    for (uint32_t round = 0; round < 5000; round++) {
        struct arena arena;
        arena_init(&arena);
        struct pair pair = {.actor = {1, 2, 3}, .counter = 9, .time = 100};
        struct version versions[3];
        struct state states[3];
        for (uint32_t i = 0; i < 3; i++) {
            versions[i] = (struct version){.dot = {pair.actor, 9}, .time = 100, .kind = VERSION_VALUE};
            versions[i].flags = (uint32_t)prng_below(&prng, 2);
            versions[i].expiry_stamp = 100 + prng_below(&prng, 2);
            versions[i].expiry_ms = prng_below(&prng, 3);
            versions[i].marks = (uint8_t)prng_below(&prng, 4);
            versions[i].request = prng_below(&prng, 2);
            versions[i].attempt = versions[i].request == 0 ? 0 : 1 + (uint32_t)prng_below(&prng, 2);
            versions[i].value = bytes_of("abab", 1 + prng_below(&prng, 4));
            states[i] = (struct state){{{&pair, 1}, &versions[i], 1}, 0};
        }
        assert_null(broken_law(object_merge, &states[0], &states[1], &states[2], &arena));
        arena_close(&arena);
    }
}

static void every_merge_that_is_no_join_breaks_a_law(void **state)
{
    (void)state;
    assert_law_broken((struct plan){0}, merge_with_both_copies);
    assert_law_broken((struct plan){0}, merge_with_left_copy);
    assert_law_broken((struct plan){0}, merge_that_drops_common);
    assert_law_broken((struct plan){0}, merge_with_clock);
    assert_law_broken((struct plan){.with_horizons = true}, merge_with_deadly_horizon);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(merge_is_a_join_with_stamps_marks_and_dropped_bytes),
        cmocka_unit_test(merge_is_a_join_with_horizons_freed_objects_and_pruned_contexts),
        cmocka_unit_test(merge_is_a_join_with_requests_that_were_retried),
        cmocka_unit_test(merge_is_a_join_even_when_a_dot_names_two_values),
        cmocka_unit_test(every_merge_that_is_no_join_breaks_a_law),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
