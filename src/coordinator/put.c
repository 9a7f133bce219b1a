/* A put from its start to its end: its own operations in the store, its answer. */
#include "coordinator/put.h"

#include "coordinator/attempt.h"
#include "coordinator/end.h"
#include "coordinator/kept.h"
#include "coordinator/put_phases.h"
#include "coordinator/read.h"
#include "coordinator/write.h"

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

static void close_unanswered(struct round *round)
{
    struct request *request = round->request;
    request->round = NULL;
    round->request = NULL;
    round_close(round);
}

void put_fail(struct round *round, enum request_failure failure)
{
    round_fail_request(round, failure);
    round_close(round);
}

void put_give_up(struct round *round, enum request_failure failure)
{
    round->hedge_ns = 0;
    if (round->stale == 0) {
        put_fail(round, failure);
        return;
    }
    round->phase = ROUND_WAITING;
    round_set_timer(round);
    if (round->coordinator->view->epoch > round->epoch)
        put_on_view(round);
}

static void start_round(struct round *round)
{
    struct coordinator *coordinator = round->coordinator;
    struct request *request = round->request;
    if (coordinator->standing != NULL && !round_stands_in(round)) {
        round->is_doubtful = standing_is_doubtful(coordinator->standing, round->partition);
        round->horizon = round_own_horizon(coordinator, round->partition);
    }
    round->may_go_on = put_may_go_on(request);
    unsigned w = put_write_quorum(round), reads = put_others_to_read(round, request);
    unsigned needed = w - 1, told = round_stands_in(round) && reads > 0 ? reads - 1 : reads;
    if (told > needed && !round->may_go_on)
        needed = told;
    if (round_reachable(round, needed) < needed) {
        put_fail(round, FAILURE_NO_QUORUM);
        return;
    }
    round_set_timer(round);
    bool reads_first =
        reads > 0 || put_is_plain_delete(request) || round_stands_in(round) || attempt_is_late(coordinator, request);
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

void put_update(struct round *round)
{
    if (are_writes_held(round->coordinator)) { /* since others were asked: this node may have said that it is empty */
        put_fail(round, FAILURE_HELD);
        return;
    }
    round->phase = ROUND_UPDATING;
    if (round->lost_local)
        replica_forget_births(round->coordinator->replica);
    submit(round->coordinator, round->request, STORE_UPDATE);
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

void put_answer(struct round *round)
{
    struct coordinator *coordinator = round->coordinator;
    if (round->request->kind == REQUEST_GET)
        finish_get(coordinator, round->request);
    round_end_request(round);
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
    else if (request->op.status == STORE_CORRUPT && !round->lost_local && put_is_plain_set(request)) {
        put_read_others_alone(round);
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
        put_answer(round);
        round_close(round);
        return;
    }
    round->keeps_use = request->op.keeps_use;
    round->is_use = request->op.is_use;
    put_write_others(round);
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
        put_on_kept_read(round);
    else
        put_on_local_read(round);
}

void put_on_silence(struct round *round, unsigned place)
{
    if (round->phase == ROUND_READING)
        put_advance_reads(round);
    else if (round->phase == ROUND_WRITING)
        put_write_around(round, place);
}

void put_on_deadline(struct round *round)
{
    round_note_silence(round);
    if (round->request == NULL)
        round_close(round);
    else if (!round->store_has_request)
        put_fail(round, FAILURE_TIMEOUT);
}

void put_on_view(struct round *round)
{
    struct coordinator *coordinator = round->coordinator;
    struct request *request = round->request;
    if (round->made != NULL) { /* the write is here already: those who keep the key now have to get it */
        round_take_owners(round);
        put_write_others(round);
        return;
    }
    close_unanswered(round);
    begin_request(coordinator, request);
}
