/* What is under way with the other owners of a key, Dynamo 4.5. Within the room.
 *
 * A round begins with its request and may outlive it: late answers still repair what they show to be old. So it keeps
 * what it needs of the request (key, quorums, durability) and references to the records. Its id is in every message and
 * comes back in the answers; a round that starts to ask something else gets a new id, so that late answers to what it
 * asked before are told apart.
 *
 *   STARTING   the local read or update is in the store
 *   READING    READs are out (get; put that has to know what the others have)
 *   UPDATING   the local update of a put is in the store
 *   WRITING    WRITEs are out: of a put, or what a get writes back before it answers
 *   RESTAMPING a put lost against a later time and is being written anew under a later one
 *   WAITING    for a newer view: an owner knows one
 *   LINGERING  the client has its answer; late ones are waited for */
#ifndef COORDINATOR_ROUND_H
#define COORDINATOR_ROUND_H

#include "coordinator/coordinator.h"
#include "coordinator/quorum.h"
#include "coordinator/wheel.h"
#include "replica/merge.h"

enum { ROUND_LINGERING_MAX = 8192 }; /* beyond, the oldest ones are given up */

enum round_kind { ROUND_GET, ROUND_PUT };

enum round_phase {
    ROUND_STARTING,
    ROUND_READING,
    ROUND_UPDATING,
    ROUND_WRITING,
    ROUND_RESTAMPING,
    ROUND_WAITING,
    ROUND_LINGERING
};

struct round_owner {
    uint32_t node;
    uint64_t asked_ns;     /* when it was last asked anything */
    uint64_t replies_then; /* peer->replies at that time */
    struct blob *record;   /* its answer to a READ if that brought one */
    uint64_t fingerprint;  /* of its copy as far as is known: once it has answered a READ; get: this node's own from the
                              beginning */
};

struct round {
    struct timer timer;    /* the next hedge or the deadline */
    struct list lingering; /* of the table, while LINGERING */
    struct coordinator *coordinator;
    struct request *request; /* NULL once it has been answered */
    const struct bucket *bucket;
    uint64_t id, epoch, deadline_ns;
    uint64_t hedge_ns; /* 0: no more to be asked */
    uint32_t hash;
    uint16_t partition;
    uint8_t kind, phase;
    uint8_t owner_count;
    int8_t self;          /* this node's place, -1: the view has changed and it is no owner any more */
    uint8_t read_asked;   /* places that have been sent a READ under this id */
    uint8_t write_asked;  /* places that have been sent a WRITE under this id */
    uint8_t acknowledged; /* get: of write_asked, who has answered */
    uint8_t stale;        /* places that said that the view is old */
    uint8_t restamps;
    bool asks_all;          /* not just as many as needed: a sampled get, a delete of what is not here */
    bool hedged;            /* a hedge has been due: do not wait for more than is needed */
    bool lost_local;        /* the local record is corrupt */
    bool store_has_request; /* request->op is in the store: the request cannot end */
    bool store_has_merge;   /* merge.op is in the store: the round cannot end */
    bool repair_again;      /* `made` has changed while merge.op was in the store */
    bool closing;
    bool keeps_use, is_use;
    bool has_dot;     /* put: `dot` is the version that it made */
    bool overwritten; /* while RESTAMPING: something else is the newest here by now */
    struct quorum reads, writes;
    struct dot dot, restamped_dot;
    struct blob *restamped;     /* while RESTAMPING: what becomes `made` */
    hybrid_time floor;          /* put: restamp above this time */
    struct blob *local;         /* the local record as it was read; NULL: none */
    uint64_t local_fingerprint; /* of `local`, for good: what READs ask about, so what the answer "the same" means */
    struct blob *made;          /* what WRITEs carry: a put's new record, a get's merged one */
    uint64_t made_fingerprint;  /* get */
    struct replica_merge merge; /* the local copy's share of a write-back or a repair; restamps use its op */
    struct round_owner owners[RING_COPIES_MAX];
    uint16_t key_len;
    uint8_t key[REQUEST_KEY_MAX];
};

/* `seed`: for drawing the share of gets that ask all. */
struct round_table *round_table_new(uint64_t seed);
/* Drops what lingers; nothing else may be under way. */
void round_table_free(struct round_table *table);

/* A new round for a request, with the owners of its partition in the view. NULL: too many are under way. */
struct round *round_begin(struct coordinator *coordinator, struct request *request, enum round_kind kind);

/* Ends a round; request (if any) has been taken from it. At once, or when the store has given its op back. */
void round_close(struct round *round);

/* The request has been answered and is no longer the round's. Waits for late answers if any are missing, else closes.
 */
void round_linger(struct round *round);

/* The round of a message's id and the place of the node that answered; NULL: unknown, too late. */
struct round *round_of_answer(struct coordinator *coordinator, uint64_t id, uint32_t from, unsigned *place);

/* Calls `visit` for each round; it may close the one that it is called with. */
void round_visit_all(struct coordinator *coordinator, void (*visit)(struct round *, uint32_t node), uint32_t node);

/* A new id: answers to what has been asked until now are too late from here on. */
void round_renew(struct round *round);
/* Takes the owners of the present view and forgets who was asked. */
void round_take_owners(struct round *round);

/* Other owners that are up, by their places. */
uint8_t round_up(struct round *round);

/* Asks up to `max` further owners that are up for their object, in the order of preference; returns how many. */
unsigned round_ask(struct round *round, unsigned max);
/* Sends `made` to the owner at `place`; with `awaited` its answer bears the round's id. false: it is not up. */
bool round_send(struct round *round, unsigned place, bool is_repair, bool awaited);

/* READs, WRITEs that are out and may still be answered. */
uint8_t round_reads_out(const struct round *round);
uint8_t round_writes_out(const struct round *round);

/* Sets the timer to the hedge or the deadline. */
void round_set_timer(struct round *round);
/* The deadline has passed: who was asked and has said nothing since is silent. */
void round_note_silence(struct round *round);

/* Merges everything that READs have brought into `object`, whose arrays are in the arena. false: as
 * replica_merge_copies. */
bool round_merge_fetched(const struct round *round, struct object *object, struct arena *arena);

/* Has another owner answered a READ with something else than what has this fingerprint? */
bool round_has_other_answer(const struct round *round, uint64_t fingerprint);

/* Submits the merge of `made` into the local copy. */
void round_merge_locally(struct round *round);

/* Ends the request: it is told at the end of the coordinator's call. */
void round_end_request(struct round *round);
void round_fail_request(struct round *round, enum request_failure failure);

/* The timers' wheel and chance, for coordinator.c. */
struct wheel *round_wheel(const struct coordinator *coordinator);
bool round_draw_share(struct coordinator *coordinator);

#endif
