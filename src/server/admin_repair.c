/* GET /hints, GET /antientropy, POST /repair */
#include "admin/repair.h"

#include "server/admin_answer.h"

#include <stdio.h>
#include <string.h>

void admin_answer_hints(struct admin_asks *asks, struct evhttp_request *request)
{
    const struct ring_view *view = admin_need_view(asks, request);
    if (view != NULL)
        admin_reply(request, HTTP_OK, report_hints(asks->ports->repair(asks->ports->host), view));
}

void admin_answer_antientropy(struct admin_asks *asks, struct evhttp_request *request)
{
    const struct ring_view *view = admin_need_view(asks, request);
    if (view != NULL)
        admin_reply(request, HTTP_OK, report_antientropy(asks->ports->repair(asks->ports->host), view));
}

/* A partition's number, -1 for "all", -2: neither. */
static int read_partition(const json_t *body, const struct ring_view *view)
{
    const json_t *wish = json_object_get(body, "partition");
    if (json_is_integer(wish) && json_integer_value(wish) >= 0 && json_integer_value(wish) < view->partition_count)
        return (int)json_integer_value(wish);
    return json_is_string(wish) && strcmp(json_string_value(wish), "all") == 0 ? -1 : -2;
}

void admin_answer_repair(struct admin_asks *asks, struct evhttp_request *request)
{
    const struct admin_ports *ports = asks->ports;
    char text[256];
    const struct ring_view *view = admin_need_view(asks, request);
    json_t *body = view != NULL ? admin_read_body(request) : NULL;
    if (body == NULL)
        return;
    int partition = read_partition(body, view);
    json_decref(body);
    if (partition == -2) {
        snprintf(text, sizeof(text), "accepted: {\"partition\": P}, 0 to %u, or {\"partition\": \"all\"}",
                 (unsigned)view->partition_count - 1);
        admin_refuse(request, HTTP_BADREQUEST, text);
        return;
    }
    const char *refused = ports->start_repair(ports->host, partition);
    if (refused != NULL) {
        admin_refuse(request, ADMIN_CONFLICT, refused);
        return;
    }
    if (partition < 0)
        snprintf(text, sizeof(text), "all partitions of this node are compared with their other owners now");
    else
        snprintf(text, sizeof(text), "partition %d is compared with its other owners now", partition);
    admin_reply(request, HTTP_OK, admin_report_done(text));
}
