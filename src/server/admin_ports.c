#include "server/admin_ports.h"

#include "server/clock.h"

static const struct ring_view *view(void *host)
{
    return membership_view(((struct shell *)host)->cluster.membership);
}

static const struct bucket_table *buckets(void *host)
{
    return node_buckets(((struct shell *)host)->shared);
}

static unsigned rows(void *host, struct membership_row *rows, unsigned max)
{
    return membership_rows(((struct shell *)host)->cluster.membership, clock_now(), rows, max);
}

static const char *waits_for(void *host)
{
    return cluster_waits_for(&((struct shell *)host)->cluster);
}

static bool engine(void *host, struct engine_usage *usage)
{
    struct store_stats stats;
    store_stats(((struct shell *)host)->store, &stats);
    *usage = stats.engine;
    return stats.has_engine;
}

static struct replica_present present(void *host)
{
    return replica_present_at(((struct shell *)host)->cluster.node.coordinator.replica, clock_now());
}

static void inspect(void *host, struct inspection *inspection)
{
    node_inspect(&((struct shell *)host)->cluster.node, clock_now(), inspection);
}

static void inspect_finish(void *host, struct inspection *inspection)
{
    (void)host;
    node_inspect_finish(inspection);
}

static void survey(void *host, struct survey *survey)
{
    node_survey(&((struct shell *)host)->cluster.node, clock_now(), survey);
}

static const struct admin_repair *repair(void *host)
{
    struct shell *shell = host;
    repair_copy_refresh(&shell->repair);
    return &shell->repair.repair; /* nobody but this thread changes it */
}

static bool owns(const struct ring_view *view, uint32_t self, int partition)
{
    const uint16_t *owners = ring_preference_list(view, (uint16_t)partition);
    for (uint32_t i = 0; i < view->owner_count; i++) {
        if (view->members[owners[i]].id == self)
            return true;
    }
    return false;
}

static const char *start_repair(void *host, int partition)
{
    struct cluster *cluster = &((struct shell *)host)->cluster;
    struct antientropy *antientropy = node_antientropy(&cluster->node);
    const struct ring_view *view = membership_view(cluster->membership);
    if (antientropy == NULL || view->member_count < 2)
        return "this node has nobody to compare its copies with";
    if (partition >= 0 && !owns(view, ring_node_id(cluster->dir->node), partition))
        return "this node has no copy of that partition; ringctl ring tells who has";
    antientropy_repair(antientropy, clock_now(), partition);
    return NULL;
}

static void join(void *host, const char *address, membership_done *done, void *owner)
{
    membership_join(((struct shell *)host)->cluster.membership, clock_now(), address, done, owner);
}

/* As on SIGHUP: a ring of one has them in force at once. */
static const char *set_buckets(void *host, const struct bucket_table *fresh)
{
    struct shell *shell = host;
    if (!cluster_has_others(&shell->cluster) && !node_reload_buckets(shell->shared, fresh))
        return "the buckets have changed too often for this process; restart it";
    cluster_set_buckets(&shell->cluster, fresh);
    return NULL;
}

bool admin_ports_open(struct shell *shell)
{
    const struct config *config = shell->config;
    struct admin_http_options options = {.address = config->admin,
                                         .token_file = config->admin_token_file,
                                         .client_port = shell->acceptor.listeners.tcp_port,
                                         .client_port_free = config->port == PORT_FREE,
                                         .base = shell->base,
                                         .ports = {.view = view,
                                                   .buckets = buckets,
                                                   .rows = rows,
                                                   .waits_for = waits_for,
                                                   .engine = engine,
                                                   .present = present,
                                                   .inspect = inspect,
                                                   .inspect_finish = inspect_finish,
                                                   .survey = survey,
                                                   .repair = repair,
                                                   .start_repair = start_repair,
                                                   .join = join,
                                                   .set_buckets = set_buckets,
                                                   .host = shell},
                                         .log = shell->log};
    return admin_http_open(&shell->admin, &options);
}
