#include "server/shell.h"

#include "base/check.h"
#include "frontend/limits.h"
#include "server/admin_ports.h"
#include "server/clock.h"
#include "server/cluster_links.h"
#include "server/host.h"
#include "server/locks.h"
#include "server/process.h"
#include "server/version.h"

#include <errno.h>
#include <inttypes.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/signalfd.h>
#include <unistd.h>

#define MAP_RESERVE_MAX ((uint64_t)1 << 30)

/* Who works with the store: the workers, the background loop, the main thread. */
#define STORE_LOOPS(shell) ((shell)->loop_count + 2)

/* The store's ports. */

static void wake_loop(void *host, unsigned number)
{
    struct shell *shell = host;
    if (number > shell->loop_count)
        cluster_wake(&shell->cluster);
    else if (number == shell->loop_count)
        keeper_wake_storage(&shell->keeper);
    else if (number < shell->loops_ready)
        loop_wake(&shell->loops[number]);
}

static void wake_storage(void *host)
{
    keeper_wake_storage(&((struct shell *)host)->keeper);
}

static void wake_sync(void *host)
{
    keeper_wake_sync(&((struct shell *)host)->keeper);
}

static void report(void *host, const char *text)
{
    logger_line(((struct shell *)host)->log, LEVEL_WARNING, "storage", "%s", text);
}

static void report_of_hints(void *host, const char *text)
{
    logger_line(((struct shell *)host)->log, LEVEL_WARNING, "hints", "the database of hints: %s", text);
}

static bool open_data(struct shell *shell)
{
    const struct config *config = shell->config;
    char host[256] = "localhost", name[RING_NAME_MAX + 1];
    gethostname(host, sizeof(host) - 1);
    snprintf(name, sizeof(name), "%.55s:%d", host, config->unix_socket != NULL ? 0 : (int)config->port);
    if (config->engine == STORE_IN_MEMORY) {
        snprintf(shell->dir.node, sizeof(shell->dir.node), "%s", config->node != NULL ? config->node : name);
        shell->dir.partitions = config->partitions != 0 ? (uint32_t)config->partitions : RING_PARTITIONS_DEFAULT;
        return true;
    }
    struct data_dir_wish wish = {
        .path = config->data, .node = config->node, .node_default = name, .partitions = (uint32_t)config->partitions};
    return data_dir_open(&shell->dir, &wish, shell->log) && data_dir_sync(&shell->dir, shell->log);
}

static struct store_limits limits_of(const struct config *config)
{
    struct store_limits limits = store_limits_default();
    limits.memory_bytes = config->memory_mb << 20;
    limits.dirty_bytes = config->dirty_bytes != 0 ? config->dirty_bytes : limits.memory_bytes / 2;
    if (config->log_bytes != 0)
        limits.log_bytes = config->log_bytes;
    if (config->log_segment_bytes != 0)
        limits.log_segment_bytes = config->log_segment_bytes;
    if (config->checkpoint_bytes != 0)
        limits.checkpoint_bytes = config->checkpoint_bytes;
    if (config->checkpoint_age_ms != 0)
        limits.checkpoint_age_ms = (uint32_t)config->checkpoint_age_ms;
    limits.evict = !config->evictions_disabled;
    return limits;
}

static void say_what_recovery_found(struct shell *shell, const char *what, const struct store_recovery *found)
{
    if (!found->clean)
        logger_line(shell->log, LEVEL_NOTICE, "recovery",
                    "%s: the last stop was not clean: replayed %" PRIu64 " records (%" PRIu64 " bytes) of the log, "
                    "%" PRIu64 " torn tails dropped (never acknowledged, unless power was lost or the disk is damaged)",
                    what, found->replayed_records, found->replayed_bytes, found->torn_records);
    else
        logger_line(shell->log, LEVEL_INFO, "recovery", "%s: the last stop was clean", what);
}

