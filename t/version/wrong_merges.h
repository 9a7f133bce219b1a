/* Merges that are wrong in one way each: the checkers must notice every one of them. */
#ifndef T_VERSION_WRONG_MERGES_H
#define T_VERSION_WRONG_MERGES_H

#include "version/object.h"

#include <stdlib.h>

static inline const struct version *wrong_find(const struct object *object, const struct dot *dot)
{
    for (uint32_t i = 0; i < object->live_count; i++) {
        if (dot_equal(&object->live[i].dot, dot))
            return &object->live[i];
    }
    return NULL;
}

static inline int wrong_newest_first(const void *a, const void *b)
{
    return version_compare(b, a);
}

static inline void wrong_begin(struct object *out, const struct object *a, const struct object *b, struct arena *arena)
{
    context_join(&out->context, &a->context, &b->context, arena);
    out->live = arena_alloc(arena, ((size_t)a->live_count + b->live_count) * sizeof *out->live);
    out->live_count = 0;
}

static inline void wrong_end(struct object *out)
{
    if (out->live_count > 1)
        qsort(out->live, out->live_count, sizeof *out->live, wrong_newest_first);
}

/* Forgets that a context knows what was overwritten. */
static inline void merge_without_contexts(struct object *out, const struct object *a, hybrid_time horizon_a,
                                          const struct object *b, hybrid_time horizon_b, struct arena *arena)
{
    (void)horizon_a, (void)horizon_b;
    wrong_begin(out, a, b, arena);
    for (uint32_t i = 0; i < a->live_count; i++)
        out->live[out->live_count++] = a->live[i];
    for (uint32_t i = 0; i < b->live_count; i++) {
        if (wrong_find(a, &b->live[i].dot) == NULL)
            out->live[out->live_count++] = b->live[i];
    }
    wrong_end(out);
}

/* Keeps both copies of one dot. */
static inline void merge_with_both_copies(struct object *out, const struct object *a, hybrid_time horizon_a,
                                          const struct object *b, hybrid_time horizon_b, struct arena *arena)
{
    struct object right;
    object_merge(&right, a, horizon_a, b, horizon_b, arena);
    wrong_begin(out, a, b, arena);
    out->live = arena_alloc(arena, 2 * (size_t)right.live_count * sizeof *out->live);
    for (uint32_t i = 0; i < right.live_count; i++) {
        out->live[out->live_count++] = right.live[i];
        if (wrong_find(a, &right.live[i].dot) != NULL && wrong_find(b, &right.live[i].dot) != NULL)
            out->live[out->live_count++] = right.live[i];
    }
    wrong_end(out);
}

/* Takes the left copy, as if copies of one dot could not differ. */
static inline void merge_with_left_copy(struct object *out, const struct object *a, hybrid_time horizon_a,
                                        const struct object *b, hybrid_time horizon_b, struct arena *arena)
{
    object_merge(out, a, horizon_a, b, horizon_b, arena);
    for (uint32_t i = 0; i < out->live_count; i++) {
        const struct version *left = wrong_find(a, &out->live[i].dot);
        if (left != NULL)
            out->live[i] = *left;
    }
}

/* Lets the later stamp decide over the bytes as well. */
static inline void merge_with_later_bytes(struct object *out, const struct object *a, hybrid_time horizon_a,
                                          const struct object *b, hybrid_time horizon_b, struct arena *arena)
{
    object_merge(out, a, horizon_a, b, horizon_b, arena);
    for (uint32_t i = 0; i < out->live_count; i++) {
        const struct version *left = wrong_find(a, &out->live[i].dot), *right = wrong_find(b, &out->live[i].dot);
        if (left != NULL && right != NULL && left->expiry_stamp != right->expiry_stamp)
            out->live[i] = left->expiry_stamp > right->expiry_stamp ? *left : *right;
    }
}

/* Drops what the other side covers, also when the other side holds it. */
static inline void merge_that_drops_common(struct object *out, const struct object *a, hybrid_time horizon_a,
                                           const struct object *b, hybrid_time horizon_b, struct arena *arena)
{
    struct object right;
    object_merge(&right, a, horizon_a, b, horizon_b, arena);
    wrong_begin(out, a, b, arena);
    for (uint32_t i = 0; i < right.live_count; i++) {
        const struct dot *dot = &right.live[i].dot;
        if (!context_covers(&a->context, dot) || !context_covers(&b->context, dot))
            out->live[out->live_count++] = right.live[i];
    }
}

/* Looks at a clock that ticks with every merge: drops what has expired by then. */
static inline void merge_with_clock(struct object *out, const struct object *a, hybrid_time horizon_a,
                                    const struct object *b, hybrid_time horizon_b, struct arena *arena)
{
    static uint64_t now_ms;
    now_ms = (now_ms + 700) % 2400;
    object_merge(out, a, horizon_a, b, horizon_b, arena);
    uint32_t kept = 0;
    for (uint32_t i = 0; i < out->live_count; i++) {
        if (!version_is_expired(&out->live[i], now_ms))
            out->live[kept++] = out->live[i];
    }
    out->live_count = kept;
}

/* Knows no horizon. */
static inline void merge_without_horizon(struct object *out, const struct object *a, hybrid_time horizon_a,
                                         const struct object *b, hybrid_time horizon_b, struct arena *arena)
{
    (void)horizon_a, (void)horizon_b;
    object_merge(out, a, 0, b, 0, arena);
}

static inline struct object wrong_without_names(const struct object *object, struct arena *arena)
{
    struct object bare = *object;
    bare.live = arena_alloc(arena, object->live_count * sizeof *bare.live);
    for (uint32_t i = 0; i < object->live_count; i++) {
        bare.live[i] = object->live[i];
        bare.live[i].request = bare.live[i].attempt = 0;
    }
    return bare;
}

/* Asks whether a context covers the dots of versions, not their second names. */
static inline void merge_without_names(struct object *out, const struct object *a, hybrid_time horizon_a,
                                       const struct object *b, hybrid_time horizon_b, struct arena *arena)
{
    struct object left = wrong_without_names(a, arena), right = wrong_without_names(b, arena);
    object_merge(out, &left, horizon_a, &right, horizon_b, arena);
    for (uint32_t i = 0; i < out->live_count; i++) {
        const struct version *named = wrong_find(a, &out->live[i].dot);
        named = named != NULL ? named : wrong_find(b, &out->live[i].dot);
        out->live[i].request = named->request;
        out->live[i].attempt = named->attempt;
    }
}

/* Lets a horizon kill what both sides hold. */
static inline void merge_with_deadly_horizon(struct object *out, const struct object *a, hybrid_time horizon_a,
                                             const struct object *b, hybrid_time horizon_b, struct arena *arena)
{
    hybrid_time horizon = horizon_a > horizon_b ? horizon_a : horizon_b;
    object_merge(out, a, horizon_a, b, horizon_b, arena);
    uint32_t kept = 0;
    for (uint32_t i = 0; i < out->live_count; i++) {
        if (out->live[i].time > horizon)
            out->live[kept++] = out->live[i];
    }
    out->live_count = kept;
}

#endif
