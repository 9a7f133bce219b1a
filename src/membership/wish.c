#include "membership/wish.h"

#include "base/check.h"
#include "membership/decide.h"
#include "membership/founding.h"
#include "membership/returning.h"
#include "membership/runs.h"
#include "membership/say.h"
#include "membership/tables.h"

#include <stdio.h>
#include <stdlib.h>

enum { TEXT_BYTES = 384 };

static void answer_join(struct membership *membership, const char *address, bool good, bool certain, const char *text)
{
    struct message_join_reply m = {.sender = say_sender(membership), .good = good, .certain = certain};
    snprintf(m.text, sizeof m.text, "%.*s", JOIN_TEXT_MAX, text);
    struct draft head = {0};
    message_write_join_reply(&head, &m);
    say(membership, address, MESSAGE_JOIN_REPLY, &head);
}

/* The wish is over; whoever waits is told. `certain`: nothing can come of it any more. */
static void finish(struct membership *membership, struct wish *wish, bool good, bool certain, const char *text)
{
    struct wish ended = *wish;
    *wish = (struct wish){0};
    if (ended.answers)
        answer_join(membership, ended.address, good, certain, text);
    free(ended.value);
    if (ended.done != NULL)
        ended.done(ended.owner, good, text);
}

static struct wish *free_wish(struct membership *membership)
{
    for (unsigned i = 0; i < WISHES_MAX; i++)
        if (membership->wishes[i].stage == WISH_NONE)
            return &membership->wishes[i];
    return NULL;
}

static struct wish *wish_of(struct membership *membership, const char *name)
{
    for (unsigned i = 0; i < WISHES_MAX; i++)
        if (membership->wishes[i].stage != WISH_NONE && strcmp(membership->wishes[i].name, name) == 0)
            return &membership->wishes[i];
    return NULL;
}

void wish_join(struct membership *membership, struct instant now, const char *address, membership_done *done,
               void *owner)
{
    struct wish *wish = free_wish(membership);
    size_t len = strlen(address);
    if (membership->state.table == NULL) {
        done(owner, false, "this node is in no ring yet");
    } else if (len == 0 || len > RING_ADDRESS_MAX) {
        done(owner, false, "that is no address of a node");
    } else if (wish == NULL) {
        done(owner, false, "this node is already busy with as many joins as it deals with at a time");
    } else if (strcmp(address, membership->self.peer) == 0) {
        done(owner, false, "that is this node itself");
    } else {
        *wish = (struct wish){.stage = WISH_PROBING,
                              .send_ns = now.mono_ns,
                              .deadline_ns = now.mono_ns + (uint64_t)WISH_MS_MAX * MS,
                              .done = done,
                              .owner = owner};
        memcpy(wish->address, address, len);
        wish_tick(membership, now);
    }
}

/* Is there data in the ring, as far as this node has heard? The members are asked again before anything is decided. */
static bool ring_has_data(const struct membership *membership)
{
    if (!membership->ports.is_empty(membership->ports.host))
        return true;
    for (uint32_t i = 0; i < membership->entries.count; i++)
        if (membership->entries.all[i].is_member && membership->entries.all[i].entry.records != 0)
            return true;
    return false;
}

/* NULL when the node may be proposed; `text` has room for TEXT_BYTES. */
static const char *fault_of_join(struct membership *membership, struct instant now, const struct message_join *m,
                                 const struct value *value, char *text)
{
    if (value->change.kind == RING_CHANGE_MEMBER)
        return strcmp(m->member.name, membership->self.name) == 0
                   ? "this member has the same name: names must differ"
                   : runs_fault(membership, now, m->member.id, &m->sender, text, TEXT_BYTES);
    if (!m->is_empty)
        return "it has data of its own; only a node with an empty data directory can join";
    if (ring_has_data(membership))
        return WISH_HAS_DATA_TEXT;
    if (strcmp(m->member.name, membership->self.name) == 0)
        return "a member of the ring has the same name: names must differ";
    struct table *next = table_after(membership->state.table, value);
    table_free(next);
    return next == NULL ? "the ring cannot take in this node: it is full, or its name or addresses do not fit" : NULL;
}

/* A member that comes back keeps what the table says of it but its addresses: weight and rack move data. */
static void set_kind(const struct membership *membership, struct value *value)
{
    const struct ring_member *known = table_member(membership->state.table, value->change.member.id);
    struct ring_member *member = &value->change.member;
    value->change.kind = known != NULL ? RING_CHANGE_MEMBER : RING_CHANGE_JOIN;
    if (known == NULL)
        return;
    struct ring_member back = *known;
    memcpy(back.peer, member->peer, sizeof back.peer);
    memcpy(back.client, member->client, sizeof back.client);
    *member = back;
}

