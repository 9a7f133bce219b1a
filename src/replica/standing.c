#include "replica/standing.h"

#include "base/bounds.h"
#include "base/check.h"
#include "base/hash.h"
#include "base/wire.h"

#include <stdlib.h>

enum { PARTITIONS = 65536, FORMAT = 2, HEAD_BYTES = 1 + 4, ROW_BYTES = 8, CHECKSUM_BYTES = 8 };

#define ROW_IS_DOUBTFUL ((uint64_t)1 << 63) /* the top bit of a horizon is 0 */

/* Marks are numbered over the whole copy. A flag is set while its last mark has a higher number than the last one that
 * was cleared, so a mark that comes during a clearing survives it without any lock. */
struct row {
    _Atomic hybrid_time horizon; /* in force */
    _Atomic hybrid_time wanted;
    hybrid_time encoded; /* between standing_encode and standing_kept */
    _Atomic uint64_t doubtful, behind, cleared;
    _Atomic bool is_withdrawn; /* the horizon, until the next standing_encode */
};

/* Rows of partitions that the ring does not have are never touched, so they take addresses and no memory. */
struct standing {
    _Atomic uint64_t marks;            /* given out */
    _Atomic uint64_t doubtful, behind; /* of the whole copy */
    _Atomic bool is_unconfirmed;
    _Atomic hybrid_time newest; /* horizon of all */
    _Atomic uint64_t changes;   /* of what is kept */
    uint64_t encoded_changes, encoded_rows;
    _Atomic uint64_t kept_changes;
    struct row rows[PARTITIONS];
};

struct standing *standing_new(void)
{
    struct standing *standing = calloc(1, sizeof *standing);
    CHECK_MEMORY(standing);
    return standing;
}

void standing_free(struct standing *standing)
{
    free(standing);
}

static void raise(_Atomic uint64_t *number, uint64_t to)
{
    uint64_t seen = atomic_load(number);
    while (seen < to && !atomic_compare_exchange_weak(number, &seen, to))
        ;
}

static void note_change(struct standing *standing)
{
    atomic_fetch_add(&standing->changes, 1);
}

hybrid_time standing_horizon(const struct standing *standing, uint16_t partition)
{
    return atomic_load_explicit(&standing->rows[partition].horizon, memory_order_acquire);
}

hybrid_time standing_newest_horizon(const struct standing *standing)
{
    return atomic_load(&standing->newest);
}

static uint64_t doubtful_mark(const struct standing *standing, const struct row *row)
{
    return larger(atomic_load(&row->doubtful), atomic_load(&standing->doubtful));
}

static uint64_t behind_mark(const struct standing *standing, const struct row *row)
{
    return larger(atomic_load(&row->behind), atomic_load(&standing->behind));
}

/* As far as the copy itself is concerned, whoever it belongs to. */
static bool is_row_doubtful(const struct standing *standing, const struct row *row)
{
    return doubtful_mark(standing, row) > atomic_load(&row->cleared);
}

bool standing_is_doubtful(const struct standing *standing, uint16_t partition)
{
    return !standing_is_confirmed(standing) || is_row_doubtful(standing, &standing->rows[partition]);
}

bool standing_is_behind(const struct standing *standing, uint16_t partition)
{
    return !standing_is_confirmed(standing)
           || standing_marks(standing, partition) > atomic_load(&standing->rows[partition].cleared);
}

static void mark(struct standing *standing, enum standing_flag flag, _Atomic uint64_t *doubtful,
                 _Atomic uint64_t *behind)
{
    uint64_t number = atomic_fetch_add(&standing->marks, 1) + 1;
    raise(flag == STANDING_DOUBTFUL ? doubtful : behind, number);
    if (flag == STANDING_DOUBTFUL)
        note_change(standing);
}

void standing_mark_all(struct standing *standing, enum standing_flag flag)
{
    mark(standing, flag, &standing->doubtful, &standing->behind);
}

void standing_mark(struct standing *standing, uint16_t partition, enum standing_flag flag)
{
    struct row *row = &standing->rows[partition];
    mark(standing, flag, &row->doubtful, &row->behind);
}

uint64_t standing_marks(const struct standing *standing, uint16_t partition)
{
    const struct row *row = &standing->rows[partition];
    return larger(doubtful_mark(standing, row), behind_mark(standing, row));
}

/* A mark that comes after the comparison of numbers has a higher one than what is cleared here. */
bool standing_clear(struct standing *standing, uint16_t partition, uint64_t marks)
{
    struct row *row = &standing->rows[partition];
    if (standing_marks(standing, partition) != marks)
        return false;
    bool was_doubtful = is_row_doubtful(standing, row);
    raise(&row->cleared, marks);
    if (was_doubtful)
        note_change(standing);
    return true;
}

