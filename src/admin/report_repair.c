/* GET /hints, /antientropy, /verify */
#include "admin/json.h"
#include "admin/node_name.h"
#include "admin/repair.h"
#include "admin/report.h"

static json_t *name_of(const struct ring_view *view, uint32_t node)
{
    char text[NODE_NAME_BYTES];
    return json_of_text(node_name(view, node, text));
}

json_t *report_hints(const struct admin_repair *repair, const struct ring_view *view)
{
    json_t *json = json_object(), *owners = json_array();
    for (unsigned i = 0; i < repair->owner_count; i++) {
        const struct hints_row *row = &repair->owners[i];
        json_t *owner = json_object();
        json_object_set_new(owner, "name", name_of(view, row->owner));
        json_object_set_new(owner, "count", json_of_number(row->count));
        json_object_set_new(owner, "since_ms", json_of_number(row->since_ms));
        json_array_append_new(owners, owner);
    }
    json_object_set_new(json, "enabled", json_boolean(repair->has_hints));
    json_object_set_new(json, "count", json_of_number(repair->hints.kept));
    json_object_set_new(json, "bytes", json_of_number(repair->hints.bytes));
    json_object_set_new(json, "stored", json_of_number(repair->hints.stored));
    json_object_set_new(json, "delivered", json_of_number(repair->hints.delivered));
    json_object_set_new(json, "refused", json_of_number(repair->hints.refused));
    json_object_set_new(json, "now_ms", json_of_number(repair->now_ms));
    json_object_set_new(json, "owners", owners);
    return json;
}

static json_t *describe_peer(const struct antientropy_peer_row *row, const struct ring_view *view)
{
    json_t *json = json_object();
    json_object_set_new(json, "name", name_of(view, row->node));
    json_object_set_new(json, "partitions", json_of_number(row->partitions));
    json_object_set_new(json, "identical", json_of_number(row->identical));
    json_object_set_new(json, "identical_since_ms", json_of_number(row->identical_since_ms));
    json_object_set_new(json, "compared_ms", json_of_number(row->compared_ms));
    json_object_set_new(json, "under_way", json_boolean(row->is_under_way));
    json_object_set_new(json, "left", json_of_number(row->left));
    json_object_set_new(json, "exchanges", json_of_number(row->exchanges));
    json_object_set_new(json, "messages", json_of_number(row->messages));
    json_object_set_new(json, "keys_exchanged", json_of_number(row->keys_exchanged));
    json_object_set_new(json, "bytes_sent", json_of_number(row->bytes_sent));
    return json;
}

static json_t *describe_horizon(const struct antientropy_horizon *horizon)
{
    json_t *json = json_object();
    json_object_set_new(json, "lowest_ms", json_of_number(hybrid_ms(horizon->lowest)));
    json_object_set_new(json, "highest_ms", json_of_number(hybrid_ms(horizon->highest)));
    json_object_set_new(json, "doubtful", json_of_number(horizon->doubtful));
    json_object_set_new(json, "behind", json_of_number(horizon->behind));
    json_object_set_new(json, "held_back_by", json_of_text(horizon->held_back_by));
    return json;
}

static json_t *describe_checker(const struct antientropy_checker *checker)
{
    json_t *json = json_object();
    json_object_set_new(json, "passes", json_of_number(checker->passes));
    json_object_set_new(json, "partitions", json_of_number(checker->partitions));
    json_object_set_new(json, "mismatches", json_of_number(checker->mismatches));
    json_object_set_new(json, "last_mismatch", json_integer(checker->mismatches > 0 ? checker->last_mismatch : -1));
    json_object_set_new(json, "erased", json_of_number(checker->erased));
    return json;
}

json_t *report_antientropy(const struct admin_repair *repair, const struct ring_view *view)
{
    json_t *json = json_object(), *pairs = json_array();
    for (unsigned i = 0; i < repair->peer_count; i++)
        json_array_append_new(pairs, describe_peer(&repair->peers[i], view));
    json_object_set_new(json, "enabled", json_boolean(repair->compares));
    json_object_set_new(json, "now_ms", json_of_number(repair->now_ms));
    json_object_set_new(json, "pairs", pairs);
    json_object_set_new(json, "horizon", describe_horizon(&repair->horizon));
    json_object_set_new(json, "checker", describe_checker(&repair->checker));
    return json;
}

/* Verify. */

static json_t *describe_member(const struct verify_source *source, uint32_t index)
{
    static const char *const TEXTS[] = {
        [SURVEY_ANSWERED] = "answered", [SURVEY_UNREACHABLE] = "unreachable", [SURVEY_OTHER_TABLE] = "other table"};
    const struct survey_member *member = &source->survey->members[index];
    json_t *json = json_object();
    json_object_set_new(json, "name", json_of_text(source->view->members[index].name));
    json_object_set_new(json, "state", json_string(TEXTS[member->outcome]));
    json_object_set_new(json, "hints", json_of_number(member->hints));
    json_object_set_new(json, "doubtful", json_of_number(member->doubtful));
    json_object_set_new(json, "behind", json_of_number(member->behind));
    return json;
}

/* A partition, and what each owner has: its root, or null where nothing was heard. */
static json_t *describe_differing(const struct verify_source *source, uint32_t partition)
{
    const struct survey *survey = source->survey;
    const uint16_t *list = ring_preference_list(source->view, (uint16_t)partition);
    json_t *json = json_object(), *owners = json_array();
    for (uint32_t i = 0; i < survey->owner_count; i++) {
        size_t at = (size_t)partition * survey->owner_count + i;
        json_t *owner = json_object();
        json_object_set_new(owner, "name", json_of_text(source->view->members[list[i]].name));
        json_object_set_new(owner, "root", survey->known[at] ? json_of_id(survey->roots[at]) : json_null());
        json_array_append_new(owners, owner);
    }
    json_object_set_new(json, "partition", json_of_number(partition));
    json_object_set_new(json, "owners", owners);
    return json;
}

json_t *report_verify(const struct verify_source *source)
{
    json_t *json = json_object(), *members = json_array(), *examples = json_array();
    uint32_t differing = partition_set_count(source->differing);
    uint64_t hints = 0;
    bool all_answered = true;
    for (uint32_t i = 0; i < source->survey->member_count; i++) {
        json_array_append_new(members, describe_member(source, i));
        hints += source->survey->members[i].hints;
        all_answered = all_answered && source->survey->members[i].outcome == SURVEY_ANSWERED;
    }
    for (int at = partition_set_next(source->differing, 0); at >= 0 && json_array_size(examples) < REPORT_DIFFERING_MAX;
         at = partition_set_next(source->differing, (uint32_t)at + 1))
        json_array_append_new(examples, describe_differing(source, (uint32_t)at));
    json_object_set_new(json, "identical", json_boolean(differing == 0 && all_answered));
    json_object_set_new(json, "epoch", json_of_number(source->view->epoch));
    json_object_set_new(json, "partitions", json_of_number(source->view->partition_count));
    json_object_set_new(json, "differing", json_of_number(differing));
    json_object_set_new(json, "hints", json_of_number(hints));
    json_object_set_new(json, "looks", json_of_number(source->looks));
    json_object_set_new(json, "members", members);
    json_object_set_new(json, "examples", examples);
    return json;
}
