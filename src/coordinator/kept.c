#include "coordinator/kept.h"

#include "base/check.h"
#include "version/record.h"

static void read_next(struct round *round)
{
    struct coordinator *coordinator = round->coordinator;
    struct store_op *op = &round->request->op;
    op->kind = STORE_READ;
    op->peek = true;
    op->key = hint_key(round->hint_key, round->places[round->hints_read].node, round_key(round));
    round->store_has_request = true;
    store_submit(coordinator->hint_store, coordinator->now, op);
}

void kept_read(struct round *round)
{
    CHECK(round_stands_in(round));
    round->hints_read = 0;
    read_next(round);
}

/* Of two hints of a key both count. */
static struct blob *merged(struct round *round, struct blob *a, struct blob *b)
{
    struct arena *arena = &round->coordinator->scratch;
    struct object first, second, both;
    arena_reset(arena);
    if (record_decode(blob_bytes(a), &first, arena) != RECORD_OK)
        return blob_retain(b);
    if (record_decode(blob_bytes(b), &second, arena) != RECORD_OK)
        return blob_retain(a);
    object_merge(&both, &first, 0, &second, 0, arena);
    struct blob *blob = record_fits(&both) ? blob_new(record_size(&both)) : NULL;
    if (blob == NULL)
        return blob_retain(a);
    record_encode(&both, blob->at);
    return blob;
}

static void take(struct round *round, struct blob *record)
{
    struct blob *before = round->local;
    if (record == NULL)
        return;
    round->local = before == NULL ? blob_retain(record) : merged(round, before, record);
    blob_release(before);
    blob_release(record);
}

bool kept_take(struct round *round)
{
    struct store_op *op = &round->request->op;
    round->store_has_request = false;
    take(round, op->record);
    op->record = NULL;
    if (++round->hints_read == round->owner_count)
        return true;
    read_next(round);
    return false;
}

void kept_note_update(struct round *round, bool existed, enum store_verdict verdict)
{
    struct coordinator *coordinator = round->coordinator;
    round->hint_was_there = existed;
    if (verdict != STORE_REPLACE || existed || round->hint_is_counted)
        return;
    round->hint_is_counted = true;
    hints_note_update(coordinator->hints, round->places[round->places[round->self].stands_for].node, round->partition,
                      false, true, hybrid_now_ms(&coordinator->replica->clock, coordinator->now));
}

void kept_end_update(struct round *round, bool is_stored)
{
    struct coordinator *coordinator = round->coordinator;
    bool was_one_too_many = round->hint_is_counted && (!is_stored || round->hint_was_there);
    round->hint_is_counted = false;
    if (was_one_too_many)
        hints_note_update(coordinator->hints, round->places[round->places[round->self].stands_for].node,
                          round->partition, true, false, 0);
}
