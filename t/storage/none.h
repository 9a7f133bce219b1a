/* What fake stores have in common, in place of the storage room's functions: locks that lock nothing, and nothing to
 * scan, for no node under test repairs or has hints. Include it in one file of a test program. */
#ifndef T_STORAGE_NONE_H
#define T_STORAGE_NONE_H

#include "storage/store.h"

static void no_lock(struct lock *lock)
{
    (void)lock;
}

const struct lock_ops lock_none = {no_lock, no_lock, no_lock, no_lock};

void store_scan_dirty(struct store *store, store_visit_dirty *visit, void *context)
{
    (void)store, (void)visit, (void)context;
}

bool store_scan_partition(struct store *store, struct store_loop *loop, uint16_t partition, struct store_cursor *cursor,
                          size_t max, store_visit *visit, void *context)
{
    (void)store, (void)loop, (void)partition, (void)cursor, (void)max, (void)visit, (void)context;
    return false;
}

#endif
