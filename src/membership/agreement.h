/* Single-decree Paxos, as a pure module: what each acceptor remembers and how a proposer counts, Dynamo 4.8 with [R12].
 *
 * A decree is "the table of epoch e". An acceptor promises not to vote in ballots below one, and accepts a value in a
 * ballot unless it has promised a higher one. A proposer first collects promises, each with what the acceptor had
 * accepted before, and must then offer the accepted value of the highest ballot, if there is one that may have been
 * chosen. Which votes choose a value depends on the value (struct quorum), and the caller says so.
 *
 * Why a value may be passed over: one that needs all votes of a set cannot have been chosen, nor ever be, if a member
 * of that set, having promised a higher ballot, tells that it has accepted nothing or something else. */
#ifndef MEMBERSHIP_AGREEMENT_H
#define MEMBERSHIP_AGREEMENT_H

#include "base/bytes.h"
#include "message/agreement.h"

#include <stdbool.h>
#include <stdint.h>

/* A round that is further above the highest known one is nobody's next ballot: whoever heeded it could be led to where
 * no ballots are left. Who has promised nothing yet knows none, and heeds what leaves room. */
#define BALLOT_JUMP_MAX ((uint64_t)1 << 20)
static inline bool ballot_is_near(uint64_t round, uint64_t known)
{
    return known == 0 ? round <= BALLOT_ROUND_MAX / 2 : round <= known || round - known <= BALLOT_JUMP_MAX;
}

/* < 0, 0 or > 0. */
int ballot_compare(struct ballot a, struct ballot b);

/* Must be durable before its answers leave. Its promise never goes down, whatever decree it moves to. */
struct acceptor {
    uint64_t decree;
    struct ballot promised, accepted; /* accepted.round 0: nothing */
    uint8_t *value;                   /* of `accepted`; owned */
    size_t value_len;
};

/* Zero-initialised, an acceptor has promised nothing; so it is after this. */
void acceptor_free_value(struct acceptor *acceptor);
/* The decree before is decided: forgets what was accepted for it. */
void acceptor_move(struct acceptor *acceptor, uint64_t decree);
/* false: a higher ballot has been promised. The same ballot may be promised and accepted again. */
bool acceptor_promise(struct acceptor *acceptor, struct ballot ballot);
bool acceptor_accept(struct acceptor *acceptor, struct ballot ballot, struct bytes value);
/* Has it accepted a value whose fate it does not know? */
static inline bool acceptor_is_bound(const struct acceptor *acceptor)
{
    return acceptor->accepted.round != 0;
}
static inline struct bytes acceptor_value(const struct acceptor *acceptor)
{
    return bytes_of(acceptor->value, acceptor->value_len);
}

/* `needed` votes of these nodes, sorted by id, all different. */
struct quorum {
    const uint32_t *voters;
    uint32_t voter_count, needed;
};

enum proposer_stage {
    PROPOSER_IDLE,
    PROPOSER_PREPARING, /* collects promises */
    PROPOSER_ACCEPTING, /* collects votes for `value` */
    PROPOSER_RESTING,   /* outvoted; tries again with a higher ballot later */
    PROPOSER_DECIDED    /* `value` is chosen */
};

/* What one acceptor has answered in this ballot. */
struct proposer_vote {
    uint32_t id;
    bool has_promised, has_accepted, is_empty;
    bool counts;     /* is a voter of the value that is offered */
    uint8_t refusal; /* enum vote_refusal, its last answer */
    uint64_t told;   /* fingerprint of what it had accepted, 0: nothing */
};

struct proposer {
    enum proposer_stage stage;
    uint64_t decree;
    uint32_t self;
    struct ballot ballot;
    uint64_t round_max;          /* highest round seen anywhere */
    uint32_t attempts;           /* ballots begun for this decree */
    struct proposer_vote *votes; /* one for each acceptor */
    uint32_t vote_count;
    struct ballot best; /* the highest ballot in which a promiser had accepted a value */
    uint8_t *best_value;
    size_t best_len;
    uint8_t *value; /* what is offered */
    size_t value_len;
    uint32_t needed; /* votes of those that count, to choose it */
};

/* Zero-initialised, a proposer is idle; so it is after this. */
void proposer_close(struct proposer *proposer);
/* Begins a decree with these acceptors (ids, all different). `round_max`: a round that `self` has promised or used; the
 * ballots will be above it. Follow with proposer_begin. */
void proposer_start(struct proposer *proposer, uint64_t decree, uint32_t self, const uint32_t *acceptors,
                    uint32_t count, uint64_t round_max);
/* The next ballot: forgets all answers, stage PREPARING. */
void proposer_begin(struct proposer *proposer);

/* Answers, of any age and number; those to other ballots are ignored. true: it was news. A refusal for a higher ballot
 * leads to PROPOSER_RESTING. */
bool proposer_on_promise(struct proposer *proposer, uint32_t from, const struct message_agreement *m);
bool proposer_on_accepted(struct proposer *proposer, uint32_t from, const struct message_agreement *m);

/* Have enough acceptors promised? */
bool proposer_has_promises(const struct proposer *proposer, const struct quorum *quorum);
/* Do all that have promised say that they hold no data? */
bool proposer_all_empty(const struct proposer *proposer);
/* The accepted value of the highest ballot among the promises; length 0: none. */
static inline struct bytes proposer_best(const struct proposer *proposer)
{
    return bytes_of(proposer->best_value, proposer->best_len);
}
/* Is it certain that the best value, which only this quorum chooses, has not been chosen and never will be in a lower
 * ballot? Only a quorum that needs all its voters can be disproved. */
bool proposer_disproves_best(const struct proposer *proposer, const struct quorum *quorum);

/* Enough promises are in: offers `value` (copied) to the acceptors. Must be the best value, unless there is none or it
 * is disproved. */
void proposer_offer(struct proposer *proposer, struct bytes value, const struct quorum *quorum);

#endif
