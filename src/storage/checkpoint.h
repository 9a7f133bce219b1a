/* Checkpoints: dirty records go to the engine in key order, in bounded batches, then the log is used again.
 *
 * A round begins by sealing the log and collecting what is dirty at that moment. Every record in a sealed segment
 * is then in the engine, or collected, or replaced by something newer that is dirty and collected. Each batch
 * writes the newest record of the collected entries; an entry that was updated meanwhile stays dirty. The last
 * batch also moves the log floor, and after its commit the sealed segments are needless. A round that fails keeps
 * everything and goes on later where it stopped. */
#ifndef STORAGE_CHECKPOINT_H
#define STORAGE_CHECKPOINT_H

#include "base/instant.h"
#include "storage/engine.h"
#include "version/hybrid.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct entry;
struct store;

/* A collected entry with the beginning of its engine key, which decides nearly all comparisons without a look at the
 * entry. */
struct dirty_ref {
    uint64_t prefix[2];
    struct entry *entry; /* it is dirty, so it stays until the round writes it */
};

/* A record of the batch that is being written. */
struct batch_item {
    struct entry *entry;
    struct blob *record; /* a reference; NULL: erase */
    uint32_t generation;
    uint64_t base, weight; /* in the hash tree: of what it replaces in the engine, of the record */
};

/* The state of the round, the storage thread's. */
struct checkpoint {
    bool running;
    bool moves_floor; /* false while replay makes room for itself */
    bool erases_mark; /* the next batch marks the directory as in use: a store of hints, of which it may be the only
                         one, and where a full disk did not allow it earlier */
    struct dirty_ref *refs;
    size_t count, next, capacity;
    struct batch_item *batch;
    uint64_t floor;           /* of the round: segments below are sealed */
    uint64_t floor_done;      /* in the engine */
    uint64_t retry_ns;        /* not before, after a failure */
    uint32_t backoff_ms;      /* 0: nothing has failed */
    uint64_t create_retry_ns; /* as retry_ns, for new segments */
    uint32_t create_backoff_ms;
    uint64_t now_ns;           /* when the slice began that is under way, or was last */
    uint64_t correct_retry_ns; /* as retry_ns, for putting the hash tree right */
    uint32_t correct_backoff_ms;
};

/* Begins a round: seals the log when the round is to move the floor, collects and sorts. */
void checkpoint_begin(struct store *store, bool moves_floor);

/* Writes the next batch and, with the last one, ends the round. After a failure the same batch is due again. */
enum engine_status checkpoint_write_batch(struct store *store, hybrid_time newest);

/* A whole round, for start and stop. */
enum engine_status checkpoint_all(struct store *store, bool moves_floor, hybrid_time newest);

/* Gives back the memory of the round that is under way. */
void checkpoint_close(struct store *store);

/* What the meta table says: the first generation to be replayed and the next sequence. */
enum { LOG_FLOOR_LEN = 16 };
#define META_LOG_FLOOR   "log-floor"
#define META_HYBRID_TIME "hybrid-time"
#define META_CLEAN_STOP  "clean-stop" /* the floor at the last clean stop; or store_in_use(): none since then */

#endif
