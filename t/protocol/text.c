/* Text commands that are understood. */
#include "parsed.h"

static void get_takes_its_keys_one_by_one(void **state)
{
    (void)state;
    struct parsed parsed = {0};
    struct command *command = parse_text(&parsed, "get a  bb ccc \r\n");
    assert_int_equal(command->kind, COMMAND_GET);
    assert_int_equal(command->dialect, DIALECT_TEXT);
    assert_int_equal(command->error, ERROR_NONE);
    assert_false(command->quiet || command->has_token || command->has_value || command->want_key);
    assert_int_equal(command->meta.count, 0);
    assert_bytes(command->key, "a");
    struct bytes key;
    assert_true(text_next_key(&command->rest, &key));
    assert_bytes(key, "bb");
    assert_true(text_next_key(&command->rest, &key));
    assert_bytes(key, "ccc");
    assert_false(text_next_key(&command->rest, &key));
    assert_false(text_next_key(&command->rest, &key));
    parsed_free(&parsed);
}

static void reads_are_told_apart(void **state)
{
    (void)state;
    static const struct {
        const char *line;
        enum command_kind kind;
        bool has_exptime;
        int64_t exptime;
    } cases[] = {
        {"get k\r\n", COMMAND_GET, false, 0},      {"get k\n", COMMAND_GET, false, 0},
        {"  get k\r\n", COMMAND_GET, false, 0},    {"bget k\r\n", COMMAND_GET, false, 0},
        {"gets k\r\n", COMMAND_GETS, false, 0},    {"gat 100 k\r\n", COMMAND_GAT, true, 100},
        {"gats -1 k\r\n", COMMAND_GATS, true, -1}, {"gat +5 k\r\n", COMMAND_GAT, true, 5},
    };
    struct parsed parsed = {0};
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct command *command = parse_text(&parsed, cases[i].line);
        assert_int_equal(command->kind, cases[i].kind);
        assert_bytes(command->key, "k");
        assert_int_equal(command->rest.len, 0);
        assert_int_equal(command->has_exptime, cases[i].has_exptime);
        assert_int_equal(command->exptime, cases[i].exptime);
    }
    parsed_free(&parsed);
}

static void storage_commands_carry_their_numbers(void **state)
{
    (void)state;
    static const struct {
        const char *line;
        enum command_kind kind;
    } cases[] = {
        {"set key 123 456 789\r\n", COMMAND_SET},         {"add key 123 456 789\r\n", COMMAND_ADD},
        {"replace key 123 456 789\r\n", COMMAND_REPLACE}, {"append key 123 456 789\r\n", COMMAND_APPEND},
        {"prepend key 123 456 789\r\n", COMMAND_PREPEND}, {"cas key 123 456 789 42\r\n", COMMAND_CAS},
    };
    struct parsed parsed = {0};
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct command *command = parse_text(&parsed, cases[i].line);
        assert_int_equal(command->kind, cases[i].kind);
        assert_bytes(command->key, "key");
        assert_int_equal(command->flags, 123);
        assert_int_equal(command->exptime, 456);
        assert_true(command->has_value);
        assert_int_equal(command->value_len, 789);
        assert_false(command->quiet);
        assert_int_equal(command->has_token, cases[i].kind == COMMAND_CAS);
        assert_int_equal(command->token, cases[i].kind == COMMAND_CAS ? 42 : 0);
    }
    parsed_free(&parsed);
}

