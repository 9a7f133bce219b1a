/* Gossip, Dynamo 4.8: about once a second with a random other member, digests first, then the differences both ways;
 * besides with one that has been silent for long, and now and then with a seed that is no member. */
#ifndef MEMBERSHIP_GOSSIP_H
#define MEMBERSHIP_GOSSIP_H

#include "membership/inside.h"

enum {
    GOSSIP_SILENT_MS = 3000, /* after that a member is asked directly */
    GOSSIP_SEED_ROUNDS = 10  /* one round in so many, and the first ones, go to a seed that is no member, too */
};

/* MESSAGE_DIGEST and MESSAGE_DIFFERENCE. false: malformed. */
bool gossip_on_digest(struct membership *membership, struct instant now, const char *from, struct bytes head);
bool gossip_on_difference(struct membership *membership, struct instant now, const char *from, struct bytes head);

/* Begins an exchange with whoever is at this address. */
void gossip_meet(struct membership *membership, struct instant now, const char *address);
/* Writes this node's entry anew. */
void gossip_refresh(struct membership *membership, struct instant now);
/* A round, when it is due: gossip_wake_at. */
void gossip_tick(struct membership *membership, struct instant now);
uint64_t gossip_wake_at(const struct membership *membership);

#endif
