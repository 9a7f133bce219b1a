/* What comes from other nodes and from the clock, dealt out to the rounds. */
#include "base/check.h"
#include "coordinator/coordinator.h"
#include "coordinator/flush.h"
#include "coordinator/get.h"
#include "coordinator/put.h"
#include "coordinator/round.h"

/* Any answer is a sign of life; one that a round was waiting for also tells how long the peer took. */
static void note_answer(struct coordinator *coordinator, uint32_t from, const struct round *round, unsigned place)
{
    struct peer *peer = peers_find(coordinator->peers, from);
    if (peer == NULL)
        return;
    if (round == NULL)
        peer_on_sign(peer);
    else
        peer_on_answer(peer, coordinator->now.mono_ns - round->places[place].asked_ns);
}

static void note_late(struct coordinator *coordinator, uint64_t id)
{
    if (id != 0) /* nobody waits for the answer to a repair */
        counter_increment(&coordinator->counters.late_answers);
}

static void note_stale(struct round *round, unsigned place)
{
    round->stale |= quorum_bit(place);
    counter_increment(&round->coordinator->counters.stale_epochs);
}

static void on_read(struct round *round, unsigned place)
{
    if (round->kind == ROUND_GET)
        get_on_read(round, place);
    else
        put_on_read(round, place);
}

unsigned coordinator_on_read_reply(struct coordinator *coordinator, struct instant now, uint32_t from,
                                   const struct message_read_reply *reply)
{
    unsigned place = 0;
    coordinator->now = now;
    struct round *round = round_of_answer(coordinator, reply->id, from, &place);
    note_answer(coordinator, from, round, place);
    if (round == NULL) {
        note_late(coordinator, reply->id);
        return coordinator_settle(coordinator, now);
    }
    if ((round_reads_out(round) & quorum_bit(place)) == 0) /* a copy of an answer that is here */
        return coordinator_settle(coordinator, now);
    switch (reply->status) {
    case MESSAGE_OK:
    case MESSAGE_SAME:
    case MESSAGE_ABSENT:
        if (reply->is_doubtful)
            counter_increment(&coordinator->counters.doubtful_answers);
        round_take_answer(round, place, reply);
        break;
    case MESSAGE_STALE_EPOCH:
        note_stale(round, place);
        quorum_no(&round->reads, place);
        break;
    default:
        quorum_no(&round->reads, place);
        break;
    }
    on_read(round, place);
    return coordinator_settle(coordinator, now);
}

static void on_write(struct round *round, unsigned place, bool is_stored, hybrid_time winner)
{
    if (round->kind == ROUND_GET) {
        round->acknowledged |= quorum_bit(place);
        get_on_write(round);
        return;
    }
    if (!is_stored)
        quorum_no(&round->writes, place);
    else if (winner == 0)
        quorum_yes(&round->writes, place);
    put_on_write(round, place, is_stored ? winner : 0);
}

/* Will it not keep this write, so that somebody may stand in for it? What is dead for it [R3] a stand-in would give it
 * in vain, and writes are held, and views old, for a moment only. */
static bool is_refusal(enum message_status status)
{
    return status == MESSAGE_FULL || status == MESSAGE_FAILED;
}

/* No time of a version, and none to go above. */
static bool is_sane(hybrid_time winner)
{
    return winner >> 62 == 0;
}

unsigned coordinator_on_write_reply(struct coordinator *coordinator, struct instant now, uint32_t from,
                                    const struct message_write_reply *reply)
{
    unsigned place = 0;
    coordinator->now = now;
    struct round *round = round_of_answer(coordinator, reply->id, from, &place);
    note_answer(coordinator, from, round, place);
    if (round == NULL) {
        note_late(coordinator, reply->id);
        return coordinator_settle(coordinator, now);
    }
    if ((round_writes_out(round) & quorum_bit(place)) == 0)
        return coordinator_settle(coordinator, now);
    if (reply->status == MESSAGE_STALE_EPOCH)
        note_stale(round, place);
    if (is_refusal(reply->status) && round->kind == ROUND_PUT)
        round_note_missing(round, place);
    on_write(round, place, reply->status == MESSAGE_OK && is_sane(reply->winner), reply->winner);
    return coordinator_settle(coordinator, now);
}

/* What was asked of the node counts as failed. Its answer to a READ may still be asked for elsewhere. */
static void on_node_lost(struct round *round, uint32_t node)
{
    int found = round_place_of(round, node);
    if (found < 0 || found == round->self)
        return;
    unsigned place = (unsigned)found;
    uint16_t bit = quorum_bit(place);
    bool owes_read = (round_reads_out(round) & bit) != 0, owes_write = (round_writes_out(round) & bit) != 0;
    if (owes_read)
        quorum_no(&round->reads, place);
    if (owes_write && round->kind == ROUND_PUT)
        round_note_missing(round, place);
    if (owes_write)
        on_write(round, place, false, 0); /* may close the round: it owes nothing else then */
    else if (owes_read)
        on_read(round, place);
}

unsigned coordinator_on_peer_lost(struct coordinator *coordinator, struct instant now, uint32_t node)
{
    coordinator->now = now;
    round_visit_all(coordinator, on_node_lost, node);
    flush_on_peer_lost(coordinator, node);
    return coordinator_settle(coordinator, now);
}

/* It may yet answer. */
static void on_node_silent(struct round *round, uint32_t node)
{
    int place = round_place_of(round, node);
    uint16_t out = round_reads_out(round) | round_writes_out(round);
    if (place < 0 || (out & quorum_bit((unsigned)place)) == 0 || round->request == NULL)
        return;
    if (round->kind == ROUND_GET)
        get_on_silence(round);
    else
        put_on_silence(round, (unsigned)place);
}

unsigned coordinator_on_peer_silent(struct coordinator *coordinator, struct instant now, uint32_t node)
{
    coordinator->now = now;
    round_visit_all(coordinator, on_node_silent, node);
    return coordinator_settle(coordinator, now);
}

static void on_view(struct round *round, uint32_t node)
{
    (void)node;
    if (round->phase != ROUND_WAITING || round->coordinator->view->epoch <= round->epoch)
        return;
    if (round->kind == ROUND_GET)
        get_on_view(round);
    else
        put_on_view(round);
}

unsigned coordinator_on_view(struct coordinator *coordinator, struct instant now)
{
    coordinator->now = now;
    round_visit_all(coordinator, on_view, 0);
    return coordinator_settle(coordinator, now);
}

static void on_timer(struct round *round)
{
    bool is_get = round->kind == ROUND_GET;
    uint64_t now_ns = round->coordinator->now.mono_ns;
    if (now_ns >= round->deadline_ns)
        (is_get ? get_on_deadline : put_on_deadline)(round);
    else if (round->hedge_ns != 0 && now_ns >= round->hedge_ns)
        (is_get ? get_on_hedge : put_on_hedge)(round);
    else
        round_set_timer(round);
}

unsigned coordinator_tick(struct coordinator *coordinator, struct instant now)
{
    struct timer *timer;
    coordinator->now = now;
    while ((timer = wheel_next_due(round_wheel(coordinator), now.mono_ns)) != NULL)
        on_timer(CONTAINER_OF(timer, struct round, timer));
    flush_tick(coordinator);
    return coordinator_settle(coordinator, now);
}

uint64_t coordinator_wake_at(const struct coordinator *coordinator)
{
    if (!queue_is_empty(&coordinator->ended))
        return 0;
    uint64_t rounds = wheel_wake_at(round_wheel(coordinator)), flushes = flush_wake_at(coordinator);
    return rounds < flushes ? rounds : flushes;
}
