/* One node on one loop: joins ring, coordinator, replica and store, and routes messages and requests between them.
 *
 * A process has one node_shared and, for each of its loops, one node. In the simulator a process is just a few of
 * these structures.
 *
 *   node.c      requests and frames: which part of the room they go to
 *   forward.c   who coordinates a request; those on their way to another coordinator and back
 *   forward_legs.c  those requests, and their attempts that may yet be answered
 *   forward_wire.c  a request as a message, and the answer, at both ends
 *   serve.c     what other nodes ask of this one: read, write, flush
 *   serve_hints.c  read of what this node keeps for others
 *   serve_forward.c  their clients' requests, coordinated here
 *   once.h      at most once for each forwarded request
 *   greeting.c  links: what must be exchanged before any data; who is silent
 *   repair.c    hints handed over, copies compared: one node of each process does that
 *   awake.c     whether this process itself was away
 *   standing.c  what this process's copies are worth, kept
 *   publish.c   ring views and buckets, swapped whole under running loops
 *   sweep.c     frees the dead
 *   empty.c     whether anything was ever stored
 *   survey.c               whether all copies are the same at this moment
 *   describe.c, inspect.c  a key's versions, here and at all replicas */
#ifndef NODE_NODE_H
#define NODE_NODE_H

#include "antientropy/antientropy.h"
#include "base/arena.h"
#include "base/instant.h"
#include "base/list.h"
#include "base/pool.h"
#include "base/prng.h"
#include "base/queue.h"
#include "coordinator/coordinator.h"
#include "coordinator/peers.h"
#include "coordinator/request.h"
#include "hints/hints.h"
#include "message/frame.h"
#include "message/link.h"
#include "replica/standing.h"
#include "ring/ring.h"
#include "storage/store.h"

#include <stdint.h>

/* What all loops of a process share: ring view, buckets, hybrid clock, births, tokens, flush times. */
struct node_shared;
struct deliver; /* hints/deliver.h */
struct sweep;

struct node_settings {
    const char *name;                        /* of the node in the ring */
    uint64_t incarnation;                    /* 64 random bits, not 0, new at every start */
    uint32_t partition_count;                /* RING_PARTITIONS_DEFAULT */
    struct bucket_table buckets;             /* copied */
    uint64_t grace_ms;                       /* how long the dead are kept before they are freed */
    uint64_t value_max;                      /* most bytes of one value */
    uint64_t object_max;                     /* most bytes of all siblings of a key together */
    uint32_t tokens_max;                     /* entries of the token table */
    struct coordinator_settings coordinator; /* timeout_ms 0: NODE_TIMEOUT_MS */
    unsigned
        loops; /* nodes that will be open at once, 0 counts as 1: each keeps the view that it uses from being freed */
    struct store *hint_store;                /* NULL: there is none (engine memory) */
    struct antientropy_settings antientropy; /* grace_ms is taken from above */
    /* A message told of a newer ring table than this process has: its membership should ask for it. Any loop's thread;
     * may be called often. NULL: nobody wants to know. */
    void (*hear_of_epoch)(void *host, uint64_t epoch);
    void *host;
};

enum {
    NODE_TIMEOUT_MS = 1000,
    NODE_FORWARDS_MAX = 65536,        /* under way at once on one loop; then FAILURE_BUSY */
    NODE_SERVES_MAX = 8192,           /* that one link may have under way here; then refused, nothing done */
    NODE_SERVE_BYTES_MAX = 256 << 20, /* the same, of their keys and values */
    NODE_GREETING_MS = 250,           /* after which an unanswered greeting is repeated */
    NODE_BEAT_MS = 250,               /* in rings of more than one, how often a loop looks whether it runs */
    NODE_FROZEN_MS = 500,             /* one that is so late was frozen: writes may have passed it by */
    NODE_THAW_MS = 1000 /* after it, for so long, forwards are looked at that may have lain in the socket */
};

/* Written by the loop, read by anyone: `stats ring`. */
struct node_counters {
    _Atomic uint64_t forwarded, forward_retries, forward_failures; /* requests sent to another coordinator */
    _Atomic uint64_t served_forwards, served_reads, served_writes; /* for other nodes */
    _Atomic uint64_t repeated_forwards; /* copies of a forward that had been carried out: dropped */
    _Atomic uint64_t refused_epochs, malformed;
    _Atomic uint64_t refused_serves; /* NODE_SERVES_MAX or NODE_SERVE_BYTES_MAX was reached */
    _Atomic uint64_t refused_links;  /* of another cluster */
    _Atomic uint64_t links; /* dialled ones that may be used now: as many as there are others, when all is well */
};

/* `newest`: the highest hybrid time that start-up found. NULL when the settings are impossible. */
struct node_shared *node_shared_new(const struct node_settings *settings, struct store *store,
                                    const struct lock_ops *locks, hybrid_time newest);
void node_shared_free(struct node_shared *shared);

/* New bucket settings (SIGHUP); copied, swapped whole. Old ones stay until node_shared_free for requests on their
 * way; at most 1024 reloads, not counting those that change nothing. Any one thread. false when there were too many. */
