/* Counting answers, apart from what is done about them, Dynamo 4.5 and 4.6 with [R9]: distinct nodes, however often and
 * in whatever order they answer. A node is told by its place: the owners in the order of the preference list, then
 * those who stand in for some of them. An owner and who stands in for it count once: the stand-in may have handed its
 * hint to the owner and dropped it before the owner answers for itself. Within the room. */
#ifndef COORDINATOR_QUORUM_H
#define COORDINATOR_QUORUM_H

#include <stdbool.h>
#include <stdint.h>

enum quorum_verdict {
    QUORUM_MET,
    QUORUM_POSSIBLE,  /* those who have not answered would do */
    QUORUM_IMPOSSIBLE /* too many have failed */
};

/* Bit i of each mask is the node at place i. */
struct quorum {
    uint16_t owners; /* the first places */
    uint16_t places; /* who may be counted: owners, and stand-ins that have been admitted */
    uint16_t yes, no;
    uint8_t needed;
    uint8_t owner_of[16]; /* of a stand-in's place: the owner's */
};

/* `owners` owners, 1 .. 8, of whom (or of whose stand-ins) `needed` have to say yes; more than there are can never be
 * met. */
struct quorum quorum_of(unsigned owners, unsigned needed);

/* The node at this place stands in for the owner at another: it may be counted in the owner's stead. */
void quorum_admit(struct quorum *quorum, unsigned place, unsigned owner);

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

static inline uint16_t quorum_bit(unsigned place)
{
    return (uint16_t)(1U << place);
}

/* The number of places in a mask: there are few, and without an instruction for it compilers call a function. */
static inline unsigned quorum_count(uint16_t mask)
{
    unsigned count = 0;
    for (unsigned rest = mask; rest != 0; rest &= rest - 1)
        count++;
    return count;
}

#endif
