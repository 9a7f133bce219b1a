#include "simulator/run.h"

#include "base/check.h"
#include "node/forward.h"
#include "simulator/world.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum {
    START_SPREAD_MS = 300,
    FOUNDING_MS_MAX = 60000, /* until all machines serve */
    WORK_MS_MAX = 120000,    /* a world in which too much goes wrong is mended after so long */
    LEAVE_MS_MAX = 60000,    /* until clients have had their last answers then: each comes within its deadline */
    HEALING_MS = 12000,      /* after the last fault: backoffs, probes and silence end, gossip has come round */
    CONVERGENCE_MS_MAX = 120000,
    SILENCE_MS = 1000,
    SILENCES = 12,
    REST_MS_MAX = 20000,
    STOP_MS_MAX = 15000,
    READ_PASSES = 4,
    WRITTEN_AGAIN_PERMILLE = 300, /* of the keys, after everything has been mended: the others show what was left */
    FOUNDING_LOSS_PPM_MAX = 50000,
    WARM_UP_MS = 1000, /* until all links have been greeted */
    MEDDLE_EVERY_MS = 20
};

static bool all_serve(const struct world *world)
{
    for (unsigned i = 0; i < world->plan.nodes; i++) {
        const struct machine *machine = &world->machines[i];
        if (!machine_serves(machine) || node_view(machine->shared)->member_count != world->plan.nodes)
            return false;
    }
    return true;
}

/* Runs until all serve or the time is over. */
static bool wait_until_all_serve(struct world *world, uint64_t ms)
{
    uint64_t until = world->now_ns + ms * WORLD_MS_NS;
    while (!all_serve(world)) {
        if (world->now_ns >= until || checks_failed(&world->checks))
            return false;
        world_run_for(world, WORLD_MS_NS);
    }
    return true;
}

static void on_start(struct world *world, const struct event *event)
{
    (void)world;
    machine_start(event->object);
}

bool run_found_ring(struct world *world)
{
    for (unsigned i = 0; i < world->plan.nodes; i++) {
        struct machine *machine = &world->machines[i];
        machine->is_joiner = world->plan.joins && i > 0 && i % 3 == 0;
        world_after(world, world_draw(world, START_SPREAD_MS) * WORLD_MS_NS,
                    (struct event){.run = on_start, .object = machine, .machine = EVENT_OF_NOBODY});
    }
    /* All founders must have heard all others within one exchange: with a third of the messages lost that takes its
     * time. */
    uint32_t loss_ppm = world->plan.loss_ppm;
    if (loss_ppm > FOUNDING_LOSS_PPM_MAX)
        world->plan.loss_ppm = FOUNDING_LOSS_PPM_MAX;
    world->network.lossy = world->plan.founds_in_trouble;
    bool good = wait_until_all_serve(world, FOUNDING_MS_MAX);
    world->network.lossy = false;
    world->plan.loss_ppm = loss_ppm;
    world_run_for(world, WARM_UP_MS * (uint64_t)WORLD_MS_NS);
    return good;
}

static bool is_at_rest(const struct world *world)
{
    for (unsigned i = 0; i < world->plan.nodes; i++) {
        const struct machine *machine = &world->machines[i];
        if (machine->state == MACHINE_STOPPING)
            return false;
        for (unsigned j = 0; machine->state == MACHINE_UP && j <= machine->loop_count; j++) {
            const struct node *node = &machine->loops[j].node; /* what remains looks around now and then, always */
            if (coordinator_wake_at(&node->coordinator) != UINT64_MAX || forward_wake_at(node) != UINT64_MAX
                || node_pending(node) != 0)
                return false;
        }
    }
    return true;
}

bool run_until_rest(struct world *world, unsigned ms)
{
    uint64_t until = world->now_ns + ms * (uint64_t)WORLD_MS_NS;
    while (!is_at_rest(world) && world->now_ns < until && !checks_failed(&world->checks))
        world_run_for(world, WORLD_MS_NS);
    return is_at_rest(world);
}

