/* A store whose completions the test holds back and lets go in any order, under the real node. Include it in one file
 * of a test program: it takes the place of the storage room's functions. */
#ifndef T_FRONTEND_FAKE_STORE_H
#define T_FRONTEND_FAKE_STORE_H

#include "base/check.h"
#include "base/list.h"
#include "storage/none.h"
#include "storage/store.h"

#include <stdlib.h>

enum { FAKE_SLOTS = 4096, FAKE_HELD_MAX = 4096 };

struct fake_record {
    struct fake_record *next;
    struct blob *record;
    bool fetched;
    size_t key_len;
    uint8_t key[250];
};

struct store_loop {
    struct fake_record *slots[FAKE_SLOTS];
    struct queue done;
    bool holds; /* ops wait for fake_release */
    bool full;  /* updates that do not use the reserve end as STORE_FULL */
    struct store_op *held[FAKE_HELD_MAX];
    unsigned held_count;
};

static struct store_loop *fake_store_new(void)
{
    struct store_loop *loop = calloc(1, sizeof *loop);
    CHECK_MEMORY(loop);
    queue_init(&loop->done);
    return loop;
}

static void fake_store_free(struct store_loop *loop)
{
    for (unsigned i = 0; i < FAKE_SLOTS; i++) {
        struct fake_record *next;
        for (struct fake_record *record = loop->slots[i]; record != NULL; record = next) {
            next = record->next;
            blob_release(record->record);
            free(record);
        }
    }
    free(loop);
}

static struct fake_record *fake_find(struct store_loop *loop, const struct store_op *op, bool make)
{
    struct fake_record **slot = &loop->slots[op->hash % FAKE_SLOTS];
    for (struct fake_record *record = *slot; record != NULL; record = record->next) {
        if (bytes_equal(bytes_of(record->key, record->key_len), op->key))
            return record;
    }
    if (!make)
        return NULL;
    struct fake_record *record = calloc(1, sizeof *record);
    CHECK_MEMORY(record);
    if (op->key.len > 0)
        memcpy(record->key, op->key.at, op->key.len);
    record->key_len = op->key.len;
    record->next = *slot;
    return *slot = record;
}

uint8_t *store_draft_alloc(struct store_draft *draft, size_t len)
{
    draft->record = blob_new(len);
    return draft->record == NULL ? NULL : draft->record->at;
}

bool store_draft_take(struct store_draft *draft, struct blob *record)
{
    draft->record = blob_retain(record);
    return true;
}

static void fake_read(struct store_loop *loop, struct store_op *op)
{
    struct fake_record *found = fake_find(loop, op, false);
    op->status = STORE_ABSENT;
    op->record = NULL;
    if (found == NULL || found->record == NULL)
        return;
    op->status = STORE_OK;
    op->record = blob_retain(found->record);
    op->fetched_before = found->fetched;
    found->fetched |= !op->peek;
}

static void fake_update(struct store_loop *loop, struct store_op *op)
{
    struct fake_record *found = fake_find(loop, op, true);
    struct store_draft draft = {0};
    struct bytes current = found->record == NULL ? bytes_of(NULL, 0) : blob_bytes(found->record);
    op->record = NULL;
    if (loop->full && !op->uses_reserve) {
        op->status = STORE_FULL;
        return;
    }
    enum store_verdict verdict = op->apply(op, current, &draft);
    op->status = verdict == STORE_KEEP ? STORE_UNCHANGED : STORE_OK;
    if (verdict == STORE_KEEP) {
        blob_release(draft.record);
        return;
    }
    blob_release(found->record);
    found->record = draft.record; /* NULL when erased */
    found->fetched = false;
}

static void fake_run(struct store_loop *loop, struct store_op *op)
{
    if (op->kind == STORE_READ)
        fake_read(loop, op);
    else
        fake_update(loop, op);
    queue_push(&loop->done, &op->link);
}

/* The op that was submitted as the index-th of those still held runs only now, so whatever it refers to must have
 * stayed readable. It ends with the next node_settle. */
static inline void fake_release(struct store_loop *loop, unsigned index)
{
    CHECK(index < loop->held_count);
    struct store_op *op = loop->held[index];
    loop->held_count--;
    memmove(&loop->held[index], &loop->held[index + 1], (loop->held_count - index) * sizeof *loop->held);
    fake_run(loop, op);
}

void store_submit(struct store_loop *loop, struct instant now, struct store_op *op)
{
    (void)now;
    if (!loop->holds) {
        fake_run(loop, op);
        return;
    }
    CHECK(loop->held_count < FAKE_HELD_MAX);
    loop->held[loop->held_count++] = op;
}

struct store_op *store_next_done(struct store_loop *loop, struct instant now)
{
    (void)now;
    struct queue_node *node = queue_pop(&loop->done);
    return node == NULL ? NULL : CONTAINER_OF(node, struct store_op, link);
}

size_t store_scan(struct store *store, struct store_loop *loop, struct store_cursor *cursor, size_t max,
                  store_visit *visit, void *context)
{
    (void)store, (void)loop, (void)cursor, (void)max, (void)visit, (void)context;
    return 0;
}

#endif
