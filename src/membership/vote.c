#include "membership/vote.h"

#include "base/check.h"
#include "membership/decide.h"
#include "membership/founding.h"
#include "membership/returning.h"
#include "membership/say.h"
#include "membership/tables.h"

#include <stdlib.h>

/* Founders vote as long as they are in no ring and have not asked one to take them in. */
static bool has_vote(const struct membership *membership, const char *from)
{
    if (!membership->is_started)
        return false;
    if (membership->state.table != NULL)
        return returning_has_vote(membership) && table_member(membership->state.table, ring_node_id(from)) != NULL;
    return membership->seed_count > 0 && !membership->joining.is_asking && membership->state.invited_by[0] == '\0';
}

/* Writes are held before it is asked whether there have been any, so that none slips in between. */
static enum vote_refusal judge_alone(struct membership *membership)
{
    if (!membership->holds) {
        membership->holds = true;
        membership->ports.hold_writes(membership->ports.host, true);
    }
    return membership->ports.is_empty(membership->ports.host) ? VOTE_GIVEN : VOTE_NOT_EMPTY;
}

static enum vote_refusal judge_change(struct membership *membership, const struct value *value, bool *alone)
{
    const struct table *table = membership->state.table;
    if (value->kind != VALUE_CHANGE || value->change.kind == RING_CHANGE_LEAVE)
        return VOTE_UNFIT;
    struct table *next = table_after(table, value);
    if (next == NULL)
        return VOTE_UNFIT;
    table_free(next);
    *alone = value_needs_empty_ring(value, table);
    return *alone ? judge_alone(membership) : VOTE_GIVEN;
}

static enum vote_refusal judge(struct membership *membership, struct bytes bytes, bool *alone)
{
    const struct acceptor *acceptor = &membership->state.acceptor;
    *alone = membership->deciding.is_bound_alone;
    if (acceptor_is_bound(acceptor) && bytes_equal(acceptor_value(acceptor), bytes))
        return VOTE_GIVEN;
    struct value *value = malloc(sizeof *value);
    CHECK_MEMORY(value);
    enum vote_refusal refusal = VOTE_UNFIT;
    if (value_read(bytes, value))
        refusal = membership->state.table != NULL         ? judge_change(membership, value, alone)
                  : founding_agrees_to(membership, value) ? VOTE_GIVEN
                                                          : VOTE_UNFIT;
    free(value);
    return refusal;
}

static enum vote_refusal promise(struct membership *membership, const struct message_agreement *m)
{
    return acceptor_promise(&membership->state.acceptor, m->ballot) ? VOTE_GIVEN : VOTE_LOWER_BALLOT;
}

static enum vote_refusal accept(struct membership *membership, const struct message_agreement *m)
{
    struct acceptor *acceptor = &membership->state.acceptor;
    bool alone;
    if (ballot_compare(m->ballot, acceptor->promised) < 0)
        return VOTE_LOWER_BALLOT;
    enum vote_refusal refusal = judge(membership, m->value, &alone);
    if (refusal != VOTE_GIVEN)
        return refusal;
    bool accepted = acceptor_accept(acceptor, m->ballot, m->value);
    CHECK(accepted);
    membership->deciding.is_bound_alone = alone;
    return VOTE_GIVEN;
}

/* Whoever has this node's vote is at work: this node lets it. Without that, several proposers would outvote each other
 * for long where messages are slow. */
static void yield(struct membership *membership, struct instant now)
{
    uint64_t until_ns =
        now.mono_ns + (uint64_t)DECIDE_YIELD_MS * MS + prng_below(&membership->prng, (uint64_t)DECIDE_YIELD_MS * MS);
    struct deciding *deciding = &membership->deciding;
    deciding->yield_ns = until_ns;
    if (deciding->proposer.stage == PROPOSER_RESTING && deciding->again_ns < until_ns)
        deciding->again_ns = until_ns;
}

bool vote_answer(struct membership *membership, struct instant now, const char *from, uint8_t type,
                 const struct message_agreement *m, struct message_agreement *answer)
{
    if (!has_vote(membership, from))
        return false;
    struct acceptor *acceptor = &membership->state.acceptor;
    enum vote_refusal refusal = VOTE_OTHER_EPOCH;
    if (m->decree == epoch_of(membership) + 1) {
        acceptor->decree = m->decree;
        refusal = !ballot_is_near(m->ballot.round, acceptor->promised.round) ? VOTE_UNFIT
                  : type == MESSAGE_PREPARE                                  ? promise(membership, m)
                                                                             : accept(membership, m);
    }
    if (refusal == VOTE_GIVEN && m->ballot.node != membership->self.id)
        yield(membership, now);
    bool kept = refusal != VOTE_GIVEN || say_keep(membership);
    say_hold(membership);
    *answer = (struct message_agreement){.sender = say_sender(membership),
                                         .decree = m->decree,
                                         .ballot = m->ballot,
                                         .refusal = (uint8_t)refusal,
                                         .promised = acceptor->promised};
    if (type == MESSAGE_PREPARE && refusal == VOTE_GIVEN) {
        answer->is_empty = membership->ports.is_empty(membership->ports.host);
        answer->accepted = acceptor->accepted;
        answer->value = acceptor_value(acceptor);
    }
    return kept;
}

/* A founder takes over the first shared settings with the table. */
static bool adopt_first(struct membership *membership, struct instant now, const struct value *value)
{
    struct table *table = table_of_founders(value);
    if (table == NULL || !tables_take_settings(membership, 1, 0, value->buckets, true)) {
        table_free(table);
        return false;
    }
    return tables_adopt(membership, now, table, true);
}

bool vote_adopt(struct membership *membership, struct instant now, const struct value *value)
{
    if (membership->state.table == NULL)
        return adopt_first(membership, now, value);
    struct table *table = table_after(membership->state.table, value);
    CHECK(table != NULL);
    return tables_adopt(membership, now, table, false);
}

/* Does the decided founding name this node, with the data directory that it has? */
static bool founds_us(const struct membership *membership, const struct value *value)
{
    for (uint32_t i = 0; i < value->founder_count; i++)
        if (value->founders[i].member.id == membership->self.id)
            return value->founders[i].directory == membership->state.directory;
    return false;
}

static struct table *table_decided(const struct membership *membership, const struct value *value,
                                   const struct message_agreement *m)
{
    if (membership->state.table == NULL)
        return value->kind == VALUE_FOUND && founds_us(membership, value) && m->decree == 1 ? table_of_founders(value)
                                                                                            : NULL;
    return m->sender.cluster == cluster_of(membership) ? table_after(membership->state.table, value) : NULL;
}

void vote_on_decided(struct membership *membership, struct instant now, const struct message_agreement *m)
{
    struct value *value = malloc(sizeof *value);
    CHECK_MEMORY(value);
    bool is_next = m->decree == epoch_of(membership) + 1 && value_read(m->value, value);
    struct table *table = is_next ? table_decided(membership, value, m) : NULL;
    if (table != NULL && table->fingerprint == m->fingerprint)
        vote_adopt(membership, now, value);
    else if (m->sender.cluster == cluster_of(membership))
        tables_hear(membership, now, m->decree, m->sender.peer);
    if (table != NULL && table->fingerprint != m->fingerprint)
        say_report(membership, MEMBERSHIP_ERROR,
                   "the table of epoch %llu comes out differently here: these programs compute rings differently",
                   (unsigned long long)m->decree);
    table_free(table);
    free(value);
}
