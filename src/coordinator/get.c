#include "coordinator/get.h"

#include "base/check.h"
#include "coordinator/end.h"
#include "coordinator/kept.h"
#include "coordinator/put.h"
#include "coordinator/read.h"
#include "version/fingerprint.h"
#include "version/record.h"

/* A get goes on as an update, if this node is the one to coordinate updates of this key. */
static void go_on_as_update(struct coordinator *coordinator, struct request *request)
{
    request_finish(request);
    request->status = REQUEST_OK;
    request->has_effects = true;
    int self = ring_member_index(coordinator->view, coordinator->replica->node);
    bool is_here = is_sole_owner(coordinator) || coordinator->ports.reroute == NULL
                   || coordinator_route(coordinator, coordinator->now, request, (uint32_t)self) == self;
    if (is_here)
        begin_request(coordinator, request); /* which looks whether this node is still an owner */
    else
        coordinator->ports.reroute(coordinator->ports.host, coordinator->now, request);
}

/* request->record is what it is answered from. */
static void answer(struct coordinator *coordinator, struct request *request)
{
    read_answer(coordinator, request);
    if (read_needs_update(coordinator, request)) {
        go_on_as_update(coordinator, request);
        return;
    }
    read_count_versions(coordinator, request);
    end_request(coordinator, request);
}

static void repair(struct round *round);

/* Answers from the round's object, which the owners that were asked have; what has come since, or is still on its way,
 * repairs later. */
static void answer_round(struct round *round)
{
    struct coordinator *coordinator = round->coordinator;
    struct request *request = round->request;
    struct blob *record = round->made != NULL ? round->made : round->local;
    CHECK(!round->store_has_request);
    request->record = record == NULL ? NULL : blob_retain(record);
    request->round = NULL;
    round->request = NULL;
    answer(coordinator, request);
    repair(round);
    round_linger(round);
}

static void fail(struct round *round, enum request_failure failure)
{
    round_fail_request(round, failure);
    round_close(round);
}

/* Who of those that have told what they have holds something else than `made`? A stand-in has no copy of its own to be
 * brought up to date. */
static uint16_t lacking_places(const struct round *round)
{
    uint16_t lacking = 0;
    for (unsigned place = 0; place < round->place_count; place++) {
        bool is_self = (int)place == round->self;
        bool has_told = is_self ? !round_stands_in(round) : (round->answered & quorum_bit(place)) != 0;
        if (has_told && round->places[place].fingerprint != round->made_fingerprint)
            lacking |= quorum_bit(place);
    }
    return lacking;
}

static bool encode_made(struct round *round, const struct object *object)
{
    struct blob *blob = blob_new(record_size(object));
    if (blob == NULL)
        return false;
    record_encode(object, blob->at);
    blob_release(round->made);
    round->made = blob;
    round->made_fingerprint = object_fingerprint(object);
    return true;
}

/* `made` becomes the merge of what is known already and of what READs have brought. */
static bool merge_answers(struct round *round)
{
    struct arena *arena = &round->coordinator->scratch;
    struct object object = {0};
    struct blob *known = round->made != NULL ? round->made : round->local;
    arena_reset(arena);
    if (known != NULL && record_decode(blob_bytes(known), &object, arena) != RECORD_OK)
        return false;
    return round_merge_fetched(round, &object, &round->horizon, arena) && encode_made(round, &object);
}

/* The merged object goes to `places`; the client's answer waits for those in `awaited`. */
static void write_back(struct round *round, uint16_t places, uint16_t awaited)
{
    struct coordinator *coordinator = round->coordinator;
    for (unsigned place = 0; place < round->place_count; place++) {
        if ((places & quorum_bit(place)) == 0)
            continue;
        bool is_awaited = (awaited & quorum_bit(place)) != 0;
        counter_increment(is_awaited ? &coordinator->counters.repairs_before : &coordinator->counters.repairs_after);
        round->places[place].fingerprint = round->made_fingerprint;
        if ((int)place != round->self)
            (void)round_send(round, place, true, is_awaited);
        else
            round_merge_locally(round);
    }
}

/* Everyone of the quorum has answered, and not all the same. A later quorum of reads must not see less than this client
 * is about to, so the owners that lack something get it first. */
