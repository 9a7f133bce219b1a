#include "antientropy/inside.h"

void horizon_hints(const struct antientropy *a, const struct partition_set *asked, struct partition_set *hints)
{
    for (int i = partition_set_next(asked, 0); i >= 0; i = partition_set_next(asked, (uint32_t)i + 1)) {
        if (hints_of_partition(a->parts.hints, (uint16_t)i) > 0)
            partition_set_add(hints, (uint32_t)i);
    }
}

/* The clock is read first, and what was written by it has been installed and counted when hints are looked for: a hint
 * that comes later is younger, or comes from a node that holds its version itself. */
static bool answer_ask(struct antientropy *a, struct instant now, struct chain *out, const struct frame *frame)
{
    struct message_horizon_ask m;
    if (!message_read_horizon_ask(frame, &m))
        return false;
    struct message_horizon_ask_reply reply = {.answer = repair_judge(a, m.id, m.epoch),
                                              .run = a->parts.replica->incarnation};
    struct partition_set asked, hints;
    struct draft set = {0};
    partition_set_init(&asked, a->view->partition_count);
    partition_set_init(&hints, a->view->partition_count);
    if (reply.answer.status == REPAIR_OK && !partition_set_decode(m.partitions, &asked))
        reply.answer.status = REPAIR_REFUSED;
    reply.clock = repair_new_time(a, now);
    store_pass_stripes(a->parts.store);
    horizon_hints(a, &asked, &hints);
    partition_set_encode(&hints, &set);
    reply.hints = draft_written(&set);
    message_write_horizon_ask_reply(out, &reply);
    draft_close(&set);
    partition_set_close(&asked);
    partition_set_close(&hints);
    return true;
}

struct message_horizon_compared_reply horizon_compare(struct antientropy *a, struct instant now,
                                                      const struct message_horizon_compared *m,
                                                      struct partition_set *compared)
{
    struct message_horizon_compared_reply reply = {.answer = repair_judge(a, m->id, m->epoch), .since = m->since};
    struct partition_set asked;
    partition_set_init(&asked, a->view->partition_count);
    bool is_right = m->run == a->parts.replica->incarnation && partition_set_decode(m->partitions, &asked);
    if (reply.answer.status == REPAIR_OK && !is_right)
        reply.answer.status = REPAIR_REFUSED;
    if (reply.answer.status != REPAIR_OK) {
        partition_set_clear(&asked);
    } else if (m->since == 0) {
        replica_observe(a->parts.replica, m->after, now);
        reply.since = repair_new_time(a, now);
    } else {
        for (int i = partition_set_next(&asked, 0); i >= 0; i = partition_set_next(&asked, (uint32_t)i + 1)) {
            if (!standing_is_doubtful(a->parts.standing, (uint16_t)i)
                && compared_with_all_since(&a->compared, (uint16_t)i, m->since))
                partition_set_add(compared, (uint32_t)i);
        }
        reply.mark = m->wants_mark ? store_mark(a->parts.store) : 0;
        reply.is_kept = store_is_checkpointed(a->parts.store, m->mark);
    }
    partition_set_close(&asked);
    return reply;
}

static bool answer_compared(struct antientropy *a, struct instant now, struct chain *out, const struct frame *frame)
{
    struct message_horizon_compared m;
    if (!message_read_horizon_compared(frame, &m))
        return false;
    struct partition_set compared;
    struct draft set = {0};
    partition_set_init(&compared, a->view->partition_count);
    struct message_horizon_compared_reply reply = horizon_compare(a, now, &m, &compared);
    partition_set_encode(&compared, &set);
    reply.compared = draft_written(&set);
    message_write_horizon_compared_reply(out, &reply);
    draft_close(&set);
    partition_set_close(&compared);
    return true;
}

enum repair_status horizon_set(struct antientropy *a, const struct message_horizon_set *m)
{
    struct repair_answer answer = repair_judge(a, m->id, m->epoch);
    struct partition_set set;
    partition_set_init(&set, a->view->partition_count);
    /* This run has told its clock when it was asked, and that was later than what is to be dead. */
    bool is_past = m->horizon < atomic_load_explicit(&a->parts.replica->clock.last, memory_order_relaxed);
    bool is_right = is_past && m->run == a->parts.replica->incarnation && partition_set_decode(m->partitions, &set);
    if (answer.status == REPAIR_OK && !is_right)
        answer.status = REPAIR_REFUSED;
    for (int i = partition_set_next(&set, 0); answer.status == REPAIR_OK && i >= 0;
         i = partition_set_next(&set, (uint32_t)i + 1)) {
        bool is_owner = ring_owner_place(a->view, (uint16_t)i, (uint32_t)a->self) >= 0;
        if (is_owner && !standing_is_doubtful(a->parts.standing, (uint16_t)i))
            standing_raise_horizon(a->parts.standing, (uint16_t)i, m->horizon);
    }
    partition_set_close(&set);
    return answer.status;
}

static bool answer_set(struct antientropy *a, struct chain *out, const struct frame *frame)
{
    struct message_horizon_set m;
    if (!message_read_horizon_set(frame, &m))
        return false;
    struct message_horizon_set_reply reply = {
        .answer = {.id = m.id, .epoch = a->view->epoch, .status = horizon_set(a, &m)}};
    message_write_horizon_set_reply(out, &reply);
    return true;
}

bool horizon_answer(struct antientropy *a, struct instant now, struct chain *out, const struct frame *frame)
{
    switch (frame->type) {
    case MESSAGE_HORIZON_ASK:
        return answer_ask(a, now, out, frame);
    case MESSAGE_HORIZON_COMPARED:
        return answer_compared(a, now, out, frame);
    default:
        return answer_set(a, out, frame);
    }
}
