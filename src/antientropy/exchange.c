#include "antientropy/exchange.h"

#include "base/check.h"

#include <stdlib.h>

struct exchange *exchange_new(struct antientropy *a, struct instant now, struct repair_peer *peer)
{
    struct exchange *e = calloc(1, sizeof *e);
    CHECK_MEMORY(e);
    uint32_t partitions = a->view->partition_count;
    *e = (struct exchange){.antientropy = a, .node = peer->node, .epoch = a->view->epoch, .heard_ns = now.mono_ns};
    compared_look(&a->compared, repair_new_time(a, now));
    e->began = repair_new_time(a, now);
    partition_set_init(&e->waiting, partitions);
    partition_set_init(&e->forced, partitions);
    partition_set_init(&e->finished[0], partitions);
    partition_set_init(&e->finished[1], partitions);
    partition_set_init(&e->telling, partitions);
    if (peer->is_forced) {
        partition_set_copy(&e->forced, &peer->forced);
        partition_set_copy(&e->waiting, &peer->forced);
    }
    e->next = (uint32_t)prng_below(&a->prng, partitions);
    reconcile_open(e, a->parts.settings.window);
    list_push_back(&a->exchanges, &e->link);
    return e;
}

static void free_exchange(struct exchange *e)
{
    list_remove(&e->link);
    free(e->slots);
    free(e);
}

void exchange_end(struct exchange *e)
{
    CHECK(!e->is_over);
    e->is_over = true;
    for (unsigned i = 0; i < EXCHANGE_LANES; i++)
        lane_close(&e->lanes[i]);
    reconcile_close(e);
    partition_set_close(&e->waiting);
    partition_set_close(&e->forced);
    partition_set_close(&e->finished[0]);
    partition_set_close(&e->finished[1]);
    partition_set_close(&e->telling);
    if (e->stored == 0)
        free_exchange(e);
}

void exchange_wake_by(struct exchange *e, uint64_t at_ns)
{
    if (at_ns < e->wake_ns)
        e->wake_ns = at_ns;
}

/* As long as answers come, the one that is missing may stand behind them in the same queue. */
static uint64_t repeat_at(const struct exchange *e, const struct question *question)
{
    uint64_t ms = (uint64_t)RETRY_MS << (question->tries - 1 < 8 ? question->tries - 1 : 8);
    uint64_t since = question->sent_ns > e->heard_ns ? question->sent_ns : e->heard_ns;
    return since + (ms < RETRY_MS_MAX ? ms : RETRY_MS_MAX) * NS_PER_MS;
}

struct chain *question_open(struct exchange *e, struct question *question, struct instant now)
{
    if (question->id != 0 && now.mono_ns < repeat_at(e, question)) {
        exchange_wake_by(e, repeat_at(e, question));
        return NULL;
    }
    struct chain *out = repair_ask(e->antientropy, now, e->node);
    if (out == NULL) {
        exchange_wake_by(e, now.mono_ns + BUSY_MS * NS_PER_MS);
        return NULL;
    }
    if (question->id == 0)
        *question = (struct question){.id = ++e->antientropy->last_id};
    question->sent_ns = now.mono_ns;
    question->tries++;
    exchange_wake_by(e, repeat_at(e, question));
    return out;
}

bool question_takes(struct exchange *e, struct question *question, struct instant now,
                    const struct repair_answer *answer)
{
    if (question->id == 0 || question->id != answer->id)
        return false;
    repair_on_answer(e->antientropy, now, e->node, question->sent_ns);
    *question = (struct question){0};
    if (answer->status == REPAIR_STALE || answer->status == REPAIR_REFUSED)
        e->is_abandoned = true;
    return !e->is_abandoned;
}

/* The roots of the next partitions that both own: roots_from .. roots_until - 1. */
static void write_roots(struct exchange *e, struct chain *out)
{
    struct antientropy *a = e->antientropy;
    struct message_roots m = {.id = e->roots.id, .epoch = e->epoch};
    struct draft list = {0};
    int last = -1;
    uint32_t partition = e->roots_from;
    for (; partition < a->view->partition_count && m.count < MESSAGE_ROOTS_MAX; partition++) {
        if (!compared_shares(&a->compared, (uint16_t)partition, e->node))
            continue;
        uint64_t root = tree_root(a->tree, a->view->partition_count, (uint16_t)partition);
        message_add_root(&list, &last, &(struct repair_root){(uint16_t)partition, root});
        m.count++;
    }
    e->roots_until = partition;
    m.list = draft_written(&list);
    message_write_roots(out, &m);
    draft_close(&list);
}

static void ask_roots(struct exchange *e, struct instant now)
{
    if (e->roots_done)
        return;
    struct chain *out = question_open(e, &e->roots, now);
    if (out != NULL)
        write_roots(e, out);
}

static bool receive_roots(struct exchange *e, struct instant now, const struct frame *frame)
{
    struct antientropy *a = e->antientropy;
    struct message_roots_reply m;
    if (!message_read_roots_reply(frame, &m))
        return false;
    if (!question_takes(e, &e->roots, now, &m.answer) || m.answer.status != REPAIR_OK)
        return true;
    if (e->run == 0) {
        e->run = m.run;
        e->began_there = m.began;
    }
    struct partition_set differing;
    partition_set_init(&differing, a->view->partition_count);
    bool is_right = partition_set_decode(m.differing, &differing) && m.run == e->run;
    for (uint32_t i = e->roots_from; is_right && i < e->roots_until; i++) {
        if (!compared_shares(&a->compared, (uint16_t)i, e->node))
            continue;
        if (partition_set_has(&differing, i) || standing_is_doubtful(a->parts.standing, (uint16_t)i)) {
            partition_set_add(&e->waiting, i);
        } else if (!partition_set_has(&e->forced, i)) {
            compared_note(&a->compared, (uint16_t)i, e->node, e->began);
            repair_note_same(a, now, repair_peer_of(a, e->node), i);
        }
    }
    partition_set_close(&differing);
    e->is_abandoned = !is_right;
    e->roots_from = e->roots_until;
    e->roots_done = e->roots_from == a->view->partition_count;
    return true;
}

