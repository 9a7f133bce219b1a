/* `stats ring` */
#include "admin/emit.h"
#include "admin/ownership.h"
#include "admin/sums.h"

#include <inttypes.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>

static void emit_id(const struct emitter *emitter, const char *name, uint64_t id)
{
    char text[17];
    snprintf(text, sizeof(text), "%016" PRIx64, id);
    emit_text(emitter, name, text);
}

static void emit_table(const struct emitter *emitter, const struct ring_view *view)
{
    emit_number(emitter, "members", view->member_count);
    emit_number(emitter, "copies", view->owner_count);
    emit_number(emitter, "copies_wanted", view->settings.copies);
    emit_number(emitter, "partitions", view->partition_count);
    emit_number(emitter, "strategy", view->settings.strategy);
    emit_number(emitter, "epoch", view->epoch);
    emit_id(emitter, "fingerprint", ring_fingerprint(view));
    emit_id(emitter, "cluster", view->settings.cluster);
}

/* In percent of all copies, and of all partitions. A node that is not in the table yet owns nothing. */
static void emit_share(const struct emitter *emitter, const struct ring_view *view, const char *name)
{
    struct ownership *shares = ownership_of(view), own = {0};
    int index = ring_member_index(view, ring_node_id(name));
    if (index >= 0)
        own = shares[index];
    emit_text(emitter, "node", name);
    emit_number(emitter, "owned_partitions", own.replicas);
    emit_number(emitter, "coordinated_partitions", own.first);
    emit_decimal(emitter, "ownership_percent", own.replicas * 100, ownership_whole(view), 2);
    emit_decimal(emitter, "coordinates_percent", own.first * 100, view->partition_count, 2);
    free(shares);
}

static void emit_forwards(const struct emitter *emitter, const struct node_counters *counters)
{
    emit_number(emitter, "links", counters->links);
    emit_number(emitter, "forwards", counters->forwarded);
    emit_number(emitter, "forward_retries", counters->forward_retries);
    emit_number(emitter, "forward_failures", counters->forward_failures);
    emit_number(emitter, "served_forwards", counters->served_forwards);
    emit_number(emitter, "served_reads", counters->served_reads);
    emit_number(emitter, "served_writes", counters->served_writes);
    emit_number(emitter, "repeated_forwards", counters->repeated_forwards);
    emit_number(emitter, "refused_epochs", counters->refused_epochs);
    emit_number(emitter, "refused_serves", counters->refused_serves);
    emit_number(emitter, "refused_links", counters->refused_links);
    emit_number(emitter, "malformed_messages", counters->malformed);
}

static void emit_rounds(const struct emitter *emitter, const struct coordinator_counters *counters)
{
    emit_number(emitter, "rounds", counters->rounds);
    emit_number(emitter, "same_answers", counters->same_answers);
    emit_number(emitter, "other_answers", counters->other_answers);
    emit_number(emitter, "late_answers", counters->late_answers);
    emit_number(emitter, "hedges", counters->hedges);
    emit_number(emitter, "repairs_before_reply", counters->repairs_before);
    emit_number(emitter, "repairs_after_reply", counters->repairs_after);
    emit_number(emitter, "restamps", counters->restamps);
    emit_number(emitter, "stale_epochs", counters->stale_epochs);
    emit_number(emitter, "stand_ins", counters->stand_ins);
    emit_number(emitter, "doubtful_answers", counters->doubtful_answers);
    emit_number(emitter, "short_writes", counters->short_writes);
    emit_number(emitter, "found_again", counters->found_again);
    emit_number(emitter, "lost_again", counters->lost_again);
    emit_number(emitter, "went_elsewhere", counters->went_elsewhere);
    emit_number(emitter, "no_quorum", counters->no_quorum);
    emit_number(emitter, "timeouts", counters->timeouts);
}

void admin_stats_ring(const struct admin_source *source, admin_emit *emit, void *context)
{
    struct emitter emitter = {emit, context};
    const struct ring_view *view = source->view;
    struct node_counters node;
    struct coordinator_counters coordinator;
    sum_nodes(source, &node);
    sum_coordinators(source, &coordinator);
    emit_table(&emitter, view);
    emit_share(&emitter, view, source->process->node);
    emit_forwards(&emitter, &node);
    emit_rounds(&emitter, &coordinator);
}
