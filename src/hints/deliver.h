/* Handing hints over to their owners, Dynamo 4.6: "upon detecting that A has recovered, D will attempt to deliver".
 *
 * One for each process, run by the node that repairs. It looks through the hint store for hints of owners that are up,
 * sends each as WRITE (is_repair) and deletes it when it has been acknowledged (MESSAGE_OK, MESSAGE_DEAD), unless it
 * has changed meanwhile. At most DELIVER_WINDOW hints of one owner are unacknowledged, so the owner sets the pace. What
 * is refused, or not answered in time, stays; it is tried again in the next pass, after a pause that grows while
 * nothing gets through. A crash between acknowledgement and deletion delivers a hint twice, which merges to the same.
 *
 * A hint whose owner does not own its partition by the view in force goes to all present owners, to this node's own
 * data if it is one of them, and is deleted when all have it. A hint of a partition that this node itself owns is
 * merged into its data as well before it goes: as an owner it answers from there alone.
 *
 * A hint whose record fails its checksum is lost: it is deleted, so that it is counted no more and holds no horizon
 * back. What it held was acknowledged by others too, who own the key or have hints of their own, and its owner, who was
 * away, is compared with all other owners.
 *
 * A pass goes over what has been checkpointed when it began (store_mark), so each hint that is there then is met.
 * Nobody has to tell that hints have been stored: deliver_wake_at is never far ahead. */
#ifndef HINTS_DELIVER_H
#define HINTS_DELIVER_H

#include "base/chain.h"
#include "base/instant.h"
#include "hints/hints.h"
#include "message/data.h"
#include "ring/bucket.h"
#include "ring/ring.h"

#include <stdbool.h>
#include <stdint.h>

enum {
    DELIVER_WINDOW = 32,          /* unacknowledged hints of one owner */
    DELIVER_HINTS_AT_ONCE = 256,  /* of all owners together */
    DELIVER_BYTES_MAX = 8 << 20,  /* of their records; at least one goes all the same */
    DELIVER_TIMEOUT_MS = 2000,    /* for one acknowledgement */
    DELIVER_LOOK_MS = 250,        /* how soon a new hint of an owner that is up is seen */
    DELIVER_PAUSE_MS_MIN = 250,   /* between two passes; after one in which nothing got through */
    DELIVER_PAUSE_MS_MAX = 5000,  /* it is doubled up to this */
    DELIVER_CHECKPOINT_MS = 10000 /* a pass waits no longer for the hint store's checkpoint */
};

/* The ids of its WRITEs have this bit, and no others do: so the node knows whose a WRITE_REPLY is. */
#define DELIVER_ID_BIT (UINT64_C(1) << 62)

struct deliver;

struct deliver_parts {
    struct hints *hints; /* hints_exist */
    struct replica *replica;
    struct store_loop *hint_loop; /* the repairing node's side of the hint store */
    struct store_loop *data_loop; /* and of the data store */
    uint8_t op_owner;             /* store_op.owner of its operations in both stores */
    /* The repairing nodes of the other members: worth sending to? And where to write a request to one (its link is then
     * among those to be flushed), NULL: it cannot be reached. */
    bool (*is_up)(void *host, uint32_t node, struct instant now);
    struct chain *(*request)(void *host, uint32_t node, struct instant now);
    /* A hint of a partition that this node itself owns could not be read: what it held may be missing in its data.
     * NULL: nobody wants to know. */
    void (*lose)(void *host, uint16_t partition);
    void *host;
};

/* `parts` are copied; what they point to is borrowed. Aborts without memory. */
struct deliver *deliver_new(const struct deliver_parts *parts);
/* Nothing of it is in a store any more (deliver_pending is 0). Hints that are under way stay hints. */
void deliver_free(struct deliver *deliver);

/* The view in force, before any other call and whenever it changes; borrowed until the next. `self`: index of this node
 * in it, -1: not a member. What is under way by an older view is sent again by this one. */
void deliver_set_view(struct deliver *deliver, struct instant now, const struct ring_view *view, int self);
/* The buckets in force (durability, last-write-wins). Borrowed until the next. */
void deliver_set_buckets(struct deliver *deliver, const struct bucket_table *buckets);

/* A peer's repairing node can be reached again, or it cannot. Without these calls it is noticed within DELIVER_LOOK_MS,
 * and by timeouts. */
void deliver_on_peer_up(struct deliver *deliver, struct instant now, uint32_t node);
void deliver_on_peer_down(struct deliver *deliver, struct instant now, uint32_t node);

/* A WRITE_REPLY with DELIVER_ID_BIT in its id, from the node `from`. Late and foreign ones are ignored. */
void deliver_on_write_reply(struct deliver *deliver, struct instant now, uint32_t from,
                            const struct message_write_reply *reply);
/* An op with parts.op_owner has come back from the hint store's loop or the data store's. */
void deliver_on_stored(struct deliver *deliver, struct instant now, struct store_op *op);

/* One bounded piece of work; submits operations to both loops (fetch what has ended from both afterwards). To be called
 * after each of the calls above and when `now` has reached deliver_wake_at. */
void deliver_tick(struct deliver *deliver, struct instant now);
/* mono_ns; never UINT64_MAX. */
uint64_t deliver_wake_at(const struct deliver *deliver);
/* Operations in the stores. */
unsigned deliver_pending(const struct deliver *deliver);
/* After this no pass begins and nothing more is sent (the process is about to stop). */
void deliver_stop(struct deliver *deliver);

/* Written by its thread, read by any. Hints delivered in all are among hints_count. */
struct deliver_counters {
    uint64_t sent, acknowledged, refused, timed_out; /* WRITEs; refused: any answer but OK and DEAD */
    uint64_t readdressed; /* hints delivered to others than their owner, whose partition is no longer its */
    uint64_t merged_here;
    uint64_t changed; /* acknowledged, but not deleted: the hint had changed meanwhile */
    uint64_t passes;
    uint64_t lost; /* their records could not be read */
};
void deliver_count(const struct deliver *deliver, struct deliver_counters *out);

#endif
