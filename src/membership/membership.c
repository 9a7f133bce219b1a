#include "membership/membership.h"

#include "base/check.h"
#include "membership/clocks.h"
#include "membership/decide.h"
#include "membership/founding.h"
#include "membership/gossip.h"
#include "membership/join.h"
#include "membership/renew.h"
#include "membership/returning.h"
#include "membership/runs.h"
#include "membership/say.h"
#include "membership/settle.h"
#include "membership/tables.h"
#include "membership/wish.h"
#include "message/agreement.h"
#include "message/returning.h"

#include <stdio.h>
#include <stdlib.h>

enum { FAULT_BYTES = 192, RETRY_MS = 1000 };

/* NULL, or what is wrong with the settings. */
static const char *fault_of(const struct membership_settings *settings)
{
    struct ring_settings ring = settings->ring;
    if (ring.cluster == 0)
        ring.cluster = 1; /* it is drawn when the ring is founded */
    const char *fault = ring_settings_fault(&ring);
    if (fault == NULL)
        fault = ring_member_fault(&settings->self);
    for (unsigned i = 0; fault == NULL && i < settings->seed_count; i++)
        if (settings->seeds[i][0] == '\0' || strlen(settings->seeds[i]) > RING_ADDRESS_MAX)
            fault = "a seed's address is empty or too long";
    if (fault == NULL && settings->seed_count > 0 && settings->self.peer[0] == '\0')
        fault = "a node with seeds needs a peer address";
    return fault; /* alone, it may be without one: nobody can join it then */
}

static void take_settings(struct membership *membership, const struct membership_settings *settings)
{
    membership->self = settings->self;
    membership->incarnation = settings->incarnation;
    membership->wanted = settings->ring;
    membership->wanted.cluster = 0;
    membership->clock_bound_ms = settings->clock_bound_ms;
    membership->seed_count = settings->seed_count;
    for (unsigned i = 0; i < settings->seed_count; i++)
        snprintf(membership->seeds[i], sizeof membership->seeds[i], "%s", settings->seeds[i]);
    snprintf(membership->program, sizeof membership->program, "%.*s", GOSSIP_PROGRAM_MAX,
             settings->version == NULL ? "" : settings->version);
    prng_init(&membership->prng, settings->seed);
}

static void begin_fresh(struct membership *membership, const struct membership_settings *settings)
{
    struct state *state = &membership->state;
    memcpy(state->name, settings->self.name, sizeof state->name);
    do
        state->directory = prng_next(&membership->prng);
    while (state->directory == 0);
    shared_set(&state->shared, 0, 0, &settings->buckets);
}

struct membership *membership_new(const struct membership_settings *settings, const struct membership_ports *ports,
                                  struct bytes saved, char *fault)
{
    CHECK(settings->seed_count <= MEMBERSHIP_SEEDS_MAX);
    const char *wrong = fault_of(settings);
    if (wrong != NULL) {
        snprintf(fault, FAULT_BYTES, "%s", wrong);
        return NULL;
    }
    struct membership *membership = calloc(1, sizeof *membership);
    CHECK_MEMORY(membership);
    membership->ports = *ports;
    take_settings(membership, settings);
    if (saved.len == 0) {
        begin_fresh(membership, settings);
    } else if (!state_read(saved, &membership->state, &membership->entries, fault)) {
        membership_free(membership);
        return NULL;
    } else if (strcmp(membership->state.name, membership->self.name) != 0) {
        snprintf(fault, FAULT_BYTES, "the saved membership is that of the node %s, this node is %s",
                 membership->state.name, membership->self.name);
        membership_free(membership);
        return NULL;
    } else if (membership->state.table == NULL) {
        shared_set(&membership->state.shared, 0, 0, &settings->buckets); /* no ring's yet: the newest wish counts */
    }
    if (settings->is_copied && membership->state.table != NULL) {
        returning_draw_directory(membership);
        membership->returning.has_drawn = membership->state.is_doubtful = true;
    }
    returning_count(membership);
    decide_reset(membership);
    founding_init(membership);
    return membership;
}

void membership_free(struct membership *membership)
{
    if (membership == NULL)
        return;
    wish_close(membership);
    founding_close(membership);
    settle_close(&membership->settling);
    proposer_close(&membership->deciding.proposer);
    draft_close(&membership->deciding.offer);
    entries_close(&membership->entries);
    state_close(&membership->state);
    free(membership);
}

/* A member that comes back has a table at once; it serves clients when the others know who it is. */
static void come_back(struct membership *membership, struct instant now)
{
    struct table *table = membership->state.table;
    entries_follow(&membership->entries, table->view, now.mono_ns);
    say_hold(membership);
    renew_report(membership);
    membership->ports.publish_buckets(membership->ports.host, &membership->state.shared.buckets);
    runs_follow(membership);
    membership->ports.publish(membership->ports.host, table_view_copy(table));
    if (membership->state.invited_by[0] != '\0')
        membership->joining = (struct joining){.is_asking = true, .began_ns = now.mono_ns, .ask_ns = now.mono_ns};
}

/* The only member of its ring, whom nobody invites: there is nobody to whom it could say anything. */
static bool is_alone(const struct membership *membership)
{
    const struct table *table = membership->state.table;
    return table != NULL && table->view->member_count == 1 && membership->state.invited_by[0] == '\0';
}

