/* Meta commands. Expectations of errors were observed on memcached 1.6.18. */
#include "parsed.h"

#define OPAQUE_31 "Oaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa" /* with its letter 32 bytes, the most */
#define SEVENTEEN "s s s s s s s s s s s s s s s s s"

static const char bad_format[] = "CLIENT_ERROR bad command line format";
static const char bad_token[] = "CLIENT_ERROR bad token in command line format";

static void mg_keeps_its_flags_in_order(void **state)
{
    (void)state;
    struct parsed parsed = {0};
    struct command *command = parse_text(&parsed, "mg foo s v Oabc  k q T30 N60 R90 t\r\n");
    assert_int_equal(command->kind, COMMAND_META_GET);
    assert_int_equal(command->dialect, DIALECT_META);
    assert_bytes(command->key, "foo");
    assert_int_equal(command->raw_key.len, 0);
    assert_true(command->quiet && command->want_key && command->has_exptime && command->create);
    assert_false(command->has_value || command->has_token);
    assert_int_equal(command->exptime, 30);
    assert_int_equal(command->meta.vivify_exptime, 60);
    assert_int_equal(command->meta.recache_ttl, 90);
    static const char letters[] = "svOkqTNRt";
    assert_int_equal(command->meta.count, sizeof letters - 1);
    for (unsigned i = 0; i < command->meta.count; i++)
        assert_int_equal(command->meta.list[i].letter, letters[i]);
    assert_bytes(command->meta.list[2].token, "abc");
    assert_bytes(command->meta.list[0].token, "");
    assert_true(meta_has(&command->meta, 'v'));
    assert_false(meta_has(&command->meta, 'c'));
    parsed_free(&parsed);
}

static void every_flag_of_memcached_is_known(void **state)
{
    (void)state;
    struct parsed parsed = {0};
    struct command *command = parse_text(&parsed, "mg 44OG44K544OI b c f h k l O q s t u v C1 I N1 R1 T1\r\n");
    assert_int_equal(command->kind, COMMAND_META_GET);
    assert_int_equal(command->meta.count, 17);
    command = parse_text(&parsed, "ms k 5 F1 D1 J1 MS P L\r\n");
    assert_int_equal(command->kind, COMMAND_SET);
    parsed_free(&parsed);
}

static void base64_keys_are_decoded_wherever_b_stands(void **state)
{
    (void)state;
    static const char *const lines[] = {"mg 44OG44K544OI b k\r\n",   "mg 44OG44K544OI k b\r\n",
                                        "ms 44OG44K544OI 2 k b\r\n", "md 44OG44K544OI b\r\n",
                                        "ma 44OG44K544OI b\r\n",     "me 44OG44K544OI b\r\n"};
    struct parsed parsed = {0};
    for (size_t i = 0; i < sizeof lines / sizeof *lines; i++) {
        struct command *command = parse_text(&parsed, lines[i]);
        assert_bytes(command->key, "\xe3\x83\x86\xe3\x82\xb9\xe3\x83\x88"); /* "tesuto" in katakana, UTF-8 */
        assert_bytes(command->raw_key, "44OG44K544OI");
        assert_true(meta_has(&command->meta, 'b'));
    }
    parsed_free(&parsed);
}

static void ms_modes_choose_the_command(void **state)
{
    (void)state;
    static const struct {
        const char *line;
        enum command_kind kind;
        bool has_token;
    } cases[] = {
        {"ms k 2\r\n", COMMAND_SET, false},          {"ms k 2 MS\r\n", COMMAND_SET, false},
        {"ms k 2 ME\r\n", COMMAND_ADD, false},       {"ms k 2 MA\r\n", COMMAND_APPEND, false},
        {"ms k 2 MP\r\n", COMMAND_PREPEND, false},   {"ms k 2 MR\r\n", COMMAND_REPLACE, false},
        {"ms k 2 C0\r\n", COMMAND_SET, true},        {"ms k 2 MR C7\r\n", COMMAND_SET, true},
        {"ms k 2 ME C7\r\n", COMMAND_ADD, false},    {"ms k 2 MA C7\r\n", COMMAND_APPEND, true},
        {"ms k 2 MA C0\r\n", COMMAND_APPEND, false},
    };
    struct parsed parsed = {0};
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct command *command = parse_text(&parsed, cases[i].line);
        if (command->kind != cases[i].kind || command->has_token != cases[i].has_token)
            fail_msg("%s", cases[i].line);
        assert_true(command->has_value);
        assert_int_equal(command->value_len, 2);
    }
    struct command *command = parse_text(&parsed, "ms k 10 T60 F4294967295 C18446744073709551615 I\r\n");
    assert_int_equal(command->exptime, 60);
    assert_true(command->flags == UINT32_MAX && command->token == UINT64_MAX && meta_has(&command->meta, 'I'));
    parsed_free(&parsed);
}

