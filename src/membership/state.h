/* What a node must not forget: versioned and checksummed bytes.
 *
 *   magic 4, format 2, fields, checksum 8 (fingerprint of everything before it)
 *
 * Damaged or hostile bytes are an error, never a crash: a node whose state is unreadable must not start as a fresh one,
 * because it would vote again on what it has voted on. */
#ifndef MEMBERSHIP_STATE_H
#define MEMBERSHIP_STATE_H

#include "membership/agreement.h"
#include "membership/entries.h"
#include "membership/shared.h"
#include "membership/table.h"
#include "message/draft.h"

#include <stdbool.h>

struct state {
    char name[RING_NAME_MAX + 1];
    uint64_t directory;
    char invited_by[RING_ADDRESS_MAX + 1]; /* a member of the ring that this node has agreed to join, "": none */
    struct table *table;                   /* NULL: in no ring */
    struct acceptor acceptor;
    struct shared shared;
};

/* Appends the state; tombstones are taken from `entries`. */
void state_write(struct draft *out, const struct state *state, const struct entries *entries);

/* false: `fault` (192 bytes) says what is wrong. `out` then needs no closing; otherwise close its parts. Tombstones are
 * merged into `entries`. */
bool state_read(struct bytes in, struct state *out, struct entries *entries, char *fault);
/* Frees the parts. */
void state_close(struct state *state);

#endif
