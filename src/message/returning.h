/* Which process is this member now? A process that belongs to the ring's table tells all other members of itself when
 * it starts, and each says what it knows of it [R9]: whether another process of that name is alive, whether the data
 * directory is the one that the node last ran with. membership/runs.h explains. */
#ifndef MESSAGE_RETURNING_H
#define MESSAGE_RETURNING_H

#include "message/gossip.h"

enum message_return_type {
    MESSAGE_RETURN = MESSAGE_OF_MEMBERSHIP + 48, /* I am this member now */
    MESSAGE_RETURN_REPLY                         /* what I know of you */
};

enum return_verdict {
    RETURN_WHO,       /* I do not know this process: tell me of yourself by a RETURN */
    RETURN_CHECKING,  /* wait: I am finding out whether the process that I know is gone */
    RETURN_OTHER,     /* the process that I know, `other`, is alive: you are not this member */
    RETURN_FIRST,     /* nothing was known of you before */
    RETURN_CONFIRMED, /* you are, and your data directory is the one that you ran with last */
    RETURN_LACKS,     /* you are, and less is stored in your data directory than you had told of */
    RETURN_OLD_COPY,  /* you are, and your data directory is an old copy: what it had voted is lost, too */
    RETURN_REPLACED,  /* you are, and your data directory is another one than before */
    RETURN_VERDICTS
};

/* Whoever says so takes this process for the member from then on. */
static inline bool return_is_taken(uint8_t verdict)
{
    return verdict >= RETURN_FIRST;
}

/* May acknowledged writes be missing in its directory? */
static inline bool return_says_doubt(uint8_t verdict)
{
    return verdict >= RETURN_LACKS;
}

struct message_return {
    struct message_sender sender;
    bool knows_doubt;          /* that its directory may lack what was acknowledged is known to it and on record */
    struct gossip_entry entry; /* the sender's own */
};

struct message_return_reply {
    struct message_sender sender;
    uint64_t incarnation;                  /* of the process that is meant */
    uint8_t verdict;                       /* enum return_verdict */
    uint64_t other;                        /* RETURN_OTHER: incarnation of the process that is alive, else 0 */
    char other_peer[RING_ADDRESS_MAX + 1]; /* and where it is */
};

/* Each appends the head of such a message. */
void message_write_return(struct draft *out, const struct message_return *m);
void message_write_return_reply(struct draft *out, const struct message_return_reply *m);
/* Every field is checked. false: malformed. */
bool message_read_return(struct bytes head, struct message_return *m);
bool message_read_return_reply(struct bytes head, struct message_return_reply *m);

#endif
