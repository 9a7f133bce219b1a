#include "antientropy/inside.h"

#include "base/check.h"

#include <stdio.h>
#include <stdlib.h>

enum {
    REPEAT_MS = 500,   /* after which an unanswered question is repeated */
    SILENCE_MS = 5000, /* after which a member counts as down */
    POLL_MS_MIN = 20,  /* between two looks at whether a member has compared and kept */
    POLL_MS_MAX = 1000,
    POLLS_OF_AN_INTERVAL = 20,
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

static void give_up_for(struct antientropy *a, struct instant now, const char *what, uint32_t node)
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
static void owned_by(const struct antientropy *a, const struct horizon_member *member, struct partition_set *owned)
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
        owned_by(a, member, &owned);
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
    owned_by(a, member, missing);
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

/* What its answer says of this phase. */
static void take_compared(struct antientropy *a, struct instant now, struct horizon_member *member,
                          const struct message_horizon_compared_reply *m)
{
    struct horizon_driver *driver = &a->horizon;
    uint64_t poll_ms = a->parts.settings.interval_ms / POLLS_OF_AN_INTERVAL;
    poll_ms = poll_ms < POLL_MS_MIN ? POLL_MS_MIN : poll_ms > POLL_MS_MAX ? POLL_MS_MAX : poll_ms;
    member->next_ns = now.mono_ns + poll_ms * NS_PER_MS;
    if (driver->phase == HORIZON_COMPARE && member->since == 0) {
        member->since = m->since;
        return;
    }
    struct partition_set owned;
    owned_by(a, member, &owned);
    partition_set_subtract(&owned, &member->compared);
    bool is_all = partition_set_next(&owned, 0) < 0;
    partition_set_close(&owned);
    if (driver->phase == HORIZON_COMPARE)
        member->is_done = is_all;
    if (driver->phase == HORIZON_MARK) {
        member->mark = m->mark;
        member->is_done = true;
    }
    if (driver->phase == HORIZON_KEEP)
        member->is_done = m->is_kept;
}

static void on_status(struct antientropy *a, struct instant now, struct horizon_member *member,
                      enum repair_status status)
{
    if (status == REPAIR_STALE)
        give_up_for(a, now, "another table at", member->node);
    else if (status != REPAIR_OK)
        give_up_for(a, now, "a restart of", member->node);
}

static void take_clock(struct antientropy *a, struct instant now, struct horizon_member *member, uint64_t run,
                       hybrid_time clock)
{
    if (clock <= a->horizon.horizon) {
        give_up_for(a, now, "the clock of", member->node);
        return;
    }
    replica_observe(a->parts.replica, clock, now);
    member->run = run;
    member->is_done = true;
}

/* The messages of the phase. `set`: the encoded partitions that concern this member. */
static struct message_horizon_compared compared_question(const struct antientropy *a,
                                                         const struct horizon_member *member, struct bytes set)
{
    const struct horizon_driver *driver = &a->horizon;
    return (struct message_horizon_compared){.id = member->id,
                                             .epoch = a->view->epoch,
                                             .run = member->run,
                                             .after = driver->after,
                                             .since = member->since,
                                             .wants_mark = driver->phase == HORIZON_MARK,
                                             .mark = driver->phase == HORIZON_KEEP ? member->mark : 0,
                                             .partitions = set};
}

static struct message_horizon_set set_question(const struct antientropy *a, const struct horizon_member *member,
                                               struct bytes set)
{
    return (struct message_horizon_set){.id = member->id,
                                        .epoch = a->view->epoch,
                                        .run = member->run,
                                        .horizon = a->horizon.horizon,
                                        .partitions = set};
}

/* The driver's own part, by the same functions that answer others. */
static void ask_self(struct antientropy *a, struct instant now, struct horizon_member *member, struct bytes set)
{
    struct horizon_driver *driver = &a->horizon;
    if (driver->phase == HORIZON_ASK) {
        hybrid_time clock = repair_new_time(a, now);
        store_pass_stripes(a->parts.store);
        horizon_hints(a, &driver->partitions, &member->compared);
        take_clock(a, now, member, a->parts.replica->incarnation, clock);
    } else if (driver->phase == HORIZON_SET) {
        struct message_horizon_set m = set_question(a, member, set);
        enum repair_status status = horizon_set(a, &m);
        member->is_done = status == REPAIR_OK;
        on_status(a, now, member, status);
    } else {
        struct message_horizon_compared m = compared_question(a, member, set);
        partition_set_clear(&member->compared);
        struct message_horizon_compared_reply reply = horizon_compare(a, now, &m, &member->compared);
        if (reply.answer.status == REPAIR_OK)
            take_compared(a, now, member, &reply);
        on_status(a, now, member, reply.answer.status);
    }
}

static void write_question(struct antientropy *a, const struct horizon_member *member, struct chain *out,
                           struct bytes set)
{
    const struct horizon_driver *driver = &a->horizon;
    if (driver->phase == HORIZON_ASK) {
        struct message_horizon_ask m = {
            .id = member->id, .epoch = a->view->epoch, .horizon = driver->horizon, .partitions = set};
        message_write_horizon_ask(out, &m);
    } else if (driver->phase == HORIZON_SET) {
        struct message_horizon_set m = set_question(a, member, set);
        message_write_horizon_set(out, &m);
    } else {
        struct message_horizon_compared m = compared_question(a, member, set);
        message_write_horizon_compared(out, &m);
    }
}

static uint64_t due_at(const struct horizon_member *member)
{
    return member->id == 0 ? member->next_ns : member->sent_ns + REPEAT_MS * NS_PER_MS;
}

static void ask_member(struct antientropy *a, struct instant now, struct horizon_member *member)
{
    struct horizon_driver *driver = &a->horizon;
    struct draft set = {0};
    struct partition_set owned;
    if (driver->phase == HORIZON_ASK) {
        partition_set_encode(&driver->partitions, &set);
    } else {
        owned_by(a, member, &owned);
        partition_set_encode(&owned, &set);
        partition_set_close(&owned);
    }
    if (member->node == a->parts.replica->node) {
        ask_self(a, now, member, draft_written(&set));
    } else {
        struct chain *out = repair_ask(a, now, member->node);
        member->sent_ns = now.mono_ns;
        if (member->id == 0) {
            member->id = ++a->last_id;
            member->asked_ns = now.mono_ns;
        }
        if (out != NULL)
            write_question(a, member, out, draft_written(&set));
    }
    draft_close(&set);
}

/* The other owners are not asked what they have compared before this node has: that would mostly be in vain. */
static bool has_to_wait(const struct antientropy *a, const struct horizon_member *member)
{
    const struct horizon_driver *driver = &a->horizon;
    const struct horizon_member *self = &driver->members[a->self];
    return driver->phase == HORIZON_COMPARE && member != self && member->since != 0 && !self->is_done;
}

static void wake_by(struct horizon_driver *driver, uint64_t at_ns)
{
    if (at_ns < driver->wake_ns)
        driver->wake_ns = at_ns;
}

static void ask_members(struct antientropy *a, struct instant now)
{
    struct horizon_driver *driver = &a->horizon;
    for (uint32_t i = 0; i < driver->count; i++) { /* itself first */
        struct horizon_member *member = &driver->members[((uint32_t)a->self + i) % driver->count];
        if (member->is_done || has_to_wait(a, member))
            continue;
        if (now.mono_ns >= due_at(member))
            ask_member(a, now, member);
        if (driver->phase == HORIZON_REST)
            return;
        if (member->id != 0 && now.mono_ns >= member->asked_ns + SILENCE_MS * NS_PER_MS) {
            give_up_for(a, now, "no answer from", member->node);
            return;
        }
        if (!member->is_done)
            wake_by(driver, due_at(member));
    }
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
        ask_members(a, now);
        bool is_late = driver->phase == HORIZON_COMPARE && now.mono_ns >= compare_until(a);
        if (driver->phase != HORIZON_REST && (is_late || is_phase_done(driver)))
            end_phase(a, now);
    }
    if (driver->phase == HORIZON_REST)
        driver->wake_ns = driver->next_ns;
    if (driver->phase == HORIZON_COMPARE)
        wake_by(driver, compare_until(a));
}

