/* The nodes of a round: whom it asks, whom it tells, who stands in for whom, Dynamo 4.6 with [R9]. */
#include "base/check.h"
#include "coordinator/end.h"
#include "coordinator/round.h"

enum { NO_OWNER = -1 };

void round_drop_answers(struct round *round)
{
    for (unsigned place = 0; place < round->place_count; place++) {
        if (round->places[place].record != NULL)
            blob_release(round->places[place].record);
        round->places[place].record = NULL;
    }
}

/* The first owner that is down for this node, which stands in for it; the first of all if none is: whoever sent the
 * request here sees it otherwise. */
static int8_t owner_to_stand_in_for(const struct round *round)
{
    uint16_t down = (uint16_t)((1U << round->owner_count) - 1) & (uint16_t)~round_up(round);
    return down == 0 ? 0 : (int8_t)__builtin_ctz(down);
}

static unsigned add_place(struct round *round, uint32_t node, int8_t stands_for)
{
    unsigned place = round->place_count++;
    round->places[place] = (struct round_place){.node = node, .stands_for = stands_for};
    if (stands_for != NO_OWNER)
        round->stood_for |= quorum_bit((unsigned)stands_for);
    return place;
}

void round_take_owners(struct round *round)
{
    struct coordinator *coordinator = round->coordinator;
    const struct ring_view *view = coordinator->view;
    const uint16_t *list = ring_preference_list(view, round->partition);
    round_drop_answers(round);
    round->epoch = view->epoch;
    round->owner_count = (uint8_t)view->owner_count;
    round->place_count = 0;
    round->self = -1;
    round->missing = round->stood_for = 0;
    round->next_stand_in = view->owner_count;
    for (unsigned place = 0; place < view->owner_count; place++) {
        uint32_t node = view->members[list[place]].id;
        (void)add_place(round, node, NO_OWNER);
        if (node == coordinator->replica->node)
            round->self = (int8_t)place;
    }
    bool stands_in = round->request != NULL && round->request->stands_in && may_stand_in(coordinator);
    if (round->self < 0 && stands_in)
        round->self = (int8_t)add_place(round, coordinator->replica->node, owner_to_stand_in_for(round));
}

int round_place_of(const struct round *round, uint32_t node)
{
    for (unsigned place = 0; place < round->place_count; place++) {
        if (round->places[place].node == node)
            return (int)place;
    }
    return -1;
}

void round_admit(const struct round *round, struct quorum *quorum, unsigned place)
{
    int stands_for = round->places[place].stands_for;
    if (stands_for != NO_OWNER)
        quorum_admit(quorum, place, (unsigned)stands_for);
}

static bool is_other(const struct round *round, unsigned place)
{
    return (int)place != round->self;
}

static struct peer *peer_at(const struct round *round, unsigned place)
{
    return peers_find(round->coordinator->peers, round->places[place].node);
}

static bool is_up(const struct round *round, unsigned place)
{
    const struct peer *peer = peer_at(round, place);
    return peer != NULL && peer_is_up(peer, round->coordinator->now);
}

uint16_t round_up(const struct round *round)
{
    uint16_t up = 0;
    for (unsigned place = 0; place < round->owner_count; place++) {
        if (is_other(round, place) && is_up(round, place))
            up |= quorum_bit(place);
    }
    return up;
}

uint16_t round_lively(const struct round *round, uint16_t places)
{
    uint16_t lively = 0;
    for (unsigned place = 0; places != 0 && place < round->place_count; place++) {
        if ((places & quorum_bit(place)) != 0 && is_up(round, place))
            lively |= quorum_bit(place);
    }
    return lively;
}

/* May other nodes than the owners be asked? */
static bool has_stand_ins(const struct round *round)
{
    const struct ring_view *view = round->coordinator->view;
    return round->coordinator->settings.sloppy && view->epoch == round->epoch
           && view->member_count > round->owner_count;
}

static const struct peer *peer_in_list(const struct round *round, uint32_t index)
{
    const struct coordinator *coordinator = round->coordinator;
    const uint16_t *list = ring_preference_list(coordinator->view, round->partition);
    return peers_find(coordinator->peers, coordinator->view->members[list[index]].id);
}

