/* Negative controls that change what a replica has stored, behind its back. */
#include "base/check.h"
#include "simulator/controls.h"
#include "simulator/world.h"
#include "version/record.h"

/* An update by the simulator. */
struct forced {
    struct store_op op;
    struct bytes record; /* empty: erased */
};

static enum store_verdict force(struct store_op *op, struct bytes current, struct store_draft *draft)
{
    const struct forced *forced = CONTAINER_OF(op, struct forced, op);
    (void)current;
    if (forced->record.len == 0)
        return STORE_ERASE;
    uint8_t *at = store_draft_alloc(draft, forced->record.len);
    if (at == NULL)
        return STORE_KEEP;
    memcpy(at, forced->record.at, forced->record.len);
    return STORE_REPLACE;
}

static void force_on(struct machine *machine, struct store *store, unsigned number, struct bytes name,
                     struct bytes record)
{
    struct store_loop *loop = store_loop_of(store, machine->loop_count + 1);
    const struct key *key = &machine->world->keys.list[number];
    struct forced forced = {.op = {.kind = STORE_UPDATE,
                                   .durability = DURABILITY_COMMITTED,
                                   .hash = key->hash,
                                   .partition = key->partition,
                                   .key = name,
                                   .apply = force,
                                   .owner = UINT8_MAX},
                            .record = record};
    store_submit(loop, machine_now(machine), &forced.op);
    while (store_next_done(loop, machine_now(machine)) == NULL) /* its log has no segment yet */
        (void)store_checkpoint_slice(store, machine_now(machine), 0);
    machine->world->tamper.done++;
}

static void put(struct world *world, struct machine *machine, unsigned number, struct bytes record)
{
    force_on(machine, machine->store, number, key_bytes(&world->keys.list[number]), record);
}

static void several_owners(struct plan *plan)
{
    if (plan->nodes < 3)
        plan->nodes = 3;
    plan->ring.copies = 3;
    while (plan->ring.partition_count < plan->nodes)
        plan->ring.partition_count *= 2;
    for (int kind = 0; kind < KEY_KINDS; kind++) {
        plan->buckets[kind].r = plan->buckets[kind].w = 2;
        if (plan->buckets[kind].keys == 0)
            plan->buckets[kind].keys = 1;
    }
    plan->flushes = false;
}

static void with_expiry(struct plan *plan)
{
    several_owners(plan);
    plan->think_us = 200000;
}

static void put_oldest(struct world *world, struct machine *machine, unsigned number)
{
    const struct key_writes *writes = &world->oracle.keys[number];
    if (!machine_serves(machine) || machine->paused || writes->count == 0
        || !world->oracle.copies[machine->index][number].exists)
        return;
    const struct written *old = &world->oracle.written[writes->list[0]];
    struct pair pair = {.actor = old->dot.actor, .counter = old->dot.counter, .time = old->time};
    struct version version = {.dot = old->dot,
                              .time = old->time,
                              .expiry_stamp = old->time,
                              .kind = old->is_tombstone ? VERSION_TOMBSTONE : VERSION_VALUE,
                              .value = old->value};
    struct object object = {.context = {.pairs = &pair, .count = 1}, .live = &version, .live_count = 1};
    uint8_t record[32 << 10];
    if (record_size(&object) > sizeof record)
        return;
    record_encode(&object, record);
    put(world, machine, number, bytes_of(record, record_size(&object)));
}

/* Owners are missing while others write. */
static void with_hints(struct plan *plan)
{
    several_owners(plan);
    if (plan->nodes < 5)
        plan->nodes = 5;
    while (plan->ring.partition_count < plan->nodes)
        plan->ring.partition_count *= 2;
    plan->sloppy = true;
    plan->calm_permille = 0;
    plan->faults[FAULT_PARTITION] = plan->faults[FAULT_KILL] = true;
    plan->episode_gap_ms = 100;
    plan->episode_ms = plan->down_ms = 500;
}

static void with_restarts(struct plan *plan)
{
    several_owners(plan);
    plan->calm_permille = 0;
    plan->think_us = 20000;
    plan->faults[FAULT_RESTART] = true;
    plan->episode_gap_ms = 100;
}

/* A record that was there before comes back. */
static void bring_back(struct world *world)
{
    struct machine *machine = &world->machines[world_draw(world, world->plan.nodes)];
    put_oldest(world, machine, (unsigned)world_draw(world, world->keys.count));
}

/* A replica drops one of several values that nobody has replaced, and its context goes on telling of it. */
static void forget_sibling(struct world *world)
{
    struct machine *machine = &world->machines[world_draw(world, world->plan.nodes)];
    unsigned number = (unsigned)world_draw(world, world->keys.count);
    if (!machine_serves(machine) || machine->paused || world->keys.list[number].kind == KEYS_LATEST)
        return;
    struct blob *record = machine_read(machine, number);
    struct object object = {0};
    struct arena arena;
    arena_init(&arena);
    CHECK(record == NULL || record_decode(blob_bytes(record), &object, &arena) == RECORD_OK);
    if (object.live_count > 1) {
        object.live_count--;
        uint8_t *changed = arena_alloc(&arena, record_size(&object));
        record_encode(&object, changed);
        put(world, machine, number, bytes_of(changed, record_size(&object)));
    }
    blob_release(record);
    arena_close(&arena);
}

/* With last-write-wins the first write wins, everywhere. */
static void let_oldest_win(struct world *world)
{
    unsigned number = (unsigned)world_draw(world, world->keys.count);
    for (unsigned i = 0; i < world->plan.nodes && world->keys.list[number].kind == KEYS_LATEST; i++)
        put_oldest(world, &world->machines[i], number);
}

