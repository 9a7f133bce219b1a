/* The sweep frees what is dead and past the horizon, Dynamo 5 with [R3] and [R5].
 *
 * A slice scans some records and remembers the keys of those that look dead; then it updates each of them under its
 * stripe, where the record is judged again: it may have come back to life meanwhile. */
#include "node/sweep.h"

#include "base/check.h"
#include "base/hash.h"
#include "base/list.h"
#include "node/node.h"
#include "node/shared.h"
#include "version/record.h"

#include <stdlib.h>
#include <string.h>

struct candidate {
    struct store_op op;
    struct sweep *sweep;
    uint8_t key[REQUEST_KEY_MAX];
};

struct sweep {
    struct node *node;
    struct instant now;
    struct store_cursor cursor;
    struct arena scratch;
    unsigned found, in_flight, changed;
    struct candidate candidates[NODE_SWEEP_MAX];
};

static struct sweep *sweep_of(struct node *node)
{
    if (node->sweep == NULL) {
        node->sweep = calloc(1, sizeof *node->sweep);
        CHECK_MEMORY(node->sweep);
        node->sweep->node = node;
        arena_init(&node->sweep->scratch);
    }
    return node->sweep;
}

void sweep_free(struct sweep *sweep)
{
    if (sweep == NULL)
        return;
    CHECK(sweep->in_flight == 0);
    arena_close(&sweep->scratch);
    free(sweep);
}

void sweep_on_stored(struct sweep *sweep, struct store_op *op)
{
    CHECK(sweep->in_flight > 0);
    sweep->in_flight--;
    if (op->status == STORE_OK)
        sweep->changed++;
}

/* What of a record is dead for good. */
enum remains { REMAINS_ALIVE, REMAINS_SHRINKS, REMAINS_NOTHING };

static bool drop_what_lost(struct sweep *sweep, struct bytes key, struct object *object, hybrid_time horizon)
{
    uint32_t before = object->live_count;
    if (before > 1 && bucket_of_key(node_buckets(sweep->node->shared), key)->reconcile == RECONCILE_LWW)
        object_keep_newest(object, horizon);
    return object->live_count < before;
}

static enum remains judge(struct sweep *sweep, uint16_t partition, struct bytes key, struct bytes record,
                          struct object *object)
{
    struct replica *replica = &sweep->node->shared->replica;
    struct replica_present present = replica_present_at(replica, sweep->now);
    hybrid_time horizon = replica_horizon(replica, &present, partition);
    if (horizon == 0) /* others may still lack what is dead here: nothing is freed without their horizon [R3] */
        return REMAINS_ALIVE;
    arena_reset(&sweep->scratch);
    if (record_decode(record, object, &sweep->scratch) != RECORD_OK)
        return REMAINS_ALIVE; /* a corrupt record is not absence: it stays for whoever repairs it */
    bool shrinks = drop_what_lost(sweep, key, object, horizon);
    if (replica_is_freeable(object, &present, horizon))
        return REMAINS_NOTHING;
    return replica_drop_expired_bytes(object, &present, horizon) || shrinks ? REMAINS_SHRINKS : REMAINS_ALIVE;
}

static void visit(void *context, uint16_t partition, struct bytes key, struct bytes record)
{
    struct sweep *sweep = context;
    struct object object;
    if (key.len == 0 || key.len > REQUEST_KEY_MAX /* a record of the node itself; damaged: nobody's */
        || judge(sweep, partition, key, record, &object) == REMAINS_ALIVE)
        return;
    if (sweep->found == NODE_SWEEP_MAX) /* a store may visit some more than it was asked for: in the next pass, then */
        return;
    struct candidate *candidate = &sweep->candidates[sweep->found++];
    memcpy(candidate->key, key.at, key.len);
    candidate->sweep = sweep;
    candidate->op = (struct store_op){.kind = STORE_UPDATE,
                                      .durability = DURABILITY_COMMITTED,
                                      .owner = NODE_OP_SWEEP,
                                      .uses_reserve = true,
                                      .partition = partition,
                                      .key = bytes_of(candidate->key, key.len)};
}

static enum store_verdict apply(struct store_op *op, struct bytes current, struct store_draft *draft)
{
    struct sweep *sweep = CONTAINER_OF(op, struct candidate, op)->sweep;
    struct object object;
    if (current.len == 0)
        return STORE_KEEP;
    switch (judge(sweep, op->partition, op->key, current, &object)) {
    case REMAINS_NOTHING:
        return STORE_ERASE;
    case REMAINS_SHRINKS: {
        uint8_t *at = store_draft_alloc(draft, record_size(&object));
        if (at == NULL)
            return STORE_KEEP;
        record_encode(&object, at);
        return STORE_REPLACE;
    }
    case REMAINS_ALIVE:
        break;
    }
    return STORE_KEEP;
}

struct node_sweep_result node_sweep(struct node *node, struct instant now, unsigned records)
{
    struct sweep *sweep = sweep_of(node);
    struct node_sweep_result result = {0};
    (void)node_settle(node, now);
    sweep->now = now;
    if (sweep->in_flight == 0) { /* else updates of the last slice still wait for space */
        uint64_t passes = sweep->cursor.passes;
        sweep->found = 0;
        records = records < NODE_SWEEP_MAX ? records : NODE_SWEEP_MAX;
        result.seen = (unsigned)store_scan(node->shared->store, node->store, &sweep->cursor, records, visit, sweep);
        result.pass_ended = sweep->cursor.passes != passes;
        for (unsigned i = 0; i < sweep->found; i++) {
            struct store_op *op = &sweep->candidates[i].op;
            op->hash = hash_of_key(op->key);
            op->apply = apply;
            sweep->in_flight++;
            store_submit(node->store, now, op);
        }
        (void)node_settle(node, now);
    }
    result.changed = sweep->changed;
    sweep->changed = 0;
    return result;
}

unsigned node_sweep_pending(const struct node *node)
{
    return node->sweep == NULL ? 0 : node->sweep->in_flight;
}
