/* `stats hints`, `stats antientropy`, `stats horizon` */
#include "admin/emit.h"
#include "admin/node_name.h"
#include "admin/repair.h"

#include <stdio.h>

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

/* A number and what it is called. */
struct figure {
    const char *name;
    uint64_t value;
};

static void emit_figures(const struct emitter *emitter, const struct figure *figures, size_t count)
{
    for (size_t i = 0; i < count; i++)
        emit_number(emitter, figures[i].name, figures[i].value);
}

/* The same as NODE:WHAT. */
static void emit_figures_of(const struct emitter *emitter, const struct ring_view *view, uint32_t node,
                            const struct figure *figures, size_t count)
{
    char name[NODE_NAME_BYTES], line[NODE_NAME_BYTES + 40];
    const char *of = node_name(view, node, name);
    for (size_t i = 0; i < count; i++) {
        snprintf(line, sizeof(line), "%s:%s", of, figures[i].name);
        emit_number(emitter, line, figures[i].value);
    }
}

void admin_stats_hints(const struct admin_repair *repair, const struct ring_view *view, admin_emit *emit, void *context)
{
    struct emitter emitter = {emit, context};
    const struct figure figures[] = {
        {"kept", repair->hints.kept},
        {"bytes", repair->hints.bytes},
        {"stored", repair->hints.stored},
        {"refused", repair->hints.refused},
        {"delivered", repair->hints.delivered},
        {"sent", repair->delivery.sent},
        {"acknowledged", repair->delivery.acknowledged},
        {"not_taken", repair->delivery.refused},
        {"timed_out", repair->delivery.timed_out},
        {"readdressed", repair->delivery.readdressed},
        {"lost", repair->delivery.lost},
        {"merged_here", repair->delivery.merged_here},
        {"changed_meanwhile", repair->delivery.changed},
        {"passes", repair->delivery.passes},
    };
    emit_flag(&emitter, "enabled", repair->has_hints);
    emit_figures(&emitter, figures, COUNT(figures));
    for (unsigned i = 0; i < repair->owner_count; i++) {
        const struct hints_row *row = &repair->owners[i];
        const struct figure of_owner[] = {{"kept", row->count}, {"since_ms", row->since_ms}};
        emit_figures_of(&emitter, view, row->owner, of_owner, COUNT(of_owner));
    }
}

static void emit_peer(const struct emitter *emitter, const struct ring_view *view,
                      const struct antientropy_peer_row *row)
{
    const struct figure figures[] = {
        {"partitions", row->partitions},
        {"identical", row->identical},
        {"identical_since_ms", row->identical_since_ms},
        {"compared_ms", row->compared_ms},
        {"under_way", row->is_under_way},
        {"left", row->left},
        {"exchanges", row->exchanges},
        {"messages", row->messages},
        {"keys_exchanged", row->keys_exchanged},
        {"bytes_sent", row->bytes_sent},
    };
    emit_figures_of(emitter, view, row->node, figures, COUNT(figures));
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
    emit_number(&emitter, "checker_erased", repair->checker.erased);
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
