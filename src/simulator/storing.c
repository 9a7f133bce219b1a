/* The storage and the sync thread of a simulated process, and the sweep: the store's ports, and turns of their own. */
#include "base/check.h"
#include "simulator/process.h"
#include "simulator/world.h"

enum {
    STORAGE_DELAY_US = 500,
    SYNC_DELAY_US = 5000,
    SLICE_US = 50, /* that a turn of the storage thread takes */
    SWEEP_EVERY_MS = 250,
    SWEEP_RECORDS = 16
};

static void on_loop_woken(struct world *world, const struct event *event)
{
    struct machine_loop *loop = event->object;
    (void)world;
    if (process_is_that(loop->machine, event))
        machine_end_turn(loop);
}

static void wake_loop(void *host, unsigned loop)
{
    struct machine *machine = host;
    if (machine->is_ghost)
        return;
    world_after(machine->world, 1, process_event(machine, on_loop_woken, &machine->loops[loop]));
}

hybrid_time storing_newest(const struct machine *machine)
{
    return machine->shared == NULL ? 0 : atomic_load(&node_clock(machine->shared)->last);
}

static void on_storage_turn(struct world *world, const struct event *event);

/* The storage thread's next turn, unless an earlier one is under way. */
static void call_storage(struct machine *machine, uint64_t delay_ns)
{
    struct world *world = machine->world;
    delay_ns += machine->slow_storage_us * (uint64_t)WORLD_US_NS;
    uint64_t at = world->now_ns + delay_ns;
    if (at >= machine->storage_at_ns || machine->is_ghost)
        return;
    machine->storage_at_ns = at;
    world_after(world, delay_ns, process_event(machine, on_storage_turn, machine));
}

static void on_storage_turn(struct world *world, const struct event *event)
{
    struct machine *machine = event->object;
    if (!process_is_that(machine, event) || world->now_ns < machine->storage_at_ns)
        return;
    machine->storage_at_ns = UINT64_MAX;
    struct instant now = machine_now(machine);
    uint64_t wait_ms = store_checkpoint_slice(machine->store, now, storing_newest(machine));
    if (machine->hint_store != NULL) {
        uint64_t hints_ms = store_checkpoint_slice(machine->hint_store, now, storing_newest(machine));
        wait_ms = hints_ms < wait_ms ? hints_ms : wait_ms;
    }
    node_keep_standing(machine->shared);
    machine->has_forgotten &= !machine_is_restored(machine);
    checks_on_standing(world, machine);
    call_storage(machine, wait_ms * WORLD_MS_NS + SLICE_US * WORLD_US_NS);
}

static void wake_storage(void *host)
{
    struct machine *machine = host;
    if (machine->store != NULL && !machine->is_ghost)
        call_storage(machine, (1 + world_draw(machine->world, STORAGE_DELAY_US)) * WORLD_US_NS);
}

static void on_sync_turn(struct world *world, const struct event *event)
{
    struct machine *machine = event->object;
    (void)world;
    if (!process_is_that(machine, event))
        return;
    machine->sync_called = false;
    store_sync(machine->store);
    if (machine->hint_store != NULL)
        store_sync(machine->hint_store);
}

static void wake_sync(void *host)
{
    struct machine *machine = host;
    struct world *world = machine->world;
    if (machine->sync_called || machine->is_ghost)
        return;
    machine->sync_called = true;
    world_after(world, (1 + world_draw(world, SYNC_DELAY_US) + machine->slow_storage_us) * WORLD_US_NS,
                process_event(machine, on_sync_turn, machine));
}

static void report(void *host, const char *text)
{
    struct machine *machine = host;
    WORLD_SAY(machine->world, TRACE_NO_KEY, "%s: %s", machine->name, text);
}

static void on_sweep(struct world *world, const struct event *event)
{
    struct machine_loop *loop = event->object;
    if (!process_is_that(loop->machine, event) || loop->machine->state != MACHINE_UP)
        return;
    (void)node_sweep(&loop->node, machine_now(loop->machine), SWEEP_RECORDS);
    machine_end_turn(loop);
    world_after(world, SWEEP_EVERY_MS * WORLD_MS_NS, *event);
}

struct store_ports storing_ports(struct machine *machine)
{
    return (struct store_ports){.disk = &machine->dir.disk.disk,
                                .engine = &machine->dir.engine.engine,
                                .locks = &lock_none,
                                .wake_loop = wake_loop,
                                .wake_storage = wake_storage,
                                .wake_sync = wake_sync,
                                .report = report,
                                .host = machine};
}

void storing_begin(struct machine *machine)
{
    machine->storage_at_ns = UINT64_MAX;
    machine->sync_called = false;
    call_storage(machine, WORLD_US_NS);
    world_after(machine->world, world_draw(machine->world, SWEEP_EVERY_MS * WORLD_MS_NS),
                process_event(machine, on_sweep, &machine->loops[machine->loop_count]));
}
