/* What the world's nodes hold: writes behind the back of coordinators, and looks at stores. */
#include "antientropy/world.h"

#include "base/arena.h"
#include "base/check.h"
#include "base/hash.h"
#include "replica/merge.h"
#include "storage/tree.h"
#include "version/record.h"

#include <stdio.h>

uint16_t world_partition(const struct world *world, const char *key)
{
    return ring_partition(world->view, hash_of_key(bytes_of_text(key)));
}

bool world_owns(const struct world *world, unsigned node, uint16_t partition)
{
    int index = ring_member_index(world->view, world->boxes[node].id);
    return index >= 0 && ring_owner_place(world->view, partition, (uint32_t)index) >= 0;
}

unsigned world_owners(const struct world *world, const char *key)
{
    unsigned mask = 0;
    for (unsigned i = 0; i < world->count; i++)
        mask |= world_owns(world, i, world_partition(world, key)) ? 1U << i : 0;
    return mask;
}

unsigned world_owner(const struct world *world, uint16_t partition, unsigned place)
{
    uint32_t id = world->view->members[ring_preference_list(world->view, partition)[place]].id;
    unsigned node = 0;
    while (world->boxes[node].id != id)
        node++;
    return node;
}

/* An op on loop 1, which nobody else uses. */
static void do_op(struct box *box, struct store_op *op, const char *key)
{
    op->key = bytes_of_text(key);
    op->hash = hash_of_key(op->key);
    op->partition = world_partition(box->world, key);
    struct store_loop *loop = store_loop_of(box->store, 1);
    store_submit(loop, world_now(box), op);
    while (store_next_done(loop, world_now(box)) != op)
        store_checkpoint_slice(box->store, world_now(box), 1);
}

struct blob *world_record(struct world *world, unsigned node, const char *key)
{
    struct store_op op = {.kind = STORE_READ, .peek = true};
    do_op(&world->boxes[node], &op, key);
    return op.record;
}

static void merge_at(struct box *box, const char *key, struct blob *record)
{
    struct arena arena;
    arena_init(&arena);
    struct replica_merge merge;
    bool keeps_newest = bucket_of_key(&box->world->buckets, bytes_of_text(key))->reconcile == RECONCILE_LWW;
    replica_merge_init(&merge, &box->replica, &arena, world_now(box), record, keeps_newest);
    merge.op.durability = DURABILITY_COMMITTED;
    do_op(box, &merge.op, key);
    assert_true(merge.op.status == STORE_OK || merge.op.status == STORE_UNCHANGED);
    arena_close(&arena);
}

/* What a coordinator makes of a write over what it has. */
static struct blob *next_record(struct box *box, const char *key, struct bytes value, bool is_delete)
{
    struct arena arena;
    arena_init(&arena);
    struct blob *present = world_record(box->world, box->index, key);
    struct object object = {0}, after;
    if (present != NULL)
        assert_int_equal(record_decode(blob_bytes(present), &object, &arena), RECORD_OK);
    struct version fresh = replica_fresh_version(&box->replica, &object, world_now(box));
    fresh.kind = is_delete ? VERSION_TOMBSTONE : VERSION_VALUE;
    fresh.value = value;
    object_put(&after, &object, NULL, &fresh, &arena);
    struct blob *record = blob_new(record_size(&after));
    assert_non_null(record);
    record_encode(&after, record->at);
    blob_release(present);
    arena_close(&arena);
    return record;
}

static enum store_verdict erase(struct store_op *op, struct bytes current, struct store_draft *draft)
{
    (void)op, (void)current, (void)draft;
    return STORE_ERASE;
}

void world_forget(struct world *world, unsigned node, const char *key)
{
    struct store_op op = {.kind = STORE_UPDATE, .apply = erase, .durability = DURABILITY_COMMITTED};
    do_op(&world->boxes[node], &op, key);
}

struct placing {
    struct store_op op; /* first */
    struct blob *record;
};

static enum store_verdict take(struct store_op *op, struct bytes current, struct store_draft *draft)
{
    (void)current;
    assert_true(store_draft_take(draft, ((struct placing *)(void *)op)->record));
    return STORE_REPLACE;
}

void world_place(struct world *world, unsigned node, const char *key, struct blob *record)
{
    struct placing placing = {.op = {.kind = STORE_UPDATE, .apply = take, .durability = DURABILITY_COMMITTED},
                              .record = record};
    do_op(&world->boxes[node], &placing.op, key);
}

static void put(struct world *world, unsigned mask, const char *key, struct bytes value, bool is_delete)
{
    unsigned first = 0;
    while ((mask >> first & 1) == 0)
        first++;
    struct blob *record = next_record(&world->boxes[first], key, value, is_delete);
    for (unsigned i = 0; i < world->count; i++) {
        if ((mask >> i & 1) != 0)
            merge_at(&world->boxes[i], key, record);
    }
    blob_release(record);
}

void world_put(struct world *world, unsigned mask, const char *key, const char *value)
{
    put(world, mask, key, value == NULL ? bytes_of(NULL, 0) : bytes_of_text(value), value == NULL);
}

void world_put_bytes(struct world *world, unsigned mask, const char *key, struct bytes value)
{
    put(world, mask, key, value, false);
}

const char *world_value(struct world *world, unsigned node, const char *key, uint32_t *live)
{
    static char value[256];
    struct blob *record = world_record(world, node, key);
    struct version newest;
    uint32_t count = 0;
    const char *shown = NULL;
    if (record != NULL)
        assert_int_equal(record_newest(blob_bytes(record), &newest, &count), RECORD_OK);
    if (count > 0 && newest.kind == VERSION_VALUE) {
        snprintf(value, sizeof value, "%.*s", (int)newest.value.len, (const char *)newest.value.at);
        shown = value;
    }
    if (live != NULL)
        *live = count;
    blob_release(record);
    return shown;
}

bool world_is_same(const struct world *world)
{
    uint32_t partitions = world->view->partition_count;
    for (uint32_t p = 0; p < partitions; p++) {
        bool is_first = true;
        uint64_t root = 0;
        for (unsigned i = 0; i < world->count; i++) {
            if (!world->boxes[i].is_up || !world_owns(world, i, (uint16_t)p))
                continue;
            uint64_t own = tree_root(store_tree(world->boxes[i].store), partitions, (uint16_t)p);
            if (!is_first && own != root)
                return false;
            root = own;
            is_first = false;
        }
    }
    return true;
}

hybrid_time world_horizon(const struct world *world, unsigned node, uint16_t partition)
{
    return standing_horizon(world->boxes[node].standing, partition);
}

hybrid_time world_clock(struct world *world, unsigned node)
{
    return hybrid_next(&world->boxes[node].replica.clock, world_now(&world->boxes[node]));
}

struct antientropy_peer_row world_row(const struct world *world, unsigned node, unsigned peer)
{
    struct antientropy_peer_row rows[WORLD_NODES_MAX], none = {0};
    unsigned count = antientropy_peers(world->boxes[node].antientropy, rows, WORLD_NODES_MAX);
    for (unsigned i = 0; i < count; i++) {
        if (rows[i].node == world->boxes[peer].id)
            return rows[i];
    }
    return none;
}
