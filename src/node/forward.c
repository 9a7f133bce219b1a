#include "node/forward.h"

#include "base/check.h"
#include "base/hash.h"
#include "coordinator/peers.h"
#include "node/forward_wire.h"
#include "node/serve.h"
#include "node/shared.h"

#include <stdlib.h>

enum {
    BUCKETS = 4096,     /* of the table by number, a power of two */
    POOLED_MAX = 4096,  /* unused ones that are kept */
    TICK_MS = 1,        /* deadlines are looked at in steps of this */
    PAUSE_MS_MIN = 10,  /* before a member that knows another ring table is asked again ... */
    PAUSE_MS_MAX = 160, /* ... doubled up to this */
    MARGIN_MS_MAX = 50, /* by how much the other's deadline is before ours, so that its answer, even that it had to give
                         * up, comes before we take it for dead */
    MARGIN_SHARE = 8    /* and at most this part of what is left */
};

struct forward {
    struct list all;      /* the table's */
    struct forward *next; /* in its bucket */
    struct request *request;
    struct node_link *via; /* NULL: it waits for again_at_ns or a newer view */
    struct list of_link;
    uint64_t number;       /* on `via` */
    uint64_t peer_replies; /* that the peer had given by then */
    uint64_t again_at_ns;
    uint32_t pause_ms;
    uint32_t tried; /* bit n: the n-th owner by the view of tried_epoch has been tried in vain */
    uint64_t tried_epoch;
};

struct forward_table {
    struct pool pool;
    struct list all;
    unsigned count;
    uint64_t wake_at_ns; /* not later than what is due first */
    struct forward *buckets[BUCKETS];
};

struct forward_table *forward_table_new(void)
{
    struct forward_table *table = calloc(1, sizeof *table);
    CHECK_MEMORY(table);
    pool_init(&table->pool, sizeof(struct forward), POOLED_MAX);
    list_init(&table->all);
    table->wake_at_ns = UINT64_MAX;
    return table;
}

void forward_table_free(struct forward_table *table)
{
    CHECK(list_is_empty(&table->all));
    pool_close(&table->pool);
    free(table);
}

static struct forward **bucket_of(struct forward_table *table, const struct node_link *via, uint64_t number)
{
    return &table->buckets[hash_mix(number ^ via->serial << 40) & (BUCKETS - 1)];
}

static struct forward *find(struct forward_table *table, const struct node_link *via, uint64_t number)
{
    struct forward *at = *bucket_of(table, via, number);
    while (at != NULL && (at->number != number || at->via != via))
        at = at->next;
    return at;
}

/* No longer waits for a reply. */
static void detach(struct forward_table *table, struct forward *forward)
{
    if (forward->via == NULL)
        return;
    struct forward **at = bucket_of(table, forward->via, forward->number);
    while (*at != forward)
        at = &(*at)->next;
    *at = forward->next;
    list_remove(&forward->of_link);
    forward->via = NULL;
}

static void wake_by(struct forward_table *table, uint64_t at_ns)
{
    if (at_ns < table->wake_at_ns)
        table->wake_at_ns = at_ns;
}

static void attach(struct forward_table *table, struct forward *forward, struct node_link *via)
{
    forward->via = via;
    forward->number = ++via->forwards_numbered;
    list_push_back(&via->forwards, &forward->of_link);
    struct forward **bucket = bucket_of(table, via, forward->number);
    forward->next = *bucket;
    *bucket = forward;
    wake_by(table, forward->request->deadline_ns);
}

static struct forward *begin(struct node *node, struct request *request)
{
    struct forward_table *table = node->forwards;
    struct forward *forward = pool_borrow(&table->pool);
    *forward = (struct forward){.request = request, .pause_ms = PAUSE_MS_MIN};
    list_push_back(&table->all, &forward->all);
    table->count++;
    return forward;
}

static void end(struct node *node, struct forward *forward)
{
    struct forward_table *table = node->forwards;
    detach(table, forward);
    list_remove(&forward->all);
    table->count--;
    pool_return(&table->pool, forward);
}

static void fail(struct node *node, struct request *request, enum request_failure failure)
{
    request->status = REQUEST_FAILED;
    request->failure = failure;
    node_end(node, request);
    counter_increment(&node->counters.forward_failures);
}

static void end_failed(struct node *node, struct forward *forward, enum request_failure failure)
{
    struct request *request = forward->request;
    end(node, forward);
    fail(node, request, failure);
}