/* What both databases have in common. */
static struct database_options options_of(struct shell *shell, const char *directory)
{
    return (struct database_options){.directory = directory,
                                     .log_write = shell->config->log_write,
                                     .ports = {.locks = &lock_mutex,
                                               .wake_loop = wake_loop,
                                               .wake_storage = wake_storage,
                                               .wake_sync = wake_sync,
                                               .present = hybrid_of_ms(clock_now().wall_ms),
                                               .report = report,
                                               .host = shell},
                                     .loops = STORE_LOOPS(shell),
                                     .log = shell->log};
}

static uint64_t reserve_of(uint64_t map_bytes)
{
    return map_bytes / 8 < MAP_RESERVE_MAX ? map_bytes / 8 : MAP_RESERVE_MAX;
}

static bool open_store(struct shell *shell)
{
    const struct config *config = shell->config;
    struct database_options options = options_of(shell, shell->dir.path);
    options.map_bytes = config->map_bytes;
    options.reserve_bytes = config->map_reserve != 0 ? config->map_reserve : reserve_of(config->map_bytes);
    options.limits = limits_of(config);
    if (!database_open(&shell->data, &options))
        return false;
    shell->store = shell->data.store;
    if (shell->data.engine != NULL && !shell->dir.fresh)
        say_what_recovery_found(shell, "data", &shell->data.recovery);
    return true;
}

/* What this node keeps for others that are down. Who has no others keeps nothing for them. */
static bool open_hints(struct shell *shell)
{
    const struct config *config = shell->config;
    char path[4096];
    if (config->engine == STORE_IN_MEMORY || !config_has_peers(config))
        return true;
    if (!data_dir_make(&shell->dir, "hints", path, sizeof(path), shell->log))
        return false;
    struct database_options options = options_of(shell, path);
    options.map_bytes = config->hint_bytes;
    options.reserve_bytes = reserve_of(config->hint_bytes);
    options.limits = database_hint_limits();
    options.ports.report = report_of_hints;
    if (!database_open(&shell->hints, &options))
        return false;
    if (!shell->dir.fresh)
        say_what_recovery_found(shell, "hints", &shell->hints.recovery);
    return true;
}

/* A loop's side of the hints, NULL: there are none. */
static struct store_loop *hints_of(struct shell *shell, unsigned loop)
{
    return shell->hints.store != NULL ? store_loop_of(shell->hints.store, loop) : NULL;
}

static bool open_node(struct shell *shell)
{
    const struct config *config = shell->config;
    struct node_settings settings = {.name = shell->dir.node,
                                     .partition_count = shell->dir.partitions,
                                     .buckets = config->buckets,
                                     .grace_ms = config->grace_ms,
                                     .value_max = config->value_max,
                                     .object_max = config_object_max(config),
                                     .tokens_max = (uint32_t)config->tokens_max,
                                     .incarnation = shell->cluster.identity.incarnation,
                                     .coordinator = {.timeout_ms = (uint32_t)config->request_timeout_ms,
                                                     .sloppy = config->quorum == QUORUM_SLOPPY,
                                                     .read_all_share = (uint16_t)config->read_all_share,
                                                     .seed = shell->cluster.identity.incarnation},
                                     .loops = STORE_LOOPS(shell),
                                     .hint_store = shell->hints.store,
                                     .antientropy = {.interval_ms = (uint32_t)config->antientropy_interval_ms,
                                                     .bytes_per_second = config->antientropy_rate,
                                                     .seed = shell->cluster.identity.incarnation},
                                     .hear_of_epoch = cluster_hear_of_epoch,
                                     .host = &shell->cluster};
    shell->shared = node_shared_new(&settings, shell->store, &lock_mutex, shell->data.recovery.newest);
    if (shell->shared == NULL)
        logger_line(shell->log, LEVEL_ERROR, "start", "the ring's settings are impossible: node %s, %u partitions",
                    settings.name, settings.partition_count);
    return shell->shared != NULL;
}

