/* A member that was started with other addresses than the table has: the table is changed, by a majority. */
#ifndef MEMBERSHIP_RENEW_H
#define MEMBERSHIP_RENEW_H

#include "membership/inside.h"

/* Proposes the change when there is need of it and nothing else is under way. */
void renew_tick(struct membership *membership, struct instant now);
/* Reports what this node would like to be different and what cannot be changed. Once, when it comes back. */
void renew_report(struct membership *membership);
/* An answer of another node of this ring, or of another ring, to a probe of this node's. */
void renew_on_probe(struct membership *membership, struct instant now, const struct message_probe *m);

#endif
