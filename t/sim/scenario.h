/* A simulated ring for scenarios that read like prose. Nothing fails but what the scenario lets fail; delays are short
 * and even. Machines are called a, b, c ...; groups of them are written "b|c". A scenario fails the test with what it
 * expected and what it met. */
#ifndef T_SIM_SCENARIO_H
#define T_SIM_SCENARIO_H

/* cmocka wants these before it. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "simulator/run.h"
#include "simulator/world.h"
#include "version/record.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* The one key of each kind. */
#define PLAIN    "p:0"
#define CART     "k:1"
#define COUNTER  "c:2"
#define LATEST   "l:3"
#define EXPIRING "e:4"

enum { SCENARIO_CLIENTS = 50, SCENARIO_TEXT_MAX = 4096 };

static struct world *world;

/* A quiet world of so many nodes with one key of each kind. */
static inline struct plan quiet(unsigned nodes, uint8_t n, uint8_t r, uint8_t w)
{
    struct plan plan = {
        .seed = 1,
        .nodes = nodes,
        .loops = 2,
        .clients = SCENARIO_CLIENTS,
        .ring = {.cluster = 1, .partition_count = 16, .strategy = RING_CLAIMED_PARTITIONS, .copies = n, .tokens = 8},
        .delay_us_min = 100,
        .delay_us_spread = 50,
        .pipeline_max = 1,
        .timeout_ms = 1000,
        .grace_ms = 60000,
        .antientropy_ms = 3600000,
        .antientropy_window = 64,
        .link_out_max = 1 << 20};
    for (int kind = 0; kind < KEY_KINDS; kind++)
        plan.buckets[kind] =
            (struct plan_bucket){.keys = 1, .r = r, .w = w, .durability = DURABILITY_COMMITTED, .multi_value = true};
    return plan;
}

/* Values of scenarios do not name the operations that wrote them, so only the checks that need no such names watch. */
static inline void watch(void)
{
    static const char *const names[] = {"replies",   "dots",    "ancestry", "progress", "epochs",
                                        "placement", "bounded", "orderly",  "rest"};
    const struct check *kept[CHECKS_MAX];
    unsigned count = 0;
    for (unsigned i = 0; i < world->checks.count; i++) {
        for (size_t j = 0; j < sizeof names / sizeof *names; j++) {
            if (strcmp(world->checks.list[i]->name, names[j]) == 0)
                kept[count++] = world->checks.list[i];
        }
    }
    memcpy(world->checks.list, kept, count * sizeof *kept);
    world->checks.count = count;
}

static inline void no_check_has_failed(void)
{
    if (world->checks.failed != NULL)
        fail_msg("%s: %s", world->checks.failed->name, world->checks.text);
}

static inline void world_of(struct plan plan)
{
    world = malloc(sizeof *world);
    assert_non_null(world);
    world_init(world, &plan);
    watch();
}

/* Founds the ring and waits until all serve. */
static inline void ring_with(struct plan plan)
{
    world_of(plan);
    assert_true(run_found_ring(world));
}

/* N = 3, r = w = 2. */
static inline void ring_of(unsigned nodes)
{
    ring_with(quiet(nodes, 3, 2, 2));
}

/* Everything comes to rest, stops cleanly and gives its memory back. */
static inline void end_of_scenario(void)
{
    for (unsigned i = 0; i < SCENARIO_CLIENTS; i++)
        client_leave(&world->clients[i]);
    assert_true(run_stop_all(world));
    no_check_has_failed();
    world_close(world);
    free(world);
}

static inline void passes_ms(unsigned ms)
{
    world_run_for(world, (uint64_t)ms * WORLD_MS_NS);
    no_check_has_failed();
}

static inline struct machine *machine_called(const char *name)
{
    int index = machine_by_address(world, name);
    assert_true(index >= 0);
    return &world->machines[index];
}

/* Bit i for machine i. */
static inline uint64_t group_of(const char *names)
{
    uint64_t group = 0;
    for (unsigned i = 0; i < world->plan.nodes; i++) {
        for (const char *at = names; *at != '\0'; at++) {
            size_t len = strcspn(at, "|");
            if (len == strlen(world->machines[i].name) && strncmp(at, world->machines[i].name, len) == 0)
                group |= (uint64_t)1 << i;
            at += len;
            if (*at == '\0')
                break;
        }
    }
    return group;
}

/* The groups do not hear each other any more, and the connections between them break, as they do after a while. */
static inline void cut(const char *some, const char *others)
{
    uint64_t a = group_of(some), b = group_of(others);
    faults_cut(world, a, b, true);
    for (unsigned i = 0; i < world->plan.nodes; i++) {
        for (unsigned j = 0; j < world->plan.nodes; j++) {
            if (world->network.cut[i][j])
                network_break(world, i, j);
        }
    }
    passes_ms(100);
}

static inline void heal(void)
{
    network_heal(world);
    passes_ms(4000); /* longer than any pause before dialling again */
}

static inline void pauses(const char *name)
{
    machine_pause(machine_called(name));
}

static inline void goes_on(const char *name)
{
    machine_resume(machine_called(name));
}

