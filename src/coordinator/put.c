#include "coordinator/put.h"

#include "base/check.h"
#include "coordinator/attempt.h"
#include "coordinator/end.h"
#include "coordinator/kept.h"
#include "coordinator/read.h"
#include "coordinator/restamp.h"
#include "coordinator/write.h"
#include "version/fingerprint.h"

/* Two coordinators that outdo each other come to rest as soon as their clocks have followed, which is after one turn;
 * only times so far ahead that no clock follows them take more. */
enum {
    RESTAMPS_MAX = 16,
    GO_ON_AFTER_MS = 250 /* without an answer that is still awaited, what need not have it goes on */
};

static void submit(struct coordinator *coordinator, struct request *request, enum store_kind kind)
{
    struct store_op *op = &request->op;
    struct round *round = request->round;
    op->kind = kind;
    op->apply = write_apply;
    op->key = round == NULL ? request_key(request) : round_local_key(round);
    op->durability = request->bucket->durability;
    op->peek = kind == STORE_READ || request->peek;
    op->uses_reserve = request->kind == REQUEST_DELETE;
    op->is_use = (request->kind == REQUEST_GET && !request->peek) || request->kind == REQUEST_TOUCH;
    /* In a ring of one nobody holds another copy to fetch: a whole new value is the way to get the key back. In a
     * larger one the others' copies, which have been read by then, take the lost one's place. */
    op->replaces_corrupt = round != NULL ? round->lost_local : request->kind == REQUEST_SET && !request->has_token;
    if (round != NULL)
        round->store_has_request = true;
    store_submit(round == NULL ? coordinator->store : round_local_store(round), coordinator->now, op);
}

static bool is_plain_set(const struct request *request)
{
    return request->kind == REQUEST_SET && !request->has_token;
}

/* Does the coordinator have to know what the others have? A plain set replaces whatever there is; but one that may have
 * been carried out already has to find that out. */
static bool has_to_read(const struct request *request)
{
    return !is_plain_set(request) || request->attempt > 1;
}

/* May it be carried out although too few have told what they have? A plain set that does not know something stands
 * beside it; in a bucket whose stale tokens make siblings so does anything else, and always being able to write is what
 * such a bucket is for [4.1]. */
