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

/* Joins one pair to a context. Pruning takes a pair's time for an upper bound of what it covers, so the later time
 * stays: a sibling may have a time below an earlier write that had to outdo a version from far ahead. */
static struct context with_pair(const struct context *known, struct actor actor, uint64_t counter, hybrid_time time,
                                struct arena *arena)
{
    struct pair pair = {.actor = actor, .counter = counter, .time = time};
    const struct pair *earlier = context_find(known, &actor);
    if (earlier != NULL && earlier->time > time)
        pair.time = earlier->time;
    struct context out;
    context_join(&out, known, &(struct context){.pairs = &pair, .count = 1}, arena);
    return out;
}

static void raise_time(struct pair *pair, hybrid_time time)
{
    if (pair->time < time)
        pair->time = time;
}

/* What this write alone has made dead, others may still hold: its pair must not be pruned before everyone knows of this
 * write. `joined` is of object's context and covered, newly made. */
static void date_deaths(struct context *joined, const struct object *object, const struct context *covered,
                        const struct version *live, uint32_t kept, hybrid_time time)
{
    for (uint32_t i = 0; i < object->live_count; i++) {
        const struct actor *actor = &object->live[i].dot.actor;
        bool stays = false;
        for (uint32_t k = 0; k < kept && !stays; k++)
            stays = dot_equal(&live[k].dot, &object->live[i].dot);
        if (!stays)
            raise_time(&joined->pairs[context_lower_bound(joined, actor)], time);
    }
    for (uint32_t i = 0; covered != NULL && i < covered->count; i++) {
        const struct pair *pair = &covered->pairs[i];
        if (pair->counter > context_counter(&object->context, &pair->actor))
            raise_time(&joined->pairs[context_lower_bound(joined, &pair->actor)], time);
    }
}

/* `live` are the versions of `object` that stay. */
static struct context put_context(const struct object *object, const struct context *covered,
                                  const struct version *fresh, const struct version *live, uint32_t kept,
                                  struct arena *arena)
{
    static const struct context nothing = {0};
    struct context known;
    context_join(&known, &object->context, covered != NULL ? covered : &nothing, arena);
    date_deaths(&known, object, covered, live, kept, fresh->time);
    known = with_pair(&known, fresh->dot.actor, fresh->dot.counter, fresh->time, arena);
    if (fresh->attempt <= 1)
        return known;
    return with_pair(&known, request_actor(fresh->request), fresh->attempt - 1, fresh->time, arena);
}

static bool is_earlier_attempt(const struct version *old, const struct version *fresh)
{
    return fresh->request != 0 && old->request == fresh->request && old->attempt < fresh->attempt;
}

void object_put_over(struct object *out, const struct object *object, const struct context *covered,
                     const struct version *fresh, hybrid_time later_than, struct arena *arena)
{
    /* Otherwise the write would be dead for everyone who knows these contexts. */
    CHECK(!context_covers_version(&object->context, fresh));
    CHECK(covered == NULL || !context_covers_version(covered, fresh));
    CHECK((fresh->request == 0) == (fresh->attempt == 0));

    struct version *live = arena_alloc(arena, ((size_t)object->live_count + 1) * sizeof *live);
    uint32_t count = 0;
    for (uint32_t i = 0; i < object->live_count; i++) {
        const struct version *old = &object->live[i];
        bool is_covered = covered == NULL || context_covers_version(covered, old);
        bool goes = (is_covered && old->time <= later_than) || is_earlier_attempt(old, fresh);
        CHECK(!goes || old->time < fresh->time);
        if (!goes)
            live[count++] = *old;
    }
    out->context = put_context(object, covered, fresh, live, count, arena);
    live[count++] = *fresh;
    versions_sort(live, count);
    out->live = live;
    out->live_count = count;
}

void object_put(struct object *out, const struct object *object, const struct context *covered,
                const struct version *fresh, struct arena *arena)
{
    object_put_over(out, object, covered, fresh, HYBRID_TIME_MAX, arena);
}

void object_keep_newest(struct object *object, hybrid_time horizon)
{
    uint32_t kept = 0;
    while (kept < object->live_count) {
        const struct version *version = &object->live[kept++];
        if (version->request == 0 || version->time <= horizon)
            break;
    }
    object->live_count = kept;
}
