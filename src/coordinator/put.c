#include "coordinator/put.h"

#include "base/check.h"
#include "coordinator/end.h"
#include "coordinator/read.h"
#include "coordinator/restamp.h"
#include "coordinator/write.h"
#include "version/fingerprint.h"

enum { RESTAMPS_MAX = 3 };

static void submit(struct coordinator *coordinator, struct request *request, enum store_kind kind)
{
    struct store_op *op = &request->op;
    const struct round *round = request->round;
    op->kind = kind;
    op->apply = write_apply;
    op->key = request_key(request);
    op->durability = request->bucket->durability;
    op->peek = kind == STORE_READ || request->peek;
    op->uses_reserve = request->kind == REQUEST_DELETE;
    op->is_use = (request->kind == REQUEST_GET && !request->peek) || request->kind == REQUEST_TOUCH;
    /* In a ring of one nobody holds another copy to fetch: a whole new value is the way to get the key back. In a
     * larger one the others' copies, which have been read by then, take the lost one's place. */
    op->replaces_corrupt = round != NULL ? round->lost_local : request->kind == REQUEST_SET && !request->has_token;
    if (request->round != NULL)
        request->round->store_has_request = true;
    store_submit(coordinator->store, coordinator->now, op);
}

/* Does the coordinator have to know what the others have? A plain set replaces whatever there is. */
static bool has_to_read(const struct request *request)
{
    return request->kind != REQUEST_SET || request->has_token;
}

static bool is_plain_delete(const struct request *request)
{
    return request->kind == REQUEST_DELETE && !request->has_token && !request->invalidate;
}

static unsigned smaller(unsigned a, unsigned b)
{
    return a < b ? a : b;
}

static unsigned write_quorum(const struct round *round)
{
    return smaller(round->bucket->w, round->owner_count);
}

static void close_unanswered(struct round *round)
{
    struct request *request = round->request;
    request->round = NULL;
    round->request = NULL;
    round_close(round);
}

static void fail(struct round *round, enum request_failure failure)
{
    round_fail_request(round, failure);
    round_close(round);
}

void put_start(struct coordinator *coordinator, struct request *request)
{
    if (are_writes_held(coordinator)) {
        fail_request(coordinator, request, FAILURE_HELD);
        return;
    }
    if (is_sole_owner(coordinator)) {
        submit(coordinator, request, STORE_UPDATE);
        return;
    }
    struct round *round = round_begin(coordinator, request, ROUND_PUT);
    if (round == NULL) {
        fail_request(coordinator, request, FAILURE_BUSY);
        return;
    }
    unsigned w = write_quorum(round);
    unsigned reads = has_to_read(request) ? round->owner_count - w : 0;
    unsigned up = 1 + quorum_count(round_up(round));
    if (up < w || up < reads + 1) {
        fail(round, FAILURE_NO_QUORUM);
        return;
    }
    round_set_timer(round);
    bool reads_first = reads > 0 || is_plain_delete(request);
    round->phase = reads_first ? ROUND_STARTING : ROUND_UPDATING;
    submit(coordinator, request, reads_first ? STORE_READ : STORE_UPDATE);
}

static void update(struct round *round)
{
    if (are_writes_held(round->coordinator)) { /* since others were asked: this node may have said that it is empty */
        fail(round, FAILURE_HELD);
        return;
    }
    round->phase = ROUND_UPDATING;
    if (round->lost_local)
        replica_forget_births(round->coordinator->replica);
    submit(round->coordinator, round->request, STORE_UPDATE);
}

/* Too few can answer under this view. */
static void give_up(struct round *round, enum request_failure failure)
{
    round->hedge_ns = 0;
    if (round->stale == 0) {
        fail(round, failure);
        return;
    }
    round->phase = ROUND_WAITING;
    round_set_timer(round);
    if (round->coordinator->view->epoch > round->epoch)
        put_on_view(round);
}

