/* This process, told to the other members when it begins: until one of them takes it for the member, or nobody answers
 * at all, it serves no client; until one confirms that its data directory is the one that the node last ran with, its
 * copies are doubtful [R9]. runs.h has the other members' side.
 *
 * A process that is told that its directory is an old copy puts that on record, and draws a new name for the directory:
 * what the old one had promised in votes is as lost as what it had stored, so it is taken back like a node that has
 * lost everything (wish.h). Who is refused waits, and asks again: when the other process is gone it is taken. */
#ifndef MEMBERSHIP_RETURNING_H
#define MEMBERSHIP_RETURNING_H

#include "membership/inside.h"

enum {
    RETURNING_ASK_MS = 250,
    RETURNING_LATER_MS = 1000, /* between two questions to those who have not answered when others have */
    RETURNING_FIRST_MS = 500,  /* after the first good answer, for others to object */
    RETURNING_ALONE_MS = 2000, /* without any answer: nobody is there */
    RETURNING_FRESH_MS = 2500, /* so long a refusal counts */
    RETURNING_TELL_MS = 10000, /* so long those who do not answer are told of this process */
    RETURNING_KEPT_MS = 10000  /* after that the host has certainly kept that its copies are doubtful */
};

/* A table is in force for the first time in this process. `is_known`: the ring knows this process (it has founded it).
 */
void returning_begin(struct membership *membership, struct instant now, bool is_known);
/* A table is in force. */
void returning_follow(struct membership *membership, struct instant now);
/* MESSAGE_RETURN_REPLY. false: malformed. */
bool returning_on_reply(struct membership *membership, struct instant now, const char *from, struct bytes head);
void returning_tick(struct membership *membership, struct instant now);
uint64_t returning_wake_at(const struct membership *membership);

/* This process has been made: one more that has run on the directory. */
void returning_count(struct membership *membership);
/* What an entry says of the processes that have run here. */
void returning_describe(const struct membership *membership, struct gossip_entry *own);

/* What this directory had voted is forgotten: it gets a new name. */
void returning_draw_directory(struct membership *membership);

/* May this node vote and propose? It is a member with the directory of the table, and the others know its process. */
bool returning_has_vote(const struct membership *membership);

#endif
