/* How a ring begins [R13].
 *
 * A node without seeds founds a ring of its own. A node with seeds probes them all, and the seeds that those name, and
 * so on: the founders are the nodes found at the end. Only when every one of them answers, holds no data and is in no
 * ring do they found one, all together: each must vote for it. So no order of starts makes two rings, and a seed that
 * has lost its data and its way to the others never opens an empty second one. */
#ifndef MEMBERSHIP_FOUNDING_H
#define MEMBERSHIP_FOUNDING_H

#include "membership/inside.h"

enum {
    FOUNDING_PROBE_MS = 500,
    FOUNDING_FRESH_MS = 2500 /* a seed that has not answered for so long does not answer */
};

/* The listed seeds are the first addresses to probe. */
void founding_init(struct membership *membership);
void founding_close(struct membership *membership);

/* What this node tells of itself. */
void founding_describe(const struct membership *membership, struct message_description *about);
/* MESSAGE_PROBE and MESSAGE_PROBE_REPLY. false: malformed. */
bool founding_on_probe(struct membership *membership, struct instant now, const char *from, const struct frame *frame);
/* Probes this address. */
void founding_probe(struct membership *membership, const char *address);

/* Would this node found exactly that ring? */
bool founding_agrees_to(const struct membership *membership, const struct value *value);
/* Where a founder is reached; NULL when nobody knows. */
const char *founding_address_of(const struct membership *membership, uint32_t id);
/* A seed that answers and is in a ring; the seeds take turns. NULL: there is none, or they are in different rings.
 * *cluster is its ring's. */
const char *founding_door(const struct membership *membership, struct instant now, uint64_t *cluster);

/* Founds a ring of this node alone. false: its state could not be saved. */
bool founding_alone(struct membership *membership, struct instant now);
/* Probes, judges, proposes; only while this node is in no ring. founding_wake_at: when that is due. */
void founding_tick(struct membership *membership, struct instant now);
uint64_t founding_wake_at(const struct membership *membership);

#endif
