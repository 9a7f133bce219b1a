#include "server/admin_answer.h"

#include "admin/repair.h"
#include "admin/report.h"
#include "base/check.h"
#include "server/address.h"
#include "server/admin_change.h"
#include "server/clock.h"

#include <event2/buffer.h>
#include <event2/keyvalq_struct.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { STATUS_METHOD = 405, STATUS_MEDIA_TYPE = 415, STATUS_GATEWAY_TIME = 504 };

static const char *phrase_of(int status)
{
    switch (status) {
    case HTTP_OK:
        return "OK";
    case HTTP_BADREQUEST:
        return "Bad Request";
    case 401:
        return "Unauthorized";
    case 403:
        return "Forbidden";
    case HTTP_NOTFOUND:
        return "Not Found";
    case STATUS_METHOD:
        return "Method Not Allowed";
    case ADMIN_CONFLICT:
        return "Conflict";
    case STATUS_MEDIA_TYPE:
        return "Unsupported Media Type";
    case STATUS_GATEWAY_TIME:
        return "Gateway Timeout";
    default:
        return "Service Unavailable";
    }
}

/* Replies. */

static void free_text(const void *data, size_t len, void *text)
{
    (void)data;
    (void)len;
    free(text);
}

void admin_reply(struct evhttp_request *request, int status, json_t *report)
{
    struct evkeyvalq *headers = evhttp_request_get_output_headers(request);
    struct evbuffer *body = evbuffer_new();
    char *text = report_text(report);
    CHECK_MEMORY(body);
    evbuffer_add_reference(body, text, strlen(text), free_text, text);
    evhttp_add_header(headers, "Content-Type", "application/json");
    evhttp_add_header(headers, "Cache-Control", "no-store");
    evhttp_add_header(headers, "Connection", "close");
    evhttp_send_reply(request, status, phrase_of(status), body);
    evbuffer_free(body);
}

void admin_refuse(struct evhttp_request *request, int status, const char *text)
{
    admin_reply(request, status, report_error(text));
}

json_t *admin_report_done(const char *text)
{
    json_t *report = json_object();
    json_object_set_new(report, "text", json_string(text));
    return report;
}

/* Requests that wait. */

/* The connection goes while its request waits. libevent either lets go of the request first (it is then ours to end) or
 * frees it with the connection. */
static void on_close(struct evhttp_connection *connection, void *context)
{
    struct admin_ask *ask = context;
    (void)connection;
    if (ask->request != NULL && evhttp_request_get_connection(ask->request) != NULL)
        ask->request = NULL;
}

void admin_ask_answer(struct admin_ask *ask, int status, json_t *report)
{
    struct evhttp_request *request = ask->request;
    evtimer_del(&ask->timeout);
    ask->request = NULL;
    if (request == NULL) {
        json_decref(report);
        return;
    }
    struct evhttp_connection *connection = evhttp_request_get_connection(request);
    if (connection != NULL)
        evhttp_connection_set_closecb(connection, NULL, NULL);
    admin_reply(request, status, report);
}

static void on_timeout(evutil_socket_t fd, short what, void *context)
{
    (void)fd;
    (void)what;
    admin_ask_answer(context, STATUS_GATEWAY_TIME,
                     report_error("no answer in time; it may still take effect: see ringctl status"));
}

struct admin_ask *admin_ask_new(struct admin_asks *asks, struct evhttp_request *request)
{
    if (asks->count == ADMIN_ASKS_MAX) {
        admin_refuse(request, HTTP_SERVUNAVAIL, "too many requests wait for other nodes; try again later");
        return NULL;
    }
    struct admin_ask *ask = calloc(1, sizeof(*ask));
    struct timeval time = {.tv_sec = ADMIN_ANSWER_SECONDS};
    CHECK_MEMORY(ask);
    ask->asks = asks;
    ask->request = request;
    list_push_back(&asks->list, &ask->link);
    asks->count++;
    evhttp_connection_set_closecb(evhttp_request_get_connection(request), on_close, ask);
    evtimer_assign(&ask->timeout, asks->base, on_timeout, ask);
    evtimer_add(&ask->timeout, &time);
    return ask;
}

void admin_ask_free(struct admin_ask *ask)
{
    admin_verify_close(&ask->verify);
    evtimer_del(&ask->timeout);
    list_remove(&ask->link);
    ask->asks->count--;
    free(ask);
}

void admin_asks_stop(struct admin_asks *asks)
{
    for (struct list *at = asks->list.next; at != &asks->list; at = at->next) {
        struct admin_ask *ask = CONTAINER_OF(at, struct admin_ask, link);
        evtimer_del(&ask->timeout);
        if (ask->request != NULL) /* let go of by its connection, see on_close */
            evhttp_request_free(ask->request);
        ask->request = NULL;
    }
}

