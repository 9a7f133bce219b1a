#include "ring/bucket.h"

#include "base/check.h"

#include <stdlib.h>
#include <string.h>

struct bucket bucket_default(const char *name)
{
    struct bucket bucket = {
        .r = 2,
        .w = 2,
        .reconcile = RECONCILE_SIBLINGS,
        .stale_cas = STALE_CAS_EXISTS,
        .durability = DURABILITY_COMMITTED,
        .multi_value = true,
        .siblings_max = BUCKET_SIBLINGS_MAX_DEFAULT,
    };
    size_t len = strlen(name);
    CHECK(len <= BUCKET_NAME_MAX);
    memcpy(bucket.name, name, len);
    return bucket;
}

void bucket_table_init(struct bucket_table *table)
{
    table->buckets = malloc(sizeof *table->buckets);
    CHECK_MEMORY(table->buckets);
    table->buckets[0] = bucket_default("default");
    table->count = 1;
}

void bucket_table_close(struct bucket_table *table)
{
    free(table->buckets);
    *table = (struct bucket_table){0};
}

void bucket_table_copy(struct bucket_table *to, const struct bucket_table *from)
{
    to->buckets = malloc(from->count * sizeof *to->buckets);
    CHECK_MEMORY(to->buckets);
    memcpy(to->buckets, from->buckets, from->count * sizeof *to->buckets);
    to->count = from->count;
}

static struct bytes prefix_of(const struct bucket *bucket)
{
    return bytes_of(bucket->prefix, bucket->prefix_len);
}

static bool is_same(const struct bucket *a, const struct bucket *b)
{
    return strcmp(a->name, b->name) == 0 && bytes_equal(prefix_of(a), prefix_of(b)) && a->r == b->r && a->w == b->w
           && a->reconcile == b->reconcile && a->stale_cas == b->stale_cas && a->durability == b->durability
           && a->multi_value == b->multi_value && a->durable_writes == b->durable_writes
           && a->siblings_max == b->siblings_max;
}

bool bucket_table_equal(const struct bucket_table *a, const struct bucket_table *b)
{
    bool same = a->count == b->count;
    for (uint32_t i = 0; same && i < a->count; i++)
        same = is_same(&a->buckets[i], &b->buckets[i]);
    return same;
}

static struct bucket *find_by_name(const struct bucket_table *table, const char *name)
{
    for (uint32_t i = 0; i < table->count; i++) {
        if (strcmp(table->buckets[i].name, name) == 0)
            return &table->buckets[i];
    }
    return NULL;
}

const char *bucket_conflict(const struct bucket *bucket)
{
    if (bucket->reconcile == RECONCILE_LWW && bucket->stale_cas == STALE_CAS_SIBLING)
        return "reconcile = lww keeps one version, stale-cas = sibling would make several";
    if (bucket->durable_writes > 0 && bucket->durability != DURABILITY_BUFFERED)
        return "durable-writes goes with durability = buffered";
    if (bucket->siblings_max == 0)
        return "max-siblings must be at least 1";
    return NULL;
}

const char *bucket_table_put(struct bucket_table *table, const struct bucket *bucket)
{
    bool is_default = strcmp(bucket->name, "default") == 0;
    if (is_default && bucket->prefix_len != 0)
        return "the bucket default takes every key: it cannot have a prefix";
    if (!is_default && bucket->prefix_len == 0)
        return "a bucket needs a prefix";
    const char *conflict = bucket_conflict(bucket);
    if (conflict != NULL)
        return conflict;

    struct bucket *same = find_by_name(table, bucket->name);
    for (uint32_t i = 0; i < table->count; i++) {
        if (&table->buckets[i] != same && bytes_equal(prefix_of(&table->buckets[i]), prefix_of(bucket)))
            return "another bucket has the same prefix";
    }
    if (same != NULL) {
        *same = *bucket;
        return NULL;
    }
    if (table->count == BUCKETS_MAX)
        return "too many buckets";
    struct bucket *larger = realloc(table->buckets, (table->count + 1) * sizeof *larger);
    CHECK_MEMORY(larger);
    table->buckets = larger;
    table->buckets[table->count++] = *bucket;
    return NULL;
}

const struct bucket *bucket_of_key(const struct bucket_table *table, struct bytes key)
{
    const struct bucket *best = &table->buckets[0];
    for (uint32_t i = 1; i < table->count; i++) {
        const struct bucket *candidate = &table->buckets[i];
        if (candidate->prefix_len > best->prefix_len && bytes_begin_with(key, prefix_of(candidate)))
            best = candidate;
    }
    return best;
}
