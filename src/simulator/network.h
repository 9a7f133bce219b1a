/* The simulated network: connections between the loops of nodes, and what becomes of each frame on them.
 *
 * Every connection is a pair of struct link, as the server would make after the handshake. What a node appends to a
 * link is cut into frames, and each frame meets its own fate: it is lost, late, doubled, or overtaken. A connection may
 * also be broken; the dialling side dials again with growing pauses. Messages of the membership plane travel as single
 * datagrams between machines and meet the same fates. */
#ifndef SIMULATOR_NETWORK_H
#define SIMULATOR_NETWORK_H

#include "base/bytes.h"
#include "base/list.h"
#include "message/link.h"
#include "simulator/plan.h"

#include <stdbool.h>
#include <stdint.h>

struct world;
struct machine;
struct machine_loop;
struct connection;
struct parcel;

/* One end of a connection, on one loop. */
struct endpoint {
    struct connection *connection;
    struct machine_loop *loop;
    uint64_t incarnation; /* of the machine when the connection was made */
    struct link link;
    bool attached;            /* the node knows the link */
    bool blocked;             /* has more to write than the connection takes */
    size_t travelling;        /* bytes on their way to the other end */
    uint64_t last_arrival_ns; /* of what this end sent: later frames come later unless they are reordered */
    struct list on_loop;
};

struct connection {
    uint64_t generation; /* one more for each use of this structure */
    bool is_up;
    struct endpoint ends[2]; /* the dialler's and the acceptor's */
    struct list free;
};

/* One loop's standing wish to be connected with one other machine. */
struct dial {
    struct connection *connection; /* NULL: none */
    bool is_scheduled;
    uint32_t pause_ms;
};

enum { NETWORK_WINDOW_BYTES = 64 << 10 /* what a connection takes before it is delivered */ };

struct network {
    bool lossy; /* the rates of the plan count */
    /* From each machine to each. */
    bool cut[PLAN_NODES_MAX][PLAN_NODES_MAX], clogged[PLAN_NODES_MAX][PLAN_NODES_MAX];
    uint32_t slow_us[PLAN_NODES_MAX][PLAN_NODES_MAX];
    struct list free; /* connections that may be used again */
    struct connection **all;
    size_t count, room;
    uint64_t frames, frames_lost;
    uint64_t records; /* frames that make or mend a copy */
};

/* No connection yet. */
void network_init(struct network *network);
/* Frees all connections; all have been taken down. */
void network_close(struct network *network);

/* The machines that this loop should be connected with have changed, or it has just started. */
void network_dial_all(struct world *world, struct machine_loop *loop);
/* Writes out what links of this loop have to write, at the end of its turn. */
void network_flush(struct world *world, struct machine_loop *loop);
/* Takes all connections of a stopping machine's loop down, at once here, a little later at the other ends; `later_ns`
 * not 0: they notice nothing until then, and what is on its way to them still arrives. */
void network_hang_up(struct world *world, struct machine_loop *loop, uint64_t later_ns);
/* Breaks one connection, if there is any between the two. */
void network_break(struct world *world, unsigned from, unsigned to);
/* `machine` takes only this process of `other` for it: connections with others break. */
void network_admit(struct world *world, unsigned machine, unsigned other, uint64_t incarnation);
/* Lets this parcel travel from this end to the other, whatever the network is like. */
void network_deliver(struct world *world, struct endpoint *from, struct parcel *parcel);
/* A message of the membership plane. */
void network_send_datagram(struct world *world, unsigned from, unsigned to, uint8_t type, struct bytes head);
/* Ends all that is wrong with the network: partitions, clogs, slowness, rates. */
void network_heal(struct world *world);
/* Lets what was clogged flow again. */
void network_unclog(struct world *world, unsigned from, unsigned to);

#endif