bool node_reload_buckets(struct node_shared *shared, const struct bucket_table *buckets);

/* Adopts a ring table; the view becomes the shared's. Any one thread at a time (the membership's). An older epoch than
 * the present one is refused (false) and freed. Loops see it at their next call: wake them (node_settle) so that what
 * waits for it goes on at once. */
bool node_publish_view(struct node_shared *shared, struct ring_view *view);
/* While a change is being decided that allows no write beside it; reads go on. Any thread. */
void node_hold_writes(struct node_shared *shared, bool held);
/* While this process does not serve yet: what others forward goes elsewhere. It takes part as a replica, but whoever it
 * has not met yet would seem to be down to it, and others would stand in for them. Any thread. */
void node_hold_forwards(struct node_shared *shared, bool held);
/* Has nothing ever been stored here (flush registers do not count)? Any thread. */
bool node_is_empty(struct node_shared *shared);

struct node {
    struct node_shared *shared;
    struct store_loop *store;
    struct store_loop *hint_store; /* NULL: there is none */
    struct repair *repair;         /* repair.c; NULL: this node does not */
    struct coordinator coordinator;
    struct peers peers;
    struct queue flushes; /* links with something to write */
    struct node_counters counters;
    struct forward_table *forwards; /* forward.c */
    struct pool serves, forwarded;  /* serve.c, serve_forward.c */
    const struct ring_view *view;   /* of the call that is under way */
    int self_index;                 /* of this node among the view's members, -1: not one of them */
    bool is_alone;                  /* the only member */
    bool view_is_new;               /* what waits for a newer view has not been told of this one */
    bool has_more;                  /* something waits in the queues below, or view_is_new */
    unsigned slot;                  /* publish.c */
    uint64_t heard_epoch, heard_ns; /* what was last told to settings.hear_of_epoch, and when */
    struct list links;              /* of struct node_link, newest first (greeting.c) */
    uint64_t link_serial;           /* of the newest */
    uint64_t greet_at_ns;           /* when the next greeting is to be repeated */
    struct prng names;              /* for the second names of requests */
    uint64_t returns_seen;          /* of peers.returns */
    /* awake.c */
    struct instant beat;      /* when node_tick last looked whether this process runs */
    uint64_t beat_at_ns;      /* when it does so next */
    uint64_t late_at_ns;      /* after it the process has been frozen; UINT64_MAX: nothing is known yet */
    uint64_t thawed_until_ns; /* until then what is read may have lain in the sockets meanwhile */
    struct queue inspections; /* under way (inspect.c) */
    uint64_t inspection_serial;
    struct queue surveys; /* under way (survey.c) */
    uint64_t survey_serial;
    unsigned pending;       /* serves and greetings that are under way */
    struct queue rerouted;  /* requests for which a coordinator is to be chosen anew, by op.link */
    struct queue ended;     /* requests that ended outside the coordinator, by op.link */
    struct arena scratch;   /* of the message that is under way */
    struct sweep *sweep;    /* of the background loop; NULL until its first slice */
    struct queue unsettled; /* operations that ended while node_describe_key waited for its own */
};

/* `store` is this loop's side of the store, `hint_store` of the hint database (NULL when settings.hint_store is). */
void node_init(struct node *node, struct node_shared *shared, struct store_loop *store, struct store_loop *hint_store);
/* This node repairs: delivers hints, compares its process's copies with the other owners'. One node of each process;
 * its dialled links lead to the repairing nodes of the others. Once, before its first link. */
void node_begin_repair(struct node *node);
/* The process is about to stop: no more of it is begun. Before its links go down. */
void node_stop_repair(struct node *node);
/* What repair knows; NULL for a node that does not. For its thread. */
struct antientropy *node_antientropy(struct node *node);
const struct deliver *node_deliver(const struct node *node); /* NULL also without a hint database */
struct hints *node_hints(struct node_shared *shared);        /* any thread */
struct standing *node_standing(struct node_shared *shared);
/* Keeps durably what must be of the standing (horizons). By the storage thread, in each of its turns; before its
 * threads start, node_load_standing takes over what was kept. `doubtful`: acknowledged writes may have been lost (power
 * failed, the directory is new in a ring that knows this node). false: what was kept cannot be read, so horizons are
 * lost, and all copies are doubtful whatever the caller says. */
void node_keep_standing(struct node_shared *shared);
bool node_load_standing(struct node_shared *shared, bool doubtful);
/* Members to whom nothing is forwarded, and this node among them or not: those whose clock is off (membership). Sorted
 * ids. Any one thread. */
void node_set_quarantined(struct node_shared *shared, const uint32_t *ids, unsigned count);
/* All requests and inspections have ended, all links are down, nothing is pending. */
void node_close(struct node *node);
/* What is still under way for other nodes, also when their links are down, and what of requests that have been answered
 * is still in the store; node_settle and node_tick end it. */
unsigned node_pending(const struct node *node);

/* A connection's handshake is over. The node borrows the link until node_link_down. A dialled link is used for requests
 * as soon as its greeting has been answered. Of two dialled links to one peer the newer one is used. */
