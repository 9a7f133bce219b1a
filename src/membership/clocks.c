#include "membership/clocks.h"

#include "membership/runs.h"
#include "membership/say.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

static int64_t bound_ms(const struct membership *membership)
{
    return membership->clock_bound_ms != 0 ? membership->clock_bound_ms : MEMBERSHIP_CLOCK_BOUND_MS;
}

static int64_t mono_ms(struct instant now)
{
    return (int64_t)(now.mono_ns / MS);
}

void clocks_see(struct membership *membership, struct instant now)
{
    struct clocks *clocks = &membership->clocks;
    if (clocks->seen_ns != 0 && now.mono_ns > clocks->seen_ns + (uint64_t)CLOCKS_FROZEN_MS * MS)
        clocks->thawed_ns = now.mono_ns + (uint64_t)CLOCKS_THAW_MS * MS;
    clocks->seen_ns = now.mono_ns;
}

void clocks_on_wall(struct membership *membership, struct instant now, const char *from, uint64_t wall_ms)
{
    struct known *known = runs_find(membership, ring_node_id(from));
    if (known == NULL || now.mono_ns < membership->clocks.thawed_ns)
        return;
    known->clock_bases[1] = known->clock_bases[0];
    known->clock_bases[0] = (int64_t)wall_ms - mono_ms(now);
    if (known->clock_count < 2)
        known->clock_count++;
}

/* How far the member's clock is ahead of this node's. */
static int64_t ahead_of_self(const struct known *known, struct instant now)
{
    int64_t base = known->clock_bases[0];
    if (known->clock_count > 1 && known->clock_bases[1] > base)
        base = known->clock_bases[1];
    return base + mono_ms(now) - (int64_t)now.wall_ms;
}

static int by_value(const void *a, const void *b)
{
    const int64_t *left = a, *right = b;
    return *left < *right ? -1 : *left > *right;
}

/* The median of all clocks that are known, this node's counted as 0. false: there are too few of them, or most of them
 * are not near it either; then it says nothing. */
static bool median(const struct membership *membership, struct instant now, int64_t *middle)
{
    int64_t values[RING_MEMBERS_MAX];
    uint32_t count = 1, near = 0;
    values[0] = 0;
    for (uint32_t i = 0; i < membership->state.known_count && count < RING_MEMBERS_MAX; i++)
        if (membership->state.known[i].clock_count > 0)
            values[count++] = ahead_of_self(&membership->state.known[i], now);
    qsort(values, count, sizeof values[0], by_value);
    *middle = values[count / 2];
    for (uint32_t i = 0; i < count; i++)
        near += llabs(values[i] - *middle) <= bound_ms(membership);
    if (count >= CLOCKS_LEAST && 2 * near > count)
        return true;
    *middle = 0;
    return false;
}

/* A round has found a clock off or right; enough of them in a row change what it is. true: that has changed. */
static bool judge(const struct membership *membership, int64_t ahead_ms, unsigned *off, unsigned *right, bool *is_off)
{
    int64_t distance = llabs(ahead_ms);
    bool is_far = distance > bound_ms(membership);
    bool is_near = distance * 100 <= bound_ms(membership) * CLOCKS_RIGHT_PERCENT;
    *off = is_far ? *off + 1 : 0;
    *right = is_near ? *right + 1 : 0;
    bool before = *is_off;
    if (*off >= CLOCKS_OFF_ROUNDS)
        *is_off = true;
    else if (*right >= CLOCKS_RIGHT_ROUNDS)
        *is_off = false;
    return *is_off != before;
}

static void describe(int64_t ahead_ms, char *text, size_t room)
{
    int64_t distance = llabs(ahead_ms);
    snprintf(text, room, "%" PRId64 ".%03" PRId64 " s %s", distance / 1000, distance % 1000,
             ahead_ms < 0 ? "behind" : "ahead of");
}

static void report_change(struct membership *membership, const char *name, int64_t ahead_ms, bool is_off)
{
    char text[64];
    describe(ahead_ms, text, sizeof text);
    if (is_off)
        say_report(
            membership, MEMBERSHIP_WARNING,
            "the clock of %s is %s most members' clocks, by more than the bound: it coordinates no requests until "
            "it is right again; set the clock of that machine",
            name, text);
    else
        say_report(membership, MEMBERSHIP_NOTICE, "the clock of %s is right again", name);
}

