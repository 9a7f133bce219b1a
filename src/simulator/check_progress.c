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

static void on_stored(struct world *world, const struct stored *stored)
{
    const struct copy *before = stored->before, *after = stored->after;
    if (world->plan.nodes == 1 || !before->exists)
        return;
    check_judged(world, &check_progress);
    if (stored->is_erased) {
        check_fails(world, &check_progress, stored->key, "%s has erased its record in a ring of several",
                    world->machines[stored->machine].name);
        return;
    }
    int64_t missing = bitset_missing(&after->known, &before->known);
    if (missing >= 0)
        describe(world, stored, "has gone back and no longer knows of", missing);
    for (uint32_t i = 0; i < after->live_count; i++) {
        uint32_t written = after->live[i].written, number = world->oracle.written[written].number;
        if (!was_live(before, written) && bitset_has(&before->known, number))
            describe(world, stored, "lets live again what had been replaced:", number);
    }
    if (world->keys.list[stored->key].kind == KEYS_LATEST
        && oracle_compare(&world->oracle, after->live[0].written, before->live[0].written) < 0)
        describe(world, stored, "has gone back in time to", world->oracle.written[after->live[0].written].number);
}

const struct check check_progress = {
    .name = "progress",
    .claim = "versions at a replica never go back",
    .on_stored = on_stored,
};
