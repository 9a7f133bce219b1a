#include "server/shell.h"

#include "base/check.h"
#include "server/admin_ports.h"
#include "server/clock.h"
#include "server/cluster_links.h"
#include "server/process.h"
#include "server/shell_inside.h"

#include <stdlib.h>
#include <unistd.h>

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
    if (!shell_open_main_loop(shell) || !shell_open_data(shell) || !open_listeners(shell)
        || !cluster_prepare(&shell->cluster, config, &shell->dir, &shell->acceptor.listeners, shell->base, log)
        || !admin_ports_open(shell))
        return false;
    ports_file_write(shell->acceptor.listeners.tcp_port, shell->cluster.peer_port, admin_http_port(shell->admin), log);
    if (!shell_open_store(shell) || !shell_open_hints(shell) || !shell_open_node(shell) || !shell_open_loops(shell)
        || !shell_open_cluster(shell) || !shell_start_threads(shell))
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