static void tell_host(struct membership *membership)
{
    uint32_t ids[RING_MEMBERS_MAX];
    unsigned count = 0;
    const struct ring_view *view = view_of(membership);
    for (uint32_t i = 0; i < view->member_count; i++) {
        uint32_t id = view->members[i].id;
        const struct known *known = runs_find(membership, id);
        if (id == membership->self.id ? membership->clocks.is_quarantined : known != NULL && known->is_quarantined)
            ids[count++] = id;
    }
    if (membership->ports.quarantine != NULL)
        membership->ports.quarantine(membership->ports.host, ids, count);
}

/* Two clocks that differ, or two and two. */
static void note_undecided(struct membership *membership, struct instant now)
{
    struct clocks *clocks = &membership->clocks;
    bool differ = false;
    for (uint32_t i = 0; i < membership->state.known_count; i++) {
        const struct known *known = &membership->state.known[i];
        differ = differ || (known->clock_count > 0 && llabs(ahead_of_self(known, now)) > bound_ms(membership));
    }
    if (differ && !clocks->is_undecided)
        say_report(
            membership, MEMBERSHIP_WARNING,
            "the clocks of this node and another differ by more than the bound, and too few members agree to tell "
            "whose is right: set them");
    clocks->is_undecided = differ;
}

static bool judge_all(struct membership *membership, struct instant now, int64_t middle)
{
    struct clocks *clocks = &membership->clocks;
    bool changed = judge(membership, -middle, &clocks->off, &clocks->right, &clocks->is_quarantined);
    clocks->ahead_ms = -middle;
    if (changed)
        report_change(membership, "this node", -middle, clocks->is_quarantined);
    for (uint32_t i = 0; i < membership->state.known_count; i++) {
        struct known *known = &membership->state.known[i];
        if (known->clock_count == 0)
            continue;
        int64_t ahead_ms = ahead_of_self(known, now) - middle;
        if (!judge(membership, ahead_ms, &known->clock_off, &known->clock_right, &known->is_quarantined))
            continue;
        changed = true;
        report_change(membership, say_name_of(membership, known->id), ahead_ms, known->is_quarantined);
    }
    return changed;
}

/* Nobody can tell any more who is right. true: somebody had been called off. */
static bool release_all(struct membership *membership)
{
    bool changed = membership->clocks.is_quarantined;
    membership->clocks.is_quarantined = false;
    for (uint32_t i = 0; i < membership->state.known_count; i++) {
        changed = changed || membership->state.known[i].is_quarantined;
        membership->state.known[i].is_quarantined = false;
    }
    return changed;
}

void clocks_tick(struct membership *membership, struct instant now)
{
    struct clocks *clocks = &membership->clocks;
    if (membership->state.table == NULL || now.mono_ns < clocks->check_ns)
        return;
    clocks->check_ns = now.mono_ns + (uint64_t)CLOCKS_CHECK_MS * MS;
    if (now.mono_ns < clocks->thawed_ns)
        return;
    int64_t middle;
    if (!median(membership, now, &middle)) {
        note_undecided(membership, now);
        if (++clocks->undecided == CLOCKS_RIGHT_ROUNDS && release_all(membership))
            tell_host(membership);
        return;
    }
    clocks->is_undecided = false;
    clocks->undecided = 0;
    if (judge_all(membership, now, middle))
        tell_host(membership);
}

uint64_t clocks_wake_at(const struct membership *membership)
{
    return membership->state.table == NULL || membership->state.known_count == 0 ? UINT64_MAX
                                                                                 : membership->clocks.check_ns;
}

int64_t clocks_ahead_ms(const struct membership *membership, struct instant now, const struct known *known)
{
    int64_t middle;
    (void)median(membership, now, &middle);
    if (known == NULL)
        return -middle;
    return known->clock_count == 0 ? 0 : ahead_of_self(known, now) - middle;
}

void clocks_note(const struct membership *membership, struct instant now, const struct known *known, char *note,
                 size_t room)
{
    char text[64];
    bool is_off = known == NULL ? membership->clocks.is_quarantined : known->is_quarantined;
    describe(clocks_ahead_ms(membership, now, known), text, sizeof text);
    if (is_off)
        snprintf(note, room, "its clock is %s most members' clocks: it coordinates no requests; set it right", text);
    else if (membership->clocks.is_undecided && known != NULL && known->clock_count > 0
             && llabs(clocks_ahead_ms(membership, now, known)) > bound_ms(membership))
        snprintf(note, room, "its clock is %s this node's, and too few members agree to tell whose is right", text);
}
