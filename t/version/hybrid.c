#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "version/hybrid.h"

#include <pthread.h>
#include <stdlib.h>

static struct instant at(uint64_t mono_ms, uint64_t wall_ms)
{
    return (struct instant){.mono_ns = mono_ms * 1000000, .wall_ms = wall_ms};
}

static void a_time_is_the_wall_clock_and_then_counts_up(void **state)
{
    (void)state;
    struct hybrid_clock clock;
    hybrid_init(&clock, 0);
    assert_true(hybrid_next(&clock, at(5, 1000)) == hybrid_of_ms(1000));
    assert_true(hybrid_next(&clock, at(5, 1000)) == hybrid_of_ms(1000) + 1);
    assert_true(hybrid_next(&clock, at(6, 1001)) == hybrid_of_ms(1001));
    assert_int_equal(hybrid_now_ms(&clock, at(6, 1001)), 1001);
}

static void a_wall_clock_that_is_set_back_is_ignored(void **state)
{
    (void)state;
    struct hybrid_clock clock;
    hybrid_init(&clock, 0);
    hybrid_next(&clock, at(10, 5000));
    assert_int_equal(hybrid_now_ms(&clock, at(30, 1020)), 5020);
    assert_true(hybrid_next(&clock, at(40, 1030)) == hybrid_of_ms(5030));
}

static void a_wall_clock_that_is_set_forward_is_followed(void **state)
{
    (void)state;
    struct hybrid_clock clock;
    hybrid_init(&clock, 0);
    hybrid_next(&clock, at(10, 5000));
    assert_true(hybrid_next(&clock, at(20, 9000)) == hybrid_of_ms(9000));
    assert_int_equal(hybrid_now_ms(&clock, at(25, 5015)), 9005);
}

static void a_wall_clock_behind_the_monotonic_one_is_no_negative_time(void **state)
{
    (void)state;
    struct hybrid_clock clock;
    hybrid_init(&clock, 0);
    assert_int_equal(hybrid_now_ms(&clock, at(700, 3)), 700);
}

static void times_go_on_above_the_start_and_what_was_observed(void **state)
{
    (void)state;
    struct hybrid_clock clock;
    hybrid_init(&clock, hybrid_of_ms(9000) + 7);
    assert_true(hybrid_next(&clock, at(1, 1000)) == hybrid_of_ms(9000) + 8);
    hybrid_observe(&clock, hybrid_of_ms(9500) + 3);
    hybrid_observe(&clock, hybrid_of_ms(100));
    assert_int_equal(hybrid_now_ms(&clock, at(1, 1000)), 9500);
    assert_true(hybrid_next(&clock, at(2, 1001)) == hybrid_of_ms(9500) + 4);
}

static void a_used_up_logical_counter_carries_into_the_milliseconds(void **state)
{
    (void)state;
    struct hybrid_clock clock;
    hybrid_init(&clock, hybrid_of_ms(1000) + 0xffff);
    assert_true(hybrid_next(&clock, at(0, 1000)) == hybrid_of_ms(1001));
    assert_int_equal(hybrid_now_ms(&clock, at(0, 1000)), 1001);
}

static void the_present_does_not_go_back_for_an_older_instant(void **state)
{
    (void)state;
    struct hybrid_clock clock;
    hybrid_init(&clock, 0);
    assert_int_equal(hybrid_now_ms(&clock, at(50, 1050)), 1050);
    assert_int_equal(hybrid_now_ms(&clock, at(20, 1020)), 1050);
    assert_true(hybrid_next(&clock, at(20, 1020)) > hybrid_of_ms(1050));
}

enum { THREADS = 4, TIMES = 50000 };

struct worker {
    pthread_t thread;
    struct hybrid_clock *clock;
    uint64_t number;
    hybrid_time times[TIMES];
    int fell; /* times or presents that went back */
};

static void *draw_times(void *argument)
{
    struct worker *worker = argument;
    uint64_t present = 0;
    for (uint64_t i = 0; i < TIMES; i++) {
        /* Wall clocks that jump differently for each thread, over a millisecond for every 32 times. */
        struct instant now = {.mono_ns = i * 31250, .wall_ms = 1000 + i / 32 + (i * (worker->number + 3)) % 11};
        worker->times[i] = hybrid_next(worker->clock, now);
        uint64_t now_ms = hybrid_now_ms(worker->clock, now);
        worker->fell += (i > 0 && worker->times[i] <= worker->times[i - 1]) + (now_ms < present);
        worker->fell += now_ms < hybrid_ms(worker->times[i]);
        present = now_ms;
    }
    return NULL;
}

static int by_value(const void *a, const void *b)
{
    hybrid_time left = *(const hybrid_time *)a, right = *(const hybrid_time *)b;
    return left < right ? -1 : left > right;
}

static void threads_never_get_the_same_time_and_never_see_it_go_back(void **state)
{
    (void)state;
    struct hybrid_clock clock;
    hybrid_init(&clock, 0);
    struct worker *workers = calloc(THREADS, sizeof *workers);
    hybrid_time *all = calloc((size_t)THREADS * TIMES, sizeof *all);
    assert_non_null(workers);
    assert_non_null(all);
    for (uint64_t i = 0; i < THREADS; i++) {
        workers[i].clock = &clock;
        workers[i].number = i;
        assert_int_equal(pthread_create(&workers[i].thread, NULL, draw_times, &workers[i]), 0);
    }
    for (size_t i = 0; i < THREADS; i++) {
        assert_int_equal(pthread_join(workers[i].thread, NULL), 0);
        assert_int_equal(workers[i].fell, 0);
        for (size_t k = 0; k < TIMES; k++)
            all[i * TIMES + k] = workers[i].times[k];
    }
    qsort(all, (size_t)THREADS * TIMES, sizeof *all, by_value);
    for (size_t i = 1; i < (size_t)THREADS * TIMES; i++)
        assert_true(all[i - 1] < all[i]);
    free(workers);
    free(all);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_time_is_the_wall_clock_and_then_counts_up),
        cmocka_unit_test(a_wall_clock_that_is_set_back_is_ignored),
        cmocka_unit_test(a_wall_clock_that_is_set_forward_is_followed),
        cmocka_unit_test(a_wall_clock_behind_the_monotonic_one_is_no_negative_time),
        cmocka_unit_test(times_go_on_above_the_start_and_what_was_observed),
        cmocka_unit_test(a_used_up_logical_counter_carries_into_the_milliseconds),
        cmocka_unit_test(the_present_does_not_go_back_for_an_older_instant),
        cmocka_unit_test(threads_never_get_the_same_time_and_never_see_it_go_back),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
