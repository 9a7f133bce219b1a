#include "simulator/network.h"

#include "base/check.h"
#include "message/antientropy.h"
#include "simulator/world.h"

#include <stdlib.h>

enum {
    DIAL_PAUSE_MS_MIN = 20,
    DIAL_PAUSE_MS_MAX = 1000,
    REORDER_DELAYS = 20, /* a frame that is overtaken takes up to so many ordinary delays longer */
    PPM = 1000000,
    FRAME_BYTES_MAX = 32 << 20
};

void network_init(struct network *network)
{
    *network = (struct network){0};
    list_init(&network->free);
}

void network_close(struct network *network)
{
    for (size_t i = 0; i < network->count; i++)
        free(network->all[i]);
    free(network->all);
}

static uint64_t draw_delay_ns(struct world *world, unsigned from, unsigned to)
{
    uint64_t us = world->plan.delay_us_min + world_draw(world, world->plan.delay_us_spread);
    if (world_draw(world, 100) == 0) /* the tail that every network has */
        us += world_draw(world, 10 * world->plan.delay_us_spread);
    return (us + world->network.slow_us[from][to]) * WORLD_US_NS;
}

static bool draw_ppm(struct world *world, uint32_t rate)
{
    return world->network.lossy && rate != 0 && world_draw(world, PPM) < rate;
}

/* Connections. */

static struct endpoint *endpoint_of(struct link *link)
{
    return CONTAINER_OF(link, struct endpoint, link);
}

static struct endpoint *other_end(struct endpoint *end)
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

static struct event event_of_end(struct endpoint *end, void (*run)(struct world *, const struct event *))
{
    return (struct event){.run = run,
                          .object = end,
                          .generation = end->connection->generation,
                          .machine = (int)end->loop->machine->index};
}

static bool is_current(const struct endpoint *end, uint64_t generation)
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
    if (!is_current(end, event->generation) || !end->attached)
        return;
    struct machine_loop *loop = end->loop;
    detach(world, end);
    machine_end_turn(loop);
}

/* The connection carries nothing any more; each end learns of it by itself. */
static void go_down(struct world *world, struct connection *connection)
{
    if (!connection->is_up)
        return;
    connection->is_up = false;
    for (int i = 0; i < 2; i++) {
        struct endpoint *end = &connection->ends[i];
        if (end->attached)
            world_after(world, world_draw(world, WORLD_MS_NS), event_of_end(end, on_detach));
    }
    if (!connection->ends[0].attached)
        forget_dial(world, &connection->ends[0]);
    give_back_if_unused(&world->network, connection);
}

