/* The messages of the membership plane as bytes. */
#include "base/prng.h"
#include "membership/value.h"
#include "message/agreement.h"
#include "message/founding.h"
#include "message/gossip.h"
#include "message/returning.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

static const struct message_sender sender = {.cluster = 7, .epoch = 3, .incarnation = 9, .peer = "a:1"};

static struct ring_member member_named(const char *name)
{
    struct ring_member member = {.id = ring_node_id(name), .weight = RING_WEIGHT_ONE};
    snprintf(member.name, sizeof member.name, "%s", name);
    snprintf(member.peer, sizeof member.peer, "%s:1", name);
    snprintf(member.client, sizeof member.client, "%s:2", name);
    return member;
}

static void digest_of_300_members_takes_about_20_bytes_each(void **state)
{
    (void)state;
    struct gossip_digest digests[300];
    for (uint32_t i = 0; i < 300; i++)
        digests[i] = (struct gossip_digest){
            .id = ring_node_id("x") + i, .epoch = 12, .version = 1700000000000u + i, .incarnation = ~0ull - i};
    struct message_digest m = {.sender = sender, .count = 300, .digests = digests}, read;
    struct draft out = {0};
    message_write_digest(&out, &m);
    print_message("300 digests: %zu bytes\n", out.len);
    assert_true(out.len <= 300 * 20 + 100);
    assert_true(message_read_digest(draft_written(&out), &read));
    assert_int_equal(read.count, 300);
    assert_memory_equal(read.digests, digests, sizeof digests);
    message_close_digest(&read);
    draft_close(&out);
}

static void every_cut_of_every_message_is_malformed(void **state)
{
    (void)state;
    struct draft out[8] = {{0}};
    struct message_probe *probe = calloc(1, sizeof *probe), *read_probe = malloc(sizeof *read_probe);
    assert_true(probe != NULL && read_probe != NULL);
    probe->sender = sender;
    snprintf(probe->target, sizeof probe->target, "b:1");
    probe->description = (struct message_description){
        .member = member_named("a"), .directory = 4, .member_count = 2, .seed_count = 1, .seeds = {"b:1"}};
    probe->description.settings = (struct ring_settings){
        .cluster = 7, .partition_count = 16, .strategy = RING_CLAIMED_PARTITIONS, .copies = 3, .tokens = 64};
    message_write_probe(&out[0], probe);
    message_write_join(&out[1], &(struct message_join){.sender = sender, .member = member_named("a"), .directory = 4});
    message_write_join_reply(&out[2], &(struct message_join_reply){.sender = sender, .good = true, .text = "no"});
    message_write_table(&out[3], &(struct message_table){
                                     .sender = sender, .table = bytes_of_text("t"), .settings = bytes_of_text("s")});
    struct gossip_entry entry = {.id = ring_node_id("a"), .epoch = 3, .name = "a", .peer = "a:1"};
    uint32_t want = 5;
    message_write_difference(&out[4], &(struct message_difference){.sender = sender,
                                                                   .has_settings = true,
                                                                   .settings = bytes_of_text("s"),
                                                                   .want_count = 1,
                                                                   .wants = &want,
                                                                   .count = 1,
                                                                   .entries = &entry});
    message_write_agreement(&out[5], MESSAGE_PROMISE,
                            &(struct message_agreement){.sender = sender,
                                                        .decree = 4,
                                                        .ballot = {.round = 2, .node = 3},
                                                        .accepted = {.round = 1, .node = 3},
                                                        .value = bytes_of_text("v")});
    for (unsigned i = 0; i < 6; i++) {
        for (size_t len = 0; len <= out[i].len; len++) {
            struct message_join join;
            struct message_join_reply reply;
            struct message_table table;
            struct message_difference difference;
            struct message_agreement agreement;
            uint8_t *exact = malloc(len + 1); /* so that the address sanitizer sees each byte too far */
            assert_non_null(exact);
            memcpy(exact, out[i].at, len);
            struct bytes head = bytes_of(exact, len);
            bool good = i == 0   ? message_read_probe(head, read_probe)
                        : i == 1 ? message_read_join(head, &join)
                        : i == 2 ? message_read_join_reply(head, &reply)
                        : i == 3 ? message_read_table(head, &table)
                        : i == 4 ? message_read_difference(head, &difference)
                                 : message_read_agreement(head, MESSAGE_PROMISE, &agreement);
            assert_true(good == (len == out[i].len));
            if (good && i == 4)
                message_close_difference(&difference);
            free(exact);
        }
        draft_close(&out[i]);
    }
    assert_string_equal(read_probe->description.seeds[0], "b:1");
    free(probe);
    free(read_probe);
}

static void counts_that_lie_ask_for_no_memory(void **state)
{
    (void)state;
    struct draft out = {0};
    message_write_sender(&out, &sender);
    draft_u64(&out, 0);
    draft_varint(&out, 0);
    draft_u32(&out, 0);
    draft_varint(&out, 2000); /* digests, and none follows */
    struct message_digest m;
    assert_false(message_read_digest(draft_written(&out), &m));
    draft_close(&out);
}

