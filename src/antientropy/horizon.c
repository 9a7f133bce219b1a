#include "antientropy/inside.h"

#include "base/check.h"

#include <stdio.h>
#include <stdlib.h>

enum {
    INTERVALS_TO_COMPARE = 3, /* after so many those that have been compared go on alone */
    COMPARE_MS_MORE = 10000,
    INTERVALS_TO_TELL = 2 /* after so many it is worth telling what is missing */
};

void horizon_init(struct horizon_driver *driver)
{
    *driver = (struct horizon_driver){.wake_ns = UINT64_MAX};
}

static void rest(struct horizon_driver *driver)
{
    for (uint32_t i = 0; i < driver->count; i++)
        partition_set_close(&driver->members[i].compared);
    free(driver->members);
    driver->members = NULL;
    driver->count = 0;
    partition_set_close(&driver->partitions);
    driver->phase = HORIZON_REST;
}

void horizon_close(struct horizon_driver *driver)
{
    rest(driver);
}

void horizon_give_up(struct antientropy *a, struct instant now, const char *why)
{
    struct horizon_driver *driver = &a->horizon;
    rest(driver);
    driver->next_ns = now.mono_ns + a->parts.settings.interval_ms * NS_PER_MS;
    snprintf(driver->held_back_by, sizeof driver->held_back_by, "%s", why);
}

void horizon_give_up_for(struct antientropy *a, struct instant now, const char *what, uint32_t node)
{
    char why[sizeof a->horizon.held_back_by];
    snprintf(why, sizeof why, "%s node %s", what, repair_name(a, node));
    horizon_give_up(a, now, why);
}

static void begin_phase(struct antientropy *a, struct instant now, enum horizon_phase phase)
{
    struct horizon_driver *driver = &a->horizon;
    driver->phase = phase;
    driver->phase_ns = now.mono_ns;
    for (uint32_t i = 0; i < driver->count; i++) {
        struct horizon_member *member = &driver->members[i];
        member->is_done = phase != HORIZON_ASK && !member->is_owner;
        member->id = member->next_ns = 0;
    }
}

static bool drives(const struct antientropy *a, uint32_t partition)
{
    return ring_preference_list(a->view, (uint16_t)partition)[0] == a->self;
}

/* Which of `partitions` the member owns. */
void horizon_owned_by(const struct antientropy *a, const struct horizon_member *member, struct partition_set *owned)
{
    const struct partition_set *all = &a->horizon.partitions;
    uint32_t index = (uint32_t)ring_member_index(a->view, member->node);
    partition_set_init(owned, all->partitions);
    for (int i = partition_set_next(all, 0); i >= 0; i = partition_set_next(all, (uint32_t)i + 1)) {
        if (ring_owner_place(a->view, (uint16_t)i, index) >= 0)
            partition_set_add(owned, (uint32_t)i);
    }
}

static void begin(struct antientropy *a, struct instant now)
{
    struct horizon_driver *driver = &a->horizon;
    uint64_t now_ms = hybrid_now_ms(&a->parts.replica->clock, now);
    driver->next_ns = now.mono_ns + a->parts.settings.interval_ms * NS_PER_MS;
    if (now_ms <= a->parts.settings.grace_ms)
        return;
    driver->horizon = hybrid_of_ms(now_ms - a->parts.settings.grace_ms);
    partition_set_init(&driver->partitions, a->view->partition_count);
    for (uint32_t i = 0; i < a->view->partition_count; i++) {
        if (drives(a, i))
            partition_set_add(&driver->partitions, i);
    }
    driver->count = a->view->member_count;
    driver->members = calloc(driver->count, sizeof *driver->members);
    CHECK_MEMORY(driver->members);
    for (uint32_t i = 0; i < driver->count; i++) {
        driver->members[i].node = a->view->members[i].id;
        partition_set_init(&driver->members[i].compared, a->view->partition_count);
    }
    begin_phase(a, now, HORIZON_ASK);
    if (partition_set_next(&driver->partitions, 0) < 0)
        horizon_give_up(a, now, "");
}

/* After the clocks: who is asked from now on, and from when on what they do counts. */
static void begin_comparing(struct antientropy *a, struct instant now)
{
    struct horizon_driver *driver = &a->horizon;
    for (uint32_t i = 0; i < driver->count; i++) {
        struct horizon_member *member = &driver->members[i];
        struct partition_set owned;
        partition_set_subtract(&driver->partitions, &member->compared); /* where it has hints */
        if (partition_set_next(&member->compared, 0) >= 0)
            snprintf(driver->held_back_by, sizeof driver->held_back_by, "hints that node %s keeps",
                     repair_name(a, member->node));
        horizon_owned_by(a, member, &owned);
        member->is_owner = partition_set_next(&owned, 0) >= 0;
        member->since = 0;
        partition_set_close(&owned);
        partition_set_clear(&member->compared);
    }
    driver->after = repair_new_time(a, now);
    begin_phase(a, now, HORIZON_COMPARE);
    if (partition_set_next(&driver->partitions, 0) < 0) {
        char why[sizeof driver->held_back_by];
        memcpy(why, driver->held_back_by, sizeof why);
        horizon_give_up(a, now, why);
    }
}

