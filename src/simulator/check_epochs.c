/* [R12]: one table per epoch, on whichever node and in whichever incarnation. */
#include "base/check.h"
#include "simulator/world.h"

#include <inttypes.h>
#include <stdlib.h>

static void on_view(struct world *world, const struct machine *machine, const struct ring_view *view)
{
    struct checks *checks = &world->checks;
    uint64_t table = ring_fingerprint(view);
    check_judged(world, &check_epochs);
    if (view->epoch >= checks->epochs) {
        size_t room = (size_t)view->epoch + 16;
        checks->table_of_epoch = realloc(checks->table_of_epoch, room * sizeof *checks->table_of_epoch);
        CHECK_MEMORY(checks->table_of_epoch);
        memset(checks->table_of_epoch + checks->epochs, 0, (room - checks->epochs) * sizeof *checks->table_of_epoch);
        checks->epochs = room;
    }
    uint64_t *known = &checks->table_of_epoch[view->epoch];
    if (*known == 0)
        *known = table;
    if (*known != table)
        check_fails(world, &check_epochs, TRACE_NO_KEY,
                    "%s has another table of epoch %" PRIu64 " than those before it", machine->name, view->epoch);
    if (view->epoch < machine->epoch)
        check_fails(world, &check_epochs, TRACE_NO_KEY, "%s goes back from table %" PRIu64 " to %" PRIu64,
                    machine->name, machine->epoch, view->epoch);
}

static void close_check(struct world *world)
{
    free(world->checks.table_of_epoch);
    world->checks.table_of_epoch = NULL;
}

const struct check check_epochs = {
    .name = "epochs",
    .claim = "there is one table per epoch [R12]",
    .on_view = on_view,
    .close = close_check,
};
