/* The admin port: HTTP on the main thread's loop, for ringctl and whoever else asks (docs/ringctl.md).
 *
 *   admin_http.c    connections, limits, who may ask
 *   admin_answer.c  what is asked: /status, /ring, /key, /config, /join, /hints, /antientropy, /repair
 *   admin_verify.h  /verify
 *   admin_change.h  new settings out of JSON
 *   admin_listen.h  where it listens
 *
 * A connection carries one request. There are limits to connections, their age, headers and bodies. */
#ifndef SERVER_ADMIN_HTTP_H
#define SERVER_ADMIN_HTTP_H

#include "admin/repair.h"
#include "membership/membership.h"
#include "node/node.h"
#include "replica/replica.h"
#include "ring/bucket.h"
#include "ring/ring.h"
#include "server/logger.h"
#include "storage/engine.h"

#include <event2/event.h>
#include <stdbool.h>

enum {
    ADMIN_PORT_ABOVE = 2000,       /* the clients' port, where --admin does not say */
    ADMIN_CONNECTIONS_MAX = 32,    /* beyond, nothing more is accepted until one ends */
    ADMIN_CONNECTION_SECONDS = 60, /* age at which a connection is cut */
    ADMIN_IDLE_SECONDS = 10,       /* without a byte of the request */
    ADMIN_ANSWER_SECONDS = 30,     /* for what other nodes must be asked; then 504 */
    ADMIN_HEADERS_MAX = 8192,      /* bytes */
    ADMIN_BODY_MAX = 65536,        /* bytes */
    ADMIN_TOKEN_MIN = 16,          /* bytes of the token */
    ADMIN_TOKEN_MAX = 256,
    ADMIN_ASKS_MAX = 64 /* waiting for other nodes at once; then 503 */
};

/* Where the answers come from; all are called on the main thread. */
struct admin_ports {
    /* NULL while there is no ring; both are valid until the call returns to the loop. */
    const struct ring_view *(*view)(void *host);
    const struct bucket_table *(*buckets)(void *host);
    unsigned (*rows)(void *host, struct membership_row *rows, unsigned max);
    const char *(*waits_for)(void *host);
    /* false: nothing is kept on disk. */
    bool (*engine)(void *host, struct engine_usage *usage);
    struct replica_present (*present)(void *host);
    /* As node_inspect, whose `done` is to be called on the main thread, and node_inspect_finish. */
    void (*inspect)(void *host, struct inspection *inspection);
    void (*inspect_finish)(void *host, struct inspection *inspection);
    /* As node_survey. */
    void (*survey)(void *host, struct survey *survey);
    /* What is known of hints and comparisons now; valid until the call returns to the loop. */
    const struct admin_repair *(*repair)(void *host);
    /* Compares a partition, or all (-1), with the other owners at once. NULL, or a static text that says why not. */
    const char *(*start_repair)(void *host, int partition);
    /* As membership_join. */
    void (*join)(void *host, const char *address, membership_done *done, void *owner);
    /* As membership_set_buckets. NULL, or a static text that says why not. */
    const char *(*set_buckets)(void *host, const struct bucket_table *buckets);
    void *host;
};

struct admin_http_options {
    const char *address;    /* --admin: host:port, "off", or NULL for the default */
    const char *token_file; /* NULL: none, which only loopback addresses allow */
    int client_port;        /* by which the default is chosen; 0: clients have no TCP port */
    bool client_port_free;  /* the system chose it: then it chooses this one too */
    struct event_base *base;
    struct admin_ports ports;
    struct logger *log;
};

struct admin_http;

/* Opens the port; requests are answered once the base's loop runs. false: refuse to start, the log says why. *http is
 * NULL when there is to be no admin port, or when the default one is taken (which is logged). */
bool admin_http_open(struct admin_http **http, const struct admin_http_options *options);

/* The port it listens on; 0 for NULL. */
int admin_http_port(const struct admin_http *http);

/* Closes port and connections. What is still under way may end later. NULL is allowed. */
void admin_http_stop(struct admin_http *http);
/* Frees it: nothing is under way any more, node and membership have been closed. NULL is allowed. */
void admin_http_free(struct admin_http *http);

#endif
