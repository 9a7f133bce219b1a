/* What a get answers, Dynamo 4.5 with [R6]. Within the room. */
#ifndef COORDINATOR_READ_H
#define COORDINATOR_READ_H

#include "coordinator/coordinator.h"

/* Fills the answer of a get from request->record (NULL: there is none). */
void read_answer(struct coordinator *coordinator, struct request *request);

/* The get has been answered but also asks for a change (a claim on a stale item, a recache that is due): true when the
 * request must be submitted again as an update. */
bool read_needs_update(const struct coordinator *coordinator, const struct request *request);

#endif
