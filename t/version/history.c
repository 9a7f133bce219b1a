/* Histories against the oracle of history.h: a version is live exactly where nobody is known to have
 * overwritten it, whatever order merges come in. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "history.h"
#include "wrong_merges.h"

enum { RUNS = 2000, CONTROL_RUNS = 10000, STEPS = 120 };

static const char *run(uint64_t seed, struct plan plan)
{
    struct history history;
    history_open(&history, seed, plan);
    history_run(&history, STEPS);
    history_close(&history);
    return history.broken;
}

static void assert_holds(struct plan plan)
{
    for (uint64_t seed = 1; seed <= RUNS; seed++) {
        const char *claim = run(seed, plan);
        if (claim != NULL)
            fail_msg("seed %llu: %s", (unsigned long long)seed, claim);
    }
}

/* A negative control: some run must break one of the claims. */
static void assert_noticed(struct plan plan)
{
    uint64_t seed = 1;
    while (seed <= CONTROL_RUNS && run(seed, plan) == NULL)
        seed++;
    assert_true(seed <= CONTROL_RUNS);
}

static void live_is_what_nobody_overwrote(void **state)
{
    (void)state;
    assert_holds((struct plan){.merge = object_merge});
}

static void the_newest_write_lives_in_a_last_write_wins_bucket(void **state)
{
    (void)state;
    assert_holds((struct plan){.merge = object_merge, .newest_only = true});
}

static void the_dead_stay_dead_when_records_are_freed_and_contexts_pruned(void **state)
{
    (void)state;
    assert_holds((struct plan){.merge = object_merge, .with_horizons = true});
}

static void last_write_wins_holds_with_horizons(void **state)
{
    (void)state;
    assert_holds((struct plan){.merge = object_merge, .with_horizons = true, .newest_only = true});
}

static void a_retried_request_is_carried_out_once_wherever_its_attempts_end_up(void **state)
{
    (void)state;
    assert_holds((struct plan){.merge = object_merge, .with_requests = true});
    assert_holds((struct plan){.merge = object_merge, .with_requests = true, .newest_only = true});
    assert_holds((struct plan){.merge = object_merge, .with_requests = true, .with_horizons = true});
    assert_holds(
        (struct plan){.merge = object_merge, .with_requests = true, .with_horizons = true, .newest_only = true});
}

static void an_attempt_that_comes_back_is_noticed(void **state)
{
    (void)state;
    assert_noticed((struct plan){.merge = merge_without_names, .with_requests = true});
    assert_noticed((struct plan){.merge = merge_without_names, .with_requests = true, .newest_only = true});
    assert_noticed((struct plan){.merge = object_merge, .with_requests = true, .bare_attempts = true});
}

/* An attempt may be carried out late, drive out what came after its request began, and be found overtaken afterwards.
 */
static void what_an_overtaken_attempt_has_driven_out_comes_back(void **state)
{
    (void)state;
    assert_noticed(
        (struct plan){.merge = object_merge, .with_requests = true, .newest_only = true, .drives_out = true});
}

static void every_wrong_merge_is_noticed(void **state)
{
    (void)state;
    assert_noticed((struct plan){.merge = merge_without_contexts});
    assert_noticed((struct plan){.merge = merge_with_both_copies});
    assert_noticed((struct plan){.merge = merge_with_left_copy});
    assert_noticed((struct plan){.merge = merge_with_later_bytes});
    assert_noticed((struct plan){.merge = merge_that_drops_common});
    assert_noticed((struct plan){.merge = merge_with_clock});
    assert_noticed((struct plan){.merge = merge_without_horizon, .with_horizons = true});
    assert_noticed((struct plan){.merge = merge_with_deadly_horizon, .with_horizons = true});
}

static void a_dropped_pair_that_is_gone_on_with_is_noticed(void **state)
{
    (void)state;
    assert_noticed((struct plan){.merge = object_merge, .forgets_floor = true});
    assert_noticed((struct plan){.merge = object_merge, .forgets_floor = true, .with_horizons = true});
}

static void a_context_that_comes_without_its_horizon_is_noticed(void **state)
{
    (void)state;
    assert_noticed((struct plan){.merge = object_merge, .with_horizons = true, .bare_contexts = true});
}

static void a_horizon_ahead_of_the_exchange_is_noticed(void **state)
{
    (void)state;
    assert_noticed((struct plan){.merge = object_merge, .with_horizons = true, .horizon_early = true});
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(live_is_what_nobody_overwrote),
        cmocka_unit_test(the_newest_write_lives_in_a_last_write_wins_bucket),
        cmocka_unit_test(the_dead_stay_dead_when_records_are_freed_and_contexts_pruned),
        cmocka_unit_test(last_write_wins_holds_with_horizons),
        cmocka_unit_test(a_retried_request_is_carried_out_once_wherever_its_attempts_end_up),
        cmocka_unit_test(an_attempt_that_comes_back_is_noticed),
        cmocka_unit_test(what_an_overtaken_attempt_has_driven_out_comes_back),
        cmocka_unit_test(every_wrong_merge_is_noticed),
        cmocka_unit_test(a_dropped_pair_that_is_gone_on_with_is_noticed),
        cmocka_unit_test(a_context_that_comes_without_its_horizon_is_noticed),
        cmocka_unit_test(a_horizon_ahead_of_the_exchange_is_noticed),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
