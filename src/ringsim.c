/* ringsim: runs the real node code in simulated worlds. The room simulator does the work; this file knows argv and
 * stdout. */
#include "simulator/balance.h"
#include "simulator/judge.h"
#include "simulator/run.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

enum { LAST_LINES = 60, EXIT_USAGE = 64 };

static const char USAGE[] =
    "usage: ringsim [--seed N | --seeds A..B] [--nodes S] [--ops K] [--trace] [--without FAULTS] [--break NAME] "
    "[--checks]\n"
    "       ringsim balance [--strategy 1|2|3] [--nodes S] [--n N] [--partitions Q] [--tokens T] [--seeds K]\n"
    "       ringsim --judge FILE [--checks]\n"
    "       ringsim --help\n"
    "\n"
    "Runs the node code of ringcached in a simulated world: network, disks and clocks are fakes, all chance comes "
    "from\n"
    "the seed, and the same seed gives the same run.\n"
    "\n"
    "  --seed N      one run                          --seeds A..B  one after another, until one fails\n"
    "  --nodes S     so many nodes (1 .. 64), else the seed draws 1 .. 12\n"
    "  --ops K       so many operations of clients, else the seed draws 100 .. 900\n"
    "  --trace       prints every event\n"
    "  --without F,G these faults never happen, whatever the seed draws: loss, kill, power ...\n"
    "  --break NAME  makes one thing go wrong that a check must catch: then it is a failure if no run is caught\n"
    "  --checks      says how often each check had something to judge\n"
    "\n"
    "ringsim --judge reads what clients of a real ring recorded (JSON, a line for each operation: docs/simulator.md)\n"
    "and applies the same checks to it. Exit status 1: one does not hold; 64: the file makes no sense.\n"
    "\n"
    "ringsim balance measures how evenly a strategy deals out partitions, and how much moves when a node joins or\n"
    "leaves: the mean of K rings of S nodes with N copies, Q partitions and T tokens of a node.\n";

struct arguments {
    uint64_t first, last;
    unsigned nodes, ops;
    bool trace, checks;
    uint32_t without;
    uint64_t chance; /* --break chance: something that no other process has */
    const struct control *control;
};

/* The last lines that concern a key, or all when there is none. */
struct recorder {
    int key;
    char lines[LAST_LINES][TRACE_LINE_MAX];
    unsigned count;
};

static void print_line(void *context, int key, const char *text)
{
    (void)context;
    (void)key;
    puts(text);
}

static void keep_line(void *context, int key, const char *text)
{
    struct recorder *recorder = context;
    bool is_of_another = key != recorder->key && (key != TRACE_NO_KEY || strstr(text, " -> ") != NULL);
    if (recorder->key != TRACE_NO_KEY && is_of_another)
        return;
    snprintf(recorder->lines[recorder->count++ % LAST_LINES], TRACE_LINE_MAX, "%s", text);
}

static void print_help(void)
{
    const struct check *check;
    const struct control *control;
    fputs(USAGE, stdout);
    puts("\nWhat is checked:");
    for (unsigned i = 0; (check = checks_number(i)) != NULL; i++)
        printf("  %-14s %s\n", check->name, check->claim);
    puts("\nWhat can be broken, and the check that must catch it:");
    for (unsigned i = 0; (control = tamper_number(i)) != NULL; i++)
        printf("  %-22s %s (%s)\n", control->name, control->what, control->check);
    puts("  chance                 the run depends on the time of day: no two runs of a seed are the same");
}

static bool read_number(const char *text, uint64_t max, uint64_t *number)
{
    char *end;
    *number = strtoull(text, &end, 10);
    return *text >= '0' && *text <= '9' && *end == '\0' && *number <= max;
}

static bool read_range(char *text, struct arguments *arguments)
{
    char *dots = strstr(text, "..");
    if (dots == NULL)
        return false;
    *dots = '\0';
    return read_number(text, UINT64_MAX, &arguments->first) && read_number(dots + 2, UINT64_MAX, &arguments->last)
           && arguments->first <= arguments->last;
}

/* Names of faults with commas between them. */
static bool read_faults(struct arguments *arguments, char *names)
{
    for (char *name = strtok(names, ","); name != NULL; name = strtok(NULL, ",")) {
        enum fault fault = plan_fault(name);
        if (fault == FAULTS)
            return false;
        arguments->without |= (uint32_t)1 << fault;
    }
    return true;
}