static void every_cut_of_what_a_process_says_of_itself_is_malformed(void **state)
{
    (void)state;
    struct message_return m = {.sender = sender, .knows_doubt = true};
    m.entry = (struct gossip_entry){.id = ring_node_id("a"),
                                    .epoch = 3,
                                    .version = 4,
                                    .incarnation = sender.incarnation,
                                    .name = "a",
                                    .peer = "a:1",
                                    .directory = 5,
                                    .run = 9,
                                    .since = 7,
                                    .before = {11, 12},
                                    .before_count = 2,
                                    .found = 6,
                                    .stored = 1000};
    struct message_return_reply reply = {
        .sender = sender, .incarnation = 8, .verdict = RETURN_OTHER, .other = 7, .other_peer = "b:1"};
    struct draft out[2] = {{0}};
    message_write_return(&out[0], &m);
    message_write_return_reply(&out[1], &reply);
    for (unsigned i = 0; i < 2; i++) {
        for (size_t len = 0; len <= out[i].len; len++) {
            struct message_return read;
            struct message_return_reply read_reply;
            uint8_t *exact = malloc(len + 1);
            assert_non_null(exact);
            memcpy(exact, out[i].at, len);
            bool good = i == 0 ? message_read_return(bytes_of(exact, len), &read)
                               : message_read_return_reply(bytes_of(exact, len), &read_reply);
            assert_true(good == (len == out[i].len));
            if (good && i == 0) {
                assert_true(read.knows_doubt && read.entry.run == 9 && read.entry.since == 7);
                assert_int_equal(read.entry.before_count, 2);
                assert_int_equal(read.entry.before[1], 12);
                assert_true(read.entry.found == 6 && read.entry.stored == 1000 && read.entry.directory == 5);
            } else if (good) {
                assert_true(read_reply.verdict == RETURN_OTHER && read_reply.other == 7);
                assert_string_equal(read_reply.other_peer, "b:1");
            }
            free(exact);
        }
        draft_close(&out[i]);
    }
}

/* Whoever tells of itself tells of the process that it is. */
static void return_of_another_process_is_malformed(void **state)
{
    (void)state;
    struct message_return m = {.sender = sender}, read;
    m.entry = (struct gossip_entry){
        .id = ring_node_id("a"), .epoch = 3, .incarnation = sender.incarnation + 1, .name = "a", .peer = "a:1"};
    struct draft out = {0};
    message_write_return(&out, &m);
    assert_false(message_read_return(draft_written(&out), &read));
    draft_close(&out);
}

static void entry_under_another_name_is_malformed(void **state)
{
    (void)state;
    struct gossip_entry entry = {.id = ring_node_id("a") ^ 1, .epoch = 3, .name = "a", .peer = "a:1"};
    struct message_difference m = {.sender = sender, .count = 1, .entries = &entry}, read;
    struct draft out = {0};
    message_write_difference(&out, &m);
    assert_false(message_read_difference(draft_written(&out), &read));
    draft_close(&out);
}

static void values_come_back_as_they_were(void **state)
{
    (void)state;
    struct value value = {.kind = VALUE_FOUND, .founder_count = 2, .buckets = bytes_of_text("b")}, read;
    value.settings = (struct ring_settings){
        .cluster = 7, .partition_count = 16, .strategy = RING_CLAIMED_PARTITIONS, .copies = 3, .tokens = 64};
    value.founders[0] = (struct founder){.member = member_named("a"), .directory = 1};
    value.founders[1] = (struct founder){.member = member_named("b"), .directory = 2};
    if (value.founders[0].member.id > value.founders[1].member.id) {
        struct founder first = value.founders[0];
        value.founders[0] = value.founders[1];
        value.founders[1] = first;
    }
    struct draft out = {0}, again = {0};
    value_write(&out, &value);
    assert_true(value_read(draft_written(&out), &read));
    value_write(&again, &read);
    assert_true(bytes_equal(draft_written(&out), draft_written(&again)));
    assert_int_equal(read.founder_count, 2);
    draft_close(&again);
    draft_close(&out);
    /* One founder twice. */
    value.founders[1] = value.founders[0];
    value_write(&out, &value);
    assert_false(value_read(draft_written(&out), &read));
    draft_close(&out);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(digest_of_300_members_takes_about_20_bytes_each),
        cmocka_unit_test(every_cut_of_every_message_is_malformed),
        cmocka_unit_test(counts_that_lie_ask_for_no_memory),
        cmocka_unit_test(every_cut_of_what_a_process_says_of_itself_is_malformed),
        cmocka_unit_test(return_of_another_process_is_malformed),
        cmocka_unit_test(entry_under_another_name_is_malformed),
        cmocka_unit_test(values_come_back_as_they_were),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
