#include "hints/delivery.h"

#include "base/check.h"
#include "base/hash.h"
#include "base/list.h"
#include "version/record.h"

static uint64_t id_of(const struct delivery *delivery)
{
    size_t slot = (size_t)(delivery - delivery->deliver->deliveries);
    return DELIVER_ID_BIT | delivery->serial * DELIVER_HINTS_AT_ONCE | slot;
}

static struct bytes key_of(const struct delivery *delivery)
{
    return bytes_of(delivery->key, delivery->key_len);
}

/* ---- To whom ---- */

static bool is_up(const struct deliver *deliver, uint32_t node)
{
    return deliver->parts.is_up(deliver->parts.host, node, deliver->now);
}

/* To the owner that it names, or, if that is none by the view in force, to those who are. */
static void address(struct delivery *delivery, uint32_t named)
{
    const struct ring_view *view = delivery->deliver->view;
    const uint16_t *owners = ring_preference_list(view, delivery->partition);
    int index = ring_member_index(view, named);
    delivery->is_readdressed = index < 0 || ring_owner_place(view, delivery->partition, (uint32_t)index) < 0;
    for (uint32_t i = 0; i < view->owner_count; i++) {
        bool is_self = (int)owners[i] == delivery->deliver->self;
        delivery->merges_here |= is_self;
        if (!is_self && (delivery->is_readdressed || (int)owners[i] == index))
            delivery->targets[delivery->target_count++] = (struct target){.node = view->members[owners[i]].id};
    }
}

static bool can_be_reached(const struct delivery *delivery)
{
    for (unsigned i = 0; i < delivery->target_count; i++)
        if (!is_up(delivery->deliver, delivery->targets[i].node))
            return false;
    return true;
}

static bool holds_pair_of(struct bytes record, const struct replica *replica, struct arena *scratch)
{
    struct object object;
    arena_reset(scratch);
    if (record_decode(record, &object, scratch) != RECORD_OK)
        return false;
    for (uint32_t i = 0; i < object.context.count; i++) {
        const struct actor *actor = &object.context.pairs[i].actor;
        if (actor->node == replica->node && actor->incarnation == replica->incarnation)
            return true;
    }
    return false;
}

static struct delivery *take_free(struct deliver *deliver)
{
    for (unsigned i = 0; i < DELIVER_HINTS_AT_ONCE; i++)
        if (deliver->deliveries[i].handover == NULL)
            return &deliver->deliveries[i];
    return NULL;
}

void delivery_meet(struct deliver *deliver, struct handover *handover, uint16_t partition, struct bytes key,
                   struct bytes record)
{
    struct delivery *delivery = take_free(deliver);
    CHECK(delivery != NULL && deliver->fresh_count < DELIVER_WINDOW && key.len <= HINT_KEY_MAX);
    *delivery = (struct delivery){.deliver = deliver, .partition = partition, .key_len = (uint8_t)key.len};
    if (partition < deliver->view->partition_count)
        address(delivery, hint_owner(key));
    bool is_nobodys = delivery->target_count == 0 && !delivery->merges_here;
    delivery->is_lost = record_verify(record) != RECORD_OK;
    bool can_go = delivery->is_lost || (!is_nobodys && can_be_reached(delivery));
    delivery->record = can_go ? blob_new(record.len) : NULL;
    if (delivery->record == NULL) {
        handover->missed++;
        return;
    }
    memcpy(delivery->key, key.at, key.len);
    memcpy(delivery->record->at, record.at, record.len);
    delivery->holds_own_pair = holds_pair_of(record, deliver->parts.replica, &deliver->scratch);
    delivery->handover = handover;
    delivery->serial = ++deliver->serial;
    deliver->bytes += record.len;
    deliver->under_way++;
    handover->under_way++;
    deliver->fresh[deliver->fresh_count++] = delivery;
}

/* ---- Its end ---- */

static void end(struct delivery *delivery, bool is_gone)
{
    struct deliver *deliver = delivery->deliver;
    struct handover *handover = delivery->handover;
    deliver->bytes -= delivery->record->len;
    deliver->under_way--;
    handover->under_way--;
    if (is_gone)
        handover->through++;
    else
        handover->missed++;
    handover->refused += delivery->has_failed;
    blob_release(delivery->record);
    delivery->record = NULL;
    delivery->handover = NULL;
}

/* Of one whose record cannot be read: what the store has all the same, in memory, goes to the engine once more. When
 * there is nothing the store has said so (STORE_CORRUPT), and is asked again. */
