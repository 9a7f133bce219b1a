#include "base/check.h"
#include "simulator/network.h"
#include "simulator/network_inside.h"
#include "simulator/world.h"

#include <stdlib.h>

enum { DIAL_PAUSE_MS_MIN = 20, DIAL_PAUSE_MS_MAX = 1000 };

struct endpoint *connection_other_end(struct endpoint *end)
{
    return end == &end->connection->ends[0] ? &end->connection->ends[1] : &end->connection->ends[0];
}

static struct connection *take_connection(struct network *network)
{
    struct list *free_one = list_pop_front(&network->free);
    if (free_one != NULL) {
        struct connection *again = CONTAINER_OF(free_one, struct connection, free);
        again->generation++;
        return again;
    }
    if (network->count == network->room) {
        network->room = network->room == 0 ? 64 : 2 * network->room;
        network->all = realloc(network->all, network->room * sizeof *network->all);
        CHECK_MEMORY(network->all);
    }
    struct connection *fresh = calloc(1, sizeof *fresh);
    CHECK_MEMORY(fresh);
    list_init(&fresh->free);
    network->all[network->count++] = fresh;
    return fresh;
}

static void give_back_if_unused(struct network *network, struct connection *connection)
{
    if (!connection->is_up && !connection->ends[0].attached && !connection->ends[1].attached)
        list_push_back(&network->free, &connection->free);
}

struct event connection_event(struct endpoint *end, void (*run)(struct world *, const struct event *))
{
    return (struct event){.run = run,
                          .object = end,
                          .generation = end->connection->generation,
                          .machine = (int)end->loop->machine->index};
}

bool connection_is_current(const struct endpoint *end, uint64_t generation)
{
    return end->connection->generation == generation;
}

static void dial_later(struct world *world, struct machine_loop *loop, unsigned to);

static void set_end(struct world *world, struct endpoint *end, struct machine_loop *loop, const struct machine *peer,
                    bool is_dialled)
{
    struct connection *connection = end->connection;
    *end = (struct endpoint){.connection = connection, .loop = loop, .incarnation = loop->machine->incarnation};
    end->link = (struct link){.peer = ring_node_id(peer->name),
                              .peer_incarnation = peer->incarnation,
                              .is_dialled = is_dialled,
                              .out_max = tamper_unlimits(world) ? SIZE_MAX : world->plan.link_out_max};
    list_init(&end->on_loop);
}

static void forget_dial(struct world *world, struct endpoint *end)
{
    struct connection *connection = end->connection;
    if (end != &connection->ends[0])
        return;
    unsigned to = connection->ends[1].loop->machine->index;
    struct dial *dial = &end->loop->dials[to];
    if (dial->connection == connection) {
        dial->connection = NULL;
        dial_later(world, end->loop, to);
    }
}

/* Takes this end down now. */
static void detach(struct world *world, struct endpoint *end)
{
    if (!end->attached)
        return;
    struct machine_loop *loop = end->loop;
    end->attached = false;
    node_link_down(&loop->node, machine_now(loop->machine), &end->link);
    chain_close(&end->link.out);
    list_remove(&end->on_loop);
    forget_dial(world, end);
    give_back_if_unused(&world->network, end->connection);
}

static void on_detach(struct world *world, const struct event *event)
{
    struct endpoint *end = event->object;
    if (!connection_is_current(end, event->generation) || !end->attached)
        return;
    struct machine_loop *loop = end->loop;
    detach(world, end);
    machine_end_turn(loop);
}

void connection_go_down(struct world *world, struct connection *connection)
{
    if (!connection->is_up)
        return;
    connection->is_up = false;
    for (int i = 0; i < 2; i++) {
        struct endpoint *end = &connection->ends[i];
        if (end->attached)
            world_after(world, world_draw(world, WORLD_MS_NS), connection_event(end, on_detach));
    }
    if (!connection->ends[0].attached)
        forget_dial(world, &connection->ends[0]);
    give_back_if_unused(&world->network, connection);
}

static void on_attach(struct world *world, const struct event *event)
{
    struct endpoint *end = event->object;
    struct machine_loop *loop = end->loop;
    if (!connection_is_current(end, event->generation) || !end->connection->is_up)
        return;
    if (loop->machine->state != MACHINE_UP || loop->machine->incarnation != end->incarnation) {
        connection_go_down(world, end->connection);
        return;
    }
    chain_init(&end->link.out, &loop->frontend.chunks);
    end->attached = true;
    list_push_back(&loop->endpoints, &end->on_loop);
    node_link_up(&loop->node, machine_now(loop->machine), &end->link);
    machine_end_turn(loop);
}

static bool may_meet(struct world *world, struct machine *from, struct machine *to)
{
    const struct network *network = &world->network;
    return to->state == MACHINE_UP && !to->paused && !network->cut[from->index][to->index]
           && !network->cut[to->index][from->index] && !network->clogged[from->index][to->index]
           && !network->clogged[to->index][from->index];
}

