/* A put's new record on its way to the others: owners, who stands in for them, W of them [R9], later times [R2]. */
#include "coordinator/put.h"
#include "coordinator/put_phases.h"
#include "coordinator/restamp.h"

/* Two coordinators that outdo each other come to rest as soon as their clocks have followed, which is after one turn;
 * only times so far ahead that no clock follows them take more. */
enum { RESTAMPS_MAX = 16 };

/* Who could still make the quorum is asked: stand-ins for those who will not, then owners that only seem to be down. */
static void widen_writes(struct round *round)
{
    unsigned missing = quorum_missing(&round->writes);
    (void)round_send_to_stand_ins(round, RING_COPIES_MAX);
    unsigned lively = quorum_count(round_lively(round, round_writes_out(round)));
    if (lively < missing)
        (void)round_send_in_need(round, missing - lively);
}

/* Writes are not hedged. An owner that is only slow has the write in a moment, and reads count on that: were W made up
 * with a stand-in, which they do not ask, they could miss in a healthy ring what has been acknowledged. Who is silent
 * is told of by put_on_silence. */
static void wait_for_writes(struct round *round)
{
    round->hedge_ns = 0;
    round_set_timer(round);
}

static void advance_writes(struct round *round)
{
    if (round->request != NULL && quorum_verdict_of(&round->writes) == QUORUM_MET)
        put_answer(round);
    if (round->request == NULL && round->phase != ROUND_LINGERING) {
        blob_release(round->made); /* whoever is late has been sent it; thousands of rounds may wait for such */
        round->made = NULL;
        round_linger(round);
        return;
    }
    if (round->phase == ROUND_LINGERING) {
        if (round_writes_out(round) == 0)
            round_close(round);
        return;
    }
    if (round->writes.no != 0)
        widen_writes(round);
    if (quorum_count(round_writes_out(round)) < quorum_missing(&round->writes))
        put_give_up(round, FAILURE_TIMEOUT); /* the local copy has it, and perhaps others */
    else
        wait_for_writes(round);
}

/* The new record goes to all other owners that are up, and for each that is not to the next node that can stand in for
 * it [4.6]; W owners, this one counted, or who stands in for them have to have it. */
void put_write_others(struct round *round)
{
    round->phase = ROUND_WRITING;
    round_renew(round);
    round_forget_stand_ins(round);
    round->writes = quorum_of(round->owner_count, put_write_quorum(round));
    if (round->self >= 0) {
        round_admit(round, &round->writes, (unsigned)round->self);
        quorum_yes(&round->writes, (unsigned)round->self);
    }
    for (unsigned place = 0; place < round->owner_count; place++) {
        if ((int)place == round->self || round_send(round, place, false, true))
            continue;
        quorum_no(&round->writes, place);
        round_note_missing(round, place);
    }
    if (round->missing != 0)
        (void)round_send_to_stand_ins(round, RING_COPIES_MAX);
    advance_writes(round);
}

/* The version that `place` has acknowledged stands there behind a later one. */
static void outdo(struct round *round, unsigned place, hybrid_time winner)
{
    bool is_open = round->request != NULL;
    if (is_open && round->has_dot && round->restamps < RESTAMPS_MAX) {
        round->phase = ROUND_RESTAMPING;
        round->restamps++;
        round->floor = winner;
        restamp_start(round);
        return;
    }
    /* What an earlier attempt has made may not be written anew under another dot, for somebody may have seen it; and
     * what loses again and again is no success. */
    if (is_open && (round->has_found || round->has_dot)) {
        put_fail(round, round->has_found ? FAILURE_LOST : FAILURE_TIMEOUT);
        return;
    }
    quorum_yes(&round->writes,
               place); /* it has been merged there; a later one than its latest time is a concurrent one */
    advance_writes(round);
}

void put_on_write(struct round *round, unsigned place, hybrid_time winner)
{
    if (round->phase != ROUND_WRITING && round->phase != ROUND_LINGERING)
        return;
    if (winner != 0) /* Once the client has its answer a delete may have covered this version and would not cover a new
                      * one; and two quorums of writes have met by then [R2]. */
        outdo(round, place, winner);
    else
        advance_writes(round);
}

void put_on_restamped(struct round *round)
{
    switch (restamp_finish(round)) {
    case RESTAMP_FAILED: /* what is here and elsewhere counts for nothing against the winner */
        put_fail(round, FAILURE_DISK_WRITE);
        return;
    case RESTAMP_OVERWRITTEN: /* it need not win any more */
        round->has_dot = false;
        break;
    case RESTAMP_DONE:
        break;
    }
    put_write_others(round);
}

void put_write_around(struct round *round, unsigned place)
{
    round_note_missing(round, place);
    widen_writes(round);
    wait_for_writes(round);
}
