/* Decisions over messages: the acceptor's votes and the proposer's work, for the founding of a ring (its founders vote)
 * and for each change of its table (its members vote). agreement.h has the rules, this file the effects: what is saved
 * before what is said, who is told, what happens when nobody answers. */
#ifndef MEMBERSHIP_DECIDE_H
#define MEMBERSHIP_DECIDE_H

#include "membership/inside.h"

enum {
    DECIDE_RESEND_MS = 250,
    DECIDE_YIELD_MS = 1000, /* and as much again at random: so long a proposer goes first who has this node's vote */
    DECIDE_LINGER_MS = 500, /* after enough promises, before passing over what those say that have not answered */
    DECIDE_STAGE_MS = 3000, /* without enough votes for so long: another ballot; founders are looked at anew */
    DECIDE_AGAIN_MS = 500   /* before founders are proposed anew */
};

/* A message of message/agreement.h. false: malformed. */
bool decide_on_message(struct membership *membership, struct instant now, const char *from, const struct frame *frame);

/* May this node begin to propose? Its proposer is idle and no other has its vote of late. */
static inline bool decide_is_free(const struct membership *membership, struct instant now)
{
    return membership->deciding.proposer.stage == PROPOSER_IDLE && now.mono_ns >= membership->deciding.yield_ns;
}

/* Is the proposer at work? */
static inline bool decide_is_busy(const struct membership *membership)
{
    return membership->deciding.proposer.stage != PROPOSER_IDLE;
}

/* Proposes; the proposer must not be at work. The outcome is a new table, or silence. */
void decide_propose(struct membership *membership, struct instant now, const struct value *value);

/* Nobody wants any more what is being proposed. What may have been accepted somewhere is completed all the same. */
void decide_abandon(struct membership *membership);

/* The state has been loaded, a table adopted: nothing is under way any more but what the acceptor remembers. */
void decide_reset(struct membership *membership);
/* Which voters have not answered, for texts. */
void decide_silent(const struct membership *membership, char *text, size_t room);

/* Sends again, tries again, looks after values of unknown fate. decide_wake_at: when that is due, monotonic
 * nanoseconds. */
void decide_tick(struct membership *membership, struct instant now);
uint64_t decide_wake_at(const struct membership *membership);

#endif
