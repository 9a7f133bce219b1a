/* Strategy 3: every node has its share, P5 holds, and as little moves as possible. */
#include "base/seeded.h"
#include "members.h"

enum { NODES_MAX = 310 };

static struct ring_member members[NODES_MAX];
static uint32_t owned[NODES_MAX], first[NODES_MAX];

static struct ring_view *equal_ring(uint32_t nodes, uint32_t partitions, uint8_t copies)
{
    struct ring_settings settings = settings_of(partitions, copies);
    equal_members(members, nodes + 1);
    struct ring_view *view = ring_view_new(&settings, members, nodes);
    assert_non_null(view);
    return view;
}

/* Does every node of equal weight own floor or ceiling of its share, and is it first in floor or ceiling of its share
 * of these? */
static bool is_even(const struct ring_view *view)
{
    uint32_t copies = view->partition_count * view->owner_count, floor = copies / view->member_count;
    count_owned(view, owned, first);
    bool even = true;
    for (uint32_t i = 0; i < view->member_count; i++) {
        even = even && owned[i] >= floor && owned[i] <= floor + (copies % view->member_count != 0);
        even = even && first[i] >= owned[i] / view->owner_count
               && first[i] <= owned[i] / view->owner_count + (owned[i] % view->owner_count != 0);
    }
    return even;
}

static double efficiency(const struct ring_view *view)
{
    uint32_t most = 0;
    count_owned(view, owned, first);
    for (uint32_t i = 0; i < view->member_count; i++)
        most = owned[i] > most ? owned[i] : most;
    return (double)view->partition_count * view->owner_count / view->member_count / most;
}

static void nodes_of_equal_weight_own_floor_or_ceiling(void **state)
{
    (void)state;
    for (uint32_t nodes = 1; nodes <= 100; nodes++) {
        for (uint8_t copies = 1; copies <= 5; copies++) {
            struct ring_view *view = equal_ring(nodes, 256, copies);
            assert_int_equal(view->owner_count, smaller(copies, nodes));
            assert_true(lists_are_whole(view));
            assert_int_equal(p5_violations(view), 0);
            assert_true(is_even(view));
            ring_view_free(view);
        }
    }
}

/* 3 x 1024 copies on 30 nodes are 102.4 each: 102.4 / 103 is what the ceiling leaves. */
static void thirty_nodes_reach_the_efficiency_that_whole_partitions_permit(void **state)
{
    (void)state;
    struct ring_view *view = equal_ring(30, 1024, 3);
    assert_true(efficiency(view) >= 0.99);
    assert_true(is_even(view));
    ring_view_free(view);
}

/* 3 x 2048 copies on 255 nodes are 24.09 each, so somebody has 25: nothing can be better than 24.09 / 25 = 0.9637. */
static void with_few_partitions_for_a_node_the_ceiling_is_what_costs(void **state)
{
    (void)state;
    struct ring_view *view = equal_ring(255, 2048, 3);
    assert_true(efficiency(view) > 0.9637 && efficiency(view) < 0.9638);
    assert_true(is_even(view));
    ring_view_free(view);
}

/* The least that a change can move: what members own more than before. */
static uint32_t copies_to_move(const struct ring_view *before, const struct ring_view *after)
{
    static uint32_t owned_before[NODES_MAX];
    uint32_t sum = 0;
    count_owned(before, owned_before, first);
    count_owned(after, owned, first);
    for (uint32_t i = 0; i < after->member_count; i++) {
        int then = ring_member_index(before, after->members[i].id);
        uint32_t had = then < 0 ? 0 : owned_before[then];
        sum += owned[i] > had ? owned[i] - had : 0;
    }
    return sum;
}

static void a_join_moves_at_most_5_in_4_of_the_newcomers_share(void **state)
{
    (void)state;
    for (uint32_t nodes = 1; nodes <= 300; nodes += nodes < 40 ? 1 : 13) {
        struct ring_view *view = equal_ring(nodes, 1024, 3);
        struct ring_view *after = view_changed(view, RING_CHANGE_JOIN, &members[nodes]);
        assert_non_null(after);
        assert_true(after->epoch == 2);
        assert_true(is_even(after));
        double ideal = 1024.0 * after->owner_count / (nodes + 1);
        assert_true(copies_moved(view, after) <= 1.25 * ideal);
        ring_view_free(view);
        ring_view_free(after);
    }
}