static void fill_session_settings(struct shell *shell)
{
    const struct config *config = shell->config;
    shell->settings = (struct session_settings){
        .version = SERVER_PROTOCOL_VERSION,
        .value_max = config->value_max,
        .out_bytes_max = config->out_bytes_max,
        .requests_per_event = (uint32_t)config->requests_per_event,
        .reads_inflight_max = FRONTEND_READS_INFLIGHT_MAX,
        .dialects = config->dialects,
        .cas_disabled = config->cas_disabled,
        .flush_disabled = config->flush_disabled,
        .shutdown_enabled = config->shutdown_enabled,
        .detail_enabled = config->delimiter != NULL,
        .prefix_delimiter = config->delimiter != NULL ? config->delimiter[0] : ':',
        .text_auth = config->auth_file != NULL && !config->sasl,
        .sasl = config->sasl,
    };
}

static bool open_loops(struct shell *shell)
{
    shell->loops = calloc(shell->loop_count, sizeof(*shell->loops));
    shell->frontends = calloc(shell->loop_count, sizeof(*shell->frontends));
    shell->nodes = calloc(STORE_LOOPS(shell), sizeof(*shell->nodes));
    CHECK(shell->loops != NULL && shell->frontends != NULL && shell->nodes != NULL);
    fill_session_settings(shell);
    host_init(shell);
    shell->prefixes = prefix_stats_new(&lock_mutex, shell->settings.prefix_delimiter, shell->settings.detail_enabled);
    for (unsigned i = 0; i < shell->loop_count; i++) {
        struct loop_options options = {.shared = shell->shared,
                                       .store = store_loop_of(shell->store, i),
                                       .hint_store = hints_of(shell, i),
                                       .settings = &shell->settings,
                                       .host = &shell->host,
                                       .prefixes = shell->prefixes,
                                       .log = shell->log,
                                       .mesh = &shell->cluster.mesh_settings,
                                       .number = (uint16_t)i,
                                       .patience_ms = shell->config->request_timeout_ms + FINISH_BEYOND_TIMEOUT_MS,
                                       .idle_timeout_s = (uint32_t)shell->config->idle_timeout_s,
                                       .connection_closed = acceptor_on_closed,
                                       .closed_host = &shell->acceptor};
        if (!loop_init(&shell->loops[i], &options))
            return false;
        shell->loops_ready++;
        shell->frontends[i] = &shell->loops[i].frontend;
        shell->nodes[i] = &shell->loops[i].node;
    }
    node_load(&shell->loops[0].node, clock_now());
    return true;
}

/* Why acknowledged writes may be missing here; NULL: nothing says so. */
static const char *reason_for_doubt(const struct shell *shell)
{
    const struct last_run *last = &shell->last;
    const struct store_recovery *found = &shell->data.recovery;
    if (shell->dir.fresh) /* if its ring knows the node's name, membership says so */
        return NULL;
    if (last->is_copied)
        return "its files are a copy of those that it ran on last";
    if (found->clean)
        return NULL;
    if (found->damaged != 0)
        return "its log is damaged";
    if (!last->is_same_boot)
        return "the machine has stopped or lost power since it ran last";
    return cluster_has_buffered(&shell->cluster) ? "it was killed, and its buckets are not all kept on disk" : NULL;
}

/* What this node's copies are worth after what has happened since it ran last, and what it keeps for others. */
static bool judge_copies(struct shell *shell)
{
    const char *doubt = config_has_peers(shell->config) ? reason_for_doubt(shell) : NULL;
    if (!node_load_standing(shell->shared, doubt != NULL))
        doubt = "what it had noted of its copies is damaged or cannot be read";
    standing_set_confirmed(node_standing(shell->shared), !config_has_peers(shell->config)); /* membership goes on */
    if (doubt != NULL)
        logger_line(shell->log, LEVEL_NOTICE, "recovery",
                    "%s: writes may be missing here, so this node's answers do not count until its copies have been "
                    "compared with the others'",
                    doubt);
    if (shell->hints.store != NULL)
        hints_load(node_hints(shell->shared), hints_of(shell, shell->loop_count + 1));
    /* A process that comes after this one must not find the note before the doubt is kept. */
    node_keep_standing(shell->shared);
    bool is_kept = !standing_wants_keeping(node_standing(shell->shared));
    if (shell->data.engine == NULL || (is_kept && last_run_note(&shell->dir, shell->log)))
        return true;
    /* On a full disk an older note stays, and makes the next start doubt more than it would have to. */
    return shell->last.is_known;
}

