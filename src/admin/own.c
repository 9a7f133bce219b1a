/* The groups that memcached does not have. */
#include "admin/emit.h"
#include "admin/sums.h"

#include <stdio.h>

enum { NAME_BYTES = 96 };

static const char *const LATENCY_NAMES[LATENCY_KINDS] = {
    [LATENCY_GET] = "get",       [LATENCY_SET] = "set",     [LATENCY_READ_MODIFY_WRITE] = "read_modify_write",
    [LATENCY_DELETE] = "delete", [LATENCY_TOUCH] = "touch",
};

static void emit_quantile(const struct emitter *emitter, const struct histogram *histogram, const char *kind,
                          const char *what, double fraction)
{
    char name[NAME_BYTES];
    snprintf(name, sizeof(name), "%s_%s_us", kind, what);
    emit_decimal(emitter, name, histogram_quantile(histogram, fraction), 1000, 1);
}

void admin_stats_latency(const struct admin_source *source, admin_emit *emit, void *context)
{
    struct emitter emitter = {emit, context};
    char name[NAME_BYTES];
    for (int kind = 0; kind < LATENCY_KINDS; kind++) {
        struct histogram histogram;
        sum_latency(source, (enum latency_kind)kind, &histogram);
        snprintf(name, sizeof(name), "%s_count", LATENCY_NAMES[kind]);
        emit_number(&emitter, name, histogram_total(&histogram));
        emit_quantile(&emitter, &histogram, LATENCY_NAMES[kind], "p50", 0.5);
        emit_quantile(&emitter, &histogram, LATENCY_NAMES[kind], "p99", 0.99);
        emit_quantile(&emitter, &histogram, LATENCY_NAMES[kind], "p99.9", 0.999);
        snprintf(name, sizeof(name), "%s_max_us", LATENCY_NAMES[kind]);
        emit_decimal(&emitter, name, atomic_load_explicit(&histogram.max, memory_order_relaxed), 1000, 1);
    }
}

void admin_stats_versions(const struct admin_source *source, admin_emit *emit, void *context)
{
    struct emitter emitter = {emit, context};
    struct coordinator_counters counters;
    char name[NAME_BYTES];
    uint64_t total = 0;
    sum_coordinators(source, &counters);
    for (unsigned i = 0; i < COORDINATOR_VERSIONS_SEEN; i++)
        total += counters.reads_by_versions[i];
    emit_number(&emitter, "reads", total);
    for (unsigned i = 0; i < COORDINATOR_VERSIONS_SEEN; i++) {
        const char *more = i == COORDINATOR_VERSIONS_SEEN - 1 ? "_or_more" : "";
        snprintf(name, sizeof(name), "reads_of_%u%s", i, more);
        emit_number(&emitter, name, counters.reads_by_versions[i]);
        snprintf(name, sizeof(name), "reads_of_%u%s_percent", i, more);
        emit_decimal(&emitter, name, counters.reads_by_versions[i] * 100, total > 0 ? total : 1, 5);
    }
    emit_number(&emitter, "siblings_made", counters.siblings_made);
    emit_number(&emitter, "siblings_resolved", counters.siblings_resolved);
    emit_number(&emitter, "siblings_refused", counters.siblings_refused);
    emit_number(&emitter, "tokens_known", counters.tokens_known);
    emit_number(&emitter, "tokens_unknown", counters.tokens_unknown);
}

enum { MAP_WARN_PERCENT = 80 };

static void emit_engine(const struct emitter *emitter, const struct store_stats *stats)
{
    const struct engine_usage *usage = &stats->engine;
    uint64_t records = usage->records > 0 ? usage->records : 1;
    uint64_t max = usage->bytes_max > 0 ? usage->bytes_max : 1;
    uint64_t percent = usage->bytes_used / (max / 100 + 1);
    emit_number(emitter, "engine_records", usage->records);
    emit_number(emitter, "engine_bytes_used", usage->bytes_used);
    emit_number(emitter, "engine_bytes_max", usage->bytes_max);
    emit_number(emitter, "engine_used_percent", percent);
    emit_number(emitter, "engine_file_bytes", usage->file_bytes);
    emit_decimal(emitter, "engine_file_bytes_per_record", usage->file_bytes, records, 1);
    emit_text(emitter, "engine_state",
              usage->nearly_full            ? "full: sets are refused; raise map-size or delete"
              : percent >= MAP_WARN_PERCENT ? "warning: raise map-size soon"
                                            : "ok");
}

