/* How the parts of this room speak: to other nodes, to the operator, to the disk. */
#ifndef MEMBERSHIP_SAY_H
#define MEMBERSHIP_SAY_H

#include "membership/inside.h"

/* How this node begins its messages. */
struct message_sender say_sender(const struct membership *membership);
/* Sends a head and closes the draft. A message to this node's own address is not sent. */
void say(struct membership *membership, const char *address, uint8_t type, struct draft *head);
/* Where a node is reached: what it says itself, else what the table says. NULL: nobody knows. */
const char *say_address_of(const struct membership *membership, uint32_t id);
/* Its name, for texts; "?" when nobody knows. */
const char *say_name_of(const struct membership *membership, uint32_t id);

/* A sentence for the operator. */
__attribute__((format(printf, 3, 4))) void say_report(struct membership *membership, enum membership_severity severity,
                                                      const char *format, ...);
/* What this node waits for; told once each time it changes (`severity`). "" when it waits for nothing. */
void say_waits(struct membership *membership, enum membership_severity severity, const char *text);

/* Saves the durable state. false: it could not, and the operator was told. */
bool say_keep(struct membership *membership);

/* Tells the host whether writes must wait, when that has changed: while a change that may not overlap with them is
 * accepted here and undecided, or is decided and not yet known to all. */
void say_hold(struct membership *membership);

#endif
