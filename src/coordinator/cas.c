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

/* A token that is not the current one: perhaps the table still knows what its client had read. */
static struct cas_verdict judge_past(struct coordinator *coordinator, const struct request *request,
                                     const struct object *object)
{
    struct cas_verdict verdict = {.cover = CAS_MISMATCH};
    bool known =
        token_table_get(coordinator->tokens, request->token, request->op.hash, &verdict.past, &coordinator->scratch);
    /* A context that knows more than the record does was read before the record was freed or pruned. It may not be
     * joined again: it would bring back a pair of ours with an old counter, and our next dot would name a second value
     * [R1]. */
    known = known && context_contains(&object->context, &verdict.past);
    counter_increment(known ? &coordinator->counters.tokens_known : &coordinator->counters.tokens_unknown);
    if (!known)
        return verdict;
    if (object->live_count > 0 && covers_all_live(&verdict.past, object))
        verdict.cover = CAS_COVERS_ALL;
    else if (request->bucket->stale_cas == STALE_CAS_SIBLING)
        verdict.cover = CAS_COVERS_PAST;
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
