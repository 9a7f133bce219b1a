#include "coordinator/restamp.h"

#include "base/check.h"
#include "coordinator/change.h"
#include "version/record.h"

static enum store_verdict restamp_apply(struct store_op *op, struct bytes current, struct store_draft *draft)
{
    struct round *round = CONTAINER_OF(op, struct round, merge.op);
    struct coordinator *coordinator = round->coordinator;
    struct arena *arena = &coordinator->scratch;
    struct object object, out;
    arena_reset(arena);
    blob_release(round->restamped);
    round->restamped = NULL;
    round->overwritten = false;
    if (current.len == 0 || record_decode(current, &object, arena) != RECORD_OK)
        return STORE_KEEP;
    const struct version *newest = object_newest(&object);
    round->overwritten = newest == NULL || !dot_equal(&newest->dot, &round->dot);
    if (round->overwritten)
        return STORE_KEEP;

    struct version fresh = *newest, stamped = replica_fresh_version(coordinator->replica, &object, coordinator->now);
    fresh.dot = stamped.dot;
    fresh.time = stamped.time > round->floor ? stamped.time : round->floor + 1;
    fresh.expiry_stamp = newest->expiry_stamp > fresh.time ? newest->expiry_stamp : fresh.time;
    static const struct context nothing = {0};
    object.live++; /* it takes its own place; siblings stay, and so does what must not be lost with it */
    object.live_count--;
    object_put(&out, &object, &nothing, &fresh, arena);
    if (round->bucket->reconcile == RECONCILE_LWW)
        object_keep_newest(&out, 0);
    uint8_t *at = record_fits(&out) ? store_draft_alloc(draft, record_size(&out)) : NULL;
    if (at == NULL)
        return STORE_KEEP;
    record_encode(&out, at);
    round->restamped = blob_retain(draft->record);
    round->restamped_dot = fresh.dot;
    if (round->request != NULL)
        round->request->written_token = change_token(coordinator, round->request, &out);
    return STORE_REPLACE;
}

void restamp_start(struct round *round)
{
    struct coordinator *coordinator = round->coordinator;
    CHECK(!round->store_has_merge);
    replica_observe(coordinator->replica, round->floor, coordinator->now);
    round->merge = (struct replica_merge){.op = {.kind = STORE_UPDATE,
                                                 .apply = restamp_apply,
                                                 .owner = COORDINATOR_OP_ROUND,
                                                 .key = round_local_key(round),
                                                 .hash = round->hash,
                                                 .partition = round->partition,
                                                 .durability = round->bucket->durability,
                                                 .keeps_use = true}};
    round->store_has_merge = true;
    coordinator->pending++;
    counter_increment(&coordinator->counters.restamps);
    store_submit(round_local_store(round), coordinator->now, &round->merge.op);
}

enum restamp_outcome restamp_finish(struct round *round)
{
    struct request *request = round->request;
    struct blob *restamped = round->restamped;
    round->restamped = NULL;
    if (round->merge.op.status != STORE_OK || restamped == NULL) {
        blob_release(restamped);
        return round->merge.op.status == STORE_UNCHANGED && round->overwritten ? RESTAMP_OVERWRITTEN : RESTAMP_FAILED;
    }
    if (request != NULL && request->record != NULL) { /* a get that made the item shows it as it is now */
        blob_release(request->record);
        request->record = blob_retain(restamped);
    }
    blob_release(round->made);
    round->made = restamped;
    round->dot = round->restamped_dot;
    return RESTAMP_DONE;
}
