#include "membership/decide.h"

#include "base/check.h"
#include "membership/founding.h"
#include "membership/returning.h"
#include "membership/say.h"
#include "membership/settle.h"
#include "membership/tables.h"
#include "membership/vote.h"
#include "membership/wish.h"

#include <stdio.h>
#include <stdlib.h>

void decide_reset(struct membership *membership)
{
    struct deciding *deciding = &membership->deciding;
    proposer_close(&deciding->proposer);
    draft_close(&deciding->offer);
    *deciding = (struct deciding){0};
    struct value *value = malloc(sizeof *value);
    CHECK_MEMORY(value);
    const struct acceptor *acceptor = &membership->state.acceptor;
    if (membership->state.table != NULL && acceptor_is_bound(acceptor) && value_read(acceptor_value(acceptor), value))
        deciding->is_bound_alone = value_needs_empty_ring(value, membership->state.table);
    free(value);
}

/* The acceptors of the present decree: the members, or the founders. 0: there are none yet. */
static uint32_t acceptors_of(const struct membership *membership, uint32_t *ids)
{
    const struct ring_view *view = view_of(membership);
    const struct value *founders = membership->founding.founders;
    uint32_t count = view != NULL ? view->member_count : membership->founding.is_complete ? founders->founder_count : 0;
    for (uint32_t i = 0; i < count; i++)
        ids[i] = view != NULL ? view->members[i].id : founders->founders[i].member.id;
    return count;
}

static const char *address_of(const struct membership *membership, uint32_t id)
{
    return membership->state.table != NULL ? say_address_of(membership, id) : founding_address_of(membership, id);
}

static void enter(struct membership *membership, struct instant now)
{
    membership->deciding.stage_ns = now.mono_ns;
    membership->deciding.resend_ns = now.mono_ns;
}

static uint64_t jitter_ns(struct membership *membership, uint64_t ms)
{
    return prng_below(&membership->prng, ms * MS);
}

/* Duels end because each loser waits for a random time that grows with its attempts. */
static void rest(struct membership *membership, struct instant now, uint64_t ms_min)
{
    struct deciding *deciding = &membership->deciding;
    uint32_t doublings = deciding->proposer.attempts < 6 ? deciding->proposer.attempts : 6;
    deciding->proposer.stage = PROPOSER_RESTING;
    deciding->again_ns = now.mono_ns + ms_min * MS + jitter_ns(membership, (uint64_t)50 << doublings);
}

static void start(struct membership *membership, struct instant now)
{
    uint32_t ids[VOTERS_MAX];
    uint32_t count = acceptors_of(membership, ids);
    if (count == 0)
        return;
    proposer_start(&membership->deciding.proposer, epoch_of(membership) + 1, membership->self.id, ids, count,
                   membership->state.acceptor.promised.round);
    proposer_begin(&membership->deciding.proposer);
    enter(membership, now);
}

void decide_propose(struct membership *membership, struct instant now, const struct value *value)
{
    struct deciding *deciding = &membership->deciding;
    CHECK(!decide_is_busy(membership));
    draft_close(&deciding->offer);
    value_write(&deciding->offer, value);
    deciding->offers_alone = membership->state.table != NULL && value_needs_empty_ring(value, membership->state.table);
    start(membership, now);
}

static void give_up(struct membership *membership)
{
    proposer_close(&membership->deciding.proposer);
    draft_close(&membership->deciding.offer);
}

void decide_abandon(struct membership *membership)
{
    draft_close(&membership->deciding.offer);
    if (membership->deciding.proposer.stage == PROPOSER_PREPARING
        || membership->deciding.proposer.stage == PROPOSER_RESTING)
        give_up(membership);
}

/* Decides that nothing changes: the table of the next epoch is the same. It ends a change that has got stuck half-way
 * and that is certain not to have been decided, so that writes need not wait for it any longer. */
static void offer_nothing(struct membership *membership)
{
    const struct table *table = membership->state.table;
    struct value *value = calloc(1, sizeof *value);
    struct voters *voters = malloc(sizeof *voters);
    CHECK_MEMORY(value);
    CHECK_MEMORY(voters);
    value->kind = VALUE_CHANGE;
    value->change.kind = RING_CHANGE_MEMBER;
    value->change.member = *table_member(table, membership->self.id);
    value->directory = membership->state.directory;
    value_voters(value, table, voters);
    struct quorum quorum = voters_quorum(voters);
    struct draft bytes = {0};
    value_write(&bytes, value);
    proposer_offer(&membership->deciding.proposer, draft_written(&bytes), &quorum);
    draft_close(&bytes);
    free(voters);
    free(value);
}

