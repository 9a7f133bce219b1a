/* A member that sees to it that somebody is taken in: because a node has asked, or an administrator. */
#ifndef MEMBERSHIP_WISH_H
#define MEMBERSHIP_WISH_H

#include "membership/inside.h"

enum { WISH_SEND_MS = 500 };

#define WISH_HAS_DATA_TEXT "this ring has data; moving data is not offered by this release"
#define WISH_UNFIT_TEXT    "a member cannot agree to the change: the members' programs may differ"

/* An administrator's. */
void wish_join(struct membership *membership, struct instant now, const char *address, membership_done *done,
               void *owner);
/* MESSAGE_JOIN and MESSAGE_INVITE_REPLY; what a probe of this node's found. false: malformed. */
bool wish_on_join(struct membership *membership, struct instant now, const char *from, struct bytes head);
bool wish_on_invite_reply(struct membership *membership, const char *from, struct bytes head);
void wish_on_probe_reply(struct membership *membership, struct instant now, const struct message_probe *m);

/* The members do not agree to what is being proposed. */
void wish_refused(struct membership *membership, struct instant now, const char *text);
/* A new table is in force: some wishes have come true. */
void wish_on_table(struct membership *membership, struct instant now);

/* Proposes, sends again, gives up. wish_wake_at: when that is due. wish_close: ends all, the owners are told. */
void wish_tick(struct membership *membership, struct instant now);
uint64_t wish_wake_at(const struct membership *membership);
void wish_close(struct membership *membership);

#endif