/* Tells the other what it took part in without knowing that it was all. A partition whose roots were equal it knows of.
 */
static void tell_complete(struct exchange *e, struct instant now)
{
    if (e->complete.id == 0) {
        unsigned which = partition_set_next(&e->finished[0], 0) >= 0 ? 0 : 1;
        if (partition_set_next(&e->finished[which], 0) < 0)
            return;
        partition_set_copy(&e->telling, &e->finished[which]);
        e->telling_same = which == 1;
    }
    struct chain *out = question_open(e, &e->complete, now);
    if (out == NULL)
        return;
    struct draft set = {0};
    partition_set_encode(&e->telling, &set);
    message_write_complete(out, &(struct message_complete){.id = e->complete.id,
                                                           .epoch = e->epoch,
                                                           .run = e->run,
                                                           .began = e->began_there,
                                                           .is_same = e->telling_same,
                                                           .partitions = draft_written(&set)});
    draft_close(&set);
}

static bool receive_complete(struct exchange *e, struct instant now, const struct frame *frame)
{
    struct message_complete_reply m;
    if (!message_read_complete_reply(frame, &m))
        return false;
    if (question_takes(e, &e->complete, now, &m.answer))
        partition_set_subtract(&e->finished[e->telling_same], &e->telling);
    return true;
}

void exchange_finish(struct exchange *e, struct instant now, struct lane *lane)
{
    struct antientropy *a = e->antientropy;
    struct repair_peer *peer = repair_peer_of(a, e->node);
    if (lane->has_failed) {
        e->failed++;
    } else {
        compared_note(&a->compared, lane->partition, e->node, e->began);
        partition_set_add(&e->finished[!lane->has_keys], lane->partition);
        if (!lane->has_keys)
            repair_note_same(a, now, peer, lane->partition);
        if (peer->is_forced)
            partition_set_remove(&peer->forced, lane->partition);
    }
    lane_close(lane);
}

/* The next partition to be looked at, in a round that begins anywhere: two nodes that refill a third then begin at
 * different places. -1: there is none. */
static int take_next(struct exchange *e)
{
    int next = partition_set_next(&e->waiting, e->next);
    if (next < 0)
        next = partition_set_next(&e->waiting, 0);
    if (next < 0)
        return -1;
    partition_set_remove(&e->waiting, (uint32_t)next);
    e->next = (uint32_t)next + 1;
    return next;
}

/* true: no lane is in use. */
static bool go_on_lanes(struct exchange *e, struct instant now)
{
    bool is_idle = true;
    unsigned budget = SCAN_RECORDS;
    for (unsigned i = 0; i < EXCHANGE_LANES; i++) {
        struct lane *lane = &e->lanes[i];
        if (lane->stage == LANE_FREE && e->run != 0) {
            int next = take_next(e);
            if (next >= 0)
                lane_begin(lane, e, (uint16_t)next, partition_set_has(&e->forced, (uint32_t)next));
        }
        if (lane->stage != LANE_FREE)
            lane_go_on(e, lane, now, &budget);
        is_idle = is_idle && lane->stage == LANE_FREE;
    }
    return is_idle;
}

bool exchange_go_on(struct exchange *e, struct instant now)
{
    e->wake_ns = e->heard_ns + SILENCE_MS_MAX * NS_PER_MS;
    if (now.mono_ns >= e->wake_ns)
        e->is_abandoned = true;
    if (e->is_abandoned)
        return false;
    ask_roots(e, now);
    reconcile_go_on(e, now);
    bool is_idle = go_on_lanes(e, now);
    tell_complete(e, now);
    if (is_idle && partition_set_next(&e->waiting, 0) >= 0 && e->run != 0)
        exchange_wake_by(e, now.mono_ns); /* lanes came to their end at once */
    return is_idle && e->roots_done && e->complete.id == 0 && partition_set_next(&e->waiting, 0) < 0
           && partition_set_next(&e->finished[0], 0) < 0 && partition_set_next(&e->finished[1], 0) < 0;
}

bool exchange_receive(struct exchange *e, struct instant now, const struct frame *frame)
{
    e->heard_ns = now.mono_ns;
    switch (frame->type) {
    case MESSAGE_ROOTS_REPLY:
        return receive_roots(e, now, frame);
    case MESSAGE_SUMS_REPLY:
        return lane_receive_sums(e, now, frame);
    case MESSAGE_KEYS_REPLY:
        return lane_receive_keys(e, now, frame);
    case MESSAGE_RECONCILE_REPLY:
        return reconcile_receive(e, now, frame);
    default:
        return receive_complete(e, now, frame);
    }
}

uint32_t exchange_left(const struct exchange *e)
{
    uint32_t left = e->roots_done ? 0 : e->antientropy->view->partition_count - e->roots_from;
    for (unsigned i = 0; i < EXCHANGE_LANES; i++)
        left += e->lanes[i].stage != LANE_FREE;
    return left + partition_set_count(&e->waiting);
}
