#include "membership/founding.h"

#include "base/check.h"
#include "membership/decide.h"
#include "membership/founders.h"
#include "membership/join.h"
#include "membership/renew.h"
#include "membership/runs.h"
#include "membership/say.h"
#include "membership/tables.h"
#include "membership/wish.h"

#include <stdio.h>
#include <stdlib.h>

enum { PROPOSE_RANK_MS = 300, PROPOSE_JITTER_MS = 100 };

void founding_init(struct membership *membership)
{
    founders_follow(membership);
}

void founding_close(struct membership *membership)
{
    for (unsigned i = 0; i < membership->founding.count; i++)
        free(membership->founding.seeds[i].about);
    free(membership->founding.founders);
    membership->founding = (struct founding){0};
}

void founding_describe(const struct membership *membership, struct message_description *about)
{
    const struct table *table = membership->state.table;
    *about = (struct message_description){.member = membership->self,
                                          .directory = membership->state.directory,
                                          .is_empty = membership->ports.is_empty(membership->ports.host),
                                          .member_count = table == NULL ? 0 : table->view->member_count,
                                          .settings = table == NULL ? membership->wanted : table->view->settings,
                                          .seed_count = membership->seed_count};
    memcpy(about->seeds, membership->seeds, membership->seed_count * sizeof membership->seeds[0]);
}

static void send_probe(struct membership *membership, const char *address, uint8_t type, const char *target)
{
    struct message_probe *m = calloc(1, sizeof *m);
    CHECK_MEMORY(m);
    m->sender = say_sender(membership);
    snprintf(m->target, sizeof m->target, "%s", target);
    founding_describe(membership, &m->description);
    struct draft head = {0};
    message_write_probe(&head, m);
    say(membership, address, type, &head);
    free(m);
}

void founding_probe(struct membership *membership, const char *address)
{
    send_probe(membership, address, MESSAGE_PROBE, address);
}

static void learn(struct membership *membership, struct instant now, const struct message_probe *m)
{
    for (unsigned i = 0; i < membership->founding.count; i++) {
        struct seed *seed = &membership->founding.seeds[i];
        if (strcmp(seed->address, m->target) != 0)
            continue;
        if (seed->about == NULL) {
            seed->about = malloc(sizeof *seed->about);
            CHECK_MEMORY(seed->about);
        }
        *seed->about = m->description;
        seed->answered_ns = now.mono_ns;
        seed->incarnation = m->sender.incarnation;
        seed->epoch = m->sender.epoch;
    }
}

/* A node that has heard all its seeds need not wait for the rest of the time that they have for answering. */
static void ask_early(struct membership *membership, struct instant now)
{
    for (unsigned i = 0; i < membership->founding.count; i++)
        if (!founders_is_fresh(&membership->founding.seeds[i], now))
            return;
    join_tick(membership, now);
}

bool founding_on_probe(struct membership *membership, struct instant now, const char *from, const struct frame *frame)
{
    struct message_probe *m = malloc(sizeof *m);
    CHECK_MEMORY(m);
    bool good = message_read_probe(frame->head, m) && strcmp(m->description.member.name, from) == 0;
    /* One of the addresses led back to this node: its question is its answer. */
    bool is_own = good && m->sender.incarnation == membership->incarnation;
    if (good && frame->type == MESSAGE_PROBE && !is_own) {
        send_probe(membership, m->sender.peer, MESSAGE_PROBE_REPLY, m->target);
    } else if (good) {
        if (membership->state.table == NULL) {
            learn(membership, now, m);
            founders_follow(membership);
            founding_tick(membership, now);
            ask_early(membership, now);
        }
        runs_on_probe_reply(membership, now, m);
        wish_on_probe_reply(membership, now, m);
    }
    if (good && !is_own)
        renew_on_probe(membership, now, m);
    free(m);
    return good;
}

/* Another of this node's addresses answers a probe of its own: nothing is sent to one's own address. */
static void answer_self(struct membership *membership, struct instant now)
{
    struct message_probe *m = calloc(1, sizeof *m);
    CHECK_MEMORY(m);
    m->sender = say_sender(membership);
    memcpy(m->target, membership->self.peer, sizeof m->target);
    founding_describe(membership, &m->description);
    learn(membership, now, m);
    free(m);
}

static bool same_member(const struct ring_member *a, const struct ring_member *b)
{
    return a->id == b->id && a->weight == b->weight && strcmp(a->name, b->name) == 0 && strcmp(a->peer, b->peer) == 0
           && strcmp(a->client, b->client) == 0 && strcmp(a->rack, b->rack) == 0
           && strcmp(a->datacenter, b->datacenter) == 0;
}