/* One option with its value; false: it is wrong. */
static bool read_option(struct arguments *arguments, const char *name, char *value)
{
    uint64_t number;
    if (strcmp(name, "--seed") == 0) {
        bool good = read_number(value, UINT64_MAX, &arguments->first);
        arguments->last = arguments->first;
        return good;
    }
    if (strcmp(name, "--seeds") == 0)
        return read_range(value, arguments);
    if (strcmp(name, "--break") == 0 && strcmp(value, "chance") == 0) {
        struct timespec now;
        arguments->chance = timespec_get(&now, TIME_UTC) == 0 ? 1 : (uint64_t)now.tv_nsec + (uint64_t)now.tv_sec;
        return true;
    }
    if (strcmp(name, "--break") == 0)
        return (arguments->control = tamper_find(value)) != NULL;
    if (strcmp(name, "--nodes") == 0 && read_number(value, PLAN_NODES_MAX, &number)) {
        arguments->nodes = (unsigned)number;
        return true;
    }
    if (strcmp(name, "--ops") == 0 && read_number(value, 100000000, &number)) {
        arguments->ops = (unsigned)number;
        return true;
    }
    if (strcmp(name, "--without") == 0)
        return read_faults(arguments, value);
    return false;
}

static bool read_arguments(struct arguments *arguments, int argc, char **argv)
{
    for (int i = 1; i < argc; i++) {
        if (strcmp(argv[i], "--trace") == 0) {
            arguments->trace = true;
        } else if (strcmp(argv[i], "--checks") == 0) {
            arguments->checks = true;
        } else if (i + 1 == argc || !read_option(arguments, argv[i], argv[i + 1])) {
            fprintf(stderr, "ringsim: %s%s%s is not understood\n\n%s", argv[i], i + 1 < argc ? " " : "",
                    i + 1 < argc ? argv[i + 1] : "", USAGE);
            return false;
        } else {
            i++;
        }
    }
    return true;
}

static struct run_options options_of(const struct arguments *arguments, uint64_t seed)
{
    return (struct run_options){.seed = seed,
                                .nodes = arguments->nodes,
                                .ops = arguments->ops,
                                .without = arguments->without,
                                .chance = arguments->chance,
                                .control = arguments->control};
}

/* Runs the seed again, which gives the same run, and shows what led to the failure. */
static void explain(const struct arguments *arguments, uint64_t seed, const struct run_result *result)
{
    struct recorder *recorder = calloc(1, sizeof *recorder);
    struct run_options options = options_of(arguments, seed);
    struct run_result again;
    if (recorder == NULL)
        return;
    recorder->key = result->key;
    options.line = keep_line;
    options.context = recorder;
    run_seed(&options, &again);
    printf("%s\nthe last events%s%s:\n", result->plan, result->key_text[0] != '\0' ? " of " : "", result->key_text);
    unsigned first = recorder->count > LAST_LINES ? recorder->count - LAST_LINES : 0;
    for (unsigned i = first; i < recorder->count; i++)
        puts(recorder->lines[i % LAST_LINES]);
    printf("seed %" PRIu64 " fails %s: %s\n", seed, result->check, result->text);
    if (again.trace_hash != result->trace_hash)
        puts("and the second run of it was another one: something depends on chance");
    free(recorder);
}

struct totals {
    uint64_t runs, over_budget, caught, events, frames, ops, judged[CHECKS_MAX];
};

static void add(struct totals *totals, const struct run_result *result)
{
    totals->runs++;
    totals->over_budget += result->exceeds_budget;
    totals->caught += !result->good;
    totals->events += result->events;
    totals->frames += result->frames;
    totals->ops += result->ops;
    for (unsigned i = 0; i < CHECKS_MAX; i++)
        totals->judged[i] += result->judged[i];
}

static void print_judged(const struct totals *totals)
{
    const struct check *check;
    for (unsigned i = 0; (check = checks_number(i)) != NULL; i++)
        printf("%12" PRIu64 " judged by %s\n", totals->judged[i], check->name);
}

static int run_all(const struct arguments *arguments)
{
    struct totals totals = {0};
    struct run_result result = {.good = true};
    for (uint64_t seed = arguments->first; result.good && seed - arguments->first <= arguments->last - arguments->first;
         seed++) {
        struct run_options options = options_of(arguments, seed);
        options.line = arguments->trace ? print_line : NULL;
        run_seed(&options, &result);
        add(&totals, &result);
        if (arguments->first == arguments->last)
            printf("%s\ntrace hash %016" PRIx64 ", %" PRIu64 " ms of virtual time\n", result.plan, result.trace_hash,
                   result.virtual_ms);
        if (!result.good && (arguments->control == NULL || arguments->first == arguments->last))
            explain(arguments, seed, &result);
        else if (!result.good)
            printf("seed %" PRIu64 ": %s caught it: %s\n", seed, result.check, result.text);
    }
    printf("%" PRIu64 " runs (%" PRIu64 " over the fault budget), %" PRIu64 " operations, %" PRIu64 " frames, %" PRIu64
           " events: %s\n",
           totals.runs, totals.over_budget, totals.ops, totals.frames, totals.events,
           arguments->control != NULL ? (totals.caught > 0 ? "caught" : "NOT CAUGHT")
                                      : (totals.caught > 0 ? "FAILED" : "all good"));
    if (arguments->checks)
        print_judged(&totals);
    return (arguments->control != NULL) == (totals.caught > 0) ? EXIT_SUCCESS : EXIT_FAILURE;
}