/* Both ends come up, the acceptor's first, as at the end of the real handshake. */
static void connect_to(struct world *world, struct machine_loop *loop, struct machine *to)
{
    struct connection *connection = take_connection(&world->network);
    /* Repairing nodes talk to repairing nodes. */
    bool is_repair = loop->number == loop->machine->loop_count;
    struct machine_loop *accepting = &to->loops[is_repair ? to->loop_count : world_draw(world, to->loop_count)];
    connection->is_up = true;
    for (int i = 0; i < 2; i++)
        connection->ends[i].connection = connection;
    set_end(world, &connection->ends[0], loop, to, true);
    set_end(world, &connection->ends[1], accepting, loop->machine, false);
    loop->dials[to->index].connection = connection;
    loop->dials[to->index].pause_ms = DIAL_PAUSE_MS_MIN;
    uint64_t there = network_draw_delay_ns(world, loop->machine->index, to->index);
    world_after(world, there, connection_event(&connection->ends[1], on_attach));
    world_after(world, there + network_draw_delay_ns(world, to->index, loop->machine->index),
                connection_event(&connection->ends[0], on_attach));
}

static void on_dial(struct world *world, const struct event *event)
{
    struct machine_loop *loop = event->object;
    struct machine *machine = loop->machine, *to = &world->machines[event->detail];
    struct dial *dial = &loop->dials[event->detail];
    if (machine->generation != event->generation)
        return;
    dial->is_scheduled = false;
    if (machine->state != MACHINE_UP || dial->connection != NULL)
        return;
    if (may_meet(world, machine, to) && !network_draw_ppm(world, world->plan.loss_ppm)) {
        connect_to(world, loop, to);
        return;
    }
    dial->pause_ms = dial->pause_ms * 2 < DIAL_PAUSE_MS_MAX ? dial->pause_ms * 2 : DIAL_PAUSE_MS_MAX;
    dial_later(world, loop, (unsigned)event->detail);
}

static void dial_later(struct world *world, struct machine_loop *loop, unsigned to)
{
    struct dial *dial = &loop->dials[to];
    if (dial->is_scheduled || loop->machine->state != MACHINE_UP)
        return;
    dial->is_scheduled = true;
    uint64_t pause_ns = (uint64_t)dial->pause_ms * WORLD_MS_NS;
    world_after(world, pause_ns / 2 + world_draw(world, pause_ns),
                (struct event){.run = on_dial,
                               .object = loop,
                               .generation = loop->machine->generation,
                               .machine = (int)loop->machine->index,
                               .detail = (int)to});
}

void network_dial_all(struct world *world, struct machine_loop *loop)
{
    const struct ring_view *view = node_view(loop->machine->shared);
    for (unsigned to = 0; to < world->plan.nodes; to++) {
        struct dial *dial = &loop->dials[to];
        bool is_member = ring_member_index(view, ring_node_id(world->machines[to].name)) >= 0;
        if (to == loop->machine->index || !is_member || dial->connection != NULL || dial->is_scheduled)
            continue;
        dial->pause_ms = 1;
        dial_later(world, loop, to);
        dial->pause_ms = DIAL_PAUSE_MS_MIN;
    }
}

static void on_abandoned(struct world *world, const struct event *event)
{
    struct endpoint *end = event->object;
    if (connection_is_current(end, event->generation))
        connection_go_down(world, end->connection);
}

static void abandon(struct world *world, struct endpoint *end, uint64_t later_ns)
{
    struct event event = connection_event(end, on_abandoned);
    event.machine = EVENT_OF_NOBODY;
    world_after(world, later_ns, event);
}

void network_hang_up(struct world *world, struct machine_loop *loop, uint64_t later_ns)
{
    while (!list_is_empty(&loop->endpoints)) {
        struct endpoint *end = CONTAINER_OF(loop->endpoints.next, struct endpoint, on_loop);
        if (later_ns == 0)
            connection_go_down(world, end->connection);
        else
            abandon(world, end, later_ns);
        detach(world, end);
    }
    for (unsigned to = 0; to < PLAN_NODES_MAX; to++) {
        struct connection *connection = loop->dials[to].connection;
        if (connection != NULL)
            connection_go_down(world, connection); /* it has not come up here yet */
        loop->dials[to] = (struct dial){.pause_ms = DIAL_PAUSE_MS_MIN};
    }
}

void network_break(struct world *world, unsigned from, unsigned to)
{
    struct machine *machine = &world->machines[from];
    for (unsigned i = 0; i <= machine->loop_count; i++) {
        struct connection *connection = machine->loops[i].dials[to].connection;
        if (connection != NULL)
            connection_go_down(world, connection);
    }
}

void network_admit(struct world *world, unsigned machine, unsigned other, uint64_t incarnation)
{
    uint32_t peer = ring_node_id(world->machines[other].name);
    for (unsigned i = 0; i <= world->machines[machine].loop_count; i++) {
        struct machine_loop *loop = &world->machines[machine].loops[i];
        for (struct list *at = loop->endpoints.next; at != &loop->endpoints; at = at->next) {
            struct endpoint *end = CONTAINER_OF(at, struct endpoint, on_loop);
            if (end->link.peer == peer && end->link.peer_incarnation != incarnation)
                connection_go_down(world, end->connection);
        }
    }
}
