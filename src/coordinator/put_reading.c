/* What a put has to know of the others' copies before its update [R9]: how many are asked, and if too few tell. */
#include "base/bounds.h"
#include "coordinator/attempt.h"
#include "coordinator/kept.h"
#include "coordinator/put.h"
#include "coordinator/put_phases.h"
#include "version/fingerprint.h"

enum { GO_ON_AFTER_MS = 250 /* without an answer that is still awaited, what need not have it goes on */ };

/* Does the coordinator have to know what the others have? A plain set replaces whatever there is; but one that may have
 * been carried out already has to find that out. */
static bool has_to_read(const struct request *request)
{
    return !put_is_plain_set(request) || request->attempt > 1;
}

/* May it be carried out although too few have told what they have? A plain set that does not know something stands
 * beside it; in a bucket whose stale tokens make siblings so does anything else, and always being able to write is what
 * such a bucket is for [4.1]. */
bool put_may_go_on(const struct request *request)
{
    return request->attempt <= 1 && (put_is_plain_set(request) || request->bucket->stale_cas == STALE_CAS_SIBLING);
}

/* How many other nodes have to tell what they have, so that with the local copy, if that counts, an owner of each
 * acknowledged write has told. */
unsigned put_others_to_read(const struct round *round, const struct request *request)
{
    unsigned missing = round->owner_count - put_write_quorum(round), others = round->owner_count - 1U;
    bool is_behind =
        round->is_doubtful
        || (round->coordinator->standing != NULL && standing_is_behind(round->coordinator->standing, round->partition));
    bool has_to = has_to_read(request) || attempt_is_late_over(round->coordinator, request, round->local);
    if (round_stands_in(round)) /* it has hints, or nothing */
        return has_to ? missing + 1 : 0;
    if (!has_to && !is_behind)
        return 0;
    return (unsigned)smaller(round->is_doubtful ? missing + 1 : missing, others);
}

/* With fewer answers than are needed, if that is allowed. */
static bool go_on_short(struct round *round)
{
    if (!round->may_go_on)
        return false;
    round->is_short = true;
    counter_increment(&round->coordinator->counters.short_writes);
    put_update(round);
    return true;
}

void put_advance_reads(struct round *round)
{
    uint16_t out = round_reads_out(round);
    if (quorum_verdict_of(&round->reads) == QUORUM_MET) {
        if (!round->asks_all || round->hedged || out == 0)
            put_update(round);
        else
            round_set_timer(round);
        return;
    }
    unsigned missing = quorum_missing(&round->reads), lively = quorum_count(round_lively(round, out));
    if (lively < missing)
        lively += round_ask_further(round, missing - lively, !round->may_go_on);
    if (lively < missing && go_on_short(round))
        return;
    if (quorum_count(round_reads_out(round)) < missing)
        put_give_up(round, FAILURE_NO_QUORUM);
    else
        round_set_timer(round);
}

/* Asks as many others as make `needed` with the local copy, if that counts. */
static void read_others(struct round *round, unsigned needed, bool local_counts)
{
    round->phase = ROUND_READING;
    round->reads = quorum_of(round->owner_count, needed);
    round_admit(round, &round->reads, (unsigned)round->self);
    (local_counts ? quorum_yes : quorum_no)(&round->reads, (unsigned)round->self);
    if (round->asks_all)
        (void)round_ask(round, RING_COPIES_MAX);
    put_advance_reads(round);
}

/* The local copy cannot be read: n - w + 1 others are sure to know every acknowledged write that n - w others and this
 * copy would have known. It is not absent: what it does not have need not be dead. */
void put_read_others_alone(struct round *round)
{
    unsigned others = round->owner_count - 1U, needed = round->owner_count - put_write_quorum(round) + 1;
    if (round->read_asked != 0) { /* it could be read before, and has been lost since */
        round_drop_answers(round);
        round_renew(round);
    }
    round->lost_local = true;
    round->may_go_on = false;
    round->local_fingerprint = 0;
    round->horizon = 0;
    needed = (unsigned)smaller(needed, others);
    if (round_reachable(round, needed) < needed)
        put_fail(round, FAILURE_CORRUPT);
    else
        read_others(round, needed, false);
}

/* What is known locally is in round->local. */
static void go_on_with_local(struct round *round)
{
    struct request *request = round->request;
    bool counts = round_stands_in(round) ? round->local != NULL : !round->is_doubtful;
    unsigned reads = put_others_to_read(round, request);
    /* Whether there is nothing at all to delete, only all owners together can say [R6]. */
    round->asks_all = put_is_plain_delete(request) && round->local == NULL;
    if (reads == 0 && !round->asks_all)
        put_update(round);
    else if (round_stands_in(round))
        read_others(round, reads, counts);
    else
        read_others(round, reads + counts, counts);
}

void put_on_local_read(struct round *round)
{
    struct store_op *op = &round->request->op;
    round->local = op->record;
    op->record = NULL;
    bool ok = op->status == STORE_OK || op->status == STORE_ABSENT;
    if (op->status == STORE_IO) {
        put_fail(round, FAILURE_DISK_READ);
        return;
    }
    if (round->local != NULL)
        round->local_fingerprint = record_fingerprint(blob_bytes(round->local), &ok);
    if (ok)
        go_on_with_local(round);
    else
        put_read_others_alone(round);
}

void put_on_kept_read(struct round *round)
{
    bool ok = true;
    if (!kept_take(round))
        return;
    if (round->local != NULL)
        round->local_fingerprint = record_fingerprint(blob_bytes(round->local), &ok);
    go_on_with_local(round);
}

void put_on_read(struct round *round, unsigned place)
{
    (void)place;
    if (round->phase == ROUND_READING)
        put_advance_reads(round);
}

/* For a plain set a hedge is enough. What builds on a value had better know it, for read-modify-writes are exact while
 * nothing fails, and answers that are just slow are no failure. */
static bool has_waited_enough(struct round *round)
{
    uint64_t until_ns = round->request->started.mono_ns + (uint64_t)GO_ON_AFTER_MS * 1000000;
    if (!has_to_read(round->request) || round->coordinator->now.mono_ns >= until_ns)
        return true;
    round->hedge_ns = until_ns;
    return false;
}

static void hedge_reads(struct round *round)
{
    round->hedged = true;
    if (quorum_verdict_of(&round->reads) == QUORUM_MET) {
        put_advance_reads(round);
        return;
    }
    if (round_ask(round, 1) == 1)
        counter_increment(&round->coordinator->counters.hedges);
    else if (round->may_go_on && has_waited_enough(round) && go_on_short(round))
        return;
    round_set_timer(round);
}

void put_on_hedge(struct round *round)
{
    round->hedge_ns = 0;
    if (round->phase == ROUND_READING)
        hedge_reads(round);
    else
        round_set_timer(round);
}
