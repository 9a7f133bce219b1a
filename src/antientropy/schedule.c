#include "antientropy/exchange.h"

#include "base/bounds.h"
#include "base/check.h"

#include <stdlib.h>

enum {
    LOOK_MS = 250,   /* between two looks for partitions that need to be compared */
    FIRST_MS = 100,  /* after a peer has come up, before it is asked */
    OTHER_MS = 500,  /* before the one of the two asks that usually does not: the other may already be about to */
    ASKED_MS = 1000, /* a peer that has asked something less long ago is comparing: its work need not be done twice */
    PAUSE_MS_MIN = 1000,  /* after an exchange that found something or was given up; doubles up to the interval */
    INTERVALS_SILENT = 2, /* after so many the one asks that usually does not */
    JITTER_OF_INTERVAL = 8
};

static uint64_t interval_ns(const struct antientropy *a)
{
    return a->parts.settings.interval_ms * NS_PER_MS;
}

static struct repair_peer *take_peer(struct antientropy *a, uint32_t node)
{
    struct repair_peer *peer = repair_peer_of(a, node);
    if (peer != NULL)
        return peer;
    a->peers = realloc(a->peers, (a->peer_count + 1) * sizeof *a->peers);
    CHECK_MEMORY(a->peers);
    peer = &a->peers[a->peer_count++];
    *peer = (struct repair_peer){.node = node, .asks = a->parts.replica->node < node};
    return peer;
}

static void abandon(struct antientropy *a, struct repair_peer *peer)
{
    if (peer->exchange == NULL)
        return;
    exchange_end(peer->exchange);
    peer->exchange = NULL;
    a->exchange_count--;
}

/* The next ordinary one. A little earlier or later, so that the exchanges of a ring do not all fall together. */
static uint64_t next_ordinary(struct antientropy *a, struct instant now, const struct repair_peer *peer)
{
    uint64_t jitter = prng_below(&a->prng, interval_ns(a) / JITTER_OF_INTERVAL + 1);
    return now.mono_ns + (peer->asks ? interval_ns(a) - jitter : INTERVALS_SILENT * interval_ns(a) + jitter);
}

static void begin_soon(struct antientropy *a, struct instant now, struct repair_peer *peer)
{
    peer->pause_ns = 0;
    peer->up_ns = now.mono_ns;
    peer->due_ns = peer->asks ? now.mono_ns + FIRST_MS * NS_PER_MS : next_ordinary(a, now, peer);
}

static void free_sets(struct repair_peer *peer)
{
    partition_set_close(&peer->forced);
    partition_set_close(&peer->same);
}

static void enter(struct antientropy *a, struct instant now, struct repair_peer *peer)
{
    free_sets(peer);
    partition_set_init(&peer->forced, a->view->partition_count);
    partition_set_init(&peer->same, a->view->partition_count);
    peer->is_member = true;
    peer->is_forced = false;
    peer->same_count = peer->shared = 0;
    peer->same_since_ms = 0;
    for (uint32_t i = 0; i < a->view->partition_count; i++)
        peer->shared += compared_shares(&a->compared, (uint16_t)i, peer->node);
    begin_soon(a, now, peer);
}

void schedule_set_view(struct antientropy *a, struct instant now)
{
    for (uint32_t i = 0; i < a->peer_count; i++) {
        abandon(a, &a->peers[i]);
        a->peers[i].is_member = false;
        a->peers[i].shared = 0;
    }
    for (uint32_t i = 0; i < a->view->member_count; i++) {
        uint32_t id = a->view->members[i].id;
        if (id != a->parts.replica->node)
            enter(a, now, take_peer(a, id));
    }
    uint32_t kept = 0;
    for (uint32_t i = 0; i < a->peer_count; i++) {
        if (a->peers[i].is_member || a->peers[i].is_up)
            a->peers[kept++] = a->peers[i];
        else
            free_sets(&a->peers[i]);
    }
    a->peer_count = kept;
}

void schedule_close(struct antientropy *a)
{
    for (uint32_t i = 0; i < a->peer_count; i++) {
        abandon(a, &a->peers[i]);
        free_sets(&a->peers[i]);
    }
    free(a->peers);
}

void schedule_peer_up(struct antientropy *a, struct instant now, uint32_t node)
{
    struct repair_peer *peer = take_peer(a, node);
    abandon(a, peer);
    peer->is_up = true;
    begin_soon(a, now, peer);
}

void schedule_peer_down(struct antientropy *a, uint32_t node)
{
    struct repair_peer *peer = repair_peer_of(a, node);
    if (peer == NULL)
        return;
    abandon(a, peer);
    peer->is_up = false;
}

static bool can_begin(const struct antientropy *a, const struct repair_peer *peer)
{
    return peer->is_up && peer->shared > 0 && peer->exchange == NULL && a->exchange_count < EXCHANGES_MAX;
}

/* Horizons of copies that have been refilled. */
static void inherit(struct antientropy *a)
{
    if (a->is_inheriting && store_is_checkpointed(a->parts.store, a->inherit_mark)) {
        compared_inherit(&a->compared);
        a->is_inheriting = false;
    }
    if (!a->is_inheriting && a->compared.inherits) {
        a->is_inheriting = true;
        compared_await(&a->compared);
        a->inherit_mark = store_mark(a->parts.store);
    }
}

