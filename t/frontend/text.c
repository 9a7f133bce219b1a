/* The text protocol, command by command. Replies are those that memcached 1.6.18 gives to the same bytes. */
#include "frontend/talk.h"

TALK_TEST(set_then_get_tells_flags_and_bytes)
{
    says(talk, "set k 5 0 3\r\nabc\r\n", "STORED\r\n");
    says(talk, "get k\r\n", "VALUE k 5 3\r\nabc\r\nEND\r\n");
    says(talk, "get missing\r\n", "END\r\n");
    says(talk, "set empty 0 0 0\r\n\r\n", "STORED\r\n");
    says(talk, "get empty missing k\r\n", "VALUE empty 0 0\r\n\r\nVALUE k 5 3\r\nabc\r\nEND\r\n");
}

TALK_TEST(get_answers_each_mention)
{
    says(talk, "set k 0 0 1\r\nx\r\n", "STORED\r\n");
    says(talk, "get k k k\r\n", "VALUE k 0 1\r\nx\r\nVALUE k 0 1\r\nx\r\nVALUE k 0 1\r\nx\r\nEND\r\n");
}

TALK_TEST(get_with_a_key_that_is_too_long_answers_none)
{
    char line[600];
    says(talk, "set k 0 0 1\r\nx\r\n", "STORED\r\n");
    (void)snprintf(line, sizeof line, "get k %0251d k\r\n", 0);
    says(talk, line, "CLIENT_ERROR bad command line format\r\n");
}

TALK_TEST(storage_commands_look_at_what_is_there)
{
    says(talk, "replace k 0 0 1\r\nx\r\n", "NOT_STORED\r\n");
    says(talk, "append k 0 0 1\r\nx\r\n", "NOT_STORED\r\n");
    says(talk, "prepend k 0 0 1\r\nx\r\n", "NOT_STORED\r\n");
    says(talk, "add k 7 0 1\r\nb\r\n", "STORED\r\n");
    says(talk, "add k 0 0 1\r\nx\r\n", "NOT_STORED\r\n");
    says(talk, "append k 1 0 1\r\nc\r\n", "STORED\r\n");
    says(talk, "prepend k 1 0 1\r\na\r\n", "STORED\r\n");
    says(talk, "get k\r\n", "VALUE k 7 3\r\nabc\r\nEND\r\n");
    says(talk, "replace k 0 0 1\r\nx\r\n", "STORED\r\n");
    says(talk, "get k\r\n", "VALUE k 0 1\r\nx\r\nEND\r\n");
}

TALK_TEST(noreply_hides_every_reply)
{
    says(talk, "set k 0 0 1 noreply\r\n1\r\n", "");
    says(talk, "add k 0 0 1 noreply\r\n2\r\nincr k 1 noreply\r\ntouch k 0 noreply\r\n", "");
    says(talk, "set k 0 0 1 noreply\r\ntoo long\r\n", "ERROR\r\n"); /* only what is left of the line is answered */
    says(talk, "get k\r\n", "VALUE k 0 1\r\n2\r\nEND\r\n");
    says(talk, "delete k noreply\r\nverbosity 1 noreply\r\nflush_all noreply\r\nget k\r\n", "END\r\n");
}

TALK_TEST(cas_stores_only_over_what_was_read)
{
    char line[100];
    says(talk, "cas k 0 0 1 5\r\nx\r\n", "NOT_FOUND\r\n");
    says(talk, "set k 0 0 1\r\na\r\n", "STORED\r\n");
    uint64_t token = number_after(talk, "gets k\r\n", "VALUE k 0 1 ");
    (void)snprintf(line, sizeof line, "cas k 0 0 1 %llu\r\nb\r\n", (unsigned long long)token);
    says(talk, line, "STORED\r\n");
    says(talk, line, "EXISTS\r\n");
    says(talk, "cas k 0 0 1 0\r\nx\r\n", "EXISTS\r\n");
    says(talk, "get k\r\n", "VALUE k 0 1\r\nb\r\nEND\r\n");
    assert_int_equal(talk->frontend.counters.cas_hits, 1);
    assert_int_equal(talk->frontend.counters.cas_badval, 2);
    assert_int_equal(talk->frontend.counters.cas_misses, 1);
}

