#include "antientropy/inside.h"

#include "base/check.h"

struct repair_answer repair_judge(const struct antientropy *a, uint64_t id, uint64_t epoch)
{
    struct repair_answer answer = {.id = id, .epoch = a->view->epoch, .status = REPAIR_OK};
    if (epoch != a->view->epoch)
        answer.status = REPAIR_STALE;
    else if (a->self < 0)
        answer.status = REPAIR_REFUSED;
    return answer;
}

static bool is_own_run(const struct antientropy *a, uint64_t run)
{
    return run == a->parts.replica->incarnation;
}

/* Adds to `differing` what is not the same here, or doubtful: with the sums each hears of the other's horizon. false:
 * it does not belong to both. */
static bool compare_roots(struct antientropy *a, struct instant now, struct repair_peer *peer,
                          const struct message_roots *m, hybrid_time began, struct partition_set *differing)
{
    struct wire_reader list = wire_reader_of(m->list);
    struct repair_root root;
    int last = -1;
    while (message_next_root(&list, &last, &root)) {
        if (peer == NULL || !compared_shares(&a->compared, root.partition, peer->node))
            return false;
        bool is_doubtful = standing_is_doubtful(a->parts.standing, root.partition);
        if (is_doubtful || tree_root(a->tree, a->view->partition_count, root.partition) != root.root) {
            partition_set_add(differing, root.partition);
        } else {
            compared_note(&a->compared, root.partition, peer->node, began);
            repair_note_same(a, now, peer, root.partition);
        }
    }
    return true;
}

static bool answer_roots(struct antientropy *a, struct instant now, uint32_t from, struct chain *out,
                         const struct frame *frame)
{
    struct message_roots m;
    if (!message_read_roots(frame, &m))
        return false;
    struct message_roots_reply reply = {.answer = repair_judge(a, m.id, m.epoch), .run = a->parts.replica->incarnation};
    struct partition_set differing;
    struct draft set = {0};
    partition_set_init(&differing, a->view->partition_count);
    if (reply.answer.status == REPAIR_OK) {
        compared_look(&a->compared, repair_new_time(a, now));
        reply.began = repair_new_time(a, now);
        if (!compare_roots(a, now, repair_peer_of(a, from), &m, reply.began, &differing))
            reply.answer.status = REPAIR_REFUSED;
    }
    partition_set_encode(&differing, &set);
    reply.differing = draft_written(&set);
    message_write_roots_reply(out, &reply);
    draft_close(&set);
    partition_set_close(&differing);
    return true;
}

static bool answer_sums(struct antientropy *a, struct instant now, uint32_t from, struct chain *out,
                        const struct frame *frame)
{
    struct message_sums m;
    if (!message_read_sums(frame, &m))
        return false;
    uint8_t sums[8 * MESSAGE_SUMS_MAX], bits[MESSAGE_SUMS_MAX / 8] = {0};
    struct message_sums_reply reply = {.answer = repair_judge(a, m.id, m.epoch), .count = m.count, .bits = bits};
    bool is_shared = compared_shares(&a->compared, m.partition, from);
    if (reply.answer.status == REPAIR_OK && (!is_shared || m.count != groups_of_partition(a)))
        reply.answer.status = REPAIR_REFUSED;
    if (reply.answer.status == REPAIR_OK) {
        compared_hear(&a->compared, m.partition, from, m.horizon);
        reply.horizon = job_horizon(a, now, m.partition);
        groups_sum(a, m.partition, sums);
        for (uint32_t group = 0; group < m.count; group++) {
            if (memcmp(sums + 8 * (size_t)group, m.sums + 8 * (size_t)group, 8) != 0)
                bits[group / 8] |= (uint8_t)(1 << group % 8);
        }
    }
    message_write_sums_reply(out, &reply);
    return true;
}

/* Two lists of keys in one order, side by side: the asker's and that of the scan here. */
struct join {
    const struct message_keys *m;
    struct wire_reader list;
    struct repair_key next; /* of the asker's list */
    bool has_next;
    uint32_t place; /* of `next` */
    struct draft differing, extras;
    int last_differing;
    uint32_t differing_count, extra_count;
};

static void advance(struct join *join)
{
    join->has_next = message_next_key(&join->list, &join->next);
    join->place++;
}

static void add_differing(struct join *join, uint32_t length)
{
    message_add_differing(&join->differing, &join->last_differing, &(struct repair_differing){join->place, length});
    join->differing_count++;
}

/* Keys that only the asker has, before this one. */
static void pass_missing(struct join *join, struct bytes key, bool with_key)
{
    while (join->has_next) {
        int order = bytes_compare(join->next.key, key);
        if (order > 0 || (order == 0 && !with_key))
            return;
        add_differing(join, 0);
        advance(join);
    }
}

static void join_key(void *context, struct bytes key, uint64_t fingerprint, uint32_t length)
{
    struct join *join = context;
    if (!join->m->is_end && bytes_compare(key, join->m->upto) > 0)
        return;
    pass_missing(join, key, false);
    if (join->has_next && bytes_equal(join->next.key, key)) {
        /* Two records that cannot be read are not the same: each owner hears of the other's damage. */
        if (join->next.fingerprint != fingerprint || length == 0)
            add_differing(join, length);
        advance(join);
    } else if (length > 0) {
        message_add_extra(&join->extras, &(struct repair_extra){key, length});
        join->extra_count++;
    }
}

