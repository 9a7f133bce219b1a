#include "antientropy/exchange.h"

#include "base/check.h"

#include <stdio.h>
#include <stdlib.h>

void reconcile_open(struct exchange *e, uint32_t window)
{
    e->slots = calloc(window, sizeof *e->slots);
    CHECK_MEMORY(e->slots);
    e->slot_count = e->slots_free = window;
    for (uint32_t i = 0; i < window; i++)
        e->slots[i].exchange = e;
}

static void release(struct slot *slot)
{
    blob_release(slot->record);
    slot->record = NULL;
    slot->stage = SLOT_FREE;
}

static void end_slot(struct slot *slot, bool has_failed)
{
    struct exchange *e = slot->exchange;
    struct lane *lane = &e->lanes[slot->lane];
    lane->has_failed = lane->has_failed || has_failed;
    lane->under_way--;
    e->slots_free++;
    e->bytes_under_way -= slot->expected;
    release(slot);
}

static bool is_stored(const struct slot *slot)
{
    return slot->stage == SLOT_READING || slot->stage == SLOT_MERGING || slot->stage == SLOT_ERASING;
}

void reconcile_close(struct exchange *e)
{
    for (uint32_t i = 0; i < e->slot_count; i++) {
        if (e->slots[i].stage != SLOT_FREE && !is_stored(&e->slots[i]))
            release(&e->slots[i]);
    }
}

static void expect(struct slot *slot, uint64_t bytes)
{
    slot->expected += bytes;
    slot->exchange->bytes_under_way += bytes;
    rate_spend(&slot->exchange->antientropy->rate, bytes);
}

static void begin(struct exchange *e, struct slot *slot, unsigned lane_number, struct instant now)
{
    struct antientropy *a = e->antientropy;
    struct lane *lane = &e->lanes[lane_number];
    struct repair_extra next;
    CHECK(message_next_extra(&lane->walk, &next));
    slot->stage = SLOT_READING;
    slot->lane = lane_number;
    slot->partition = lane->partition;
    slot->question = (struct question){0};
    slot->is_corrupt = slot->is_lost = false;
    slot->wait_ns = slot->expected = 0;
    slot->job.side = JOB_ASKED;
    expect(slot, next.length);
    lane->under_way++;
    e->slots_free--;
    e->stored++;
    repair_peer_of(a, e->node)->keys++;
    job_set_key(&slot->job, next.key);
    slot->horizon = job_horizon(a, now, lane->partition);
    job_read(a, now, &slot->job, lane->partition);
}

static void ask(struct exchange *e, struct slot *slot, struct instant now)
{
    if (now.mono_ns < slot->wait_ns) {
        exchange_wake_by(e, slot->wait_ns);
        return;
    }
    struct chain *out = question_open(e, &slot->question, now);
    if (out == NULL)
        return;
    struct message_reconcile m = {.id = slot->question.id,
                                  .epoch = e->epoch,
                                  .partition = slot->partition,
                                  .horizon = slot->is_corrupt || slot->is_lost ? 0 : slot->horizon,
                                  .key = job_key(&slot->job)};
    if (slot->record != NULL)
        m.record = blob_bytes(slot->record);
    message_write_reconcile(out, &m, slot->record);
    repair_peer_of(e->antientropy, e->node)->bytes += m.record.len;
}

static struct slot *free_slot(struct exchange *e)
{
    uint32_t i = 0;
    while (e->slots[i].stage != SLOT_FREE)
        i++;
    return &e->slots[i];
}

/* May another record be begun? What is larger than all that may be under way goes alone. */
static bool has_room(struct exchange *e, struct instant now)
{
    if (e->slots_free == 0 || e->bytes_under_way >= BYTES_UNDER_WAY)
        return false;
    struct rate *rate = &e->antientropy->rate;
    if (rate_allows(rate, now))
        return true;
    exchange_wake_by(e, rate_allows_at(rate));
    return false;
}

void reconcile_go_on(struct exchange *e, struct instant now)
{
    for (uint32_t i = 0; i < e->slot_count; i++) {
        if (e->slots[i].stage == SLOT_ASKED)
            ask(e, &e->slots[i], now);
    }
    for (unsigned i = 0; i < EXCHANGE_LANES; i++) {
        struct lane *lane = &e->lanes[i];
        while (lane->stage == LANE_RECONCILE && wire_left(&lane->walk) > 0 && has_room(e, now))
            begin(e, free_slot(e), i, now);
    }
}

/* A partition is compared key by key because a copy may lack what it had, and nobody knows which. Up to the lower of
 * two horizons both have had everything, and what one of them has freed the other has at least the tombstone of, or
 * has freed it too: where one has a record and the other none, it was lost. The horizon of the copy that lacks it would
 * say that it is dead. */
static bool lacks_what_it_had(const struct slot *slot, hybrid_time horizon_without, hybrid_time horizon_with)
{
    return slot->exchange->lanes[slot->lane].is_forced && horizon_without <= horizon_with;
}

/* What is damaged here no other owner can replace. */
static void erase(struct slot *slot, struct instant now)
{
    slot->stage = SLOT_ERASING;
    slot->exchange->stored++;
    job_erase(slot->exchange->antientropy, now, &slot->job, slot->partition);
}

