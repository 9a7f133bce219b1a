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
    MERGE_DEAD,      /* nothing of what was sent lives on, and not all of it was overwritten: it is at or before the
                        horizon of this copy and was not here [R3]. The sender may drop it */
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
    hybrid_time horizon;   /* of the sender's copy [R3], loaded before it read what it sent; 0 as set by init: none */
    bool is_hint;          /* kept for an owner: the record here has no horizon of its own */
    bool was_lost;         /* if there is no record here, one has been lost: what comes is not dead for that */

    /* Results, valid when the op has come back. */
    enum replica_merge_outcome outcome;
    hybrid_time winner; /* of the version that is later than the incoming one, 0: none is; message_write_reply */
};

/* With op.replaces_corrupt an unreadable record counts as none: replica_forget_births first.
 * `incoming`: a verified record, alone in its blob. */
void replica_merge_init(struct replica_merge *merge, struct replica *replica, struct arena *scratch, struct instant now,
                        struct blob *incoming, bool keeps_newest);

/* One replica's answer: its record, NULL when it has none, and the horizon of its copy (0 for a hint). */
struct replica_copy {
    struct blob *record;
    hybrid_time horizon;
};

/* Merges copies of one key into `object` (zeros: none yet), whose arrays are in the arena and whose horizon is
 * *horizon; with keeps_newest only the newest version stays. What comes out points into records and arena; *horizon
 * becomes the largest of all. A copy without a record counts too: what is not there and at or before its horizon is
 * dead. false: a record cannot be decoded, or all together are more than a record takes. */
struct object;
bool replica_merge_copies(struct object *object, hybrid_time *horizon, const struct replica_copy *copies,
                          unsigned count, bool keeps_newest, struct arena *arena);

#endif
