/* What a replica makes of an object that another one sends, Dynamo 4.4 and 4.5 with [R2], [R4] and [R5]: WRITE
 * messages, read repair, write-back. It merges; who is newer is never asked, except in last-write-wins buckets.
 *
 *   struct replica_merge merge;
 *   replica_merge_init(&merge, replica, &arena, now, record, keeps_newest);
 *   merge.op.key, hash, partition, durability, keeps_use, owner = ...
 *   store_submit(loop, now, &merge.op);
 *   ... store_next_done returns &merge.op: look at merge.op.status (STORE_OK, STORE_UNCHANGED: it is here) and
 *   merge.outcome */
#ifndef REPLICA_MERGE_H
#define REPLICA_MERGE_H

#include "base/arena.h"
#include "base/blob.h"
#include "replica/replica.h"
#include "storage/store.h"

#include <stdbool.h>

enum replica_merge_outcome {
    MERGE_DONE,      /* what was sent is here at op.durability, or something that has overwritten it */
    MERGE_NO_MEMORY, /* or more versions or pairs than a record takes; nothing was changed; op.status is STORE_UNCHANGED
                      */
    MERGE_CORRUPT    /* one of the two objects cannot be decoded; nothing was changed; op.status is STORE_UNCHANGED */
};

struct replica_merge {
    struct store_op op; /* submit it; replica_merge_init sets kind and apply */
    struct replica *replica;
    struct arena *scratch; /* reset whenever the function runs: inside store_submit and store_next_done of this loop */
    struct instant now;
    struct blob *incoming; /* the caller's, until the op has come back; may become the stored record itself */
    bool keeps_newest;     /* a last-write-wins bucket */

    /* Results, valid when the op has come back. */
    enum replica_merge_outcome outcome;
    hybrid_time winner; /* of the version that is later than the incoming one, 0: none is; message_write_reply */
};

/* With op.replaces_corrupt an unreadable record counts as none: replica_forget_births first.
 * `incoming`: a verified record, alone in its blob. */
void replica_merge_init(struct replica_merge *merge, struct replica *replica, struct arena *scratch, struct instant now,
                        struct blob *incoming, bool keeps_newest);

/* Merges records of one key into `object` (zeros: none yet), whose arrays are in the arena; with keeps_newest only the
 * newest version stays. What comes out points into records and arena. false: one of them cannot be decoded, or all
 * together are more than a record takes. */
struct object;
bool replica_merge_records(struct object *object, struct blob *const *records, unsigned count, bool keeps_newest,
                           struct arena *arena);

#endif
