/* A ring of three members that is small enough to reason about, for tests of what is told about it. */
#ifndef T_ADMIN_FAKE_RING_H
#define T_ADMIN_FAKE_RING_H

#include "base/arena.h"
#include "base/blob.h"
#include "membership/membership.h"
#include "ring/ring.h"
#include "version/record.h"

#include <string.h>

enum { FAKE_MEMBERS = 3, FAKE_PARTITIONS = 4, FAKE_NOW_MS = 1700000000 };

/* Four partitions, two copies. Copies: a 4, b 3, c 1 of 8; coordinator: a 3, b 1 of 4. */
static const struct ring_member FAKE_MEMBER_LIST[FAKE_MEMBERS] = {
    {.id = 10, .weight = 1000, .name = "a", .peer = "10.0.0.1:12211", .client = "10.0.0.1:11211", .rack = "r1"},
    {.id = 20, .weight = 2500, .name = "b", .peer = "10.0.0.2:12211", .client = "[fe80::2]:11211", .rack = "r2"},
    {.id = 30, .weight = 1000, .name = "c", .peer = "10.0.0.3:12211", .client = "cache3.example:11311"},
};
static const uint16_t FAKE_ROWS[FAKE_PARTITIONS * FAKE_MEMBERS] = {0, 1, 2, /**/ 1, 0, 2, /**/ 0, 2, 1, /**/ 0, 1, 2};

static inline struct ring_view fake_view(void)
{
    return (struct ring_view){.settings = {.cluster = 0xabc,
                                           .partition_count = FAKE_PARTITIONS,
                                           .strategy = RING_CLAIMED_PARTITIONS,
                                           .copies = 2,
                                           .tokens = 64},
                              .epoch = 7,
                              .partition_count = FAKE_PARTITIONS,
                              .member_count = FAKE_MEMBERS,
                              .owner_count = 2,
                              .members = FAKE_MEMBER_LIST,
                              .rows = FAKE_ROWS};
}

/* All are up and say the same; a is the node that is asked. */
static inline void fake_rows(struct membership_row *rows)
{
    for (unsigned i = 0; i < FAKE_MEMBERS; i++)
        rows[i] = (struct membership_row){.member = &FAKE_MEMBER_LIST[i],
                                          .state = MEMBER_UP,
                                          .is_self = i == 0,
                                          .incarnation = 100 + i,
                                          .epoch = 7,
                                          .heard_ms = i * 250,
                                          .clock = hybrid_of_ms(FAKE_NOW_MS - i * 250),
                                          .records = 1000 * (i + 1),
                                          .bytes = 4096,
                                          .version = "0.1.0"};
}

/* A record of one version by member `node`, its `counter`-th. */
static inline struct blob *fake_record(uint32_t node, uint64_t counter, const char *value, uint64_t expiry_ms)
{
    struct actor actor = {.node = node, .incarnation = 0x1234, .birth = 1};
    hybrid_time time = hybrid_of_ms(FAKE_NOW_MS - 1000 + counter);
    struct pair pair = {.actor = actor, .counter = counter, .time = time};
    struct version version = {.dot = {.actor = actor, .counter = counter},
                              .time = time,
                              .expiry_stamp = time,
                              .expiry_ms = expiry_ms,
                              .flags = 5,
                              .kind = value != NULL ? VERSION_VALUE : VERSION_TOMBSTONE,
                              .value = value != NULL ? bytes_of_text(value) : (struct bytes){0}};
    struct object object = {.context = {.pairs = &pair, .count = 1}, .live = &version, .live_count = 1};
    struct blob *blob = blob_new(record_size(&object));
    record_encode(&object, blob->at);
    return blob;
}

#endif
