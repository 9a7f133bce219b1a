/* Commands to the server, statistics, and who may speak. */
#include "frontend/talk.h"

#include "base/wire.h"

TALK_TEST(version_verbosity_and_noop)
{
    says(talk, "version\r\nmn\r\nverbosity 1\r\n", "VERSION 1.2.3\r\nMN\r\nOK\r\n");
    assert_int_equal(talk->verbosity, 1);
    says(talk, "verbosity 99\r\nverbosity x\r\nverbosity\r\n",
         "OK\r\nCLIENT_ERROR bad command line format\r\nERROR\r\n");
    assert_int_equal(talk->verbosity, 2);
}

TALK_TEST(shutdown_needs_permission)
{
    says(talk, "shutdown\r\n", "ERROR: shutdown not enabled\r\n");
    assert_int_equal(talk->shutdowns, 0);
}

TALK_TEST_WITH(shutdown_ends_the_server, settings.shutdown_enabled = true)
{
    says(talk, "shutdown now\r\n", "CLIENT_ERROR invalid shutdown mode\r\n");
    says(talk, "shutdown graceful\r\n", "");
    assert_int_equal(talk->verdict, SESSION_CLOSE);
    assert_int_equal(talk->shutdowns, 1);
    assert_true(talk->graceful);
}

TALK_TEST(cache_memlimit_is_checked)
{
    says(talk, "cache_memlimit 4\r\n", "MEMLIMIT_TOO_SMALL cannot set maxbytes to less than 8m\r\n");
    says(talk, "cache_memlimit 128\r\n", "OK\r\n");
    assert_int_equal(talk->megabytes, 128);
    talk->memory_fixed = true;
    says(talk, "cache_memlimit 64\r\n", "MEMLIMIT_ADJUST_FAILED out of bounds or unable to adjust\r\n");
}

TALK_TEST_WITH(flush_all_may_be_forbidden, settings.flush_disabled = true)
{
    says(talk, "set k 0 0 1\r\nx\r\nflush_all\r\nflush_all noreply\r\nget k\r\n",
         "STORED\r\nCLIENT_ERROR flush_all not allowed\r\nVALUE k 0 1\r\nx\r\nEND\r\n");
    assert_int_equal(talk->frontend.counters.cmd_flush, 2);
}

TALK_TEST(stats_are_lines_and_an_end)
{
    says(talk, "stats\r\n", "STAT pid 7\r\nSTAT bare\r\nEND\r\n");
    says(talk, "stats settings\r\n", "STAT pid 7\r\nSTAT bare\r\nEND\r\n");
    says(talk, "stats bogus\r\nstats items\r\nstats slabs\r\n", "ERROR\r\nEND\r\nEND\r\n");
    says(talk, "stats reset\r\n", "RESET\r\n");
    assert_int_equal(talk->resets, 1);
    says(talk, "stats cachedump\r\nstats cachedump x 1\r\nstats cachedump 64 1\r\nstats cachedump 1 1\r\n",
         "CLIENT_ERROR bad command line\r\nCLIENT_ERROR bad command line format\r\nCLIENT_ERROR Illegal slab id\r\n"
         "END\r\n");
}

TALK_TEST(stats_detail_counts_by_prefix)
{
    struct prefix_stats *prefixes = prefix_stats_new(&lock_none, ':', false);
    talk->frontend.prefixes = prefixes;
    says(talk, "set a:1 0 0 1\r\nx\r\nstats detail dump\r\n", "STORED\r\nEND\r\n");
    says(talk, "stats detail on\r\n", "OK\r\n");
    says(talk, "set a:1 0 0 1\r\nx\r\nget a:1 a:2 none\r\ndelete a:3\r\nset b:1 0 0 1\r\nx\r\nset :c 0 0 1\r\nx\r\n",
         "STORED\r\nVALUE a:1 0 1\r\nx\r\nEND\r\nNOT_FOUND\r\nSTORED\r\nSTORED\r\n");
    says(talk, "stats detail dump\r\n",
         "PREFIX a get 2 hit 1 set 1 del 1\r\nPREFIX b get 0 hit 0 set 1 del 0\r\nPREFIX  get 0 hit 0 set 1 del "
         "0\r\nEND\r\n");
    says(talk, "stats detail off\r\nget a:1\r\nstats reset\r\nstats detail dump\r\n",
         "OK\r\nVALUE a:1 0 1\r\nx\r\nEND\r\nRESET\r\nEND\r\n");
    says(talk, "stats detail\r\n", "CLIENT_ERROR usage: stats detail on|off|dump\r\n");
    prefix_stats_free(prefixes);
    talk->frontend.prefixes = NULL;
}

