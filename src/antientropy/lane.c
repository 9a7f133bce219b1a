#include "antientropy/exchange.h"

#include "base/check.h"

enum { MARK_LOOK_MS = 5 }; /* between two looks at whether the own mark has been reached */

void lane_begin(struct lane *lane, struct exchange *e, uint16_t partition, bool is_forced)
{
    *lane = (struct lane){.stage = LANE_SUMS, .partition = partition, .is_forced = is_forced};
    lane->scan = (struct key_scan){.antientropy = e->antientropy, .partition = partition};
}

void lane_close(struct lane *lane)
{
    draft_close(&lane->list);
    draft_close(&lane->waiting);
    *lane = (struct lane){.stage = LANE_FREE};
}

static void ask_sums(struct exchange *e, struct lane *lane, struct instant now)
{
    uint8_t sums[8 * MESSAGE_SUMS_MAX];
    struct chain *out = question_open(e, &lane->question, now);
    if (out == NULL)
        return;
    groups_sum(e->antientropy, lane->partition, sums);
    message_write_sums(out, &(struct message_sums){.id = lane->question.id,
                                                   .epoch = e->epoch,
                                                   .partition = lane->partition,
                                                   .horizon = job_horizon(e->antientropy, now, lane->partition),
                                                   .count = groups_of_partition(e->antientropy),
                                                   .sums = sums});
}

static struct lane *lane_of_answer(struct exchange *e, struct instant now, enum lane_stage stage,
                                   const struct repair_answer *answer)
{
    for (unsigned i = 0; i < EXCHANGE_LANES; i++) {
        struct lane *lane = &e->lanes[i];
        if (lane->stage == stage && question_takes(e, &lane->question, now, answer))
            return lane;
    }
    return NULL;
}

bool lane_receive_sums(struct exchange *e, struct instant now, const struct frame *frame)
{
    struct message_sums_reply m;
    if (!message_read_sums_reply(frame, &m))
        return false;
    struct lane *lane = lane_of_answer(e, now, LANE_SUMS, &m.answer);
    if (lane == NULL)
        return true;
    if (m.answer.status != REPAIR_OK || m.count != groups_of_partition(e->antientropy)) {
        e->is_abandoned = true;
        return true;
    }
    compared_hear(&e->antientropy->compared, lane->partition, e->node, m.horizon);
    lane->horizon_there = m.horizon;
    memcpy(lane->bits, m.bits, (m.count + 7) / 8);
    for (uint32_t group = 0; lane->is_forced && group < m.count; group++)
        lane->bits[group / 8] |= (uint8_t)(1 << group % 8);
    lane->stage = LANE_MARK;
    static const uint8_t none[sizeof lane->bits];
    if (memcmp(lane->bits, none, sizeof none) == 0)
        exchange_finish(e, now, lane);
    return true;
}

static void keep_key(uint8_t *at, uint8_t *len, struct bytes key)
{
    *len = (uint8_t)key.len;
    if (key.len > 0)
        memcpy(at, key.at, key.len);
}

static void begin_piece(struct lane *lane)
{
    lane->scan.bits = lane->bits;
    lane->scan.context = lane;
    lane->list.len = lane->waiting.len = 0;
    lane->count = 0;
    key_scan_begin(&lane->scan, bytes_of(lane->after, lane->after_len));
    lane->stage = LANE_SCAN;
}

/* What had been written when the exchange began has to be seen by the scan. */
static void wait_for_mark(struct exchange *e, struct lane *lane, struct instant now)
{
    struct store *store = e->antientropy->parts.store;
    if (!e->has_mark) {
        e->mark = store_mark(store);
        e->has_mark = true;
    }
    if (store_is_checkpointed(store, e->mark))
        begin_piece(lane);
    else
        exchange_wake_by(e, now.mono_ns + MARK_LOOK_MS * NS_PER_MS);
}

static void list_key(void *context, struct bytes key, uint64_t fingerprint, uint32_t length)
{
    struct lane *lane = context;
    (void)length;
    message_add_key(&lane->list, &(struct repair_key){key, fingerprint});
    lane->count++;
}

static void scan(struct exchange *e, struct lane *lane, struct instant now, unsigned *budget)
{
    lane->scan.met = list_key;
    while (lane->list.len < LIST_BYTES && !lane->scan.has_ended) {
        if (*budget == 0) {
            exchange_wake_by(e, now.mono_ns);
            return;
        }
        key_scan_step(&lane->scan);
        *budget -= SCAN_STEP;
        if (lane->scan.has_failed) {
            lane->has_failed = true;
            exchange_finish(e, now, lane);
            return;
        }
    }
    lane->is_end = lane->scan.has_ended;
    keep_key(lane->upto, &lane->upto_len, lane->is_end ? bytes_of(NULL, 0) : key_scan_upto(&lane->scan));
    lane->stage = LANE_KEYS;
}

