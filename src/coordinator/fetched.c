/* What READs have brought: whose answer counts [R9], and what all of them say together [R3]. */
#include "coordinator/round.h"
#include "version/fingerprint.h"
#include "version/record.h"

#include <string.h>

hybrid_time round_own_horizon(const struct coordinator *coordinator, uint16_t partition)
{
    struct replica_present present = replica_present_at(coordinator->replica, coordinator->now);
    return replica_horizon(coordinator->replica, &present, partition);
}

/* The record of an answer, or none where it says that there is none. false: no memory, or not a record. */
static bool take_record(struct round *round, struct round_place *from, const struct message_read_reply *reply)
{
    bool ok = true;
    from->fingerprint = reply->status == MESSAGE_SAME ? round->local_fingerprint : 0;
    if (reply->status != MESSAGE_OK)
        return true;
    struct blob *record = blob_new(reply->record.len);
    if (record == NULL)
        return false;
    memcpy(record->at, reply->record.at, reply->record.len);
    from->fingerprint = record_fingerprint(reply->record, &ok);
    if (ok)
        from->record = record;
    else
        blob_release(record);
    return ok;
}

/* Of what a get tells of the item's use. */
static void take_use(struct request *request, const struct message_read_reply *reply)
{
    request->fetched_before |= reply->fetched_before;
    if (reply->idle_s != 0 && (request->idle_s == 0 || reply->idle_s < request->idle_s))
        request->idle_s = reply->idle_s;
}

void round_take_answer(struct round *round, unsigned place, const struct message_read_reply *reply)
{
    struct round_place *from = &round->places[place];
    bool is_hint = reply->is_hint || place >= round->owner_count;
    bool has_none = reply->status == MESSAGE_ABSENT || (reply->status == MESSAGE_SAME && round->local_fingerprint == 0);
    if (!take_record(round, from, reply) || (is_hint && has_none)) {
        quorum_no(&round->reads, place); /* a stand-in that has nothing knows nothing of what the owners have */
        return;
    }
    from->horizon = is_hint ? 0 : reply->horizon;
    round->answered |= quorum_bit(place);
    if (has_none)
        round->absent |= quorum_bit(place);
    if (reply->is_doubtful)
        quorum_no(&round->reads, place);
    else
        quorum_yes(&round->reads, place);
    if (round->request != NULL && round->kind == ROUND_GET)
        take_use(round->request, reply);
}

static bool has_answered(const struct round *round, unsigned place)
{
    return (int)place != round->self && (round->answered & quorum_bit(place)) != 0;
}

static bool has_none(const struct round *round, unsigned place)
{
    return (round->absent & quorum_bit(place)) != 0;
}

static bool any_news(const struct round *round)
{
    for (unsigned place = 0; place < round->place_count; place++) {
        if (has_answered(round, place) && round->places[place].record != NULL)
            return true;
    }
    return false;
}

/* Adds what the node at `place` has to the copies that are to be merged, unless it says nothing new. "The same" does as
 * soon as somebody else has something more: what is neither here nor there may be dead by its horizon. */
static unsigned add_copy(const struct round *round, unsigned place, bool any_news, struct replica_copy *copies,
                         unsigned count)
{
    const struct round_place *from = &round->places[place];
    struct replica_copy copy = {.record = from->record, .horizon = from->horizon};
    bool is_same = from->record == NULL && !has_none(round, place);
    if (!has_answered(round, place) || (is_same && !any_news) || (has_none(round, place) && from->horizon == 0))
        return count;
    if (is_same)
        copy.record = round->local;
    copies[count] = copy;
    return count + 1;
}

bool round_merge_fetched(const struct round *round, struct object *object, hybrid_time *horizon, struct arena *arena)
{
    struct replica_copy copies[ROUND_PLACES_MAX];
    unsigned count = 0;
    bool has_news = any_news(round);
    for (unsigned place = 0; place < round->place_count; place++)
        count = add_copy(round, place, has_news, copies, count);
    bool is_lww = round->bucket->reconcile == RECONCILE_LWW;
    bool good = replica_merge_copies(object, horizon, copies, count, is_lww, arena);
    replica_observe_object(round->coordinator->replica, object, round->coordinator->now);
    return good;
}

bool round_has_other_answer(const struct round *round, uint64_t fingerprint)
{
    for (unsigned place = 0; place < round->place_count; place++) {
        if (has_answered(round, place) && round->places[place].fingerprint != fingerprint)
            return true;
    }
    return false;
}
