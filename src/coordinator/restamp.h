/* A put that met a later time at some replica is written anew under a new dot and a time above that one, Dynamo 4.4
 * with [R2]: else, because a clock was behind, an acknowledged write would vanish in a last-write-wins bucket, and in
 * others whoever is shown one version only would not see it. Siblings stay. Within the room. */
#ifndef COORDINATOR_RESTAMP_H
#define COORDINATOR_RESTAMP_H

#include "coordinator/round.h"

/* Submits the update of the local copy: the version round->dot, above round->floor. */
void restamp_start(struct round *round);

enum restamp_outcome {
    RESTAMP_DONE,        /* round->made and round->dot are new */
    RESTAMP_OVERWRITTEN, /* the version is not the current one here any more */
    RESTAMP_FAILED       /* it could not be stored: the version that loses is all there is */
};

/* It has come back. */
enum restamp_outcome restamp_finish(struct round *round);

#endif
