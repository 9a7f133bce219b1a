/* Negative controls that alter what clients hear, timers and tables. */
#include "base/check.h"
#include "simulator/controls.h"
#include "simulator/world.h"

#include <stdlib.h>

enum { SELDOM = 20 };

static void with_pipelines(struct plan *plan)
{
    plan->pipeline_max = 4;
}

static void several_nodes(struct plan *plan)
{
    if (plan->nodes < 3)
        plan->nodes = 3;
    while (plan->ring.partition_count < plan->nodes)
        plan->ring.partition_count *= 2;
}

static void busy_and_clogged(struct plan *plan)
{
    several_nodes(plan);
    memset(plan->faults, 0, sizeof plan->faults);
    plan->faults[FAULT_CLOG] = true;
    plan->calm_permille = 0;
    plan->episode_gap_ms = 20;
    plan->episode_ms = 60;
    plan->link_out_max = 1;
    plan->nodes = 3;
    plan->loops = 1;
    plan->long_permille = 500;
    plan->clients = 60;
    plan->think_us = 10;
    plan->ring.copies = 3;
    for (int kind = 0; kind < KEY_KINDS; kind++) { /* nobody waits for the clogged one */
        plan->buckets[kind].keys = 4;
        plan->buckets[kind].r = plan->buckets[kind].w = 1;
    }
}

static void drop_reply(struct world *world, struct client *client, struct bytes data)
{
    if (world_draws(world, SELDOM))
        world->tamper.done++;
    else
        client_hear(client, data);
}

static void say_twice(struct world *world, struct client *client, struct bytes data)
{
    client_hear(client, data);
    if (world_draws(world, SELDOM)) {
        world->tamper.done++;
        client_hear(client, data);
    }
}

/* The first digit of a value. */
static void alter_value(struct world *world, struct client *client, struct bytes data)
{
    uint8_t *copy = malloc(data.len + 1);
    CHECK_MEMORY(copy);
    memcpy(copy, data.at, data.len);
    for (size_t i = 0; i + 1 < data.len; i++) {
        if (copy[i] == '#' && world_draws(world, SELDOM)) {
            copy[i + 1] = copy[i + 1] == '9' ? '8' : '9';
            world->tamper.done++;
            break;
        }
    }
    client_hear(client, bytes_of(copy, data.len));
    free(copy);
}

/* Another table of the same epoch: the cluster has another number. */
static struct ring_view *second_table(struct world *world, struct machine *machine, struct ring_view *view)
{
    if (machine->index != 1)
        return view;
    struct ring_settings settings = view->settings;
    settings.tokens++;
    struct ring_view *other = ring_view_new(&settings, view->members, view->member_count);
    CHECK(other != NULL);
    other->epoch = view->epoch;
    ring_view_free(view);
    world->tamper.done++;
    return other;
}

/* The second owner of every partition is the first one too. */
static struct ring_view *one_node_twice(struct world *world, struct machine *machine, struct ring_view *view)
{
    (void)machine;
    uint16_t *rows = (uint16_t *)(uintptr_t)view->rows;
    if (view->member_count < 2)
        return view;
    rows[1] = rows[0];
    world->tamper.done++;
    return view;
}

const struct control controls_of_replies[] = {
    {"lost-replies", "some replies are never written", "silence", with_pipelines, .drops_requests = true},
    {"missing-replies", "some replies are left out", "replies", with_pipelines, .reply = drop_reply},
    {"double-replies", "some replies are written twice", "replies", .reply = say_twice},
    {"altered-values", "values are altered on their way to the client", "written", .reply = alter_value},
    {"second-table", "one node has another table of the same epoch", "epochs", several_nodes, .view = second_table},
    {"same-owner-twice", "a preference list names a node twice", "placement", several_nodes, .view = one_node_twice},
    {"no-timers", "no timer ever fires", "rest", several_nodes, .drops_ticks = true},
    {"no-limits", "links take requests without limit", "bounded", busy_and_clogged, .unlimits = true},
    {0},
};
