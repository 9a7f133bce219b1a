#include "base/check.h"
#include "frontend/limits.h"
#include "server/clock.h"
#include "server/host.h"
#include "server/locks.h"
#include "server/shell_inside.h"
#include "server/version.h"

#include <stdlib.h>

/* A loop's side of the hints, NULL: there are none. */
static struct store_loop *hints_of(struct shell *shell, unsigned loop)
{
    return shell->hints.store != NULL ? store_loop_of(shell->hints.store, loop) : NULL;
}

/* By the main thread, whose node repairs. A damaged disk may give many reasons. */
static void report_of_repair(void *host, const char *text)
{
    struct shell *shell = host;
    char left_out[LOGGER_GATE_TEXT_MAX];
    uint64_t held;
    if (logger_gate_pass(&shell->repair_reports, clock_now().mono_ns / 1000000, &held))
        logger_line(shell->log, LEVEL_WARNING, "anti-entropy", "%s%s", text, logger_gate_text(held, left_out));
}

bool shell_open_node(struct shell *shell)
{
    const struct config *config = shell->config;
    struct node_settings settings = {.name = shell->dir.node,
                                     .partition_count = shell->dir.partitions,
                                     .buckets = config->buckets,
                                     .grace_ms = config->grace_ms,
                                     .value_max = config->value_max,
                                     .object_max = config_object_max(config),
                                     .tokens_max = (uint32_t)config->tokens_max,
                                     .incarnation = shell->cluster.identity.incarnation,
                                     .coordinator = {.timeout_ms = (uint32_t)config->request_timeout_ms,
                                                     .sloppy = config->quorum == QUORUM_SLOPPY,
                                                     .read_all_share = (uint16_t)config->read_all_share,
                                                     .seed = shell->cluster.identity.incarnation},
                                     .loops = shell_store_loops(shell),
                                     .hint_store = shell->hints.store,
                                     .antientropy = {.interval_ms = (uint32_t)config->antientropy_interval_ms,
                                                     .bytes_per_second = config->antientropy_rate,
                                                     .seed = shell->cluster.identity.incarnation,
                                                     .report = report_of_repair,
                                                     .report_host = shell},
                                     .hear_of_epoch = cluster_hear_of_epoch,
                                     .host = &shell->cluster};
    shell->shared = node_shared_new(&settings, shell->store, &lock_mutex, shell->data.recovery.newest);
    if (shell->shared == NULL)
        logger_line(shell->log, LEVEL_ERROR, "start", "the ring's settings are impossible: node %s, %u partitions",
                    settings.name, settings.partition_count);
    return shell->shared != NULL;
}

static void fill_session_settings(struct shell *shell)
{
    const struct config *config = shell->config;
    shell->settings = (struct session_settings){
        .version = SERVER_PROTOCOL_VERSION,
        .value_max = config->value_max,
        .out_bytes_max = config->out_bytes_max,
        .requests_per_event = (uint32_t)config->requests_per_event,
        .reads_inflight_max = FRONTEND_READS_INFLIGHT_MAX,
        .dialects = config->dialects,
        .cas_disabled = config->cas_disabled,
        .flush_disabled = config->flush_disabled,
        .shutdown_enabled = config->shutdown_enabled,
        .detail_enabled = config->delimiter != NULL,
        .prefix_delimiter = config->delimiter != NULL ? config->delimiter[0] : ':',
        .text_auth = config->auth_file != NULL && !config->sasl,
        .sasl = config->sasl,
    };
}

bool shell_open_loops(struct shell *shell)
{
    shell->loops = calloc(shell->loop_count, sizeof(*shell->loops));
    shell->frontends = calloc(shell->loop_count, sizeof(*shell->frontends));
    shell->nodes = calloc(shell_store_loops(shell), sizeof(*shell->nodes));
    CHECK(shell->loops != NULL && shell->frontends != NULL && shell->nodes != NULL);
    fill_session_settings(shell);
    host_init(shell);
    shell->prefixes = prefix_stats_new(&lock_mutex, shell->settings.prefix_delimiter, shell->settings.detail_enabled);
    for (unsigned i = 0; i < shell->loop_count; i++) {
        struct loop_options options = {.shared = shell->shared,
                                       .store = store_loop_of(shell->store, i),
                                       .hint_store = hints_of(shell, i),
                                       .settings = &shell->settings,
                                       .host = &shell->host,
                                       .prefixes = shell->prefixes,
                                       .log = shell->log,
                                       .mesh = &shell->cluster.mesh_settings,
                                       .number = (uint16_t)i,
                                       .patience_ms = shell->config->request_timeout_ms + FINISH_BEYOND_TIMEOUT_MS,
                                       .idle_timeout_s = (uint32_t)shell->config->idle_timeout_s,
                                       .connection_closed = acceptor_on_closed,
                                       .closed_host = &shell->acceptor};
        if (!loop_init(&shell->loops[i], &options))
            return false;
        shell->loops_ready++;
        shell->frontends[i] = &shell->loops[i].frontend;
        shell->nodes[i] = &shell->loops[i].node;
    }
    node_load(&shell->loops[0].node, clock_now());
    return true;
}

