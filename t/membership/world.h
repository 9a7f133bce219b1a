/* Some memberships in one process, over a network that loses, delays, repeats and reorders, with crashes, wipes and
 * disks that fail: everything is drawn from one seed. It checks on the way what must never happen. */
#ifndef T_MEMBERSHIP_WORLD_H
#define T_MEMBERSHIP_WORLD_H

#include "base/prng.h"
#include "membership/membership.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { WORLD_NODES_MAX = 64, WORLD_TABLES_MAX = 256, WORLD_MS = 1000000 };

struct world;

struct world_node {
    struct world *world;
    unsigned number;
    struct membership_settings settings;
    char address[32];
    char seed_texts[MEMBERSHIP_SEEDS_MAX][32];
    struct membership *membership; /* NULL: down */
    uint8_t *saved;
    size_t saved_len;
    bool disk_lies;  /* says that it saves, and does not: an acceptor that forgets */
    bool disk_fails; /* says that it does not save */
    bool has_data;
    uint64_t data_epoch; /* of the table under which the first of it was written */
    bool is_cut_off;     /* hears and reaches nobody */
    bool is_frozen;      /* does nothing; what is sent to it waits */
    bool holds;
    uint64_t cluster, epoch; /* of what was published last */
    uint64_t life_epoch;     /* the same, of this process */
    unsigned publications;
    struct bucket_table buckets;
    struct flush_registers flush;
    uint64_t records;
    uint64_t stored;       /* what was ever written in its directory */
    int64_t wall_ahead_ms; /* its wall clock */
    bool confirmed;        /* as its host was told last */
    unsigned doubts;       /* how often it was told that writes may be missing */
    uint64_t admitted[64]; /* by number of the other: incarnation of the process that the host was told of last */
    unsigned off_changes;  /* how often the host was told of clocks */
    unsigned off_count;    /* members whose clocks are off */
    uint32_t off[64];
    char report[700]; /* the last one of severity WARNING or worse */
    enum membership_severity worst;
    unsigned spins;
    uint64_t spin_ns;
};

struct world_message {
    uint64_t at_ns;
    unsigned from, to;
    uint8_t type;
    uint8_t *head;
    size_t len;
};

struct world_table {
    uint64_t cluster, epoch, fingerprint;
    uint32_t member_count;
};

struct world {
    struct prng prng;
    uint64_t seed;
    uint64_t now_ns;
    uint64_t wall_back_ms; /* how far the wall clocks have been set back */
    unsigned count;
    struct world_node nodes[WORLD_NODES_MAX];
    struct world_message *messages;
    size_t message_count, message_room;
    /* Rates of 1000. */
    const char *alias; /* a second address of node 0, or NULL */
    unsigned loss, twice;
    uint64_t delay_ms_max;
    struct world_table tables[WORLD_TABLES_MAX];
    unsigned table_count;
    /* What must never happen. */
    bool two_tables; /* of one epoch of one ring */
    bool unheld;     /* a ring grows while a member that does not know it yet may write */
    bool grown_over; /* a ring grows although something was written under an earlier table */
    unsigned joins_good, joins_bad;
    char told[400];
    uint64_t sent, sent_bytes, digests, digest_bytes_max;
};

/* Nodes n0, n1, ... at addresses n0:1, n1:1, ..., all down, with no seeds. */
void world_init(struct world *world, uint64_t seed, unsigned count);
void world_close(struct world *world);
/* One more, whose number is world->count - 1. */
void world_add(struct world *world, unsigned node);

/* `seeds`: numbers of nodes, ended by -1. */
void world_seeds(struct world *world, unsigned node, const int *seeds);
/* Starts a process with what was saved; false: membership_new refused (the fault is in `report`). */
bool world_start(struct world *world, unsigned node);
void world_crash(struct world *world, unsigned node);
/* A copy of the data directory of a node that is up or down, and the return to it: the node is down afterwards. */
struct world_copy {
    uint8_t *saved;
    size_t saved_len;
    uint64_t stored;
};
struct world_copy world_copy(const struct world *world, unsigned node);
void world_restore(struct world *world, unsigned node, struct world_copy *copy);
/* Another node has the name of this one, at its own address. */
void world_name(struct world *world, unsigned node, unsigned as);
/* Crashes and loses the data directory. */
void world_wipe(struct world *world, unsigned node);

/* Runs for so long, or until `until` says true (may be NULL). Returns whether it did. */
bool world_run(struct world *world, uint64_t ms, bool (*until)(struct world *world));

/* A client writes at this node, if it serves and does not hold writes. */
void world_write(struct world *world, unsigned node);
/* An administrator at `node` invites another; the outcome is counted, its text kept in world->told. */
void world_invite(struct world *world, unsigned node, const char *address);

/* Has anything happened that must never happen? */
bool world_is_sound(const struct world *world);
/* Are all nodes members of one ring with equal tables? */
bool world_is_one_ring(struct world *world);
/* Rings that were ever published. */
unsigned world_rings(const struct world *world);
struct instant world_now(const struct world *world);
/* By the node's own wall clock. */
struct instant world_now_at(const struct world *world, unsigned node);

/* Prints the seed and what each node waits for. */
void world_tell(const struct world *world);

#define WORLD_ASSERT(world, claim)                                                                                     \
    do {                                                                                                               \
        if (!(claim)) {                                                                                                \
            world_tell(world);                                                                                         \
            fail_msg("%s", #claim);                                                                                    \
        }                                                                                                              \
    } while (0)

#endif
