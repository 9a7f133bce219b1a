#include "membership/join.h"

#include "base/check.h"
#include "base/wire.h"
#include "membership/founding.h"
#include "membership/say.h"
#include "membership/tables.h"

#include <stdio.h>
#include <stdlib.h>

uint64_t join_promised_cluster(const struct membership *membership)
{
    const struct acceptor *acceptor = &membership->state.acceptor;
    if (membership->state.table != NULL || !acceptor_is_bound(acceptor))
        return 0;
    struct value *value = malloc(sizeof *value);
    CHECK_MEMORY(value);
    uint64_t cluster = value_read(acceptor_value(acceptor), value) ? value->settings.cluster : 0;
    free(value);
    return cluster;
}

static void ask(struct membership *membership, const char *address)
{
    struct message_join m = {.sender = say_sender(membership),
                             .member = membership->self,
                             .directory = membership->state.directory,
                             .is_empty = membership->ports.is_empty(membership->ports.host)};
    struct draft head = {0};
    message_write_join(&head, &m);
    say(membership, address, MESSAGE_JOIN, &head);
}

bool join_on_reply(struct membership *membership, struct instant now, struct bytes head)
{
    struct message_join_reply m;
    if (!message_read_join_reply(head, &m))
        return false;
    struct state *state = &membership->state;
    bool is_invited = state->invited_by[0] != '\0';
    if (m.good || (state->table != NULL && !is_invited) || (is_invited && m.sender.cluster == cluster_of(membership)))
        return true;
    snprintf(membership->joining.refusal, sizeof membership->joining.refusal, "%s", m.text);
    if (!m.certain && !is_invited) /* it is being found out */
        membership->joining.ask_ns = now.mono_ns + (uint64_t)JOIN_SOON_MS * MS;
    if (!is_invited)
        return true;
    say_report(membership, MEMBERSHIP_WARNING, "the ring that invited this node has not taken it in: %s", m.text);
    if (!m.certain || strcmp(m.sender.peer, state->invited_by) != 0)
        return true;
    /* Nothing will come of the invitation: back to what it was. */
    state->invited_by[0] = '\0';
    membership->joining.is_asking = false;
    say_keep(membership);
    say_hold(membership);
    return true;
}

static const char *fault_of_invitation(const struct membership *membership, const struct message_sender *sender)
{
    const struct state *state = &membership->state;
    if (!membership->ports.is_empty(membership->ports.host))
        return "it has data; only a node with an empty data directory can join a ring";
    if (state->table != NULL && state->table->view->member_count > 1)
        return "it is a member of another ring";
    if (state->table != NULL && state->table->view->epoch > sender->epoch)
        return "its own ring has changed more often than this one";
    if (join_promised_cluster(membership) != 0)
        return "it has agreed to found a ring with others";
    return NULL;
}

bool join_on_invite(struct membership *membership, struct instant now, struct bytes head)
{
    struct message_sender sender;
    struct state *state = &membership->state;
    if (!message_read_sender_alone(head, &sender))
        return false;
    if (sender.cluster == 0 || sender.cluster == cluster_of(membership))
        return true;
    struct message_join_reply answer = {.sender = say_sender(membership)};
    const char *fault = fault_of_invitation(membership, &sender);
    if (fault == NULL && strcmp(state->invited_by, sender.peer) != 0) {
        memcpy(state->invited_by, sender.peer, sizeof state->invited_by);
        say_hold(membership);
        /* Once writes are held there may have been one before: only what is empty now stays so. */
        if (!membership->ports.is_empty(membership->ports.host) || !say_keep(membership)) {
            state->invited_by[0] = '\0';
            say_hold(membership);
            fault = "it has data; only a node with an empty data directory can join a ring";
        }
    }
    answer.good = fault == NULL;
    answer.certain = true;
    snprintf(answer.text, sizeof answer.text, "%s", fault == NULL ? "" : fault);
    struct draft reply = {0};
    message_write_join_reply(&reply, &answer);
    say(membership, sender.peer, MESSAGE_INVITE_REPLY, &reply);
    if (fault == NULL)
        membership->joining = (struct joining){.is_asking = true, .began_ns = now.mono_ns, .ask_ns = now.mono_ns};
    return true;
}

