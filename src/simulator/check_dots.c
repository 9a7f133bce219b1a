/* [R1]: a dot names one value, for ever and on every replica, and is given by the node and process that it names. */
#include "simulator/world.h"

static hybrid_time flushed_at(struct machine *machine)
{
    return machine->state != MACHINE_UP ? 0 : coordinator_flush_registers(&machine->loops[0].node.coordinator).flushed;
}

/* Has this node, or any other so far, heard of a flush that ended what was written then? Who drops its bytes may be
 * gone when others learn of that. */
static bool is_flushed(struct world *world, unsigned machine, hybrid_time time)
{
    return time <= world->checks.flushed || time <= flushed_at(&world->machines[machine]);
}

void checks_on_version(struct world *world, unsigned machine, uint32_t index, const struct version *version,
                       uint64_t digest)
{
    const struct written *written = &world->oracle.written[index];
    bool is_tombstone = version->kind == VERSION_TOMBSTONE;
    check_judged(world, &check_dots);
    /* An expired value, or one that was flushed, may have lost its bytes under its dot [R5]. */
    bool has_ended = is_tombstone && !written->is_tombstone
                     && (version->expiry_ms != 0 || is_flushed(world, machine, version->time));
    if (version->time != written->time
        || (!has_ended && (digest != written->digest || is_tombstone != written->is_tombstone)))
        check_fails(world, &check_dots, written->key,
                    "a dot names two values: %s stores \"%.*s\" under that of \"%.*s\", which %s wrote",
                    world->machines[machine].name, version->value.len < 60 ? (int)version->value.len : 60,
                    (const char *)version->value.at, written->value.len < 60 ? (int)written->value.len : 60,
                    (const char *)written->value.at, world->machines[written->machine].name);
}

static void on_stored(struct world *world, const struct stored *stored)
{
    if (stored->fresh == ORACLE_NONE)
        return;
    const struct machine *machine = &world->machines[stored->machine];
    const struct dot *dot = &world->oracle.written[stored->fresh].dot;
    check_judged(world, &check_dots);
    if (dot->actor.node != ring_node_id(machine->name) || dot->actor.incarnation != machine->incarnation)
        check_fails(world, &check_dots, stored->key, "%s stores a version that nobody made", machine->name);
}

static void on_turn(struct world *world, const struct machine_loop *loop)
{
    if (!world->plan.flushes)
        return;
    hybrid_time flushed = flushed_at(loop->machine);
    world->checks.flushed = flushed > world->checks.flushed ? flushed : world->checks.flushed;
}

const struct check check_dots = {
    .name = "dots",
    .claim = "no dot names two values [R1]",
    .on_stored = on_stored,
    .on_turn = on_turn,
};
