#include "simulator/plan.h"

#include "base/bounds.h"
#include "base/check.h"
#include "base/prng.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

static const char *const PREFIXES[KEY_KINDS] = {"p:", "k:", "c:", "l:", "e:"};
static const char *const BUCKETS[KEY_KINDS] = {"default", "cart", "counter", "latest", "expiring"};
static const char *const FAULT_NAMES[FAULTS] = {
    "loss",  "duplicates", "reorder", "partition", "one-way", "clog",     "slow",      "break",     "pause", "restart",
    "clock", "far-clock",  "kill",    "power",     "wipe",    "old-copy", "slow-disk", "full-disk", "rot",   "flips"};

const char *plan_prefix(enum key_kind kind)
{
    return PREFIXES[kind];
}

unsigned plan_owners(const struct plan *plan)
{
    return (unsigned)smaller(plan->nodes, plan->ring.copies);
}

unsigned plan_r(const struct plan *plan, enum key_kind kind)
{
    return (unsigned)smaller(plan->buckets[kind].r, plan_owners(plan));
}

unsigned plan_w(const struct plan *plan, enum key_kind kind)
{
    return (unsigned)smaller(plan->buckets[kind].w, plan_owners(plan));
}

bool plan_is_strict(const struct plan *plan, enum key_kind kind)
{
    return plan_r(plan, kind) + plan_w(plan, kind) > plan_owners(plan);
}

/* `chance` of 100. */
static bool draws(struct prng *prng, unsigned chance)
{
    return prng_below(prng, 100) < chance;
}

static uint32_t between(struct prng *prng, uint64_t low, uint64_t high)
{
    return (uint32_t)(low + prng_below(prng, high - low + 1));
}

/* Small rates are as telling as large ones: the exponent is drawn. */
static uint32_t draw_ppm(struct prng *prng)
{
    static const uint32_t scales[] = {1000, 10000, 100000, 300000};
    return between(prng, 1, scales[prng_below(prng, 4)]);
}

static void draw_ring(struct plan *plan, struct prng *prng, unsigned nodes)
{
    plan->nodes = nodes != 0        ? nodes
                  : draws(prng, 10) ? 1
                  : draws(prng, 60) ? between(prng, 3, 5)
                                    : between(prng, 2, 12);
    plan->loops = between(prng, 1, PLAN_LOOPS_MAX);
    plan->ring = (struct ring_settings){.cluster = 1 + prng_below(prng, 1000000),
                                        .partition_count = 8u << prng_below(prng, 5),
                                        .strategy = (enum ring_strategy)(1 + prng_below(prng, 3)),
                                        .copies = (uint8_t)(draws(prng, 60) ? 3 : between(prng, 1, 5)),
                                        .tokens = (uint16_t)between(prng, 1, 16)};
    while (plan->ring.partition_count < plan->nodes)
        plan->ring.partition_count *= 2;
    plan->joins = plan->nodes > 1 && draws(prng, 25);
}

static void draw_buckets(struct plan *plan, struct prng *prng)
{
    unsigned copies = plan->ring.copies;
    for (int kind = 0; kind < KEY_KINDS; kind++) {
        struct plan_bucket *bucket = &plan->buckets[kind];
        bucket->keys = draws(prng, 65) ? between(prng, 1, draws(prng, 50) ? 2 : 8) : 0;
        bucket->w = (uint8_t)between(prng, 1, copies);
        /* Most runs promise something: r + w > n. */
        bucket->r = (uint8_t)(draws(prng, 75) ? copies + 1 - bucket->w : between(prng, 1, copies));
        bucket->durability = draws(prng, 20) ? DURABILITY_SYNCED : DURABILITY_COMMITTED;
        bucket->multi_value = !draws(prng, 15);
    }
    bool any = false;
    for (int kind = 0; kind < KEY_KINDS; kind++)
        any |= plan->buckets[kind].keys > 0;
    if (!any)
        plan->buckets[prng_below(prng, KEY_KINDS)].keys = between(prng, 1, 4);
}

static void draw_faults(struct plan *plan, struct prng *prng)
{
    unsigned share = draws(prng, 15) ? 0 : between(prng, 10, 70);
    for (int fault = 0; fault < FAULTS; fault++)
        plan->faults[fault] = draws(prng, share);
    if (plan->faults[FAULT_LOSS])
        plan->loss_ppm = draw_ppm(prng);
    if (plan->faults[FAULT_DUPLICATES])
        plan->duplicate_ppm = draw_ppm(prng);
    if (plan->faults[FAULT_REORDER])
        plan->reorder_ppm = draw_ppm(prng);
    if (plan->faults[FAULT_FLIPS])
        plan->flip_ppm = draw_ppm(prng) / 10 + 1;
    plan->episode_gap_ms = between(prng, 20, draws(prng, 50) ? 500 : 5000);
    plan->episode_ms = between(prng, 10, draws(prng, 50) ? 500 : 5000);
    plan->down_ms = between(prng, 5, draws(prng, 60) ? 500 : 10000);
    plan->founds_in_trouble = draws(prng, 30);
    plan->calm_permille = draws(prng, 50) ? between(prng, 0, 100) : between(prng, 100, 1000);
}

