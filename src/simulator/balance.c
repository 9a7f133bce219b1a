#include "simulator/balance.h"

#include "base/check.h"
#include "base/prng.h"
#include "ring/ring.h"

#include <stdio.h>
#include <stdlib.h>

static struct ring_member member_of(uint32_t seed, uint32_t number)
{
    struct ring_member member = {.weight = RING_WEIGHT_ONE};
    snprintf(member.name, sizeof member.name, "ring-%u-node-%u", (unsigned)seed, (unsigned)number);
    snprintf(member.peer, sizeof member.peer, "10.0.%u.%u:12211", (unsigned)number / 256, (unsigned)number % 256);
    snprintf(member.client, sizeof member.client, "10.0.%u.%u:11211", (unsigned)number / 256, (unsigned)number % 256);
    member.id = ring_node_id(member.name);
    return member;
}

static double efficiency_of(const struct ring_view *view)
{
    uint32_t *loads = calloc(view->member_count, sizeof *loads), most = 0;
    CHECK_MEMORY(loads);
    for (uint32_t partition = 0; partition < view->partition_count; partition++) {
        const uint16_t *list = ring_preference_list(view, (uint16_t)partition);
        for (uint32_t i = 0; i < view->owner_count; i++) {
            uint32_t load = ++loads[list[i]];
            most = load > most ? load : most;
        }
    }
    free(loads);
    return (double)view->partition_count * view->owner_count / view->member_count / most;
}

/* Rows with an owner that is named twice. */
static uint64_t violations_of(const struct ring_view *view)
{
    uint64_t violations = 0;
    for (uint32_t partition = 0; partition < view->partition_count; partition++) {
        const uint16_t *list = ring_preference_list(view, (uint16_t)partition);
        bool good = true;
        for (uint32_t i = 0; i < view->owner_count; i++)
            good = good && ring_owner_place(view, (uint16_t)partition, list[i]) == (int)i;
        violations += !good;
    }
    return violations;
}

static uint32_t moved_between(const struct ring_view *before, const struct ring_view *after)
{
    uint32_t moved = 0;
    for (uint32_t partition = 0; partition < after->partition_count; partition++) {
        const uint16_t *list = ring_preference_list(after, (uint16_t)partition);
        for (uint32_t i = 0; i < after->owner_count; i++) {
            int then = ring_member_index(before, after->members[list[i]].id);
            moved += then < 0 || ring_owner_place(before, (uint16_t)partition, (uint32_t)then) < 0;
        }
    }
    return moved;
}

/* Copies that get another owner by a change, as a part of all there are afterwards. */
static double change_moves(const struct ring_view *view, enum ring_change_kind kind, const struct ring_member *member,
                           uint64_t *violations)
{
    struct ring_change change = {.kind = kind, .member = *member};
    struct ring_view *after = ring_view_after(view, &change);
    CHECK(after != NULL);
    double moved = (double)moved_between(view, after) / ((double)after->partition_count * after->owner_count);
    *violations += violations_of(after);
    ring_view_free(after);
    return moved;
}

static struct ring_settings settings_of(const struct balance_options *options)
{
    return (struct ring_settings){.cluster = 1,
                                  .partition_count = options->partitions,
                                  .strategy = (enum ring_strategy)options->strategy,
                                  .copies = (uint8_t)options->copies,
                                  .tokens = (uint16_t)options->tokens};
}

static const char *fault_of(const struct balance_options *options)
{
    if (options->nodes < 2 || options->nodes >= RING_MEMBERS_MAX)
        return "the number of nodes is 2 to 1023";
    if (options->copies > RING_COPIES_MAX)
        return "the number of copies is 1 to 7";
    if (options->tokens > RING_TOKENS_MAX)
        return "the number of tokens is 1 to 1024";
    if (options->seeds < 1)
        return "at least one seed";
    struct ring_settings settings = settings_of(options);
    return ring_settings_fault(&settings);
}

static void measure_seed(struct balance_result *result, uint32_t seed)
{
    const struct balance_options *options = &result->options;
    struct ring_settings settings = settings_of(options);
    settings.cluster += seed;
    struct ring_member *members = calloc(options->nodes + 1U, sizeof *members);
    CHECK_MEMORY(members);
    for (uint32_t i = 0; i <= options->nodes; i++)
        members[i] = member_of(seed, i);
    struct ring_view *view = ring_view_new(&settings, members, options->nodes);
    CHECK(view != NULL);
    struct prng prng;
    prng_init(&prng, seed);
    double efficiency = efficiency_of(view);
    result->efficiency += efficiency / options->seeds;
    if (efficiency < result->efficiency_min)
        result->efficiency_min = efficiency;
    result->metadata_bytes += (double)ring_view_size(view) / options->seeds;
    result->p5_violations += violations_of(view);
    const struct ring_member *leaver = &members[prng_below(&prng, options->nodes)];
    result->join_moved +=
        change_moves(view, RING_CHANGE_JOIN, &members[options->nodes], &result->p5_violations) / options->seeds;
    result->leave_moved += change_moves(view, RING_CHANGE_LEAVE, leaver, &result->p5_violations) / options->seeds;
    ring_view_free(view);
    free(members);
}

const char *balance_measure(const struct balance_options *options, struct balance_result *result)
{
    const char *fault = fault_of(options);
    if (fault != NULL)
        return fault;
    /* With no more nodes than copies every node has everything, and the one who goes leaves nothing to others. */
    *result = (struct balance_result){.options = *options,
                                      .efficiency_min = 1,
                                      .join_ideal = 1.0 / (options->nodes + 1U),
                                      .leave_ideal = options->nodes > options->copies ? 1.0 / options->nodes : 0};
    for (uint32_t seed = 0; seed < options->seeds; seed++)
        measure_seed(result, seed);
    return NULL;
}

static double ratio(double moved, double ideal)
{
    return ideal > 0 ? moved / ideal : 1;
}

int balance_print(const struct balance_result *result, char *text, size_t size)
{
    const struct balance_options *options = &result->options;
    return snprintf(text, size,
                    "strategy %u: S=%u N=%u Q=%u T=%u, mean of %u seeds\n"
                    "load-balancing efficiency %.3f, worst seed %.3f\n"
                    "metadata of a view %.0f bytes\n"
                    "moved by a join %.2f %% of all copies, %.2f x the ideal\n"
                    "moved by a leave %.2f %% of all copies, %.2f x the ideal\n"
                    "rows that break P5 %llu\n",
                    (unsigned)options->strategy, (unsigned)options->nodes, (unsigned)options->copies,
                    (unsigned)options->partitions, (unsigned)options->tokens, (unsigned)options->seeds,
                    result->efficiency, result->efficiency_min, result->metadata_bytes, 100 * result->join_moved,
                    ratio(result->join_moved, result->join_ideal), 100 * result->leave_moved,
                    ratio(result->leave_moved, result->leave_ideal), (unsigned long long)result->p5_violations);
}
