/* Adding up the loops' counters. Within the room. */
#ifndef ADMIN_SUMS_H
#define ADMIN_SUMS_H

#include "admin/stats.h"

/* All loops together, less the baseline. */
void sum_sessions(const struct admin_source *source, struct session_counters *out);
void sum_latency(const struct admin_source *source, enum latency_kind kind, struct histogram *out);
void sum_coordinators(const struct admin_source *source, struct coordinator_counters *out);
void sum_nodes(const struct admin_source *source, struct node_counters *out);

/* `now` less what it was at the last reset; never below 0. */
static inline uint64_t since(uint64_t now, uint64_t baseline)
{
    return now > baseline ? now - baseline : 0;
}

/* Objects as far as known without a scan: what the last checkpoint holds and what has become dirty since. Deleted ones
 * count until they are swept. */
uint64_t current_items(const struct store_stats *stats);
/* The bytes of memory and map that they take. */
uint64_t current_bytes(const struct store_stats *stats);

#endif
