/* Every owner's copy of a key, for people. Within the room. */
#ifndef NODE_INSPECT_H
#define NODE_INSPECT_H

#include "message/data.h"
#include "node/node.h"

/* Ids of an inspection's READs: no coordinator uses them. */
#define INSPECT_ID_BIT ((uint64_t)1 << 63)

void inspect_on_read_reply(struct node *node, const struct message_read_reply *reply);
void inspect_on_stored(struct node *node, struct store_op *op);
void inspect_on_peer_lost(struct node *node, uint32_t peer);
void inspect_tick(struct node *node, struct instant now);
uint64_t inspect_wake_at(const struct node *node);
/* Calls `done` of those that have all they wait for. */
void inspect_end(struct node *node);

#endif