/* Which votes choose this value. false: it is not one that can be proposed here. */
static bool voters_of(const struct membership *membership, struct bytes bytes, struct voters *voters, bool *alone)
{
    struct value *value = malloc(sizeof *value);
    CHECK_MEMORY(value);
    const struct table *table = membership->state.table;
    bool fits = value_read(bytes, value) && (value->kind == VALUE_FOUND) == (table == NULL);
    if (fits) {
        value_voters(value, table, voters);
        *alone = value_needs_empty_ring(value, table);
    }
    free(value);
    return fits;
}

/* Have enough promised to choose what to offer? Whoever has a value of its own asks those who must vote for it; whoever
 * only completes another's asks a majority, which meets every quorum. */
static bool has_promises(struct membership *membership, struct instant now, bool *all)
{
    const struct deciding *deciding = &membership->deciding;
    const struct proposer *proposer = &deciding->proposer;
    uint32_t promised = 0;
    for (uint32_t i = 0; i < proposer->vote_count; i++)
        promised += proposer->votes[i].has_promised;
    *all = promised == proposer->vote_count;
    if (*all)
        return true;
    struct voters voters;
    bool alone;
    struct bytes own = draft_written(&deciding->offer);
    if (own.len != 0) {
        bool fits = voters_of(membership, own, &voters, &alone);
        CHECK(fits);
    } else if (voters_of(membership, acceptor_value(&membership->state.acceptor), &voters, &alone)
               && voters.count < proposer->vote_count) {
        /* The return of a member, who cannot promise anything: all others. */
    } else {
        voters_majority(membership->state.table, &voters);
        if (now.mono_ns < deciding->stage_ns + (uint64_t)DECIDE_LINGER_MS * MS)
            return false;
    }
    struct quorum quorum = voters_quorum(&voters);
    return proposer_has_promises(proposer, &quorum);
}

static void offer(struct membership *membership, struct instant now, struct bytes value, const struct voters *voters)
{
    struct quorum quorum = voters_quorum(voters);
    proposer_offer(&membership->deciding.proposer, value, &quorum);
    enter(membership, now);
}

static void offer_own(struct membership *membership, struct instant now)
{
    struct deciding *deciding = &membership->deciding;
    struct voters voters;
    bool alone;
    if (deciding->offers_alone && !proposer_all_empty(&deciding->proposer)) {
        give_up(membership);
        wish_refused(membership, now, WISH_HAS_DATA_TEXT);
        return;
    }
    bool fits = voters_of(membership, draft_written(&deciding->offer), &voters, &alone);
    CHECK(fits);
    offer(membership, now, draft_written(&deciding->offer), &voters);
}

/* PREPARING is over when enough have promised: what is to be offered? */
static void choose(struct membership *membership, struct instant now)
{
    struct deciding *deciding = &membership->deciding;
    struct proposer *proposer = &deciding->proposer;
    bool all, alone = false;
    if (!has_promises(membership, now, &all))
        return;
    struct bytes best = proposer_best(proposer);
    struct voters voters;
    bool has_best = best.len != 0 && voters_of(membership, best, &voters, &alone);
    struct quorum quorum = voters_quorum(&voters);
    bool is_free = !has_best || proposer_disproves_best(proposer, &quorum);
    if (!is_free
        || (has_best && draft_written(&deciding->offer).len == 0 && all && (!alone || proposer_all_empty(proposer))))
        offer(membership, now, best, &voters);
    else if (draft_written(&deciding->offer).len != 0)
        offer_own(membership, now);
    else if (has_best && membership->state.table != NULL) {
        offer_nothing(membership);
        enter(membership, now);
    } else {
        give_up(membership); /* nothing was accepted after all */
    }
}

/* `value` is chosen: the table that it makes is in force. */
static void finish(struct membership *membership, struct instant now)
{
    struct deciding *deciding = &membership->deciding;
    struct value *value = malloc(sizeof *value);
    CHECK_MEMORY(value);
    struct draft bytes = {0};
    draft_bytes(&bytes, bytes_of(deciding->proposer.value, deciding->proposer.value_len));
    bool readable = value_read(draft_written(&bytes), value);
    CHECK(readable);
    uint32_t others[VOTERS_MAX];
    uint32_t count = acceptors_of(membership, others), kept = 0;
    for (uint32_t i = 0; i < count; i++)
        if (others[i] != membership->self.id)
            others[kept++] = others[i];
    bool alone = membership->state.table != NULL && value_needs_empty_ring(value, membership->state.table);
    if (vote_adopt(membership, now, value)) {
        settle_lead(membership, now, draft_written(&bytes), others, kept, alone);
        if (alone)
            tables_send(membership, value->change.member.peer);
    } else {
        deciding->again_ns = now.mono_ns + (uint64_t)1000 * MS;
    }
    draft_close(&bytes);
    free(value);
}

