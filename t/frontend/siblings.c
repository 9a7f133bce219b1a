/* Siblings on the wire (docs/protocol.md). Buckets: "many:" and "single:" make siblings of stale cas writes; gets shows
 * them all in the first and one in the second. */
#include "frontend/talk.h"

#include "base/wire.h"

/* Two clients cas with the same token: "old" is replaced by b, and c beside it is newer. */
static void make_siblings(struct talk *talk, const char *key)
{
    char line[120], first[40];
    (void)snprintf(line, sizeof line, "set %s 0 0 3\r\nold\r\n", key);
    says(talk, line, "STORED\r\n");
    (void)snprintf(line, sizeof line, "gets %s\r\n", key);
    (void)snprintf(first, sizeof first, "VALUE %s 0 3 ", key);
    uint64_t token = number_after(talk, line, first);
    for (char value = 'b'; value <= 'c'; value++) {
        (void)snprintf(line, sizeof line, "cas %s 0 0 1 %llu\r\n%c\r\n", key, (unsigned long long)token, value);
        says(talk, line, "STORED\r\n");
        passes_s(talk, 1);
    }
}

TALK_TEST(get_shows_the_newest)
{
    make_siblings(talk, "many:k");
    says(talk, "get many:k\r\n", "VALUE many:k 0 1\r\nc\r\nEND\r\n");
    says(talk, "mg many:k v\r\n", "VA 1\r\nc\r\n");
}

TALK_TEST(gets_shows_all_with_the_newest_last_under_one_token)
{
    char expected[200], line[100];
    make_siblings(talk, "many:k");
    unsigned long long token = number_after(talk, "gets many:k\r\n", "VALUE many:k 0 1 ");
    (void)snprintf(expected, sizeof expected, "VALUE many:k 0 1 %llu\r\nb\r\nVALUE many:k 0 1 %llu\r\nc\r\nEND\r\n",
                   token, token);
    says(talk, "gets many:k\r\n", expected);
    (void)snprintf(line, sizeof line, "cas many:k 0 0 2 %llu\r\nbc\r\n", token);
    says(talk, line, "STORED\r\n");
    says(talk, "get many:k many:k\r\n", "VALUE many:k 0 2\r\nbc\r\nVALUE many:k 0 2\r\nbc\r\nEND\r\n");
}

/* The newest is a delete that did not know of the other: whoever is answered one value is told that there is none. */
static void delete_the_newest(struct talk *talk, const char *key)
{
    char line[100];
    make_siblings(talk, key);
    (void)snprintf(line, sizeof line, "mg %s c\r\n", key);
    unsigned long long token = number_after(talk, line, "HD c");
    (void)snprintf(line, sizeof line, "md %s C%llu\r\n", key, token);
    says(talk, line, "HD\r\n");
}

TALK_TEST(gets_shows_what_lives_beside_a_delete_and_its_token_covers_both)
{
    char line[100];
    delete_the_newest(talk, "many:k");
    says(talk, "get many:k many:k\r\nmg many:k v n\r\nmg many:k p1 v\r\n", "END\r\nEN\r\nEN\r\n");
    unsigned long long token = number_after(talk, "gets many:k\r\n", "VALUE many:k 0 1 ");
    (void)snprintf(line, sizeof line, "VALUE many:k 0 1 %llu\r\nb\r\nEND\r\n", token);
    says(talk, "gats 0 many:k\r\n", line);
    (void)snprintf(line, sizeof line, "cas many:k 0 0 2 %llu\r\nbc\r\n", token);
    says(talk, line, "STORED\r\n");
    says(talk, "get many:k\r\n", "VALUE many:k 0 2\r\nbc\r\nEND\r\n");
    says(talk, "mg many:k n\r\n", "HD n1\r\n");
}

TALK_TEST(gets_of_one_value_shows_nothing_beside_a_delete)
{
    delete_the_newest(talk, "single:k");
    says(talk, "gets single:k single:k\r\n", "END\r\n");
}

