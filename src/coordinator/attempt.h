/* A write that came through another node, and may have been carried out already: its second name tells, Dynamo 4.5 with
 * [R10]. Within the room.
 *
 * A node that forwards a write gives it a name and tries it elsewhere when the coordinator is lost. A second attempt
 * reads first, as many as a read-modify-write does; then, under the stripe's lock and on what all of them have:
 *
 * (a) A version with the name lives: it is done. Who has it is told to the others, and the answer is as if it had been
 *     made now. So it is if one of them still has it, and another what has overwritten it.
 * (b) The context covers this attempt: a later one has been carried out and overwritten since.
 * (c) Something was written after the request began, which may have overwritten an earlier attempt, and somebody may
 *     have seen that one: carried out again it could appear twice. A plain set that finds only values goes on all the
 *     same: it comes after them, as it may, for its client still waits; so does a plain delete. Not where something was
 *     deleted, flushed or has expired since: that could have been this very value, and the dead stay dead. Nor does
 * anything go on that builds on a value (append, incr): an earlier attempt may have found a newer one, whose place this
 * one would take. (d) Else it is carried out, and covers the attempts before it, however late they turn up. */
#ifndef COORDINATOR_ATTEMPT_H
#define COORDINATOR_ATTEMPT_H

#include "coordinator/change.h"

/* The flags of a tombstone that a named delete leaves although it found nothing: its later attempts say so too. */
enum { ATTEMPT_FOUND_NOTHING = 1 };

/* Is `began` a time that this node follows? Else nothing can be told by it. */
bool attempt_is_sane(const struct coordinator *coordinator, const struct request *request);

/* Has a first attempt of a plain set been on its way so long that a second one may have been carried out elsewhere? Of
 * no interest where the last write wins: what is driven out stays behind the winner there. Cheap. */
bool attempt_is_late(const struct coordinator *coordinator, const struct request *request);

/* Such a late one, and the local copy (NULL: there is none) has something that was written since it began: that would
 * be lost with it should the others know that it has been overtaken, (b). So they are asked first. Uses the scratch. */
bool attempt_is_late_over(struct coordinator *coordinator, const struct request *request, const struct blob *local);

/* One of the copies that are about to be merged: does the request's version live there? */
void attempt_note_copy(struct write *write, const struct object *copy);

/* Is the request, which has a name, answered by what is there: (a), (b), (c)? */
bool attempt_settles(struct write *write, enum store_verdict *verdict);

#endif