void node_link_up(struct node *node, struct instant now, struct link *link);
/* The connection is gone. What waits for the peer fails over or fails; replies that are still being made are dropped.
 */
void node_link_down(struct node *node, struct instant now, struct link *link);

/* A frame of the data plane (type < MESSAGE_OF_MEMBERSHIP) has come. false: it is malformed; log it, close the link and
 * call node_link_down, which settles. Follow a batch of these with node_settle. */
bool node_receive(struct node *node, struct instant now, struct link *link, const struct frame *frame);

/* The next link with something in `out`, taken off the queue; NULL: no more. To be called at the end of each turn. */
struct link *node_next_flush(struct node *node);

/* Deadlines, hedges, probes, greetings. Settles as well. */
void node_tick(struct node *node, struct instant now);
/* When node_tick is due, monotonic nanoseconds; UINT64_MAX: not at all. */
uint64_t node_wake_at(const struct node *node);

/* Takes over what an earlier run left in the store (the flush times). Once, on any one node, before the loops start. */
void node_load(struct node *node, struct instant now);

/* What gossip tells of another member's clock and flush registers [R7]: both count at once; registers that say anything
 * new are stored. */
void node_learn(struct node *node, struct instant now, hybrid_time clock, const struct flush_registers *registers);

/* Starts a request. The node borrows it until request->done, which is never called from within: node_settle,
 * node_receive, node_tick and node_link_down call it. */
void node_request(struct node *node, struct instant now, struct request *request);

/* Lets everything that has ended go on: request->done is called from here. To be called after requests were started and
 * whenever the loop was woken. Returns how many requests ended. */
unsigned node_settle(struct node *node, struct instant now);

/* The hybrid present in milliseconds, for exptimes and TTLs. */
uint64_t node_now_ms(const struct node *node, struct instant now);

enum { NODE_ALL_VERSIONS = -1 };

/* The cas token for a reply to a finished GET that shows version `pick` (an index into request->versions), or all of
 * them. It is remembered where the bucket needs it later. */
uint64_t node_token(struct node *node, const struct request *request, int pick);

enum { NODE_SWEEP_MAX = 1024 };

struct node_sweep_result {
    unsigned seen, changed;
    bool pass_ended; /* the scan has come round */
};

/* One slice of the background sweep, Dynamo 5 with [R3] and [R5]: looks at up to `records` records (at most
 * NODE_SWEEP_MAX), frees the dead ones and drops the bytes of those long expired. For the background loop; updates that
 * have to wait for space are counted in a later slice. */
struct node_sweep_result node_sweep(struct node *node, struct instant now, unsigned records);
/* Updates of the last slice that still wait for space; a node may be closed only when there are none. */
unsigned node_sweep_pending(const struct node *node);

/* For people: every version of a key. Calls `line` with each line of text. Returns false when the key has no record;
 * the record is read synchronously, so only for `stats siblings`. */
bool node_describe_key(struct node *node, struct instant now, struct bytes key, void (*line)(void *, const char *),
                       void *context);

/* Every owner's versions of a key, for `ringctl key`: asks all owners and tells when all have answered or failed. */
struct inspection_replica {
    uint32_t member; /* index into the view of the inspection's epoch */
    uint32_t node;   /* its id, also when there is another view by now */
    bool is_owner;
    enum { INSPECT_ANSWERED, INSPECT_ABSENT, INSPECT_CORRUPT, INSPECT_UNREACHABLE } outcome;
    struct blob *record; /* INSPECT_ANSWERED; the inspection's, until node_inspect_finish */
};
struct inspection {
    /* Set by the caller. */
    uint8_t key[REQUEST_KEY_MAX];
    uint16_t key_len;
    void (*done)(struct inspection *); /* called as request->done is */
    void *owner;
    /* The answer. */
    uint16_t partition;
    uint64_t epoch;
    unsigned replica_count;
    struct inspection_replica replicas[RING_COPIES_MAX]; /* in the order of the preference list */
    /* The node's own. */
    unsigned waiting; /* bit n: for replicas[n] */
    uint64_t deadline_ns;
    uint64_t serial;
    struct queue_node link;
    struct store_op op;
};
void node_inspect(struct node *node, struct instant now, struct inspection *inspection);
void node_inspect_finish(struct inspection *inspection);

/* The ring as this process sees it. For the thread that publishes views, until it publishes the next one; before the
 * first the node is a ring of its own, with epoch 0 and cluster 0. */
const struct ring_view *node_view(const struct node_shared *shared);
/* The same for the loop of this node, until its next node_ call. */
const struct ring_view *node_loop_view(struct node *node);
/* Its epoch. Any thread. */
uint64_t node_epoch(const struct node_shared *shared);
/* The buckets in force; valid until node_shared_free, also after a reload. */
const struct bucket_table *node_buckets(const struct node_shared *shared);
/* The process's one clock: its reading goes with each checkpoint. */
struct hybrid_clock *node_clock(struct node_shared *shared);

#endif
