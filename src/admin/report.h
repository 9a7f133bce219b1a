/* What the admin port tells, as JSON: pure functions from what a node and its membership know.
 *
 * docs/ringctl.md names every field. Numbers that may pass 2^53 (ids, tokens, fingerprints) are texts, because many
 * readers of JSON keep numbers as doubles. Each function returns a new reference. */
#ifndef ADMIN_REPORT_H
#define ADMIN_REPORT_H

#include "membership/membership.h"
#include "node/node.h"
#include "replica/replica.h"
#include "ring/bucket.h"
#include "ring/ring.h"
#include "storage/engine.h"

#include <jansson.h>

struct status_source {
    const struct ring_view *view;      /* NULL: no ring yet */
    const struct membership_row *rows; /* of the members, in any order */
    unsigned row_count;
    const struct bucket_table *buckets;
    const char *waits_for;             /* see membership_waits_for */
    const struct engine_usage *engine; /* NULL: nothing is kept on disk */
    uint64_t hints;                    /* that this node keeps for others */
    uint32_t doubtful, behind;         /* of its copies, in partitions: replica/standing.h */
    uint64_t wall_ms;                  /* of this machine's clock, by which the members' times are judged */
};

/* GET /status: members, their share of the ring, and what an operator should look at. */
json_t *report_status(const struct status_source *source);

/* GET /ring: the table itself, all that a client needs which wants to reach each key's coordinator directly. */
json_t *report_ring(const struct ring_view *view);

/* GET /config: what the ring was founded with, and the buckets. */
json_t *report_config(const struct ring_view *view, const struct bucket_table *buckets);

struct key_source {
    const struct inspection *inspection; /* finished */
    const struct ring_view *view;        /* of the inspection's epoch */
    const struct bucket_table *buckets;
    struct replica_present present; /* by which versions are judged */
};

/* GET /key: where a key lives and what each of its owners holds. */
json_t *report_key(const struct key_source *source);

/* The body of every answer that is not good: {"error": "..."}. */
json_t *report_error(const char *text);

/* One line of text; the caller frees it. Takes over the reference. */
char *report_text(json_t *report);

/* Bytes of any kind, readable: what is not printable ASCII, and %, is written as %XX. A NUL-terminated text that the
 * caller frees. */
char *report_escape(struct bytes bytes);

#endif
