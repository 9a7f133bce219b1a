#include "node/forward.h"

#include "coordinator/peers.h"
#include "node/forward_legs.h"
#include "node/forward_wire.h"
#include "node/serve.h"
#include "node/shared.h"

enum {
    TICK_MS = 1,        /* deadlines are looked at in steps of this */
    PAUSE_MS_MAX = 160, /* FORWARD_PAUSE_MS_MIN doubled up to this */
    MARGIN_MS_MAX = 50, /* by how much the other's deadline is before ours, so that its answer, even that it had to give
                         * up, comes before we take it for dead */
    MARGIN_SHARE = 8    /* and at most this part of what is left */
};

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
    forward_end(node, forward);
    fail(node, request, failure);
}

/* What it does has a name of its own, by which a second coordinator knows what a first one has done [R10]. */
static bool is_named(const struct request *request)
{
    return request->kind != REQUEST_GET && request->kind != REQUEST_TOUCH;
}

static void name(struct node *node, struct instant now, struct request *request)
{
    if (request->name != 0 || !is_named(request))
        return;
    while (request->name == 0)
        request->name = prng_next(&node->names);
    request->attempt = 1;
    request->began = hybrid_next(&node->shared->replica.clock, now);
}

/* It may have been carried out at the last one who had it, or may be yet. All are tried elsewhere all the same: what
 * makes a version has its name, and to set an expiry twice is as good as once. The reader of a stale item who had won
 * is told by the second coordinator that somebody has, which it would be if it asked again itself. */
static void doubt(struct request *request)
{
    request->in_doubt |= request->kind != REQUEST_GET || request->has_expiry || request->has_effects || request->vivify;
    request->attempt += request->name != 0;
}

static bool send(struct node *node, struct instant now, struct forward *forward, uint32_t member)
{
    struct request *request = forward->request;
    struct peer *peer = peers_find(&node->peers, node->view->members[member].id);
    if (peer == NULL || peer->link == NULL)
        return false;
    struct node_link *via = node_link_of(peer->link);
    struct chain *out =
        peer_request_in_need(&node->peers, peer, now); /* whoever has chosen a silent one knows of none better */
    if (out == NULL)
        return false;
    uint64_t left_ms = (request->deadline_ns - now.mono_ns) / 1000000;
    uint64_t margin_ms = left_ms / MARGIN_SHARE < MARGIN_MS_MAX ? left_ms / MARGIN_SHARE : MARGIN_MS_MAX;
    struct leg *leg = leg_attach(node->forwards, now, forward, via);
    leg->peer_replies = peer->replies;
    name(node, now, request);
    forward_write(node, request, leg->number, (uint32_t)(left_ms - margin_ms), out);
    counter_increment(&node->counters.forwarded);
    return true;
}

static void start_here(struct node *node, struct instant now, struct request *request)
{
    coordinator_start(&node->coordinator, now, request, request->deadline_ns);
}

static int route(struct node *node, struct instant now, struct request *request)
{
    return coordinator_route(&node->coordinator, now, request, (uint32_t)node->self_index);
}

static void pause_forward(struct node *node, struct instant now, struct forward *forward)
{
    forward->newest = NULL; /* older legs may still be answered */
    forward->again_at_ns = now.mono_ns + (uint64_t)forward->pause_ms * 1000000;
    if (forward->pause_ms < PAUSE_MS_MAX)
        forward->pause_ms *= 2;
    forward_wake_by(node->forwards, forward->again_at_ns);
    forward_wake_by(node->forwards, forward->request->deadline_ns);
}

static void end_refused(struct node *node, struct forward *forward)
{
    if (forward->refusal == REQUEST_NO_MEMORY) {
        struct request *request = forward->request;
        forward_end(node, forward);
        request->status = REQUEST_NO_MEMORY;
        node_end(node, request);
        counter_increment(&node->counters.forward_failures);
    } else {
        end_failed(node, forward, forward->refusal == REQUEST_OK ? FAILURE_NO_QUORUM : forward->refused_for);
    }
}

/* Everyone may be tried again but for those who may answer yet. */
static void forget_who_owes_nothing(struct forward *forward)
{
    forward->request->tried_count = 0;
    for (unsigned i = 0; i < FORWARD_LEGS; i++) {
        if (forward->legs[i].via != NULL)
            request_note_tried(forward->request, forward->legs[i].via->link->peer);
    }
}

/* Nobody is left to be tried. If it may have been carried out, its outcome is worth being waited for: somebody may be
 * there again soon, or a silent one may answer yet. */
