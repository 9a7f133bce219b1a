/* A request is carried out at most once, however often the network repeats it and whoever coordinates it: no operation
 * has two versions. With last-write-wins a coordinator may give its version a later time under a new dot [R2]. */
#include "simulator/world.h"

static void on_stored(struct world *world, const struct stored *stored)
{
    if (stored->fresh == ORACLE_NONE || world->keys.list[stored->key].kind == KEYS_LATEST)
        return;
    const struct written *fresh = &world->oracle.written[stored->fresh];
    if (fresh->op == SIZE_MAX)
        return;
    check_judged(world, &check_once);
    if (fresh->next_of_op != ORACLE_NONE)
        check_fails(world, &check_once, stored->key, "operation %zu is carried out again, by %s", fresh->op,
                    world->machines[stored->machine].name);
}

const struct check check_once = {
    .name = "once",
    .claim = "a request is carried out at most once, however often it is repeated",
    .on_stored = on_stored,
};
