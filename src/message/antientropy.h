/* What the repairing nodes of two owners say to each other, Dynamo 4.7 with [R3] and [R11]: docs/antientropy.md shows
 * the messages in their order, docs/messages.md their bytes.
 *
 * Every question is answered, and answering one twice does no harm. `id` is the asker's and comes back; `epoch` is that
 * of the sender's table; `run` names one run of the answering process (replica.incarnation), so that numbers of an
 * earlier one (marks, beginnings) are never taken for its own.
 *
 * Encoders and decoders as in message/data.h. Lists stay encoded: decoders check them whole, the functions at the end
 * of this file walk over them, writers build them in a draft. */
#ifndef MESSAGE_ANTIENTROPY_H
#define MESSAGE_ANTIENTROPY_H

#include "message/data.h"
#include "message/draft.h"
#include "message/partition_set.h"

enum message_repair_type {
    MESSAGE_ROOTS = MESSAGE_OF_REPAIR,
    MESSAGE_ROOTS_REPLY,
    MESSAGE_SUMS,
    MESSAGE_SUMS_REPLY,
    MESSAGE_KEYS,
    MESSAGE_KEYS_REPLY,
    MESSAGE_RECONCILE,
    MESSAGE_RECONCILE_REPLY,
    MESSAGE_COMPLETE,
    MESSAGE_COMPLETE_REPLY,
    MESSAGE_HORIZON_ASK,
    MESSAGE_HORIZON_ASK_REPLY,
    MESSAGE_HORIZON_COMPARED,
    MESSAGE_HORIZON_COMPARED_REPLY,
    MESSAGE_HORIZON_SET,
    MESSAGE_HORIZON_SET_REPLY,
    MESSAGE_REPAIR_TYPES_END
};

enum {
    MESSAGE_ROOTS_MAX = 1024,          /* partitions in one ROOTS */
    MESSAGE_SUMS_MAX = 1024,           /* sums in one SUMS */
    MESSAGE_KEYS_BYTES_MAX = 32 << 10, /* of the list in one KEYS */
    MESSAGE_KEYS_ANSWER_MAX = 64 << 10 /* of the lists in one answer to it */
};

enum repair_status {
    REPAIR_OK,      /* RECONCILE: what is here now, after the merge, is in the tail */
    REPAIR_SAME,    /* RECONCILE: what is here now is what you sent */
    REPAIR_ABSENT,  /* RECONCILE: nothing is here, also after the merge */
    REPAIR_WAIT,    /* not yet: ask again */
    REPAIR_STALE,   /* our tables differ: `epoch` says which one I have */
    REPAIR_REFUSED, /* of another run of this process, or of something that it does not own */
    REPAIR_FAILED,  /* disk, space or a damaged record: nothing was changed */
    REPAIR_UNSURE,  /* RECONCILE: as REPAIR_ABSENT, but the copy is doubtful */
    REPAIR_DAMAGED, /* RECONCILE: as REPAIR_ABSENT, but there is a record, which cannot be read */
    REPAIR_STATUSES
};

/* What every answer begins with. */
struct repair_answer {
    uint64_t id, epoch;
    enum repair_status status; /* the fields behind it are 0 or empty unless it is REPAIR_OK, or as told below */
};

/* These are the roots of my trees of the partitions that we share. */
struct message_roots {
    uint64_t id, epoch;
    uint32_t count;
    struct bytes list; /* message_next_root */
};
struct message_roots_reply {
    struct repair_answer answer;
    uint64_t run;
    hybrid_time began;      /* by the answering clock, before its roots were computed */
    struct bytes differing; /* a partition_set, of those that were asked */
};

/* These are the sums of my leaves of a partition, all of them, in `count` groups of equally many neighbours. */
struct message_sums {
    uint64_t id, epoch;
    uint16_t partition;
    hybrid_time horizon; /* of the sender's copy, which a copy that is refilled takes over [R3] */
    uint32_t count;      /* a power of two, 1 .. MESSAGE_SUMS_MAX */
    const uint8_t *sums; /* u64 each: message_sum_at */
};
struct message_sums_reply {
    struct repair_answer answer;
    hybrid_time horizon; /* of the answering copy */
    uint32_t count;      /* as asked */
    const uint8_t *bits; /* bit n % 8 of byte n / 8: group n differs; (count + 7) / 8 bytes */
};