void join_hear(struct membership *membership, struct instant now, const struct frame *frame)
{
    struct wire_reader reader = wire_reader_of(frame->head);
    struct message_sender sender;
    if (membership->state.invited_by[0] != '\0' && message_read_sender(&reader, &sender)
        && strcmp(sender.peer, membership->state.invited_by) == 0)
        membership->joining.heard_ns = now.mono_ns;
}

/* Who has invited this node has fallen silent, and writes wait: it goes on in the ring of its own. If the other ring
 * has taken it in all the same, it has an empty place there that this node may still fill as long as it is empty, too.
 */
static bool gives_up_invitation(struct membership *membership, struct instant now)
{
    struct state *state = &membership->state;
    struct joining *joining = &membership->joining;
    if (state->invited_by[0] == '\0' || state->table == NULL)
        return false;
    if (joining->heard_ns == 0)
        joining->heard_ns = now.mono_ns;
    if (now.mono_ns < joining->heard_ns + (uint64_t)JOIN_INVITED_MS * MS)
        return false;
    char inviter[sizeof state->invited_by];
    memcpy(inviter, state->invited_by, sizeof inviter);
    state->invited_by[0] = '\0';
    if (!say_keep(membership)) {
        memcpy(state->invited_by, inviter, sizeof inviter);
        return false;
    }
    *joining = (struct joining){0};
    say_hold(membership);
    say_report(
        membership, MEMBERSHIP_WARNING,
        "%s, which has invited this node into its ring, has not been heard for %d s: this node goes on alone; if "
        "that ring lists it as a member, start it with an empty data directory and seeds of that ring",
        inviter, JOIN_INVITED_MS / 1000);
    return true;
}

/* A member whose data directory is not the table's any more has no vote until it is taken back. */
static bool wants_back(const struct membership *membership)
{
    const struct table *table = membership->state.table;
    return table != NULL && membership->returning.is_confirmed && table_member(table, membership->self.id) != NULL
           && table_directory(table, membership->self.id) != membership->state.directory;
}

/* Whom to ask: who has invited this node, a seed that is in a ring, or another member. */
static const char *door(struct membership *membership, struct instant now)
{
    if (wants_back(membership))
        return tables_anyone(membership);
    if (membership->state.invited_by[0] != '\0')
        return membership->state.invited_by;
    uint64_t cluster;
    const char *address = founding_door(membership, now, &cluster);
    uint64_t promised = join_promised_cluster(membership);
    if (address == NULL || (promised != 0 && promised != cluster)
        || !membership->ports.is_empty(membership->ports.host))
        return NULL;
    return address;
}

void join_tick(struct membership *membership, struct instant now)
{
    struct joining *joining = &membership->joining;
    if (membership->state.table != NULL && membership->state.invited_by[0] == '\0' && !wants_back(membership))
        return;
    if ((joining->is_asking && now.mono_ns < joining->ask_ns) || gives_up_invitation(membership, now))
        return;
    if (membership->state.invited_by[0] != '\0')
        founding_probe(membership, membership->state.invited_by); /* the answer is a sign of life */
    const char *address = door(membership, now);
    if (address == NULL) {
        if (joining->is_asking && now.mono_ns >= joining->began_ns + (uint64_t)JOIN_FORGET_MS * MS)
            *joining = (struct joining){0};
        else
            joining->ask_ns = now.mono_ns + (uint64_t)JOIN_ASK_MS * MS;
        return;
    }
    joining->is_asking = true;
    joining->began_ns = now.mono_ns;
    joining->ask_ns =
        now.mono_ns + (uint64_t)JOIN_ASK_MS * MS + prng_below(&membership->prng, (uint64_t)JOIN_ASK_MS / 4 * MS);
    ask(membership, address);
}

uint64_t join_wake_at(const struct membership *membership)
{
    return membership->joining.is_asking ? membership->joining.ask_ns : UINT64_MAX;
}