static void md_compares_also_with_token_zero(void **state)
{
    (void)state;
    struct parsed parsed = {0};
    struct command *command = parse_text(&parsed, "md k C0 I T30 q\r\n");
    assert_int_equal(command->kind, COMMAND_DELETE);
    assert_true(command->has_token && command->token == 0 && command->quiet && command->has_exptime);
    assert_true(meta_has(&command->meta, 'I'));
    assert_false(parse_text(&parsed, "md k\r\n")->has_token);
    parsed_free(&parsed);
}

static void ma_counts_by_one_unless_told(void **state)
{
    (void)state;
    struct parsed parsed = {0};
    struct command *command = parse_text(&parsed, "ma k\r\n");
    assert_int_equal(command->kind, COMMAND_INCR);
    assert_true(command->delta == 1 && command->initial == 0);
    assert_false(command->create || command->has_exptime || command->has_token);
    command = parse_text(&parsed, "ma k N90 J13 D30 M- v t C5\r\n");
    assert_int_equal(command->kind, COMMAND_DECR);
    assert_true(command->create && command->delta == 30 && command->initial == 13);
    assert_int_equal(command->exptime, 90);
    assert_true(command->has_token && command->token == 5);
    command = parse_text(&parsed, "ma k N90 T60 C0 MD\r\n");
    assert_int_equal(command->kind, COMMAND_DECR);
    assert_int_equal(command->exptime, 60);
    assert_int_equal(command->meta.vivify_exptime, 90);
    assert_false(command->has_token);
    assert_int_equal(parse_text(&parsed, "ma k MI\r\n")->kind, COMMAND_INCR);
    assert_int_equal(parse_text(&parsed, "ma k M+\r\n")->kind, COMMAND_INCR);
    parsed_free(&parsed);
}

static void mn_and_me_are_simple(void **state)
{
    (void)state;
    struct parsed parsed = {0};
    assert_int_equal(parse_text(&parsed, "mn\r\n")->kind, COMMAND_NOOP);
    assert_int_equal(parsed.command.dialect, DIALECT_META);
    assert_int_equal(parse_text(&parsed, "mn x\r\n")->kind, COMMAND_NOOP);
    struct command *command = parse_text(&parsed, "me foo b2 nonsense nonsense\r\n");
    assert_int_equal(command->kind, COMMAND_META_DEBUG);
    assert_bytes(command->key, "foo");
    parsed_free(&parsed);
}

static void siblings_are_counted_and_picked_by_own_flags(void **state)
{
    (void)state;
    struct parsed parsed = {0};
    struct command *command = parse_text(&parsed, "mg k v n p2\r\n");
    assert_int_equal(command->kind, COMMAND_META_GET);
    assert_true(meta_has(&command->meta, META_COUNT) && meta_has(&command->meta, META_PICK));
    assert_int_equal(command->meta.sibling, 2);
    assert_int_equal(parse_text(&parsed, "mg k v\r\n")->meta.sibling, 0);
    parsed_free(&parsed);
    /* The letters are free in memcached and must stay clear of its own. */
    assert_null(strchr("bcfhklOqstuvCEINRTPLSMFxJDWXZ", META_COUNT));
    assert_null(strchr("bcfhklOqstuvCEINRTPLSMFxJDWXZ", META_PICK));
    assert_refused("mg k noreply\r\n", "CLIENT_ERROR invalid flag");
    assert_refused("mg k p\r\n", bad_token);
    assert_refused("mg k px\r\n", bad_token);
    assert_refused("mg k p-1\r\n", bad_token);
    assert_refused("mg k p4294967296\r\n", bad_token);
    assert_refused("md k n\r\n", "CLIENT_ERROR invalid or duplicate flag");
    assert_refused("ma k p1\r\n", "CLIENT_ERROR invalid or duplicate flag");
}

