#include "membership/say.h"

#include <stdarg.h>
#include <stdio.h>

struct message_sender say_sender(const struct membership *membership)
{
    struct message_sender sender = {
        .cluster = cluster_of(membership), .epoch = epoch_of(membership), .incarnation = membership->incarnation};
    memcpy(sender.peer, membership->self.peer, sizeof sender.peer);
    return sender;
}

void say(struct membership *membership, const char *address, uint8_t type, struct draft *head)
{
    if (address != NULL && strcmp(address, membership->self.peer) != 0)
        membership->ports.send(membership->ports.host, address, type, draft_written(head));
    draft_close(head);
}

const char *say_address_of(const struct membership *membership, uint32_t id)
{
    const struct heard_entry *heard = entries_find(&membership->entries, id);
    if (heard != NULL && heard->entry.epoch != 0)
        return heard->entry.peer;
    const struct ring_member *member =
        membership->state.table == NULL ? NULL : table_member(membership->state.table, id);
    return member == NULL ? NULL : member->peer;
}

const char *say_name_of(const struct membership *membership, uint32_t id)
{
    const struct ring_member *member =
        membership->state.table == NULL ? NULL : table_member(membership->state.table, id);
    return member == NULL ? "?" : member->name;
}

void say_report(struct membership *membership, enum membership_severity severity, const char *format, ...)
{
    char text[WAITS_FOR_BYTES + 128];
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(text, sizeof text, format, arguments);
    va_end(arguments);
    membership->ports.report(membership->ports.host, severity, text);
}

void say_waits(struct membership *membership, enum membership_severity severity, const char *text)
{
    snprintf(membership->waits_for, sizeof membership->waits_for, "%s", text);
    if (strcmp(membership->waits_for, membership->complained) == 0)
        return;
    memcpy(membership->complained, membership->waits_for, sizeof membership->complained);
    if (membership->waits_for[0] != '\0')
        say_report(membership, severity, "this node does not serve yet: %s", membership->waits_for);
}

bool say_keep(struct membership *membership)
{
    struct draft out = {0};
    state_write(&out, &membership->state, &membership->entries);
    bool kept = membership->ports.save(membership->ports.host, draft_written(&out));
    draft_close(&out);
    if (!kept)
        say_report(membership, MEMBERSHIP_ERROR,
                   "the state of the membership could not be saved; this node does not "
                   "take part in changes of the ring until it can");
    return kept;
}

void say_hold(struct membership *membership)
{
    bool is_bound = membership->state.table != NULL && acceptor_is_bound(&membership->state.acceptor)
                    && membership->deciding.is_bound_alone;
    bool wanted = is_bound || membership->settling.holds || membership->state.invited_by[0] != '\0';
    if (wanted == membership->holds)
        return;
    membership->holds = wanted;
    membership->ports.hold_writes(membership->ports.host, wanted);
}
