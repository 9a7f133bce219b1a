#include "admin/warnings.h"

#include "admin/json.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

enum { WARNING_BYTES = 512 };

__attribute__((format(printf, 2, 3))) static void warn(json_t *warnings, const char *format, ...)
{
    char text[WARNING_BYTES];
    va_list arguments;
    va_start(arguments, format);
    (void)vsnprintf(text, sizeof(text), format, arguments);
    va_end(arguments);
    json_array_append_new(warnings, json_of_text(text));
}

static void warn_of_bucket(json_t *warnings, const struct ring_view *view, const struct bucket *bucket)
{
    unsigned owners = view->owner_count;
    unsigned r = bucket->r < owners ? bucket->r : owners, w = bucket->w < owners ? bucket->w : owners;
    bool of_two = view->member_count == 2;
    if (of_two && w == 2)
        warn(warnings, "bucket %s: two members with w=2: both are needed for a write", bucket->name);
    else if (w == owners)
        warn(warnings, "bucket %s: w = n = %u: while a member is away, keys that it owns cannot be written",
             bucket->name, owners);
    if (of_two && r == 2)
        warn(warnings, "bucket %s: two members with r=2: both are needed for a read", bucket->name);
    else if (r == owners)
        warn(warnings, "bucket %s: r = n = %u: while a member is away, keys that it owns cannot be read", bucket->name,
             owners);
    if (w == 1 && owners > 1) /* they read from n - w others first */
        warn(warnings,
             "bucket %s: w = 1: while a member is away, add, cas, incr, delete and the like fail for its keys",
             bucket->name);
    if (r + w <= owners)
        warn(warnings, "bucket %s: r + w <= n (%u + %u <= %u): reads may miss acknowledged writes", bucket->name, r, w,
             owners);
}

/* A ring of one has nobody to be away. */
static void warn_of_quorums(json_t *warnings, const struct status_source *source)
{
    const struct ring_view *view = source->view;
    if (view == NULL || view->member_count < 2)
        return;
    if (view->member_count < view->settings.copies)
        warn(warnings, "%" PRIu32 " members for n = %u: there are only %" PRIu32 " copies of each object",
             view->member_count, view->settings.copies, view->owner_count);
    for (uint32_t i = 0; i < source->buckets->count; i++)
        warn_of_bucket(warnings, view, &source->buckets->buckets[i]);
}

/* By how much the newest time that a member has given or seen is ahead of this machine's clock. A member that has
 * nothing to do gives no times, so one that is behind cannot be told from one that rests. */
static uint64_t clock_lead_ms(const struct membership_row *row, uint64_t wall_ms)
{
    uint64_t time_ms = hybrid_ms(row->clock) + row->heard_ms;
    return time_ms > wall_ms ? time_ms - wall_ms : 0;
}

static void warn_of_member(json_t *warnings, const struct status_source *source, const struct membership_row *row,
                           const struct membership_row *self)
{
    const struct ring_view *view = source->view;
    const char *name = row->member->name;
    uint64_t lead = clock_lead_ms(row, source->wall_ms);
    if (row->state == MEMBER_DOWN && row->incarnation == 0) {
        warn(warnings, "member %s is down: this node has never heard of it since it started", name);
        return;
    }
    if (row->state == MEMBER_DOWN) {
        warn(warnings, "member %s is down: nothing has been heard of it for %" PRIu64 " s", name, row->heard_ms / 1000);
        return;
    }
    if (row->is_quarantined)
        warn(warnings,
             "member %s is quarantined: its clock is off by %.1f s; it coordinates nothing until its clock is right",
             name, (double)row->clock_ahead_ms / 1000);
    if (row->note[0] != '\0')
        warn(warnings, "member %s: %s", name, row->note);
    if (view != NULL && row->epoch != 0 && row->epoch < view->epoch)
        warn(warnings, "member %s still has the table of epoch %" PRIu64 ", this node has %" PRIu64, name, row->epoch,
             view->epoch);
    if (lead >= WARN_CLOCK_MS)
        warn(warnings,
             "member %s gives times %" PRIu64 " s ahead of this machine's clock: are all clocks synchronised?", name,
             lead / 1000);
    if (self != NULL && row->version != NULL && self->version != NULL && strcmp(row->version, self->version) != 0)
        warn(warnings, "member %s runs version %s, this node %s", name, row->version, self->version);
}

/* Answers of doubtful copies do not count towards r. */
static void warn_of_copies(json_t *warnings, const struct status_source *source)
{
    if (source->doubtful != 0)
        warn(warnings,
             "%" PRIu32 " of this node's copies are doubtful: acknowledged writes may be missing until they have been "
             "compared with the other owners'; ringctl antientropy tells how far that is",
             source->doubtful);
}

static void warn_of_engine(json_t *warnings, const struct engine_usage *usage)
{
    if (usage->nearly_full)
        warn(warnings, "the engine of this node is full: sets are refused; raise map-size or delete");
    else if (usage->bytes_max != 0 && usage->bytes_used / (usage->bytes_max / 100 + 1) >= WARN_ENGINE_PERCENT)
        warn(warnings, "the engine of this node is %" PRIu64 " %% full; raise map-size soon",
             usage->bytes_used / (usage->bytes_max / 100 + 1));
}

json_t *warnings_of(const struct status_source *source)
{
    json_t *warnings = json_array();
    const struct membership_row *self = NULL;
    for (unsigned i = 0; i < source->row_count; i++) {
        if (source->rows[i].is_self)
            self = &source->rows[i];
    }
    warn_of_quorums(warnings, source);
    for (unsigned i = 0; i < source->row_count; i++)
        warn_of_member(warnings, source, &source->rows[i], self);
    warn_of_copies(warnings, source);
    if (source->engine != NULL)
        warn_of_engine(warnings, source->engine);
    return warnings;
}
