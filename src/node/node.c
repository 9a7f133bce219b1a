#include "node/node.h"

#include "base/bounds.h"
#include "base/check.h"
#include "base/hash.h"
#include "base/list.h"
#include "node/awake.h"
#include "node/forward.h"
#include "node/inspect.h"
#include "node/links.h"
#include "node/repair.h"
#include "node/serve.h"
#include "node/shared.h"
#include "node/survey.h"
#include "node/sweep.h"

enum {
    SERVES_POOLED = 1024,   /* unused serves that are kept */
    FORWARDED_POOLED = 256, /* the same of the larger ones */
    HEAR_EVERY_MS = 100     /* how often the membership is told of the same epoch */
};

static void reroute(void *host, struct instant now, struct request *request)
{
    struct node *node = host;
    (void)now;
    queue_push(&node->rerouted, &request->op.link);
    node->has_more = true;
}

static void init_parts(struct node *node)
{
    struct node_shared *shared = node->shared;
    const struct coordinator_parts parts = {
        .replica = &shared->replica,
        .tokens = shared->tokens,
        .store = node->store,
        .peers = &node->peers,
        .standing = shared->standing,
        .hints = shared->hints,
        .hint_store = node->hint_store,
        .quarantine = &shared->quarantine,
        .writes_held = &shared->writes_held,
        .settings = shared->coordinator,
        .ports = {.reroute = reroute, .host = node},
    };
    peers_init(&node->peers, &node->flushes);
    coordinator_init(&node->coordinator, &parts);
    node->forwards = forward_table_new();
    pool_init(&node->serves, sizeof(struct serve), SERVES_POOLED);
    pool_init(&node->forwarded, sizeof(struct forwarded), FORWARDED_POOLED);
}

void node_init(struct node *node, struct node_shared *shared, struct store_loop *store, struct store_loop *hint_store)
{
    *node = (struct node){.shared = shared,
                          .store = store,
                          .hint_store = hint_store,
                          .greet_at_ns = UINT64_MAX,
                          .late_at_ns = UINT64_MAX};
    prng_init(&node->names, shared->replica.incarnation + hash_mix(atomic_fetch_add(&shared->name_seeds, 1)));
    queue_init(&node->flushes);
    queue_init(&node->inspections);
    queue_init(&node->surveys);
    queue_init(&node->rerouted);
    queue_init(&node->ended);
    queue_init(&node->unsettled);
    list_init(&node->links);
    arena_init(&node->scratch);
    init_parts(node);
    node_take_slot(node);
}

void node_close(struct node *node)
{
    CHECK(list_is_empty(&node->links) && node_pending(node) == 0 && queue_is_empty(&node->inspections));
    CHECK(queue_is_empty(&node->surveys));
    sweep_free(node->sweep);
    repair_free(node->repair);
    forward_table_free(node->forwards);
    coordinator_close(&node->coordinator);
    peers_close(&node->peers);
    pool_close(&node->serves);
    pool_close(&node->forwarded);
    arena_close(&node->scratch);
    node_give_slot(node);
}

unsigned node_pending(const struct node *node)
{
    return node->pending + node->coordinator.pending + repair_pending(node);
}

void node_load(struct node *node, struct instant now)
{
    coordinator_load_flush(&node->coordinator, now);
}

void node_learn(struct node *node, struct instant now, hybrid_time clock, const struct flush_registers *registers)
{
    node_enter(node);
    replica_observe(&node->shared->replica, clock, now);
    if (coordinator_registers_are_sane(registers))
        coordinator_take_registers(&node->coordinator, now, registers);
}

void node_hear_of_epoch(struct node *node, struct instant now, uint64_t epoch)
{
    const struct node_shared *shared = node->shared;
    if (epoch <= node->view->epoch || shared->hear_of_epoch == NULL)
        return;
    if (epoch <= node->heard_epoch && now.mono_ns - node->heard_ns < (uint64_t)HEAR_EVERY_MS * 1000000)
        return;
    node->heard_epoch = epoch;
    node->heard_ns = now.mono_ns;
    shared->hear_of_epoch(shared->host, epoch);
}

