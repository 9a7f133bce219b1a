/* Everything of a running process, in one place: opened in order, closed in reverse. */
#ifndef SERVER_SHELL_H
#define SERVER_SHELL_H

#include "admin/stats.h"
#include "frontend/prefix_stats.h"
#include "server/acceptor.h"
#include "server/auth.h"
#include "server/config.h"
#include "server/data_dir.h"
#include "server/keeper.h"
#include "server/logger.h"
#include "server/loop.h"

#include <event2/event.h>
#include <event2/event_struct.h>

enum { CLUSTER_TEXT_MAX = 512 };

/* Descriptors beside the clients': standard streams, listeners, engine, and each loop's epoll, eventfd and log
 * segments. */
#define SERVER_OWN_FILES(threads) (64 + 8 * ((uint64_t)(threads) + 2))

struct shell {
    struct config *config; /* as of the start; reloads change buckets, passwords and verbosity only */
    int argc;
    char **argv; /* read again on SIGHUP */
    struct logger *log;
    struct auth auth;
    struct data_dir dir;
    struct disk *disk;
    struct engine *engine;
    struct store *store;
    struct store_recovery recovery;
    struct node_shared *shared;
    struct keeper keeper;
    struct prefix_stats *prefixes;
    struct session_settings settings;
    struct session_host host;
    struct loop *loops;
    unsigned loop_count, loops_ready;
    struct event_base *base; /* of the main thread: listeners and signals */
    struct acceptor acceptor;
    struct event signal_event;
    int signal_fd;
    uint64_t connections_max, started_ms; /* monotonic */
    uint32_t store_memory_mb;
    char cluster_text[CLUSTER_TEXT_MAX];
    /* For statistics. */
    const struct frontend **frontends;
    const struct node **nodes;
    struct admin_baseline *baseline;
    pthread_mutex_t baseline_lock;
};

/* Opens everything and starts the threads; signals have been blocked. false after an error that has been logged; then
 * call shell_close all the same. */
bool shell_open(struct shell *shell, struct config *config, int argc, char **argv, struct logger *log);

/* Serves until a signal or a client says stop. */
void shell_run(struct shell *shell);

/* Finishes what is under way, checkpoints, frees. */
void shell_close(struct shell *shell);

/* Blocks the signals that shell_run waits for, in this thread and those it will start. */
void shell_block_signals(void);

#endif
