/* The local store, Dynamo 5 with [R15]: an object buffer, a mapped log and a checkpoint engine.
 *
 * A read looks into the buffer, then into the engine. An update runs a pure function on the newest record
 * under the lock of the key's stripe, appends the result to the calling loop's log and leaves it dirty in the
 * buffer. The storage thread writes dirty records in key order to the engine in bounded batches and then
 * recycles the log. Start-up replays the log by merge.
 *
 *   loop threads:    store_submit, store_next_done
 *   storage thread:  store_checkpoint_slice, store_scan
 *   sync thread:     store_sync
 *
 * A volatile store (engine `memory`) has neither log nor engine; it evicts least recently used records. */
#ifndef STORAGE_STORE_H
#define STORAGE_STORE_H

#include "base/blob.h"
#include "base/bytes.h"
#include "base/instant.h"
#include "base/queue.h"
#include "ring/bucket.h"
#include "storage/disk.h"
#include "storage/engine.h"
#include "storage/lock.h"
#include "version/hybrid.h"

#include <stdbool.h>
#include <stdint.h>

/* Longest key of a record: a client's, or a hint's (hints/hints.h). */
enum { STORE_KEY_MAX = 254, STORE_HINT_PREFIX = 4 };

/* A record's time that is further ahead of the clock is not counted as one that this node has reached [R2]. */
enum { STORE_AHEAD_MS_MAX = 60000 };

enum store_kind { STORE_READ, STORE_UPDATE };

enum store_status {
    STORE_OK,        /* read: op->record is the record; update: replaced or erased, at the promised durability */
    STORE_ABSENT,    /* read: no record */
    STORE_UNCHANGED, /* update: apply said STORE_KEEP, and what is there has the wanted durability */
    STORE_FULL,      /* update: no space in log, map or disk, or no memory; the key is untouched */
    STORE_CORRUPT,   /* the record failed its checksum; it is not served, nor overwritten without replaces_corrupt */
    STORE_IO         /* read: the engine could not read. Update: the log could not be written or synced */
};

/* What an update's function wants done with the record. */
enum store_verdict { STORE_KEEP, STORE_REPLACE, STORE_ERASE };

struct store_op;

/* Where an update's function puts its new record. */
struct store_draft {
    struct blob *record; /* set by store_draft_alloc */
};

/* Room for a new record of `len` bytes, to be filled before the function returns STORE_REPLACE. NULL without
 * memory: return STORE_KEEP then and remember why. Called at most once in a call of the function. */
uint8_t *store_draft_alloc(struct store_draft *draft, size_t len);

/* In place of store_draft_alloc: a record that exists already, alone in its blob, and is never changed any more. The
 * draft takes a reference of its own. false: it is too long for the log; return STORE_KEEP then. */
bool store_draft_take(struct store_draft *draft, struct blob *record);

/* Pure; runs under the stripe's lock on the newest record (`current`, empty when there is none). It may be
 * called again for the same op (after waiting for space) and must then start afresh. */
typedef enum store_verdict store_apply(struct store_op *op, struct bytes current, struct store_draft *draft);

/* One operation, embedded in whoever waits for it. The store borrows it from store_submit until
 * store_next_done returns it; key and whatever apply reads must stay readable so long. */
struct store_op {
    struct queue_node link; /* the store's */
    enum store_kind kind;
    enum durability durability; /* update */
    bool peek;                  /* read: do not count as a use of the record */
    bool uses_reserve;          /* update: may use the reserved space (deletes, sweeps) */
    bool keeps_use;        /* update: the new record is still the item that was read (touch, incr); apply may set it */
    bool is_use;           /* update: counts as a read of the record (get and touch) */
    bool replaces_corrupt; /* update: a record in the engine that fails its checksum counts as none */
    uint16_t partition;
    uint32_t hash;      /* hash_of_key(key), of a hint's client key */
    struct bytes key;   /* 1 .. STORE_KEY_MAX bytes; empty for a record of the node itself */
    store_apply *apply; /* update */
    uint8_t owner;      /* the submitter's own mark: whose op this is, kept as it is */
    bool unsaved;       /* for apply: a crash now may bring back an older record than `current`, for replay to merge */

    /* Results. */
    enum store_status status;
    bool fetched_before;   /* the record had been read since it came into the buffer */
    uint32_t idle_s;       /* seconds since its last use, 0 when unknown */
    struct blob *record;   /* read: a reference that the op's owner releases; NULL otherwise */
    uint64_t log_position; /* the store's */
};

/* Of an update that has come back: has what its function wanted been done? Also when a sync failed after that. */
static inline bool store_has_changed(const struct store_op *op)
{
    return op->status == STORE_OK || (op->status == STORE_IO && op->log_position != 0);
}