static void reconcile(struct round *round)
{
    counter_increment(&round->coordinator->counters.other_answers);
    if (!merge_answers(round)) {
        fail(round, FAILURE_CORRUPT);
        return;
    }
    round->phase = ROUND_WRITING;
    round->hedge_ns = 0;
    write_back(round, lacking_places(round), round->reads.yes); /* who does not count is repaired meanwhile */
    if (round->hedge_ns == 0) /* only the local copy lacks something, and its store may have to wait for space */
        round->hedge_ns = round->coordinator->now.mono_ns + (uint64_t)PEER_HEDGE_US_FIRST * 1000;
    round_set_timer(round);
    get_on_write(round);
}

static bool all_are_the_same(const struct round *round)
{
    if (round->lost_local)
        return false;
    return !round_has_other_answer(round, round->local_fingerprint);
}

static bool has_any_record(const struct round *round)
{
    for (unsigned place = 0; place < round->place_count; place++) {
        if (round->places[place].record != NULL)
            return true;
    }
    return round->local != NULL;
}

static void conclude(struct round *round)
{
    if (all_are_the_same(round)) {
        counter_increment(&round->coordinator->counters.same_answers);
        answer_round(round);
    } else if (has_any_record(round)) {
        reconcile(round);
    } else {
        answer_round(round); /* the local copy is unreadable, and nobody else has one */
    }
}

/* Too few can answer under this view. */
static void give_up(struct round *round)
{
    if (round->stale == 0) {
        fail(round, FAILURE_NO_QUORUM);
        return;
    }
    round->phase = ROUND_WAITING;
    round->hedge_ns = 0;
    round_set_timer(round);
    if (round->coordinator->view->epoch > round->epoch)
        get_on_view(round);
}

static void advance(struct round *round)
{
    if (quorum_verdict_of(&round->reads) == QUORUM_MET) {
        conclude(round);
        return;
    }
    unsigned missing = quorum_missing(&round->reads);
    unsigned lively = quorum_count(round_lively(round, round_reads_out(round)));
    if (lively < missing)
        (void)round_ask_further(round, missing - lively, true);
    if (quorum_count(round_reads_out(round)) < missing)
        give_up(round);
    else
        round_set_timer(round);
}

/* How many answers are needed. A local copy that does not count leaves at most the others. */
static unsigned answers_needed(const struct round *round, bool local_counts)
{
    unsigned owners = round->owner_count, others = round->self < 0 ? owners : owners - 1;
    unsigned needed = round->bucket->r < owners ? round->bucket->r : owners;
    return local_counts || round_stands_in(round) || needed <= others ? needed : others;
}

/* The local copy has been read: the others are asked. */
static void read_others(struct round *round)
{
    bool ok = true;
    if (round->local != NULL)
        round->local_fingerprint = record_fingerprint(blob_bytes(round->local), &ok);
    if (!ok) {
        blob_release(round->local);
        round->local = NULL;
        round->lost_local = true;
    }
    if (round->lost_local)
        round->horizon = 0; /* a record that is lost is not absent: what is not here need not be dead */
    bool counts = !round->lost_local && !round->is_doubtful && (!round_stands_in(round) || round->local != NULL);
    round->reads = quorum_of(round->owner_count, answers_needed(round, counts));
    if (round->self >= 0) {
        round->places[round->self].fingerprint = round->local_fingerprint;
        round_admit(round, &round->reads, (unsigned)round->self);
        (counts ? quorum_yes : quorum_no)(&round->reads, (unsigned)round->self);
    }
    round->phase = ROUND_READING;
    unsigned missing = quorum_missing(&round->reads);
    if (round_reachable(round, missing) < missing) {
        fail(round, round->lost_local ? FAILURE_CORRUPT : FAILURE_NO_QUORUM);
        return;
    }
    if (round->asks_all)
        (void)round_ask(round, RING_COPIES_MAX);
    advance(round);
}

/* The round of a get whose local read has come back. */
static void start_round(struct coordinator *coordinator, struct request *request, bool asks_all)
{
    struct round *round = round_begin(coordinator, request, ROUND_GET);
    if (round == NULL) {
        fail_request(coordinator, request, FAILURE_BUSY);
        return;
    }
    round->asks_all = asks_all;
    round->lost_local = request->op.status == STORE_CORRUPT || request->op.status == STORE_IO;
    round->is_doubtful = request->copy_is_doubtful;
    round->horizon = request->copy_horizon;
    round->local = request->record;
    request->record = NULL;
    read_others(round);
}

