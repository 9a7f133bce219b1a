/* The small parts by themselves: what comparisons prove of a copy, and the token bucket. */
#include "base/seeded.h"

#include "antientropy/compared.h"
#include "antientropy/rate.h"

#include <string.h>

enum { PARTITIONS = 4 };

struct fixture {
    struct ring_view *view;
    struct standing *standing;
    struct compared compared;
    uint32_t ids[3]; /* as in the view; this node is the first */
};

static void open_fixture(struct fixture *fixture, uint8_t copies)
{
    struct ring_member members[3] = {0};
    const char *names[] = {"a", "b", "c"};
    for (unsigned i = 0; i < 3; i++) {
        members[i].id = ring_node_id(names[i]);
        members[i].weight = RING_WEIGHT_ONE;
        strcpy(members[i].name, names[i]);
        strcpy(members[i].peer, "host:1");
        strcpy(members[i].client, "host:2");
        members[i].peer[0] = members[i].client[0] = names[i][0];
    }
    struct ring_settings settings = {.cluster = 1,
                                     .partition_count = PARTITIONS,
                                     .strategy = RING_CLAIMED_PARTITIONS,
                                     .copies = copies,
                                     .tokens = RING_TOKENS_DEFAULT};
    fixture->view = ring_view_new(&settings, members, 3);
    assert_non_null(fixture->view);
    for (unsigned i = 0; i < 3; i++)
        fixture->ids[i] = fixture->view->members[i].id;
    fixture->standing = standing_new();
    compared_init(&fixture->compared, fixture->standing, fixture->ids[0]);
    compared_set_view(&fixture->compared, fixture->view, 0, 100);
}

/* Doubtful from 200 on. */
static void open_doubtful(struct fixture *fixture, uint8_t copies)
{
    open_fixture(fixture, copies);
    standing_mark_all(fixture->standing, STANDING_DOUBTFUL);
    compared_look(&fixture->compared, 200);
}

static void close_fixture(struct fixture *fixture)
{
    compared_close(&fixture->compared);
    standing_free(fixture->standing);
    ring_view_free(fixture->view);
}

static void flags_go_when_every_other_owner_was_compared_since_the_mark(void **state)
{
    (void)state;
    struct fixture f;
    open_doubtful(&f, 3);
    assert_true(compared_needs(&f.compared, f.ids[1]) && compared_needs(&f.compared, f.ids[2]));
    compared_note(&f.compared, 1, f.ids[1], 201);
    assert_true(standing_is_doubtful(f.standing, 1));
    compared_note(&f.compared, 1, f.ids[2], 200); /* began at the mark, not after it */
    assert_true(standing_is_doubtful(f.standing, 1));
    compared_note(&f.compared, 1, f.ids[2], 202);
    assert_false(standing_is_doubtful(f.standing, 1));
    assert_false(standing_is_behind(f.standing, 1));
    assert_true(standing_is_doubtful(f.standing, 2));
    close_fixture(&f);
}

/* Keeps what is to be kept, as the storage thread does. */
static void keep(struct standing *standing)
{
    uint8_t kept[64];
    assert_true(standing_size(PARTITIONS) <= sizeof kept);
    standing_encode(standing, PARTITIONS, kept);
    standing_kept(standing);
}

/* Doubt ends when the highest of the others' horizons has been taken over, and that waits for the disk. */
static void a_refilled_copy_takes_over_the_highest_horizon(void **state)
{
    (void)state;
    struct fixture f;
    open_doubtful(&f, 3);
    compared_hear(&f.compared, 1, f.ids[1], 70);
    compared_hear(&f.compared, 1, f.ids[2], 50);
    compared_note(&f.compared, 1, f.ids[1], 201);
    assert_false(f.compared.inherits); /* the other one may know more */
    compared_note(&f.compared, 1, f.ids[2], 201);
    assert_true(f.compared.inherits && standing_is_doubtful(f.standing, 1));
    compared_await(&f.compared);
    assert_false(f.compared.inherits);
    assert_true(standing_is_doubtful(f.standing, 1));
    compared_inherit(&f.compared);
    assert_false(standing_is_doubtful(f.standing, 1));
    keep(f.standing);
    assert_int_equal(standing_horizon(f.standing, 1), 70);
    assert_int_equal(standing_horizon(f.standing, 2), 0);
    close_fixture(&f);
}

static void a_mark_while_the_disk_is_awaited_stays(void **state)
{
    (void)state;
    struct fixture f;
    open_doubtful(&f, 3);
    compared_hear(&f.compared, 1, f.ids[1], 70);
    compared_note(&f.compared, 1, f.ids[1], 201);
    compared_note(&f.compared, 1, f.ids[2], 201);
    compared_await(&f.compared);
    standing_mark(f.standing, 1, STANDING_DOUBTFUL);
    compared_inherit(&f.compared);
    assert_true(standing_is_doubtful(f.standing, 1));
    close_fixture(&f);
}

/* A mark that comes in the middle of an exchange is not cleared by it. */
static void a_mark_in_the_middle_stays(void **state)
{
    (void)state;
    struct fixture f;
    open_fixture(&f, 3);
    standing_mark(f.standing, 3, STANDING_BEHIND);
    compared_look(&f.compared, 200);
    compared_note(&f.compared, 3, f.ids[1], 201);
    standing_mark(f.standing, 3, STANDING_BEHIND);
    compared_note(&f.compared, 3, f.ids[2], 201); /* nobody has looked since */
    assert_true(standing_is_behind(f.standing, 3));
    compared_look(&f.compared, 300);
    compared_note(&f.compared, 3, f.ids[2], 250);
    assert_true(standing_is_behind(f.standing, 3));
    compared_note(&f.compared, 3, f.ids[2], 301);
    compared_note(&f.compared, 3, f.ids[1], 301);
    assert_false(standing_is_behind(f.standing, 3));
    close_fixture(&f);
}

