/* Links, and what must be exchanged before any data, Dynamo 4.8 with [R7].
 *
 * The dialler greets; the acceptor takes over the flush registers and the clock in the greeting and replies with its
 * own, which the dialler takes over in turn. Both are stored before the link is used, so that nobody is served, by
 * either end, what a flush_all that the other knows of has ended. A greeting or its reply may be lost: the dialler
 * repeats it. An end that is in no ring yet neither greets nor replies.
 *
 * One of two clocks that are far apart is wrong. An acceptor that does not take over registers which are too far ahead
 * of its own says so; the link is used all the same, since both store and serve what the others write. */
#include "node/links.h"

#include "base/check.h"
#include "node/forward.h"
#include "node/inspect.h"
#include "node/repair.h"
#include "node/serve.h"
#include "node/shared.h"
#include "node/survey.h"

#include <stdlib.h>

static void send(struct node *node, struct node_link *link, bool is_reply, bool is_disbelieved)
{
    const struct message_greeting greeting = {
        .epoch = node->view->epoch,
        .cluster = node->view->settings.cluster,
        .clock = atomic_load_explicit(&node->shared->replica.clock.last, memory_order_relaxed),
        .flush = coordinator_flush_registers(&node->coordinator),
        .is_reply = is_reply,
        .is_disbelieved = is_disbelieved,
    };
    message_write_greeting(&link->link->out, &greeting);
    link_wants_flush(&node->flushes, link->link);
}

static void greet(struct node *node, struct node_link *link)
{
    send(node, link, false, false);
}

static void reply(struct node *node, struct instant now, struct node_link *link)
{
    send(node, link, true, !coordinator_believes(now, &link->theirs));
}

static void greet_soon(struct node *node, struct instant now, struct node_link *link)
{
    if (node->view->epoch != 0)
        greet(node, link);
    link->greet_at_ns = now.mono_ns + (uint64_t)NODE_GREETING_MS * 1000000;
    if (link->greet_at_ns < node->greet_at_ns)
        node->greet_at_ns = link->greet_at_ns;
}

/* A greeting that has to be answered soon: by it a peer that lives is told from one that does not. */
static void probe(struct node *node, struct instant now, struct peer *peer)
{
    if (peer_request_in_need(&node->peers, peer, now) != NULL)
        greet(node, node_link_of(peer->link));
}

/* It has answered something else since, and not what it coordinates for this node: does it still live? */
static void watch_forwards(struct node *node, struct instant now, struct peer *peer)
{
    uint64_t since = forward_waits_since(node_link_of(peer->link));
    if (peer->is_silent || peer->waiting_since_ns != 0 || since == UINT64_MAX)
        return;
    uint64_t due = since + peer_patience_ns(peer) / 2;
    if (due <= now.mono_ns)
        probe(node, now, peer);
    else if (due < node->peers.wake_at_ns)
        node->peers.wake_at_ns = due;
}

static void on_silence(struct node *node, struct instant now, uint32_t peer)
{
    for (struct list *at = node->links.next; at != &node->links; at = at->next) {
        struct node_link *link = CONTAINER_OF(at, struct node_link, all);
        if (link->link->is_dialled && link->link->peer == peer)
            forward_on_silence(node, now, link);
    }
    (void)coordinator_on_peer_silent(&node->coordinator, now, peer);
    repair_on_peers(node, now);
}

/* Who says nothing is found out by timers, so that nobody who waits for it has to wait for somebody to ask it more. */
static void watch_peers(struct node *node, struct instant now)
{
    if (now.mono_ns < node->peers.wake_at_ns)
        return;
    node->peers.wake_at_ns = UINT64_MAX;
    for (uint32_t i = 0; i < node->peers.count; i++) {
        struct peer *peer = &node->peers.list[i];
        enum peer_need need = peer_look(peer, now);
        if (need == PEER_NEEDS_GREETING)
            probe(node, now, peer);
        else if (need == PEER_HAS_FALLEN_SILENT)
            on_silence(node, now, peer->node);
        if (peer->link != NULL)
            watch_forwards(node, now, peer);
    }
}

void greeting_tick(struct node *node, struct instant now)
{
    watch_peers(node, now);
    if (now.mono_ns < node->greet_at_ns)
        return;
    node->greet_at_ns = UINT64_MAX;
    for (struct list *at = node->links.next; at != &node->links; at = at->next) {
        struct node_link *link = CONTAINER_OF(at, struct node_link, all);
        if (!link->link->is_dialled || link->is_greeted)
            continue;
        if (link->greet_at_ns <= now.mono_ns)
            greet_soon(node, now, link);
        else if (link->greet_at_ns < node->greet_at_ns)
            node->greet_at_ns = link->greet_at_ns;
    }
}

/* The newest greeted link that was dialled to a node, or NULL. */
static struct link *best_link_to(struct node *node, uint32_t peer)
{
    for (struct list *at = node->links.next; at != &node->links; at = at->next) {
        struct node_link *link = CONTAINER_OF(at, struct node_link, all);
        if (link->link->is_dialled && link->is_greeted && link->link->peer == peer)
            return link->link;
    }
    return NULL;
}

/* Does `theirs` say something that `ours` does not? */
static bool is_news(const struct flush_registers *theirs, const struct flush_registers *ours)
{
    return theirs->flushed > ours->flushed || theirs->issued > ours->issued;
}

