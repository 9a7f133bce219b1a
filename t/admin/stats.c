/* Statistics: sums over the loops, the baseline of a reset, and formats. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "admin/stats.h"
#include "base/check.h"
#include "base/decimal.h"
#include "storage/deaf.h"

#include <stdlib.h>
#include <string.h>

enum { LOOPS = 2, LINES_MAX = 256 };

struct fixture {
    struct store *store;
    struct node_shared *shared;
    struct node nodes[LOOPS];
    struct session_settings settings;
    struct session_host host;
    struct frontend frontends[LOOPS];
    const struct frontend *frontend_list[LOOPS];
    const struct node *node_list[LOOPS];
    struct admin_process process;
    struct admin_baseline baseline;
    struct admin_source source;
    char names[LINES_MAX][64], values[LINES_MAX][128];
    unsigned lines;
};

static void report(void *host, const char *text)
{
    (void)host;
    fail_msg("%s", text);
}

static int setup(void **state)
{
    struct fixture *f = calloc(1, sizeof(*f));
    CHECK_MEMORY(f);
    struct store_limits limits = store_limits_default();
    struct store_ports ports = {.locks = &lock_none,
                                .wake_loop = deaf_wake_loop,
                                .wake_storage = deaf_wake,
                                .wake_sync = deaf_wake,
                                .report = report};
    struct store_recovery found;
    assert_int_equal(store_open(&f->store, &limits, &ports, LOOPS, &found), STORE_OPEN_OK);
    struct node_settings settings = {.name = "n",
                                     .incarnation = 1,
                                     .partition_count = 16,
                                     .value_max = 1000,
                                     .object_max = 10000,
                                     .tokens_max = 16,
                                     .loops = LOOPS};
    bucket_table_init(&settings.buckets);
    struct bucket carts = bucket_default("carts");
    carts.prefix_len = 3;
    memcpy(carts.prefix, "c\r:", 3);
    carts.stale_cas = STALE_CAS_SIBLING;
    assert_null(bucket_table_put(&settings.buckets, &carts));
    f->shared = node_shared_new(&settings, f->store, &lock_none, 0);
    assert_non_null(f->shared);
    bucket_table_close(&settings.buckets);
    for (unsigned i = 0; i < LOOPS; i++) {
        node_init(&f->nodes[i], f->shared, store_loop_of(f->store, i), NULL);
        frontend_init(&f->frontends[i], &f->nodes[i], &f->settings, &f->host);
        f->frontend_list[i] = &f->frontends[i];
        f->node_list[i] = &f->nodes[i];
    }
    f->process = (struct admin_process){.pid = 7,
                                        .version = "v",
                                        .libevent_version = "e",
                                        .node = "n",
                                        .rusage_user_us = 1002003,
                                        .memory_limit_bytes = 64};
    f->source = (struct admin_source){.process = &f->process,
                                      .frontends = f->frontend_list,
                                      .nodes = f->node_list,
                                      .frontend_count = LOOPS,
                                      .node_count = LOOPS,
                                      .shared = f->shared,
                                      .store = f->store};
    *state = f;
    return 0;
}

static int teardown(void **state)
{
    struct fixture *f = *state;
    for (unsigned i = 0; i < LOOPS; i++) {
        frontend_close(&f->frontends[i]);
        node_close(&f->nodes[i]);
    }
    store_close(f->store, 0);
    node_shared_free(f->shared);
    free(f);
    return 0;
}

static void collect(void *context, struct bytes name, struct bytes value)
{
    struct fixture *f = context;
    assert_true(f->lines < LINES_MAX && name.len < 64 && value.len < 128);
    for (size_t i = 0; i < name.len; i++)
        assert_true(name.at[i] > ' '); /* a name is one word */
    for (size_t i = 0; i < value.len; i++)
        assert_true(value.at[i] >= ' ');
    memcpy(f->names[f->lines], name.at, name.len);
    f->names[f->lines][name.len] = '\0';
    memcpy(f->values[f->lines], value.at, value.len);
    f->values[f->lines++][value.len] = '\0';
}

static const char *value_of(struct fixture *f, const char *name)
{
    const char *found = NULL;
    for (unsigned i = 0; i < f->lines; i++) {
        if (strcmp(f->names[i], name) != 0)
            continue;
        assert_null(found); /* no name twice */
        found = f->values[i];
    }
    if (found == NULL)
        fail_msg("no line %s", name);
    return found;
}

static void general(struct fixture *f)
{
    f->lines = 0;
    admin_stats_general(&f->source, collect, f);
}

static void counters_of_all_loops_are_added(void **state)
{
    struct fixture *f = *state;
    atomic_store(&f->frontends[0].counters.cmd_get, 3);
    atomic_store(&f->frontends[1].counters.cmd_get, 4);
    atomic_store(&f->frontends[1].counters.touch_misses, 5);
    atomic_store(&f->frontends[0].counters.conn_yields, 6);
    general(f);
    assert_string_equal(value_of(f, "cmd_get"), "7");
    assert_string_equal(value_of(f, "touch_misses"), "5");
    assert_string_equal(value_of(f, "conn_yields"), "6");
    assert_string_equal(value_of(f, "cmd_set"), "0");
    assert_string_equal(value_of(f, "pid"), "7");
    assert_string_equal(value_of(f, "rusage_user"), "1.002003");
    assert_string_equal(value_of(f, "limit_maxbytes"), "64");
}

