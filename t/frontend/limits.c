/* Values at and over the limit, lengths that are announced and never come. */
#include "frontend/talk.h"

static void put(struct talk *talk, const char *line, size_t len, const char *reply)
{
    uint8_t *value = malloc(len + 2);
    assert_non_null(value);
    memset(value, 'v', len);
    memcpy(value + len, "\r\n", 2);
    talk_feed(talk, text(line));
    talk_feed(talk, bytes_of(value, len + 2));
    talk_hears(talk, text(reply));
    free(value);
}

static void the_largest_value_is_memcacheds(void **state)
{
    (void)state;
    assert_int_equal(largest_value(FRONTEND_ITEM_MAX_DEFAULT, 1, 0, false), 1048516);
    assert_int_equal(largest_value(FRONTEND_ITEM_MAX_DEFAULT, 250, 0, false), 1048517 - 250);
    assert_int_equal(largest_value(FRONTEND_ITEM_MAX_DEFAULT, 1, 7, false), 1048512); /* flags take 4 bytes */
    assert_int_equal(largest_value(FRONTEND_ITEM_MAX_DEFAULT, 1, 0, true), 1048524);  /* no cas: 8 bytes more */
    assert_int_equal(largest_value(10, 1, 0, false), 0);
}

TALK_TEST(a_set_that_is_too_large_leaves_nothing_behind)
{
    put(talk, "set k 0 0 1048516\r\n", 1048516, "STORED\r\n");
    put(talk, "set k 0 0 1048517\r\n", 1048517, "SERVER_ERROR object too large for cache\r\n");
    says(talk, "get k\r\n", "END\r\n");
    assert_int_equal(talk->frontend.counters.store_too_large, 1);
    assert_int_equal(talk->frontend.counters.delete_hits, 0);
    assert_null(talk->session.work);
}

TALK_TEST(other_verbs_that_are_too_large_leave_the_old_value)
{
    says(talk, "set k 0 0 3\r\nold\r\n", "STORED\r\n");
    put(talk, "add k 0 0 2000000\r\n", 2000000, "SERVER_ERROR object too large for cache\r\n");
    put(talk, "append k 0 0 2000000\r\n", 2000000, "SERVER_ERROR object too large for cache\r\n");
    put(talk, "cas k 0 0 2000000 1\r\n", 2000000, "SERVER_ERROR object too large for cache\r\n");
    says(talk, "get k\r\n", "VALUE k 0 3\r\nold\r\nEND\r\n");
    put(talk, "ms k 2000000 ME\r\n", 2000000, "SERVER_ERROR object too large for cache\r\n");
    says(talk, "get k\r\n", "END\r\n");
}

TALK_TEST(an_append_past_the_limit_is_not_stored)
{
    put(talk, "set k 0 0 1000000\r\n", 1000000, "STORED\r\n");
    put(talk, "append k 0 0 100000\r\n", 100000, "NOT_STORED\r\n");
    says(talk, "mg k s\r\n", "HD s1000000\r\n");
}

TALK_TEST(an_append_reaches_the_limit_of_a_set_and_no_further)
{
    put(talk, "set k 0 0 1048510\r\n", 1048510, "STORED\r\n");
    put(talk, "append k 0 0 6\r\n", 6, "STORED\r\n");
    put(talk, "prepend k 0 0 1\r\n", 1, "NOT_STORED\r\n");
    says(talk, "mg k s\r\n", "HD s1048516\r\n");
}

TALK_TEST_WITH(a_larger_item_size_allows_larger_values, settings.value_max = 128 * 1024 * 1024)
{
    put(talk, "set k 0 0 1048517\r\n", 1048517, "STORED\r\n");
}

TALK_TEST(a_large_value_is_read_to_where_it_belongs)
{
    size_t room;
    talk->verdict = session_feed(&talk->session, talk->now, text("set k 0 0 100000\r\nabc"));
    uint8_t *at = session_value_room(&talk->session, &room);
    assert_non_null(at);
    assert_int_equal(room, 100000 + 2 - 3);
    memset(at, 'd', 99997);
    assert_int_equal(session_filled(&talk->session, talk->now, 90000), SESSION_READ);
    /* The last few bytes are cheaper to read together with what follows them. */
    assert_null(session_value_room(&talk->session, &room));
    char tail[9997 + 2 + 1];
    memset(tail, 'd', 9997);
    memcpy(tail + 9997, "\r\n", 3);
    says(talk, tail, "STORED\r\n");
    talk_feed(talk, text("get k\r\n"));
    assert_int_equal(talk->heard.len, strlen("VALUE k 0 100000\r\n") + 100000 + strlen("\r\nEND\r\n"));
}

TALK_TEST(an_announced_length_beyond_the_limit_is_not_allocated)
{
    says(talk, "set k 0 0 2147483645\r\nabc", "SERVER_ERROR object too large for cache\r\n");
    assert_true(session_memory(&talk->session) < 10000);
    assert_int_equal(talk->verdict, SESSION_READ); /* and closing in the middle is fine, see talk_end */
}

TALK_TEST(a_line_without_an_end_closes_the_session)
{
    char line[2100];
    memset(line, 'x', sizeof line);
    talk_feed(talk, bytes_of(line, 2048));
    assert_int_equal(talk->verdict, SESSION_READ);
    talk_feed(talk, bytes_of(line, 1));
    assert_int_equal(talk->verdict, SESSION_CLOSE);
}

TALK_TEST(closing_in_the_middle_of_anything_frees_everything)
{
    static const char *const starts[] = {"get k", "set k 0 0 10\r\n123", "set k 0 0 2000000\r\nxx", "ms k 50000\r\n12",
                                         "\r"};
    for (size_t i = 0; i < sizeof starts / sizeof *starts; i++) {
        talk_feed(talk, text(starts[i]));
        assert_true(session_close(&talk->session));
        session_init(&talk->session, &talk->frontend, talk);
        assert_int_equal(talk->frontend.works.borrowed, 0);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_largest_value_is_memcacheds),
        cmocka_unit_test(a_set_that_is_too_large_leaves_nothing_behind),
        cmocka_unit_test(other_verbs_that_are_too_large_leave_the_old_value),
        cmocka_unit_test(an_append_past_the_limit_is_not_stored),
        cmocka_unit_test(an_append_reaches_the_limit_of_a_set_and_no_further),
        cmocka_unit_test(a_larger_item_size_allows_larger_values),
        cmocka_unit_test(a_large_value_is_read_to_where_it_belongs),
        cmocka_unit_test(an_announced_length_beyond_the_limit_is_not_allocated),
        cmocka_unit_test(a_line_without_an_end_closes_the_session),
        cmocka_unit_test(closing_in_the_middle_of_anything_frees_everything),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
