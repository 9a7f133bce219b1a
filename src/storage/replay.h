/* Start-up: brings what the log holds beyond the last checkpoint back into the store. */
#ifndef STORAGE_REPLAY_H
#define STORAGE_REPLAY_H

#include "storage/store.h"

/* Finds the segments, replays those above the log floor in the order of their sequence numbers, checkpoints and
 * frees them, and makes the first spare. False, after a report, when the data must not be touched. */
bool replay_all(struct store *store, struct store_recovery *found);

#endif
