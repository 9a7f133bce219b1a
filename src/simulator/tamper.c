#include "simulator/tamper.h"

#include "base/check.h"
#include "simulator/controls.h"
#include "simulator/world.h"

#include <string.h>

enum { REQUEST_LOSS_PERMILLE = 20 };

const struct control *tamper_number(unsigned number)
{
    unsigned messages = 0, replies = 0;
    while (controls_of_messages[messages].name != NULL)
        messages++;
    while (controls_of_replies[replies].name != NULL)
        replies++;
    if (number < messages)
        return &controls_of_messages[number];
    number -= messages;
    if (number < replies)
        return &controls_of_replies[number];
    number -= replies;
    return controls_of_stores[number].name == NULL ? NULL : &controls_of_stores[number];
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
