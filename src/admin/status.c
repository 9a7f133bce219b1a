/* GET /status */
#include "admin/json.h"
#include "admin/ownership.h"
#include "admin/report.h"
#include "admin/warnings.h"

#include <stdlib.h>

static const char *state_text(enum member_state state)
{
    static const char *const TEXTS[] = {
        [MEMBER_JOINING] = "joining", [MEMBER_UP] = "up", [MEMBER_LEAVING] = "leaving", [MEMBER_DOWN] = "down"};
    return TEXTS[state];
}

/* `shares` NULL, or a member that is not in the table: it owns nothing. */
static json_t *describe_member(const struct membership_row *row, const struct ring_view *view,
                               const struct ownership *shares)
{
    const struct ring_member *member = row->member;
    struct ownership share = {0};
    int index = view != NULL ? ring_member_index(view, member->id) : -1;
    if (index >= 0)
        share = shares[index];
    json_t *json = json_object();
    json_object_set_new(json, "name", json_of_text(member->name));
    json_object_set_new(json, "address", json_of_text(member->peer));
    json_object_set_new(json, "client", json_of_text(member->client));
    json_object_set_new(json, "state", json_string(state_text(row->state)));
    json_object_set_new(json, "weight", json_real((double)member->weight / RING_WEIGHT_ONE));
    json_object_set_new(json, "rack", json_of_text(member->rack));
    json_object_set_new(json, "datacenter", json_of_text(member->datacenter));
    json_object_set_new(json, "ownership", json_of_percent(share.replicas, view != NULL ? ownership_whole(view) : 0));
    json_object_set_new(json, "coordinates", json_of_percent(share.first, view != NULL ? view->partition_count : 0));
    json_object_set_new(json, "epoch", json_of_number(row->epoch));
    json_object_set_new(json, "records", json_of_number(row->records));
    json_object_set_new(json, "bytes", json_of_number(row->bytes));
    json_object_set_new(json, "heard_ms", json_of_number(row->heard_ms));
    json_object_set_new(json, "clock_ms", json_of_number(hybrid_ms(row->clock)));
    json_object_set_new(json, "quarantined", json_boolean(row->is_quarantined));
    json_object_set_new(json, "clock_ahead_ms", json_integer(row->clock_ahead_ms));
    json_object_set_new(json, "note", json_of_text(row->note));
    json_object_set_new(json, "incarnation", json_of_id(row->incarnation));
    json_object_set_new(json, "version", json_of_text(row->version != NULL ? row->version : ""));
    json_object_set_new(json, "self", json_boolean(row->is_self));
    return json;
}

static json_t *describe_members(const struct status_source *source)
{
    struct ownership *shares = source->view != NULL ? ownership_of(source->view) : NULL;
    json_t *members = json_array();
    for (unsigned i = 0; i < source->row_count; i++)
        json_array_append_new(members, describe_member(&source->rows[i], source->view, shares));
    free(shares);
    return members;
}

json_t *report_status(const struct status_source *source)
{
    const struct ring_view *view = source->view;
    json_t *json = json_object();
    json_object_set_new(json, "members", describe_members(source));
    json_object_set_new(json, "epoch", json_of_number(view != NULL ? view->epoch : 0));
    json_object_set_new(json, "fingerprint", view != NULL ? json_of_id(ring_fingerprint(view)) : json_string(""));
    json_object_set_new(json, "cluster", view != NULL ? json_of_id(view->settings.cluster) : json_string(""));
    json_object_set_new(json, "partitions", json_of_number(view != NULL ? view->partition_count : 0));
    json_object_set_new(json, "copies", json_of_number(view != NULL ? view->owner_count : 0));
    json_object_set_new(json, "strategy", json_of_number(view != NULL ? view->settings.strategy : 0));
    json_object_set_new(json, "now_ms", json_of_number(source->wall_ms));
    json_object_set_new(json, "waits_for", json_of_text(source->waits_for));
    json_object_set_new(json, "hints", json_of_number(source->hints));
    json_object_set_new(json, "doubtful", json_of_number(source->doubtful));
    json_object_set_new(json, "behind", json_of_number(source->behind));
    json_object_set_new(json, "warnings", warnings_of(source));
    return json;
}
