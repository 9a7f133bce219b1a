/* This node as a voter: what it promises and accepts, on what conditions, and what it does when something is decided.
 */
#ifndef MEMBERSHIP_VOTE_H
#define MEMBERSHIP_VOTE_H

#include "membership/inside.h"

/* The answer to a PREPARE or ACCEPT of `from`, saved if it is a promise. false: no answer, because this node has no
 * vote there, or its disk failed. */
bool vote_answer(struct membership *membership, struct instant now, const char *from, uint8_t type,
                 const struct message_agreement *m, struct message_agreement *answer);

/* MESSAGE_DECIDED for a table that is newer than ours. */
void vote_on_decided(struct membership *membership, struct instant now, const struct message_agreement *m);

/* A decided value: its table comes into force here. false: it could not be saved. */
bool vote_adopt(struct membership *membership, struct instant now, const struct value *value);

#endif
