/* While nothing has failed, every key behaves as in one memcached: there is one order of all operations on it, each
 * between its request and its reply, that explains every answer.
 *
 * Reads are judged where two read quorums overlap (2r > n). Elsewhere, with r = 1 and w = n for example, a read may
 * show a write that is still under way and the next one, at another node, not yet; writes and what they answer are
 * judged.
 *
 * Exact, one key at a time: goes through requests and replies in the order of time and keeps every configuration (the
 * value, and which of the open operations have taken effect) that explains all replies so far. */
#include "base/check.h"
#include "base/decimal.h"
#include "simulator/world.h"

#include <stdlib.h>

enum {
    OPEN_MAX = 64,
    CONFIGURATIONS_MAX = 20000, /* beyond, the key is given up: nothing is claimed of it */
    VISITS = 65536,
    ABSENT = 0
};

struct point {
    uint64_t at; /* its moment */
    size_t op;
    bool is_return;
};

struct configuration {
    uint32_t value; /* index into values, ABSENT */
    uint64_t effective;
};

struct visit {
    struct configuration configuration;
    uint64_t step; /* in which it was made; older ones count as free */
};

struct search {
    struct world *world;
    struct point *points;
    size_t point_count;
    struct bytes *values; /* every value that was met; [ABSENT] is none */
    uint32_t value_count, value_room;
    struct arena arena;
    bool with_reads;
    size_t open[OPEN_MAX];
    uint64_t open_mask;
    struct configuration *now, *next;
    size_t now_count, next_count;
    struct visit *visits; /* a hash table of VISITS: what this step has been to */
    size_t visit_count;
    uint64_t step;
    bool gave_up;
};

static uint32_t intern(struct search *search, struct bytes value)
{
    for (uint32_t i = search->value_count; i-- > 1;) {
        if (bytes_equal(search->values[i], value))
            return i;
    }
    if (search->value_count == search->value_room) {
        search->value_room = 2 * search->value_room + 64;
        search->values = realloc(search->values, search->value_room * sizeof *search->values);
        CHECK_MEMORY(search->values);
    }
    uint8_t *copy = arena_alloc(&search->arena, value.len + 1);
    if (value.len != 0)
        memcpy(copy, value.at, value.len);
    search->values[search->value_count] = bytes_of(copy, value.len);
    return search->value_count++;
}

static uint32_t intern_both(struct search *search, struct bytes first, struct bytes second)
{
    uint8_t *both = arena_alloc(&search->arena, first.len + second.len + 1);
    if (first.len != 0)
        memcpy(both, first.at, first.len);
    if (second.len != 0)
        memcpy(both + first.len, second.at, second.len);
    return intern(search, bytes_of(both, first.len + second.len));
}

static uint32_t intern_number(struct search *search, uint64_t number)
{
    uint8_t text[DECIMAL_MAX];
    return intern(search, bytes_of(text, (size_t)(decimal_write(text, number) - text)));
}

/* decr leaves blanks behind where a number gets shorter. */
static struct bytes without_blanks(struct bytes value)
{
    while (value.len > 0 && value.at[value.len - 1] == ' ')
        value.len--;
    return value;
}

/* Was the reply `outcome`, or is it unknown? */
static bool may_be(const struct op *op, enum op_outcome outcome)
{
    return op->outcome == outcome || op->outcome == OP_PENDING || op->outcome == OP_LOST || op->outcome == OP_FAILED;
}

static bool count_up(struct search *search, const struct op *op, uint32_t *value)
{
    uint64_t number;
    if (*value == ABSENT)
        return may_be(op, OP_MISS);
    if (!decimal_read(search->values[*value], &number))
        return may_be(op, OP_REFUSED);
    if (op->kind == OP_INCR)
        number += op->number;
    else
        number = number < op->number ? 0 : number - op->number;
    *value = intern_number(search, number);
    return may_be(op, OP_DONE) && (op->outcome != OP_DONE || op->answered == number);
}

static bool read_value(const struct search *search, const struct op *op, uint32_t value)
{
    if (value == ABSENT)
        return may_be(op, OP_MISS);
    if (op->outcome != OP_DONE)
        return may_be(op, OP_DONE);
    return op->seen_count == 1 && bytes_equal(without_blanks(op->seen[0].value), search->values[value]);
}

