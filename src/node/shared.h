/* What all loops of a process share. Within the room. */
#ifndef NODE_SHARED_H
#define NODE_SHARED_H

#include "coordinator/token_table.h"
#include "node/node.h"
#include "replica/replica.h"
#include "ring/bucket.h"
#include "ring/ring.h"

#include <stdatomic.h>

enum { NODE_RELOADS_MAX = 1024 };

struct node_shared {
    struct ring_view *view;
    struct replica replica;
    struct token_table *tokens;
    struct store *store;
    _Atomic(const struct bucket_table *) buckets;       /* the ones in force */
    struct bucket_table *all_buckets[NODE_RELOADS_MAX]; /* these and all before: requests may still point to them */
    unsigned all_buckets_count;
};

#endif
