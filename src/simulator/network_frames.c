#include "base/check.h"
#include "message/antientropy.h"
#include "simulator/network.h"
#include "simulator/network_inside.h"
#include "simulator/world.h"

#include <stdlib.h>

static void on_frame(struct world *world, const struct event *event)
{
    struct endpoint *end = event->object;
    struct machine_loop *loop = end->loop;
    struct parcel *parcel = event->parcel;
    bool arrives = connection_is_current(end, event->generation) && end->connection->is_up && end->attached
                   && !world->network.cut[connection_other_end(end)->loop->machine->index][loop->machine->index];
    if (!arrives) {
        parcel_release(parcel);
        return;
    }
    struct frame frame;
    size_t used = 0;
    trace_mix_bytes(&world->trace, parcel_bytes(parcel));
    if (frame_next(parcel_bytes(parcel), NETWORK_FRAME_BYTES_MAX, &frame, &used) != FRAME_OK) {
        CHECK(parcel->is_flipped);
        connection_go_down(world, end->connection);
        parcel_release(parcel);
        return;
    }
    oracle_on_frame(world, loop->machine->index, &frame);
    world->network.frames++;
    world->network.records += frame.type == MESSAGE_WRITE || frame.type == MESSAGE_RECONCILE;
    bool is_good = node_receive(&loop->node, machine_now(loop->machine), &end->link, &frame);
    checks_on_received(world, loop->machine, &frame, parcel->is_flipped, is_good);
    if (!is_good)
        connection_go_down(world, end->connection);
    parcel_release(parcel);
    machine_end_turn(loop);
}

/* The window is free again, whatever became of the frame. It is the receiver's event: a paused one reads nothing. */
static void on_window(struct world *world, const struct event *event)
{
    struct endpoint *end = event->object;
    if (!connection_is_current(end, event->generation))
        return;
    end->travelling -= (size_t)event->detail;
    if (end->blocked && end->attached && end->connection->is_up)
        network_flush(world, end->loop);
}

static void travel(struct world *world, struct endpoint *end, struct parcel *parcel, uint64_t delay_ns, bool overtakes)
{
    struct endpoint *to = connection_other_end(end);
    uint64_t at = world->now_ns + delay_ns;
    if (!overtakes && at <= end->last_arrival_ns)
        at = end->last_arrival_ns + 1;
    if (!overtakes)
        end->last_arrival_ns = at;
    struct event event = connection_event(to, on_frame);
    event.parcel = parcel_retain(parcel);
    world_after(world, at - world->now_ns, event);
}

void network_deliver(struct world *world, struct endpoint *from, struct parcel *parcel)
{
    travel(world, from, parcel,
           network_draw_delay_ns(world, from->loop->machine->index, connection_other_end(from)->loop->machine->index),
           true);
}

static void send_frame(struct world *world, struct endpoint *end, struct bytes data)
{
    unsigned from = end->loop->machine->index, to = connection_other_end(end)->loop->machine->index;
    struct parcel *parcel = tamper_frame(world, end, data);
    uint64_t delay_ns = network_draw_delay_ns(world, from, to);
    struct event window = connection_event(end, on_window);
    end->travelling += data.len;
    window.detail = (int)data.len;
    window.machine = (int)to;
    world_after(world, delay_ns, window);
    if (parcel == NULL) {
        WORLD_SAY(world, oracle_key_of_frame(world, data), "%s.%u -> %s.%u %s is kept back", world->machines[from].name,
                  end->loop->number, world->machines[to].name, connection_other_end(end)->loop->number,
                  network_name_of_frame(data.at[FRAME_HEADER_BYTES]));
        return;
    }
    parcel = network_flip_maybe(world, parcel);
    bool lost = world->network.cut[from][to] || network_draw_ppm(world, world->plan.loss_ppm);
    WORLD_SAY(world, oracle_key_of_frame(world, parcel_bytes(parcel)), "%s.%u -> %s.%u %s%s %zu bytes%s",
              world->machines[from].name, end->loop->number, world->machines[to].name,
              connection_other_end(end)->loop->number, network_name_of_frame(data.at[FRAME_HEADER_BYTES]),
              network_answer_of_frame(data), data.len,
              lost                 ? ", lost"
              : parcel->is_flipped ? ", a bit turns over"
                                   : "");
    world->network.frames_lost += lost;
    if (!lost) {
        bool overtakes = network_draw_ppm(world, world->plan.reorder_ppm);
        travel(world, end, parcel, overtakes ? network_draw_overtaken_ns(world, delay_ns) : delay_ns, overtakes);
        if (network_draw_ppm(world, world->plan.duplicate_ppm))
            travel(world, end, parcel, network_draw_overtaken_ns(world, delay_ns), true);
    }
    parcel_release(parcel);
}

static struct endpoint *endpoint_of(struct link *link)
{
    return CONTAINER_OF(link, struct endpoint, link);
}

/* Sends whole frames as long as the connection takes them. */
static void pump(struct world *world, struct endpoint *end)
{
    unsigned from = end->loop->machine->index, to = connection_other_end(end)->loop->machine->index;
    end->blocked = false;
    while (end->link.out.len > 0 && !end->blocked) {
        uint8_t *memory;
        struct bytes data = network_flatten(&end->link.out, &memory);
        size_t sent = 0;
        while (sent < data.len) {
            struct frame frame;
            size_t used = 0;
            if (world->network.clogged[from][to] || end->travelling >= NETWORK_WINDOW_BYTES) {
                end->blocked = true;
                break;
            }
            enum frame_status status = frame_next(bytes_after(data, sent), NETWORK_FRAME_BYTES_MAX, &frame, &used);
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
