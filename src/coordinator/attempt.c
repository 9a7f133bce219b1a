#include "coordinator/attempt.h"

#include "base/check.h"
#include "coordinator/modify.h"
#include "coordinator/round.h"
#include "version/record.h"

enum { LATE_MS = 20 }; /* within which a healthy ring carries a forwarded write from node to node, clocks included */

/* By the wall clock: after its clock was far ahead a node's own hybrid time is still what nobody else follows, also
 * when it makes the second attempt of its own request. */
bool attempt_is_sane(const struct coordinator *coordinator, const struct request *request)
{
    return hybrid_ms(request->began) <= coordinator->now.wall_ms + REPLICA_AHEAD_MS_MAX;
}

bool attempt_is_late(const struct coordinator *coordinator, const struct request *request)
{
    bool is_plain_set = request->kind == REQUEST_SET && !request->has_token;
    if (request->name == 0 || request->attempt > 1 || !is_plain_set || request->bucket->reconcile == RECONCILE_LWW)
        return false;
    uint64_t now_ms = hybrid_now_ms(&coordinator->replica->clock, coordinator->now);
    return now_ms > hybrid_ms(request->began) + LATE_MS;
}

bool attempt_is_late_over(struct coordinator *coordinator, const struct request *request, const struct blob *local)
{
    struct object object;
    if (local == NULL || !attempt_is_late(coordinator, request))
        return false;
    arena_reset(&coordinator->scratch);
    if (record_decode(blob_bytes(local), &object, &coordinator->scratch) != RECORD_OK)
        return false;
    const struct version *newest = object_newest(&object);
    return newest != NULL && newest->time > request->began;
}

static const struct version *find_named(const struct object *object, uint64_t name)
{
    for (uint32_t i = 0; i < object->live_count; i++) {
        if (object->live[i].request == name)
            return &object->live[i];
    }
    return NULL;
}

void attempt_note_copy(struct write *write, const struct object *copy)
{
    const struct version *named = write->request->name == 0 ? NULL : find_named(copy, write->request->name);
    if (named == NULL)
        return;
    struct version *kept = arena_alloc(&write->coordinator->scratch, sizeof *kept); /* merges work in the copies */
    *kept = *named;
    write->made_before = kept;
}

/* Nobody can say what came of it. */
static enum store_verdict lose(struct write *write)
{
    counter_increment(&write->coordinator->counters.lost_again);
    return change_failed(write, FAILURE_LOST);
}

/* What the request would have answered had it just made this version. */
static void answer_done(struct write *write, const struct version *done)
{
    struct request *request = write->request;
    bool found_nothing = done->kind == VERSION_TOMBSTONE && done->flags == ATTEMPT_FOUND_NOTHING;
    request->status = found_nothing ? REQUEST_MISS : REQUEST_OK;
    request->written_expiry_ms = done->expiry_ms;
    request->written_token = found_nothing ? 0 : change_token(write->coordinator, request, &write->object);
    switch (request->kind) {
    case REQUEST_INCR:
    case REQUEST_DECR:
        if (!modify_number_of(done->value, &request->number))
            request->number = 0;
        break;
    case REQUEST_GET: /* a miss that it filled with an empty item */
        request->won = true;
        request->created = true;
        request->touch_stamp = done->expiry_stamp;
        break;
    default:
        break;
    }
}

/* (a). Is it certain that nobody, who is shown one value, is shown another one that was there before it? */
static enum store_verdict find_again(struct write *write, const struct version *done)
{
    bool shows_all = write->request->bucket->stale_cas == STALE_CAS_SIBLING;
    if (done != object_newest(&write->object) && !shows_all)
        return lose(write);
    counter_increment(&write->coordinator->counters.found_again);
    answer_done(write, done);
    enum store_verdict verdict = change_to(write, &write->object);
    if (verdict == STORE_REPLACE && write->round != NULL)
        write->round->has_found = !shows_all;
    return verdict;
}

/* (a), and overwritten since: what has done so goes to W before the client hears that its request was carried out. */
static enum store_verdict find_overwritten(struct write *write)
{
    counter_increment(&write->coordinator->counters.found_again);
    answer_done(write, write->made_before);
    return change_to(write, &write->object);
}

/* Is what was written since the request began all still shown? */
static bool is_all_shown_since(const struct write *write)
{
    if (write->present.flushed > write->request->began)
        return false;
    for (uint32_t i = 0; i < write->object.live_count; i++) {
        const struct version *version = &write->object.live[i];
        if (version->time > write->request->began && !change_sees(write, version))
            return false;
    }
    return true;
}

/* Is what it stores made from the value that it finds? */
static bool builds_on_value(const struct request *request)
{
    switch (request->kind) {
    case REQUEST_APPEND:
    case REQUEST_PREPEND:
    case REQUEST_INCR:
    case REQUEST_DECR:
        return true;
    case REQUEST_DELETE:
        return request->invalidate;
    default:
        return false;
    }
}

/* (c). */
static bool is_ambiguous(const struct write *write)
{
    const struct version *newest = object_newest(&write->object);
    const struct request *request = write->request;
    if (!attempt_is_sane(write->coordinator, request))
        return true;
    /* An earlier attempt may have found, at another owner, what nobody has acknowledged yet and this one does not know
     * of. It would take that one's place all the same, and what is acknowledged later would be gone without a sibling.
     */
    if (builds_on_value(request))
        return true;
    if (newest == NULL || newest->time <= request->began)
        return false;
    bool is_plain = !request->has_token && !request->invalidate;
    if (is_plain && request->kind == REQUEST_DELETE)
        return false;
    return !is_plain || request->kind != REQUEST_SET || !is_all_shown_since(write);
}

bool attempt_settles(struct write *write, enum store_verdict *verdict)
{
    const struct request *request = write->request;
    const struct actor actor = request_actor(request->name);
    const struct version *done = find_named(&write->object, request->name);
    if (done != NULL)
        *verdict = find_again(write, done);
    else if (write->made_before != NULL)
        *verdict = find_overwritten(write);
    else if (context_counter(&write->object.context, &actor) >= request->attempt
             || (request->attempt > 1 && is_ambiguous(write)))
        *verdict = lose(write);
    else
        return false;
    return true;
}