/* What an answer, or the lack of one, leads to. */
static void go_on(struct membership *membership, struct instant now)
{
    struct proposer *proposer = &membership->deciding.proposer;
    if (proposer->stage == PROPOSER_PREPARING)
        choose(membership, now);
    if (proposer->stage == PROPOSER_DECIDED && now.mono_ns >= membership->deciding.again_ns)
        finish(membership, now);
}

/* The founders are no longer what this proposal says of them: the next one is made of what they are then. */
static void start_over(struct membership *membership, struct instant now)
{
    uint64_t again_ns = now.mono_ns + (uint64_t)DECIDE_AGAIN_MS * MS;
    give_up(membership);
    if (membership->deciding.yield_ns < again_ns)
        membership->deciding.yield_ns = again_ns;
}

static void on_answer(struct membership *membership, struct instant now, uint32_t from, uint8_t type,
                      const struct message_agreement *m)
{
    struct deciding *deciding = &membership->deciding;
    struct proposer *proposer = &deciding->proposer;
    enum proposer_stage before = proposer->stage;
    bool news =
        type == MESSAGE_PROMISE ? proposer_on_promise(proposer, from, m) : proposer_on_accepted(proposer, from, m);
    if (!news)
        return;
    if (proposer->stage == PROPOSER_RESTING) {
        rest(membership, now, 0);
    } else if (before == PROPOSER_ACCEPTING && (m->refusal == VOTE_NOT_EMPTY || m->refusal == VOTE_UNFIT)) {
        /* The next ballot will find out whether the value may be passed over. */
        if (membership->state.table != NULL && draft_written(&deciding->offer).len != 0) {
            draft_close(&deciding->offer);
            wish_refused(membership, now, m->refusal == VOTE_NOT_EMPTY ? WISH_HAS_DATA_TEXT : WISH_UNFIT_TEXT);
        }
        if (membership->state.table != NULL)
            rest(membership, now, 0);
        else
            start_over(membership, now);
    }
    go_on(membership, now);
}

/* This node votes as well, by the same rules and without a message. false: it cannot, or nothing can be saved. */
static bool ask_self(struct membership *membership, struct instant now, uint8_t type, const struct message_agreement *m)
{
    struct message_agreement answer;
    if (!vote_answer(membership, now, membership->self.name, type, m, &answer))
        return false;
    on_answer(membership, now, membership->self.id, type + 1, &answer);
    return true;
}

/* Asks everyone who has not answered; the own vote comes first, and without it nobody is asked, so that no other
 * proposer of this node, after a crash, can use the ballot again. */
static void ask(struct membership *membership, struct instant now)
{
    struct deciding *deciding = &membership->deciding;
    struct proposer *proposer = &deciding->proposer;
    bool accepting = proposer->stage == PROPOSER_ACCEPTING;
    uint8_t type = accepting ? MESSAGE_ACCEPT : MESSAGE_PREPARE;
    struct ballot ballot = proposer->ballot;
    struct draft value = {0};
    if (accepting)
        draft_bytes(&value, bytes_of(proposer->value, proposer->value_len));
    struct message_agreement m = {
        .sender = say_sender(membership), .decree = proposer->decree, .ballot = ballot, .value = draft_written(&value)};
    deciding->resend_ns = now.mono_ns + (uint64_t)DECIDE_RESEND_MS * MS;
    bool has_voted = ask_self(membership, now, type, &m);
    enum proposer_stage stage = accepting ? PROPOSER_ACCEPTING : PROPOSER_PREPARING;
    for (uint32_t i = 0; has_voted && proposer->stage == stage && i < proposer->vote_count; i++) {
        const struct proposer_vote *vote = &proposer->votes[i];
        if (vote->id == membership->self.id || (accepting ? vote->has_accepted : vote->has_promised))
            continue;
        struct draft head = {0};
        message_write_agreement(&head, type, &m);
        say(membership, address_of(membership, vote->id), type, &head);
    }
    draft_close(&value);
}

static void push(struct membership *membership, struct instant now)
{
    struct deciding *deciding = &membership->deciding;
    struct proposer *proposer = &deciding->proposer;
    /* Each stage may lead to the next at once, a ring of one goes through all of them. */
    for (unsigned i = 0; i < 4 && decide_is_busy(membership) && now.mono_ns >= deciding->resend_ns; i++) {
        if (proposer->stage != PROPOSER_PREPARING && proposer->stage != PROPOSER_ACCEPTING)
            break;
        ask(membership, now);
    }
}

