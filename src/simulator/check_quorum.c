/* [R9]: an acknowledged write had been stored, or replaced, by W distinct nodes, at the promised durability. */
#include "simulator/world.h"

#include <stdio.h>

/* Has this, or what replaced it (with last-write-wins: something later), been synced? */
static bool is_synced(const struct world *world, const struct copy *copy, uint32_t wanted)
{
    const struct written *written = &world->oracle.written[wanted];
    const struct key_writes *writes = &world->oracle.keys[written->key];
    bool synced = bitset_has(&copy->durable, written->number);
    if (world->keys.list[written->key].kind != KEYS_LATEST)
        return synced;
    for (uint32_t i = 0; i < writes->count && !synced; i++)
        synced = bitset_has(&copy->durable, i) && oracle_compare(&world->oracle, writes->list[i], wanted) >= 0;
    return synced;
}

/* Has an attempt replaced this here that a later one, made without knowledge of it, has taken the place of [R10]? */
static bool is_replaced_by_overtaken(const struct world *world, const struct copy *copy, uint32_t wanted)
{
    const struct written *written = &world->oracle.written[wanted];
    struct bitset gone = {0};
    oracle_overtaken_by(&world->oracle, written->key, &copy->context, &gone);
    bool is_gone = copy->exists && bitset_has(&gone, written->number);
    bitset_close(&gone);
    return is_gone;
}

/* Has what is there now been synced, and with it that all before it has been replaced? */
static bool is_present_synced(const struct world *world, const struct copy *copy)
{
    bool synced = true;
    for (uint32_t i = 0; i < copy->live_count; i++)
        synced = synced && bitset_has(&copy->durable, world->oracle.written[copy->live[i].written].number);
    return synced;
}

static bool copy_counts(const struct world *world, const struct copy *copy, uint32_t written, bool synced)
{
    if (oracle_holds(&world->oracle, copy, written) && (!synced || is_synced(world, copy, written)))
        return true;
    return is_replaced_by_overtaken(world, copy, written) && (!synced || is_present_synced(world, copy));
}

/* A node counts once, however many hints it keeps; also when it has handed them over by now, or a fault has taken from
 * it what it had. */
static bool has_stored(const struct world *world, unsigned machine, int key, uint32_t written, bool synced)
{
    const struct hint_copies *hints = &world->oracle.hints[machine][key];
    uint32_t number = world->oracle.written[written].number;
    bool stored = copy_counts(world, &world->oracle.copies[machine][key], written, synced)
                  || bitset_has(&world->oracle.copies[machine][key].lost, number);
    for (unsigned i = 0; i < hints->count && !stored; i++)
        stored = copy_counts(world, &hints->list[i]->copy, written, synced)
                 || bitset_has(&hints->list[i]->copy.freed, number) || bitset_has(&hints->list[i]->copy.lost, number);
    return stored;
}

/* Names of those who hold it, for people. */
struct holders {
    unsigned count;
    char names[100];
};

static struct holders find_holders(struct world *world, const struct op *op, uint32_t written)
{
    bool synced = world->plan.buckets[world->keys.list[op->key].kind].durability == DURABILITY_SYNCED;
    struct holders holders = {.names = "nobody"};
    size_t len = 0;
    for (unsigned machine = 0; machine < world->plan.nodes; machine++) {
        if (!has_stored(world, machine, op->key, written, synced))
            continue;
        holders.count++;
        len += (size_t)snprintf(holders.names + len, sizeof holders.names - len, "%s%s", len == 0 ? "" : ", ",
                                world->machines[machine].name);
    }
    return holders;
}

static void on_end(struct world *world, size_t number)
{
    const struct op *op = history_op(&world->history, number);
    if (!op_stores(op) || op->outcome != OP_DONE || world->keys.list[op->key].kind == KEYS_COUNTER)
        return;
    struct holders most = {.names = "nobody"};
    unsigned wanted = plan_w(&world->plan, world->keys.list[op->key].kind);
    uint32_t at = oracle_first_of_op(&world->oracle, number);
    check_judged(world, &check_quorum);
    for (; at != ORACLE_NONE; at = world->oracle.written[at].next_of_op) {
        struct holders holders = find_holders(world, op, at);
        most = holders.count > most.count ? holders : most;
    }
    if (most.count < wanted)
        check_fails(world, &check_quorum, op->key,
                    "operation %zu (%s) was acknowledged when only %s had stored it; it takes %u nodes", number,
                    op_name(op->kind), most.names, wanted);
}

const struct check check_quorum = {
    .name = "quorum",
    .claim = "each of W distinct nodes had stored the write, or one that covers it, when it was acknowledged [R9]",
    .on_end = on_end,
};
