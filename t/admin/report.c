/* What the admin port tells, out of a ring that is small enough to reason about. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "admin/fake_ring.h"
#include "admin/report.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>

struct fixture {
    struct ring_view view;
    struct membership_row rows[FAKE_MEMBERS];
    struct bucket_table buckets;
    struct engine_usage engine;
    struct status_source source;
    json_t *report;
};

static int setup(void **state)
{
    struct fixture *f = calloc(1, sizeof(*f));
    assert_non_null(f);
    f->view = fake_view();
    fake_rows(f->rows);
    bucket_table_init(&f->buckets);
    f->buckets.buckets[0].r = f->buckets.buckets[0].w = 1;
    f->source = (struct status_source){.view = &f->view,
                                       .rows = f->rows,
                                       .row_count = FAKE_MEMBERS,
                                       .buckets = &f->buckets,
                                       .waits_for = "",
                                       .wall_ms = FAKE_NOW_MS};
    *state = f;
    return 0;
}

static int teardown(void **state)
{
    struct fixture *f = *state;
    json_decref(f->report);
    bucket_table_close(&f->buckets);
    free(f);
    return 0;
}

static const json_t *tell(struct fixture *f, json_t *report)
{
    json_decref(f->report);
    f->report = report;
    return report;
}

static const json_t *at(const json_t *object, const char *list, size_t index)
{
    const json_t *item = json_array_get(json_object_get(object, list), index);
    assert_non_null(item);
    return item;
}

static void assert_text(const json_t *object, const char *name, const char *wanted)
{
    const char *text = json_string_value(json_object_get(object, name));
    if (text == NULL)
        fail_msg("no text %s", name);
    assert_string_equal(text, wanted);
}

static void assert_number(const json_t *object, const char *name, double wanted)
{
    const json_t *number = json_object_get(object, name);
    if (!json_is_number(number))
        fail_msg("no number %s", name);
    if (fabs(json_number_value(number) - wanted) > 1e-6)
        fail_msg("%s is %g, not %g", name, json_number_value(number), wanted);
}

/* How many of the status' warnings contain the text. */
static unsigned warnings(struct fixture *f, const char *text)
{
    const json_t *list = json_object_get(tell(f, report_status(&f->source)), "warnings");
    unsigned found = 0;
    assert_true(json_is_array(list));
    for (size_t i = 0; i < json_array_size(list); i++)
        found += strstr(json_string_value(json_array_get(list, i)), text) != NULL;
    return found;
}

static void status_shows_each_member_with_its_share_of_copies_and_of_first_owners(void **state)
{
    struct fixture *f = *state;
    const json_t *status = tell(f, report_status(&f->source));
    assert_int_equal(json_array_size(json_object_get(status, "members")), 3);
    const json_t *a = at(status, "members", 0), *b = at(status, "members", 1), *c = at(status, "members", 2);
    assert_number(a, "ownership", 50);
    assert_number(b, "ownership", 37.5);
    assert_number(c, "ownership", 12.5);
    assert_number(a, "coordinates", 75);
    assert_number(b, "coordinates", 25);
    assert_number(c, "coordinates", 0);
    assert_number(b, "weight", 2.5);
    assert_text(b, "name", "b");
    assert_text(b, "address", "10.0.0.2:12211");
    assert_text(b, "client", "[fe80::2]:11211");
    assert_text(b, "state", "up");
    assert_text(b, "rack", "r2");
    assert_text(b, "datacenter", "");
    assert_text(b, "version", "0.1.0");
    assert_number(b, "records", 2000);
    assert_number(b, "heard_ms", 250);
    assert_number(b, "clock_ms", FAKE_NOW_MS - 250);
    assert_number(b, "epoch", 7);
    assert_true(json_is_true(json_object_get(a, "self")));
    assert_true(json_is_false(json_object_get(b, "self")));
}

static void status_names_the_table(void **state)
{
    struct fixture *f = *state;
    const json_t *status = tell(f, report_status(&f->source));
    char fingerprint[17];
    snprintf(fingerprint, sizeof(fingerprint), "%016llx", (unsigned long long)ring_fingerprint(&f->view));
    assert_text(status, "fingerprint", fingerprint);
    assert_text(status, "cluster", "0000000000000abc");
    assert_number(status, "epoch", 7);
    assert_number(status, "partitions", 4);
    assert_number(status, "copies", 2);
    assert_number(status, "strategy", 3);
    assert_number(status, "hints", 0);
    assert_text(status, "waits_for", "");
}