static bool open_cluster(struct shell *shell)
{
    if (shell->data.engine != NULL && !last_run_read(&shell->last, &shell->dir, shell->log))
        return false;
    struct cluster_parts parts = {.shared = shell->shared,
                                  .store = shell->store,
                                  .keeper = &shell->keeper,
                                  .hint_store = hints_of(shell, shell->loop_count + 1),
                                  .has_run = shell->last.is_known,
                                  .is_copied = shell->last.is_copied,
                                  .loops = shell->loops,
                                  .loop_count = shell->loop_count};
    if (!cluster_open(&shell->cluster, &parts))
        return false;
    if (!judge_copies(shell))
        return false;
    shell->nodes[shell->loop_count + 1] = &shell->cluster.node;
    repair_copy_open(&shell->repair, shell->base, &shell->cluster.node);
    return true;
}

static bool start_threads(struct shell *shell)
{
    struct keeper_parts parts = {.store = shell->store,
                                 .hints = shell->hints.store,
                                 .shared = shell->shared,
                                 .loop = store_loop_of(shell->store, shell->loop_count),
                                 .hint_loop = hints_of(shell, shell->loop_count),
                                 .is_volatile = shell->data.engine == NULL,
                                 .grace_ms = shell->config->grace_ms};
    if (!keeper_start(&shell->keeper, &parts))
        return false;
    shell->nodes[shell->loop_count] = &shell->keeper.node;
    for (unsigned i = 0; i < shell->loop_count; i++) {
        if (!loop_start(&shell->loops[i], i))
            return false;
    }
    cluster_start(&shell->cluster);
    return true;
}

/* Signals. */

static const int STOP_SIGNALS[] = {SIGTERM, SIGINT, SIGUSR1, SIGHUP};

static sigset_t signal_set(void)
{
    sigset_t set;
    sigemptyset(&set);
    for (size_t i = 0; i < sizeof(STOP_SIGNALS) / sizeof(STOP_SIGNALS[0]); i++)
        sigaddset(&set, STOP_SIGNALS[i]);
    return set;
}

void shell_block_signals(void)
{
    sigset_t set = signal_set();
    pthread_sigmask(SIG_BLOCK, &set, NULL);
    signal(SIGPIPE, SIG_IGN);
}

/* In a larger ring they become everybody's. */
static void reload_buckets(struct shell *shell, const struct config *fresh)
{
    if (cluster_has_others(&shell->cluster)) {
        cluster_set_buckets(&shell->cluster, &fresh->buckets);
        logger_line(shell->log, LEVEL_NOTICE, "reload", "read again: verbosity %u; %u buckets for the whole ring",
                    (unsigned)fresh->verbosity, fresh->buckets.count);
    } else if (node_reload_buckets(shell->shared, &fresh->buckets)) {
        cluster_set_buckets(&shell->cluster, &fresh->buckets);
        logger_line(shell->log, LEVEL_NOTICE, "reload", "read again: %u buckets, verbosity %u", fresh->buckets.count,
                    (unsigned)fresh->verbosity);
    } else {
        logger_line(shell->log, LEVEL_ERROR, "reload", "the old buckets stay: too many reloads, restart the server");
    }
}

