/* What a put or read-modify-write makes of a record, Dynamo 4.5 with [R1], [R2], [R5], [R6], [R8]. Within the room. */
#ifndef COORDINATOR_WRITE_H
#define COORDINATOR_WRITE_H

#include "coordinator/coordinator.h"

/* The store_apply of every request that may change a record: runs under the stripe's lock on the newest record and sets
 * the request's answer. */
enum store_verdict write_apply(struct store_op *op, struct bytes current, struct store_draft *draft);

#endif