static void a_leave_moves_at_most_5_in_4_of_what_the_leaver_had(void **state)
{
    (void)state;
    for (uint32_t nodes = 2; nodes <= 300; nodes += nodes < 40 ? 1 : 13) {
        struct ring_view *view = equal_ring(nodes, 1024, 3);
        const struct ring_member *leaver = &members[nodes / 2];
        count_owned(view, owned, first);
        uint32_t had = owned[ring_member_index(view, leaver->id)];
        struct ring_view *after = view_changed(view, RING_CHANGE_LEAVE, leaver);
        assert_non_null(after);
        assert_int_equal(ring_member_index(after, leaver->id), -1);
        assert_true(is_even(after));
        /* In a ring of at most N nodes each has everything, and the last ones keep it. */
        assert_true(copies_moved(view, after) <= (nodes <= 3 ? 0 : 1.25 * had));
        ring_view_free(view);
        ring_view_free(after);
    }
}

/* The newcomer is to be first in 1024 / 21 = 49 partitions, so as many have another first owner; as many again may pass
 * between others. Elsewhere every owner who stays has the place it had. */
static void a_join_hardly_changes_the_order_of_owners(void **state)
{
    (void)state;
    struct ring_view *view = equal_ring(20, 1024, 3);
    struct ring_view *after = view_changed(view, RING_CHANGE_JOIN, &members[20]);
    uint32_t first_changed = 0;
    for (uint32_t partition = 0; partition < 1024; partition++) {
        const uint16_t *list = ring_preference_list(view, (uint16_t)partition);
        const uint16_t *now = ring_preference_list(after, (uint16_t)partition);
        if (view->members[list[0]].id != after->members[now[0]].id) {
            first_changed++;
            continue;
        }
        for (uint32_t i = 1; i < 3; i++) {
            uint32_t id = after->members[now[i]].id;
            assert_true(id == members[20].id || id == view->members[list[i]].id);
        }
    }
    assert_in_range(first_changed, 48, 98);
    ring_view_free(view);
    ring_view_free(after);
}

static void a_new_address_moves_nothing(void **state)
{
    (void)state;
    struct ring_view *view = equal_ring(17, 512, 3);
    struct ring_member moved = members[5];
    snprintf(moved.peer, sizeof moved.peer, "moved:1");
    struct ring_view *after = view_changed(view, RING_CHANGE_MEMBER, &moved);
    assert_non_null(after);
    assert_string_equal(after->members[ring_member_index(after, moved.id)].peer, "moved:1");
    assert_memory_equal(after->rows, view->rows, 512 * 17 * sizeof *view->rows);
    assert_true(ring_fingerprint(after) != ring_fingerprint(view));
    ring_view_free(view);
    ring_view_free(after);
}

static void weights_share_the_copies_out_by_largest_remainder(void **state)
{
    (void)state;
    struct ring_settings settings = settings_of(1024, 3);
    equal_members(members, 8);
    /* Of 15.5 altogether, 3072 copies: exactly 198.19, 396.39, 594.58, 792.77 twice, 99.10 three times. The floors add
     * up to 3069; the other three go to .77, .77 and .58. */
    const uint32_t weights[8] = {1000, 2000, 3000, 4000, 4000, 500, 500, 500};
    const uint32_t quotas[8] = {198, 396, 595, 793, 793, 99, 99, 99};
    for (unsigned i = 0; i < 8; i++)
        members[i].weight = weights[i];
    struct ring_view *view = ring_view_new(&settings, members, 8);
    count_owned(view, owned, first);
    for (unsigned i = 0; i < 8; i++) {
        int at = ring_member_index(view, members[i].id);
        assert_int_equal(owned[at], quotas[i]);
        assert_in_range(first[at], owned[at] / 3, (owned[at] + 2) / 3);
    }
    ring_view_free(view);
}

/* A node of weight 100 among four of weight 1 would deserve 2954 of 3072 copies but can keep each partition once: 1024.
 * The other 2048 are shared by four: 512 each. */
static void no_weight_makes_a_node_own_more_than_all_partitions(void **state)
{
    (void)state;
    struct ring_settings settings = settings_of(1024, 3);
    equal_members(members, 5);
    members[3].weight = RING_WEIGHT_MAX;
    struct ring_view *view = ring_view_new(&settings, members, 5);
    count_owned(view, owned, first);
    for (unsigned i = 0; i < 5; i++)
        assert_int_equal(owned[ring_member_index(view, members[i].id)], i == 3 ? 1024 : 512);
    ring_view_free(view);
}