TALK_TEST_WITH(tokens_are_zero_when_cas_is_disabled, settings.cas_disabled = true)
{
    says(talk, "set k 0 0 1\r\na\r\n", "STORED\r\n");
    says(talk, "gets k\r\n", "VALUE k 0 1 0\r\na\r\nEND\r\n");
    says(talk, "cas k 0 0 1 0\r\nb\r\n", "EXISTS\r\n");
    says(talk, "cas none 0 0 1 0\r\nb\r\n", "NOT_FOUND\r\n");
}

TALK_TEST(incr_wraps_and_decr_stops_and_pads)
{
    says(talk, "incr n 1\r\n", "NOT_FOUND\r\n");
    says(talk, "set n 0 0 20\r\n18446744073709551615\r\n", "STORED\r\n");
    says(talk, "incr n 2\r\n", "1\r\n");
    says(talk, "set n 0 0 2\r\n10\r\n", "STORED\r\n");
    says(talk, "decr n 1\r\nget n\r\n", "9\r\nVALUE n 0 2\r\n9 \r\nEND\r\n");
    says(talk, "decr n 100\r\n", "0\r\n");
    says(talk, "incr n x\r\n", "CLIENT_ERROR invalid numeric delta argument\r\n");
    says(talk, "set n 0 0 1\r\nx\r\n", "STORED\r\n");
    says(talk, "incr n 1\r\n", "CLIENT_ERROR cannot increment or decrement non-numeric value\r\n");
}

TALK_TEST(delete_and_touch_and_gat)
{
    says(talk, "delete k\r\n", "NOT_FOUND\r\n");
    says(talk, "touch k 10\r\n", "NOT_FOUND\r\n");
    says(talk, "gat 10 k\r\n", "END\r\n");
    says(talk, "set k 3 0 1\r\nx\r\n", "STORED\r\n");
    says(talk, "touch k 10\r\n", "TOUCHED\r\n");
    passes_s(talk, 9);
    says(talk, "gat 100 k\r\n", "VALUE k 3 1\r\nx\r\nEND\r\n");
    passes_s(talk, 99);
    says(talk, "get k\r\n", "VALUE k 3 1\r\nx\r\nEND\r\n");
    passes_s(talk, 1);
    says(talk, "get k\r\n", "END\r\n");
    says(talk, "set k 0 0 1\r\nx\r\n", "STORED\r\n");
    says(talk, "delete k 0\r\n", "DELETED\r\n");
    says(talk, "delete k 10\r\n", "CLIENT_ERROR bad command line format.  Usage: delete <key> [noreply]\r\n");
    says(talk, "gat x k\r\n", "CLIENT_ERROR invalid exptime argument\r\n");
    assert_int_equal(talk->frontend.counters.cmd_touch, 4);
    assert_int_equal(talk->frontend.counters.touch_hits, 2);
    assert_int_equal(talk->frontend.counters.get_expired, 1);
}

TALK_TEST(a_wrong_data_block_is_read_as_long_as_announced)
{
    says(talk, "set k 0 0 1\r\na\r\n", "STORED\r\n");
    says(talk, "set k 0 0 3\r\nabcde\r\n", "CLIENT_ERROR bad data chunk\r\nERROR\r\n");
    says(talk, "set k 0 0 5\r\nabc\r\nget k\r\n", "CLIENT_ERROR bad data chunk\r\nERROR\r\n");
    says(talk, "get k\r\n", "VALUE k 0 1\r\na\r\nEND\r\n");
}

TALK_TEST(a_bad_number_does_not_swallow_the_data)
{
    says(talk, "set k 0 0 x\r\nversion\r\n", "CLIENT_ERROR bad command line format\r\nVERSION 1.2.3\r\n");
    says(talk, "set k 0 0 -1\r\nversion\r\n", "CLIENT_ERROR bad command line format\r\nVERSION 1.2.3\r\n");
}

TALK_TEST(flush_all_forgets_now_or_later)
{
    says(talk, "set k 0 0 1\r\na\r\n", "STORED\r\n");
    says(talk, "flush_all\r\nget k\r\n", "OK\r\nEND\r\n");
    assert_int_equal(talk->frontend.counters.get_flushed, 1);
    says(talk, "set k 0 0 1\r\na\r\nflush_all 10\r\nget k\r\n", "STORED\r\nOK\r\nVALUE k 0 1\r\na\r\nEND\r\n");
    passes_s(talk, 11);
    says(talk, "get k\r\n", "END\r\n");
    says(talk, "flush_all x\r\nflush_all -1\r\n", "CLIENT_ERROR invalid exptime argument\r\nOK\r\n");
}

