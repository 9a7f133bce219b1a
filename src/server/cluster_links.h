/* When a member may begin to serve clients: not before its links to the others are there, or its first requests would
 * be told that too few replicas are up. */
#ifndef SERVER_CLUSTER_LINKS_H
#define SERVER_CLUSTER_LINKS_H

#include "ring/bucket.h"
#include "ring/ring.h"

#include <stdbool.h>
#include <stdint.h>

enum {
    LINKS_LOOK_MS = 5,      /* how often it is looked whether the workers' links are there */
    LINKS_ENOUGH_MS = 1000, /* then those who have not answered are taken for away, if quorums can do without them */
    LINKS_WAIT_MS = 2000    /* then clients are served in any case, be it with errors */
};

/* Can the quorums of every bucket be met for every partition, whichever `missing` other members cannot be reached? */
bool links_meet_quorums(const struct ring_view *view, const struct bucket_table *buckets, uint32_t missing);

/* `missing`: how many of the others the worker worst off cannot use yet; `waited_ms`: since this node has its table. */
bool links_suffice(const struct ring_view *view, const struct bucket_table *buckets, uint32_t missing,
                   uint64_t waited_ms);

#endif
