/* Timers on a wheel against a plain list of due times. */
#include "coordinator/wheel.h"

#include "base/prng.h"
#include "base/seeded.h"

enum { TIMERS = 200, MS = 1000000, TICK_NS = 1 << WHEEL_TICK_BITS };

static struct wheel wheel;

static void a_timer_is_due_within_a_tick_and_not_before(void **state)
{
    (void)state;
    struct timer timer = {0};
    const uint64_t now = 77 * (uint64_t)1000 * MS;
    wheel_init(&wheel);
    assert_true(wheel_wake_at(&wheel) == UINT64_MAX);
    wheel_set(&wheel, &timer, now, now + 5 * MS);
    assert_null(wheel_next_due(&wheel, now + 5 * MS - 1));
    assert_true(wheel_wake_at(&wheel) <= now + 5 * MS + TICK_NS);
    assert_true(wheel_wake_at(&wheel) > now + 5 * MS - TICK_NS);
    assert_ptr_equal(wheel_next_due(&wheel, now + 5 * MS + TICK_NS), &timer);
    assert_null(wheel_next_due(&wheel, now + 5 * MS + TICK_NS));
    assert_true(wheel_wake_at(&wheel) == UINT64_MAX);
}

static void a_cleared_timer_never_comes(void **state)
{
    (void)state;
    struct timer timer = {0};
    wheel_init(&wheel);
    wheel_set(&wheel, &timer, 0, 5 * MS);
    wheel_clear(&wheel, &timer);
    wheel_clear(&wheel, &timer);
    assert_null(wheel_next_due(&wheel, 100 * MS));
    assert_true(wheel_wake_at(&wheel) == UINT64_MAX);
}

static void a_timer_beyond_a_turn_of_the_wheel_waits_for_its_turn(void **state)
{
    (void)state;
    struct timer far = {0}, near = {0};
    wheel_init(&wheel);
    wheel_set(&wheel, &far, 0, 5000 * (uint64_t)MS);
    wheel_set(&wheel, &near, 0, 2 * MS);
    assert_ptr_equal(wheel_next_due(&wheel, 4 * MS), &near);
    for (uint64_t ms = 5; ms < 5000; ms += 7)
        assert_null(wheel_next_due(&wheel, ms * MS));
    assert_ptr_equal(wheel_next_due(&wheel, 5002 * (uint64_t)MS), &far);
}

/* Whoever sleeps until wheel_wake_at and then asks gets every timer within a tick of its time. */
static void whoever_wakes_when_told_misses_nothing(void **state)
{
    (void)state;
    const uint64_t seed = 5;
    struct prng prng;
    struct timer timers[TIMERS] = {0};
    uint64_t due[TIMERS] = {0}, now = 3 * (uint64_t)MS;
    unsigned fired = 0;
    prng_init(&prng, seed);
    wheel_init(&wheel);
    for (unsigned step = 0; step < 200000; step++) {
        unsigned i = (unsigned)prng_below(&prng, TIMERS);
        if (prng_below(&prng, 3) == 0) {
            wheel_clear(&wheel, &timers[i]);
            due[i] = 0;
        } else {
            due[i] = now + prng_below(&prng, prng_below(&prng, 4) == 0 ? 3000 * (uint64_t)MS : 20 * MS);
            wheel_set(&wheel, &timers[i], now, due[i]);
        }
        uint64_t wake_at = wheel_wake_at(&wheel), target = now + prng_below(&prng, 3 * MS);
        if (prng_below(&prng, 1000) == 0)
            target += prng_below(&prng, 2500 * (uint64_t)MS); /* the machine was busy with something else */
        now = wake_at > now && wake_at < target ? wake_at : target;
        struct timer *timer;
        while ((timer = wheel_next_due(&wheel, now)) != NULL) {
            unsigned at = (unsigned)(timer - timers);
            assert_seeded(due[at] != 0 && due[at] <= now, seed);
            due[at] = 0;
            fired++;
        }
        for (unsigned k = 0; k < TIMERS; k++)
            assert_seeded(due[k] == 0 || due[k] + TICK_NS > now, seed);
    }
    assert_true(fired > 50000);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_timer_is_due_within_a_tick_and_not_before),
        cmocka_unit_test(a_cleared_timer_never_comes),
        cmocka_unit_test(a_timer_beyond_a_turn_of_the_wheel_waits_for_its_turn),
        cmocka_unit_test(whoever_wakes_when_told_misses_nothing),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
