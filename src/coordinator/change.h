/* The changes that a write may make to a record, under its stripe's lock: new versions, tombstones, another expiry.
 * Which one a request wants is write.c's; here each draws its dot, sets the request's answer and encodes. Within the
 * room. */
#ifndef COORDINATOR_CHANGE_H
#define COORDINATOR_CHANGE_H

#include "coordinator/cas.h"
#include "coordinator/coordinator.h"

/* One attempt of one request on one record. */
struct write {
    struct coordinator *coordinator;
    struct request *request;
    struct store_draft *draft;
    struct replica_present present;
    struct round *round;         /* NULL where this node is the only owner */
    struct object object;        /* the record as it is, and what the other owners have beside it */
    bool is_unspread;            /* `object` is more than the record here, or than what another owner has answered */
    const struct version *shown; /* its newest version if visible, else NULL */
    struct cas_verdict cas;      /* of a request with a token that was accepted */
    hybrid_time horizon;         /* of the record here [R3], 0 of a hint */
    const struct version *made_before; /* the request's own version, as it lives in a copy, whatever has overwritten it
                                          in another; in the scratch. NULL: in none */
    bool found_nothing;                /* a delete that leaves its tombstone all the same */
    struct blob *made;                 /* value bytes made here (append, incr), given back at the end */
};

static inline bool change_sees(const struct write *write, const struct version *version)
{
    return replica_sight_of(version, &write->present) == SIGHT_VISIBLE;
}

/* The token of what the writer knows of the result: all of it, or, beside siblings that he may not have seen, just his
 * own (newest) version, as a read that shows that one would tell. It is remembered where the bucket needs it later. */
uint64_t change_token(struct coordinator *coordinator, const struct request *request, const struct object *result);

/* The request's answer is `status`, and the record stays. */
enum store_verdict change_nothing(struct write *write, enum request_status status);
/* It fails. */
enum store_verdict change_failed(struct write *write, enum request_failure failure);
/* `object` becomes the record. A reference is kept for a round that will send it and for a get that waits for it.
 * REQUEST_NO_MEMORY when there is none. */
enum store_verdict change_to(struct write *write, const struct object *object);

/* Each of these makes a new version, over what the request's token covers, or says why not: REQUEST_NO_MEMORY,
 * REQUEST_TOO_LARGE, REQUEST_EXISTS (too many siblings). Those that say so need write->shown. */

/* set, add, replace, cas */
enum store_verdict change_value(struct write *write);
/* ms with I and an older token: stored, but stale, with the expiry and the sent win of what is shown. */
enum store_verdict change_value_to_stale(struct write *write);
/* append (behind), prepend: to what is shown. REQUEST_NOT_STORED past the longest value. */
enum store_verdict change_by_concat(struct write *write, bool behind);
/* incr and decr of a missing key with `create` */
enum store_verdict change_to_first_number(struct write *write);
/* incr (up), decr: of what is shown. REQUEST_NON_NUMERIC. */
enum store_verdict change_number(struct write *write, bool up);
/* md I: the shown bytes under a new dot, marked stale; the next reader wins. */
enum store_verdict change_mark_stale(struct write *write);
/* delete */
enum store_verdict change_to_tombstone(struct write *write);
/* A miss of mg N: an empty item whose reader has won. */
enum store_verdict change_by_vivifying(struct write *write);

/* touch, gat, claims: no new version. Expiry (if wanted) and marks of all that is visible change, under the same dots
 * and with a new stamp [R5]. */
enum store_verdict change_expiry(struct write *write, bool set_expiry, uint64_t expiry_ms, uint8_t add_marks);

#endif
