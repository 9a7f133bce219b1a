#include "node/repair.h"

#include "antientropy/antientropy.h"
#include "base/check.h"
#include "hints/deliver.h"
#include "node/shared.h"

#include <stdlib.h>

enum { COMPARE_AGAIN_MS = 250 }; /* between two comparisons for the sake of copies that have fallen behind meanwhile */

struct repair {
    struct antientropy *antientropy;
    struct deliver *deliver; /* NULL: there is no hint database */
    bool is_due;             /* something has come that may let it go on */
    bool has_view;           /* its parts know one */
    bool view_is_new;
    bool is_stopped;
    const struct bucket_table *buckets; /* that it has been told of */
    uint64_t behind_seen;               /* of shared->behind */
    uint64_t compare_at_ns;             /* not before this */
};

static bool is_up(void *host, uint32_t id, struct instant now)
{
    struct node *node = host;
    const struct peer *peer = peers_find(&node->peers, id);
    return peer != NULL && peer_is_up(peer, now);
}

static struct chain *request_to(void *host, uint32_t id, struct instant now)
{
    struct node *node = host;
    struct peer *peer = peers_find(&node->peers, id);
    return peer == NULL ? NULL : peer_request(&node->peers, peer, now);
}

/* The copy has acknowledged what it lacks. */
static void lose(void *host, uint16_t partition)
{
    struct node *node = host;
    standing_mark(node->shared->standing, partition, STANDING_DOUBTFUL);
    antientropy_look(node->repair->antientropy);
}

static struct deliver *make_deliver(struct node *node)
{
    struct node_shared *shared = node->shared;
    const struct deliver_parts parts = {.hints = shared->hints,
                                        .replica = &shared->replica,
                                        .hint_loop = node->hint_store,
                                        .data_loop = node->store,
                                        .op_owner = NODE_OP_DELIVER,
                                        .is_up = is_up,
                                        .request = request_to,
                                        .lose = lose,
                                        .host = node};
    return node->hint_store == NULL ? NULL : deliver_new(&parts);
}

void node_begin_repair(struct node *node)
{
    struct node_shared *shared = node->shared;
    CHECK(node->repair == NULL && list_is_empty(&node->links));
    if (store_tree(shared->store) == NULL) /* a volatile store: it is alone */
        return;
    const struct antientropy_parts parts = {.replica = &shared->replica,
                                            .standing = shared->standing,
                                            .store = shared->store,
                                            .loop = node->store,
                                            .hints = shared->hints,
                                            .peers = &node->peers,
                                            .op_owner = NODE_OP_ANTIENTROPY,
                                            .settings = shared->antientropy};
    node->repair = calloc(1, sizeof *node->repair);
    CHECK_MEMORY(node->repair);
    node->repair->antientropy = antientropy_new(&parts);
    node->repair->deliver = make_deliver(node);
    node->repair->view_is_new = true;
}

void node_stop_repair(struct node *node)
{
    if (node->repair == NULL)
        return;
    node->repair->is_stopped = true;
    if (node->repair->deliver != NULL)
        deliver_stop(node->repair->deliver);
}

struct antientropy *node_antientropy(struct node *node)
{
    return node->repair == NULL ? NULL : node->repair->antientropy;
}

const struct deliver *node_deliver(const struct node *node)
{
    return node->repair == NULL ? NULL : node->repair->deliver;
}

void repair_free(struct repair *repair)
{
    if (repair == NULL)
        return;
    antientropy_free(repair->antientropy);
    if (repair->deliver != NULL)
        deliver_free(repair->deliver);
    free(repair);
}

/* Without a table nobody is known for whom to do anything: a hint would seem to be nobody's. */
static bool has_ring(const struct node *node)
{
    return node->repair != NULL && node->view->epoch != 0;
}

/* To be called first by everything that follows: the view and the buckets are those of the node's present call. */
static void enter(struct node *node, struct instant now)
{
    struct repair *repair = node->repair;
    const struct bucket_table *buckets = node_buckets(node->shared);
    if (repair->view_is_new) {
        repair->view_is_new = false;
        repair->has_view = true;
        antientropy_set_view(repair->antientropy, now, node->view, node->self_index);
        if (repair->deliver != NULL)
            deliver_set_view(repair->deliver, now, node->view, node->self_index);
    }
    if (repair->buckets != buckets) {
        repair->buckets = buckets;
        antientropy_set_buckets(repair->antientropy, buckets);
        if (repair->deliver != NULL)
            deliver_set_buckets(repair->deliver, buckets);
    }
}