static bool is_past(const struct join *join, const struct key_scan *scan)
{
    return scan->has_ended || (!join->m->is_end && bytes_compare(key_scan_upto(scan), join->m->upto) >= 0);
}

/* Scans until all that was asked has been compared, or enough for one answer. */
static enum repair_status compare_keys(struct antientropy *a, struct join *join, struct message_keys_reply *reply,
                                       struct key_scan *scan)
{
    const struct message_keys *m = join->m;
    *scan = (struct key_scan){
        .antientropy = a, .partition = m->partition, .bits = m->bits, .met = join_key, .context = join};
    key_scan_begin(scan, m->after);
    for (unsigned seen = 0; seen < SCAN_RECORDS && !is_past(join, scan); seen += SCAN_STEP) {
        if (join->differing.len + join->extras.len >= LIST_BYTES)
            break;
        key_scan_step(scan);
        if (scan->has_failed)
            return REPAIR_FAILED;
    }
    reply->is_end = is_past(join, scan) && m->is_end;
    reply->upto = is_past(join, scan) ? m->upto : key_scan_upto(scan);
    if (reply->is_end) {
        while (join->has_next) {
            add_differing(join, 0);
            advance(join);
        }
    } else {
        pass_missing(join, reply->upto, true);
    }
    return REPAIR_OK;
}

static enum repair_status check_keys(struct antientropy *a, uint32_t from, const struct message_keys *m, uint64_t *mark)
{
    if (!is_own_run(a, m->run) || !compared_shares(&a->compared, m->partition, from)
        || m->groups != groups_of_partition(a))
        return REPAIR_REFUSED;
    *mark = m->mark == 0 ? store_mark(a->parts.store) : m->mark;
    return store_is_checkpointed(a->parts.store, *mark) ? REPAIR_OK : REPAIR_WAIT;
}

static bool answer_keys(struct antientropy *a, uint32_t from, struct chain *out, const struct frame *frame)
{
    struct message_keys m;
    if (!message_read_keys(frame, &m))
        return false;
    struct message_keys_reply reply = {.answer = repair_judge(a, m.id, m.epoch)};
    struct join join = {.m = &m, .list = wire_reader_of(m.list), .last_differing = -1};
    struct key_scan scan;
    join.has_next = message_next_key(&join.list, &join.next);
    if (reply.answer.status == REPAIR_OK)
        reply.answer.status = check_keys(a, from, &m, &reply.mark);
    if (reply.answer.status == REPAIR_OK)
        reply.answer.status = compare_keys(a, &join, &reply, &scan);
    reply.differing = draft_written(&join.differing);
    reply.extras = draft_written(&join.extras);
    reply.differing_count = join.differing_count;
    reply.extra_count = join.extra_count;
    message_write_keys_reply(out, &reply);
    draft_close(&join.differing);
    draft_close(&join.extras);
    return true;
}

static void note_complete(struct antientropy *a, struct instant now, struct repair_peer *peer,
                          const struct message_complete *m, const struct partition_set *set)
{
    for (int i = partition_set_next(set, 0); i >= 0; i = partition_set_next(set, (uint32_t)i + 1)) {
        compared_note(&a->compared, (uint16_t)i, peer->node, m->began);
        if (m->is_same && compared_shares(&a->compared, (uint16_t)i, peer->node))
            repair_note_same(a, now, peer, (uint32_t)i);
    }
}

static bool answer_complete(struct antientropy *a, struct instant now, uint32_t from, struct chain *out,
                            const struct frame *frame)
{
    struct message_complete m;
    if (!message_read_complete(frame, &m))
        return false;
    struct message_complete_reply reply = {.answer = repair_judge(a, m.id, m.epoch)};
    struct repair_peer *peer = repair_peer_of(a, from);
    struct partition_set set;
    partition_set_init(&set, a->view->partition_count);
    /* It is this run's own time: what has not been yet would stand for all comparisons to come. */
    bool is_past = m.began <= atomic_load_explicit(&a->parts.replica->clock.last, memory_order_relaxed);
    bool is_right = is_past && is_own_run(a, m.run) && peer != NULL && partition_set_decode(m.partitions, &set);
    if (reply.answer.status == REPAIR_OK && !is_right)
        reply.answer.status = REPAIR_REFUSED;
    if (reply.answer.status == REPAIR_OK)
        note_complete(a, now, peer, &m, &set);
    partition_set_close(&set);
    message_write_complete_reply(out, &reply);
    return true;
}

bool answer_question(struct antientropy *a, struct instant now, uint32_t from, struct link *reply, bool *replied,
                     const struct frame *frame)
{
    struct repair_peer *peer = repair_peer_of(a, from);
    if (peer != NULL)
        peer->asked_ns = now.mono_ns;
    if (frame->type == MESSAGE_RECONCILE)
        return answer_reconcile(a, now, from, reply, replied, frame);
    *replied = true;
    if (peer != NULL)
        peer->messages++;
    switch (frame->type) {
    case MESSAGE_ROOTS:
        return answer_roots(a, now, from, &reply->out, frame);
    case MESSAGE_SUMS:
        return answer_sums(a, now, from, &reply->out, frame);
    case MESSAGE_KEYS:
        return answer_keys(a, from, &reply->out, frame);
    default:
        return answer_complete(a, now, from, &reply->out, frame);
    }
}