TALK_TEST(asking_again_gets_the_next_one_and_the_newest_after_the_last)
{
    make_siblings(talk, "many:k");
    says(talk, "get many:k many:k many:k\r\n",
         "VALUE many:k 0 1\r\nc\r\nVALUE many:k 0 1\r\nb\r\nVALUE many:k 0 1\r\nc\r\nEND\r\n");
    says(talk, "get many:k\r\n", "VALUE many:k 0 1\r\nc\r\nEND\r\n");
}

TALK_TEST(each_key_of_a_line_has_its_own_count)
{
    make_siblings(talk, "many:k");
    make_siblings(talk, "many:l");
    says(talk, "get many:k many:l many:k none many:l\r\n",
         "VALUE many:k 0 1\r\nc\r\nVALUE many:l 0 1\r\nc\r\nVALUE many:k 0 1\r\nb\r\nVALUE many:l 0 1\r\nb\r\nEND\r\n");
}

TALK_TEST(gets_without_multi_value_shows_one_for_each_mention)
{
    make_siblings(talk, "single:k");
    unsigned long long newest = number_after(talk, "gets single:k\r\n", "VALUE single:k 0 1 ");
    char expected[200], start[80];
    (void)snprintf(start, sizeof start, "VALUE single:k 0 1 %llu\r\nc\r\nVALUE single:k 0 1 ", newest);
    unsigned long long older = number_after(talk, "gets single:k single:k\r\n", start);
    assert_true(newest != older); /* each token covers only what was shown */
    (void)snprintf(expected, sizeof expected, "%s%llu\r\nb\r\nEND\r\n", start, older);
    says(talk, "gets single:k single:k\r\n", expected);
}

TALK_TEST(meta_counts_and_picks)
{
    make_siblings(talk, "many:k");
    says(talk, "mg many:k n v\r\n", "VA 1 n2\r\nc\r\n");
    says(talk, "mg many:k p1 v n\r\nmg many:k p0 v\r\nmg many:k p2 v\r\nmg many:k p2 v q\r\n",
         "VA 1 n2\r\nb\r\nVA 1\r\nc\r\nEN\r\n");
    says(talk, "set plain 0 0 1\r\nx\r\nmg plain n\r\n", "STORED\r\nHD n1\r\n");
}

static void send_packet(struct talk *talk, uint8_t opcode, const char *key)
{
    uint8_t packet[BINARY_HEADER + 50] = {0x80, opcode, 0, (uint8_t)strlen(key)};
    packet[11] = (uint8_t)strlen(key);
    packet[12] = packet[15] = opcode; /* opaque */
    memcpy(packet + BINARY_HEADER, key, strlen(key));
    talk_feed(talk, bytes_of(packet, BINARY_HEADER + strlen(key)));
}

/* The next reply: its status, and its value in *value. */
static uint16_t next_packet(struct talk *talk, struct bytes *value)
{
    struct wire_reader reader = wire_reader_of(talk_heard(talk));
    assert_int_equal(wire_read_u8(&reader), 0x81);
    wire_read_u8(&reader);
    uint16_t key_len = wire_read_u16(&reader);
    uint8_t extras_len = wire_read_u8(&reader);
    wire_read_u8(&reader);
    uint16_t status = wire_read_u16(&reader);
    uint32_t body = wire_read_u32(&reader);
    wire_read_u32(&reader);
    wire_read_u64(&reader);
    wire_read_bytes(&reader, (uint64_t)extras_len + key_len);
    *value = wire_read_bytes(&reader, body - extras_len - key_len);
    assert_true(reader.ok);
    input_keep_last(&talk->heard, talk->heard.len - BINARY_HEADER - body);
    return status;
}

static void hears_value(struct talk *talk, const char *expected)
{
    /* The last packet's memory goes when it has been taken, so it is looked at with another one behind it. */
    struct bytes value;
    input_append(&talk->heard, text("?"));
    assert_int_equal(next_packet(talk, &value), BINARY_OK);
    assert_memory_equal(value.at, expected, strlen(expected));
    assert_int_equal(value.len, strlen(expected));
    struct input rest = {0};
    input_append(&rest, bytes_of(talk_heard(talk).at, talk->heard.len - 1));
    input_close(&talk->heard);
    talk->heard = rest;
}

