/* Who is in the ring, Dynamo 4.8 with [R12] and [R13]: gossip spreads, a majority decides.
 *
 * One membership for each process, run by its main loop. It is pure: time and a seed come in, messages and what has
 * been decided go out through ports, and what must survive a crash is saved before anything is answered that depends on
 * it.
 *
 *   membership.c  joins the parts below, routes messages
 *   founding.h    how a ring begins [R13]
 *   gossip.h      once a second, with a random member: digests, then differences
 *   runs.h        which process each member is; returning.h: this one, told to the others [R9]
 *   clocks.h      whose clock is off
 *   agreement.h   one table per epoch: single-decree Paxos for each change [R12]
 *   state.h       the durable state: who I am, the table, what the acceptor promised, shared settings, members heard of
 *
 * Nodes name each other by peer address ("host:port") where they do not know the name yet. */
#ifndef MEMBERSHIP_MEMBERSHIP_H
#define MEMBERSHIP_MEMBERSHIP_H

#include "base/bytes.h"
#include "base/instant.h"
#include "message/data.h"
#include "message/frame.h"
#include "ring/bucket.h"
#include "ring/ring.h"

#include <stdbool.h>
#include <stdint.h>

enum {
    MEMBERSHIP_SEEDS_MAX = 32,
    MEMBERSHIP_GOSSIP_MS = 1000, /* between two exchanges */
    MEMBERSHIP_DOWN_MS = 5000,   /* unheard of for so long, directly or through others: shown as down */
    MEMBERSHIP_CLOCK_BOUND_MS = 10000,
    MEMBERSHIP_NOTE_MAX = 256
};

struct membership;

enum membership_phase {
    MEMBERSHIP_FOUNDING, /* has seeds and no ring yet: waits for all seeds, or for a ring to join */
    MEMBERSHIP_JOINING,  /* has asked a ring to take it in */
    MEMBERSHIP_MEMBER,   /* is in the table: serves clients */
    MEMBERSHIP_RETURNING /* is in the table, but the other members do not take this process for the member (yet): serves
                          * no clients. A process that has served may come back to this when others refuse it */
};

enum member_state { MEMBER_JOINING, MEMBER_UP, MEMBER_LEAVING, MEMBER_DOWN };

struct membership_settings {
    struct ring_member self;
    const char *seeds[MEMBERSHIP_SEEDS_MAX]; /* peer addresses; own ones are recognised and harmless */
    unsigned seed_count;                     /* 0: founds a ring of its own, unless the saved state knows one */
    /* For a ring that this node founds; cluster is drawn from the seed. */
    struct ring_settings ring;
    struct bucket_table buckets; /* copied: the shared settings' first version */
    uint64_t incarnation;
    const char *version;     /* of the program */
    uint64_t seed;           /* for drawing peers, ballots, the cluster's id */
    bool is_copied;          /* the data directory is a copy of the one that the node last ran with */
    uint32_t clock_bound_ms; /* by how much a clock may differ from most members', 0: MEMBERSHIP_CLOCK_BOUND_MS */
};

enum membership_severity { MEMBERSHIP_INFO, MEMBERSHIP_NOTICE, MEMBERSHIP_WARNING, MEMBERSHIP_ERROR };

/* None calls back into the membership. */
struct membership_ports {
    /* A message for the member at this peer address; may be lost. */
    void (*send)(void *host, const char *address, uint8_t type, struct bytes head);
    /* Keeps `state` durably before it returns. false: it could not; then nothing that depends on it is said. */
    bool (*save)(void *host, struct bytes state);
    /* A new table is in force; the view becomes the host's. */
    void (*publish)(void *host, struct ring_view *view);
    /* The ring's buckets have changed. */
    void (*publish_buckets)(void *host, const struct bucket_table *buckets);
    /* While a change is being decided that may not overlap with writes. */
    void (*hold_writes)(void *host, bool held);
    /* Has nothing ever been stored here? */
    bool (*is_empty)(void *host);
    /* What gossip tells of this process: its clock and load, and the flush registers it has. */
    void (*describe_self)(void *host, hybrid_time *clock, uint64_t *records, uint64_t *bytes,
                          struct flush_registers *flush);
    /* Another member's flush registers, clock: to be taken over. */
    void (*learn)(void *host, hybrid_time clock, const struct flush_registers *flush);
    /* Something an operator should know: a whole sentence. */
    void (*report)(void *host, enum membership_severity severity, const char *text);

