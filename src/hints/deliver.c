#include "hints/deliver.h"

#include "base/check.h"
#include "hints/delivery.h"

#include <stdlib.h>

enum { NS_PER_MS = 1000000, SCANS_PER_TICK = 8, CHECKPOINT_POLL_MS = 10, REFUSALS_MAX = 16 };

struct deliver *deliver_new(const struct deliver_parts *parts)
{
    CHECK(hints_exist(parts->hints));
    struct deliver *deliver = calloc(1, sizeof *deliver);
    CHECK_MEMORY(deliver);
    deliver->parts = *parts;
    deliver->self = -1;
    arena_init(&deliver->scratch);
    return deliver;
}

void deliver_free(struct deliver *deliver)
{
    CHECK(deliver->in_store == 0);
    for (unsigned i = 0; i < DELIVER_HINTS_AT_ONCE; i++)
        blob_release(deliver->deliveries[i].record);
    for (unsigned i = 0; i < deliver->handover_count; i++)
        free(deliver->handovers[i]);
    free(deliver->handovers);
    arena_close(&deliver->scratch);
    free(deliver);
}

static uint64_t after_ms(const struct deliver *deliver, uint32_t ms)
{
    return deliver->now.mono_ns + (uint64_t)ms * NS_PER_MS;
}

static void wake_by(struct deliver *deliver, uint64_t at_ns)
{
    if (at_ns < deliver->wake_ns)
        deliver->wake_ns = at_ns;
}

/* ---- One handover for each owner that hints are kept for ---- */

static struct handover *find_handover(const struct deliver *deliver, uint32_t owner)
{
    for (unsigned i = 0; i < deliver->handover_count; i++)
        if (deliver->handovers[i]->owner == owner)
            return deliver->handovers[i];
    return NULL;
}

static void make_handover(struct deliver *deliver, uint32_t owner)
{
    struct handover **grown = realloc(deliver->handovers, (deliver->handover_count + 1) * sizeof(struct handover *));
    CHECK_MEMORY(grown);
    deliver->handovers = grown;
    struct handover *handover = calloc(1, sizeof *handover);
    CHECK_MEMORY(handover);
    handover->owner = owner;
    deliver->handovers[deliver->handover_count++] = handover;
}

/* They stay: there are no more of them than the ring has had members. */
static void look_for_owners(struct deliver *deliver)
{
    if (deliver->now.mono_ns < deliver->look_ns)
        return;
    deliver->look_ns = after_ms(deliver, DELIVER_LOOK_MS);
    unsigned count = hints_rows(deliver->parts.hints, deliver->rows, ROWS + 1);
    for (unsigned i = 0; i < count; i++)
        if (find_handover(deliver, deliver->rows[i].owner) == NULL)
            make_handover(deliver, deliver->rows[i].owner);
}

static uint64_t hints_of(const struct deliver *deliver, const struct handover *handover)
{
    const struct hints *hints = deliver->parts.hints;
    return handover->owner == 0 ? hints_of_others(hints) : hints_of_owner(hints, handover->owner);
}

/* Is there a partition with hints that this member, who is away, does not own? Those hints are for others. */
static bool may_be_readdressed(const struct deliver *deliver, int index)
{
    for (uint32_t partition = 0; partition < deliver->view->partition_count; partition++)
        if (hints_of_partition(deliver->parts.hints, (uint16_t)partition) != 0
            && (index < 0 || ring_owner_place(deliver->view, (uint16_t)partition, (uint32_t)index) < 0))
            return true;
    return false;
}

static bool is_worth_a_pass(const struct deliver *deliver, const struct handover *handover)
{
    const struct deliver_parts *parts = &deliver->parts;
    int index = ring_member_index(deliver->view, handover->owner);
    if (hints_of(deliver, handover) == 0)
        return false;
    if (handover->owner == 0 || (index >= 0 && index == deliver->self)
        || parts->is_up(parts->host, handover->owner, deliver->now))
        return true;
    return may_be_readdressed(deliver, index);
}

/* ---- A pass ---- */

struct meeting {
    struct deliver *deliver;
    struct handover *handover;
};

static void meet(void *context, uint16_t partition, struct bytes key, struct bytes record)
{
    const struct meeting *meeting = context;
    if (key.len <= STORE_HINT_PREFIX) /* damaged: nobody's */
        return;
    uint32_t owner = hint_owner(key), wanted = meeting->handover->owner;
    if (owner == wanted || (wanted == 0 && find_handover(meeting->deliver, owner) == NULL))
        delivery_meet(meeting->deliver, meeting->handover, partition, key, record);
}

