#include "coordinator/write.h"

#include "base/check.h"
#include "base/list.h"
#include "coordinator/cas.h"
#include "coordinator/modify.h"
#include "coordinator/read.h"
#include "coordinator/round.h"
#include "version/fingerprint.h"
#include "version/record.h"

/* One attempt of one request on one record. */
struct write {
    struct coordinator *coordinator;
    struct request *request;
    struct store_draft *draft;
    struct replica_present present;
    struct round *round;         /* NULL where this node is the only owner */
    struct object object;        /* the record as it is, and what the other owners have beside it */
    bool is_unspread;            /* `object` is more than the record here, or than what another owner has answered */
    const struct version *shown; /* its newest version if visible, else NULL */
    struct cas_verdict cas;      /* of a request with a token that was accepted */
    struct blob *made;           /* value bytes made here (append, incr), given back at the end */
};

static enum store_verdict keep(struct write *write, enum request_status status)
{
    write->request->status = status;
    return STORE_KEEP;
}

static enum store_verdict keep_failed(struct write *write, enum request_failure failure)
{
    write->request->failure = failure;
    return keep(write, REQUEST_FAILED);
}

/* Encodes `object` as the new record and keeps a reference for a round that will send it and for a get that waits for
 * it. */
static enum store_verdict encode(struct write *write, const struct object *object)
{
    struct request *request = write->request;
    uint8_t *at = store_draft_alloc(write->draft, record_size(object));
    if (at == NULL)
        return keep(write, REQUEST_NO_MEMORY);
    record_encode(object, at);
    if (request->kind == REQUEST_GET)
        request->record = blob_retain(write->draft->record);
    if (write->round != NULL)
        write->round->made = blob_retain(write->draft->record);
    return STORE_REPLACE;
}

static enum store_verdict replace(struct write *write, const struct object *object)
{
    size_t size = record_size(object);
    bool adds_sibling = object->live_count > write->object.live_count && write->object.live_count > 0;
    if (size > write->coordinator->replica->object_max)
        return keep(write, adds_sibling ? REQUEST_EXISTS : REQUEST_TOO_LARGE);
    write->request->status = REQUEST_OK;
    return encode(write, object);
}

static void count_siblings(struct coordinator *coordinator, uint32_t before, uint32_t after)
{
    if (after > 1 && after > before)
        counter_increment(&coordinator->counters.siblings_made);
    if (before > 1 && after == 1)
        counter_increment(&coordinator->counters.siblings_resolved);
}

/* The object as it is when the one version that the client saw has been taken out of the live ones; its dot stays
 * covered. */
static struct object without_version(struct write *write, uint32_t index)
{
    struct object rest = write->object;
    rest.live_count = 0;
    rest.live = arena_alloc(&write->coordinator->scratch, write->object.live_count * sizeof *rest.live);
    for (uint32_t i = 0; i < write->object.live_count; i++) {
        if (i != index)
            rest.live[rest.live_count++] = write->object.live[i];
    }
    return rest;
}

/* Adds `fresh` over what the request's token covers (everything known, without a token). */
static void put_version(struct write *write, const struct version *fresh, struct object *out)
{
    struct arena *arena = &write->coordinator->scratch;
    static const struct context nothing = {0};
    switch (write->cas.cover) {
    case CAS_COVERS_ONE: {
        struct object rest = without_version(write, write->cas.one);
        object_put(out, &rest, &nothing, fresh, arena);
        break;
    }
    case CAS_COVERS_PAST:
        object_put(out, &write->object, &write->cas.past, fresh, arena);
        break;
    default:
        object_put(out, &write->object, write->cas.has_past ? &write->cas.past : NULL, fresh, arena);
        break;
    }
}

/* The token of what the writer knows of the result: all of it, or, beside siblings that he may not have seen, just his
 * own (newest) version, as a read that shows that one would tell. */