/* Those of its partitions that the member has not named. */
static void missing_of(const struct antientropy *a, const struct horizon_member *member, struct partition_set *missing)
{
    horizon_owned_by(a, member, missing);
    partition_set_subtract(missing, &member->compared);
}

/* Itself first, for the others are asked when this node has compared all. */
static void tell_missing(struct antientropy *a)
{
    struct horizon_driver *driver = &a->horizon;
    for (uint32_t i = 0; i < driver->count; i++) {
        const struct horizon_member *member = &driver->members[((uint32_t)a->self + i) % driver->count];
        struct partition_set missing;
        missing_of(a, member, &missing);
        int first = partition_set_next(&missing, 0);
        partition_set_close(&missing);
        if (first < 0)
            continue;
        snprintf(driver->held_back_by, sizeof driver->held_back_by,
                 "node %s has not compared partition %d with every other owner, or doubts its copy",
                 repair_name(a, member->node), first);
        return;
    }
}

/* Those partitions go on that every owner of them has named. */
static void keep_compared(struct antientropy *a)
{
    struct horizon_driver *driver = &a->horizon;
    tell_missing(a);
    for (uint32_t i = 0; i < driver->count; i++) {
        struct partition_set missing;
        missing_of(a, &driver->members[i], &missing);
        partition_set_subtract(&driver->partitions, &missing);
        partition_set_close(&missing);
    }
}

static bool is_phase_done(const struct horizon_driver *driver)
{
    for (uint32_t i = 0; i < driver->count; i++) {
        if (!driver->members[i].is_done)
            return false;
    }
    return true;
}

static void end_phase(struct antientropy *a, struct instant now)
{
    struct horizon_driver *driver = &a->horizon;
    char why[sizeof driver->held_back_by];
    switch (driver->phase) {
    case HORIZON_ASK:
        driver->held_back_by[0] = '\0';
        begin_comparing(a, now);
        return;
    case HORIZON_COMPARE:
        keep_compared(a);
        begin_phase(a, now, HORIZON_MARK);
        break;
    case HORIZON_MARK:
        keep_compared(a);
        begin_phase(a, now, HORIZON_KEEP);
        break;
    case HORIZON_KEEP:
        begin_phase(a, now, HORIZON_SET);
        break;
    default:
        driver->raised++;
        partition_set_clear(&driver->partitions);
    }
    if (partition_set_next(&driver->partitions, 0) < 0) {
        memcpy(why, driver->held_back_by, sizeof why);
        horizon_give_up(a, now, why);
    }
}

void horizon_wake_by(struct horizon_driver *driver, uint64_t at_ns)
{
    if (at_ns < driver->wake_ns)
        driver->wake_ns = at_ns;
}

static uint64_t compare_until(const struct antientropy *a)
{
    uint64_t ms = (uint64_t)a->parts.settings.interval_ms * INTERVALS_TO_COMPARE + COMPARE_MS_MORE;
    return a->horizon.phase_ns + ms * NS_PER_MS;
}

static uint64_t tell_at(const struct antientropy *a)
{
    return a->horizon.phase_ns + (uint64_t)a->parts.settings.interval_ms * INTERVALS_TO_TELL * NS_PER_MS;
}

void horizon_go_on(struct antientropy *a, struct instant now)
{
    struct horizon_driver *driver = &a->horizon;
    driver->wake_ns = UINT64_MAX;
    if (a->self < 0 || a->view->member_count < 2)
        return;
    if (driver->phase == HORIZON_REST && now.mono_ns >= driver->next_ns)
        begin(a, now);
    bool is_slow = driver->phase == HORIZON_COMPARE && now.mono_ns >= tell_at(a);
    if (is_slow)
        tell_missing(a);
    for (enum horizon_phase before = HORIZON_REST; driver->phase != HORIZON_REST && driver->phase != before;) {
        before = driver->phase;
        horizon_ask_members(a, now);
        bool is_late = driver->phase == HORIZON_COMPARE && now.mono_ns >= compare_until(a);
        if (driver->phase != HORIZON_REST && (is_late || is_phase_done(driver)))
            end_phase(a, now);
    }
    if (driver->phase == HORIZON_REST)
        driver->wake_ns = driver->next_ns;
    if (driver->phase == HORIZON_COMPARE)
        horizon_wake_by(driver, compare_until(a));
}

void horizon_on_peer_down(struct antientropy *a, struct instant now, uint32_t node)
{
    if (a->horizon.phase == HORIZON_REST || ring_member_index(a->view, node) < 0)
        return;
    char why[sizeof a->horizon.held_back_by];
    snprintf(why, sizeof why, "node %s is down", repair_name(a, node));
    horizon_give_up(a, now, why);
}
