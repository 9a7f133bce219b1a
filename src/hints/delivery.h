/* One hint on its way: to whom it goes, what they say, and its deletion. Within this room. */
#ifndef HINTS_DELIVERY_H
#define HINTS_DELIVERY_H

#include "base/counter.h"
#include "hints/deliver.h"
#include "hints/inside.h"

enum target_state { TARGET_SENT, TARGET_STORED, TARGET_FAILED };

struct target {
    uint32_t node;
    enum target_state state;
};

struct delivery {
    struct deliver *deliver;
    struct handover *handover; /* NULL: free */
    uint64_t serial;           /* of its WRITEs: an answer to another one is no answer to this */
    uint64_t sent_ns;
    struct blob *record; /* what is sent; alone in its blob */
    uint16_t partition;
    uint8_t key_len;
    uint8_t key[HINT_KEY_MAX];
    struct target targets[RING_COPIES_MAX];
    unsigned target_count;
    bool merges_here;    /* this node is one of its partition's owners */
    bool is_readdressed; /* the owner that it names is none */
    bool is_in_store;    /* one of the ops is */
    bool has_failed;     /* it stays a hint: to be tried again */
    bool holds_own_pair;
    bool is_lost;               /* what the engine has of it cannot be read */
    bool is_healed;             /* but the buffer has a good one, which is written anew */
    struct replica_merge merge; /* into this node's data */
    struct store_op erase;
};

/* What one owner's hints have come to. */
struct handover {
    uint32_t owner; /* 0: of all owners that have no row in the counts */
    enum { HANDOVER_RESTS, HANDOVER_WAITS, HANDOVER_SCANS, HANDOVER_ENDS } state;
    struct store_cursor cursor;
    uint64_t mark, mark_until_ns;
    uint64_t next_ns; /* no pass before this */
    uint32_t pause_ms;
    unsigned under_way;
    uint64_t through, missed, refused; /* of this pass; those refused, or not answered, are among those missed */
};

struct deliver {
    struct deliver_parts parts;
    const struct ring_view *view;
    int self;
    const struct bucket_table *buckets;
    struct instant now; /* of the call that is under way */
    bool is_stopped;
    struct handover **handovers;
    unsigned handover_count;
    uint64_t look_ns, wake_ns;
    struct hints_row rows[ROWS + 1];
    struct delivery deliveries[DELIVER_HINTS_AT_ONCE];
    struct delivery *fresh[DELIVER_WINDOW]; /* found by the scan that is under way */
    unsigned fresh_count;
    unsigned under_way, in_store;
    uint64_t bytes, serial;
    struct arena scratch;
    struct {
        _Atomic uint64_t sent, acknowledged, refused, timed_out, readdressed, merged_here, changed, passes, lost;
    } counters;
};

/* A hint met by a scan of its owner's: makes it ready if all to whom it goes can be reached, else it counts as missed.
 */
void delivery_meet(struct deliver *deliver, struct handover *handover, uint16_t partition, struct bytes key,
                   struct bytes record);
/* Sends it, merges it here if need be. Outside of scans. */
void delivery_start(struct delivery *delivery);
/* Somebody's answer; there will be none from this node any more; nobody has answered in time. */
void delivery_answer(struct delivery *delivery, uint32_t from, bool is_stored);
void delivery_lose(struct delivery *delivery, uint32_t node);
void delivery_time_out(struct delivery *delivery);
/* One of its ops has come back. */
void delivery_on_stored(struct deliver *deliver, struct store_op *op);
/* The view has changed: it stays a hint whatever is answered. */
void delivery_void(struct delivery *delivery);

#endif