/* Why acknowledged writes may be missing here; NULL: nothing says so. */
static const char *reason_for_doubt(const struct shell *shell)
{
    const struct last_run *last = &shell->last;
    const struct store_recovery *found = &shell->data.recovery;
    if (shell->dir.fresh) /* if its ring knows the node's name, membership says so */
        return NULL;
    if (last->is_copied)
        return "its files are a copy of those that it ran on last";
    if (shell->hints.recovery.damaged != 0) /* some may have been of partitions that this node owns by now */
        return "the log of its hints is damaged";
    if (found->clean)
        return NULL;
    if (found->damaged != 0)
        return "its log is damaged";
    if (!last->is_same_boot)
        return "the machine has stopped or lost power since it ran last";
    return cluster_has_buffered(&shell->cluster) ? "it was killed, and its buckets are not all kept on disk" : NULL;
}

/* What this node's copies are worth after what has happened since it ran last, and what it keeps for others. */
static bool judge_copies(struct shell *shell)
{
    const char *doubt = config_has_peers(shell->config) ? reason_for_doubt(shell) : NULL;
    if (!node_load_standing(shell->shared, doubt != NULL))
        doubt = "what it had noted of its copies is damaged or cannot be read";
    standing_set_confirmed(node_standing(shell->shared), !config_has_peers(shell->config)); /* membership goes on */
    if (doubt != NULL)
        logger_line(shell->log, LEVEL_NOTICE, "recovery",
                    "%s: writes may be missing here, so this node's answers do not count until its copies have been "
                    "compared with the others'",
                    doubt);
    if (shell->hints.store != NULL)
        hints_load(node_hints(shell->shared), hints_of(shell, shell->loop_count + 1));
    /* A process that comes after this one must not find the note before the doubt is kept. */
    node_keep_standing(shell->shared);
    bool is_kept = !standing_wants_keeping(node_standing(shell->shared));
    if (shell->data.engine == NULL || (is_kept && last_run_note(&shell->dir, shell->log)))
        return true;
    /* On a full disk an older note stays, and makes the next start doubt more than it would have to. */
    return shell->last.is_known;
}

bool shell_open_cluster(struct shell *shell)
{
    if (shell->data.engine != NULL && !last_run_read(&shell->last, &shell->dir, shell->log))
        return false;
    struct cluster_parts parts = {.shared = shell->shared,
                                  .store = shell->store,
                                  .keeper = &shell->keeper,
                                  .hint_store = hints_of(shell, shell->loop_count + 1),
                                  .has_run = shell->last.is_known,
                                  .is_copied = shell->last.is_copied,
                                  .loops = shell->loops,
                                  .loop_count = shell->loop_count};
    if (!cluster_open(&shell->cluster, &parts))
        return false;
    if (!judge_copies(shell))
        return false;
    shell->nodes[shell->loop_count + 1] = &shell->cluster.node;
    repair_copy_open(&shell->repair, shell->base, &shell->cluster.node);
    return true;
}

bool shell_start_threads(struct shell *shell)
{
    struct keeper_parts parts = {.store = shell->store,
                                 .hints = shell->hints.store,
                                 .shared = shell->shared,
                                 .loop = store_loop_of(shell->store, shell->loop_count),
                                 .hint_loop = hints_of(shell, shell->loop_count),
                                 .is_volatile = shell->data.engine == NULL,
                                 .grace_ms = shell->config->grace_ms};
    if (!keeper_start(&shell->keeper, &parts))
        return false;
    shell->nodes[shell->loop_count] = &shell->keeper.node;
    for (unsigned i = 0; i < shell->loop_count; i++) {
        if (!loop_start(&shell->loops[i], i))
            return false;
    }
    cluster_start(&shell->cluster);
    return true;
}
