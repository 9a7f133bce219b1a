/* A node over a store, with a clock that the test moves: requests in, answers out. */
#ifndef T_NODE_WORLD_H
#define T_NODE_WORLD_H

#include "base/seeded.h"
#include "node/backing.h"
#include "node/node.h"

#include <stdlib.h>
#include <string.h>

enum {
    WORLD_SLOTS = 32,       /* requests whose answers can be looked at, the last ones */
    WORLD_GRACE_MS = 60000, /* the settings of the node under test */
    WORLD_VALUE_MAX = 1000,
    WORLD_OBJECT_MAX = 4000,
    WORLD_TOKENS_MAX = 1024
};

struct world_slot {
    struct request request;
    bool used, done;
};

struct world {
    struct backing backing; /* what outlives a restart, if anything does */
    struct store *store;
    struct node_shared *shared;
    struct node node;
    struct instant now;
    struct node_settings settings;
    struct world_slot slots[WORLD_SLOTS];
    unsigned next_slot;
};

static inline struct bytes text(const char *of)
{
    return bytes_of_text(of);
}

/* Keys that begin with s: may have siblings, f: at most 3, l: only the latest. */
static inline struct bucket_table world_buckets(void)
{
    struct bucket_table table;
    bucket_table_init(&table);
    struct bucket siblings = bucket_default("siblings"), few = bucket_default("few"), latest = bucket_default("latest");
    memcpy(siblings.prefix, "s:", siblings.prefix_len = 2);
    memcpy(few.prefix, "f:", few.prefix_len = 2);
    memcpy(latest.prefix, "l:", latest.prefix_len = 2);
    siblings.stale_cas = few.stale_cas = STALE_CAS_SIBLING;
    few.siblings_max = 3;
    latest.reconcile = RECONCILE_LWW;
    assert_null(bucket_table_put(&table, &siblings));
    assert_null(bucket_table_put(&table, &few));
    assert_null(bucket_table_put(&table, &latest));
    return table;
}

static inline struct node_settings world_settings(void)
{
    return (struct node_settings){.name = "node",
                                  .incarnation = 0x1111,
                                  .partition_count = 64,
                                  .buckets = world_buckets(),
                                  .grace_ms = WORLD_GRACE_MS,
                                  .value_max = WORLD_VALUE_MAX,
                                  .object_max = WORLD_OBJECT_MAX,
                                  .tokens_max = WORLD_TOKENS_MAX,
                                  .loops = 2};
}

static inline void world_start(struct world *world)
{
    struct store_recovery found = {0};
    world->store = backing_open_store(&world->backing, &found);
    world->shared = node_shared_new(&world->settings, world->store, &lock_none, found.newest);
    assert_non_null(world->shared);
    node_init(&world->node, world->shared, store_loop_of(world->store, 0), NULL);
    node_load(&world->node, world->now);
}

/* `settings` are taken over with their bucket table. */
static inline void world_open_with(struct world *world, enum backing_kind kind, struct node_settings settings)
{
    *world = (struct world){.settings = settings};
    world->now = (struct instant){.mono_ns = 5000000000, .wall_ms = 1700000000000};
    backing_init(&world->backing, kind);
    world_start(world);
}

static inline void world_open(struct world *world, enum backing_kind kind)
{
    world_open_with(world, kind, world_settings());
}

static inline void world_forget(struct world *world)
{
    for (unsigned i = 0; i < WORLD_SLOTS; i++) {
        if (world->slots[i].used)
            request_finish(&world->slots[i].request);
        world->slots[i].used = false;
    }
}

/* Ends the node; with `cleanly` false as a killed process would. */
static inline void world_stop(struct world *world, bool cleanly)
{
    world_forget(world);
    hybrid_time newest = hybrid_next(node_clock(world->shared), world->now);
    node_close(&world->node);
    node_shared_free(world->shared);
    if (cleanly)
        store_close(world->store, newest);
    else
        store_abandon(world->store);
}

static inline void world_restart(struct world *world, bool cleanly)
{
    world_stop(world, cleanly);
    world->settings.incarnation++;
    world_start(world);
}

static inline void world_close(struct world *world)
{
    world_stop(world, true);
    backing_close(&world->backing);
    bucket_table_close(&world->settings.buckets);
}

static inline void advance(struct world *world, uint64_t ms)
{
    world->now.mono_ns += ms * 1000000;
    world->now.wall_ms += ms;
}

static inline uint64_t now_ms(const struct world *world)
{
    return node_now_ms(&world->node, world->now);
}

static inline void world_on_done(struct request *request)
{
    struct world_slot *slot = request->owner;
    assert_false(slot->done);
    slot->done = true;
}

/* A request to be filled and then run. Its answer stays for WORLD_SLOTS - 1 further ones. */
static inline struct request *ask(struct world *world, enum request_kind kind, const char *key)
{
    struct world_slot *slot = &world->slots[world->next_slot++ % WORLD_SLOTS];
    if (slot->used)
        request_finish(&slot->request);
    request_init(&slot->request, kind, text(key), world_on_done, slot);
    slot->used = true;
    slot->done = false;
    return &slot->request;
}

