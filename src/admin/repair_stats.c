/* `stats hints`, `stats antientropy`, `stats horizon` */
#include "admin/emit.h"
#include "admin/repair.h"

#include <inttypes.h>
#include <stdio.h>

enum { NAME_BYTES = RING_NAME_MAX + 40 };

/* NODE:WHAT */
static void emit_of_node(const struct emitter *emitter, const struct ring_view *view, uint32_t node, const char *what,
                         uint64_t value)
{
    char name[NAME_BYTES];
    int index = ring_member_index(view, node);
    if (index >= 0)
        snprintf(name, sizeof(name), "%s:%s", view->members[index].name, what);
    else
        snprintf(name, sizeof(name), "%08" PRIx32 ":%s", node, what); /* has left the ring */
    emit_number(emitter, name, value);
}

void admin_stats_hints(const struct admin_repair *repair, const struct ring_view *view, admin_emit *emit, void *context)
{
    struct emitter emitter = {emit, context};
    emit_flag(&emitter, "enabled", repair->has_hints);
    emit_number(&emitter, "kept", repair->hints.kept);
    emit_number(&emitter, "bytes", repair->hints.bytes);
    emit_number(&emitter, "stored", repair->hints.stored);
    emit_number(&emitter, "refused", repair->hints.refused);
    emit_number(&emitter, "delivered", repair->hints.delivered);
    emit_number(&emitter, "sent", repair->delivery.sent);
    emit_number(&emitter, "acknowledged", repair->delivery.acknowledged);
    emit_number(&emitter, "not_taken", repair->delivery.refused);
    emit_number(&emitter, "timed_out", repair->delivery.timed_out);
    emit_number(&emitter, "readdressed", repair->delivery.readdressed);
    emit_number(&emitter, "merged_here", repair->delivery.merged_here);
    emit_number(&emitter, "changed_meanwhile", repair->delivery.changed);
    emit_number(&emitter, "passes", repair->delivery.passes);
    for (unsigned i = 0; i < repair->owner_count; i++) {
        const struct hints_row *row = &repair->owners[i];
        emit_of_node(&emitter, view, row->owner, "kept", row->count);
        emit_of_node(&emitter, view, row->owner, "since_ms", row->since_ms);
    }
}

static void emit_peer(const struct emitter *emitter, const struct ring_view *view,
                      const struct antientropy_peer_row *row)
{
    emit_of_node(emitter, view, row->node, "partitions", row->partitions);
    emit_of_node(emitter, view, row->node, "identical", row->identical);
    emit_of_node(emitter, view, row->node, "identical_since_ms", row->identical_since_ms);
    emit_of_node(emitter, view, row->node, "compared_ms", row->compared_ms);
    emit_of_node(emitter, view, row->node, "under_way", row->is_under_way);
    emit_of_node(emitter, view, row->node, "left", row->left);
    emit_of_node(emitter, view, row->node, "exchanges", row->exchanges);
    emit_of_node(emitter, view, row->node, "messages", row->messages);
    emit_of_node(emitter, view, row->node, "keys_exchanged", row->keys_exchanged);
    emit_of_node(emitter, view, row->node, "bytes_sent", row->bytes_sent);
}

void admin_stats_antientropy(const struct admin_repair *repair, const struct ring_view *view, admin_emit *emit,
                             void *context)
{
    struct emitter emitter = {emit, context};
    char mismatch[16] = "none";
    if (repair->checker.mismatches > 0)
        snprintf(mismatch, sizeof(mismatch), "%d", repair->checker.last_mismatch);
    emit_flag(&emitter, "enabled", repair->compares);
    emit_number(&emitter, "checker_passes", repair->checker.passes);
    emit_number(&emitter, "checker_partitions", repair->checker.partitions);
    emit_number(&emitter, "checker_mismatches", repair->checker.mismatches);
    emit_text(&emitter, "checker_last_mismatch", mismatch);
    for (unsigned i = 0; i < repair->peer_count; i++)
        emit_peer(&emitter, view, &repair->peers[i]);
}

void admin_stats_horizon(const struct admin_repair *repair, admin_emit *emit, void *context)
{
    struct emitter emitter = {emit, context};
    const struct antientropy_horizon *horizon = &repair->horizon;
    uint64_t lowest_ms = hybrid_ms(horizon->lowest);
    emit_number(&emitter, "lowest_ms", lowest_ms);
    emit_number(&emitter, "highest_ms", hybrid_ms(horizon->highest));
    emit_number(&emitter, "lag_ms", lowest_ms != 0 && repair->now_ms > lowest_ms ? repair->now_ms - lowest_ms : 0);
    emit_number(&emitter, "doubtful_partitions", horizon->doubtful);
    emit_number(&emitter, "behind_partitions", horizon->behind);
    emit_text(&emitter, "held_back_by", horizon->held_back_by[0] != '\0' ? horizon->held_back_by : "nothing");
}
