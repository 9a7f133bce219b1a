#include "membership/gossip.h"

#include "base/check.h"
#include "membership/clocks.h"
#include "membership/founding.h"
#include "membership/returning.h"
#include "membership/runs.h"
#include "membership/say.h"
#include "membership/tables.h"

#include <stdio.h>
#include <stdlib.h>

/* Versions begin at the wall clock and grow more slowly than it, so one that is a century ahead is nobody's. Whoever
 * goes above one that was heeded is heeded himself, if not at once, then soon. */
#define VERSION_AHEAD_MS ((uint64_t)100 * 366 * 24 * 3600 * 1000)
/* The settings' versions count changes: above this there would be no room for further ones. */
#define SETTINGS_VERSION_HEEDED_MAX (GOSSIP_VERSION_MAX / 2)

static bool is_possible(struct instant now, uint64_t version)
{
    return version <= clocks_wall(now) + VERSION_AHEAD_MS;
}

void gossip_refresh(struct membership *membership, struct instant now)
{
    struct gossip_entry *own = &membership->own;
    /* Versions begin at the wall clock, so that a restarted node's are above its former ones nearly always; where they
     * are not, it hears so and jumps. */
    own->version = own->version == 0 ? now.wall_ms + 1 : own->version + 1;
    own->id = membership->self.id;
    own->epoch = epoch_of(membership);
    own->incarnation = membership->incarnation;
    own->state = MEMBER_UP;
    memcpy(own->name, membership->self.name, sizeof own->name);
    memcpy(own->peer, membership->self.peer, sizeof own->peer);
    memcpy(own->client, membership->self.client, sizeof own->client);
    memcpy(own->program, membership->program, sizeof own->program);
    own->directory = membership->state.directory;
    returning_describe(membership, own);
    own->found = membership->found;
    own->stored = membership->ports.stored != NULL ? membership->ports.stored(membership->ports.host) : 0;
    membership->ports.describe_self(membership->ports.host, &own->clock, &own->records, &own->bytes, &own->flush);
}

static struct gossip_digest digest_of(const struct gossip_entry *entry)
{
    return (struct gossip_digest){.id = entry->id,
                                  .removed = entry->removed,
                                  .epoch = entry->epoch,
                                  .version = entry->version,
                                  .incarnation = entry->incarnation};
}

static bool is_known(const struct gossip_entry *entry)
{
    return entry->epoch != 0 || entry->removed != 0;
}

static void send_digest(struct membership *membership, struct instant now, const char *address)
{
    const struct entries *entries = &membership->entries;
    struct gossip_digest *digests = malloc((entries->count + 1) * sizeof *digests);
    CHECK_MEMORY(digests);
    uint32_t count = 0;
    if (is_known(&membership->own))
        digests[count++] = digest_of(&membership->own);
    for (uint32_t i = 0; i < entries->count && count < GOSSIP_ENTRIES_MAX; i++)
        if (entries->all[i].entry.id != membership->self.id && is_known(&entries->all[i].entry))
            digests[count++] = digest_of(&entries->all[i].entry);
    struct message_digest m = {.sender = say_sender(membership),
                               .wall_ms = clocks_wall(now),
                               .fingerprint = membership->state.table->fingerprint,
                               .settings_version = membership->state.shared.version,
                               .settings_writer = membership->state.shared.writer,
                               .count = count,
                               .digests = digests};
    struct draft head = {0};
    message_write_digest(&head, &m);
    say(membership, address, MESSAGE_DIGEST, &head);
    free(digests);
}

void gossip_meet(struct membership *membership, struct instant now, const char *address)
{
    send_digest(membership, now, address);
}

/* The entry that this node would send about that id; NULL: none. Its own has nothing in it before its first gossip. */
static const struct gossip_entry *entry_of(const struct membership *membership, uint32_t id)
{
    if (id == membership->self.id)
        return is_known(&membership->own) ? &membership->own : NULL;
    const struct heard_entry *heard = entries_find(&membership->entries, id);
    return heard != NULL && is_known(&heard->entry) ? &heard->entry : NULL;
}

static int compare_digests(const struct gossip_digest *theirs, const struct gossip_entry *ours)
{
    if (theirs->epoch != ours->epoch)
        return theirs->epoch < ours->epoch ? -1 : 1;
    if (theirs->version != ours->version)
        return theirs->version < ours->version ? -1 : 1;
    return theirs->incarnation < ours->incarnation ? -1 : theirs->incarnation > ours->incarnation;
}

struct difference {
    uint32_t want_count, count;
    uint32_t wants[GOSSIP_ENTRIES_MAX];
    struct gossip_entry entries[GOSSIP_ENTRIES_MAX];
};

static void give(struct difference *difference, const struct gossip_entry *entry)
{
    if (difference->count < GOSSIP_ENTRIES_MAX)
        difference->entries[difference->count++] = *entry;
}

static int by_id(const void *a, const void *b)
{
    const struct gossip_digest *left = a, *right = b;
    return left->id < right->id ? -1 : left->id > right->id;
}

