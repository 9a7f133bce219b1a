/* The node that repairs, Dynamo 4.6 and 4.7: hands hints over and compares its process's copies with the other owners'.
 * Within the room. All of these do nothing at a node that does not repair. */
#ifndef NODE_REPAIR_H
#define NODE_REPAIR_H

#include "message/data.h"
#include "message/frame.h"
#include "node/links.h"
#include "node/node.h"

struct repair;

/* Nothing of it is in a store any more. NULL is allowed. */
void repair_free(struct repair *repair);

/* A frame of repair, on either kind of link. false: malformed, or this node does not repair. */
bool repair_receive(struct node *node, struct instant now, struct node_link *link, const struct frame *frame);
/* Is it the answer to a WRITE that handed a hint over? Then it is taken. */
bool repair_take_write_reply(struct node *node, struct instant now, uint32_t from,
                             const struct message_write_reply *reply);
/* An op with the mark NODE_OP_ANTIENTROPY or NODE_OP_DELIVER has come back. */
void repair_on_stored(struct node *node, struct instant now, struct store_op *op);

/* The node uses another view, or the first one. */
void repair_on_view(struct node *node);
/* Some peer may be up that was not, or the other way round. */
void repair_on_peers(struct node *node, struct instant now);
void repair_on_link_down(struct node *node, struct link *link);

/* What is due by the clock, or because of one of the above. true: something was done, which may have ended operations.
 */
bool repair_tick(struct node *node, struct instant now);
uint64_t repair_wake_at(const struct node *node);
unsigned repair_pending(const struct node *node);

#endif
