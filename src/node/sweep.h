/* The background sweep's state. Within the room. */
#ifndef NODE_SWEEP_H
#define NODE_SWEEP_H

#include "storage/store.h"

#include <stdbool.h>

struct sweep;

/* None of its updates may be under way. NULL is allowed. */
void sweep_free(struct sweep *sweep);

/* Is `op` one of the sweep's? `sweep` may be NULL. */
bool sweep_owns(const struct sweep *sweep, const struct store_op *op);
void sweep_on_stored(struct sweep *sweep, struct store_op *op);

#endif