static void compare(const struct membership *membership, struct message_digest *m, struct difference *difference)
{
    struct gossip_digest *digests = (struct gossip_digest *)m->digests; /* allocated for this message */
    if (m->count > 0)
        qsort(digests, m->count, sizeof *digests, by_id);
    for (uint32_t i = 0; i < m->count; i++) {
        const struct gossip_entry *ours = entry_of(membership, digests[i].id);
        int order = ours == NULL ? 1 : compare_digests(&digests[i], ours);
        if (order > 0 || (ours != NULL && digests[i].removed > ours->removed))
            difference->wants[difference->want_count++] = digests[i].id;
        if (ours != NULL && (order < 0 || digests[i].removed < ours->removed))
            give(difference, ours);
    }
    for (uint32_t i = 0; i <= membership->entries.count; i++) {
        const struct gossip_entry *ours =
            entry_of(membership, i == 0 ? membership->self.id : membership->entries.all[i - 1].entry.id);
        struct gossip_digest key = {.id = ours == NULL ? 0 : ours->id};
        if (i > 0 && key.id == membership->self.id)
            continue;
        if (key.id != 0 && (m->count == 0 || bsearch(&key, digests, m->count, sizeof *digests, by_id) == NULL))
            give(difference, ours);
    }
}

static void add_settings(const struct membership *membership, struct message_difference *m)
{
    m->has_settings = true;
    m->settings_version = membership->state.shared.version;
    m->settings_writer = membership->state.shared.writer;
    m->settings = shared_bytes(&membership->state.shared);
}

static void send_difference(struct membership *membership, struct instant now, const char *address,
                            const struct difference *difference, int settings_order)
{
    struct message_difference m = {.sender = say_sender(membership),
                                   .wall_ms = clocks_wall(now),
                                   .wants_settings = settings_order < 0,
                                   .want_count = difference->want_count,
                                   .wants = difference->wants,
                                   .count = difference->count,
                                   .entries = difference->entries};
    if (settings_order > 0)
        add_settings(membership, &m);
    struct draft head = {0};
    message_write_difference(&head, &m);
    say(membership, address, MESSAGE_DIFFERENCE, &head);
}

/* Is the sender of our ring? What it tells about epochs is heeded then. */
static bool heed(struct membership *membership, struct instant now, const struct message_sender *sender)
{
    if (membership->state.table == NULL || sender->cluster != cluster_of(membership))
        return false;
    tables_hear(membership, now, sender->epoch, sender->peer);
    return true;
}

bool gossip_on_digest(struct membership *membership, struct instant now, const char *from, struct bytes head)
{
    struct message_digest m;
    if (!message_read_digest(head, &m))
        return false;
    if (heed(membership, now, &m.sender)) {
        clocks_on_wall(membership, now, from, m.wall_ms);
        if (m.sender.epoch == epoch_of(membership) && m.fingerprint != membership->state.table->fingerprint)
            say_report(membership, MEMBERSHIP_ERROR, "%s has another table of epoch %llu than this node", m.sender.peer,
                       (unsigned long long)m.sender.epoch);
        struct difference *difference = malloc(sizeof *difference);
        CHECK_MEMORY(difference);
        difference->want_count = difference->count = 0;
        compare(membership, &m, difference);
        int order = shared_compare(&membership->state.shared, m.settings_version, m.settings_writer);
        send_difference(membership, now, m.sender.peer, difference, order);
        free(difference);
    }
    message_close_digest(&m);
    return true;
}

/* Somebody tells of this node: only an echo, unless it is from a former life. */
static void hear_of_self(struct membership *membership, struct instant now, const struct gossip_entry *entry)
{
    const struct gossip_entry *own = &membership->own;
    tables_hear(membership, now, entry->epoch, NULL);
    bool is_echo = entry->incarnation == own->incarnation && entry->version <= own->version;
    if (!is_echo && entry->version >= own->version && is_possible(now, entry->version)) {
        membership->own.version = entry->version;
        gossip_refresh(membership, now);
    }
}

static void hear(struct membership *membership, struct instant now, const struct gossip_entry *entry)
{
    /* Which table removed a node is known with that table only: until then nobody's word buries a member. */
    if (entry->removed > epoch_of(membership)) {
        tables_hear(membership, now, entry->removed, NULL);
        return;
    }
    if (entry->id == membership->self.id) {
        hear_of_self(membership, now, entry);
        return;
    }
    /* Of a table that this node does not have: it is told again when it has that. Nobody can hide what a node says of
     * itself behind an epoch that no table has, nor behind a version that it cannot go above. */
    if (entry->epoch > epoch_of(membership) || !is_possible(now, entry->version)) {
        tables_hear(membership, now, entry->epoch, NULL);
        return;
    }
    if (!runs_hear(membership, now, entry))
        return;
    bool news;
    struct heard_entry *heard = entries_merge(&membership->entries, entry, now.mono_ns, &news);
    if (heard == NULL || !news)
        return;
    tables_hear(membership, now, heard->entry.epoch, NULL);
    membership->ports.learn(membership->ports.host, heard->entry.clock, &heard->entry.flush);
}

