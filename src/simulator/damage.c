#include "simulator/damage.h"

#include "base/check.h"
#include "simulator/world.h"

enum {
    LATE_PERMILLE = 150,       /* of those who are down stay so until all faults have ended */
    MID_TURN_PERMILLE = 300,   /* die within a turn: what they have done is done, but nobody has heard of it */
    COPY_FIRST_PERMILLE = 500, /* of the old copies are made now, and restored in a later episode */
    SLOW_STORAGE_US_MAX = 2000000,
    SPACE_LEFT_MAX = 64 << 10, /* on a disk that becomes full */
    FAR_MS_MAX = 40000,        /* less than what is not believed at all */
    NEVER_BELIEVED_MS = 3600000
};

static struct machine *draw_machine(struct world *world)
{
    return &world->machines[world_draw(world, world->plan.nodes)];
}

static struct event end_event(void (*run)(struct world *, const struct event *), struct machine *machine)
{
    return (struct event){.run = run, .object = machine, .machine = EVENT_OF_NOBODY};
}

static uint64_t draw_ns(struct world *world, uint32_t mean_ms)
{
    return (1 + world_draw(world, 2 * (uint64_t)mean_ms)) * WORLD_MS_NS;
}

/* Processes. */

static void on_crash_check(struct world *world, const struct event *event)
{
    struct machine *machine = event->object;
    (void)world;
    if (machine->crash_due != END_NEVER_RAN)
        machine_crash(machine, machine->crash_due); /* nothing has happened there since */
}

static void crash(struct world *world, enum machine_end end)
{
    struct machine *machine = draw_machine(world);
    if (machine->state == MACHINE_DOWN || machine->crash_due != END_NEVER_RAN)
        return;
    if (end == END_RESTORED && (machine->copy == NULL || world_draws(world, COPY_FIRST_PERMILLE))) {
        machine_copy_dir(machine);
        return;
    }
    if (!budget_allows(world, machine, end))
        return;
    if (end == END_KILLED && world_draws(world, MID_TURN_PERMILLE)) {
        machine->crash_due = end;
        world_after(world, 100 * WORLD_MS_NS, end_event(on_crash_check, machine));
    } else {
        machine_crash(machine, end);
    }
}

void damage_start_again(struct machine *machine)
{
    struct world *world = machine->world;
    if (!world->faults.active)
        machine_start_later(machine, draw_ns(world, 100));
    else if (!world_draws(world, LATE_PERMILLE))
        machine_start_later(machine, draw_ns(world, world->plan.down_ms));
}

/* Disks. */

/* It is the disk that has no space for what an engine commits. The size of its map stays as it is: that of a running
 * process never changes, and a store goes by what was left of it at the last commit. */
static void set_space(struct machine *machine, bool is_limited)
{
    struct world *world = machine->world;
    struct fake_dir *dir = &machine->dir;
    struct engine_usage usage;
    dir->disk.bytes_max = dir->hint_disk.bytes_max = UINT64_MAX;
    dir->engine.disk_max = dir->hint_engine.disk_max = UINT64_MAX;
    if (!is_limited)
        return;
    dir->engine.engine.ops->usage(&dir->engine.engine, &usage);
    dir->engine.disk_max = usage.bytes_used + world_draw(world, SPACE_LEFT_MAX);
    dir->disk.bytes_max = dir->disk.bytes + world_draw(world, SPACE_LEFT_MAX);
    dir->hint_engine.engine.ops->usage(&dir->hint_engine.engine, &usage);
    dir->hint_engine.disk_max = usage.bytes_used + world_draw(world, SPACE_LEFT_MAX);
    dir->hint_disk.bytes_max = dir->hint_disk.bytes + world_draw(world, SPACE_LEFT_MAX);
}

static void on_space(struct world *world, const struct event *event)
{
    struct machine *machine = event->object;
    WORLD_SAY(world, TRACE_NO_KEY, "the disk of %s has space again", machine->name);
    set_space(machine, false);
}

