/* What is agreed on: the founding of a ring, or one change of its table. */
#ifndef MEMBERSHIP_VALUE_H
#define MEMBERSHIP_VALUE_H

#include "base/bytes.h"
#include "membership/agreement.h"
#include "message/draft.h"
#include "ring/ring.h"

#include <stdbool.h>
#include <stdint.h>

enum { FOUNDERS_MAX = 64 };

enum value_kind { VALUE_FOUND = 1, VALUE_CHANGE = 2 };

struct founder {
    struct ring_member member;
    uint64_t directory;
};

struct value {
    enum value_kind kind;
    /* VALUE_FOUND: founders are sorted by id. */
    struct ring_settings settings;
    uint32_t founder_count;
    struct founder founders[FOUNDERS_MAX];
    struct bytes buckets; /* bucket_table_encode: the first shared settings */
    /* VALUE_CHANGE: `directory` is the member's. */
    struct ring_change change;
    uint64_t directory;
};

struct table;

/* Appends the value as bytes: equal values have equal bytes. */
void value_write(struct draft *out, const struct value *value);
/* Every field is checked, not whether the value makes sense. `buckets` points into `in`. false: malformed. */
bool value_read(struct bytes in, struct value *value);

/* May the change come about only while nothing is stored in the ring, and no write go beside it? Joins: there is
 * nothing that moves data yet. A member that comes back without its data directory is filled again by anti-entropy. */
bool value_needs_empty_ring(const struct value *value, const struct table *table);

enum { VOTERS_MAX = RING_MEMBERS_MAX };

/* Who decides: the members whose votes count, sorted, and how many are needed. */
struct voters {
    uint32_t ids[VOTERS_MAX];
    uint32_t count, needed;
};

/* Founders: all. A join: all members. A member's return: as many of the others as are a majority of all, because it has
 * forgotten its votes; so it meets every other majority in a member that has not, and every other return. Every other
 * change: a majority; of one or two members, all. */
void value_voters(const struct value *value, const struct table *table, struct voters *voters);
/* More than half of the members. */
void voters_majority(const struct table *table, struct voters *voters);
static inline struct quorum voters_quorum(const struct voters *voters)
{
    return (struct quorum){.voters = voters->ids, .voter_count = voters->count, .needed = voters->needed};
}

#endif
