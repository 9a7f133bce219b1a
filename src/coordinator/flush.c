#include "coordinator/flush.h"

#include "base/check.h"
#include "base/list.h"
#include "base/wire.h"
#include "version/record.h"

enum { REGISTER_BYTES = 16 };

struct registers {
    hybrid_time flushed, pending;
};

static struct registers registers_of(const struct version *version)
{
    struct wire_reader reader = wire_reader_of(version->value);
    struct registers found = {.flushed = wire_read_u64(&reader), .pending = wire_read_u64(&reader)};
    return reader.ok ? found : (struct registers){0};
}

/* What is in force after a flush at `now_ms`: a pending one that has come due is never taken back, a later command
 * replaces one that has not. */
static struct registers after_flush(struct registers old, hybrid_time time, uint64_t from_ms, uint64_t now_ms)
{
    struct registers next = {.flushed = old.flushed};
    if (old.pending != 0 && hybrid_ms(old.pending) <= now_ms && old.pending > next.flushed)
        next.flushed = old.pending;
    if (from_ms > now_ms)
        next.pending = hybrid_of_ms(from_ms);
    else if (time > next.flushed)
        next.flushed = time;
    return next;
}

static enum store_verdict flush_apply(struct store_op *op, struct bytes current, struct store_draft *draft)
{
    struct request *request = CONTAINER_OF(op, struct request, op);
    struct coordinator *coordinator = request->coordinator;
    struct object object = {0}, out;
    arena_reset(&coordinator->scratch);
    request->status = REQUEST_FAILED;
    request->failure = FAILURE_CORRUPT;
    if (current.len != 0 && record_decode(current, &object, &coordinator->scratch) != RECORD_OK)
        return STORE_KEEP;

    struct registers old = object.live_count == 0 ? (struct registers){0} : registers_of(object_newest(&object));
    struct version fresh = replica_fresh_version(coordinator->replica, &object, coordinator->now);
    uint64_t now_ms = hybrid_now_ms(&coordinator->replica->clock, coordinator->now);
    hybrid_time time = request->whole_second ? hybrid_of_ms((now_ms / 1000 + 1) * 1000) - 1 : fresh.time;
    struct registers next = after_flush(old, time, request->expiry_ms, now_ms);
    uint8_t value[REGISTER_BYTES];
    (void)wire_write_u64(wire_write_u64(value, next.flushed), next.pending);
    fresh.value = bytes_of(value, sizeof value);
    object_put(&out, &object, NULL, &fresh, &coordinator->scratch);

    uint8_t *at = store_draft_alloc(draft, record_size(&out));
    if (at == NULL) {
        request->status = REQUEST_NO_MEMORY;
        return STORE_KEEP;
    }
    record_encode(&out, at);
    blob_release(request->record);
    request->record = blob_retain(draft->record);
    request->status = REQUEST_OK;
    return STORE_REPLACE;
}

static void prepare(struct store_op *op, enum store_kind kind)
{
    op->kind = kind;
    op->key = bytes_of(NULL, 0);
    op->partition = 0;
    op->hash = 0;
    op->uses_reserve = true;
    op->durability = DURABILITY_COMMITTED;
}

void flush_start(struct coordinator *coordinator, struct request *request)
{
    prepare(&request->op, STORE_UPDATE);
    request->op.apply = flush_apply;
    store_submit(coordinator->store, coordinator->now, &request->op);
}

static void take_over(struct replica *replica, struct blob *record)
{
    struct version newest;
    uint32_t live_count = 0;
    if (record_newest(blob_bytes(record), &newest, &live_count) != RECORD_OK || live_count == 0)
        return;
    struct registers found = registers_of(&newest);
    replica_flush(replica, found.flushed, found.pending, newest.time);
}

void flush_stored(struct coordinator *coordinator, struct request *request)
{
    take_over(coordinator->replica, request->record);
}

void coordinator_load_flush(struct coordinator *coordinator, struct instant now)
{
    struct store_op op = {0};
    prepare(&op, STORE_READ);
    store_submit(coordinator->store, now, &op);
    CHECK(store_next_done(coordinator->store, now) == &op); /* nothing else is under way yet */
    if (op.status == STORE_OK)
        take_over(coordinator->replica, op.record);
    blob_release(op.record);
}
