/* Takes connections from the listening sockets and deals them out to the workers, within the connection limit. */
#ifndef SERVER_ACCEPTOR_H
#define SERVER_ACCEPTOR_H

#include "server/listen.h"
#include "server/loop.h"

#include <event2/event.h>
#include <event2/event_struct.h>
#include <stdatomic.h>

enum {
    ACCEPTS_PER_EVENT = 64, /* then other events of the main loop have their turn */
    ACCEPT_RETRY_MS = 100,  /* pause when the system has no descriptors or memory left */
    FILES_KEPT_SHARE = 4,   /* this part of the process's descriptors at most is kept from clients */
    CLIENT_REJECT_BYTES = 64
};

struct acceptor {
    struct event_base *base; /* of the main thread */
    struct event events[LISTENERS_MAX];
    struct listeners listeners;
    struct event retry_event, resume_event;
    int resume_fd; /* eventfd: a connection has closed while accepting is suspended */
    struct loop *loops;
    unsigned loop_count, next;
    uint64_t connections_max;
    uint64_t files_wanted; /* descriptors that clients leave for files and other nodes, if there are so many */
    struct logger_gate scarce;
    bool waits; /* beyond the limit stop accepting instead of refusing */
    bool retrying;
    struct logger *log;
    _Atomic bool accepting;
    _Atomic uint64_t current, total, rejected, disabled;
};

/* The listeners become the acceptor's. Nothing is accepted before acceptor_start. false after a logged error. */
bool acceptor_init(struct acceptor *acceptor, struct event_base *base, const struct listeners *listeners,
                   struct logger *log);
/* `files`: descriptors that the process needs for files and other nodes; clients do not take the last ones. */
void acceptor_start(struct acceptor *acceptor, struct loop *loops, unsigned loop_count, uint64_t connections_max,
                    uint64_t files, bool waits);
/* Accepts no more. The sockets stay open while workers may still describe them (`stats conns`). May be called twice. */
void acceptor_stop(struct acceptor *acceptor);
/* Closes the listening sockets, after the workers have ended; may be called twice. */
void acceptor_close(struct acceptor *acceptor);

/* A client's connection has been closed. Any thread. */
void acceptor_on_closed(void *acceptor);

#endif
