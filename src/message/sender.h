/* How every message between members as such begins: who sends it, in which ring, with which table. */
#ifndef MESSAGE_SENDER_H
#define MESSAGE_SENDER_H

#include "message/draft.h"
#include "ring/ring.h"

#include <stdint.h>

#define SENDER_EPOCH_MAX ((uint64_t)1 << 48) /* a higher one is malformed */

struct message_sender {
    uint64_t cluster;                /* id of the sender's ring, 0: it is in none */
    uint64_t epoch;                  /* of its table, 0: it has none */
    uint64_t incarnation;            /* of its process */
    char peer[RING_ADDRESS_MAX + 1]; /* where answers go */
};

struct wire_reader;

/* The first fields of a head. */
void message_write_sender(struct draft *out, const struct message_sender *sender);
/* false: malformed, and reader->ok is false. */
bool message_read_sender(struct wire_reader *reader, struct message_sender *sender);

#endif
