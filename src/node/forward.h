/* Requests on their way to another coordinator and back, Dynamo 4.5. Within the room.
 *
 * A request is forwarded to one member at a time. It is sent on to another one, while its deadline lasts, when the
 * member refuses it, is lost or falls silent: a write has a name, and its second coordinator finds out by that what the
 * first one has done [R10]. Members tried are passed over until all have been. A late answer to an earlier attempt is
 * taken if it says that the request was carried out. */
#ifndef NODE_FORWARD_H
#define NODE_FORWARD_H

#include "message/frame.h"
#include "node/links.h"
#include "node/node.h"

struct forward_table;

/* An empty table; aborts without memory. */
struct forward_table *forward_table_new(void);
/* Nothing is under way any more. */
void forward_table_free(struct forward_table *table);

/* Chooses who coordinates a request and hands it over: to this node's coordinator, or to a link. What fails at once
 * ends in node->ended. request->deadline_ns is set. */
void forward_route(struct node *node, struct instant now, struct request *request);

/* A FORWARD_REPLY. false: malformed. */
bool forward_on_reply(struct node *node, struct instant now, struct node_link *link, const struct frame *frame);
/* What waits for a reply on this link goes elsewhere, if there is anybody; it may be answered yet. */
void forward_on_silence(struct node *node, struct instant now, struct node_link *link);
/* When the oldest request was sent of those that wait for a reply on this link; UINT64_MAX: none does. */
uint64_t forward_waits_since(const struct node_link *link);
/* What waits for a reply on this link goes elsewhere or fails. */
void forward_on_link_down(struct node *node, struct instant now, struct node_link *link);
/* A newer view: what was told that it had gone to the wrong member is routed anew. */
void forward_on_view(struct node *node, struct instant now);
/* Deadlines, and what waits to be tried again. */
void forward_tick(struct node *node, struct instant now);
/* When forward_tick is due, or a little earlier; UINT64_MAX: not at all. */
uint64_t forward_wake_at(const struct node *node);

#endif
