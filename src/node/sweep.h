/* The background sweep's state. Within the room. */
#ifndef NODE_SWEEP_H
#define NODE_SWEEP_H

#include "storage/store.h"

struct sweep;

/* None of its updates may be under way. NULL is allowed. */
void sweep_free(struct sweep *sweep);

/* An update with the mark NODE_OP_SWEEP has ended. */
void sweep_on_stored(struct sweep *sweep, struct store_op *op);

#endif
