/* What a get answers, Dynamo 4.5 with [R6]. Within the room. */
#ifndef COORDINATOR_READ_H
#define COORDINATOR_READ_H

#include "coordinator/coordinator.h"

/* Fills the answer of a get from request->record (NULL: there is none). */
void read_answer(struct coordinator *coordinator, struct request *request);

/* A miss, and why `newest` (NULL: there is no version at all) is not shown. */
void read_answer_miss(struct request *request, const struct version *newest, const struct replica_present *present);

/* Counts the versions that a finished get saw, Dynamo 6.3. Once for each get, also if it went on as an update. */
void read_count_versions(struct coordinator *coordinator, const struct request *request);

/* The get has been answered but also asks for a change (a claim on a stale item, a recache that is due): true when the
 * request must be submitted again as an update. */
bool read_needs_update(const struct coordinator *coordinator, const struct request *request);

/* A get with recache on a version that ends at expiry_ms (0: never): is the time left, in seconds as a TTL is told,
 * less than what was asked for? */
bool read_is_recache_due(const struct request *request, uint64_t expiry_ms, uint64_t now_ms);

#endif
