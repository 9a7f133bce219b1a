/* GET /config: names and values as in a configuration file. */
#include "admin/json.h"
#include "admin/report.h"

static const char *on_off(bool value)
{
    return value ? "on" : "off";
}

static json_t *describe_bucket(const struct bucket *bucket, uint32_t owners)
{
    static const char *const DURABILITIES[] = {"buffered", "committed", "synced"};
    json_t *json = json_object();
    json_object_set_new(json, "name", json_of_text(bucket->name));
    json_object_set_new(json, "prefix", json_of_bytes(bytes_of(bucket->prefix, bucket->prefix_len)));
    json_object_set_new(json, "r", json_of_number(bucket->r));
    json_object_set_new(json, "w", json_of_number(bucket->w));
    json_object_set_new(json, "effective-r", json_of_number(bucket->r < owners ? bucket->r : owners));
    json_object_set_new(json, "effective-w", json_of_number(bucket->w < owners ? bucket->w : owners));
    json_object_set_new(json, "reconcile", json_string(bucket->reconcile == RECONCILE_LWW ? "lww" : "siblings"));
    json_object_set_new(json, "stale-cas", json_string(bucket->stale_cas == STALE_CAS_SIBLING ? "sibling" : "exists"));
    json_object_set_new(json, "multi-value", json_string(on_off(bucket->multi_value)));
    json_object_set_new(json, "durability", json_string(DURABILITIES[bucket->durability]));
    json_object_set_new(json, "durable-writes", json_of_number(bucket->durable_writes));
    json_object_set_new(json, "max-siblings", json_of_number(bucket->siblings_max));
    return json;
}

static json_t *describe_ring(const struct ring_view *view)
{
    json_t *json = json_object();
    json_object_set_new(json, "cluster", json_of_id(view->settings.cluster));
    json_object_set_new(json, "epoch", json_of_number(view->epoch));
    json_object_set_new(json, "n", json_of_number(view->settings.copies));
    json_object_set_new(json, "effective-n", json_of_number(view->owner_count));
    json_object_set_new(json, "partitions", json_of_number(view->partition_count));
    json_object_set_new(json, "strategy", json_of_number(view->settings.strategy));
    json_object_set_new(json, "tokens", json_of_number(view->settings.tokens));
    return json;
}

json_t *report_config(const struct ring_view *view, const struct bucket_table *buckets)
{
    json_t *json = json_object(), *list = json_array();
    for (uint32_t i = 0; i < buckets->count; i++)
        json_array_append_new(list, describe_bucket(&buckets->buckets[i], view->owner_count));
    json_object_set_new(json, "ring", describe_ring(view));
    json_object_set_new(json, "buckets", list);
    return json;
}