unsigned round_reachable(const struct round *round, unsigned enough)
{
    unsigned count = 0;
    for (unsigned place = 0; place < round->owner_count && count < enough; place++) {
        const struct peer *peer = is_other(round, place) ? peer_at(round, place) : NULL;
        count += peer != NULL && peer_is_linked(peer);
    }
    uint32_t end = has_stand_ins(round) ? round->coordinator->view->member_count : 0;
    for (uint32_t index = round->owner_count; index < end && count < enough; index++) {
        const struct peer *peer = peer_in_list(round, index);
        count += peer != NULL && peer_is_up(peer, round->coordinator->now);
    }
    return count;
}

/* The next healthy node behind the owners becomes a place; -1: nobody is left. */
static int add_stand_in(struct round *round, unsigned owner)
{
    if (!has_stand_ins(round))
        return -1;
    while (round->next_stand_in < round->coordinator->view->member_count && round->place_count < ROUND_PLACES_MAX) {
        const struct peer *peer = peer_in_list(round, round->next_stand_in++);
        bool is_healthy = peer != NULL && peer_is_up(peer, round->coordinator->now);
        if (is_healthy && round_place_of(round, peer->node) < 0)
            return (int)add_place(round, peer->node, (int8_t)owner);
    }
    return -1;
}

/* Where to write a message to the node at `place`, which is then one that has been asked; NULL: not up. */
static struct chain *open_request(struct round *round, unsigned place, bool in_need)
{
    struct coordinator *coordinator = round->coordinator;
    struct peer *peer = peer_at(round, place);
    if (peer == NULL)
        return NULL;
    struct chain *out = (in_need ? peer_request_in_need : peer_request)(coordinator->peers, peer, coordinator->now);
    if (out == NULL)
        return NULL;
    round->places[place].asked_ns = coordinator->now.mono_ns;
    round->places[place].replies_then = peer->replies;
    uint64_t hedge_ns = coordinator->now.mono_ns + peer_hedge_after_ns(peer);
    if (round->hedge_ns == 0 || hedge_ns < round->hedge_ns)
        round->hedge_ns = hedge_ns;
    return out;
}

/* ---- READ ---- */

static bool ask(struct round *round, unsigned place, bool in_need)
{
    struct chain *out = open_request(round, place, in_need);
    if (out == NULL)
        return false;
    const struct message_read message = {.id = round->id,
                                         .epoch = round->epoch,
                                         .partition = round->partition,
                                         .hash = round->hash,
                                         .has_fingerprint = !round->lost_local,
                                         .peek = round->kind == ROUND_PUT || round->request->peek,
                                         .fingerprint = round->local_fingerprint,
                                         .key = round_key(round)};
    message_write_read(out, &message);
    round->read_asked |= quorum_bit(place);
    return true;
}

/* Those from place `from` to `to` - 1 that have not been asked. */
static unsigned ask_places(struct round *round, unsigned from, unsigned to, unsigned max, bool in_need)
{
    unsigned asked = 0;
    for (unsigned place = from; place < to && asked < max; place++) {
        if (is_other(round, place) && (round->read_asked & quorum_bit(place)) == 0)
            asked += ask(round, place, in_need);
    }
    return asked;
}

unsigned round_ask(struct round *round, unsigned max)
{
    return ask_places(round, 0, round->owner_count, max, false);
}

/* An owner without an answer that counts, and without anybody who stands in for it; if there is none, one that has
 * somebody already: the next node of the list may know more. -1: no owner is missing. */
static int unanswering_owner(const struct round *round)
{
    uint16_t owners = (uint16_t)((1U << round->owner_count) - 1);
    uint16_t there = round->reads.yes | (round_lively(round, owners) & (uint16_t)~round->reads.no);
    if (round->self >= 0)
        there |= quorum_bit((unsigned)round->self);
    uint16_t missing = owners & (uint16_t)~there, alone = missing & (uint16_t)~round->stood_for;
    if (missing == 0)
        return -1;
    return __builtin_ctz(alone != 0 ? alone : missing);
}

static unsigned ask_stand_ins(struct round *round, unsigned max)
{
    unsigned asked = 0;
    while (asked < max) {
        int owner = unanswering_owner(round), place = owner < 0 ? -1 : add_stand_in(round, (unsigned)owner);
        if (place < 0)
            break;
        round_admit(round, &round->reads, (unsigned)place);
        if (ask(round, (unsigned)place, false))
            asked++;
        else
            quorum_no(&round->reads, (unsigned)place);
    }
    return asked;
}

