/* Whose clock is off [R2]: each node compares its wall clock with those of the members that speak to it.
 *
 * What counts is how far a clock is from the median of all that are known, so that one node which is wrong sees that it
 * is itself, and everybody else sees the same. A node whose clock is off by more than the bound is quarantined: it
 * coordinates nothing, its copies are used as before. With fewer than three clocks nobody can tell who is right: then
 * it is only said that they differ.
 *
 * A message may be late, never early, so of the last two measurements the one with the later clock counts; and what is
 * read after this process has been frozen does not count. Several rounds in a row must agree before anything changes.
 */
#ifndef MEMBERSHIP_CLOCKS_H
#define MEMBERSHIP_CLOCKS_H

#include "membership/inside.h"

enum {
    CLOCKS_CHECK_MS = 1000,
    CLOCKS_OFF_ROUNDS = 2,     /* before a clock is off */
    CLOCKS_RIGHT_ROUNDS = 3,   /* and right again, */
    CLOCKS_RIGHT_PERCENT = 80, /* which it is within this part of the bound */
    CLOCKS_FROZEN_MS = 2500,   /* so long without a call: this process was frozen */
    CLOCKS_THAW_MS = 500,      /* what comes so soon afterwards may have waited */
    CLOCKS_LEAST = 3           /* clocks, this node's counted, for a median that means anything */
};

static inline uint64_t clocks_wall(struct instant now)
{
    return now.wall_ms < GOSSIP_WALL_MS_MAX ? now.wall_ms : GOSSIP_WALL_MS_MAX;
}

/* A member has told its wall clock, in a message that it has just sent. */
void clocks_on_wall(struct membership *membership, struct instant now, const char *from, uint64_t wall_ms);
/* To be called whenever this process does anything: notices that it was frozen. */
void clocks_see(struct membership *membership, struct instant now);
void clocks_tick(struct membership *membership, struct instant now);
uint64_t clocks_wake_at(const struct membership *membership);

/* For the status: how far a member's clock is ahead of the median; `known` NULL: this node's. */
int64_t clocks_ahead_ms(const struct membership *membership, struct instant now, const struct known *known);
void clocks_note(const struct membership *membership, struct instant now, const struct known *known, char *note,
                 size_t room);

#endif
