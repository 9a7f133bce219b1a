/* One client's socket: moves bytes between it and the session, and does what the session's verdicts say. */
#ifndef SERVER_CONNECTION_H
#define SERVER_CONNECTION_H

#include "server/loop.h"

struct connection {
    struct event event; /* the only one: its mask is changed when the socket is full or reading must wait */
    struct session session;
    struct loop *loop;
    struct list link;               /* of loop->connections or loop->inbox */
    struct queue_node work, output; /* of loop->later or resumed, and of loop->unsent */
    int fd;                         /* -1: closed, the session waits for its requests to end */
    _Atomic uint32_t active_s;      /* monotonic seconds of the last input */
    uint8_t watched;                /* EV_READ, EV_WRITE: what the event is set to */
    uint8_t verdict;                /* enum session_verdict, the last one */
    bool in_work, in_unsent;        /* queued there */
    bool at_end;                    /* the client sends no more, or the session said SESSION_CLOSE */
};

/* A connection over a connected, non-blocking socket, which it owns from now on. Any thread. */
struct connection *connection_new(struct loop *loop, int fd);

/* On the loop's thread from here. Begins to listen to the client; the connection is in loop->connections. */
void connection_begin(struct connection *connection);

/* Closes the socket; frees the connection now or when its last request has ended. */
void connection_close(struct connection *connection);

/* session_host.ready: only takes a note. */
void connection_ready(struct connection *connection);

/* The session goes on: from loop->later or loop->resumed. */
void connection_continue(struct connection *connection);

/* Writes what waits: from loop->unsent. */
void connection_flush(struct connection *connection);

#endif
