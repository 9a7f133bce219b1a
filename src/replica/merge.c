#include "replica/merge.h"

#include "base/list.h"
#include "version/fingerprint.h"
#include "version/record.h"

/* Looking for an ancestor compares versions pair by pair; beyond these few the general merge, which sorts, is better.
 */
enum { COMPARED_MAX = 8 };

static const struct version *find_live(const struct object *object, const struct dot *dot)
{
    for (uint32_t i = 0; i < object->live_count; i++) {
        if (dot_equal(&object->live[i].dot, dot))
            return &object->live[i];
    }
    return NULL;
}

/* Of two copies of one dot: does `a` say all that `b` does [R5]? */
static bool is_copy_as_good(const struct version *a, const struct version *b)
{
    if (a->kind != b->kind && a->kind == VERSION_TOMBSTONE)
        return false;
    if (a->expiry_stamp != b->expiry_stamp)
        return a->expiry_stamp > b->expiry_stamp;
    return a->expiry_ms == b->expiry_ms && a->marks == b->marks;
}

/* Is the merge of both just `a`? A false answer only means that it has to be computed. */
static bool descends(const struct object *a, const struct object *b)
{
    if (a->live_count > COMPARED_MAX || b->live_count > COMPARED_MAX || !context_contains(&a->context, &b->context))
        return false;
    for (uint32_t i = 0; i < b->live_count; i++) {
        const struct version *same = find_live(a, &b->live[i].dot);
        if (same != NULL && !is_copy_as_good(same, &b->live[i]))
            return false;
    }
    for (uint32_t i = 0; i < a->live_count; i++) {
        if (context_covers(&b->context, &a->live[i].dot) && find_live(b, &a->live[i].dot) == NULL)
            return false; /* dead for b */
    }
    return true;
}

static bool has_version_like(const struct object *object, const struct version *version)
{
    const struct version *same = find_live(object, &version->dot);
    return same != NULL && same->kind == version->kind && same->expiry_stamp == version->expiry_stamp
           && same->expiry_ms == version->expiry_ms && same->marks == version->marks;
}

static enum store_verdict keep(struct replica_merge *merge, enum replica_merge_outcome outcome)
{
    merge->outcome = outcome;
    return STORE_KEEP;
}

static enum store_verdict take(struct replica_merge *merge, struct store_draft *draft)
{
    if (!store_draft_take(draft, merge->incoming))
        return keep(merge, MERGE_NO_MEMORY);
    merge->outcome = MERGE_DONE;
    return STORE_REPLACE;
}

static enum store_verdict encode(struct replica_merge *merge, struct store_draft *draft, const struct object *object)
{
    uint8_t *at = record_fits(object) ? store_draft_alloc(draft, record_size(object)) : NULL;
    if (at == NULL)
        return keep(merge, MERGE_NO_MEMORY);
    record_encode(object, at);
    merge->outcome = MERGE_DONE;
    return STORE_REPLACE;
}

/* A last-write-wins bucket: the newest stays alone. Where that is the one that is here already nothing changes, not
 * even the context: a repeated message must find the loser as unknown as the first one did and be told the same winner.
 */
static enum store_verdict keep_newest(struct replica_merge *merge, struct store_draft *draft,
                                      const struct object *current, const struct object *incoming,
                                      struct object *merged)
{
    object_keep_newest(merged);
    const struct version *newest = object_newest(merged), *theirs = object_newest(incoming);
    bool lost = newest != NULL && theirs != NULL && !dot_equal(&newest->dot, &theirs->dot)
                && !context_covers(&current->context, &theirs->dot);
    if (lost)
        merge->winner = newest->time;
    if (newest != NULL && current->live_count == 1 && has_version_like(current, newest))
        return keep(merge, MERGE_DONE);
    return encode(merge, draft, merged);
}

/* In any other bucket both stay, but who is shown one version is shown the newest. What was sent is there, behind a
 * later one: the sender may have to outdo that. A repeated message finds the same. */
static void note_winner(struct replica_merge *merge, const struct object *object, const struct object *incoming)
{
    const struct version *newest = object_newest(object), *theirs = object_newest(incoming);
    if (newest == NULL || theirs == NULL) /* nothing is left when each context claims the other's versions */
        return;
    if (!dot_equal(&newest->dot, &theirs->dot) && find_live(object, &theirs->dot) != NULL)
        merge->winner = newest->time;
}

static enum store_verdict merge_objects(struct replica_merge *merge, struct store_draft *draft,
                                        const struct object *current, const struct object *incoming)
{
    bool is_plain = !merge->keeps_newest || incoming->live_count <= 1;
    if (is_plain && descends(incoming, current))
        return take(merge, draft);
    struct object merged;
    object_merge(&merged, current, 0, incoming, 0, merge->scratch);
    if (merge->keeps_newest)
        return keep_newest(merge, draft, current, incoming, &merged);
    note_winner(merge, &merged, incoming);
    bool is_same = object_fingerprint(&merged) == object_fingerprint(current)
                   && context_contains(&current->context, &incoming->context);
    if (is_same) /* too many versions for a look at pairs of them */
        return keep(merge, MERGE_DONE);
    return encode(merge, draft, &merged);
}

static enum store_verdict apply(struct store_op *op, struct bytes current, struct store_draft *draft)
{
    struct replica_merge *merge = CONTAINER_OF(op, struct replica_merge, op);
    struct bytes record = blob_bytes(merge->incoming);
    struct object incoming, present = {0};
    merge->winner = 0;
    if (bytes_equal(current, record))
        return keep(merge, MERGE_DONE);
    arena_reset(merge->scratch);
    if (record_decode(record, &incoming, merge->scratch) != RECORD_OK)
        return keep(merge, MERGE_CORRUPT);
    bool is_good = current.len == 0 || record_decode(current, &present, merge->scratch) == RECORD_OK;
    if (!is_good && !op->replaces_corrupt)
        return keep(merge, MERGE_CORRUPT);
    replica_observe_object(merge->replica, &incoming, merge->now);
    bool is_known = current.len != 0 && (!merge->keeps_newest || present.live_count <= 1);
    if (is_known && descends(&present, &incoming)) {
        if (!merge->keeps_newest && present.live_count > 1)
            note_winner(merge, &present, &incoming);
        return keep(merge, MERGE_DONE);
    }
    return merge_objects(merge, draft, &present, &incoming);
}

void replica_merge_init(struct replica_merge *merge, struct replica *replica, struct arena *scratch, struct instant now,
                        struct blob *incoming, bool keeps_newest)
{
    *merge = (struct replica_merge){.op = {.kind = STORE_UPDATE, .apply = apply},
                                    .replica = replica,
                                    .scratch = scratch,
                                    .now = now,
                                    .incoming = incoming,
                                    .keeps_newest = keeps_newest};
}

bool replica_merge_records(struct object *object, struct blob *const *records, unsigned count, bool keeps_newest,
                           struct arena *arena)
{
    for (unsigned i = 0; i < count; i++) {
        struct object so_far = *object, next;
        if (record_decode(blob_bytes(records[i]), &next, arena) != RECORD_OK)
            return false;
        object_merge(object, &so_far, 0, &next, 0, arena);
    }
    if (keeps_newest)
        object_keep_newest(object);
    return record_fits(object);
}
