#include "membership/runs.h"

#include "base/check.h"
#include "base/wire.h"
#include "membership/founding.h"
#include "membership/say.h"
#include "membership/tables.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

struct known *runs_find(const struct membership *membership, uint32_t id)
{
    const struct state *state = &membership->state;
    uint32_t low = 0, high = state->known_count;
    while (low < high) {
        uint32_t middle = low + (high - low) / 2;
        if (state->known[middle].id < id)
            low = middle + 1;
        else
            high = middle;
    }
    return low < state->known_count && state->known[low].id == id ? &state->known[low] : NULL;
}

void runs_follow(struct membership *membership)
{
    struct state *state = &membership->state;
    const struct ring_view *view = view_of(membership);
    struct known *all = calloc(view->member_count, sizeof *all);
    CHECK_MEMORY(all);
    uint32_t count = 0;
    for (uint32_t i = 0; i < view->member_count; i++) {
        uint32_t id = view->members[i].id;
        if (id == membership->self.id)
            continue;
        const struct known *before = runs_find(membership, id);
        all[count++] = before != NULL ? *before : (struct known){.id = id};
    }
    free(state->known);
    state->known = all;
    state->known_count = count;
}

static void forget_claim(struct known *known)
{
    known->claim = 0;
    known->is_gone = false;
}

static void note_sign(struct membership *membership, struct instant now, struct known *known)
{
    bool is_first = known->sign_ns == 0;
    known->sign_ns = now.mono_ns;
    known->asked_ns = 0;
    known->is_gone = false;
    if (is_first && membership->ports.admit != NULL)
        membership->ports.admit(membership->ports.host, say_name_of(membership, known->id), known->incarnation);
}

static void probe(struct membership *membership, struct instant now, struct known *known)
{
    const char *address = say_address_of(membership, known->id);
    if (address == NULL || now.mono_ns < known->probe_ns + (uint64_t)RUN_PROBE_MS * MS)
        return;
    known->probe_ns = now.mono_ns;
    known->asked_ns = known->asked_ns != 0 ? known->asked_ns : now.mono_ns;
    founding_probe(membership, address);
}

enum run_judgement runs_judge(struct membership *membership, struct instant now, struct known *known,
                              uint64_t incarnation, const char *peer)
{
    if (known->incarnation == incarnation)
        return RUN_SAME;
    if (known->incarnation == 0)
        return RUN_FREE;
    if (known->claim != incarnation) {
        forget_claim(known);
        known->claim = incarnation;
        known->claim_ns = now.mono_ns;
        known->probe_ns = 0;
    }
    known->claimed_ns = now.mono_ns;
    snprintf(known->claim_peer, sizeof known->claim_peer, "%s", peer);
    bool is_silent = known->sign_ns == 0 || now.mono_ns >= known->sign_ns + (uint64_t)RUN_SILENT_MS * MS;
    bool was_asked = known->asked_ns != 0 && now.mono_ns >= known->asked_ns + (uint64_t)RUN_ANSWER_MS * MS;
    if (known->is_gone || (is_silent && was_asked))
        return RUN_FREE;
    probe(membership, now, known);
    return known->sign_ns > known->claim_ns ? RUN_ALIVE : RUN_CHECKING;
}

const char *runs_fault(struct membership *membership, struct instant now, uint32_t id,
                       const struct message_sender *sender, char *text, size_t room)
{
    struct known *known = runs_find(membership, id);
    enum run_judgement judgement =
        known == NULL ? RUN_FREE : runs_judge(membership, now, known, sender->incarnation, sender->peer);
    if (judgement == RUN_ALIVE)
        snprintf(text, room,
                 "another process is alive that is node %s (at %s, incarnation %016" PRIx64 "); give this one (at %s, "
                 "incarnation %016" PRIx64 ") another name, or stop the other",
                 say_name_of(membership, id), say_address_of(membership, id), known->incarnation, sender->peer,
                 sender->incarnation);
    else if (judgement == RUN_CHECKING)
        snprintf(text, room, "the ring is finding out whether the process that was node %s is gone",
                 say_name_of(membership, id));
    return judgement == RUN_ALIVE || judgement == RUN_CHECKING ? text : NULL;
}

