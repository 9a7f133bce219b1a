#include "membership/tables.h"

#include "base/check.h"
#include "membership/decide.h"
#include "membership/join.h"
#include "membership/returning.h"
#include "membership/runs.h"
#include "membership/say.h"
#include "membership/settle.h"
#include "membership/wish.h"

#include <stdlib.h>

enum { ASK_MS = 250, ASKED_MAX = 20 };

/* A ring's epoch begins anew in the host's eyes only when it grows, so another ring's table must be ahead. */
static bool may_follow(const struct membership *membership, const struct table *table)
{
    return membership->state.table == NULL || table->view->epoch > epoch_of(membership);
}

bool tables_adopt(struct membership *membership, struct instant now, struct table *table, bool is_founded)
{
    struct state *state = &membership->state;
    CHECK(may_follow(membership, table));
    struct state before = *state;
    /* Writes that were held for this change go on waiting until it has settled. */
    bool held = before.table != NULL && acceptor_is_bound(&before.acceptor) && membership->deciding.is_bound_alone;
    state->table = table;
    state->invited_by[0] = '\0';
    state->acceptor = (struct acceptor){.decree = table->view->epoch + 1, .promised = before.acceptor.promised};
    entries_follow(&membership->entries, table->view, now.mono_ns);
    if (!say_keep(membership)) {
        acceptor_free_value(&state->acceptor);
        *state = before;
        table_free(table);
        return false;
    }
    bool is_other = before.table == NULL || before.table->view->settings.cluster != table->view->settings.cluster;
    runs_follow(membership);
    table_free(before.table);
    acceptor_free_value(&before.acceptor);
    if (membership->fetching.epoch <= table->view->epoch)
        membership->fetching = (struct fetching){0};
    membership->joining = (struct joining){0};
    decide_reset(membership);
    settle_close(&membership->settling);
    if (held)
        settle_follow(membership, now);
    membership->ports.publish(membership->ports.host, table_view_copy(table));
    say_waits(membership, MEMBERSHIP_INFO, "");
    if (is_other)
        returning_begin(membership, now, is_founded);
    else
        returning_follow(membership, now);
    if (table_member(table, membership->self.id) == NULL)
        say_report(membership, MEMBERSHIP_ERROR, "this node is no longer a member of its ring (table %llu)",
                   (unsigned long long)table->view->epoch);
    wish_on_table(membership, now);
    membership->gossip.next_ns = now.mono_ns; /* others should hear of it soon */
    return true;
}

bool tables_take_settings(struct membership *membership, uint64_t version, uint32_t writer, struct bytes settings,
                          bool always)
{
    struct shared *shared = &membership->state.shared;
    if (!always && shared_compare(shared, version, writer) >= 0)
        return true;
    const char *fault;
    if (!shared_read(shared, version, writer, settings, &fault)) {
        say_report(membership, MEMBERSHIP_ERROR, "another node's shared settings cannot be used: %s", fault);
        return false;
    }
    membership->ports.publish_buckets(membership->ports.host, &shared->buckets);
    return true;
}

void tables_send(struct membership *membership, const char *address)
{
    struct message_table m = {.sender = say_sender(membership),
                              .table = table_bytes(membership->state.table),
                              .settings_version = membership->state.shared.version,
                              .settings_writer = membership->state.shared.writer,
                              .settings = shared_bytes(&membership->state.shared)};
    struct draft head = {0};
    message_write_table(&head, &m);
    say(membership, address, MESSAGE_TABLE, &head);
}

bool tables_on_request(struct membership *membership, const struct message_sender *sender)
{
    if (membership->state.table != NULL && sender->cluster == cluster_of(membership)
        && sender->epoch < epoch_of(membership))
        tables_send(membership, sender->peer);
    return true;
}

/* May this node take a table of that ring, which is not its own? Only if the table knows it by its data directory, and
 * it has nothing to lose: no ring yet, or an empty ring of one that it was invited to leave. */
static bool may_change_over(struct membership *membership, const struct table *table)
{
    const struct state *state = &membership->state;
    if (table_directory(table, membership->self.id) != state->directory)
        return false;
    bool empty = membership->ports.is_empty(membership->ports.host);
    if (state->table == NULL)
        return empty;
    return state->invited_by[0] != '\0' && state->table->view->member_count == 1 && empty;
}

bool tables_on_table(struct membership *membership, struct instant now, const char *from, struct bytes head)
{
    struct message_table m;
    if (!message_read_table(head, &m))
        return false;
    bool is_own = m.sender.cluster == cluster_of(membership);
    if (m.sender.cluster == 0 || m.sender.epoch <= epoch_of(membership))
        return true; /* late or of no use */
    const char *fault;
    struct table *table = table_decode(m.table, &fault);
    if (table == NULL) {
        say_report(membership, MEMBERSHIP_ERROR, "the table that %s sent cannot be used: %s", from, fault);
        return false;
    }
    if (table->view->settings.cluster != m.sender.cluster || table->view->epoch != m.sender.epoch) {
        table_free(table);
        return false;
    }
    if (!is_own && !may_change_over(membership, table)) {
        table_free(table);
        return true;
    }
    bool good = tables_take_settings(membership, m.settings_version, m.settings_writer, m.settings, !is_own);
    if (!good) {
        table_free(table);
        return false;
    }
    tables_adopt(membership, now, table, false);
    return true;
}

void tables_hear(struct membership *membership, struct instant now, uint64_t epoch, const char *address)
{
    struct fetching *fetching = &membership->fetching;
    if (membership->state.table == NULL || epoch <= epoch_of(membership))
        return;
    if (epoch > fetching->epoch) {
        fetching->epoch = epoch;
        fetching->asked = 0;
        fetching->ask_ns = now.mono_ns;
    }
    if (address == NULL)
        return;
    struct message_sender sender = say_sender(membership);
    struct draft head = {0};
    message_write_sender(&head, &sender);
    fetching->ask_ns = now.mono_ns + (uint64_t)ASK_MS * MS;
    say(membership, address, MESSAGE_TABLE_REQUEST, &head);
}

const char *tables_anyone(struct membership *membership)
{
    const struct ring_view *view = view_of(membership);
    if (view->member_count < 2)
        return NULL;
    uint32_t pick = (uint32_t)prng_below(&membership->prng, view->member_count);
    if (view->members[pick].id == membership->self.id)
        pick = (pick + 1) % view->member_count;
    return say_address_of(membership, view->members[pick].id);
}

void tables_tick(struct membership *membership, struct instant now)
{
    struct fetching *fetching = &membership->fetching;
    if (fetching->epoch == 0 || now.mono_ns < fetching->ask_ns)
        return;
    const char *address = tables_anyone(membership);
    /* Whoever said that there is such a table may have been wrong; the next one who says so starts this again. */
    if (address == NULL || ++fetching->asked > ASKED_MAX)
        *fetching = (struct fetching){0};
    else
        tables_hear(membership, now, fetching->epoch, address);
}

uint64_t tables_wake_at(const struct membership *membership)
{
    return membership->fetching.epoch == 0 ? UINT64_MAX : membership->fetching.ask_ns;
}