static uint64_t token_of_result(struct write *write, const struct object *result)
{
    struct coordinator *coordinator = write->coordinator;
    const struct request *request = write->request;
    if (request->bucket->stale_cas != STALE_CAS_SIBLING)
        return token_of_object(result);
    static const struct context nothing = {0};
    bool has_siblings = result->live_count > 1;
    uint64_t token = token_of_versions(result->live, has_siblings ? 1 : result->live_count);
    token_table_put(coordinator->tokens, token, request->op.hash, has_siblings ? &nothing : &result->context);
    return token;
}

/* Makes `fresh` (with dot and time already drawn) the request's new version. */
static enum store_verdict put(struct write *write, const struct version *fresh)
{
    struct coordinator *coordinator = write->coordinator;
    struct request *request = write->request;
    struct object out;
    /* Before the put, and only over a record that has been checkpointed: until the new one is as well, the engine has
     * the old one, and replay, which merges, would bring back what the new one no longer knows of. */
    bool is_alone = coordinator->view->member_count == 1; /* else the horizon [R3] is 0: nothing may be forgotten */
    if (!request->op.unsaved && is_alone)
        object_prune(&write->object, coordinator->replica->pairs_kept,
                     replica_horizon(coordinator->replica, &write->present));
    put_version(write, fresh, &out);
    if (request->bucket->reconcile == RECONCILE_LWW)
        object_keep_newest(&out);
    if (out.live_count > request->bucket->siblings_max && out.live_count > write->object.live_count) {
        counter_increment(&coordinator->counters.siblings_refused);
        return keep(write, REQUEST_EXISTS); /* [R8] */
    }
    enum store_verdict verdict = replace(write, &out);
    if (verdict != STORE_REPLACE)
        return verdict;
    count_siblings(coordinator, write->object.live_count, out.live_count);
    if (write->round != NULL) {
        write->round->has_dot = true;
        write->round->dot = fresh->dot;
    }
    request->written_token = token_of_result(write, &out);
    request->written_expiry_ms = fresh->expiry_ms;
    return verdict;
}

static struct version fresh_version(struct write *write)
{
    struct version fresh = replica_fresh_version(write->coordinator->replica, &write->object, write->coordinator->now);
    if (!write->cas.has_past)
        return fresh;
    /* The token may cover writes that have not come here: its write must be later than these too [R2]. */
    for (uint32_t i = 0; i < write->cas.past.count; i++) {
        if (fresh.time <= write->cas.past.pairs[i].time)
            fresh.time = write->cas.past.pairs[i].time + 1;
    }
    fresh.expiry_stamp = fresh.time;
    return fresh;
}

/* set, add, replace, cas */
static enum store_verdict write_value(struct write *write)
{
    const struct request *request = write->request;
    struct version fresh = fresh_version(write);
    fresh.flags = request->flags;
    fresh.expiry_ms = request->expiry_ms;
    fresh.value = request->value;
    return put(write, &fresh);
}

/* ms with I and an older token: stored, but stale, with the expiry and the sent win of what was there. */
static enum store_verdict write_value_as_stale(struct write *write)
{
    const struct request *request = write->request;
    struct version fresh = fresh_version(write);
    fresh.flags = request->flags;
    fresh.expiry_ms = write->shown->expiry_ms;
    fresh.marks = (uint8_t)(VERSION_STALE | (write->shown->marks & VERSION_WIN_SENT));
    fresh.value = request->value;
    return put(write, &fresh);
}

/* A new version with the shown one's flags and expiry, and the bytes of `made`. */
static enum store_verdict write_made(struct write *write, struct blob *made, uint8_t marks)
{
    if (made == NULL)
        return keep(write, REQUEST_NO_MEMORY);
    write->made = made;
    struct version fresh = fresh_version(write);
    fresh.flags = write->shown->flags;
    fresh.expiry_ms = write->shown->expiry_ms;
    fresh.marks = marks;
    fresh.value = blob_bytes(made);
    return put(write, &fresh);
}

