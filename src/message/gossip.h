/* Gossip, Dynamo 4.8: digests of what a node knows of the others, then the differences both ways. */
#ifndef MESSAGE_GOSSIP_H
#define MESSAGE_GOSSIP_H

#include "message/data.h"
#include "message/frame.h"
#include "message/sender.h"
#include "version/hybrid.h"

#include <stdbool.h>
#include <stdint.h>

struct wire_reader;

enum message_gossip_type {
    MESSAGE_DIGEST = MESSAGE_OF_MEMBERSHIP + 16, /* what I know, in short */
    MESSAGE_DIFFERENCE                           /* what you do not have yet, and what I want of yours */
};

enum {
    GOSSIP_ENTRIES_MAX = 2048, /* of one message */
    GOSSIP_PROGRAM_MAX = 31,
    GOSSIP_BEFORE_MAX = 7,
    GOSSIP_STATES = 4 /* enum member_state of membership/membership.h */
};
/* Higher ones are malformed: nobody could go above them. */
#define GOSSIP_VERSION_MAX ((uint64_t)1 << 56)
#define GOSSIP_EPOCH_MAX   SENDER_EPOCH_MAX
#define GOSSIP_RUN_MAX     ((uint64_t)1 << 48)
#define GOSSIP_WALL_MS_MAX ((uint64_t)1 << 48)

/* What one node has written about itself, and whether it has been removed. The two parts are merged one by one:
 * `removed` is the highest, the rest comes from the greatest (epoch, version, incarnation). An entry of an epoch before
 * `removed` is dead: only the tombstone is left of it then (epoch 0). */
struct gossip_entry {
    uint32_t id;
    uint64_t removed; /* epoch of a table that does not have the node any more, 0: none is known */
    /* Written by the node itself. */
    uint64_t epoch; /* of its table, 0: nothing is known of the node itself */
    uint64_t version, incarnation;
    uint8_t state;
    char name[RING_NAME_MAX + 1];
    char peer[RING_ADDRESS_MAX + 1], client[RING_ADDRESS_MAX + 1];
    char program[GOSSIP_PROGRAM_MAX + 1]; /* its version */
    /* Its data directory, for others to notice an old copy of it (membership/runs.h). */
    uint64_t directory;
    uint64_t run; /* how many processes have run on it, this one counted; 0: unknown */
    /* Those before it, from the last one on that is certainly known to another member; that was number `since`. */
    uint64_t since, before[GOSSIP_BEFORE_MAX];
    uint8_t before_count;
    uint64_t found, stored; /* how much had ever been stored in it, when the process began and now */
    hybrid_time clock;
    uint64_t records, bytes;
    struct flush_registers flush;
};

/* About 20 bytes each. */
struct gossip_digest {
    uint32_t id;
    uint64_t removed, epoch, version, incarnation;
};

struct message_digest {
    struct message_sender sender;
    uint64_t wall_ms;     /* the sender's wall clock */
    uint64_t fingerprint; /* of the sender's table: two tables of one epoch would be noticed */
    uint64_t settings_version;
    uint32_t settings_writer;
    uint32_t count;
    const struct gossip_digest *digests;
};

struct message_difference {
    struct message_sender sender;
    uint64_t wall_ms; /* the sender's wall clock */
    bool has_settings, wants_settings;
    uint64_t settings_version;
    uint32_t settings_writer;
    struct bytes settings; /* bucket_table_encode */
    uint32_t want_count;
    const uint32_t *wants; /* ids of nodes */
    uint32_t count;
    const struct gossip_entry *entries;
};

/* Each appends the head of such a message. */
void message_write_digest(struct draft *out, const struct message_digest *m);
void message_write_difference(struct draft *out, const struct message_difference *m);

/* All fields are checked before anything is returned. The arrays are allocated: message_close_... frees them, and must
 * be called when true was returned. false: malformed. */
bool message_read_digest(struct bytes head, struct message_digest *m);
void message_close_digest(struct message_digest *m);
bool message_read_difference(struct bytes head, struct message_difference *m);
void message_close_difference(struct message_difference *m);

/* One entry as bytes: equal entries have equal bytes. */
void message_write_entry(struct draft *out, const struct gossip_entry *entry);
/* The reader's `ok` tells whether it is one. */
void message_read_entry(struct wire_reader *reader, struct gossip_entry *entry);

#endif
