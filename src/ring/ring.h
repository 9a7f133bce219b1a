/* The ring: which nodes keep a partition, Dynamo 4.2, 4.3 and 6.2.
 *
 * A view is what the members have agreed on: the members themselves and, for each of Q equal partitions, a preference
 * list. It is immutable and swapped whole. View e + 1 is a pure function of view e and one change, so that everyone who
 * knows both comes to the same table (strategy.h).
 *
 *   ring.c        views, lists, fingerprints
 *   *_wire.c      views, members, changes and buckets as bytes
 *   strategy.h    the three strategies of the paper (claim.c, tokens.c), first owners, stand-ins
 *   place.h       P5: racks and data centres
 *   quota.h       how much each node is to keep
 *   bucket.h      settings by key prefix */
#ifndef RING_RING_H
#define RING_RING_H

#include "base/bytes.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum {
    RING_PARTITIONS_DEFAULT = 1024,
    RING_PARTITIONS_MAX = 65536,
    RING_COPIES_DEFAULT = 3,
    RING_COPIES_MAX = 7,
    RING_MEMBERS_MAX = 1024,
    RING_NAME_MAX = 63,
    RING_ADDRESS_MAX = 127,   /* "host:port", a host of IPv6 in brackets */
    RING_TOKENS_DEFAULT = 64, /* T: tokens of a node of ordinary weight, strategies 1 and 2 */
    RING_TOKENS_MAX = 1024,
    RING_WEIGHT_ONE = 1000, /* weights are thousandths of an ordinary machine */
    RING_WEIGHT_MAX = 100 * RING_WEIGHT_ONE
};

enum ring_strategy {
    RING_RANDOM_TOKENS = 1,           /* T random tokens per node, ranges between tokens, rounded to partitions */
    RING_TOKENS_EQUAL_PARTITIONS = 2, /* T random tokens per node, Q equal partitions */
    RING_CLAIMED_PARTITIONS = 3       /* Q equal partitions, each node its share of them: the default */
};

/* One node as the ring knows it. All texts are NUL-terminated. */
struct ring_member {
    uint32_t id; /* ring_node_id(name) */
    uint32_t weight;
    char name[RING_NAME_MAX + 1];
    char peer[RING_ADDRESS_MAX + 1];   /* where other nodes reach it */
    char client[RING_ADDRESS_MAX + 1]; /* where memcached clients reach it */
    char rack[RING_NAME_MAX + 1];      /* one of its data centre; "" is a name like any other */
    char datacenter[RING_NAME_MAX + 1];
};

/* What is fixed when the ring is founded. */
struct ring_settings {
    uint64_t cluster; /* random, not 0: rings with different ids never merge */
    uint32_t partition_count;
    enum ring_strategy strategy;
    uint8_t copies;  /* N wanted, 1 .. RING_COPIES_MAX */
    uint16_t tokens; /* T */
};

struct ring_view {
    struct ring_settings settings;
    uint64_t epoch;           /* 1 when founded; each change adds one */
    uint32_t partition_count; /* settings.partition_count, a power of two */
    uint32_t member_count;
    uint32_t
        owner_count; /* N: the smaller of settings.copies and member_count; the first of each list are the owners */
    const struct ring_member *members; /* sorted by id */
    const uint16_t *rows;              /* partition_count rows of member_count indexes into members: preference lists */
};

/* The id of a node by its name: a hash, never 0. */
uint32_t ring_node_id(const char *name);

/* NULL, or a static text that says why a ring cannot be founded so (sizes, two members of one name or one id, ...). */
const char *ring_settings_fault(const struct ring_settings *settings);
const char *ring_member_fault(const struct ring_member *member);

/* The view of a new ring, epoch 1: its members in any order. NULL when settings, members or their number (1 ..
 * RING_MEMBERS_MAX, no id twice) are at fault. Free with ring_view_free. */
struct ring_view *ring_view_new(const struct ring_settings *settings, const struct ring_member *members,
                                uint32_t member_count);
/* A ring of one with default settings, for tests: cluster 1, no addresses. NULL as above. */
struct ring_view *ring_view_new_single(const char *name, uint32_t partition_count);
void ring_view_free(struct ring_view *view);

enum ring_change_kind {
    RING_CHANGE_JOIN = 1, /* member is added */
    RING_CHANGE_LEAVE,    /* the member of this id goes */
    RING_CHANGE_MEMBER    /* a member of this id gets these addresses, weight, rack, data centre */
};

struct ring_change {
    enum ring_change_kind kind;
    struct ring_member member;
};

/* The view after a change: epoch + 1, as few partitions moved as the strategy and P5 (docs/ring.md) allow. NULL when
 * the change is impossible: an id that is there already or is not there, the last member leaving, too many. */
struct ring_view *ring_view_after(const struct ring_view *view, const struct ring_change *change);

/* The partition of a key whose hash_of_key is `hash`. */
static inline uint16_t ring_partition(const struct ring_view *view, uint32_t hash)
{
    return (uint16_t)(hash & (view->partition_count - 1));
}

/* The preference list of a partition: member_count indexes into members, best first. The first owner_count are its
 * owners, the others stand in for them in this order. */
static inline const uint16_t *ring_preference_list(const struct ring_view *view, uint16_t partition)
{
    return &view->rows[(size_t)partition * view->member_count];
}

/* The index of a member by its id, or -1. */
int ring_member_index(const struct ring_view *view, uint32_t id);

/* The place of a member (by index) among the owners of a partition, 0 .. owner_count - 1, or -1. */
int ring_owner_place(const struct ring_view *view, uint16_t partition, uint32_t member);

/* Equal tables have equal fingerprints, on every node; the epoch counts too. */
uint64_t ring_fingerprint(const struct ring_view *view);

/* A view as bytes: settings, epoch, members and the owners of each partition; the rest of each list follows from
 * these. ring_view_encode writes exactly ring_view_size(view) bytes. */
size_t ring_view_size(const struct ring_view *view);
void ring_view_encode(const struct ring_view *view, uint8_t *at);
/* Every field is checked. NULL: *fault is a static text that says what is wrong. */
struct ring_view *ring_view_decode(struct bytes in, const char **fault);

/* A member and a change as bytes, for messages; the same rules. */
enum { RING_MEMBER_BYTES_MAX = 600, RING_CHANGE_BYTES_MAX = RING_MEMBER_BYTES_MAX + 8 };
uint8_t *ring_member_encode(const struct ring_member *member, uint8_t *at); /* at most RING_MEMBER_BYTES_MAX */
uint8_t *ring_change_encode(const struct ring_change *change, uint8_t *at);
struct wire_reader;
bool ring_member_decode(struct wire_reader *reader, struct ring_member *out); /* false: reader->ok is false then too */
bool ring_change_decode(struct wire_reader *reader, struct ring_change *out);

#endif
