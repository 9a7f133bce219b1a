/* The other members as one loop sees them: the link to each, whether it answers, how fast. Dynamo 4.8: failure
 * detection is local. Within rooms coordinator and node.
 *
 * A peer is up when its dialled link has been greeted, takes requests and answers. Who has been asked and has said
 * nothing for some times its usual latency is silent: a dead host, a frozen process and a network that loses one
 * direction look alike. Before that, at half the time, it is greeted: so a peer that lives, and only takes its time
 * over what it was asked (a forwarded request, a slow disk), is not taken for a dead one. A silent peer is greeted
 * again and again, after pauses that grow, and is up with its first answer. It is the node that greets
 * (node/greeting.c), by its timers: whether a peer is silent is known although nobody asks it for anything more. */
#ifndef COORDINATOR_PEERS_H
#define COORDINATOR_PEERS_H

#include "base/instant.h"
#include "base/queue.h"
#include "message/link.h"

#include <stdbool.h>
#include <stdint.h>

enum {
    /* Silence. Under the least, the pauses of a busy host's scheduler would be taken for failures; clients notice what
     * is above the most. Eight times the 99th percentile is rarely seen of a peer that lives, and is soon over. */
    PEER_SILENCE_MS_MIN = 100,
    PEER_SILENCE_MS_MAX = 500, /* also while little is known of the peer's latency */
    PEER_SILENCE_P99S = 8,
    /* Pauses between the probes of a silent peer: it should not be away for much longer than it really was, and the
     * probes that a frozen process finds in its socket should be few. */
    PEER_PROBE_MS_MIN = 50,
    PEER_PROBE_MS_MAX = 1000,
    PEER_HEDGE_US_MIN = 1000,   /* a reply is never missed sooner than this */
    PEER_HEDGE_US_FIRST = 50000 /* nor later than this while little is known of the peer's latency */
};

struct peer {
    uint32_t node;
    struct peers *peers;
    struct link *link; /* dialled and greeted, or NULL */
    bool was_linked;
    bool is_silent;
    bool is_known_up;                     /* the node's own: to its repair */
    bool is_told;                         /* peer_look has told that it fell silent */
    bool is_doubted;                      /* it has been greeted since waiting_since_ns */
    uint64_t probe_at_ns, probe_pause_ns; /* while it is silent */
    uint64_t waiting_since_ns;            /* when the first request since its last answer was sent; 0: none was */
    uint64_t latency_p99_ns;              /* an estimate that follows its recent replies */
    uint64_t replies; /* whoever asks remembers it: if it is the same at the deadline, nothing has come since */
};

struct peers {
    struct peer *list; /* sorted by node */
    uint32_t count, room;
    struct queue *flushes; /* links that have something to write; the node's */
    uint64_t wake_at_ns;   /* when peer_look has something to say of one of them, or a little earlier */
    uint64_t returns;      /* how often one was there again that had been silent or without a link */
};

/* No peers yet; `flushes` is borrowed. The structure may not be moved. */
void peers_init(struct peers *peers, struct queue *flushes);
/* Links are not touched. */
void peers_close(struct peers *peers);

/* NULL when nothing was ever heard of this node. */
struct peer *peers_find(struct peers *peers, uint32_t node);
/* Finds or makes. Pointers to peers become invalid by the next call. */
struct peer *peers_take(struct peers *peers, uint32_t node);

/* The link to it has been greeted, or is gone (NULL): what was known of its silence belongs to the old one. */
void peer_set_link(struct peer *peer, struct link *link);

/* Worth sending a request to? */
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
/* What is to be done about a peer now; peers->wake_at_ns is lowered to when it is to be looked at next, so raise that
 * before all are looked at. */
enum peer_need {
    PEER_NEEDS_NOTHING,
    PEER_NEEDS_GREETING,   /* it has said nothing for a while, or is silent and its next probe is due */
    PEER_HAS_FALLEN_SILENT /* just now: tell those who wait for it */
};
enum peer_need peer_look(struct peer *peer, struct instant now);
/* For how long it may say nothing. */
uint64_t peer_patience_ns(const struct peer *peer);
/* This process itself has not run for so long: that is no silence of others. */
void peers_forgive(struct peers *peers, uint64_t ns);
/* After how long without an answer another replica should be asked: the p99 of this peer's recent replies. */
uint64_t peer_hedge_after_ns(const struct peer *peer);

/* Puts a link among the flushes (replies, greetings). */
void link_wants_flush(struct queue *flushes, struct link *link);

#endif
