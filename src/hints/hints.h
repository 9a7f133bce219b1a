/* Hints, Dynamo 4.6: writes kept for an owner that is down, in a local database of their own, until it has them.
 *
 * The database is a store (storage/store.h) apart from the node's data, with its own log and engine and without a tree:
 * hints are in no hash tree. A hint is the record of one key that is owed to one owner, under the key HINT_KEY: the
 * owner's id, 4 bytes big-endian, and the client's key; its partition is the client key's. Several writes of one key
 * merge into one hint. Hints are counted by owner and by partition, exactly, also after a crash (hints_load).
 *
 *   hints.c     keys, counts, what a store op does to them
 *   deliver.c   handing over: a scan over the hints of owners that are up, a window of unacknowledged ones for each
 *
 * A hint is deleted when all that it holds has been stored by its owner; if the ring's table says that this owner does
 * not own the partition any more, when all present owners have. It is never dropped: neither for its age nor when space
 * runs out (then new ones are refused, MESSAGE_FULL). Only one whose record cannot be read is lost (deliver.h). While a
 * hint of a partition exists its horizon stands [R3]. */
#ifndef HINTS_HINTS_H
#define HINTS_HINTS_H

#include "base/bytes.h"
#include "base/instant.h"
#include "replica/merge.h"
#include "storage/store.h"

#include <stdbool.h>
#include <stdint.h>

enum { HINT_KEY_MAX = STORE_KEY_MAX, HINT_OWNERS_MAX = 1024 };

/* Shared by all loops of a process. */
struct hints;

struct hints_counters {                        /* any thread */
    uint64_t stored, delivered, refused, kept; /* kept: hints there are now */
    uint64_t bytes;                            /* of records and keys kept */
};

/* `store` is the hint database, NULL: there is none (engine memory): nothing stands in. Both are borrowed. Aborts
 * without memory. */
struct hints *hints_new(struct store *store, struct replica *replica);
void hints_free(struct hints *hints);
/* Counts what an earlier run left, synchronously as loop `loop`; before the loops start. If the database cannot be read
 * every partition counts as one with hints until the next start: none of their horizons may rise. */
void hints_load(struct hints *hints, struct store_loop *loop);

/* Is there a database? */
bool hints_exist(const struct hints *hints);
/* Are there any hints of this partition, of this owner? Any thread, a load each. */
uint32_t hints_of_partition(const struct hints *hints, uint16_t partition);
uint64_t hints_of_owner(const struct hints *hints, uint32_t owner);
void hints_count(const struct hints *hints, struct hints_counters *out);
/* Every owner that hints are kept for, with their number and the time of the oldest version since the start; returns
 * how many there are, of which at most `max` are in `rows`. Any thread. */
struct hints_row {
    uint32_t owner;
    uint64_t count;
    uint64_t since_ms; /* hybrid milliseconds at which the first of those kept now came, as far as is known */
};
unsigned hints_rows(const struct hints *hints, struct hints_row *rows, unsigned max);

/* The key of a hint; `at` has room for HINT_KEY_MAX bytes. And its parts. */
struct bytes hint_key(uint8_t *at, uint32_t owner, struct bytes key);
uint32_t hint_owner(struct bytes hint_key);
struct bytes hint_client_key(struct bytes hint_key);

/* Stores a hint: a merge (replica/merge.h) into the hint database that counts. Fill merge.op's durability, partition,
 * hash (of the client's key), owner; submit it to the hint store's loop; look at the results as after any merge. */
struct hint_write {
    struct replica_merge merge;
    struct hints *hints;
    uint8_t key[HINT_KEY_MAX];
    /* The hint's own: what the last call of the function found and made. */
    store_apply *merge_apply;
    bool was_there, is_counted;
};
/* `incoming` and `key` are borrowed as by replica_merge_init; the key is copied. */
void hint_write_init(struct hint_write *write, struct hints *hints, struct arena *scratch, struct instant now,
                     struct blob *incoming, bool keeps_newest, uint32_t owner, struct bytes key);
/* To be called when the op has come back, before its results are used: counts. */
void hint_write_end(struct hint_write *write);

/* The same for a stand-in that coordinates: its update function runs on a hint; `existed`, `exists` say whether there
 * was a record before and is one now. Called inside the function, or when its op has come back. */
void hints_note_update(struct hints *hints, uint32_t owner, uint16_t partition, bool existed, bool exists,
                       uint64_t now_ms);

#endif
