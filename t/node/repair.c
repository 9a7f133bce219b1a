/* Whole nodes that repair: hints come home, copies become equal, and what was in doubt is no more. */
#include "node/ring.h"

#include "antientropy/antientropy.h"
#include "hints/hints.h"
#include "storage/tree.h"

static struct ring the_ring;
static struct ring *const ring = &the_ring;

enum { INTERVAL_MS = 60000 };

/* Every node's only loop repairs. */
static void open_repairing(unsigned count, unsigned copies)
{
    ring_open_as(ring, BACKING_DURABLE, true, count, 1, copies);
    for (unsigned m = 0; m < count; m++)
        node_begin_repair(ring_loop(ring, m, 0));
    ring_join_all(ring);
}

static void checkpoint(struct store *store, unsigned machine)
{
    (void)store_checkpoint_slice(store, ring->now, hybrid_next(node_clock(ring->machines[machine].shared), ring->now));
}

/* As ring_pass, with storage threads at work beside the loops. */
static void pass(uint64_t ms)
{
    for (; ms > 0; ms -= ms < 5 ? ms : 5) {
        ring_pass(ring, 5);
        for (unsigned m = 0; m < ring->machine_count; m++) {
            checkpoint(ring->machines[m].store, m);
            checkpoint(ring->machines[m].hint_store, m);
            node_keep_standing(ring->machines[m].shared);
            node_settle(ring_loop(ring, m, 0), ring->now);
        }
    }
    ring_pump(ring);
}

static void close_repairing(void)
{
    for (unsigned m = 0; m < ring->machine_count; m++)
        node_stop_repair(ring_loop(ring, m, 0));
    for (unsigned i = 0; i < ring->joint_count; i++)
        ring_cut(ring, &ring->joints[i]);
    pass(RING_TIMEOUT_MS);
    ring_close(ring);
}

static void isolate(unsigned machine)
{
    for (unsigned m = 0; m < ring->machine_count; m++) {
        if (m != machine)
            ring_part(ring, machine, m);
    }
}

static uint64_t kept(unsigned at)
{
    struct hints_counters counters;
    hints_count(node_hints(ring->machines[at].shared), &counters);
    return counters.kept;
}

static uint64_t root(unsigned machine, unsigned partition)
{
    return tree_root(store_tree(ring->machines[machine].store), ring->settings.partition_count, (uint16_t)partition);
}

/* All owners' trees, of all partitions. */
static bool are_identical(void)
{
    const struct ring_view *view = node_view(ring->machines[0].shared);
    for (unsigned p = 0; p < view->partition_count; p++) {
        const uint16_t *list = ring_preference_list(view, (uint16_t)p);
        uint64_t first = 0;
        for (unsigned m = 0; m < ring->machine_count; m++) {
            int index = ring_member_index(view, ring->machines[m].id);
            if (list[0] == index)
                first = root(m, p);
        }
        for (unsigned m = 0; m < ring->machine_count; m++) {
            int index = ring_member_index(view, ring->machines[m].id);
            if (ring_owner_place(view, (uint16_t)p, (uint32_t)index) >= 0 && root(m, p) != first)
                return false;
        }
    }
    return true;
}

static unsigned partitions_behind(unsigned machine)
{
    const struct ring_view *view = node_view(ring->machines[0].shared);
    int index = ring_member_index(view, ring->machines[machine].id);
    unsigned count = 0;
    for (unsigned p = 0; p < view->partition_count; p++) {
        bool owns = ring_owner_place(view, (uint16_t)p, (uint32_t)index) >= 0;
        count += owns && standing_is_behind(node_standing(ring->machines[machine].shared), (uint16_t)p);
    }
    return count;
}

static unsigned partitions_doubtful(unsigned machine)
{
    unsigned count = 0;
    for (unsigned p = 0; p < ring->settings.partition_count; p++)
        count += standing_is_doubtful(node_standing(ring->machines[machine].shared), (uint16_t)p);
    return count;
}

static void set_many(unsigned from, const char *value)
{
    char key[32];
    for (unsigned i = 0; i < 100; i++) {
        snprintf(key, sizeof key, "key%u", i);
        assert_int_equal(set(ring, from, key, value), REQUEST_OK);
    }
}

static void hints_are_kept_handed_over_and_deleted(void **state)
{
    (void)state;
    open_repairing(5, 3);
    isolate(4);
    set_many(0, "1");
    uint64_t sum = 0;
    for (unsigned m = 0; m < 4; m++)
        sum += kept(m);
    assert_true(sum > 0);
    ring_dial_all(ring);
    pass(5000);
    for (unsigned m = 0; m < 5; m++)
        assert_int_equal(kept(m), 0);
    assert_true(are_identical());
    assert_true(shows(ring, 4, "key0", "1"));
    close_repairing();
}

static void whoever_was_away_is_behind_until_it_has_been_compared(void **state)
{
    (void)state;
    open_repairing(3, 3);
    set_many(0, "1");
    isolate(2);
    set_many(0, "2");
    ring_dial_all(ring);
    ring_pump(ring);
    for (unsigned m = 0; m < 3; m++)
        assert_int_equal(partitions_behind(m), ring->settings.partition_count);
    pass(5000); /* long before the interval is over */
    assert_true(are_identical());
    for (unsigned m = 0; m < 3; m++)
        assert_int_equal(partitions_behind(m), 0);
    assert_true(node_antientropy(ring_loop(ring, 0, 0)) != NULL);
    close_repairing();
}

static void a_doubtful_copy_is_refilled_and_counts_again(void **state)
{
    (void)state;
    open_repairing(3, 3);
    set_many(0, "1");
    pass(2000);
    standing_mark_all(node_standing(ring->machines[1].shared), STANDING_DOUBTFUL);
    assert_int_equal(partitions_doubtful(1), ring->settings.partition_count);
    ring_part(ring, 0, 1); /* it comes back as one that was away */
    ring_dial_all(ring);
    pass(5000);
    assert_int_equal(partitions_doubtful(1), 0);
    assert_int_equal(partitions_behind(1), 0);
    close_repairing();
}

/* When nothing differs, nothing flows but roots, once in a while. */
static void a_ring_that_is_whole_is_quiet(void **state)
{
    (void)state;
    open_repairing(3, 3);
    set_many(0, "1");
    pass(10000);
    memset(ring->frames, 0, sizeof ring->frames);
    pass(10000);
    assert_int_equal(ring->frames[MESSAGE_WRITE], 0);
    assert_int_equal(ring->frames[MESSAGE_READ], 0);
    assert_int_equal(ring->frames[MESSAGE_FORWARD], 0);
    close_repairing();
}

static void a_node_that_does_not_repair_closes_links_that_ask_it_to(void **state)
{
    (void)state;
    ring_open(ring, 2, 2);
    ring->refuses = true;
    struct joint *joint = ring_joint(ring, 0, 0, 1);
    frame_append(&joint->end[0].out, MESSAGE_OF_REPAIR, text("?"));
    link_wants_flush(&joint_node(ring, joint, 0)->flushes, &joint->end[0]);
    ring_pump(ring);
    assert_false(joint->up);
    assert_null(node_antientropy(ring_loop(ring, 0, 0)));
    ring_close(ring);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(hints_are_kept_handed_over_and_deleted),
        cmocka_unit_test(whoever_was_away_is_behind_until_it_has_been_compared),
        cmocka_unit_test(a_doubtful_copy_is_refilled_and_counts_again),
        cmocka_unit_test(a_ring_that_is_whole_is_quiet),
        cmocka_unit_test(a_node_that_does_not_repair_closes_links_that_ask_it_to),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
