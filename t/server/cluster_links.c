/* When a member may begin to serve clients. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "server/cluster_links.h"

/* A view of which only the number of owners is looked at, and one bucket. */
static bool suffice(uint8_t owners, uint8_t r, uint8_t w, uint32_t missing, uint64_t waited_ms)
{
    struct ring_view view = {.owner_count = owners};
    struct bucket bucket = bucket_default("default");
    bucket.r = r;
    bucket.w = w;
    struct bucket_table buckets = {.buckets = &bucket, .count = 1};
    return links_suffice(&view, &buckets, missing, waited_ms);
}

static void member_with_all_links_serves_at_once(void **state)
{
    (void)state;
    assert_true(suffice(3, 2, 2, 0, 0));
    assert_true(suffice(1, 1, 1, 0, 0));
    assert_true(suffice(3, 1, 3, 0, 0));
}

static void silent_members_are_waited_for_a_while_even_if_quorums_can_do_without(void **state)
{
    (void)state;
    assert_false(suffice(3, 2, 2, 1, 0));
    assert_false(suffice(3, 2, 2, 1, LINKS_ENOUGH_MS - 1));
    assert_true(suffice(3, 2, 2, 1, LINKS_ENOUGH_MS));
}

static void quorums_that_cannot_be_met_are_waited_for_longer(void **state)
{
    (void)state;
    assert_false(suffice(3, 2, 2, 2, LINKS_WAIT_MS - 1));
    assert_false(suffice(3, 1, 3, 1, LINKS_WAIT_MS - 1)); /* w counts */
    assert_false(suffice(3, 3, 1, 1, LINKS_WAIT_MS - 1)); /* and r */
    assert_false(suffice(3, 1, 1, 7, LINKS_WAIT_MS - 1)); /* more members than owners */
    assert_true(suffice(3, 2, 2, 2, LINKS_WAIT_MS));
}

static void quorums_are_no_larger_than_the_owners(void **state)
{
    (void)state;
    assert_false(suffice(2, 3, 3, 1, LINKS_ENOUGH_MS));
    assert_true(suffice(2, 1, 1, 1, LINKS_ENOUGH_MS));
}

static void every_bucket_counts(void **state)
{
    (void)state;
    struct ring_view view = {.owner_count = 3};
    struct bucket all[] = {bucket_default("default"), bucket_default("reads")};
    struct bucket_table buckets = {.buckets = all, .count = 2};
    all[0].r = all[0].w = 2;
    all[1].r = 1;
    all[1].w = 3;
    assert_false(links_meet_quorums(&view, &buckets, 1));
    buckets.count = 1;
    assert_true(links_meet_quorums(&view, &buckets, 1));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(member_with_all_links_serves_at_once),
        cmocka_unit_test(silent_members_are_waited_for_a_while_even_if_quorums_can_do_without),
        cmocka_unit_test(quorums_that_cannot_be_met_are_waited_for_longer),
        cmocka_unit_test(quorums_are_no_larger_than_the_owners),
        cmocka_unit_test(every_bucket_counts),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