/* memcached looks only at the last word, and lets any other word stand there. */
static void noreply_is_the_last_word(void **state)
{
    (void)state;
    static const struct {
        const char *line;
        enum command_kind kind;
        bool quiet;
    } cases[] = {
        {"set k 0 0 2 noreply\r\n", COMMAND_SET, true},
        {"set k 0 0 2 foo\r\n", COMMAND_SET, false},
        {"set noreply 0 0 2\r\n", COMMAND_SET, false},
        {"cas k 0 0 2 5 noreply\r\n", COMMAND_CAS, true},
        {"cas k 0 0 2 5 6\r\n", COMMAND_CAS, false},
        {"incr k 1 noreply\r\n", COMMAND_INCR, true},
        {"incr k 1 2\r\n", COMMAND_INCR, false},
        {"decr k 1 noreply\r\n", COMMAND_DECR, true},
        {"touch k 0 noreply\r\n", COMMAND_TOUCH, true},
        {"touch k 0 y\r\n", COMMAND_TOUCH, false},
        {"delete k noreply\r\n", COMMAND_DELETE, true},
        {"delete k 0 noreply\r\n", COMMAND_DELETE, true},
        {"delete k 0\r\n", COMMAND_DELETE, false},
        {"delete noreply\r\n", COMMAND_DELETE, false},
        {"flush_all noreply\r\n", COMMAND_FLUSH_ALL, true},
        {"flush_all 10 noreply\r\n", COMMAND_FLUSH_ALL, true},
        {"flush_all 0 1\r\n", COMMAND_FLUSH_ALL, false},
        {"verbosity 1 noreply\r\n", COMMAND_VERBOSITY, true},
        {"cache_memlimit 64 noreply\r\n", COMMAND_CACHE_MEMLIMIT, true},
        {"get noreply\r\n", COMMAND_GET, false},
        {"stats noreply\r\n", COMMAND_STATS, false},
    };
    struct parsed parsed = {0};
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct command *command = parse_text(&parsed, cases[i].line);
        if (command->kind != cases[i].kind || command->quiet != cases[i].quiet)
            fail_msg("%s", cases[i].line);
    }
    parsed_free(&parsed);
}

static void arithmetic_takes_64_bits(void **state)
{
    (void)state;
    struct parsed parsed = {0};
    struct command *command = parse_text(&parsed, "incr k 18446744073709551615\r\n");
    assert_int_equal(command->kind, COMMAND_INCR);
    assert_true(command->delta == UINT64_MAX);
    assert_false(command->create);
    command = parse_text(&parsed, "decr k 7\r\n");
    assert_int_equal(command->kind, COMMAND_DECR);
    assert_true(command->delta == 7);
    parsed_free(&parsed);
}

static void touch_and_flush_all_carry_a_time(void **state)
{
    (void)state;
    static const struct {
        const char *line;
        enum command_kind kind;
        bool has_exptime;
        int64_t exptime;
    } cases[] = {
        {"touch k 30\r\n", COMMAND_TOUCH, true, 30},
        {"touch k 0\r\n", COMMAND_TOUCH, true, 0},
        {"touch k -1\r\n", COMMAND_TOUCH, true, -1},
        {"flush_all\r\n", COMMAND_FLUSH_ALL, false, 0},
        {"flush_all 0\r\n", COMMAND_FLUSH_ALL, false, 0},
        {"flush_all -5\r\n", COMMAND_FLUSH_ALL, false, 0},
        {"flush_all 60\r\n", COMMAND_FLUSH_ALL, true, 60},
        {"flush_all 60 noreply\r\n", COMMAND_FLUSH_ALL, true, 60},
        {"flush_all noreply\r\n", COMMAND_FLUSH_ALL, false, 0},
    };
    struct parsed parsed = {0};
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct command *command = parse_text(&parsed, cases[i].line);
        if (command->kind != cases[i].kind || command->has_exptime != cases[i].has_exptime
            || command->exptime != cases[i].exptime)
            fail_msg("%s", cases[i].line);
    }
    parsed_free(&parsed);
}

static void commands_to_the_server_keep_their_arguments(void **state)
{
    (void)state;
    static const struct {
        const char *line;
        enum command_kind kind;
        const char *rest;
        uint64_t delta;
    } cases[] = {
        {"stats\r\n", COMMAND_STATS, "", 0},
        {"stats detail on \r\n", COMMAND_STATS, "detail on", 0},
        {"stats siblings a:b\r\n", COMMAND_STATS, "siblings a:b", 0},
        {"version\r\n", COMMAND_VERSION, "", 0},
        {"version x y\r\n", COMMAND_VERSION, "x y", 0},
        {"quit\r\n", COMMAND_QUIT, "", 0},
        {"quit x\r\n", COMMAND_QUIT, "x", 0},
        {"verbosity 2\r\n", COMMAND_VERBOSITY, "2", 2},
        {"cache_memlimit 64\r\n", COMMAND_CACHE_MEMLIMIT, "64", 64},
        {"shutdown\r\n", COMMAND_SHUTDOWN, "", 0},
        {"shutdown graceful\r\n", COMMAND_SHUTDOWN, "graceful", 0},
        {"config get cluster\r\n", COMMAND_CONFIG_GET_CLUSTER, "", 0},
    };
    struct parsed parsed = {0};
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct command *command = parse_text(&parsed, cases[i].line);
        if (command->kind != cases[i].kind || command->delta != cases[i].delta)
            fail_msg("%s", cases[i].line);
        assert_bytes(command->rest, cases[i].rest);
        assert_null(command->error_text);
    }
    parsed_free(&parsed);
}

