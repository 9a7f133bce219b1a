/* The other members as one loop sees them: the link to each, whether it answers, how fast. Dynamo 4.8: failure
 * detection is local. Within rooms coordinator and node.
 *
 * A peer is up when its dialled link has been greeted, takes requests and has not been silent: no request has gone
 * unanswered past its deadline since its last answer. A silent peer is probed again after a pause that grows
 * (PEER_PROBE_MS_MIN .. MAX), by an ordinary request or, if there is none, by a greeting (node/greeting.c), and is up
 * again with its first answer. */
#ifndef COORDINATOR_PEERS_H
#define COORDINATOR_PEERS_H

#include "base/instant.h"
#include "base/queue.h"
#include "message/link.h"

#include <stdbool.h>
#include <stdint.h>

enum {
    PEER_PROBE_MS_MIN = 100,
    PEER_PROBE_MS_MAX = 2000,
    PEER_SILENCE_MS = 1000,   /* a peer that has answered nothing for so long, although asked, is silent in any case */
    PEER_HEDGE_US_MIN = 1000, /* a reply is never missed sooner than this */
    PEER_HEDGE_US_FIRST = 50000 /* nor later than this while little is known of the peer's latency */
};

struct peer {
    uint32_t node;
    struct link *link; /* dialled and greeted, or NULL */
    bool is_silent;
    uint64_t probe_at_ns, probe_pause_ns;
    uint64_t waiting_since_ns; /* when the first request since its last answer was sent; 0: none was */
    uint64_t latency_p99_ns;   /* an estimate that follows its recent replies */
    uint64_t replies; /* whoever asks remembers it: if it is the same at the deadline, nothing has come since */
};

struct peers {
    struct peer *list; /* sorted by node */
    uint32_t count, room;
    struct queue *flushes; /* links that have something to write; the node's */
};

/* No peers yet; `flushes` is borrowed. */
void peers_init(struct peers *peers, struct queue *flushes);
/* Links are not touched. */
void peers_close(struct peers *peers);

/* NULL when nothing was ever heard of this node. */
struct peer *peers_find(struct peers *peers, uint32_t node);
/* Finds or makes. Pointers to peers become invalid by the next call. */
struct peer *peers_take(struct peers *peers, uint32_t node);

/* The link to it has been greeted, or is gone (NULL): what was known of its silence belongs to the old one. */
void peer_set_link(struct peer *peer, struct link *link);

/* Worth sending a request to? A silent peer whose probe is due is: the caller's request is the probe. */
bool peer_is_up(const struct peer *peer, struct instant now);
/* Where to write a request to this peer, whose link is then among the flushes. NULL: not up, or its queue is full. */
struct chain *peer_request(struct peers *peers, struct peer *peer, struct instant now);

/* Has it a link that takes requests? A silent one may: whoever can do nothing without it asks it all the same. */
bool peer_is_linked(const struct peer *peer);
/* As peer_request, also of a silent peer. NULL: it is not linked. */
struct chain *peer_request_in_need(struct peers *peers, struct peer *peer, struct instant now);

/* Any answer to a request, of which nothing more is known. */
void peer_on_sign(struct peer *peer);
/* Any answer to a request; how long it took. */
void peer_on_answer(struct peer *peer, uint64_t latency_ns);
/* A request's deadline has passed without any answer from this peer (peer->replies is what it was) since it was sent.
 */
void peer_on_silence(struct peer *peer, struct instant now);
/* After how long without an answer another replica should be asked: the p99 of this peer's recent replies. */
uint64_t peer_hedge_after_ns(const struct peer *peer);

/* Puts a link among the flushes (replies, greetings). */
void link_wants_flush(struct queue *flushes, struct link *link);

#endif
