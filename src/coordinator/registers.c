#include "coordinator/registers.h"

#include "base/check.h"
#include "base/list.h"
#include "base/wire.h"
#include "coordinator/flush.h"
#include "version/record.h"

#include <stdlib.h>

enum { REGISTERS_BYTES = 24 };

static void make_due(struct flush_registers *registers, uint64_t now_ms)
{
    bool is_due = registers->pending != 0 && hybrid_ms(registers->pending) <= now_ms;
    if (is_due && registers->pending > registers->flushed)
        registers->flushed = registers->pending;
}

struct flush_registers registers_join(struct flush_registers a, struct flush_registers b, uint64_t now_ms)
{
    make_due(&a, now_ms);
    make_due(&b, now_ms);
    bool a_is_later = a.issued > b.issued || (a.issued == b.issued && a.pending >= b.pending);
    struct flush_registers joined = a_is_later ? a : b;
    joined.flushed = a.flushed > b.flushed ? a.flushed : b.flushed;
    return joined;
}

bool registers_equal(const struct flush_registers *a, const struct flush_registers *b)
{
    return a->flushed == b->flushed && a->pending == b->pending && a->issued == b->issued;
}

struct flush_registers coordinator_flush_registers(struct coordinator *coordinator)
{
    struct flush_registers present;
    replica_flush_registers(coordinator->replica, &present.flushed, &present.pending, &present.issued);
    return present;
}

void registers_count(struct coordinator *coordinator, struct flush_registers registers)
{
    uint64_t now_ms = hybrid_now_ms(&coordinator->replica->clock, coordinator->now);
    struct flush_registers joined = registers_join(coordinator_flush_registers(coordinator), registers, now_ms);
    replica_flush(coordinator->replica, joined.flushed, joined.pending, joined.issued);
}

static bool registers_of_version(const struct version *version, struct flush_registers *out)
{
    struct wire_reader reader = wire_reader_of(version->value);
    out->flushed = wire_read_u64(&reader);
    out->pending = wire_read_u64(&reader);
    out->issued = wire_left(&reader) == 0 ? version->time : wire_read_u64(&reader);
    return reader.ok;
}

bool registers_decode(struct coordinator *coordinator, struct bytes record, struct object *object,
                      struct flush_registers *out)
{
    *out = (struct flush_registers){0};
    *object = (struct object){0};
    arena_reset(&coordinator->scratch);
    if (record.len == 0)
        return true;
    if (record_decode(record, object, &coordinator->scratch) != RECORD_OK)
        return false;
    return object->live_count == 0 || registers_of_version(object_newest(object), out);
}

bool registers_encode(struct coordinator *coordinator, const struct object *object, struct version fresh,
                      const struct flush_registers *registers, struct store_draft *draft)
{
    uint8_t value[REGISTERS_BYTES];
    struct object out;
    uint8_t *at = wire_write_u64(value, registers->flushed);
    (void)wire_write_u64(wire_write_u64(at, registers->pending), registers->issued);
    fresh.value = bytes_of(value, sizeof value);
    object_put(&out, object, NULL, &fresh, &coordinator->scratch);
    uint8_t *record = store_draft_alloc(draft, record_size(&out));
    if (record == NULL)
        return false;
    record_encode(&out, record);
    return true;
}

void registers_prepare_op(struct store_op *op, enum store_kind kind)
{
    op->kind = kind;
    op->key = bytes_of(NULL, 0);
    op->partition = 0;
    op->hash = 0;
    op->uses_reserve = true;
    op->durability = DURABILITY_COMMITTED;
}

bool coordinator_believes(struct instant now, const struct flush_registers *registers)
{
    uint64_t limit_ms = now.wall_ms + REPLICA_AHEAD_MS_MAX;
    return hybrid_ms(registers->flushed) <= limit_ms && hybrid_ms(registers->issued) <= limit_ms;
}

static enum store_verdict store_apply_registers(struct store_op *op, struct bytes current, struct store_draft *draft)
{
    struct registers_write *write = CONTAINER_OF(op, struct registers_write, op);
    struct coordinator *coordinator = write->coordinator;
    struct flush_registers old;
    struct object object;
    write->failed = true;
    if (!registers_decode(coordinator, current, &object, &old))
        return STORE_KEEP;
    uint64_t now_ms = hybrid_now_ms(&coordinator->replica->clock, coordinator->now);
    struct flush_registers joined = registers_join(old, write->registers, now_ms);
    if (registers_equal(&joined, &old)) {
        write->failed = false;
        return STORE_KEEP;
    }
    struct version fresh = replica_fresh_version(coordinator->replica, &object, coordinator->now);
    if (!registers_encode(coordinator, &object, fresh, &joined, draft))
        return STORE_KEEP;
    write->failed = false;
    return STORE_REPLACE;
}

void coordinator_store_registers(struct coordinator *coordinator, struct instant now, struct registers_write *write,
                                 const struct flush_registers *registers, uint8_t owner)
{
    coordinator->now = now;
    *write = (struct registers_write){.coordinator = coordinator};
    write->refused = !coordinator_believes(now, registers);
    if (!write->refused) {
        write->registers = *registers;
        registers_count(coordinator, *registers);
        replica_observe(coordinator->replica, registers->issued, now);
    }
    write->op.apply = store_apply_registers;
    write->op.owner = owner;
    registers_prepare_op(&write->op, STORE_UPDATE);
    store_submit(coordinator->store, now, &write->op);
}

void coordinator_take_registers(struct coordinator *coordinator, struct instant now,
                                const struct flush_registers *registers)
{
    coordinator->now = now;
    struct flush_registers present = coordinator_flush_registers(coordinator);
    uint64_t now_ms = hybrid_now_ms(&coordinator->replica->clock, now);
    struct flush_registers joined = registers_join(present, *registers, now_ms);
    if (registers_equal(&joined, &present) || !coordinator_believes(now, registers))
        return;
    struct registers_write *write = malloc(sizeof *write);
    CHECK_MEMORY(write);
    coordinator->pending++;
    coordinator_store_registers(coordinator, now, write, registers, COORDINATOR_OP_REGISTERS);
}

/* If it could not be stored, it counts all the same until this process ends; the next one hears of it from the others
 * before it serves. */
void flush_on_taken(struct store_op *op)
{
    free(CONTAINER_OF(op, struct registers_write, op));
}

void coordinator_load_flush(struct coordinator *coordinator, struct instant now)
{
    struct store_op op = {0};
    struct object object;
    struct flush_registers found;
    coordinator->now = now;
    registers_prepare_op(&op, STORE_READ);
    store_submit(coordinator->store, now, &op);
    CHECK(store_next_done(coordinator->store, now) == &op); /* nothing else is under way yet */
    if (op.status == STORE_OK && registers_decode(coordinator, blob_bytes(op.record), &object, &found))
        replica_flush(coordinator->replica, found.flushed, found.pending, found.issued);
    blob_release(op.record);
}
