#include "coordinator/write.h"

#include "base/check.h"
#include "base/list.h"
#include "coordinator/attempt.h"
#include "coordinator/change.h"
#include "coordinator/end.h"
#include "coordinator/kept.h"
#include "coordinator/read.h"
#include "coordinator/round.h"
#include "version/fingerprint.h"
#include "version/record.h"

/* A plain delete of what is not there. Unless all owners say that they have nothing, one that was out of reach may have
 * an older value: the tombstone is what tells it of the delete [R6]. */
static enum store_verdict write_tombstone_of_missing(struct write *write)
{
    const struct request *request = write->request;
    bool is_plain = !request->has_token && !request->invalidate;
    if (write->round == NULL || !is_plain)
        return change_nothing(write, REQUEST_MISS);
    if (write->object.live_count == 0 && quorum_is_unanimous(&write->round->reads))
        return change_nothing(write, REQUEST_MISS);
    write->found_nothing = true;
    enum store_verdict verdict = change_to_tombstone(write);
    if (verdict == STORE_REPLACE)
        write->request->status = REQUEST_MISS;
    write->request->written_token = 0;
    return verdict;
}

/* A reply needs the record even when nothing had to be changed after all. */
static enum store_verdict keep_and_show(struct write *write, struct bytes current)
{
    if (write->is_unspread)
        return change_nothing(write, REQUEST_OK); /* it is stored and sent, and shown from there */
    struct blob *copy = blob_new(current.len);
    if (copy == NULL)
        return change_nothing(write, REQUEST_NO_MEMORY);
    memcpy(copy->at, current.at, current.len);
    write->request->record = copy;
    return change_nothing(write, REQUEST_OK);
}

/* gat, touch by mg, and the claims of meta readers. */
static enum store_verdict get_and_change(struct write *write, struct bytes current)
{
    struct request *request = write->request;
    const struct version *shown = write->shown;
    bool win_sent = (shown->marks & VERSION_WIN_SENT) != 0;
    uint64_t expiry_ms = request->has_expiry ? request->expiry_ms : shown->expiry_ms;
    if (request->claims && (shown->marks & VERSION_STALE) != 0 && !win_sent)
        request->won = true;
    uint64_t judged_ms = request->recache_first ? shown->expiry_ms : expiry_ms;
    if (!win_sent && read_is_recache_due(request, judged_ms, write->present.now_ms))
        request->won = true;
    if (!request->has_expiry && !request->won)
        return keep_and_show(write, current);
    return change_expiry(write, request->has_expiry, expiry_ms, request->won ? VERSION_WIN_SENT : 0);
}

static bool any_visible(const struct write *write)
{
    if (write->request->bucket->reconcile == RECONCILE_LWW)
        return write->shown != NULL;
    for (uint32_t i = 0; i < write->object.live_count; i++) {
        if (change_sees(write, &write->object.live[i]))
            return true;
    }
    return false;
}

static enum store_verdict write_over_missing(struct write *write)
{
    switch (write->request->kind) {
    case REQUEST_SET:
    case REQUEST_ADD:
        return change_value(write);
    case REQUEST_INCR:
    case REQUEST_DECR:
        return write->request->create ? change_to_first_number(write) : change_nothing(write, REQUEST_MISS);
    case REQUEST_GET:
        if (request_shows_siblings(write->request) && any_visible(write)) /* gats */
            return change_expiry(write, write->request->has_expiry, write->request->expiry_ms, 0);
        read_answer_miss(write->request, object_newest(&write->object), &write->present);
        return write->request->vivify ? change_by_vivifying(write) : STORE_KEEP;
    case REQUEST_REPLACE:
    case REQUEST_APPEND:
    case REQUEST_PREPEND:
        return change_nothing(write, REQUEST_NOT_STORED);
    case REQUEST_DELETE:
        return write_tombstone_of_missing(write);
    default:
        return change_nothing(write, REQUEST_MISS);
    }
}