/* Racks of 1, 2 and 7 nodes and 3 copies: one copy in each rack, so 1024, 512 and 146 or 147 for a node. */
static void racks_go_before_balance(void **state)
{
    (void)state;
    struct ring_settings settings = settings_of(1024, 3);
    for (unsigned i = 0; i < 10; i++)
        members[i] = member_of(i, i < 1 ? "a" : i < 3 ? "b" : "c", "");
    struct ring_view *view = ring_view_new(&settings, members, 10);
    assert_int_equal(p5_violations(view), 0);
    count_owned(view, owned, first);
    for (unsigned i = 0; i < 10; i++) {
        uint32_t copies = owned[ring_member_index(view, members[i].id)];
        assert_in_range(copies, i < 1 ? 1024 : i < 3 ? 512 : 146, i < 1 ? 1024 : i < 3 ? 512 : 147);
    }
    ring_view_free(view);
}

/* Two racks, three copies: each rack has one or two of every partition. A rack of one node in ten keeps all partitions
 * once (its share of 307 would leave most partitions in one rack), the others 2048 / 9 = 227.6. */
static void fewer_racks_than_copies_have_at_least_one_each(void **state)
{
    (void)state;
    struct ring_settings settings = settings_of(1024, 3);
    for (unsigned i = 0; i < 10; i++)
        members[i] = member_of(i, i < 1 ? "a" : "b", "");
    struct ring_view *view = ring_view_new(&settings, members, 10);
    assert_int_equal(p5_violations(view), 0);
    count_owned(view, owned, first);
    for (unsigned i = 0; i < 10; i++)
        assert_in_range(owned[ring_member_index(view, members[i].id)], i < 1 ? 1024 : 227, i < 1 ? 1024 : 228);
    ring_view_free(view);
}

/* Two data centres with racks of the same names: they are different racks. */
static void a_rack_is_one_of_its_data_centre(void **state)
{
    (void)state;
    struct ring_settings settings = settings_of(256, 4);
    for (unsigned i = 0; i < 8; i++)
        members[i] = member_of(i, i % 4 < 2 ? "r0" : "r1", i < 4 ? "d0" : "d1");
    struct ring_view *view = ring_view_new(&settings, members, 8);
    for (uint32_t partition = 0; partition < 256; partition++) {
        const uint16_t *list = ring_preference_list(view, (uint16_t)partition);
        assert_int_equal(different_racks(view->members, list, 4), 4);
        assert_int_equal(different_datacenters(view->members, list, 4), 2);
    }
    assert_true(is_even(view));
    ring_view_free(view);
}

/* A node goes down: who stands in for it is spread over all others, and adds the rack that is missing. */
static void stand_ins_are_spread_over_all_others(void **state)
{
    (void)state;
    struct ring_view *view = equal_ring(20, 1024, 3);
    uint32_t counts[20] = {0};
    count_owned(view, owned, first);
    for (uint32_t partition = 0; partition < 1024; partition++) {
        if (ring_owner_place(view, (uint16_t)partition, 4) >= 0)
            counts[ring_preference_list(view, (uint16_t)partition)[3]]++;
    }
    /* 154 partitions on 19 nodes are 8.1 each, standard deviation 2.8. */
    for (uint32_t i = 0; i < 20; i++)
        assert_in_range(counts[i], i == 4 ? 0 : 1, i == 4 ? 0 : 22);
    ring_view_free(view);
}

static void stand_ins_come_from_racks_without_an_owner_first(void **state)
{
    (void)state;
    struct ring_settings settings = settings_of(256, 3);
    static const char *const racks[] = {"r0", "r1", "r2", "r3", "r4"};
    for (unsigned i = 0; i < 20; i++)
        members[i] = member_of(i, racks[i % 5], "");
    struct ring_view *view = ring_view_new(&settings, members, 20);
    for (uint32_t partition = 0; partition < 256; partition++)
        assert_int_equal(different_racks(view->members, ring_preference_list(view, (uint16_t)partition), 5), 5);
    ring_view_free(view);
}

/* Six data centres of two racks: all owners and the first three stand-ins are in different data centres, and the other
 * racks come next. */