struct store_limits {
    uint64_t memory_bytes;      /* -m: all objects in the buffer, dirty and recently used */
    uint64_t dirty_bytes;       /* most bytes not yet checkpointed; beyond, updates wait */
    uint64_t log_segment_bytes; /* of one segment file */
    uint64_t log_bytes;         /* all segments together; beyond, updates wait for a checkpoint */
    uint64_t checkpoint_bytes;  /* dirty bytes that start a checkpoint */
    uint32_t checkpoint_age_ms; /* age of the oldest dirty record that starts one */
    uint32_t batch_records;     /* most records in one engine batch */
    uint64_t batch_bytes;
    uint32_t stripes; /* a power of two */
    bool evict;       /* volatile stores: false answers STORE_FULL instead of evicting (-M) */
    bool no_tree; /* a store of hints: in no hash tree; hashes leave out the first STORE_HINT_PREFIX bytes of keys; as
                   * it is empty nearly always, segments of the log are made when an update needs one, and starts and
                   * stops without any update write nothing */
};

/* The documented defaults. */
struct store_limits store_limits_default(void);

/* What the store asks of its surroundings. */
struct store_ports {
    struct disk *disk;     /* NULL: volatile */
    struct engine *engine; /* NULL: volatile */
    const struct lock_ops *locks;
    /* The present as the wall clock has it, 0: not known. What is more than STORE_AHEAD_MS_MAX after it, and after all
     * times that this node itself has issued, is data like any other, but nobody's clock. */
    hybrid_time present;
    /* Loop `loop` has completions (store_next_done). Called by the storage and the sync thread, and by the loop itself
     * never. */
    void (*wake_loop)(void *host, unsigned loop);
    /* store_checkpoint_slice or store_sync has work. Any thread; cheap; may be called often. */
    void (*wake_storage)(void *host);
    void (*wake_sync)(void *host);
    /* Something an operator should know; `text` is a whole sentence with what, where and what to do. */
    void (*report)(void *host, const char *text);
    void *host;
};

struct tree;
struct store;      /* shared by all loops */
struct store_loop; /* one loop's side of it */

enum store_open_status { STORE_OPEN_OK, STORE_OPEN_FAILED /* report() said why */ };

/* What start-up found. */
struct store_recovery {
    bool clean; /* the last stop was clean: nothing to replay. Also where nothing has ever run */
    uint64_t replayed_records, replayed_bytes;
    uint64_t torn_records; /* tails of segments that do not verify: never acknowledged, unless power was lost or the
                            * disk damaged them */
    uint64_t damaged;      /* places where records are missing from the log that had been whole: the disk has damaged
                            * them, or has not kept what was not synced. Acknowledged writes may be missing */
    hybrid_time newest;    /* the highest hybrid time found anywhere, but see store_ports.present */
};

/* Opens the store for `loops` loops (numbers 0 .. loops - 1; the engine has as many readers), replays the log
 * and checkpoints what it replayed. Blocks; before any other thread. */
enum store_open_status store_open(struct store **store, const struct store_limits *limits,
                                  const struct store_ports *ports, unsigned loops, struct store_recovery *found);

/* Checkpoints everything, writes the clean-stop mark with `newest` (the hybrid clock) and frees the store. All
 * other threads have ended. The engine and the disk stay the caller's. false: the checkpoint or the mark could not be
 * written, which has been reported; the next start finds what a killed process would have left. */
bool store_close(struct store *store, hybrid_time newest);
/* Frees without writing anything: for tests that crash. */
void store_abandon(struct store *store);

/* The loop's side of the store; it lives as long as the store. */
struct store_loop *store_loop_of(struct store *store, unsigned loop);

/* Takes the op; never calls back. It is returned by a later store_next_done of the same loop, often by the very next.
 */
void store_submit(struct store_loop *loop, struct instant now, struct store_op *op);

/* A finished op, or NULL. */
struct store_op *store_next_done(struct store_loop *loop, struct instant now);

/* One bounded slice of checkpointing. Returns the milliseconds after which it wants to be called again
 * without a wake-up (0: at once). `newest`: the hybrid clock, kept with the checkpoint. */
uint32_t store_checkpoint_slice(struct store *store, struct instant now, hybrid_time newest);

/* Makes the log durable up to what was appended before the call, completes the waiting `synced` ops. Blocks. */
void store_sync(struct store *store);

/* Where a scan stands; zero-initialise to begin. */
struct store_cursor {
    uint8_t key[2 + STORE_KEY_MAX];
    uint16_t key_len;
    uint32_t stripe; /* of a volatile store, and the place in it */
    uint64_t position;
    uint64_t passes; /* complete passes so far */
    bool failed;     /* by the last call: the engine could not be read; going on later tries again */
    /* The caller's: records whose checksum is wrong are visited as well, as they are; `visit` verifies (record_verify)
     * what it uses. Else they are reported and passed over. */
    bool shows_damaged;
};

