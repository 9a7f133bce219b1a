/* A process's life: start, pause, stop. */
#include "simulator/machine.h"

#include "base/check.h"
#include "simulator/process.h"
#include "simulator/world.h"

#include <stdio.h>
#include <stdlib.h>

#define EPOCH_WALL_MS 1700000000000 /* when the simulated worlds begin */

enum {
    START_MS = 5, /* between a stop and the next start, at least */
    START_SPREAD_MS = 500,
    REST_MS = 10000, /* a stopping process has come to rest by then */
    REST_LOOK_MS = 1
};

void machine_init(struct machine *machine, struct world *world, unsigned index)
{
    *machine = (struct machine){.world = world, .index = index};
    char letter = (char)('a' + index % 26);
    int len = index < 26 ? snprintf(machine->name, sizeof machine->name, "%c", letter)
                         : snprintf(machine->name, sizeof machine->name, "%c%u", letter, index / 26);
    snprintf(machine->address, sizeof machine->address, "%.*s:12211", len, machine->name);
    fake_dir_init(&machine->dir, prng_next(&world->prng));
    machine->boot = prng_next(&world->prng);
    machine->mono_base_ns = (1 + world_draw(world, 1000)) * (uint64_t)WORLD_SECOND_NS;
    machine->drift_ppm =
        (int64_t)world_draw(world, 2 * (uint64_t)world->plan.drift_ppm_max + 1) - world->plan.drift_ppm_max;
    machine->wall_offset_ms =
        EPOCH_WALL_MS - machine->mono_base_ns / WORLD_MS_NS + world_draw(world, world->plan.offset_ms_max + 1);
}

void machine_close(struct machine *machine)
{
    CHECK(machine->state == MACHINE_DOWN);
    free(machine->backlog);
    fake_dir_close(&machine->dir);
    if (machine->copy != NULL)
        fake_dir_close(machine->copy);
    free(machine->copy);
}

struct instant machine_now(const struct machine *machine)
{
    uint64_t elapsed = machine->world->now_ns + machine->ghost_ns;
    int64_t drift = (int64_t)(elapsed / 1000000) * machine->drift_ppm;
    uint64_t mono = machine->mono_base_ns + (uint64_t)((int64_t)elapsed + drift);
    return (struct instant){.mono_ns = mono, .wall_ms = mono / WORLD_MS_NS + machine->wall_offset_ms};
}

/* How long until its monotonic clock shows this. */
uint64_t machine_ns_until(const struct machine *machine, uint64_t mono_ns)
{
    uint64_t now = machine_now(machine).mono_ns;
    return mono_ns <= now ? 0 : mono_ns - now + (mono_ns - now) / 1000;
}

void machine_step_clock(struct machine *machine, int64_t ms)
{
    machine->wall_offset_ms = (uint64_t)((int64_t)machine->wall_offset_ms + ms);
}

bool machine_serves(const struct machine *machine)
{
    return machine->state == MACHINE_UP && machine->epoch != 0;
}

bool machine_is_restored(const struct machine *machine)
{
    if (!machine_serves(machine))
        return false;
    const struct standing *standing = node_standing(machine->shared);
    const struct ring_view *view = node_view(machine->shared);
    int self = ring_member_index(view, ring_node_id(machine->name));
    for (uint32_t i = 0; i < view->partition_count; i++) {
        const uint16_t *list = ring_preference_list(view, (uint16_t)i);
        for (uint32_t j = 0; j < view->owner_count; j++) {
            if ((int)list[j] == self && standing_is_behind(standing, (uint16_t)i))
                return false;
        }
    }
    return standing_is_confirmed(standing);
}

int machine_by_address(const struct world *world, const char *address)
{
    for (unsigned i = 0; i < world->plan.nodes; i++) {
        if (strcmp(world->machines[i].address, address) == 0 || strcmp(world->machines[i].name, address) == 0)
            return (int)i;
    }
    return -1;
}

void machine_start(struct machine *machine)
{
    struct world *world = machine->world;
    CHECK(machine->state == MACHINE_DOWN);
    machine->state = MACHINE_UP;
    machine->generation++;
    machine->starts++;
    machine->quiet_since_ns = world->now_ns;
    machine->incarnation = 1 + (prng_next(&world->prng) >> 1);
    WORLD_SAY(world, TRACE_NO_KEY, "%s starts", machine->name);
    process_open(machine);
}

static void on_start(struct world *world, const struct event *event)
{
    struct machine *machine = event->object;
    (void)world;
    if (machine->state == MACHINE_DOWN && machine->generation == event->generation)
        machine_start(machine);
}

void machine_start_later(struct machine *machine, uint64_t delay_ns)
{
    world_after(machine->world, delay_ns,
                (struct event){
                    .run = on_start, .object = machine, .generation = machine->generation, .machine = EVENT_OF_NOBODY});
}

static void on_rest_look(struct world *world, const struct event *event)
{
    struct machine *machine = event->object;
    if (machine->state != MACHINE_STOPPING || machine->generation != event->generation)
        return;
    if (!process_rests(machine)) {
        if (world->now_ns >= machine->stops_until_ns)
            checks_on_restless(world, machine);
        else
            world_after(world, REST_LOOK_MS * WORLD_MS_NS, *event);
        return;
    }
    bool kept = process_close(machine);
    checks_on_stopped(world, machine, kept);
    machine->state = MACHINE_DOWN;
    machine->generation++;
    machine->epoch = 0;
    machine->end = kept ? END_CLEAN : END_KILLED; /* what the log has is there, what was only buffered is gone */
    WORLD_SAY(world, TRACE_NO_KEY, "%s has stopped", machine->name);
    if (machine->restarts)
        machine_start_later(machine, (START_MS + world_draw(world, START_SPREAD_MS)) * WORLD_MS_NS);
}

void machine_stop(struct machine *machine, bool again)
{
    struct world *world = machine->world;
    if (machine->state != MACHINE_UP)
        return;
    WORLD_SAY(world, TRACE_NO_KEY, "%s stops", machine->name);
    machine_resume(machine);
    machine->state = MACHINE_STOPPING;
    machine->restarts = again;
    machine->quiet_since_ns = UINT64_MAX;
    machine->stops_until_ns = world->now_ns + REST_MS * (uint64_t)WORLD_MS_NS;
    process_quiesce(machine);
    world_after(
        world, REST_LOOK_MS * WORLD_MS_NS,
        (struct event){
            .run = on_rest_look, .object = machine, .generation = machine->generation, .machine = (int)machine->index});
}

void machine_pause(struct machine *machine)
{
    if (machine->state != MACHINE_UP || machine->paused)
        return;
    WORLD_SAY(machine->world, TRACE_NO_KEY, "%s is paused", machine->name);
    machine->paused = true;
    machine->quiet_since_ns = UINT64_MAX;
}

void machine_resume(struct machine *machine)
{
    struct world *world = machine->world;
    if (!machine->paused)
        return;
    WORLD_SAY(world, TRACE_NO_KEY, "%s goes on", machine->name);
    machine->paused = false;
    machine->quiet_since_ns = world->now_ns;
    for (size_t i = 0; i < machine->backlog_count; i++)
        world_after(world, 0, machine->backlog[i]);
    machine->backlog_count = 0;
}