unsigned round_ask_further(struct round *round, unsigned max, bool in_need)
{
    unsigned asked = round_ask(round, max);
    if (asked < max)
        asked += ask_stand_ins(round, max - asked);
    if (asked < max && in_need)
        asked += ask_places(round, 0, round->owner_count, max - asked, true);
    return asked;
}

/* ---- WRITE ---- */

/* With buffered writes some replicas are asked for a synced one; nobody waits for just these [6.1]. */
static enum durability durability_of(const struct round *round)
{
    const struct bucket *bucket = round->bucket;
    bool syncs = bucket->durability == DURABILITY_BUFFERED && round->kind == ROUND_PUT
                 && quorum_count(round->write_asked) < bucket->durable_writes;
    return syncs ? DURABILITY_SYNCED : bucket->durability;
}

static bool send(struct round *round, unsigned place, bool is_repair, bool awaited, bool in_need)
{
    struct chain *out = open_request(round, place, in_need);
    if (out == NULL)
        return false;
    int stands_for = round->places[place].stands_for;
    const struct message_write message = {.id = awaited ? round->id : 0,
                                          .epoch = round->epoch,
                                          .partition = round->partition,
                                          .hash = round->hash,
                                          .durability = (uint8_t)durability_of(round),
                                          .is_repair = is_repair,
                                          .keeps_use = is_repair || round->keeps_use,
                                          .is_use = !is_repair && round->is_use,
                                          .stands_in_for = stands_for < 0 ? 0 : round->places[stands_for].node,
                                          .horizon = round_stands_in(round) ? 0 : round->horizon,
                                          .key = round_key(round),
                                          .record = blob_bytes(round->made)};
    message_write_write(out, &message, round->made);
    if (awaited)
        round->write_asked |= quorum_bit(place);
    return true;
}

bool round_send(struct round *round, unsigned place, bool is_repair, bool awaited)
{
    return send(round, place, is_repair, awaited, false);
}

void round_note_missing(struct round *round, unsigned place)
{
    int stands_for = round->places[place].stands_for;
    if (stands_for < 0)
        round->missing |= quorum_bit(place);
    else
        round->stood_for &= (uint16_t)~quorum_bit((unsigned)stands_for);
}

unsigned round_send_to_stand_ins(struct round *round, unsigned max)
{
    unsigned sent = 0;
    while (sent < max) {
        uint16_t alone = round->missing & (uint16_t)~round->stood_for;
        int place = alone == 0 ? -1 : add_stand_in(round, (unsigned)__builtin_ctz(alone));
        if (place < 0)
            break;
        round_admit(round, &round->writes, (unsigned)place);
        if (round_send(round, (unsigned)place, false, true)) {
            counter_increment(&round->coordinator->counters.stand_ins);
            sent++;
        } else {
            quorum_no(&round->writes, (unsigned)place);
            round_note_missing(round, (unsigned)place);
        }
    }
    return sent;
}

unsigned round_send_in_need(struct round *round, unsigned max)
{
    unsigned sent = 0;
    for (unsigned place = 0; place < round->owner_count && sent < max; place++) {
        bool is_open = is_other(round, place) && (round->write_asked & quorum_bit(place)) == 0;
        if (is_open && send(round, place, false, true, true)) {
            round->writes.no &= (uint16_t)~quorum_bit(place);
            sent++;
        }
    }
    return sent;
}

void round_forget_stand_ins(struct round *round)
{
    unsigned kept = round_stands_in(round) ? (unsigned)round->self + 1 : round->owner_count;
    for (unsigned place = kept; place < round->place_count; place++)
        blob_release(round->places[place].record);
    round->place_count = (uint8_t)kept;
    round->next_stand_in = round->owner_count;
    round->missing = 0;
    round->stood_for = round_stands_in(round) ? quorum_bit((unsigned)round->places[round->self].stands_for) : 0;
}

void round_note_silence(struct round *round)
{
    uint16_t out = round_reads_out(round) | round_writes_out(round);
    for (unsigned place = 0; place < round->place_count; place++) {
        struct peer *peer = (out & quorum_bit(place)) != 0 ? peer_at(round, place) : NULL;
        if (peer != NULL && peer->replies == round->places[place].replies_then)
            peer_on_silence(peer, round->coordinator->now);
    }
}