static void on_attach(struct world *world, const struct event *event)
{
    struct endpoint *end = event->object;
    struct machine_loop *loop = end->loop;
    if (!is_current(end, event->generation) || !end->connection->is_up)
        return;
    if (loop->machine->state != MACHINE_UP || loop->machine->incarnation != end->incarnation) {
        go_down(world, end->connection);
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
    uint64_t there = draw_delay_ns(world, loop->machine->index, to->index);
    world_after(world, there, event_of_end(&connection->ends[1], on_attach));
    world_after(world, there + draw_delay_ns(world, to->index, loop->machine->index),
                event_of_end(&connection->ends[0], on_attach));
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
    if (may_meet(world, machine, to) && !draw_ppm(world, world->plan.loss_ppm)) {
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
    if (is_current(end, event->generation))
        go_down(world, end->connection);
}

static void abandon(struct world *world, struct endpoint *end, uint64_t later_ns)
{
    struct event event = event_of_end(end, on_abandoned);
    event.machine = EVENT_OF_NOBODY;
    world_after(world, later_ns, event);
}

void network_hang_up(struct world *world, struct machine_loop *loop, uint64_t later_ns)
{
    while (!list_is_empty(&loop->endpoints)) {
        struct endpoint *end = CONTAINER_OF(loop->endpoints.next, struct endpoint, on_loop);
        if (later_ns == 0)
            go_down(world, end->connection);
        else
            abandon(world, end, later_ns);
        detach(world, end);
    }
    for (unsigned to = 0; to < PLAN_NODES_MAX; to++) {
        struct connection *connection = loop->dials[to].connection;
        if (connection != NULL)
            go_down(world, connection); /* it has not come up here yet */
        loop->dials[to] = (struct dial){.pause_ms = DIAL_PAUSE_MS_MIN};
    }
}

void network_break(struct world *world, unsigned from, unsigned to)
{
    struct machine *machine = &world->machines[from];
    for (unsigned i = 0; i <= machine->loop_count; i++) {
        struct connection *connection = machine->loops[i].dials[to].connection;
        if (connection != NULL)
            go_down(world, connection);
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
                go_down(world, end->connection);
        }
    }
}

/* Frames. */

static void on_frame(struct world *world, const struct event *event)
{
    struct endpoint *end = event->object;
    struct machine_loop *loop = end->loop;
    struct parcel *parcel = event->parcel;
    bool arrives = is_current(end, event->generation) && end->connection->is_up && end->attached
                   && !world->network.cut[other_end(end)->loop->machine->index][loop->machine->index];
    if (!arrives) {
        parcel_release(parcel);
        return;
    }
    struct frame frame;
    size_t used = 0;
    trace_mix_bytes(&world->trace, parcel_bytes(parcel));
    if (frame_next(parcel_bytes(parcel), FRAME_BYTES_MAX, &frame, &used) != FRAME_OK) {
        CHECK(parcel->is_flipped);
        go_down(world, end->connection);
        parcel_release(parcel);
        return;
    }
    oracle_on_frame(world, loop->machine->index, &frame);
    world->network.frames++;
    world->network.records += frame.type == MESSAGE_WRITE || frame.type == MESSAGE_RECONCILE;
    bool is_good = node_receive(&loop->node, machine_now(loop->machine), &end->link, &frame);
    checks_on_received(world, loop->machine, &frame, parcel->is_flipped, is_good);
    if (!is_good)
        go_down(world, end->connection);
    parcel_release(parcel);
    machine_end_turn(loop);
}

/* The window is free again, whatever became of the frame. It is the receiver's event: a paused one reads nothing. */
static void on_window(struct world *world, const struct event *event)
{
    struct endpoint *end = event->object;
    if (!is_current(end, event->generation))
        return;
    end->travelling -= (size_t)event->detail;
    if (end->blocked && end->attached && end->connection->is_up)
        network_flush(world, end->loop);
}

static void travel(struct world *world, struct endpoint *end, struct parcel *parcel, uint64_t delay_ns, bool overtakes)
{
    struct endpoint *to = other_end(end);
    uint64_t at = world->now_ns + delay_ns;
    if (!overtakes && at <= end->last_arrival_ns)
        at = end->last_arrival_ns + 1;
    if (!overtakes)
        end->last_arrival_ns = at;
    struct event event = event_of_end(to, on_frame);
    event.parcel = parcel_retain(parcel);
    world_after(world, at - world->now_ns, event);
}

void network_deliver(struct world *world, struct endpoint *from, struct parcel *parcel)
{
    travel(world, from, parcel, draw_delay_ns(world, from->loop->machine->index, other_end(from)->loop->machine->index),
           true);
}

/* The same bytes, or a copy with one bit turned over. */
static struct parcel *flip_maybe(struct world *world, struct parcel *parcel)
{
    if (!draw_ppm(world, world->plan.flip_ppm))
        return parcel;
    struct parcel *flipped = parcel_new(parcel_bytes(parcel));
    flipped->is_flipped = true;
    size_t place = world_draw(world, flipped->len);
    uint8_t bit = (uint8_t)(1u << world_draw(world, 8));
    if (!tamper_flips_nothing(world))
        flipped->at[place] ^= bit;
    parcel_release(parcel);
    return flipped;
}

static const char *frame_name(uint8_t type)
{
    static const char *const names[] = {"?",           "GREETING", "READ",          "READ_REPLY", "WRITE",
                                        "WRITE_REPLY", "FORWARD",  "FORWARD_REPLY", "FLUSH",      "FLUSH_REPLY"};
    static const char *const repair[] = {"ROOTS",
                                         "ROOTS_REPLY",
                                         "SUMS",
                                         "SUMS_REPLY",
                                         "KEYS",
                                         "KEYS_REPLY",
                                         "RECONCILE",
                                         "RECONCILE_REPLY",
                                         "COMPLETE",
                                         "COMPLETE_REPLY",
                                         "HORIZON_ASK",
                                         "HORIZON_ASK_REPLY",
                                         "HORIZON_COMPARED",
                                         "HORIZON_COMPARED_REPLY",
                                         "HORIZON_SET",
                                         "HORIZON_SET_REPLY"};
    if (type >= MESSAGE_OF_REPAIR)
        return type - MESSAGE_OF_REPAIR < (int)(sizeof repair / sizeof *repair) ? repair[type - MESSAGE_OF_REPAIR]
                                                                                : "?";
    return type < sizeof names / sizeof *names ? names[type] : "?";
}

/* What a write was answered, for people; "" for other frames. */
static const char *answer_of(struct bytes data)
{
    static const char *const names[MESSAGE_STATUSES] = {" (ok)",   " (same)",   " (absent)", " (stale epoch)",
                                                        " (full)", " (failed)", " (held)",   " (dead)"};
    struct message_write_reply reply;
    struct frame frame;
    size_t used;
    bool is_answer = data.at[FRAME_HEADER_BYTES] == MESSAGE_WRITE_REPLY
                     && frame_next(data, data.len, &frame, &used) == FRAME_OK
                     && message_read_write_reply(&frame, &reply);
    return is_answer ? names[reply.status] : "";
}

static void send_frame(struct world *world, struct endpoint *end, struct bytes data)
{
    unsigned from = end->loop->machine->index, to = other_end(end)->loop->machine->index;
    struct parcel *parcel = tamper_frame(world, end, data);
    uint64_t delay_ns = draw_delay_ns(world, from, to);
    struct event window = event_of_end(end, on_window);
    end->travelling += data.len;
    window.detail = (int)data.len;
    window.machine = (int)to;
    world_after(world, delay_ns, window);
    if (parcel == NULL) {
        WORLD_SAY(world, oracle_key_of_frame(world, data), "%s.%u -> %s.%u %s is kept back", world->machines[from].name,
                  end->loop->number, world->machines[to].name, other_end(end)->loop->number,
                  frame_name(data.at[FRAME_HEADER_BYTES]));
        return;
    }
    parcel = flip_maybe(world, parcel);
    bool lost = world->network.cut[from][to] || draw_ppm(world, world->plan.loss_ppm);
    WORLD_SAY(world, oracle_key_of_frame(world, parcel_bytes(parcel)), "%s.%u -> %s.%u %s%s %zu bytes%s",
              world->machines[from].name, end->loop->number, world->machines[to].name, other_end(end)->loop->number,
              frame_name(data.at[FRAME_HEADER_BYTES]), answer_of(data), data.len,
              lost                 ? ", lost"
              : parcel->is_flipped ? ", a bit turns over"
                                   : "");
    world->network.frames_lost += lost;
    if (!lost) {
        bool overtakes = draw_ppm(world, world->plan.reorder_ppm);
        travel(world, end, parcel, overtakes ? delay_ns * (1 + world_draw(world, REORDER_DELAYS)) : delay_ns,
               overtakes);
        if (draw_ppm(world, world->plan.duplicate_ppm))
            travel(world, end, parcel, delay_ns * (1 + world_draw(world, REORDER_DELAYS)), true);
    }
    parcel_release(parcel);
}

static struct bytes flatten(const struct chain *chain, uint8_t **memory)
{
    enum { SLICES = 64 };
    struct bytes slices[SLICES];
    size_t count = chain_slices(chain, slices, SLICES), len = 0;
    for (size_t i = 0; i < count; i++)
        len += slices[i].len;
    *memory = malloc(len);
    CHECK_MEMORY(*memory);
    size_t at = 0;
    for (size_t i = 0; i < count; i++) {
        memcpy(*memory + at, slices[i].at, slices[i].len);
        at += slices[i].len;
    }
    return bytes_of(*memory, len);
}

/* Sends whole frames as long as the connection takes them. */
static void pump(struct world *world, struct endpoint *end)
{
    unsigned from = end->loop->machine->index, to = other_end(end)->loop->machine->index;
    end->blocked = false;
    while (end->link.out.len > 0 && !end->blocked) {
        uint8_t *memory;
        struct bytes data = flatten(&end->link.out, &memory);
        size_t sent = 0;
        while (sent < data.len) {
            struct frame frame;
            size_t used = 0;
            if (world->network.clogged[from][to] || end->travelling >= NETWORK_WINDOW_BYTES) {
                end->blocked = true;
                break;
            }
            enum frame_status status = frame_next(bytes_after(data, sent), FRAME_BYTES_MAX, &frame, &used);
            CHECK(status != FRAME_BAD);
            if (status == FRAME_MORE)
                break;
            if (end->connection->is_up)
                send_frame(world, end, bytes_of(data.at + sent, used));
            sent += used;
        }
        bool stuck = sent == 0 && !end->blocked;
        free(memory);
        chain_consume(&end->link.out, sent);
        CHECK(!stuck); /* 64 slices hold the longest frame of a simulation */
    }
    if (end->blocked)
        WORLD_SAY(world, TRACE_NO_KEY, "%zu bytes wait at %s for %s", end->link.out.len, world->machines[from].name,
                  world->machines[to].name);
    checks_on_link(world, end);
}

void network_flush(struct world *world, struct machine_loop *loop)
{
    struct link *link;
    for (struct list *at = loop->endpoints.next; at != &loop->endpoints; at = at->next) {
        struct endpoint *end = CONTAINER_OF(at, struct endpoint, on_loop);
        if (end->blocked)
            pump(world, end);
    }
    while ((link = node_next_flush(&loop->node)) != NULL)
        pump(world, endpoint_of(link));
}

void network_unclog(struct world *world, unsigned from, unsigned to)
{
    struct machine *machine = &world->machines[from];
    world->network.clogged[from][to] = false;
    for (unsigned i = 0; machine->state != MACHINE_DOWN && i <= machine->loop_count; i++)
        network_flush(world, &machine->loops[i]);
}

void network_heal(struct world *world)
{
    struct network *network = &world->network;
    network->lossy = false;
    memset(network->cut, 0, sizeof network->cut);
    memset(network->slow_us, 0, sizeof network->slow_us);
    for (unsigned from = 0; from < world->plan.nodes; from++) {
        for (unsigned to = 0; to < world->plan.nodes; to++)
            network_unclog(world, from, to);
    }
}

/* Datagrams of the membership plane. */

static void on_datagram(struct world *world, const struct event *event)
{
    struct machine *to = event->object;
    struct frame frame;
    size_t used;
    bool is_whole = frame_next(parcel_bytes(event->parcel), FRAME_BYTES_MAX, &frame, &used) == FRAME_OK;
    CHECK(is_whole || event->parcel->is_flipped);
    bool is_cut = world->network.cut[event->detail][to->index];
    if (is_whole && to->state == MACHINE_UP && to->generation == event->generation && to->membership != NULL
        && !is_cut) {
        trace_mix_bytes(&world->trace, parcel_bytes(event->parcel));
        bool is_good = membership_receive(to->membership, machine_now(to), world->machines[event->detail].name, &frame);
        checks_on_received(world, to, &frame, event->parcel->is_flipped, is_good);
        machine_follow_membership(to);
    }
    parcel_release(event->parcel);
}

void network_send_datagram(struct world *world, unsigned from, unsigned to, uint8_t type, struct bytes head)
{
    struct machine *machine = &world->machines[to];
    struct chain chain;
    uint8_t *memory;
    if (machine->state != MACHINE_UP || world->network.cut[from][to] || world->network.clogged[from][to]
        || draw_ppm(world, world->plan.loss_ppm))
        return;
    chain_init(&chain, &world->machines[from].loops[0].frontend.chunks);
    frame_append(&chain, type, head);
    struct parcel *parcel = parcel_new(flatten(&chain, &memory));
    free(memory);
    chain_close(&chain);
    parcel = flip_maybe(world, parcel);
    unsigned copies = draw_ppm(world, world->plan.duplicate_ppm) ? 2 : 1;
    for (unsigned i = 0; i < copies; i++) {
        uint64_t delay_ns = draw_delay_ns(world, from, to);
        if (draw_ppm(world, world->plan.reorder_ppm))
            delay_ns *= 1 + world_draw(world, REORDER_DELAYS);
        world_after(world, delay_ns,
                    (struct event){.run = on_datagram,
                                   .object = machine,
                                   .generation = machine->generation,
                                   .parcel = parcel_retain(parcel),
                                   .machine = (int)to,
                                   .detail = (int)from});
    }
    parcel_release(parcel);
}