static enum store_verdict write_concat(struct write *write, bool behind)
{
    struct bytes old = write->shown->value, more = write->request->value;
    uint64_t max = write->request->value_max != 0 ? write->request->value_max : write->coordinator->replica->value_max;
    if (old.len + more.len > max)
        return keep(write, REQUEST_NOT_STORED);
    return write_made(write, behind ? modify_concat(old, more) : modify_concat(more, old), 0); /* as a set: no marks */
}

static enum store_verdict write_initial_number(struct write *write)
{
    struct request *request = write->request;
    request->number = request->initial;
    request->created = true;
    write->made = modify_number_text(request->initial, 0);
    if (write->made == NULL)
        return keep(write, REQUEST_NO_MEMORY);
    struct version fresh = fresh_version(write);
    fresh.expiry_ms = request->expiry_ms;
    fresh.value = blob_bytes(write->made);
    return put(write, &fresh);
}

static enum store_verdict write_delta(struct write *write, bool up)
{
    struct request *request = write->request;
    uint64_t number;
    if (!modify_number_of(write->shown->value, &number))
        return keep(write, REQUEST_NON_NUMERIC);
    if (request->has_expiry) {
        /* meta T: the number's new expiry; write_made takes it from the shown version, so change that copy. */
        struct version *copy = arena_alloc(&write->coordinator->scratch, sizeof *copy);
        *copy = *write->shown;
        copy->expiry_ms = request->expiry_ms;
        write->shown = copy;
    }
    request->number = modify_delta(number, request->delta, up);
    return write_made(write, modify_number_text(request->number, write->shown->value.len), write->shown->marks);
}

/* md I: the same bytes under a new dot, marked stale; the next reader wins. */
static enum store_verdict write_stale_mark(struct write *write)
{
    const struct request *request = write->request;
    struct version fresh = fresh_version(write);
    fresh.flags = write->shown->flags;
    fresh.expiry_ms = request->has_expiry ? request->expiry_ms : write->shown->expiry_ms;
    fresh.marks = VERSION_STALE;
    fresh.value = write->shown->value;
    return put(write, &fresh);
}

static enum store_verdict write_tombstone(struct write *write)
{
    bool is_alone = write->coordinator->view->member_count == 1;
    if (is_alone && write->coordinator->replica->grace_ms == 0 && write->cas.cover == CAS_COVERS_ALL) {
        write->request->status = REQUEST_OK; /* nobody can bring it back: no need to remember the delete */
        return STORE_ERASE;
    }
    struct version fresh = fresh_version(write);
    fresh.kind = VERSION_TOMBSTONE;
    return put(write, &fresh);
}

static bool is_visible(const struct write *write, const struct version *version)
{
    return replica_sight_of(version, &write->present) == SIGHT_VISIBLE;
}

/* A stamp later than those of all versions here. */
static hybrid_time next_stamp(const struct write *write)
{
    hybrid_time stamp = hybrid_next(&write->coordinator->replica->clock, write->coordinator->now);
    for (uint32_t i = 0; i < write->object.live_count; i++) {
        if (stamp <= write->object.live[i].expiry_stamp)
            stamp = write->object.live[i].expiry_stamp + 1;
    }
    return stamp;
}

/* Changes expiry and marks of what is visible, under the same dots and with a new stamp [R5]. */
static enum store_verdict restamp(struct write *write, bool set_expiry, uint64_t expiry_ms, uint8_t add_marks)
{
    hybrid_time stamp = next_stamp(write);
    for (uint32_t i = 0; i < write->object.live_count; i++) {
        struct version *version = &write->object.live[i];
        if (!is_visible(write, version))
            continue;
        if (set_expiry)
            version->expiry_ms = expiry_ms;
        version->marks |= add_marks;
        version->expiry_stamp = stamp;
    }
    enum store_verdict verdict = replace(write, &write->object);
    if (verdict == STORE_REPLACE) {
        write->request->written_token = token_of_result(write, &write->object);
        write->request->touch_stamp = stamp;
    }
    return verdict;
}

