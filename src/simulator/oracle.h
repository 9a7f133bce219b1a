/* What was ever stored, with unbounded histories: every version by its dot, what it replaced, and what each replica has
 * known at any time. The product forgets ancestors and trusts its contexts; the oracle remembers and trusts nothing.
 *
 * It sees every append to every log (the fake disk tells), so nothing that a replica stores escapes it, also when it is
 * replaced within the same turn, and every frame that is delivered. */
#ifndef SIMULATOR_ORACLE_H
#define SIMULATOR_ORACLE_H

#include "base/arena.h"
#include "message/frame.h"
#include "simulator/bitset.h"
#include "simulator/fake_disk.h"
#include "simulator/plan.h"
#include "version/object.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct world;

#define ORACLE_NONE UINT32_MAX /* no version */
#define ORACLE_DATA (-1)       /* no hint: a machine's own copy */

/* A version as it was first stored. Its number within its key is what the bitsets hold. */
struct written {
    struct dot dot;
    hybrid_time time;
    hybrid_time time_max; /* the same; in a judged history (judge.h) it may lie anywhere between the two */
    int key;
    uint32_t number;
    unsigned machine; /* that made it */
    uint64_t at_ns;
    bool is_tombstone;
    uint64_t digest;    /* of value and flags */
    struct bytes value; /* the oracle's */
    uint64_t request;   /* second name, 0: none [R10] */
    uint32_t attempt;
    uint64_t expiry_ms;  /* as first stored */
    struct bitset past;  /* what its maker knew of and did not keep beside it */
    size_t op;           /* that made it, SIZE_MAX: not to be told from its value */
    uint32_t next_of_op; /* the next version of the same operation, ORACLE_NONE */
    uint32_t next_same_slot;
};

/* One live version of a copy, as it is there. */
struct living {
    uint32_t written; /* index into oracle->written */
    uint64_t expiry_ms;
    hybrid_time expiry_stamp;
    uint8_t kind, marks;
};

/* One replica's copy of one key, as its log has it. */
struct copy {
    bool exists;
    struct living *live; /* newest first */
    uint32_t live_count;
    struct bitset known;   /* everything that it holds or has replaced */
    struct bitset arrived; /* everything that messages have told this machine of */
    struct bitset freed;   /* known when its record was last freed */
    struct bitset lost;    /* it held this, and a fault took it away */
    struct bitset durable; /* known when its log was last synced */
    struct bitset unsynced;
    const void *unsynced_file;
    hybrid_time horizon;    /* of the partition at this machine, when last seen */
    bool is_rotten;         /* a bit of the stored record has turned over */
    bool was_rotten;        /* the same, at any time */
    struct context context; /* a copy */
};

/* What one machine keeps for another. */
struct hint_copy {
    int owner; /* that machine */
    struct copy copy;
};
struct hint_copies {
    struct hint_copy **list; /* of all owners that there have ever been hints for */
    unsigned count;
};

struct key_writes {
    uint32_t *list; /* indexes into oracle->written, by number */
    uint32_t count, room;
};

struct oracle {
    struct world *world;
    struct written *written;
    uint32_t count, room;
    uint32_t *slots; /* by dot: the first of a chain */
    uint32_t slot_count;
    struct key_writes keys[PLAN_KEYS_MAX];
    struct copy copies[PLAN_NODES_MAX][PLAN_KEYS_MAX];
    struct hint_copies hints[PLAN_NODES_MAX][PLAN_KEYS_MAX];
    hybrid_time horizons[PLAN_KEYS_MAX];
    uint32_t *first_of_op; /* by operation; ORACLE_NONE */
    size_t op_room;
    struct arena kept;    /* values */
    struct arena scratch; /* of what is being decoded */
    bool is_paused;       /* the simulator itself writes to a store: not judged */
};

/* An append that the oracle has just understood, before the copy is replaced. */
struct stored {
    unsigned machine;
    int key;
    int owner; /* ORACLE_DATA, or whose hint it is */
    bool is_erased;
    const struct object *object;
    const struct copy *before;
    const struct copy *after; /* arrived and durable are not set */
    uint32_t fresh;           /* the version that was not known anywhere before, ORACLE_NONE */
};

