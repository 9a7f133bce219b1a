/* Single rules of contexts, puts, merges, pruning and tokens; histories are in history.c. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "version/object.h"

enum { NODE = 1, INCARNATION = 77 };

static struct arena arena;

static int open_arena(void **state)
{
    (void)state;
    arena_init(&arena);
    return 0;
}

static int close_arena(void **state)
{
    (void)state;
    arena_close(&arena);
    return 0;
}

static struct actor actor(uint32_t node)
{
    return (struct actor){.node = node, .incarnation = INCARNATION, .birth = 1};
}

static struct version value(uint32_t node, uint64_t counter, hybrid_time time)
{
    return (struct version){.dot = {actor(node), counter},
                            .time = time,
                            .expiry_stamp = time,
                            .kind = VERSION_VALUE,
                            .value = bytes_of_text("value")};
}

static struct pair pair(uint32_t node, uint64_t counter, hybrid_time time)
{
    return (struct pair){.actor = actor(node), .counter = counter, .time = time};
}

static struct object put(const struct object *object, const struct context *covered, struct version fresh)
{
    struct object out;
    object_put(&out, object, covered, &fresh, &arena);
    return out;
}

static void a_plain_set_replaces_all_that_is_known(void **state)
{
    (void)state;
    struct object empty = {0};
    struct object one = put(&empty, NULL, value(1, 1, 10));
    struct object two = put(&one, &empty.context, value(2, 1, 20));
    assert_int_equal(two.live_count, 2);
    struct object three = put(&two, NULL, value(1, 2, 30));
    assert_int_equal(three.live_count, 1);
    assert_int_equal(three.live[0].dot.counter, 2);
    assert_int_equal(three.context.count, 2);
    assert_true(three.context.pairs[0].counter == 2 && three.context.pairs[0].time == 30);
    assert_true(three.context.pairs[1].counter == 1 && three.context.pairs[1].time == 30); /* since when it is dead */
}

/* Pruned any earlier, its pair would be missed by who still holds the version and has not heard of this write. */
static void a_pair_has_the_time_of_what_made_its_write_dead(void **state)
{
    (void)state;
    struct object empty = {0};
    struct object one = put(&empty, NULL, value(1, 1, 10));
    struct object two = put(&one, &empty.context, value(2, 1, 20));
    struct object elsewhere = put(&empty, NULL, value(3, 1, 15));
    struct object kept = put(&two, &one.context, value(4, 1, 30)); /* over the first alone */
    assert_true(kept.context.pairs[0].time == 30 && kept.context.pairs[1].time == 20);
    struct object blind = put(&two, &elsewhere.context, value(4, 1, 40)); /* over what was never here */
    assert_int_equal(blind.live_count, 3);
    assert_true(blind.context.pairs[0].time == 10 && blind.context.pairs[1].time == 20);
    assert_true(blind.context.pairs[2].time == 40);
    object_prune(&kept, 1, 29);
    assert_true(context_counter(&kept.context, &one.live[0].dot.actor) == 1);
    object_prune(&kept, 1, 30);
    assert_true(context_counter(&kept.context, &one.live[0].dot.actor) == 0);
}

/* Behind an attempt of a request stays what is later than the request, however it is covered. */
static void an_attempt_keeps_what_is_later_than_its_request(void **state)
{
    (void)state;
    struct object empty = {0}, out;
    struct object one = put(&empty, NULL, value(1, 1, 10));
    struct object two = put(&one, &empty.context, value(2, 1, 20));
    struct version fresh = value(3, 1, 30);
    fresh.request = 77;
    fresh.attempt = 3;
    object_put_over(&out, &two, NULL, &fresh, 15, &arena);
    assert_int_equal(out.live_count, 2);
    assert_true(out.live[0].time == 30 && out.live[1].time == 20);
    assert_true(context_covers(&out.context, &two.live[0].dot));
    assert_true(context_covers_attempt(&out.context, 77, 2) && !context_covers_attempt(&out.context, 77, 3));
    object_keep_newest(&out, 29);
    assert_int_equal(out.live_count, 2);
    object_keep_newest(&out, 30); /* nothing can overtake it any more */
    assert_int_equal(out.live_count, 1);
}

