#include "coordinator/cas.h"

#include "base/check.h"
#include "version/record.h"

static bool covers_all_live(const struct context *context, const struct object *object)
{
    for (uint32_t i = 0; i < object->live_count; i++) {
        if (!context_covers(context, &object->live[i].dot))
            return false;
    }
    return true;
}

/* What a token stood for: as its client's node remembers it, or this one. */
static bool find_past(struct coordinator *coordinator, const struct request *request, struct context *past)
{
    if (request->knows_context) {
        *past = request->context;
        return true;
    }
    return token_table_get(coordinator->tokens, request->token, request->op.hash, past, &coordinator->scratch);
}

/* A context that knows more than the record does was read before the record was freed or pruned, or from owners that
 * had more. It may be joined only as long as that brings back no pair of ours with another counter than we hold: our
 * next dot would name a second value [R1]. In a ring of one whatever is not known here was forgotten on purpose. */
static bool may_join(const struct coordinator *coordinator, const struct object *object, const struct context *past)
{
    if (coordinator->view->member_count == 1)
        return context_contains(&object->context, past);
    for (uint32_t i = 0; i < past->count; i++) {
        const struct pair *pair = &past->pairs[i];
        bool is_ours = pair->actor.node == coordinator->replica->node
                       && pair->actor.incarnation == coordinator->replica->incarnation;
        bool is_sane = pair->time >> 63 == 0 && pair->counter != UINT64_MAX;
        if (!is_sane || (is_ours && pair->counter > context_counter(&object->context, &pair->actor)))
            return false;
    }
    return true;
}

/* A token that is not the current one: perhaps it is known what its client had read. */
static struct cas_verdict judge_past(struct coordinator *coordinator, const struct request *request,
                                     const struct object *object)
{
    struct cas_verdict verdict = {.cover = CAS_MISMATCH};
    bool known = find_past(coordinator, request, &verdict.past) && may_join(coordinator, object, &verdict.past);
    counter_increment(known ? &coordinator->counters.tokens_known : &coordinator->counters.tokens_unknown);
    if (!known)
        return verdict;
    if (object->live_count > 0 && covers_all_live(&verdict.past, object))
        verdict.cover = CAS_COVERS_ALL;
    else if (request->bucket->stale_cas == STALE_CAS_SIBLING)
        verdict.cover = CAS_COVERS_PAST;
    verdict.has_past = verdict.cover != CAS_MISMATCH;
    return verdict;
}

struct cas_verdict cas_judge(struct coordinator *coordinator, const struct request *request,
                             const struct object *object)
{
    if (object->live_count > 0 && request->token == token_of_object(object))
        return (struct cas_verdict){.cover = CAS_COVERS_ALL};
    if (request->bucket->stale_cas == STALE_CAS_SIBLING) {
        for (uint32_t i = 0; i < object->live_count; i++) {
            if (request->token == token_of_versions(&object->live[i], 1))
                return (struct cas_verdict){.cover = CAS_COVERS_ONE, .one = i};
        }
    }
    return judge_past(coordinator, request, object);
}

bool cas_knows_past(struct coordinator *coordinator, const struct request *request, const struct object *object,
                    struct cas_verdict *verdict)
{
    if (request->bucket->stale_cas != STALE_CAS_SIBLING)
        return false;
    *verdict = judge_past(coordinator, request, object);
    return verdict->cover != CAS_MISMATCH;
}

/* Only where a stale token may still become a sibling, or where a reply covered several versions, is a token worth
 * remembering: elsewhere the fingerprint alone decides. */
static bool is_worth_remembering(const struct bucket *bucket, uint32_t live_count)
{
    return bucket->stale_cas == STALE_CAS_SIBLING || live_count > 1;
}

static uint64_t remember(struct coordinator *coordinator, const struct request *request, uint64_t token,
                         const struct context *context)
{
    token_table_put(coordinator->tokens, token, request->op.hash, context);
    return token;
}

uint64_t coordinator_token(struct coordinator *coordinator, const struct request *request, int pick)
{
    const struct bucket *bucket = request->bucket;
    if (request->record == NULL)
        return 0;

    uint32_t live_count;
    struct version newest;
    CHECK(record_newest(blob_bytes(request->record), &newest, &live_count) == RECORD_OK);
    if (live_count == 1 && !is_worth_remembering(bucket, live_count))
        return token_of_versions(&newest, 1);

    struct object object;
    arena_reset(&coordinator->scratch);
    CHECK(record_decode(blob_bytes(request->record), &object, &coordinator->scratch) == RECORD_OK);
    bool shows_one_of_several = pick >= 0 && object.live_count > 1 && bucket->stale_cas == STALE_CAS_SIBLING;
    if (!shows_one_of_several)
        return remember(coordinator, request, token_of_object(&object), &object.context);

    /* No one may erase a sibling unseen: this token covers the version shown and nothing beside it. Once that version
     * has been overwritten, a write with this token overwrites nothing more: its context is empty. */
    CHECK((uint32_t)pick < request->version_count);
    static const struct context nothing = {0};
    return remember(coordinator, request, token_of_versions(&request->versions[pick], 1), &nothing);
}
