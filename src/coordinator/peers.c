#include "coordinator/peers.h"

#include "base/check.h"
#include "message/link.h"

#include <stdlib.h>
#include <string.h>

enum {
    NS_PER_US = 1000,
    NS_PER_MS = 1000000,
    REPLIES_OF_A_START = 16, /* before so many nothing is known of a peer's latency */
    STEP = 16,               /* the estimate moves by a 16th of itself */
    QUANTILE_ODDS = 99       /* up once for 99 times down: it comes to rest at the 99th percentile */
};

void peers_init(struct peers *peers, struct queue *flushes)
{
    *peers = (struct peers){.flushes = flushes, .wake_at_ns = UINT64_MAX};
}

void peers_close(struct peers *peers)
{
    free(peers->list);
    peers_init(peers, peers->flushes);
}

/* The place of the first peer whose node is not below this one. */
static uint32_t place_of(const struct peers *peers, uint32_t node)
{
    uint32_t low = 0, high = peers->count;
    while (low < high) {
        uint32_t middle = (low + high) / 2;
        if (peers->list[middle].node < node)
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

struct peer *peers_find(struct peers *peers, uint32_t node)
{
    uint32_t place = place_of(peers, node);
    return place < peers->count && peers->list[place].node == node ? &peers->list[place] : NULL;
}

struct peer *peers_take(struct peers *peers, uint32_t node)
{
    uint32_t place = place_of(peers, node);
    if (place < peers->count && peers->list[place].node == node)
        return &peers->list[place];
    if (peers->count == peers->room) {
        peers->room = peers->room * 2 + 8;
        peers->list = realloc(peers->list, peers->room * sizeof *peers->list);
        CHECK_MEMORY(peers->list);
    }
    memmove(&peers->list[place + 1], &peers->list[place], (peers->count - place) * sizeof *peers->list);
    peers->count++;
    peers->list[place] = (struct peer){.node = node, .peers = peers};
    return &peers->list[place];
}

static void wake_by(struct peers *peers, uint64_t at_ns)
{
    if (at_ns < peers->wake_at_ns)
        peers->wake_at_ns = at_ns;
}

uint64_t peer_patience_ns(const struct peer *peer)
{
    const uint64_t least = (uint64_t)PEER_SILENCE_MS_MIN * NS_PER_MS, most = (uint64_t)PEER_SILENCE_MS_MAX * NS_PER_MS;
    uint64_t patience = PEER_SILENCE_P99S * peer->latency_p99_ns;
    if (peer->replies < REPLIES_OF_A_START || patience > most)
        return most;
    return patience < least ? least : patience;
}

/* Its patience may be over before the timer has gone off. */
static bool is_overdue(const struct peer *peer, struct instant now)
{
    return peer->waiting_since_ns != 0 && now.mono_ns > peer->waiting_since_ns + peer_patience_ns(peer);
}

bool peer_is_linked(const struct peer *peer)
{
    return peer->link != NULL && link_has_room(peer->link);
}

bool peer_is_up(const struct peer *peer, struct instant now)
{
    return peer_is_linked(peer) && !peer->is_silent && !is_overdue(peer, now);
}

struct chain *peer_request_in_need(struct peers *peers, struct peer *peer, struct instant now)
{
    if (!peer_is_linked(peer))
        return NULL;
    if (peer->waiting_since_ns == 0) {
        peer->waiting_since_ns = now.mono_ns;
        wake_by(peers, now.mono_ns + peer_patience_ns(peer) / 2);
    }
    link_wants_flush(peers->flushes, peer->link);
    return &peer->link->out;
}

struct chain *peer_request(struct peers *peers, struct peer *peer, struct instant now)
{
    return peer_is_up(peer, now) ? peer_request_in_need(peers, peer, now) : NULL;
}

static void learn_latency(struct peer *peer, uint64_t latency_ns)
{
    if (peer->replies < REPLIES_OF_A_START) {
        if (latency_ns > peer->latency_p99_ns)
            peer->latency_p99_ns = latency_ns;
        return;
    }
    uint64_t step = peer->latency_p99_ns / STEP + 1;
    if (latency_ns > peer->latency_p99_ns)
        peer->latency_p99_ns += step;
    else if (peer->latency_p99_ns > step / QUANTILE_ODDS + 1)
        peer->latency_p99_ns -= step / QUANTILE_ODDS + 1;
}

void peer_on_answer(struct peer *peer, uint64_t latency_ns)
{
    learn_latency(peer, latency_ns);
    peer_on_sign(peer);
}

void peer_on_sign(struct peer *peer)
{
    peer->replies++;
    peer->peers->returns += peer->is_silent;
    peer->waiting_since_ns = 0;
    peer->is_silent = peer->is_doubted = peer->is_told = false;
}

void peer_set_link(struct peer *peer, struct link *link)
{
    if (link != NULL && peer->link == NULL) {
        peer->peers->returns += peer->was_linked;
        peer->was_linked = true;
    }
    peer->link = link;
    peer->is_silent = peer->is_doubted = peer->is_told = false;
    peer->waiting_since_ns = 0;
}

void peer_on_silence(struct peer *peer, struct instant now)
{
    if (peer->is_silent)
        return;
    peer->is_silent = true;
    peer->probe_pause_ns = (uint64_t)PEER_PROBE_MS_MIN * NS_PER_MS;
    peer->probe_at_ns = now.mono_ns + peer->probe_pause_ns;
    wake_by(peer->peers, now.mono_ns);
}

static enum peer_need look_at_silent(struct peer *peer, struct instant now)
{
    if (!peer->is_told) {
        peer->is_told = true;
        wake_by(peer->peers, peer->probe_at_ns);
        return PEER_HAS_FALLEN_SILENT;
    }
    const uint64_t most = (uint64_t)PEER_PROBE_MS_MAX * NS_PER_MS;
    bool is_due = now.mono_ns >= peer->probe_at_ns;
    if (is_due) {
        peer->probe_pause_ns = 2 * peer->probe_pause_ns < most ? 2 * peer->probe_pause_ns : most;
        peer->probe_at_ns = now.mono_ns + peer->probe_pause_ns;
    }
    wake_by(peer->peers, peer->probe_at_ns);
    return is_due ? PEER_NEEDS_GREETING : PEER_NEEDS_NOTHING;
}

enum peer_need peer_look(struct peer *peer, struct instant now)
{
    if (peer->link == NULL)
        return PEER_NEEDS_NOTHING;
    if (peer->is_silent)
        return look_at_silent(peer, now);
    if (peer->waiting_since_ns == 0)
        return PEER_NEEDS_NOTHING;
    uint64_t patience_ns = peer_patience_ns(peer), waits_ns = now.mono_ns - peer->waiting_since_ns;
    if (waits_ns > patience_ns) {
        peer_on_silence(peer, now);
        return look_at_silent(peer, now);
    }
    bool is_to_be_doubted = !peer->is_doubted && waits_ns >= patience_ns / 2;
    peer->is_doubted |= is_to_be_doubted;
    wake_by(peer->peers, peer->waiting_since_ns + (peer->is_doubted ? patience_ns + 1 : patience_ns / 2));
    return is_to_be_doubted ? PEER_NEEDS_GREETING : PEER_NEEDS_NOTHING;
}

void peers_forgive(struct peers *peers, uint64_t ns)
{
    for (uint32_t i = 0; i < peers->count; i++) {
        struct peer *peer = &peers->list[i];
        if (peer->waiting_since_ns != 0)
            peer->waiting_since_ns += ns;
    }
}

uint64_t peer_hedge_after_ns(const struct peer *peer)
{
    const uint64_t least = (uint64_t)PEER_HEDGE_US_MIN * NS_PER_US, first = (uint64_t)PEER_HEDGE_US_FIRST * NS_PER_US;
    if (peer->replies < REPLIES_OF_A_START)
        return first;
    return peer->latency_p99_ns < least ? least : peer->latency_p99_ns;
}

void link_wants_flush(struct queue *flushes, struct link *link)
{
    if (link->wants_flush)
        return;
    link->wants_flush = true;
    queue_push(flushes, &link->flush);
}
