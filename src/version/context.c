#include "version/sorted.h"

enum { FEW = 4 }; /* pairs, which are looked through one by one: most contexts have no more */

uint32_t context_lower_bound(const struct context *context, const struct actor *actor)
{
    uint32_t low = 0, high = context->count;
    while (low < high) {
        uint32_t middle = low + (high - low) / 2;
        if (actor_compare(&context->pairs[middle].actor, actor) < 0)
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

static bool is_same_actor(const struct actor *a, const struct actor *b)
{
    return a->incarnation == b->incarnation && a->birth == b->birth && a->node == b->node;
}

const struct pair *context_find(const struct context *context, const struct actor *actor)
{
    if (context->count <= FEW) {
        for (uint32_t i = 0; i < context->count; i++) {
            if (is_same_actor(&context->pairs[i].actor, actor))
                return &context->pairs[i];
        }
        return NULL;
    }
    uint32_t at = context_lower_bound(context, actor);
    if (at == context->count || actor_compare(&context->pairs[at].actor, actor) != 0)
        return NULL;
    return &context->pairs[at];
}

uint64_t context_counter(const struct context *context, const struct actor *actor)
{
    const struct pair *pair = context_find(context, actor);
    return pair == NULL ? 0 : pair->counter;
}

const struct pair *context_last_birth(const struct context *context, uint32_t node, uint64_t incarnation)
{
    struct actor actor = {.node = node, .incarnation = incarnation, .birth = UINT64_MAX};
    uint32_t at = context_lower_bound(context, &actor);
    const struct pair *pair = at == 0 ? NULL : &context->pairs[at - 1];
    return pair != NULL && pair->actor.node == node && pair->actor.incarnation == incarnation ? pair : NULL;
}

bool context_covers(const struct context *context, const struct dot *dot)
{
    return dot->counter <= context_counter(context, &dot->actor);
}

bool context_covers_attempt(const struct context *context, uint64_t request, uint32_t attempt)
{
    struct actor name = request_actor(request);
    return attempt <= context_counter(context, &name);
}

bool context_covers_version(const struct context *context, const struct version *version)
{
    return context_covers(context, &version->dot)
           || (version->request != 0 && context_covers_attempt(context, version->request, version->attempt));
}

bool context_contains(const struct context *large, const struct context *small)
{
    uint32_t i = 0;
    for (uint32_t k = 0; k < small->count; k++) {
        const struct pair *pair = &small->pairs[k];
        while (i < large->count && actor_compare(&large->pairs[i].actor, &pair->actor) < 0)
            i++;
        if (i == large->count || actor_compare(&large->pairs[i].actor, &pair->actor) != 0
            || large->pairs[i].counter < pair->counter)
            return false;
    }
    return true;
}

static const struct pair *later_pair(const struct pair *a, const struct pair *b)
{
    if (a->counter != b->counter)
        return a->counter > b->counter ? a : b;
    return a->time >= b->time ? a : b;
}

void context_join(struct context *out, const struct context *a, const struct context *b, struct arena *arena)
{
    struct pair *pairs = arena_alloc(arena, ((size_t)a->count + b->count) * sizeof *pairs);
    uint32_t i = 0, k = 0, count = 0;
    while (i < a->count && k < b->count) {
        int order = actor_compare(&a->pairs[i].actor, &b->pairs[k].actor);
        if (order < 0)
            pairs[count++] = a->pairs[i++];
        else if (order > 0)
            pairs[count++] = b->pairs[k++];
        else
            pairs[count++] = *later_pair(&a->pairs[i++], &b->pairs[k++]);
    }
    while (i < a->count)
        pairs[count++] = a->pairs[i++];
    while (k < b->count)
        pairs[count++] = b->pairs[k++];
    *out = (struct context){.pairs = pairs, .count = count};
}
