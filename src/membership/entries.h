/* What is known of the nodes by gossip: one entry for each, written by the node itself, and tombstones of the removed.
 *
 * Merging takes the higher tombstone and the greater of what the node wrote, by (epoch, version, incarnation, bytes);
 * what was written under an epoch before the tombstone is dead. So it is commutative, associative and idempotent: the
 * order in which gossip arrives is of no account. */
#ifndef MEMBERSHIP_ENTRIES_H
#define MEMBERSHIP_ENTRIES_H

#include "message/gossip.h"

#include <stdbool.h>
#include <stdint.h>

enum {
    ENTRIES_MAX = GOSSIP_ENTRIES_MAX,
    ENTRIES_STRANGERS_MAX = ENTRIES_MAX - RING_MEMBERS_MAX /* nodes that are not in the table, tombstones included */
};

struct heard_entry {
    struct gossip_entry entry;
    uint64_t heard_ns; /* monotonic: when something newer of the node itself came last */
    bool is_member;    /* of the present table */
};

struct entries {
    struct heard_entry *all; /* sorted by id */
    uint32_t count, room;
    uint32_t strangers;
};

/* Zero-initialised, it is empty; so it is after this. */
void entries_close(struct entries *entries);

/* Joins what `from` knows into `into`; both are about one node. true: the node's own part has changed. */
bool entry_merge(struct gossip_entry *into, const struct gossip_entry *from);
/* < 0, 0 or > 0: which own part is greater. */
int entry_compare(const struct gossip_entry *a, const struct gossip_entry *b);

/* NULL when nothing is known of the node. */
struct heard_entry *entries_find(const struct entries *entries, uint32_t id);
/* Merges. NULL: nothing is known of the node and there is no room for more strangers. *news: the node itself has
 * written something newer. The result is valid until the next merge. */
struct heard_entry *entries_merge(struct entries *entries, const struct gossip_entry *entry, uint64_t now_ns,
                                  bool *news);

/* A new table is in force: who is in it is a member, who was and is no more gets a tombstone. */
void entries_follow(struct entries *entries, const struct ring_view *view, uint64_t now_ns);

#endif
