#include "server/clock.h"
#include "server/cluster.h"
#include "server/state_file.h"

#include <inttypes.h>

static void send_message(void *host, const char *address, uint8_t type, struct bytes head)
{
    struct cluster *cluster = host;
    if (cluster->mesh_settings.has_peers)
        peer_dialer_send(&cluster->messenger, address, type, head);
}

static bool save(void *host, struct bytes state)
{
    struct cluster *cluster = host;
    return cluster->dir->path == NULL || state_file_write(cluster->dir->path, "membership", state, cluster->log);
}

static void publish(void *host, struct ring_view *view)
{
    struct cluster *cluster = host;
    uint64_t epoch = view->epoch;
    uint32_t members = view->member_count;
    if (!node_publish_view(cluster->shared, view))
        return;
    logger_line(cluster->log, LEVEL_INFO, "ring", "table %" PRIu64 " is in force: %u members", epoch, members);
    for (unsigned i = 0; i < cluster->loop_count; i++)
        loop_follow_ring(&cluster->loops[i]);
    mesh_follow(&cluster->mesh);
}

static void publish_buckets(void *host, const struct bucket_table *buckets)
{
    struct cluster *cluster = host;
    if (!node_reload_buckets(cluster->shared, buckets))
        logger_line(
            cluster->log, LEVEL_ERROR, "ring",
            "the ring's buckets have changed too often for this process: it keeps the old ones until a restart");
}

static void hold_writes(void *host, bool held)
{
    node_hold_writes(((struct cluster *)host)->shared, held);
}

static bool is_empty(void *host)
{
    return node_is_empty(((struct cluster *)host)->shared);
}

static void describe_self(void *host, hybrid_time *clock, uint64_t *records, uint64_t *bytes,
                          struct flush_registers *flush)
{
    struct cluster *cluster = host;
    struct store_stats stats;
    store_stats(cluster->store, &stats);
    *clock = atomic_load_explicit(&node_clock(cluster->shared)->last, memory_order_relaxed);
    /* What is dirty and already in the engine counts twice: it is for people. */
    *records = stats.has_engine ? stats.engine.records + stats.records_dirty : stats.records_buffered;
    *bytes = stats.has_engine ? stats.engine.bytes_used : stats.bytes_buffered;
    *flush = coordinator_flush_registers(&cluster->node.coordinator);
}

static void learn(void *host, hybrid_time clock, const struct flush_registers *flush)
{
    struct cluster *cluster = host;
    node_learn(&cluster->node, clock_now(), clock, flush);
}

static uint64_t stored(void *host)
{
    return store_sequence(((struct cluster *)host)->store);
}

static void stand(void *host, bool confirmed, bool doubtful)
{
    struct cluster *cluster = host;
    struct standing *standing = node_standing(cluster->shared);
    if (doubtful) {
        standing_mark_all(standing, STANDING_DOUBTFUL);
        keeper_wake_storage(cluster->keeper); /* which keeps it */
    }
    standing_set_confirmed(standing, confirmed);
}

static void admit(void *host, const char *name, uint64_t incarnation)
{
    struct cluster *cluster = host;
    if (!admissions_set(cluster->admissions, name, incarnation))
        return;
    for (unsigned i = 0; i < cluster->loop_count; i++)
        loop_follow_ring(&cluster->loops[i]);
    cluster->is_new = true; /* a link must not be closed while one of its messages is at work */
}

static void quarantine(void *host, const uint32_t *ids, unsigned count)
{
    node_set_quarantined(((struct cluster *)host)->shared, ids, count);
}

static void report(void *host, enum membership_severity severity, const char *text)
{
    static const enum logger_level LEVELS[] = {[MEMBERSHIP_INFO] = LEVEL_INFO,
                                               [MEMBERSHIP_NOTICE] = LEVEL_NOTICE,
                                               [MEMBERSHIP_WARNING] = LEVEL_WARNING,
                                               [MEMBERSHIP_ERROR] = LEVEL_ERROR};
    logger_line(((struct cluster *)host)->log, LEVELS[severity], "ring", "%s", text);
}

const struct membership_ports CLUSTER_PORTS = {.send = send_message,
                                               .save = save,
                                               .publish = publish,
                                               .publish_buckets = publish_buckets,
                                               .hold_writes = hold_writes,
                                               .is_empty = is_empty,
                                               .describe_self = describe_self,
                                               .learn = learn,
                                               .report = report,
                                               .stored = stored,
                                               .stand = stand,
                                               .admit = admit,
                                               .quarantine = quarantine};
