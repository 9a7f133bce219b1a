/* One thread's links of the data plane: what joins its node with its hub.
 *
 * A worker dials every other member of the ring and keeps the accepted links that are dealt to it; the main thread has
 * a node too, and links of its own. The mesh also keeps the node's timer. */
#ifndef SERVER_MESH_H
#define SERVER_MESH_H

#include "node/node.h"
#include "server/admissions.h"
#include "server/peer_dialer.h"
#include "server/peer_link.h"

#include <event2/event.h>
#include <event2/event_struct.h>
#include <stdbool.h>
#include <stdint.h>

/* Said by the main thread to whom it dials, in place of the number of a loop: its node repairs, and talks to those that
 * do. */
enum { MESH_LOOP_REPAIRS = 0xffff };

struct mesh_ports {
    /* Something has happened in this turn: the time. */
    struct instant (*begin)(void *host);
    /* The main thread's; NULL elsewhere. An accepted link of the data plane is to go to a worker: peer_link_depart.
     * Those of other repairing nodes stay. */
    void (*deal)(void *host, struct peer_link *link);
    /* A frame of the membership plane; false: malformed. */
    bool (*on_member_frame)(void *host, struct peer_link *link, const struct frame *frame);
    /* An accepted link has ended before it was up. */
    void (*on_refused)(void *host, struct peer_link *link);
    void *host;
};

/* What all meshes of a process share. */
struct mesh_settings {
    bool has_peers; /* else nothing is dialled */
    const struct handshake_identity *identity;
    struct address_book *book;
    struct admissions *admissions;
    uint32_t self; /* id of this node */
    size_t frame_max, out_max;
    struct logger *log;
};

struct mesh {
    const struct mesh_settings *settings;
    struct node *node;
    struct mesh_ports ports;
    struct peer_hub hub;
    struct peer_dialer dialer;
    struct event timer;
    uint64_t armed_ns; /* when the timer goes off; UINT64_MAX: it is not set */
    bool has_lost;     /* a link to a node: what waited for it has been told and may have begun anew */
};

/* `settings` and `buffer` (that the links read into) are borrowed until mesh_close. `number` is this thread's, said to
 * whom it dials; `speaks` as in peer_dialer_init. */
void mesh_init(struct mesh *mesh, const struct mesh_settings *settings, struct node *node, struct event_base *base,
               const struct mesh_ports *ports, uint8_t *buffer, size_t buffer_bytes, uint16_t number, bool speaks);
/* Closes all links. May be called on a zero-initialised structure. */
void mesh_close(struct mesh *mesh);

/* The ring has changed, or the node looks at it for the first time, or another process has become one of its members:
 * dials its members, and closes links with processes that are none. */
void mesh_follow(struct mesh *mesh);
/* Reads no more requests of others; those that have been read are finished. */
void mesh_drain(struct mesh *mesh);

/* Writes what the node has for others, one call for each link. true: a link broke, so settle the node again. */
bool mesh_flush(struct mesh *mesh);
/* After the last flush of a turn. */
void mesh_end_turn(struct mesh *mesh, struct instant now);

#endif
