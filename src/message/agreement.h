/* The messages of single-decree Paxos, by which the members decide each table [R12]; membership/agreement.h explains.
 */
#ifndef MESSAGE_AGREEMENT_H
#define MESSAGE_AGREEMENT_H

#include "message/frame.h"
#include "message/sender.h"

#include <stdbool.h>
#include <stdint.h>

enum message_agreement_type {
    MESSAGE_PREPARE = MESSAGE_OF_MEMBERSHIP + 32, /* ballot */
    MESSAGE_PROMISE,                              /* ballot, refusal, promised, is_empty, accepted, value */
    MESSAGE_ACCEPT,                               /* ballot, value */
    MESSAGE_ACCEPTED,                             /* ballot, refusal, promised */
    MESSAGE_DECIDED,                              /* value, fingerprint: the table of this epoch */
    MESSAGE_ADOPTED, /* I have the table of this epoch: to whoever told that it was decided */
    MESSAGE_SETTLED  /* all members have the table of this epoch */
};

/* Rounds go up; the node's id tells proposers of one round apart. Round 0: none. */
struct ballot {
    uint64_t round;
    uint32_t node;
};

enum vote_refusal {
    VOTE_GIVEN,
    VOTE_LOWER_BALLOT, /* `promised` is higher */
    VOTE_OTHER_EPOCH,  /* the sender decides about another table: its epoch says which one it has */
    VOTE_NOT_EMPTY,    /* the change is for rings without data, and the voter has some */
    VOTE_UNFIT,        /* the voter cannot agree to the value: other founders or settings, an impossible change */
    VOTE_REFUSALS
};

enum { AGREEMENT_VALUE_MAX = 1 << 20 };
#define BALLOT_ROUND_MAX ((uint64_t)1 << 48) /* no ballot comes so far: a higher one is malformed */

struct message_agreement {
    struct message_sender sender;
    uint64_t decree; /* the epoch whose table is decided */
    struct ballot ballot;
    uint8_t refusal;        /* enum vote_refusal */
    struct ballot promised; /* what the voter has promised */
    bool is_empty;          /* the voter has no data */
    struct ballot accepted; /* round 0: it has accepted nothing */
    struct bytes value;
    uint64_t fingerprint; /* of the new table */
};

/* Appends the head of a message of this type: the fields that enum message_agreement_type lists. */
void message_write_agreement(struct draft *out, uint8_t type, const struct message_agreement *m);
/* false: malformed, or not a type of agreement. The value points into `head`. Fields of other types are 0. */
bool message_read_agreement(struct bytes head, uint8_t type, struct message_agreement *m);

#endif
