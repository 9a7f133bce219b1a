#include "admin/sums.h"

#include <string.h>

_Static_assert(sizeof(struct session_counters) % sizeof(uint64_t) == 0, "session counters are all of one kind");
_Static_assert(sizeof(struct coordinator_counters) % sizeof(uint64_t) == 0, "so are the coordinator's");
_Static_assert(sizeof(struct node_counters) % sizeof(uint64_t) == 0, "and the node's");

/* These structures are nothing but counters, so they can be added without naming each. */
static void add_counters(void *to, const void *from, size_t size)
{
    _Atomic uint64_t *sums = to;
    const _Atomic uint64_t *counters = from;
    for (size_t i = 0; i < size / sizeof(uint64_t); i++)
        atomic_store_explicit(&sums[i],
                              atomic_load_explicit(&sums[i], memory_order_relaxed)
                                  + atomic_load_explicit(&counters[i], memory_order_relaxed),
                              memory_order_relaxed);
}

static void subtract_counters(void *from, const void *what, size_t size)
{
    _Atomic uint64_t *sums = from;
    const _Atomic uint64_t *counters = what;
    for (size_t i = 0; i < size / sizeof(uint64_t); i++)
        atomic_store_explicit(&sums[i],
                              since(atomic_load_explicit(&sums[i], memory_order_relaxed),
                                    atomic_load_explicit(&counters[i], memory_order_relaxed)),
                              memory_order_relaxed);
}

void sum_sessions(const struct admin_source *source, struct session_counters *out)
{
    memset(out, 0, sizeof(*out));
    for (unsigned i = 0; i < source->frontend_count; i++)
        add_counters(out, &source->frontends[i]->counters, sizeof(*out));
    if (source->baseline != NULL)
        subtract_counters(out, &source->baseline->sessions, sizeof(*out));
}

void sum_latency(const struct admin_source *source, enum latency_kind kind, struct histogram *out)
{
    memset(out, 0, sizeof(*out));
    for (unsigned i = 0; i < source->frontend_count; i++)
        histogram_add(out, &source->frontends[i]->latency[kind]);
}

void sum_coordinators(const struct admin_source *source, struct coordinator_counters *out)
{
    memset(out, 0, sizeof(*out));
    for (unsigned i = 0; i < source->node_count; i++)
        add_counters(out, &source->nodes[i]->coordinator.counters, sizeof(*out));
}

void sum_nodes(const struct admin_source *source, struct node_counters *out)
{
    memset(out, 0, sizeof(*out));
    for (unsigned i = 0; i < source->node_count; i++)
        add_counters(out, &source->nodes[i]->counters, sizeof(*out));
}

uint64_t current_items(const struct store_stats *stats)
{
    return stats->has_engine ? stats->engine.records + stats->records_dirty : stats->records_buffered;
}

uint64_t current_bytes(const struct store_stats *stats)
{
    return stats->has_engine ? stats->engine.bytes_used + stats->bytes_dirty : stats->bytes_buffered;
}
