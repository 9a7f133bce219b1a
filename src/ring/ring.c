#include "ring/ring.h"

#include "base/bytes.h"
#include "base/check.h"
#include "base/hash.h"

#include <stdlib.h>
#include <string.h>

uint32_t ring_node_id(const char *name)
{
    uint64_t hash = hash_fingerprint(bytes_of_text(name), 1);
    uint32_t id = (uint32_t)(hash ^ hash >> 32);
    return id == 0 ? 1 : id;
}

static bool is_power_of_two(uint32_t n)
{
    return n != 0 && (n & (n - 1)) == 0;
}

struct ring_view *ring_view_new_single(const char *name, uint32_t partition_count)
{
    size_t name_len = strlen(name);
    if (!is_power_of_two(partition_count) || partition_count > RING_PARTITIONS_MAX || name_len == 0
        || name_len > RING_NAME_MAX)
        return NULL;

    struct ring_member *member = calloc(1, sizeof *member);
    uint16_t *rows = calloc(partition_count, sizeof *rows); /* every partition: member 0 */
    struct ring_view *view = calloc(1, sizeof *view);
    CHECK_MEMORY(member);
    CHECK_MEMORY(rows);
    CHECK_MEMORY(view);

    member->id = ring_node_id(name);
    memcpy(member->name, name, name_len);
    *view = (struct ring_view){
        .epoch = 1, .partition_count = partition_count, .member_count = 1, .members = member, .rows = rows};
    return view;
}

void ring_view_free(struct ring_view *view)
{
    if (view == NULL)
        return;
    free((void *)(uintptr_t)view->members);
    free((void *)(uintptr_t)view->rows);
    free(view);
}

uint64_t ring_fingerprint(const struct ring_view *view)
{
    uint64_t print = hash_mix(view->epoch) ^ hash_mix(view->partition_count);
    for (uint32_t partition = 0; partition < view->partition_count; partition++) {
        const uint16_t *list = ring_preference_list(view, (uint16_t)partition);
        for (uint32_t i = 0; i < view->member_count; i++)
            print = hash_mix(print ^ view->members[list[i]].id);
    }
    return print;
}
