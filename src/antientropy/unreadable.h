/* Records here that cannot be read and that no other owner can replace: Dynamo 4.7 with [R1] and [R3].
 *
 * A damaged record may have been a dead one. The other owners have freed their copies since, so there is nothing to
 * put in its place, and it would be complained about for ever, and fail every read that needs this copy. When each of
 * the other owners has said that it has nothing for the key, the record is erased: what it held is at no owner any
 * more, erased or not.
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
    uint64_t first_ns, last_ns; /* when another owner first and last had nothing for it */
    uint64_t again_ns;          /* when the partition is compared once more, 0: not for this one */
    struct {
        uint32_t node; /* 0: nobody */
        uint64_t at_ns;
    } told[RING_COPIES_MAX];
};

struct unreadable {
    struct unreadable_row rows[UNREADABLE_MAX];
    uint64_t again_ns; /* the earliest of theirs, 0: there is none */
};

/* The record of `key` here cannot be read, and `node`, with a copy that is not doubtful, has nothing for it. true: so
 * have all the other owners, and it is to be erased. */
bool unreadable_note_absent(struct antientropy *a, struct instant now, uint16_t partition, struct bytes key,
                            uint32_t node);
/* Has the partitions compared again whose answers came too early to count. */
void unreadable_go_on(struct antientropy *a, struct instant now);

#endif
