/* How a node finds its ring, Dynamo 4.8: probes of seeds, joining, invitations, and the ring's table as a whole. */
#ifndef MESSAGE_FOUNDING_H
#define MESSAGE_FOUNDING_H

#include "message/frame.h"
#include "message/sender.h"

#include <stdbool.h>
#include <stdint.h>

enum message_founding_type {
    MESSAGE_PROBE = MESSAGE_OF_MEMBERSHIP, /* who are you? */
    MESSAGE_PROBE_REPLY,
    MESSAGE_JOIN, /* take me in */
    MESSAGE_JOIN_REPLY,
    MESSAGE_INVITE, /* an administrator of our ring wants you in it */
    MESSAGE_INVITE_REPLY,
    MESSAGE_TABLE_REQUEST, /* give me your table, it is newer than mine */
    MESSAGE_TABLE
};

enum { PROBE_SEEDS_MAX = 32, JOIN_TEXT_MAX = 255, TABLE_BYTES_MAX = FRAME_HEAD_MAX - (1 << 18) };

#define SETTINGS_VERSION_MAX ((uint64_t)1 << 56)

/* What a node tells of itself. */
struct message_description {
    struct ring_member member;
    uint64_t directory;    /* drawn once for its data directory: another one means that the node has lost its data */
    uint32_t member_count; /* of its ring, 0: it is in none */
    bool is_empty;         /* nothing has ever been stored there */
    struct ring_settings settings; /* of its ring; of the ring that it would found, with cluster 0, while in none */
    unsigned seed_count;
    char seeds[PROBE_SEEDS_MAX][RING_ADDRESS_MAX + 1];
};

/* A probe tells who asks, so that both know each other afterwards. */
struct message_probe {
    struct message_sender sender;
    char target[RING_ADDRESS_MAX + 1]; /* the address that was probed: it may lead to a node of another address */
    struct message_description description;
};

struct message_join {
    struct message_sender sender;
    struct ring_member member;
    uint64_t directory;
    bool is_empty;
};

struct message_join_reply {
    struct message_sender sender;
    bool good;    /* INVITE_REPLY: the node comes. JOIN_REPLY: the node is in; the table is on its way */
    bool certain; /* not good: nothing was proposed, so nothing can come of it later */
    char text[JOIN_TEXT_MAX + 1];
};

struct message_table {
    struct message_sender sender;
    struct bytes table; /* membership/table.h */
    /* The ring's shared settings: the highest (version, writer) is in force. */
    uint64_t settings_version;
    uint32_t settings_writer;
    struct bytes settings; /* bucket_table_encode */
};

/* Each appends the head of such a message. A probe and its reply look alike, so do a join's and an invitation's reply;
 * TABLE_REQUEST and INVITE are a sender alone. */
void message_write_probe(struct draft *out, const struct message_probe *m);
void message_write_join(struct draft *out, const struct message_join *m);
void message_write_join_reply(struct draft *out, const struct message_join_reply *m);
void message_write_table(struct draft *out, const struct message_table *m);

/* Every field is checked. false: malformed. What they return points into `head`. */
bool message_read_probe(struct bytes head, struct message_probe *m);
bool message_read_join(struct bytes head, struct message_join *m);
bool message_read_join_reply(struct bytes head, struct message_join_reply *m);
bool message_read_table(struct bytes head, struct message_table *m);
bool message_read_sender_alone(struct bytes head, struct message_sender *sender);

/* Ring settings as bytes, also for a ring that has no cluster id yet. */
void message_write_settings(struct draft *out, const struct ring_settings *settings);
void message_read_settings(struct wire_reader *reader, struct ring_settings *settings);

#endif
