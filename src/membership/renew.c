#include "membership/renew.h"

#include "base/check.h"
#include "membership/decide.h"
#include "membership/gossip.h"
#include "membership/returning.h"
#include "membership/say.h"

#include <stdlib.h>

static bool has_moved(const struct membership *membership, const struct ring_member *member)
{
    const struct ring_member *self = &membership->self;
    return strcmp(member->peer, self->peer) != 0 || strcmp(member->client, self->client) != 0;
}

void renew_tick(struct membership *membership, struct instant now)
{
    const struct table *table = membership->state.table;
    const struct ring_member *member = table == NULL ? NULL : table_member(table, membership->self.id);
    if (member == NULL || !returning_has_vote(membership) || !has_moved(membership, member)
        || !decide_is_free(membership, now) || membership->settling.until_ns != 0)
        return;
    struct value *value = calloc(1, sizeof *value);
    CHECK_MEMORY(value);
    value->kind = VALUE_CHANGE;
    value->change.kind = RING_CHANGE_MEMBER;
    value->change.member = *member;
    memcpy(value->change.member.peer, membership->self.peer, sizeof value->change.member.peer);
    memcpy(value->change.member.client, membership->self.client, sizeof value->change.member.client);
    value->directory = membership->state.directory;
    decide_propose(membership, now, value);
    free(value);
}

void renew_report(struct membership *membership)
{
    const struct ring_member *self = &membership->self;
    const struct ring_member *member = table_member(membership->state.table, self->id);
    if (member != NULL
        && (member->weight != self->weight || strcmp(member->rack, self->rack) != 0
            || strcmp(member->datacenter, self->datacenter) != 0))
        say_report(membership, MEMBERSHIP_WARNING,
                   "weight, rack and data centre of this node stay what the ring's table says (%u, \"%s\", \"%s\"): "
                   "changing them moves data, which is not offered by this release",
                   member->weight, member->rack, member->datacenter);
}

static bool is_seed(const struct membership *membership, const char *address)
{
    for (unsigned i = 0; i < membership->seed_count; i++)
        if (strcmp(membership->seeds[i], address) == 0)
            return true;
    return false;
}

void renew_on_probe(struct membership *membership, struct instant now, const struct message_probe *m)
{
    const struct table *table = membership->state.table;
    uint64_t cluster = m->sender.cluster;
    if (table == NULL || cluster == 0)
        return;
    if (cluster == cluster_of(membership)) {
        /* A member at an address that the table does not have: both sides tell each other where they are now. */
        if (table_member(table, m->description.member.id) != NULL)
            gossip_meet(membership, now, m->sender.peer);
    } else if (membership->warned_cluster != cluster && is_seed(membership, m->target)) {
        membership->warned_cluster = cluster;
        say_report(membership, MEMBERSHIP_WARNING, "the seed %s belongs to another ring than this node", m->target);
    }
}