void admin_asks_close(struct admin_asks *asks)
{
    while (!list_is_empty(&asks->list))
        admin_ask_free(CONTAINER_OF(asks->list.next, struct admin_ask, link));
}

/* What is asked. */

typedef void answer(struct admin_asks *asks, struct evhttp_request *request);

const struct ring_view *admin_need_view(struct admin_asks *asks, struct evhttp_request *request)
{
    const struct admin_ports *ports = asks->ports;
    const struct ring_view *view = ports->view(ports->host);
    if (view == NULL) {
        char text[512];
        snprintf(text, sizeof(text), "this node has no ring yet: %.400s", ports->waits_for(ports->host));
        admin_refuse(request, HTTP_SERVUNAVAIL, text);
    }
    return view;
}

static void answer_status(struct admin_asks *asks, struct evhttp_request *request)
{
    const struct admin_ports *ports = asks->ports;
    struct membership_row *rows = calloc(RING_MEMBERS_MAX, sizeof(*rows));
    struct engine_usage usage;
    CHECK_MEMORY(rows);
    const struct admin_repair *repair = ports->repair(ports->host);
    struct status_source source = {.view = ports->view(ports->host),
                                   .rows = rows,
                                   .row_count = ports->rows(ports->host, rows, RING_MEMBERS_MAX),
                                   .buckets = ports->buckets(ports->host),
                                   .waits_for = ports->waits_for(ports->host),
                                   .engine = ports->engine(ports->host, &usage) ? &usage : NULL,
                                   .hints = repair->hints.kept,
                                   .doubtful = repair->horizon.doubtful,
                                   .behind = repair->horizon.behind,
                                   .wall_ms = clock_now().wall_ms};
    admin_reply(request, HTTP_OK, report_status(&source));
    free(rows);
}

static void answer_ring(struct admin_asks *asks, struct evhttp_request *request)
{
    const struct ring_view *view = admin_need_view(asks, request);
    if (view != NULL)
        admin_reply(request, HTTP_OK, report_ring(view));
}

static void answer_config(struct admin_asks *asks, struct evhttp_request *request)
{
    const struct ring_view *view = admin_need_view(asks, request);
    if (view != NULL)
        admin_reply(request, HTTP_OK, report_config(view, asks->ports->buckets(asks->ports->host)));
}

static void on_inspected(struct inspection *inspection)
{
    struct admin_ask *ask = inspection->owner;
    const struct admin_ports *ports = ask->asks->ports;
    struct key_source source = {.inspection = inspection,
                                .view = ports->view(ports->host),
                                .buckets = ports->buckets(ports->host),
                                .present = ports->present(ports->host)};
    if (source.view == NULL || source.view->epoch != inspection->epoch)
        admin_ask_answer(ask, HTTP_SERVUNAVAIL, report_error("the ring has changed meanwhile; ask again"));
    else
        admin_ask_answer(ask, HTTP_OK, report_key(&source));
    ports->inspect_finish(ports->host, inspection);
    admin_ask_free(ask);
}

/* The value of key= in the query, unescaped. A plus stands for itself: keys have no spaces. */
static bool read_key(struct evhttp_request *request, struct inspection *inspection)
{
    const struct evhttp_uri *uri = evhttp_request_get_evhttp_uri(request);
    const char *query = uri != NULL ? evhttp_uri_get_query(uri) : NULL;
    while (query != NULL && strncmp(query, "key=", 4) != 0) {
        query = strchr(query, '&');
        query = query != NULL ? query + 1 : NULL;
    }
    if (query == NULL)
        return false;
    char *escaped = strndup(query + 4, strcspn(query + 4, "&"));
    CHECK_MEMORY(escaped);
    size_t len = 0;
    char *key = evhttp_uridecode(escaped, 0, &len);
    bool good = key != NULL && len > 0 && len <= sizeof(inspection->key);
    if (good) {
        memcpy(inspection->key, key, len);
        inspection->key_len = (uint16_t)len;
    }
    free(key);
    free(escaped);
    return good;
}

static void answer_key(struct admin_asks *asks, struct evhttp_request *request)
{
    struct inspection key = {0};
    if (admin_need_view(asks, request) == NULL)
        return;
    if (!read_key(request, &key)) {
        admin_refuse(request, HTTP_BADREQUEST, "accepted: /key?key=KEY, percent-escaped, of 1 to 250 bytes");
        return;
    }
    struct admin_ask *ask = admin_ask_new(asks, request);
    if (ask == NULL)
        return;
    ask->inspection = key;
    ask->inspection.done = on_inspected;
    ask->inspection.owner = ask;
    asks->ports->inspect(asks->ports->host, &ask->inspection);
}

