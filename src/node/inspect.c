#include "node/inspect.h"

#include "base/check.h"
#include "base/hash.h"
#include "node/shared.h"

#include <string.h>

enum { REPLICA_BITS = 8 };

static uint64_t id_of(const struct inspection *inspection, unsigned place)
{
    return INSPECT_ID_BIT | inspection->serial << REPLICA_BITS | place;
}

static void ask_peer(struct node *node, struct instant now, struct inspection *inspection, unsigned place,
                     uint32_t hash)
{
    struct peer *peer = peers_find(&node->peers, inspection->replicas[place].node);
    struct chain *out = peer == NULL ? NULL : peer_request(&node->peers, peer, now);
    if (out == NULL)
        return;
    const struct message_read read = {.id = id_of(inspection, place),
                                      .epoch = node->view->epoch,
                                      .partition = inspection->partition,
                                      .hash = hash,
                                      .peek = true,
                                      .key = bytes_of(inspection->key, inspection->key_len)};
    message_write_read(out, &read);
    inspection->waiting |= 1U << place;
}

static void ask_self(struct node *node, struct instant now, struct inspection *inspection, unsigned place,
                     uint32_t hash)
{
    inspection->op = (struct store_op){.kind = STORE_READ,
                                       .owner = NODE_OP_INSPECTION,
                                       .peek = true,
                                       .partition = inspection->partition,
                                       .hash = hash,
                                       .key = bytes_of(inspection->key, inspection->key_len)};
    inspection->waiting |= 1U << place;
    store_submit(node->store, now, &inspection->op);
}

void node_inspect(struct node *node, struct instant now, struct inspection *inspection)
{
    node_enter(node);
    const struct ring_view *view = node->view;
    uint32_t hash = hash_of_key(bytes_of(inspection->key, inspection->key_len));
    inspection->partition = ring_partition(view, hash);
    inspection->epoch = view->epoch;
    inspection->replica_count = view->owner_count;
    inspection->serial = ++node->inspection_serial;
    inspection->deadline_ns = now.mono_ns + (uint64_t)node->coordinator.settings.timeout_ms * 1000000;
    inspection->waiting = 0;
    const uint16_t *owners = ring_preference_list(view, inspection->partition);
    for (unsigned i = 0; i < inspection->replica_count; i++) {
        inspection->replicas[i] = (struct inspection_replica){
            .member = owners[i], .node = view->members[owners[i]].id, .is_owner = true, .outcome = INSPECT_UNREACHABLE};
        if (owners[i] == node->self_index)
            ask_self(node, now, inspection, i, hash);
        else
            ask_peer(node, now, inspection, i, hash);
    }
    queue_push(&node->inspections, &inspection->link);
    node->has_more |= inspection->waiting == 0;
}

void node_inspect_finish(struct inspection *inspection)
{
    for (unsigned i = 0; i < inspection->replica_count; i++) {
        blob_release(inspection->replicas[i].record);
        inspection->replicas[i].record = NULL;
    }
}

static void no_longer_waits(struct node *node, struct inspection *inspection, unsigned place)
{
    inspection->waiting &= ~(1U << place);
    node->has_more |= inspection->waiting == 0;
}

static struct inspection *find(struct node *node, uint64_t serial)
{
    for (struct queue_node *at = node->inspections.first; at != NULL; at = at->next) {
        struct inspection *inspection = CONTAINER_OF(at, struct inspection, link);
        if (inspection->serial == serial)
            return inspection;
    }
    return NULL;
}

static void take_reply(struct inspection_replica *replica, const struct message_read_reply *reply)
{
    switch (reply->status) {
    case MESSAGE_OK:
        replica->record = blob_new(reply->record.len);
        if (replica->record == NULL)
            break; /* no memory for it: as if it had not come */
        memcpy(replica->record->at, reply->record.at, reply->record.len);
        replica->outcome = INSPECT_ANSWERED;
        break;
    case MESSAGE_ABSENT:
        replica->outcome = INSPECT_ABSENT;
        break;
    case MESSAGE_FAILED:
        replica->outcome = INSPECT_CORRUPT;
        break;
    default:
        break;
    }
}

void inspect_on_read_reply(struct node *node, const struct message_read_reply *reply)
{
    struct inspection *inspection = find(node, (reply->id & ~INSPECT_ID_BIT) >> REPLICA_BITS);
    unsigned place = (unsigned)(reply->id & ((1U << REPLICA_BITS) - 1));
    if (inspection == NULL || place >= inspection->replica_count || (inspection->waiting & 1U << place) == 0)
        return;
    no_longer_waits(node, inspection, place);
    take_reply(&inspection->replicas[place], reply);
}

void inspect_on_stored(struct node *node, struct store_op *op)
{
    struct inspection *inspection = CONTAINER_OF(op, struct inspection, op);
    for (unsigned i = 0; i < inspection->replica_count; i++) {
        struct inspection_replica *replica = &inspection->replicas[i];
        if (replica->node != node->shared->replica.node)
            continue;
        no_longer_waits(node, inspection, i);
        replica->record = op->record;
        replica->outcome = op->status == STORE_OK       ? INSPECT_ANSWERED
                           : op->status == STORE_ABSENT ? INSPECT_ABSENT
                                                        : INSPECT_CORRUPT;
    }
}

/* No answer is waited for any more from this node (0: from any other node). */
static void give_up(struct node *node, struct inspection *inspection, uint32_t peer)
{
    for (unsigned i = 0; i < inspection->replica_count; i++) {
        uint32_t id = inspection->replicas[i].node;
        if (id == peer || (peer == 0 && id != node->shared->replica.node))
            no_longer_waits(node, inspection, i);
    }
}

void inspect_on_peer_lost(struct node *node, uint32_t peer)
{
    for (struct queue_node *at = node->inspections.first; at != NULL; at = at->next)
        give_up(node, CONTAINER_OF(at, struct inspection, link), peer);
}

void inspect_tick(struct node *node, struct instant now)
{
    for (struct queue_node *at = node->inspections.first; at != NULL; at = at->next) {
        struct inspection *inspection = CONTAINER_OF(at, struct inspection, link);
        if (inspection->deadline_ns <= now.mono_ns)
            give_up(node, inspection, 0);
    }
}

uint64_t inspect_wake_at(const struct node *node)
{
    uint64_t earliest = UINT64_MAX;
    for (struct queue_node *at = node->inspections.first; at != NULL; at = at->next) {
        const struct inspection *inspection = CONTAINER_OF(at, struct inspection, link);
        earliest = inspection->deadline_ns < earliest ? inspection->deadline_ns : earliest;
    }
    return earliest;
}

void inspect_end(struct node *node)
{
    struct queue ended, going;
    struct queue_node *at;
    queue_init(&ended);
    queue_init(&going);
    while ((at = queue_pop(&node->inspections)) != NULL)
        queue_push(CONTAINER_OF(at, struct inspection, link)->waiting == 0 ? &ended : &going, at);
    queue_append(&node->inspections, &going);
    while ((at = queue_pop(&ended)) != NULL) {
        struct inspection *inspection = CONTAINER_OF(at, struct inspection, link);
        inspection->done(inspection);
    }
}
