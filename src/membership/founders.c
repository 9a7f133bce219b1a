#include "membership/founders.h"

#include "base/check.h"
#include "membership/founding.h"

#include <stdio.h>
#include <stdlib.h>

static struct seed *find(struct founding *founding, const char *address)
{
    for (unsigned i = 0; i < founding->count; i++)
        if (strcmp(founding->seeds[i].address, address) == 0)
            return &founding->seeds[i];
    return NULL;
}

/* Marks an address as one of the closure; adds it if there is room. */
static void want(struct founding *founding, const char *address)
{
    struct seed *seed = find(founding, address);
    if (seed == NULL && founding->count == SEED_ADDRESSES_MAX) {
        founding->overflows = true;
        return;
    }
    if (seed == NULL) {
        seed = &founding->seeds[founding->count++];
        *seed = (struct seed){0};
        snprintf(seed->address, sizeof seed->address, "%s", address);
    }
    seed->is_wanted = true;
}

static void forget_unwanted(struct founding *founding)
{
    unsigned kept = 0;
    for (unsigned i = 0; i < founding->count; i++) {
        if (founding->seeds[i].is_wanted)
            founding->seeds[kept++] = founding->seeds[i];
        else
            free(founding->seeds[i].about);
    }
    founding->count = kept;
}

void founders_follow(struct membership *membership)
{
    struct founding *founding = &membership->founding;
    for (unsigned i = 0; i < founding->count; i++)
        founding->seeds[i].is_wanted = false;
    founding->overflows = false;
    for (unsigned i = 0; i < membership->seed_count; i++)
        want(founding, membership->seeds[i]);
    /* Each round of this loop may mark further ones, until none is new. */
    unsigned marked = 0, before;
    do {
        before = marked;
        marked = 0;
        for (unsigned i = 0; i < founding->count; i++) {
            const struct seed *seed = &founding->seeds[i];
            if (!seed->is_wanted)
                continue;
            marked++;
            for (unsigned k = 0; seed->about != NULL && k < seed->about->seed_count; k++)
                want(founding, seed->about->seeds[k]);
        }
    } while (marked != before);
    forget_unwanted(founding);
}

bool founders_is_fresh(const struct seed *seed, struct instant now)
{
    return seed->about != NULL && now.mono_ns < seed->answered_ns + (uint64_t)FOUNDING_FRESH_MS * MS;
}

bool founders_same_wish(const struct ring_settings *a, const struct ring_settings *b)
{
    return a->partition_count == b->partition_count && a->strategy == b->strategy && a->copies == b->copies
           && a->tokens == b->tokens;
}

/* Appends ", address" while there is room. */
static void add_name(char *list, size_t room, const char *name)
{
    size_t len = strlen(list);
    snprintf(list + len, room - len, "%s%s", len == 0 ? "" : ", ", name);
}

static void say_verdict(struct verdict *verdict, enum membership_severity severity, const char *before,
                        const char *list, const char *after)
{
    verdict->severity = severity;
    snprintf(verdict->text, sizeof verdict->text, "%s%.300s%s", before, list, after);
}

/* The rules in their order; each returns true when it has found what is waited for. */

static bool waits_for_ring(struct membership *membership, struct instant now, struct verdict *verdict)
{
    const struct founding *founding = &membership->founding;
    uint64_t cluster = 0;
    const char *first = NULL;
    char list[WAITS_FOR_BYTES];
    for (unsigned i = 0; i < founding->count; i++) {
        const struct seed *seed = &founding->seeds[i];
        if (!founders_is_fresh(seed, now) || seed->about->member_count == 0)
            continue;
        if (first != NULL && cluster != seed->about->settings.cluster) {
            snprintf(list, sizeof list, "%s and %s", first, seed->address);
            say_verdict(verdict, MEMBERSHIP_ERROR, "the seeds ", list,
                        " belong to different rings: name only those of one ring");
            return true;
        }
        first = seed->address;
        cluster = seed->about->settings.cluster;
    }
    if (first == NULL)
        return false;
    if (!membership->ports.is_empty(membership->ports.host))
        say_verdict(verdict, MEMBERSHIP_ERROR, "it has data of its own and belongs to no ring, but the seed ", first,
                    " is in a ring; only a node with an empty data directory can join it");
    else if (membership->joining.refusal[0] != '\0')
        say_verdict(verdict, MEMBERSHIP_WARNING, "the ring has not taken it in: ", membership->joining.refusal, "");
    else
        say_verdict(verdict, MEMBERSHIP_INFO, "it has asked the ring of ", first, " to take it in");
    return true;
}

static bool waits_for_answers(struct membership *membership, struct instant now, struct verdict *verdict)
{
    const struct founding *founding = &membership->founding;
    char list[WAITS_FOR_BYTES] = "";
    unsigned count = 0;
    for (unsigned i = 0; i < founding->count; i++) {
        if (founders_is_fresh(&founding->seeds[i], now))
            continue;
        add_name(list, sizeof list, founding->seeds[i].address);
        count++;
    }
    if (count == 0 && founding->overflows) {
        say_verdict(verdict, MEMBERSHIP_ERROR, "the seeds' seed lists name too many addresses", "", "");
        return true;
    }
    if (count == 0)
        return false;
    say_verdict(verdict, MEMBERSHIP_INFO, count == 1 ? "the seed " : "the seeds ", list,
                count == 1 ? " does not answer" : " do not answer");
    return true;
}

