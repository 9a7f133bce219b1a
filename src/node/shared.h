/* What all loops of a process share. Within the room. */
#ifndef NODE_SHARED_H
#define NODE_SHARED_H

#include "base/hash.h"
#include "coordinator/token_table.h"
#include "node/node.h"
#include "replica/replica.h"
#include "ring/bucket.h"
#include "ring/ring.h"

#include <stdatomic.h>

enum { NODE_RELOADS_MAX = 1024 };

/* Whose an op is (store_op.owner) when it is not the coordinator's. */
enum node_op {
    NODE_OP_SWEEP = COORDINATOR_OPS,
    NODE_OP_READ,
    NODE_OP_WRITE,
    NODE_OP_FLUSH,
    NODE_OP_GREETING,
    NODE_OP_INSPECTION,
    /* In the hint store. */
    NODE_OP_HINT_READ,
    NODE_OP_HINT_WRITE,
    NODE_OP_ANTIENTROPY,
    NODE_OP_DELIVER /* in both stores */
};

/* The view that one node uses: whatever stands here is not freed. See publish.c. */
struct view_slot {
    _Alignas(64) _Atomic(const struct ring_view *) view;
    _Atomic bool taken;
};

struct node_shared {
    _Atomic(const struct ring_view *) view; /* in force */
    _Atomic uint64_t epoch;                 /* of that view */
    struct view_slot *slots;
    unsigned slot_count;
    struct ring_view **retired; /* no longer in force, perhaps still in use; room for two for each slot and one more */
    unsigned retired_count;
    _Atomic bool writes_held, forwards_held;
    struct replica replica;
    struct token_table *tokens;
    _Atomic uint32_t partition_count; /* of the view in force */
    struct standing *standing;
    struct hints *hints;
    struct quarantine quarantine;
    _Atomic uint64_t
        behind; /* how often the whole copy has been marked as behind: the repairing node compares it then */
    _Atomic uint64_t name_seeds; /* given out: every node draws other names for its requests */
    struct antientropy_settings antientropy;
    struct store *store;
    struct coordinator_settings coordinator;
    void (*hear_of_epoch)(void *host, uint64_t epoch);
    void *host;
    char name[RING_NAME_MAX + 1];
    _Atomic(const struct bucket_table *) buckets;       /* the ones in force */
    struct bucket_table *all_buckets[NODE_RELOADS_MAX]; /* these and all before: requests may still point to them */
    unsigned all_buckets_count;
};

/* A place for the view that a node uses; node->view is set. To be given back. */
void node_take_slot(struct node *node);
void node_give_slot(struct node *node);
/* Another view is in force than the one in node->view: uses it. */
void node_change_view(struct node *node);

/* To be called first by everything that works with the view: for the length of the call there is one. */
static inline void node_enter(struct node *node)
{
    if (atomic_load_explicit(&node->shared->view, memory_order_acquire) != node->view)
        node_change_view(node);
}

/* Sets hash, partition and bucket of a request. */
static inline void node_place(struct node *node, struct request *request)
{
    struct bytes key = request_key(request);
    request->op.hash = hash_of_key(key);
    request->op.partition = ring_partition(node->view, request->op.hash);
    request->bucket = bucket_of_key(node_buckets(node->shared), key);
}

/* Goes on with what could not be done within an earlier call (node->has_more): requests to be routed anew, requests and
 * inspections that ended outside the coordinator, a new view. Calls request->done; returns how many ended. */
unsigned node_go_on(struct node *node, struct instant now);

/* The request has its answer, and not from this node's coordinator. */
static inline void node_end(struct node *node, struct request *request)
{
    request_admit_doubt(request);
    queue_push(&node->ended, &request->op.link);
    node->has_more = true;
}

/* Writes may have passed by this process's copies: they are behind until they have been compared with the others'. */
void node_fall_behind(struct node *node);
/* Somebody may be there again who was away: perhaps it was this node that was cut off. */
void node_on_return(struct node *node, struct instant now);
static inline void node_watch_returns(struct node *node, struct instant now)
{
    if (node->peers.returns != node->returns_seen)
        node_on_return(node, now);
}
/* Has this process not run for a while? To be called before anything that others ask is done. */
void node_on_thaw(struct node *node, struct instant now);
static inline void node_watch_clock(struct node *node, struct instant now)
{
    if (now.mono_ns > node->late_at_ns)
        node_on_thaw(node, now);
}

/* A message had this epoch. */
void node_hear_of_epoch(struct node *node, struct instant now, uint64_t epoch);

#endif
