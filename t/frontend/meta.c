/* The meta commands. Replies are those that memcached 1.6.18 gives to the same lines. */
#include "frontend/talk.h"

TALK_TEST(ms_modes)
{
    says(talk, "ms k 1 MR\r\nx\r\nms k 1 MA\r\nx\r\nms k 1 ME\r\nb\r\nms k 1 ME\r\nx\r\n", "NS\r\nNS\r\nHD\r\nNS\r\n");
    says(talk, "ms k 1 MA\r\nc\r\nms k 1 MP\r\na\r\nmg k v\r\nms k 1 MS F7 T100\r\nx\r\n",
         "HD\r\nHD\r\nVA 3\r\nabc\r\nHD\r\n");
    says(talk, "mg k v f t s k Oq1\r\n", "VA 1 f7 t100 s1 kk Oq1\r\nx\r\n");
    says(talk, "ms k 1 MX\r\nx\r\n", "CLIENT_ERROR invalid mode for ms M token\r\n");
}

TALK_TEST(misses_return_key_and_opaque_only)
{
    says(talk, "mg k s v k O1 t\r\nmd k k O2\r\nma k k O3 v\r\nme k\r\n", "EN kk O1\r\nNF kk O2\r\nNF kk O3\r\nEN\r\n");
    says(talk, "ms k 1 MR k c\r\nx\r\n", "NS kk c0\r\n");
}

TALK_TEST(quiet_hides_what_is_expected)
{
    says(talk, "mg k v q\r\nms k 1 q\r\nx\r\nmg k q\r\nmd k q\r\n", "HD\r\n");
    says(talk, "md k q\r\nma k q\r\nms k 1 MR q\r\nx\r\nmn\r\n", "NF\r\nNF\r\nNS\r\nMN\r\n");
    says(talk, "ma n q N0\r\nma n q\r\n", "HD\r\n"); /* a number that was made is told */
    says(talk, "ms k 2 q\r\nabc\r\n", "CLIENT_ERROR bad data chunk\r\nERROR\r\n");
    says(talk, "set k 0 0 1\r\nx\r\nma k q\r\n",
         "STORED\r\nCLIENT_ERROR cannot increment or decrement non-numeric value\r\n");
}

TALK_TEST(tokens_compare)
{
    char line[100];
    says(talk, "ms k 1\r\na\r\n", "HD\r\n");
    unsigned long long token = number_after(talk, "mg k c\r\n", "HD c");
    (void)snprintf(line, sizeof line, "ms k 1 C%llu\r\nb\r\n", token);
    says(talk, line, "HD\r\n");
    says(talk, line, "EX\r\n");
    (void)snprintf(line, sizeof line, "md k C%llu\r\nmd none C%llu\r\n", token, token);
    says(talk, line, "EX\r\nNF\r\n");
    (void)snprintf(line, sizeof line, "ms k 1 I C%llu\r\nc\r\n", token); /* older, but stored as stale */
    says(talk, line, "HD\r\n");
    says(talk, "mg k v\r\nmg k v\r\n", "VA 1 X W\r\nc\r\nVA 1 Z X\r\nc\r\n");
    assert_true(number_after(talk, "ms k 1 c\r\nd\r\n", "HD c") != token);
}

TALK_TEST(one_reader_wins_a_stale_item)
{
    says(talk, "ms k 1 T100\r\na\r\nmd k I T30\r\n", "HD\r\nHD\r\n");
    says(talk, "mg k v t\r\nmg k v\r\nmg k\r\n", "VA 1 t30 X W\r\na\r\nVA 1 Z X\r\na\r\nHD Z X\r\n");
    says(talk, "ms k 1\r\nb\r\nmg k v\r\n", "HD\r\nVA 1\r\nb\r\n");
}

TALK_TEST(one_reader_makes_what_is_missing)
{
    says(talk, "mg k N30 v t\r\nmg k N30 v t\r\n", "VA 0 t30 W\r\n\r\nVA 0 t30 Z\r\n\r\n");
    passes_s(talk, 31);
    says(talk, "mg k v\r\n", "EN\r\n");
    says(talk, "mg l N30 T90 t\r\n", "HD t90 W\r\n");
}

TALK_TEST(one_reader_is_told_to_recache)
{
    says(talk, "ms k 1 T100\r\na\r\nmg k R30\r\nmg k R101\r\nmg k R101\r\n", "HD\r\nHD\r\nHD W\r\nHD Z\r\n");
}

TALK_TEST(mg_tells_of_earlier_reads_and_may_peek)
{
    says(talk, "ms k 1\r\na\r\nmg k u h\r\nmg k h\r\nmg k h\r\n", "HD\r\nHD h0\r\nHD h0\r\nHD h1\r\n");
}

TALK_TEST(ma_counts_creates_and_touches)
{
    says(talk, "ma n N100 J13 v t\r\nma n v D5\r\nma n MD D100 v\r\nma n T50 t\r\n",
         "VA 2 t100\r\n13\r\nVA 2\r\n18\r\nVA 1\r\n0\r\nHD t50\r\n");
    says(talk, "mg n t\r\n", "HD t50\r\n");
}

TALK_TEST(mg_may_touch)
{
    says(talk, "ms k 1\r\na\r\nmg k T30 t\r\nmg k t\r\nmg k T0 t\r\n", "HD\r\nHD t30\r\nHD t30\r\nHD t-1\r\n");
    assert_int_equal(talk->frontend.counters.cmd_touch, 2);
    assert_int_equal(talk->frontend.counters.cmd_get, 1);
}

TALK_TEST(keys_may_be_base64)
{
    says(talk, "ms YSBi 1 b k\r\nx\r\nmg YSBi b k v\r\nmd YSBi b k\r\nmg YSBi b k\r\n",
         "HD kYSBi b\r\nVA 1 kYSBi b\r\nx\r\nHD kYSBi b\r\nEN kYSBi b\r\n");
}

TALK_TEST(me_describes)
{
    char expected[200];
    says(talk, "ms k 3 F5 T100\r\nabc\r\nmg k\r\n", "HD\r\nHD\r\n");
    unsigned long long token = number_after(talk, "mg k c u\r\n", "HD c");
    /* 48 + "k" and NUL + "abc\r\n" + 8 of cas + 4 of flags */
    (void)snprintf(expected, sizeof expected, "ME k exp=-100 la=0 cas=%llu fetch=yes cls=0 size=67\r\n", token);
    says(talk, "me k\r\n", expected);
    assert_int_equal(talk->frontend.counters.cmd_meta, 1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(ms_modes),
        cmocka_unit_test(misses_return_key_and_opaque_only),
        cmocka_unit_test(quiet_hides_what_is_expected),
        cmocka_unit_test(tokens_compare),
        cmocka_unit_test(one_reader_wins_a_stale_item),
        cmocka_unit_test(one_reader_makes_what_is_missing),
        cmocka_unit_test(one_reader_is_told_to_recache),
        cmocka_unit_test(mg_tells_of_earlier_reads_and_may_peek),
        cmocka_unit_test(ma_counts_creates_and_touches),
        cmocka_unit_test(mg_may_touch),
        cmocka_unit_test(keys_may_be_base64),
        cmocka_unit_test(me_describes),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
