/* Merge of two replicas' objects, Dynamo 4.4 with [R2], [R3], [R5] and [R10].
 *
 * Each side knows a set of versions: those that its context covers by one of their names, and those at or before its
 * horizon. What it knows and does not hold is dead. The merge knows what either side knows, and dead is what either
 * side has dead; both are unions, so order and repetition do not matter. */
#include "version/sorted.h"

struct side {
    const struct object *object;
    const struct version **by_dot;
    hybrid_time horizon;
};

static bool is_dead_on(const struct side *side, const struct version *version)
{
    return version->time <= side->horizon || context_covers_version(&side->object->context, version);
}

static const struct version *find_on(const struct side *side, const struct dot *dot)
{
    return versions_find(side->by_dot, side->object->live_count, dot);
}

#define ORDER(a, b) ((a) < (b) ? -1 : (a) > (b))

/* A copy with bytes beats one whose bytes were dropped after expiry. Whatever else could differ never does as
 * long as no dot names two values; it is compared so that replicas agree even then. */
static int content_compare(const struct version *a, const struct version *b)
{
    if (a->kind != b->kind)
        return a->kind == VERSION_VALUE ? 1 : -1;
    if (a->time != b->time)
        return ORDER(a->time, b->time);
    if (a->flags != b->flags)
        return ORDER(a->flags, b->flags);
    if (a->request != b->request)
        return ORDER(a->request, b->request);
    if (a->attempt != b->attempt)
        return ORDER(a->attempt, b->attempt);
    return a->value.at == b->value.at ? ORDER(a->value.len, b->value.len) : bytes_compare(a->value, b->value);
}

/* The later stamp decides over expiry and marks. At equal stamps "never" (0) is the largest expiry: 0 - 1
 * wraps round to the top. */
static int expiry_compare(const struct version *a, const struct version *b)
{
    if (a->expiry_stamp != b->expiry_stamp)
        return ORDER(a->expiry_stamp, b->expiry_stamp);
    if (a->expiry_ms != b->expiry_ms)
        return ORDER(a->expiry_ms - 1, b->expiry_ms - 1);
    return ORDER(a->marks, b->marks);
}

/* One version out of two copies of it. Content and expiry each follow a total order, so this is a join too. */
static struct version join_copies(const struct version *a, const struct version *b)
{
    struct version joined = content_compare(a, b) >= 0 ? *a : *b;
    const struct version *later = expiry_compare(a, b) >= 0 ? a : b;
    joined.expiry_stamp = later->expiry_stamp;
    joined.expiry_ms = later->expiry_ms;
    joined.marks = later->marks;
    return joined;
}

static uint32_t merge_live(struct version *live, const struct side *a, const struct side *b)
{
    uint32_t count = 0;
    for (uint32_t i = 0; i < a->object->live_count; i++) {
        const struct version *ours = &a->object->live[i];
        const struct version *theirs = find_on(b, &ours->dot);
        if (theirs != NULL)
            live[count++] = join_copies(ours, theirs);
        else if (!is_dead_on(b, ours))
            live[count++] = *ours;
    }
    for (uint32_t i = 0; i < b->object->live_count; i++) {
        const struct version *theirs = &b->object->live[i];
        if (find_on(a, &theirs->dot) == NULL && !is_dead_on(a, theirs))
            live[count++] = *theirs;
    }
    versions_sort(live, count);
    return count;
}

void object_merge(struct object *out, const struct object *a, hybrid_time horizon_a, const struct object *b,
                  hybrid_time horizon_b, struct arena *arena)
{
    struct side left = {a, versions_by_dot(a->live, a->live_count, arena), horizon_a};
    struct side right = {b, versions_by_dot(b->live, b->live_count, arena), horizon_b};
    out->live = arena_alloc(arena, ((size_t)a->live_count + b->live_count) * sizeof *out->live);
    out->live_count = merge_live(out->live, &left, &right);
    context_join(&out->context, &a->context, &b->context, arena);
}
