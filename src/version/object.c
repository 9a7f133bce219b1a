#include "base/check.h"
#include "version/sorted.h"

int version_compare(const struct version *a, const struct version *b)
{
    if (a->time != b->time)
        return a->time < b->time ? -1 : 1;
    return dot_compare(&a->dot, &b->dot);
}

struct dot object_next_dot(const struct object *object, uint32_t node, uint64_t incarnation, uint64_t birth_if_new,
                           bool *birth_used)
{
    return object_next_dot_above(object, 0, node, incarnation, birth_if_new, birth_used);
}

struct dot object_next_dot_above(const struct object *object, uint64_t birth_floor, uint32_t node, uint64_t incarnation,
                                 uint64_t birth_if_new, bool *birth_used)
{
    CHECK(incarnation != 0 && birth_if_new > birth_floor && birth_if_new != UINT64_MAX);

    /* With several births of this incarnation the last one goes on: it is the one that was drawn when an
     * earlier one had become doubtful. */
    const struct pair *pair = context_last_birth(&object->context, node, incarnation);
    *birth_used = pair == NULL || pair->actor.birth <= birth_floor || pair->counter == UINT64_MAX;
    if (!*birth_used)
        return (struct dot){.actor = pair->actor, .counter = pair->counter + 1};
    struct actor actor = {.node = node, .incarnation = incarnation, .birth = birth_if_new};
    return (struct dot){.actor = actor, .counter = 1};
}

static void put_context(struct context *out, const struct object *object, const struct context *covered,
                        const struct version *fresh, struct arena *arena)
{
    struct pair pair = {.actor = fresh->dot.actor, .counter = fresh->dot.counter, .time = fresh->time};
    struct context known = object->context;
    if (covered != NULL)
        context_join(&known, &object->context, covered, arena);
    /* Pruning takes a pair's time for an upper bound of this actor's writes. A sibling may have a time below an
     * earlier write that had to outdo a version from far ahead. */
    const struct pair *earlier = context_find(&known, &pair.actor);
    if (earlier != NULL && earlier->time > pair.time)
        pair.time = earlier->time;
    context_join(out, &known, &(struct context){.pairs = &pair, .count = 1}, arena);
}

void object_put(struct object *out, const struct object *object, const struct context *covered,
                const struct version *fresh, struct arena *arena)
{
    /* Otherwise the write would be dead for everyone who knows these contexts. */
    CHECK(!context_covers(&object->context, &fresh->dot));
    CHECK(covered == NULL || !context_covers(covered, &fresh->dot));

    struct version *live = arena_alloc(arena, ((size_t)object->live_count + 1) * sizeof *live);
    uint32_t count = 0;
    for (uint32_t i = 0; i < object->live_count; i++) {
        const struct version *old = &object->live[i];
        if (covered != NULL && !context_covers(covered, &old->dot))
            live[count++] = *old;
        else
            CHECK(old->time < fresh->time);
    }
    live[count++] = *fresh;
    versions_sort(live, count);
    put_context(&out->context, object, covered, fresh, arena);
    out->live = live;
    out->live_count = count;
}

void object_keep_newest(struct object *object)
{
    if (object->live_count > 1)
        object->live_count = 1;
}