static enum store_verdict touch(struct write *write)
{
    return restamp(write, true, write->request->expiry_ms, 0);
}

/* A miss of mg N: an empty item whose reader has won. */
static enum store_verdict vivify(struct write *write)
{
    struct version fresh = fresh_version(write);
    fresh.expiry_ms = write->request->vivify_expiry_ms;
    fresh.marks = VERSION_WIN_SENT;
    write->request->won = true;
    write->request->created = true;
    write->request->touch_stamp = fresh.expiry_stamp;
    return put(write, &fresh);
}

/* A plain delete of what is not there. Unless all owners say that they have nothing, one that was out of reach may have
 * an older value: the tombstone is what tells it of the delete [R6]. */
static enum store_verdict write_tombstone_of_missing(struct write *write)
{
    const struct request *request = write->request;
    bool is_plain = !request->has_token && !request->invalidate;
    if (write->round == NULL || !is_plain)
        return keep(write, REQUEST_MISS);
    if (write->object.live_count == 0 && quorum_is_unanimous(&write->round->reads))
        return keep(write, REQUEST_MISS);
    enum store_verdict verdict = write_tombstone(write);
    if (verdict == STORE_REPLACE)
        write->request->status = REQUEST_MISS;
    write->request->written_token = 0;
    return verdict;
}

/* A reply needs the record even when nothing had to be changed after all. */
static enum store_verdict keep_and_show(struct write *write, struct bytes current)
{
    if (write->is_unspread)
        return keep(write, REQUEST_OK); /* it is stored and sent, and shown from there */
    struct blob *copy = blob_new(current.len);
    if (copy == NULL)
        return keep(write, REQUEST_NO_MEMORY);
    memcpy(copy->at, current.at, current.len);
    write->request->record = copy;
    return keep(write, REQUEST_OK);
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
    return restamp(write, request->has_expiry, expiry_ms, request->won ? VERSION_WIN_SENT : 0);
}

static enum store_verdict write_over_missing(struct write *write)
{
    switch (write->request->kind) {
    case REQUEST_SET:
    case REQUEST_ADD:
        return write_value(write);
    case REQUEST_INCR:
    case REQUEST_DECR:
        return write->request->create ? write_initial_number(write) : keep(write, REQUEST_MISS);
    case REQUEST_GET:
        read_answer_miss(write->request, object_newest(&write->object), &write->present);
        return write->request->vivify ? vivify(write) : STORE_KEEP;
    case REQUEST_REPLACE:
    case REQUEST_APPEND:
    case REQUEST_PREPEND:
        return keep(write, REQUEST_NOT_STORED);
    case REQUEST_DELETE:
        return write_tombstone_of_missing(write);
    default:
        return keep(write, REQUEST_MISS);
    }
}

static enum store_verdict write_over_shown(struct write *write, struct bytes current)
{
    switch (write->request->kind) {
    case REQUEST_SET:
    case REQUEST_REPLACE:
        return write_value(write);
    case REQUEST_ADD:
        return keep(write, REQUEST_NOT_STORED);
    case REQUEST_APPEND:
        return write_concat(write, true);
    case REQUEST_PREPEND:
        return write_concat(write, false);
    case REQUEST_INCR:
        return write_delta(write, true);
    case REQUEST_DECR:
        return write_delta(write, false);
    case REQUEST_DELETE:
        return write->request->invalidate ? write_stale_mark(write) : write_tombstone(write);
    case REQUEST_TOUCH:
        return touch(write);
    case REQUEST_GET:
        return get_and_change(write, current);
    case REQUEST_FLUSH:
        break;
    }
    CHECK(false);
    return STORE_KEEP;
}

static bool any_visible(const struct write *write)
{
    for (uint32_t i = 0; i < write->object.live_count; i++) {
        if (is_visible(write, &write->object.live[i]))
            return true;
    }
    return false;
}