static inline void restarts(const char *name)
{
    machine_stop(machine_called(name), true);
    passes_ms(4000);
    assert_true(machine_serves(machine_called(name)));
}

static inline int key_called(const char *text)
{
    int key = keys_find(&world->keys, bytes_of_text(text));
    assert_true(key >= 0);
    return key;
}

/* Asks through this node and waits; `client` is its own connection each time. */
static inline struct op *ask_through(const char *node, enum op_kind kind, const char *key, const char *value,
                                     uint64_t number)
{
    struct client *client = &world->clients[0];
    struct op *op = history_add(&world->history);
    size_t at = world->history.count - 1;
    op->kind = kind;
    op->key = key == NULL ? -1 : key_called(key);
    op->number = op->token = number;
    if (value != NULL)
        op->value = history_keep(&world->history, bytes_of_text(value));
    assert_true(client_connect(client, machine_called(node)->index, (unsigned)(at % world->plan.loops)));
    client_send(client, &at, 1);
    while (client->waiting_count > 0 && world_step(world))
        continue;
    client_leave(client);
    no_check_has_failed();
    return op;
}

static inline enum op_outcome set_through(const char *node, const char *key, const char *value)
{
    return ask_through(node, OP_SET, key, value, 0)->outcome;
}

static inline enum op_outcome delete_through(const char *node, const char *key)
{
    return ask_through(node, OP_DELETE, key, NULL, 0)->outcome;
}

static inline enum op_outcome cas_through(const char *node, const char *key, const char *value, uint64_t token)
{
    return ask_through(node, OP_CAS, key, value, token)->outcome;
}

/* The number that incr answers; fails the test when it answers anything else. */
static inline uint64_t incr_through(const char *node, const char *key, uint64_t delta)
{
    const struct op *op = ask_through(node, OP_INCR, key, NULL, delta);
    assert_int_equal(op->outcome, OP_DONE);
    return op->answered;
}

static inline void flush_through(const char *node)
{
    assert_int_equal(ask_through(node, OP_FLUSH, NULL, NULL, 0)->outcome, OP_DONE);
}

static inline uint64_t token_through(const char *node, const char *key)
{
    const struct op *op = ask_through(node, OP_GETS, key, NULL, 0);
    assert_int_equal(op->outcome, OP_DONE);
    return op->seen[0].token;
}

/* gets shows exactly these, oldest first, as "one|two"; "": a miss. */
static inline void expect_values(const char *node, const char *key, const char *values)
{
    const struct op *op = ask_through(node, OP_GETS, key, NULL, 0);
    char got[SCENARIO_TEXT_MAX] = "";
    size_t len = 0;
    for (unsigned i = 0; i < op->seen_count; i++)
        len += (size_t)snprintf(got + len, sizeof got - len, "%s%.*s", i == 0 ? "" : "|", (int)op->seen[i].value.len,
                                (const char *)op->seen[i].value.at);
    if (op->outcome != OP_DONE && op->outcome != OP_MISS)
        fail_msg("gets %s through %s: %s", key, node, op->error);
    assert_string_equal(got, values);
}

static inline void shows(const char *node, const char *key, const char *value)
{
    expect_values(node, key, value);
}

/* gets shows this, alone or among siblings. */
static inline void shows_among_others(const char *node, const char *key, const char *value)
{
    const struct op *op = ask_through(node, OP_GETS, key, NULL, 0);
    bool found = false;
    for (unsigned i = 0; i < op->seen_count; i++)
        found |= bytes_equal(op->seen[i].value, bytes_of_text(value));
    if (!found)
        fail_msg("gets %s through %s does not show %s", key, node, value);
}

static inline void misses(const char *node, const char *key)
{
    expect_values(node, key, "");
}

/* The same through every node. */
static inline void everyone_expects(const char *key, const char *values)
{
    for (unsigned i = 0; i < world->plan.nodes; i++)
        expect_values(world->machines[i].name, key, values);
}

/* What the node itself has in its store: its newest value. "": nothing, or a tombstone. */
static inline void expect_stored(const char *node, const char *key_text, const char *value)
{
    struct blob *record = machine_read(machine_called(node), (unsigned)key_called(key_text));
    struct version newest = {.kind = VERSION_TOMBSTONE};
    uint32_t live;
    if (record != NULL)
        assert_int_equal(record_newest(blob_bytes(record), &newest, &live), RECORD_OK);
    struct bytes got = newest.kind == VERSION_TOMBSTONE ? bytes_of("", 0) : newest.value;
    if (!bytes_equal(got, bytes_of_text(value)))
        fail_msg("%s has \"%.*s\" under %s, expected \"%s\"", node, (int)got.len, (const char *)got.at, key_text,
                 value);
    blob_release(record);
}

/* The i-th node of the key's preference list. */
static inline const char *owner(const char *key_text, unsigned place)
{
    const struct key *key = &world->keys.list[key_called(key_text)];
    const struct ring_view *view = node_view(world->machines[0].shared);
    return view->members[ring_preference_list(view, key->partition)[place]].name;
}

#endif