static void fill_disk(struct world *world)
{
    struct machine *machine = draw_machine(world);
    WORLD_SAY(world, TRACE_NO_KEY, "the disk of %s is full", machine->name);
    set_space(machine, true);
    world_after(world, draw_ns(world, world->plan.episode_ms), end_event(on_space, machine));
}

static void on_quick(struct world *world, const struct event *event)
{
    (void)world;
    ((struct machine *)event->object)->slow_storage_us = 0;
}

static void slow_disk(struct world *world)
{
    struct machine *machine = draw_machine(world);
    machine->slow_storage_us = 1 + (uint32_t)world_draw(world, SLOW_STORAGE_US_MAX);
    WORLD_SAY(world, TRACE_NO_KEY, "the disk of %s takes %u us longer", machine->name, machine->slow_storage_us);
    world_after(world, draw_ns(world, world->plan.episode_ms), end_event(on_quick, machine));
}

static void rot(struct world *world)
{
    struct machine *machine = draw_machine(world);
    struct blob *name = NULL;
    if (machine->state != MACHINE_UP)
        return;
    size_t row = fake_engine_draw(&machine->dir.engine, &world->prng, &name);
    int key = name == NULL ? -1 : keys_find(&world->keys, bytes_after(blob_bytes(name), sizeof(uint16_t)));
    if (key >= 0 && budget_allows_key(world, machine, key)) {
        WORLD_SAY(world, key, "a bit of %s's record turns over", machine->name);
        fake_engine_flip(&machine->dir.engine, row, &world->prng);
        oracle_on_rot(world, machine->index, key);
    }
    blob_release(name);
}

/* Clocks. */

static void set_far(struct machine *machine, int64_t ms)
{
    machine_step_clock(machine, ms - machine->far_ms);
    machine->far_ms = ms;
    WORLD_SAY(machine->world, TRACE_NO_KEY, "the clock of %s is %lld ms off", machine->name, (long long)ms);
}

static void on_clock_right(struct world *world, const struct event *event)
{
    (void)world;
    set_far(event->object, 0);
}

/* Beyond the clock bound; sometimes so far that nobody believes it. */
static void leave_time(struct world *world)
{
    struct machine *machine = draw_machine(world);
    for (unsigned i = 0; i < world->plan.nodes; i++) {
        if (world->machines[i].far_ms != 0)
            return; /* most clocks are right */
    }
    int64_t ms = world_draws(world, 300) ? NEVER_BELIEVED_MS + (int64_t)world_draw(world, NEVER_BELIEVED_MS)
                                         : (int64_t)world_draw(world, FAR_MS_MAX);
    set_far(machine, world_draws(world, 300) ? -ms : ms);
    world_after(world, draw_ns(world, world->plan.episode_ms), end_event(on_clock_right, machine));
}

void damage_begin(struct world *world, enum fault fault)
{
    switch (fault) {
    case FAULT_KILL:
        crash(world, END_KILLED);
        break;
    case FAULT_POWER:
        crash(world, END_POWER);
        break;
    case FAULT_WIPE:
        crash(world, END_WIPED);
        break;
    case FAULT_OLD_COPY:
        crash(world, END_RESTORED);
        break;
    case FAULT_SLOW_DISK:
        slow_disk(world);
        break;
    case FAULT_FULL_DISK:
        fill_disk(world);
        break;
    case FAULT_ROT:
        rot(world);
        break;
    case FAULT_FAR_CLOCK:
        leave_time(world);
        break;
    default:
        CHECK(false);
    }
}

void damage_end(struct world *world)
{
    for (unsigned i = 0; i < world->plan.nodes; i++) {
        struct machine *machine = &world->machines[i];
        set_space(machine, false);
        machine->slow_storage_us = 0;
        if (machine->far_ms != 0)
            set_far(machine, 0);
        if (machine->state == MACHINE_DOWN)
            machine_start_later(machine, draw_ns(world, 100));
    }
}
