#include "admin/repair.h"

#include "base/check.h"

#include <stdlib.h>

static void take_hints(struct admin_repair *repair, const struct hints *hints)
{
    repair->has_hints = hints != NULL && hints_exist(hints);
    if (hints == NULL)
        return;
    hints_count(hints, &repair->hints);
    repair->owners = calloc(HINT_OWNERS_MAX, sizeof(*repair->owners));
    CHECK_MEMORY(repair->owners);
    repair->owner_count = hints_rows(hints, repair->owners, HINT_OWNERS_MAX);
    if (repair->owner_count > HINT_OWNERS_MAX) /* there is room for more of them, whoever names them */
        repair->owner_count = HINT_OWNERS_MAX;
}

static void take_comparisons(struct admin_repair *repair, const struct antientropy *antientropy)
{
    repair->compares = true;
    repair->peers = calloc(RING_MEMBERS_MAX, sizeof(*repair->peers));
    CHECK_MEMORY(repair->peers);
    repair->peer_count = antientropy_peers(antientropy, repair->peers, RING_MEMBERS_MAX);
    antientropy_horizon(antientropy, &repair->horizon);
    antientropy_checker(antientropy, &repair->checker);
}

void admin_repair_take(struct admin_repair *repair, const struct admin_repair_source *source)
{
    admin_repair_close(repair);
    repair->now_ms = source->now_ms;
    repair->checker.last_mismatch = -1;
    take_hints(repair, source->hints);
    if (source->deliver != NULL)
        deliver_count(source->deliver, &repair->delivery);
    if (source->antientropy != NULL)
        take_comparisons(repair, source->antientropy);
}

void admin_repair_close(struct admin_repair *repair)
{
    free(repair->owners);
    free(repair->peers);
    *repair = (struct admin_repair){0};
}
