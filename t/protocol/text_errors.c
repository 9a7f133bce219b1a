/* Text lines that are refused. Each expectation was observed on memcached 1.6.18, or is listed in docs/protocol.md as a
 * difference. */
#include "parsed.h"

static const char bad_format[] = "CLIENT_ERROR bad command line format";
static const char bad_delete[] = "CLIENT_ERROR bad command line format.  Usage: delete <key> [noreply]";
static const char bad_delta[] = "CLIENT_ERROR invalid numeric delta argument";
static const char bad_exptime[] = "CLIENT_ERROR invalid exptime argument";

static void assert_all_refused(const char *const *lines, size_t count, const char *reply)
{
    for (size_t i = 0; i < count; i++)
        assert_refused(lines[i], reply);
}

#define ASSERT_ALL_REFUSED(lines, reply) assert_all_refused(lines, sizeof lines / sizeof *lines, reply)

static void unknown_names_and_upper_case_are_errors(void **state)
{
    (void)state;
    static const char *const lines[] = {
        "\r\n",
        "\n",
        " \r\n",
        "a\r\n",
        "G HTTP/1.1\r\n",
        "GET k\r\n",
        "Set k 0 0 1\r\n",
        "foo\r\n",
        "getx k\r\n",
        "mx\r\n",
        "mga k\r\n",
        "gxx\r\n",
        "config\r\n",
        "config get x\r\n",
        "misbehave\r\n",
        "debugtime 1\r\n",
        "extstore x y z\r\n",
        "\r\r\n",
        "versionx\r\n",
    };
    ASSERT_ALL_REFUSED(lines, "ERROR");
}

static void too_few_and_too_many_words_are_errors(void **state)
{
    (void)state;
    static const char *const lines[] = {
        "get\r\n",
        "get \r\n",
        "gets\r\n",
        "gat\r\n",
        "gats\r\n",
        "bget\r\n",
        "set k 0 0\r\n",
        "set k 0 0 2 noreply x\r\n",
        "add k\r\n",
        "replace k 0 0\r\n",
        "append k 0 0\r\n",
        "prepend k 0 0\r\n",
        "cas k 0 0 2\r\n",
        "cas k 0 0 2 1 2 3\r\n",
        "incr k\r\n",
        "incr k 1 noreply x\r\n",
        "decr k\r\n",
        "touch k\r\n",
        "touch k 0 noreply x\r\n",
        "delete\r\n",
        "delete a b c d\r\n",
        "flush_all 1 2 3\r\n",
        "verbosity\r\n",
        "verbosity 1 2 3\r\n",
        "cache_memlimit\r\n",
        "cache_memlimit 1 2 3\r\n",
        "cache_memlimit x\r\n",
        "lru\r\n",
        "slabs\r\n",
        "slabs x\r\n",
        "slabs automove\r\n",
        "slabs automove 3\r\n",
        "slabs automove ratio\r\n",
        "slabs automove ratio x\r\n",
    };
    ASSERT_ALL_REFUSED(lines, "ERROR");
}

/* The data block of a refused storage command is not swallowed: assert_refused checks that, too. */
static void bad_numbers_of_storage_commands_are_bad_format(void **state)
{
    (void)state;
    static const char *const lines[] = {
        "set k 0 0 -1\r\n",
        "set k -1 0 2\r\n",
        "set k 5x 0 2\r\n",
        "set k x 0 2\r\n",
        "set k 0 x 2\r\n",
        "set k 0 0 x\r\n",
        "set k 0 0 +\r\n",
        "set k 0 0 2x\r\n",
        "set k 18446744073709551616 0 2\r\n",
        "set k 0 9223372036854775808 2\r\n",
        "set k 0 -9223372036854775809 2\r\n",
        "set k 0 0 2147483646\r\n",
        "set k 0 0 9223372036854775807\r\n",
        "set k 0 0 99999999999999999999\r\n",
        "add k 0 0 -2147483648\r\n",
        "cas k 0 0 2 x\r\n",
        "cas k 0 0 2 -1\r\n",
        "cas k 0 0 2 18446744073709551616\r\n",
        "cas k 0 0 -2 5\r\n",
        "verbosity x\r\n",
        "slabs automove x\r\n",
    };
    ASSERT_ALL_REFUSED(lines, bad_format);
}

static void the_longest_announced_value_is_taken(void **state)
{
    (void)state;
    struct parsed parsed = {0};
    struct command *command = parse_text(&parsed, "set k 0 0 2147483645\r\n");
    assert_int_equal(command->kind, COMMAND_SET);
    assert_true(command->value_len == 2147483645);
    /* memcached keeps the low 32 bits, so that it takes this for a length of 2. */
    command = parse_text(&parsed, "set k 0 0 4294967298\r\n");
    assert_int_equal(command->kind, COMMAND_ERROR);
    parsed_free(&parsed);
}

