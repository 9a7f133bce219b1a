#include "coordinator/change.h"

#include "base/check.h"
#include "coordinator/attempt.h"
#include "coordinator/modify.h"
#include "coordinator/round.h"
#include "version/record.h"

enum store_verdict change_nothing(struct write *write, enum request_status status)
{
    write->request->status = status;
    return STORE_KEEP;
}

enum store_verdict change_failed(struct write *write, enum request_failure failure)
{
    write->request->failure = failure;
    return change_nothing(write, REQUEST_FAILED);
}

enum store_verdict change_to(struct write *write, const struct object *object)
{
    struct request *request = write->request;
    uint8_t *at = store_draft_alloc(write->draft, record_size(object));
    if (at == NULL)
        return change_nothing(write, REQUEST_NO_MEMORY);
    record_encode(object, at);
    if (request->kind == REQUEST_GET)
        request->record = blob_retain(write->draft->record);
    if (write->round != NULL)
        write->round->made = blob_retain(write->draft->record);
    return STORE_REPLACE;
}

static enum store_verdict replace(struct write *write, const struct object *object)
{
    bool fits = record_fits(object) && record_size(object) <= write->coordinator->replica->object_max;
    bool adds_sibling = object->live_count > write->object.live_count && write->object.live_count > 0;
    if (!fits)
        return change_nothing(write, adds_sibling ? REQUEST_EXISTS : REQUEST_TOO_LARGE);
    write->request->status = REQUEST_OK;
    return change_to(write, object);
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

static bool is_lww(const struct write *write)
{
    return write->request->bucket->reconcile == RECONCILE_LWW;
}

/* Adds `fresh` over what the request's token covers (everything known, without a token). */
static void put_version(struct write *write, const struct version *fresh, struct object *out)
{
    struct arena *arena = &write->coordinator->scratch;
    hybrid_time later_than = is_lww(write) && fresh->request != 0 ? write->request->began : HYBRID_TIME_MAX;
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
        object_put_over(out, &write->object, write->cas.has_past ? &write->cas.past : NULL, fresh, later_than, arena);
        break;
    }
}

uint64_t change_token(struct coordinator *coordinator, const struct request *request, const struct object *result)
{
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
    if (!request->op.unsaved)
        object_prune(&write->object, replica_pairs_kept(coordinator->replica), write->horizon);
    put_version(write, fresh, &out);
    if (is_lww(write))
        object_keep_newest(&out, write->horizon);
    else if (out.live_count > request->bucket->siblings_max && out.live_count > write->object.live_count) {
        counter_increment(&coordinator->counters.siblings_refused);
        return change_nothing(write, REQUEST_EXISTS); /* [R8] */
    }
    enum store_verdict verdict = replace(write, &out);
    if (verdict != STORE_REPLACE)
        return verdict;
    if (!is_lww(write))
        count_siblings(coordinator, write->object.live_count, out.live_count);
    if (write->round != NULL) {
        write->round->has_dot = true;
        write->round->dot = fresh->dot;
    }
    request->written_token = change_token(coordinator, request, &out);
    request->written_expiry_ms = fresh->expiry_ms;
    return verdict;
}

static struct version fresh_version(struct write *write)
{
    const struct request *request = write->request;
    struct version fresh = replica_fresh_version(write->coordinator->replica, &write->object, write->coordinator->now);
    fresh.request = request->name;
    fresh.attempt = request->name == 0 ? 0 : request->attempt;
    if (fresh.time <= request->began && attempt_is_sane(write->coordinator, request))
        fresh.time = request->began + 1; /* what is later than `began` was written while it was under way [R10] */
    fresh.expiry_stamp = fresh.time;
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

enum store_verdict change_value(struct write *write)
{
    const struct request *request = write->request;
    struct version fresh = fresh_version(write);
    fresh.flags = request->flags;
    fresh.expiry_ms = request->expiry_ms;
    fresh.value = request->value;
    return put(write, &fresh);
}

enum store_verdict change_value_to_stale(struct write *write)
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
        return change_nothing(write, REQUEST_NO_MEMORY);
    write->made = made;
    struct version fresh = fresh_version(write);
    fresh.flags = write->shown->flags;
    fresh.expiry_ms = write->shown->expiry_ms;
    fresh.marks = marks;
    fresh.value = blob_bytes(made);
    return put(write, &fresh);
}

enum store_verdict change_by_concat(struct write *write, bool behind)
{
    struct bytes old = write->shown->value, more = write->request->value;
    uint64_t max = write->request->value_max != 0 ? write->request->value_max : write->coordinator->replica->value_max;
    if (old.len + more.len > max)
        return change_nothing(write, REQUEST_NOT_STORED);
    return write_made(write, behind ? modify_concat(old, more) : modify_concat(more, old), 0); /* as a set: no marks */
}

enum store_verdict change_to_first_number(struct write *write)
{
    struct request *request = write->request;
    request->number = request->initial;
    request->created = true;
    write->made = modify_number_text(request->initial, 0);
    if (write->made == NULL)
        return change_nothing(write, REQUEST_NO_MEMORY);
    struct version fresh = fresh_version(write);
    fresh.expiry_ms = request->expiry_ms;
    fresh.value = blob_bytes(write->made);
    return put(write, &fresh);
}

enum store_verdict change_number(struct write *write, bool up)
{
    struct request *request = write->request;
    uint64_t number;
    if (!modify_number_of(write->shown->value, &number))
        return change_nothing(write, REQUEST_NON_NUMERIC);
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

enum store_verdict change_mark_stale(struct write *write)
{
    const struct request *request = write->request;
    struct version fresh = fresh_version(write);
    fresh.flags = write->shown->flags;
    fresh.expiry_ms = request->has_expiry ? request->expiry_ms : write->shown->expiry_ms;
    fresh.marks = VERSION_STALE;
    fresh.value = write->shown->value;
    return put(write, &fresh);
}

enum store_verdict change_to_tombstone(struct write *write)
{
    bool is_alone = write->coordinator->view->member_count == 1;
    if (is_alone && write->coordinator->replica->grace_ms == 0 && write->cas.cover == CAS_COVERS_ALL) {
        write->request->status = REQUEST_OK; /* nobody can bring it back: no need to remember the delete */
        return STORE_ERASE;
    }
    struct version fresh = fresh_version(write);
    fresh.kind = VERSION_TOMBSTONE;
    fresh.flags = write->found_nothing && fresh.request != 0 ? ATTEMPT_FOUND_NOTHING : 0;
    return put(write, &fresh);
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

enum store_verdict change_expiry(struct write *write, bool set_expiry, uint64_t expiry_ms, uint8_t add_marks)
{
    hybrid_time stamp = next_stamp(write);
    for (uint32_t i = 0; i < write->object.live_count; i++) {
        struct version *version = &write->object.live[i];
        if (!change_sees(write, version))
            continue;
        if (set_expiry)
            version->expiry_ms = expiry_ms;
        version->marks |= add_marks;
        version->expiry_stamp = stamp;
    }
    enum store_verdict verdict = replace(write, &write->object);
    if (verdict == STORE_REPLACE) {
        write->request->written_token = change_token(write->coordinator, write->request, &write->object);
        write->request->touch_stamp = stamp;
    }
    return verdict;
}

enum store_verdict change_by_vivifying(struct write *write)
{
    struct version fresh = fresh_version(write);
    fresh.expiry_ms = write->request->vivify_expiry_ms;
    fresh.marks = VERSION_WIN_SENT;
    write->request->won = true;
    write->request->created = true;
    write->request->touch_stamp = fresh.expiry_stamp;
    return put(write, &fresh);
}