    /* The rest may be NULL. How much has ever been stored in the data directory: a number that grows with every write
     * and is found again, or a larger one, by the next process, unless something was lost. By it others notice an old
     * copy of the directory. */
    uint64_t (*stored)(void *host);
    /* What this node's copies are worth [R9]. `confirmed`: another member has confirmed that this process is the member
     * and its data directory the one that it ran with last, or nobody else is there. `doubtful`: it is not,
     * acknowledged writes may be missing; said once for each time it is found out, and again at the next start until it
     * is certainly kept. Told when the table is published, and on every change. */
    void (*stand)(void *host, bool confirmed, bool doubtful);
    /* From now on this process is that member: connections with other processes of that name are to be closed, and none
     * to be made. */
    void (*admit)(void *host, const char *name, uint64_t incarnation);
    /* The members, sorted by id, whose clocks are off; this node may be among them. */
    void (*quarantine)(void *host, const uint32_t *ids, unsigned count);
    void *host;
};

/* `saved`: what the last save was given, empty for a node without a past. NULL when it cannot be understood or belongs
 * to another node; `fault` (192 bytes) says why. A node that founds alone or returns to its ring publishes in the first
 * membership_tick. */
struct membership *membership_new(const struct membership_settings *settings, const struct membership_ports *ports,
                                  struct bytes saved, char *fault);
void membership_free(struct membership *membership);

/* A message of the membership plane; `from` is the peer's name, proved in the handshake. false: malformed, close the
 * connection. */
bool membership_receive(struct membership *membership, struct instant now, const char *from, const struct frame *frame);
void membership_tick(struct membership *membership, struct instant now);
uint64_t membership_wake_at(const struct membership *membership); /* monotonic nanoseconds */

/* How far this node has come. */
enum membership_phase membership_phase(const struct membership *membership);

/* An operator's wish: take in the node at this peer address. The outcome comes later, through `done`, once. `text` is
 * what to tell the operator. */
typedef void membership_done(void *owner, bool good, const char *text);
void membership_join(struct membership *membership, struct instant now, const char *address, membership_done *done,
                     void *owner);
/* New shared settings, for the whole ring. */
void membership_set_buckets(struct membership *membership, struct instant now, const struct bucket_table *buckets);

/* A peer says that there is a newer table than ours (a data message had its epoch): ask for it soon. Also when a
 * replica refused our epoch. */
void membership_hear_of_epoch(struct membership *membership, struct instant now, uint64_t epoch);

/* For `ringctl status`. */
struct membership_row {
    const struct ring_member *member;
    enum member_state state;
    bool is_self;
    uint64_t incarnation, epoch;
    uint64_t heard_ms; /* ago; 0 for this node */
    hybrid_time clock;
    uint64_t records, bytes;
    const char *version;
    bool is_quarantined;            /* its clock is off: it coordinates nothing */
    int64_t clock_ahead_ms;         /* of most members' clocks, negative: behind; 0 also when nothing is known */
    char note[MEMBERSHIP_NOTE_MAX]; /* what an operator should know or do, "" nothing: a sentence */
};
unsigned membership_rows(const struct membership *membership, struct instant now, struct membership_row *rows,
                         unsigned max);
/* The ring's buckets, as far as this node knows them; its own settings' while it is in no ring. Valid until the next
 * call.
 */
const struct bucket_table *membership_buckets(const struct membership *membership);
/* May this process not be the member that it is called: is another one alive? */
bool membership_is_refused(const struct membership *membership);
/* NULL before there is one. */
const struct ring_view *membership_view(const struct membership *membership);
/* Why this node does not serve yet, for people; "" when it does. */
const char *membership_waits_for(const struct membership *membership);

#endif
