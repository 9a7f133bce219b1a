/* What the files of this room share. For them only. */
#ifndef ANTIENTROPY_INSIDE_H
#define ANTIENTROPY_INSIDE_H

#include "antientropy/antientropy.h"
#include "antientropy/checker.h"
#include "antientropy/compared.h"
#include "antientropy/horizon.h"
#include "antientropy/rate.h"
#include "antientropy/unreadable.h"
#include "base/arena.h"
#include "base/list.h"
#include "base/prng.h"
#include "base/wire.h"
#include "message/antientropy.h"
#include "replica/merge.h"
#include "storage/tree.h"

#define NS_PER_MS UINT64_C(1000000)

enum {
    EXCHANGES_MAX = 4,     /* that this node asks in at once */
    ANSWERS_MAX = 2048,    /* records that are being merged for others at once; beyond: REPAIR_WAIT */
    SCAN_RECORDS = 2048,   /* looked at in one turn, by the asking or for one answer */
    SCAN_STEP = 64,        /* records between two looks at whether a list is full */
    LIST_BYTES = 14 << 10, /* at which a list of keys is full; SCAN_STEP more keys may still come */
    ANSWER_WAIT_MS = 10    /* after which a question that was answered with "not yet" is repeated */
};

/* A record on its way between the store and another node. */
enum job_side { JOB_ASKED, JOB_ANSWERED };
struct job {
    struct replica_merge merge; /* its op is used for reading too */
    enum job_side side;
    uint16_t key_len;
    uint8_t key[MESSAGE_KEY_MAX];
};

struct exchange;

/* Another member that owns a partition which this node owns too. */
struct repair_peer {
    uint32_t node;
    uint32_t shared; /* partitions */
    bool is_member;  /* of the view in force */
    bool is_up;
    bool asks;                 /* of the two it is this node that begins exchanges in the ordinary way */
    struct exchange *exchange; /* under way, or NULL */
    uint64_t up_ns;            /* since when it is up */
    uint64_t due_ns;           /* when the next exchange begins */
    uint64_t pause_ns;         /* before one that follows another soon: doubles while that goes on */
    uint64_t asked_ns;         /* when it last asked this node something, 0: never */
    uint64_t tried_ns;         /* when this node last began an exchange with it */
    bool is_forced;            /* `forced` has to be compared key by key (antientropy_repair) */
    struct partition_set forced;
    struct partition_set same; /* nothing differed the last time */
    uint32_t same_count;
    uint64_t same_since_ms;
    uint64_t keys, bytes, exchanges, messages;
};

struct antientropy {
    struct antientropy_parts parts;
    struct tree *tree; /* NULL: the store is volatile, nothing is ever done */
    const struct bucket_table *buckets;
    const struct ring_view *view;
    int self;
    struct prng prng;
    struct arena scratch;
    struct blob *nothing; /* the record of an object without versions and pairs: merged where the other side has none */
    uint64_t last_id;
    unsigned pending; /* jobs in the store */
    struct repair_peer *peers;
    uint32_t peer_count;
    struct list exchanges;   /* also those that are over and have jobs in the store */
    unsigned exchange_count; /* of those under way */
    unsigned turn;           /* who of them is first, in turn */
    struct list answers;     /* struct answer */
    unsigned answer_count;
    struct rate rate;
    struct compared compared;
    struct horizon_driver horizon;
    struct checker checker;
    struct unreadable unreadable;
    bool is_inheriting;    /* horizons that are inherited wait for the checkpoint up to inherit_mark */
    uint64_t inherit_mark; /* 0 in an empty store */
    uint64_t look_at_ns;   /* when the marks are looked at next */
};

/* schedule.c: with whom, and when */
void schedule_set_view(struct antientropy *a, struct instant now);
void schedule_close(struct antientropy *a);
void schedule_peer_up(struct antientropy *a, struct instant now, uint32_t node);
void schedule_peer_down(struct antientropy *a, uint32_t node);
/* Looks for needs, begins what is due, lets all that is under way go on. */
void schedule_go_on(struct antientropy *a, struct instant now);
/* Lets one exchange go on, which may end it. */
void schedule_exchange(struct antientropy *a, struct instant now, struct exchange *e);
uint64_t schedule_wake_at(const struct antientropy *a);
void schedule_force(struct antientropy *a, struct instant now, int partition);

