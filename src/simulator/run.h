/* One run of one seed: the ring is founded, clients work, things go wrong; then everything is mended and must come to
 * rest. */
#ifndef SIMULATOR_RUN_H
#define SIMULATOR_RUN_H

#include "simulator/checks.h"
#include "simulator/plan.h"
#include "simulator/tamper.h"
#include "simulator/trace.h"

#include <stdbool.h>
#include <stdint.h>

struct run_options {
    uint64_t seed;
    unsigned nodes, ops;           /* 0: drawn from the seed */
    uint32_t without;              /* bit n: never enum fault n, whatever the seed draws */
    uint64_t chance;               /* 0; anything else is mixed into all that is drawn: a control of the seed's power */
    const struct control *control; /* NULL: nothing is tampered with */
    trace_line *line;              /* NULL: nobody listens */
    void *context;
};

struct run_result {
    bool good;
    bool exceeds_budget; /* what was lost in it is not judged */
    const char *check;   /* that failed */
    char text[CHECK_TEXT_MAX];
    int key; /* that the failure concerns, TRACE_NO_KEY */
    char key_text[16];
    uint64_t trace_hash;
    uint64_t events, frames, ops, tampered;
    uint64_t virtual_ms;
    char plan[400];
    uint64_t judged[CHECKS_MAX]; /* by each check, in the order of checks_number; 0 everywhere with a control */
};

/* Runs it from beginning to end. The same options give the same result. */
void run_seed(const struct run_options *options, struct run_result *result);

struct world;

/* The parts, for scenarios. Starts all machines, the joiners later, and waits until all serve; false: they do not. */
bool run_found_ring(struct world *world);
/* Stops every machine cleanly and waits until they have. */
bool run_stop_all(struct world *world);
/* Waits until nothing is under way, at most `ms` of virtual time. */
bool run_until_rest(struct world *world, unsigned ms);

#endif