TALK_TEST(config_get_cluster_lists_the_members)
{
    /* 3 bytes of version line and 50 of members line */
    says(talk, "config get cluster\r\n",
         "CONFIG cluster 0 53\r\n12\na.example|10.0.0.1|11211 b.example|10.0.0.2|11211\n\r\nEND\r\n");
    talk->host.cluster = NULL;
    says(talk, "config get cluster\r\n", "ERROR\r\n");
}

TALK_TEST(memory_management_has_nothing_to_manage)
{
    says(talk, "slabs automove 1\r\nlru mode flat\r\nlru_crawler enable\r\nwatch\r\n",
         "OK\r\nOK\r\nOK\r\nCLIENT_ERROR watch commands not allowed\r\n");
}

TALK_TEST_WITH(text_clients_must_authenticate, settings.text_auth = true)
{
    says(talk, "get k\r\nversion\r\nset k 0 0\r\n",
         "CLIENT_ERROR unauthenticated\r\nCLIENT_ERROR unauthenticated\r\nCLIENT_ERROR unauthenticated\r\n");
    says(talk, "set a 0 0 10\r\nann secret", "");
    says(talk, "xx", "CLIENT_ERROR bad command line termination\r\n");
    says(talk, "set a 0 0 3\r\nann\r\n", "CLIENT_ERROR bad authentication token format\r\n");
    says(talk, "set a 0 0 9\r\nann wrong\r\n", "CLIENT_ERROR authentication failure\r\n");
    says(talk, "set a 0 0 10\r\nann secret\r\nversion\r\n", "STORED\r\nVERSION 1.2.3\r\n");
    says(talk, "get a\r\n", "END\r\n"); /* that was no value */
    assert_int_equal(talk->frontend.counters.auth_cmds, 2);
    assert_int_equal(talk->frontend.counters.auth_errors, 1);
}

TALK_TEST_WITH(an_unknown_client_cannot_make_the_server_hold_much, settings.text_auth = true)
{
    says(talk, "set a 0 0 100000000\r\n", "CLIENT_ERROR unauthenticated\r\n");
    for (unsigned i = 0; i < 30; i++)
        talk_feed(talk, text("a line that does not end, and does not end, and does not end, and does not end ..."));
    assert_int_equal(talk->verdict, SESSION_CLOSE);
}

TALK_TEST_WITH(a_binary_client_cannot_pass_by_text_authentication, settings.text_auth = true)
{
    static const uint8_t version[BINARY_HEADER] = {0x80, 0x0b};
    talk_feed(talk, bytes_of(version, sizeof version));
    talk_hears(talk, text("")); /* to a text session it is a line without an end */
}

static void send(struct talk *talk, uint8_t opcode, const char *key, struct bytes value)
{
    uint8_t packet[BINARY_HEADER + 100] = {0x80, opcode, 0, (uint8_t)strlen(key)};
    packet[11] = (uint8_t)(strlen(key) + value.len);
    memcpy(packet + BINARY_HEADER, key, strlen(key));
    if (value.len > 0)
        memcpy(packet + BINARY_HEADER + strlen(key), value.at, value.len);
    talk_feed(talk, bytes_of(packet, BINARY_HEADER + strlen(key) + value.len));
}

/* One reply with this status and body. */
static void hears(struct talk *talk, uint16_t status, const char *body)
{
    struct bytes heard = talk_heard(talk);
    assert_int_equal(heard.len, BINARY_HEADER + strlen(body));
    assert_int_equal(heard.at[6] << 8 | heard.at[7], status);
    assert_memory_equal(heard.at + BINARY_HEADER, body, strlen(body));
    input_close(&talk->heard);
}

enum { VERSION = 0x0b, NOOP = 0x0a, LIST = 0x20, AUTH = 0x21, STEP = 0x22 };