void standing_set_confirmed(struct standing *standing, bool confirmed)
{
    atomic_store(&standing->is_unconfirmed, !confirmed);
}

bool standing_is_confirmed(const struct standing *standing)
{
    return !atomic_load(&standing->is_unconfirmed);
}

void standing_raise_horizon(struct standing *standing, uint16_t partition, hybrid_time horizon)
{
    CHECK(horizon <= HYBRID_TIME_MAX);
    if (horizon <= atomic_load(&standing->rows[partition].wanted))
        return;
    raise(&standing->rows[partition].wanted, horizon);
    raise(&standing->newest, horizon);
    note_change(standing);
}

/* Horizons come into force by the hand of whoever keeps them, so they go by the same. */
void standing_withdraw_horizon(struct standing *standing, uint16_t partition)
{
    struct row *row = &standing->rows[partition];
    atomic_store(&row->wanted, 0);
    atomic_store(&row->is_withdrawn, true);
    standing_mark(standing, partition, STANDING_DOUBTFUL);
}

bool standing_wants_keeping(const struct standing *standing)
{
    return atomic_load(&standing->changes) != atomic_load(&standing->kept_changes);
}

size_t standing_size(uint32_t partitions)
{
    return HEAD_BYTES + (size_t)partitions * ROW_BYTES + CHECKSUM_BYTES;
}

/* The engine has no checksums of its own, and a horizon in which one high bit is wrong would say that all is dead. */
static uint64_t checksum_of(const uint8_t *at, uint32_t partitions)
{
    return hash_fingerprint(bytes_of(at, standing_size(partitions) - CHECKSUM_BYTES), FORMAT);
}

/* The number of changes is read first: one that comes meanwhile is kept the next time, if it has not been seen here. */
void standing_encode(struct standing *standing, uint32_t partitions, uint8_t *at)
{
    CHECK(partitions <= PARTITIONS);
    const uint8_t *start = at;
    standing->encoded_changes = atomic_load(&standing->changes);
    standing->encoded_rows = partitions;
    at = wire_write_u32(wire_write_u8(at, FORMAT), partitions);
    for (uint32_t i = 0; i < partitions; i++) {
        struct row *row = &standing->rows[i];
        if (atomic_exchange(&row->is_withdrawn, false))
            atomic_store(&row->horizon, 0);
        row->encoded = atomic_load(&row->wanted);
        at = wire_write_u64(at, row->encoded | (is_row_doubtful(standing, row) ? ROW_IS_DOUBTFUL : 0));
    }
    wire_write_u64(at, checksum_of(start, partitions));
}

void standing_kept(struct standing *standing)
{
    for (uint32_t i = 0; i < standing->encoded_rows; i++) {
        struct row *row = &standing->rows[i];
        if (row->encoded > atomic_load_explicit(&row->horizon, memory_order_relaxed))
            atomic_store_explicit(&row->horizon, row->encoded, memory_order_release);
    }
    atomic_store(&standing->kept_changes, standing->encoded_changes);
}

static void take_row(struct standing *standing, uint16_t partition, uint64_t kept)
{
    struct row *row = &standing->rows[partition];
    hybrid_time horizon = kept & ~ROW_IS_DOUBTFUL;
    if (horizon != 0) {
        raise(&row->wanted, horizon);
        raise(&row->horizon, horizon);
        raise(&standing->newest, horizon);
    }
    if ((kept & ROW_IS_DOUBTFUL) != 0)
        raise(&row->doubtful, atomic_fetch_add(&standing->marks, 1) + 1);
}

static uint64_t read_checksum(struct bytes kept)
{
    struct wire_reader reader = wire_reader_of(bytes_after(kept, kept.len - CHECKSUM_BYTES));
    return wire_read_u64(&reader);
}

bool standing_decode(struct standing *standing, struct bytes kept)
{
    struct wire_reader reader = wire_reader_of(kept);
    uint8_t format = wire_read_u8(&reader);
    uint32_t partitions = wire_read_u32(&reader);
    if (!reader.ok || format != FORMAT || partitions > PARTITIONS || kept.len != standing_size(partitions)
        || read_checksum(kept) != checksum_of(kept.at, partitions))
        return false;
    for (uint32_t i = 0; i < partitions; i++)
        take_row(standing, (uint16_t)i, wire_read_u64(&reader));
    return true;
}
