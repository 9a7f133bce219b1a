#include "simulator/process.h"

#include "base/check.h"
#include "frontend/limits.h"
#include "simulator/world.h"

#include <stdlib.h>

enum { VALUE_MAX_BYTES = 1 << 20, OBJECT_MAX_BYTES = 16 << 20, TOKENS_MAX = 1 << 12 };

struct event process_event(struct machine *machine, void (*run)(struct world *, const struct event *), void *object)
{
    return (struct event){
        .run = run, .object = object, .generation = machine->generation, .machine = (int)machine->index};
}

static void observe(struct machine *machine)
{
    struct fake_dir *dir = &machine->dir;
    dir->disk.on_write = oracle_on_append;
    dir->hint_disk.on_write = oracle_on_hint_append;
    dir->disk.on_sync = dir->hint_disk.on_sync = oracle_on_sync;
    dir->disk.observer = dir->hint_disk.observer = machine;
    dir->engine.committed = oracle_on_commit;
    dir->hint_engine.committed = oracle_on_hint_commit;
    dir->engine.context = dir->hint_engine.context = machine;
    dir->disk.sync_lies = tamper_lets_syncs_lie(machine->world);
}

/* Nobody sees what a ghost does. */
static void look_away(struct machine *machine)
{
    struct fake_dir *dir = &machine->dir;
    dir->disk.on_write = dir->hint_disk.on_write = NULL;
    dir->disk.on_sync = dir->hint_disk.on_sync = NULL;
    dir->engine.committed = dir->hint_engine.committed = NULL;
}

static struct store_limits small_limits(void)
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
    return limits;
}

static void open_stores(struct machine *machine, struct store_recovery *found)
{
    struct store_limits limits = small_limits();
    struct store_ports ports = storing_ports(machine);
    struct store_recovery of_hints = {0};
    unsigned loops = machine->loop_count + 2;
    CHECK(store_open(&machine->store, &limits, &ports, loops, found) == STORE_OPEN_OK);
    machine->hint_store = NULL;
    if (machine->world->plan.nodes == 1)
        return;
    limits.no_tree = true;
    ports.disk = &machine->dir.hint_disk.disk;
    ports.engine = &machine->dir.hint_engine.engine;
    CHECK(store_open(&machine->hint_store, &limits, &ports, loops, &of_hints) == STORE_OPEN_OK);
    found->newest = of_hints.newest > found->newest ? of_hints.newest : found->newest;
    found->damaged += of_hints.damaged;
}

static struct store_loop *hint_loop(struct machine *machine, unsigned loop)
{
    return machine->hint_store == NULL ? NULL : store_loop_of(machine->hint_store, loop);
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
                                     .hint_store = machine->hint_store,
                                     .coordinator = {.timeout_ms = plan->timeout_ms,
                                                     .sloppy = plan->sloppy,
                                                     .read_all_share = plan->read_all_share,
                                                     .seed = prng_next(&machine->world->prng)},
                                     .antientropy = {.interval_ms = plan->antientropy_ms,
                                                     .window = plan->antientropy_window,
                                                     .bytes_per_second = plan->antientropy_rate,
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
        node_init(&loop->node, machine->shared, store_loop_of(machine->store, i), hint_loop(machine, i));
        frontend_init(&loop->frontend, &loop->node, &machine->session_settings, &machine->session_host);
        list_init(&loop->endpoints);
        list_init(&loop->callers);
        list_init(&loop->ready);
    }
    node_begin_repair(&machine->loops[machine->loop_count].node);
    node_load(&machine->loops[0].node, machine_now(machine));
}

static bool has_buffered(const struct machine *machine)
{
    const struct bucket_table *buckets = &machine->world->buckets;
    bool has = false;
    for (uint32_t i = 0; i < buckets->count; i++)
        has |= buckets->buckets[i].durability == DURABILITY_BUFFERED;
    return has;
}

/* May acknowledged writes be missing from what was found? As the server judges it; of a copy it can tell most often,
 * and else its membership finds out. */
static bool is_doubtful(const struct machine *machine, const struct store_recovery *found)
{
    bool is_fresh = machine->dir.incarnation == 0;
    if (found->damaged != 0)
        return true;
    if (is_fresh || machine->world->plan.nodes == 1)
        return false;
    if (machine->dir.is_copy && machine->world->plan.tells_copies)
        return true;
    return !found->clean && (machine->dir.boot != machine->boot || has_buffered(machine));
}

