/* A node that wants to be taken into a ring, Dynamo 4.9: it asks a member until it has the table. */
#ifndef MEMBERSHIP_JOIN_H
#define MEMBERSHIP_JOIN_H

#include "membership/inside.h"

enum {
    JOIN_ASK_MS = 1000,
    JOIN_SOON_MS = 300,     /* after an answer that the ring is still finding something out */
    JOIN_FORGET_MS = 10000, /* without a ring among the seeds: they may found one again */
    JOIN_INVITED_MS = 30000 /* without a sign of who has invited this node: it goes on as before */
};

/* The ring that this node has agreed to found, if its acceptor has accepted one and does not know more; else 0. */
uint64_t join_promised_cluster(const struct membership *membership);

/* MESSAGE_JOIN_REPLY and MESSAGE_INVITE. false: malformed. */
bool join_on_reply(struct membership *membership, struct instant now, struct bytes head);
bool join_on_invite(struct membership *membership, struct instant now, struct bytes head);

/* Somebody has been heard: is it who has invited this node? */
void join_hear(struct membership *membership, struct instant now, const struct frame *frame);
/* Asks again; join_wake_at: when that is due, monotonic nanoseconds. */
void join_tick(struct membership *membership, struct instant now);
uint64_t join_wake_at(const struct membership *membership);

#endif