static enum store_verdict write_over_shown(struct write *write, struct bytes current)
{
    switch (write->request->kind) {
    case REQUEST_SET:
    case REQUEST_REPLACE:
        return change_value(write);
    case REQUEST_ADD:
        return change_nothing(write, REQUEST_NOT_STORED);
    case REQUEST_APPEND:
        return change_by_concat(write, true);
    case REQUEST_PREPEND:
        return change_by_concat(write, false);
    case REQUEST_INCR:
        return change_number(write, true);
    case REQUEST_DECR:
        return change_number(write, false);
    case REQUEST_DELETE:
        return write->request->invalidate ? change_mark_stale(write) : change_to_tombstone(write);
    case REQUEST_TOUCH:
        return change_expiry(write, true, write->request->expiry_ms, 0);
    case REQUEST_GET:
        return get_and_change(write, current);
    case REQUEST_FLUSH:
        break;
    }
    CHECK(false);
    return STORE_KEEP;
}

static bool is_short(const struct write *write)
{
    return write->round != NULL && write->round->is_short;
}

/* A write with a token: only over what the token covers. */
static enum store_verdict write_compared(struct write *write, struct bytes current)
{
    struct request *request = write->request;
    bool is_value_write = request->kind == REQUEST_SET;
    bool is_delta = request->kind == REQUEST_INCR || request->kind == REQUEST_DECR;
    if (!any_visible(write)) {
        if (is_value_write && is_short(write)
            && cas_knows_past(write->coordinator, request, &write->object, &write->cas))
            return change_value(write); /* it stands beside what is out of reach */
        if (request->kind == REQUEST_ADD)
            return change_value(write);
        if (is_delta)
            return write_over_missing(write);
        if (request->kind == REQUEST_APPEND || request->kind == REQUEST_PREPEND || request->kind == REQUEST_REPLACE)
            return change_nothing(write, REQUEST_NOT_STORED);
        return change_nothing(write, REQUEST_MISS);
    }
    /* memcached looks whether there is anything to count before it looks at the token. */
    if (is_delta && write->shown != NULL && write->shown->value.len == 0)
        return change_nothing(write, REQUEST_NON_NUMERIC);
    write->cas = cas_judge(write->coordinator, request, &write->object);
    if (write->cas.cover == CAS_MISMATCH) {
        if (is_value_write && request->invalidate && request->token != 0 && write->shown != NULL) {
            write->cas.cover = CAS_COVERS_ALL;
            return change_value_to_stale(write);
        }
        return change_nothing(write, REQUEST_EXISTS);
    }
    /* A sibling of what came since makes sense for whole values only; arithmetic needs the current one. */
    if (write->cas.cover == CAS_COVERS_PAST && !is_value_write)
        return change_nothing(write, REQUEST_EXISTS);
    if (is_value_write)
        return change_value(write);
    if (write->cas.cover == CAS_COVERS_ONE) { /* the version that the token names is changed, not the newest */
        const struct version *named = &write->object.live[write->cas.one];
        write->shown = change_sees(write, named) ? named : NULL;
    }
    return write->shown == NULL ? write_over_missing(write) : write_over_shown(write, current);
}

/* The function may run again after waiting for space: the answer of an earlier run goes. */
static void begin_attempt(struct write *write)
{
    struct request *request = write->request;
    blob_release(request->record);
    request->record = NULL;
    if (write->round != NULL) {
        blob_release(write->round->made);
        write->round->made = NULL;
        write->round->has_dot = write->round->has_found = false;
    }
    request->won = false;
    request->expired = false;
    request->flushed = false;
    request->created = false;
    request->written_token = 0;
    request->touch_stamp = 0;
    arena_reset(&write->coordinator->scratch);
}

/* memcached changes these items in place: what is known of their use stays. */
static bool keeps_use(const struct request *request)
{
    switch (request->kind) {
    case REQUEST_GET:
    case REQUEST_TOUCH:
    case REQUEST_INCR:
    case REQUEST_DECR:
        return true;
    case REQUEST_DELETE:
        return request->invalidate;
    default:
        return false;
    }
}

/* This node stands in: the hints of all owners are its copy, whichever of them the update runs on. */
static bool take_in_kept(struct write *write)
{
    const struct round *round = write->round;
    struct object so_far = write->object, kept;
    if (round->local == NULL)
        return true;
    if (record_decode(blob_bytes(round->local), &kept, &write->coordinator->scratch) != RECORD_OK)
        return false;
    object_merge(&write->object, &so_far, 0, &kept, 0, &write->coordinator->scratch);
    return true;
}

