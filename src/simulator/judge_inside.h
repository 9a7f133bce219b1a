/* What the judge has read. Within judge*.c. */
#ifndef SIMULATOR_JUDGE_INSIDE_H
#define SIMULATOR_JUDGE_INSIDE_H

#include "base/arena.h"
#include "simulator/history.h"
#include "simulator/judge.h"
#include "simulator/plan.h"

enum {
    JUDGE_NAME_MAX = 8,       /* of a node with its NUL: as a machine's */
    JUDGE_OPS_MAX = 10000000, /* of one key */
    JUDGE_TIME_SHIFT = 1      /* so that no operation begins at 0, which says that there is none */
};

struct judged_key {
    const char *name;
    enum key_kind kind;
    struct history history; /* its texts are the judge's */
};

struct judge {
    struct plan plan; /* of all keys; which kind there is differs */
    bool begun;       /* the first line has been read */
    bool overlaps;    /* read quorums meet write quorums also while nodes are away: there are no stand-ins */
    uint64_t fault_ns, mended_ns; /* the first fault; from when on nothing fails any more. UINT64_MAX: never */
    char nodes[PLAN_NODES_MAX][JUDGE_NAME_MAX];
    struct judged_key *keys;
    uint32_t key_count, key_room;
    uint32_t *slots; /* by hash of the name: number of the key + 1 */
    uint32_t slot_count;
    struct arena texts;
};

/* judge_account.c: fills the oracle with one version for each operation that may have made one. */
struct world;
void judge_account(struct world *world);

#endif
