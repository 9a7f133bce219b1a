/* The end of a process that was not told to stop: killed, or its machine lost power; and what is found in the place of
 * its data directory afterwards.
 *
 * The process itself is a set of structures here. It is laid to rest as a ghost, whose clock runs until all that it had
 * under way has ended, and of which nobody sees anything: its disks are a copy by then. */
#include "base/check.h"
#include "simulator/damage.h"
#include "simulator/process.h"
#include "simulator/world.h"

#include <stdlib.h>

enum {
    GHOST_STEPS = 400, /* after which everything that the process waited for has timed out */
    GHOST_STEP_MS = 250,
    UNNOTICED_MS = 3000 /* connections to a machine without power seem to live on for so long, at most */
};

static void replace_dir(struct machine *machine, struct fake_dir *dir)
{
    fake_dir_close(&machine->dir);
    machine->dir = *dir;
}

void machine_copy_dir(struct machine *machine)
{
    if (machine->copy == NULL)
        machine->copy = calloc(1, sizeof *machine->copy);
    else
        fake_dir_close(machine->copy);
    CHECK_MEMORY(machine->copy);
    fake_dir_copy(machine->copy, &machine->dir);
    WORLD_SAY(machine->world, TRACE_NO_KEY, "%s's data directory is copied", machine->name);
}

/* What the next process will find. */
static void leave_dir(struct machine *machine, enum machine_end end, struct fake_dir *left)
{
    struct world *world = machine->world;
    if (end == END_WIPED)
        fake_dir_init(left, prng_next(&world->prng));
    else if (end == END_RESTORED && machine->copy != NULL)
        fake_dir_copy(left, machine->copy);
    else
        fake_dir_copy(left, &machine->dir);
    left->is_copy = end == END_RESTORED;
    if (end == END_POWER || (end == END_KILLED && tamper_loses_logs(world)))
        fake_dir_lose_power(left, &world->prng);
}

static const char *const ENDS[] = {"",
                                   "",
                                   "is killed",
                                   "loses power",
                                   "is killed and its data directory lost",
                                   "is killed and an old copy of its data directory restored"};

void machine_crash(struct machine *machine, enum machine_end end)
{
    struct world *world = machine->world;
    struct fake_dir left;
    machine->crash_due = END_NEVER_RAN;
    if (machine->state == MACHINE_DOWN)
        return;
    WORLD_SAY(world, TRACE_NO_KEY, "%s %s", machine->name, ENDS[end]);
    machine_resume(machine);
    leave_dir(machine, end, &left);
    machine->is_ghost = true;
    machine->state = MACHINE_DOWN;
    machine->quiet_since_ns = UINT64_MAX;
    process_vanish(machine, end == END_POWER ? world_draw(world, UNNOTICED_MS) * WORLD_MS_NS : 0);
    bool rests = process_haunt(machine);
    for (unsigned i = 0; i < GHOST_STEPS && !rests; i++) {
        machine->ghost_ns += GHOST_STEP_MS * (uint64_t)WORLD_MS_NS;
        rests = process_haunt(machine);
    }
    if (rests)
        process_abandon(machine);
    else
        checks_on_restless(world, machine);
    machine->is_ghost = false;
    machine->ghost_ns = 0;
    machine->generation++;
    machine->epoch = 0;
    machine->end = end;
    machine->has_forgotten |= end == END_WIPED || end == END_RESTORED;
    if (end == END_POWER)
        machine->boot = prng_next(&world->prng);
    replace_dir(machine, &left);
    damage_start_again(machine);
}
