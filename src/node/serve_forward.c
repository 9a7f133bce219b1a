/* Clients' requests that came to another node and are coordinated here. */
#include "node/forward_wire.h"
#include "node/serve.h"

#include "base/check.h"
#include "base/hash.h"
#include "node/shared.h"

#include <stdlib.h>
#include <string.h>

static void end(struct forwarded *forwarded)
{
    struct node *node = forwarded->serve.node;
    request_finish(&forwarded->request);
    free(forwarded->pairs);
    free(forwarded->value_memory);
    serve_end(&forwarded->serve);
    pool_return(&node->forwarded, forwarded);
}

static void on_done(struct request *request)
{
    struct forwarded *forwarded = request->owner;
    struct serve *serve = &forwarded->serve;
    if (serve->link != NULL) {
        struct link *link = serve->link->link;
        forward_write_reply(request, serve->id, serve->node->view->epoch, &link->out);
        link_wants_flush(&serve->node->flushes, link);
    }
    end(forwarded);
}

static void tell(struct node *node, struct node_link *link, const struct message_forward_reply *reply)
{
    message_write_forward_reply(&link->link->out, reply, NULL);
    link_wants_flush(&node->flushes, link->link);
}

static void refuse(struct node *node, struct node_link *link, uint64_t number, unsigned marks,
                   enum request_failure failure)
{
    const struct message_forward_reply reply = {.number = number,
                                                .epoch = node->view->epoch,
                                                .status = REQUEST_FAILED,
                                                .failure = (uint8_t)failure,
                                                .marks = (uint16_t)marks};
    tell(node, link, &reply);
}

/* Whoever sent it looks for a node with space. */
static void refuse_as_full(struct node *node, struct node_link *link, uint64_t number)
{
    const struct message_forward_reply reply = {
        .number = number, .epoch = node->view->epoch, .status = REQUEST_NO_MEMORY};
    tell(node, link, &reply);
}

/* May this node coordinate it, as an owner or for owners that the sender cannot reach? */
static bool is_mine(const struct node *node, uint16_t partition, bool stands_in)
{
    if (node->self_index < 0 || atomic_load_explicit(&node->shared->forwards_held, memory_order_relaxed))
        return false;
    if (ring_owner_place(node->view, partition, (uint32_t)node->self_index) >= 0)
        return true;
    return stands_in && node->coordinator.settings.sloppy && node->hint_store != NULL;
}

/* It lay in a socket while this process was frozen, longer than anybody waits for it: whoever sent it has given it up,
 * or to somebody else. (Its time of origin is another clock's, so the question is only asked when there is reason to.)
 */
static bool is_from_before(struct node *node, struct instant now, const struct message_forward *message)
{
    if (now.mono_ns >= node->thawed_until_ns || message->began == 0)
        return false;
    return hybrid_now_ms(&node->shared->replica.clock, now) > hybrid_ms(message->began) + message->remaining_ms;
}

static void keep_value(struct forwarded *forwarded, struct bytes value)
{
    uint8_t *at = forwarded->value;
    forwarded->value_memory = NULL;
    if (value.len > sizeof forwarded->value) {
        at = forwarded->value_memory = malloc(value.len);
        CHECK_MEMORY(at);
    }
    if (value.len != 0)
        memcpy(at, value.at, value.len);
    forwarded->request.value = bytes_of(at, value.len);
}

/* What the token stood for where the client had read it: here nobody may know that. */
static void keep_context(struct forwarded *forwarded, const struct message_forward *message)
{
    struct request *request = &forwarded->request;
    size_t size = message->context.count * sizeof *forwarded->pairs;
    forwarded->pairs = NULL;
    request->knows_context = message->knows_token;
    if (size == 0)
        return;
    forwarded->pairs = malloc(size);
    CHECK_MEMORY(forwarded->pairs);
    memcpy(forwarded->pairs, message->context.pairs, size);
    request->context = (struct context){.pairs = forwarded->pairs, .count = message->context.count};
}

static void start(struct node *node, struct instant now, struct node_link *link, const struct message_forward *message)
{
    struct forwarded *forwarded = pool_borrow(&node->forwarded);
    struct request *request = &forwarded->request;
    serve_begin(&forwarded->serve, node, link, message->number, message->value.len);
    request_init(request, (enum request_kind)message->kind, message->key, on_done, forwarded);
    forward_read_options(request, message);
    replica_observe(&node->shared->replica, message->began, now);
    keep_value(forwarded, message->value);
    keep_context(forwarded, message);
    node_place(node, request);
    counter_increment(&node->counters.served_forwards);
    coordinator_start(&node->coordinator, now, request, now.mono_ns + (uint64_t)message->remaining_ms * 1000000);
}

bool serve_forward(struct node *node, struct instant now, struct node_link *link, const struct frame *frame)
{
    struct message_forward message;
    arena_reset(&node->scratch);
    if (!message_read_forward(frame, &message, &node->scratch) || message.number == 0)
        return false;
    node_hear_of_epoch(node, now, message.epoch);
    if (!once_take(&link->once, message.number))
        counter_increment(&node->counters.repeated_forwards);
    else if (!is_mine(node, ring_partition(node->view, hash_of_key(message.key)), message.stands_in))
        refuse(node, link, message.number, FORWARD_NOT_MINE, FAILURE_HELD);
    else if (!serve_has_room(node, link, message.value.len) || is_from_before(node, now, &message))
        refuse(node, link, message.number, 0, FAILURE_BUSY);
    else
        start(node, now, link, &message);
    return true;
}

bool serve_forward_owns(const struct request *request)
{
    return request->done == on_done;
}

void serve_forward_reroute(struct node *node, struct instant now, struct request *request)
{
    struct forwarded *forwarded = request->owner;
    struct serve *serve = &forwarded->serve;
    bool is_full = request->is_full_here;
    if (!is_full && is_mine(node, request->op.partition, request->stands_in)) {
        /* a get that changes something: whoever sent it has chosen this node */
        coordinator_start(&node->coordinator, now, request, request->deadline_ns);
        return;
    }
    if (serve->link != NULL && is_full)
        refuse_as_full(node, serve->link, serve->id);
    else if (serve->link != NULL)
        refuse(node, serve->link, serve->id, FORWARD_NOT_MINE, FAILURE_HELD);
    end(forwarded);
}