/* Whatever was tried in vain under an older view is worth another try. */
static uint32_t tried_now(const struct node *node, struct forward *forward)
{
    if (forward->tried_epoch != node->view->epoch) {
        forward->tried_epoch = node->view->epoch;
        forward->tried = 0;
    }
    return forward->tried;
}

/* The first owner that is up and has not been tried; -1: none. This node counts as up. */
static int next_owner(struct node *node, struct instant now, struct forward *forward)
{
    const struct ring_view *view = node->view;
    const uint16_t *owners = ring_preference_list(view, forward->request->op.partition);
    uint32_t tried = tried_now(node, forward);
    for (uint32_t place = 0; place < view->owner_count; place++) {
        if ((tried & 1U << place) != 0)
            continue;
        if (owners[place] == node->self_index)
            return owners[place];
        const struct peer *peer = peers_find(&node->peers, view->members[owners[place]].id);
        if (peer != NULL && peer_is_up(peer, now))
            return owners[place];
    }
    return -1;
}

static void mark_tried(struct node *node, struct forward *forward, uint32_t member)
{
    int place = ring_owner_place(node->view, forward->request->op.partition, member);
    (void)tried_now(node, forward);
    if (place >= 0)
        forward->tried |= 1U << place;
}

static bool send(struct node *node, struct instant now, struct forward *forward, uint32_t member)
{
    struct peer *peer = peers_find(&node->peers, node->view->members[member].id);
    if (peer == NULL || peer->link == NULL)
        return false;
    struct node_link *via = node_link_of(peer->link);
    struct chain *out = peer_request(&node->peers, peer, now);
    if (out == NULL)
        return false;
    uint64_t left_ms = (forward->request->deadline_ns - now.mono_ns) / 1000000;
    uint64_t margin_ms = left_ms / MARGIN_SHARE < MARGIN_MS_MAX ? left_ms / MARGIN_SHARE : MARGIN_MS_MAX;
    attach(node->forwards, forward, via);
    forward->peer_replies = peer->replies;
    forward_write(node, forward->request, forward->number, (uint32_t)(left_ms - margin_ms), out);
    counter_increment(&node->counters.forwarded);
    return true;
}

static void start_here(struct node *node, struct instant now, struct request *request)
{
    coordinator_start(&node->coordinator, now, request, request->deadline_ns);
}

/* Sends it to `member` or, if that one takes nothing, to the next. */
static void send_on(struct node *node, struct instant now, struct forward *forward, int member)
{
    if (now.mono_ns >= forward->request->deadline_ns) {
        end_failed(node, forward, FAILURE_TIMEOUT);
        return;
    }
    for (; member >= 0; member = next_owner(node, now, forward)) {
        if (member == node->self_index) {
            struct request *request = forward->request;
            end(node, forward);
            start_here(node, now, request);
            return;
        }
        if (send(node, now, forward, (uint32_t)member))
            return;
        mark_tried(node, forward, (uint32_t)member);
    }
    end_failed(node, forward, FAILURE_NO_QUORUM);
}

static int route(struct node *node, struct instant now, struct request *request)
{
    return coordinator_route(&node->coordinator, now, request, (uint32_t)node->self_index);
}

void forward_route(struct node *node, struct instant now, struct request *request)
{
    int member = route(node, now, request);
    if (member >= 0 && member == node->self_index)
        start_here(node, now, request);
    else if (member < 0)
        fail(node, request, FAILURE_NO_QUORUM);
    else if (node->forwards->count >= NODE_FORWARDS_MAX)
        fail(node, request, FAILURE_BUSY);
    else
        send_on(node, now, begin(node, request), member);
}

/* Chooses anew; what was tried in vain stays out of it. */
static void try_again(struct node *node, struct instant now, struct forward *forward)
{
    counter_increment(&node->counters.forward_retries);
    int member = route(node, now, forward->request);
    if (member >= 0 && member != node->self_index) {
        int place = ring_owner_place(node->view, forward->request->op.partition, (uint32_t)member);
        if (place >= 0 && (tried_now(node, forward) & 1U << place) != 0)
            member = next_owner(node, now, forward);
    }
    send_on(node, now, forward, member);
}

/* It was not carried out there: one of the two has an older ring table, which a newer view or a little time heals. */
static void park(struct node *node, struct instant now, struct forward *forward)
{
    detach(node->forwards, forward);
    forward->again_at_ns = now.mono_ns + (uint64_t)forward->pause_ms * 1000000;
    if (forward->pause_ms < PAUSE_MS_MAX)
        forward->pause_ms *= 2;
    wake_by(node->forwards, forward->again_at_ns);
}