static enum store_verdict apply_to_lost(struct delivery *delivery, struct bytes current, struct store_draft *draft)
{
    if (current.len == 0 && delivery->erase.replaces_corrupt) {
        replica_forget_births(delivery->deliver->parts.replica);
        return STORE_ERASE;
    }
    uint8_t *at = current.len == 0 ? NULL : store_draft_alloc(draft, current.len);
    if (at == NULL)
        return STORE_KEEP;
    memcpy(at, current.at, current.len);
    delivery->is_healed = true;
    return STORE_REPLACE;
}

/* Only what has been delivered is deleted. A pair of this node's goes with it, and may come back with an older counter:
 * it must not be gone on with [R1]. */
static enum store_verdict apply_erase(struct store_op *op, struct bytes current, struct store_draft *draft)
{
    struct delivery *delivery = CONTAINER_OF(op, struct delivery, erase);
    delivery->is_healed = false;
    if (delivery->is_lost)
        return apply_to_lost(delivery, current, draft);
    if (!bytes_equal(current, blob_bytes(delivery->record)))
        return STORE_KEEP;
    if (delivery->holds_own_pair)
        replica_forget_births(delivery->deliver->parts.replica);
    return STORE_ERASE;
}

static void submit(struct delivery *delivery, struct store_loop *loop, struct store_op *op)
{
    delivery->is_in_store = true;
    delivery->deliver->in_store++;
    store_submit(loop, delivery->deliver->now, op);
}

static void erase(struct delivery *delivery, bool replaces_corrupt)
{
    const struct deliver_parts *parts = &delivery->deliver->parts;
    delivery->erase = (struct store_op){.kind = STORE_UPDATE,
                                        .durability = DURABILITY_COMMITTED,
                                        .uses_reserve = true,
                                        .replaces_corrupt = replaces_corrupt,
                                        .partition = delivery->partition,
                                        .hash = hash_of_key(hint_client_key(key_of(delivery))),
                                        .key = key_of(delivery),
                                        .apply = apply_erase,
                                        .owner = parts->op_owner};
    submit(delivery, parts->hint_loop, &delivery->erase);
}

/* Its owner is compared with the other owners, who have what they acknowledged. But what this node is an owner of by
 * now, it has acknowledged and has not got. */
static void note_loss(struct delivery *delivery)
{
    struct deliver *deliver = delivery->deliver;
    const struct deliver_parts *parts = &deliver->parts;
    counter_increment(&deliver->counters.lost);
    atomic_fetch_add(&parts->hints->bytes_lost, delivery->key_len + delivery->record->len);
    if (delivery->merges_here && parts->lose != NULL)
        parts->lose(parts->host, delivery->partition);
}

static void on_erased(struct delivery *delivery)
{
    struct deliver *deliver = delivery->deliver;
    struct hints *hints = deliver->parts.hints;
    bool is_gone = store_has_changed(&delivery->erase) && !delivery->is_healed;
    if (delivery->is_lost && delivery->erase.status == STORE_CORRUPT) {
        erase(delivery, true);
        return;
    }
    if (is_gone)
        hints_count_gone(hints, hint_owner(key_of(delivery)), delivery->partition);
    if (is_gone && delivery->is_lost) {
        note_loss(delivery);
    } else if (is_gone) {
        atomic_fetch_add_explicit(&hints->delivered, 1, memory_order_relaxed);
        counter_add(&deliver->counters.readdressed, delivery->is_readdressed);
    } else if (delivery->erase.status == STORE_UNCHANGED) {
        counter_increment(&deliver->counters.changed);
    }
    end(delivery, is_gone);
}

/* Everyone has answered, this node's own data too. */
static void go_on(struct delivery *delivery)
{
    if (delivery->is_in_store)
        return;
    for (unsigned i = 0; i < delivery->target_count; i++) {
        if (delivery->targets[i].state == TARGET_SENT)
            return;
        delivery->has_failed |= delivery->targets[i].state == TARGET_FAILED;
    }
    if (delivery->has_failed)
        end(delivery, false);
    else
        erase(delivery, false);
}

/* ---- Its way ---- */

static bool send(struct delivery *delivery, uint32_t node, uint8_t durability)
{
    struct deliver *deliver = delivery->deliver;
    struct chain *out = deliver->parts.request(deliver->parts.host, node, deliver->now);
    if (out == NULL)
        return false;
    struct bytes key = hint_client_key(key_of(delivery));
    const struct message_write message = {.id = id_of(delivery),
                                          .epoch = deliver->view->epoch,
                                          .partition = delivery->partition,
                                          .hash = hash_of_key(key),
                                          .durability = durability,
                                          .is_repair = true,
                                          .key = key,
                                          .record = blob_bytes(delivery->record)};
    message_write_write(out, &message, delivery->record);
    counter_increment(&deliver->counters.sent);
    return true;
}

