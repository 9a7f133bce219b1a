#include "node/serve.h"

#include "base/check.h"
#include "message/data.h"
#include "node/shared.h"
#include "version/fingerprint.h"

#include <string.h>

bool serve_has_room(struct node *node, const struct node_link *link, size_t bytes)
{
    bool fits = link->serve_bytes == 0 || link->serve_bytes + bytes <= NODE_SERVE_BYTES_MAX; /* one always does */
    if (link->serve_count < NODE_SERVES_MAX && fits)
        return true;
    counter_increment(&node->counters.refused_serves);
    return false;
}

void serve_begin(struct serve *serve, struct node *node, struct node_link *link, uint64_t id, size_t bytes)
{
    serve->node = node;
    serve->link = link;
    serve->id = id;
    serve->bytes = bytes;
    list_push_back(&link->serves, &serve->of_link);
    link->serve_count++;
    link->serve_bytes += bytes;
    node->pending++;
}

void serve_end(struct serve *serve)
{
    serve->node->pending--;
    if (serve->link == NULL)
        return;
    list_remove(&serve->of_link);
    serve->link->serve_count--;
    serve->link->serve_bytes -= serve->bytes;
}

void serve_on_link_down(struct node_link *link)
{
    struct list *first;
    while ((first = list_pop_front(&link->serves)) != NULL)
        CONTAINER_OF(first, struct serve, of_link)->link = NULL;
}

/* The chain for a reply, which is then among the flushes. */
static struct chain *reply_to(struct node *node, struct node_link *link)
{
    link_wants_flush(&node->flushes, link->link);
    return &link->link->out;
}

/* Of two ends that know different ring tables the one with the older asks its membership; a sender whose table is older
 * is told so, for it may have asked the wrong node. */
static bool is_stale(struct node *node, struct instant now, uint64_t epoch)
{
    node_hear_of_epoch(node, now, epoch);
    if (epoch >= node->view->epoch)
        return false;
    counter_increment(&node->counters.refused_epochs);
    return true;
}

static bool is_placed(const struct node *node, uint16_t partition, uint32_t hash)
{
    return partition == ring_partition(node->view, hash);
}

static struct serve *borrow(struct node *node, struct node_link *link, uint64_t id, size_t bytes)
{
    struct serve *serve = pool_borrow(&node->serves);
    serve_begin(serve, node, link, id, bytes);
    return serve;
}

static struct bytes keep_key(struct serve *serve, struct bytes key)
{
    memcpy(serve->key, key.at, key.len);
    return bytes_of(serve->key, key.len);
}

static bool is_owner(const struct node *node, uint16_t partition)
{
    return node->self_index >= 0 && ring_owner_place(node->view, partition, (uint32_t)node->self_index) >= 0;
}

/* An answer without an object. */
static void answer_read(struct node *node, struct node_link *link, uint64_t id, enum message_status status,
                        bool is_hint)
{
    const struct message_read_reply reply = {
        .id = id, .epoch = node->view->epoch, .status = status, .is_hint = is_hint};
    message_write_read_reply(reply_to(node, link), &reply, NULL);
}

static void release(struct node *node, struct serve *serve)
{
    serve_end(serve);
    pool_return(&node->serves, serve);
}

static void read_own(struct node *node, struct instant now, struct serve *serve, const struct message_read *read)
{
    serve->horizon = standing_horizon(node->shared->standing, read->partition);
    serve->is_doubtful = standing_is_doubtful(node->shared->standing, read->partition);
    serve->read = (struct store_op){.kind = STORE_READ,
                                    .owner = NODE_OP_READ,
                                    .peek = read->peek,
                                    .partition = read->partition,
                                    .hash = read->hash,
                                    .key = keep_key(serve, read->key)};
    store_submit(node->store, now, &serve->read);
}

static void read_hints(struct node *node, struct instant now, struct serve *serve, const struct message_read *read)
{
    struct bytes key = keep_key(serve, read->key);
    if (serve_hints_begin(node, now, serve, key, read->partition, read->hash))
        return;
    answer_read(node, serve->link, serve->id, MESSAGE_ABSENT, true);
    release(node, serve);
}

bool serve_read(struct node *node, struct instant now, struct node_link *link, const struct frame *frame)
{
    struct message_read read;
    if (!message_read_read(frame, &read) || !is_placed(node, read.partition, read.hash))
        return false;
    if (is_stale(node, now, read.epoch)) {
        answer_read(node, link, read.id, MESSAGE_STALE_EPOCH, false);
        return true;
    }
    if (!serve_has_room(node, link, 0)) {
        answer_read(node, link, read.id, MESSAGE_FAILED, false);
        return true;
    }
    struct serve *serve = borrow(node, link, read.id, 0);
    serve->has_fingerprint = read.has_fingerprint;
    serve->fingerprint = read.fingerprint;
    counter_increment(&node->counters.served_reads);
    if (is_owner(node, read.partition))
        read_own(node, now, serve, &read);
    else
        read_hints(node, now, serve, &read);
    return true;
}

