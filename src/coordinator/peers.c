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
    *peers = (struct peers){.flushes = flushes};
}

void peers_close(struct peers *peers)
{
    free(peers->list);
    *peers = (struct peers){.flushes = peers->flushes};
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
    peers->list[place] = (struct peer){.node = node};
    return &peers->list[place];
}

/* Nothing has come for as long as any request may wait: that need not be told by whoever waits. */
static uint64_t falls_silent_at(const struct peer *peer)
{
    return peer->waiting_since_ns + (uint64_t)PEER_SILENCE_MS * NS_PER_MS;
}

static bool has_fallen_silent(const struct peer *peer, struct instant now)
{
    return peer->waiting_since_ns != 0 && now.mono_ns > falls_silent_at(peer);
}

bool peer_is_linked(const struct peer *peer)
{
    return peer->link != NULL && link_has_room(peer->link);
}

bool peer_is_up(const struct peer *peer, struct instant now)
{
    if (peer->link == NULL || !link_has_room(peer->link))
        return false;
    if (peer->is_silent)
        return now.mono_ns >= peer->probe_at_ns;
    /* An answer may have been lost long ago, with nothing asked since: then this is the probe. */
    return !has_fallen_silent(peer, now)
           || now.mono_ns >= falls_silent_at(peer) + (uint64_t)PEER_PROBE_MS_MIN * NS_PER_MS;
}

static struct chain *open_request(struct peers *peers, struct peer *peer, struct instant now)
{
    if (peer->waiting_since_ns == 0)
        peer->waiting_since_ns = now.mono_ns;
    link_wants_flush(peers->flushes, peer->link);
    return &peer->link->out;
}

struct chain *peer_request(struct peers *peers, struct peer *peer, struct instant now)
{
    if (peer->link == NULL || !link_has_room(peer->link))
        return NULL;
    if (!peer->is_silent && has_fallen_silent(peer, now))
        peer_on_silence(peer, (struct instant){.mono_ns = falls_silent_at(peer)});
    if (peer->is_silent) {
        if (now.mono_ns < peer->probe_at_ns)
            return NULL;
        peer->probe_at_ns = now.mono_ns + peer->probe_pause_ns;
    }
    return open_request(peers, peer, now);
}

struct chain *peer_request_in_need(struct peers *peers, struct peer *peer, struct instant now)
{
    return peer_is_linked(peer) ? open_request(peers, peer, now) : NULL;
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
    peer->waiting_since_ns = 0;
    peer->is_silent = false;
    peer->probe_pause_ns = 0;
}

void peer_set_link(struct peer *peer, struct link *link)
{
    peer->link = link;
    peer->is_silent = false;
    peer->probe_pause_ns = 0;
    peer->waiting_since_ns = 0;
}

void peer_on_silence(struct peer *peer, struct instant now)
{
    uint64_t pause = peer->probe_pause_ns * 2;
    if (pause < (uint64_t)PEER_PROBE_MS_MIN * NS_PER_MS)
        pause = (uint64_t)PEER_PROBE_MS_MIN * NS_PER_MS;
    if (pause > (uint64_t)PEER_PROBE_MS_MAX * NS_PER_MS)
        pause = (uint64_t)PEER_PROBE_MS_MAX * NS_PER_MS;
    if (peer->is_silent && now.mono_ns < peer->probe_at_ns)
        return; /* another request of before it fell silent */
    peer->is_silent = true;
    peer->probe_pause_ns = pause;
    peer->probe_at_ns = now.mono_ns + pause;
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
