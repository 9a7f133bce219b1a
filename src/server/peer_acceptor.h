/* Takes connections from other nodes on the peer port and shakes hands with them, on the main thread. Links of the data
 * plane are then dealt out to the workers, by the number of the loop that dialled; those of the membership plane stay.
 */
#ifndef SERVER_PEER_ACCEPTOR_H
#define SERVER_PEER_ACCEPTOR_H

#include "server/listen.h"
#include "server/logger.h"
#include "server/peer_link.h"

#include <event2/event.h>
#include <event2/event_struct.h>
#include <stdbool.h>

enum {
    PEER_HANDSHAKES_MAX = 256,  /* unfinished ones, dialled ones counted in; beyond, no more are accepted */
    PEER_ACCEPT_RETRY_MS = 100, /* pause then, and when the system has no descriptors left */
    PEER_ACCEPTS_PER_EVENT = 64
};

struct peer_acceptor {
    struct peer_hub *hub;
    struct listeners listeners;
    struct event events[LISTENERS_MAX], retry;
    bool accepting, failing; /* failing: why it does not accept has been logged */
    struct logger_gate refused;
    uint64_t accepted, refusals;
};

/* The listeners become the acceptor's. Accepts from now on. */
void peer_acceptor_init(struct peer_acceptor *acceptor, struct peer_hub *hub, const struct listeners *listeners);
/* May be called twice, and on a zero-initialised structure; before the hub is closed. */
void peer_acceptor_close(struct peer_acceptor *acceptor);

/* An accepted link has been closed before it was up: somebody was refused, or went away. */
void peer_acceptor_on_refused(struct peer_acceptor *acceptor, const struct peer_link *link);

#endif