/* These are my keys in the groups named, from behind `after` up to `upto` (or to the partition's end). */
struct message_keys {
    uint64_t id, epoch, run;
    uint16_t partition;
    uint64_t mark;       /* of the other's store: what the scan must see; 0: make one */
    uint32_t groups;     /* how many groups the partition's leaves are in */
    const uint8_t *bits; /* which of them, as in message_sums_reply */
    bool is_end;
    struct bytes after, upto; /* keys; `after` may be empty (from the first on); `upto` is, just when is_end */
    uint32_t count;
    struct bytes list; /* message_next_key; ascending, behind `after`, none behind `upto` */
};
/* Where mine are not the same. */
struct message_keys_reply {
    struct repair_answer answer;
    uint64_t mark; /* REPAIR_WAIT: ask again with this one */
    bool is_end;
    struct bytes upto; /* what has been compared: maybe less than was asked */
    uint32_t differing_count, extra_count;
    struct bytes differing; /* message_next_differing: places in the list that was asked */
    struct bytes extras;    /* message_next_extra: keys that are not in that list; ascending */
};

/* This is my record of a key; what is yours? */
struct message_reconcile {
    uint64_t id, epoch;
    uint16_t partition;
    uint32_t hash;       /* not sent, computed when decoded */
    hybrid_time horizon; /* of the sender's copy [R3] */
    struct bytes key;
    struct bytes record; /* verified; empty: none here */
};
struct message_reconcile_reply {
    struct repair_answer answer;
    hybrid_time horizon; /* with OK, SAME, ABSENT */
    struct bytes record; /* with OK; verified */
};

/* We have finished comparing these partitions: what you had at `began` is here, and what I had at mine is with you. */
struct message_complete {
    uint64_t id, epoch, run;
    hybrid_time began; /* as the answer to ROOTS said */
    bool is_same;      /* no key was found to differ in any of them */
    struct bytes partitions;
};
struct message_complete_reply {
    struct repair_answer answer;
};

/* Is your clock past this time, and what hints do you keep of these partitions? */
struct message_horizon_ask {
    uint64_t id, epoch;
    hybrid_time horizon;
    struct bytes partitions;
};
struct message_horizon_ask_reply {
    struct repair_answer answer;
    uint64_t run;
    hybrid_time clock;  /* everything that this process writes from now on is later */
    struct bytes hints; /* partitions, of those asked, of which there are hints */
};

/* Has your copy of these partitions been compared with every other owner's, beginning after `since`? With since 0 the
 * answer only gives one: your clock, having seen `after`. */
struct message_horizon_compared {
    uint64_t id, epoch, run;
    hybrid_time after, since;
    bool wants_mark;
    uint64_t mark; /* has everything before this mark been checkpointed? 0: not asked */
    struct bytes partitions;
};
struct message_horizon_compared_reply {
    struct repair_answer answer;
    hybrid_time since;
    uint64_t mark; /* if one was wanted */
    bool is_kept;  /* the answer to `mark` */
    struct bytes compared;
};

/* The horizon of your copy of these partitions is now this. */
struct message_horizon_set {
    uint64_t id, epoch, run;
    hybrid_time horizon;
    struct bytes partitions;
};
struct message_horizon_set_reply {
    struct repair_answer answer;
};

