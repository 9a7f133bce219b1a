/* Hints, comparisons, horizon and verdicts, as statistics and as JSON. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "admin/fake_ring.h"
#include "admin/repair.h"

#include <stdio.h>
#include <stdlib.h>

enum { LINES_MAX = 64 };

static struct hints_row HINTS[] = {{.owner = 20, .count = 12, .since_ms = 1111}, {.owner = 99, .count = 1}};
static struct antientropy_peer_row PEERS[] = {{.node = 20,
                                               .partitions = 3,
                                               .identical = 2,
                                               .compared_ms = 2222,
                                               .is_under_way = true,
                                               .left = 1,
                                               .keys_exchanged = 17,
                                               .bytes_sent = 4242,
                                               .exchanges = 9,
                                               .messages = 31}};
static const struct admin_repair REPAIR = {
    .now_ms = 10000,
    .has_hints = true,
    .hints = {.stored = 20, .delivered = 7, .refused = 2, .kept = 13, .bytes = 900},
    .delivery = {.sent = 8, .acknowledged = 7},
    .owners = HINTS,
    .owner_count = 2,
    .compares = true,
    .peers = PEERS,
    .peer_count = 1,
    .horizon = {.lowest = (hybrid_time)4000 << 16, .highest = (hybrid_time)6000 << 16, .doubtful = 1, .behind = 2},
    .checker = {.passes = 2, .partitions = 9, .mismatches = 1, .last_mismatch = 3},
};

struct lines {
    char names[LINES_MAX][64], values[LINES_MAX][64];
    unsigned count;
};

static void collect(void *context, struct bytes name, struct bytes value)
{
    struct lines *lines = context;
    assert_true(lines->count < LINES_MAX);
    snprintf(lines->names[lines->count], 64, "%.*s", (int)name.len, (const char *)name.at);
    snprintf(lines->values[lines->count++], 64, "%.*s", (int)value.len, (const char *)value.at);
}

static void assert_line(const struct lines *lines, const char *name, const char *value)
{
    for (unsigned i = 0; i < lines->count; i++) {
        if (strcmp(lines->names[i], name) == 0) {
            assert_string_equal(lines->values[i], value);
            return;
        }
    }
    fail_msg("no line %s", name);
}

static void hints_are_shown_by_owner_and_by_id_when_the_owner_has_left(void **state)
{
    (void)state;
    struct lines lines = {.count = 0};
    struct ring_view view = fake_view();
    admin_stats_hints(&REPAIR, &view, collect, &lines);
    assert_line(&lines, "enabled", "1");
    assert_line(&lines, "kept", "13");
    assert_line(&lines, "refused", "2");
    assert_line(&lines, "sent", "8");
    assert_line(&lines, "b:kept", "12");
    assert_line(&lines, "b:since_ms", "1111");
    assert_line(&lines, "00000063:kept", "1");
}

static void each_pair_is_shown_with_what_is_left(void **state)
{
    (void)state;
    struct lines lines = {.count = 0};
    struct ring_view view = fake_view();
    admin_stats_antientropy(&REPAIR, &view, collect, &lines);
    assert_line(&lines, "b:partitions", "3");
    assert_line(&lines, "b:identical", "2");
    assert_line(&lines, "b:identical_since_ms", "0");
    assert_line(&lines, "b:compared_ms", "2222");
    assert_line(&lines, "b:under_way", "1");
    assert_line(&lines, "b:left", "1");
    assert_line(&lines, "checker_mismatches", "1");
    assert_line(&lines, "checker_last_mismatch", "3");
}

static void the_horizon_is_shown_with_its_lag(void **state)
{
    (void)state;
    struct lines lines = {.count = 0};
    admin_stats_horizon(&REPAIR, collect, &lines);
    assert_line(&lines, "lowest_ms", "4000");
    assert_line(&lines, "highest_ms", "6000");
    assert_line(&lines, "lag_ms", "6000");
    assert_line(&lines, "doubtful_partitions", "1");
    assert_line(&lines, "behind_partitions", "2");
    assert_line(&lines, "held_back_by", "nothing");
}

static void a_node_without_repair_says_so(void **state)
{
    (void)state;
    struct admin_repair repair = {0};
    struct lines lines = {.count = 0};
    struct ring_view view = fake_view();
    admin_repair_take(&repair, &(struct admin_repair_source){.now_ms = 5});
    admin_stats_hints(&repair, &view, collect, &lines);
    assert_line(&lines, "enabled", "0");
    lines.count = 0;
    admin_stats_antientropy(&repair, &view, collect, &lines);
    assert_line(&lines, "enabled", "0");
    assert_line(&lines, "checker_last_mismatch", "none");
    lines.count = 0;
    admin_stats_horizon(&repair, collect, &lines);
    assert_line(&lines, "lag_ms", "0");
    admin_repair_close(&repair);
}

/* A survey of the fake ring in which every owner of every partition has the same. */
struct fixture {
    struct survey survey;
    struct survey_member members[FAKE_MEMBERS];
    uint64_t roots[FAKE_PARTITIONS * 2];
    bool known[FAKE_PARTITIONS * 2];
    struct partition_set differing;
    struct ring_view view;
    json_t *report;
};