/* What can change while serving: buckets, passwords, verbosity. Anything wrong leaves everything as it was. */
static void reload(struct shell *shell)
{
    struct config fresh;
    char error[CONFIG_ERROR_MAX];
    config_init(&fresh);
    if (!config_read_arguments(&fresh, shell->argc, shell->argv, error)) {
        logger_line(shell->log, LEVEL_ERROR, "reload", "nothing has been changed: %s", error);
    } else if (shell->config->auth_file != NULL && !auth_load(&shell->auth, shell->config->auth_file, shell->log)) {
        logger_line(shell->log, LEVEL_ERROR, "reload", "the old passwords and buckets stay");
    } else {
        logger_set_verbosity(shell->log, (uint32_t)fresh.verbosity);
        reload_buckets(shell, &fresh);
    }
    config_close(&fresh);
}

static void on_signal(int fd, short what, void *context)
{
    (void)what;
    struct shell *shell = context;
    struct signalfd_siginfo info;
    while (read(fd, &info, sizeof(info)) == sizeof(info)) {
        if (info.ssi_signo == SIGHUP) {
            reload(shell);
            continue;
        }
        logger_line(shell->log, LEVEL_INFO, "stop", "%s", strsignal((int)info.ssi_signo));
        shell->stopping = true;
    }
}

static bool open_main_loop(struct shell *shell)
{
    struct event_config *config = event_config_new();
    CHECK_MEMORY(config);
    event_config_set_flag(config, EVENT_BASE_FLAG_NOLOCK);
    shell->base = event_base_new_with_config(config);
    event_config_free(config);
    sigset_t set = signal_set();
    shell->signal_fd = signalfd(-1, &set, SFD_NONBLOCK | SFD_CLOEXEC);
    if (shell->base == NULL || shell->signal_fd < 0) {
        logger_line(shell->log, LEVEL_ERROR, "start", "cannot make an event loop: %s", strerror(errno));
        return false;
    }
    event_assign(&shell->signal_event, shell->base, shell->signal_fd, EV_READ | EV_PERSIST, on_signal, shell);
    return event_add(&shell->signal_event, NULL) == 0;
}

static bool open_listeners(struct shell *shell)
{
    struct listeners listeners;
    if (!listeners_open(&listeners, shell->config, shell->log))
        return false;
    if (acceptor_init(&shell->acceptor, shell->base, &listeners, shell->log))
        return true;
    listeners_close(&listeners);
    return false;
}

bool shell_open(struct shell *shell, struct config *config, int argc, char **argv, struct logger *log)
{
    *shell = (struct shell){.config = config,
                            .argc = argc,
                            .argv = argv,
                            .log = log,
                            .loop_count = (unsigned)config->threads,
                            .signal_fd = -1,
                            .started_ms = clock_now().mono_ns / 1000000};
    shell->dir.lock = -1;
    shell->cluster.wake_fd = -1;
    shell->baseline = calloc(1, sizeof(*shell->baseline));
    CHECK_MEMORY(shell->baseline);
    pthread_mutex_init(&shell->baseline_lock, NULL);
    auth_init(&shell->auth);
    keeper_init(&shell->keeper, log);
    shell->connections_max = process_raise_files(config->connections_max, shell_own_files(config), log);
    if (config->auth_file != NULL && !auth_load(&shell->auth, config->auth_file, log))
        return false;
    /* Clients that connect while the log is replayed wait in the backlog; a port that is taken is told before. */
    if (!open_main_loop(shell) || !open_data(shell) || !open_listeners(shell)
        || !cluster_prepare(&shell->cluster, config, &shell->dir, &shell->acceptor.listeners, shell->base, log)
        || !admin_ports_open(shell))
        return false;
    ports_file_write(shell->acceptor.listeners.tcp_port, shell->cluster.peer_port, admin_http_port(shell->admin), log);
    if (!open_store(shell) || !open_hints(shell) || !open_node(shell) || !open_loops(shell) || !open_cluster(shell)
        || !start_threads(shell))
        return false;
    if (config->lock_memory)
        process_lock_memory("data.mdb", log);
    return true;
}

