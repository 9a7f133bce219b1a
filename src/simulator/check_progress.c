/* A replica never goes back: what it holds or has replaced stays held or replaced, and what was replaced does not live
 * again. Across clean restarts too. */
#include "simulator/world.h"

static void describe(struct world *world, const struct stored *stored, const char *what, int64_t number)
{
    const struct written *written = &world->oracle.written[world->oracle.keys[stored->key].list[number]];
    check_fails(world, &check_progress, stored->key, "%s %s \"%.*s\"", world->machines[stored->machine].name, what,
                (int)written->value.len, (const char *)written->value.at);
}

static bool was_live(const struct copy *copy, uint32_t written)
{
    for (uint32_t i = 0; i < copy->live_count; i++) {
        if (copy->live[i].written == written)
            return true;
    }
    return false;
}

/* What lived in a record that has been freed: dead, and behind the horizon [R3]. */
static void judge_freed(struct world *world, const struct stored *stored)
{
    const struct copy *before = stored->before;
    bool only_newest = world->keys.list[stored->key].kind == KEYS_LATEST; /* what it hides has lost */
    for (uint32_t i = 0; i < before->live_count && (i == 0 || !only_newest); i++) {
        const struct living *living = &before->live[i];
        const struct written *written = &world->oracle.written[living->written];
        bool may_be_dead = living->kind == VERSION_TOMBSTONE || living->expiry_ms != 0 || world->plan.flushes;
        if (!may_be_dead)
            describe(world, stored, "has freed a live value:", written->number);
        else if (written->time > before->horizon)
            describe(world, stored, "has freed what is not behind its horizon:", written->number);
    }
}

/* Has an attempt of a request replaced this version, here or where this object comes from, and then another attempt of
 * the same request, which had not heard of it, has taken the place of the first [R10]? The request's write still stands
 * in for it, so the context tells of a version that nothing living was made from. */
static bool is_replaced_by_overtaken(const struct world *world, const struct stored *stored, uint32_t number)
{
    const struct key_writes *writes = &world->oracle.keys[stored->key];
    const struct context *context = &stored->object->context;
    const struct written *itself = &world->oracle.written[writes->list[number]];
    if (itself->request != 0 && context_covers_attempt(context, itself->request, itself->attempt))
        return true;
    if (!context_covers(context, &itself->dot))
        return false;
    for (uint32_t i = 0; i < writes->count; i++) {
        const struct written *attempt = &world->oracle.written[writes->list[i]];
        if ((i == number || bitset_has(&attempt->past, number))
            && (bitset_has(&stored->before->known, i) || context_covers(context, &attempt->dot))
            && attempt->request != 0 && context_covers_attempt(context, attempt->request, attempt->attempt))
            return true;
    }
    return false;
}

/* The first version that was known and is not any more, -1: none. What is behind a horizon may be forgotten. */
static int64_t forgotten(struct world *world, const struct stored *stored)
{
    const struct key_writes *writes = &world->oracle.keys[stored->key];
    hybrid_time horizon = oracle_horizon(&world->oracle, stored->key);
    for (uint32_t i = 0; i < writes->count; i++) {
        if (bitset_has(&stored->before->known, i) && !bitset_has(&stored->after->known, i)
            && world->oracle.written[writes->list[i]].time > horizon && !is_replaced_by_overtaken(world, stored, i))
            return i;
    }
    return -1;
}

/* A later attempt takes the place of an earlier one, though that was carried out after it [R10]. */
static bool is_overtaken(const struct world *world, const struct stored *stored, uint32_t index)
{
    const struct written *written = &world->oracle.written[index];
    const struct actor name = request_actor(written->request);
    return written->request != 0 && context_counter(&stored->object->context, &name) >= written->attempt;
}

static void on_stored(struct world *world, const struct stored *stored)
{
    const struct copy *before = stored->before, *after = stored->after;
    if (world->plan.nodes == 1 || !before->exists || before->is_rotten
        || (stored->is_erased && stored->owner != ORACLE_DATA))
        return;
    check_judged(world, &check_progress);
    if (stored->is_erased) {
        judge_freed(world, stored);
        return;
    }
    int64_t missing = forgotten(world, stored);
    if (missing >= 0)
        describe(world, stored, "has gone back and no longer knows of", missing);
    for (uint32_t i = 0; i < after->live_count; i++) {
        uint32_t written = after->live[i].written, number = world->oracle.written[written].number;
        if (!was_live(before, written) && bitset_has(&before->known, number))
            describe(world, stored, "lets live again what had been replaced:", number);
    }
    if (world->keys.list[stored->key].kind == KEYS_LATEST && before->live_count > 0 && after->live_count > 0
        && oracle_compare(&world->oracle, after->live[0].written, before->live[0].written) < 0
        && !is_overtaken(world, stored, before->live[0].written))
        describe(world, stored, "has gone back in time to", world->oracle.written[after->live[0].written].number);
}

const struct check check_progress = {
    .name = "progress",
    .claim = "versions at a replica never go back",
    .on_stored = on_stored,
};