void admin_stats_storage(const struct admin_source *source, admin_emit *emit, void *context)
{
    struct emitter emitter = {emit, context};
    struct store_stats stats;
    store_stats(source->store, &stats);
    emit_text(&emitter, "engine", stats.has_engine ? "lmdb" : "memory");
    emit_number(&emitter, "buffer_records", stats.records_buffered);
    emit_number(&emitter, "buffer_bytes", stats.bytes_buffered);
    emit_number(&emitter, "buffer_bytes_max", source->process->memory_limit_bytes);
    emit_number(&emitter, "buffer_hits", stats.buffer_hits);
    emit_number(&emitter, "buffer_misses", stats.buffer_misses);
    emit_number(&emitter, "dirty_records", stats.records_dirty);
    emit_number(&emitter, "dirty_bytes", stats.bytes_dirty);
    emit_number(&emitter, "evictions", stats.evictions);
    emit_number(&emitter, "evicted_unfetched", stats.evicted_unfetched);
    emit_number(&emitter, "reclaimed", stats.reclaimed);
    emit_number(&emitter, "updates_waited", stats.updates_waited);
    emit_number(&emitter, "corrupt_records", stats.corrupt_records);
    emit_number(&emitter, "io_errors", stats.io_errors);
    emit_number(&emitter, "full_errors", stats.full_errors);
    emit_number(&emitter, "leaves_corrected", stats.leaves_corrected);
    emit_number(&emitter, "major_faults", source->process->major_faults);
    if (!stats.has_engine)
        return;
    emit_number(&emitter, "engine_reads", stats.engine_reads);
    emit_number(&emitter, "checkpoints", stats.checkpoints);
    emit_number(&emitter, "checkpointed_records", stats.checkpointed_records);
    emit_number(&emitter, "checkpoint_failures", stats.checkpoint_failures);
    emit_number(&emitter, "log_appended_bytes", stats.log_appended_bytes);
    emit_number(&emitter, "log_segments", stats.log_segments);
    emit_number(&emitter, "log_bytes", stats.log_bytes);
    emit_number(&emitter, "log_syncs", stats.log_syncs);
    emit_engine(&emitter, &stats);
}

static void emit_bucket(const struct emitter *emitter, const struct bucket *bucket, uint32_t owners)
{
    static const char *const DURABILITIES[] = {"buffered", "committed", "synced"};
    char name[NAME_BYTES], prefix[BUCKET_PREFIX_MAX + 1];
    struct {
        const char *name, *value;
        uint64_t number;
    } lines[] = {
        {"prefix", prefix, 0},
        {"r", NULL, bucket->r},
        {"w", NULL, bucket->w},
        {"effective-r", NULL, bucket->r < owners ? bucket->r : owners},
        {"effective-w", NULL, bucket->w < owners ? bucket->w : owners},
        {"reconcile", bucket->reconcile == RECONCILE_LWW ? "lww" : "siblings", 0},
        {"stale-cas", bucket->stale_cas == STALE_CAS_SIBLING ? "sibling" : "exists", 0},
        {"multi-value", bucket->multi_value ? "on" : "off", 0},
        {"durability", DURABILITIES[bucket->durability], 0},
        {"durable-writes", NULL, bucket->durable_writes},
        {"max-siblings", NULL, bucket->siblings_max},
    };
    /* A prefix may hold any byte; a line may not. */
    for (unsigned i = 0; i < bucket->prefix_len; i++)
        prefix[i] = (char)(bucket->prefix[i] > 0x20 && bucket->prefix[i] < 0x7f ? bucket->prefix[i] : '?');
    prefix[bucket->prefix_len] = '\0';
    for (size_t i = 0; i < sizeof(lines) / sizeof(lines[0]); i++) {
        snprintf(name, sizeof(name), "%s:%s", bucket->name, lines[i].name);
        if (lines[i].value != NULL)
            emit_text(emitter, name, lines[i].value);
        else
            emit_number(emitter, name, lines[i].number);
    }
}

void admin_stats_buckets(const struct admin_source *source, admin_emit *emit, void *context)
{
    struct emitter emitter = {emit, context};
    const struct bucket_table *buckets = node_buckets(source->shared);
    uint32_t owners = source->view->owner_count;
    for (uint32_t i = 0; i < buckets->count; i++)
        emit_bucket(&emitter, &buckets->buckets[i], owners);
}