static void memory_management_is_answered_without_effect(void **state)
{
    (void)state;
    static const struct {
        const char *line;
        enum command_kind kind;
        const char *reply;
    } cases[] = {
        {"slabs reassign 1 2\r\n", COMMAND_SLABS, "CLIENT_ERROR slab reassignment disabled"},
        {"slabs automove 0\r\n", COMMAND_SLABS, "OK"},
        {"slabs automove ratio 0.9\r\n", COMMAND_SLABS, "OK"},
        {"lru tune 10 25 0.1 2.0\r\n", COMMAND_LRU, "OK"},
        {"lru tune 50 50 0.1 2.0\r\n", COMMAND_LRU, "ERROR hot and warm pcts must not exceed 80"},
        {"lru tune 10 25 0 2.0\r\n", COMMAND_LRU, "ERROR hot/warm age factors must be greater than 0"},
        {"lru tune a b c d\r\n", COMMAND_LRU, "ERROR"},
        {"lru mode flat\r\n", COMMAND_LRU, "OK"},
        {"lru mode segmented\r\n", COMMAND_LRU, "OK"},
        {"lru mode x\r\n", COMMAND_LRU, "ERROR"},
        {"lru temp_ttl 5\r\n", COMMAND_LRU, "OK"},
        {"lru temp_ttl x\r\n", COMMAND_LRU, "ERROR"},
        {"lru x\r\n", COMMAND_LRU, "ERROR"},
        {"lru_crawler\r\n", COMMAND_LRU_CRAWLER, "ERROR"},
        {"lru_crawler enable\r\n", COMMAND_LRU_CRAWLER, "OK"},
        {"lru_crawler disable\r\n", COMMAND_LRU_CRAWLER, "OK"},
        {"lru_crawler x\r\n", COMMAND_LRU_CRAWLER, "ERROR"},
        {"lru_crawler crawl all\r\n", COMMAND_LRU_CRAWLER, "OK"},
        {"lru_crawler sleep 1\r\n", COMMAND_LRU_CRAWLER, "OK"},
        {"lru_crawler sleep 1000001\r\n", COMMAND_LRU_CRAWLER, "CLIENT_ERROR sleep must be one second or less"},
        {"lru_crawler tocrawl x\r\n", COMMAND_LRU_CRAWLER, "CLIENT_ERROR bad command line format"},
        {"lru_crawler metadump all\r\n", COMMAND_LRU_CRAWLER, "ERROR metadump not allowed"},
        {"watch\r\n", COMMAND_WATCH, "CLIENT_ERROR watch commands not allowed"},
    };
    struct parsed parsed = {0};
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct command *command = parse_text(&parsed, cases[i].line);
        if (command->kind != cases[i].kind || strcmp(command->error_text, cases[i].reply) != 0)
            fail_msg("%s", cases[i].line);
    }
    parsed_free(&parsed);
}

/* memcached reads numbers with strtol: white space before, a sign, white space behind. Flags keep 32 bits. */
static void numbers_are_read_as_strtol_reads_them(void **state)
{
    (void)state;
    static const struct {
        const char *line;
        uint32_t flags;
        int64_t exptime;
    } cases[] = {
        {"set k +5 0 2\r\n", 5, 0},
        {"set k \t5 0 2\r\n", 5, 0},
        {"set k 5\tx 0 2\r\n", 5, 0},
        {"set k 4294967295 0 2\r\n", UINT32_MAX, 0},
        {"set k 4294967296 0 2\r\n", 0, 0},
        {"set k 00000000000000000000007 0 2\r\n", 7, 0},
        {"set k 0 -1 2\r\n", 0, -1},
        {"set k 0 9223372036854775807 2\r\n", 0, INT64_MAX},
        {"set k 0 -9223372036854775808 2\r\n", 0, INT64_MIN},
        {"set k 0 4102444800 2\r\n", 0, 4102444800},
        {"set k 0 0 2\r\r\n", 0, 0},
    };
    struct parsed parsed = {0};
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct command *command = parse_text(&parsed, cases[i].line);
        if (command->kind != COMMAND_SET || command->flags != cases[i].flags || command->exptime != cases[i].exptime)
            fail_msg("%s", cases[i].line);
        assert_int_equal(command->value_len, 2);
    }
    parsed_free(&parsed);
}