void horizon_on_peer_down(struct antientropy *a, struct instant now, uint32_t node)
{
    if (a->horizon.phase == HORIZON_REST || ring_member_index(a->view, node) < 0)
        return;
    char why[sizeof a->horizon.held_back_by];
    snprintf(why, sizeof why, "node %s is down", repair_name(a, node));
    horizon_give_up(a, now, why);
}

static struct horizon_member *member_of_answer(struct antientropy *a, struct instant now, uint32_t from,
                                               const struct repair_answer *answer)
{
    struct horizon_driver *driver = &a->horizon;
    for (uint32_t i = 0; i < driver->count; i++) {
        struct horizon_member *member = &driver->members[i];
        if (member->node != from || member->id == 0 || member->id != answer->id)
            continue;
        repair_on_answer(a, now, from, member->sent_ns);
        member->id = 0;
        on_status(a, now, member, answer->status);
        return driver->phase == HORIZON_REST ? NULL : member;
    }
    return NULL;
}

static bool receive_ask(struct antientropy *a, struct instant now, uint32_t from, const struct frame *frame)
{
    struct message_horizon_ask_reply m;
    if (!message_read_horizon_ask_reply(frame, &m))
        return false;
    struct horizon_member *member = member_of_answer(a, now, from, &m.answer);
    if (member == NULL || a->horizon.phase != HORIZON_ASK)
        return true;
    if (partition_set_decode(m.hints, &member->compared))
        take_clock(a, now, member, m.run, m.clock);
    return true;
}

static bool receive_compared(struct antientropy *a, struct instant now, uint32_t from, const struct frame *frame)
{
    struct message_horizon_compared_reply m;
    if (!message_read_horizon_compared_reply(frame, &m))
        return false;
    struct horizon_member *member = member_of_answer(a, now, from, &m.answer);
    enum horizon_phase phase = a->horizon.phase;
    if (member == NULL || (phase != HORIZON_COMPARE && phase != HORIZON_MARK && phase != HORIZON_KEEP))
        return true;
    if (partition_set_decode(m.compared, &member->compared))
        take_compared(a, now, member, &m);
    return true;
}

static bool receive_set(struct antientropy *a, struct instant now, uint32_t from, const struct frame *frame)
{
    struct message_horizon_set_reply m;
    if (!message_read_horizon_set_reply(frame, &m))
        return false;
    struct horizon_member *member = member_of_answer(a, now, from, &m.answer);
    if (member != NULL && a->horizon.phase == HORIZON_SET)
        member->is_done = true;
    return true;
}

bool horizon_receive_answer(struct antientropy *a, struct instant now, uint32_t from, const struct frame *frame)
{
    bool is_right = frame->type == MESSAGE_HORIZON_ASK_REPLY        ? receive_ask(a, now, from, frame)
                    : frame->type == MESSAGE_HORIZON_COMPARED_REPLY ? receive_compared(a, now, from, frame)
                                                                    : receive_set(a, now, from, frame);
    if (is_right && a->horizon.phase != HORIZON_REST)
        horizon_go_on(a, now);
    return is_right;
}
