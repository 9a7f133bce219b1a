/* Up to five nodes of a ring in one process, each with a store, a standing and anti-entropy, and a network between them
 * that a test can make lose, repeat, delay and reorder what it carries. Time moves by world_run only. */
#ifndef T_ANTIENTROPY_WORLD_H
#define T_ANTIENTROPY_WORLD_H

#include "base/seeded.h"

#include "antientropy/antientropy.h"
#include "base/list.h"
#include "base/prng.h"
#include "message/antientropy.h"
#include "simulator/fake_disk.h"
#include "simulator/fake_engine.h"

enum { WORLD_NODES_MAX = 5, WORLD_OP_OWNER = 9, WORLD_GRACE_MS = 5000 };

struct world;

struct box {
    struct world *world;
    unsigned index;
    char name[16];
    uint32_t id;
    bool is_up;
    bool is_cut; /* nothing passes to or from it, and nobody has noticed */
    bool never_checkpoints, never_keeps;
    int64_t ahead_ms; /* of its wall clock */
    uint64_t births;
    uint64_t incarnation;
    struct fake_disk disk;
    struct fake_engine engine;
    struct store *store;
    struct replica replica;
    struct standing *standing;
    struct hints *hints;
    struct queue flushes;
    struct peers peers;
    bool knows_up[WORLD_NODES_MAX];
    struct antientropy *antientropy;
    struct link dialled[WORLD_NODES_MAX], accepted[WORLD_NODES_MAX];
    struct pool chunks;
    int self; /* in the view in force */
    unsigned reports;
    char last_report[256];
};

struct world {
    unsigned count;
    struct box boxes[WORLD_NODES_MAX];
    struct ring_view *view, *old_view;
    struct bucket_table buckets;
    struct instant now;
    struct prng prng;
    struct antientropy_settings settings;
    uint64_t memory_bytes;
    /* The network: of 1000 frames so many are lost, come twice; each takes up to delay_ms more than 1. */
    unsigned lost, repeated, delay_ms;
    struct list parcels;
    /* What has been sent. */
    uint64_t messages[256], bytes[256], longest[256];
    uint64_t records, record_bytes; /* frames with a record, and these */
};

/* A ring of `count` nodes named n0, n1 ..., all up, with `copies` copies of each of so many partitions. Set limits in
 * `world` between the two. Ids rise with the index. */
void world_init(struct world *world, unsigned count, unsigned copies, uint32_t partitions, uint64_t seed);
void world_start(struct world *world);
void world_close(struct world *world);

/* The instant as this node's clocks show it. */
struct instant world_now(const struct box *box);

/* So many milliseconds pass. */
void world_run(struct world *world, unsigned ms);
/* Until everything that two owners share is the same, at most so many milliseconds; false: it is not. *took: how many.
 */
bool world_run_until_same(struct world *world, unsigned ms, unsigned *took);
void world_forget_counts(struct world *world);
uint64_t world_messages(const struct world *world);
uint64_t world_bytes(const struct world *world);

/* Processes. */
void world_kill(struct world *world, unsigned node);
/* With its data, or in an empty directory (it is doubtful then). */
void world_restart(struct world *world, unsigned node);
void world_restart_empty(struct world *world, unsigned node);
/* The link between two goes and comes. */
void world_cut(struct world *world, unsigned a, unsigned b);
void world_join(struct world *world, unsigned a, unsigned b);
/* A member more or less: the next view, in force everywhere at once. */
void world_leave(struct world *world, unsigned node);

/* A write of a client that reaches the nodes in `mask` only; the lowest of them coordinates. NULL value: a delete. */
void world_put(struct world *world, unsigned mask, const char *key, const char *value);
void world_put_bytes(struct world *world, unsigned mask, const char *key, struct bytes value);
/* The record that a node has; NULL: none. The caller releases it. */
struct blob *world_record(struct world *world, unsigned node, const char *key);
/* What a client would be shown there: NULL for nothing. Valid until the next call. `live`: how many versions there are.
 */
const char *world_value(struct world *world, unsigned node, const char *key, uint32_t *live);

/* A record goes without a trace, or comes whatever the horizon says. */
void world_forget(struct world *world, unsigned node, const char *key);
void world_place(struct world *world, unsigned node, const char *key, struct blob *record);

uint16_t world_partition(const struct world *world, const char *key);
bool world_owns(const struct world *world, unsigned node, uint16_t partition);
/* Which of the nodes own the key, and in which order. */
unsigned world_owners(const struct world *world, const char *key);
unsigned world_owner(const struct world *world, uint16_t partition, unsigned place);
/* Are the roots of all shared partitions equal? */
bool world_is_same(const struct world *world);
hybrid_time world_horizon(const struct world *world, unsigned node, uint16_t partition);
hybrid_time world_clock(struct world *world, unsigned node);
struct antientropy_peer_row world_row(const struct world *world, unsigned node, unsigned peer);

#endif