/* A write with a token: only over what the token covers. */
static enum store_verdict write_compared(struct write *write, struct bytes current)
{
    struct request *request = write->request;
    bool is_value_write = request->kind == REQUEST_SET;
    bool is_delta = request->kind == REQUEST_INCR || request->kind == REQUEST_DECR;
    if (!any_visible(write)) {
        if (request->kind == REQUEST_ADD)
            return write_value(write);
        if (is_delta)
            return write_over_missing(write);
        if (request->kind == REQUEST_APPEND || request->kind == REQUEST_PREPEND || request->kind == REQUEST_REPLACE)
            return keep(write, REQUEST_NOT_STORED);
        return keep(write, REQUEST_MISS);
    }
    /* memcached looks whether there is anything to count before it looks at the token. */
    if (is_delta && write->shown != NULL && write->shown->value.len == 0)
        return keep(write, REQUEST_NON_NUMERIC);
    write->cas = cas_judge(write->coordinator, request, &write->object);
    if (write->cas.cover == CAS_MISMATCH) {
        if (is_value_write && request->invalidate && request->token != 0 && write->shown != NULL) {
            write->cas.cover = CAS_COVERS_ALL;
            return write_value_as_stale(write);
        }
        return keep(write, REQUEST_EXISTS);
    }
    /* A sibling of what came since makes sense for whole values only; arithmetic needs the current one. */
    if (write->cas.cover == CAS_COVERS_PAST && !is_value_write)
        return keep(write, REQUEST_EXISTS);
    if (is_value_write)
        return write_value(write);
    if (write->cas.cover == CAS_COVERS_ONE) { /* the version that the token names is changed, not the newest */
        const struct version *named = &write->object.live[write->cas.one];
        write->shown = is_visible(write, named) ? named : NULL;
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
        write->round->has_dot = false;
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

/* The record here, and what the READs of the round have brought. */
static bool take_in(struct write *write, struct bytes current)
{
    struct arena *arena = &write->coordinator->scratch;
    bool is_good = current.len == 0 || record_decode(current, &write->object, arena) == RECORD_OK;
    if (!is_good && (write->round == NULL || !write->round->lost_local))
        return false;
    if (write->round == NULL)
        return true;
    uint64_t before = object_fingerprint(&write->object);
    if (!round_merge_fetched(write->round, &write->object, arena))
        return false;
    uint64_t fingerprint = object_fingerprint(&write->object);
    write->is_unspread = fingerprint != before || round_has_other_answer(write->round, fingerprint);
    return true;
}

static enum store_verdict judge(struct write *write, struct bytes current)
{
    if (write->request->has_token)
        return write_compared(write, current);
    return write->shown == NULL ? write_over_missing(write) : write_over_shown(write, current);
}

enum store_verdict write_apply(struct store_op *op, struct bytes current, struct store_draft *draft)
{
    struct request *request = CONTAINER_OF(op, struct request, op);
    struct write write = {
        .coordinator = request->coordinator, .request = request, .draft = draft, .round = request->round};
    begin_attempt(&write);
    write.present = replica_present_at(write.coordinator->replica, write.coordinator->now);
    if (!take_in(&write, current))
        return keep_failed(&write, FAILURE_CORRUPT);
    write.shown = replica_shown(&write.object, &write.present);
    enum store_verdict verdict = judge(&write, current);
    /* The answer tells of something that too few owners may have: they get it before the client learns of it, as they
     * do with a get. */
    bool tells = request->status != REQUEST_NO_MEMORY && request->status != REQUEST_TOO_LARGE;
    if (verdict == STORE_KEEP && write.is_unspread && draft->record == NULL && tells)
        verdict = encode(&write, &write.object);
    op->keeps_use = write.shown != NULL && keeps_use(request);
    blob_release(write.made);
    return verdict;
}