static void answer(struct membership *membership, struct instant now, struct known *known,
                   const struct message_sender *to, enum return_verdict verdict)
{
    struct message_return_reply m = {
        .sender = say_sender(membership), .incarnation = to->incarnation, .verdict = (uint8_t)verdict};
    if (verdict == RETURN_OTHER) {
        const char *address = say_address_of(membership, known->id);
        m.other = known->incarnation;
        snprintf(m.other_peer, sizeof m.other_peer, "%s", address == NULL ? "" : address);
    }
    known->reply_ns = now.mono_ns;
    struct draft head = {0};
    message_write_return_reply(&head, &m);
    say(membership, to->peer, MESSAGE_RETURN_REPLY, &head);
}

/* Messages in which a process says who it is, or that change nothing here. */
static bool is_heard_from_all(uint8_t type)
{
    return type == MESSAGE_PROBE || type == MESSAGE_PROBE_REPLY || type == MESSAGE_JOIN || type == MESSAGE_JOIN_REPLY
           || type == MESSAGE_INVITE || type == MESSAGE_INVITE_REPLY || type == MESSAGE_TABLE_REQUEST
           || type == MESSAGE_RETURN || type == MESSAGE_RETURN_REPLY;
}

bool runs_admits(struct membership *membership, struct instant now, const char *from, const struct frame *frame)
{
    struct known *known = runs_find(membership, ring_node_id(from));
    struct wire_reader reader = wire_reader_of(frame->head);
    struct message_sender sender;
    if (membership->state.table == NULL || known == NULL || !message_read_sender(&reader, &sender))
        return true;
    if (sender.incarnation == known->incarnation)
        note_sign(membership, now, known);
    if (sender.incarnation == known->incarnation || known->incarnation == 0 || is_heard_from_all(frame->type))
        return true;
    enum run_judgement judgement = runs_judge(membership, now, known, sender.incarnation, sender.peer);
    if (now.mono_ns >= known->reply_ns + (uint64_t)RUN_ANSWERED_MS * MS)
        answer(membership, now, known, &sender, judgement == RUN_ALIVE ? RETURN_OTHER : RETURN_WHO);
    return false;
}

void runs_on_probe_reply(struct membership *membership, struct instant now, const struct message_probe *m)
{
    struct known *known = runs_find(membership, m->description.member.id);
    (void)now;
    if (known == NULL || known->incarnation == 0 || known->claim == 0 || m->sender.incarnation == known->incarnation)
        return;
    const char *address = say_address_of(membership, known->id);
    if (address != NULL && strcmp(address, m->target) == 0)
        known->is_gone = true;
}

/* Had the directory been copied before the known process ran on it? Else that is among those that it remembers, or it
 * has forgotten it because a later one is known to others. */
static bool is_earlier(const struct known *known, const struct gossip_entry *entry)
{
    if (entry->run <= known->run)
        return true;
    for (unsigned i = 0; i < entry->before_count; i++)
        if (entry->before[i] == known->incarnation)
            return false;
    return known->run >= entry->since;
}

/* What the entry says beside what is known. */
static enum return_verdict compare(const struct known *known, const struct gossip_entry *entry)
{
    if (known->incarnation == 0)
        return RETURN_FIRST;
    if (known->directory != entry->directory)
        return RETURN_REPLACED;
    if (known->run != 0 && is_earlier(known, entry))
        return RETURN_OLD_COPY;
    return entry->found < known->stored ? RETURN_LACKS : RETURN_CONFIRMED;
}