/* Nothing has been stored yet. */
void oracle_init(struct oracle *oracle, struct world *world);
/* Frees everything. */
void oracle_close(struct oracle *oracle);

/* The fake disk's hooks; `observer` is the machine. */
void oracle_on_append(void *observer, struct fake_file *file, struct bytes data);
void oracle_on_hint_append(void *observer, struct fake_file *file, struct bytes data);
void oracle_on_sync(void *observer, struct fake_file *file);
/* The fake engine's hook: a batch has been committed. */
void oracle_on_commit(void *observer);
void oracle_on_hint_commit(void *observer);

/* A process has opened its store: what it has found there is what this machine has from now on. Judged by how the last
 * process ended. */
void oracle_on_start(struct world *world, unsigned machine);

/* Is there a record anywhere that a fault has damaged and that nobody has mended yet? */
bool oracle_has_rot(const struct world *world);
/* The same, of which maybe no good copy is left: beyond the fault budget. */
bool oracle_has_lost_for_good(const struct world *world);
/* A bit of this machine's record of a key has turned over. */
void oracle_on_rot(struct world *world, unsigned machine, int key);

/* A frame is about to be delivered to this machine. */
void oracle_on_frame(struct world *world, unsigned machine, const struct frame *frame);
/* The key that a frame is about, TRACE_NO_KEY if that cannot be told. */
int oracle_key_of_frame(struct world *world, struct bytes data);

/* The version with this dot, ORACLE_NONE. */
uint32_t oracle_find(const struct oracle *oracle, const struct dot *dot);
/* The first version of an operation, ORACLE_NONE; go on with next_of_op. */
uint32_t oracle_first_of_op(const struct oracle *oracle, size_t op);
/* The versions that this object stands for: its live ones and all that they replaced. */
void oracle_known_of(const struct oracle *oracle, const struct object *object, struct bitset *out);
/* Does the copy hold this version, or one that replaced it (with last-write-wins: a later one)? */
bool oracle_holds(const struct oracle *oracle, const struct copy *copy, uint32_t written);
/* The versions of a key that a context covers. */
void oracle_covered_by(const struct oracle *oracle, int key, const struct context *context, struct bitset *out);
/* What those attempts had replaced that a context has heard of, and that a later attempt of their requests has taken
 * the place of: whoever made that one need not know of it, but it is gone [R10]. */
void oracle_overtaken_by(const struct oracle *oracle, int key, const struct context *context, struct bitset *out);
/* Has this machine it, in its data or in a hint? */
bool oracle_machine_holds(const struct oracle *oracle, unsigned machine, uint32_t written);
/* Was `later` made with knowledge of `wanted`? Or is it a later attempt of a request, of which an earlier attempt that
 * it takes the place of had replaced `wanted`: the two are one write [R10]. Whoever knew of that write knew of both,
 * and so does what takes the place of his in turn. */
bool oracle_replaces(const struct oracle *oracle, uint32_t later, uint32_t wanted);
/* Of a key in a last-write-wins bucket? */
bool oracle_is_latest(const struct oracle *oracle, int key);
/* Of a version's value and flags. */
uint64_t oracle_digest(const struct version *version);
/* Frees what a copy holds. */
void oracle_close_copy(struct copy *copy);
/* A version that was not known before; by the oracle itself, and by the judge. Returns its index. */
uint32_t oracle_add_written(struct oracle *oracle, unsigned machine, int key, const struct version *version);
/* Is `later` the newer version of the two, or may it be, as far as is known? */
bool oracle_may_follow(const struct oracle *oracle, uint32_t later, uint32_t earlier);
/* The highest horizon that any copy of the key's partition has ever had: what was written by then may be forgotten. */
hybrid_time oracle_horizon(const struct oracle *oracle, int key);
/* < 0, 0, > 0: the order of versions [R2]. */
int oracle_compare(const struct oracle *oracle, uint32_t a, uint32_t b);

/* The versions of a copy in words, for people; at most `room` bytes. */
void oracle_describe(const struct oracle *oracle, const struct copy *copy, char *text, size_t room);

#endif