static inline bool is_done(const struct request *request)
{
    const struct world_slot *slot = request->owner;
    return slot->done;
}

static inline enum request_status run(struct world *world, struct request *request)
{
    node_request(&world->node, world->now, request);
    assert_false(is_done(request)); /* never from within */
    assert_int_equal(node_settle(&world->node, world->now), 1);
    assert_true(is_done(request));
    return request->status;
}

static inline enum request_status write_value(struct world *world, enum request_kind kind, const char *key,
                                              const char *value)
{
    struct request *request = ask(world, kind, key);
    request->value = text(value);
    return run(world, request);
}

static inline enum request_status set(struct world *world, const char *key, const char *value)
{
    return write_value(world, REQUEST_SET, key, value);
}

static inline enum request_status set_expiring(struct world *world, const char *key, const char *value, uint64_t in_ms)
{
    struct request *request = ask(world, REQUEST_SET, key);
    request->value = text(value);
    request->expiry_ms = now_ms(world) + in_ms;
    return run(world, request);
}

static inline enum request_status cas(struct world *world, const char *key, const char *value, uint64_t token)
{
    struct request *request = ask(world, REQUEST_SET, key);
    request->value = text(value);
    request->has_token = true;
    request->token = token;
    return run(world, request);
}

static inline enum request_status delete (struct world *world, const char *key) {
    return run(world, ask(world, REQUEST_DELETE, key));
}

static inline enum request_status touch(struct world *world, const char *key, uint64_t expiry_ms)
{
    struct request *request = ask(world, REQUEST_TOUCH, key);
    request->expiry_ms = expiry_ms;
    return run(world, request);
}

/* flush_all from the present plus `delay_ms`. */
static inline enum request_status flush(struct world *world, uint64_t delay_ms)
{
    struct request *request = ask(world, REQUEST_FLUSH, "");
    request->expiry_ms = delay_ms == 0 ? 0 : now_ms(world) + delay_ms;
    return run(world, request);
}

/* The answered get of a key. */
static inline struct request *get(struct world *world, const char *key)
{
    struct request *request = ask(world, REQUEST_GET, key);
    (void)run(world, request);
    return request;
}

/* The answered gets. */
static inline struct request *get_siblings(struct world *world, const char *key)
{
    struct request *request = ask(world, REQUEST_GET, key);
    request->shows = REQUEST_SHOWS_SIBLINGS_IF_MULTI_VALUE;
    (void)run(world, request);
    return request;
}

static inline bool is_missing(struct world *world, const char *key)
{
    return get(world, key)->status == REQUEST_MISS;
}

/* Does a get show this value as the newest? */
static inline bool shows(struct world *world, const char *key, const char *value)
{
    struct request *request = get(world, key);
    return request->status == REQUEST_OK && bytes_equal(request->versions[0].value, text(value));
}

/* Does a gets show exactly these, newest first? NULL ends the list at four. */
static inline bool shows_all(struct world *world, const char *key, const char *const *values, unsigned count)
{
    struct request *request = get_siblings(world, key);
    if (request->version_count != count)
        return false;
    for (unsigned i = 0; i < count; i++) {
        if (!bytes_equal(request->versions[i].value, text(values[i])))
            return false;
    }
    return true;
}

/* The token that a reply with all versions carries, and one that shows only the pick-th. */
static inline uint64_t token_of_all(struct world *world, const char *key)
{
    return node_token(&world->node, get(world, key), NODE_ALL_VERSIONS);
}

static inline uint64_t token_of_one(struct world *world, const char *key, int pick)
{
    return node_token(&world->node, get(world, key), pick);
}

/* Until nothing is left to do. */
static inline void checkpoint(struct world *world)
{
    struct store_stats stats;
    for (unsigned slices = 0; slices < 1000; slices++) {
        (void)store_checkpoint_slice(world->store, world->now, hybrid_next(node_clock(world->shared), world->now));
        store_stats(world->store, &stats);
        if (stats.records_dirty == 0)
            return;
    }
    fail_msg("the checkpoint does not end");
}

/* Sweeps until every record has been looked at; returns how many changed. */
static inline unsigned sweep_all(struct world *world)
{
    unsigned changed = 0;
    if (world->backing.kind == BACKING_DURABLE)
        checkpoint(world); /* the sweep looks at what is checkpointed */
    for (unsigned slices = 0; slices < 1000; slices++) {
        struct node_sweep_result result = node_sweep(&world->node, world->now, 16);
        changed += result.changed;
        if (result.pass_ended)
            return changed;
    }
    fail_msg("the sweep does not come round");
    return changed;
}

/* Lines of node_describe_key that contain `part`; -1 when there is no record. */
struct line_counter {
    const char *part;
    int count;
};

static inline void count_line(void *context, const char *line)
{
    struct line_counter *counter = context;
    counter->count += strstr(line, counter->part) != NULL;
}

static inline int lines_with(struct world *world, const char *key, const char *part)
{
    struct line_counter counter = {.part = part};
    if (!node_describe_key(&world->node, world->now, text(key), count_line, &counter))
        return -1;
    return counter.count;
}

#endif
