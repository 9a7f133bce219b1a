/* `ringsim balance`: the three strategies measured as in the paper's Fig. 8. */
#include "simulator/balance.h"
#include "base/seeded.h"

#include <stdbool.h>
#include <string.h>

static struct balance_options options_of(uint32_t strategy, uint32_t tokens)
{
    return (struct balance_options){
        .strategy = strategy, .nodes = 30, .copies = 3, .partitions = 1024, .tokens = tokens, .seeds = 10};
}

static struct balance_result measured(struct balance_options options)
{
    struct balance_result result;
    assert_null(balance_measure(&options, &result));
    assert_true(result.p5_violations == 0);
    assert_true(result.efficiency_min <= result.efficiency + 1e-9 && result.efficiency <= 1 + 1e-9);
    return result;
}

static bool near(double a, double b)
{
    return a > b - 1e-9 && a < b + 1e-9;
}

/* 102.4 of at most 103 for each, in every ring; a join moves the newcomer's 99.1 of 3072, a leave 102.4. */
static void claims_leave_nothing_but_rounding(void **state)
{
    (void)state;
    struct balance_result result = measured(options_of(3, 64));
    assert_true(near(result.efficiency, 102.4 / 103) && near(result.efficiency_min, 102.4 / 103));
    assert_true(near(result.join_ideal, 1.0 / 31) && near(result.leave_ideal, 1.0 / 30));
    assert_true(result.join_moved >= 99.0 / 3072 - 1e-9 && result.join_moved <= 1.25 * result.join_ideal);
    assert_true(result.leave_moved >= 102.0 / 3072 - 1e-9 && result.leave_moved <= 1.25 * result.leave_ideal);
    /* One byte for each copy, and at least a name and two addresses for each member. */
    assert_true(result.metadata_bytes > 3072 + 30 * 30 && result.metadata_bytes < 3072 + 30 * 100);
}

/* One random arc each is far from even: the largest of 30 is about ln 30 = 3.4 times the mean, less for three arcs in a
 * row. 64 of them deviate by 1/8 each, and the worst of 30 nodes by about twice that. */
static void random_tokens_are_uneven_and_more_of_them_less_so(void **state)
{
    (void)state;
    for (uint32_t strategy = 1; strategy <= 2; strategy++) {
        struct balance_result few = measured(options_of(strategy, 1)), many = measured(options_of(strategy, 64));
        assert_true(few.efficiency > 0.2 && few.efficiency < 0.65);
        assert_true(many.efficiency > 0.75 && many.efficiency < 0.95);
        assert_true(many.efficiency_min < many.efficiency); /* the rings differ */
    }
}

static void with_no_more_nodes_than_copies_a_leave_moves_nothing(void **state)
{
    (void)state;
    struct balance_options options = options_of(3, 64);
    options.nodes = 3;
    struct balance_result result = measured(options);
    assert_true(near(result.efficiency, 1) && near(result.leave_moved, 0) && near(result.leave_ideal, 0));
    assert_true(near(result.join_moved, 0.25));
}

static void impossible_options_are_refused_with_a_reason(void **state)
{
    (void)state;
    struct balance_result result;
    struct balance_options options = options_of(3, 64);
    assert_null(balance_measure(&options, &result));
    struct {
        uint32_t *option, value;
    } bad[] = {{&options.strategy, 0}, {&options.strategy, 4},    {&options.nodes, 1},      {&options.nodes, 1024},
               {&options.copies, 0},   {&options.copies, 257},    {&options.partitions, 0}, {&options.partitions, 1000},
               {&options.tokens, 0},   {&options.tokens, 65537U}, {&options.seeds, 0}};
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        uint32_t good = *bad[i].option;
        *bad[i].option = bad[i].value;
        assert_non_null(balance_measure(&options, &result));
        *bad[i].option = good;
    }
}

static void the_text_has_all_figures(void **state)
{
    (void)state;
    struct balance_result result = {.options = {2, 30, 3, 1024, 64, 5},
                                    .efficiency = 0.75,
                                    .efficiency_min = 0.5,
                                    .metadata_bytes = 4444,
                                    .join_moved = 0.05,
                                    .join_ideal = 0.04,
                                    .leave_moved = 0.06,
                                    .leave_ideal = 0.03,
                                    .p5_violations = 7};
    char text[BALANCE_TEXT_MAX];
    int len = balance_print(&result, text, sizeof text);
    assert_true(len > 0 && (size_t)len == strlen(text) && text[len - 1] == '\n');
    static const char *const parts[] = {"strategy 2", "S=30",       "N=3",    "Q=1024", "T=64",   "5 seeds", "0.750",
                                        "0.500",      "4444 bytes", "5.00 %", "1.25 x", "6.00 %", "2.00 x",  "P5 7"};
    for (size_t i = 0; i < sizeof parts / sizeof *parts; i++)
        assert_non_null(strstr(text, parts[i]));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(claims_leave_nothing_but_rounding),
        cmocka_unit_test(random_tokens_are_uneven_and_more_of_them_less_so),
        cmocka_unit_test(with_no_more_nodes_than_copies_a_leave_moves_nothing),
        cmocka_unit_test(impossible_options_are_refused_with_a_reason),
        cmocka_unit_test(the_text_has_all_figures),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
