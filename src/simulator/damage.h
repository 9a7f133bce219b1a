/* What goes wrong with one machine: its process, its disks, its clock. The fault budget of P2 is kept: fewer than w of
 * the nodes that hold an acknowledged write lose it before it has been repaired. */
#ifndef SIMULATOR_DAMAGE_H
#define SIMULATOR_DAMAGE_H

#include "simulator/machine.h"
#include "simulator/plan.h"

/* An episode of this fault (one of those with machines) begins. */
void damage_begin(struct world *world, enum fault fault);
/* Everything is mended: disks have space and are quick, clocks are right, who is down starts. */
void damage_end(struct world *world);

/* A process has ended without having been told to: it starts again some time, perhaps only when all faults have ended.
 */
void damage_start_again(struct machine *machine);

/* May this machine lose what it has, in this way? Always, in a run that exceeds the budget on purpose. */
bool budget_allows(const struct world *world, const struct machine *machine, enum machine_end end);
/* The same of one key's copy alone. */
bool budget_allows_key(const struct world *world, const struct machine *machine, int key);

#endif
