/* `stats` and the groups that memcached has beside it. Names, order and meaning are memcached 1.6.18's; what has no
 * counterpart here (slab moves, the LRU crawler, watchers) is 0, because exporters stop at a missing name. */
#include "admin/emit.h"
#include "admin/sums.h"

#include <stddef.h>
#include <stdio.h>
#include <string.h>

struct counter_name {
    const char *name;
    size_t offset;
};

#define COUNTER(field)                                                                                                 \
    {                                                                                                                  \
#field, offsetof(struct session_counters, field)                                                               \
    }

static const struct counter_name SESSION_COUNTERS[] = {
    COUNTER(cmd_get),         COUNTER(cmd_set),         COUNTER(cmd_flush),   COUNTER(cmd_touch),
    COUNTER(cmd_meta),        COUNTER(get_hits),        COUNTER(get_misses),  COUNTER(get_expired),
    COUNTER(get_flushed),     COUNTER(delete_misses),   COUNTER(delete_hits), COUNTER(incr_misses),
    COUNTER(incr_hits),       COUNTER(decr_misses),     COUNTER(decr_hits),   COUNTER(cas_misses),
    COUNTER(cas_hits),        COUNTER(cas_badval),      COUNTER(touch_hits),  COUNTER(touch_misses),
    COUNTER(store_too_large), COUNTER(store_no_memory), COUNTER(auth_cmds),   COUNTER(auth_errors),
};

static const char *const WITHOUT_COUNTERPART[] = {
    "hash_power_level",
    "hash_bytes",
    "hash_is_expanding",
    "slab_reassign_rescues",
    "slab_reassign_chunk_rescues",
    "slab_reassign_evictions_nomem",
    "slab_reassign_inline_reclaim",
    "slab_reassign_busy_items",
    "slab_reassign_busy_deletes",
    "slab_reassign_running",
    "slabs_moved",
    "lru_crawler_running",
    "lru_crawler_starts",
    "lru_maintainer_juggles",
    "malloc_fails",
    "log_worker_dropped",
    "log_worker_written",
    "log_watcher_skipped",
    "log_watcher_sent",
    "log_watchers",
    "unexpected_napi_ids",
    "round_robin_fallback",
};

static const char *const WITHOUT_COUNTERPART_AT_THE_END[] = {
    "crawler_reclaimed", "crawler_items_checked", "lrutail_reflocked", "moves_to_cold",
    "moves_to_warm",     "moves_within_lru",      "direct_reclaims",   "lru_bumps_dropped",
};

static uint64_t counter_at(const struct session_counters *counters, size_t offset)
{
    return atomic_load_explicit((const _Atomic uint64_t *)(const void *)((const uint8_t *)counters + offset),
                                memory_order_relaxed);
}

static const struct admin_baseline *baseline_of(const struct admin_source *source)
{
    static const struct admin_baseline NONE;
    return source->baseline != NULL ? source->baseline : &NONE;
}

static void emit_process(const struct emitter *emitter, const struct admin_source *source)
{
    const struct admin_process *process = source->process;
    const struct admin_baseline *baseline = baseline_of(source);
    emit_number(emitter, "pid", process->pid);
    emit_number(emitter, "uptime", process->uptime_s);
    emit_number(emitter, "time", process->time_s);
    emit_text(emitter, "version", process->version);
    emit_text(emitter, "libevent", process->libevent_version);
    emit_number(emitter, "pointer_size", process->pointer_size);
    emit_decimal(emitter, "rusage_user", process->rusage_user_us, 1000000, 6);
    emit_decimal(emitter, "rusage_system", process->rusage_system_us, 1000000, 6);
    emit_number(emitter, "max_connections", process->max_connections);
    emit_number(emitter, "curr_connections", process->curr_connections);
    emit_number(emitter, "total_connections", since(process->total_connections, baseline->total_connections));
    emit_number(emitter, "rejected_connections", since(process->rejected_connections, baseline->rejected_connections));
    emit_number(emitter, "connection_structures", process->connection_structures);
}

static void emit_process_rest(const struct emitter *emitter, const struct admin_source *source, uint64_t yields)
{
    const struct admin_process *process = source->process;
    const struct admin_baseline *baseline = baseline_of(source);
    if (process->has_idle_timeout)
        emit_number(emitter, "idle_kicks", since(process->idle_kicks, baseline->idle_kicks));
    emit_number(emitter, "bytes_read", since(process->bytes_read, baseline->bytes_read));
    emit_number(emitter, "bytes_written", since(process->bytes_written, baseline->bytes_written));
    emit_number(emitter, "limit_maxbytes", process->memory_limit_bytes);
    emit_flag(emitter, "accepting_conns", process->accepting_conns);
    emit_number(emitter, "listen_disabled_num", since(process->listen_disabled_num, baseline->listen_disabled_num));
    emit_number(emitter, "time_in_listen_disabled_us", 0);
    emit_number(emitter, "threads", process->threads);
    emit_number(emitter, "conn_yields", yields);
}