static void merge_here(struct delivery *delivery, const struct bucket *bucket, uint8_t durability)
{
    struct deliver *deliver = delivery->deliver;
    struct replica_merge *merge = &delivery->merge;
    replica_merge_init(merge, deliver->parts.replica, &deliver->scratch, deliver->now, delivery->record,
                       bucket->reconcile == RECONCILE_LWW);
    merge->op.key = hint_client_key(key_of(delivery));
    merge->op.hash = hash_of_key(merge->op.key);
    merge->op.partition = delivery->partition;
    merge->op.durability = (enum durability)durability;
    merge->op.owner = deliver->parts.op_owner;
    submit(delivery, deliver->parts.data_loop, &merge->op);
}

/* What was buffered for an owner has come so far that it survives a killed process: it must not become less there. */
void delivery_start(struct delivery *delivery)
{
    struct deliver *deliver = delivery->deliver;
    const struct bucket *bucket = bucket_of_key(deliver->buckets, hint_client_key(key_of(delivery)));
    uint8_t durability = bucket->durability == DURABILITY_SYNCED ? DURABILITY_SYNCED : DURABILITY_COMMITTED;
    delivery->sent_ns = deliver->now.mono_ns;
    if (delivery->is_lost) {
        erase(delivery, false);
        return;
    }
    for (unsigned i = 0; i < delivery->target_count; i++) {
        struct target *target = &delivery->targets[i];
        target->state = send(delivery, target->node, durability) ? TARGET_SENT : TARGET_FAILED;
    }
    if (delivery->merges_here)
        merge_here(delivery, bucket, durability);
    go_on(delivery);
}

void delivery_answer(struct delivery *delivery, uint32_t from, bool is_stored)
{
    for (unsigned i = 0; i < delivery->target_count; i++) {
        struct target *target = &delivery->targets[i];
        if (target->node != from || target->state != TARGET_SENT)
            continue;
        struct deliver *deliver = delivery->deliver;
        target->state = is_stored ? TARGET_STORED : TARGET_FAILED;
        counter_increment(is_stored ? &deliver->counters.acknowledged : &deliver->counters.refused);
        go_on(delivery);
        return;
    }
}

/* Nothing more is expected of this node; 0: of anyone. */
static unsigned give_up(struct delivery *delivery, uint32_t node)
{
    unsigned count = 0;
    for (unsigned i = 0; i < delivery->target_count; i++) {
        struct target *target = &delivery->targets[i];
        if (target->state != TARGET_SENT || (node != 0 && target->node != node))
            continue;
        target->state = TARGET_FAILED;
        count++;
    }
    if (count != 0)
        go_on(delivery);
    return count;
}

void delivery_lose(struct delivery *delivery, uint32_t node)
{
    give_up(delivery, node);
}

void delivery_time_out(struct delivery *delivery)
{
    struct deliver *deliver = delivery->deliver;
    counter_add(&deliver->counters.timed_out, give_up(delivery, 0));
}

/* The horizon of a ring of one is computed: it says that no hint is under way. One that is, left by a member that has
 * gone, does not die of it. */
static void on_merged(struct delivery *delivery)
{
    const struct replica_merge *merge = &delivery->merge;
    bool is_dead = merge->outcome == MERGE_DEAD && !replica_is_alone(merge->replica);
    bool is_here = (merge->op.status == STORE_OK || merge->op.status == STORE_UNCHANGED)
                   && (merge->outcome == MERGE_DONE || is_dead);
    delivery->has_failed |= !is_here;
    counter_add(&delivery->deliver->counters.merged_here, is_here);
    go_on(delivery);
}

void delivery_on_stored(struct deliver *deliver, struct store_op *op)
{
    bool is_erasure = op->apply == apply_erase;
    struct delivery *delivery =
        is_erasure ? CONTAINER_OF(op, struct delivery, erase) : CONTAINER_OF(op, struct delivery, merge.op);
    CHECK(delivery->handover != NULL && delivery->is_in_store);
    delivery->is_in_store = false;
    deliver->in_store--;
    if (is_erasure)
        on_erased(delivery);
    else
        on_merged(delivery);
}

/* An answer that is under way says nothing about those who are owners now. A deletion that is under way goes on: all
 * owners of the view before have it. */
void delivery_void(struct delivery *delivery)
{
    delivery->has_failed = true;
    give_up(delivery, 0);
}
