#include "simulator/process.h"

#include "base/check.h"
#include "frontend/limits.h"
#include "simulator/world.h"

#include <stdlib.h>

enum {
    STORAGE_WAIT_MS_MAX = 1000,
    STORAGE_DELAY_US = 500,
    SYNC_DELAY_US = 5000,
    SWEEP_EVERY_MS = 250,
    SWEEP_RECORDS = 16,
    CHECKPOINT_SLICES_MAX = 100000,
    SETTLE_LATER_US = 40,
    VALUE_MAX_BYTES = 1 << 20,
    OBJECT_MAX_BYTES = 16 << 20,
    TOKENS_MAX = 1 << 12
};

struct event process_event(struct machine *machine, void (*run)(struct world *, const struct event *), void *object)
{
    return (struct event){
        .run = run, .object = object, .generation = machine->generation, .machine = (int)machine->index};
}

static bool is_of_this_process(const struct machine *machine, const struct event *event)
{
    return machine->state != MACHINE_DOWN && machine->generation == event->generation;
}

/* The store's ports. */

static void on_loop_woken(struct world *world, const struct event *event)
{
    struct machine_loop *loop = event->object;
    (void)world;
    if (is_of_this_process(loop->machine, event))
        machine_end_turn(loop);
}

static void wake_loop(void *host, unsigned loop)
{
    struct machine *machine = host;
    world_after(machine->world, 1, process_event(machine, on_loop_woken, &machine->loops[loop]));
}

static hybrid_time newest(const struct machine *machine)
{
    return machine->shared == NULL ? 0 : atomic_load(&node_clock(machine->shared)->last);
}

static void on_storage_turn(struct world *world, const struct event *event);

/* The storage thread's next turn, unless an earlier one is under way. */
static void call_storage(struct machine *machine, uint64_t delay_ns)
{
    struct world *world = machine->world;
    uint64_t at = world->now_ns + delay_ns;
    if (at >= machine->storage_at_ns)
        return;
    machine->storage_at_ns = at;
    world_after(world, delay_ns, process_event(machine, on_storage_turn, machine));
}

static void on_storage_turn(struct world *world, const struct event *event)
{
    struct machine *machine = event->object;
    if (!is_of_this_process(machine, event) || world->now_ns < machine->storage_at_ns)
        return;
    machine->storage_at_ns = UINT64_MAX;
    uint64_t wait_ms = store_checkpoint_slice(machine->store, machine_now(machine), newest(machine));
    if (wait_ms < STORAGE_WAIT_MS_MAX)
        call_storage(machine, wait_ms * WORLD_MS_NS + WORLD_US_NS);
}

static void wake_storage(void *host)
{
    struct machine *machine = host;
    if (machine->store != NULL)
        call_storage(machine, (1 + world_draw(machine->world, STORAGE_DELAY_US)) * WORLD_US_NS);
}

static void on_sync_turn(struct world *world, const struct event *event)
{
    struct machine *machine = event->object;
    (void)world;
    if (!is_of_this_process(machine, event))
        return;
    machine->sync_called = false;
    store_sync(machine->store);
}

static void wake_sync(void *host)
{
    struct machine *machine = host;
    struct world *world = machine->world;
    if (machine->sync_called)
        return;
    machine->sync_called = true;
    world_after(world, (1 + world_draw(world, SYNC_DELAY_US)) * WORLD_US_NS,
                process_event(machine, on_sync_turn, machine));
}

static void report(void *host, const char *text)
{
    struct machine *machine = host;
    WORLD_SAY(machine->world, TRACE_NO_KEY, "%s: %s", machine->name, text);
}

static void open_store(struct machine *machine, struct store_recovery *found)
{
    struct store_limits limits = store_limits_default();
    limits.memory_bytes = 16 << 20;
    limits.dirty_bytes = 8 << 20;
    limits.log_segment_bytes = 64 << 10;
    limits.log_bytes = 8 << 20;
    limits.checkpoint_bytes = 128 << 10;
    limits.checkpoint_age_ms = 2000;
    limits.batch_records = 64;
    limits.batch_bytes = 1 << 20;
    limits.stripes = 16;
    const struct store_ports ports = {.disk = &machine->disk.disk,
                                      .engine = &machine->engine.engine,
                                      .locks = &lock_none,
                                      .wake_loop = wake_loop,
                                      .wake_storage = wake_storage,
                                      .wake_sync = wake_sync,
                                      .report = report,
                                      .host = machine};
    CHECK(store_open(&machine->store, &limits, &ports, machine->loop_count + 1, found) == STORE_OPEN_OK);
}

