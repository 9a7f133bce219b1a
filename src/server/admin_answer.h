/* What is asked of the admin port, and its answers. Between admin_http.c and admin_answer.c. */
#ifndef SERVER_ADMIN_ANSWER_H
#define SERVER_ADMIN_ANSWER_H

#include "base/list.h"
#include "server/admin_http.h"

#include <event2/event_struct.h>
#include <event2/http.h>
#include <jansson.h>

/* A request that waits for other nodes. It lives until these have answered; its client may be gone before. */
struct admin_ask {
    struct list link;               /* of admin_asks.list */
    struct evhttp_request *request; /* NULL: has been answered, or nobody waits any more */
    struct admin_asks *asks;
    struct event timeout;
    struct inspection inspection;
};

struct admin_asks {
    const struct admin_ports *ports;
    struct event_base *base;
    struct list list;
    unsigned count;
};

/* Answers a request that may be answered, now or later. */
void admin_answer(struct admin_asks *asks, struct evhttp_request *request);

/* Sends an answer, a report of room admin. Takes over `report`. */
void admin_reply(struct evhttp_request *request, int status, json_t *report);
/* {"error": text} */
void admin_refuse(struct evhttp_request *request, int status, const char *text);

/* Nobody waits any more; what is under way ends later. Connections are closed already. */
void admin_asks_stop(struct admin_asks *asks);
/* Frees what never ended: nothing is under way any more. */
void admin_asks_close(struct admin_asks *asks);

#endif