static struct value *value_of_join(const struct membership *membership, const struct message_join *m)
{
    struct value *value = calloc(1, sizeof *value);
    CHECK_MEMORY(value);
    value->kind = VALUE_CHANGE;
    value->change.member = m->member;
    value->directory = m->directory;
    set_kind(membership, value);
    return value;
}

static void take_up(struct membership *membership, struct instant now, const struct message_join *m,
                    struct value *value)
{
    struct wish *wish = wish_of(membership, m->member.name);
    if (wish == NULL) {
        wish = free_wish(membership);
        if (wish == NULL) { /* it will ask again */
            free(value);
            return;
        }
        *wish = (struct wish){.deadline_ns = now.mono_ns + (uint64_t)WISH_MS_MAX * MS};
    }
    free(wish->value);
    wish->value = value;
    wish->stage = WISH_READY;
    wish->answers = true;
    snprintf(wish->name, sizeof wish->name, "%s", m->member.name);
    snprintf(wish->address, sizeof wish->address, "%s", m->sender.peer);
    wish_tick(membership, now);
}

bool wish_on_join(struct membership *membership, struct instant now, const char *from, struct bytes head)
{
    struct message_join m;
    if (!message_read_join(head, &m) || strcmp(m.member.name, from) != 0 || m.directory == 0)
        return false;
    if (membership->state.table == NULL || membership->state.invited_by[0] != '\0')
        return true;
    if (table_directory(membership->state.table, m.member.id) == m.directory) {
        tables_send(membership, m.sender.peer);
        return true;
    }
    struct value *value = value_of_join(membership, &m);
    char text[TEXT_BYTES];
    const char *fault = fault_of_join(membership, now, &m, value, text);
    struct wish *wish = wish_of(membership, m.member.name);
    if (fault == NULL) {
        take_up(membership, now, &m, value);
        return true;
    }
    free(value);
    if (wish != NULL && wish->stage == WISH_READY)
        return true; /* it is being proposed: its outcome will be told */
    if (wish != NULL)
        finish(membership, wish, false, true, fault);
    answer_join(membership, m.sender.peer, false, fault != text, fault);
    return true;
}

bool wish_on_invite_reply(struct membership *membership, const char *from, struct bytes head)
{
    struct message_join_reply m;
    if (!message_read_join_reply(head, &m))
        return false;
    struct wish *wish = wish_of(membership, from);
    char text[TEXT_BYTES];
    snprintf(text, sizeof text, "%s does not come: %s", from, m.text);
    if (wish != NULL && wish->stage == WISH_INVITED && !m.good)
        finish(membership, wish, false, true, text);
    return true;
}

static struct wish *wish_probing(struct membership *membership, const char *address)
{
    for (unsigned i = 0; i < WISHES_MAX; i++)
        if (membership->wishes[i].stage == WISH_PROBING && strcmp(membership->wishes[i].address, address) == 0)
            return &membership->wishes[i];
    return NULL;
}

void wish_on_probe_reply(struct membership *membership, struct instant now, const struct message_probe *m)
{
    struct wish *wish = wish_probing(membership, m->target);
    if (wish == NULL || membership->state.table == NULL)
        return;
    const struct message_description *about = &m->description;
    const char *name = about->member.name;
    char text[TEXT_BYTES];
    if (m->sender.cluster == cluster_of(membership)) {
        snprintf(text, sizeof text, "%s is a member of this ring already", name);
        finish(membership, wish, table_member(membership->state.table, about->member.id) != NULL, true, text);
    } else if (about->member_count > 1) {
        snprintf(text, sizeof text, "%s is a member of another ring", name);
        finish(membership, wish, false, true, text);
    } else if (!about->is_empty) {
        snprintf(text, sizeof text, "%s has data; only a node with an empty data directory can join", name);
        finish(membership, wish, false, true, text);
    } else if (ring_has_data(membership)) {
        finish(membership, wish, false, true, WISH_HAS_DATA_TEXT);
    } else if (wish_of(membership, name) != NULL) {
        finish(membership, wish, false, false, "that node is being taken in already");
    } else {
        wish->stage = WISH_INVITED;
        wish->send_ns = now.mono_ns;
        snprintf(wish->name, sizeof wish->name, "%s", name);
        snprintf(wish->address, sizeof wish->address, "%s", m->sender.peer);
        wish_tick(membership, now);
    }
}

static struct wish *wish_ready(struct membership *membership)
{
    struct wish *first = NULL;
    for (unsigned i = 0; i < WISHES_MAX; i++) {
        struct wish *wish = &membership->wishes[i];
        if (wish->stage == WISH_READY && (first == NULL || wish->deadline_ns < first->deadline_ns))
            first = wish;
    }
    return first;
}

void wish_refused(struct membership *membership, struct instant now, const char *text)
{
    struct wish *wish = wish_ready(membership);
    (void)now;
    if (wish != NULL)
        finish(membership, wish, false, false, text);
}