void plan_draw(struct plan *plan, uint64_t seed, unsigned nodes, unsigned ops)
{
    struct prng prng;
    prng_init(&prng, hash_mix(seed ^ 0x706c616e));
    *plan = (struct plan){.seed = seed};
    draw_ring(plan, &prng, nodes);
    draw_buckets(plan, &prng);
    draw_faults(plan, &prng);
    plan->clients = between(&prng, 1, draws(&prng, 50) ? 4 : 12);
    plan->ops = ops != 0 ? ops : between(&prng, 100, 900);
    plan->delay_us_min = between(&prng, 20, 300);
    plan->delay_us_spread = between(&prng, 10, draws(&prng, 70) ? 500 : 5000);
    plan->drift_ppm_max = (int32_t)between(&prng, 0, 200);
    plan->offset_ms_max = draws(&prng, 50) ? between(&prng, 0, 20) : between(&prng, 0, 900);
    plan->pipeline_max = draws(&prng, 50) ? 1 : between(&prng, 2, 6);
    plan->think_us = between(&prng, 10, draws(&prng, 70) ? 2000 : 50000);
    plan->noreply_permille = draws(&prng, 30) ? between(&prng, 1, 200) : 0;
    plan->split_permille = draws(&prng, 30) ? between(&prng, 1, 300) : 0;
    plan->long_permille = draws(&prng, 50) ? 5 : between(&prng, 0, 100);
    plan->late_settle_permille = draws(&prng, 50) ? between(&prng, 1, 500) : 0;
    plan->timeout_ms = draws(&prng, 70) ? 1000 : between(&prng, 100, 2000);
    plan->read_all_share = (uint16_t)(draws(&prng, 50) ? between(&prng, 0, 100) : between(&prng, 0, 1000));
    /* Longer than any request lasts, and than clocks are apart. */
    plan->grace_ms =
        2 * plan->timeout_ms + 2000 + (draws(&prng, 50) ? between(&prng, 0, 500) : between(&prng, 500, 10000));
    plan->sloppy = draws(&prng, 80);
    plan->antientropy_ms = draws(&prng, 50) ? between(&prng, 500, 2000) : between(&prng, 2000, 6000);
    plan->antientropy_window = draws(&prng, 50) ? 64 : between(&prng, 1, 8);
    plan->antientropy_rate = draws(&prng, 70) ? 0 : between(&prng, 10000, 1000000);
    plan->tells_copies = draws(&prng, 50);
    plan->exceeds_budget = draws(&prng, 3);
    plan->link_out_max = (size_t)256 << between(&prng, 10, 12); /* more than one turn fills */
    plan->flushes = draws(&prng, 10);
}

void plan_buckets(const struct plan *plan, struct bucket_table *table)
{
    bucket_table_init(table);
    for (int kind = 0; kind < KEY_KINDS; kind++) {
        struct bucket bucket = bucket_default(BUCKETS[kind]);
        bucket.r = plan->buckets[kind].r;
        bucket.w = plan->buckets[kind].w;
        bucket.durability = plan->buckets[kind].durability;
        bucket.multi_value = plan->buckets[kind].multi_value;
        if (kind == KEYS_LATEST)
            bucket.reconcile = RECONCILE_LWW;
        if (kind == KEYS_CART)
            bucket.stale_cas = STALE_CAS_SIBLING;
        if (kind != KEYS_PLAIN)
            memcpy(bucket.prefix, PREFIXES[kind], bucket.prefix_len = 2);
        CHECK(bucket_table_put(table, &bucket) == NULL);
    }
}

void plan_leave_out(struct plan *plan, uint32_t faults)
{
    uint32_t *const rates[FAULTS] = {[FAULT_LOSS] = &plan->loss_ppm,
                                     [FAULT_DUPLICATES] = &plan->duplicate_ppm,
                                     [FAULT_REORDER] = &plan->reorder_ppm,
                                     [FAULT_FLIPS] = &plan->flip_ppm};
    for (int fault = 0; fault < FAULTS; fault++) {
        if ((faults >> fault & 1) == 0)
            continue;
        plan->faults[fault] = false;
        if (rates[fault] != NULL)
            *rates[fault] = 0;
    }
}

enum fault plan_fault(const char *name)
{
    enum fault fault = FAULT_LOSS;
    while (fault < FAULTS && strcmp(FAULT_NAMES[fault], name) != 0)
        fault++;
    return fault;
}

void plan_describe(const struct plan *plan, char *text, size_t room)
{
    size_t len = (size_t)snprintf(
        text, room, "seed %" PRIu64 ": %u nodes of %u loops, N=%u, Q=%u, strategy %d, %u clients, %u operations;",
        plan->seed, plan->nodes, plan->loops, plan->ring.copies, plan->ring.partition_count, (int)plan->ring.strategy,
        plan->clients, plan->ops);
    for (int kind = 0; kind < KEY_KINDS && len < room; kind++) {
        if (plan->buckets[kind].keys > 0)
            len += (size_t)snprintf(text + len, room - len, " %s%u r%u w%u", PREFIXES[kind], plan->buckets[kind].keys,
                                    plan->buckets[kind].r, plan->buckets[kind].w);
    }
    for (int fault = 0; fault < FAULTS && len < room; fault++) {
        if (plan->faults[fault])
            len += (size_t)snprintf(text + len, room - len, "%s %s", fault == 0 ? ";" : "", FAULT_NAMES[fault]);
    }
    if (len < room)
        snprintf(text + len, room - len, "%s%s", plan->sloppy ? "" : "; strict",
                 plan->exceeds_budget ? "; over budget" : "");
}
