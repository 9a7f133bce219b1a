/* The end of a request. Within the room. */
#ifndef COORDINATOR_END_H
#define COORDINATOR_END_H

#include "coordinator/coordinator.h"

/* The answer is complete: request->done will be called when the coordinator's present call ends, or in the next
 * coordinator_settle. Whoever calls this lets go of the request. */
static inline void end_request(struct coordinator *coordinator, struct request *request)
{
    request_admit_doubt(request);
    queue_push(&coordinator->ended, &request->op.link);
}
void fail_request(struct coordinator *coordinator, struct request *request, enum request_failure failure);

/* What the store could not do, as an answer. false: it was done (or there was nothing to do). */
bool fail_by_store(struct request *request);

/* No message, no round: this node alone keeps the partition. */
static inline bool is_sole_owner(const struct coordinator *coordinator)
{
    return coordinator->view->owner_count == 1;
}

/* Writes are not accepted now. */
static inline bool are_writes_held(const struct coordinator *coordinator)
{
    return coordinator->writes_held != NULL && atomic_load_explicit(coordinator->writes_held, memory_order_acquire);
}

/* Does it change anything, so that its coordinator must be the first owner that is up? */
static inline bool has_effects(const struct request *request)
{
    return request->kind != REQUEST_GET || request->has_expiry || request->has_effects;
}

/* May this node keep writes for owners that are down [4.6]? */
static inline bool may_stand_in(const struct coordinator *coordinator)
{
    return coordinator->settings.sloppy && coordinator->hint_store != NULL;
}

/* Begins a request, or begins it again under another view. */
void begin_request(struct coordinator *coordinator, struct request *request);

#endif
