/* A request as the message that forwards it, and the reply as the request's answer: both ends. Within the room. */
#ifndef NODE_FORWARD_WIRE_H
#define NODE_FORWARD_WIRE_H

#include "message/forward.h"
#include "node/node.h"

/* What this node asks of another coordinator. */
void forward_write(struct node *node, const struct request *request, uint64_t number, uint32_t remaining_ms,
                   struct chain *out);
/* Can this be the answer to the request? A get that was found shows something, and nothing else does. */
bool forward_is_answer_to(const struct request *request, const struct message_forward_reply *reply);
/* Fills the answer of the request; a get judges the object that came as a local one would be judged. */
void forward_take_reply(struct node *node, struct instant now, struct request *request,
                        const struct message_forward_reply *reply);

/* What another node asks: fills the options of a request that request_init has made. Value and context are the
 * caller's. */
void forward_read_options(struct request *request, const struct message_forward *message);
/* What it is told when the request has ended. */
void forward_write_reply(const struct request *request, uint64_t number, uint64_t epoch, struct chain *out);

#endif