static void each_counter_has_its_own_line(void **state)
{
    struct fixture *f = *state;
    _Atomic uint64_t *counters = (void *)&f->frontends[0].counters;
    size_t count = sizeof(struct session_counters) / sizeof(uint64_t);
    for (size_t i = 0; i < count; i++)
        atomic_store(&counters[i], 1000 + i);
    general(f);
    for (size_t i = 0; i < count; i++) {
        unsigned found = 0;
        for (unsigned line = 0; line < f->lines; line++) {
            uint64_t value;
            found += decimal_read(bytes_of_text(f->values[line]), &value) && value == 1000 + i;
        }
        if (found != 1)
            fail_msg("counter %zu is on %u lines", i, found);
    }
}

static void names_that_exporters_need_are_all_there(void **state)
{
    struct fixture *f = *state;
    static const char *const NAMES[] = {
        "uptime",
        "time",
        "version",
        "curr_connections",
        "total_connections",
        "cmd_get",
        "cmd_set",
        "cmd_flush",
        "cmd_touch",
        "get_hits",
        "get_misses",
        "get_expired",
        "get_flushed",
        "delete_hits",
        "incr_hits",
        "cas_badval",
        "auth_errors",
        "bytes_read",
        "bytes_written",
        "accepting_conns",
        "threads",
        "bytes",
        "curr_items",
        "total_items",
        "evictions",
        "reclaimed",
        "hash_bytes",
        "slabs_moved",
        "listen_disabled_num",
        "malloc_fails",
        "lru_crawler_starts",
        "direct_reclaims",
    };
    general(f);
    for (size_t i = 0; i < sizeof(NAMES) / sizeof(NAMES[0]); i++)
        (void)value_of(f, NAMES[i]);
}

static void after_a_reset_only_what_came_since_is_counted(void **state)
{
    struct fixture *f = *state;
    atomic_store(&f->frontends[0].counters.cmd_get, 10);
    f->process.bytes_read = 100;
    f->process.curr_connections = 5;
    admin_take_baseline(&f->source, &f->baseline);
    f->source.baseline = &f->baseline;
    atomic_store(&f->frontends[0].counters.cmd_get, 12);
    atomic_store(&f->frontends[1].counters.cmd_get, 1);
    f->process.bytes_read = 130;
    general(f);
    assert_string_equal(value_of(f, "cmd_get"), "3");
    assert_string_equal(value_of(f, "bytes_read"), "30");
    assert_string_equal(value_of(f, "curr_connections"), "5"); /* a state, not a count */
    admin_take_baseline(&f->source, &f->baseline);             /* a second reset counts from zero as well */
    general(f);
    assert_string_equal(value_of(f, "cmd_get"), "0");
}

static void latency_quantiles_come_from_all_loops_in_microseconds(void **state)
{
    struct fixture *f = *state;
    for (unsigned i = 0; i < 99; i++)
        histogram_record(&f->frontends[i % 2].latency[LATENCY_GET], 1000);
    histogram_record(&f->frontends[1].latency[LATENCY_GET], 5000000);
    f->lines = 0;
    admin_stats_latency(&f->source, collect, f);
    assert_string_equal(value_of(f, "get_count"), "100");
    assert_string_equal(value_of(f, "set_count"), "0");
    double p50 = strtod(value_of(f, "get_p50_us"), NULL), max = strtod(value_of(f, "get_max_us"), NULL);
    assert_true(p50 >= 1.0 && p50 <= 1.1); /* the histogram is exact to 1/16 */
    assert_true(max >= 5000.0 && max <= 5000.0 * 17 / 16);
    assert_true(strtod(value_of(f, "get_p99.9_us"), NULL) >= 5000.0 * 15 / 16);
}

static void the_versions_that_reads_saw_are_shown_with_their_share(void **state)
{
    struct fixture *f = *state;
    atomic_store(&f->nodes[0].coordinator.counters.reads_by_versions[1], 2);
    atomic_store(&f->nodes[1].coordinator.counters.reads_by_versions[1], 1);
    atomic_store(&f->nodes[1].coordinator.counters.reads_by_versions[2], 1);
    atomic_store(&f->nodes[1].coordinator.counters.siblings_made, 9);
    f->lines = 0;
    admin_stats_versions(&f->source, collect, f);
    assert_string_equal(value_of(f, "reads"), "4");
    assert_string_equal(value_of(f, "reads_of_1"), "3");
    assert_string_equal(value_of(f, "reads_of_1_percent"), "75.00000");
    assert_string_equal(value_of(f, "reads_of_2_percent"), "25.00000");
    assert_string_equal(value_of(f, "reads_of_7_or_more"), "0");
    assert_string_equal(value_of(f, "siblings_made"), "9");
}

