/* One end of a connection between two nodes, after its handshake: what the pure rooms know of it.
 *
 * The server embeds it in a peer's socket, the simulator in a fake one. A dialled link carries our requests and their
 * replies, an accepted one the other's. Frames are appended to `out`; the owner of the connection writes them out, once
 * for each turn of its loop. */
#ifndef MESSAGE_LINK_H
#define MESSAGE_LINK_H

#include "base/chain.h"
#include "base/queue.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct link {
    uint32_t peer;             /* id of the node at the other end, proved in the handshake */
    uint64_t peer_incarnation; /* of its process */
    bool is_dialled;
    struct chain out;
    size_t out_max; /* bytes waiting beyond which the link takes no more requests: the peer then counts as silent */
    struct queue_node flush; /* of the node's queue of links with something to write */
    bool wants_flush;
    void *room; /* the node's own, NULL at first */
};

/* Does the link take a further request? Replies are always taken: their number is bounded by the requests that the
 * other end may have under way. */
static inline bool link_has_room(const struct link *link)
{
    return link->out.len < link->out_max;
}

#endif
