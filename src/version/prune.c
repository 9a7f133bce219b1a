/* Truncation of contexts, Dynamo 4.4 with [R4]. */
#include "version/sorted.h"

static bool has_live_dot(const struct object *object, const struct actor *actor)
{
    for (uint32_t i = 0; i < object->live_count; i++) {
        if (actor_compare(&object->live[i].dot.actor, actor) == 0)
            return true;
    }
    return false;
}

/* May this pair go, as far as its time is at most `time`? */
static bool may_go(const struct object *object, const struct pair *pair, hybrid_time time)
{
    return pair->time <= time && !has_live_dot(object, &pair->actor);
}

static uint32_t count_that_may_go(const struct object *object, hybrid_time time)
{
    uint32_t count = 0;
    for (uint32_t i = 0; i < object->context.count; i++)
        count += may_go(object, &object->context.pairs[i], time);
    return count;
}

/* The earliest time up to which at least `wanted` pairs may go; that many may go up to `horizon`. Bisection,
 * because it needs no memory and a context can be long. */
static hybrid_time time_of_last_to_go(const struct object *object, uint32_t wanted, hybrid_time horizon)
{
    hybrid_time low = 0, high = horizon;
    while (low < high) {
        hybrid_time middle = low + (high - low) / 2;
        if (count_that_may_go(object, middle) >= wanted)
            high = middle;
        else
            low = middle + 1;
    }
    return low;
}

void object_prune(struct object *object, uint32_t keep, hybrid_time horizon)
{
    struct context *context = &object->context;
    if (context->count <= keep)
        return;
    uint32_t wanted = context->count - keep;
    uint32_t most = count_that_may_go(object, horizon);
    if (wanted > most)
        wanted = most;
    if (wanted == 0)
        return;

    hybrid_time last = time_of_last_to_go(object, wanted, horizon);
    uint32_t earlier = last == 0 ? 0 : count_that_may_go(object, last - 1);
    uint32_t ties = wanted - earlier; /* of the pairs with exactly that time, the first by actor go */
    uint32_t kept = 0;
    for (uint32_t i = 0; i < context->count; i++) {
        struct pair pair = context->pairs[i];
        bool goes = may_go(object, &pair, last) && (pair.time < last || ties > 0);
        if (goes && pair.time == last)
            ties--;
        if (!goes)
            context->pairs[kept++] = pair;
    }
    context->count = kept;
}