/* Neither has anything. */
static void take_nothing(struct slot *slot, struct instant now, enum repair_status status)
{
    struct exchange *e = slot->exchange;
    bool is_damaged = status == REPAIR_DAMAGED;
    bool is_lost = slot->is_corrupt && status != REPAIR_UNSURE
                   && unreadable_note(e->antientropy, now, slot->partition, job_key(&slot->job), e->node, is_damaged);
    if (is_lost)
        erase(slot, now);
    else
        end_slot(slot, false);
}

static void report_erased(struct antientropy *a, const struct slot *slot)
{
    char text[256];
    a->checker.counts.erased++;
    snprintf(
        text, sizeof text,
        "a damaged record of partition %u was erased, number %llu: no other owner has a good one for its key, so it "
        "had been deleted, or no more copies were good, and that is lost; the message about its checksum names the "
        "key; check the disk",
        (unsigned)slot->partition, (unsigned long long)a->checker.counts.erased);
    repair_report(a, text);
}

static bool has_erased(struct slot *slot)
{
    struct antientropy *a = slot->exchange->antientropy;
    enum store_status status = slot->job.merge.op.status;
    if (status == STORE_OK)
        report_erased(a, slot);
    return status == STORE_OK || status == STORE_UNCHANGED;
}

static void take_answer(struct slot *slot, struct instant now, const struct message_reconcile_reply *m)
{
    struct exchange *e = slot->exchange;
    struct antientropy *a = e->antientropy;
    bool is_here = slot->record != NULL && !slot->is_corrupt;
    if (m->answer.status == REPAIR_WAIT) {
        slot->wait_ns = now.mono_ns + ANSWER_WAIT_MS * NS_PER_MS;
        return;
    }
    bool has_none =
        m->answer.status == REPAIR_ABSENT || m->answer.status == REPAIR_UNSURE || m->answer.status == REPAIR_DAMAGED;
    if (has_none && !is_here) {
        take_nothing(slot, now, m->answer.status);
        return;
    }
    bool is_lost_there = has_none && lacks_what_it_had(slot, m->horizon, slot->horizon);
    if (m->answer.status == REPAIR_SAME || is_lost_there) {
        end_slot(slot, false);
        return;
    }
    struct blob *record = NULL;
    bool is_good = has_none;
    if (m->answer.status == REPAIR_OK && (record = blob_new(m->record.len)) != NULL) {
        memcpy(record->at, m->record.at, m->record.len);
        is_good = true;
    }
    if (!is_good) {
        end_slot(slot, true);
        return;
    }
    slot->stage = SLOT_MERGING;
    e->stored++;
    if (slot->is_lost)
        job_restore(a, now, &slot->job, slot->partition, record, m->horizon);
    else
        job_merge(a, now, &slot->job, slot->partition, record, m->horizon);
}

bool reconcile_receive(struct exchange *e, struct instant now, const struct frame *frame)
{
    struct message_reconcile_reply m;
    if (!message_read_reconcile_reply(frame, &m))
        return false;
    for (uint32_t i = 0; i < e->slot_count; i++) {
        struct slot *slot = &e->slots[i];
        if (slot->stage == SLOT_ASKED && question_takes(e, &slot->question, now, &m.answer)) {
            take_answer(slot, now, &m);
            break;
        }
    }
    return true;
}

static void on_read(struct slot *slot, struct instant now)
{
    struct store_op *op = &slot->job.merge.op;
    slot->record = op->record;
    op->record = NULL;
    if (slot->exchange->is_over) {
        release(slot);
        return;
    }
    if (op->status == STORE_IO) {
        end_slot(slot, true);
        return;
    }
    struct lane *lane = &slot->exchange->lanes[slot->lane];
    bool is_absent = op->status != STORE_CORRUPT && slot->record == NULL;
    slot->is_corrupt = op->status == STORE_CORRUPT;
    slot->is_lost = is_absent && lacks_what_it_had(slot, slot->horizon, lane->horizon_there);
    if (is_absent && lane->is_forced && !slot->is_lost) { /* lost or dead: when its horizon has risen it can be told */
        end_slot(slot, true);
        return;
    }
    if (slot->record != NULL)
        expect(slot, slot->record->len);
    slot->stage = SLOT_ASKED;
    ask(slot->exchange, slot, now);
}

void exchange_on_stored(struct antientropy *a, struct instant now, struct job *job)
{
    struct slot *slot = (struct slot *)job;
    struct exchange *e = slot->exchange;
    bool again = false;
    if (slot->stage == SLOT_READING) {
        e->stored--;
        on_read(slot, now);
    } else {
        bool has_merged = slot->stage == SLOT_ERASING ? has_erased(slot) : job_has_merged(a, now, job, &again);
        if (again)
            return;
        e->stored--;
        if (e->is_over)
            release(slot);
        else
            end_slot(slot, !has_merged);
    }
    if (e->is_over && e->stored == 0) {
        list_remove(&e->link);
        free(e->slots);
        free(e);
    }
}