static enum message_status answer_to_read(const struct serve *serve)
{
    bool ok = true;
    switch (serve->read.status) {
    case STORE_OK:
        if (serve->has_fingerprint && record_fingerprint(blob_bytes(serve->read.record), &ok) == serve->fingerprint
            && ok)
            return MESSAGE_SAME;
        return ok ? MESSAGE_OK : MESSAGE_FAILED;
    case STORE_ABSENT:
        return serve->has_fingerprint && serve->fingerprint == 0 ? MESSAGE_SAME : MESSAGE_ABSENT;
    default:
        return MESSAGE_FAILED;
    }
}

static void on_read(struct node *node, struct serve *serve)
{
    struct store_op *op = &serve->read;
    if (serve->link != NULL) {
        struct message_read_reply reply = {.id = serve->id,
                                           .epoch = node->view->epoch,
                                           .status = answer_to_read(serve),
                                           .idle_s = op->idle_s,
                                           .fetched_before = op->fetched_before,
                                           .is_doubtful = serve->is_doubtful,
                                           .horizon = serve->horizon};
        if (reply.status == MESSAGE_OK)
            reply.record = blob_bytes(op->record);
        message_write_read_reply(reply_to(node, serve->link), &reply, op->record);
    }
    blob_release(op->record);
}

/* What is kept for an owner has no horizon, and that nothing is kept is no answer of an owner. */
static void on_hint_read(struct node *node, struct instant now, struct serve *serve)
{
    struct blob *record = NULL;
    bool ok = true;
    if (!serve_hints_on_read(node, now, serve, &record))
        return;
    if (serve->link != NULL && record != NULL) {
        struct message_read_reply reply = {
            .id = serve->id, .epoch = node->view->epoch, .status = MESSAGE_OK, .is_hint = true};
        bool is_same =
            serve->has_fingerprint && record_fingerprint(blob_bytes(record), &ok) == serve->fingerprint && ok;
        if (is_same)
            reply.status = MESSAGE_SAME;
        else
            reply.record = blob_bytes(record);
        message_write_read_reply(reply_to(node, serve->link), &reply, is_same ? NULL : record);
    } else if (serve->link != NULL) {
        answer_read(node, serve->link, serve->id, serve->hints.failed ? MESSAGE_FAILED : MESSAGE_ABSENT, true);
    }
    blob_release(record);
    release(node, serve);
}

static void answer_write(struct node *node, struct node_link *link, uint64_t id, enum message_status status,
                         hybrid_time winner)
{
    const struct message_write_reply reply = {.id = id, .epoch = node->view->epoch, .status = status, .winner = winner};
    message_write_write_reply(reply_to(node, link), &reply);
}

/* A write has passed this owner by: its copy is to be compared, and does not replace everything on its own until it has
 * been. Every time, also when it is behind already: a comparison that is under way may have begun before. A mark costs
 * an addition, and anti-entropy paces itself. */
static void note_passed_by(struct node *node, uint16_t partition)
{
    if (is_owner(node, partition))
        standing_mark(node->shared->standing, partition, STANDING_BEHIND);
}

static bool is_held(const struct node *node, const struct message_write *write)
{
    return !write->is_repair && atomic_load_explicit(&node->shared->writes_held, memory_order_acquire);
}

static bool keeps_newest(const struct node *node, struct bytes key)
{
    return bucket_of_key(node_buckets(node->shared), key)->reconcile == RECONCILE_LWW;
}

static void fill_merge(struct replica_merge *merge, const struct message_write *write)
{
    merge->horizon = write->horizon;
    merge->op.durability = (enum durability)write->durability;
    merge->op.keeps_use = write->keeps_use;
    merge->op.is_use = write->is_use;
    merge->op.partition = write->partition;
    merge->op.hash = write->hash;
}

static void submit_merge(struct node *node, struct instant now, struct serve *serve, const struct message_write *write,
                         struct blob *incoming)
{
    struct replica_merge *merge = &serve->merge;
    replica_merge_init(merge, &node->shared->replica, &node->scratch, now, incoming, keeps_newest(node, write->key));
    fill_merge(merge, write);
    merge->op.owner = NODE_OP_WRITE;
    merge->op.key = keep_key(serve, write->key);
    store_submit(node->store, now, &merge->op);
}

static void submit_hint(struct node *node, struct instant now, struct serve *serve, const struct message_write *write,
                        struct blob *incoming)
{
    struct hint_write *hint = &serve->hint;
    hint_write_init(hint, node->shared->hints, &node->scratch, now, incoming, keeps_newest(node, write->key),
                    write->stands_in_for, write->key);
    fill_merge(&hint->merge, write);
    hint->merge.op.owner = NODE_OP_HINT_WRITE;
    store_submit(node->hint_store, now, &hint->merge.op);
}

/* Is it to be kept for somebody else? By this node's table it may be an owner itself: then it is no hint. */
static bool is_for_another(const struct node *node, const struct message_write *write)
{
    return write->stands_in_for != 0 && write->stands_in_for != node->shared->replica.node
           && !is_owner(node, write->partition);
}

