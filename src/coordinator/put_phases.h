/* A put's phases, a file for each, as they see each other: put.c starts and ends it and runs the local update,
 * put_reading.c learns what the others have before, put_writing.c sends them the new record. For these three files. */
#ifndef COORDINATOR_PUT_PHASES_H
#define COORDINATOR_PUT_PHASES_H

#include "coordinator/round.h"

static inline bool put_is_plain_set(const struct request *request)
{
    return request->kind == REQUEST_SET && !request->has_token;
}

static inline bool put_is_plain_delete(const struct request *request)
{
    return request->kind == REQUEST_DELETE && !request->has_token && !request->invalidate;
}

/* W, as far as there are so many owners. */
static inline unsigned put_write_quorum(const struct round *round)
{
    return round->bucket->w < round->owner_count ? round->bucket->w : round->owner_count;
}

/* ---- put.c ---- */

/* The local update, on what has been learnt. */
void put_update(struct round *round);
/* The client has its answer; the round goes on. */
void put_answer(struct round *round);
/* It has failed, and the round ends. */
void put_fail(struct round *round, enum request_failure failure);
/* Too few can answer under this view: it waits for a newer one if somebody knows one, else fails. */
void put_give_up(struct round *round, enum request_failure failure);

/* ---- put_reading.c ---- */

/* May it be carried out although too few have told what they have? */
bool put_may_go_on(const struct request *request);
/* How many other nodes have to tell what they have. */
unsigned put_others_to_read(const struct round *round, const struct request *request);
/* The local read, or that of a hint, has come back, in request->op: asks the others, or goes on with the update. */
void put_on_local_read(struct round *round);
void put_on_kept_read(struct round *round);
/* The local copy cannot be read: the others' take its place. */
void put_read_others_alone(struct round *round);
/* Who can answer has changed: goes on, asks further ones, or gives up. */
void put_advance_reads(struct round *round);

/* ---- put_writing.c ---- */

/* `made` goes to the others. */
void put_write_others(struct round *round);
/* The node at `place` has fallen silent: somebody stands in for it. */
void put_write_around(struct round *round, unsigned place);

#endif