static int setup(void **state)
{
    struct fixture *f = calloc(1, sizeof(*f));
    assert_non_null(f);
    f->view = fake_view();
    f->survey = (struct survey){.epoch = 7,
                                .member_count = FAKE_MEMBERS,
                                .owner_count = 2,
                                .members = f->members,
                                .roots = f->roots,
                                .known = f->known};
    for (unsigned i = 0; i < FAKE_PARTITIONS * 2; i++)
        f->known[i] = true;
    partition_set_init(&f->differing, FAKE_PARTITIONS);
    *state = f;
    return 0;
}

static int teardown(void **state)
{
    struct fixture *f = *state;
    json_decref(f->report);
    partition_set_close(&f->differing);
    free(f);
    return 0;
}

static const json_t *tell(struct fixture *f)
{
    json_decref(f->report);
    f->report = report_verify(
        &(struct verify_source){.survey = &f->survey, .view = &f->view, .differing = &f->differing, .looks = 1});
    return f->report;
}

static void all_are_identical_when_nothing_differs_and_all_have_answered(void **state)
{
    struct fixture *f = *state;
    assert_true(json_is_true(json_object_get(tell(f), "identical")));
    f->members[1].outcome = SURVEY_UNREACHABLE;
    assert_true(json_is_false(json_object_get(tell(f), "identical")));
    f->members[1].outcome = SURVEY_OTHER_TABLE;
    assert_true(json_is_false(json_object_get(tell(f), "identical")));
}

static void hints_of_all_members_are_added(void **state)
{
    struct fixture *f = *state;
    f->members[0].hints = 3;
    f->members[2].hints = 4;
    assert_int_equal(json_integer_value(json_object_get(tell(f), "hints")), 7);
}

/* Partition 2 belongs to a and c. */
static void a_partition_that_differs_is_shown_with_its_owners_roots(void **state)
{
    struct fixture *f = *state;
    partition_set_add(&f->differing, 2);
    f->roots[4] = 0xaa;
    f->known[5] = false;
    const json_t *report = tell(f), *example = json_array_get(json_object_get(report, "examples"), 0);
    const json_t *owners = json_object_get(example, "owners");
    assert_true(json_is_false(json_object_get(report, "identical")));
    assert_int_equal(json_integer_value(json_object_get(report, "differing")), 1);
    assert_int_equal(json_integer_value(json_object_get(example, "partition")), 2);
    assert_string_equal(json_string_value(json_object_get(json_array_get(owners, 0), "name")), "a");
    assert_string_equal(json_string_value(json_object_get(json_array_get(owners, 0), "root")), "00000000000000aa");
    assert_string_equal(json_string_value(json_object_get(json_array_get(owners, 1), "name")), "c");
    assert_true(json_is_null(json_object_get(json_array_get(owners, 1), "root")));
}

static void copies_are_the_same_only_if_all_owners_were_heard(void **state)
{
    struct fixture *f = *state;
    assert_true(survey_is_same(&f->survey, 1));
    f->roots[3] = 1;
    assert_false(survey_is_same(&f->survey, 1));
    f->roots[2] = 1;
    assert_true(survey_is_same(&f->survey, 1));
    f->known[2] = false;
    assert_false(survey_is_same(&f->survey, 1));
}

#define VERDICT(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(hints_are_shown_by_owner_and_by_id_when_the_owner_has_left),
        cmocka_unit_test(each_pair_is_shown_with_what_is_left),
        cmocka_unit_test(the_horizon_is_shown_with_its_lag),
        cmocka_unit_test(a_node_without_repair_says_so),
        VERDICT(all_are_identical_when_nothing_differs_and_all_have_answered),
        VERDICT(hints_of_all_members_are_added),
        VERDICT(a_partition_that_differs_is_shown_with_its_owners_roots),
        VERDICT(copies_are_the_same_only_if_all_owners_were_heard),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
