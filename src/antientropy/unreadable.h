/* Records here that cannot be read and that no other owner can replace: Dynamo 4.7 with [R1] and [R3].
 *
 * A damaged record may have been a dead one. The other owners have freed their copies since, so there is nothing to
 * put in its place, and it would be complained about for ever, and fail every read that needs this copy. When each of
 * the other owners has said that it has nothing for the key, the record is erased: what it held is at no owner any
 * more, erased or not.
 *
 * Others' records may be damaged too. As long as these are, with the one here, fewer than w, whatever was acknowledged
 * has been at an owner that has nothing now, so it was dead, or its hint is still to be handed over. With w of them a
 * write may have been at these alone, and nobody may say that there was nothing.
 *
 * An answer counts when it comes from a copy that is not doubtful, and long enough after the damage was met that no
 * write of which the record may have been a part is on its way to that owner any more. All of them have to come at
 * about the same time; an owner that is down or doubtful is waited for. */
#ifndef ANTIENTROPY_UNREADABLE_H
#define ANTIENTROPY_UNREADABLE_H

#include "base/bytes.h"
#include "base/instant.h"
#include "message/data.h"
#include "ring/ring.h"

#include <stdbool.h>
#include <stdint.h>

struct antientropy;

enum { UNREADABLE_MAX = 64 /* records that are known at once; what is forgotten is met again */ };

struct unreadable_row {
    uint16_t partition;
    uint8_t key_len; /* 0: the row is free */
    uint8_t key[MESSAGE_KEY_MAX];
    uint64_t first_ns, last_ns; /* when another owner first and last had nothing that can be read */
    uint64_t again_ns;          /* when the partition is compared once more, 0: not for this one */
    struct {
        uint32_t node; /* 0: nobody */
        uint64_t at_ns;
        bool is_damaged; /* there is a record, which cannot be read */
    } told[RING_COPIES_MAX];
};

struct unreadable {
    struct unreadable_row rows[UNREADABLE_MAX];
    uint64_t again_ns; /* the earliest of theirs, 0: there is none */
};

/* The record of `key` here cannot be read, and `node`, with a copy that is not doubtful, has nothing for it either, or
 * a record that cannot be read (`is_damaged`). true: all the other owners have said so, and it is to be erased. */
bool unreadable_note(struct antientropy *a, struct instant now, uint16_t partition, struct bytes key, uint32_t node,
                     bool is_damaged);
/* Has the partitions compared again whose answers came too early to count. */
void unreadable_go_on(struct antientropy *a, struct instant now);

#endif