static void two_clients_with_one_context_make_two_siblings_newest_first(void **state)
{
    (void)state;
    struct object empty = {0};
    struct object read = put(&empty, NULL, value(1, 1, 10));
    struct object first = put(&read, &read.context, value(1, 2, 20));
    struct object second = put(&first, &read.context, value(1, 3, 30));
    assert_int_equal(second.live_count, 2);
    assert_int_equal(second.live[0].dot.counter, 3);
    assert_int_equal(second.live[1].dot.counter, 2);
    struct object resolved = put(&second, &second.context, value(1, 4, 40));
    assert_int_equal(resolved.live_count, 1);
}

static void a_put_knows_what_its_context_knew_elsewhere(void **state)
{
    (void)state;
    struct pair seen[] = {pair(5, 3, 9)};
    struct object empty = {0};
    struct object object = put(&empty, &(struct context){seen, 1}, value(1, 1, 10));
    assert_int_equal(object.context.count, 2);
    assert_true(context_covers(&object.context, &(struct dot){actor(5), 3}));
    assert_false(context_covers(&object.context, &(struct dot){actor(5), 4}));
}

/* A sibling's time can be below that of an earlier write which outdid a version from far ahead. Were the pair's
 * time to fall, pruning could forget the earlier write too soon. */
static void a_pairs_time_never_falls(void **state)
{
    (void)state;
    struct object empty = {0};
    struct object ahead = put(&empty, NULL, value(1, 1, 9000));
    struct object sibling = put(&ahead, &empty.context, value(1, 2, 20));
    assert_int_equal(sibling.live_count, 2);
    assert_true(sibling.context.pairs[0].counter == 2 && sibling.context.pairs[0].time == 9000);
}

static void the_next_dot_goes_on_with_this_incarnations_pair(void **state)
{
    (void)state;
    struct pair pairs[] = {
        {{NODE, INCARNATION - 1, 8}, 40, 1}, {{NODE, INCARNATION, 3}, 5, 2},      {{NODE, INCARNATION, 6}, 2, 3},
        {{NODE, INCARNATION + 1, 9}, 50, 4}, {{NODE + 1, INCARNATION, 9}, 60, 5},
    };
    struct object object = {.context = {pairs, 5}};
    bool used = true;
    struct dot dot = object_next_dot(&object, NODE, INCARNATION, 100, &used);
    assert_false(used);
    assert_true(dot_equal(&dot, &(struct dot){{NODE, INCARNATION, 6}, 3}));
}

static void the_next_dot_takes_a_birth_without_a_pair_of_this_incarnation(void **state)
{
    (void)state;
    struct pair pairs[] = {{{NODE, INCARNATION - 1, 8}, 40, 1}, {{NODE + 1, INCARNATION, 9}, 60, 5}};
    struct object object = {.context = {pairs, 2}};
    bool used = false;
    struct dot dot = object_next_dot(&object, NODE, INCARNATION, 100, &used);
    assert_true(used);
    assert_true(dot_equal(&dot, &(struct dot){{NODE, INCARNATION, 100}, 1}));
    dot = object_next_dot(&(struct object){0}, NODE, INCARNATION, 100, &used);
    assert_true(used && dot.counter == 1);
}

static void the_next_dot_leaves_dropped_births_and_used_up_counters_alone(void **state)
{
    (void)state;
    struct pair pairs[] = {{{NODE, INCARNATION, 6}, 2, 3}};
    struct object object = {.context = {pairs, 1}};
    bool used;
    assert_true(object_next_dot_above(&object, 5, NODE, INCARNATION, 100, &used).counter == 3 && !used);
    assert_true(object_next_dot_above(&object, 6, NODE, INCARNATION, 100, &used).counter == 1 && used);
    pairs[0].counter = UINT64_MAX;
    assert_true(object_next_dot(&object, NODE, INCARNATION, 100, &used).counter == 1 && used);
}

static struct object single(struct version *version, struct pair *known)
{
    *known = (struct pair){version->dot.actor, version->dot.counter, version->time};
    return (struct object){{known, 1}, version, 1};
}

static struct version merge_of_copies(struct version a, struct version b)
{
    struct pair pair_a, pair_b;
    struct object left = single(&a, &pair_a), right = single(&b, &pair_b), out;
    object_merge(&out, &left, 0, &right, 0, &arena);
    assert_int_equal(out.live_count, 1);
    return out.live[0];
}