static void numbers_of_other_commands_have_their_own_errors(void **state)
{
    (void)state;
    static const char *const deltas[] = {"incr k x\r\n", "incr k -1\r\n", "decr k 1.5\r\n",
                                         "incr k 18446744073709551616\r\n", "decr k -\r\n"};
    static const char *const exptimes[] = {"touch k x\r\n", "gat x k\r\n",     "gats x k\r\n",
                                           "gat x\r\n",     "flush_all x\r\n", "flush_all 1x\r\n"};
    static const char *const deletes[] = {"delete k 10\r\n", "delete k noreply 0\r\n", "delete k 0 0\r\n",
                                          "delete k x\r\n"};
    ASSERT_ALL_REFUSED(deltas, bad_delta);
    ASSERT_ALL_REFUSED(exptimes, bad_exptime);
    ASSERT_ALL_REFUSED(deletes, bad_delete);
    assert_refused("cache_memlimit 7\r\n", "MEMLIMIT_TOO_SMALL cannot set maxbytes to less than 8m");
    assert_refused("cache_memlimit 1000000001\r\n", "MEMLIMIT_ADJUST_FAILED input value is megabytes not bytes");
}

static void gat_without_a_key_is_an_empty_answer(void **state)
{
    (void)state;
    assert_refused("gat 10\r\n", "END");
    assert_refused("gats 10 \r\n", "END");
}

static void noreply_hides_errors_too(void **state)
{
    (void)state;
    static const char *const lines[] = {
        "set k 0 0 -1 noreply\r\n",     "set k 0 0 noreply\r\n",        "cas k 0 0 2 noreply\r\n",
        "incr k x noreply\r\n",         "incr k noreply\r\n",           "touch k x noreply\r\n",
        "delete k 10 noreply\r\n",      "flush_all x noreply\r\n",      "verbosity noreply\r\n",
        "verbosity x noreply\r\n",      "cache_memlimit 1 noreply\r\n", "cache_memlimit noreply\r\n",
        "slabs automove x noreply\r\n",
    };
    for (size_t i = 0; i < sizeof lines / sizeof *lines; i++)
        assert_refused_silently(lines[i]);
}

/* `form` has %s where the key goes. */
static void put_key(char *line, const char *form, const char *key)
{
    const char *gap = strchr(form, '%');
    size_t before = (size_t)(gap - form);
    memcpy(line, form, before);
    strcpy(line + before, key);
    strcat(line, gap + 2);
}

static void a_key_of_251_bytes_is_bad_format(void **state)
{
    (void)state;
    static const char *const forms[] = {
        "get %s\r\n",      "gets %s\r\n",      "get k %s k\r\n",   "get k k k k %s\r\n", "gat 0 %s\r\n",
        "gats 0 k %s\r\n", "set %s 0 0 2\r\n", "add %s 0 0 2\r\n", "cas %s 0 0 2 1\r\n", "incr %s 1\r\n",
        "decr %s x\r\n",   "touch %s x\r\n",   "delete %s\r\n",    "delete %s 0\r\n",    "bget %s\r\n",
    };
    char key[KEY_MAX + 2], line[KEY_MAX + 40];
    long_key(key, KEY_MAX + 1);
    for (size_t i = 0; i < sizeof forms / sizeof *forms; i++) {
        put_key(line, forms[i], key);
        assert_refused(line, bad_format);
    }
    put_key(line, "delete %s 5\r\n", key);
    assert_refused(line, bad_delete);
    put_key(line, "set %s 0 0 2 noreply\r\n", key);
    assert_refused_silently(line);
}

static void http_is_hung_up_on(void **state)
{
    (void)state;
    static const char *const closed[] = {"GET / HTTP/1.1\r\n", "POST / HTTP/1.1\r\n", "xx HTTP/\r\n",
                                         "xx a a a a a a a a a a a a a a a a a a a a a HTTP/1.1\r\n"};
    static const char *const errors[] = {"set / HTTP/1.1\r\n", "xx HTTP/1.1 y\r\n", "verbosity HTTP/1.1 0 0\r\n",
                                         "xx a a a a a a a a a a a a a a a a a a a a a a HTTP/1.1\r\n"};
    struct parsed parsed = {0};
    for (size_t i = 0; i < sizeof closed / sizeof *closed; i++) {
        parse_bytes(&parsed, text_parse, bytes_of_text(closed[i]));
        assert_int_equal(parsed.status, PARSE_CLOSE);
    }
    ASSERT_ALL_REFUSED(errors, "ERROR");
    assert_int_equal(parse_text(&parsed, "get / HTTP/1.1\r\n")->kind, COMMAND_GET);
    parsed_free(&parsed);
}

