/* Surveys: what is sent arrives, and nothing else does. */
#include "shared.h"

#include "message/survey.h"

#include <stdlib.h>

enum { PARTITIONS = 4096, EPOCH = 7 };

static struct bytes take(struct wire *wire)
{
    struct bytes whole = wire_take_all(wire);
    wire_close(wire);
    return whole;
}

static void a_question_arrives(void **state)
{
    (void)state;
    struct partition_set set, again;
    struct draft list = {0};
    struct wire wire;
    struct message_survey out;
    partition_set_init(&set, PARTITIONS);
    partition_set_init(&again, PARTITIONS);
    partition_set_add(&set, 0);
    partition_set_add(&set, 17);
    partition_set_add(&set, PARTITIONS - 1);
    partition_set_encode(&set, &list);
    wire_open(&wire);
    const struct message_survey in = {.id = UINT64_MAX - 1, .epoch = EPOCH, .partitions = draft_written(&list)};
    message_write_survey(&wire.chain, &in);
    struct bytes whole = take(&wire);
    struct frame frame = frame_in(whole);
    assert_true(message_read_survey(&frame, &out));
    assert_true(out.id == in.id && out.epoch == EPOCH);
    assert_true(partition_set_decode(out.partitions, &again));
    assert_int_equal(partition_set_count(&again), 3);
    assert_true(partition_set_has(&again, 0) && partition_set_has(&again, 17)
                && partition_set_has(&again, PARTITIONS - 1));
    assert_true(is_accepted(whole));
    bytes_free(whole);
    draft_close(&list);
    partition_set_close(&set);
    partition_set_close(&again);
}

static void rows_arrive(void **state)
{
    (void)state;
    struct survey_row *rows = calloc(MESSAGE_SURVEY_MAX, sizeof *rows);
    struct wire wire;
    struct message_survey_reply out;
    assert_non_null(rows);
    for (uint32_t i = 0; i < MESSAGE_SURVEY_MAX; i++)
        rows[i] =
            (struct survey_row){.partition = (uint16_t)(3 * i), .flags = (uint8_t)(i % 4), .root = hash_mix(i + 1)};
    wire_open(&wire);
    const struct message_survey_reply in = {.id = 5, .epoch = EPOCH, .hints = 1000000};
    message_write_survey_reply(&wire.chain, &in, rows, MESSAGE_SURVEY_MAX);
    struct bytes whole = take(&wire);
    struct frame frame = frame_in(whole);
    assert_true(message_read_survey_reply(&frame, &out));
    assert_true(out.id == 5 && out.epoch == EPOCH && out.hints == 1000000);
    assert_int_equal(message_survey_rows(&out), MESSAGE_SURVEY_MAX);
    for (uint32_t i = 0; i < MESSAGE_SURVEY_MAX; i++) {
        struct survey_row row = message_survey_row(&out, i);
        assert_true(row.partition == rows[i].partition && row.flags == rows[i].flags && row.root == rows[i].root);
    }
    assert_true(is_accepted(whole));
    bytes_free(whole);
    free(rows);
}

static bool is_taken(const struct survey_row *rows, uint32_t count)
{
    struct wire wire;
    wire_open(&wire);
    message_write_survey_reply(&wire.chain, &(struct message_survey_reply){.id = 1, .epoch = 1}, rows, count);
    struct bytes whole = take(&wire);
    bool taken = is_accepted(whole);
    bytes_free(whole);
    return taken;
}

static void rows_out_of_order_or_with_unknown_bits_are_refused(void **state)
{
    (void)state;
    const struct survey_row right[] = {{.partition = 1}, {.partition = 2}},
                            twice[] = {{.partition = 1}, {.partition = 1}};
    const struct survey_row back[] = {{.partition = 2}, {.partition = 1}}, odd[] = {{.partition = 1, .flags = 4}};
    assert_true(is_taken(right, 0));
    assert_true(is_taken(right, 2));
    assert_false(is_taken(twice, 2));
    assert_false(is_taken(back, 2));
    assert_false(is_taken(odd, 1));
}

static void half_rows_and_tails_are_refused(void **state)
{
    (void)state;
    static const uint8_t head[8 + 1 + 1 + MESSAGE_SURVEY_ROW_BYTES] = {0};
    const struct bytes none = {NULL, 0}, tail = bytes_of_text("tail");
    assert_true(head_is_accepted(MESSAGE_SURVEY_REPLY, bytes_of(head, sizeof head), none));
    assert_false(head_is_accepted(MESSAGE_SURVEY_REPLY, bytes_of(head, sizeof head - 1), none));
    assert_false(head_is_accepted(MESSAGE_SURVEY_REPLY, bytes_of(head, 9), none));
    assert_false(head_is_accepted(MESSAGE_SURVEY_REPLY, bytes_of(head, sizeof head), tail));
    assert_true(head_is_accepted(MESSAGE_SURVEY, bytes_of(head, 9), none));
    assert_false(head_is_accepted(MESSAGE_SURVEY, bytes_of(head, 8), none));
    assert_false(head_is_accepted(MESSAGE_SURVEY, bytes_of(head, 9), tail));
    assert_false(head_is_accepted(MESSAGE_SURVEY, bytes_of(head, 10), none)); /* a run that ends too soon */
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_question_arrives),
        cmocka_unit_test(rows_arrive),
        cmocka_unit_test(rows_out_of_order_or_with_unknown_bits_are_refused),
        cmocka_unit_test(half_rows_and_tails_are_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
