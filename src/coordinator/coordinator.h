/* The coordinator of requests on one loop, Dynamo 4.5. */
#ifndef COORDINATOR_COORDINATOR_H
#define COORDINATOR_COORDINATOR_H

#include "base/histogram.h"
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
    _Atomic uint64_t tokens_known, tokens_unknown;
};

struct coordinator {
    struct replica *replica;
    struct token_table *tokens;
    struct store_loop *store;
    struct instant now; /* of the call that is under way */
    struct arena scratch;
    struct coordinator_counters counters;
};

void coordinator_init(struct coordinator *coordinator, struct replica *replica, struct token_table *tokens,
                      struct store_loop *store);
void coordinator_close(struct coordinator *coordinator);

/* Starts a request whose key this node owns. request->bucket and op.hash, op.partition have been set. */
void coordinator_start(struct coordinator *coordinator, struct instant now, struct request *request);

/* A store operation of one of its requests has ended. Calls request->done when that ends the request; returns whether
 * it did. */
bool coordinator_on_stored(struct coordinator *coordinator, struct instant now, struct store_op *op);

/* See node_token. */
uint64_t coordinator_token(struct coordinator *coordinator, const struct request *request, int pick);

#endif
