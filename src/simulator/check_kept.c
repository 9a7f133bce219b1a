/* [R15]: what was stored at the promised durability is there after the process was killed, and what was synced is there
 * after a loss of power. */
#include "simulator/world.h"

static bool is_kept_by(enum machine_end end, enum durability durability)
{
    return end == END_CLEAN || (end == END_KILLED && durability >= DURABILITY_COMMITTED);
}

void checks_on_found(struct world *world, const struct machine *machine, int key, const struct copy *before,
                     const struct copy *found)
{
    enum durability durability = world->plan.buckets[world->keys.list[key].kind].durability;
    const struct bitset *promised = NULL;
    if (is_kept_by(machine->end, durability))
        promised = &before->known;
    else if (machine->end == END_POWER)
        promised = &before->durable;
    if (promised == NULL || before->is_rotten || (!before->exists && !found->exists))
        return;
    check_judged(world, &check_kept);
    struct bitset there = bitset_copy(&found->known);
    bitset_join(&there, &before->freed);
    int64_t missing = bitset_missing(&there, promised);
    bitset_close(&there);
    if (missing < 0)
        return;
    const struct written *victim = &world->oracle.written[world->oracle.keys[key].list[missing]];
    check_fails(world, &check_kept, key, "%s has lost \"%.*s\", though %s", machine->name, (int)victim->value.len,
                (const char *)victim->value.at,
                machine->end == END_POWER ? "it had been synced" : "its process was only killed");
}

const struct check check_kept = {
    .name = "kept",
    .claim = "what was stored survives a killed process, what was synced a loss of power [R15]",
};
