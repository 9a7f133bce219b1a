/* What an operator sees of the membership. */
#include "membership/clocks.h"
#include "membership/inside.h"
#include "membership/membership.h"
#include "membership/runs.h"

#include <stdio.h>

static uint64_t ms_since(struct instant now, uint64_t then_ns)
{
    return now.mono_ns < then_ns ? 0 : (now.mono_ns - then_ns) / MS;
}

static struct membership_row row_of(const struct membership *membership, struct instant now,
                                    const struct ring_member *member)
{
    struct membership_row row = {.member = member, .is_self = member->id == membership->self.id, .version = ""};
    const struct heard_entry *heard = entries_find(&membership->entries, member->id);
    const struct gossip_entry *entry = row.is_self ? &membership->own : heard != NULL ? &heard->entry : NULL;
    row.state = membership->state.table == NULL ? MEMBER_JOINING : MEMBER_UP;
    if (entry != NULL && entry->epoch != 0) {
        row.incarnation = entry->incarnation;
        row.epoch = entry->epoch;
        row.clock = entry->clock;
        row.records = entry->records;
        row.bytes = entry->bytes;
        row.version = entry->program;
    }
    const struct known *known = runs_find(membership, member->id);
    if (row.is_self || known != NULL) {
        row.is_quarantined = row.is_self ? membership->clocks.is_quarantined : known->is_quarantined;
        row.clock_ahead_ms = clocks_ahead_ms(membership, now, known);
        clocks_note(membership, now, known, row.note, sizeof row.note);
    }
    if (row.is_self && membership->returning.is_refused)
        snprintf(row.note, sizeof row.note, "%.*s", MEMBERSHIP_NOTE_MAX - 1, membership->waits_for);
    if (row.is_self)
        return row;
    if (known != NULL)
        runs_note(known, now, row.note, sizeof row.note);
    row.heard_ms = heard == NULL ? 0 : ms_since(now, heard->heard_ns);
    bool is_silent = heard == NULL || heard->entry.epoch == 0 || row.heard_ms >= MEMBERSHIP_DOWN_MS;
    row.state = is_silent ? MEMBER_DOWN : (enum member_state)heard->entry.state;
    return row;
}

/* The nodes that this one is about to take in. */
static unsigned joining_rows(const struct membership *membership, struct membership_row *rows, unsigned count,
                             unsigned max)
{
    for (unsigned i = 0; i < WISHES_MAX && count < max; i++) {
        const struct wish *wish = &membership->wishes[i];
        if (wish->stage == WISH_READY && wish->value->change.kind == RING_CHANGE_JOIN)
            rows[count++] =
                (struct membership_row){.member = &wish->value->change.member, .state = MEMBER_JOINING, .version = ""};
    }
    return count;
}

unsigned membership_rows(const struct membership *membership, struct instant now, struct membership_row *rows,
                         unsigned max)
{
    const struct ring_view *view = view_of(membership);
    unsigned count = 0;
    if (view == NULL && max > 0)
        rows[count++] = row_of(membership, now, &membership->self);
    for (uint32_t i = 0; view != NULL && i < view->member_count && count < max; i++)
        rows[count++] = row_of(membership, now, &view->members[i]);
    return view == NULL ? count : joining_rows(membership, rows, count, max);
}

enum membership_phase membership_phase(const struct membership *membership)
{
    const struct returning *returning = &membership->returning;
    if (membership->state.table != NULL)
        return returning->is_confirmed || returning->is_alone ? MEMBERSHIP_MEMBER : MEMBERSHIP_RETURNING;
    return membership->joining.is_asking ? MEMBERSHIP_JOINING : MEMBERSHIP_FOUNDING;
}

bool membership_is_refused(const struct membership *membership)
{
    return membership->returning.is_refused;
}

const struct ring_view *membership_view(const struct membership *membership)
{
    return view_of(membership);
}

const struct bucket_table *membership_buckets(const struct membership *membership)
{
    return &membership->state.shared.buckets;
}

const char *membership_waits_for(const struct membership *membership)
{
    return membership->waits_for;
}
