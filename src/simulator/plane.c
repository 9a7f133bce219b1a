/* The membership of a simulated process: its ports, its timer, what it decides. */
#include "base/check.h"
#include "simulator/process.h"
#include "simulator/world.h"

#include <stdio.h>

static void send(void *host, const char *address, uint8_t type, struct bytes head)
{
    struct machine *machine = host;
    int to = machine_by_address(machine->world, address);
    if (to >= 0 && to != (int)machine->index)
        network_send_datagram(machine->world, machine->index, (unsigned)to, type, head);
}

static bool save(void *host, struct bytes state)
{
    struct machine *machine = host;
    struct blob *copy = blob_new(state.len);
    CHECK_MEMORY(copy);
    if (state.len != 0)
        memcpy(copy->at, state.at, state.len);
    blob_release(machine->dir.saved);
    machine->dir.saved = copy;
    return true;
}

static void on_published(struct world *world, const struct event *event)
{
    struct machine *machine = event->object;
    if (machine->state != MACHINE_UP || machine->generation != event->generation)
        return;
    for (unsigned i = 0; i <= machine->loop_count; i++) {
        network_dial_all(world, &machine->loops[i]);
        machine_end_turn(&machine->loops[i]);
    }
}

static void publish(void *host, struct ring_view *view)
{
    struct machine *machine = host;
    struct world *world = machine->world;
    view = tamper_view(world, machine, view);
    checks_on_view(world, machine, view);
    WORLD_SAY(world, TRACE_NO_KEY, "%s: table %u of %u members is in force", machine->name, (unsigned)view->epoch,
              view->member_count);
    machine->epoch = view->epoch;
    CHECK(node_publish_view(machine->shared, view));
    world_after(world, 1, process_event(machine, on_published, machine));
}

static void publish_buckets(void *host, const struct bucket_table *buckets)
{
    CHECK(node_reload_buckets(((struct machine *)host)->shared, buckets));
}

static void hold_writes(void *host, bool held)
{
    node_hold_writes(((struct machine *)host)->shared, held);
}

static bool is_empty(void *host)
{
    return node_is_empty(((struct machine *)host)->shared);
}

static void describe_self(void *host, hybrid_time *clock, uint64_t *records, uint64_t *bytes,
                          struct flush_registers *flush)
{
    struct machine *machine = host;
    *clock = atomic_load(&node_clock(machine->shared)->last);
    *records = *bytes = 0;
    *flush = coordinator_flush_registers(&machine->loops[0].node.coordinator);
}

static void on_learnt(struct world *world, const struct event *event)
{
    struct machine *machine = event->object;
    (void)world;
    if (machine->state == MACHINE_UP && machine->generation == event->generation)
        machine_end_turn(&machine->loops[machine->loop_count]);
}

static void wake_after_learning(struct machine *machine)
{
    world_after(machine->world, 1, process_event(machine, on_learnt, machine));
}

static void learn(void *host, hybrid_time clock, const struct flush_registers *flush)
{
    struct machine *machine = host;
    node_learn(&machine->loops[machine->loop_count].node, machine_now(machine), clock, flush);
    wake_after_learning(machine);
}

/* Grows with each record that is appended, and is as old as the directory it is found in. */
static uint64_t stored(void *host)
{
    return ((struct machine *)host)->dir.appended;
}

static void stand(void *host, bool confirmed, bool doubtful)
{
    struct machine *machine = host;
    struct standing *standing = node_standing(machine->shared);
    WORLD_SAY(machine->world, TRACE_NO_KEY, "%s: %s%s", machine->name, confirmed ? "confirmed" : "not confirmed",
              doubtful ? ", doubtful" : "");
    standing_set_confirmed(standing, confirmed);
    if (doubtful)
        standing_mark_all(standing, STANDING_DOUBTFUL);
}

static void admit(void *host, const char *name, uint64_t incarnation)
{
    struct machine *machine = host;
    int other = machine_by_address(machine->world, name);
    if (other >= 0)
        network_admit(machine->world, machine->index, (unsigned)other, incarnation);
}