/* The figure that an option of `ringsim balance` sets, NULL: there is no such option. */
static uint32_t *balance_figure(struct balance_options *options, const char *name)
{
    const struct {
        const char *name;
        uint32_t *figure;
    } figures[] = {{"--strategy", &options->strategy}, {"--nodes", &options->nodes},
                   {"--n", &options->copies},          {"--partitions", &options->partitions},
                   {"--tokens", &options->tokens},     {"--seeds", &options->seeds}};
    for (size_t i = 0; i < sizeof figures / sizeof *figures; i++) {
        if (strcmp(figures[i].name, name) == 0)
            return figures[i].figure;
    }
    return NULL;
}

static int run_balance(int argc, char **argv)
{
    struct balance_options options = {
        .strategy = 3, .nodes = 30, .copies = 3, .partitions = 1024, .tokens = 64, .seeds = BALANCE_SEEDS_DEFAULT};
    struct balance_result result;
    char text[BALANCE_TEXT_MAX];
    for (int i = 2; i < argc; i += 2) {
        uint32_t *figure = balance_figure(&options, argv[i]);
        uint64_t number;
        if (figure == NULL || i + 1 == argc || !read_number(argv[i + 1], UINT32_MAX, &number)) {
            fprintf(stderr, "ringsim: %s is not understood\n\n%s", argv[i], USAGE);
            return EXIT_USAGE;
        }
        *figure = (uint32_t)number;
    }
    const char *fault = balance_measure(&options, &result);
    if (fault != NULL) {
        fprintf(stderr, "ringsim: %s\n", fault);
        return EXIT_USAGE;
    }
    (void)balance_print(&result, text, sizeof text);
    fputs(text, stdout);
    return EXIT_SUCCESS;
}

static void print_failure(void *context, const char *text)
{
    (void)context;
    puts(text);
}

/* false: a line makes no sense, and standard error says which. */
static bool read_history(struct judge *judge, FILE *file, const char *path)
{
    char error[JUDGE_ERROR_MAX], *line = NULL;
    size_t room = 0, number = 0;
    bool good = true;
    for (ssize_t len; good && (len = getline(&line, &room, file)) >= 0;) {
        number++;
        good = judge_line(judge, bytes_of(line, (size_t)len), error);
    }
    if (!good)
        fprintf(stderr, "ringsim: %s, line %zu: %s\n", path, number, error);
    else if (ferror(file))
        good = fprintf(stderr, "ringsim: cannot read %s\n", path) < 0;
    free(line);
    return good;
}

static void print_verdict(const struct judge_result *result, bool checks)
{
    const struct check *check;
    printf("%" PRIu64 " keys, %" PRIu64 " operations: ", result->keys, result->operations);
    if (result->failures == 0)
        puts("all good");
    else
        printf("%" PRIu64 " keys FAIL\n", result->failures);
    for (unsigned i = 0; checks && (check = judge_check(i)) != NULL; i++)
        printf("%12" PRIu64 " judged by %s\n", result->judged[i], check->name);
}

static int run_judge(int argc, char **argv)
{
    bool checks = argc == 4 && strcmp(argv[3], "--checks") == 0;
    if (argc != 3 && !checks) {
        fprintf(stderr, "ringsim: --judge FILE [--checks]\n\n%s", USAGE);
        return EXIT_USAGE;
    }
    FILE *file = fopen(argv[2], "r");
    if (file == NULL) {
        fprintf(stderr, "ringsim: cannot open %s\n", argv[2]);
        return EXIT_USAGE;
    }
    struct judge *judge = judge_new();
    struct judge_result result = {0};
    char error[JUDGE_ERROR_MAX];
    bool good = read_history(judge, file, argv[2]);
    fclose(file);
    if (good && !judge_decide(judge, print_failure, NULL, &result, error)) {
        fprintf(stderr, "ringsim: %s: %s\n", argv[2], error);
        good = false;
    }
    if (good)
        print_verdict(&result, checks);
    judge_free(judge);
    return !good ? EXIT_USAGE : result.failures == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}

int main(int argc, char **argv)
{
    struct arguments arguments = {.first = 1, .last = 1};
    if (argc > 1 && (strcmp(argv[1], "--help") == 0 || strcmp(argv[1], "-h") == 0)) {
        print_help();
        return EXIT_SUCCESS;
    }
    if (argc > 1 && strcmp(argv[1], "balance") == 0)
        return run_balance(argc, argv);
    if (argc > 1 && strcmp(argv[1], "--judge") == 0)
        return run_judge(argc, argv);
    return read_arguments(&arguments, argc, argv) ? run_all(&arguments) : EXIT_USAGE;
}
