/* The main thread's part in the ring: who this node is, its membership, the links over which the members talk, and a
 * node of the main thread's own, for what the process itself asks of the ring.
 *
 *   cluster.c        opened and closed with the shell; the main thread's turn
 *   cluster_self.c   this node as others see it, and the port for them
 *   cluster_ports.c  what membership asks of its surroundings
 *   cluster_links.h  when a member may begin to serve clients */
#ifndef SERVER_CLUSTER_H
#define SERVER_CLUSTER_H

#include "membership/membership.h"
#include "node/node.h"
#include "server/address_book.h"
#include "server/config.h"
#include "server/data_dir.h"
#include "server/keeper.h"
#include "server/listen.h"
#include "server/loop.h"
#include "server/mesh.h"
#include "server/peer_acceptor.h"
#include "server/peer_dialer.h"
#include "server/secret.h"

#include <event2/event.h>
#include <event2/event_struct.h>
#include <stdatomic.h>
#include <stdbool.h>

enum {
    CLUSTER_WAIT_SAID_S = 10,     /* a node without its ring says again what it waits for */
    CLUSTER_SETTLE_ROUNDS = 2000, /* at the end, of a millisecond each, for what the main thread's node has under way */
    CLUSTER_READ_BYTES = 64 * 1024,
    CLUSTER_WAITS_FOR_BYTES = 1024
};

struct cluster {
    const struct config *config;
    const struct data_dir *dir; /* path NULL: nothing is kept (engine memory) */
    struct logger *log;
    struct event_base *base; /* of the main thread */

    /* Who this node is. From cluster_prepare on. */
    struct secret secret;
    struct handshake_identity identity;
    struct ring_member self;
    char *seeds_text;
    const char *seeds[MEMBERSHIP_SEEDS_MAX];
    unsigned seed_count;
    struct listeners listeners; /* for other nodes, until the acceptor has them */
    int peer_port;              /* 0: none */
    struct address_book *book;
    struct admissions *admissions;
    struct mesh_settings mesh_settings; /* for all loops */

    /* From cluster_open on. */
    struct node_shared *shared;
    struct store *store;
    struct keeper *keeper;
    struct loop *loops;
    unsigned loop_count;
    struct node node; /* the main thread's; its store loop is loop_count + 1 */
    bool is_open;     /* node and mesh are */
    struct mesh mesh;
    uint8_t *buffer;
    struct membership *membership;
    struct peer_dialer messenger; /* dials for the membership plane */
    struct peer_acceptor acceptor;
    struct event wake_event, timer, patience; /* patience: every CLUSTER_WAIT_SAID_S */
    int wake_fd;                              /* eventfd */
    _Atomic bool woken;
    _Atomic uint64_t heard_epoch;            /* of a newer table, by any loop */
    bool is_new;                             /* another process has been admitted: the mesh is to look */
    bool waits;                              /* the operator has been told that the node waits for its ring */
    bool serves;                             /* clients: cluster_serve has been called */
    char waits_for[CLUSTER_WAITS_FOR_BYTES]; /* what cluster_waits_for returned last */
};

/* Reads the secret, opens the port for other nodes and finds out what this node is called and where it is reached.
 * `clients` are open already. false after an error that has been logged; call cluster_close all the same, as after a
 * zero-initialisation with wake_fd -1. */
bool cluster_prepare(struct cluster *cluster, const struct config *config, const struct data_dir *dir,
                     const struct listeners *clients, struct event_base *base, struct logger *log);

struct cluster_parts {
    struct node_shared *shared;
    struct store *store;
    struct keeper *keeper;
    struct store_loop *hint_store; /* the main thread's side of the hints; NULL: there are none */
    struct loop *loops;            /* initialised, not yet running */
    unsigned loop_count;
    bool has_run;   /* a process has been at work in the data directory before */
    bool is_copied; /* the data directory is a copy of the one that the last process ran on */
};
/* Reads what is known of the ring. Membership begins with the first cluster_turn. false as above. */
bool cluster_open(struct cluster *cluster, const struct cluster_parts *parts);
/* The loops run: accepts connections of other nodes. */
void cluster_start(struct cluster *cluster);

/* After each round of the main thread's event loop: what is due, what has ended, what is to be written. To be called
 * also by who has given the main thread's node something to do. */
void cluster_turn(struct cluster *cluster);

/* Is another process this node, so that this one must not serve clients (any more)? */
static inline bool cluster_is_refused(const struct cluster *cluster)
{
    return cluster->membership != NULL && membership_is_refused(cluster->membership);
}

/* Is this node a member of its ring, so that it may serve clients? */
static inline bool cluster_is_member(const struct cluster *cluster)
{
    return cluster->membership != NULL && membership_phase(cluster->membership) == MEMBERSHIP_MEMBER;
}

/* A member: how many of the other members the worker worst off has no greeted link to. */
uint32_t cluster_missing(const struct cluster *cluster);
/* A member: may it serve clients, `waited_ms` after it got its table? See cluster_links.h. */
bool cluster_is_linked(const struct cluster *cluster, uint64_t waited_ms);
/* Clients are served from now on. */
void cluster_serve(struct cluster *cluster);
/* Why this node does not serve yet, for people; "" when it does. */
const char *cluster_waits_for(struct cluster *cluster);

/* Does the ring, as this node sees it, have other members? */
bool cluster_has_others(const struct cluster *cluster);

/* Is there a bucket whose writes are acknowledged before they are in the log? */
bool cluster_has_buffered(const struct cluster *cluster);

/* The buckets of this node's settings become the whole ring's. Main thread. */
void cluster_set_buckets(struct cluster *cluster, const struct bucket_table *buckets);

/* Accepts nothing more. The workers still run. */
void cluster_stop(struct cluster *cluster);
/* Closes the main thread's links and ends what it has under way; the workers have ended, the keeper still runs. */
void cluster_leave(struct cluster *cluster);
/* After the keeper has ended. May be called twice. */
void cluster_close(struct cluster *cluster);

/* node_settings.hear_of_epoch, and the store's wake-up of the main thread's node. Any thread. */
void cluster_hear_of_epoch(void *cluster, uint64_t epoch);
void cluster_wake(struct cluster *cluster);

/* Within these files. */
extern const struct membership_ports CLUSTER_PORTS;
bool cluster_describe_self(struct cluster *cluster, const struct listeners *clients);

/* "host|ip|port" of each member that has a port for clients, as `config get cluster` writes them; malloc'd. */
char *cluster_list_members(const struct ring_view *view);

#endif