static void advance_reads(struct round *round)
{
    enum quorum_verdict verdict = quorum_verdict_of(&round->reads);
    unsigned missing = quorum_missing(&round->reads), out = quorum_count(round_reads_out(round));
    if (verdict == QUORUM_MET && (!round->asks_all || round->hedged || out == 0)) {
        update(round);
        return;
    }
    if (verdict == QUORUM_POSSIBLE && out < missing)
        out += round_ask(round, missing - out);
    if (out < missing)
        give_up(round, FAILURE_NO_QUORUM);
    else
        round_set_timer(round);
}

/* Asks as many others as make `needed` with the local copy, which counts unless it is lost. */
static void read_others(struct round *round, unsigned needed)
{
    round->phase = ROUND_READING;
    round->reads = quorum_of(round->owner_count, needed);
    if (round->lost_local)
        quorum_no(&round->reads, (unsigned)round->self);
    else
        quorum_yes(&round->reads, (unsigned)round->self);
    if (round->asks_all)
        (void)round_ask(round, RING_COPIES_MAX);
    advance_reads(round);
}

/* The local copy cannot be read: n - w + 1 others are sure to know every acknowledged write that n - w others and this
 * copy would have known. */
static void read_others_alone(struct round *round)
{
    unsigned others = round->owner_count - 1U, needed = round->owner_count - write_quorum(round) + 1;
    round->lost_local = true;
    round->local_fingerprint = 0;
    needed = smaller(needed, others);
    if (quorum_count(round_up(round)) < needed)
        fail(round, FAILURE_CORRUPT);
    else
        read_others(round, needed);
}

static void on_local_read(struct round *round)
{
    struct request *request = round->request;
    struct store_op *op = &request->op;
    round->local = op->record;
    op->record = NULL;
    bool ok = op->status == STORE_OK || op->status == STORE_ABSENT;
    if (op->status == STORE_IO) {
        fail(round, FAILURE_DISK_READ);
        return;
    }
    if (round->local != NULL)
        round->local_fingerprint = record_fingerprint(blob_bytes(round->local), &ok);
    if (!ok) {
        read_others_alone(round);
        return;
    }
    /* Whether there is nothing at all to delete, only all of them together can say [R6]. */
    round->asks_all = is_plain_delete(request) && round->local == NULL;
    read_others(round, round->owner_count - write_quorum(round) + 1);
}

static void finish_get(struct coordinator *coordinator, struct request *request)
{
    if (request->created) {
        request->fetched_before = false;
        request->idle_s = 0;
    } else if (request->has_expiry) { /* otherwise a read came first and told that of the item as it was before */
        request->fetched_before = request->op.fetched_before;
        request->idle_s = request->op.idle_s;
    }
    if (request->status == REQUEST_OK)
        read_answer(coordinator, request);
    read_count_versions(coordinator, request);
}

static void answer(struct round *round)
{
    struct coordinator *coordinator = round->coordinator;
    if (round->request->kind == REQUEST_GET)
        finish_get(coordinator, round->request);
    round_end_request(round);
}

static void advance_writes(struct round *round)
{
    enum quorum_verdict verdict = quorum_verdict_of(&round->writes);
    if (round->request != NULL && verdict == QUORUM_MET)
        answer(round);
    if (round->request == NULL && round->phase != ROUND_LINGERING) {
        blob_release(round->made); /* whoever is late has been sent it; thousands of rounds may wait for such */
        round->made = NULL;
        round_linger(round);
        return;
    }
    if (round->phase == ROUND_LINGERING) {
        if (round_writes_out(round) == 0)
            round_close(round);
        return;
    }
    if (verdict == QUORUM_IMPOSSIBLE)
        give_up(round, FAILURE_TIMEOUT); /* the local copy has it, and perhaps others */
    else
        round_set_timer(round);
}