void wish_on_table(struct membership *membership, struct instant now)
{
    const struct table *table = membership->state.table;
    (void)now;
    for (unsigned i = 0; i < WISHES_MAX; i++) {
        struct wish *wish = &membership->wishes[i];
        if (wish->stage != WISH_READY)
            continue;
        if (table_directory(table, wish->value->change.member.id) != wish->value->directory)
            continue;
        char text[TEXT_BYTES];
        snprintf(text, sizeof text, "%s is in the ring (table %llu)", wish->name,
                 (unsigned long long)table->view->epoch);
        say_report(membership, MEMBERSHIP_NOTICE, "%s", text);
        tables_send(membership, wish->address);
        finish(membership, wish, true, true, text);
    }
}

/* The deadline has passed: what has it failed for? */
static void expire(struct membership *membership, struct wish *wish)
{
    char text[TEXT_BYTES], silent[128];
    bool certain = false;
    if (wish->stage == WISH_PROBING) {
        snprintf(text, sizeof text, "%s does not answer", wish->address);
        certain = true;
    } else if (wish->stage == WISH_INVITED) {
        snprintf(text, sizeof text, "%s has been invited but does not ask to be taken in", wish->name);
    } else if (wish->value->change.kind == RING_CHANGE_MEMBER) {
        decide_silent(membership, silent, sizeof silent);
        decide_abandon(membership);
        snprintf(text, sizeof text,
                 "%s has lost its data directory and can be taken back by a majority of the members that have not; no "
                 "vote from %s within %d s",
                 wish->name, silent[0] == '\0' ? "them" : silent, WISH_MS_MAX / 1000);
    } else {
        decide_silent(membership, silent, sizeof silent);
        decide_abandon(membership);
        snprintf(text, sizeof text, "the members have not decided on %s within %d s%s%s; it may still come about",
                 wish->name, WISH_MS_MAX / 1000, silent[0] == '\0' ? "" : ": no answer from ", silent);
    }
    finish(membership, wish, false, certain, text);
}

static void send(struct membership *membership, struct instant now, struct wish *wish)
{
    wish->send_ns = now.mono_ns + (uint64_t)WISH_SEND_MS * MS;
    if (wish->stage == WISH_PROBING) {
        founding_probe(membership, wish->address);
    } else if (wish->stage == WISH_INVITED) {
        struct message_sender sender = say_sender(membership);
        struct draft head = {0};
        message_write_sender(&head, &sender);
        say(membership, wish->address, MESSAGE_INVITE, &head);
    }
}

static void propose(struct membership *membership, struct instant now)
{
    struct wish *wish = wish_ready(membership);
    if (wish == NULL || !returning_has_vote(membership) || !decide_is_free(membership, now)
        || membership->settling.until_ns != 0)
        return;
    /* The table may have changed since the node asked. */
    struct value *value = wish->value;
    set_kind(membership, value);
    struct table *next = table_after(membership->state.table, value);
    table_free(next);
    if (next == NULL)
        finish(membership, wish, false, true, "the ring cannot take in this node any more");
    else
        decide_propose(membership, now, value);
}

void wish_tick(struct membership *membership, struct instant now)
{
    for (unsigned i = 0; i < WISHES_MAX; i++) {
        struct wish *wish = &membership->wishes[i];
        if (wish->stage == WISH_NONE)
            continue;
        if (now.mono_ns >= wish->deadline_ns)
            expire(membership, wish);
        else if (wish->stage != WISH_READY && now.mono_ns >= wish->send_ns)
            send(membership, now, wish);
    }
    if (membership->state.table != NULL)
        propose(membership, now);
}

uint64_t wish_wake_at(const struct membership *membership)
{
    uint64_t at = UINT64_MAX;
    for (unsigned i = 0; i < WISHES_MAX; i++) {
        const struct wish *wish = &membership->wishes[i];
        if (wish->stage == WISH_NONE)
            continue;
        at = wish->deadline_ns < at ? wish->deadline_ns : at;
        /* A wish that is ready waits for its turn; what ends the waiting without a message is the other's precedence.
         */
        bool waits =
            decide_is_busy(membership) || membership->settling.until_ns != 0 || !returning_has_vote(membership);
        uint64_t due_ns = wish->stage != WISH_READY ? wish->send_ns
                          : waits                   ? UINT64_MAX
                                                    : membership->deciding.yield_ns;
        at = due_ns < at ? due_ns : at;
    }
    return at;
}

void wish_close(struct membership *membership)
{
    for (unsigned i = 0; i < WISHES_MAX; i++) {
        struct wish *wish = &membership->wishes[i];
        wish->answers = false;
        if (wish->stage != WISH_NONE)
            finish(membership, wish, false, false, "this node is stopping");
    }
}
