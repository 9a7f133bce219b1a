/* The fault budget: which losses P2 is promised for. */
#include "simulator/damage.h"
#include "simulator/world.h"

/* Does every owner of the key have this version, or what replaced it? Then all earlier losses of it are repaired. */
static bool is_repaired(const struct world *world, int key, uint32_t written)
{
    const struct machine *first = NULL;
    for (unsigned i = 0; i < world->plan.nodes && first == NULL; i++)
        first = world->machines[i].shared != NULL ? &world->machines[i] : NULL;
    if (first == NULL)
        return false;
    const struct ring_view *view = node_view(first->shared);
    const uint16_t *list = ring_preference_list(view, world->keys.list[key].partition);
    for (uint32_t i = 0; i < view->owner_count; i++) {
        int owner = machine_by_address(world, view->members[list[i]].name);
        if (owner < 0 || world->machines[owner].state == MACHINE_DOWN || world->oracle.copies[owner][key].is_rotten
            || !oracle_holds(&world->oracle, &world->oracle.copies[owner][key], written))
            return false;
    }
    return true;
}

/* Has this copy lost it, or will it have, when a process finds what is left? */
static bool copy_has_lost(const struct machine *machine, const struct copy *copy, uint32_t number)
{
    bool is_gone = machine->end == END_WIPED || machine->end == END_RESTORED
                   || (machine->end == END_POWER && !bitset_has(&copy->durable, number));
    return bitset_has(&copy->lost, number) || (copy->is_rotten && bitset_has(&copy->known, number))
           || (machine->state == MACHINE_DOWN && is_gone && bitset_has(&copy->known, number));
}

static bool has_lost(const struct world *world, unsigned machine, int key, uint32_t number)
{
    const struct hint_copies *hints = &world->oracle.hints[machine][key];
    bool lost = copy_has_lost(&world->machines[machine], &world->oracle.copies[machine][key], number);
    for (unsigned i = 0; i < hints->count; i++)
        lost |= copy_has_lost(&world->machines[machine], &hints->list[i]->copy, number);
    return lost;
}

/* How many others have had this version and lost it since. */
static unsigned count_losers(const struct world *world, const struct machine *machine, int key, uint32_t written)
{
    unsigned losers = 0;
    if (is_repaired(world, key, written))
        return 0;
    for (unsigned i = 0; i < world->plan.nodes; i++)
        losers += i != machine->index && has_lost(world, i, key, world->oracle.written[written].number);
    return losers;
}

/* Has the write been acknowledged, or may it still be? What no client asked for by a value of its own counts while it
 * is live. */
static bool may_be_acknowledged(const struct world *world, uint32_t written)
{
    size_t op = world->oracle.written[written].op;
    if (op == SIZE_MAX)
        return false;
    enum op_outcome outcome = history_op(&world->history, op)->outcome;
    return outcome == OP_DONE || outcome == OP_PENDING;
}

/* Would the loss of this copy be one too many for that version? */
static bool allows_version(const struct world *world, const struct machine *machine, int key, const struct copy *copy,
                           uint32_t written, bool only_unsynced)
{
    unsigned w = plan_w(&world->plan, world->keys.list[key].kind);
    return (only_unsynced && bitset_has(&copy->durable, world->oracle.written[written].number))
           || count_losers(world, machine, key, written) + 1 < w;
}

/* A copy holds, too, what its live versions have replaced: if they were never acknowledged, they may be nowhere else,
 * and what they had replaced is lost together with them. */
static bool allows_copy(const struct world *world, const struct machine *machine, int key, const struct copy *copy,
                        bool only_unsynced)
{
    const struct key_writes *writes = &world->oracle.keys[key];
    for (uint32_t i = 0; i < copy->live_count; i++) {
        if (!allows_version(world, machine, key, copy, copy->live[i].written, only_unsynced))
            return false;
    }
    for (uint32_t i = 0; i < writes->count && copy->live_count > 0; i++) {
        if (bitset_has(&copy->known, i) && may_be_acknowledged(world, writes->list[i])
            && !allows_version(world, machine, key, copy, writes->list[i], only_unsynced))
            return false;
    }
    return true;
}

static bool allows_hints(const struct world *world, const struct machine *machine, int key, bool only_unsynced)
{
    const struct hint_copies *hints = &world->oracle.hints[machine->index][key];
    for (unsigned i = 0; i < hints->count; i++) {
        if (!allows_copy(world, machine, key, &hints->list[i]->copy, only_unsynced))
            return false;
    }
    return true;
}

/* Nobody can tell what was in a damaged record. With w of one key's damaged at once, whatever was in them, owners keep
 * them: a write may have been acknowledged by these alone. The only one of a key is replaced or erased, also with w
 * = 1. */
static bool leaves_records(const struct world *world, const struct machine *machine, int key)
{
    unsigned damaged = 0;
    for (unsigned i = 0; i < world->plan.nodes; i++)
        damaged += i != machine->index && world->oracle.copies[i][key].is_rotten;
    return damaged == 0 || damaged + 1 < plan_w(&world->plan, world->keys.list[key].kind);
}

bool budget_allows_key(const struct world *world, const struct machine *machine, int key)
{
    return world->plan.exceeds_budget
           || (leaves_records(world, machine, key)
               && allows_copy(world, machine, key, &world->oracle.copies[machine->index][key], false));
}

/* Tables are decided by a majority of those who remember what they have promised. */
static bool majority_remembers(const struct world *world, const struct machine *machine)
{
    unsigned amnesiacs = 1;
    for (unsigned i = 0; i < world->plan.nodes; i++)
        amnesiacs += &world->machines[i] != machine && world->machines[i].has_forgotten;
    return 2 * amnesiacs < world->plan.nodes;
}

bool budget_allows(const struct world *world, const struct machine *machine, enum machine_end end)
{
    if (end == END_KILLED)
        return true;
    if ((end == END_WIPED || end == END_RESTORED) && !majority_remembers(world, machine))
        return false;
    if (world->plan.exceeds_budget)
        return true;
    for (unsigned key = 0; key < world->keys.count; key++) {
        if (!allows_copy(world, machine, (int)key, &world->oracle.copies[machine->index][key], end == END_POWER)
            || !allows_hints(world, machine, (int)key, end == END_POWER))
            return false;
    }
    return true;
}
