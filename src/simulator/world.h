/* The simulated world: machines, network, clients, and everyone who watches them.
 *
 *   events.h    what happens next
 *   machine.h   one process of ringcached
 *   network.h   connections and frames
 *   client.h    clients, what they ask and what they are told
 *   faults.h    what goes wrong, and when
 *   damage.h    what goes wrong with machines
 *   keys.h      the keys of a run
 *   history.h   every request and its reply
 *   oracle.h    every version that was ever stored, and what it replaced
 *   checks.h    what must hold
 *   tamper.h    the negative controls: makes something go wrong that a check must catch
 *   run.h       one run of one seed: safety, then liveness
 *
 * Nothing here reads a clock or draws from anywhere but the seed, so that the same seed gives the same run. */
#ifndef SIMULATOR_WORLD_H
#define SIMULATOR_WORLD_H

#include "base/prng.h"
#include "simulator/checks.h"
#include "simulator/client.h"
#include "simulator/damage.h"
#include "simulator/events.h"
#include "simulator/faults.h"
#include "simulator/history.h"
#include "simulator/keys.h"
#include "simulator/machine.h"
#include "simulator/network.h"
#include "simulator/oracle.h"
#include "simulator/plan.h"
#include "simulator/tamper.h"
#include "simulator/trace.h"

struct world {
    struct plan plan;
    uint64_t now_ns;
    struct events events;
    struct prng prng;
    struct trace trace;
    struct network network;
    struct machine machines[PLAN_NODES_MAX];
    struct client clients[PLAN_CLIENTS_MAX];
    struct bucket_table buckets;
    struct keys keys;
    struct history history;
    struct oracle oracle;
    struct checks checks;
    struct faults faults;
    struct tamper tamper;
    uint64_t generations; /* the last one given to a client's connection */
    unsigned ops_left;    /* that clients may still begin */
    bool must_serve;      /* nothing fails any more: every request must succeed */
    bool is_ending;       /* clients do not reconnect, nothing new begins */
};

/* An empty world: machines are named and down. Large: allocate it. */
void world_init(struct world *world, const struct plan *plan);
/* Frees everything; what runs is stopped cleanly first where `orderly`, else just dropped with its process. */
void world_close(struct world *world);

/* Adds an event `delay_ns` from now. */
void world_after(struct world *world, uint64_t delay_ns, struct event event);
/* Runs the next event. false: there is none, or a check has failed. */
bool world_step(struct world *world);
/* Runs events until `until_ns` of virtual time, or until a check has failed. */
void world_run_until(struct world *world, uint64_t until_ns);
/* Runs events for so long. */
void world_run_for(struct world *world, uint64_t ns);

/* Draws from the world's own stream. */
static inline uint64_t world_draw(struct world *world, uint64_t bound)
{
    return bound == 0 ? 0 : prng_below(&world->prng, bound);
}

/* `chance` of 1,000. */
static inline bool world_draws(struct world *world, uint32_t chance)
{
    return chance != 0 && world_draw(world, 1000) < chance;
}

#define WORLD_SAY(world, key, ...)                                                                                     \
    do {                                                                                                               \
        if ((world)->trace.line != NULL)                                                                               \
            trace_say(&(world)->trace, (world)->now_ns, (key), __VA_ARGS__);                                           \
    } while (0)

enum { WORLD_SECOND_NS = 1000000000, WORLD_MS_NS = 1000000, WORLD_US_NS = 1000 };

#endif
