#include "simulator/world.h"

#include "base/check.h"

#include <stdlib.h>

void world_init(struct world *world, const struct plan *plan)
{
    memset(world, 0, sizeof *world);
    CHECK(plan->nodes <= PLAN_NODES_MAX && plan->clients <= PLAN_CLIENTS_MAX && plan->loops <= PLAN_LOOPS_MAX);
    world->plan = *plan;
    world->ops_left = plan->ops;
    prng_init(&world->prng, hash_mix(plan->seed ^ 0x776f726c64));
    events_init(&world->events);
    network_init(&world->network);
    plan_buckets(plan, &world->buckets);
    keys_init(&world->keys, plan);
    world->trace.keys = &world->keys;
    history_init(&world->history);
    oracle_init(&world->oracle, world);
    checks_init(&world->checks, world);
    for (unsigned i = 0; i < plan->nodes; i++)
        machine_init(&world->machines[i], world, i);
    for (unsigned i = 0; i < plan->clients; i++)
        client_init(&world->clients[i], world, i);
}

/* A process that did not come to rest is dropped as it is: a check has failed before, its memory is not looked at. */
static void drop(struct machine *machine)
{
    machine->state = MACHINE_DOWN;
}

void world_close(struct world *world)
{
    events_close(&world->events);
    for (unsigned i = 0; i < world->plan.clients; i++) {
        world->clients[i].caller = NULL;
        client_close(&world->clients[i]);
    }
    for (unsigned i = 0; i < world->plan.nodes; i++) {
        drop(&world->machines[i]);
        machine_close(&world->machines[i]);
    }
    network_close(&world->network);
    checks_close(&world->checks);
    oracle_close(&world->oracle);
    history_close(&world->history);
    bucket_table_close(&world->buckets);
}

void world_after(struct world *world, uint64_t delay_ns, struct event event)
{
    event.at_ns = world->now_ns + delay_ns;
    events_add(&world->events, event);
}

/* A paused machine's event waits for its turn. */
static void put_off(struct machine *machine, const struct event *event)
{
    if (machine->backlog_count == machine->backlog_room) {
        machine->backlog_room = 2 * machine->backlog_room + 16;
        machine->backlog = realloc(machine->backlog, machine->backlog_room * sizeof *machine->backlog);
        CHECK_MEMORY(machine->backlog);
    }
    machine->backlog[machine->backlog_count++] = *event;
}

static void run(struct world *world, const struct event *event)
{
    CHECK(event->at_ns >= world->now_ns);
    world->now_ns = event->at_ns;
    if (event->machine >= 0 && world->machines[event->machine].paused) {
        put_off(&world->machines[event->machine], event);
        return;
    }
    world->trace.events++;
    event->run(world, event);
    if (event->machine >= 0 && world->machines[event->machine].crash_due != END_NEVER_RAN)
        machine_crash(&world->machines[event->machine], world->machines[event->machine].crash_due);
}

bool world_step(struct world *world)
{
    struct event event;
    if (checks_failed(&world->checks) || !events_take(&world->events, &event))
        return false;
    run(world, &event);
    return !checks_failed(&world->checks);
}

void world_run_until(struct world *world, uint64_t until_ns)
{
    while (world->events.count > 0 && world->events.heap[0].at_ns <= until_ns && world_step(world))
        continue;
    if (!checks_failed(&world->checks) && world->now_ns < until_ns)
        world->now_ns = until_ns;
}

void world_run_for(struct world *world, uint64_t ns)
{
    world_run_until(world, world->now_ns + ns);
}
