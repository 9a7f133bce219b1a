/* Negative controls that change what a replica has stored, behind its back. */
#include "base/check.h"
#include "simulator/controls.h"
#include "simulator/world.h"
#include "version/record.h"

/* An update by the simulator. */
struct forced {
    struct store_op op;
    struct bytes record;
};

static enum store_verdict force(struct store_op *op, struct bytes current, struct store_draft *draft)
{
    const struct forced *forced = CONTAINER_OF(op, struct forced, op);
    uint8_t *at = store_draft_alloc(draft, forced->record.len);
    (void)current;
    if (at == NULL)
        return STORE_KEEP;
    memcpy(at, forced->record.at, forced->record.len);
    return STORE_REPLACE;
}

static void put(struct world *world, struct machine *machine, unsigned number, struct bytes record)
{
    const struct key *key = &world->keys.list[number];
    struct store_loop *store = store_loop_of(machine->store, machine->loop_count + 1);
    struct forced forced = {.op = {.kind = STORE_UPDATE,
                                   .durability = DURABILITY_COMMITTED,
                                   .hash = key->hash,
                                   .partition = key->partition,
                                   .key = key_bytes(key),
                                   .apply = force,
                                   .owner = UINT8_MAX},
                            .record = record};
    store_submit(store, machine_now(machine), &forced.op);
    while (store_next_done(store, machine_now(machine)) == NULL) /* its log has no segment yet */
        (void)store_checkpoint_slice(machine->store, machine_now(machine), 0);
    world->tamper.done++;
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

/* A record that was there before comes back. */
static void bring_back(struct world *world)
{
    unsigned number = (unsigned)world_draw(world, world->keys.count);
    const struct key_writes *writes = &world->oracle.keys[number];
    struct machine *machine = &world->machines[world_draw(world, world->plan.nodes)];
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

const struct control controls_of_stores[] = {
    {"old-records", "a replica's record is replaced by an older one", "progress", several_owners, .meddle = bring_back},
    {"no-expiry", "stored values lose their expiry", "expired", with_expiry, .meddle = unexpire},
    {0},
};