static void mg_tells_what_is_wrong(void **state)
{
    (void)state;
    static const struct {
        const char *line, *reply;
    } cases[] = {
        {"mg\r\n", "ERROR"},
        {"mg k s s\r\n", "CLIENT_ERROR duplicate flag"},
        {"mg k O1 O2\r\n", "CLIENT_ERROR duplicate flag"},
        {"mg k \xc3\r\n", "CLIENT_ERROR duplicate flag"},
        {"mg k W\r\n", "CLIENT_ERROR invalid flag"},
        {"mg k E5\r\n", "CLIENT_ERROR invalid flag"},
        {"mg k S\r\n", "CLIENT_ERROR invalid flag"},
        {"mg k x\r\n", "CLIENT_ERROR invalid flag"},
        {"mg k 5\r\n", "CLIENT_ERROR invalid flag"},
        {"mg k [\r\n", "CLIENT_ERROR invalid flag"},
        {"mg k T\r\n", bad_token},
        {"mg k Tx\r\n", bad_token},
        {"mg k N-\r\n", bad_token},
        {"mg k Cx\r\n", bad_token},
        {"mg k R1x\r\n", bad_token},
        {"mg k Mxx\r\n", "CLIENT_ERROR incorrect length for M token"},
        {"mg k M\r\n", "CLIENT_ERROR incorrect length for M token"},
        {"mg k Jx\r\n", "CLIENT_ERROR invalid numeric initial value"},
        {"mg k Dx\r\n", "CLIENT_ERROR invalid numeric delta value"},
        {"mg k Fx\r\n", bad_format},
        {"mg k Nx Fx\r\n", bad_token},
        {"mg k Nx Mxx\r\n", "CLIENT_ERROR incorrect length for M token"},
        {"mg k Mxx Nx\r\n", bad_token},
        {"mg k Tx Z\r\n", "CLIENT_ERROR invalid flag"},
        {"mg k Tx s s\r\n", "CLIENT_ERROR duplicate flag"},
        {"mg k " SEVENTEEN "\r\n", "CLIENT_ERROR duplicate flag"},
        {"mg k " SEVENTEEN " s\r\n", "CLIENT_ERROR options flags are too long"},
        {"mg k " OPAQUE_31 "a\r\n", "CLIENT_ERROR opaque token too long"},
        {"mg k " OPAQUE_31 "a q\r\n", "CLIENT_ERROR opaque token too long"},
        {"mg k b\r\n", "CLIENT_ERROR error decoding key"},
        {"mg Zg=== b\r\n", "CLIENT_ERROR error decoding key"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++)
        assert_refused(cases[i].line, cases[i].reply);
    struct parsed parsed = {0};
    assert_int_equal(parse_text(&parsed, "mg k " OPAQUE_31 "\r\n")->kind, COMMAND_META_GET);
    parsed_free(&parsed);
}

static void ms_without_a_good_length_leaves_the_data(void **state)
{
    (void)state;
    static const struct {
        const char *line, *reply;
    } cases[] = {
        {"ms\r\n", "ERROR"},
        {"ms k\r\n", bad_format},
        {"ms k x\r\n", bad_format},
        {"ms k -1\r\n", bad_format},
        {"ms k S2\r\n", bad_format},
        {"ms k 2147483646\r\n", bad_format},
        {"ms k 2 " SEVENTEEN "\r\n", "CLIENT_ERROR options flags too long"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++)
        assert_refused(cases[i].line, cases[i].reply);
}

static void ms_with_a_wrong_flag_swallows_the_data(void **state)
{
    (void)state;
    static const struct {
        const char *line, *reply;
    } cases[] = {
        {"ms k 2 W\r\n", "CLIENT_ERROR invalid flag"},
        {"ms k 2 S2\r\n", "CLIENT_ERROR invalid flag"},
        {"ms k 2 n\r\n", "CLIENT_ERROR invalid flag"},
        {"ms k 2 s s\r\n", "CLIENT_ERROR duplicate flag"},
        {"ms k 2 Tx q\r\n", bad_token},
        {"ms k 2 Fx\r\n", bad_format},
        {"ms k 2 MZ\r\n", "CLIENT_ERROR invalid mode for ms M token"},
        {"ms k 2 Me\r\n", "CLIENT_ERROR invalid mode for ms M token"},
        {"ms k 2 MZZ\r\n", "CLIENT_ERROR incorrect length for M token"},
        {"ms k 2 " OPAQUE_31 "a\r\n", "CLIENT_ERROR opaque token too long"},
        {"ms k 2 MZ " OPAQUE_31 "a\r\n", "CLIENT_ERROR invalid mode for ms M token"},
        {"ms !!! 2 b\r\n", "CLIENT_ERROR error decoding key"},
        {"ms k 2 s s s s s s s s s s s s s s s s\r\n", "CLIENT_ERROR duplicate flag"},
    };
    struct parsed parsed = {0};
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct command *command = parse_text(&parsed, cases[i].line);
        if (command->kind != COMMAND_ERROR || strcmp(reply_of(command), cases[i].reply) != 0)
            fail_msg("%s", cases[i].line);
        assert_true(command->has_value && command->value_len == 2);
        assert_false(command->quiet || command->close_after);
    }
    parsed_free(&parsed);
}

static void md_and_ma_say_less_of_what_is_wrong(void **state)
{
    (void)state;
    static const struct {
        const char *line, *reply;
    } cases[] = {
        {"md\r\n", "ERROR"},
        {"ma\r\n", "ERROR"},
        {"md k W\r\n", "CLIENT_ERROR invalid or duplicate flag"},
        {"md k s s\r\n", "CLIENT_ERROR invalid or duplicate flag"},
        {"md k Tx\r\n", "CLIENT_ERROR invalid or duplicate flag"},
        {"md k b\r\n", "CLIENT_ERROR invalid or duplicate flag"},
        {"md k " SEVENTEEN " s\r\n", "CLIENT_ERROR options flags too long"},
        {"md k " OPAQUE_31 "a\r\n", "CLIENT_ERROR opaque token too long"},
        {"ma k Dx\r\n", "CLIENT_ERROR invalid or duplicate flag"},
        {"ma k D-1\r\n", "CLIENT_ERROR invalid or duplicate flag"},
        {"ma k Jx\r\n", "CLIENT_ERROR invalid or duplicate flag"},
        {"ma k Mi\r\n", "CLIENT_ERROR invalid mode for ma M token"},
        {"ma k Mx " OPAQUE_31 "a\r\n", "CLIENT_ERROR invalid mode for ma M token"},
        {"ma k " OPAQUE_31 "a\r\n", "CLIENT_ERROR opaque token too long"},
        {"ma k " SEVENTEEN " s\r\n", "CLIENT_ERROR options flags too long"},
        {"me\r\n", bad_format},
        {"me 44OG44K544O b\r\n", bad_format},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++)
        assert_refused(cases[i].line, cases[i].reply);
}

static void a_long_key_is_bad_format_whatever_follows(void **state)
{
    (void)state;
    static const char *const names[] = {"mg ", "ms ", "md ", "ma ", "me "};
    char line[KEY_MAX + 20] = {0}, key[KEY_MAX + 2];
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        strcpy(line, names[i]);
        strcat(line, long_key(key, KEY_MAX + 1));
        strcat(line, " W W W\r\n");
        assert_refused(line, bad_format);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(mg_keeps_its_flags_in_order),
        cmocka_unit_test(every_flag_of_memcached_is_known),
        cmocka_unit_test(base64_keys_are_decoded_wherever_b_stands),
        cmocka_unit_test(ms_modes_choose_the_command),
        cmocka_unit_test(md_compares_also_with_token_zero),
        cmocka_unit_test(ma_counts_by_one_unless_told),
        cmocka_unit_test(mn_and_me_are_simple),
        cmocka_unit_test(siblings_are_counted_and_picked_by_own_flags),
        cmocka_unit_test(mg_tells_what_is_wrong),
        cmocka_unit_test(ms_without_a_good_length_leaves_the_data),
        cmocka_unit_test(ms_with_a_wrong_flag_swallows_the_data),
        cmocka_unit_test(md_and_ma_say_less_of_what_is_wrong),
        cmocka_unit_test(a_long_key_is_bad_format_whatever_follows),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
