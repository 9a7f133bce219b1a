/* Keeps dialled links to other nodes, for one hub and one plane.
 *
 * The data plane's dialler follows the ring: one link to each other member, dialled again after a pause that grows
 * while nobody answers. The membership plane's dials whoever is to be told something, and closes what has not been
 * used. */
#ifndef SERVER_PEER_DIALER_H
#define SERVER_PEER_DIALER_H

#include "base/list.h"
#include "base/prng.h"
#include "ring/ring.h"
#include "server/address_book.h"
#include "server/peer_link.h"

#include <stdbool.h>
#include <stdint.h>

enum {
    DIAL_PAUSE_MS_MIN = 50,
    DIAL_PAUSE_MS_MAX = 2000,
    DIAL_STEADY_MS = 1000,             /* a link that did not live so long was a failure as well */
    DIAL_IDLE_S = 120,                 /* an unused link of the membership plane is closed after it */
    DIAL_TARGETS_MAX = 4096,           /* of the membership plane; messages to more are dropped */
    DIAL_WAITING_BYTES_MAX = 32 << 20, /* said to a node while its link is being made; more is dropped */
    DIAL_COMPLAINT_S = 30              /* the same trouble with a node is logged again after it */
};

/* The pause before the next try after `failures` >= 1 failed ones in a row: between DIAL_PAUSE_MS_MIN and a bound that
 * doubles with each failure up to DIAL_PAUSE_MS_MAX, drawn by `chance` so that not all nodes dial one that comes back
 * in the same moment. */
uint32_t dial_pause_ms(unsigned failures, uint32_t chance);

struct peer_dialer;

struct peer_target {
    struct list place; /* of dialer->targets */
    struct peer_dialer *dialer;
    char address[RING_ADDRESS_MAX + 1];
    char name[RING_NAME_MAX + 1]; /* who must answer there; "": anyone */
    struct peer_link *link;       /* being made or up; NULL while it pauses */
    struct event retry;
    bool pausing, followed;
    unsigned failures; /* in a row */
    uint64_t used_ns, up_ns;
    uint64_t complained_ms;         /* 0: not since the link was up */
    char complaint[PEER_FAULT_MAX]; /* what was said then */
    struct chain waiting;           /* membership plane: frames for when the link is up */
};

struct peer_dialer {
    struct peer_hub *hub;
    struct address_book *book;
    enum handshake_plane plane;
    uint16_t loop;
    bool speaks; /* logs trouble at notice; else, beside others who do, at debug */
    struct prng chance;
    struct list targets;
    unsigned count;
};

/* `seed`: for the pauses. */
void peer_dialer_init(struct peer_dialer *dialer, struct peer_hub *hub, struct address_book *book,
                      enum handshake_plane plane, uint16_t loop, bool speaks, uint64_t seed);
/* Before its hub is closed. May be called twice and on a zero-initialised structure. */
void peer_dialer_close(struct peer_dialer *dialer);

/* Data plane: one link to each member but `self`; links to others, or to old addresses, are closed. */
void peer_dialer_follow(struct peer_dialer *dialer, const struct ring_view *view, uint32_t self);

/* Data plane: this node has just dialled us, so it is there again: the pause before it is dialled ends. */
void peer_dialer_hurry(struct peer_dialer *dialer, const char *node);

/* Membership plane: a message for whoever has this address. Dropped while the address does not answer. */
void peer_dialer_send(struct peer_dialer *dialer, const char *address, uint8_t type, struct bytes head);
/* Who cannot be reached and why, for people; "" when nobody is missed. */
void peer_dialer_troubles(const struct peer_dialer *dialer, char *text, size_t room);
/* Lets go of targets that have not been used for DIAL_IDLE_S; now and then. */
void peer_dialer_tidy(struct peer_dialer *dialer);

/* The hub's owner tells of links with a target. on_up false: somebody else answers at that address; close the link. */
bool peer_dialer_on_up(struct peer_link *link);
void peer_dialer_on_down(struct peer_link *link);

#endif
