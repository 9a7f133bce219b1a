/* P5: every preference list names all members once, and its owners lie in as many racks as there are. */
#include "simulator/world.h"

#include <string.h>

static unsigned count_racks(const struct ring_view *view, const uint16_t *list, uint32_t count)
{
    unsigned racks = 0;
    for (uint32_t i = 0; i < count; i++) {
        bool is_new = true;
        for (uint32_t j = 0; j < i; j++)
            is_new &= strcmp(view->members[list[i]].rack, view->members[list[j]].rack) != 0;
        racks += is_new;
    }
    return racks;
}

static bool names_each_once(const struct ring_view *view, const uint16_t *list)
{
    for (uint32_t i = 0; i < view->member_count; i++) {
        if (list[i] >= view->member_count)
            return false;
        for (uint32_t j = 0; j < i; j++) {
            if (list[i] == list[j])
                return false;
        }
    }
    return true;
}

static void on_view(struct world *world, const struct machine *machine, const struct ring_view *view)
{
    uint16_t all[PLAN_NODES_MAX];
    for (uint32_t i = 0; i < view->member_count; i++)
        all[i] = (uint16_t)i;
    unsigned racks = count_racks(view, all, view->member_count);
    unsigned wanted = racks < view->owner_count ? racks : view->owner_count;
    check_judged(world, &check_placement);
    for (uint32_t i = 0; i < view->partition_count; i++) {
        const uint16_t *list = ring_preference_list(view, (uint16_t)i);
        if (!names_each_once(view, list))
            check_fails(world, &check_placement, TRACE_NO_KEY, "%s: the list of partition %u names a node twice",
                        machine->name, i);
        else if (count_racks(view, list, view->owner_count) < wanted)
            check_fails(world, &check_placement, TRACE_NO_KEY, "%s: the owners of partition %u lie in too few racks",
                        machine->name, i);
    }
}

const struct check check_placement = {
    .name = "placement",
    .claim = "a preference list names distinct nodes in as many racks as there are (P5)",
    .on_view = on_view,
};
