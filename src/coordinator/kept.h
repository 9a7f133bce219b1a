/* What a node that stands in keeps of a key: hints, one for each owner that was down when something was written,
 * Dynamo 4.6. They are its local copy of the key. Within the room. */
#ifndef COORDINATOR_KEPT_H
#define COORDINATOR_KEPT_H

#include "coordinator/round.h"

/* Reads the hints for all owners, one after the other, with request->op. */
void kept_read(struct round *round);
/* One of the reads has come back. true: it was the last one, and round->local is all of them merged, NULL without any.
 * A hint that cannot be read is left out. */
bool kept_take(struct round *round);

/* The update of a stand-in's put runs on a hint, which is counted before it is there (hints/hints.h): to be called by
 * the update's function, and when the op has come back. */
void kept_note_update(struct round *round, bool existed, enum store_verdict verdict);
void kept_end_update(struct round *round, bool is_stored);

#endif