static bool waits_for_names(struct membership *membership, struct verdict *verdict)
{
    const struct founding *founding = &membership->founding;
    char list[WAITS_FOR_BYTES];
    for (unsigned i = 0; i < founding->count; i++) {
        const struct seed *a = &founding->seeds[i];
        bool is_self = a->about->member.id == membership->self.id;
        uint64_t directory = a->about->directory;
        if (is_self && (a->incarnation != membership->incarnation || directory != membership->state.directory)) {
            snprintf(list, sizeof list, "%s is %s", a->address, membership->self.name);
            say_verdict(verdict, MEMBERSHIP_ERROR, "another node at ", list, " too, as this one: names must differ");
            return true;
        }
        for (unsigned k = 0; k < i; k++) {
            const struct seed *b = &founding->seeds[k];
            if (a->about->member.id != b->about->member.id || directory == b->about->directory)
                continue;
            snprintf(list, sizeof list, "%s and %s", b->address, a->address);
            say_verdict(verdict, MEMBERSHIP_ERROR, "the nodes at ", list, " have the same name: names must differ");
            return true;
        }
    }
    return false;
}

static void differ(const struct membership *membership, const struct seed *seed, struct verdict *verdict)
{
    const struct ring_settings *ours = &membership->wanted, *theirs = &seed->about->settings;
    char list[WAITS_FOR_BYTES];
    snprintf(list, sizeof list, "%s has partitions %u, strategy %u, copies %u, tokens %u; %s has %u, %u, %u, %u",
             membership->self.name, ours->partition_count, (unsigned)ours->strategy, ours->copies, ours->tokens,
             seed->about->member.name, theirs->partition_count, (unsigned)theirs->strategy, theirs->copies,
             theirs->tokens);
    say_verdict(verdict, MEMBERSHIP_ERROR, "the founders want different rings: ", list, "");
}

static bool waits_for_settings(struct membership *membership, struct verdict *verdict)
{
    const struct founding *founding = &membership->founding;
    for (unsigned i = 0; i < founding->count; i++) {
        const struct seed *seed = &founding->seeds[i];
        if (!seed->about->is_empty) {
            say_verdict(verdict, MEMBERSHIP_ERROR, "the seed ", seed->address,
                        " has data but is in no ring: nodes with data cannot found one");
            return true;
        }
        if (!founders_same_wish(&membership->wanted, &seed->about->settings)) {
            differ(membership, seed, verdict);
            return true;
        }
    }
    return false;
}

static bool waits_for_others(struct membership *membership, struct verdict *verdict)
{
    const struct founding *founding = &membership->founding;
    char list[WAITS_FOR_BYTES] = "";
    for (unsigned i = 0; i < founding->count; i++) {
        if (founding->seeds[i].about->member.id == membership->self.id)
            return false;
        add_name(list, sizeof list, founding->seeds[i].address);
    }
    say_verdict(verdict, MEMBERSHIP_INFO, "the seeds ", list,
                " have not founded their ring yet, and this node is not one of them");
    return true;
}

static bool is_founder(const struct membership *membership, uint32_t id)
{
    const struct founding *founding = &membership->founding;
    for (unsigned i = 0; i < founding->count; i++)
        if (founding->seeds[i].about->member.id == id)
            return true;
    return false;
}

/* Has this node voted for a ring with somebody who is no founder any more? That ring may be there: only he can tell. */
static bool waits_for_voter(struct membership *membership, struct verdict *verdict)
{
    const struct acceptor *acceptor = &membership->state.acceptor;
    if (!acceptor_is_bound(acceptor))
        return false;
    struct value *value = malloc(sizeof *value);
    CHECK_MEMORY(value);
    const struct founder *missing = NULL;
    if (value_read(acceptor_value(acceptor), value) && value->kind == VALUE_FOUND) {
        for (uint32_t i = 0; missing == NULL && i < value->founder_count; i++)
            missing = is_founder(membership, value->founders[i].member.id) ? NULL : &value->founders[i];
    }
    if (missing != NULL)
        say_verdict(verdict, MEMBERSHIP_ERROR, "it has voted for a ring with ", missing->member.name,
                    ", whom the seeds do not name any more: start that node and name it, or all with empty data "
                    "directories");
    free(value);
    return missing != NULL;
}

void founders_judge(struct membership *membership, struct instant now, struct verdict *verdict)
{
    *verdict = (struct verdict){.severity = MEMBERSHIP_INFO};
    if (membership->state.invited_by[0] != '\0') {
        say_verdict(verdict, MEMBERSHIP_INFO, "it was invited into the ring of ", membership->state.invited_by, "");
        return;
    }
    if (waits_for_ring(membership, now, verdict) || waits_for_answers(membership, now, verdict)
        || waits_for_names(membership, verdict) || waits_for_settings(membership, verdict)
        || waits_for_others(membership, verdict))
        return;
    verdict->is_complete = true;
    if (!waits_for_voter(membership, verdict))
        say_verdict(verdict, MEMBERSHIP_INFO, "all seeds answer; they are founding the ring", "", "");
}

static int by_id(const void *a, const void *b)
{
    const struct founder *left = a, *right = b;
    return left->member.id < right->member.id ? -1 : left->member.id > right->member.id;
}

void founders_list(struct membership *membership)
{
    struct founding *founding = &membership->founding;
    if (founding->founders == NULL)
        founding->founders = malloc(sizeof *founding->founders);
    struct value *value = founding->founders;
    CHECK_MEMORY(value);
    *value = (struct value){.kind = VALUE_FOUND};
    for (unsigned i = 0; i < founding->count; i++) {
        const struct message_description *about = founding->seeds[i].about;
        bool known = false;
        for (uint32_t k = 0; k < value->founder_count; k++)
            known = known || value->founders[k].member.id == about->member.id;
        if (!known)
            value->founders[value->founder_count++] =
                (struct founder){.member = about->member, .directory = about->directory};
    }
    qsort(value->founders, value->founder_count, sizeof value->founders[0], by_id);
}