static void on_decided(struct membership *membership, struct instant now, uint32_t from,
                       const struct message_agreement *m)
{
    if (m->decree > epoch_of(membership))
        vote_on_decided(membership, now, m);
    if (epoch_of(membership) >= m->decree && cluster_of(membership) == m->sender.cluster) {
        struct message_agreement answer = {.sender = say_sender(membership), .decree = epoch_of(membership)};
        struct draft head = {0};
        message_write_agreement(&head, MESSAGE_ADOPTED, &answer);
        say(membership, m->sender.peer, MESSAGE_ADOPTED, &head);
    }
    (void)from;
}

static void on_request(struct membership *membership, struct instant now, const char *from, uint8_t type,
                       const struct message_agreement *m)
{
    struct message_agreement answer;
    if (!vote_answer(membership, now, from, type, m, &answer))
        return;
    struct draft head = {0};
    message_write_agreement(&head, (uint8_t)(type + 1), &answer);
    say(membership, m->sender.peer, (uint8_t)(type + 1), &head);
}

bool decide_on_message(struct membership *membership, struct instant now, const char *from, const struct frame *frame)
{
    struct message_agreement m;
    if (!message_read_agreement(frame->head, frame->type, &m))
        return false;
    uint32_t id = ring_node_id(from);
    bool is_ours = m.sender.cluster == cluster_of(membership);
    if (frame->type == MESSAGE_DECIDED) {
        on_decided(membership, now, id, &m);
        return true;
    }
    if (!is_ours) {
        /* A founder that has not heard yet that the ring is there. */
        if (m.sender.cluster == 0 && membership->state.table != NULL
            && table_member(membership->state.table, id) != NULL)
            tables_send(membership, m.sender.peer);
        return true;
    }
    if (m.sender.epoch > epoch_of(membership))
        tables_hear(membership, now, m.sender.epoch, m.sender.peer);
    if (frame->type == MESSAGE_PREPARE || frame->type == MESSAGE_ACCEPT)
        on_request(membership, now, from, frame->type, &m);
    else if (frame->type == MESSAGE_PROMISE || frame->type == MESSAGE_ACCEPTED)
        on_answer(membership, now, id, frame->type, &m);
    else if (frame->type == MESSAGE_ADOPTED)
        settle_on_adopted(membership, id, m.sender.epoch);
    else
        settle_on_settled(membership, m.sender.epoch);
    push(membership, now);
    return true;
}

void decide_silent(const struct membership *membership, char *text, size_t room)
{
    const struct proposer *proposer = &membership->deciding.proposer;
    size_t len = 0;
    text[0] = '\0';
    for (uint32_t i = 0; i < proposer->vote_count && len + 1 < room; i++) {
        const struct proposer_vote *vote = &proposer->votes[i];
        if (vote->has_promised || vote->has_accepted)
            continue;
        int written = snprintf(text + len, room - len, "%s%s", len == 0 ? "" : ", ", say_name_of(membership, vote->id));
        len += written > 0 ? (size_t)written : 0;
    }
}

/* A value accepted here whose fate nobody tells: this node finds it out. */
static void recover(struct membership *membership, struct instant now)
{
    if (membership->state.table == NULL || !acceptor_is_bound(&membership->state.acceptor)
        || !decide_is_free(membership, now) || !returning_has_vote(membership))
        return;
    draft_close(&membership->deciding.offer);
    start(membership, now);
}

void decide_tick(struct membership *membership, struct instant now)
{
    struct deciding *deciding = &membership->deciding;
    struct proposer *proposer = &deciding->proposer;
    recover(membership, now);
    bool is_late = now.mono_ns >= deciding->stage_ns + (uint64_t)DECIDE_STAGE_MS * MS;
    if (proposer->stage == PROPOSER_ACCEPTING && is_late)
        rest(membership, now, 0);
    /* Who is silent may have ceased to be a founder. Members stay what they are. */
    if (proposer->stage == PROPOSER_PREPARING && is_late && membership->state.table == NULL)
        start_over(membership, now);
    if (proposer->stage == PROPOSER_RESTING && now.mono_ns >= deciding->again_ns) {
        if (membership->state.acceptor.promised.round > proposer->round_max)
            proposer->round_max = membership->state.acceptor.promised.round;
        proposer_begin(proposer);
        enter(membership, now);
    }
    go_on(membership, now);
    push(membership, now);
}

uint64_t decide_wake_at(const struct membership *membership)
{
    const struct deciding *deciding = &membership->deciding;
    bool is_bound = returning_has_vote(membership) && acceptor_is_bound(&membership->state.acceptor);
    uint64_t free_ns = is_bound ? deciding->yield_ns : UINT64_MAX;
    switch (deciding->proposer.stage) {
    case PROPOSER_PREPARING:
    case PROPOSER_ACCEPTING:
        return deciding->resend_ns;
    case PROPOSER_RESTING:
    case PROPOSER_DECIDED:
        return deciding->again_ns;
    default:
        return free_ns;
    }
}
