/* One connection to another node: its socket, the handshake, then frames both ways.
 *
 * All links of a thread belong to its hub. A link is dialled or accepted, shakes hands within HANDSHAKE_MS_MAX, is up,
 * and is closed by whoever finds a reason; its memory goes at the end of the turn (peer_hub_bury), so that nobody who
 * is at work on it meets freed memory. */
#ifndef SERVER_PEER_LINK_H
#define SERVER_PEER_LINK_H

#include "base/counter.h"
#include "base/instant.h"
#include "base/list.h"
#include "base/pool.h"
#include "message/frame.h"
#include "message/handshake.h"
#include "message/link.h"
#include "server/logger.h"

#include <event2/event.h>
#include <event2/event_struct.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/socket.h>

enum {
    PEER_FRAME_BEYOND_OBJECT = 64 << 10, /* of a frame of the data plane, beside its object */
    PEER_PARTIAL_KEPT = 4096,            /* bytes of a link's own buffer that an idle link may keep */
    PEER_KEEPALIVE_S = 10,               /* idle time before the kernel asks whether the other machine is there */
    PEER_UNACKNOWLEDGED_MS = 20000,      /* bytes that no machine has acknowledged for so long end the connection */
    PEER_CHUNKS_KEPT = 64,               /* free pieces of output kept by a hub */
    PEER_FAULT_MAX = 256                 /* bytes of a reason */
};

struct peer_link;
struct peer_target;

/* What a hub's owner does; none of these is called from within peer_link_flush but on_down. */
struct peer_hub_ports {
    /* The handshake is over, link->peer and link->link are filled. false: close it (link->fault says why). */
    bool (*on_up)(void *host, struct peer_link *link);
    /* A whole frame. false: it is malformed. */
    bool (*on_frame)(void *host, struct peer_link *link, const struct frame *frame);
    /* The link has been closed; link->was_up and link->fault say more. */
    void (*on_down)(void *host, struct peer_link *link);
    void *host;
};

/* Written by the hub's thread, read by anyone. */
struct peer_traffic {
    _Atomic uint64_t bytes_read, bytes_written, frames_read, writes, links_up;
};

struct peer_hub {
    struct event_base *base;
    struct logger *log;
    const struct handshake_identity *identity;
    uint8_t *buffer; /* that all links read into */
    size_t buffer_bytes;
    size_t frame_max; /* of the data plane */
    size_t out_max;   /* of each link */
    struct peer_hub_ports ports;
    struct pool chunks;
    struct list links, dead;
    unsigned shaking; /* links whose handshake is not over */
    bool is_draining;
    struct logger_gate malformed;
    struct peer_traffic traffic;
};

enum peer_link_state { PEER_CONNECTING, PEER_SHAKING, PEER_UP };

struct peer_link {
    struct link link;  /* what the pure rooms know of it */
    struct list place; /* of hub->links or hub->dead */
    struct peer_hub *hub;
    int fd; /* -1: closed */
    uint8_t state;
    uint8_t watched; /* EV_READ, EV_WRITE */
    bool was_up;     /* the owner has been told of it by on_up */
    uint8_t plane;
    uint16_t loop; /* dialled: the number that is said in the handshake */
    struct event event, timeout;
    struct handshake *handshake; /* NULL once it is over */
    struct handshake_peer peer;
    char address[RING_ADDRESS_MAX + 1]; /* dialled, or where it came from */
    char fault[PEER_FAULT_MAX];         /* why it was closed */
    struct peer_target *target;         /* the dialler's */
    /* What has been read of a frame that is not whole. */
    uint8_t *partial;
    size_t partial_len, partial_room, wanted;
};

/* `hub`: base, log, identity, buffer, frame_max, out_max and ports have been set, the rest is 0. */
void peer_hub_init(struct peer_hub *hub);
/* Closes all links. May be called on a zero-initialised structure. */
void peer_hub_close(struct peer_hub *hub);
/* Frees the links that have been closed; at the end of each turn, when nobody is at work on one. */
void peer_hub_bury(struct peer_hub *hub);

/* Accepted links are read no more: what they asked is finished, nothing new is begun. */
void peer_hub_drain(struct peer_hub *hub);
/* Do replies still wait for a socket that is full? */
bool peer_hub_has_replies(const struct peer_hub *hub);

/* Begins to connect. `address` is for people. NULL: it failed at once, errno says why. */
struct peer_link *peer_link_dial(struct peer_hub *hub, const struct sockaddr *to, socklen_t to_len, const char *address,
                                 enum handshake_plane plane, uint16_t loop);
/* Takes over an accepted, non-blocking socket and waits for the HELLO. */
struct peer_link *peer_link_accept(struct peer_hub *hub, int fd, const char *address);

/* A link that is up, on its way to another thread's hub. */
struct peer_arrival {
    struct list place;
    int fd;
    struct handshake_peer peer;
    char address[RING_ADDRESS_MAX + 1];
};
/* Takes an accepted link that is just up out of its hub: from within on_up, which then returns false. NULL: its last
 * words of the handshake could not be sent at once, which a new socket always can; it is to be closed. */
struct peer_arrival *peer_link_depart(struct peer_link *link);
void peer_link_arrive(struct peer_hub *hub, struct peer_arrival *arrival);
void peer_arrival_free(struct peer_arrival *arrival);

/* Writes what waits; what does not fit goes when the socket takes it. May close the link. */
void peer_link_flush(struct peer_link *link);

/* Closes the socket and calls on_down; harmless on a closed link. */
void peer_link_close(struct peer_link *link, const char *why);

static inline bool peer_link_is_open(const struct peer_link *link)
{
    return link->fd >= 0;
}

#endif
