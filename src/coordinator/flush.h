/* flush_all, Dynamo 4.4 with [R7]. Within the room.
 *
 * The registers (the largest effective flush time, a pending delayed one) are kept in a record of the node itself,
 * whose key is empty, so that they are as durable as any write. */
#ifndef COORDINATOR_FLUSH_H
#define COORDINATOR_FLUSH_H

#include "coordinator/coordinator.h"

/* Starts a REQUEST_FLUSH: an update of the node's own record with the registers. */
void flush_start(struct coordinator *coordinator, struct request *request);

/* The registers have been stored: from now on they count. */
void flush_stored(struct coordinator *coordinator, struct request *request);

#endif