static void a_line_ends_at_a_nul_as_a_c_string_does(void **state)
{
    (void)state;
    static const char get[] = "get k\0x y\r\n", version[] = "version\0x\r\n", set[] = "set k 0 0 2\0 noreply\r\n";
    struct parsed parsed = {0};
    struct bytes key;
    parse_bytes(&parsed, text_parse, bytes_of(get, sizeof get - 1));
    assert_int_equal(parsed.status, PARSE_OK);
    assert_int_equal(parsed.used, sizeof get - 1);
    assert_bytes(parsed.command.key, "k");
    assert_false(text_next_key(&parsed.command.rest, &key));
    parse_bytes(&parsed, text_parse, bytes_of(version, sizeof version - 1));
    assert_int_equal(parsed.command.kind, COMMAND_VERSION);
    parse_bytes(&parsed, text_parse, bytes_of(set, sizeof set - 1));
    assert_int_equal(parsed.command.kind, COMMAND_SET);
    assert_false(parsed.command.quiet);
    parsed_free(&parsed);
}

static void a_key_of_250_bytes_is_taken_everywhere(void **state)
{
    (void)state;
    static const char *const forms[] = {"get %s\r\n",         "gets %s\r\n",   "gat 0 %s\r\n",   "set %s 0 0 1\r\n",
                                        "cas %s 0 0 1 1\r\n", "incr %s 1\r\n", "touch %s 0\r\n", "delete %s\r\n",
                                        "mg %s v\r\n",        "ms %s 1\r\n",   "md %s\r\n",      "ma %s\r\n",
                                        "me %s\r\n"};
    char key[KEY_MAX + 1], line[KEY_MAX + 30];
    long_key(key, KEY_MAX);
    struct parsed parsed = {0};
    for (size_t i = 0; i < sizeof forms / sizeof *forms; i++) {
        const char *gap = strchr(forms[i], '%');
        size_t before = (size_t)(gap - forms[i]);
        memcpy(line, forms[i], before);
        memcpy(line + before, key, KEY_MAX);
        memcpy(line + before + KEY_MAX, gap + 2, strlen(gap + 2) + 1);
        struct command *command = parse_text(&parsed, line);
        assert_int_not_equal(command->kind, COMMAND_ERROR);
        assert_bytes(command->key, key);
    }
    parsed_free(&parsed);
}

/* 18,725 mentions of one key on one line work with memcached. */
static void a_get_line_may_have_many_thousand_keys(void **state)
{
    (void)state;
    enum { MENTIONS = 18725, KEY_BYTES = 11 };
    size_t len = 3 + (size_t)MENTIONS * (1 + KEY_BYTES) + 2;
    char *line = malloc(len + 1), *at = line + 3;
    memcpy(line, "get", 3);
    for (unsigned i = 0; i < MENTIONS; i++, at += 1 + KEY_BYTES)
        memcpy(at, " some:key:12", 1 + KEY_BYTES);
    memcpy(at, "\r\n", 3);
    struct parsed parsed = {0};
    struct command *command = parse_text(&parsed, line);
    assert_int_equal(command->kind, COMMAND_GET);
    unsigned keys = 1;
    struct bytes key;
    while (text_next_key(&command->rest, &key))
        keys++;
    assert_int_equal(keys, MENTIONS);
    parsed_free(&parsed);
    free(line);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(get_takes_its_keys_one_by_one),
        cmocka_unit_test(reads_are_told_apart),
        cmocka_unit_test(storage_commands_carry_their_numbers),
        cmocka_unit_test(noreply_is_the_last_word),
        cmocka_unit_test(arithmetic_takes_64_bits),
        cmocka_unit_test(touch_and_flush_all_carry_a_time),
        cmocka_unit_test(commands_to_the_server_keep_their_arguments),
        cmocka_unit_test(memory_management_is_answered_without_effect),
        cmocka_unit_test(numbers_are_read_as_strtol_reads_them),
        cmocka_unit_test(a_line_ends_at_a_nul_as_a_c_string_does),
        cmocka_unit_test(a_key_of_250_bytes_is_taken_everywhere),
        cmocka_unit_test(a_get_line_may_have_many_thousand_keys),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