/* A get at a node that stands in: its copy is what it keeps for the owners. */
static void stand_in(struct coordinator *coordinator, struct request *request)
{
    struct round *round = round_begin(coordinator, request, ROUND_GET);
    if (round == NULL) {
        fail_request(coordinator, request, FAILURE_BUSY);
        return;
    }
    round->phase = ROUND_STARTING;
    kept_read(round);
}

void get_on_kept(struct round *round)
{
    if (kept_take(round))
        read_others(round);
}

void get_start(struct coordinator *coordinator, struct request *request)
{
    if (request->stands_in) {
        stand_in(coordinator, request);
        return;
    }
    struct store_op *op = &request->op;
    op->kind = STORE_READ;
    op->key = request_key(request);
    op->peek = request->peek;
    request->copy_is_doubtful = false;
    if (!is_sole_owner(coordinator) && coordinator->standing != NULL) { /* before the read: they may change */
        request->copy_is_doubtful = standing_is_doubtful(coordinator->standing, op->partition);
        request->copy_horizon = round_own_horizon(coordinator, op->partition);
    }
    store_submit(coordinator->store, coordinator->now, op);
}

void get_on_local(struct coordinator *coordinator, struct request *request)
{
    struct store_op *op = &request->op;
    request->record = op->record;
    op->record = NULL;
    request->fetched_before = op->fetched_before;
    request->idle_s = op->idle_s;
    bool is_readable = op->status == STORE_OK || op->status == STORE_ABSENT;
    if (is_sole_owner(coordinator)) {
        if (is_readable)
            answer(coordinator, request);
        else if (fail_by_store(request))
            end_request(coordinator, request);
        return;
    }
    bool asks_all = round_draw_share(coordinator);
    if (request->bucket->r == 1 && is_readable && !request->copy_is_doubtful && !asks_all)
        answer(coordinator, request);
    else
        start_round(coordinator, request, asks_all);
}

/* Answers that came after the quorum's: whoever turns out to lack something gets it. */
static void repair(struct round *round)
{
    if (!round_has_other_answer(round, round->made != NULL ? round->made_fingerprint : round->local_fingerprint))
        return;
    counter_increment(&round->coordinator->counters.other_answers);
    if (!merge_answers(round))
        return;
    write_back(round, lacking_places(round), 0);
}

void get_on_read(struct round *round, unsigned place)
{
    (void)place;
    switch (round->phase) {
    case ROUND_READING:
        advance(round);
        break;
    case ROUND_LINGERING:
        repair(round);
        if (round_reads_out(round) == 0 && round_writes_out(round) == 0 && !round->store_has_merge)
            round_close(round);
        break;
    default: /* WRITING: what is being written back is what the client is shown; the rest comes after that */
        break;
    }
}

void get_on_write(struct round *round)
{
    if (round->phase == ROUND_WRITING && round_writes_out(round) == 0 && !round->store_has_merge)
        answer_round(round);
    else if (round->phase == ROUND_LINGERING && round_reads_out(round) == 0 && round_writes_out(round) == 0
             && !round->store_has_merge)
        round_close(round);
}

void get_on_merged(struct round *round)
{
    if (round->repair_again) {
        round->repair_again = false;
        round_merge_locally(round);
        return;
    }
    get_on_write(round);
}

void get_on_hedge(struct round *round)
{
    round->hedge_ns = 0;
    if (round->phase == ROUND_WRITING) {
        answer_round(round); /* it has been sent; waiting longer would make one slow owner everybody's */
        return;
    }
    if (round->phase == ROUND_READING && round_ask(round, 1) == 1)
        counter_increment(&round->coordinator->counters.hedges);
    round_set_timer(round);
}

void get_on_silence(struct round *round)
{
    if (round->phase == ROUND_READING)
        advance(round);
}

void get_on_deadline(struct round *round)
{
    round_note_silence(round);
    if (round->request == NULL)
        round_close(round);
    else if (round->phase == ROUND_WRITING)
        answer_round(round);
    else if (!round->store_has_request)
        fail(round, FAILURE_TIMEOUT);
}

void get_on_view(struct round *round)
{
    struct coordinator *coordinator = round->coordinator;
    struct request *request = round->request;
    round->request = NULL;
    request->round = NULL;
    round_close(round);
    begin_request(coordinator, request);
}
