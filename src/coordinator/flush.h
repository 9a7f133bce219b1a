/* flush_all over the whole ring, Dynamo 4.4 with [R7]. Within the room.
 *
 *   CLOCKS   every member that is up is asked for the highest time that it knows, and whether it would believe a flush
 *            at this node's: if half of the ring would not, nothing is flushed
 *   STORING  the registers are made, with a time above all of these, and stored here
 *   TELLING  every member that is up gets them; the client has its answer when these have stored them
 *
 * Members that are out of reach learn of it by the first greeting, before any data. In a ring of one the first and the
 * last step fall away. The registers are kept in a record of the node itself (registers.h). */
#ifndef COORDINATOR_FLUSH_H
#define COORDINATOR_FLUSH_H

#include "coordinator/coordinator.h"

/* Starts a REQUEST_FLUSH. */
void flush_start(struct coordinator *coordinator, struct request *request);
/* Its registers have been stored: from now on they count. */
void flush_stored(struct coordinator *coordinator, struct request *request);

/* An op of coordinator_take_registers has come back. */
void flush_on_taken(struct store_op *op);

/* A member's link is gone: its answer is not waited for. */
void flush_on_peer_lost(struct coordinator *coordinator, uint32_t node);
/* Deadlines that are due. */
void flush_tick(struct coordinator *coordinator);
/* As coordinator_wake_at. */
uint64_t flush_wake_at(const struct coordinator *coordinator);

#endif
