#include "node/node.h"

#include "base/check.h"
#include "base/hash.h"
#include "base/list.h"
#include "node/shared.h"
#include "node/sweep.h"

#include <stdlib.h>

bool node_reload_buckets(struct node_shared *shared, const struct bucket_table *buckets)
{
    const struct bucket_table *present = atomic_load_explicit(&shared->buckets, memory_order_relaxed);
    if (present != NULL && bucket_table_equal(present, buckets))
        return true;
    if (shared->all_buckets_count == NODE_RELOADS_MAX)
        return false;
    struct bucket_table *copy = malloc(sizeof *copy);
    CHECK_MEMORY(copy);
    bucket_table_copy(copy, buckets);
    shared->all_buckets[shared->all_buckets_count++] = copy;
    atomic_store_explicit(&shared->buckets, copy, memory_order_release);
    return true;
}

struct node_shared *node_shared_new(const struct node_settings *settings, struct store *store,
                                    const struct lock_ops *locks, hybrid_time newest)
{
    struct ring_view *view = ring_view_new_single(settings->name, settings->partition_count);
    if (view == NULL || settings->incarnation == 0 || settings->tokens_max == 0) {
        ring_view_free(view);
        return NULL;
    }
    struct node_shared *shared = calloc(1, sizeof *shared);
    CHECK_MEMORY(shared);
    shared->view = view;
    shared->store = store;
    shared->tokens = token_table_new(settings->tokens_max, locks);
    replica_init(&shared->replica, view->members[0].id, settings->incarnation, newest);
    shared->replica.grace_ms = settings->grace_ms;
    shared->replica.pairs_kept = view->member_count == 1 ? REPLICA_PAIRS_KEPT_ALONE : REPLICA_PAIRS_KEPT;
    shared->replica.value_max = settings->value_max;
    shared->replica.object_max = settings->object_max;
    CHECK(node_reload_buckets(shared, &settings->buckets));
    return shared;
}

void node_shared_free(struct node_shared *shared)
{
    if (shared == NULL)
        return;
    for (unsigned i = 0; i < shared->all_buckets_count; i++) {
        bucket_table_close(shared->all_buckets[i]);
        free(shared->all_buckets[i]);
    }
    token_table_free(shared->tokens);
    ring_view_free(shared->view);
    free(shared);
}

void node_init(struct node *node, struct node_shared *shared, struct store_loop *store)
{
    *node = (struct node){.shared = shared, .store = store};
    coordinator_init(&node->coordinator, &shared->replica, shared->tokens, store);
    queue_init(&node->unsettled);
}

void node_close(struct node *node)
{
    sweep_free(node->sweep);
    coordinator_close(&node->coordinator);
}

void node_load(struct node *node, struct instant now)
{
    coordinator_load_flush(&node->coordinator, now);
}

void node_request(struct node *node, struct instant now, struct request *request)
{
    struct bytes key = request_key(request);
    request->op.hash = hash_of_key(key);
    request->op.partition = ring_partition(node->shared->view, request->op.hash);
    request->bucket = bucket_of_key(node_buckets(node->shared), key);
    coordinator_start(&node->coordinator, now, request);
}

static struct store_op *next_ended(struct node *node, struct instant now)
{
    struct queue_node *first = queue_pop(&node->unsettled);
    return first != NULL ? CONTAINER_OF(first, struct store_op, link) : store_next_done(node->store, now);
}

unsigned node_settle(struct node *node, struct instant now)
{
    unsigned ended = 0;
    struct store_op *op;
    node->coordinator.now = now; /* for functions that the store runs again after waiting for space */
    while ((op = next_ended(node, now)) != NULL) {
        if (sweep_owns(node->sweep, op))
            sweep_on_stored(node->sweep, op);
        else if (coordinator_on_stored(&node->coordinator, now, op))
            ended++;
    }
    return ended;
}

uint64_t node_now_ms(const struct node *node, struct instant now)
{
    return hybrid_now_ms(&node->shared->replica.clock, now);
}

uint64_t node_token(struct node *node, const struct request *request, int pick)
{
    return coordinator_token(&node->coordinator, request, pick);
}

const struct ring_view *node_view(const struct node_shared *shared)
{
    return shared->view;
}

const struct bucket_table *node_buckets(const struct node_shared *shared)
{
    return atomic_load_explicit(&shared->buckets, memory_order_acquire);
}

struct hybrid_clock *node_clock(struct node_shared *shared)
{
    return &shared->replica.clock;
}