static void on_nobody_left(struct node *node, struct instant now, struct forward *forward)
{
    if (!forward_has_legs(forward) && !forward->request->in_doubt) {
        end_refused(node, forward);
        return;
    }
    forget_who_owes_nothing(forward);
    pause_forward(node, now, forward);
}

/* Sends it to `member` or, if that one takes nothing, to the next. */
static void send_on(struct node *node, struct instant now, struct forward *forward, int member)
{
    struct request *request = forward->request;
    if (now.mono_ns >= request->deadline_ns) {
        end_failed(node, forward, FAILURE_TIMEOUT);
        return;
    }
    for (; member >= 0; member = route(node, now, request)) {
        if (member == node->self_index) {
            forward_end(node, forward);
            start_here(node, now, request);
            return;
        }
        if (send(node, now, forward, (uint32_t)member))
            return;
        request_note_tried(request, node->view->members[member].id);
    }
    on_nobody_left(node, now, forward);
}

/* It was this node that could not do it for lack of space. */
static void go_on_from_here(struct node *node, struct instant now, struct request *request)
{
    request->is_full_here = false;
    request_note_tried(request, node->shared->replica.node);
    int member = route(node, now, request);
    if (member < 0 || node->forwards->count >= NODE_FORWARDS_MAX) {
        request->status = REQUEST_NO_MEMORY;
        node_end(node, request);
        return;
    }
    struct forward *forward = forward_begin(node, request);
    forward->refusal = REQUEST_NO_MEMORY;
    send_on(node, now, forward, member);
}

void forward_route(struct node *node, struct instant now, struct request *request)
{
    if (request->is_full_here) {
        go_on_from_here(node, now, request);
        return;
    }
    request->tried_count = 0; /* by whomever it was tried before this node began it in vain: things have changed */
    int member = route(node, now, request);
    if (member >= 0 && member == node->self_index)
        start_here(node, now, request);
    else if (member < 0)
        fail(node, request, FAILURE_NO_QUORUM);
    else if (node->forwards->count >= NODE_FORWARDS_MAX)
        fail(node, request, FAILURE_BUSY);
    else
        send_on(node, now, forward_begin(node, request), member);
}

/* Whatever was tried in vain under an older view is worth another try. */
static void forget_tried(const struct node *node, struct forward *forward)
{
    if (forward->tried_epoch == node->view->epoch)
        return;
    forward->tried_epoch = node->view->epoch;
    forward->request->tried_count = 0;
}

/* Chooses anew; what was tried in vain stays out of it. */
static void try_again(struct node *node, struct instant now, struct forward *forward)
{
    forget_tried(node, forward);
    counter_increment(&node->counters.forward_retries);
    send_on(node, now, forward, route(node, now, forward->request));
}

static void go_elsewhere(struct node *node, struct instant now, struct forward *forward, uint32_t peer)
{
    forget_tried(node, forward);
    request_note_tried(forward->request, peer);
    try_again(node, now, forward);
}

/* Whoever has this leg may have done it, and will not say so soon. `is_gone`: nor ever. */
static void on_lost(struct node *node, struct instant now, struct leg *leg, bool is_gone)
{
    struct forward *forward = leg->forward;
    uint32_t peer = leg->via->link->peer;
    bool is_newest = forward->newest == leg;
    if (is_gone)
        leg_give_up(node->forwards, leg);
    if (!is_newest)
        return;
    doubt(forward->request);
    go_elsewhere(node, now, forward, peer);
}

/* What the answer means for the request. */
enum meaning {
    MEANS_DONE,      /* or not done, for good */
    MEANS_ELSEWHERE, /* nothing was done there; another member may do it */
    MEANS_LATER,     /* nothing was done there, for reasons that pass */
    MEANS_DOUBT      /* it may have been done, or in part */
};

static enum meaning meaning_of(const struct node *node, const struct message_forward_reply *reply)
{
    if ((reply->marks & FORWARD_NOT_MINE) != 0) /* of two tables one is older; else it may not stand in */
        return reply->epoch == node->view->epoch ? MEANS_ELSEWHERE : MEANS_LATER;
    if (reply->status == REQUEST_NO_MEMORY)
        return MEANS_ELSEWHERE;
    if (reply->status != REQUEST_FAILED)
        return MEANS_DONE;
    switch ((enum request_failure)reply->failure) {
    case FAILURE_NO_QUORUM: /* others may reach more owners */
    case FAILURE_BUSY:
    case FAILURE_CORRUPT:
    case FAILURE_DISK_READ:
        return MEANS_ELSEWHERE;
    case FAILURE_HELD:
        return MEANS_LATER;
    case FAILURE_DISK_WRITE:
        return MEANS_DOUBT;
    default:
        return MEANS_DONE;
    }
}

