/* What the parts of this room share. Only membership.c and the parts themselves include it. */
#ifndef MEMBERSHIP_INSIDE_H
#define MEMBERSHIP_INSIDE_H

#include "base/prng.h"
#include "membership/agreement.h"
#include "membership/entries.h"
#include "membership/membership.h"
#include "membership/state.h"
#include "message/founding.h"

#include <stdbool.h>
#include <stdint.h>

enum {
    MS = 1000000, /* nanoseconds */
    WAITS_FOR_BYTES = 512,
    SEED_ADDRESSES_MAX = 64, /* in the closure of the seed lists */
    WISHES_MAX = 8,          /* joins that one node deals with at a time */
    WISH_MS_MAX = 10000
};

/* founding.h */
struct seed {
    char address[RING_ADDRESS_MAX + 1];
    uint64_t answered_ns; /* 0: never */
    uint64_t incarnation;
    uint64_t epoch;
    struct message_description *about; /* NULL: never answered */
    bool is_wanted;                    /* in the closure */
};

struct founding {
    struct seed seeds[SEED_ADDRESSES_MAX];
    unsigned count;
    bool overflows; /* more addresses than that */
    uint64_t probe_ns, propose_ns;
    bool is_complete; /* all seeds answer, are empty and in no ring, this node is one of them */
    struct value *founders;
};

/* join.h: this node wants to be taken in. */
struct joining {
    bool is_asking;
    uint64_t ask_ns;
    uint64_t began_ns;
    uint64_t heard_ns; /* of who has invited this node */
    char refusal[JOIN_TEXT_MAX + 1];
};

/* wish.h: somebody is to be taken in, and this node sees to it. */
enum wish_stage { WISH_NONE, WISH_PROBING, WISH_INVITED, WISH_READY };

struct wish {
    enum wish_stage stage;
    char address[RING_ADDRESS_MAX + 1]; /* of the node that is to come */
    char name[RING_NAME_MAX + 1];       /* "" until it is known */
    uint64_t send_ns, deadline_ns;
    struct value *value;   /* READY: the change */
    bool answers;          /* the node has asked by itself and is told the outcome */
    membership_done *done; /* NULL: no administrator waits */
    void *owner;
};

/* decide.h */
struct deciding {
    struct proposer proposer;
    struct draft offer; /* this node's own value; empty when it only completes another's */
    bool offers_alone;  /* the offer needs an empty ring */
    uint64_t stage_ns;  /* since when the proposer is in its stage */
    uint64_t resend_ns, again_ns;
    uint64_t yield_ns;   /* until then another proposer, to whom this node has given its vote, goes first */
    bool is_bound_alone; /* what the acceptor has accepted needs an empty ring */
};

/* settle.h */
struct settling {
    uint64_t epoch;
    uint64_t until_ns; /* 0: nothing to settle */
    bool leads;
    bool holds; /* writes wait for it */
    uint64_t resend_ns;
    struct draft value;
    uint32_t *waits; /* ids that have not adopted the table yet */
    uint32_t *all;
    uint32_t wait_count, all_count;
};

/* returning.h: this process, as the other members see it. */
struct returning {
    uint64_t began_ns; /* 0: there is no table yet */
    uint64_t ask_ns;
    uint64_t first_ns; /* when the first member took it, 0: none has */
    uint64_t kept_ns;  /* when the host has certainly kept that the copies are doubtful; 0: nothing to keep */
    bool is_heard;     /* somebody has answered */
    bool is_confirmed, is_alone, is_refused;
    bool has_drawn; /* a new name for its data directory, because it is an old copy */
    uint64_t other; /* the process that is alive instead of this one, as far as known */
    char other_peer[RING_ADDRESS_MAX + 1];
};

/* clocks.h */
struct clocks {
    uint64_t check_ns, seen_ns;     /* when this process was at work last */
    uint64_t thawed_ns;             /* until then messages may be older than they seem */
    unsigned off, right, undecided; /* rounds in a row */
    bool is_quarantined;            /* this node */
    int64_t ahead_ms;               /* of the median of the members */
    bool is_undecided;              /* clocks differ, and there are too few to tell whose is right */
};

struct gossip {
    uint64_t next_ns;
    uint64_t rounds;
};

/* tables.h */
struct fetching {
    uint64_t epoch; /* of a newer table that somebody has, 0: none is known */
    uint64_t ask_ns;
    unsigned asked;
};

struct membership {
    struct membership_ports ports;
    struct ring_member self;
    uint64_t incarnation;
    char program[GOSSIP_PROGRAM_MAX + 1];
    char seeds[MEMBERSHIP_SEEDS_MAX][RING_ADDRESS_MAX + 1];
    unsigned seed_count;
    struct ring_settings wanted; /* of a ring that this node founds; cluster 0 */
    struct prng prng;
    struct state state;
    struct gossip_entry own; /* this node's entry */
    struct entries entries;  /* the others' */
    struct founding founding;
    struct joining joining;
    struct wish wishes[WISHES_MAX];
    struct deciding deciding;
    struct settling settling;
    struct gossip gossip;
    struct fetching fetching;
    struct returning returning;
    struct clocks clocks;
    uint32_t clock_bound_ms;
    uint64_t found;  /* how much had been stored when this process began */
    bool is_started; /* who this node is has been saved: it may speak */
    uint64_t start_ns;
    uint64_t warned_cluster; /* another ring that a seed belongs to, which has been reported */
    bool holds;              /* what the host was told last */
    char waits_for[WAITS_FOR_BYTES];
    char complained[WAITS_FOR_BYTES]; /* what was reported last of it */
};

static inline const struct ring_view *view_of(const struct membership *membership)
{
    return membership->state.table == NULL ? NULL : membership->state.table->view;
}

static inline uint64_t cluster_of(const struct membership *membership)
{
    return membership->state.table == NULL ? 0 : membership->state.table->view->settings.cluster;
}

static inline uint64_t epoch_of(const struct membership *membership)
{
    return membership->state.table == NULL ? 0 : membership->state.table->view->epoch;
}

#endif
