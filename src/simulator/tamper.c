#include "simulator/tamper.h"

#include "base/check.h"
#include "simulator/controls.h"
#include "simulator/world.h"

#include <string.h>

enum { REQUEST_LOSS_PERMILLE = 20 };

const struct control *tamper_number(unsigned number)
{
    const struct control *const lists[] = {controls_of_messages, controls_of_replies, controls_of_stores,
                                           controls_of_rules};
    for (unsigned i = 0; i < sizeof lists / sizeof *lists; i++) {
        const struct control *at = lists[i];
        for (; at->name != NULL && number > 0; number--)
            at++;
        if (at->name != NULL)
            return at;
    }
    return NULL;
}

const struct control *tamper_find(const char *name)
{
    const struct control *control;
    for (unsigned i = 0; (control = tamper_number(i)) != NULL; i++) {
        if (strcmp(control->name, name) == 0)
            return control;
    }
    return NULL;
}

void tamper_choose(struct world *world, const struct control *control)
{
    world->tamper.control = control;
    CHECK(checks_choose(&world->checks, control->check));
}

struct parcel *tamper_frame(struct world *world, struct endpoint *end, struct bytes data)
{
    const struct control *control = world->tamper.control;
    if (control == NULL || control->frame == NULL)
        return parcel_new(data);
    return control->frame(world, end, data);
}

struct ring_view *tamper_view(struct world *world, struct machine *machine, struct ring_view *view)
{
    const struct control *control = world->tamper.control;
    return control == NULL || control->view == NULL ? view : control->view(world, machine, view);
}

void tamper_reply(struct world *world, struct client *client, struct bytes data)
{
    const struct control *control = world->tamper.control;
    if (control == NULL || control->reply == NULL)
        client_hear(client, data);
    else
        control->reply(world, client, data);
}

bool tamper_drops_tick(const struct world *world)
{
    return world->tamper.control != NULL && world->tamper.control->drops_ticks;
}

bool tamper_unlimits(const struct world *world)
{
    return world->tamper.control != NULL && world->tamper.control->unlimits;
}

bool tamper_drops_request(struct world *world)
{
    if (world->tamper.control == NULL || !world->tamper.control->drops_requests
        || !world_draws(world, REQUEST_LOSS_PERMILLE))
        return false;
    world->tamper.done++;
    return true;
}

/* Counts each time that it makes a difference. */
static bool does(struct world *world, bool tampers)
{
    world->tamper.done += tampers;
    return tampers;
}

bool tamper_founds_alone(struct world *world, const struct machine *machine)
{
    return does(world, world->tamper.control != NULL && world->tamper.control->founds_alone
                           && (machine->index == 1 || machine->index == 2));
}

bool tamper_loses_logs(struct world *world)
{
    return does(world, world->tamper.control != NULL && world->tamper.control->loses_logs);
}

bool tamper_lets_syncs_lie(struct world *world)
{
    return does(world, world->tamper.control != NULL && world->tamper.control->syncs_lie);
}

bool tamper_flips_nothing(struct world *world)
{
    return does(world, world->tamper.control != NULL && world->tamper.control->flips_nothing);
}
