/* A request is carried out at most once, however often the network repeats it and whoever coordinates it: no operation
 * has two versions. But a coordinator whose version has met a later time gives it a later one under a new dot [R2]: the
 * same value, in place of the first, as long as nobody has replaced that. */
#include "simulator/world.h"

static bool was_live(const struct copy *copy, uint32_t written)
{
    for (uint32_t i = 0; i < copy->live_count; i++) {
        if (copy->live[i].written == written)
            return true;
    }
    return false;
}

static bool is_restamped(const struct world *world, const struct stored *stored)
{
    const struct written *fresh = &world->oracle.written[stored->fresh];
    const struct written *first = &world->oracle.written[fresh->next_of_op];
    return first->machine == stored->machine && first->digest == fresh->digest
           && was_live(stored->before, fresh->next_of_op);
}

/* Another attempt of the same request, by one who has not heard of the first: the later attempt covers the earlier one
 * by its name, whichever is carried out first. */
static bool is_attempt(const struct world *world, const struct stored *stored)
{
    const struct written *fresh = &world->oracle.written[stored->fresh];
    const struct written *first = &world->oracle.written[fresh->next_of_op];
    return fresh->request != 0 && fresh->request == first->request && fresh->attempt != first->attempt;
}

/* Was this tombstone followed by a value that the maker of `fresh` knew of? */
static bool is_followed(const struct world *world, const struct written *fresh, uint32_t tombstone)
{
    const struct key_writes *writes = &world->oracle.keys[fresh->key];
    uint32_t number = world->oracle.written[tombstone].number;
    for (uint32_t i = 0; i < writes->count; i++) {
        const struct written *written = &world->oracle.written[writes->list[i]];
        if (!written->is_tombstone && bitset_has(&fresh->past, i) && bitset_has(&written->past, number))
            return true;
    }
    return false;
}

/* Is there a delete that may have taken away the earlier attempt's value? None that is older than that one. */
static bool has_been_deleted(const struct world *world, const struct stored *stored, const struct written *fresh,
                             uint32_t earlier)
{
    const struct copy *before = stored->before;
    for (uint32_t i = 0; i < before->live_count; i++) {
        uint32_t index = before->live[i].written;
        if (world->oracle.written[index].is_tombstone && oracle_compare(&world->oracle, index, earlier) > 0
            && !is_followed(world, fresh, index))
            return true;
    }
    return false;
}

/* A plain set or delete whose answer was lost goes on over the values that have overwritten an earlier attempt: its
 * client still waits, so it may come after them (coordinator/attempt.h, (c)). Nothing that builds on a value may, nor
 * a set over a delete, nor anything while the earlier attempt's version is still there. */
static bool may_go_on(const struct world *world, const struct stored *stored, uint32_t earlier)
{
    const struct written *fresh = &world->oracle.written[stored->fresh];
    if (fresh->attempt <= world->oracle.written[earlier].attempt || was_live(stored->before, earlier))
        return false;
    if (fresh->is_tombstone || fresh->op == SIZE_MAX)
        return fresh->is_tombstone;
    return history_op(&world->history, fresh->op)->kind == OP_SET && !has_been_deleted(world, stored, fresh, earlier);
}

/* Nothing is carried out: what this machine's own attempt has made gets a later time [R2]. */
static bool is_later_time(const struct world *world, const struct stored *stored)
{
    const struct written *fresh = &world->oracle.written[stored->fresh];
    for (uint32_t i = 0; i < stored->before->live_count; i++) {
        const struct written *live = &world->oracle.written[stored->before->live[i].written];
        if (live->request == fresh->request && live->attempt == fresh->attempt && live->machine == fresh->machine
            && live->digest == fresh->digest)
            return true;
    }
    return false;
}

/* Who has heard of a request's version makes none for another attempt of it. */
static void judge_request(struct world *world, const struct stored *stored)
{
    const struct written *fresh = &world->oracle.written[stored->fresh];
    const struct key_writes *writes = &world->oracle.keys[stored->key];
    /* While a clock is far ahead and nobody has noticed yet, nothing can be told by it. But names can. */
    bool is_far = world->machines[stored->machine].far_ms != 0;
    if (fresh->request == 0 || is_later_time(world, stored))
        return;
    for (uint32_t i = 0; i < writes->count; i++) {
        const struct written *other = &world->oracle.written[writes->list[i]];
        if (other == fresh || other->request != fresh->request || !bitset_has(&stored->before->known, i)
            || (other->machine == fresh->machine && other->digest == fresh->digest)
            || (is_far && !was_live(stored->before, writes->list[i])) || may_go_on(world, stored, writes->list[i]))
            continue;
        check_fails(world, &check_once, stored->key, "%s knows of attempt %u of a request and carries out attempt %u",
                    world->machines[stored->machine].name, other->attempt, fresh->attempt);
    }
}

static void on_stored(struct world *world, const struct stored *stored)
{
    if (stored->fresh == ORACLE_NONE || world->keys.list[stored->key].kind == KEYS_LATEST)
        return;
    const struct written *fresh = &world->oracle.written[stored->fresh];
    judge_request(world, stored);
    if (fresh->op == SIZE_MAX)
        return;
    check_judged(world, &check_once);
    if (fresh->next_of_op != ORACLE_NONE && !is_restamped(world, stored) && !is_attempt(world, stored))
        check_fails(world, &check_once, stored->key, "operation %zu is carried out again, by %s", fresh->op,
                    world->machines[stored->machine].name);
}

const struct check check_once = {
    .name = "once",
    .claim = "a request is carried out at most once, however often it is repeated [R10]",
    .on_stored = on_stored,
};