void node_request(struct node *node, struct instant now, struct request *request)
{
    node_enter(node);
    node_place(node, request);
    if (node->is_alone || request->kind == REQUEST_FLUSH) {
        coordinator_start(&node->coordinator, now, request, 0);
        return;
    }
    node_watch_clock(node, now);
    request->deadline_ns = now.mono_ns + (uint64_t)node->coordinator.settings.timeout_ms * 1000000;
    forward_route(node, now, request);
}

static unsigned on_new_view(struct node *node, struct instant now)
{
    if (!node->view_is_new)
        return 0;
    node->view_is_new = false;
    forward_on_view(node, now);
    return coordinator_on_view(&node->coordinator, now);
}

static void route_anew(struct node *node, struct instant now)
{
    struct queue rerouted;
    struct queue_node *at;
    queue_init(&rerouted);
    queue_append(&rerouted, &node->rerouted);
    while ((at = queue_pop(&rerouted)) != NULL) {
        struct request *request = CONTAINER_OF(at, struct request, op.link);
        if (serve_forward_owns(request))
            serve_forward_reroute(node, now, request);
        else
            forward_route(node, now, request);
    }
}

static void on_own_op(struct node *node, struct instant now, struct store_op *op)
{
    switch ((enum node_op)op->owner) {
    case NODE_OP_SWEEP:
        sweep_on_stored(node->sweep, op);
        break;
    case NODE_OP_READ:
    case NODE_OP_WRITE:
    case NODE_OP_FLUSH:
    case NODE_OP_HINT_READ:
    case NODE_OP_HINT_WRITE:
        serve_on_stored(node, now, op);
        break;
    case NODE_OP_GREETING:
        greeting_on_stored(node, now, op);
        break;
    case NODE_OP_INSPECTION:
        inspect_on_stored(node, op);
        break;
    case NODE_OP_ANTIENTROPY:
    case NODE_OP_DELIVER:
        repair_on_stored(node, now, op);
        break;
    }
}

static inline unsigned on_stored(struct node *node, struct instant now, struct store_op *op)
{
    if (op->owner < COORDINATOR_OPS)
        return coordinator_on_stored(&node->coordinator, now, op);
    on_own_op(node, now, op);
    return 0;
}

unsigned node_go_on(struct node *node, struct instant now)
{
    struct queue_node *at;
    if (!node->has_more)
        return 0;
    node->has_more = false;
    unsigned ended = on_new_view(node, now);
    while ((at = queue_pop(&node->unsettled)) != NULL)
        ended += on_stored(node, now, CONTAINER_OF(at, struct store_op, link));
    route_anew(node, now);
    while ((at = queue_pop(&node->ended)) != NULL) {
        struct request *request = CONTAINER_OF(at, struct request, op.link);
        request->done(request);
        ended++;
    }
    inspect_end(node);
    survey_end(node);
    if (repair_tick(node, now))
        node->has_more = true; /* what it has submitted may have ended */
    return ended;
}

/* What ends here may submit more to either store; that is fetched in the next round. */
static unsigned settle_hints(struct node *node, struct instant now)
{
    unsigned ended = 0;
    struct store_op *op;
    while ((op = store_next_done(node->hint_store, now)) != NULL) {
        ended += on_stored(node, now, op);
        node->has_more = true;
    }
    return ended;
}

unsigned node_settle(struct node *node, struct instant now)
{
    unsigned ended = 0;
    struct store_op *op;
    node_enter(node);
    node->coordinator.now = now; /* for functions that the store runs again after waiting for space */
    for (;;) {
        while ((op = store_next_done(node->store, now)) != NULL)
            ended += on_stored(node, now, op);
        if (node->hint_store != NULL)
            ended += settle_hints(node, now);
        if (!queue_is_empty(&node->coordinator.ended))
            ended += coordinator_settle(&node->coordinator, now);
        if (!node->has_more)
            return ended;
        ended += node_go_on(node, now); /* and requests may have been started anew */
    }
}

/* What the other end asks, on a link that it has dialled. */
static bool receive_ask(struct node *node, struct instant now, struct node_link *link, const struct frame *frame)
{
    switch (frame->type) {
    case MESSAGE_READ:
        return serve_read(node, now, link, frame);
    case MESSAGE_WRITE:
        return serve_write(node, now, link, frame);
    case MESSAGE_FORWARD:
        return serve_forward(node, now, link, frame);
    case MESSAGE_FLUSH:
        return serve_flush(node, now, link, frame);
    case MESSAGE_SURVEY:
        return survey_receive(node, link, frame);
    default:
        return false;
    }
}

