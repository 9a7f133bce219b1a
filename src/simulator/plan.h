/* What one run is made of. The seed draws everything, the fault rates too, so that runs differ in kind (swarm). */
#ifndef SIMULATOR_PLAN_H
#define SIMULATOR_PLAN_H

#include "ring/bucket.h"
#include "ring/ring.h"

#include <stdbool.h>
#include <stdint.h>

enum { PLAN_NODES_MAX = 64, PLAN_LOOPS_MAX = 3, PLAN_CLIENTS_MAX = 64, PLAN_KEYS_MAX = 64 };

/* Keys by what is done with them. Each kind is a bucket of its own; the first letter of a key tells which. */
enum key_kind {
    KEYS_PLAIN,    /* p: every command; siblings, a stale cas is refused */
    KEYS_CART,     /* k: gets, merge, cas; a stale cas makes a sibling */
    KEYS_COUNTER,  /* c: incr and decr */
    KEYS_LATEST,   /* l: every command; last write wins */
    KEYS_EXPIRING, /* e: with exptimes, touch, gat */
    KEY_KINDS
};

/* What may go wrong. */
enum fault {
    FAULT_LOSS,       /* frames get lost, also without a partition */
    FAULT_DUPLICATES, /* frames come twice */
    FAULT_REORDER,    /* frames overtake each other */
    FAULT_PARTITION,  /* two groups do not hear each other */
    FAULT_ONE_WAY,    /* one group is not heard by the other */
    FAULT_CLOG,       /* what one node sends another piles up */
    FAULT_SLOW,       /* what one node sends takes long */
    FAULT_BREAK,      /* connections break */
    FAULT_PAUSE,      /* a node stands still and goes on */
    FAULT_RESTART,    /* a node stops cleanly and starts again */
    FAULT_CLOCK,      /* a wall clock steps */
    FAULT_FAR_CLOCK,  /* a wall clock is far off for a while */
    FAULT_KILL,       /* a process is killed */
    FAULT_POWER,      /* a machine loses power */
    FAULT_WIPE,       /* a process is killed and its data directory lost */
    FAULT_OLD_COPY,   /* a process is killed and started on an earlier copy of its data directory */
    FAULT_SLOW_DISK,  /* writing to a disk takes long */
    FAULT_FULL_DISK,  /* a disk is full */
    FAULT_ROT,        /* a bit of a stored record turns over */
    FAULT_FLIPS,      /* bits of frames turn over on their way */
    FAULTS
};

struct plan_bucket {
    unsigned keys; /* how many there are, 0: none */
    uint8_t r, w;
    enum durability durability;
    bool multi_value;
};

struct plan {
    uint64_t seed;
    unsigned nodes, loops, clients;
    unsigned ops;
    struct ring_settings ring;
    struct plan_bucket buckets[KEY_KINDS];
    /* The network while nothing fails. */
    uint32_t delay_us_min, delay_us_spread;
    /* Of a million frames, while faults last. */
    uint32_t loss_ppm, duplicate_ppm, reorder_ppm, flip_ppm;
    bool faults[FAULTS];
    uint32_t episode_gap_ms, episode_ms; /* mean time between episodes and of one */
    uint32_t down_ms;                    /* mean time until a process that was not stopped starts again */
    uint32_t calm_permille;              /* of the operations that are done before the first fault */
    /* Clocks. */
    int32_t drift_ppm_max;
    uint32_t offset_ms_max;
    /* Clients. */
    unsigned pipeline_max;
    uint32_t think_us;
    uint32_t noreply_permille, split_permille, long_permille; /* commands without a reply, in pieces, of long values */
    /* Nodes. */
    uint32_t late_settle_permille; /* turns that leave what has ended in the store for a later turn */
    uint32_t timeout_ms;
    uint16_t read_all_share;
    uint64_t grace_ms;
    bool sloppy; /* quorums */
    uint32_t antientropy_ms, antientropy_window;
    uint64_t antientropy_rate;
    size_t link_out_max;
    bool flushes;           /* flush_all is among the commands */
    bool joins;             /* some nodes are taken into a ring that was founded without them */
    bool tells_copies;      /* a process sees that its directory is a copy; else only other members find out */
    bool exceeds_budget;    /* more may be lost than P2 is promised for */
    bool founds_in_trouble; /* the rates count while the ring is founded, too */
};

/* Draws a plan. `nodes`, `ops`: 0, or what is wanted. */
void plan_draw(struct plan *plan, uint64_t seed, unsigned nodes, unsigned ops);

/* The bucket table of a plan; close it. */
void plan_buckets(const struct plan *plan, struct bucket_table *table);
/* The prefix of a kind's keys: one letter and a colon. */
const char *plan_prefix(enum key_kind kind);
/* How many replicas keep a key, and how many must answer, when all nodes are members. */
unsigned plan_owners(const struct plan *plan);
unsigned plan_r(const struct plan *plan, enum key_kind kind);
unsigned plan_w(const struct plan *plan, enum key_kind kind);
/* Do the quorums of a kind's bucket overlap? */
bool plan_is_strict(const struct plan *plan, enum key_kind kind);

/* Takes faults out of a plan; bit n: enum fault n. */
void plan_leave_out(struct plan *plan, uint32_t faults);
/* A fault by its name, FAULTS: there is none. */
enum fault plan_fault(const char *name);

/* One line for people. */
void plan_describe(const struct plan *plan, char *text, size_t room);

#endif