static void stand_ins_come_from_data_centres_without_an_owner_before(void **state)
{
    (void)state;
    struct ring_settings settings = settings_of(256, 3);
    for (unsigned i = 0; i < 24; i++) {
        char datacenter[8] = {'d', (char)('0' + i % 6), 0};
        members[i] = member_of(i, i % 12 < 6 ? "r0" : "r1", datacenter);
    }
    struct ring_view *view = ring_view_new(&settings, members, 24);
    for (uint32_t partition = 0; partition < 256; partition++) {
        const uint16_t *list = ring_preference_list(view, (uint16_t)partition);
        assert_int_equal(different_datacenters(view->members, list, 6), 6);
        assert_int_equal(different_racks(view->members, list, 12), 12);
    }
    ring_view_free(view);
}

/* Whatever the racks and weights: P5 holds, and what moves is hardly more than what must. The measure of one case is
 * rough, because P5 itself can force two to move for one (a partition's other owner is in the way). */
static void random_memberships_keep_p5_and_move_little(void **state)
{
    (void)state;
    uint64_t moved = 0, needed = 0;
    for (uint64_t seed = 1; seed <= 400; seed++) {
        struct prng prng;
        prng_init(&prng, seed);
        uint32_t nodes = 1 + (uint32_t)prng_below(&prng, 40);
        struct ring_settings settings =
            settings_of(1U << prng_below(&prng, 10), (uint8_t)(1 + prng_below(&prng, RING_COPIES_MAX)));
        random_members(members, nodes + 1, &prng);
        struct ring_view *view = ring_view_new(&settings, members, nodes);
        struct ring_view *joined = view_changed(view, RING_CHANGE_JOIN, &members[nodes]);
        struct ring_view *left = view_changed(joined, RING_CHANGE_LEAVE, &members[prng_below(&prng, nodes + 1)]);
        const struct ring_view *const views[] = {view, joined, left};
        for (unsigned i = 0; i < 3; i++)
            assert_seeded(lists_are_whole(views[i]) && p5_violations(views[i]) == 0, seed);
        moved += copies_moved(view, joined) + copies_moved(joined, left);
        needed += copies_to_move(view, joined) + copies_to_move(joined, left);
        ring_view_free(view);
        ring_view_free(joined);
        ring_view_free(left);
    }
    assert_true((double)moved <= 1.1 * (double)needed);
}

/* With racks and weights, the share of a node has floor and ceiling by the most general definition: no copy can pass
 * from a node with more load for its weight to one with less, except over P5. Tried for all pairs of nodes with a rack
 * of their own or the same rack, where P5 cannot be in the way of the sums. */
static void within_a_rack_loads_are_by_weight(void **state)
{
    (void)state;
    for (uint64_t seed = 1; seed <= 200; seed++) {
        struct prng prng;
        prng_init(&prng, seed);
        uint32_t nodes = 2 + (uint32_t)prng_below(&prng, 30);
        struct ring_settings settings = settings_of(512, (uint8_t)(1 + prng_below(&prng, 5)));
        random_members(members, nodes, &prng);
        struct ring_view *view = ring_view_new(&settings, members, nodes);
        count_owned(view, owned, first);
        for (uint32_t i = 0; i < nodes; i++) {
            for (uint32_t k = 0; k < nodes; k++) {
                const struct ring_member *more = &view->members[i], *less = &view->members[k];
                if (strcmp(more->rack, less->rack) != 0 || strcmp(more->datacenter, less->datacenter) != 0
                    || owned[k] == 512)
                    continue;
                /* Shares of one rate: (owned[i] - 1) / weight of i < (owned[k] + 1) / weight of k. */
                assert_seeded((double)(owned[i] - 1.0) * less->weight < (double)(owned[k] + 1.0) * more->weight, seed);
            }
        }
        ring_view_free(view);
    }
}

static void two_hundred_joins_and_leaves_keep_the_balance(void **state)
{
    (void)state;
    const uint64_t seed = 7;
    struct prng prng;
    prng_init(&prng, seed);
    struct ring_view *view = equal_ring(5, 512, 3);
    uint32_t moved = 0, needed = 0;
    for (unsigned number = 100; number < 300; number++) {
        bool joins = view->member_count < 3 || (view->member_count < 40 && prng_below(&prng, 2) == 0);
        struct ring_member member =
            joins ? member_of(number, "", "") : view->members[prng_below(&prng, view->member_count)];
        struct ring_view *after = view_changed(view, joins ? RING_CHANGE_JOIN : RING_CHANGE_LEAVE, &member);
        assert_seeded(after != NULL && after->epoch == view->epoch + 1, seed);
        assert_seeded(is_even(after) && lists_are_whole(after) && p5_violations(after) == 0, seed);
        moved += copies_moved(view, after);
        needed += copies_to_move(view, after);
        ring_view_free(view);
        view = after;
    }
    assert_seeded(moved <= needed + needed / 20, seed);
    ring_view_free(view);
}