static void with_all_since_counts_the_oldest(void **state)
{
    (void)state;
    struct fixture f;
    open_fixture(&f, 3);
    assert_int_equal(compared_oldest(&f.compared, f.ids[1]), 0);
    for (uint16_t p = 0; p < PARTITIONS; p++)
        compared_note(&f.compared, p, f.ids[1], 500 + p);
    assert_int_equal(compared_oldest(&f.compared, f.ids[1]), 500);
    assert_false(compared_with_all_since(&f.compared, 2, 100));
    compared_note(&f.compared, 2, f.ids[2], 300);
    assert_true(compared_with_all_since(&f.compared, 2, 299));
    assert_false(compared_with_all_since(&f.compared, 2, 300));
    compared_note(&f.compared, 2, f.ids[2], 200); /* late: what is known is not forgotten */
    assert_true(compared_with_all_since(&f.compared, 2, 299));
    close_fixture(&f);
}

/* With one copy of everything there is nobody to compare with. */
static void an_only_owner_has_nothing_to_wait_for(void **state)
{
    (void)state;
    struct fixture f;
    open_doubtful(&f, 1);
    for (uint16_t p = 0; p < PARTITIONS; p++) {
        bool is_owner = ring_owner_place(f.view, p, 0) >= 0;
        assert_true(standing_is_doubtful(f.standing, p) != is_owner);
        assert_true(compared_with_all_since(&f.compared, p, 1000) == is_owner);
    }
    close_fixture(&f);
}

static void pairs_that_stay_owners_are_remembered(void **state)
{
    (void)state;
    struct fixture f;
    open_fixture(&f, 3);
    compared_note(&f.compared, 0, f.ids[1], 400);
    compared_note(&f.compared, 0, f.ids[2], 401);
    struct ring_change change = {.kind = RING_CHANGE_LEAVE, .member = {.id = f.ids[2]}};
    struct ring_view *next = ring_view_after(f.view, &change);
    assert_non_null(next);
    compared_set_view(&f.compared, next, 0, 500);
    assert_true(compared_with_all_since(&f.compared, 0, 399));
    assert_false(compared_shares(&f.compared, 0, f.ids[2]));
    assert_true(compared_shares(&f.compared, 0, f.ids[1]));
    compared_note(&f.compared, 0, f.ids[2], 600); /* a late one of the old table */
    assert_false(compared_with_all_since(&f.compared, 0, 401));
    ring_view_free(next);
    close_fixture(&f);
}

static struct instant at_ms(uint64_t ms)
{
    return (struct instant){.mono_ns = ms * 1000000};
}

static void a_rate_is_kept_over_time(void **state)
{
    (void)state;
    const uint64_t rates[] = {1000, 70000, 16 << 20, UINT64_C(1) << 36};
    for (unsigned i = 0; i < 4; i++) {
        struct rate rate;
        rate_init(&rate, rates[i], at_ms(0));
        uint64_t sent = 0, piece = rates[i] / 50 + 1;
        for (uint64_t ms = 0; ms <= 20000; ms++) {
            while (rate_allows(&rate, at_ms(ms))) {
                rate_spend(&rate, piece);
                sent += piece;
            }
        }
        uint64_t burst = rates[i] / 8 < 65536 ? 65536 : rates[i] / 8;
        assert_in_range(sent, 19 * rates[i], 20 * rates[i] + burst + piece);
    }
}

static void what_is_larger_than_the_bucket_passes_and_is_paid_for(void **state)
{
    (void)state;
    struct rate rate;
    rate_init(&rate, 100000, at_ms(0));
    assert_true(rate_allows(&rate, at_ms(0)));
    rate_spend(&rate, 1000000);
    assert_false(rate_allows(&rate, at_ms(1000)));
    assert_true(rate_is_overdrawn(&rate, at_ms(1000)));
    uint64_t again_ns = rate_allows_at(&rate);
    assert_in_range(again_ns / 1000000, 9000, 10100);
    assert_false(rate_allows(&rate, at_ms(again_ns / 1000000 - 100)));
    assert_true(rate_allows(&rate, (struct instant){.mono_ns = again_ns}));
    assert_int_equal(rate_allows_at(&rate), 0);
}

static void without_a_limit_nothing_waits(void **state)
{
    (void)state;
    struct rate rate;
    rate_init(&rate, 0, at_ms(0));
    rate_spend(&rate, UINT64_C(1) << 50);
    assert_true(rate_allows(&rate, at_ms(0)));
    assert_false(rate_is_overdrawn(&rate, at_ms(0)));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(flags_go_when_every_other_owner_was_compared_since_the_mark),
        cmocka_unit_test(a_refilled_copy_takes_over_the_highest_horizon),
        cmocka_unit_test(a_mark_while_the_disk_is_awaited_stays),
        cmocka_unit_test(a_mark_in_the_middle_stays),
        cmocka_unit_test(with_all_since_counts_the_oldest),
        cmocka_unit_test(an_only_owner_has_nothing_to_wait_for),
        cmocka_unit_test(pairs_that_stay_owners_are_remembered),
        cmocka_unit_test(a_rate_is_kept_over_time),
        cmocka_unit_test(what_is_larger_than_the_bucket_passes_and_is_paid_for),
        cmocka_unit_test(without_a_limit_nothing_waits),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