static unsigned room_for(const struct deliver *deliver, const struct handover *handover)
{
    unsigned room = DELIVER_WINDOW - handover->under_way, left = DELIVER_HINTS_AT_ONCE - deliver->under_way;
    if (deliver->bytes >= DELIVER_BYTES_MAX)
        return 0;
    return room < left ? room : left;
}

static void end_scan(struct handover *handover)
{
    handover->state = HANDOVER_ENDS;
}

/* An owner that refuses what it is sent (its disk is full, its view another) is left alone for a while. Then it goes on
 * behind these hints: a few that can never be taken do not stand in the way of all others. */
static bool is_refused(const struct handover *handover)
{
    return handover->refused >= REFUSALS_MAX && handover->refused > handover->through;
}

/* So many records are looked at as there is room for: every one of them may be a hint that has to go. */
static void scan(struct deliver *deliver, struct handover *handover)
{
    struct meeting meeting = {.deliver = deliver, .handover = handover};
    if (is_refused(handover) || !is_worth_a_pass(deliver, handover))
        end_scan(handover);
    for (unsigned i = 0; i < SCANS_PER_TICK && handover->state == HANDOVER_SCANS; i++) {
        unsigned room = room_for(deliver, handover);
        if (room == 0)
            return; /* an answer or a timeout goes on */
        deliver->fresh_count = 0;
        store_scan(deliver->parts.hints->store, deliver->parts.hint_loop, &handover->cursor, room, meet, &meeting);
        if (handover->cursor.passes != 0) {
            end_scan(handover);
        } else if (handover->cursor.failed) {
            handover->missed++;
            end_scan(handover);
        }
        for (unsigned k = 0; k < deliver->fresh_count; k++)
            delivery_start(deliver->fresh[k]);
    }
    if (handover->state == HANDOVER_SCANS)
        wake_by(deliver, deliver->now.mono_ns);
}

static void begin_pass(struct deliver *deliver, struct handover *handover)
{
    handover->state = HANDOVER_WAITS;
    if (handover->cursor.passes != 0)
        handover->cursor = (struct store_cursor){0};
    handover->cursor.shows_damaged = true;
    handover->through = handover->missed = handover->refused = 0;
    handover->mark = store_mark(deliver->parts.hints->store);
    handover->mark_until_ns = after_ms(deliver, DELIVER_CHECKPOINT_MS);
    counter_increment(&deliver->counters.passes);
}

/* What the pass before has deleted would be met again until that is in the engine too. */
static void wait_for_checkpoint(struct deliver *deliver, struct handover *handover)
{
    if (store_is_checkpointed(deliver->parts.hints->store, handover->mark)
        || deliver->now.mono_ns >= handover->mark_until_ns)
        handover->state = HANDOVER_SCANS;
    else
        wake_by(deliver, after_ms(deliver, CHECKPOINT_POLL_MS));
}

/* The pause grows while nothing at all gets through. */
static void end_pass(struct deliver *deliver, struct handover *handover)
{
    bool is_stuck = handover->missed != 0 && handover->through == 0;
    uint32_t longer = 2 * handover->pause_ms;
    handover->pause_ms = is_stuck && longer != 0 ? longer : DELIVER_PAUSE_MS_MIN;
    if (handover->pause_ms > DELIVER_PAUSE_MS_MAX)
        handover->pause_ms = DELIVER_PAUSE_MS_MAX;
    handover->next_ns = after_ms(deliver, handover->pause_ms);
    handover->state = HANDOVER_RESTS;
}

static void advance(struct deliver *deliver, struct handover *handover)
{
    if (handover->state == HANDOVER_RESTS && deliver->now.mono_ns >= handover->next_ns) {
        if (is_worth_a_pass(deliver, handover))
            begin_pass(deliver, handover);
        else
            handover->next_ns = after_ms(deliver, DELIVER_LOOK_MS); /* it may have looked at all partitions */
    }
    if (handover->state == HANDOVER_WAITS)
        wait_for_checkpoint(deliver, handover);
    if (handover->state == HANDOVER_SCANS)
        scan(deliver, handover);
    if (handover->state == HANDOVER_ENDS && handover->under_way == 0)
        end_pass(deliver, handover);
}

/* ---- Time ---- */