bool run_stop_all(struct world *world)
{
    uint64_t until = world->now_ns + STOP_MS_MAX * (uint64_t)WORLD_MS_NS;
    bool down = false;
    for (unsigned i = 0; i < world->plan.nodes; i++)
        machine_stop(&world->machines[i], false);
    while (!down && world->now_ns < until && !checks_failed(&world->checks)) {
        world_run_for(world, WORLD_MS_NS);
        down = true;
        for (unsigned i = 0; i < world->plan.nodes; i++)
            down &= world->machines[i].state == MACHINE_DOWN;
    }
    return down;
}

static bool clients_have_left(const struct world *world)
{
    for (unsigned i = 0; i < world->plan.clients; i++) {
        if (world->clients[i].caller != NULL || world->clients[i].is_acting)
            return false;
    }
    return true;
}

static void on_meddle(struct world *world, const struct event *event)
{
    if (world->tamper.control->meddle == NULL || world->is_ending)
        return;
    world->tamper.control->meddle(world);
    world_after(world, (1 + world_draw(world, MEDDLE_EVERY_MS)) * WORLD_MS_NS, *event);
}

/* Safety: clients work; from some operation on things go wrong. */
static void work(struct world *world)
{
    unsigned calm = (unsigned)((uint64_t)world->plan.ops * world->plan.calm_permille / 1000);
    uint64_t until = world->now_ns + WORK_MS_MAX * (uint64_t)WORLD_MS_NS;
    for (unsigned i = 0; i < world->plan.clients; i++)
        client_begin(&world->clients[i], world_draw(world, WORLD_MS_NS));
    if (world->tamper.control != NULL)
        world_after(world, 0, (struct event){.run = on_meddle, .machine = EVENT_OF_NOBODY});
    while (world->ops_left > 0 && world->now_ns < until && world_step(world)) {
        if (world->plan.ops - world->ops_left >= calm)
            faults_begin(world);
    }
    world->ops_left = 0;
    faults_end(world);
    until = world->now_ns + LEAVE_MS_MAX * (uint64_t)WORLD_MS_NS;
    while (!clients_have_left(world) && world->now_ns < until && world_step(world))
        continue;
    if (!clients_have_left(world))
        check_fails(world, &check_writeable, TRACE_NO_KEY, "clients do not get their work done");
}

/* One client asks one thing and waits for the answer. */
static void ask(struct world *world, unsigned machine, int key, enum op_kind kind)
{
    struct client *client = &world->clients[0];
    struct op *op = history_add(&world->history);
    size_t number = world->history.count - 1;
    client->is_free = false;
    op->key = key;
    op->kind = kind;
    if (op_stores(op))
        op->value = workload_value(world, key, number);
    op->sent_ns = world->now_ns;
    op->machine = machine;
    if (!client_connect(client, machine, (unsigned)world_draw(world, world->plan.loops))) {
        check_fails(world, &check_writeable, key, "%s takes no clients though nothing fails any more",
                    world->machines[machine].name);
        return;
    }
    client_send(client, &number, 1);
    while (client->waiting_count > 0 && world_step(world))
        continue;
    client_leave(client);
}

/* A key may be written through any node. */
static void write_everything(struct world *world)
{
    for (unsigned key = 0; key < world->keys.count; key++) {
        enum op_kind kind = world->keys.list[key].kind == KEYS_COUNTER ? OP_ADD : OP_SET;
        bool is_written = world_draws(world, WRITTEN_AGAIN_PERMILLE);
        for (unsigned i = 0; i < world->plan.nodes && is_written && !checks_failed(&world->checks); i++)
            ask(world, i, (int)key, kind);
    }
}

static void read_everything(struct world *world)
{
    for (unsigned pass = 0; pass < READ_PASSES; pass++) {
        for (unsigned key = 0; key < world->keys.count; key++) {
            for (unsigned i = 0; i < world->plan.nodes && !checks_failed(&world->checks); i++)
                ask(world, i, (int)key, OP_GETS);
        }
        if (!run_until_rest(world, REST_MS_MAX))
            return;
    }
}

