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

/* Is the merge of both just `a`, when b's horizon is this? A false answer only means that it has to be computed.
 * Versions of `b` that `a` lacks are covered by a's context, so a's horizon does not matter. */
static bool descends(const struct object *a, const struct object *b, hybrid_time horizon_b)
{
    if (a->live_count > COMPARED_MAX || b->live_count > COMPARED_MAX || !context_contains(&a->context, &b->context))
        return false;
    for (uint32_t i = 0; i < b->live_count; i++) {
        const struct version *same = find_live(a, &b->live[i].dot);
        if (same != NULL && !is_copy_as_good(same, &b->live[i]))
            return false;
    }
    for (uint32_t i = 0; i < a->live_count; i++) {
        const struct version *version = &a->live[i];
        bool is_dead = version->time <= horizon_b || context_covers_version(&b->context, version);
        if (is_dead && find_live(b, &version->dot) == NULL)
            return false;
    }
    return true;
}

/* What a merge has before it. */
struct sides {
    const struct object *current, *incoming;
    hybrid_time own; /* horizon of the copy here */
    bool is_there;   /* a record is, whatever can be read of it */
};

static bool is_copy_like(const struct version *a, const struct version *b)
{
    return dot_equal(&a->dot, &b->dot) && a->kind == b->kind && a->expiry_stamp == b->expiry_stamp
           && a->expiry_ms == b->expiry_ms && a->marks == b->marks;
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

/* Both have their versions in one order. */
static bool has_same_versions(const struct object *a, const struct object *b)
{
    if (a->live_count != b->live_count)
        return false;
    for (uint32_t i = 0; i < a->live_count; i++) {
        if (!is_copy_like(&a->live[i], &b->live[i]))
            return false;
    }
    return true;
}

/* A last-write-wins bucket. Where what stays is what is here already nothing changes, not even the context: a repeated
 * message must find the loser as unknown as the first one did and be told the same winner. A loser that stays behind
 * the winner is found again. */
static enum store_verdict keep_newest(struct replica_merge *merge, struct store_draft *draft, const struct sides *sides,
                                      struct object *merged)
{
    const struct object *current = sides->current, *incoming = sides->incoming;
    object_keep_newest(merged, sides->own);
    const struct version *newest = object_newest(merged), *theirs = object_newest(incoming);
    bool lost = newest != NULL && theirs != NULL && !dot_equal(&newest->dot, &theirs->dot)
                && (!context_covers_version(&current->context, theirs) || find_live(merged, &theirs->dot) != NULL);
    if (lost)
        merge->winner = newest->time;
    if (newest != NULL && has_same_versions(current, merged))
        return keep(merge, MERGE_DONE);
    return encode(merge, draft, merged);
}

/* Did the own horizon, and not a later write alone, kill all that came? */
static bool is_dead(const struct object *merged, const struct object *current, const struct object *incoming)
{
    bool is_overwritten = true;
    for (uint32_t i = 0; i < incoming->live_count; i++) {
        if (find_live(merged, &incoming->live[i].dot) != NULL)
            return false;
        is_overwritten = is_overwritten && context_covers_version(&current->context, &incoming->live[i]);
    }
    return !is_overwritten;
}

/* A record of what is dead for everyone would be freed at the next opportunity. */
static bool is_worth_nothing(const struct object *object, hybrid_time horizon)
{
    for (uint32_t i = 0; i < object->context.count; i++) {
        if (object->context.pairs[i].time > horizon)
            return false;
    }
    return object->live_count == 0;
}

static enum store_verdict store_merged(struct replica_merge *merge, struct store_draft *draft,
                                       const struct sides *sides, struct object *merged)
{
    if (!sides->is_there && is_worth_nothing(merged, sides->own))
        return keep(merge, MERGE_DONE);
    if (merge->keeps_newest)
        return keep_newest(merge, draft, sides, merged);
    note_winner(merge, merged, sides->incoming);
    bool is_same = has_same_versions(merged, sides->current)
                   && context_contains(&sides->current->context, &sides->incoming->context);
    return is_same ? keep(merge, MERGE_DONE) : encode(merge, draft, merged);
}

static enum store_verdict merge_objects(struct replica_merge *merge, struct store_draft *draft,
                                        const struct sides *sides)
{
    const struct object *incoming = sides->incoming;
    bool is_plain = incoming->live_count == 1 || (incoming->live_count > 1 && !merge->keeps_newest);
    if (is_plain && descends(incoming, sides->current, sides->own))
        return take(merge, draft);
    struct object merged;
    object_merge(&merged, sides->current, sides->own, incoming, merge->horizon, merge->scratch);
    bool has_died = is_dead(&merged, sides->current, incoming);
    enum store_verdict verdict = store_merged(merge, draft, sides, &merged);
    if (has_died && merge->outcome == MERGE_DONE)
        merge->outcome = MERGE_DEAD;
    return verdict;
}

/* A record that is unreadable or lost is not absence: what was in it may have lived, whatever the horizon says. */
static hybrid_time own_horizon(const struct replica_merge *merge, bool is_readable)
{
    bool is_lost = (merge->op.replaces_corrupt || merge->was_lost) && !is_readable;
    if (merge->is_hint || is_lost)
        return 0;
    struct replica_present present = replica_present_at(merge->replica, merge->now);
    return replica_horizon(merge->replica, &present, merge->op.partition);
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
    replica_note_returned(merge->replica, &present.context, &incoming.context);
    bool is_known = current.len != 0 && (!merge->keeps_newest || present.live_count <= 1);
    if (is_known && descends(&present, &incoming, merge->horizon)) {
        if (!merge->keeps_newest && present.live_count > 1)
            note_winner(merge, &present, &incoming);
        return keep(merge, MERGE_DONE);
    }
    struct sides sides = {.current = &present,
                          .incoming = &incoming,
                          .own = own_horizon(merge, is_good && current.len != 0),
                          .is_there = current.len != 0 || op->replaces_corrupt};
    return merge_objects(merge, draft, &sides);
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

bool replica_merge_copies(struct object *object, hybrid_time *horizon, const struct replica_copy *copies,
                          unsigned count, bool keeps_newest, struct arena *arena)
{
    for (unsigned i = 0; i < count; i++) {
        struct object so_far = *object, next = {0};
        if (copies[i].record != NULL && record_decode(blob_bytes(copies[i].record), &next, arena) != RECORD_OK)
            return false;
        object_merge(object, &so_far, *horizon, &next, copies[i].horizon, arena);
        *horizon = copies[i].horizon > *horizon ? copies[i].horizon : *horizon;
    }
    if (keeps_newest)
        object_keep_newest(object, *horizon);
    return record_fits(object);
}