/* This process is the member from now on. false: that could not be kept, so nothing may be said that depends on it. */
static bool take(struct membership *membership, struct known *known, const struct gossip_entry *entry)
{
    enum return_verdict verdict = compare(known, entry);
    if (return_says_doubt((uint8_t)verdict)) {
        if (known->lacks < verdict)
            known->lacks = (uint8_t)verdict;
        say_report(membership, MEMBERSHIP_NOTICE, "node %s has come back with %s", entry->name,
                   verdict == RETURN_OLD_COPY   ? "an old copy of its data directory"
                   : verdict == RETURN_REPLACED ? "another data directory"
                                                : "less in its data directory than it had stored");
    }
    known->incarnation = entry->incarnation;
    known->run = entry->run;
    known->stored = entry->stored;
    known->directory = entry->directory;
    known->sign_ns = known->asked_ns = 0;
    known->clock_count = 0;
    forget_claim(known);
    return say_keep(membership);
}

/* More is known of the process that is the member. */
static void update(struct known *known, const struct gossip_entry *entry)
{
    known->run = entry->run;
    known->stored = entry->stored > known->stored ? entry->stored : known->stored;
    known->directory = entry->directory;
}

static void learn_entry(struct membership *membership, struct instant now, const struct gossip_entry *entry)
{
    bool news;
    entries_merge(&membership->entries, entry, now.mono_ns, &news);
    if (news)
        membership->ports.learn(membership->ports.host, entry->clock, &entry->flush);
}

/* A process that is, or may be, the member. */
static void welcome(struct membership *membership, struct instant now, struct known *known,
                    const struct message_return *m)
{
    bool is_first = known->incarnation == 0;
    if (known->incarnation != m->sender.incarnation && !take(membership, known, &m->entry))
        return;
    note_sign(membership, now, known);
    learn_entry(membership, now, &m->entry);
    uint8_t lacks = known->lacks;
    if (m->knows_doubt && lacks != 0) {
        known->lacks = 0;
        if (!say_keep(membership)) {
            known->lacks = lacks;
            return;
        }
    }
    answer(membership, now, known, &m->sender,
           known->lacks != 0 ? (enum return_verdict)known->lacks
           : is_first        ? RETURN_FIRST
                             : RETURN_CONFIRMED);
}

bool runs_on_return(struct membership *membership, struct instant now, const char *from, struct bytes head)
{
    struct message_return m;
    if (!message_read_return(head, &m) || m.entry.id != ring_node_id(from))
        return false;
    struct known *known = runs_find(membership, m.entry.id);
    if (known == NULL || m.sender.cluster != cluster_of(membership))
        return true;
    tables_hear(membership, now, m.sender.epoch, m.sender.peer);
    switch (runs_judge(membership, now, known, m.sender.incarnation, m.sender.peer)) {
    case RUN_SAME:
    case RUN_FREE:
        welcome(membership, now, known, &m);
        break;
    case RUN_CHECKING:
        answer(membership, now, known, &m.sender, RETURN_CHECKING);
        break;
    case RUN_ALIVE:
        answer(membership, now, known, &m.sender, RETURN_OTHER);
        break;
    }
    return true;
}

bool runs_hear(struct membership *membership, struct instant now, const struct gossip_entry *entry)
{
    struct known *known = runs_find(membership, entry->id);
    if (known == NULL || entry->epoch == 0)
        return true; /* no member, or only a tombstone */
    if (entry->incarnation == known->incarnation) {
        update(known, entry);
        return true;
    }
    if (known->incarnation != 0) {
        bool has_sign = known->sign_ns != 0 && now.mono_ns < known->sign_ns + (uint64_t)RUN_SILENT_MS * MS;
        bool is_later = entry->directory == known->directory
                            ? entry->run > known->run
                            : entry->directory == table_directory(membership->state.table, entry->id);
        if ((has_sign && !known->is_gone) || !is_later)
            return false;
    }
    return take(membership, known, entry);
}

void runs_note(const struct known *known, struct instant now, char *note, size_t room)
{
    if (known->claim != 0 && now.mono_ns < known->claimed_ns + (uint64_t)RUN_CLAIM_MS * MS)
        snprintf(note, room,
                 "another process at %s (incarnation %016" PRIx64 ") claims to be this node: stop one of them",
                 known->claim_peer, known->claim);
}