static bool on_read_reply(struct node *node, struct instant now, struct node_link *link, const struct frame *frame)
{
    struct message_read_reply reply;
    if (!message_read_read_reply(frame, &reply))
        return false;
    node_hear_of_epoch(node, now, reply.epoch);
    if ((reply.id & INSPECT_ID_BIT) != 0) {
        struct peer *peer = peers_find(&node->peers, link->link->peer);
        if (peer != NULL)
            peer_on_sign(peer); /* no round does it: a peer that answers inspections only is not silent */
        inspect_on_read_reply(node, &reply);
        return true;
    }
    (void)coordinator_on_read_reply(&node->coordinator, now, link->link->peer, &reply);
    return true;
}

static bool on_write_reply(struct node *node, struct instant now, struct node_link *link, const struct frame *frame)
{
    struct message_write_reply reply;
    if (!message_read_write_reply(frame, &reply))
        return false;
    node_hear_of_epoch(node, now, reply.epoch);
    if (repair_take_write_reply(node, now, link->link->peer, &reply))
        return true;
    (void)coordinator_on_write_reply(&node->coordinator, now, link->link->peer, &reply);
    return true;
}

static bool on_flush_reply(struct node *node, struct instant now, struct node_link *link, const struct frame *frame)
{
    struct message_flush_reply reply;
    if (!message_read_flush_reply(frame, &reply))
        return false;
    (void)coordinator_on_flush_reply(&node->coordinator, now, link->link->peer, &reply);
    return true;
}

/* What the other end answers, on a link that this node has dialled. */
static bool receive_answer(struct node *node, struct instant now, struct node_link *link, const struct frame *frame)
{
    switch (frame->type) {
    case MESSAGE_READ_REPLY:
        return on_read_reply(node, now, link, frame);
    case MESSAGE_WRITE_REPLY:
        return on_write_reply(node, now, link, frame);
    case MESSAGE_FORWARD_REPLY:
        return forward_on_reply(node, now, link, frame);
    case MESSAGE_FLUSH_REPLY:
        return on_flush_reply(node, now, link, frame);
    case MESSAGE_SURVEY_REPLY:
        return survey_on_reply(node, link, frame);
    default:
        return false;
    }
}

static bool receive(struct node *node, struct instant now, struct node_link *link, const struct frame *frame)
{
    if (frame->type == MESSAGE_GREETING)
        return greeting_receive(node, now, link, frame);
    if (!link->is_greeted)
        return false;
    if (frame->type >= MESSAGE_OF_REPAIR && frame->type < MESSAGE_END_OF_REPAIR)
        return repair_receive(node, now, link, frame);
    return link->link->is_dialled ? receive_answer(node, now, link, frame) : receive_ask(node, now, link, frame);
}

bool node_receive(struct node *node, struct instant now, struct link *link, const struct frame *frame)
{
    node_enter(node);
    node_watch_clock(node, now);
    bool good = receive(node, now, node_link_of(link), frame);
    if (!good)
        counter_increment(&node->counters.malformed);
    node_watch_returns(node, now);
    (void)node_go_on(node, now);
    return good;
}

void node_tick(struct node *node, struct instant now)
{
    node_enter(node);
    awake_tick(node, now);
    (void)coordinator_tick(&node->coordinator, now);
    forward_tick(node, now);
    greeting_tick(node, now);
    inspect_tick(node, now);
    survey_tick(node, now);
    (void)repair_tick(node, now);
    (void)node_settle(node, now); /* what starts anew here may have ended already */
}

uint64_t node_wake_at(const struct node *node)
{
    uint64_t own = smaller(smaller(node->greet_at_ns, node->peers.wake_at_ns), inspect_wake_at(node));
    own = smaller(own, survey_wake_at(node));
    if (!node->is_alone)
        own = smaller(own, node->beat_at_ns);
    if (node->repair != NULL)
        own = smaller(own, repair_wake_at(node));
    return smaller(smaller(own, forward_wake_at(node)), coordinator_wake_at(&node->coordinator));
}

uint64_t node_now_ms(const struct node *node, struct instant now)
{
    return hybrid_now_ms(&node->shared->replica.clock, now);
}

uint64_t node_token(struct node *node, const struct request *request, int pick)
{
    return coordinator_token(&node->coordinator, request, pick);
}