static void a_node_without_a_ring_says_what_it_waits_for(void **state)
{
    struct fixture *f = *state;
    f->source.view = NULL;
    f->source.row_count = 1;
    f->rows[0].state = MEMBER_JOINING;
    f->rows[0].epoch = 0;
    f->source.waits_for = "the seed 10.0.0.2:12211 has not answered";
    const json_t *status = tell(f, report_status(&f->source));
    assert_text(status, "waits_for", "the seed 10.0.0.2:12211 has not answered");
    assert_number(status, "epoch", 0);
    assert_text(status, "fingerprint", "");
    assert_text(at(status, "members", 0), "state", "joining");
    assert_number(at(status, "members", 0), "ownership", 0);
}

static void a_member_that_is_not_in_the_table_owns_nothing(void **state)
{
    struct fixture *f = *state;
    static const struct ring_member NEW = {.id = 25, .weight = 1000, .name = "new"};
    f->rows[2].member = &NEW;
    f->rows[2].state = MEMBER_JOINING;
    const json_t *status = tell(f, report_status(&f->source));
    assert_text(at(status, "members", 2), "state", "joining");
    assert_number(at(status, "members", 2), "ownership", 0);
}

static void names_that_are_no_utf8_are_escaped(void **state)
{
    struct fixture *f = *state;
    static const struct ring_member ODD = {.id = 30, .weight = 1000, .name = "caf\xe9"};
    f->rows[2].member = &ODD;
    assert_text(at(tell(f, report_status(&f->source)), "members", 2), "name", "caf%E9");
}

static void quorums_that_need_everybody_are_warned_of(void **state)
{
    struct fixture *f = *state;
    struct bucket *bucket = &f->buckets.buckets[0];
    bucket->w = 2;
    assert_int_equal(warnings(f, "bucket default: w = n = 2: while a member is away, keys that it owns"), 1);
    assert_int_equal(warnings(f, "r = n"), 0);
    bucket->r = 2;
    assert_int_equal(warnings(f, "r = n = 2"), 1);
    f->view.owner_count = 3;
    bucket->w = 3;
    assert_int_equal(warnings(f, "w = n = 3"), 1);
    assert_int_equal(warnings(f, "r = n"), 0);
    bucket->w = 2;
    assert_int_equal(json_array_size(json_object_get(tell(f, report_status(&f->source)), "warnings")), 0);
}

static void in_a_ring_of_two_w_of_2_needs_both(void **state)
{
    struct fixture *f = *state;
    static const uint16_t ROWS[FAKE_PARTITIONS * 2] = {0, 1, 1, 0, 0, 1, 1, 0};
    f->view.member_count = 2;
    f->view.rows = ROWS;
    f->source.row_count = 2;
    f->buckets.buckets[0].w = 2;
    assert_int_equal(warnings(f, "bucket default: two members with w=2: both are needed for a write"), 1);
    assert_int_equal(warnings(f, "r=2"), 0);
    f->buckets.buckets[0].r = 3; /* counts as 2 here */
    assert_int_equal(warnings(f, "bucket default: two members with r=2: both are needed for a read"), 1);
}

static void quorums_that_do_not_meet_are_warned_of(void **state)
{
    struct fixture *f = *state;
    assert_int_equal(warnings(f, "bucket default: r + w <= n (1 + 1 <= 2): reads may miss acknowledged writes"), 1);
    assert_int_equal(warnings(f, "bucket default: w = 1: while a member is away, add, cas, incr, delete"), 1);
    f->buckets.buckets[0].w = 2;
    assert_int_equal(warnings(f, "r + w <= n"), 0);
    assert_int_equal(warnings(f, "w = 1"), 0);
}