TALK_TEST_WITH(sasl_plain_opens_the_session, settings.sasl = true)
{
    send(talk, VERSION, "", text(""));
    hears(talk, BINARY_OK, "1.2.3");
    send(talk, LIST, "", text(""));
    hears(talk, BINARY_OK, "PLAIN");
    send(talk, AUTH, "CRAM-MD5", text("x"));
    hears(talk, BINARY_AUTH_ERROR, "Auth failure.");
    send(talk, STEP, "PLAIN", text("x"));
    hears(talk, BINARY_AUTH_ERROR, "Auth failure.");
    send(talk, AUTH, "PLAIN", bytes_of("\0ann\0wrong", 10));
    hears(talk, BINARY_AUTH_ERROR, "Auth failure.");
    send(talk, AUTH, "PLAIN", bytes_of("\0ann\0secret", 11));
    hears(talk, BINARY_OK, "Authenticated");
    send(talk, NOOP, "", text(""));
    hears(talk, BINARY_OK, "");
    assert_int_equal(talk->frontend.counters.auth_cmds, 4);
    assert_int_equal(talk->frontend.counters.auth_errors, 3);
}

TALK_TEST_WITH(sasl_plain_may_come_in_two_steps_and_name_an_identity, settings.sasl = true)
{
    send(talk, AUTH, "PLAIN", text(""));
    hears(talk, BINARY_AUTH_CONTINUE, "");
    send(talk, STEP, "PLAIN", bytes_of("admin\0ann\0secret", 16));
    hears(talk, BINARY_OK, "Authenticated");
}

TALK_TEST_WITH(commands_before_sasl_close_the_session, settings.sasl = true)
{
    send(talk, 0x00, "k", text(""));
    hears(talk, BINARY_AUTH_ERROR, "Auth failure.");
    assert_int_equal(talk->verdict, SESSION_CLOSE);
}

TALK_TEST_WITH(text_is_not_spoken_under_sasl, settings.sasl = true)
{
    says(talk, "version\r\nversion\r\nversion\r\n", "");
    assert_int_equal(talk->verdict, SESSION_CLOSE);
}

TALK_TEST(sasl_is_unknown_where_it_is_off)
{
    send(talk, LIST, "", text(""));
    hears(talk, BINARY_UNKNOWN, "Unknown command");
    send(talk, AUTH, "PLAIN", bytes_of("\0ann\0secret", 11));
    hears(talk, BINARY_UNKNOWN, "Unknown command");
    send(talk, NOOP, "", text(""));
    hears(talk, BINARY_OK, "");
}

TALK_TEST(binary_stats_end_with_an_empty_packet)
{
    enum { STAT = 0x10 };
    send(talk, STAT, "bogus", text(""));
    hears(talk, BINARY_NOT_FOUND, "Not found");
    send(talk, STAT, "reset", text(""));
    hears(talk, BINARY_OK, "");
    assert_int_equal(talk->resets, 1);
    send(talk, STAT, "", text(""));
    struct bytes heard = talk_heard(talk);
    assert_int_equal(heard.len, BINARY_HEADER + 4 + BINARY_HEADER + 4 + BINARY_HEADER);
    assert_memory_equal(heard.at + BINARY_HEADER, "pid7", 4);
    assert_memory_equal(heard.at + 2 * BINARY_HEADER + 4, "bare", 4);
}

TALK_TEST_WITH(binary_flush_may_be_forbidden, settings.flush_disabled = true)
{
    send(talk, 0x08, "", text(""));
    hears(talk, BINARY_AUTH_ERROR, "Auth failure.");
    send(talk, NOOP, "", text(""));
    hears(talk, BINARY_OK, "");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(version_verbosity_and_noop),
        cmocka_unit_test(shutdown_needs_permission),
        cmocka_unit_test(shutdown_ends_the_server),
        cmocka_unit_test(cache_memlimit_is_checked),
        cmocka_unit_test(flush_all_may_be_forbidden),
        cmocka_unit_test(stats_are_lines_and_an_end),
        cmocka_unit_test(stats_detail_counts_by_prefix),
        cmocka_unit_test(config_get_cluster_lists_the_members),
        cmocka_unit_test(memory_management_has_nothing_to_manage),
        cmocka_unit_test(text_clients_must_authenticate),
        cmocka_unit_test(an_unknown_client_cannot_make_the_server_hold_much),
        cmocka_unit_test(a_binary_client_cannot_pass_by_text_authentication),
        cmocka_unit_test(sasl_plain_opens_the_session),
        cmocka_unit_test(sasl_plain_may_come_in_two_steps_and_name_an_identity),
        cmocka_unit_test(commands_before_sasl_close_the_session),
        cmocka_unit_test(text_is_not_spoken_under_sasl),
        cmocka_unit_test(sasl_is_unknown_where_it_is_off),
        cmocka_unit_test(binary_stats_end_with_an_empty_packet),
        cmocka_unit_test(binary_flush_may_be_forbidden),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
