/* Turns of a simulated process's loops: timers, and the sessions of its clients. */
#include "base/check.h"
#include "frontend/limits.h"
#include "simulator/process.h"
#include "simulator/world.h"

#include <stdlib.h>

enum { SETTLE_LATER_US = 40 };

static void on_tick(struct world *world, const struct event *event)
{
    struct machine_loop *loop = event->object;
    if (!process_is_that(loop->machine, event))
        return;
    if (world->now_ns >= loop->tick_at_ns)
        loop->tick_at_ns = UINT64_MAX;
    struct instant now = machine_now(loop->machine);
    if (!tamper_drops_tick(world) && node_wake_at(&loop->node) <= now.mono_ns)
        node_tick(&loop->node, now);
    machine_end_turn(loop);
}

void turns_set_timer(struct machine_loop *loop)
{
    struct world *world = loop->machine->world;
    if (loop->machine->is_ghost)
        return;
    uint64_t wake_at = node_wake_at(&loop->node);
    if (wake_at == UINT64_MAX || tamper_drops_tick(world))
        return;
    uint64_t at = world->now_ns + machine_ns_until(loop->machine, wake_at);
    if (at >= loop->tick_at_ns)
        return;
    loop->tick_at_ns = at;
    world_after(world, at - world->now_ns, process_event(loop->machine, on_tick, loop));
}

static void free_caller(struct caller *caller)
{
    for (unsigned i = 0; i < caller->unread_count; i++)
        parcel_release(caller->unread[i]);
    free(caller->unread);
    list_remove(&caller->on_loop);
    list_remove(&caller->ready);
    free(caller);
}

/* The client is not there any more, or the process sends it away. */
static void close_caller(struct caller *caller)
{
    caller->closing = true;
    if (session_close(&caller->session))
        free_caller(caller);
}

static void send_away(struct caller *caller)
{
    struct client *client = caller->client;
    caller->client = NULL;
    if (client != NULL)
        client_on_closed(client);
    close_caller(caller);
}

void turns_send_all_away(struct machine_loop *loop)
{
    for (struct list *at = loop->callers.next, *next; at != &loop->callers; at = next) {
        next = at->next;
        struct caller *caller = CONTAINER_OF(at, struct caller, on_loop);
        if (!caller->closing)
            send_away(caller);
    }
}

static void write_out(struct caller *caller)
{
    struct bytes slice;
    while (caller->client != NULL && caller->loop->machine->crash_due == END_NEVER_RAN
           && chain_slices(&caller->session.out, &slice, 1) == 1) {
        tamper_reply(caller->loop->machine->world, caller->client, slice);
        chain_consume(&caller->session.out, slice.len);
    }
}

static void on_continue(struct world *world, const struct event *event);

/* What a session said after it was given something. */
static void obey(struct caller *caller, enum session_verdict verdict)
{
    struct machine *machine = caller->loop->machine;
    write_out(caller);
    caller->paused = verdict == SESSION_PAUSE || verdict == SESSION_YIELD;
    if (verdict == SESSION_YIELD && !caller->in_ready) {
        caller->in_ready = true;
        list_push_back(&caller->loop->ready, &caller->ready);
        world_after(machine->world, WORLD_US_NS, process_event(machine, on_continue, caller->loop));
    }
    if (verdict == SESSION_CLOSE)
        send_away(caller);
}

static void read_on(struct caller *caller)
{
    while (!caller->paused && !caller->closing && caller->unread_count > 0) {
        struct parcel *parcel = caller->unread[0];
        caller->unread_count--;
        memmove(caller->unread, caller->unread + 1, caller->unread_count * sizeof(struct parcel *));
        enum session_verdict verdict =
            session_feed(&caller->session, machine_now(caller->loop->machine), parcel_bytes(parcel));
        parcel_release(parcel);
        bool ends = verdict == SESSION_CLOSE;
        obey(caller, verdict);
        if (ends)
            return;
    }
}

static void go_on(struct caller *caller)
{
    caller->in_ready = false;
    if (caller->closing) {
        close_caller(caller);
        return;
    }
    enum session_verdict verdict = session_continue(&caller->session, machine_now(caller->loop->machine));
    bool ends = verdict == SESSION_CLOSE;
    obey(caller, verdict);
    if (!ends)
        read_on(caller);
}

void turns_settle(struct machine_loop *loop)
{
    struct list *node;
    do {
        node_settle(&loop->node, machine_now(loop->machine));
        struct list now;
        list_init(&now);
        while ((node = list_pop_front(&loop->ready)) != NULL)
            list_push_back(&now, node);
        while ((node = list_pop_front(&now)) != NULL)
            go_on(CONTAINER_OF(node, struct caller, ready));
    } while (!list_is_empty(&loop->ready));
}

static void on_late_settle(struct world *world, const struct event *event)
{
    struct machine_loop *loop = event->object;
    (void)world;
    if (!process_is_that(loop->machine, event))
        return;
    loop->settles_later = false;
    machine_end_turn(loop);
}

static void on_continue(struct world *world, const struct event *event)
{
    struct machine_loop *loop = event->object;
    (void)world;
    if (process_is_that(loop->machine, event))
        machine_end_turn(loop);
}

void machine_end_turn(struct machine_loop *loop)
{
    struct machine *machine = loop->machine;
    struct world *world = machine->world;
    struct instant now = machine_now(machine);
    /* Another loop may do something between the store's work and what follows from it. */
    if (!loop->settles_later && world_draws(world, world->plan.late_settle_permille)) {
        loop->settles_later = true;
        world_after(world, (1 + world_draw(world, SETTLE_LATER_US)) * WORLD_US_NS,
                    process_event(machine, on_late_settle, loop));
    }
    if (!loop->settles_later)
        turns_settle(loop);
    if (machine->crash_due != END_NEVER_RAN)
        return; /* what it has done is done, what it had to say is never heard */
    network_flush(world, loop);
    frontend_end_turn(&loop->frontend, now, now);
    turns_set_timer(loop);
    trace_mix(&world->trace, world->now_ns ^ (uint64_t)machine->index << 56);
    checks_on_turn(world, loop);
}

/* Clients. */

struct caller *machine_accept(struct machine *machine, unsigned loop, struct client *client, uint64_t generation)
{
    if (!machine_serves(machine))
        return NULL;
    struct caller *caller = calloc(1, sizeof *caller);
    CHECK_MEMORY(caller);
    caller->loop = &machine->loops[loop % machine->loop_count];
    caller->client = client;
    caller->generation = generation;
    list_init(&caller->ready);
    list_push_back(&caller->loop->callers, &caller->on_loop);
    session_init(&caller->session, &caller->loop->frontend, caller);
    return caller;
}

void machine_hear(struct caller *caller, struct parcel *parcel)
{
    struct machine_loop *loop = caller->loop;
    if (caller->unread_count == caller->unread_room) {
        caller->unread_room = 2 * caller->unread_room + 4;
        caller->unread = realloc(caller->unread, caller->unread_room * sizeof(struct parcel *));
        CHECK_MEMORY(caller->unread);
    }
    caller->unread[caller->unread_count++] = parcel;
    read_on(caller);
    machine_end_turn(loop);
}

void machine_hang_up(struct caller *caller)
{
    caller->client = NULL;
    if (!caller->closing)
        close_caller(caller);
}
