/* GET /key */
#include "admin/json.h"
#include "admin/node_name.h"
#include "admin/report.h"
#include "version/fingerprint.h"
#include "version/record.h"

static const char *sight_text(enum replica_sight sight)
{
    static const char *const TEXTS[] = {[SIGHT_VISIBLE] = "live",
                                        [SIGHT_DELETED] = "deleted",
                                        [SIGHT_EXPIRED] = "expired",
                                        [SIGHT_FLUSHED] = "flushed"};
    return TEXTS[sight];
}

static const char *outcome_text(int outcome)
{
    static const char *const TEXTS[] = {[INSPECT_ANSWERED] = "answered",
                                        [INSPECT_ABSENT] = "absent",
                                        [INSPECT_CORRUPT] = "corrupt",
                                        [INSPECT_UNREACHABLE] = "unreachable"};
    return TEXTS[outcome];
}

/* The node that made a write. */
static json_t *node_of(const struct ring_view *view, uint32_t id)
{
    char text[NODE_NAME_BYTES];
    return json_of_text(node_name(view, id, text));
}

static void set_dot(json_t *json, const struct ring_view *view, const struct actor *actor, uint64_t counter)
{
    json_object_set_new(json, "node", node_of(view, actor->node));
    json_object_set_new(json, "incarnation", json_of_id(actor->incarnation));
    json_object_set_new(json, "birth", json_of_number(actor->birth));
    json_object_set_new(json, "counter", json_of_number(counter));
}

static json_t *describe_version(const struct key_source *source, const struct version *version)
{
    json_t *json = json_object();
    json_object_set_new(json, "state", json_string(sight_text(replica_sight_of(version, &source->present))));
    set_dot(json, source->view, &version->dot.actor, version->dot.counter);
    json_object_set_new(json, "time_ms", json_of_number(hybrid_ms(version->time)));
    json_object_set_new(json, "expiry_ms", json_of_number(version->expiry_ms));
    json_object_set_new(json, "flags", json_of_number(version->flags));
    json_object_set_new(json, "size", json_of_number(version->value.len));
    json_object_set_new(json, "token", json_of_decimal(token_of_versions(version, 1)));
    return json;
}

static json_t *describe_clock(const struct key_source *source, const struct context *context)
{
    json_t *clock = json_array();
    for (uint32_t i = 0; i < context->count; i++) {
        json_t *pair = json_object();
        set_dot(pair, source->view, &context->pairs[i].actor, context->pairs[i].counter);
        json_object_set_new(pair, "time_ms", json_of_number(hybrid_ms(context->pairs[i].time)));
        json_array_append_new(clock, pair);
    }
    return clock;
}

/* What one owner says, and whether it counts as the same as what the others say. */
struct account {
    bool has_answered;
    uint64_t fingerprint; /* 0: nothing live */
};

static json_t *describe_object(const struct key_source *source, struct bytes record, json_t *json,
                               struct account *account)
{
    struct arena arena;
    struct object object;
    arena_init(&arena);
    json_t *versions = json_array();
    if (record_decode(record, &object, &arena) == RECORD_OK) {
        for (uint32_t i = 0; i < object.live_count; i++)
            json_array_append_new(versions, describe_version(source, &object.live[i]));
        account->fingerprint = object_fingerprint(&object);
        json_object_set_new(json, "token", json_of_decimal(token_of_object(&object)));
        json_object_set_new(json, "clock", describe_clock(source, &object.context));
    } else {
        account->has_answered = false;
        json_object_set_new(json, "outcome", json_string(outcome_text(INSPECT_CORRUPT)));
    }
    json_object_set_new(json, "versions", versions);
    arena_close(&arena);
    return json;
}

static json_t *describe_replica(const struct key_source *source, const struct inspection_replica *replica,
                                struct account *account)
{
    json_t *json = json_object();
    const struct ring_member *member = &source->view->members[replica->member];
    *account =
        (struct account){.has_answered = replica->outcome == INSPECT_ANSWERED || replica->outcome == INSPECT_ABSENT};
    json_object_set_new(json, "name", json_of_text(member->name));
    json_object_set_new(json, "address", json_of_text(member->peer));
    json_object_set_new(json, "owner", json_boolean(replica->is_owner));
    json_object_set_new(json, "outcome", json_string(outcome_text((int)replica->outcome)));
    if (replica->outcome == INSPECT_ANSWERED && replica->record != NULL)
        return describe_object(source, blob_bytes(replica->record), json, account);
    json_object_set_new(json, "versions", json_array());
    return json;
}

json_t *report_key(const struct key_source *source)
{
    const struct inspection *inspection = source->inspection;
    struct bytes key = bytes_of(inspection->key, inspection->key_len);
    json_t *replicas = json_array(), *json = json_object();
    struct account first = {0};
    bool agree = true, is_first = true;
    unsigned answered = 0;
    for (unsigned i = 0; i < inspection->replica_count; i++) {
        struct account account;
        json_array_append_new(replicas, describe_replica(source, &inspection->replicas[i], &account));
        if (!inspection->replicas[i].is_owner)
            continue;
        if (is_first)
            first = account;
        is_first = false;
        answered += account.has_answered;
        agree = agree && account.has_answered && account.fingerprint == first.fingerprint;
    }
    json_object_set_new(json, "key", json_of_bytes(key));
    json_object_set_new(json, "partition", json_of_number(inspection->partition));
    json_object_set_new(json, "epoch", json_of_number(inspection->epoch));
    json_object_set_new(json, "bucket", json_of_text(bucket_of_key(source->buckets, key)->name));
    json_object_set_new(json, "answered", json_of_number(answered));
    json_object_set_new(json, "agree", json_boolean(agree));
    json_object_set_new(json, "now_ms", json_of_number(source->present.now_ms));
    json_object_set_new(json, "replicas", replicas);
    return json;
}
