#include "antientropy/inside.h"

enum {
    REPEAT_MS = 500,   /* after which an unanswered question is repeated */
    SILENCE_MS = 5000, /* after which a member counts as down */
    POLL_MS_MIN = 20,  /* between two looks at whether a member has compared and kept */
    POLL_MS_MAX = 1000,
    POLLS_OF_AN_INTERVAL = 20
};

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
    horizon_owned_by(a, member, &owned);
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
        horizon_give_up_for(a, now, "another table at", member->node);
    else if (status != REPAIR_OK)
        horizon_give_up_for(a, now, "a restart of", member->node);
}

static void take_clock(struct antientropy *a, struct instant now, struct horizon_member *member, uint64_t run,
                       hybrid_time clock)
{
    if (clock <= a->horizon.horizon) {
        horizon_give_up_for(a, now, "the clock of", member->node);
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
        horizon_owned_by(a, member, &owned);
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

void horizon_ask_members(struct antientropy *a, struct instant now)
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
            horizon_give_up_for(a, now, "no answer from", member->node);
            return;
        }
        if (!member->is_done)
            horizon_wake_by(driver, due_at(member));
    }
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
