/* Statistics as pure functions over the counters of a node, with memcached's names where it has one.
 *
 * Counters belong to the loop that writes them and are summed here. `stats reset` takes nothing away from them (a loop
 * would overwrite it); it notes a baseline that is subtracted from then on. docs: protocol.txt of memcached lists its
 * own names; ours are in docs/stats.md. */
#ifndef ADMIN_STATS_H
#define ADMIN_STATS_H

#include "base/bytes.h"
#include "base/histogram.h"
#include "frontend/session.h"
#include "node/node.h"
#include "storage/store.h"

#include <stdint.h>

/* What only the server knows. */
struct admin_process {
    uint32_t pid, pointer_size, threads;
    uint64_t uptime_s, time_s; /* wall */
    const char *version, *libevent_version;
    const char *node; /* this node's name in the ring */
    uint64_t rusage_user_us, rusage_system_us;
    uint64_t max_connections, curr_connections, total_connections, rejected_connections, connection_structures;
    uint64_t bytes_read, bytes_written, listen_disabled_num, idle_kicks;
    uint64_t memory_limit_bytes, major_faults;
    uint64_t item_size_max; /* -I */
    bool accepting_conns, has_idle_timeout;
};

/* What the counters were at the last `stats reset`; zero before the first. */
struct admin_baseline {
    struct session_counters sessions;
    uint64_t total_connections, rejected_connections, bytes_read, bytes_written, listen_disabled_num, idle_kicks;
    uint64_t evictions, evicted_unfetched, reclaimed;
};

struct admin_source {
    const struct admin_process *process;
    const struct frontend *const *frontends; /* one for each worker loop */
    const struct node *const *nodes;         /* one for each loop, the background one included */
    unsigned frontend_count, node_count;
    const struct ring_view *view; /* as the asking loop sees the ring: it may not be freed during the call */
    struct node_shared *shared;
    struct store *store;
    const struct admin_baseline *baseline; /* NULL: nothing has been reset */
};

/* Name and value without line ends, both valid during the call. */
typedef void admin_emit(void *context, struct bytes name, struct bytes value);

/* `stats` */
void admin_stats_general(const struct admin_source *source, admin_emit *emit, void *context);
/* `stats items`, `stats slabs`: everything in one class, since nothing is kept in slabs here; `stats sizes`. */
void admin_stats_items(const struct admin_source *source, admin_emit *emit, void *context);
void admin_stats_slabs(const struct admin_source *source, admin_emit *emit, void *context);
void admin_stats_sizes(admin_emit *emit, void *context);
/* `stats latency`: count, p50, p99, p99.9 and max in microseconds, for each kind of command. */
void admin_stats_latency(const struct admin_source *source, admin_emit *emit, void *context);
/* `stats versions`: how many versions reads saw, Dynamo 6.3. */
void admin_stats_versions(const struct admin_source *source, admin_emit *emit, void *context);
/* `stats storage`: buffer, log, checkpoints, engine. */
void admin_stats_storage(const struct admin_source *source, admin_emit *emit, void *context);
/* `stats ring`: the table, this node's share of it, and what has passed between the nodes. */
void admin_stats_ring(const struct admin_source *source, admin_emit *emit, void *context);
/* `stats buckets`: the settings of each, and the quorums that the ring's size leaves of them. */
void admin_stats_buckets(const struct admin_source *source, admin_emit *emit, void *context);

/* `stats reset`: `out` becomes the baseline. */
void admin_take_baseline(const struct admin_source *source, struct admin_baseline *out);

#endif