/* The other's registers are in force and stored. */
static void on_known(struct node *node, struct instant now, struct node_link *link)
{
    if (!link->link->is_dialled) {
        link->is_greeted = true;
        reply(node, now, link); /* also when it has been: that reply may have been lost */
        return;
    }
    if (link->is_greeted)
        return;
    struct flush_registers ours = coordinator_flush_registers(&node->coordinator);
    if (is_news(&ours, &link->theirs) && !link->is_disbelieved) {
        greet(node, link); /* this was the reply to a greeting of before a flush_all */
        return;
    }
    link->is_greeted = true;
    counter_increment(&node->counters.links);
    struct peer *peer = peers_take(&node->peers, link->link->peer);
    peer_set_link(peer, best_link_to(node, link->link->peer));
    node_watch_returns(node, now);
    repair_on_peers(node, now);
}

/* Whatever the greeting brings, and however long it takes to store that. */
static void note_sign(struct node *node, const struct node_link *link)
{
    struct peer *peer = link->is_greeted && link->link->is_dialled ? peers_find(&node->peers, link->link->peer) : NULL;
    if (peer != NULL && peer->link == link->link)
        peer_on_sign(peer);
}

void greeting_on_stored(struct node *node, struct instant now, struct store_op *op)
{
    struct node_link *link = CONTAINER_OF(op, struct node_link, write.op);
    link->is_storing = false;
    node->pending--;
    if (link->link == NULL)
        free(link);
    else if ((op->status == STORE_OK || op->status == STORE_UNCHANGED) && !link->write.failed)
        on_known(node, now, link); /* else there is no space: the dialler will greet again */
}

static void take_over(struct node *node, struct instant now, struct node_link *link,
                      const struct flush_registers *registers)
{
    struct flush_registers ours = coordinator_flush_registers(&node->coordinator);
    if (!is_news(registers, &ours)) {
        on_known(node, now, link);
        return;
    }
    link->is_storing = true;
    node->pending++;
    coordinator_store_registers(&node->coordinator, now, &link->write, registers, NODE_OP_GREETING);
}

bool greeting_receive(struct node *node, struct instant now, struct node_link *link, const struct frame *frame)
{
    struct message_greeting greeting;
    if (!message_read_greeting(frame, &greeting) || greeting.is_reply != link->link->is_dialled
        || !coordinator_registers_are_sane(&greeting.flush))
        return false;
    node_hear_of_epoch(node, now, greeting.epoch);
    if (node->view->epoch == 0 || greeting.epoch == 0)
        return true; /* no ring here or there: it will be greeted again */
    if (greeting.cluster != node->view->settings.cluster) {
        counter_increment(&node->counters.refused_links);
        return false;
    }
    note_sign(node, link);
    replica_observe(&node->shared->replica, greeting.clock, now);
    link->theirs = greeting.flush;
    link->is_disbelieved = greeting.is_disbelieved;
    if (!link->is_storing)
        take_over(node, now, link, &greeting.flush);
    return true;
}

void node_link_up(struct node *node, struct instant now, struct link *link)
{
    node_enter(node);
    struct node_link *own = calloc(1, sizeof *own);
    CHECK_MEMORY(own);
    own->node = node;
    own->link = link;
    own->serial = ++node->link_serial;
    list_init(&own->forwards);
    list_init(&own->serves);
    list_push_front(&node->links, &own->all);
    link->room = own;
    if (link->is_dialled)
        greet_soon(node, now, own);
}

static void withdraw_flush(struct node *node, struct link *link)
{
    struct queue kept;
    struct queue_node *at;
    queue_init(&kept);
    if (!link->wants_flush)
        return;
    while ((at = queue_pop(&node->flushes)) != NULL) {
        if (at != &link->flush)
            queue_push(&kept, at);
    }
    queue_append(&node->flushes, &kept);
    link->wants_flush = false;
}

static void lose_peer(struct node *node, struct instant now, struct node_link *link)
{
    uint32_t id = link->link->peer;
    struct peer *peer = peers_find(&node->peers, id);
    if (peer != NULL && peer->link == link->link) {
        peer_set_link(peer, best_link_to(node, id));
        (void)coordinator_on_peer_lost(&node->coordinator, now, id);
        inspect_on_peer_lost(node, id);
        survey_on_peer_lost(node, id);
        repair_on_peers(node, now);
    }
    forward_on_link_down(node, now, link);
}

void node_link_down(struct node *node, struct instant now, struct link *link)
{
    struct node_link *own = node_link_of(link);
    node_enter(node);
    withdraw_flush(node, link);
    repair_on_link_down(node, link);
    list_remove(&own->all);
    if (link->is_dialled && own->is_greeted)
        atomic_fetch_sub_explicit(&node->counters.links, 1, memory_order_relaxed);
    if (link->is_dialled)
        lose_peer(node, now, own);
    else
        serve_on_link_down(own);
    link->room = NULL;
    own->link = NULL;
    if (!own->is_storing)
        free(own);
    (void)node_settle(node, now); /* what went on elsewhere may have ended already */
}

struct link *node_next_flush(struct node *node)
{
    struct queue_node *first;
    while ((first = queue_pop(&node->flushes)) != NULL) {
        struct link *link = CONTAINER_OF(first, struct link, flush);
        link->wants_flush = false;
        if (link->out.len > 0)
            return link;
    }
    return NULL;
}