/* Has one of the copies what an earlier attempt has made? */
static void note_attempts(struct write *write)
{
    const struct round *round = write->round;
    attempt_note_copy(write, &write->object);
    for (unsigned place = 0; place < round->place_count && write->request->attempt > 1; place++) {
        struct object copy;
        struct blob *record = round->places[place].record;
        if (record != NULL && record_decode(blob_bytes(record), &copy, &write->coordinator->scratch) == RECORD_OK)
            attempt_note_copy(write, &copy);
    }
}

/* The record here, and what the READs of the round have brought. */
static bool take_in(struct write *write, struct bytes current)
{
    struct arena *arena = &write->coordinator->scratch;
    struct round *round = write->round;
    bool stands_in = round != NULL && round_stands_in(round);
    bool is_good = current.len == 0 || record_decode(current, &write->object, arena) == RECORD_OK;
    bool is_lost = round != NULL && round->lost_local;
    if (!is_good && !is_lost)
        return false;
    if (!is_good)
        write->object = (struct object){0};
    bool has_horizon = !stands_in && (!is_lost || (is_good && current.len != 0)); /* what is lost may live on */
    if (has_horizon)
        write->horizon = replica_horizon(write->coordinator->replica, &write->present, write->request->op.partition);
    if (round == NULL)
        return true;
    round->horizon = write->horizon;
    if (round->answered == 0 && !stands_in)
        return true; /* nobody was asked: a plain set */
    note_attempts(write);
    uint64_t before = object_fingerprint(&write->object);
    const struct context held = write->object.context;
    if (stands_in && !take_in_kept(write))
        return false;
    if (!round_merge_fetched(round, &write->object, &round->horizon, arena))
        return false;
    replica_note_returned(write->coordinator->replica, &held, &write->object.context);
    uint64_t fingerprint = object_fingerprint(&write->object);
    write->is_unspread = fingerprint != before || round_has_other_answer(round, fingerprint);
    return true;
}

static enum store_verdict judge(struct write *write, struct bytes current)
{
    enum store_verdict verdict = STORE_KEEP;
    if (write->request->name != 0 && attempt_settles(write, &verdict))
        return verdict;
    if (write->request->has_token)
        verdict = write_compared(write, current);
    else
        verdict = write->shown == NULL ? write_over_missing(write) : write_over_shown(write, current);
    /* Too few have told what they have: that there is nothing nobody can say. */
    bool denies = write->request->status == REQUEST_MISS || write->request->status == REQUEST_NOT_STORED;
    if (verdict == STORE_KEEP && denies && is_short(write))
        return change_failed(write, FAILURE_NO_QUORUM);
    return verdict;
}

enum store_verdict write_apply(struct store_op *op, struct bytes current, struct store_draft *draft)
{
    struct request *request = CONTAINER_OF(op, struct request, op);
    struct write write = {
        .coordinator = request->coordinator, .request = request, .draft = draft, .round = request->round};
    begin_attempt(&write);
    if (are_writes_held(write.coordinator)) /* under the stripe's lock: see node_hold_writes */
        return change_failed(&write, FAILURE_HELD);
    write.present = replica_present_at(write.coordinator->replica, write.coordinator->now);
    if (!take_in(&write, current))
        return change_failed(&write, FAILURE_CORRUPT);
    write.shown = replica_shown(&write.object, &write.present);
    enum store_verdict verdict = judge(&write, current);
    /* The answer tells of something that too few owners may have: they get it before the client learns of it, as they
     * do with a get. */
    bool tells = request->status != REQUEST_NO_MEMORY && request->status != REQUEST_TOO_LARGE
                 && request->status != REQUEST_FAILED;
    if (verdict == STORE_KEEP && write.is_unspread && draft->record == NULL && tells)
        verdict = change_to(&write, &write.object);
    op->keeps_use = write.shown != NULL && keeps_use(request);
    if (write.round != NULL && round_stands_in(write.round))
        kept_note_update(write.round, current.len != 0, verdict);
    blob_release(write.made);
    return verdict;
}