/* Nothing is said before it is certain that it will be remembered who said it. On a full disk a node that is alone
 * serves all the same. */
static bool start(struct membership *membership, struct instant now)
{
    if (membership->is_started)
        return true;
    if (membership->start_ns == 0 && membership->state.table != NULL)
        come_back(membership, now);
    if (now.mono_ns < membership->start_ns)
        return false;
    membership->start_ns = now.mono_ns + (uint64_t)RETRY_MS * MS;
    if (!say_keep(membership) && !is_alone(membership))
        return false;
    if (membership->ports.stored != NULL)
        membership->found = membership->ports.stored(membership->ports.host);
    if (membership->state.table == NULL && membership->seed_count == 0 && membership->state.invited_by[0] == '\0') {
        if (join_promised_cluster(membership) != 0) {
            say_waits(membership, MEMBERSHIP_ERROR,
                      "it has agreed to found a ring with others and names no seeds any more: start it with its seeds, "
                      "or with an empty data directory");
            return false;
        }
        if (!founding_alone(membership, now))
            return false;
    }
    membership->is_started = true;
    gossip_refresh(membership, now);
    if (membership->state.table != NULL && membership->returning.began_ns == 0)
        returning_begin(membership, now, false);
    return true;
}

void membership_tick(struct membership *membership, struct instant now)
{
    if (!start(membership, now))
        return;
    clocks_see(membership, now);
    returning_tick(membership, now);
    tables_tick(membership, now);
    founding_tick(membership, now);
    join_tick(membership, now);
    settle_tick(membership, now);
    wish_tick(membership, now);
    renew_tick(membership, now);
    decide_tick(membership, now);
    gossip_tick(membership, now);
    clocks_tick(membership, now);
    say_hold(membership);
}

uint64_t membership_wake_at(const struct membership *membership)
{
    if (!membership->is_started)
        return membership->start_ns;
    uint64_t at[] = {tables_wake_at(membership), founding_wake_at(membership),  join_wake_at(membership),
                     settle_wake_at(membership), wish_wake_at(membership),      decide_wake_at(membership),
                     gossip_wake_at(membership), returning_wake_at(membership), clocks_wake_at(membership)};
    uint64_t first = UINT64_MAX;
    for (size_t i = 0; i < sizeof at / sizeof at[0]; i++)
        first = at[i] < first ? at[i] : first;
    return first;
}

static bool on_sender_alone(struct membership *membership, struct instant now, const struct frame *frame)
{
    struct message_sender sender;
    if (frame->type == MESSAGE_INVITE)
        return join_on_invite(membership, now, frame->head);
    return message_read_sender_alone(frame->head, &sender) && tables_on_request(membership, &sender);
}

static bool receive(struct membership *membership, struct instant now, const char *from, const struct frame *frame)
{
    switch (frame->type) {
    case MESSAGE_PROBE:
    case MESSAGE_PROBE_REPLY:
        return founding_on_probe(membership, now, from, frame);
    case MESSAGE_JOIN:
        return wish_on_join(membership, now, from, frame->head);
    case MESSAGE_JOIN_REPLY:
        return join_on_reply(membership, now, frame->head);
    case MESSAGE_INVITE_REPLY:
        return wish_on_invite_reply(membership, from, frame->head);
    case MESSAGE_INVITE:
    case MESSAGE_TABLE_REQUEST:
        return on_sender_alone(membership, now, frame);
    case MESSAGE_TABLE:
        return tables_on_table(membership, now, from, frame->head);
    case MESSAGE_DIGEST:
        return gossip_on_digest(membership, now, from, frame->head);
    case MESSAGE_DIFFERENCE:
        return gossip_on_difference(membership, now, from, frame->head);
    case MESSAGE_RETURN:
        return runs_on_return(membership, now, from, frame->head);
    case MESSAGE_RETURN_REPLY:
        return returning_on_reply(membership, now, from, frame->head);
    default:
        return decide_on_message(membership, now, from, frame);
    }
}

bool membership_receive(struct membership *membership, struct instant now, const char *from, const struct frame *frame)
{
    if (frame->tail.len != 0)
        return false;
    if (!membership->is_started)
        return true;
    clocks_see(membership, now);
    join_hear(membership, now, frame);
    if (!runs_admits(membership, now, from, frame))
        return true;
    bool good = receive(membership, now, from, frame);
    if (membership->state.table != NULL)
        wish_tick(membership, now); /* what stood in a wish's way may be over */
    say_hold(membership);
    return good;
}

void membership_join(struct membership *membership, struct instant now, const char *address, membership_done *done,
                     void *owner)
{
    wish_join(membership, now, address, done, owner);
}

void membership_set_buckets(struct membership *membership, struct instant now, const struct bucket_table *buckets)
{
    struct shared *shared = &membership->state.shared;
    /* Without a ring they are what this node would found one with: version 0 still. */
    uint64_t version = membership->state.table == NULL ? 0 : shared->version + 1;
    shared_set(shared, version, version == 0 ? 0 : membership->self.id, buckets);
    if (membership->state.table == NULL)
        return;
    say_keep(membership);
    membership->ports.publish_buckets(membership->ports.host, &shared->buckets);
    membership->gossip.next_ns = now.mono_ns;
}

void membership_hear_of_epoch(struct membership *membership, struct instant now, uint64_t epoch)
{
    tables_hear(membership, now, epoch, NULL);
}