static void a_ring_of_one_has_no_quorum_to_be_warned_of(void **state)
{
    struct fixture *f = *state;
    static const uint16_t ROWS[FAKE_PARTITIONS];
    f->view.member_count = f->view.owner_count = 1;
    f->view.rows = ROWS;
    f->source.row_count = 1;
    assert_int_equal(json_array_size(json_object_get(tell(f, report_status(&f->source)), "warnings")), 0);
}

static void fewer_members_than_copies_are_warned_of(void **state)
{
    struct fixture *f = *state;
    f->view.settings.copies = 5;
    f->view.owner_count = 3;
    assert_int_equal(warnings(f, "3 members for n = 5: there are only 3 copies"), 1);
}

static void members_that_are_down_or_old_are_warned_of(void **state)
{
    struct fixture *f = *state;
    f->buckets.buckets[0].w = 2;
    f->rows[1].state = MEMBER_DOWN;
    f->rows[1].heard_ms = 61500;
    assert_int_equal(warnings(f, "member b is down: nothing has been heard of it for 61 s"), 1);
    f->rows[1].incarnation = 0;
    assert_int_equal(warnings(f, "member b is down: this node has never heard of it"), 1);
    f->rows[2].epoch = 6;
    assert_int_equal(warnings(f, "member c still has the table of epoch 6, this node has 7"), 1);
    f->rows[2].version = "0.0.9";
    assert_int_equal(warnings(f, "member c runs version 0.0.9, this node 0.1.0"), 1);
}

static void times_that_are_ahead_of_this_machines_clock_are_warned_of(void **state)
{
    struct fixture *f = *state;
    assert_int_equal(warnings(f, "clock"), 0);
    /* Heard of half a second ago. */
    f->rows[2].clock = hybrid_of_ms(FAKE_NOW_MS - 500 + 9999);
    assert_int_equal(warnings(f, "clock"), 0);
    f->rows[2].clock = hybrid_of_ms(FAKE_NOW_MS - 500 + 12000);
    assert_int_equal(warnings(f, "member c gives times 12 s ahead of this machine's clock"), 1);
    f->rows[2].clock = hybrid_of_ms(FAKE_NOW_MS - 3600000); /* may just have had nothing to do */
    assert_int_equal(warnings(f, "clock"), 0);
}

static void an_engine_is_warned_of_from_80_percent(void **state)
{
    struct fixture *f = *state;
    f->source.engine = &f->engine;
    f->engine.bytes_max = 1000000;
    f->engine.bytes_used = 790000;
    assert_int_equal(warnings(f, "engine"), 0);
    f->engine.bytes_used = 810000;
    assert_int_equal(warnings(f, "the engine of this node is 80 % full"), 1);
    f->engine.nearly_full = true;
    assert_int_equal(warnings(f, "sets are refused"), 1);
}

static void the_ring_is_told_as_indexes_with_the_coordinator_first(void **state)
{
    struct fixture *f = *state;
    const json_t *ring = tell(f, report_ring(&f->view));
    assert_number(ring, "epoch", 7);
    assert_number(ring, "partitions", 4);
    json_t *wanted = json_pack("[[i,i],[i,i],[i,i],[i,i]]", 0, 1, 1, 0, 0, 2, 0, 1);
    assert_true(json_equal(json_object_get(ring, "owners"), wanted));
    json_decref(wanted);
    assert_text(at(ring, "members", 0), "host", "10.0.0.1");
    assert_number(at(ring, "members", 0), "port", 11211);
    assert_text(at(ring, "members", 1), "host", "fe80::2");
    assert_number(at(ring, "members", 1), "port", 11211);
    assert_text(at(ring, "members", 2), "name", "c");
    assert_text(at(ring, "members", 2), "host", "cache3.example");
    assert_number(at(ring, "members", 2), "port", 11311);
}

