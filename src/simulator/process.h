/* What runs on a machine: opening and closing the process's parts, and the ports that they call. Within the room. */
#ifndef SIMULATOR_PROCESS_H
#define SIMULATOR_PROCESS_H

#include "simulator/machine.h"

/* Opens store, node, front end, membership; process.c. */
void process_open(struct machine *machine);
/* Sends the clients away; nothing new is taken. */
void process_quiesce(struct machine *machine);
/* Takes the links down once all clients have gone; has everything ended? */
bool process_rests(struct machine *machine);
/* Checkpoints and frees everything. */
void process_close(struct machine *machine);

/* The membership's ports; plane.c. Opens it from what was saved. */
void plane_open(struct machine *machine);
/* Frees it. */
void plane_close(struct machine *machine);

/* How long until the machine's monotonic clock shows this. */
uint64_t machine_ns_until(const struct machine *machine, uint64_t mono_ns);
/* An event of this machine's process as it is now. */
struct event process_event(struct machine *machine, void (*run)(struct world *, const struct event *), void *object);

#endif