bool serve_write(struct node *node, struct instant now, struct node_link *link, const struct frame *frame)
{
    struct message_write write;
    if (!message_read_write(frame, &write) || !is_placed(node, write.partition, write.hash))
        return false;
    if (is_stale(node, now, write.epoch)) {
        answer_write(node, link, write.id, MESSAGE_STALE_EPOCH, 0);
        return true;
    }
    if (is_held(node, &write)) {
        answer_write(node, link, write.id, MESSAGE_HELD, 0);
        return true;
    }
    bool is_hint = is_for_another(node, &write);
    if (is_hint && node->hint_store == NULL) {
        answer_write(node, link, write.id, MESSAGE_FAILED, 0);
        return true;
    }
    struct blob *incoming = serve_has_room(node, link, write.record.len) ? blob_new(write.record.len) : NULL;
    if (incoming == NULL) {
        if (!is_hint)
            note_passed_by(node, write.partition);
        answer_write(node, link, write.id, MESSAGE_FULL, 0);
        return true;
    }
    memcpy(incoming->at, write.record.at, write.record.len);
    counter_increment(&node->counters.served_writes);
    struct serve *serve = borrow(node, link, write.id, write.record.len);
    if (is_hint)
        submit_hint(node, now, serve, &write, incoming);
    else
        submit_merge(node, now, serve, &write, incoming);
    return true;
}

static enum message_status answer_to_write(const struct replica_merge *merge)
{
    if (merge->op.status == STORE_FULL || merge->outcome == MERGE_NO_MEMORY)
        return MESSAGE_FULL;
    if (merge->outcome == MERGE_DEAD)
        return MESSAGE_DEAD;
    bool is_here = merge->op.status == STORE_OK || merge->op.status == STORE_UNCHANGED;
    return is_here && merge->outcome == MERGE_DONE ? MESSAGE_OK : MESSAGE_FAILED;
}

static void on_written(struct node *node, struct serve *serve, const struct replica_merge *merge)
{
    enum message_status status = answer_to_write(merge);
    bool is_refused = status == MESSAGE_FULL || status == MESSAGE_FAILED;
    if (is_refused && merge->op.owner == NODE_OP_WRITE)
        note_passed_by(node, merge->op.partition);
    if (serve->link != NULL)
        answer_write(node, serve->link, serve->id, status, merge->winner);
    blob_release(merge->incoming);
}

static void answer_flush(struct node *node, struct node_link *link, uint64_t id, enum message_status status)
{
    const struct message_flush_reply reply = {
        .id = id,
        .status = status,
        .clock = atomic_load_explicit(&node->shared->replica.clock.last, memory_order_relaxed)};
    message_write_flush_reply(reply_to(node, link), &reply);
}

bool serve_flush(struct node *node, struct instant now, struct node_link *link, const struct frame *frame)
{
    struct message_flush flush;
    if (!message_read_flush(frame, &flush) || !coordinator_registers_are_sane(&flush.registers))
        return false;
    const struct flush_registers *registers = &flush.registers;
    if (registers->flushed == 0 && registers->pending == 0) { /* only the clock is asked for */
        bool is_believed = coordinator_believes(now, registers);
        answer_flush(node, link, flush.id, is_believed ? MESSAGE_OK : MESSAGE_FAILED);
    } else if (!serve_has_room(node, link, 0)) {
        answer_flush(node, link, flush.id, MESSAGE_FAILED);
    } else {
        struct serve *serve = borrow(node, link, flush.id, 0);
        coordinator_store_registers(&node->coordinator, now, &serve->registers, registers, NODE_OP_FLUSH);
    }
    return true;
}

static void on_flushed(struct node *node, struct serve *serve)
{
    const struct registers_write *write = &serve->registers;
    bool stored =
        (write->op.status == STORE_OK || write->op.status == STORE_UNCHANGED) && !write->failed && !write->refused;
    if (serve->link != NULL)
        answer_flush(node, serve->link, serve->id, stored ? MESSAGE_OK : MESSAGE_FAILED);
}

void serve_on_stored(struct node *node, struct instant now, struct store_op *op)
{
    struct serve *serve;
    switch ((enum node_op)op->owner) {
    case NODE_OP_READ:
        serve = CONTAINER_OF(op, struct serve, read);
        on_read(node, serve);
        break;
    case NODE_OP_WRITE:
        serve = CONTAINER_OF(op, struct serve, merge.op);
        on_written(node, serve, &serve->merge);
        break;
    case NODE_OP_HINT_READ:
        on_hint_read(node, now, CONTAINER_OF(op, struct serve, hints.op)); /* it ends by itself */
        return;
    case NODE_OP_HINT_WRITE:
        serve = CONTAINER_OF(op, struct serve, hint.merge.op);
        hint_write_end(&serve->hint);
        on_written(node, serve, &serve->hint.merge);
        break;
    default:
        CHECK(op->owner == NODE_OP_FLUSH);
        serve = CONTAINER_OF(op, struct serve, registers.op);
        on_flushed(node, serve);
        break;
    }
    release(node, serve);
}