/* What was deleted comes back, everywhere. */
static void raise_dead(struct world *world)
{
    unsigned number = (unsigned)world_draw(world, world->keys.count);
    bool is_dead = false;
    for (unsigned i = 0; i < world->plan.nodes; i++) {
        const struct copy *copy = &world->oracle.copies[i][number];
        is_dead |= copy->live_count > 0 && copy->live[0].kind == VERSION_TOMBSTONE;
    }
    for (unsigned i = 0; i < world->plan.nodes && is_dead; i++)
        put_oldest(world, &world->machines[i], number);
}

/* A hint is dropped. */
static void drop_hints(struct world *world)
{
    struct machine *machine = &world->machines[world_draw(world, world->plan.nodes)];
    for (unsigned number = 0; machine_serves(machine) && !machine->paused && number < world->keys.count; number++) {
        const struct hint_copies *hints = &world->oracle.hints[machine->index][number];
        for (unsigned i = 0; i < hints->count; i++) {
            uint8_t name[HINT_KEY_MAX];
            if (hints->list[i]->copy.exists)
                force_on(machine, machine->hint_store, number,
                         hint_key(name, ring_node_id(world->machines[hints->list[i]->owner].name),
                                  key_bytes(&world->keys.list[number])),
                         bytes_of(NULL, 0));
        }
    }
}

/* A record in the engine changes behind the back of its hash tree. */
static void change_untold(struct world *world)
{
    struct machine *machine = &world->machines[world_draw(world, world->plan.nodes)];
    struct fake_table *rows = &machine->dir.engine.records;
    if (machine->state != MACHINE_DOWN || rows->count < 2)
        return;
    size_t row = world_draw(world, rows->count), other = world_draw(world, rows->count);
    struct blob *record = blob_retain(rows->rows[other].record);
    blob_release(rows->rows[row].record);
    rows->rows[row].record = record;
    world->tamper.done++;
}

/* The horizon of a copy is put forward to the present. */
static void hurry_horizon(struct world *world)
{
    struct machine *machine = &world->machines[world_draw(world, world->plan.nodes)];
    unsigned number = (unsigned)world_draw(world, world->keys.count);
    if (!machine_serves(machine))
        return;
    standing_raise_horizon(node_standing(machine->shared), world->keys.list[number].partition,
                           hybrid_of_ms(node_now_ms(&machine->loops[0].node, machine_now(machine))));
    world->tamper.done++;
}

/* Nothing expires: the expiry of what is stored is taken away. */
static void unexpire(struct world *world)
{
    struct arena arena;
    arena_init(&arena);
    for (unsigned i = 0; i < world->plan.nodes; i++) {
        struct machine *machine = &world->machines[i];
        for (unsigned number = 0; machine_serves(machine) && !machine->paused && number < world->keys.count; number++) {
            const struct key *key = &world->keys.list[number];
            struct object object;
            struct blob *record = key->kind != KEYS_EXPIRING ? NULL : machine_read(machine, number);
            if (record == NULL)
                continue;
            CHECK(record_decode(blob_bytes(record), &object, &arena) == RECORD_OK);
            for (uint32_t j = 0; j < object.live_count; j++)
                object.live[j].expiry_ms = 0;
            uint8_t *changed = arena_alloc(&arena, record_size(&object));
            record_encode(&object, changed);
            put(world, machine, number, bytes_of(changed, record_size(&object)));
            blob_release(record);
            arena_reset(&arena);
        }
    }
    arena_close(&arena);
}

/* Owners are cut off for a while and miss a delete, with no stand-in that would tell them later. */
static void with_cuts(struct plan *plan)
{
    several_owners(plan);
    plan->sloppy = false;
    plan->calm_permille = 0;
    plan->think_us = 5000;
    plan->faults[FAULT_PARTITION] = true;
    plan->episode_gap_ms = 100;
    plan->episode_ms = 1000;
}

/* Whoever has a tombstone frees it, whether the other owners have heard of it or not. */
static void free_tombstones(struct world *world)
{
    for (unsigned i = 0; i < world->plan.nodes; i++) {
        struct machine *machine = &world->machines[i];
        for (unsigned number = 0; machine_serves(machine) && !machine->paused && number < world->keys.count; number++) {
            const struct copy *copy = &world->oracle.copies[i][number];
            if (copy->exists && copy->live_count == 1 && world->oracle.written[copy->live[0].written].is_tombstone)
                put(world, machine, number, bytes_of(NULL, 0));
        }
    }
}

const struct control controls_of_stores[] = {
    {"old-records", "a replica's record is replaced by an older one", "progress", several_owners, .meddle = bring_back},
    {"older-counters", "a coordinator's record is replaced by an older one, and it goes on counting from there [R1]",
     "dots", several_owners, .meddle = bring_back},
    {"forgotten-siblings", "a replica drops a value that nobody has replaced, but not from its context", "progress",
     with_hints, .meddle = forget_sibling},
    {"skewed-winner", "with last-write-wins an older version replaces the newest", "latest", several_owners,
     .meddle = let_oldest_win},
    {"raised-dead", "the oldest version takes the place of a delete, at every replica [R6]", "dead", several_owners,
     .meddle = raise_dead},
    {"freed-tombstones", "tombstones are freed before all owners know of the delete [R6]", "dead", with_cuts,
     .meddle = free_tombstones},
    {"dropped-hints", "hints are dropped before their owner has them [4.6]", "hints", with_hints, .meddle = drop_hints},
    {"untold-tree", "records change without their hash tree [R11]", "trees", with_restarts, .meddle = change_untold},
    {"early-horizon", "a copy's horizon is put forward to the present [R3]", "horizon", with_hints,
     .meddle = hurry_horizon},
    {"no-expiry", "stored values lose their expiry", "expired", with_expiry, .meddle = unexpire},
    {0},
};
