/* Nodes understand each other, stop when told to, and find everything again. */
#include "simulator/world.h"

#include <inttypes.h>

void checks_on_received(struct world *world, const struct machine *machine, const struct frame *frame, bool is_flipped,
                        bool is_good)
{
    if (is_flipped)
        checks_on_flipped(world, machine, frame, is_good);
    else if (!is_good)
        check_fails(world, &check_orderly, TRACE_NO_KEY, "%s calls a message of type %u malformed", machine->name,
                    frame->type);
}

void checks_on_restless(struct world *world, const struct machine *machine)
{
    check_fails(world, &check_orderly, TRACE_NO_KEY, "%s does not come to rest when it is to stop", machine->name);
}

/* Only a full disk excuses a stop that leaves something in the log: then the store says so, and there is no clean
 * stop. */
void checks_on_stopped(struct world *world, const struct machine *machine, bool kept)
{
    const struct fake_dir *dir = &machine->dir;
    bool is_full = dir->disk.bytes_max != UINT64_MAX || dir->engine.disk_max != UINT64_MAX
                   || dir->hint_disk.bytes_max != UINT64_MAX || dir->hint_engine.disk_max != UINT64_MAX;
    check_judged(world, &check_orderly);
    if (!kept && !is_full)
        check_fails(world, &check_orderly, TRACE_NO_KEY, "%s cannot checkpoint what it has when it stops",
                    machine->name);
}

/* What the store has is what the oracle saw appended. */
static void compare_with_store(struct world *world, struct machine *machine, unsigned number)
{
    const struct key *key = &world->keys.list[number];
    struct blob *record = machine_read(machine, number);
    const struct copy *copy = &world->oracle.copies[machine->index][number];
    check_judged(world, &check_orderly);
    if ((record != NULL) != copy->exists && !copy->is_rotten)
        check_fails(world, &check_orderly, (int)number, "%s %s %s after its log said otherwise", machine->name,
                    record == NULL ? "has lost" : "has", key->text);
    blob_release(record);
}

void checks_on_recovery(struct world *world, const struct machine *machine, const struct store_recovery *found)
{
    check_judged(world, &check_orderly);
    if (machine->end == END_CLEAN && (!found->clean || found->replayed_records != 0 || found->torn_records != 0))
        check_fails(world, &check_orderly, TRACE_NO_KEY, "%s replays %" PRIu64 " records after a clean stop",
                    machine->name, found->replayed_records);
}

static void at_rest(struct world *world)
{
    for (unsigned i = 0; i < world->plan.nodes; i++) {
        for (unsigned key = 0; world->machines[i].state == MACHINE_UP && key < world->keys.count; key++)
            compare_with_store(world, &world->machines[i], key);
    }
}

const struct check check_orderly = {
    .name = "orderly",
    .claim = "nodes understand each other, stop when told to and find everything again",
    .at_rest = at_rest,
};
