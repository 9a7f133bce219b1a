#include "admin/ownership.h"

#include "base/check.h"

#include <stdlib.h>

struct ownership *ownership_of(const struct ring_view *view)
{
    struct ownership *members = calloc(view->member_count, sizeof(*members));
    CHECK_MEMORY(members);
    for (uint32_t partition = 0; partition < view->partition_count; partition++) {
        const uint16_t *list = ring_preference_list(view, (uint16_t)partition);
        members[list[0]].first++;
        for (uint32_t i = 0; i < view->owner_count; i++)
            members[list[i]].replicas++;
    }
    return members;
}