static void look_at_timeouts(struct deliver *deliver)
{
    for (unsigned i = 0; i < DELIVER_HINTS_AT_ONCE && deliver->under_way != 0; i++) {
        struct delivery *delivery = &deliver->deliveries[i];
        uint64_t until_ns = delivery->sent_ns + (uint64_t)DELIVER_TIMEOUT_MS * NS_PER_MS;
        if (delivery->handover == NULL)
            continue;
        if (deliver->now.mono_ns >= until_ns)
            delivery_time_out(delivery);
        else
            wake_by(deliver, until_ns);
    }
}

void deliver_tick(struct deliver *deliver, struct instant now)
{
    deliver->now = now;
    deliver->wake_ns = after_ms(deliver, DELIVER_LOOK_MS);
    look_at_timeouts(deliver);
    if (deliver->view == NULL || deliver->buckets == NULL || deliver->is_stopped)
        return;
    look_for_owners(deliver);
    for (unsigned i = 0; i < deliver->handover_count; i++)
        advance(deliver, deliver->handovers[i]);
}

uint64_t deliver_wake_at(const struct deliver *deliver)
{
    return deliver->wake_ns;
}

unsigned deliver_pending(const struct deliver *deliver)
{
    return deliver->in_store;
}

void deliver_stop(struct deliver *deliver)
{
    deliver->is_stopped = true;
}

/* ---- What happens ---- */

/* Births that this node has drawn as a stand-in are not gone on with as an owner: a hint and a record of its data could
 * otherwise both hold one pair and each give its next dot to another write [R1]. */
void deliver_set_view(struct deliver *deliver, struct instant now, const struct ring_view *view, int self)
{
    deliver->now = now;
    deliver->view = view;
    deliver->self = self;
    replica_forget_births(deliver->parts.replica);
    for (unsigned i = 0; i < DELIVER_HINTS_AT_ONCE; i++)
        if (deliver->deliveries[i].handover != NULL)
            delivery_void(&deliver->deliveries[i]);
    for (unsigned i = 0; i < deliver->handover_count; i++)
        deliver->handovers[i]->next_ns = 0;
    deliver->wake_ns = now.mono_ns;
}

void deliver_set_buckets(struct deliver *deliver, const struct bucket_table *buckets)
{
    deliver->buckets = buckets;
}

void deliver_on_peer_up(struct deliver *deliver, struct instant now, uint32_t node)
{
    struct handover *handover = find_handover(deliver, node);
    deliver->look_ns = deliver->wake_ns = now.mono_ns;
    if (handover != NULL) {
        handover->next_ns = 0;
        handover->pause_ms = 0;
    }
}

void deliver_on_peer_down(struct deliver *deliver, struct instant now, uint32_t node)
{
    deliver->now = now;
    for (unsigned i = 0; i < DELIVER_HINTS_AT_ONCE; i++)
        if (deliver->deliveries[i].handover != NULL)
            delivery_lose(&deliver->deliveries[i], node);
}

void deliver_on_write_reply(struct deliver *deliver, struct instant now, uint32_t from,
                            const struct message_write_reply *reply)
{
    struct delivery *delivery = &deliver->deliveries[reply->id % DELIVER_HINTS_AT_ONCE];
    deliver->now = now;
    if (delivery->handover != NULL && delivery->serial == (reply->id & ~DELIVER_ID_BIT) / DELIVER_HINTS_AT_ONCE)
        delivery_answer(delivery, from, reply->status == MESSAGE_OK || reply->status == MESSAGE_DEAD);
}

void deliver_on_stored(struct deliver *deliver, struct instant now, struct store_op *op)
{
    deliver->now = now;
    delivery_on_stored(deliver, op);
}

void deliver_count(const struct deliver *deliver, struct deliver_counters *out)
{
    *out = (struct deliver_counters){.sent = atomic_load(&deliver->counters.sent),
                                     .acknowledged = atomic_load(&deliver->counters.acknowledged),
                                     .refused = atomic_load(&deliver->counters.refused),
                                     .timed_out = atomic_load(&deliver->counters.timed_out),
                                     .readdressed = atomic_load(&deliver->counters.readdressed),
                                     .merged_here = atomic_load(&deliver->counters.merged_here),
                                     .changed = atomic_load(&deliver->counters.changed),
                                     .passes = atomic_load(&deliver->counters.passes),
                                     .lost = atomic_load(&deliver->counters.lost)};
}
