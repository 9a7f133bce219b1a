#include "base/check.h"
#include "simulator/network.h"
#include "simulator/network_inside.h"
#include "simulator/world.h"

#include <stdlib.h>

static void on_datagram(struct world *world, const struct event *event)
{
    struct machine *to = event->object;
    struct frame frame;
    size_t used;
    bool is_whole = frame_next(parcel_bytes(event->parcel), NETWORK_FRAME_BYTES_MAX, &frame, &used) == FRAME_OK;
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
        || network_draw_ppm(world, world->plan.loss_ppm))
        return;
    chain_init(&chain, &world->machines[from].loops[0].frontend.chunks);
    frame_append(&chain, type, head);
    struct parcel *parcel = parcel_new(network_flatten(&chain, &memory));
    free(memory);
    chain_close(&chain);
    parcel = network_flip_maybe(world, parcel);
    unsigned copies = network_draw_ppm(world, world->plan.duplicate_ppm) ? 2 : 1;
    for (unsigned i = 0; i < copies; i++) {
        uint64_t delay_ns = network_draw_delay_ns(world, from, to);
        if (network_draw_ppm(world, world->plan.reorder_ppm))
            delay_ns = network_draw_overtaken_ns(world, delay_ns);
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