static bool compare_and_set(struct search *search, const struct op *op, uint32_t *value)
{
    if (*value == ABSENT)
        return may_be(op, OP_MISS);
    if (!bytes_equal(search->values[*value], op->expected))
        return may_be(op, OP_EXISTS);
    *value = intern(search, op->value);
    return may_be(op, OP_DONE);
}

/* Does the operation explain its reply when it takes effect on this value? *value becomes what it leaves. */
static bool takes_effect(struct search *search, const struct op *op, uint32_t *value)
{
    bool present = *value != ABSENT;
    switch (op->kind) {
    case OP_GET:
    case OP_GETS:
    case OP_GAT:
        return read_value(search, op, *value);
    case OP_SET:
        *value = intern(search, op->value);
        return may_be(op, OP_DONE);
    case OP_ADD:
        if (!present)
            *value = intern(search, op->value);
        return may_be(op, present ? OP_NOT_STORED : OP_DONE);
    case OP_REPLACE:
        if (present)
            *value = intern(search, op->value);
        return may_be(op, present ? OP_DONE : OP_NOT_STORED);
    case OP_APPEND:
        if (present)
            *value = intern_both(search, search->values[*value], op->value);
        return may_be(op, present ? OP_DONE : OP_NOT_STORED);
    case OP_PREPEND:
        if (present)
            *value = intern_both(search, op->value, search->values[*value]);
        return may_be(op, present ? OP_DONE : OP_NOT_STORED);
    case OP_CAS:
        return compare_and_set(search, op, value);
    case OP_INCR:
    case OP_DECR:
        return count_up(search, op, value);
    case OP_DELETE:
        *value = ABSENT;
        return may_be(op, present ? OP_DONE : OP_MISS);
    case OP_TOUCH:
        return may_be(op, present ? OP_DONE : OP_MISS);
    case OP_FLUSH:
    case OP_KINDS:
        break;
    }
    return false;
}

static bool is_same(const struct configuration *a, const struct configuration *b)
{
    return a->value == b->value && a->effective == b->effective;
}

/* Has this step been to this configuration? Notes that it has now. */
static bool was_visited(struct search *search, const struct configuration *configuration)
{
    size_t at = hash_mix(configuration->effective ^ hash_mix(configuration->value)) % VISITS;
    while (search->visits[at].step == search->step) {
        if (is_same(&search->visits[at].configuration, configuration))
            return true;
        at = (at + 1) % VISITS;
    }
    if (++search->visit_count > CONFIGURATIONS_MAX)
        search->gave_up = true;
    search->visits[at] = (struct visit){.configuration = *configuration, .step = search->step};
    return false;
}

static void keep(struct search *search, struct configuration configuration)
{
    if (search->next_count == CONFIGURATIONS_MAX) {
        search->gave_up = true;
        return;
    }
    search->next[search->next_count++] = configuration;
}

/* Open reads whose answers fit take effect at once: they change nothing, so that is never worse than later. */
static void absorb_reads(struct search *search, struct configuration *configuration)
{
    for (unsigned i = 0; i < OPEN_MAX; i++) {
        uint64_t bit = (uint64_t)1 << i;
        if ((search->open_mask & bit) == 0 || (configuration->effective & bit) != 0)
            continue;
        const struct op *op = history_op(&search->world->history, search->open[i]);
        if (op_is_read(op) && read_value(search, op, configuration->value))
            configuration->effective |= bit;
    }
}

/* All ways in which open operations may take effect, the one in `slot` last. */
static void explain(struct search *search, struct configuration from, unsigned slot)
{
    uint64_t bit = (uint64_t)1 << slot;
    absorb_reads(search, &from);
    if (was_visited(search, &from))
        return;
    if ((from.effective & bit) != 0) {
        from.effective &= ~bit;
        keep(search, from);
        return;
    }
    for (unsigned i = 0; i < OPEN_MAX && !search->gave_up; i++) {
        uint64_t other = (uint64_t)1 << i;
        if ((search->open_mask & other) == 0 || (from.effective & other) != 0)
            continue;
        const struct op *op = history_op(&search->world->history, search->open[i]);
        struct configuration to = {.value = from.value, .effective = from.effective | other};
        if (!op_is_read(op) && takes_effect(search, op, &to.value))
            explain(search, to, slot);
    }
}

