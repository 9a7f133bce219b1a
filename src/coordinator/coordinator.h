/* The coordinator of requests on one loop, Dynamo 4.5.
 *
 * A request is a get, a put or a read-modify-write. In a ring of one the local copy is the quorum: a get is one read of
 * the store and a put one update, whose function does the whole read-modify-write under the key's stripe.
 *
 *   coordinator.c  starts requests, ends them
 *   read.c         what a get answers
 *   write.c        what a put makes of a record
 *   modify.c       memcached's own arithmetic: append, incr, ...
 *   cas.c          which versions a token covers
 *   flush.c        flush_all */
#ifndef COORDINATOR_COORDINATOR_H
#define COORDINATOR_COORDINATOR_H

#include "base/counter.h"
#include "base/instant.h"
#include "coordinator/request.h"
#include "coordinator/token_table.h"
#include "replica/replica.h"
#include "storage/store.h"

#include <stdatomic.h>
#include <stdint.h>

enum { COORDINATOR_VERSIONS_SEEN = 8 }; /* reads that saw 0, 1, ... 6, more versions (Dynamo 6.3) */

/* Written by the loop, read by anyone. */
struct coordinator_counters {
    _Atomic uint64_t reads_by_versions[COORDINATOR_VERSIONS_SEEN];
    _Atomic uint64_t siblings_made, siblings_resolved, siblings_refused;
    _Atomic uint64_t tokens_known, tokens_unknown; /* of cas writes whose token was not the current one */
};

struct coordinator {
    struct replica *replica;
    struct token_table *tokens;
    struct store_loop *store;
    struct instant now;   /* of the call that is under way */
    struct arena scratch; /* of the record that is under way */
    struct coordinator_counters counters;
};

/* Embedded in its node. What it is given is shared and must outlive it. */
void coordinator_init(struct coordinator *coordinator, struct replica *replica, struct token_table *tokens,
                      struct store_loop *store);
/* All its requests have ended. */
void coordinator_close(struct coordinator *coordinator);

/* Starts a request; bucket, op.hash and op.partition have been set. Its done is called by a later
 * coordinator_on_stored, never from within. */
void coordinator_start(struct coordinator *coordinator, struct instant now, struct request *request);

/* A store operation of one of its requests has ended. Calls request->done when that ends the request; returns whether
 * it did. */
bool coordinator_on_stored(struct coordinator *coordinator, struct instant now, struct store_op *op);

/* See node_token. */
uint64_t coordinator_token(struct coordinator *coordinator, const struct request *request, int pick);

/* Reads the flush register that an earlier run left, synchronously; before the loops start. */
void coordinator_load_flush(struct coordinator *coordinator, struct instant now);

#endif
