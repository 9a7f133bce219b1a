/* Every owner's copy of a key, for people. Within the room. */
#ifndef NODE_INSPECT_H
#define NODE_INSPECT_H

#include "message/data.h"
#include "node/node.h"

/* Ids of an inspection's READs: no coordinator uses them. */
#define INSPECT_ID_BIT ((uint64_t)1 << 63)

/* A reply with such an id; late and repeated ones are ignored. */
void inspect_on_read_reply(struct node *node, const struct message_read_reply *reply);
/* The local read of an inspection has ended. */
void inspect_on_stored(struct node *node, struct store_op *op);
/* Nothing will come from this node any more. */
void inspect_on_peer_lost(struct node *node, uint32_t peer);
/* Gives up whoever has not answered in time. */
void inspect_tick(struct node *node, struct instant now);
/* When inspect_tick is due; UINT64_MAX: not at all. */
uint64_t inspect_wake_at(const struct node *node);
/* Calls `done` of those that have all they wait for. */
void inspect_end(struct node *node);

#endif
