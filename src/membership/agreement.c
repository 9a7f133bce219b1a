#include "membership/agreement.h"

#include "base/check.h"
#include "base/hash.h"

#include <stdlib.h>

int ballot_compare(struct ballot a, struct ballot b)
{
    if (a.round != b.round)
        return a.round < b.round ? -1 : 1;
    return a.node < b.node ? -1 : a.node > b.node;
}

static void replace_bytes(uint8_t **at, size_t *len, struct bytes with)
{
    uint8_t *copy = NULL;
    if (with.len != 0) {
        copy = malloc(with.len);
        CHECK_MEMORY(copy);
        memcpy(copy, with.at, with.len);
    }
    free(*at);
    *at = copy;
    *len = with.len;
}

void acceptor_free_value(struct acceptor *acceptor)
{
    free(acceptor->value);
    *acceptor = (struct acceptor){0};
}

void acceptor_move(struct acceptor *acceptor, uint64_t decree)
{
    acceptor->decree = decree;
    acceptor->accepted = (struct ballot){0};
    replace_bytes(&acceptor->value, &acceptor->value_len, bytes_of(NULL, 0));
}

bool acceptor_promise(struct acceptor *acceptor, struct ballot ballot)
{
    if (ballot_compare(ballot, acceptor->promised) < 0)
        return false;
    acceptor->promised = ballot;
    return true;
}

bool acceptor_accept(struct acceptor *acceptor, struct ballot ballot, struct bytes value)
{
    CHECK(ballot.round != 0 && value.len != 0);
    if (!acceptor_promise(acceptor, ballot))
        return false;
    acceptor->accepted = ballot;
    replace_bytes(&acceptor->value, &acceptor->value_len, value);
    return true;
}

static uint64_t fingerprint_of(struct bytes value)
{
    return value.len == 0 ? 0 : hash_fingerprint(value, 0) | 1;
}

void proposer_close(struct proposer *proposer)
{
    free(proposer->votes);
    free(proposer->best_value);
    free(proposer->value);
    *proposer = (struct proposer){0};
}

void proposer_start(struct proposer *proposer, uint64_t decree, uint32_t self, const uint32_t *acceptors,
                    uint32_t count, uint64_t round_max)
{
    CHECK(count > 0);
    proposer_close(proposer);
    proposer->decree = decree;
    proposer->self = self;
    proposer->round_max = round_max;
    proposer->votes = calloc(count, sizeof *proposer->votes);
    CHECK_MEMORY(proposer->votes);
    proposer->vote_count = count;
    for (uint32_t i = 0; i < count; i++)
        proposer->votes[i].id = acceptors[i];
}

void proposer_begin(struct proposer *proposer)
{
    proposer->round_max++;
    proposer->attempts++;
    proposer->ballot = (struct ballot){.round = proposer->round_max, .node = proposer->self};
    proposer->stage = PROPOSER_PREPARING;
    proposer->best = (struct ballot){0};
    replace_bytes(&proposer->best_value, &proposer->best_len, bytes_of(NULL, 0));
    for (uint32_t i = 0; i < proposer->vote_count; i++)
        proposer->votes[i] = (struct proposer_vote){.id = proposer->votes[i].id};
}

static struct proposer_vote *vote_of(struct proposer *proposer, uint32_t from)
{
    for (uint32_t i = 0; i < proposer->vote_count; i++)
        if (proposer->votes[i].id == from)
            return &proposer->votes[i];
    return NULL;
}

/* The acceptor's vote that the message is about, NULL when it answers something else. */
static struct proposer_vote *answered(struct proposer *proposer, uint32_t from, const struct message_agreement *m,
                                      enum proposer_stage stage)
{
    if (proposer->stage != stage || m->decree != proposer->decree || ballot_compare(m->ballot, proposer->ballot) != 0)
        return NULL;
    struct proposer_vote *vote = vote_of(proposer, from);
    if (vote == NULL)
        return NULL;
    vote->refusal = m->refusal;
    if (m->refusal == VOTE_LOWER_BALLOT) {
        if (m->promised.round > proposer->round_max && ballot_is_near(m->promised.round, proposer->round_max))
            proposer->round_max = m->promised.round;
        proposer->stage = PROPOSER_RESTING;
    }
    return vote;
}

bool proposer_on_promise(struct proposer *proposer, uint32_t from, const struct message_agreement *m)
{
    struct proposer_vote *vote = answered(proposer, from, m, PROPOSER_PREPARING);
    if (vote == NULL || vote->has_promised)
        return false;
    if (m->refusal != VOTE_GIVEN)
        return true;
    vote->has_promised = true;
    vote->is_empty = m->is_empty;
    vote->told = fingerprint_of(m->value);
    if (ballot_compare(m->accepted, proposer->best) > 0) {
        proposer->best = m->accepted;
        replace_bytes(&proposer->best_value, &proposer->best_len, m->value);
    }
    return true;
}

bool proposer_on_accepted(struct proposer *proposer, uint32_t from, const struct message_agreement *m)
{
    struct proposer_vote *vote = answered(proposer, from, m, PROPOSER_ACCEPTING);
    if (vote == NULL || vote->has_accepted)
        return false;
    vote->has_accepted = m->refusal == VOTE_GIVEN;
    uint32_t count = 0;
    for (uint32_t i = 0; i < proposer->vote_count; i++)
        count += proposer->votes[i].counts && proposer->votes[i].has_accepted;
    if (count >= proposer->needed)
        proposer->stage = PROPOSER_DECIDED;
    return true;
}

static int by_id(const void *a, const void *b)
{
    const uint32_t *left = a, *right = b;
    return *left < *right ? -1 : *left > *right;
}

static bool is_voter(const struct quorum *quorum, uint32_t id)
{
    return bsearch(&id, quorum->voters, quorum->voter_count, sizeof id, by_id) != NULL;
}

bool proposer_has_promises(const struct proposer *proposer, const struct quorum *quorum)
{
    uint32_t count = 0;
    for (uint32_t i = 0; i < proposer->vote_count; i++)
        count += proposer->votes[i].has_promised && is_voter(quorum, proposer->votes[i].id);
    return count >= quorum->needed;
}

bool proposer_all_empty(const struct proposer *proposer)
{
    for (uint32_t i = 0; i < proposer->vote_count; i++)
        if (proposer->votes[i].has_promised && !proposer->votes[i].is_empty)
            return false;
    return true;
}

bool proposer_disproves_best(const struct proposer *proposer, const struct quorum *quorum)
{
    uint64_t best = fingerprint_of(proposer_best(proposer));
    if (quorum->needed < quorum->voter_count)
        return false;
    for (uint32_t i = 0; i < proposer->vote_count; i++) {
        const struct proposer_vote *vote = &proposer->votes[i];
        if (vote->has_promised && vote->told != best && is_voter(quorum, vote->id))
            return true;
    }
    return false;
}

void proposer_offer(struct proposer *proposer, struct bytes value, const struct quorum *quorum)
{
    CHECK(proposer->stage == PROPOSER_PREPARING && value.len != 0 && quorum->needed > 0);
    replace_bytes(&proposer->value, &proposer->value_len, value);
    proposer->needed = quorum->needed;
    for (uint32_t i = 0; i < proposer->vote_count; i++)
        proposer->votes[i].counts = is_voter(quorum, proposer->votes[i].id);
    proposer->stage = PROPOSER_ACCEPTING;
}
