/* Which versions a cas token covers: the token is the context, Dynamo 4.1 and 4.4. Within the room. */
#ifndef COORDINATOR_CAS_H
#define COORDINATOR_CAS_H

#include "coordinator/coordinator.h"

enum cas_cover {
    CAS_COVERS_ALL,  /* everything current: the write resolves all siblings */
    CAS_COVERS_ONE,  /* just object->live[one] (stale-cas = sibling, a reply that showed one version) */
    CAS_COVERS_PAST, /* `past`: an older state; the write becomes a sibling of what came since */
    CAS_MISMATCH     /* EXISTS */
};

struct cas_verdict {
    enum cas_cover cover;
    uint32_t one;
    bool has_past; /* `past` is set: what the token stood for, also with CAS_COVERS_ALL */
    struct context past;
};

/* Judges request->token against the current object. */
struct cas_verdict cas_judge(struct coordinator *coordinator, const struct request *request,
                             const struct object *object);

/* Nothing that the token could cover is to be seen here. Is it known what it stood for, so that the write may stand
 * beside what that has become? */
bool cas_knows_past(struct coordinator *coordinator, const struct request *request, const struct object *object,
                    struct cas_verdict *verdict);

#endif
