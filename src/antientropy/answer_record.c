#include "antientropy/inside.h"

#include "base/check.h"
#include "version/fingerprint.h"

#include <stdlib.h>

/* A RECONCILE that is being answered: merged first, if it brought anything, and then read. */
struct answer {
    struct job job; /* first */
    struct list link;
    struct link *reply; /* NULL: it has gone */
    uint32_t from;
    uint64_t id;
    uint16_t partition;
    bool is_merging;
    bool has_record; /* the asker has one, with this fingerprint */
    uint64_t fingerprint;
    hybrid_time horizon; /* of this copy, from before the record was read */
};

static void write_reply(struct antientropy *a, struct answer *answer, struct message_reconcile_reply *m,
                        struct blob *record)
{
    if (answer->reply == NULL)
        return;
    m->answer.id = answer->id;
    m->answer.epoch = a->view->epoch;
    message_write_reconcile_reply(&answer->reply->out, m, record);
    link_wants_flush(a->parts.peers->flushes, answer->reply);
    struct repair_peer *peer = repair_peer_of(a, answer->from);
    if (peer != NULL) {
        peer->messages++;
        peer->bytes += m->record.len;
    }
    rate_spend(&a->rate, m->record.len);
}

static void end(struct antientropy *a, struct answer *answer, struct message_reconcile_reply m, struct blob *record)
{
    write_reply(a, answer, &m, record);
    list_remove(&answer->link);
    a->answer_count--;
    free(answer);
}

static void fail(struct antientropy *a, struct answer *answer)
{
    end(a, answer, (struct message_reconcile_reply){.answer = {.status = REPAIR_FAILED}}, NULL);
}

static void read(struct antientropy *a, struct instant now, struct answer *answer)
{
    answer->is_merging = false;
    answer->horizon = job_horizon(a, now, answer->partition);
    job_read(a, now, &answer->job, answer->partition);
}

static void on_merged(struct antientropy *a, struct instant now, struct answer *answer)
{
    bool again, has_merged = job_has_merged(a, now, &answer->job, &again);
    if (again)
        return;
    /* What cannot be read is not made readable by one that has nothing: the read says so. */
    if (has_merged || (!answer->has_record && answer->job.merge.op.status != STORE_IO))
        read(a, now, answer);
    else
        fail(a, answer);
}

static void on_read(struct antientropy *a, struct answer *answer)
{
    struct store_op *op = &answer->job.merge.op;
    struct message_reconcile_reply m = {.answer = {.status = REPAIR_ABSENT}, .horizon = answer->horizon};
    bool ok = true;
    if (standing_is_doubtful(a->parts.standing, answer->partition))
        m.answer.status = REPAIR_UNSURE;
    else if (op->status == STORE_CORRUPT)
        m.answer.status = REPAIR_DAMAGED;
    if (op->status == STORE_CORRUPT) {
        m.horizon = 0; /* it is not absence */
    } else if (op->status == STORE_IO) {
        m.answer.status = REPAIR_FAILED;
    } else if (op->record != NULL) {
        bool is_same = answer->has_record && record_fingerprint(blob_bytes(op->record), &ok) == answer->fingerprint;
        m.answer.status = is_same ? REPAIR_SAME : REPAIR_OK;
        m.record = is_same ? bytes_of(NULL, 0) : blob_bytes(op->record);
    }
    struct blob *record = op->record;
    end(a, answer, m, m.answer.status == REPAIR_OK ? record : NULL);
    blob_release(record);
}

void answer_on_stored(struct antientropy *a, struct instant now, struct job *job)
{
    struct answer *answer = (struct answer *)job;
    if (answer->is_merging)
        on_merged(a, now, answer);
    else
        on_read(a, answer);
}

void answer_forget_link(struct antientropy *a, struct link *link)
{
    for (struct list *node = a->answers.next; node != &a->answers; node = node->next) {
        struct answer *answer = CONTAINER_OF(node, struct answer, link);
        if (answer->reply == link)
            answer->reply = NULL;
    }
}

static enum repair_status judge(struct antientropy *a, struct instant now, uint32_t from,
                                const struct message_reconcile *m)
{
    if (m->epoch != a->view->epoch)
        return REPAIR_STALE;
    if (!compared_shares(&a->compared, m->partition, from) || ring_partition(a->view, m->hash) != m->partition)
        return REPAIR_REFUSED;
    if (a->answer_count >= ANSWERS_MAX || rate_is_overdrawn(&a->rate, now))
        return REPAIR_WAIT;
    return REPAIR_OK;
}

static void begin(struct antientropy *a, struct instant now, struct answer *answer, const struct message_reconcile *m,
                  struct blob *record)
{
    bool ok;
    list_push_back(&a->answers, &answer->link);
    a->answer_count++;
    answer->job.side = JOB_ANSWERED;
    job_set_key(&answer->job, m->key);
    answer->has_record = record != NULL;
    answer->fingerprint = record == NULL ? 0 : record_fingerprint(m->record, &ok);
    if (record == NULL && m->horizon == 0) {
        read(a, now, answer);
        return;
    }
    answer->is_merging = true;
    job_merge(a, now, &answer->job, m->partition, record, m->horizon);
}

bool answer_reconcile(struct antientropy *a, struct instant now, uint32_t from, struct link *reply, bool *replied,
                      const struct frame *frame)
{
    struct message_reconcile m;
    if (!message_read_reconcile(frame, &m))
        return false;
    enum repair_status status = judge(a, now, from, &m);
    struct answer *answer = NULL;
    struct blob *record = NULL;
    if (status == REPAIR_OK) {
        answer = calloc(1, sizeof *answer);
        CHECK_MEMORY(answer);
        if (m.record.len > 0 && (record = blob_new(m.record.len)) == NULL)
            status = REPAIR_FAILED;
    }
    if (status != REPAIR_OK) {
        free(answer);
        message_write_reconcile_reply(
            &reply->out, &(struct message_reconcile_reply){.answer = {m.id, a->view->epoch, status}}, NULL);
        *replied = true;
        return true;
    }
    if (record != NULL)
        memcpy(record->at, m.record.at, m.record.len);
    *answer = (struct answer){.reply = reply, .from = from, .id = m.id, .partition = m.partition};
    repair_note_different(repair_peer_of(a, from), m.partition);
    begin(a, now, answer, &m, record);
    return true;
}
