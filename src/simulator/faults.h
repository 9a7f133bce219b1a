/* What goes wrong, and when: episodes drawn from the plan, each with a beginning and an end. */
#ifndef SIMULATOR_FAULTS_H
#define SIMULATOR_FAULTS_H

#include "simulator/plan.h"

#include <stdbool.h>
#include <stdint.h>

struct world;

struct faults {
    bool active, partitioned;
    uint64_t episodes;
};

/* From here on things go wrong, as the plan says. */
void faults_begin(struct world *world);
/* Everything is mended: the network heals, nodes go on. Those that are restarting come back by themselves. */
void faults_end(struct world *world);

/* Cuts the network between two groups (bit i: machine i), in one direction or both. */
void faults_cut(struct world *world, uint64_t from, uint64_t to, bool both_ways);

#endif