TALK_TEST(unknown_commands_leave_the_session_in_step)
{
    says(talk, "GET k\r\n\r\nget\r\nbogus\r\nmn\r\n", "ERROR\r\nERROR\r\nERROR\r\nERROR\r\nMN\r\n");
}

TALK_TEST(quit_closes_and_takes_nothing_more)
{
    says(talk, "version\r\nquit\r\nversion\r\n", "VERSION 1.2.3\r\n");
    assert_int_equal(talk->verdict, SESSION_CLOSE);
    says(talk, "version\r\n", "");
    assert_int_equal(talk->verdict, SESSION_CLOSE);
}

TALK_TEST(a_full_store_refuses_writes_and_serves_reads)
{
    says(talk, "set k 0 0 1\r\n1\r\n", "STORED\r\n");
    talk->store->full = true;
    says(talk, "set k 0 0 1\r\nb\r\n", "SERVER_ERROR out of memory storing object\r\n");
    says(talk, "incr k 1\r\n", "SERVER_ERROR out of memory storing object\r\n");
    says(talk, "get k\r\n", "VALUE k 0 1\r\n1\r\nEND\r\n");
    says(talk, "delete k\r\n", "DELETED\r\n");
    assert_int_equal(talk->frontend.counters.store_no_memory, 1);
}

TALK_TEST(hits_and_misses_are_counted_as_by_memcached)
{
    const struct session_counters *counters = &talk->frontend.counters;
    says(talk, "set k 0 0 1\r\n1\r\nget k none k\r\nincr k 1\r\ndecr k 1\r\nincr none 1\r\ndelete none\r\ndelete k\r\n",
         "STORED\r\nVALUE k 0 1\r\n1\r\nVALUE k 0 1\r\n1\r\nEND\r\n2\r\n1\r\nNOT_FOUND\r\nNOT_FOUND\r\nDELETED\r\n");
    assert_int_equal(counters->cmd_set, 1);
    assert_int_equal(counters->total_items, 1);
    assert_int_equal(counters->cmd_get, 3);
    assert_int_equal(counters->get_hits, 2);
    assert_int_equal(counters->get_misses, 1);
    assert_int_equal(counters->incr_hits, 1);
    assert_int_equal(counters->decr_hits, 1);
    assert_int_equal(counters->incr_misses, 1);
    assert_int_equal(counters->delete_hits, 1);
    assert_int_equal(counters->delete_misses, 1);
}

TALK_TEST(answers_of_a_turn_are_timed_together)
{
    says(talk, "set k 0 0 1\r\n1\r\nget k\r\nget k\r\n",
         "STORED\r\nVALUE k 0 1\r\n1\r\nEND\r\nVALUE k 0 1\r\n1\r\nEND\r\n");
    struct instant ended = {.mono_ns = talk->now.mono_ns + 5000};
    frontend_end_turn(&talk->frontend, talk->now, ended);
    frontend_end_turn(&talk->frontend, talk->now, ended);
    assert_int_equal(histogram_total(&talk->frontend.latency[LATENCY_GET]), 2);
    assert_int_equal(histogram_total(&talk->frontend.latency[LATENCY_SET]), 1);
    assert_int_equal(talk->frontend.latency[LATENCY_SET].max, 5000);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(set_then_get_tells_flags_and_bytes),
        cmocka_unit_test(get_answers_each_mention),
        cmocka_unit_test(get_with_a_key_that_is_too_long_answers_none),
        cmocka_unit_test(storage_commands_look_at_what_is_there),
        cmocka_unit_test(noreply_hides_every_reply),
        cmocka_unit_test(cas_stores_only_over_what_was_read),
        cmocka_unit_test(tokens_are_zero_when_cas_is_disabled),
        cmocka_unit_test(incr_wraps_and_decr_stops_and_pads),
        cmocka_unit_test(delete_and_touch_and_gat),
        cmocka_unit_test(a_wrong_data_block_is_read_as_long_as_announced),
        cmocka_unit_test(a_bad_number_does_not_swallow_the_data),
        cmocka_unit_test(flush_all_forgets_now_or_later),
        cmocka_unit_test(unknown_commands_leave_the_session_in_step),
        cmocka_unit_test(quit_closes_and_takes_nothing_more),
        cmocka_unit_test(a_full_store_refuses_writes_and_serves_reads),
        cmocka_unit_test(hits_and_misses_are_counted_as_by_memcached),
        cmocka_unit_test(answers_of_a_turn_are_timed_together),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
