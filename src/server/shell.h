/* Everything of a running process, in one place: opened in order, closed in reverse. */
#ifndef SERVER_SHELL_H
#define SERVER_SHELL_H

#include "admin/stats.h"
#include "frontend/prefix_stats.h"
#include "server/acceptor.h"
#include "server/admin_http.h"
#include "server/auth.h"
#include "server/cluster.h"
#include "server/config.h"
#include "server/data_dir.h"
#include "server/database.h"
#include "server/keeper.h"
#include "server/last_run.h"
#include "server/logger.h"
#include "server/loop.h"
#include "server/repair_copy.h"

#include <event2/event.h>
#include <event2/event_struct.h>

enum {
    FINISH_BEYOND_TIMEOUT_MS = 250, /* at the end, for requests of the last moment to reach their deadlines */
    SERVER_MEMBERS_USUAL = 64       /* other nodes for which descriptors are kept free: two links for each and loop */
};

/* Descriptors beside the clients': standard streams, listeners, engine, each loop's epoll, eventfd and log segments,
 * and links to other nodes. */
static inline uint64_t shell_own_files(const struct config *config)
{
    uint64_t links = config_has_peers(config) ? 2 * SERVER_MEMBERS_USUAL : 0;
    return 64 + (8 + links) * (config->threads + 2);
}

struct shell {
    struct config *config; /* as of the start; reloads change buckets, passwords and verbosity only */
    int argc;
    char **argv; /* read again on SIGHUP */
    struct logger *log;
    struct logger_gate repair_reports;
    struct auth auth;
    struct data_dir dir;
    struct database data, hints; /* hints.store NULL: nothing stands in for other nodes (no peers, engine memory) */
    struct store *store;         /* data.store */
    struct last_run last;
    struct node_shared *shared;
    struct keeper keeper;
    struct prefix_stats *prefixes;
    struct session_settings settings;
    struct session_host host;
    struct loop *loops;
    unsigned loop_count, loops_ready;
    struct event_base *base; /* of the main thread: listeners, signals, membership */
    struct acceptor acceptor;
    struct admin_http *admin; /* NULL: none */
    struct repair_copy repair;
    struct event signal_event;
    int signal_fd;
    uint64_t connections_max, started_ms; /* monotonic */
    uint32_t store_memory_mb;
    struct cluster cluster;
    bool stopping; /* a signal or a client has said so */
    /* For statistics. */
    const struct frontend **frontends;
    const struct node **nodes;
    struct admin_baseline *baseline;
    pthread_mutex_t baseline_lock;
};

/* Opens everything and starts the threads; signals have been blocked. false after an error that has been logged; then
 * call shell_close all the same. */
bool shell_open(struct shell *shell, struct config *config, int argc, char **argv, struct logger *log);

/* Waits until this node is a member of its ring and, for at most LINKS_WAIT_MS, has links to the other members; a node
 * without seeds is alone in one at once. false: it was told to stop before. */
bool shell_join_ring(struct shell *shell);

/* Serves until a signal or a client says stop. false: because another process has become this node. */
bool shell_run(struct shell *shell);

/* Finishes what is under way, checkpoints, frees. */
void shell_close(struct shell *shell);

/* Blocks the signals that shell_run waits for, in this thread and those it will start. */
void shell_block_signals(void);

#endif
