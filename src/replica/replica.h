/* One copy of the data on this node: reading, writing, tombstones and expiry of single records, Dynamo 5 with
 * [R1]-[R8]. Pure functions over encoded records, run by the store under the key's stripe. */
#ifndef REPLICA_REPLICA_H
#define REPLICA_REPLICA_H

#include "base/instant.h"
#include "ring/bucket.h"
#include "version/hybrid.h"
#include "version/object.h"

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

/* Shared by all loops of a process. */
struct replica {
    uint32_t node;
    uint64_t incarnation;
    _Atomic uint64_t births; /* the last one drawn */
    struct hybrid_clock clock;
    _Atomic hybrid_time flushed;       /* versions written at or before are dead, for ever [R7] */
    _Atomic hybrid_time flush_pending; /* a delayed flush_all, 0: none */
    uint64_t grace_ms;
    uint64_t value_max, object_max;
};

void replica_init(struct replica *replica, uint32_t node, uint64_t incarnation, hybrid_time newest);

/* The present for judging versions. */
struct replica_present {
    uint64_t now_ms;     /* hybrid */
    hybrid_time flushed; /* a pending flush that is due counts */
};
struct replica_present replica_present_at(struct replica *replica, struct instant now);

/* Why a version is not shown. */
enum replica_sight { SIGHT_VISIBLE, SIGHT_DELETED, SIGHT_EXPIRED, SIGHT_FLUSHED };
enum replica_sight replica_sight_of(const struct version *version, const struct replica_present *present);

#endif
