/* A node with a hint store, a data store and a ring of four, b, c and d being fakes that keep what they are sent. Its
 * repairing node is loop 2 of both stores; loop 0 is who stores hints. */
#ifndef HINTS_WORLD_H
#define HINTS_WORLD_H

#include "storage/fixture.h"

#include "hints/deliver.h"
#include "replica/replica.h"

enum { PEERS = 3, PARTITIONS = 64, KEPT_MAX = 512, SENT_MAX = 1024 };

struct kept {
    char key[64];
    struct blob *record;
    unsigned times;
};

/* A WRITE that has come to a fake peer. */
struct sent {
    struct message_write message;
    char key[64];
    bool is_answered;
};

struct fake_peer {
    uint32_t node;
    bool is_up;
    enum message_status answers_with;
    bool loses_answers;
    char refuses[64];    /* it answers FAILED for this key */
    unsigned holds_back; /* so many of the WRITEs that come are not answered until world_release */
    struct chain out;
    struct kept kept[KEPT_MAX];
    unsigned kept_count;
    struct sent sent[SENT_MAX];
    unsigned sent_count, unanswered, most_unanswered;
};

struct world {
    struct fixture hint, data;
    struct replica replica;
    struct hints *hints;
    struct deliver *deliver;
    struct ring_view *view;
    struct bucket_table buckets;
    struct fake_peer peers[PEERS];
    struct pool chunks;
    struct arena scratch;
    struct instant now;
    uint64_t births;
    unsigned losses; /* that deliver has told of */
};

/* The world of the test that runs: setup and teardown of each. */
extern struct world the_world;
int world_setup(void **state);
int world_teardown(void **state);

void world_init(struct world *world);
void world_close(struct world *world);
/* The process is killed and started again. */
void world_crash(struct world *world);

/* The members named in the text, "abc", in a ring of 3 copies at most; `a` is this node. */
void world_set_view(struct world *world, const char *members, unsigned copies);
struct fake_peer *world_peer(struct world *world, char name);

/* A key whose first owner in the view is `owner`, the i-th such. */
void world_key(const struct world *world, char owner, unsigned i, char *key);
/* A key of which `owner` is an owner and this node is none; in text. */
bool world_owns(const struct world *world, const char *key, char name);

/* A record of one version by `writer`, written now. */
struct blob *world_record(struct world *world, const char *value, uint32_t writer);
/* Keeps a hint for `owner`: a version by `writer`. The status of the op. */
enum store_status world_hint(struct world *world, char owner, const char *key, const char *value, uint32_t writer);
/* The hint's newest value, or NULL. */
const char *world_value_of_hint(struct world *world, char owner, const char *key);

/* Lets `ms` pass: stores, deliveries, peers. */
void world_run(struct world *world, unsigned ms);
/* The peer answers what it has held back. */
void world_release(struct world *world, struct fake_peer *peer);
const struct kept *world_kept(struct fake_peer *peer, const char *key);
/* Newest value of a record. */
const char *world_value(const struct blob *record);

/* Counts by a look at all that is in the hint store, and compares them with what is counted. */
void world_check_counts(struct world *world);

#endif
