#include "server/clock.h"
#include "server/locks.h"
#include "server/shell_inside.h"

#include <inttypes.h>
#include <unistd.h>

static void wake_loop(void *host, unsigned number)
{
    struct shell *shell = host;
    if (number > shell->loop_count)
        cluster_wake(&shell->cluster);
    else if (number == shell->loop_count)
        keeper_wake_storage(&shell->keeper);
    else if (number < shell->loops_ready)
        loop_wake(&shell->loops[number]);
}

static void wake_storage(void *host)
{
    keeper_wake_storage(&((struct shell *)host)->keeper);
}

static void wake_sync(void *host)
{
    keeper_wake_sync(&((struct shell *)host)->keeper);
}

static void report(void *host, const char *text)
{
    logger_line(((struct shell *)host)->log, LEVEL_WARNING, "storage", "%s", text);
}

static void report_of_hints(void *host, const char *text)
{
    logger_line(((struct shell *)host)->log, LEVEL_WARNING, "hints", "the database of hints: %s", text);
}

bool shell_open_data(struct shell *shell)
{
    const struct config *config = shell->config;
    char host[256] = "localhost", name[RING_NAME_MAX + 1];
    gethostname(host, sizeof(host) - 1);
    snprintf(name, sizeof(name), "%.55s:%d", host, config->unix_socket != NULL ? 0 : (int)config->port);
    if (config->engine == STORE_IN_MEMORY) {
        snprintf(shell->dir.node, sizeof(shell->dir.node), "%s", config->node != NULL ? config->node : name);
        shell->dir.partitions = config->partitions != 0 ? (uint32_t)config->partitions : RING_PARTITIONS_DEFAULT;
        return true;
    }
    struct data_dir_wish wish = {
        .path = config->data, .node = config->node, .node_default = name, .partitions = (uint32_t)config->partitions};
    return data_dir_open(&shell->dir, &wish, shell->log) && data_dir_sync(&shell->dir, shell->log);
}

static struct store_limits limits_of(const struct config *config)
{
    struct store_limits limits = store_limits_default();
    limits.memory_bytes = config->memory_mb << 20;
    limits.dirty_bytes = config->dirty_bytes != 0 ? config->dirty_bytes : limits.memory_bytes / 2;
    if (config->log_bytes != 0)
        limits.log_bytes = config->log_bytes;
    if (config->log_segment_bytes != 0)
        limits.log_segment_bytes = config->log_segment_bytes;
    if (config->checkpoint_bytes != 0)
        limits.checkpoint_bytes = config->checkpoint_bytes;
    if (config->checkpoint_age_ms != 0)
        limits.checkpoint_age_ms = (uint32_t)config->checkpoint_age_ms;
    limits.evict = !config->evictions_disabled;
    return limits;
}

static void say_what_recovery_found(struct shell *shell, const char *what, const struct store_recovery *found)
{
    if (!found->clean)
        logger_line(shell->log, LEVEL_NOTICE, "recovery",
                    "%s: the last stop was not clean: replayed %" PRIu64 " records (%" PRIu64 " bytes) of the log, "
                    "%" PRIu64 " torn tails dropped (never acknowledged, unless power was lost or the disk is damaged)",
                    what, found->replayed_records, found->replayed_bytes, found->torn_records);
    else
        logger_line(shell->log, LEVEL_INFO, "recovery", "%s: the last stop was clean", what);
}

/* What both databases have in common. */
static struct database_options options_of(struct shell *shell, const char *directory)
{
    return (struct database_options){.directory = directory,
                                     .log_write = shell->config->log_write,
                                     .ports = {.locks = &lock_mutex,
                                               .wake_loop = wake_loop,
                                               .wake_storage = wake_storage,
                                               .wake_sync = wake_sync,
                                               .present = hybrid_of_ms(clock_now().wall_ms),
                                               .report = report,
                                               .host = shell},
                                     .loops = shell_store_loops(shell),
                                     .log = shell->log};
}

bool shell_open_store(struct shell *shell)
{
    const struct config *config = shell->config;
    struct database_options options = options_of(shell, shell->dir.path);
    options.map_bytes = config->map_bytes;
    options.reserve_bytes = config_map_reserve(config);
    options.limits = limits_of(config);
    if (!database_open(&shell->data, &options))
        return false;
    shell->store = shell->data.store;
    if (shell->data.engine != NULL && !shell->dir.fresh)
        say_what_recovery_found(shell, "data", &shell->data.recovery);
    return true;
}

bool shell_open_hints(struct shell *shell)
{
    const struct config *config = shell->config;
    char path[4096];
    if (config->engine == STORE_IN_MEMORY || !config_has_peers(config))
        return true;
    if (!data_dir_make(&shell->dir, "hints", path, sizeof(path), shell->log))
        return false;
    struct database_options options = options_of(shell, path);
    options.map_bytes = config->hint_bytes;
    options.reserve_bytes = config_reserve_of(config->hint_bytes);
    options.limits = database_hint_limits();
    options.ports.report = report_of_hints;
    if (!database_open(&shell->hints, &options))
        return false;
    if (!shell->dir.fresh)
        say_what_recovery_found(shell, "hints", &shell->hints.recovery);
    return true;
}
