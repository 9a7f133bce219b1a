/* A store for one loop that does what a real one may do but seldom does: run an update's function several times, with
 * other writes in between, and end operations with errors. Include it in one file of a test program: it takes the place
 * of the storage room's functions. */
#ifndef T_COORDINATOR_UNRULY_STORE_H
#define T_COORDINATOR_UNRULY_STORE_H

#include "base/list.h"
#include "node/world.h"
#include "storage/none.h"

enum { UNRULY_RECORDS = 16 };

struct unruly_record {
    uint8_t key[250];
    size_t key_len;
    struct blob *record; /* NULL: absent */
};

struct store_loop {
    struct unruly_record records[UNRULY_RECORDS];
    unsigned count;
    struct queue done, waiting;
    bool waits;                                   /* updates run, then wait for unruly_go_on */
    enum store_status read_status, update_status; /* what operations end with, if not STORE_OK */
    bool no_memory;                               /* store_draft_alloc fails */
};

static struct store_loop *unruly_current; /* for store_draft_alloc, which is told of no loop */

static struct unruly_record *unruly_find(struct store_loop *loop, struct bytes key)
{
    for (unsigned i = 0; i < loop->count; i++) {
        if (bytes_equal(bytes_of(loop->records[i].key, loop->records[i].key_len), key))
            return &loop->records[i];
    }
    assert_true(loop->count < UNRULY_RECORDS);
    struct unruly_record *record = &loop->records[loop->count++];
    record->key_len = key.len;
    if (key.len != 0)
        memcpy(record->key, key.at, key.len);
    return record;
}

uint8_t *store_draft_alloc(struct store_draft *draft, size_t len)
{
    if (!unruly_current->no_memory)
        draft->record = blob_new(len);
    return draft->record == NULL ? NULL : draft->record->at;
}

bool store_draft_take(struct store_draft *draft, struct blob *record)
{
    draft->record = blob_retain(record);
    return true;
}

/* Runs the function on what is there; keeps the result only if `keeps`. */
static void unruly_run(struct store_loop *loop, struct store_op *op, bool keeps)
{
    struct unruly_record *found = unruly_find(loop, op->key);
    struct store_draft draft = {0};
    unruly_current = loop;
    struct bytes current = found->record == NULL ? bytes_of(NULL, 0) : blob_bytes(found->record);
    enum store_verdict verdict = op->apply(op, current, &draft);
    op->status = verdict == STORE_KEEP ? STORE_UNCHANGED : STORE_OK;
    if (verdict == STORE_KEEP || !keeps) {
        blob_release(draft.record);
        return;
    }
    blob_release(found->record);
    found->record = verdict == STORE_ERASE ? NULL : draft.record;
    if (verdict == STORE_ERASE)
        blob_release(draft.record);
}

static void unruly_update(struct store_loop *loop, struct store_op *op)
{
    if (loop->update_status == STORE_CORRUPT) { /* told before the function runs */
        op->status = STORE_CORRUPT;
        return;
    }
    unruly_run(loop, op, loop->update_status == STORE_OK);
    if (loop->update_status != STORE_OK && op->status == STORE_OK)
        op->status = loop->update_status;
}

static void unruly_read(struct store_loop *loop, struct store_op *op)
{
    struct unruly_record *found = unruly_find(loop, op->key);
    op->status = loop->read_status != STORE_OK ? loop->read_status : found->record == NULL ? STORE_ABSENT : STORE_OK;
    if (op->status == STORE_OK)
        op->record = blob_retain(found->record);
}

void store_submit(struct store_loop *loop, struct instant now, struct store_op *op)
{
    (void)now;
    op->record = NULL;
    if (op->kind == STORE_UPDATE && loop->waits) {
        unruly_run(loop, op, false);
        queue_push(&loop->waiting, &op->link);
        return;
    }
    if (op->kind == STORE_UPDATE)
        unruly_update(loop, op);
    else
        unruly_read(loop, op);
    queue_push(&loop->done, &op->link);
}

/* There is space again: what waits runs once more, in order. */
static void unruly_go_on(struct store_loop *loop)
{
    struct queue_node *node;
    loop->waits = false;
    while ((node = queue_pop(&loop->waiting)) != NULL) {
        struct store_op *op = CONTAINER_OF(node, struct store_op, link);
        unruly_update(loop, op);
        queue_push(&loop->done, &op->link);
    }
}

struct store_op *store_next_done(struct store_loop *loop, struct instant now)
{
    (void)now;
    struct queue_node *node = queue_pop(&loop->done);
    return node == NULL ? NULL : CONTAINER_OF(node, struct store_op, link);
}

/* The scan meets all records in one call, more than it was asked for. */
size_t store_scan(struct store *store, struct store_loop *loop, struct store_cursor *cursor, size_t max,
                  store_visit *visit, void *context)
{
    (void)store, (void)max;
    for (unsigned i = 0; i < loop->count; i++) {
        const struct unruly_record *record = &loop->records[i];
        if (record->record != NULL)
            visit(context, 0, bytes_of(record->key, record->key_len), blob_bytes(record->record));
    }
    cursor->passes++;
    return loop->count;
}

static void unruly_open(struct world *world, struct store_loop *loop)
{
    *world = (struct world){.settings = world_settings(), .now = {.mono_ns = 5000000000, .wall_ms = 1700000000000}};
    *loop = (struct store_loop){0};
    queue_init(&loop->done);
    queue_init(&loop->waiting);
    world->shared = node_shared_new(&world->settings, NULL, &lock_none, 0);
    assert_non_null(world->shared);
    node_init(&world->node, world->shared, loop, NULL);
    node_load(&world->node, world->now);
}

/* Every reference to a record must have come back by now, but the store's own. */
static void unruly_close(struct world *world, struct store_loop *loop)
{
    world_forget(world);
    node_close(&world->node);
    node_shared_free(world->shared);
    bucket_table_close(&world->settings.buckets);
    for (unsigned i = 0; i < loop->count; i++) {
        if (loop->records[i].record != NULL)
            assert_int_equal(atomic_load(&loop->records[i].record->references), 1);
        blob_release(loop->records[i].record);
    }
}

#endif