static unsigned slot_of(const struct search *search, size_t op)
{
    for (unsigned i = 0; i < OPEN_MAX; i++) {
        if ((search->open_mask >> i & 1) != 0 && search->open[i] == op)
            return i;
    }
    CHECK(false);
    return 0;
}

static void begin(struct search *search, size_t op)
{
    unsigned slot = 0;
    while (slot < OPEN_MAX && (search->open_mask >> slot & 1) != 0)
        slot++;
    if (slot == OPEN_MAX) {
        search->gave_up = true;
        return;
    }
    search->open[slot] = op;
    search->open_mask |= (uint64_t)1 << slot;
}

static void end(struct search *search, size_t op)
{
    unsigned slot = slot_of(search, op);
    search->next_count = search->visit_count = 0;
    search->step++;
    for (size_t i = 0; i < search->now_count && !search->gave_up; i++)
        explain(search, search->now[i], slot);
    struct configuration *kept = search->now;
    search->now = search->next;
    search->now_count = search->next_count;
    search->next = kept;
    search->open_mask &= ~((uint64_t)1 << slot);
}

/* Replies before requests of the same moment: a command begins when the one before it on its connection has ended. */
static int compare_points(const void *a, const void *b)
{
    const struct point *x = a, *y = b;
    if (x->at != y->at)
        return x->at < y->at ? -1 : 1;
    if (x->is_return != y->is_return)
        return x->is_return ? -1 : 1;
    return x->op < y->op ? -1 : x->op > y->op;
}

static void collect(struct search *search, int key)
{
    const struct history *history = &search->world->history;
    search->points = malloc((2 * history->count + 1) * sizeof *search->points);
    CHECK_MEMORY(search->points);
    for (size_t i = 0; i < history->count; i++) {
        const struct op *op = history_op(history, i);
        if (op->key != key || op->began == 0 || (op_is_read(op) && !search->with_reads))
            continue;
        search->points[search->point_count++] = (struct point){.at = op->began, .op = i};
        if (op->ended != UINT64_MAX && op->outcome != OP_FAILED && op->outcome != OP_LOST)
            search->points[search->point_count++] = (struct point){.at = op->ended, .op = i, .is_return = true};
    }
    qsort(search->points, search->point_count, sizeof *search->points, compare_points);
}

static void judge_key(struct world *world, int key)
{
    struct search search = {.world = world, .value_count = 1, .value_room = 64, .now_count = 1};
    search.with_reads = 2 * plan_r(&world->plan, world->keys.list[key].kind) > plan_owners(&world->plan);
    arena_init(&search.arena);
    search.values = calloc(64, sizeof *search.values);
    search.now = calloc(CONFIGURATIONS_MAX, sizeof *search.now);
    search.next = calloc(CONFIGURATIONS_MAX, sizeof *search.next);
    search.visits = calloc(VISITS, sizeof *search.visits);
    CHECK(search.visits != NULL && search.values != NULL && search.now != NULL && search.next != NULL);
    collect(&search, key);
    for (size_t i = 0; i < search.point_count && !search.gave_up; i++) {
        const struct point *point = &search.points[i];
        if (!point->is_return) {
            begin(&search, point->op);
            continue;
        }
        end(&search, point->op);
        check_judged(world, &check_linear);
        if (search.now_count == 0 && !search.gave_up) {
            const struct op *op = history_op(&world->history, point->op);
            check_fails(world, &check_linear, key, "no order explains the reply to operation %zu (%s: %s) at %s",
                        point->op, op_name(op->kind), op_outcome_name(op->outcome), world->machines[op->machine].name);
            break;
        }
    }
    free(search.points);
    free(search.values);
    free(search.visits);
    free(search.now);
    free(search.next);
    arena_close(&search.arena);
}

static void judge(struct world *world)
{
    if (world->checks.faults_began || world->plan.flushes)
        return;
    for (unsigned key = 0; key < world->keys.count; key++) {
        enum key_kind kind = world->keys.list[key].kind;
        bool counts = kind == KEYS_PLAIN || kind == KEYS_COUNTER || kind == KEYS_LATEST;
        if (counts && plan_is_strict(&world->plan, kind))
            judge_key(world, (int)key);
    }
}

const struct check check_linear = {
    .name = "linear",
    .claim = "while nothing fails, each key behaves as in one memcached: its operations have one order (incr, add and "
             "cas are exact)",
    .on_fault = judge,
    .at_rest = judge,
};