/* antientropy.c */
struct repair_peer *repair_peer_of(struct antientropy *a, uint32_t node);
/* Where to write a question to it; NULL: it cannot be asked now. */
struct chain *repair_ask(struct antientropy *a, struct instant now, uint32_t node);
/* A question that was asked at `asked_ns` has been answered. */
void repair_on_answer(struct antientropy *a, struct instant now, uint32_t node, uint64_t asked_ns);
hybrid_time repair_new_time(struct antientropy *a, struct instant now);
/* To whoever wants to know (settings.report). */
void repair_report(struct antientropy *a, const char *text);
const char *repair_name(const struct antientropy *a, uint32_t node);
/* A partition was found to be the same at both, or not. */
void repair_note_same(struct antientropy *a, struct instant now, struct repair_peer *peer, uint32_t partition);
void repair_note_different(struct repair_peer *peer, uint32_t partition);

/* job.c */
void job_read(struct antientropy *a, struct instant now, struct job *job, uint16_t partition);
/* Merges what another node has sent with its horizon; `record` NULL: it has none. The job takes over the reference. */
void job_merge(struct antientropy *a, struct instant now, struct job *job, uint16_t partition, struct blob *record,
               hybrid_time horizon);
/* The same where a record that should be here has been lost: the horizon of this copy says nothing about it. */
void job_restore(struct antientropy *a, struct instant now, struct job *job, uint16_t partition, struct blob *record,
                 hybrid_time horizon);
/* Erases the record here, which cannot be read and which nobody can replace, unless it has been replaced meanwhile. */
void job_erase(struct antientropy *a, struct instant now, struct job *job, uint16_t partition);
/* Was it merged, after all? A job that was submitted once more (a corrupt record is replaced) is *again. */
bool job_has_merged(struct antientropy *a, struct instant now, struct job *job, bool *again);
void job_set_key(struct job *job, struct bytes key);
struct bytes job_key(const struct job *job);
/* The horizon of this node's copy, to be loaded before the record is read. */
hybrid_time job_horizon(struct antientropy *a, struct instant now, uint16_t partition);

/* groups.c: leaves in groups, and the keys in them */
uint32_t groups_of_partition(const struct antientropy *a);
/* The sums of all groups, as in message_sums; `at` has room for 8 * MESSAGE_SUMS_MAX bytes. */
void groups_sum(const struct antientropy *a, uint16_t partition, uint8_t *at);

/* Looks through a partition for keys in some groups. */
struct key_scan {
    struct antientropy *antientropy;
    uint16_t partition;
    const uint8_t *bits; /* of groups, as in message_keys */
    struct store_cursor cursor;
    bool has_ended; /* all of the partition has been seen */
    bool has_failed;
    /* Called for each key in the groups; fingerprint 1 and `length` 0 for a record that cannot be read. */
    void (*met)(void *context, struct bytes key, uint64_t fingerprint, uint32_t length);
    void *context;
};
/* Begins behind `after` (empty: at the first key). */
void key_scan_begin(struct key_scan *scan, struct bytes after);
/* Looks at up to SCAN_STEP records. */
void key_scan_step(struct key_scan *scan);
/* The key up to which everything has been seen; empty before the first. */
struct bytes key_scan_upto(const struct key_scan *scan);

/* answer.c, answer_record.c */

/* The head of an answer: the status says why the question cannot be answered, REPAIR_OK: it can. */
struct repair_answer repair_judge(const struct antientropy *a, uint64_t id, uint64_t epoch);
bool answer_question(struct antientropy *a, struct instant now, uint32_t from, struct link *reply, bool *replied,
                     const struct frame *frame);
bool answer_reconcile(struct antientropy *a, struct instant now, uint32_t from, struct link *reply, bool *replied,
                      const struct frame *frame);
void answer_on_stored(struct antientropy *a, struct instant now, struct job *job);
void answer_forget_link(struct antientropy *a, struct link *link);

#endif