/* What the other wants of us is the end of the exchange: it asks for nothing. */
static void answer_wants(struct membership *membership, struct instant now, const struct message_difference *m)
{
    if (m->want_count == 0 && !m->wants_settings)
        return;
    struct difference *difference = malloc(sizeof *difference);
    CHECK_MEMORY(difference);
    difference->want_count = difference->count = 0;
    for (uint32_t i = 0; i < m->want_count; i++) {
        const struct gossip_entry *entry = entry_of(membership, m->wants[i]);
        if (entry != NULL)
            give(difference, entry);
    }
    send_difference(membership, now, m->sender.peer, difference, m->wants_settings ? 1 : 0);
    free(difference);
}

bool gossip_on_difference(struct membership *membership, struct instant now, const char *from, struct bytes head)
{
    struct message_difference m;
    if (!message_read_difference(head, &m))
        return false;
    bool good = true;
    if (heed(membership, now, &m.sender)) {
        clocks_on_wall(membership, now, from, m.wall_ms);
        for (uint32_t i = 0; i < m.count; i++)
            hear(membership, now, &m.entries[i]);
        const struct shared *shared = &membership->state.shared;
        bool newer = m.has_settings && m.settings_version <= SETTINGS_VERSION_HEEDED_MAX
                     && shared_compare(shared, m.settings_version, m.settings_writer) < 0;
        good = !newer || tables_take_settings(membership, m.settings_version, m.settings_writer, m.settings, false);
        if (newer && good)
            say_keep(membership);
        answer_wants(membership, now, &m);
    }
    message_close_difference(&m);
    return good;
}

enum drawn_from { ALL, THE_SILENT, THE_QUARANTINED };

static bool is_among(const struct membership *membership, struct instant now, const struct heard_entry *heard,
                     enum drawn_from whom)
{
    const struct known *known = whom == THE_QUARANTINED ? runs_find(membership, heard->entry.id) : NULL;
    if (!heard->is_member || heard->entry.id == membership->self.id)
        return false;
    if (whom == THE_SILENT)
        return now.mono_ns >= heard->heard_ns + (uint64_t)GOSSIP_SILENT_MS * MS;
    return whom == ALL || (known != NULL && known->is_quarantined);
}

/* One of the other members, or of those who have been silent for long, or whose clock is off; 0: there is none. */
static uint32_t draw(struct membership *membership, struct instant now, enum drawn_from whom)
{
    const struct entries *entries = &membership->entries;
    uint32_t found = 0, picked = 0;
    for (uint32_t i = 0; i < entries->count; i++) {
        const struct heard_entry *heard = &entries->all[i];
        if (is_among(membership, now, heard, whom) && prng_below(&membership->prng, ++found) == 0)
            picked = heard->entry.id;
    }
    return picked;
}

/* So that two halves of a ring that have lost sight of each other meet again, and a ring beside this one is noticed. */
static void try_seed(struct membership *membership)
{
    if (membership->seed_count == 0)
        return;
    const char *seed = membership->seeds[prng_below(&membership->prng, membership->seed_count)];
    const struct ring_view *view = view_of(membership);
    for (uint32_t i = 0; i < view->member_count; i++)
        if (strcmp(view->members[i].peer, seed) == 0)
            return;
    founding_probe(membership, seed);
}

void gossip_tick(struct membership *membership, struct instant now)
{
    struct gossip *gossip = &membership->gossip;
    if (membership->state.table == NULL || now.mono_ns < gossip->next_ns)
        return;
    gossip->next_ns = now.mono_ns + (uint64_t)MEMBERSHIP_GOSSIP_MS * 7 / 8 * MS
                      + prng_below(&membership->prng, (uint64_t)MEMBERSHIP_GOSSIP_MS / 4 * MS);
    gossip_refresh(membership, now);
    uint32_t partner = draw(membership, now, ALL), silent = draw(membership, now, THE_SILENT);
    uint32_t quarantined = draw(membership, now, THE_QUARANTINED);
    if (partner != 0)
        send_digest(membership, now, say_address_of(membership, partner));
    if (silent != 0 && silent != partner)
        send_digest(membership, now, say_address_of(membership, silent));
    /* Its clock may be right again. Only its own answer tells, and until then nothing is coordinated by it, also when
     * it is a key's only owner. In a large ring it is rarely anybody's partner. */
    if (quarantined != 0 && quarantined != partner && quarantined != silent)
        send_digest(membership, now, say_address_of(membership, quarantined));
    /* In the first rounds, too: this node, or all of them, may have moved. */
    if (++gossip->rounds < GOSSIP_SEED_ROUNDS || gossip->rounds % GOSSIP_SEED_ROUNDS == 0)
        try_seed(membership);
}

uint64_t gossip_wake_at(const struct membership *membership)
{
    return membership->state.table == NULL ? UINT64_MAX : membership->gossip.next_ns;
}
