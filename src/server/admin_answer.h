/* What is asked of the admin port, and its answers. Between admin_http.c and admin_answer.c. */
#ifndef SERVER_ADMIN_ANSWER_H
#define SERVER_ADMIN_ANSWER_H

#include "base/list.h"
#include "server/admin_http.h"
#include "server/admin_verify.h"

#include <event2/event_struct.h>
#include <event2/http.h>
#include <jansson.h>

enum { ADMIN_CONFLICT = 409 /* the ring or the node refuses */ };

/* A request that waits for other nodes. It lives until these have answered; its client may be gone before. */
struct admin_ask {
    struct list link;               /* of admin_asks.list */
    struct evhttp_request *request; /* NULL: has been answered, or nobody waits any more */
    struct admin_asks *asks;
    struct event timeout;
    struct inspection inspection; /* GET /key */
    struct admin_verify verify;   /* GET /verify */
};

struct admin_asks {
    const struct admin_ports *ports;
    struct event_base *base;
    struct list list;
    unsigned count;
};

/* Answers a request that may be answered, now or later. */
void admin_answer(struct admin_asks *asks, struct evhttp_request *request);

/* A new one; NULL: the request has been refused. */
struct admin_ask *admin_ask_new(struct admin_asks *asks, struct evhttp_request *request);
/* Its answer, if anybody still waits for one. Takes over `report`. */
void admin_ask_answer(struct admin_ask *ask, int status, json_t *report);
void admin_ask_free(struct admin_ask *ask);

/* The ring; NULL after a refusal while there is none. */
const struct ring_view *admin_need_view(struct admin_asks *asks, struct evhttp_request *request);

/* The object in the body; NULL after a refusal. A web page cannot send this content type to another site's server
 * without asking first, which is refused: so no page makes an operator's browser change a ring. */
json_t *admin_read_body(struct evhttp_request *request);
/* Something for an operator to read, after a change. */
json_t *admin_report_done(const char *text);

/* Pages of their own files. */
void admin_answer_hints(struct admin_asks *asks, struct evhttp_request *request);
void admin_answer_antientropy(struct admin_asks *asks, struct evhttp_request *request);
void admin_answer_repair(struct admin_asks *asks, struct evhttp_request *request);

/* Sends an answer, a report of room admin. Takes over `report`. */
void admin_reply(struct evhttp_request *request, int status, json_t *report);
/* {"error": text} */
void admin_refuse(struct evhttp_request *request, int status, const char *text);

/* Nobody waits any more; what is under way ends later. Connections are closed already. */
void admin_asks_stop(struct admin_asks *asks);
/* Frees what never ended: nothing is under way any more. */
void admin_asks_close(struct admin_asks *asks);

#endif
