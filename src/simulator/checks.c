#include "simulator/checks.h"

#include "base/check.h"
#include "simulator/world.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

static const struct check *const ALL[] = {
    &check_replies,  &check_silence,      &check_written,   &check_dots,      &check_ancestry,    &check_progress,
    &check_quorum,   &check_acknowledged, &check_latest,    &check_linear,    &check_alone,       &check_calm,
    &check_dead,     &check_expired,      &check_flushed,   &check_once,      &check_epochs,      &check_placement,
    &check_bounded,  &check_rest,         &check_identical, &check_writeable, &check_orderly,     &check_kept,
    &check_verified, &check_horizon,      &check_hints,     &check_trees,     &check_convergence,
};

enum { ALL_COUNT = sizeof ALL / sizeof *ALL };

void checks_init(struct checks *checks, struct world *world)
{
    *checks = (struct checks){.count = ALL_COUNT, .key = TRACE_NO_KEY, .calm_until_ns = UINT64_MAX};
    memcpy(checks->list, ALL, sizeof ALL);
    (void)world;
}

void checks_close(struct checks *checks)
{
    struct world *world = CONTAINER_OF(checks, struct world, checks);
    for (unsigned i = 0; i < ALL_COUNT; i++) {
        if (ALL[i]->close != NULL)
            ALL[i]->close(world);
    }
}

bool checks_choose(struct checks *checks, const char *name)
{
    for (unsigned i = 0; i < ALL_COUNT; i++) {
        if (strcmp(ALL[i]->name, name) == 0) {
            checks->list[0] = ALL[i];
            checks->count = 1;
            return true;
        }
    }
    return false;
}

const struct check *checks_number(unsigned number)
{
    return number < ALL_COUNT ? ALL[number] : NULL;
}

static int place_of(const struct checks *checks, const struct check *check)
{
    for (unsigned i = 0; i < checks->count; i++) {
        if (checks->list[i] == check)
            return (int)i;
    }
    return -1;
}

void check_judged(struct world *world, const struct check *check)
{
    int place = place_of(&world->checks, check);
    if (place >= 0)
        world->checks.judged[place]++;
}

void check_fails(struct world *world, const struct check *check, int key, const char *format, ...)
{
    struct checks *checks = &world->checks;
    bool is_claimed = !check->needs_budget || !world->plan.exceeds_budget || world->tamper.control != NULL;
    if (checks->failed != NULL || place_of(checks, check) < 0 || !is_claimed)
        return;
    checks->failed = check;
    checks->key = key;
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(checks->text, sizeof checks->text, format, arguments);
    va_end(arguments);
    WORLD_SAY(world, key, "%s: %s", check->name, checks->text);
}

bool checks_quorums_meet(const struct world *world)
{
    return !world->plan.sloppy || world->must_serve || world->plan.nodes == 1 || !world->checks.faults_began;
}

#define TELL(world, call, ...)                                                                                         \
    for (unsigned i = 0; i < (world)->checks.count; i++) {                                                             \
        if ((world)->checks.list[i]->call != NULL)                                                                     \
            (world)->checks.list[i]->call(__VA_ARGS__);                                                                \
    }

void checks_on_fault(struct world *world)
{
    if (world->checks.faults_began)
        return;
    TELL(world, on_fault, world)
    world->checks.faults_began = true;
    world->checks.calm_until_ns = world->now_ns;
    WORLD_SAY(world, TRACE_NO_KEY, "faults begin");
}

void checks_on_end(struct world *world, size_t op)
{
    TELL(world, on_end, world, op)
}

void checks_on_stored(struct world *world, const struct stored *stored)
{
    TELL(world, on_stored, world, stored)
}

void checks_on_view(struct world *world, const struct machine *machine, const struct ring_view *view)
{
    TELL(world, on_view, world, machine, view)
}

void checks_on_turn(struct world *world, const struct machine_loop *loop)
{
    TELL(world, on_turn, world, loop)
}

void checks_on_link(struct world *world, const struct endpoint *end)
{
    TELL(world, on_link, world, end)
}

void checks_on_closed_loop(struct world *world, const struct machine_loop *loop)
{
    TELL(world, on_closed, world, loop)
}

void checks_at_rest(struct world *world)
{
    TELL(world, at_rest, world)
}
