#include "antientropy/compared.h"

#include "base/check.h"

#include <stdlib.h>

void compared_init(struct compared *compared, struct standing *standing, uint32_t self)
{
    *compared = (struct compared){.standing = standing, .self = self};
}

void compared_close(struct compared *compared)
{
    free(compared->rows);
    *compared = (struct compared){0};
}

static int place_in(const struct compared_row *row, uint32_t owner)
{
    for (int place = 0; place < RING_COPIES_MAX; place++) {
        if (row->owners[place] == owner)
            return place;
    }
    return -1;
}

/* The row of a partition in this view; times are those of `before` (NULL: there are none). */
static struct compared_row row_of_view(const struct ring_view *view, uint32_t partition, int self,
                                       const struct compared_row *before)
{
    struct compared_row row = {0};
    const uint16_t *list = ring_preference_list(view, (uint16_t)partition);
    for (uint32_t place = 0; place < view->owner_count; place++) {
        row.owners[place] = view->members[list[place]].id;
        row.is_owned = row.is_owned || list[place] == self;
        int old = before == NULL || !before->is_owned ? -1 : place_in(before, row.owners[place]);
        row.since[place] = old < 0 ? 0 : before->since[old];
        row.horizons[place] = old < 0 ? 0 : before->horizons[old];
    }
    return row;
}

void compared_set_view(struct compared *compared, const struct ring_view *view, int self, hybrid_time now)
{
    struct compared_row *rows = calloc(view->partition_count, sizeof *rows);
    CHECK_MEMORY(rows);
    for (uint32_t i = 0; i < view->partition_count; i++) {
        const struct compared_row *before = i < compared->partitions ? &compared->rows[i] : NULL;
        rows[i] = row_of_view(view, i, self, before);
        rows[i].marks = before == NULL ? 0 : before->marks;
        rows[i].marked = before == NULL ? now : before->marked;
        if (before != NULL && before->is_owned && rows[i].is_owned) {
            rows[i].inherits = before->inherits;
            rows[i].awaits = before->awaits;
        }
    }
    free(compared->rows);
    compared->rows = rows;
    compared->partitions = view->partition_count;
    compared_look(compared, now);
}

void compared_look(struct compared *compared, hybrid_time now)
{
    for (uint32_t i = 0; i < compared->partitions; i++) {
        struct compared_row *row = &compared->rows[i];
        uint64_t marks = standing_marks(compared->standing, (uint16_t)i);
        if (marks != row->marks) {
            row->marks = marks;
            row->marked = now;
        }
        bool is_only_owner = row->is_owned && row->owners[1] == 0; /* with whom should it be compared? */
        if (is_only_owner && standing_is_behind(compared->standing, (uint16_t)i))
            standing_clear(compared->standing, (uint16_t)i, marks);
    }
}

static bool is_with_all_since(const struct compared *compared, const struct compared_row *row, hybrid_time since)
{
    for (int place = 0; place < RING_COPIES_MAX && row->owners[place] != 0; place++) {
        if (row->owners[place] != compared->self && row->since[place] <= since)
            return false;
    }
    return row->is_owned;
}

/* Nothing is missing here any more. What was lost may include the horizon. */
static void settle(struct compared *compared, uint16_t partition, struct compared_row *row)
{
    hybrid_time highest = 0;
    for (int place = 0; place < RING_COPIES_MAX; place++)
        highest = row->horizons[place] > highest ? row->horizons[place] : highest;
    if (standing_is_doubtful(compared->standing, partition)
        && highest > standing_horizon(compared->standing, partition)) {
        row->inherits = highest;
        compared->inherits = true;
        return;
    }
    standing_clear(compared->standing, partition, row->marks);
}

void compared_hear(struct compared *compared, uint16_t partition, uint32_t owner, hybrid_time horizon)
{
    CHECK(partition < compared->partitions);
    struct compared_row *row = &compared->rows[partition];
    int place = place_in(row, owner);
    if (place >= 0 && horizon > row->horizons[place])
        row->horizons[place] = horizon;
}

void compared_await(struct compared *compared)
{
    compared->inherits = false;
    for (uint32_t i = 0; i < compared->partitions; i++) {
        struct compared_row *row = &compared->rows[i];
        if (row->inherits > row->awaits)
            row->awaits = row->inherits;
        row->inherits = 0;
    }
}

/* The horizon comes first: whoever keeps both must not find a copy that is sound and has none. */
void compared_inherit(struct compared *compared)
{
    for (uint32_t i = 0; i < compared->partitions; i++) {
        struct compared_row *row = &compared->rows[i];
        if (row->awaits == 0)
            continue;
        standing_raise_horizon(compared->standing, (uint16_t)i, row->awaits);
        row->awaits = 0;
        if (is_with_all_since(compared, row, row->marked))
            standing_clear(compared->standing, (uint16_t)i, row->marks);
    }
}

void compared_note(struct compared *compared, uint16_t partition, uint32_t owner, hybrid_time began)
{
    CHECK(partition < compared->partitions);
    struct compared_row *row = &compared->rows[partition];
    int place = place_in(row, owner);
    if (!row->is_owned || place < 0)
        return;
    if (began > row->since[place])
        row->since[place] = began;
    if (standing_is_behind(compared->standing, partition) && is_with_all_since(compared, row, row->marked))
        settle(compared, partition, row);
}

bool compared_with_all_since(const struct compared *compared, uint16_t partition, hybrid_time since)
{
    return partition < compared->partitions && is_with_all_since(compared, &compared->rows[partition], since);
}

bool compared_shares(const struct compared *compared, uint16_t partition, uint32_t owner)
{
    if (partition >= compared->partitions || owner == compared->self)
        return false;
    const struct compared_row *row = &compared->rows[partition];
    return row->is_owned && place_in(row, owner) >= 0;
}

bool compared_needs(const struct compared *compared, uint32_t owner)
{
    for (uint32_t i = 0; i < compared->partitions; i++) {
        const struct compared_row *row = &compared->rows[i];
        int place = row->is_owned ? place_in(row, owner) : -1;
        if (place >= 0 && row->since[place] <= row->marked && standing_is_behind(compared->standing, (uint16_t)i))
            return true;
    }
    return false;
}

hybrid_time compared_oldest(const struct compared *compared, uint32_t owner)
{
    hybrid_time oldest = UINT64_MAX;
    for (uint32_t i = 0; i < compared->partitions; i++) {
        const struct compared_row *row = &compared->rows[i];
        int place = row->is_owned ? place_in(row, owner) : -1;
        if (place >= 0 && row->since[place] < oldest)
            oldest = row->since[place];
    }
    return oldest == UINT64_MAX ? 0 : oldest;
}