/* The new record goes to all other owners that are up; W of them, this one counted, have to have it. */
static void write_others(struct round *round)
{
    round->phase = ROUND_WRITING;
    round_renew(round);
    round->writes = quorum_of(round->owner_count, write_quorum(round));
    if (round->self >= 0)
        quorum_yes(&round->writes, (unsigned)round->self);
    for (unsigned place = 0; place < round->owner_count; place++) {
        if ((int)place != round->self && !round_send(round, place, false, true))
            quorum_no(&round->writes, place);
    }
    round->hedge_ns = 0; /* all have been asked that can be */
    advance_writes(round);
}

static bool store_has_failed(const struct round *round)
{
    enum store_status status = round->request->op.status;
    return status != STORE_OK && status != STORE_UNCHANGED;
}

static void on_local_update(struct round *round)
{
    struct request *request = round->request;
    if (request->op.status == STORE_CORRUPT && !round->lost_local && request->kind == REQUEST_SET) {
        read_others_alone(round);
        return;
    }
    if (store_has_failed(round)) {
        (void)fail_by_store(request);
        round_end_request(round);
        round_close(round);
        return;
    }
    if (request->op.status == STORE_UNCHANGED || round->made == NULL) {
        answer(round);
        round_close(round);
        return;
    }
    round->keeps_use = request->op.keeps_use;
    round->is_use = request->op.is_use;
    write_others(round);
}

static void finish_sole(struct coordinator *coordinator, struct request *request)
{
    if (!fail_by_store(request) && request->kind == REQUEST_GET)
        finish_get(coordinator, request);
    end_request(coordinator, request);
}

void put_on_local(struct coordinator *coordinator, struct request *request)
{
    struct round *round = request->round;
    if (round == NULL) {
        finish_sole(coordinator, request);
        return;
    }
    round->store_has_request = false;
    if (round->phase == ROUND_STARTING)
        on_local_read(round);
    else
        on_local_update(round);
}

void put_on_read(struct round *round, unsigned place)
{
    (void)place;
    if (round->phase == ROUND_READING)
        advance_reads(round);
}

void put_on_write(struct round *round, unsigned place, hybrid_time winner)
{
    if (round->phase != ROUND_WRITING && round->phase != ROUND_LINGERING)
        return;
    /* Once the client has its answer a delete may have covered this version and would not cover a new one; and two
     * quorums of writes have met by then [R2]. */
    bool may_restamp = round->request != NULL && round->has_dot && round->restamps < RESTAMPS_MAX;
    if (winner != 0 && may_restamp) {
        round->phase = ROUND_RESTAMPING;
        round->restamps++;
        round->floor = winner;
        restamp_start(round);
        return;
    }
    if (winner != 0) /* it has been merged there; a later one than its latest time is a concurrent one */
        quorum_yes(&round->writes, place);
    advance_writes(round);
}

void put_on_restamped(struct round *round)
{
    switch (restamp_finish(round)) {
    case RESTAMP_FAILED: /* what is here and elsewhere counts for nothing against the winner */
        fail(round, FAILURE_DISK_WRITE);
        return;
    case RESTAMP_OVERWRITTEN: /* it need not win any more */
        round->has_dot = false;
        break;
    case RESTAMP_DONE:
        break;
    }
    write_others(round);
}

void put_on_hedge(struct round *round)
{
    round->hedge_ns = 0;
    round->hedged = true;
    if (round->phase != ROUND_READING) {
        round_set_timer(round);
        return;
    }
    if (quorum_verdict_of(&round->reads) == QUORUM_MET) {
        advance_reads(round);
        return;
    }
    if (round_ask(round, 1) == 1)
        counter_increment(&round->coordinator->counters.hedges);
    round_set_timer(round);
}

void put_on_deadline(struct round *round)
{
    round_note_silence(round);
    if (round->request == NULL)
        round_close(round);
    else if (!round->store_has_request)
        fail(round, FAILURE_TIMEOUT);
}

void put_on_view(struct round *round)
{
    struct coordinator *coordinator = round->coordinator;
    struct request *request = round->request;
    if (round->made != NULL) { /* the write is here already: those who keep the key now have to get it */
        round_take_owners(round);
        write_others(round);
        return;
    }
    close_unanswered(round);
    begin_request(coordinator, request);
}