bool founding_agrees_to(const struct membership *membership, const struct value *value)
{
    const struct value *founders = membership->founding.founders;
    if (value->kind != VALUE_FOUND || !membership->founding.is_complete
        || !founders_same_wish(&value->settings, &membership->wanted) || value->settings.cluster == 0
        || value->founder_count != founders->founder_count)
        return false;
    for (uint32_t i = 0; i < value->founder_count; i++) {
        const struct founder *theirs = &value->founders[i], *ours = &founders->founders[i];
        if (theirs->member.id != ours->member.id)
            return false;
        if (ours->member.id == membership->self.id
            && (theirs->directory != membership->state.directory || !same_member(&theirs->member, &membership->self)))
            return false;
    }
    struct table *table = table_of_founders(value);
    table_free(table);
    return table != NULL && membership->ports.is_empty(membership->ports.host);
}

const char *founding_address_of(const struct membership *membership, uint32_t id)
{
    const struct value *founders = membership->founding.founders;
    for (uint32_t i = 0; founders != NULL && i < founders->founder_count; i++)
        if (founders->founders[i].member.id == id)
            return founders->founders[i].member.peer;
    return NULL;
}

const char *founding_door(const struct membership *membership, struct instant now, uint64_t *cluster)
{
    const struct founding *founding = &membership->founding;
    unsigned turn = (unsigned)(now.mono_ns / ((uint64_t)1000 * MS));
    const char *door = NULL;
    for (unsigned i = 0; i < founding->count; i++) {
        const struct seed *seed = &founding->seeds[(i + turn) % founding->count];
        if (!founders_is_fresh(seed, now) || seed->about->member_count == 0)
            continue;
        if (door != NULL && seed->about->settings.cluster != *cluster)
            return NULL;
        *cluster = seed->about->settings.cluster;
        door = door == NULL ? seed->address : door;
    }
    return door;
}

static uint64_t draw_id(struct membership *membership)
{
    uint64_t id;
    do
        id = prng_next(&membership->prng);
    while (id == 0);
    return id;
}

bool founding_alone(struct membership *membership, struct instant now)
{
    struct value *value = calloc(1, sizeof *value);
    CHECK_MEMORY(value);
    value->kind = VALUE_FOUND;
    value->settings = membership->wanted;
    value->settings.cluster = draw_id(membership);
    value->founder_count = 1;
    value->founders[0] = (struct founder){.member = membership->self, .directory = membership->state.directory};
    struct table *table = table_of_founders(value);
    CHECK(table != NULL); /* membership_new has judged self and settings */
    free(value);
    membership->state.shared.version = 1;
    membership->state.shared.writer = membership->self.id;
    membership->ports.publish_buckets(membership->ports.host, &membership->state.shared.buckets);
    if (!tables_adopt(membership, now, table, true))
        return false;
    say_report(membership, MEMBERSHIP_NOTICE, "a new ring is founded: %s alone", membership->self.name);
    return true;
}

/* The founder with the lowest id goes first, so that duels are rare. */
static void propose(struct membership *membership, struct instant now)
{
    struct founding *founding = &membership->founding;
    if (!decide_is_free(membership, now)) {
        founding->propose_ns = 0;
        return;
    }
    uint32_t rank = 0;
    while (founding->founders->founders[rank].member.id != membership->self.id)
        rank++;
    if (founding->propose_ns == 0)
        founding->propose_ns = now.mono_ns + (uint64_t)rank * PROPOSE_RANK_MS * MS
                               + prng_below(&membership->prng, (uint64_t)PROPOSE_JITTER_MS * MS);
    if (now.mono_ns < founding->propose_ns)
        return;
    founding->propose_ns = 0;
    founding->founders->settings = membership->wanted;
    founding->founders->settings.cluster = draw_id(membership);
    founding->founders->buckets = shared_bytes(&membership->state.shared);
    decide_propose(membership, now, founding->founders);
}

void founding_tick(struct membership *membership, struct instant now)
{
    struct founding *founding = &membership->founding;
    if (membership->state.table != NULL)
        return;
    if (now.mono_ns >= founding->probe_ns) {
        founding->probe_ns = now.mono_ns + (uint64_t)FOUNDING_PROBE_MS * MS
                             + prng_below(&membership->prng, (uint64_t)FOUNDING_PROBE_MS / 4 * MS);
        for (unsigned i = 0; i < founding->count; i++)
            founding_probe(membership, founding->seeds[i].address);
        answer_self(membership, now);
        founders_follow(membership);
    }
    struct verdict verdict;
    founders_judge(membership, now, &verdict);
    founding->is_complete = verdict.is_complete;
    if (verdict.is_complete) {
        founders_list(membership);
        propose(membership, now);
    } else {
        founding->propose_ns = 0;
    }
    if (membership->state.table == NULL) /* a lone founder has just finished otherwise */
        say_waits(membership, verdict.severity, verdict.text);
}

uint64_t founding_wake_at(const struct membership *membership)
{
    const struct founding *founding = &membership->founding;
    if (membership->state.table != NULL)
        return UINT64_MAX;
    return founding->propose_ns != 0 && founding->propose_ns < founding->probe_ns ? founding->propose_ns
                                                                                  : founding->probe_ns;
}
