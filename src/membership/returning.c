#include "membership/returning.h"

#include "membership/gossip.h"
#include "membership/join.h"
#include "membership/runs.h"
#include "membership/say.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

static void tell_host(struct membership *membership, bool doubtful)
{
    if (membership->ports.stand != NULL)
        membership->ports.stand(membership->ports.host, membership->returning.is_confirmed, doubtful);
}

static void confirm(struct membership *membership, struct instant now)
{
    struct returning *returning = &membership->returning;
    returning->is_confirmed = true;
    returning->is_alone = returning->is_refused = false;
    tell_host(membership, membership->state.is_doubtful);
    if (membership->state.is_doubtful)
        returning->kept_ns = now.mono_ns + (uint64_t)RETURNING_KEPT_MS * MS;
    say_waits(membership, MEMBERSHIP_INFO, "");
    membership->gossip.next_ns = now.mono_ns;
}

void returning_count(struct membership *membership)
{
    struct runs *runs = &membership->state.runs;
    runs->count++;
    if (runs->all_count == 0)
        runs->since = runs->count;
    /* Full: the first is known for certain to others, of the rest the later ones are likelier to be. */
    if (runs->all_count == GOSSIP_BEFORE_MAX + 1) {
        memmove(&runs->all[1], &runs->all[2], (GOSSIP_BEFORE_MAX - 1) * sizeof runs->all[0]);
        runs->all_count--;
    }
    runs->all[runs->all_count++] = membership->incarnation;
}

void returning_describe(const struct membership *membership, struct gossip_entry *own)
{
    const struct runs *runs = &membership->state.runs;
    own->run = runs->count;
    own->since = runs->since;
    own->before_count = (uint8_t)(runs->all_count - 1);
    memcpy(own->before, runs->all, own->before_count * sizeof own->before[0]);
}

/* Somebody certainly knows this process: those before it need not be remembered. */
static void note_known(struct membership *membership)
{
    struct runs *runs = &membership->state.runs;
    if (runs->all_count == 1)
        return;
    runs->all[0] = membership->incarnation;
    runs->all_count = 1;
    runs->since = runs->count;
    say_keep(membership); /* if that fails, more is remembered than need be */
}

void returning_begin(struct membership *membership, struct instant now, bool is_known)
{
    struct returning *returning = &membership->returning;
    *returning = (struct returning){.began_ns = now.mono_ns, .ask_ns = now.mono_ns, .has_drawn = returning->has_drawn};
    if (is_known || view_of(membership)->member_count == 1) {
        confirm(membership, now);
        return;
    }
    tell_host(membership, membership->state.is_doubtful);
    say_waits(membership, MEMBERSHIP_INFO,
              "the other members have not confirmed yet that it is the member of its name");
}

void returning_follow(struct membership *membership, struct instant now)
{
    if (!membership->returning.is_confirmed && view_of(membership)->member_count == 1)
        confirm(membership, now);
}

static void tell(struct membership *membership, struct instant now, const char *address)
{
    if (membership->own.epoch != epoch_of(membership))
        gossip_refresh(membership, now);
    struct message_return m = {.sender = say_sender(membership), .knows_doubt = membership->state.is_doubtful};
    m.entry = membership->own;
    struct draft head = {0};
    message_write_return(&head, &m);
    say(membership, address, MESSAGE_RETURN, &head);
}

static bool is_refusal(const struct known *known, struct instant now)
{
    return known->verdict == RETURN_OTHER && known->verdict_ns != 0
           && now.mono_ns < known->verdict_ns + (uint64_t)RETURNING_FRESH_MS * MS;
}

static void say_refused(struct membership *membership, enum membership_severity severity)
{
    const struct returning *returning = &membership->returning;
    char text[WAITS_FOR_BYTES];
    snprintf(text, sizeof text,
             "another process is node %s and alive (at %.120s, incarnation %016" PRIx64
             "), so the ring refuses this one (at "
             "%.120s, incarnation %016" PRIx64 "): stop one of them; this one takes over when the other is gone",
             membership->self.name, returning->other_peer[0] != '\0' ? returning->other_peer : "an unknown address",
             returning->other, membership->self.peer, membership->incarnation);
    say_waits(membership, severity, text);
}

/* Those who have not been heard do not count: a process that serves is not stopped by a few who see another one. */
static uint32_t refusals_needed(const struct membership *membership)
{
    uint32_t members = view_of(membership)->member_count, majority = members / 2 + 1;
    return majority < members || members < 2 ? majority : members - 1;
}

static void evaluate(struct membership *membership, struct instant now)
{
    struct returning *returning = &membership->returning;
    uint32_t refusals = 0, taken = 0, count = membership->state.known_count;
    for (uint32_t i = 0; i < count; i++) {
        refusals += is_refusal(&membership->state.known[i], now);
        taken += membership->state.known[i].has_taken;
    }
    if (returning->is_confirmed ? refusals >= refusals_needed(membership) : refusals > 0) {
        returning->is_confirmed = returning->is_alone = false;
        returning->is_refused = true;
        if (returning->ask_ns > now.mono_ns + (uint64_t)RETURNING_ASK_MS * MS)
            returning->ask_ns = now.mono_ns + (uint64_t)RETURNING_ASK_MS * MS;
        say_refused(membership, MEMBERSHIP_ERROR);
        return;
    }
    if (returning->is_confirmed)
        return;
    returning->is_refused = false;
    bool is_late = returning->first_ns != 0 && now.mono_ns >= returning->first_ns + (uint64_t)RETURNING_FIRST_MS * MS;
    if (taken > 0 && (taken == count || is_late))
        confirm(membership, now);
}

