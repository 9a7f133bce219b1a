/* The log: one append-only sequence of segments per loop, all segments together in one set.
 *
 * A loop appends to its active segment under its own lock. The storage thread keeps spare segments ready, seals
 * the active ones at the beginning of a checkpoint and uses sealed ones again after it. Nothing that a loop calls
 * creates, removes or syncs a file.
 *
 * Order of locks: stripe, then log, then set. */
#ifndef STORAGE_LOG_H
#define STORAGE_LOG_H

#include "base/queue.h"
#include "storage/lock.h"
#include "storage/segment.h"

#include <stdatomic.h>

/* What all logs of a store share. */
struct log_set {
    struct disk *disk;
    const struct lock_ops *locks;
    uint64_t segment_bytes;
    uint64_t bytes_max;
    uint64_t next_file; /* storage thread */

    struct lock lock; /* of what follows up to the counters */
    struct list spares, sealed;
    unsigned spare_count, sealed_count;
    uint64_t bytes;         /* of all files */
    uint64_t special_bytes; /* of those that hold one large record */
    uint64_t sealed_used;   /* bytes of records in sealed segments */

    _Atomic uint64_t next_generation;
    _Atomic unsigned doubts; /* doubtful segments; while there are any, nothing may be written */
    _Alignas(64) _Atomic uint64_t next_sequence;
};

/* One loop's log. */
struct log {
    struct lock lock;
    int owner;
    struct segment *active;  /* NULL until something is appended */
    struct segment *special; /* made for a record that no ordinary segment can hold */
    uint64_t special_wanted; /* size of the segment that a waiting record needs, 0: none */
    bool special_refused;    /* and there was no space for it */
    uint64_t position;       /* bytes appended, ever */
    uint64_t durable;        /* of these, bytes that survive a loss of power */
    uint64_t sealed_to;      /* position when it was last sealed for a checkpoint */
    bool broken;             /* a segment's sync failed: only a checkpoint makes it durable */
    bool took_spare;         /* the storage thread should make another */
    struct queue unsynced;   /* store_ops that wait for `durable` to pass them, in order */
    struct queue synced;     /* and those that it has passed */
};

enum { LOG_FIRST_BYTES = 1 << 20 /* of the segments that a start makes */ };

/* No segment is open yet. `segment_bytes` of one file, at most `bytes_max` of all together. */
void log_set_init(struct log_set *set, struct disk *disk, const struct lock_ops *locks, uint64_t segment_bytes,
                  uint64_t bytes_max);
/* Closes the files; they stay on the disk. */
void log_set_close(struct log_set *set);
void log_init(struct log *log, struct log_set *set, int owner);
void log_close(struct log *log, struct log_set *set);

enum log_status {
    LOG_OK,
    LOG_WAIT, /* no segment with room is ready */
    LOG_FULL, /* there is no space for a segment that large */
    LOG_IO    /* the disk failed; nothing was appended */
};

/* Appends the record with the next sequence number. *position is the log's afterwards. */
enum log_status log_append(struct log_set *set, struct log *log, struct log_record *record, uint64_t *position);

/* A failed append may have left its record after all. Until that is put right every update must fail: one of the same
 * key would give the record's dot to another value, and replay would meet both. */
static inline bool log_is_in_doubt(const struct log_set *set)
{
    return atomic_load_explicit(&set->doubts, memory_order_relaxed) != 0;
}

/* Tries again to remove what failed appends have left behind. True when nothing is left. */
bool log_settle_doubts(struct log_set *set, struct log *const *logs, unsigned count);

/* No update of this loop waits any more. */
void log_forget_special(struct log_set *set, struct log *log);

/* The rest is the storage thread's. */

/* Seals all active segments at one moment. Every segment of a generation below the returned one is sealed then, and
 * every record in it was appended under a lock that is free or held by someone who installs that record. */
uint64_t log_seal(struct log_set *set, struct log *const *logs, unsigned count);

/* A checkpoint has made the sealed segments below this generation needless: keeps up to `spares_max` for use again
 * and removes the others. DISK_IO when a file could not be removed (it is ignored at the next start). */
enum disk_status log_release(struct log_set *set, uint64_t floor, unsigned spares_max);

enum log_supply {
    SUPPLY_ENOUGH, /* nothing was needed */
    SUPPLY_ADDED,  /* a segment was made ready; there may be more to do */
    SUPPLY_LIMIT,  /* the limit forbids it: a checkpoint must free segments first */
    SUPPLY_REFUSED /* the disk has no space, or fails */
};
/* Before the threads start: a small spare segment for each of `count` logs, so that no first write waits until a whole
 * one has been filled with zeros. They are not used again. false: the disk refuses. */
bool log_supply_first(struct log_set *set, unsigned count);
/* Makes at most one spare segment, up to `spares_wanted`. */
enum log_supply log_supply_spare(struct log_set *set, unsigned spares_wanted);
/* Makes the special segment that this log waits for, or removes one that it no longer waits for. With `give_up` the
 * limit is a refusal: no checkpoint will free anything soon. */
enum log_supply log_supply_special(struct log_set *set, struct log *log, bool give_up);

/* Bytes of records that a checkpoint would free. */
uint64_t log_used(struct log_set *set, struct log *const *logs, unsigned count);
unsigned log_count_active(struct log_set *set, struct log *const *logs, unsigned count);
bool log_has_spare(struct log_set *set);

/* Take over a segment that was found at start-up: with records to replay, or free for use. */
void log_adopt_sealed(struct log_set *set, struct segment *segment);
enum disk_status log_adopt_free(struct log_set *set, struct segment *segment, unsigned spares_max);

#endif
