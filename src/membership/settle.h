/* After a change has been decided: everybody is told, and where the change may not overlap with writes, they go on only
 * when all members have the new table (or a second has passed), so that no member still answers reads by the old one.
 */
#ifndef MEMBERSHIP_SETTLE_H
#define MEMBERSHIP_SETTLE_H

#include "membership/inside.h"

enum { SETTLE_MS_MAX = 1000, SETTLE_RESEND_MS = 250 };

/* Forgets what was to be settled. */
void settle_close(struct settling *settling);
/* This node has had `value` decided and adopted the table: tells these nodes until they have adopted it too. `holds`:
 * writes wait for that. */
void settle_lead(struct membership *membership, struct instant now, struct bytes value, const uint32_t *ids,
                 uint32_t count, bool holds);
/* This node has held writes for the change that it has just adopted. */
void settle_follow(struct membership *membership, struct instant now);
/* MESSAGE_ADOPTED and MESSAGE_SETTLED. */
void settle_on_adopted(struct membership *membership, uint32_t from, uint64_t epoch);
void settle_on_settled(struct membership *membership, uint64_t epoch);
/* Tells again; gives up waiting in time. settle_wake_at: when that is due, monotonic nanoseconds. */
void settle_tick(struct membership *membership, struct instant now);
uint64_t settle_wake_at(const struct membership *membership);

#endif