/* The sessions' host. */

static bool stats(void *host, struct session *session, struct bytes group,
                  void (*emit)(void *context, struct bytes name, struct bytes value), void *context)
{
    (void)host, (void)session, (void)group, (void)emit, (void)context;
    return false;
}

static void nothing(void *host)
{
    (void)host;
}

static bool verify(void *host, struct bytes user, struct bytes password)
{
    (void)host, (void)user, (void)password;
    return false;
}

static void shut_down(void *host, bool graceful)
{
    (void)host, (void)graceful;
}

static void set_verbosity(void *host, uint32_t level)
{
    (void)host, (void)level;
}

static bool set_memory_limit(void *host, uint64_t megabytes)
{
    (void)host, (void)megabytes;
    return false;
}

static struct caller *caller_of(struct session *session)
{
    return CONTAINER_OF(session, struct caller, session);
}

static void ready(void *host, struct session *session)
{
    struct caller *caller = caller_of(session);
    (void)host;
    if (caller->in_ready)
        return;
    caller->in_ready = true;
    list_push_back(&caller->loop->ready, &caller->ready);
}

static void hear_of_epoch(void *host, uint64_t epoch)
{
    struct machine *machine = host;
    if (machine->membership == NULL)
        return;
    membership_hear_of_epoch(machine->membership, machine_now(machine), epoch);
    machine_follow_membership(machine);
}

static void open_node(struct machine *machine, hybrid_time known)
{
    const struct plan *plan = &machine->world->plan;
    struct node_settings settings = {.name = machine->name,
                                     .incarnation = machine->incarnation,
                                     .partition_count = plan->ring.partition_count,
                                     .buckets = machine->world->buckets,
                                     .grace_ms = plan->grace_ms,
                                     .value_max = VALUE_MAX_BYTES,
                                     .object_max = OBJECT_MAX_BYTES,
                                     .tokens_max = TOKENS_MAX,
                                     .coordinator = {.timeout_ms = plan->timeout_ms,
                                                     .read_all_share = plan->read_all_share,
                                                     .seed = prng_next(&machine->world->prng)},
                                     .loops = machine->loop_count + 1,
                                     .hear_of_epoch = hear_of_epoch,
                                     .host = machine};
    machine->shared = node_shared_new(&settings, machine->store, &lock_none, known);
    CHECK(machine->shared != NULL);
    machine->session_settings = (struct session_settings){.version = "1.6.18",
                                                          .value_max = VALUE_MAX_BYTES,
                                                          .out_bytes_max = 1 << 20,
                                                          .requests_per_event = FRONTEND_REQUESTS_PER_EVENT,
                                                          .reads_inflight_max = FRONTEND_READS_INFLIGHT_MAX,
                                                          .prefix_delimiter = ':'};
    machine->session_host = (struct session_host){.stats = stats,
                                                  .stats_reset = nothing,
                                                  .verify = verify,
                                                  .shutdown = shut_down,
                                                  .set_verbosity = set_verbosity,
                                                  .set_memory_limit = set_memory_limit,
                                                  .ready = ready,
                                                  .host = machine};
}

static void open_loops(struct machine *machine)
{
    for (unsigned i = 0; i <= machine->loop_count; i++) {
        struct machine_loop *loop = &machine->loops[i];
        *loop = (struct machine_loop){.machine = machine, .number = i, .tick_at_ns = UINT64_MAX};
        node_init(&loop->node, machine->shared, store_loop_of(machine->store, i), NULL);
        frontend_init(&loop->frontend, &loop->node, &machine->session_settings, &machine->session_host);
        list_init(&loop->endpoints);
        list_init(&loop->callers);
        list_init(&loop->ready);
    }
    node_load(&machine->loops[0].node, machine_now(machine));
}

static void on_sweep(struct world *world, const struct event *event)
{
    struct machine_loop *loop = event->object;
    if (!is_of_this_process(loop->machine, event) || loop->machine->state != MACHINE_UP)
        return;
    (void)node_sweep(&loop->node, machine_now(loop->machine), SWEEP_RECORDS);
    machine_end_turn(loop);
    world_after(world, SWEEP_EVERY_MS * WORLD_MS_NS, *event);
}

