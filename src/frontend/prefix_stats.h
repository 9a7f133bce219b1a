/* `stats detail`: gets, hits, sets and deletes by the part of the key before a delimiter.
 *
 * One table for all loops, behind one lock that is taken for every counted command while counting is on. */
#ifndef FRONTEND_PREFIX_STATS_H
#define FRONTEND_PREFIX_STATS_H

#include "base/bytes.h"
#include "storage/lock.h"

#include <stdbool.h>

struct prefix_stats;

/* `delimiter` ends a prefix (-D; ':' by default); counting begins now if `on`. */
struct prefix_stats *prefix_stats_new(const struct lock_ops *locks, char delimiter, bool on);
void prefix_stats_free(struct prefix_stats *stats); /* NULL is allowed */

/* Any thread, as all below. `stats` may be NULL: then it is off. */
bool prefix_stats_is_on(const struct prefix_stats *stats);
void prefix_stats_switch(struct prefix_stats *stats, bool on);

/* Count something for a key's prefix; a key without the delimiter is not counted. */
void prefix_stats_get(struct prefix_stats *stats, struct bytes key, bool hit);
void prefix_stats_set(struct prefix_stats *stats, struct bytes key);
void prefix_stats_delete(struct prefix_stats *stats, struct bytes key);

/* Forgets all prefixes (`stats reset`). */
void prefix_stats_clear(struct prefix_stats *stats);

/* Calls `line` with "PREFIX <prefix> get <n> hit <n> set <n> del <n>" for each, without a line end, in the order of
 * their first use. The lock is held meanwhile. */
void prefix_stats_dump(struct prefix_stats *stats, void (*line)(void *context, struct bytes text), void *context);

#endif