/* Nothing was done there, for lack of other owners: another owner may reach them. */
static bool is_worth_another(const struct message_forward_reply *reply)
{
    return reply->status == REQUEST_FAILED && reply->failure == FAILURE_NO_QUORUM;
}

static void go_elsewhere(struct node *node, struct instant now, struct forward *forward, uint32_t peer)
{
    int member = ring_member_index(node->view, peer);
    detach(node->forwards, forward);
    if (member >= 0)
        mark_tried(node, forward, (uint32_t)member);
    try_again(node, now, forward);
}

bool forward_on_reply(struct node *node, struct instant now, struct node_link *link, const struct frame *frame)
{
    struct message_forward_reply reply;
    if (!message_read_forward_reply(frame, &reply))
        return false;
    node_hear_of_epoch(node, now, reply.epoch);
    struct peer *peer = peers_find(&node->peers, link->link->peer);
    if (peer != NULL)
        peer_on_sign(peer); /* how long it took to coordinate tells nothing of how long a replica takes */
    struct forward *forward = find(node->forwards, link, reply.number);
    if (forward == NULL)
        return true; /* a late one, or a copy: its request has ended */
    if (!forward_is_answer_to(forward->request, &reply))
        return false;
    if ((reply.marks & FORWARD_NOT_MINE) != 0) {
        park(node, now, forward);
    } else if (is_worth_another(&reply)) {
        go_elsewhere(node, now, forward, link->link->peer);
    } else {
        struct request *request = forward->request;
        end(node, forward);
        forward_take_reply(node, now, request, &reply);
        node_end(node, request);
    }
    return true;
}

/* As good when done twice? Then it may be sent elsewhere although the first may still be carried out. A set or delete
 * is not: carried out twice it has two dots, and a later delete that meets only one of them lets the other come back
 * (P4). */
static bool is_idempotent(const struct request *request)
{
    switch (request->kind) {
    case REQUEST_GET:
        return !request->has_expiry && !request->has_effects && !request->claims && !request->vivify
               && !request->recache;
    case REQUEST_TOUCH:
        return true;
    default:
        return false;
    }
}

void forward_on_link_down(struct node *node, struct instant now, struct node_link *link)
{
    struct list *first;
    while ((first = link->forwards.next) != &link->forwards) {
        struct forward *forward = CONTAINER_OF(first, struct forward, of_link);
        if (is_idempotent(forward->request)) {
            forward->request->in_doubt = forward->request->kind != REQUEST_GET;
            go_elsewhere(node, now, forward, link->link->peer);
        } else {
            end_failed(node, forward, FAILURE_LOST);
        }
    }
}

void forward_on_view(struct node *node, struct instant now)
{
    for (struct list *at = node->forwards->all.next, *next; at != &node->forwards->all; at = next) {
        struct forward *forward = CONTAINER_OF(at, struct forward, all);
        next = at->next;
        if (forward->via == NULL)
            try_again(node, now, forward);
    }
}

/* When nothing at all has come from the peer meanwhile, no request goes to it before its probe is due. */
static void time_out(struct node *node, struct instant now, struct forward *forward)
{
    if (forward->via == NULL) {
        end_failed(node, forward, FAILURE_HELD);
        return;
    }
    struct peer *peer = peers_find(&node->peers, forward->via->link->peer);
    if (peer != NULL && peer->link == forward->via->link && peer->replies == forward->peer_replies)
        peer_on_silence(peer, now);
    end_failed(node, forward, FAILURE_TIMEOUT);
}

void forward_tick(struct node *node, struct instant now)
{
    struct forward_table *table = node->forwards;
    if (now.mono_ns < table->wake_at_ns)
        return;
    uint64_t earliest = UINT64_MAX;
    table->wake_at_ns = UINT64_MAX;
    for (struct list *at = table->all.next, *next; at != &table->all; at = next) {
        struct forward *forward = CONTAINER_OF(at, struct forward, all);
        next = at->next;
        bool waits = forward->via == NULL;
        uint64_t due = waits && forward->again_at_ns < forward->request->deadline_ns ? forward->again_at_ns
                                                                                     : forward->request->deadline_ns;
        if (due > now.mono_ns)
            earliest = due < earliest ? due : earliest;
        else if (forward->request->deadline_ns <= now.mono_ns)
            time_out(node, now, forward);
        else
            try_again(node, now, forward);
    }
    if (earliest != UINT64_MAX && earliest < now.mono_ns + TICK_MS * 1000000)
        earliest = now.mono_ns + TICK_MS * 1000000;
    wake_by(table, earliest);
}

uint64_t forward_wake_at(const struct node *node)
{
    return node->forwards->wake_at_ns;
}
