/* A worker: one thread with its event loop, its connections, its node, its links to other nodes and its side of the
 * store.
 *
 * A turn waits for events once, feeds what was read to the sessions and the node, lets the node settle what the store
 * has finished, and then writes what there is for each other node and for each client with one call. */
#ifndef SERVER_LOOP_H
#define SERVER_LOOP_H

#include "base/counter.h"
#include "base/list.h"
#include "base/queue.h"
#include "frontend/session.h"
#include "node/node.h"
#include "server/logger.h"
#include "server/mesh.h"

#include <event2/event.h>
#include <event2/event_struct.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>

enum { LOOP_READ_BYTES = 64 * 1024 /* of the buffer that all connections of a loop read into */ };

/* Written by the loop, read by anyone. */
struct loop_traffic {
    _Atomic uint64_t bytes_read, bytes_written, idle_kicks;
};

struct loop {
    struct event_base *base;
    struct node node;
    struct frontend frontend;
    struct mesh mesh;
    struct instant now; /* of the current turn */
    bool now_is_known;
    bool has_begun;       /* something happened in this turn */
    struct queue later;   /* connections that have input left, for the next turn */
    struct queue resumed; /* whose requests have ended */
    struct queue unsent;  /* with replies to write at the end of the turn */
    uint8_t *buffer;      /* LOOP_READ_BYTES */
    char *cluster_text;   /* what the last `config get cluster` of this loop was told */
    struct loop_traffic counters;
    struct logger *log;
    uint32_t idle_timeout_s; /* 0: none */
    uint64_t patience_ms;
    struct event idle_event, wake_event;

    int wake_fd; /* eventfd */
    _Atomic bool woken, stopping;
    _Atomic bool ring_is_new;              /* another table has been published */
    void (*connection_closed)(void *host); /* tells the acceptor; any loop */
    void *host;

    pthread_mutex_t connections_lock; /* for changes of `connections`, and for others' looks at them */
    struct list connections;
    struct list inbox;    /* accepted for this loop, under connections_lock */
    struct list arrivals; /* the same for links of other nodes: struct peer_arrival */
    pthread_t thread;
    bool is_running;
};

struct loop_options {
    struct node_shared *shared;
    struct store_loop *store, *hint_store; /* hint_store NULL: there are no hints */
    const struct session_settings *settings;
    const struct session_host *host;
    struct prefix_stats *prefixes;
    struct logger *log;
    const struct mesh_settings *mesh;
    uint16_t number; /* 0, 1, 2 ...: said to the nodes that this loop dials */
    uint32_t idle_timeout_s;
    uint64_t patience_ms; /* for what is under way when the loop is told to stop */
    void (*connection_closed)(void *host);
    void *closed_host;
};

/* false after an error that has been logged. */
bool loop_init(struct loop *loop, const struct loop_options *options);
/* The thread has ended or was never started. */
void loop_close(struct loop *loop);

/* Starts the loop's thread; `number` names it. false (logged) when the system gives none. */
bool loop_start(struct loop *loop, unsigned number);
/* Asks the loop to close its connections and end; returns at once. */
void loop_stop(struct loop *loop);
void loop_join(struct loop *loop);

/* The store has something for the loop. Any thread; cheap when the loop has been woken already. */
void loop_wake(struct loop *loop);

/* Takes over a connected, non-blocking socket. Any thread. */
void loop_adopt(struct loop *loop, int fd);

/* The same for a link that another node has made and that has shaken hands. */
void loop_adopt_peer(struct loop *loop, struct peer_arrival *arrival);

/* Another table of the ring is in force: the loop takes it up and dials its members. Any thread. */
void loop_follow_ring(struct loop *loop);

/* The time of this turn; the clock is read at its first use. */
static inline struct instant loop_now(struct loop *loop);

/* Reads the clock and remembers it for the rest of the turn. */
struct instant loop_read_clock(struct loop *loop);

static inline struct instant loop_now(struct loop *loop)
{
    return loop->now_is_known ? loop->now : loop_read_clock(loop);
}

#endif