static void the_copy_with_bytes_wins_and_the_later_stamp_decides_over_expiry(void **state)
{
    (void)state;
    struct version bytes = value(1, 1, 10), dropped = value(1, 1, 10);
    dropped.kind = VERSION_TOMBSTONE;
    dropped.value = bytes_of(NULL, 0);
    dropped.expiry_stamp = 20;
    dropped.expiry_ms = 500;
    dropped.marks = VERSION_STALE;
    struct version joined = merge_of_copies(bytes, dropped);
    assert_int_equal(joined.kind, VERSION_VALUE);
    assert_int_equal(joined.value.len, 5);
    assert_true(joined.expiry_stamp == 20 && joined.expiry_ms == 500 && joined.marks == VERSION_STALE);
}

static void at_equal_stamps_the_larger_expiry_wins_and_never_is_the_largest(void **state)
{
    (void)state;
    struct version a = value(1, 1, 10), b = value(1, 1, 10);
    a.expiry_ms = 100;
    b.expiry_ms = 200;
    a.marks = VERSION_STALE;
    assert_true(merge_of_copies(a, b).expiry_ms == 200 && merge_of_copies(a, b).marks == 0);
    b.expiry_ms = 0;
    assert_int_equal(merge_of_copies(a, b).expiry_ms, 0);
    a.expiry_ms = 0;
    assert_int_equal(merge_of_copies(a, b).marks, VERSION_STALE);
}

static void a_horizon_kills_what_its_side_does_not_hold_up_to_that_very_time(void **state)
{
    (void)state;
    struct version version = value(1, 1, 10);
    struct pair known;
    struct object object = single(&version, &known), empty = {0}, out;
    object_merge(&out, &object, 0, &empty, 10, &arena);
    assert_int_equal(out.live_count, 0);
    assert_true(context_covers(&out.context, &version.dot));
    object_merge(&out, &object, 0, &empty, 9, &arena);
    assert_int_equal(out.live_count, 1);
    object_merge(&out, &object, 99, &empty, 0, &arena);
    assert_int_equal(out.live_count, 1);
    object_merge(&out, &object, 99, &object, 99, &arena);
    assert_int_equal(out.live_count, 1);
}

static void many_siblings_merge_in_order_and_once_each(void **state)
{
    (void)state;
    enum { EACH = 300 };
    struct version left[EACH], right[EACH];
    struct pair pairs_left[EACH], pairs_right[EACH];
    for (uint32_t i = 0; i < EACH; i++) {
        /* Nodes 0..299 and 150..449; newest first, so in falling order of nodes. */
        left[i] = value(EACH - 1 - i, 1, 1000 + EACH - 1 - i);
        right[i] = value(EACH + EACH / 2 - 1 - i, 1, 1000 + EACH + EACH / 2 - 1 - i);
        pairs_left[i] = pair(i, 1, 1000 + i);
        pairs_right[i] = pair(i + EACH / 2, 1, 1000 + i + EACH / 2);
    }
    struct object a = {{pairs_left, EACH}, left, EACH}, b = {{pairs_right, EACH}, right, EACH}, out;
    object_merge(&out, &a, 0, &b, 0, &arena);
    assert_int_equal(out.live_count, EACH + EACH / 2);
    assert_int_equal(out.context.count, EACH + EACH / 2);
    for (uint32_t i = 0; i < out.live_count; i++)
        assert_int_equal(out.live[i].dot.actor.node, out.live_count - 1 - i);
}

static void pruning_drops_the_oldest_pairs_first(void **state)
{
    (void)state;
    struct pair pairs[] = {pair(1, 1, 50), pair(2, 1, 10), pair(3, 1, 40), pair(4, 1, 10), pair(5, 1, 20)};
    struct object object = {.context = {pairs, 5}};
    object_prune(&object, 5, 100);
    assert_int_equal(object.context.count, 5);
    object_prune(&object, 4, 100);
    assert_int_equal(object.context.count, 4); /* one of the two with time 10 goes */
    object_prune(&object, 2, 100);
    assert_int_equal(object.context.count, 2);
    assert_int_equal(object.context.pairs[0].actor.node, 1);
    assert_int_equal(object.context.pairs[1].actor.node, 3);
}

static void pruning_spares_pairs_after_the_horizon_and_pairs_of_live_dots(void **state)
{
    (void)state;
    /* Node 2's live dot is not its last write: its pair is needed all the same. */
    struct pair pairs[] = {pair(1, 1, 50), pair(2, 7, 10), pair(3, 1, 40), pair(4, 1, 20)};
    struct version live = value(2, 5, 8);
    struct object object = {.context = {pairs, 4}, .live = &live, .live_count = 1};
    object_prune(&object, 0, 40);
    assert_int_equal(object.context.count, 2);
    assert_int_equal(object.context.pairs[0].actor.node, 1);
    assert_int_equal(object.context.pairs[1].actor.node, 2);
    object_prune(&object, 0, 0);
    assert_int_equal(object.context.count, 2);
}