/* Has every copy been compared, every hint handed over, and every damaged record been replaced? */
static bool has_converged(const struct world *world)
{
    for (unsigned i = 0; i < world->plan.nodes && world->plan.nodes > 1; i++) {
        const struct machine *machine = &world->machines[i];
        struct hints_counters hints;
        hints_count(node_hints(machine->shared), &hints);
        bool has_hints = hints.kept != 0 && !oracle_has_lost_for_good(world);
        if (has_hints || !machine_is_restored(machine))
            return false;
    }
    return !oracle_has_rot(world) || oracle_has_lost_for_good(world);
}

static bool wait_until_converged(struct world *world)
{
    uint64_t until = world->now_ns + CONVERGENCE_MS_MAX * (uint64_t)WORLD_MS_NS;
    while (!has_converged(world) && world->now_ns < until && !checks_failed(&world->checks))
        world_run_for(world, 10 * WORLD_MS_NS);
    return has_converged(world);
}

/* P3: repair terminates. Nothing is asked; after a while no record travels any more. What is dead is freed meanwhile,
 * here earlier than there, which owners still tell each other. */
static void watch_silence(struct world *world)
{
    uint64_t span_ns = 2 * world->plan.antientropy_ms * (uint64_t)WORLD_MS_NS + SILENCE_MS * (uint64_t)WORLD_MS_NS;
    uint64_t records = 1;
    for (unsigned i = 0; i < SILENCES && records != 0 && !checks_failed(&world->checks); i++) {
        uint64_t before = world->network.records;
        world_run_for(world, span_ns);
        records = world->network.records - before;
    }
    checks_on_silent_ring(world, records);
}

/* Liveness: nothing fails any more; everything must come right. */
static void settle(struct world *world)
{
    if (!wait_until_all_serve(world, FOUNDING_MS_MAX))
        check_fails(world, &check_writeable, TRACE_NO_KEY, "not every node serves again");
    if (checks_failed(&world->checks))
        return;
    world_run_for(world, HEALING_MS * (uint64_t)WORLD_MS_NS);
    checks_on_converged(world, wait_until_converged(world));
    world->must_serve = true;
    write_everything(world);
    read_everything(world);
    (void)run_until_rest(world, REST_MS_MAX);
    watch_silence(world);
    if (!checks_failed(&world->checks))
        checks_at_rest(world);
}

static void report(const struct world *world, struct run_result *result)
{
    const struct checks *checks = &world->checks;
    result->good = checks->failed == NULL;
    result->check = checks->failed == NULL ? NULL : checks->failed->name;
    memcpy(result->text, checks->text, sizeof result->text);
    result->key = checks->key;
    if (checks->key >= 0)
        snprintf(result->key_text, sizeof result->key_text, "%s", world->keys.list[checks->key].text);
    result->trace_hash = world->trace.hash;
    result->events = world->trace.events;
    result->frames = world->network.frames;
    result->ops = world->history.count;
    result->exceeds_budget = world->plan.exceeds_budget;
    result->tampered = world->tamper.done;
    result->virtual_ms = world->now_ns / WORLD_MS_NS;
    for (unsigned i = 0; world->tamper.control == NULL && i < checks->count; i++)
        result->judged[i] = checks->judged[i];
}

void run_seed(const struct run_options *options, struct run_result *result)
{
    struct plan plan;
    plan_draw(&plan, options->seed, options->nodes, options->ops);
    plan_leave_out(&plan, options->without);
    if (options->control != NULL && options->control->adjust != NULL)
        options->control->adjust(&plan);
    struct world *world = malloc(sizeof *world);
    CHECK_MEMORY(world);
    *result = (struct run_result){.key = TRACE_NO_KEY};
    plan_describe(&plan, result->plan, sizeof result->plan);
    world_init(world, &plan);
    world->prng.state += options->chance;
    world->trace.line = options->line;
    world->trace.context = options->context;
    if (options->control != NULL)
        tamper_choose(world, options->control);
    if (!run_found_ring(world))
        check_fails(world, &check_writeable, TRACE_NO_KEY, "the nodes do not form a ring");
    if (!checks_failed(&world->checks))
        work(world);
    if (!checks_failed(&world->checks))
        settle(world);
    world->is_ending = true;
    if (!checks_failed(&world->checks) && !run_stop_all(world))
        check_fails(world, &check_orderly, TRACE_NO_KEY, "not every node stops when told to");
    report(world, result);
    world_close(world);
    free(world);
}