static const char *doubt_text(uint8_t verdict)
{
    switch (verdict) {
    case RETURN_OLD_COPY:
        return "the data directory of this node is an old copy: what was stored since it was made is missing, and is "
               "fetched again from the other members";
    case RETURN_REPLACED:
        return "the data directory of this node is not the one that the ring knows: what was stored in that is fetched "
               "again from the other members";
    default:
        return "less is stored in the data directory of this node than it had told the others of: what is missing is "
               "fetched again from them";
    }
}

void returning_draw_directory(struct membership *membership)
{
    do
        membership->state.directory = prng_next(&membership->prng);
    while (membership->state.directory == 0);
}

/* The directory lacks what was acknowledged. That must be on record before anybody believes that it is known here. An
 * old copy has lost its votes as well, once: a second member that says so does not know yet that the first one's word
 * was heeded. */
static void doubt(struct membership *membership, struct instant now, uint8_t verdict)
{
    struct state *state = &membership->state;
    bool is_old = verdict == RETURN_OLD_COPY && !membership->returning.has_drawn;
    if (state->is_doubtful && !is_old)
        return;
    uint64_t directory = state->directory;
    bool was_doubtful = state->is_doubtful;
    state->is_doubtful = true;
    if (is_old)
        returning_draw_directory(membership);
    if (!say_keep(membership)) {
        state->is_doubtful = was_doubtful;
        state->directory = directory;
        return;
    }
    membership->returning.has_drawn = membership->returning.has_drawn || is_old;
    say_report(membership, MEMBERSHIP_WARNING, "%s", doubt_text(verdict));
    tell_host(membership, true);
    membership->returning.kept_ns = now.mono_ns + (uint64_t)RETURNING_KEPT_MS * MS;
    gossip_refresh(membership, now);
}

bool returning_on_reply(struct membership *membership, struct instant now, const char *from, struct bytes head)
{
    struct message_return_reply m;
    if (!message_read_return_reply(head, &m))
        return false;
    struct known *known = runs_find(membership, ring_node_id(from));
    if (known == NULL || m.incarnation != membership->incarnation || m.sender.cluster != cluster_of(membership))
        return true;
    struct returning *returning = &membership->returning;
    returning->is_heard = true;
    known->verdict = m.verdict;
    known->verdict_ns = now.mono_ns;
    known->has_taken = return_is_taken(m.verdict);
    if (known->has_taken && returning->first_ns == 0)
        returning->first_ns = now.mono_ns;
    if (m.verdict == RETURN_OTHER) {
        returning->other = m.other;
        memcpy(returning->other_peer, m.other_peer, sizeof returning->other_peer);
    }
    if (known->has_taken)
        note_known(membership);
    if (return_says_doubt(m.verdict))
        doubt(membership, now, m.verdict);
    if (m.verdict == RETURN_WHO || return_says_doubt(m.verdict))
        tell(membership, now, m.sender.peer);
    evaluate(membership, now);
    return true;
}

static bool wants_to_tell(const struct membership *membership, struct instant now)
{
    const struct returning *returning = &membership->returning;
    return !returning->is_confirmed || now.mono_ns < returning->began_ns + (uint64_t)RETURNING_TELL_MS * MS;
}

static void tell_all(struct membership *membership, struct instant now)
{
    struct returning *returning = &membership->returning;
    returning->ask_ns = now.mono_ns + (uint64_t)(returning->is_confirmed ? RETURNING_LATER_MS : RETURNING_ASK_MS) * MS;
    for (uint32_t i = 0; i < membership->state.known_count; i++) {
        const struct known *known = &membership->state.known[i];
        if (!known->has_taken)
            tell(membership, now, say_address_of(membership, known->id));
    }
}

void returning_tick(struct membership *membership, struct instant now)
{
    struct returning *returning = &membership->returning;
    if (membership->state.table == NULL || returning->began_ns == 0)
        return;
    if (returning->kept_ns != 0 && now.mono_ns >= returning->kept_ns) {
        returning->kept_ns = 0;
        membership->state.is_doubtful = false;
        say_keep(membership);
    }
    if (now.mono_ns < returning->ask_ns)
        return;
    if (!wants_to_tell(membership, now)) {
        returning->ask_ns = UINT64_MAX;
        return;
    }
    tell_all(membership, now);
    evaluate(membership, now);
    if (!returning->is_confirmed && !returning->is_heard
        && now.mono_ns >= returning->began_ns + (uint64_t)RETURNING_ALONE_MS * MS) {
        returning->is_alone = true;
        say_waits(membership, MEMBERSHIP_INFO, "");
    }
}

uint64_t returning_wake_at(const struct membership *membership)
{
    const struct returning *returning = &membership->returning;
    if (membership->state.table == NULL || returning->began_ns == 0)
        return UINT64_MAX;
    uint64_t kept_ns = returning->kept_ns != 0 ? returning->kept_ns : UINT64_MAX;
    return returning->ask_ns < kept_ns ? returning->ask_ns : kept_ns;
}

bool returning_has_vote(const struct membership *membership)
{
    const struct state *state = &membership->state;
    return state->table != NULL && membership->returning.is_confirmed
           && table_directory(state->table, membership->self.id) == state->directory;
}