/* `len` bytes that begin with `begin` and go on with x, then `end`. */
static enum parse_status parse_long(struct parsed *parsed, const char *begin, size_t len, const char *end)
{
    char *line = malloc(len + 3);
    memset(line, 'x', len);
    memcpy(line, begin, strlen(begin));
    strcpy(line + len, end);
    parse_bytes(parsed, text_parse, bytes_of_text(line));
    free(line);
    return parsed->status;
}

static void a_line_over_2048_bytes_closes_unless_it_reads(void **state)
{
    (void)state;
    struct parsed parsed = {0};
    assert_int_equal(parse_long(&parsed, "", 2048, ""), PARSE_MORE);
    assert_int_equal(parse_long(&parsed, "", 2049, ""), PARSE_CLOSE);
    assert_int_equal(parse_long(&parsed, "", 2048, "\n"), PARSE_OK);
    assert_int_equal(parse_long(&parsed, "", 2049, "\n"), PARSE_CLOSE);
    assert_int_equal(parse_long(&parsed, "set ", 2049, ""), PARSE_CLOSE);
    assert_int_equal(parse_long(&parsed, "getx", 2049, ""), PARSE_CLOSE);
    static const char *const reads[] = {"get ", "gets ", "gat ", "gats ", "   get "};
    for (size_t i = 0; i < sizeof reads / sizeof *reads; i++) {
        assert_int_equal(parse_long(&parsed, reads[i], 5000, ""), PARSE_MORE);
        assert_int_equal(parse_long(&parsed, reads[i], 5000, "\n"), PARSE_OK);
        assert_int_equal(parsed.command.kind, COMMAND_ERROR);
    }
    char spaces[110];
    memset(spaces, ' ', sizeof spaces);
    strcpy(spaces + 100, "get ");
    assert_int_equal(parse_long(&parsed, spaces, 5000, ""), PARSE_MORE);
    strcpy(spaces + 101, "get ");
    spaces[100] = ' ';
    assert_int_equal(parse_long(&parsed, spaces, 5000, ""), PARSE_CLOSE);
    parsed_free(&parsed);
}

static void even_a_get_line_has_an_end(void **state)
{
    (void)state;
    struct parsed parsed = {0};
    assert_int_equal(parse_long(&parsed, "get ", TEXT_GET_LINE_MAX, ""), PARSE_MORE);
    assert_int_equal(parse_long(&parsed, "get ", TEXT_GET_LINE_MAX + 1, ""), PARSE_CLOSE);
    assert_int_equal(parse_long(&parsed, "get ", TEXT_GET_LINE_MAX + 1, "\n"), PARSE_CLOSE);
    parsed_free(&parsed);
}

static void every_error_has_memcacheds_text(void **state)
{
    (void)state;
    assert_string_equal(protocol_error_text(ERROR_UNKNOWN_COMMAND), "ERROR");
    assert_string_equal(protocol_error_text(ERROR_BAD_FORMAT), bad_format);
    assert_string_equal(protocol_error_text(ERROR_BAD_DELETE), bad_delete);
    assert_string_equal(protocol_error_text(ERROR_BAD_CHUNK), "CLIENT_ERROR bad data chunk");
    assert_string_equal(protocol_error_text(ERROR_BAD_DELTA), bad_delta);
    assert_string_equal(protocol_error_text(ERROR_BAD_EXPTIME), bad_exptime);
    assert_string_equal(protocol_error_text(ERROR_NON_NUMERIC),
                        "CLIENT_ERROR cannot increment or decrement non-numeric value");
    assert_string_equal(protocol_error_text(ERROR_TOO_LARGE), "SERVER_ERROR object too large for cache");
    assert_string_equal(protocol_error_text(ERROR_NO_MEMORY), "SERVER_ERROR out of memory storing object");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(unknown_names_and_upper_case_are_errors),
        cmocka_unit_test(too_few_and_too_many_words_are_errors),
        cmocka_unit_test(bad_numbers_of_storage_commands_are_bad_format),
        cmocka_unit_test(the_longest_announced_value_is_taken),
        cmocka_unit_test(numbers_of_other_commands_have_their_own_errors),
        cmocka_unit_test(gat_without_a_key_is_an_empty_answer),
        cmocka_unit_test(noreply_hides_errors_too),
        cmocka_unit_test(a_key_of_251_bytes_is_bad_format),
        cmocka_unit_test(http_is_hung_up_on),
        cmocka_unit_test(a_line_over_2048_bytes_closes_unless_it_reads),
        cmocka_unit_test(even_a_get_line_has_an_end),
        cmocka_unit_test(every_error_has_memcacheds_text),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
