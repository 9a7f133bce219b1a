#include "server/host.h"

#include "server/clock.h"
#include "server/connection.h"
#include "server/version.h"

#include <event2/event.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <time.h>
#include <unistd.h>

static uint64_t microseconds(struct timeval time)
{
    return (uint64_t)time.tv_sec * 1000000 + (uint64_t)time.tv_usec;
}

static struct admin_process process_facts(struct shell *shell)
{
    struct rusage usage;
    struct acceptor *acceptor = &shell->acceptor;
    getrusage(RUSAGE_SELF, &usage);
    struct admin_process facts = {
        .pid = (uint32_t)getpid(),
        .pointer_size = 8 * sizeof(void *),
        .threads = shell->loop_count,
        .uptime_s = (clock_now().mono_ns / 1000000 - shell->started_ms) / 1000,
        .time_s = (uint64_t)time(NULL),
        .version = SERVER_PROTOCOL_VERSION,
        .libevent_version = event_get_version(),
        .node = shell->dir.node,
        .rusage_user_us = microseconds(usage.ru_utime),
        .rusage_system_us = microseconds(usage.ru_stime),
        .major_faults = (uint64_t)usage.ru_majflt,
        .max_connections = shell->connections_max,
        .curr_connections = atomic_load(&acceptor->current),
        .total_connections = atomic_load(&acceptor->total),
        .rejected_connections = atomic_load(&acceptor->rejected),
        .connection_structures = atomic_load(&acceptor->current),
        .listen_disabled_num = atomic_load(&acceptor->disabled),
        .accepting_conns = atomic_load(&acceptor->accepting),
        .memory_limit_bytes = shell->config->memory_mb << 20,
        .item_size_max = shell->config->value_max,
        .has_idle_timeout = shell->config->idle_timeout_s != 0,
    };
    for (unsigned i = 0; i < shell->loop_count; i++) {
        struct loop_traffic *counters = &shell->loops[i].counters;
        facts.bytes_read += atomic_load_explicit(&counters->bytes_read, memory_order_relaxed);
        facts.bytes_written += atomic_load_explicit(&counters->bytes_written, memory_order_relaxed);
        facts.idle_kicks += atomic_load_explicit(&counters->idle_kicks, memory_order_relaxed);
    }
    return facts;
}

static struct admin_source source_of(struct shell *shell, const struct admin_process *facts)
{
    return (struct admin_source){.process = facts,
                                 .frontends = shell->frontends,
                                 .nodes = shell->nodes,
                                 .frontend_count = shell->loop_count,
                                 .node_count = shell->loop_count + 2,
                                 .shared = shell->shared,
                                 .store = shell->store,
                                 .baseline = shell->baseline};
}

static bool is_group(struct bytes group, const char *name)
{
    return bytes_equal(group, bytes_of_text(name));
}

/* What the main thread knows. */
static bool emit_repair(struct shell *shell, const struct admin_source *source, struct bytes group, admin_emit *emit,
                        void *context)
{
    bool known = true;
    const struct admin_repair *repair = repair_copy_borrow(&shell->repair);
    if (is_group(group, "hints"))
        admin_stats_hints(repair, source->view, emit, context);
    else if (is_group(group, "antientropy"))
        admin_stats_antientropy(repair, source->view, emit, context);
    else if (is_group(group, "horizon"))
        admin_stats_horizon(repair, emit, context);
    else
        known = false;
    repair_copy_return(&shell->repair);
    return known;
}

static bool emit_group(struct shell *shell, const struct admin_source *source, struct bytes group, admin_emit *emit,
                       void *context)
{
    if (group.len == 0)
        admin_stats_general(source, emit, context);
    else if (is_group(group, "settings"))
        settings_stats(shell, emit, context);
    else if (is_group(group, "items"))
        admin_stats_items(source, emit, context);
    else if (is_group(group, "slabs"))
        admin_stats_slabs(source, emit, context);
    else if (is_group(group, "sizes"))
        admin_stats_sizes(emit, context);
    else if (is_group(group, "conns"))
        connection_stats(shell, emit, context);
    else if (is_group(group, "latency"))
        admin_stats_latency(source, emit, context);
    else if (is_group(group, "versions"))
        admin_stats_versions(source, emit, context);
    else if (is_group(group, "storage"))
        admin_stats_storage(source, emit, context);
    else if (is_group(group, "ring"))
        admin_stats_ring(source, emit, context);
    else if (is_group(group, "buckets"))
        admin_stats_buckets(source, emit, context);
    else if (!emit_repair(shell, source, group, emit, context))
        return false;
    return true;
}

static bool stats(void *host, struct session *session, struct bytes group, admin_emit *emit, void *context)
{
    struct shell *shell = host;
    struct loop *loop = ((struct connection *)session->connection)->loop;
    struct admin_process facts = process_facts(shell);
    struct admin_source source = source_of(shell, &facts);
    source.view = node_loop_view(&loop->node); /* the main thread may publish another one meanwhile */
    pthread_mutex_lock(&shell->baseline_lock);
    bool known = emit_group(shell, &source, group, emit, context);
    pthread_mutex_unlock(&shell->baseline_lock);
    return known;
}

static void stats_reset(void *host)
{
    struct shell *shell = host;
    struct admin_process facts = process_facts(shell);
    struct admin_source source = source_of(shell, &facts);
    pthread_mutex_lock(&shell->baseline_lock);
    admin_take_baseline(&source, shell->baseline);
    pthread_mutex_unlock(&shell->baseline_lock);
    for (unsigned i = 0; i < shell->loop_count; i++) {
        for (int kind = 0; kind < LATENCY_KINDS; kind++)
            histogram_reset(&shell->loops[i].frontend.latency[kind]);
    }
}

static bool verify(void *host, struct bytes user, struct bytes password)
{
    return auth_verify(&((struct shell *)host)->auth, user, password);
}

/* The main thread does it, as for a signal from outside. */
static void shut_down(void *host, bool graceful)
{
    (void)host;
    kill(getpid(), graceful ? SIGUSR1 : SIGINT);
}

static void set_verbosity(void *host, uint32_t level)
{
    logger_set_verbosity(((struct shell *)host)->log, level);
}

/* The buffer's size is fixed at the start. */
static bool set_memory_limit(void *host, uint64_t megabytes)
{
    return megabytes == ((struct shell *)host)->config->memory_mb;
}

static void ready(void *host, struct session *session)
{
    (void)host;
    connection_ready(session->connection);
}

static bool cluster(void *host, struct session *session, uint64_t *version, struct bytes *members)
{
    (void)host;
    struct loop *loop = ((struct connection *)session->connection)->loop;
    const struct ring_view *view = node_loop_view(&loop->node);
    free(loop->cluster_text);
    loop->cluster_text = cluster_list_members(view);
    *version = view->epoch;
    *members = bytes_of_text(loop->cluster_text);
    return members->len != 0;
}

void host_init(struct shell *shell)
{
    shell->host = (struct session_host){.stats = stats,
                                        .stats_reset = stats_reset,
                                        .verify = verify,
                                        .shutdown = shut_down,
                                        .set_verbosity = set_verbosity,
                                        .set_memory_limit = set_memory_limit,
                                        .ready = ready,
                                        .cluster = cluster,
                                        .host = shell};
}