void process_open(struct machine *machine)
{
    struct world *world = machine->world;
    struct store_recovery found = {0};
    machine->loop_count = world->plan.loops;
    machine->storage_at_ns = 0; /* nobody is woken while it opens */
    machine->sync_called = false;
    observe(machine);
    open_stores(machine, &found);
    checks_on_recovery(world, machine, &found);
    open_node(machine, found.newest);
    if (machine->hint_store != NULL)
        hints_load(node_hints(machine->shared), hint_loop(machine, machine->loop_count));
    node_load_standing(machine->shared, is_doubtful(machine, &found));
    open_loops(machine);
    oracle_on_start(world, machine->index);
    checks_on_tree(world, machine);
    machine->dir.incarnation = machine->incarnation;
    machine->dir.boot = machine->boot;
    machine->dir.is_copy = false;
    storing_begin(machine);
    plane_open(machine);
}

/* Stopping. */

void process_quiesce(struct machine *machine)
{
    plane_close(machine);
    node_stop_repair(&machine->loops[machine->loop_count].node);
    for (unsigned i = 0; i < machine->loop_count; i++)
        turns_send_all_away(&machine->loops[i]);
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
        network_hang_up(machine->world, loop, 0);
        node_settle(&loop->node, machine_now(machine));
        turns_set_timer(loop);
        rests &= node_pending(&loop->node) == 0 && node_sweep_pending(&loop->node) == 0 && !loop->settles_later;
    }
    return rests;
}

static void close_loops(struct machine *machine)
{
    for (unsigned i = 0; i <= machine->loop_count; i++) {
        struct machine_loop *loop = &machine->loops[i];
        node_close(&loop->node);
        checks_on_closed_loop(machine->world, loop);
        frontend_close(&loop->frontend);
    }
}

bool process_close(struct machine *machine)
{
    hybrid_time last = storing_newest(machine);
    close_loops(machine);
    machine->storage_at_ns = 0;
    node_shared_free(machine->shared);
    machine->shared = NULL;
    bool kept = store_close(machine->store, last);
    if (machine->hint_store != NULL)
        kept &= store_close(machine->hint_store, last);
    machine->store = machine->hint_store = NULL;
    return kept;
}

/* Vanishing. */

void process_vanish(struct machine *machine, uint64_t later_ns)
{
    look_away(machine);
    if (machine->membership != NULL)
        plane_close(machine);
    node_stop_repair(&machine->loops[machine->loop_count].node);
    for (unsigned i = 0; i <= machine->loop_count; i++) {
        turns_send_all_away(&machine->loops[i]);
        network_hang_up(machine->world, &machine->loops[i], later_ns);
    }
}

static bool has_ended(const struct machine_loop *loop)
{
    return list_is_empty(&loop->callers) && node_pending(&loop->node) == 0 && node_sweep_pending(&loop->node) == 0;
}

bool process_haunt(struct machine *machine)
{
    bool all = true;
    store_sync(machine->store);
    (void)store_checkpoint_slice(machine->store, machine_now(machine), storing_newest(machine));
    if (machine->hint_store != NULL) {
        store_sync(machine->hint_store);
        (void)store_checkpoint_slice(machine->hint_store, machine_now(machine), storing_newest(machine));
    }
    for (unsigned i = 0; i <= machine->loop_count; i++) {
        struct machine_loop *loop = &machine->loops[i];
        node_tick(&loop->node, machine_now(machine));
        turns_settle(loop);
        all &= has_ended(loop);
    }
    return all;
}

void process_abandon(struct machine *machine)
{
    close_loops(machine);
    node_shared_free(machine->shared);
    machine->shared = NULL;
    store_abandon(machine->store);
    if (machine->hint_store != NULL)
        store_abandon(machine->hint_store);
    machine->store = machine->hint_store = NULL;
}

static struct blob *read_now(struct machine *machine, struct store_loop *store, unsigned key, struct bytes name)
{
    const struct key *wanted = &machine->world->keys.list[key];
    struct store_op op = {
        .kind = STORE_READ, .peek = true, .hash = wanted->hash, .partition = wanted->partition, .key = name};
    op.owner = UINT8_MAX;
    store_submit(store, machine_now(machine), &op);
    struct store_op *done = store_next_done(store, machine_now(machine));
    CHECK(done == &op); /* nothing has ended there that has not been taken */
    machine->read_failed = op.status != STORE_OK && op.status != STORE_ABSENT;
    if (machine->read_failed)
        WORLD_SAY(machine->world, (int)key, "%s cannot read its record: %d", machine->name, (int)op.status);
    return op.record;
}

struct blob *machine_read(struct machine *machine, unsigned key)
{
    return read_now(machine, store_loop_of(machine->store, machine->loop_count + 1), key,
                    key_bytes(&machine->world->keys.list[key]));
}

struct blob *machine_read_hint(struct machine *machine, unsigned key, unsigned owner)
{
    uint8_t name[HINT_KEY_MAX];
    struct bytes wanted =
        hint_key(name, ring_node_id(machine->world->machines[owner].name), key_bytes(&machine->world->keys.list[key]));
    if (machine->hint_store == NULL)
        return NULL;
    return read_now(machine, store_loop_of(machine->hint_store, machine->loop_count + 1), key, wanted);
}