static void quarantine(void *host, const uint32_t *ids, unsigned count)
{
    struct machine *machine = host;
    WORLD_SAY(machine->world, TRACE_NO_KEY, "%s: %u members are in quarantine", machine->name, count);
    node_set_quarantined(machine->shared, ids, count);
}

static void report(void *host, enum membership_severity severity, const char *text)
{
    struct machine *machine = host;
    (void)severity;
    WORLD_SAY(machine->world, TRACE_NO_KEY, "%s: %s", machine->name, text);
}

static void on_membership_tick(struct world *world, const struct event *event)
{
    struct machine *machine = event->object;
    if (machine->generation != event->generation || machine->membership == NULL)
        return;
    if (world->now_ns >= machine->membership_at_ns)
        machine->membership_at_ns = UINT64_MAX;
    struct instant now = machine_now(machine);
    if (membership_wake_at(machine->membership) <= now.mono_ns)
        membership_tick(machine->membership, now);
    machine_follow_membership(machine);
}

void machine_follow_membership(struct machine *machine)
{
    struct world *world = machine->world;
    uint64_t wake_at = membership_wake_at(machine->membership);
    if (wake_at == UINT64_MAX)
        return;
    uint64_t at = world->now_ns + machine_ns_until(machine, wake_at);
    if (at >= machine->membership_at_ns)
        return;
    machine->membership_at_ns = at;
    world_after(world, at - world->now_ns, process_event(machine, on_membership_tick, machine));
}

static struct ring_member member_of(const struct machine *machine)
{
    struct ring_member member = {.id = ring_node_id(machine->name), .weight = RING_WEIGHT_ONE};
    snprintf(member.name, sizeof member.name, "%s", machine->name);
    snprintf(member.peer, sizeof member.peer, "%s", machine->address);
    snprintf(member.client, sizeof member.client, "%s:11211", machine->name);
    snprintf(member.rack, sizeof member.rack, "rack%u", machine->index % 4);
    return member;
}

/* Founders name each other; a joiner names the first of them. */
static void name_seeds(struct machine *machine, struct membership_settings *settings)
{
    struct world *world = machine->world;
    for (unsigned i = 0; i < world->plan.nodes && settings->seed_count < MEMBERSHIP_SEEDS_MAX; i++) {
        const struct machine *other = &world->machines[i];
        bool is_seed = !other->is_joiner && (!machine->is_joiner || settings->seed_count < 2);
        if (is_seed && world->plan.nodes > 1)
            settings->seeds[settings->seed_count++] = other->address;
    }
}

void plane_open(struct machine *machine)
{
    struct world *world = machine->world;
    struct membership_settings settings = {.self = member_of(machine),
                                           .ring = world->plan.ring,
                                           .buckets = world->buckets,
                                           .incarnation = machine->incarnation,
                                           .version = "simulated",
                                           .seed = prng_next(&world->prng)};
    if (!tamper_founds_alone(world, machine))
        name_seeds(machine, &settings);
    settings.ring.cluster = 0;
    const struct membership_ports ports = {.send = send,
                                           .save = save,
                                           .publish = publish,
                                           .publish_buckets = publish_buckets,
                                           .hold_writes = hold_writes,
                                           .is_empty = is_empty,
                                           .describe_self = describe_self,
                                           .learn = learn,
                                           .report = report,
                                           .stored = stored,
                                           .stand = stand,
                                           .admit = admit,
                                           .quarantine = quarantine,
                                           .host = machine};
    char fault[192] = "";
    struct bytes saved = machine->dir.saved == NULL ? bytes_of("", 0) : blob_bytes(machine->dir.saved);
    machine->membership = membership_new(&settings, &ports, saved, fault);
    CHECK(machine->membership != NULL);
    machine->membership_at_ns = UINT64_MAX;
    membership_tick(machine->membership, machine_now(machine));
    machine_follow_membership(machine);
}

void plane_close(struct machine *machine)
{
    membership_free(machine->membership);
    machine->membership = NULL;
}
