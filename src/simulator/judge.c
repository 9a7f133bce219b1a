#include "simulator/judge.h"

#include "base/check.h"
#include "simulator/judge_inside.h"
#include "simulator/world.h"

#include <stdio.h>
#include <stdlib.h>

static const struct check *const JUDGES[] = {
    &check_written, &check_acknowledged, &check_latest, &check_dead,      &check_expired,
    &check_linear,  &check_counted,      &check_agreed, &check_writeable,
};

enum { JUDGE_COUNT = sizeof JUDGES / sizeof *JUDGES };

const struct check *judge_check(unsigned number)
{
    return number < JUDGE_COUNT ? JUDGES[number] : NULL;
}

struct judge *judge_new(void)
{
    struct judge *judge = calloc(1, sizeof *judge);
    CHECK_MEMORY(judge);
    arena_init(&judge->texts);
    judge->plan.clients = 1;
    judge->plan.loops = 1;
    judge->fault_ns = judge->mended_ns = UINT64_MAX;
    for (int kind = 0; kind < KEY_KINDS; kind++)
        judge->plan.buckets[kind].multi_value = true;
    return judge;
}

/* The texts of a key's history are the judge's; its operations are given away in judge_decide. */
static void free_history(struct history *history)
{
    for (size_t i = 0; i < history->block_room; i++)
        free(history->blocks[i]);
    free(history->blocks);
}

void judge_free(struct judge *judge)
{
    for (uint32_t i = 0; i < judge->key_count; i++)
        free_history(&judge->keys[i].history);
    free(judge->keys);
    free(judge->slots);
    arena_close(&judge->texts);
    free(judge);
}

/* Moments: an order of all requests and replies. */

struct point {
    uint64_t at_ns;
    size_t op;
    bool is_reply;
};

/* What happened at the same time overlaps: requests come first. */
static int compare_points(const void *a, const void *b)
{
    const struct point *x = a, *y = b;
    if (x->at_ns != y->at_ns)
        return x->at_ns < y->at_ns ? -1 : 1;
    if (x->is_reply != y->is_reply)
        return x->is_reply ? 1 : -1;
    return x->op < y->op ? -1 : x->op > y->op;
}

static bool is_unknown(const struct op *op)
{
    return op->outcome == OP_FAILED || op->outcome == OP_LOST;
}

/* Up to a time: what began later has no beginning yet, and what ended later no end. */
static size_t order(struct world *world, struct point *points, uint64_t until_ns)
{
    size_t count = 0;
    for (size_t i = 0; i < world->history.count; i++) {
        const struct op *op = history_op(&world->history, i);
        points[count++] = (struct point){.at_ns = op->sent_ns, .op = i};
        if (op->ended_ns != UINT64_MAX)
            points[count++] = (struct point){.at_ns = op->ended_ns, .op = i, .is_reply = true};
    }
    qsort(points, count, sizeof *points, compare_points);
    for (size_t i = 0; i < count && points[i].at_ns < until_ns; i++) {
        struct op *op = history_op(&world->history, points[i].op);
        uint64_t moment = ++world->history.moments;
        if (!points[i].is_reply)
            op->began = moment;
        else if (!is_unknown(op) || op_is_read(op))
            op->ended = moment;
    }
    return count;
}

/* One key. */

static void build(struct world *world, const struct judge *judge, struct judged_key *key)
{
    struct plan plan = judge->plan;
    for (int kind = 0; kind < KEY_KINDS; kind++) {
        plan.buckets[kind].keys = kind == (int)key->kind;
        plan.buckets[kind].r = plan.buckets[kind].r != 0 ? plan.buckets[kind].r : 1;
        plan.buckets[kind].w = plan.buckets[kind].w != 0 ? plan.buckets[kind].w : 1;
    }
    world_init(world, &plan);
    for (unsigned i = 0; i < plan.nodes; i++)
        memcpy(world->machines[i].name, judge->nodes[i], JUDGE_NAME_MAX);
    world->history.blocks = key->history.blocks;
    world->history.block_room = key->history.block_room;
    world->history.count = key->history.count;
    key->history = (struct history){0};
    memcpy(world->checks.list, JUDGES, sizeof JUDGES);
    world->checks.count = JUDGE_COUNT;
    world->checks.mended_ns = judge->mended_ns;
}

/* Until the first fault the key behaves as in one memcached. */
static void judge_calm(struct world *world, const struct judge *judge, struct point *points)
{
    order(world, points, judge->fault_ns);
    check_linear.at_rest(world);
    world->checks.faults_began = true;
}

/* Tells the checks of every answer, in order. */
static void replay(struct world *world, const struct judge *judge, const struct point *points, size_t count)
{
    for (size_t i = 0; i < count && !checks_failed(&world->checks); i++) {
        const struct op *op = history_op(&world->history, points[i].op);
        world->now_ns = points[i].at_ns;
        if (!points[i].is_reply)
            continue;
        world->must_serve = op->sent_ns >= judge->mended_ns;
        if (judge->overlaps || world->must_serve) {
            checks_on_end(world, points[i].op);
            continue;
        }
        /* A read may miss what a stand-in keeps until its owner has it; but its time ends a value everywhere. */
        check_written.on_end(world, points[i].op);
        check_expired.on_end(world, points[i].op);
    }
    check_agreed.at_rest(world);
}

static void judge_key(const struct judge *judge, struct world *world, struct judged_key *key,
                      struct judge_result *result)
{
    build(world, judge, key);
    struct point *points = malloc((2 * world->history.count + 1) * sizeof *points);
    CHECK_MEMORY(points);
    judge_calm(world, judge, points);
    size_t count = order(world, points, UINT64_MAX);
    judge_account(world);
    replay(world, judge, points, count);
    free(points);
    result->operations += world->history.count;
    for (unsigned i = 0; i < JUDGE_COUNT; i++)
        result->judged[i] += world->checks.judged[i];
}

static bool is_whole(const struct judge *judge, char *error)
{
    if (!judge->begun || judge->mended_ns == UINT64_MAX) {
        snprintf(error, JUDGE_ERROR_MAX, "the history is not whole: it has no %s line",
                 judge->begun ? "{\"mended\": ...}" : "first");
        return false;
    }
    for (uint32_t i = 0; i < judge->key_count; i++) {
        for (size_t j = 0; j < judge->keys[i].history.count; j++) {
            if (history_op(&judge->keys[i].history, j)->sent_ns != 0)
                continue;
            snprintf(error, JUDGE_ERROR_MAX, "the history is not whole: operation %u of %.100s is missing", (unsigned)j,
                     judge->keys[i].name);
            return false;
        }
    }
    return true;
}

bool judge_decide(struct judge *judge, void (*say)(void *context, const char *text), void *context,
                  struct judge_result *result, char *error)
{
    *result = (struct judge_result){0};
    if (!is_whole(judge, error))
        return false;
    struct world *world = malloc(sizeof *world);
    CHECK_MEMORY(world);
    for (uint32_t i = 0; i < judge->key_count; i++) {
        judge_key(judge, world, &judge->keys[i], result);
        result->keys++;
        if (checks_failed(&world->checks)) {
            char text[JUDGE_TEXT_MAX];
            snprintf(text, sizeof text, "%s fails %s: %s", judge->keys[i].name, world->checks.failed->name,
                     world->checks.text);
            result->failures++;
            say(context, text);
        }
        world_close(world);
    }
    free(world);
    return true;
}