/* Encoders: each appends one whole frame. */
void message_write_roots(struct chain *out, const struct message_roots *m);
void message_write_roots_reply(struct chain *out, const struct message_roots_reply *m);
void message_write_sums(struct chain *out, const struct message_sums *m);
void message_write_sums_reply(struct chain *out, const struct message_sums_reply *m);
void message_write_keys(struct chain *out, const struct message_keys *m);
void message_write_keys_reply(struct chain *out, const struct message_keys_reply *m);
/* `blob`: what the record lies in, or NULL. */
void message_write_reconcile(struct chain *out, const struct message_reconcile *m, struct blob *blob);
void message_write_reconcile_reply(struct chain *out, const struct message_reconcile_reply *m, struct blob *blob);
void message_write_complete(struct chain *out, const struct message_complete *m);
void message_write_complete_reply(struct chain *out, const struct message_complete_reply *m);
void message_write_horizon_ask(struct chain *out, const struct message_horizon_ask *m);
void message_write_horizon_ask_reply(struct chain *out, const struct message_horizon_ask_reply *m);
void message_write_horizon_compared(struct chain *out, const struct message_horizon_compared *m);
void message_write_horizon_compared_reply(struct chain *out, const struct message_horizon_compared_reply *m);
void message_write_horizon_set(struct chain *out, const struct message_horizon_set *m);
void message_write_horizon_set_reply(struct chain *out, const struct message_horizon_set_reply *m);

/* Decoders: false is malformed, or of another type. */
bool message_read_roots(const struct frame *frame, struct message_roots *m);
bool message_read_roots_reply(const struct frame *frame, struct message_roots_reply *m);
bool message_read_sums(const struct frame *frame, struct message_sums *m);
bool message_read_sums_reply(const struct frame *frame, struct message_sums_reply *m);
bool message_read_keys(const struct frame *frame, struct message_keys *m);
bool message_read_keys_reply(const struct frame *frame, struct message_keys_reply *m);
bool message_read_reconcile(const struct frame *frame, struct message_reconcile *m);
bool message_read_reconcile_reply(const struct frame *frame, struct message_reconcile_reply *m);
bool message_read_complete(const struct frame *frame, struct message_complete *m);
bool message_read_complete_reply(const struct frame *frame, struct message_complete_reply *m);
bool message_read_horizon_ask(const struct frame *frame, struct message_horizon_ask *m);
bool message_read_horizon_ask_reply(const struct frame *frame, struct message_horizon_ask_reply *m);
bool message_read_horizon_compared(const struct frame *frame, struct message_horizon_compared *m);
bool message_read_horizon_compared_reply(const struct frame *frame, struct message_horizon_compared_reply *m);
bool message_read_horizon_set(const struct frame *frame, struct message_horizon_set *m);
bool message_read_horizon_set_reply(const struct frame *frame, struct message_horizon_set_reply *m);

/* Lists. Writers append to a draft; `*last` is what they wrote before, -1 at first. Readers walk over a list that a
 * decoder has passed: false at its end. */
struct repair_root {
    uint16_t partition;
    uint64_t root;
};
void message_add_root(struct draft *list, int *last, const struct repair_root *root);
bool message_next_root(struct wire_reader *list, int *last, struct repair_root *root);

struct repair_key {
    struct bytes key;
    uint64_t fingerprint; /* record_fingerprint of its record */
};
/* Keys are to be added in ascending order. */
void message_add_key(struct draft *list, const struct repair_key *key);
bool message_next_key(struct wire_reader *list, struct repair_key *key);

struct repair_differing {
    uint32_t place;  /* in the list that was asked */
    uint32_t length; /* bytes of the answering side's record, 0: it has none */
};
/* With `*last` as above: the place. */
void message_add_differing(struct draft *list, int *last, const struct repair_differing *differing);
bool message_next_differing(struct wire_reader *list, int *last, struct repair_differing *differing);

struct repair_extra {
    struct bytes key;
    uint32_t length; /* as above, not 0 */
};
/* In ascending order, as keys. */
void message_add_extra(struct draft *list, const struct repair_extra *extra);
bool message_next_extra(struct wire_reader *list, struct repair_extra *extra);

static inline uint64_t message_sum_at(const struct message_sums *m, uint32_t group)
{
    const uint8_t *at = m->sums + 8 * (size_t)group;
    uint64_t sum = 0;
    for (unsigned i = 0; i < 8; i++)
        sum = sum << 8 | at[i];
    return sum;
}

#endif
