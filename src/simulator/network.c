#include "simulator/network.h"

#include "base/check.h"
#include "simulator/network_inside.h"
#include "simulator/world.h"

#include <stdlib.h>

enum {
    REORDER_DELAYS = 20, /* a frame that is overtaken takes up to so many ordinary delays longer */
    PPM = 1000000
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

uint64_t network_draw_delay_ns(struct world *world, unsigned from, unsigned to)
{
    uint64_t us = world->plan.delay_us_min + world_draw(world, world->plan.delay_us_spread);
    if (world_draw(world, 100) == 0) /* the tail that every network has */
        us += world_draw(world, 10 * world->plan.delay_us_spread);
    return (us + world->network.slow_us[from][to]) * WORLD_US_NS;
}

uint64_t network_draw_overtaken_ns(struct world *world, uint64_t delay_ns)
{
    return delay_ns * (1 + world_draw(world, REORDER_DELAYS));
}

bool network_draw_ppm(struct world *world, uint32_t rate)
{
    return world->network.lossy && rate != 0 && world_draw(world, PPM) < rate;
}

struct parcel *network_flip_maybe(struct world *world, struct parcel *parcel)
{
    if (!network_draw_ppm(world, world->plan.flip_ppm))
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

struct bytes network_flatten(const struct chain *chain, uint8_t **memory)
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