static void settings_are_told_as_a_file_has_them(void **state)
{
    struct fixture *f = *state;
    struct bucket carts = bucket_default("carts");
    carts.prefix_len = 4;
    memcpy(carts.prefix, "c% \n", 4);
    carts.r = 1;
    carts.w = 3;
    carts.reconcile = RECONCILE_LWW;
    carts.multi_value = false;
    carts.durability = DURABILITY_SYNCED;
    assert_null(bucket_table_put(&f->buckets, &carts));
    const json_t *config = tell(f, report_config(&f->view, &f->buckets));
    const json_t *bucket = at(config, "buckets", 1), *ring = json_object_get(config, "ring");
    assert_text(bucket, "name", "carts");
    assert_text(bucket, "prefix", "c%25%20%0A");
    assert_number(bucket, "w", 3);
    assert_number(bucket, "effective-w", 2);
    assert_number(bucket, "effective-r", 1);
    assert_text(bucket, "reconcile", "lww");
    assert_text(bucket, "stale-cas", "exists");
    assert_text(bucket, "multi-value", "off");
    assert_text(bucket, "durability", "synced");
    assert_number(bucket, "max-siblings", 100);
    assert_number(ring, "n", 2);
    assert_number(ring, "effective-n", 2);
    assert_number(ring, "tokens", 64);
}

/* Keys. */

static struct inspection inspect(struct blob *first, struct blob *second)
{
    struct inspection inspection = {.key = "k\xff", .key_len = 2, .partition = 1, .epoch = 7, .replica_count = 2};
    inspection.replicas[0] = (struct inspection_replica){
        .member = 1, .is_owner = true, .outcome = first != NULL ? INSPECT_ANSWERED : INSPECT_ABSENT, .record = first};
    inspection.replicas[1] = (struct inspection_replica){
        .member = 0, .is_owner = true, .outcome = second != NULL ? INSPECT_ANSWERED : INSPECT_ABSENT, .record = second};
    return inspection;
}

/* Takes over the records. */
static const json_t *tell_key(struct fixture *f, struct inspection *inspection)
{
    struct key_source source = {
        .inspection = inspection, .view = &f->view, .buckets = &f->buckets, .present = {.now_ms = FAKE_NOW_MS}};
    const json_t *key = tell(f, report_key(&source));
    for (unsigned i = 0; i < inspection->replica_count; i++) {
        if (inspection->replicas[i].record != NULL)
            blob_release(inspection->replicas[i].record);
    }
    return key;
}

static void a_key_shows_what_each_owner_holds(void **state)
{
    struct fixture *f = *state;
    struct inspection inspection = inspect(fake_record(20, 3, "value", 0), fake_record(99, 4, NULL, 0));
    const json_t *key = tell_key(f, &inspection);
    assert_text(key, "key", "k%FF");
    assert_text(key, "bucket", "default");
    assert_number(key, "partition", 1);
    assert_number(key, "answered", 2);
    assert_true(json_is_false(json_object_get(key, "agree")));
    const json_t *first = at(key, "replicas", 0), *second = at(key, "replicas", 1);
    assert_text(first, "name", "b");
    assert_text(first, "outcome", "answered");
    const json_t *version = at(first, "versions", 0);
    assert_text(version, "state", "live");
    assert_text(version, "node", "b"); /* the id of a member is shown as its name */
    assert_text(version, "incarnation", "0000000000001234");
    assert_number(version, "birth", 1);
    assert_number(version, "counter", 3);
    assert_number(version, "time_ms", FAKE_NOW_MS - 997);
    assert_number(version, "expiry_ms", 0);
    assert_number(version, "flags", 5);
    assert_number(version, "size", 5);
    assert_number(at(first, "clock", 0), "counter", 3);
    assert_text(at(second, "versions", 0), "state", "deleted");
    assert_text(at(second, "versions", 0), "node", "00000063"); /* nobody's that is still there */
}

static void a_version_is_expired_from_its_expiry_on(void **state)
{
    struct fixture *f = *state;
    struct inspection inspection =
        inspect(fake_record(20, 1, "v", FAKE_NOW_MS), fake_record(20, 1, "v", FAKE_NOW_MS + 1));
    const json_t *key = tell_key(f, &inspection);
    assert_text(at(at(key, "replicas", 0), "versions", 0), "state", "expired");
    assert_text(at(at(key, "replicas", 1), "versions", 0), "state", "live");
    assert_true(json_is_false(json_object_get(key, "agree"))); /* an expiry is part of what owners have to agree on */
}