/* A record met by a scan (it may be older than the buffered one: check again under update). */
typedef void store_visit(void *context, uint16_t partition, struct bytes key, struct bytes record);

/* Visits the next up to `max` records, as loop `loop`; after the last record the cursor starts over and the call
 * returns early. Returns how many were visited. A durable store visits what has been checkpointed; a volatile one may
 * visit a few more than `max`, those that share the last one's hash bucket. `visit` must not call the store. */
size_t store_scan(struct store *store, struct store_loop *loop, struct store_cursor *cursor, size_t max,
                  store_visit *visit, void *context);

/* The same for one partition alone, of a durable store: visits up to `max` of its records in key order, beginning with
 * the first key after cursor->key (that is, after the partition and key where the last call ended; zeros begin).
 * Returns false when the partition's last record has been visited. Like any scan it shows what has been checkpointed:
 * whoever has to see everything up to now waits for store_is_checkpointed first, and reads each record that it cares
 * for. If the engine fails it returns true, with cursor->failed and the cursor behind the last record that was visited.
 */
bool store_scan_partition(struct store *store, struct store_loop *loop, uint16_t partition, struct store_cursor *cursor,
                          size_t max, store_visit *visit, void *context);

/* What store_scan does not show because replay found no room for it in the engine: every dirty record, as it is in the
 * engine (empty: it is not there; its checksum may be wrong) and as it is (empty: erased). Before the threads start. */
typedef void store_visit_dirty(void *context, uint16_t partition, struct bytes key, struct bytes in_engine,
                               struct bytes newest);
void store_scan_dirty(struct store *store, store_visit_dirty *visit, void *context);

/* A mark behind everything that has been updated until now, and a checkpoint asked for that passes it soon. Any thread.
 * store_is_checkpointed: everything before the mark is in the engine, synced. A volatile store's marks never are. */
uint64_t store_mark(struct store *store);
/* How many changes the log has been given, ever: a number that is found again, or a larger one, when the store is
 * opened the next time, unless the log or the data were lost or exchanged for an old copy. Any thread. */
uint64_t store_sequence(struct store *store);
bool store_is_checkpointed(struct store *store, uint64_t mark);

/* The hash tree over all records with a key, kept with every update (storage/tree.h). NULL: a volatile store has none,
 * nor has one that was opened with limits.no_tree. */
struct tree *store_tree(struct store *store);
/* The tree of this partition is not what its records say (a checker found so): before the next batch of a checkpoint,
 * which is asked for, its leaves are summed up anew. Any thread. */
void store_correct_tree(struct store *store, uint32_t partition_count, uint16_t partition);

/* The partition in which a record with a wrong checksum has been met since the last call, by whomever: the latest, if
 * there are several; -1: in none. Sweeps meet such a record again until it has been replaced. Any thread. */
int store_next_damaged(struct store *store);

/* Named values that belong to the node, kept with the checkpoint (identity, flush time ...). The write is synced when
 * it returns true. Storage thread, or before the threads start. A volatile store forgets them. */
bool store_put_meta(struct store *store, const char *name, struct bytes value);
/* *value: a blob that the caller releases. STORE_OK, STORE_ABSENT, or STORE_IO: there may be one, but it cannot be
 * read. */
enum store_status store_find_meta(struct store *store, const char *name, struct blob **value);
/* The same for those to whom one that cannot be read is none: the blob, or NULL. */
struct blob *store_read_meta(struct store *store, const char *name);

struct store_stats {
    uint64_t records_buffered, bytes_buffered; /* footprint of the buffer */
    uint64_t records_dirty, bytes_dirty;
    uint64_t buffer_hits, buffer_misses; /* of reads and updates */
    uint64_t engine_reads, evictions, evicted_unfetched, reclaimed;
    uint64_t checkpoints, checkpointed_records, checkpoint_failures;
    uint64_t log_appended_bytes, log_segments, log_bytes, log_syncs;
    uint64_t updates_waited; /* updates that had to wait for space */
    uint64_t corrupt_records, io_errors, full_errors;
    uint64_t hint_bytes_grown; /* of a store of hints: by how many bytes keys and records have grown since it was
                                * opened, modulo 2^64 */
    uint64_t leaves_corrected; /* of the hash tree: after a damaged record was replaced, or by store_correct_tree */
    bool has_engine;
    struct engine_usage engine;
};

/* Returns when every update whose function ran at the time of the call has been installed and counted: goes through the
 * lock of each stripe. Any thread; some microseconds. */
void store_pass_stripes(struct store *store);

/* A snapshot of the counters; any thread. */
void store_stats(struct store *store, struct store_stats *out);

#endif