static void a_context_contains_another_when_it_covers_every_pair(void **state)
{
    (void)state;
    struct pair large[] = {pair(1, 5, 1), pair(3, 2, 1), pair(7, 1, 1)};
    struct pair small[] = {pair(1, 5, 9), pair(7, 1, 9)}, more[] = {pair(3, 3, 1)}, other[] = {pair(9, 1, 1)};
    struct context whole = {large, 3};
    assert_true(context_contains(&whole, &(struct context){small, 2}));
    assert_true(context_contains(&whole, &(struct context){0}));
    assert_false(context_contains(&whole, &(struct context){more, 1}));
    assert_false(context_contains(&whole, &(struct context){other, 1}));
    assert_false(context_contains(&(struct context){0}, &whole));
}

static void a_join_takes_the_higher_counter_with_its_time(void **state)
{
    (void)state;
    struct pair a[] = {pair(1, 5, 10), pair(3, 2, 30)}, b[] = {pair(1, 4, 90), pair(2, 1, 20), pair(3, 2, 40)};
    struct context out;
    context_join(&out, &(struct context){a, 2}, &(struct context){b, 3}, &arena);
    assert_int_equal(out.count, 3);
    assert_true(out.pairs[0].counter == 5 && out.pairs[0].time == 10);
    assert_true(out.pairs[1].counter == 1 && out.pairs[1].time == 20);
    assert_true(out.pairs[2].counter == 2 && out.pairs[2].time == 40);
}

static void a_token_names_the_set_of_dots_alone(void **state)
{
    (void)state;
    struct version versions[] = {value(1, 1, 10), value(2, 1, 20), value(3, 1, 30)};
    struct version turned[] = {versions[2], versions[0], versions[1]};
    uint64_t token = token_of_versions(versions, 3);
    assert_true(token == token_of_versions(turned, 3));
    turned[0].expiry_stamp = 99;
    turned[1].kind = VERSION_TOMBSTONE;
    assert_true(token == token_of_versions(turned, 3));
    turned[1].dot.counter = 2;
    assert_true(token != token_of_versions(turned, 3));
    assert_true(token != token_of_versions(versions, 2));
    for (uint64_t i = 0; i < 10000; i++) {
        versions[0].dot.counter = i + 1;
        uint64_t one = token_of_versions(versions, 1);
        assert_true(one >= 1 && one <= INT64_MAX - 1);
    }
}

static void order_is_time_then_actor_then_counter(void **state)
{
    (void)state;
    struct version a = value(9, 9, 10), b = value(1, 1, 20), c = value(2, 1, 20), d = value(2, 2, 20);
    assert_true(version_compare(&b, &a) > 0 && version_compare(&a, &b) < 0);
    assert_true(version_compare(&c, &b) > 0);
    assert_true(version_compare(&d, &c) > 0);
    assert_int_equal(version_compare(&d, &d), 0);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, open_arena, close_arena)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(a_plain_set_replaces_all_that_is_known),
        TEST(a_pair_has_the_time_of_what_made_its_write_dead),
        TEST(an_attempt_keeps_what_is_later_than_its_request),
        TEST(two_clients_with_one_context_make_two_siblings_newest_first),
        TEST(a_put_knows_what_its_context_knew_elsewhere),
        TEST(a_pairs_time_never_falls),
        TEST(the_next_dot_goes_on_with_this_incarnations_pair),
        TEST(the_next_dot_takes_a_birth_without_a_pair_of_this_incarnation),
        TEST(the_next_dot_leaves_dropped_births_and_used_up_counters_alone),
        TEST(the_copy_with_bytes_wins_and_the_later_stamp_decides_over_expiry),
        TEST(at_equal_stamps_the_larger_expiry_wins_and_never_is_the_largest),
        TEST(a_horizon_kills_what_its_side_does_not_hold_up_to_that_very_time),
        TEST(many_siblings_merge_in_order_and_once_each),
        TEST(pruning_drops_the_oldest_pairs_first),
        TEST(pruning_spares_pairs_after_the_horizon_and_pairs_of_live_dots),
        TEST(a_context_contains_another_when_it_covers_every_pair),
        TEST(a_join_takes_the_higher_counter_with_its_time),
        TEST(a_token_names_the_set_of_dots_alone),
        TEST(order_is_time_then_actor_then_counter),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
