/* What a node knows of its repair (hints, anti-entropy, horizon), copied: repair belongs to the main thread, and
 * statistics are answered by the loops that serve clients. */
#ifndef ADMIN_REPAIR_H
#define ADMIN_REPAIR_H

#include "admin/stats.h"
#include "antientropy/antientropy.h"
#include "hints/deliver.h"
#include "hints/hints.h"
#include "node/survey.h"
#include "ring/ring.h"

#include <jansson.h>
#include <stdbool.h>
#include <stdint.h>

struct admin_repair {
    uint64_t now_ms; /* hybrid, when it was copied */
    bool has_hints;  /* there is a database for them */
    struct hints_counters hints;
    struct deliver_counters delivery;
    struct hints_row *owners;
    unsigned owner_count;
    bool compares; /* the copies with those of others; without it the rest is zero */
    struct antientropy_peer_row *peers;
    unsigned peer_count;
    struct antientropy_horizon horizon;
    struct antientropy_checker checker;
};

struct admin_repair_source {
    const struct hints *hints;
    const struct deliver *deliver;         /* NULL: nothing is handed over */
    const struct antientropy *antientropy; /* NULL: nothing is compared */
    uint64_t now_ms;
};

/* Copies; on the repairing node's thread. Zero-initialise before the first time; what `repair` held is freed. */
void admin_repair_take(struct admin_repair *repair, const struct admin_repair_source *source);
void admin_repair_close(struct admin_repair *repair);

/* `stats hints`, `stats antientropy`, `stats horizon`. Names of nodes come from the view. */
void admin_stats_hints(const struct admin_repair *repair, const struct ring_view *view, admin_emit *emit,
                       void *context);
void admin_stats_antientropy(const struct admin_repair *repair, const struct ring_view *view, admin_emit *emit,
                             void *context);
void admin_stats_horizon(const struct admin_repair *repair, admin_emit *emit, void *context);

/* GET /hints, GET /antientropy: docs/ringctl.md names every field. New references. */
json_t *report_hints(const struct admin_repair *repair, const struct ring_view *view);
json_t *report_antientropy(const struct admin_repair *repair, const struct ring_view *view);

struct verify_source {
    const struct survey *survey;           /* done; of the last look */
    const struct ring_view *view;          /* of its epoch */
    const struct partition_set *differing; /* partitions whose owners have not been seen to have the same */
    unsigned looks;
};

enum { REPORT_DIFFERING_MAX = 32 /* partitions that are listed */ };

/* GET /verify */
json_t *report_verify(const struct verify_source *source);

#endif
