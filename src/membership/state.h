/* What a node must not forget: versioned and checksummed bytes.
 *
 *   magic 4, format 2, fields, checksum 8 (fingerprint of everything before it)
 *
 * Damaged or hostile bytes are an error, never a crash: a node whose state is unreadable must not start as a fresh one,
 * because it would vote again on what it has voted on. */
#ifndef MEMBERSHIP_STATE_H
#define MEMBERSHIP_STATE_H

#include "membership/agreement.h"
#include "membership/entries.h"
#include "membership/shared.h"
#include "membership/table.h"
#include "message/draft.h"

#include <stdbool.h>

/* What is known of the process that a member is; runs.h. */
struct known {
    uint32_t id;
    uint64_t incarnation; /* 0: nothing is known */
    uint64_t run, stored; /* of its data directory, as far as heard */
    uint64_t directory;
    uint8_t lacks; /* what has been found of its directory and it has not said yet that it knows: a doubtful verdict
                    * of message/returning.h, or 0 */
    /* Not saved. */
    uint64_t sign_ns; /* when it was heard last, directly; 0: not since this process began */
    /* Another process says that it is that member. */
    uint64_t claim;
    char claim_peer[RING_ADDRESS_MAX + 1];
    uint64_t claim_ns, claimed_ns; /* since when, and when last */
    uint64_t probe_ns,
        asked_ns;      /* the known process's address was asked who is there: last, and first since its sign */
    uint64_t reply_ns; /* a process that is not heard was last answered */
    bool is_gone;      /* somebody else answers at its address */
    /* What that member has said of this process: returning.h. */
    uint8_t verdict; /* enum return_verdict */
    uint64_t verdict_ns;
    bool has_taken; /* this process for the member */
    /* clocks.h */
    int64_t clock_bases[2]; /* its wall clock less this process's monotonic one, in milliseconds, newest first */
    unsigned clock_count, clock_off, clock_right; /* measurements; rounds in a row */
    bool is_quarantined;
};

/* The processes that have run on this directory: how many, this one counted, and which, from the last one on that is
 * certainly known to another member. This one is the last of them. */
struct runs {
    uint64_t count, since; /* since: number of the first of `all` */
    uint64_t all[GOSSIP_BEFORE_MAX + 1];
    uint8_t all_count;
};

struct state {
    char name[RING_NAME_MAX + 1];
    uint64_t directory;
    char invited_by[RING_ADDRESS_MAX + 1]; /* a member of the ring that this node has agreed to join, "": none */
    struct table *table;                   /* NULL: in no ring */
    struct acceptor acceptor;
    struct shared shared;
    struct runs runs;
    bool is_doubtful; /* acknowledged writes may be missing here, and it is not certain that the host has kept that */
    struct known *known; /* one for each member of the table, sorted by id */
    uint32_t known_count;
};

/* Appends the state; tombstones are taken from `entries`. */
void state_write(struct draft *out, const struct state *state, const struct entries *entries);

/* false: `fault` (192 bytes) says what is wrong. `out` then needs no closing; otherwise close its parts. Tombstones are
 * merged into `entries`. */
bool state_read(struct bytes in, struct state *out, struct entries *entries, char *fault);
/* Frees the parts. */
void state_close(struct state *state);

#endif
