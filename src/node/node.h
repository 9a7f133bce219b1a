/* One node on one loop: joins ring, coordinator, replica and store, and routes between them.
 *
 * A process has one node_shared and, for each of its loops, one node. In the simulator a process is just a few of
 * these structures. */
#ifndef NODE_NODE_H
#define NODE_NODE_H

#include "base/instant.h"
#include "coordinator/coordinator.h"
#include "coordinator/request.h"
#include "storage/store.h"

#include <stdint.h>

/* What all loops of a process share: ring view, buckets, hybrid clock, births, tokens, flush times. */
struct node_shared;
struct sweep;

struct node_settings {
    const char *name;            /* of the node in the ring */
    uint64_t incarnation;        /* 64 random bits, not 0, new at every start */
    uint32_t partition_count;    /* RING_PARTITIONS_DEFAULT */
    struct bucket_table buckets; /* copied */
    uint64_t grace_ms;           /* how long the dead are kept before they are freed */
    uint64_t value_max;          /* most bytes of one value */
    uint64_t object_max;         /* most bytes of all siblings of a key together */
    uint32_t tokens_max;         /* entries of the token table */
};

/* `newest`: the highest hybrid time that start-up found. NULL when the settings are impossible. */
struct node_shared *node_shared_new(const struct node_settings *settings, struct store *store,
                                    const struct lock_ops *locks, hybrid_time newest);
void node_shared_free(struct node_shared *shared);

/* New bucket settings (SIGHUP); copied, swapped whole. Old ones stay until node_shared_free for requests on their
 * way; at most 1024 reloads, not counting those that change nothing. Any one thread. false when there were too many. */
bool node_reload_buckets(struct node_shared *shared, const struct bucket_table *buckets);

struct node {
    struct node_shared *shared;
    struct store_loop *store;
    struct coordinator coordinator;
    struct sweep *sweep;    /* of the background loop; NULL until its first slice */
    struct queue unsettled; /* operations that ended while node_describe_key waited for its own */
};

/* `store` is this loop's side of the store. */
void node_init(struct node *node, struct node_shared *shared, struct store_loop *store);
void node_close(struct node *node);

/* Takes over what an earlier run left in the store (the flush times). Once, on any one node, before the loops start. */
void node_load(struct node *node, struct instant now);

/* Starts a request. The node borrows it until request->done, which is never called from within. */
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

/* The ring as this process sees it. */
const struct ring_view *node_view(const struct node_shared *shared);
/* The buckets in force; valid until node_shared_free, also after a reload. */
const struct bucket_table *node_buckets(const struct node_shared *shared);
/* The process's one clock: its reading goes with each checkpoint. */
struct hybrid_clock *node_clock(struct node_shared *shared);

#endif