static void owners_agree_when_all_have_the_same(void **state)
{
    struct fixture *f = *state;
    struct inspection same = inspect(fake_record(20, 1, "v", 0), fake_record(20, 1, "v", 0));
    const json_t *key = tell_key(f, &same);
    assert_true(json_is_true(json_object_get(key, "agree")));
    const char *token = json_string_value(json_object_get(at(key, "replicas", 0), "token"));
    assert_text(at(key, "replicas", 1), "token", token);
    struct inspection none = inspect(NULL, NULL);
    key = tell_key(f, &none);
    assert_true(json_is_true(json_object_get(key, "agree")));
    assert_text(at(key, "replicas", 0), "outcome", "absent");
    struct inspection one = inspect(fake_record(20, 1, "v", 0), NULL);
    key = tell_key(f, &one);
    assert_true(json_is_false(json_object_get(key, "agree")));
}

static void an_owner_that_does_not_answer_does_not_agree(void **state)
{
    struct fixture *f = *state;
    struct inspection inspection = inspect(fake_record(20, 1, "v", 0), NULL);
    inspection.replicas[1].outcome = INSPECT_UNREACHABLE;
    const json_t *key = tell_key(f, &inspection);
    assert_number(key, "answered", 1);
    assert_true(json_is_false(json_object_get(key, "agree")));
    assert_text(at(key, "replicas", 1), "outcome", "unreachable");
    assert_int_equal(json_array_size(json_object_get(at(key, "replicas", 1), "versions")), 0);
}

static void who_is_no_owner_has_no_say(void **state)
{
    struct fixture *f = *state;
    struct inspection inspection = inspect(fake_record(20, 1, "v", 0), NULL);
    inspection.replicas[1].is_owner = false;
    const json_t *key = tell_key(f, &inspection);
    assert_true(json_is_true(json_object_get(key, "agree")));
}

static void an_unreadable_record_is_corrupt(void **state)
{
    struct fixture *f = *state;
    struct blob *cut = blob_new(3);
    memset(cut->at, 0xff, 3);
    struct inspection inspection = inspect(cut, NULL);
    const json_t *key = tell_key(f, &inspection);
    assert_text(at(key, "replicas", 0), "outcome", "corrupt");
    assert_true(json_is_false(json_object_get(key, "agree")));
    assert_number(key, "answered", 1);
}

static void reports_become_one_line(void **state)
{
    (void)state;
    char *text = report_text(report_error("no \"such\" thing\n"));
    assert_string_equal(text, "{\"error\":\"no \\\"such\\\" thing\\n\"}");
    free(text);
    json_t *share = json_object();
    json_object_set_new(share, "x", json_real(100.0 / 3));
    text = report_text(share);
    assert_string_equal(text, "{\"x\":33.333}");
    free(text);
}

#define CLAIM(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        CLAIM(status_shows_each_member_with_its_share_of_copies_and_of_first_owners),
        CLAIM(status_names_the_table),
        CLAIM(a_node_without_a_ring_says_what_it_waits_for),
        CLAIM(a_member_that_is_not_in_the_table_owns_nothing),
        CLAIM(names_that_are_no_utf8_are_escaped),
        CLAIM(quorums_that_need_everybody_are_warned_of),
        CLAIM(in_a_ring_of_two_w_of_2_needs_both),
        CLAIM(quorums_that_do_not_meet_are_warned_of),
        CLAIM(a_ring_of_one_has_no_quorum_to_be_warned_of),
        CLAIM(fewer_members_than_copies_are_warned_of),
        CLAIM(members_that_are_down_or_old_are_warned_of),
        CLAIM(times_that_are_ahead_of_this_machines_clock_are_warned_of),
        CLAIM(an_engine_is_warned_of_from_80_percent),
        CLAIM(the_ring_is_told_as_indexes_with_the_coordinator_first),
        CLAIM(settings_are_told_as_a_file_has_them),
        CLAIM(a_key_shows_what_each_owner_holds),
        CLAIM(a_version_is_expired_from_its_expiry_on),
        CLAIM(owners_agree_when_all_have_the_same),
        CLAIM(an_owner_that_does_not_answer_does_not_agree),
        CLAIM(who_is_no_owner_has_no_say),
        CLAIM(an_unreadable_record_is_corrupt),
        CLAIM(reports_become_one_line),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