/* A binary session beside the text session that made the siblings. */
static void speak_binary(struct talk *talk)
{
    assert_true(session_close(&talk->session));
    session_init(&talk->session, &talk->frontend, talk);
}

TALK_TEST(a_run_of_quiet_gets_walks_through_the_siblings)
{
    enum { GET = 0x00, GETQ = 0x09, NOOP = 0x0a, GETKQ = 0x0d };
    make_siblings(talk, "many:k");
    speak_binary(talk);
    send_packet(talk, GETQ, "many:k");
    send_packet(talk, GETKQ, "many:k");
    send_packet(talk, GETQ, "many:k");
    send_packet(talk, NOOP, "");
    hears_value(talk, "c");
    hears_value(talk, "b");
    hears_value(talk, "c");
    hears_value(talk, "");
    send_packet(talk, GETQ, "many:k"); /* a new run; the loud get at its end belongs to it */
    send_packet(talk, GET, "many:k");
    send_packet(talk, GET, "many:k");
    hears_value(talk, "c");
    hears_value(talk, "b");
    hears_value(talk, "c");
    assert_null(talk->session.work);
}

TALK_TEST(the_binary_opcode_of_siblings_shows_all_and_an_empty_packet)
{
    make_siblings(talk, "many:k");
    speak_binary(talk);
    send_packet(talk, BINARY_OPCODE_SIBLINGS, "many:k");
    hears_value(talk, "c");
    hears_value(talk, "b");
    hears_value(talk, "");
    assert_int_equal(talk->heard.len, 0);
    send_packet(talk, BINARY_OPCODE_SIBLINGS, "none");
    hears_value(talk, "");
}

TALK_TEST(the_binary_opcode_of_siblings_shows_what_lives_beside_a_delete)
{
    delete_the_newest(talk, "single:k");
    speak_binary(talk);
    send_packet(talk, BINARY_OPCODE_SIBLINGS, "single:k");
    hears_value(talk, "b");
    hears_value(talk, "");
    assert_int_equal(talk->heard.len, 0);
}

TALK_TEST(people_can_look_at_the_siblings)
{
    make_siblings(talk, "many:k");
    talk_feed(talk, text("stats siblings many:k\r\n"));
    input_append(&talk->heard, bytes_of("", 1));
    const char *heard = (const char *)talk_heard(talk).at;
    assert_non_null(strstr(heard, "STAT siblings:0 version 0 live"));
    assert_non_null(strstr(heard, "STAT siblings:1 version 1 live"));
    assert_string_equal(heard + strlen(heard) - 5, "END\r\n");
    input_close(&talk->heard);
    says(talk, "stats siblings none\r\nstats siblings\r\n", "END\r\nCLIENT_ERROR bad command line\r\n");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(get_shows_the_newest),
        cmocka_unit_test(gets_shows_all_with_the_newest_last_under_one_token),
        cmocka_unit_test(gets_shows_what_lives_beside_a_delete_and_its_token_covers_both),
        cmocka_unit_test(gets_of_one_value_shows_nothing_beside_a_delete),
        cmocka_unit_test(asking_again_gets_the_next_one_and_the_newest_after_the_last),
        cmocka_unit_test(each_key_of_a_line_has_its_own_count),
        cmocka_unit_test(gets_without_multi_value_shows_one_for_each_mention),
        cmocka_unit_test(meta_counts_and_picks),
        cmocka_unit_test(a_run_of_quiet_gets_walks_through_the_siblings),
        cmocka_unit_test(the_binary_opcode_of_siblings_shows_all_and_an_empty_packet),
        cmocka_unit_test(the_binary_opcode_of_siblings_shows_what_lives_beside_a_delete),
        cmocka_unit_test(people_can_look_at_the_siblings),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