/* A partition that is doubtful or behind need not wait for its turn. */
static void look_for_needs(struct antientropy *a, struct instant now)
{
    a->look_at_ns = now.mono_ns + LOOK_MS * NS_PER_MS;
    compared_look(&a->compared, repair_new_time(a, now));
    inherit(a);
    for (uint32_t i = 0; i < a->peer_count; i++) {
        struct repair_peer *peer = &a->peers[i];
        if (!peer->is_up || peer->shared == 0 || peer->exchange != NULL || !compared_needs(&a->compared, peer->node))
            continue;
        uint64_t due = peer->up_ns + (peer->asks ? FIRST_MS : OTHER_MS) * NS_PER_MS;
        if (peer->asked_ns != 0)
            due = larger(due, peer->asked_ns + ASKED_MS * NS_PER_MS);
        if (peer->tried_ns != 0)
            due = larger(due, peer->tried_ns + larger(peer->pause_ns, PAUSE_MS_MIN * NS_PER_MS));
        if (due < peer->due_ns)
            peer->due_ns = due;
    }
}

/* While the other one asks there is no reason to. */
static bool is_put_off(struct antientropy *a, struct instant now, struct repair_peer *peer)
{
    if (peer->is_forced || peer->asked_ns == 0)
        return false;
    uint64_t rest = peer->asks || compared_needs(&a->compared, peer->node) ? ASKED_MS * NS_PER_MS
                                                                           : INTERVALS_SILENT * interval_ns(a);
    if (now.mono_ns >= peer->asked_ns + rest)
        return false;
    peer->due_ns = peer->asked_ns + rest;
    return true;
}

static void begin_due(struct antientropy *a, struct instant now)
{
    for (uint32_t n = 0; n < a->peer_count; n++) {
        struct repair_peer *peer = &a->peers[(a->turn + n) % a->peer_count];
        if (!can_begin(a, peer) || now.mono_ns < peer->due_ns || is_put_off(a, now, peer))
            continue;
        peer->tried_ns = now.mono_ns;
        peer->exchange = exchange_new(a, now, peer);
        a->exchange_count++;
    }
}

static void double_pause(const struct antientropy *a, struct repair_peer *peer)
{
    uint64_t least = PAUSE_MS_MIN * NS_PER_MS;
    peer->pause_ns = larger(2 * peer->pause_ns, least);
    if (peer->pause_ns > larger(interval_ns(a), least))
        peer->pause_ns = larger(interval_ns(a), least);
}

static void end_exchange(struct antientropy *a, struct instant now, struct repair_peer *peer)
{
    const struct exchange *e = peer->exchange;
    bool is_complete = !e->is_abandoned && e->failed == 0;
    peer->exchanges += !e->is_abandoned;
    if (is_complete)
        peer->is_forced = partition_set_next(&peer->forced, 0) >= 0;
    if (is_complete && !e->has_keys) {
        peer->pause_ns = 0; /* what has been asked for since this one began is not in it */
        peer->due_ns = peer->is_forced ? now.mono_ns : next_ordinary(a, now, peer);
    } else { /* once more, to see that nothing is left */
        double_pause(a, peer);
        peer->due_ns = now.mono_ns + peer->pause_ns;
    }
    abandon(a, peer);
}

void schedule_exchange(struct antientropy *a, struct instant now, struct exchange *e)
{
    struct repair_peer *peer = repair_peer_of(a, e->node);
    if (exchange_go_on(e, now) || e->is_abandoned)
        end_exchange(a, now, peer);
}

void schedule_go_on(struct antientropy *a, struct instant now)
{
    if (now.mono_ns >= a->look_at_ns)
        look_for_needs(a, now);
    if (a->peer_count == 0)
        return;
    begin_due(a, now);
    a->turn++; /* what is left of the rate goes to another one first */
    for (uint32_t n = 0; n < a->peer_count; n++) {
        struct exchange *e = a->peers[(a->turn + n) % a->peer_count].exchange;
        if (e != NULL && now.mono_ns >= e->wake_ns)
            schedule_exchange(a, now, e);
    }
}

uint64_t schedule_wake_at(const struct antientropy *a)
{
    uint64_t at = a->look_at_ns;
    for (uint32_t i = 0; i < a->peer_count; i++) {
        const struct repair_peer *peer = &a->peers[i];
        if (peer->exchange != NULL && peer->exchange->wake_ns < at)
            at = peer->exchange->wake_ns;
        if (can_begin(a, peer) && peer->due_ns < at)
            at = peer->due_ns;
    }
    return at;
}

void schedule_force(struct antientropy *a, struct instant now, int partition)
{
    for (uint32_t i = 0; i < a->peer_count; i++) {
        struct repair_peer *peer = &a->peers[i];
        if (peer->shared == 0)
            continue;
        uint32_t first = partition < 0 ? 0 : (uint32_t)partition;
        uint32_t end = partition < 0 ? a->view->partition_count : first + 1;
        for (uint32_t n = first; n < end && n < a->view->partition_count; n++) {
            if (compared_shares(&a->compared, (uint16_t)n, peer->node))
                partition_set_add(&peer->forced, n);
        }
        peer->is_forced = partition_set_next(&peer->forced, 0) >= 0;
        if (peer->is_forced)
            peer->due_ns = now.mono_ns;
    }
}
