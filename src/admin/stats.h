/* Statistics as pure functions over the counters of a node, with memcached's names where it has one. */
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
    uint64_t rusage_user_us, rusage_system_us;
    uint64_t max_connections, curr_connections, total_connections, rejected_connections, connection_structures;
    uint64_t bytes_read, bytes_written, listen_disabled_num, idle_kicks;
    uint64_t memory_limit_bytes, major_faults;
    bool accepting_conns;
};

struct admin_source {
    const struct admin_process *process;
    const struct frontend *const *frontends; /* one for each worker loop */
    const struct node *const *nodes;         /* one for each loop, the background one included */
    unsigned frontend_count, node_count;
    struct node_shared *shared;
    struct store *store;
};

typedef void admin_emit(void *context, struct bytes name, struct bytes value);

void admin_stats_general(const struct admin_source *source, admin_emit *emit, void *context);
void admin_stats_latency(const struct admin_source *source, admin_emit *emit, void *context);
void admin_stats_versions(const struct admin_source *source, admin_emit *emit, void *context);
void admin_stats_storage(const struct admin_source *source, admin_emit *emit, void *context);
void admin_stats_buckets(const struct admin_source *source, admin_emit *emit, void *context);

#endif