static void ask_keys(struct exchange *e, struct lane *lane, struct instant now)
{
    if (now.mono_ns < lane->wait_ns) {
        exchange_wake_by(e, lane->wait_ns);
        return;
    }
    struct chain *out = question_open(e, &lane->question, now);
    if (out == NULL)
        return;
    message_write_keys(out, &(struct message_keys){.id = lane->question.id,
                                                   .epoch = e->epoch,
                                                   .run = e->run,
                                                   .partition = lane->partition,
                                                   .mark = e->mark_there,
                                                   .groups = groups_of_partition(e->antientropy),
                                                   .bits = lane->bits,
                                                   .is_end = lane->is_end,
                                                   .after = bytes_of(lane->after, lane->after_len),
                                                   .upto = bytes_of(lane->upto, lane->upto_len),
                                                   .count = lane->count,
                                                   .list = draft_written(&lane->list)});
}

static void add_waiting(struct lane *lane, struct bytes key, uint32_t length)
{
    message_add_extra(&lane->waiting, &(struct repair_extra){key, length == 0 ? 1 : length});
}

static void take_keys(struct lane *lane, const struct message_keys_reply *m)
{
    struct wire_reader list = wire_reader_of(draft_written(&lane->list));
    struct wire_reader places = wire_reader_of(m->differing), extras = wire_reader_of(m->extras);
    struct repair_differing differing;
    struct repair_extra extra;
    struct repair_key key;
    int last = -1;
    uint32_t at = 0;
    while (message_next_differing(&places, &last, &differing)) {
        for (; at <= differing.place && message_next_key(&list, &key); at++)
            ;
        if (at == differing.place + 1)
            add_waiting(lane, key.key, differing.length);
    }
    while (message_next_extra(&extras, &extra))
        add_waiting(lane, extra.key, extra.length);
    lane->walk = wire_reader_of(draft_written(&lane->waiting));
}

/* What the other has compared is a part of what it was asked, and not nothing. */
static bool is_progress(const struct lane *lane, const struct message_keys_reply *m)
{
    if (m->is_end)
        return lane->is_end;
    bool is_within = lane->is_end || bytes_compare(m->upto, bytes_of(lane->upto, lane->upto_len)) <= 0;
    return is_within && bytes_compare(bytes_of(lane->after, lane->after_len), m->upto) < 0;
}

bool lane_receive_keys(struct exchange *e, struct instant now, const struct frame *frame)
{
    struct message_keys_reply m;
    if (!message_read_keys_reply(frame, &m))
        return false;
    struct lane *lane = lane_of_answer(e, now, LANE_KEYS, &m.answer);
    if (lane == NULL)
        return true;
    if (m.answer.status == REPAIR_WAIT) {
        e->mark_there = m.mark;
        lane->wait_ns = now.mono_ns + ANSWER_WAIT_MS * NS_PER_MS;
        return true;
    }
    if (m.answer.status != REPAIR_OK) {
        lane->has_failed = true;
        exchange_finish(e, now, lane);
        return true;
    }
    if (!is_progress(lane, &m)) {
        e->is_abandoned = true;
        return true;
    }
    take_keys(lane, &m);
    lane->is_end = m.is_end;
    keep_key(lane->upto, &lane->upto_len, m.upto);
    lane->stage = LANE_RECONCILE;
    if (lane->waiting.len > 0) {
        lane->has_keys = e->has_keys = true;
        repair_note_different(repair_peer_of(e->antientropy, e->node), lane->partition);
    }
    return true;
}

/* All keys of this piece have been exchanged, or there are some still. */
static void end_piece(struct exchange *e, struct lane *lane, struct instant now)
{
    if (lane->under_way > 0 || wire_left(&lane->walk) > 0)
        return;
    if (lane->is_end || lane->has_failed) {
        exchange_finish(e, now, lane);
        return;
    }
    keep_key(lane->after, &lane->after_len, bytes_of(lane->upto, lane->upto_len));
    begin_piece(lane);
}

void lane_go_on(struct exchange *e, struct lane *lane, struct instant now, unsigned *budget)
{
    if (lane->stage == LANE_RECONCILE)
        end_piece(e, lane, now);
    if (lane->stage == LANE_SUMS)
        ask_sums(e, lane, now);
    if (lane->stage == LANE_MARK)
        wait_for_mark(e, lane, now);
    if (lane->stage == LANE_SCAN)
        scan(e, lane, now, budget);
    if (lane->stage == LANE_KEYS)
        ask_keys(e, lane, now);
}
