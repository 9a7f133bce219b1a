/* No false ancestors: a context covers only what its replica has held or been told of, and all of it. */
#include "simulator/world.h"

/* The version that a bit stands for. */
static const struct written *version_of(const struct world *world, int key, int64_t number)
{
    return &world->oracle.written[world->oracle.keys[key].list[number]];
}

/* Earlier attempts of the same request are replaced whether they have been heard of or not [R10], and what is behind
 * the horizon is dead unless it is held. */
static void add_excused(struct world *world, const struct stored *stored, struct bitset *told)
{
    const struct key_writes *writes = &world->oracle.keys[stored->key];
    hybrid_time horizon = oracle_horizon(&world->oracle, stored->key);
    for (uint32_t i = 0; i < writes->count; i++) {
        const struct written *written = &world->oracle.written[writes->list[i]];
        const struct actor name = request_actor(written->request);
        bool is_attempt = written->request != 0 && context_counter(&stored->object->context, &name) >= written->attempt;
        if (is_attempt || written->time <= horizon)
            bitset_add(told, i);
    }
}

static void judge_fresh(struct world *world, const struct stored *stored)
{
    const struct copy *own = &world->oracle.copies[stored->machine][stored->key];
    struct bitset told = bitset_copy(&stored->before->known);
    bitset_join(&told, &own->known);
    bitset_join(&told, &own->arrived);
    add_excused(world, stored, &told);
    int64_t missing = bitset_missing(&told, &world->oracle.written[stored->fresh].past);
    bitset_close(&told);
    if (missing < 0)
        return;
    const struct written *victim = version_of(world, stored->key, missing);
    check_fails(world, &check_ancestry, stored->key, "a write of %s replaces \"%.*s\", of which %s had never heard",
                world->machines[stored->machine].name, (int)victim->value.len, (const char *)victim->value.at,
                world->machines[stored->machine].name);
}

static void judge_context(struct world *world, const struct stored *stored)
{
    const struct key_writes *writes = &world->oracle.keys[stored->key];
    hybrid_time horizon = oracle_horizon(&world->oracle, stored->key);
    for (uint32_t i = 0; i < writes->count; i++) {
        const struct written *written = &world->oracle.written[writes->list[i]];
        const struct version named = {.dot = written->dot, .request = written->request, .attempt = written->attempt};
        if (!bitset_has(&stored->after->known, i) || written->time <= horizon
            || context_covers_version(&stored->object->context, &named))
            continue;
        check_fails(world, &check_ancestry, stored->key,
                    "the context of %s has forgotten \"%.*s\", which it has replaced",
                    world->machines[stored->machine].name, (int)written->value.len, (const char *)written->value.at);
        return;
    }
}

static void on_stored(struct world *world, const struct stored *stored)
{
    /* In a ring of one what is dead may be forgotten. */
    if (world->plan.nodes == 1 || stored->is_erased || stored->before->is_rotten)
        return;
    check_judged(world, &check_ancestry);
    judge_context(world, stored);
    if (stored->fresh != ORACLE_NONE)
        judge_fresh(world, stored);
}

const struct check check_ancestry = {
    .name = "ancestry",
    .claim = "a context covers what its replica has held or heard of, no more and no less",
    .on_stored = on_stored,
};