void process_open(struct machine *machine)
{
    struct world *world = machine->world;
    struct store_recovery found = {0};
    machine->loop_count = world->plan.loops;
    machine->storage_at_ns = 0; /* nobody is woken while it opens */
    machine->sync_called = false;
    open_store(machine, &found);
    checks_on_recovery(world, machine, &found);
    open_node(machine, found.newest);
    open_loops(machine);
    machine->storage_at_ns = UINT64_MAX;
    call_storage(machine, WORLD_US_NS);
    world_after(world, world_draw(world, SWEEP_EVERY_MS * WORLD_MS_NS),
                process_event(machine, on_sweep, &machine->loops[machine->loop_count]));
    plane_open(machine);
}

/* Turns. */

static void on_tick(struct world *world, const struct event *event)
{
    struct machine_loop *loop = event->object;
    if (!is_of_this_process(loop->machine, event))
        return;
    if (world->now_ns >= loop->tick_at_ns)
        loop->tick_at_ns = UINT64_MAX;
    struct instant now = machine_now(loop->machine);
    if (!tamper_drops_tick(world) && node_wake_at(&loop->node) <= now.mono_ns)
        node_tick(&loop->node, now);
    machine_end_turn(loop);
}

static void set_timer(struct machine_loop *loop)
{
    struct world *world = loop->machine->world;
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

static void write_out(struct caller *caller)
{
    struct bytes slice;
    while (caller->client != NULL && chain_slices(&caller->session.out, &slice, 1) == 1) {
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

static void settle(struct machine_loop *loop)
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
    if (!is_of_this_process(loop->machine, event))
        return;
    loop->settles_later = false;
    machine_end_turn(loop);
}

static void on_continue(struct world *world, const struct event *event)
{
    struct machine_loop *loop = event->object;
    (void)world;
    if (is_of_this_process(loop->machine, event))
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
        settle(loop);
    network_flush(world, loop);
    frontend_end_turn(&loop->frontend, now, now);
    set_timer(loop);
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

/* Stopping. */

void process_quiesce(struct machine *machine)
{
    plane_close(machine);
    for (unsigned i = 0; i < machine->loop_count; i++) {
        struct machine_loop *loop = &machine->loops[i];
        for (struct list *at = loop->callers.next, *next; at != &loop->callers; at = next) {
            next = at->next;
            struct caller *caller = CONTAINER_OF(at, struct caller, on_loop);
            if (!caller->closing)
                send_away(caller);
        }
    }
}

bool process_rests(struct machine *machine)
{
    for (unsigned i = 0; i < machine->loop_count; i++) {
        if (!list_is_empty(&machine->loops[i].callers))
            return false;
    }
    bool rests = true;
    for (unsigned i = 0; i <= machine->loop_count; i++) {
        struct machine_loop *loop = &machine->loops[i];
        network_hang_up(machine->world, loop);
        node_settle(&loop->node, machine_now(machine));
        set_timer(loop);
        rests &= node_pending(&loop->node) == 0 && node_sweep_pending(&loop->node) == 0 && !loop->settles_later;
    }
    return rests;
}

void process_close(struct machine *machine)
{
    hybrid_time last = newest(machine);
    for (unsigned i = 0; i <= machine->loop_count; i++) {
        struct machine_loop *loop = &machine->loops[i];
        node_close(&loop->node);
        checks_on_closed_loop(machine->world, loop);
        frontend_close(&loop->frontend);
    }
    machine->storage_at_ns = 0;
    store_close(machine->store, last);
    machine->store = NULL;
    node_shared_free(machine->shared);
    machine->shared = NULL;
}

struct blob *machine_read(struct machine *machine, uint32_t hash, uint16_t partition, struct bytes key)
{
    struct store_op op = {.kind = STORE_READ, .peek = true, .hash = hash, .partition = partition, .key = key};
    struct machine_loop *loop = &machine->loops[machine->loop_count]; /* nobody's operations are under way there */
    op.owner = UINT8_MAX;
    store_submit(loop->node.store, machine_now(machine), &op);
    struct store_op *done;
    while ((done = store_next_done(loop->node.store, machine_now(machine))) != &op)
        CHECK(done == NULL);
    return op.record;
}
