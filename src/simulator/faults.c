#include "simulator/faults.h"

#include "simulator/world.h"

enum { SLOW_US_MAX = 200000, STEP_MS_MAX = 1000 };

void faults_cut(struct world *world, uint64_t from, uint64_t to, bool both_ways)
{
    for (unsigned i = 0; i < world->plan.nodes; i++) {
        for (unsigned j = 0; j < world->plan.nodes; j++) {
            if ((from >> i & 1) == 0 || (to >> j & 1) == 0 || i == j)
                continue;
            world->network.cut[i][j] = true;
            world->network.cut[j][i] |= both_ways;
        }
    }
}

static unsigned draw_machine(struct world *world)
{
    return (unsigned)world_draw(world, world->plan.nodes);
}

static uint64_t draw_length_ns(struct world *world)
{
    return (1 + world_draw(world, 2 * (uint64_t)world->plan.episode_ms)) * WORLD_MS_NS;
}

static void end_later(struct world *world, void (*run)(struct world *, const struct event *), unsigned machine,
                      unsigned to)
{
    world_after(world, draw_length_ns(world),
                (struct event){.run = run, .generation = to, .machine = EVENT_OF_NOBODY, .detail = (int)machine});
}

static void on_partition_end(struct world *world, const struct event *event)
{
    (void)event;
    if (!world->faults.active)
        return;
    WORLD_SAY(world, TRACE_NO_KEY, "the partition ends");
    memset(world->network.cut, 0, sizeof world->network.cut);
    world->faults.partitioned = false;
}

static void cut_in_two(struct world *world, bool both_ways)
{
    uint64_t all = world->plan.nodes == 64 ? UINT64_MAX : ((uint64_t)1 << world->plan.nodes) - 1;
    uint64_t some = prng_next(&world->prng) & all;
    if (world->faults.partitioned || some == 0 || some == all)
        return;
    if (world_draws(world, 300)) /* one node alone */
        some = (uint64_t)1 << draw_machine(world);
    world->faults.partitioned = true;
    WORLD_SAY(world, TRACE_NO_KEY, "the network is cut %s: %llx", both_ways ? "in two" : "in one direction",
              (unsigned long long)some);
    faults_cut(world, some, all & ~some, both_ways);
    end_later(world, on_partition_end, 0, 0);
}

static void on_clog_end(struct world *world, const struct event *event)
{
    network_unclog(world, (unsigned)event->detail, (unsigned)event->generation);
}

static void pile_up(struct world *world)
{
    unsigned from = draw_machine(world), to = draw_machine(world);
    if (from == to || world->network.clogged[from][to])
        return;
    WORLD_SAY(world, TRACE_NO_KEY, "what %s sends to %s piles up", world->machines[from].name,
              world->machines[to].name);
    world->network.clogged[from][to] = true;
    end_later(world, on_clog_end, from, to);
}

static void set_slowness(struct world *world, unsigned machine, uint32_t us)
{
    for (unsigned to = 0; to < world->plan.nodes; to++)
        world->network.slow_us[machine][to] = us;
}

static void on_slow_end(struct world *world, const struct event *event)
{
    set_slowness(world, (unsigned)event->detail, 0);
}

static void slow_down(struct world *world)
{
    unsigned machine = draw_machine(world);
    uint32_t us = 1 + (uint32_t)world_draw(world, SLOW_US_MAX);
    WORLD_SAY(world, TRACE_NO_KEY, "what %s sends takes %u us longer", world->machines[machine].name, us);
    set_slowness(world, machine, us);
    end_later(world, on_slow_end, machine, 0);
}

static void break_connections(struct world *world)
{
    unsigned from = draw_machine(world), to = draw_machine(world);
    if (from == to)
        return;
    WORLD_SAY(world, TRACE_NO_KEY, "connections from %s to %s break", world->machines[from].name,
              world->machines[to].name);
    network_break(world, from, to);
}

static void on_pause_end(struct world *world, const struct event *event)
{
    machine_resume(&world->machines[event->detail]);
}

static void pause_one(struct world *world)
{
    unsigned machine = draw_machine(world);
    if (world->machines[machine].paused)
        return;
    machine_pause(&world->machines[machine]);
    end_later(world, on_pause_end, machine, 0);
}

static void step_clock(struct world *world)
{
    unsigned machine = draw_machine(world);
    int64_t ms = (int64_t)world_draw(world, 2 * STEP_MS_MAX + 1) - STEP_MS_MAX;
    struct machine *stepped = &world->machines[machine];
    if (stepped->step_ms + ms > STEP_MS_MAX || stepped->step_ms + ms < -STEP_MS_MAX)
        ms = -stepped->step_ms; /* all steps together stay within their bound */
    stepped->step_ms += ms;
    WORLD_SAY(world, TRACE_NO_KEY, "the clock of %s steps by %d ms", stepped->name, (int)ms);
    machine_step_clock(stepped, ms);
}

static void begin_episode(struct world *world, enum fault fault)
{
    world->faults.episodes++;
    switch (fault) {
    case FAULT_PARTITION:
    case FAULT_ONE_WAY:
        cut_in_two(world, fault == FAULT_PARTITION);
        break;
    case FAULT_CLOG:
        pile_up(world);
        break;
    case FAULT_SLOW:
        slow_down(world);
        break;
    case FAULT_BREAK:
        break_connections(world);
        break;
    case FAULT_PAUSE:
        pause_one(world);
        break;
    case FAULT_RESTART:
        machine_stop(&world->machines[draw_machine(world)], true);
        break;
    case FAULT_CLOCK:
        step_clock(world);
        break;
    case FAULT_LOSS:
    case FAULT_DUPLICATES:
    case FAULT_REORDER:
    case FAULT_FLIPS:
        break; /* rates, not episodes */
    default:
        damage_begin(world, fault);
    }
}

static void next_episode(struct world *world);

static void on_episode(struct world *world, const struct event *event)
{
    (void)event;
    if (!world->faults.active)
        return;
    enum fault fault = (enum fault)world_draw(world, FAULTS);
    while (!world->plan.faults[fault])
        fault = (enum fault)((fault + 1) % FAULTS);
    begin_episode(world, fault);
    next_episode(world);
}

static void next_episode(struct world *world)
{
    uint64_t gap_ms = 1 + world_draw(world, 2 * (uint64_t)world->plan.episode_gap_ms);
    world_after(world, gap_ms * WORLD_MS_NS, (struct event){.run = on_episode, .machine = EVENT_OF_NOBODY});
}

void faults_begin(struct world *world)
{
    bool any = false;
    for (int fault = 0; fault < FAULTS; fault++)
        any |= world->plan.faults[fault];
    if (!any || world->faults.active)
        return;
    checks_on_fault(world);
    world->faults.active = true;
    world->network.lossy = true;
    next_episode(world);
}

void faults_end(struct world *world)
{
    if (world->faults.active)
        WORLD_SAY(world, TRACE_NO_KEY, "faults end");
    world->faults.active = world->faults.partitioned = false;
    network_heal(world);
    damage_end(world);
    for (unsigned i = 0; i < world->plan.nodes; i++)
        machine_resume(&world->machines[i]);
}