static void turn(struct shell *shell)
{
    event_base_loop(shell->base, EVLOOP_ONCE);
    cluster_turn(&shell->cluster);
}

static void on_look(int fd, short what, void *context)
{
    (void)fd;
    (void)what;
    (void)context; /* wait_for_links looks after each turn */
}

/* The workers count their links themselves and tell nobody, so that is looked up for the short while that it takes. */
static void wait_for_links(struct shell *shell)
{
    struct event look;
    uint64_t began_ns = clock_now().mono_ns;
    event_assign(&look, shell->base, -1, EV_PERSIST, on_look, NULL);
    event_add(&look, &(struct timeval){.tv_usec = LINKS_LOOK_MS * 1000});
    while (!shell->stopping && !cluster_is_linked(&shell->cluster, (clock_now().mono_ns - began_ns) / 1000000))
        turn(shell);
    event_del(&look);
}

bool shell_join_ring(struct shell *shell)
{
    cluster_turn(&shell->cluster); /* who founds alone or returns is a member after it */
    if (cluster_has_others(&shell->cluster) && !config_has_peers(shell->config)) {
        logger_line(
            shell->log, LEVEL_ERROR, "ring",
            "data directory %s belongs to a node of a larger ring: name --peer host:port, where the others reach it",
            shell->dir.path);
        return false;
    }
    while (!shell->stopping && !cluster_is_member(&shell->cluster))
        turn(shell);
    if (!shell->stopping)
        wait_for_links(shell);
    if (shell->stopping)
        return false;
    cluster_serve(&shell->cluster);
    return listeners_listen(&shell->acceptor.listeners, shell->config, shell->log);
}

bool shell_run(struct shell *shell)
{
    acceptor_start(&shell->acceptor, shell->loops, shell->loop_count, shell->connections_max,
                   shell_own_files(shell->config), shell->config->connections_wait);
    logger_line(shell->log, LEVEL_INFO, "start", "node %s serves with %u threads", shell->dir.node, shell->loop_count);
    while (!shell->stopping && !cluster_is_refused(&shell->cluster))
        turn(shell);
    if (shell->stopping)
        return true;
    logger_line(shell->log, LEVEL_ERROR, "ring", "this process stops, because another one is node %s", shell->dir.node);
    return false;
}

static void close_threads(struct shell *shell)
{
    acceptor_stop(&shell->acceptor);
    admin_http_stop(shell->admin);
    cluster_stop(&shell->cluster);
    for (unsigned i = 0; i < shell->loops_ready; i++)
        loop_stop(&shell->loops[i]);
    for (unsigned i = 0; i < shell->loops_ready; i++)
        loop_join(&shell->loops[i]);
    acceptor_close(&shell->acceptor);
    cluster_leave(&shell->cluster);
    keeper_stop(&shell->keeper);
}

void shell_close(struct shell *shell)
{
    close_threads(shell);
    hybrid_time newest =
        shell->shared != NULL ? atomic_load(&node_clock(shell->shared)->last) : shell->data.recovery.newest;
    for (unsigned i = 0; i < shell->loops_ready; i++)
        loop_close(&shell->loops[i]);
    repair_copy_close(&shell->repair);
    cluster_close(&shell->cluster);
    admin_http_free(shell->admin);
    prefix_stats_free(shell->prefixes);
    database_close(&shell->hints, newest);
    database_close(&shell->data, newest);
    keeper_close(&shell->keeper); /* the stores ring its bells to the last */
    node_shared_free(shell->shared);
    data_dir_close(&shell->dir);
    if (shell->base != NULL)
        event_base_free(shell->base);
    if (shell->signal_fd >= 0)
        close(shell->signal_fd);
    auth_close(&shell->auth);
    free(shell->loops);
    free(shell->frontends);
    free(shell->nodes);
    free(shell->baseline);
    pthread_mutex_destroy(&shell->baseline_lock);
    *shell = (struct shell){.signal_fd = -1};
}