void admin_stats_general(const struct admin_source *source, admin_emit *emit, void *context)
{
    struct emitter emitter = {emit, context};
    struct session_counters counters;
    struct store_stats store;
    const struct admin_baseline *baseline = baseline_of(source);
    sum_sessions(source, &counters);
    store_stats(source->store, &store);
    emit_process(&emitter, source);
    for (size_t i = 0; i < sizeof(SESSION_COUNTERS) / sizeof(SESSION_COUNTERS[0]); i++)
        emit_number(&emitter, SESSION_COUNTERS[i].name, counter_at(&counters, SESSION_COUNTERS[i].offset));
    emit_process_rest(&emitter, source, counters.conn_yields);
    for (size_t i = 0; i < sizeof(WITHOUT_COUNTERPART) / sizeof(WITHOUT_COUNTERPART[0]); i++)
        emit_number(&emitter, WITHOUT_COUNTERPART[i], 0);
    emit_number(&emitter, "bytes", current_bytes(&store));
    emit_number(&emitter, "curr_items", current_items(&store));
    emit_number(&emitter, "total_items", counters.total_items);
    emit_number(&emitter, "slab_global_page_pool", 0);
    emit_number(&emitter, "expired_unfetched", 0);
    emit_number(&emitter, "evicted_unfetched", since(store.evicted_unfetched, baseline->evicted_unfetched));
    emit_number(&emitter, "evicted_active", 0);
    emit_number(&emitter, "evictions", since(store.evictions, baseline->evictions));
    emit_number(&emitter, "reclaimed", since(store.reclaimed, baseline->reclaimed));
    for (size_t i = 0; i < sizeof(WITHOUT_COUNTERPART_AT_THE_END) / sizeof(WITHOUT_COUNTERPART_AT_THE_END[0]); i++)
        emit_number(&emitter, WITHOUT_COUNTERPART_AT_THE_END[i], 0);
}

void admin_take_baseline(const struct admin_source *source, struct admin_baseline *out)
{
    struct admin_source whole = *source;
    struct store_stats store;
    const struct admin_process *process = source->process;
    whole.baseline = NULL;
    memset(out, 0, sizeof(*out));
    sum_sessions(&whole, &out->sessions);
    store_stats(source->store, &store);
    out->total_connections = process->total_connections;
    out->rejected_connections = process->rejected_connections;
    out->bytes_read = process->bytes_read;
    out->bytes_written = process->bytes_written;
    out->listen_disabled_num = process->listen_disabled_num;
    out->idle_kicks = process->idle_kicks;
    out->evictions = store.evictions;
    out->evicted_unfetched = store.evicted_unfetched;
    out->reclaimed = store.reclaimed;
}

void admin_stats_items(const struct admin_source *source, admin_emit *emit, void *context)
{
    struct emitter emitter = {emit, context};
    struct store_stats store;
    const struct admin_baseline *baseline = baseline_of(source);
    store_stats(source->store, &store);
    uint64_t items = current_items(&store);
    if (items == 0)
        return;
    emit_number(&emitter, "items:1:number", items);
    emit_number(&emitter, "items:1:number_hot", 0);
    emit_number(&emitter, "items:1:number_warm", store.records_buffered);
    emit_number(&emitter, "items:1:number_cold", since(items, store.records_buffered));
    emit_number(&emitter, "items:1:age", 0);
    emit_number(&emitter, "items:1:mem_requested", store.bytes_buffered);
    emit_number(&emitter, "items:1:evicted", since(store.evictions, baseline->evictions));
    emit_number(&emitter, "items:1:evicted_nonzero", 0);
    emit_number(&emitter, "items:1:evicted_time", 0);
    emit_number(&emitter, "items:1:outofmemory", 0);
    emit_number(&emitter, "items:1:tailrepairs", 0);
    emit_number(&emitter, "items:1:reclaimed", since(store.reclaimed, baseline->reclaimed));
    emit_number(&emitter, "items:1:expired_unfetched", 0);
    emit_number(&emitter, "items:1:evicted_unfetched", since(store.evicted_unfetched, baseline->evicted_unfetched));
}

void admin_stats_slabs(const struct admin_source *source, admin_emit *emit, void *context)
{
    struct emitter emitter = {emit, context};
    struct session_counters counters;
    struct store_stats store;
    sum_sessions(source, &counters);
    store_stats(source->store, &store);
    uint64_t items = current_items(&store);
    if (items > 0) {
        emit_number(&emitter, "1:chunk_size", source->process->item_size_max);
        emit_number(&emitter, "1:chunks_per_page", 1);
        emit_number(&emitter, "1:total_pages", items);
        emit_number(&emitter, "1:total_chunks", items);
        emit_number(&emitter, "1:used_chunks", items);
        emit_number(&emitter, "1:free_chunks", 0);
        emit_number(&emitter, "1:free_chunks_end", 0);
        emit_number(&emitter, "1:get_hits", counters.get_hits);
        emit_number(&emitter, "1:cmd_set", counters.cmd_set);
        emit_number(&emitter, "1:delete_hits", counters.delete_hits);
        emit_number(&emitter, "1:incr_hits", counters.incr_hits);
        emit_number(&emitter, "1:decr_hits", counters.decr_hits);
        emit_number(&emitter, "1:cas_hits", counters.cas_hits);
        emit_number(&emitter, "1:cas_badval", counters.cas_badval);
        emit_number(&emitter, "1:touch_hits", counters.touch_hits);
    }
    emit_number(&emitter, "active_slabs", items > 0 ? 1 : 0);
    emit_number(&emitter, "total_malloced", store.bytes_buffered);
}

void admin_stats_sizes(admin_emit *emit, void *context)
{
    struct emitter emitter = {emit, context};
    emit_text(&emitter, "sizes_status", "disabled");
}
