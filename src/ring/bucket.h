/* Buckets: settings for the keys that begin with a prefix. Dynamo 6 (the three patterns of use). */
#ifndef RING_BUCKET_H
#define RING_BUCKET_H

#include "base/bytes.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { BUCKETS_MAX = 256, BUCKET_NAME_MAX = 49, BUCKET_PREFIX_MAX = 250, BUCKET_SIBLINGS_MAX_DEFAULT = 100 };

enum reconcile { RECONCILE_SIBLINGS, RECONCILE_LWW };
enum stale_cas { STALE_CAS_EXISTS, STALE_CAS_SIBLING };
enum durability { DURABILITY_BUFFERED, DURABILITY_COMMITTED, DURABILITY_SYNCED };

struct bucket {
    char name[BUCKET_NAME_MAX + 1];
    uint8_t prefix[BUCKET_PREFIX_MAX];
    uint16_t prefix_len; /* 0 in the default bucket only */
    uint8_t r, w;        /* quorums */
    enum reconcile reconcile;
    enum stale_cas stale_cas;
    enum durability durability;
    bool multi_value;       /* gets answers one VALUE per sibling */
    uint8_t durable_writes; /* with buffered: how many replicas must also sync */
    uint32_t siblings_max;
};

/* All buckets of a ring; [0] is the default one. Immutable once published. */
struct bucket_table {
    struct bucket *buckets;
    uint32_t count;
};

/* A bucket with the defaults of the documentation and no prefix, named `name` (shorter than BUCKET_NAME_MAX). */
struct bucket bucket_default(const char *name);

/* A table that holds the default bucket only. Close with bucket_table_close. */
void bucket_table_init(struct bucket_table *table);
void bucket_table_close(struct bucket_table *table);
/* `to` need not be initialised; close it too. */
void bucket_table_copy(struct bucket_table *to, const struct bucket_table *from);

/* Do both hold the same buckets with the same settings, in the same order? */
bool bucket_table_equal(const struct bucket_table *a, const struct bucket_table *b);

/* Adds or, with the same name, replaces a bucket. "default" replaces [0] and must have no prefix; every other
 * bucket needs a prefix that no other bucket has. NULL, or a static text that says what is wrong. */
const char *bucket_table_put(struct bucket_table *table, const struct bucket *bucket);

/* The bucket with the longest prefix of `key`. Never NULL. */
const struct bucket *bucket_of_key(const struct bucket_table *table, struct bytes key);

/* Two settings that cannot hold together in one bucket (e.g. reconcile = lww with stale-cas = sibling) give
 * a static text that says so, else NULL. */
const char *bucket_conflict(const struct bucket *bucket);

/* A table as bytes, for the members' shared settings; bucket_table_encode writes exactly bucket_table_size bytes. */
size_t bucket_table_size(const struct bucket_table *table);
void bucket_table_encode(const struct bucket_table *table, uint8_t *at);
/* Checks every field and every conflict. false: *fault is a static text; `out` need not be closed then. */
bool bucket_table_decode(struct bytes in, struct bucket_table *out, const char **fault);

#endif
