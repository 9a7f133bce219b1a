/* Whether this process itself was away: frozen, suspended, or just very late. Within the room. */
#ifndef NODE_AWAKE_H
#define NODE_AWAKE_H

#include "node/node.h"

/* To be called first by node_tick. */
void awake_tick(struct node *node, struct instant now);

#endif