static bool may_go_on(const struct request *request)
{
    return request->attempt <= 1 && (is_plain_set(request) || request->bucket->stale_cas == STALE_CAS_SIBLING);
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

/* How many other nodes have to tell what they have, so that with the local copy, if that counts, an owner of each
 * acknowledged write has told. */
static unsigned others_to_read(const struct round *round, const struct request *request)
{
    unsigned missing = round->owner_count - write_quorum(round), others = round->owner_count - 1U;
    bool is_behind =
        round->is_doubtful
        || (round->coordinator->standing != NULL && standing_is_behind(round->coordinator->standing, round->partition));
    bool has_to = has_to_read(request) || attempt_is_late_over(round->coordinator, request, round->local);
    if (round_stands_in(round)) /* it has hints, or nothing */
        return has_to ? missing + 1 : 0;
    if (!has_to && !is_behind)
        return 0;
    return smaller(round->is_doubtful ? missing + 1 : missing, others);
}

static void start_round(struct round *round)
{
    struct coordinator *coordinator = round->coordinator;
    struct request *request = round->request;
    if (coordinator->standing != NULL && !round_stands_in(round)) {
        round->is_doubtful = standing_is_doubtful(coordinator->standing, round->partition);
        round->horizon = round_own_horizon(coordinator, round->partition);
    }
    round->may_go_on = may_go_on(request);
    unsigned w = write_quorum(round), reads = others_to_read(round, request);
    unsigned needed = w - 1, told = round_stands_in(round) && reads > 0 ? reads - 1 : reads;
    if (told > needed && !round->may_go_on)
        needed = told;
    if (quorum_count(round_up(round)) < needed && round_reachable(round, needed) < needed) {
        fail(round, FAILURE_NO_QUORUM);
        return;
    }
    round_set_timer(round);
    bool reads_first =
        reads > 0 || is_plain_delete(request) || round_stands_in(round) || attempt_is_late(coordinator, request);
    round->phase = reads_first ? ROUND_STARTING : ROUND_UPDATING;
    if (round_stands_in(round))
        kept_read(round);
    else
        submit(coordinator, request, reads_first ? STORE_READ : STORE_UPDATE);
}

void put_start(struct coordinator *coordinator, struct request *request)
{
    if (are_writes_held(coordinator)) {
        fail_request(coordinator, request, FAILURE_HELD);
        return;
    }
    if (is_sole_owner(coordinator) && !request->stands_in) {
        submit(coordinator, request, STORE_UPDATE);
        return;
    }
    struct round *round = round_begin(coordinator, request, ROUND_PUT);
    if (round == NULL)
        fail_request(coordinator, request, FAILURE_BUSY);
    else
        start_round(round);
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

/* With fewer answers than are needed, if that is allowed. */
static bool go_on_short(struct round *round)
{
    if (!round->may_go_on)
        return false;
    round->is_short = true;
    counter_increment(&round->coordinator->counters.short_writes);
    update(round);
    return true;
}

static void advance_reads(struct round *round)
{
    uint16_t out = round_reads_out(round);
    if (quorum_verdict_of(&round->reads) == QUORUM_MET) {
        if (!round->asks_all || round->hedged || out == 0)
            update(round);
        else
            round_set_timer(round);
        return;
    }
    unsigned missing = quorum_missing(&round->reads), lively = quorum_count(round_lively(round, out));
    if (lively < missing)
        lively += round_ask_further(round, missing - lively, !round->may_go_on);
    if (lively < missing && go_on_short(round))
        return;
    if (quorum_count(round_reads_out(round)) < missing)
        give_up(round, FAILURE_NO_QUORUM);
    else
        round_set_timer(round);
}

/* Asks as many others as make `needed` with the local copy, if that counts. */
static void read_others(struct round *round, unsigned needed, bool local_counts)
{
    round->phase = ROUND_READING;
    round->reads = quorum_of(round->owner_count, needed);
    round_admit(round, &round->reads, (unsigned)round->self);
    (local_counts ? quorum_yes : quorum_no)(&round->reads, (unsigned)round->self);
    if (round->asks_all)
        (void)round_ask(round, RING_COPIES_MAX);
    advance_reads(round);
}

/* The local copy cannot be read: n - w + 1 others are sure to know every acknowledged write that n - w others and this
 * copy would have known. It is not absent: what it does not have need not be dead. */
static void read_others_alone(struct round *round)
{
    unsigned others = round->owner_count - 1U, needed = round->owner_count - write_quorum(round) + 1;
    if (round->read_asked != 0) { /* it could be read before, and has been lost since */
        round_drop_answers(round);
        round_renew(round);
    }
    round->lost_local = true;
    round->may_go_on = false;
    round->local_fingerprint = 0;
    round->horizon = 0;
    needed = smaller(needed, others);
    if (round_reachable(round, needed) < needed)
        fail(round, FAILURE_CORRUPT);
    else
        read_others(round, needed, false);
}

/* What is known locally is in round->local. */
static void go_on_with_local(struct round *round)
{
    struct request *request = round->request;
    bool counts = round_stands_in(round) ? round->local != NULL : !round->is_doubtful;
    unsigned reads = others_to_read(round, request);
    /* Whether there is nothing at all to delete, only all owners together can say [R6]. */
    round->asks_all = is_plain_delete(request) && round->local == NULL;
    if (reads == 0 && !round->asks_all)
        update(round);
    else if (round_stands_in(round))
        read_others(round, reads, counts);
    else
        read_others(round, reads + counts, counts);
}

static void on_local_read(struct round *round)
{
    struct store_op *op = &round->request->op;
    round->local = op->record;
    op->record = NULL;
    bool ok = op->status == STORE_OK || op->status == STORE_ABSENT;
    if (op->status == STORE_IO) {
        fail(round, FAILURE_DISK_READ);
        return;
    }
    if (round->local != NULL)
        round->local_fingerprint = record_fingerprint(blob_bytes(round->local), &ok);
    if (ok)
        go_on_with_local(round);
    else
        read_others_alone(round);
}

static void on_kept_read(struct round *round)
{
    bool ok = true;
    if (!kept_take(round))
        return;
    if (round->local != NULL)
        round->local_fingerprint = record_fingerprint(blob_bytes(round->local), &ok);
    go_on_with_local(round);
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

/* Who could still make the quorum is asked: stand-ins for those who will not, then owners that only seem to be down. */
static void widen_writes(struct round *round)
{
    unsigned missing = quorum_missing(&round->writes);
    (void)round_send_to_stand_ins(round, RING_COPIES_MAX);
    unsigned lively = quorum_count(round_lively(round, round_writes_out(round)));
    if (lively < missing)
        (void)round_send_in_need(round, missing - lively);
}

/* Writes are not hedged. An owner that is only slow has the write in a moment, and reads count on that: were W made up
 * with a stand-in, which they do not ask, they could miss in a healthy ring what has been acknowledged. Who is silent
 * is told of by put_on_silence. */
static void wait_for_writes(struct round *round)
{
    round->hedge_ns = 0;
    round_set_timer(round);
}

static void advance_writes(struct round *round)
{
    if (round->request != NULL && quorum_verdict_of(&round->writes) == QUORUM_MET)
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
    if (round->writes.no != 0)
        widen_writes(round);
    if (quorum_count(round_writes_out(round)) < quorum_missing(&round->writes))
        give_up(round, FAILURE_TIMEOUT); /* the local copy has it, and perhaps others */
    else
        wait_for_writes(round);
}

/* The new record goes to all other owners that are up, and for each that is not to the next node that can stand in for
 * it [4.6]; W owners, this one counted, or who stands in for them have to have it. */
static void write_others(struct round *round)
{
    round->phase = ROUND_WRITING;
    round_renew(round);
    round_forget_stand_ins(round);
    round->writes = quorum_of(round->owner_count, write_quorum(round));
    if (round->self >= 0) {
        round_admit(round, &round->writes, (unsigned)round->self);
        quorum_yes(&round->writes, (unsigned)round->self);
    }
    for (unsigned place = 0; place < round->owner_count; place++) {
        if ((int)place == round->self || round_send(round, place, false, true))
            continue;
        quorum_no(&round->writes, place);
        round_note_missing(round, place);
    }
    if (round->missing != 0)
        (void)round_send_to_stand_ins(round, RING_COPIES_MAX);
    advance_writes(round);
}

static bool store_has_failed(const struct round *round)
{
    enum store_status status = round->request->op.status;
    return status != STORE_OK && status != STORE_UNCHANGED;
}

/* There is no space here, but perhaps at another node: nothing has been done, so the request may begin anew there. */
static bool go_elsewhere(struct round *round)
{
    struct coordinator *coordinator = round->coordinator;
    struct request *request = round->request;
    int self = ring_member_index(coordinator->view, coordinator->replica->node);
    if (coordinator->ports.reroute == NULL || self < 0)
        return false;
    request_note_tried(request, coordinator->replica->node);
    if (coordinator_route(coordinator, coordinator->now, request, (uint32_t)self) < 0)
        return false;
    counter_increment(&coordinator->counters.went_elsewhere);
    close_unanswered(round);
    request_finish(request);
    request->status = REQUEST_OK;
    request->is_full_here = true;
    coordinator->ports.reroute(coordinator->ports.host, coordinator->now, request);
    return true;
}

static void on_local_update(struct round *round)
{
    struct request *request = round->request;
    if (round_stands_in(round))
        kept_end_update(round, store_has_changed(&request->op));
    else if (request->op.status == STORE_CORRUPT && !round->lost_local && is_plain_set(request)) {
        read_others_alone(round);
        return;
    }
    if (request->op.status == STORE_FULL && go_elsewhere(round))
        return;
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
    if (round->phase != ROUND_STARTING)
        on_local_update(round);
    else if (round_stands_in(round))
        on_kept_read(round);
    else
        on_local_read(round);
}

void put_on_read(struct round *round, unsigned place)
{
    (void)place;
    if (round->phase == ROUND_READING)
        advance_reads(round);
}

/* The version that `place` has acknowledged stands there behind a later one. */
static void outdo(struct round *round, unsigned place, hybrid_time winner)
{
    bool is_open = round->request != NULL;
    if (is_open && round->has_dot && round->restamps < RESTAMPS_MAX) {
        round->phase = ROUND_RESTAMPING;
        round->restamps++;
        round->floor = winner;
        restamp_start(round);
        return;
    }
    /* What an earlier attempt has made may not be written anew under another dot, for somebody may have seen it; and
     * what loses again and again is no success. */
    if (is_open && (round->has_found || round->has_dot)) {
        fail(round, round->has_found ? FAILURE_LOST : FAILURE_TIMEOUT);
        return;
    }
    quorum_yes(&round->writes,
               place); /* it has been merged there; a later one than its latest time is a concurrent one */
    advance_writes(round);
}

void put_on_write(struct round *round, unsigned place, hybrid_time winner)
{
    if (round->phase != ROUND_WRITING && round->phase != ROUND_LINGERING)
        return;
    if (winner != 0) /* Once the client has its answer a delete may have covered this version and would not cover a new
                      * one; and two quorums of writes have met by then [R2]. */
        outdo(round, place, winner);
    else
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

/* For a plain set a hedge is enough. What builds on a value had better know it, for read-modify-writes are exact while
 * nothing fails, and answers that are just slow are no failure. */
static bool has_waited_enough(struct round *round)
{
    uint64_t until_ns = round->request->started.mono_ns + (uint64_t)GO_ON_AFTER_MS * 1000000;
    if (!has_to_read(round->request) || round->coordinator->now.mono_ns >= until_ns)
        return true;
    round->hedge_ns = until_ns;
    return false;
}

static void hedge_reads(struct round *round)
{
    round->hedged = true;
    if (quorum_verdict_of(&round->reads) == QUORUM_MET) {
        advance_reads(round);
        return;
    }
    if (round_ask(round, 1) == 1)
        counter_increment(&round->coordinator->counters.hedges);
    else if (round->may_go_on && has_waited_enough(round) && go_on_short(round))
        return;
    round_set_timer(round);
}

void put_on_hedge(struct round *round)
{
    round->hedge_ns = 0;
    if (round->phase == ROUND_READING)
        hedge_reads(round);
    else
        round_set_timer(round);
}

void put_on_silence(struct round *round, unsigned place)
{
    if (round->phase == ROUND_READING) {
        advance_reads(round);
    } else if (round->phase == ROUND_WRITING) {
        round_note_missing(round, place);
        widen_writes(round);
        wait_for_writes(round);
    }
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
