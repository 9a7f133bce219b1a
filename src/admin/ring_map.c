/* GET /ring */
#include "admin/json.h"
#include "admin/report.h"
#include "base/decimal.h"

#include <string.h>

/* "host:port" or "[v6]:port" in two pieces; a client's library wants them apart. */
static void set_host_and_port(json_t *json, const char *address)
{
    char host[RING_ADDRESS_MAX + 1] = "";
    const char *colon = strrchr(address, ':');
    uint64_t port = 0;
    if (colon != NULL && decimal_read(bytes_of_text(colon + 1), &port) && port <= 65535) {
        size_t len = (size_t)(colon - address);
        bool in_brackets = len >= 2 && address[0] == '[' && address[len - 1] == ']';
        memcpy(host, address + in_brackets, len - 2 * in_brackets);
        host[len - 2 * in_brackets] = '\0';
    }
    json_object_set_new(json, "host", json_of_text(host));
    json_object_set_new(json, "port", json_of_number(port));
}

static json_t *describe_members(const struct ring_view *view)
{
    json_t *members = json_array();
    for (uint32_t i = 0; i < view->member_count; i++) {
        json_t *member = json_object();
        json_object_set_new(member, "name", json_of_text(view->members[i].name));
        set_host_and_port(member, view->members[i].client);
        json_array_append_new(members, member);
    }
    return members;
}

static json_t *describe_owners(const struct ring_view *view)
{
    json_t *rows = json_array();
    for (uint32_t partition = 0; partition < view->partition_count; partition++) {
        const uint16_t *list = ring_preference_list(view, (uint16_t)partition);
        json_t *owners = json_array();
        for (uint32_t i = 0; i < view->owner_count; i++)
            json_array_append_new(owners, json_of_number(list[i]));
        json_array_append_new(rows, owners);
    }
    return rows;
}

json_t *report_ring(const struct ring_view *view)
{
    json_t *json = json_object();
    json_object_set_new(json, "epoch", json_of_number(view->epoch));
    json_object_set_new(json, "fingerprint", json_of_id(ring_fingerprint(view)));
    json_object_set_new(json, "partitions", json_of_number(view->partition_count));
    json_object_set_new(json, "members", describe_members(view));
    json_object_set_new(json, "owners", describe_owners(view));
    return json;
}
