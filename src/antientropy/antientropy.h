/* Anti-entropy, Dynamo 4.7 with [R3], [R9] and [R11]: two owners of a partition compare their hash trees and exchange
 * what differs; when every pair of owners has, the partition's horizon may rise.
 *
 * One for each process, run by the node that repairs: the main thread's, the simulator's background loop. It talks to
 * the repairing nodes of the other members, over the links between them (message/antientropy.h).
 *
 * - antientropy.c: what is to be compared with whom, and when; the parts below joined
 * - schedule.c: with whom an exchange begins, and when
 * - exchange.c: the asking side of one exchange: roots; lane.c: one partition's leaves and keys; reconcile.c: records
 * - answer.c: the answering side: holds nothing between two messages; answer_record.c: but a record that it merges
 * - compared.c: since when each pair is known to be identical; which partitions are no longer doubtful or behind
 * - horizon.c: how far the horizon may rise [R3]: the first owner of each partition drives it; horizon_ask.c: what it
 *   asks the members; horizon_answer.c: what these say
 * - checker.c: whether the trees are what the records give
 * - unreadable.c: when a damaged record that nobody can replace is erased
 *
 * An exchange compares all partitions that both own, roots first. One that differs is compared leaf by leaf, then key
 * by key in the leaves that differ, in key order and bounded pieces; a key that differs travels as RECONCILE, both ways
 * in one round trip, and is merged at both ends with the other's horizon. It is complete for a partition when every key
 * that was found to differ has been merged, durably, at both ends. Scans see what is checkpointed, so each side waits
 * for a mark (store_mark) before it lists keys.
 *
 * An exchange with a peer begins soon after its link has come up or it has been silent, and every `interval_ms`. When
 * nothing differs it is one message and one answer for each 1,024 partitions, and no data flows. */
#ifndef ANTIENTROPY_ANTIENTROPY_H
#define ANTIENTROPY_ANTIENTROPY_H

#include "base/instant.h"
#include "coordinator/peers.h"
#include "hints/hints.h"
#include "message/frame.h"
#include "replica/replica.h"
#include "replica/standing.h"
#include "ring/ring.h"
#include "storage/store.h"

#include <stdbool.h>
#include <stdint.h>

struct antientropy;

/* Those that are 0 (not bytes_per_second, nor grace_ms) become what is said here. */
struct antientropy_settings {
    uint32_t interval_ms;      /* between two exchanges with a peer when all is well, 60,000 */
    uint32_t window;           /* records on their way to one peer at once, 64 */
    uint64_t bytes_per_second; /* of records sent to all peers together; 0: no limit */
    uint64_t grace_ms;         /* how far the horizon stays behind the present */
    uint64_t seed;             /* for the order of peers and partitions */
    /* Something an operator should know; `text` is a whole sentence with what, where and what to do. NULL: nobody wants
     * to know. */
    void (*report)(void *host, const char *text);
    void *report_host;
};

struct antientropy_parts {
    struct replica *replica;
    struct standing *standing;
    struct store *store;
    struct store_loop *loop; /* the repairing node's */
    struct hints *hints;
    struct peers *peers; /* the repairing node's */
    uint8_t op_owner;    /* store_op.owner of its operations */
    struct antientropy_settings settings;
};

/* Aborts without memory. What the parts point to is borrowed until antientropy_free. */
struct antientropy *antientropy_new(const struct antientropy_parts *parts);
/* Nothing of it is in the store any more (antientropy_pending is 0). */
void antientropy_free(struct antientropy *antientropy);

/* The view in force, before any other call and whenever it changes; borrowed until the next. `self`: index of this node
 * in it, -1: not a member. */
void antientropy_set_view(struct antientropy *antientropy, struct instant now, const struct ring_view *view, int self);
/* The buckets in force (last-write-wins ones keep the newest version only). Borrowed until the next. */
void antientropy_set_buckets(struct antientropy *antientropy, const struct bucket_table *buckets);

/* A peer's repairing node can be reached again, or it cannot. `link`: where the answers to its questions go. */
void antientropy_on_peer_up(struct antientropy *antientropy, struct instant now, uint32_t node);
void antientropy_on_peer_down(struct antientropy *antientropy, struct instant now, uint32_t node);

/* A frame of type MESSAGE_OF_REPAIR .. MESSAGE_END_OF_REPAIR - 1 from the node `from`; questions are answered into
 * `reply`, which is then to be flushed when *replied. false: malformed. */
bool antientropy_receive(struct antientropy *antientropy, struct instant now, uint32_t from, struct link *reply,
                         bool *replied, const struct frame *frame);
/* The link is gone: answers that are still being made for it are dropped. */
void antientropy_on_link_down(struct antientropy *antientropy, struct link *link);
/* An op with parts.op_owner has come back. */
void antientropy_on_stored(struct antientropy *antientropy, struct instant now, struct store_op *op);
void antientropy_tick(struct antientropy *antientropy, struct instant now);
uint64_t antientropy_wake_at(const struct antientropy *antientropy);
unsigned antientropy_pending(const struct antientropy *antientropy);

/* Copies may have fallen behind or become doubtful (standing.h): what needs to be compared is looked for at once, not
 * only at the next of the regular looks. */
void antientropy_look(struct antientropy *antientropy);
/* `ringctl repair`: compares this partition (or, -1, all) with every other owner at once, key by key, whatever the
 * interval and the trees say. */
void antientropy_repair(struct antientropy *antientropy, struct instant now, int partition);
/* Is nothing under way, and was every peer that shares a partition compared since `since` (hybrid)? For `verify`. */
bool antientropy_is_done_since(const struct antientropy *antientropy, hybrid_time since);

/* For `stats antientropy`, `stats horizon`, `ringctl antientropy`. */
struct antientropy_peer_row {
    uint32_t node;
    uint32_t partitions;         /* that both own */
    uint32_t identical;          /* of them, as of the last exchange: nothing differed */
    uint64_t identical_since_ms; /* hybrid ms: since when all of them have been found identical at every exchange; 0:
                                    they are not */
    uint64_t compared_ms;        /* hybrid ms of the last complete exchange, 0: none */
    bool is_under_way;
    uint32_t left;                       /* partitions still to be compared */
    uint64_t keys_exchanged, bytes_sent; /* since the start */
    uint64_t exchanges, messages;
};
unsigned antientropy_peers(const struct antientropy *antientropy, struct antientropy_peer_row *rows, unsigned max);

struct antientropy_horizon {
    hybrid_time lowest, highest; /* over the partitions that this node owns */
    uint32_t doubtful, behind;   /* of these partitions */
    char held_back_by[160];      /* for people: "node n3 is down", "hints of node n2", ""; what the last attempt met */
};
/* What is known of the horizons of this node's copies, now. */
void antientropy_horizon(const struct antientropy *antientropy, struct antientropy_horizon *out);

/* The throttled checker: rebuilds the tree of one partition after the other from the records and compares it with what
 * is kept. */
struct antientropy_checker {
    uint64_t passes, partitions, mismatches;
    int last_mismatch; /* a partition, -1: none */
    uint64_t erased;   /* damaged records that were erased because no other owner had anything for their keys */
};
void antientropy_checker(const struct antientropy *antientropy, struct antientropy_checker *out);

#endif