json_t *admin_read_body(struct evhttp_request *request)
{
    const char *type = evhttp_find_header(evhttp_request_get_input_headers(request), "Content-Type");
    struct evbuffer *body = evhttp_request_get_input_buffer(request);
    size_t len = evbuffer_get_length(body);
    if (type == NULL || strncasecmp(type, "application/json", 16) != 0) {
        admin_refuse(request, STATUS_MEDIA_TYPE, "accepted: Content-Type: application/json");
        return NULL;
    }
    json_error_t fault = {.text = "nothing"};
    const char *text = len > 0 ? (const char *)evbuffer_pullup(body, -1) : "";
    json_t *json = text != NULL ? json_loadb(text, len, JSON_REJECT_DUPLICATES, &fault) : NULL;
    if (json_is_object(json))
        return json;
    char why[256];
    snprintf(why, sizeof(why), "the body is not a JSON object: %s", json == NULL ? fault.text : "another value");
    json_decref(json);
    admin_refuse(request, HTTP_BADREQUEST, why);
    return NULL;
}

static void change_config(struct admin_asks *asks, struct evhttp_request *request)
{
    const struct admin_ports *ports = asks->ports;
    char text[CONFIG_ERROR_MAX];
    struct bucket_table fresh;
    const struct ring_view *view = admin_need_view(asks, request);
    json_t *change = view != NULL ? admin_read_body(request) : NULL;
    if (change == NULL)
        return;
    if (!admin_change_buckets(&fresh, ports->buckets(ports->host), view->settings.copies, change, text)) {
        admin_refuse(request, HTTP_BADREQUEST, text);
    } else {
        const char *refused = ports->set_buckets(ports->host, &fresh);
        snprintf(text, sizeof(text), "bucket %s: the new settings are in force here and go to all members",
                 json_string_value(json_object_get(change, "bucket")));
        if (refused != NULL)
            admin_refuse(request, ADMIN_CONFLICT, refused);
        else
            admin_reply(request, HTTP_OK, admin_report_done(text));
        bucket_table_close(&fresh);
    }
    json_decref(change);
}

static void on_joined(void *owner, bool good, const char *text)
{
    struct admin_ask *ask = owner;
    admin_ask_answer(ask, good ? HTTP_OK : ADMIN_CONFLICT, good ? admin_report_done(text) : report_error(text));
    admin_ask_free(ask);
}

static void answer_join(struct admin_asks *asks, struct evhttp_request *request)
{
    struct address address;
    char text[RING_ADDRESS_MAX + 1];
    json_t *body = admin_need_view(asks, request) != NULL ? admin_read_body(request) : NULL;
    if (body == NULL)
        return;
    const char *wish = json_string_value(json_object_get(body, "address"));
    bool good = wish != NULL && address_split(wish, &address) && address.host[0] != '\0' && address.port != 0
                && address_join(address.host, address.port, text);
    json_decref(body);
    if (!good) {
        admin_refuse(request, HTTP_BADREQUEST, "accepted: {\"address\": \"HOST:PORT\"}, the peer address of a node");
        return;
    }
    struct admin_ask *ask = admin_ask_new(asks, request);
    if (ask != NULL)
        asks->ports->join(asks->ports->host, text, on_joined, ask);
}

struct page {
    const char *path;
    answer *get, *post; /* NULL: not allowed */
};

static const struct page PAGES[] = {
    {"/status", answer_status, NULL},
    {"/ring", answer_ring, NULL},
    {"/key", answer_key, NULL},
    {"/config", answer_config, change_config},
    {"/join", NULL, answer_join},
    {"/hints", admin_answer_hints, NULL},
    {"/antientropy", admin_answer_antientropy, NULL},
    {"/repair", NULL, admin_answer_repair},
    {"/verify", admin_verify_answer, NULL},
};

static void refuse_method(struct evhttp_request *request, const struct page *page)
{
    const char *allowed = page->get == NULL ? "POST" : page->post == NULL ? "GET" : "GET, POST";
    char text[64];
    snprintf(text, sizeof(text), "accepted for %s: %s", page->path, allowed);
    evhttp_add_header(evhttp_request_get_output_headers(request), "Allow", allowed);
    admin_refuse(request, STATUS_METHOD, text);
}

void admin_answer(struct admin_asks *asks, struct evhttp_request *request)
{
    const struct evhttp_uri *uri = evhttp_request_get_evhttp_uri(request);
    const char *path = uri != NULL ? evhttp_uri_get_path(uri) : NULL;
    enum evhttp_cmd_type method = evhttp_request_get_command(request);
    for (size_t i = 0; path != NULL && i < sizeof(PAGES) / sizeof(PAGES[0]); i++) {
        if (strcmp(path, PAGES[i].path) != 0)
            continue;
        answer *found = method == EVHTTP_REQ_GET ? PAGES[i].get : method == EVHTTP_REQ_POST ? PAGES[i].post : NULL;
        if (found != NULL)
            found(asks, request);
        else
            refuse_method(request, &PAGES[i]);
        return;
    }
    admin_refuse(request, HTTP_NOTFOUND,
                 "accepted: /status, /ring, /key, /config, /join, /hints, /antientropy, /repair, /verify");
}
