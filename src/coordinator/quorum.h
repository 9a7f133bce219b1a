/* Counting answers, apart from what is done about them, Dynamo 4.5 with [R9]: distinct owners, however often and in
 * whatever order they answer. An owner is told by its place in the preference list. Within the room. */
#ifndef COORDINATOR_QUORUM_H
#define COORDINATOR_QUORUM_H

#include <stdbool.h>
#include <stdint.h>

enum quorum_verdict {
    QUORUM_MET,
    QUORUM_POSSIBLE,  /* those who have not answered would do */
    QUORUM_IMPOSSIBLE /* too many have failed */
};

/* Bit i of each mask is the owner at place i. */
struct quorum {
    uint8_t owners; /* who may be counted */
    uint8_t yes, no;
    uint8_t needed;
};

/* `owners` owners, 1 .. 8, of whom `needed` have to say yes; more than there are can never be met. */
struct quorum quorum_of(unsigned owners, unsigned needed);

/* An answer that counts. It stands, whatever the owner says later. */
void quorum_yes(struct quorum *quorum, unsigned place);
/* An answer that does not count, or none: a yes of before stands, and a later one counts. */
void quorum_no(struct quorum *quorum, unsigned place);

/* What the answers so far come to. */
enum quorum_verdict quorum_verdict_of(const struct quorum *quorum);

/* How many further ones are needed. */
unsigned quorum_missing(const struct quorum *quorum);
/* Have all owners said yes? */
bool quorum_is_unanimous(const struct quorum *quorum);

static inline uint8_t quorum_bit(unsigned place)
{
    return (uint8_t)(1U << place);
}

/* The number of owners in a mask. */
static inline unsigned quorum_count(uint8_t mask)
{
    return (unsigned)__builtin_popcount(mask);
}

#endif