static void buckets_are_shown_with_printable_prefixes(void **state)
{
    struct fixture *f = *state;
    f->lines = 0;
    f->source.view = node_loop_view(&f->nodes[0]);
    admin_stats_buckets(&f->source, collect, f);
    assert_string_equal(value_of(f, "default:reconcile"), "siblings");
    assert_string_equal(value_of(f, "default:prefix"), "");
    assert_string_equal(value_of(f, "carts:prefix"), "c?:");
    assert_string_equal(value_of(f, "carts:stale-cas"), "sibling");
    assert_string_equal(value_of(f, "carts:max-siblings"), "100");
    /* What is wanted, and what a ring of one leaves of it. */
    assert_string_equal(value_of(f, "carts:w"), "2");
    assert_string_equal(value_of(f, "carts:effective-w"), "1");
    assert_string_equal(value_of(f, "carts:effective-r"), "1");
}

static void the_ring_is_shown_with_this_nodes_share_and_all_loops_messages(void **state)
{
    struct fixture *f = *state;
    atomic_store(&f->nodes[0].counters.forwarded, 2);
    atomic_store(&f->nodes[1].counters.forwarded, 3);
    atomic_store(&f->nodes[1].counters.served_writes, 4);
    atomic_store(&f->nodes[0].counters.links, 2);
    atomic_store(&f->nodes[1].counters.links, 2);
    atomic_store(&f->nodes[0].coordinator.counters.hedges, 5);
    atomic_store(&f->nodes[1].coordinator.counters.repairs_before, 6);
    f->lines = 0;
    f->source.view = node_loop_view(&f->nodes[0]);
    admin_stats_ring(&f->source, collect, f);
    assert_string_equal(value_of(f, "members"), "1");
    assert_string_equal(value_of(f, "copies"), "1");
    assert_string_equal(value_of(f, "partitions"), "16");
    assert_string_equal(value_of(f, "node"), "n");
    assert_string_equal(value_of(f, "owned_partitions"), "16");
    assert_string_equal(value_of(f, "ownership_percent"), "100.00");
    assert_string_equal(value_of(f, "coordinates_percent"), "100.00");
    assert_string_equal(value_of(f, "links"), "4");
    assert_string_equal(value_of(f, "forwards"), "5");
    assert_string_equal(value_of(f, "served_writes"), "4");
    assert_string_equal(value_of(f, "hedges"), "5");
    assert_string_equal(value_of(f, "repairs_before_reply"), "6");
    assert_string_equal(value_of(f, "timeouts"), "0");
    assert_int_equal(strlen(value_of(f, "fingerprint")), 16);
    f->process.node = "somebody else"; /* not in the table yet */
    f->lines = 0;
    f->source.view = node_loop_view(&f->nodes[0]);
    admin_stats_ring(&f->source, collect, f);
    assert_string_equal(value_of(f, "owned_partitions"), "0");
}

/* Both are nothing but counters: each has a line of its own in some group. */
static void each_message_counter_has_its_own_line(void **state)
{
    struct fixture *f = *state;
    _Atomic uint64_t *node = (void *)&f->nodes[0].counters;
    size_t count = sizeof(struct node_counters) / sizeof(uint64_t);
    for (size_t i = 0; i < count; i++)
        atomic_store(&node[i], 1000 + i);
    f->lines = 0;
    f->source.view = node_loop_view(&f->nodes[0]);
    admin_stats_ring(&f->source, collect, f);
    for (size_t i = 0; i < count; i++) {
        unsigned found = 0;
        for (unsigned line = 0; line < f->lines; line++) {
            uint64_t value;
            found += decimal_read(bytes_of_text(f->values[line]), &value) && value == 1000 + i;
        }
        if (found != 1)
            fail_msg("counter %zu is on %u lines", i, found);
    }
}

static void a_volatile_store_shows_no_log_and_an_empty_one_no_items(void **state)
{
    struct fixture *f = *state;
    f->lines = 0;
    admin_stats_storage(&f->source, collect, f);
    assert_string_equal(value_of(f, "engine"), "memory");
    for (unsigned i = 0; i < f->lines; i++)
        assert_null(strstr(f->names[i], "log_"));
    f->lines = 0;
    admin_stats_items(&f->source, collect, f);
    assert_int_equal(f->lines, 0);
    admin_stats_slabs(&f->source, collect, f);
    assert_string_equal(value_of(f, "active_slabs"), "0");
    admin_stats_sizes(collect, f);
    assert_string_equal(value_of(f, "sizes_status"), "disabled");
}

#define CLAIM(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        CLAIM(counters_of_all_loops_are_added),
        CLAIM(each_counter_has_its_own_line),
        CLAIM(names_that_exporters_need_are_all_there),
        CLAIM(after_a_reset_only_what_came_since_is_counted),
        CLAIM(latency_quantiles_come_from_all_loops_in_microseconds),
        CLAIM(the_versions_that_reads_saw_are_shown_with_their_share),
        CLAIM(buckets_are_shown_with_printable_prefixes),
        CLAIM(the_ring_is_shown_with_this_nodes_share_and_all_loops_messages),
        CLAIM(each_message_counter_has_its_own_line),
        CLAIM(a_volatile_store_shows_no_log_and_an_empty_one_no_items),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