static void wake(struct node *node)
{
    node->repair->is_due = true;
    node->has_more = true;
}

void repair_on_view(struct node *node)
{
    if (node->repair == NULL)
        return;
    node->repair->view_is_new = true;
    if (node->repair->has_view) /* at once: the one before is freed when the next one is published */
        enter(node, node->coordinator.now);
    wake(node);
}

bool repair_receive(struct node *node, struct instant now, struct node_link *link, const struct frame *frame)
{
    bool replied = false;
    if (node->repair == NULL)
        return false;
    if (!has_ring(node))
        return true; /* it will be asked again */
    enter(node, now);
    struct peer *peer = link->link->is_dialled ? peers_find(&node->peers, link->link->peer) : NULL;
    if (peer != NULL && peer->link == link->link)
        peer_on_sign(peer);
    bool good = antientropy_receive(node->repair->antientropy, now, link->link->peer, link->link, &replied, frame);
    if (replied)
        link_wants_flush(&node->flushes, link->link);
    wake(node);
    return good;
}

bool repair_take_write_reply(struct node *node, struct instant now, uint32_t from,
                             const struct message_write_reply *reply)
{
    if ((reply->id & DELIVER_ID_BIT) == 0 || node->repair == NULL || node->repair->deliver == NULL)
        return false;
    struct peer *peer = peers_find(&node->peers, from);
    if (peer != NULL)
        peer_on_sign(peer);
    if (has_ring(node)) {
        enter(node, now);
        deliver_on_write_reply(node->repair->deliver, now, from, reply);
        wake(node);
    }
    return true;
}

void repair_on_stored(struct node *node, struct instant now, struct store_op *op)
{
    CHECK(node->repair != NULL);
    enter(node, now);
    if (op->owner == NODE_OP_DELIVER)
        deliver_on_stored(node->repair->deliver, now, op);
    else
        antientropy_on_stored(node->repair->antientropy, now, op);
    wake(node);
}

void repair_on_peers(struct node *node, struct instant now)
{
    struct repair *repair = node->repair;
    if (!has_ring(node))
        return;
    enter(node, now);
    for (uint32_t i = 0; i < node->peers.count; i++) {
        struct peer *peer = &node->peers.list[i];
        bool is_up = peer->link != NULL && !peer->is_silent;
        if (is_up == peer->is_known_up)
            continue;
        peer->is_known_up = is_up;
        (is_up ? antientropy_on_peer_up : antientropy_on_peer_down)(repair->antientropy, now, peer->node);
        if (repair->deliver != NULL)
            (is_up ? deliver_on_peer_up : deliver_on_peer_down)(repair->deliver, now, peer->node);
        wake(node);
    }
}

void repair_on_link_down(struct node *node, struct link *link)
{
    if (node->repair != NULL)
        antientropy_on_link_down(node->repair->antientropy, link);
}

/* Any loop may have found that writes may have passed by. */
static void compare_what_is_behind(struct node *node, struct instant now)
{
    struct repair *repair = node->repair;
    uint64_t behind = atomic_load_explicit(&node->shared->behind, memory_order_relaxed);
    if (behind == repair->behind_seen || now.mono_ns < repair->compare_at_ns)
        return;
    repair->behind_seen = behind;
    repair->compare_at_ns = now.mono_ns + (uint64_t)COMPARE_AGAIN_MS * 1000000;
    antientropy_look(repair->antientropy);
}

bool repair_tick(struct node *node, struct instant now)
{
    struct repair *repair = node->repair;
    if (!has_ring(node) || (!repair->is_due && now.mono_ns < repair_wake_at(node)))
        return false;
    repair->is_due = false;
    enter(node, now);
    if (repair->is_stopped)
        return false;
    compare_what_is_behind(node, now);
    antientropy_tick(repair->antientropy, now);
    if (repair->deliver != NULL)
        deliver_tick(repair->deliver, now);
    return true;
}

uint64_t repair_wake_at(const struct node *node)
{
    const struct repair *repair = node->repair;
    if (!has_ring(node) || repair->is_stopped)
        return UINT64_MAX;
    uint64_t own = antientropy_wake_at(repair->antientropy);
    uint64_t delivery = repair->deliver == NULL ? UINT64_MAX : deliver_wake_at(repair->deliver);
    return own < delivery ? own : delivery;
}

unsigned repair_pending(const struct node *node)
{
    const struct repair *repair = node->repair;
    if (repair == NULL)
        return 0;
    return antientropy_pending(repair->antientropy) + (repair->deliver == NULL ? 0 : deliver_pending(repair->deliver));
}
