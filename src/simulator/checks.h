/* What must hold, and who watches it. Each check is one file, check_NAME.c, with one idea; this is how they are told of
 * what happens and how they say that something is wrong. The first failure ends the run. */
#ifndef SIMULATOR_CHECKS_H
#define SIMULATOR_CHECKS_H

#include "base/bytes.h"
#include "message/frame.h"
#include "ring/ring.h"
#include "storage/store.h"
#include "version/object.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct world;
struct machine;
struct machine_loop;
struct endpoint;
struct stored;

/* One check: what it claims, and what it wants to be told. Calls that it does not need are NULL. */
struct check {
    const char *name;
    const char *claim;                              /* what holds, as a sentence for people */
    void (*on_end)(struct world *world, size_t op); /* a client had an answer (or a quiet command is over) */
    void (*on_stored)(struct world *world, const struct stored *stored);
    void (*on_view)(struct world *world, const struct machine *machine, const struct ring_view *view);
    void (*on_turn)(struct world *world, const struct machine_loop *loop); /* a loop's turn has ended */
    void (*on_link)(struct world *world, const struct endpoint *end);      /* something was written to it */
    void (*on_fault)(struct world *world);                                 /* the first fault is about to happen */
    void (*at_rest)(struct world *world); /* liveness: all has been read, nothing is under way */
    void (*on_closed)(struct world *world, const struct machine_loop *loop); /* a process has freed all it could */
    void (*close)(struct world *world);                                      /* frees what it keeps */
    bool needs_budget; /* nothing is claimed when more is lost than P2 is promised for */
};

extern const struct check check_replies, check_silence, check_written, check_dots, check_ancestry, check_progress,
    check_quorum, check_acknowledged, check_latest, check_linear, check_alone, check_calm, check_dead, check_expired,
    check_flushed, check_once, check_epochs, check_placement, check_bounded, check_rest, check_identical,
    check_writeable, check_orderly, check_kept, check_verified, check_horizon, check_hints, check_trees,
    check_convergence;

enum { CHECKS_MAX = 32, CHECK_TEXT_MAX = 700 };

struct linear; /* check_linear.c */

struct checks {
    const struct check *list[CHECKS_MAX]; /* those that are in force */
    unsigned count;
    const struct check *failed; /* NULL: none so far */
    int key;                    /* that the failure concerns, TRACE_NO_KEY */
    char text[CHECK_TEXT_MAX];
    bool faults_began; /* what holds only while nothing fails is not judged any more */
    uint64_t calm_until_ns;
    uint64_t mended_ns;          /* of a judged history: nothing failed any more */
    uint64_t judged[CHECKS_MAX]; /* how often each was asked something that it had to judge */
    /* What checks keep. */
    struct linear *linear;
    struct ring_view *first_view; /* check_epochs: the tables by epoch */
    uint64_t *table_of_epoch;
    size_t epochs;
    hybrid_time flushed; /* check_dots: the highest that any node has heard of */
};

/* All checks are in force. */
void checks_init(struct checks *checks, struct world *world);
/* Frees what they keep. */
void checks_close(struct checks *checks);
/* Only this one is in force; false: there is none of that name. */
bool checks_choose(struct checks *checks, const char *name);
/* All checks, for people; NULL ends. */
const struct check *checks_number(unsigned number);

static inline bool checks_failed(const struct checks *checks)
{
    return checks->failed != NULL;
}

/* Do read and write quorums overlap at this moment, whoever answered? Not in a sloppy quorum while things go wrong:
 * what stand-ins keep is read only when it has been handed over. Until something has failed there are none, for nobody
 * stands in for an owner that is only slow. */
bool checks_quorums_meet(const struct world *world);

/* The claim does not hold. Only the first failure counts, and only of a check in force. */
void check_fails(struct world *world, const struct check *check, int key, const char *format, ...)
    __attribute__((format(printf, 4, 5)));
/* The check had something to judge: a check that never has cannot fail. */
void check_judged(struct world *world, const struct check *check);

/* From here on things go wrong. */
void checks_on_fault(struct world *world);

/* What happens; each tells the checks that want to know. */
void checks_on_end(struct world *world, size_t op);
void checks_on_stored(struct world *world, const struct stored *stored);
void checks_on_view(struct world *world, const struct machine *machine, const struct ring_view *view);
void checks_on_turn(struct world *world, const struct machine_loop *loop);
void checks_on_link(struct world *world, const struct endpoint *end);
void checks_on_closed_loop(struct world *world, const struct machine_loop *loop);
void checks_at_rest(struct world *world);

/* What only one check wants to know. */
void checks_on_silence(struct world *world, size_t op);
void checks_on_wrong_reply(struct world *world, size_t op, struct bytes in); /* op SIZE_MAX: nothing was asked */
/* A frame has come; `is_good`: the machine believed it. */
void checks_on_received(struct world *world, const struct machine *machine, const struct frame *frame, bool is_flipped,
                        bool is_good);
void checks_on_flipped(struct world *world, const struct machine *machine, const struct frame *frame, bool is_good);
void checks_on_version(struct world *world, unsigned machine, uint32_t written, const struct version *version,
                       uint64_t digest);
void checks_on_restless(struct world *world, const struct machine *machine);
/* It has stopped; `kept`: it says that everything is checkpointed. */
void checks_on_stopped(struct world *world, const struct machine *machine, bool kept);
struct copy;
/* A process that starts has found this copy of a key, and the one before it had that one. */
void checks_on_found(struct world *world, const struct machine *machine, int key, const struct copy *before,
                     const struct copy *found);
/* The storage thread has kept what must be of the standing: horizons may have risen. */
void checks_on_standing(struct world *world, const struct machine *machine);
/* The trees of a machine are looked at, at its start. */
void checks_on_tree(struct world *world, struct machine *machine);
/* Nothing has failed for a while: have all copies been compared and all hints handed over? */
void checks_on_converged(struct world *world, bool has);
/* Nothing has been asked for a while; so many records have travelled. */
void checks_on_silent_ring(struct world *world, uint64_t records);
void checks_on_recovery(struct world *world, const struct machine *machine, const struct store_recovery *found);

#endif
