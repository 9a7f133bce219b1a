/* The asking side of one exchange with one other owner.
 *
 * Roots of all shared partitions first, then several partitions at once, each in a lane: sums of leaves, keys in the
 * groups that differ, records of the keys that differ. The records of all lanes share one window. */
#ifndef ANTIENTROPY_EXCHANGE_H
#define ANTIENTROPY_EXCHANGE_H

#include "antientropy/inside.h"

enum {
    EXCHANGE_LANES = 8,
    BYTES_UNDER_WAY = 1 << 20, /* of records, beyond which no further one is begun */
    RETRY_MS = 1000,           /* without a word, after which an unanswered question is repeated; doubles */
    RETRY_MS_MAX = 8000,
    SILENCE_MS_MAX = 30000, /* after which the exchange is given up */
    BUSY_MS = 10            /* after which it is looked again whether the peer takes questions */
};

/* A question on its way. */
struct question {
    uint64_t id;      /* 0: there is none */
    uint64_t sent_ns; /* when it was last sent */
    unsigned tries;
};

enum lane_stage {
    LANE_FREE,
    LANE_SUMS,     /* asking which groups differ */
    LANE_MARK,     /* waiting until the scan sees what it has to */
    LANE_SCAN,     /* listing keys here */
    LANE_KEYS,     /* asking which of them differ */
    LANE_RECONCILE /* exchanging these */
};

/* One partition that is being compared. */
struct lane {
    enum lane_stage stage;
    bool is_forced; /* all groups are compared, whatever the sums say */
    uint16_t partition;
    hybrid_time horizon_there; /* of the other's copy, when it told its sums */
    struct question question;
    uint64_t wait_ns; /* not to be asked before: the other's store is not there yet */
    uint8_t bits[MESSAGE_SUMS_MAX / 8];
    struct key_scan scan;
    uint8_t after[MESSAGE_KEY_MAX], upto[MESSAGE_KEY_MAX]; /* the range that is being compared */
    uint8_t after_len, upto_len;
    bool is_end;       /* it goes to the partition's end */
    struct draft list; /* of struct repair_key: the keys here */
    uint32_t count;
    struct draft waiting; /* of struct repair_extra: the keys to be exchanged */
    struct wire_reader walk;
    uint32_t under_way; /* slots */
    bool has_keys;      /* some key was found to differ */
    bool has_failed;
};

enum slot_stage { SLOT_FREE, SLOT_READING, SLOT_ASKED, SLOT_WAITING, SLOT_MERGING, SLOT_ERASING };

/* One key that is being exchanged. */
struct slot {
    struct job job; /* first */
    struct exchange *exchange;
    enum slot_stage stage;
    unsigned lane;
    uint16_t partition;
    struct question question;
    uint64_t wait_ns;
    hybrid_time horizon; /* of this copy, from before the record was read */
    struct blob *record; /* NULL: none here */
    bool is_lost;        /* none here, although there should be one */
    bool is_corrupt;     /* there is one here that cannot be read */
    uint64_t expected;   /* bytes under way for it */
};

struct exchange {
    struct list link; /* of antientropy.exchanges */
    struct antientropy *antientropy;
    uint32_t node;
    uint64_t epoch;
    bool is_abandoned; /* it cannot go on: another table, another run, too long a silence */
    bool is_over;      /* nothing more is asked; freed when no slot is in the store */
    unsigned stored;   /* slots in the store */
    hybrid_time began, began_there;
    uint64_t run; /* of the other; 0: not known yet */
    uint64_t mark, mark_there;
    bool has_mark, has_mark_there;

    bool roots_done;
    struct question roots;
    uint32_t roots_from, roots_until; /* partitions whose roots are being asked */
    struct partition_set waiting;     /* that have to be looked at */
    struct partition_set forced;      /* of these, key by key */
    uint32_t next;                    /* where in `waiting` the search for the next one begins */
    struct lane lanes[EXCHANGE_LANES];
    struct slot *slots;
    uint32_t slot_count;
    uint32_t slots_free;
    uint64_t bytes_under_way;

    struct question complete;
    struct partition_set finished[2]; /* compared, the other does not know it yet; [1]: nothing differed */
    struct partition_set telling;     /* those of `complete` */
    bool telling_same;
    uint64_t heard_ns; /* the last answer of any kind */
    unsigned failed;   /* partitions that could not be compared */
    bool has_keys;     /* keys differed */
    uint64_t wake_ns;
};

/* Begins; `peer` is up and has no exchange. */
struct exchange *exchange_new(struct antientropy *a, struct instant now, struct repair_peer *peer);
/* Ends it, whatever is under way: freed at once or when the store has given back what it has. */
void exchange_end(struct exchange *e);
/* Goes on as far as it can. true: all partitions are compared or have failed. */
bool exchange_go_on(struct exchange *e, struct instant now);
/* An answer; false: it is malformed. */
bool exchange_receive(struct exchange *e, struct instant now, const struct frame *frame);
void exchange_on_stored(struct antientropy *a, struct instant now, struct job *job);
/* How many partitions are still to be compared. */
uint32_t exchange_left(const struct exchange *e);

/* Within the asking side. */

/* Where to write a question, new or to be repeated; its id is set. NULL: not yet. */
struct chain *question_open(struct exchange *e, struct question *question, struct instant now);
/* Is this the answer to it? Then the question is over. */
bool question_takes(struct exchange *e, struct question *question, struct instant now,
                    const struct repair_answer *answer);
void exchange_wake_by(struct exchange *e, uint64_t at_ns);
/* The lane has come to its end; it is free again. */
void exchange_finish(struct exchange *e, struct instant now, struct lane *lane);

/* lane.c */
void lane_begin(struct lane *lane, struct exchange *e, uint16_t partition, bool is_forced);
void lane_close(struct lane *lane);
/* Goes on as far as it can; `budget`: records that may still be looked at in this turn. */
void lane_go_on(struct exchange *e, struct lane *lane, struct instant now, unsigned *budget);
bool lane_receive_sums(struct exchange *e, struct instant now, const struct frame *frame);
bool lane_receive_keys(struct exchange *e, struct instant now, const struct frame *frame);

/* reconcile.c */
void reconcile_open(struct exchange *e, uint32_t window);
/* Begins to exchange keys of lanes as far as window and rate permit; repeats what was not answered. */
void reconcile_go_on(struct exchange *e, struct instant now);
bool reconcile_receive(struct exchange *e, struct instant now, const struct frame *frame);
/* Lets go of every slot that is not in the store. */
void reconcile_close(struct exchange *e);

#endif