static void take_refusal(struct forward *forward, const struct message_forward_reply *reply)
{
    forward->refusal = (enum request_status)reply->status;
    forward->refused_for = (enum request_failure)reply->failure;
}

static void take(struct node *node, struct instant now, struct forward *forward,
                 const struct message_forward_reply *reply)
{
    struct request *request = forward->request;
    forward_end(node, forward);
    forward_take_reply(node, now, request, reply);
    node_end(node, request);
}

static void on_newest(struct node *node, struct instant now, struct leg *leg, const struct message_forward_reply *reply)
{
    struct forward *forward = leg->forward;
    uint32_t peer = leg->via->link->peer;
    enum meaning meaning = meaning_of(node, reply);
    if (meaning == MEANS_DOUBT)
        doubt(forward->request);
    if (meaning == MEANS_DONE) {
        take(node, now, forward, reply);
        return;
    }
    leg_give_up(node->forwards, leg);
    take_refusal(forward, reply);
    if (meaning == MEANS_LATER)
        pause_forward(node, now, forward);
    else
        go_elsewhere(node, now, forward, peer);
}

/* An earlier attempt has been answered after all. That it was done is as right an answer as the newer attempt's will
 * be, which knows what the earlier one has made by its name. That it was not done tells nothing of the newer one. */
static void on_older(struct node *node, struct instant now, struct leg *leg, const struct message_forward_reply *reply)
{
    if (reply->status == REQUEST_OK)
        take(node, now, leg->forward, reply);
    else
        leg_give_up(node->forwards, leg);
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
    struct leg *leg = legs_find(node->forwards, link, reply.number);
    if (leg == NULL)
        return true; /* a late one, or a copy: its request has ended */
    if (!forward_is_answer_to(leg->forward->request, &reply))
        return false;
    if (leg->forward->newest == leg)
        on_newest(node, now, leg, &reply);
    else
        on_older(node, now, leg, &reply);
    return true;
}

void forward_on_link_down(struct node *node, struct instant now, struct node_link *link)
{
    while (!list_is_empty(&link->forwards))
        on_lost(node, now, CONTAINER_OF(link->forwards.next, struct leg, of_link), true);
}

void forward_on_silence(struct node *node, struct instant now, struct node_link *link)
{
    /* What is sent on may come back to this very link, behind the last one, when nobody else is left: a forward that
     * has gone elsewhere is passed over, so this ends. */
    for (struct list *at = link->forwards.next, *last = link->forwards.prev, *next; at != &link->forwards; at = next) {
        next = at == last ? &link->forwards : at->next;
        on_lost(node, now, CONTAINER_OF(at, struct leg, of_link), false);
    }
}

void forward_on_view(struct node *node, struct instant now)
{
    for (struct list *at = node->forwards->all.next, *next; at != &node->forwards->all; at = next) {
        struct forward *forward = CONTAINER_OF(at, struct forward, all);
        next = at->next;
        if (forward->newest == NULL)
            try_again(node, now, forward);
    }
}

/* Whoever has said nothing at all since it was sent is silent. */
static void note_silence(struct node *node, struct instant now, const struct leg *leg)
{
    struct peer *peer = leg->via == NULL ? NULL : peers_find(&node->peers, leg->via->link->peer);
    if (peer != NULL && peer->link == leg->via->link && peer->replies == leg->peer_replies)
        peer_on_silence(peer, now);
}

static void time_out(struct node *node, struct instant now, struct forward *forward)
{
    bool waits = forward->newest == NULL;
    for (unsigned i = 0; i < FORWARD_LEGS; i++)
        note_silence(node, now, &forward->legs[i]);
    if (!waits || forward_has_legs(forward))
        end_failed(node, forward, FAILURE_TIMEOUT);
    else if (forward->refusal != REQUEST_OK)
        end_refused(node, forward);
    else
        end_failed(node, forward, FAILURE_HELD);
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
        bool waits = forward->newest == NULL;
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
    forward_wake_by(table, earliest);
}

uint64_t forward_wake_at(const struct node *node)
{
    return node->forwards->wake_at_ns;
}
