/* What runs on a machine: opening and closing the process's parts, and the ports that they call. Within the room. */
#ifndef SIMULATOR_PROCESS_H
#define SIMULATOR_PROCESS_H

#include "simulator/events.h"
#include "simulator/machine.h"

/* Opens store, node, front end, membership; process.c. */
void process_open(struct machine *machine);
/* Sends the clients away; nothing new is taken. */
void process_quiesce(struct machine *machine);
/* Takes the links down once all clients have gone; has everything ended? */
bool process_rests(struct machine *machine);
/* Checkpoints and frees everything. false: not everything could be checkpointed. */
bool process_close(struct machine *machine);

/* For a process that is no more (crash.c). Takes it out of the world: clients and links are told `later_ns` from now at
 * the latest. */
void process_vanish(struct machine *machine, uint64_t later_ns);
/* Lets what is under way in it go on, with its clock as it is now. true: all has ended. */
bool process_haunt(struct machine *machine);
/* Frees everything; nothing is written. */
void process_abandon(struct machine *machine);

/* The membership's ports; plane.c. Opens it from what was saved. */
void plane_open(struct machine *machine);
/* Frees it. */
void plane_close(struct machine *machine);

/* The storage and the sync thread; storing.c. The ports of a store. */
struct store_ports storing_ports(struct machine *machine);
/* Their turns begin: the store has been opened. Until then nobody is woken. */
void storing_begin(struct machine *machine);
/* The hybrid clock's reading, which goes with each checkpoint. */
hybrid_time storing_newest(const struct machine *machine);

/* Turns; turns.c. Lets everything that has ended in a loop go on. */
void turns_settle(struct machine_loop *loop);
/* Sets the loop's timer. */
void turns_set_timer(struct machine_loop *loop);
/* Sends all clients of a loop away. */
void turns_send_all_away(struct machine_loop *loop);

/* How long until the machine's monotonic clock shows this. */
uint64_t machine_ns_until(const struct machine *machine, uint64_t mono_ns);
/* An event of this machine's process as it is now. */
struct event process_event(struct machine *machine, void (*run)(struct world *, const struct event *), void *object);
/* Is the process still the one for which the event was made? */
static inline bool process_is_that(const struct machine *machine, const struct event *event)
{
    return machine->state != MACHINE_DOWN && machine->generation == event->generation;
}

#endif
