#include "antientropy/inside.h"

#include "base/hash.h"
#include "base/wire.h"
#include "version/fingerprint.h"
#include "version/record.h"

enum { PARTITION_BYTES = 2 }; /* in front of a record's key in the store */

uint32_t groups_of_partition(const struct antientropy *a)
{
    uint32_t leaves = tree_leaves_of_partition(a->view->partition_count);
    return leaves < MESSAGE_SUMS_MAX ? leaves : MESSAGE_SUMS_MAX;
}

static uint32_t leaves_in_group(const struct antientropy *a)
{
    return tree_leaves_of_partition(a->view->partition_count) / groups_of_partition(a);
}

void groups_sum(const struct antientropy *a, uint16_t partition, uint8_t *at)
{
    uint32_t groups = groups_of_partition(a), width = leaves_in_group(a);
    for (uint32_t group = 0; group < groups; group++)
        at = wire_write_u64(at, tree_sum(a->tree, a->view->partition_count, partition, group * width, width));
}

void key_scan_begin(struct key_scan *scan, struct bytes after)
{
    scan->cursor = (struct store_cursor){.shows_damaged = true}; /* nobody else may list what was in it */
    scan->has_ended = scan->has_failed = false;
    if (after.len == 0)
        return;
    uint8_t *at = wire_write_u16(scan->cursor.key, scan->partition);
    scan->cursor.key_len = (uint16_t)(wire_write_bytes(at, after) - scan->cursor.key);
}

struct bytes key_scan_upto(const struct key_scan *scan)
{
    if (scan->cursor.key_len <= PARTITION_BYTES)
        return bytes_of(NULL, 0);
    return bytes_of(scan->cursor.key + PARTITION_BYTES, scan->cursor.key_len - PARTITION_BYTES);
}

static void visit(void *context, uint16_t partition, struct bytes key, struct bytes record)
{
    struct key_scan *scan = context;
    (void)partition;
    if (key.len < 1 || key.len > MESSAGE_KEY_MAX)
        return;
    uint32_t leaf = tree_leaf_in_partition(hash_of_key(key), scan->antientropy->view->partition_count);
    uint32_t group = leaf / leaves_in_group(scan->antientropy);
    if ((scan->bits[group / 8] >> group % 8 & 1) == 0)
        return;
    bool ok = record_verify(record) == RECORD_OK; /* the bit that is wrong may be one that the fingerprint leaves out */
    uint64_t fingerprint = ok ? record_fingerprint(record, &ok) : 0;
    if (!ok)
        scan->met(scan->context, key, 1, 0);
    else if (fingerprint != 0)
        scan->met(scan->context, key, fingerprint, (uint32_t)record.len);
}

void key_scan_step(struct key_scan *scan)
{
    struct antientropy *a = scan->antientropy;
    bool more =
        store_scan_partition(a->parts.store, a->parts.loop, scan->partition, &scan->cursor, SCAN_STEP, visit, scan);
    scan->has_failed = scan->cursor.failed;
    scan->has_ended = !more;
}