/* Negative controls: a table with one wrong owner is seen by what judges tables here. */
static void the_judges_see_a_wrong_owner(void **state)
{
    (void)state;
    struct ring_settings settings = settings_of(64, 3);
    static const char *const racks[] = {"r0", "r1", "r2"};
    for (unsigned i = 0; i < 9; i++)
        members[i] = member_of(i, racks[i % 3], "");
    struct ring_view *view = ring_view_new(&settings, members, 9);
    uint16_t *row = (uint16_t *)(uintptr_t)ring_preference_list(view, 11);
    assert_true(is_even(view) && lists_are_whole(view) && p5_violations(view) == 0);

    uint32_t other = 3; /* a stand-in from the rack of the second owner in place of the first */
    while (strcmp(view->members[row[other]].rack, view->members[row[1]].rack) != 0)
        other++;
    uint16_t right = row[0];
    row[0] = row[other];
    row[other] = right;
    assert_int_equal(p5_violations(view), 1);
    assert_true(lists_are_whole(view));
    row[other] = row[0]; /* named twice, and `right` not at all */
    assert_false(lists_are_whole(view));
    row[0] = right;
    assert_int_equal(p5_violations(view), 0);
    row[0] = row[1];
    assert_int_equal(p5_violations(view), 1);
    row[0] = right;

    uint16_t *rows = (uint16_t *)(uintptr_t)view->rows;
    for (uint32_t partition = 0; partition < 64; partition++) { /* all that 0 owned goes to 1 where it can */
        int place = ring_owner_place(view, (uint16_t)partition, 0);
        if (place >= 0 && ring_owner_place(view, (uint16_t)partition, 1) < 0)
            rows[partition * 9 + (uint32_t)place] = 1;
    }
    assert_false(is_even(view));
    ring_view_free(view);
}

static void the_first_owner_is_counted_by_the_judge_of_balance(void **state)
{
    (void)state;
    struct ring_view *view = equal_ring(6, 64, 3);
    assert_true(is_even(view));
    for (uint32_t partition = 0; partition < 64; partition++) { /* the same owners, but 2 before all others */
        uint16_t *row = (uint16_t *)(uintptr_t)ring_preference_list(view, (uint16_t)partition);
        int place = ring_owner_place(view, (uint16_t)partition, 2);
        if (place > 0) {
            row[place] = row[0];
            row[0] = 2;
        }
    }
    assert_false(is_even(view));
    ring_view_free(view);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(nodes_of_equal_weight_own_floor_or_ceiling),
        cmocka_unit_test(thirty_nodes_reach_the_efficiency_that_whole_partitions_permit),
        cmocka_unit_test(with_few_partitions_for_a_node_the_ceiling_is_what_costs),
        cmocka_unit_test(a_join_moves_at_most_5_in_4_of_the_newcomers_share),
        cmocka_unit_test(a_leave_moves_at_most_5_in_4_of_what_the_leaver_had),
        cmocka_unit_test(a_join_hardly_changes_the_order_of_owners),
        cmocka_unit_test(a_new_address_moves_nothing),
        cmocka_unit_test(weights_share_the_copies_out_by_largest_remainder),
        cmocka_unit_test(no_weight_makes_a_node_own_more_than_all_partitions),
        cmocka_unit_test(racks_go_before_balance),
        cmocka_unit_test(fewer_racks_than_copies_have_at_least_one_each),
        cmocka_unit_test(a_rack_is_one_of_its_data_centre),
        cmocka_unit_test(stand_ins_are_spread_over_all_others),
        cmocka_unit_test(stand_ins_come_from_racks_without_an_owner_first),
        cmocka_unit_test(stand_ins_come_from_data_centres_without_an_owner_before),
        cmocka_unit_test(random_memberships_keep_p5_and_move_little),
        cmocka_unit_test(within_a_rack_loads_are_by_weight),
        cmocka_unit_test(two_hundred_joins_and_leaves_keep_the_balance),
        cmocka_unit_test(the_judges_see_a_wrong_owner),
        cmocka_unit_test(the_first_owner_is_counted_by_the_judge_of_balance),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
