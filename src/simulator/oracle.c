#include "simulator/oracle.h"

#include "base/check.h"
#include "base/hash.h"
#include "simulator/world.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

enum { SLOTS = 4096, DIGEST_SEED = 0x6f7261 };

void oracle_init(struct oracle *oracle, struct world *world)
{
    *oracle = (struct oracle){.world = world, .slot_count = SLOTS};
    oracle->slots = malloc(SLOTS * sizeof *oracle->slots);
    CHECK_MEMORY(oracle->slots);
    memset(oracle->slots, 0xff, SLOTS * sizeof *oracle->slots);
    arena_init(&oracle->kept);
    arena_init(&oracle->scratch);
}

void oracle_close_copy(struct copy *copy)
{
    free(copy->live);
    free(copy->context.pairs);
    bitset_close(&copy->known);
    bitset_close(&copy->arrived);
    bitset_close(&copy->freed);
    bitset_close(&copy->lost);
    bitset_close(&copy->durable);
    bitset_close(&copy->unsynced);
}

static void close_hints(struct hint_copies *hints)
{
    for (unsigned i = 0; i < hints->count; i++)
        oracle_close_copy(&hints->list[i]->copy);
    for (unsigned i = 0; i < hints->count; i++)
        free(hints->list[i]);
    free(hints->list);
}

void oracle_close(struct oracle *oracle)
{
    for (uint32_t i = 0; i < oracle->count; i++)
        bitset_close(&oracle->written[i].past);
    for (unsigned machine = 0; machine < PLAN_NODES_MAX; machine++) {
        for (unsigned key = 0; key < PLAN_KEYS_MAX; key++) {
            oracle_close_copy(&oracle->copies[machine][key]);
            close_hints(&oracle->hints[machine][key]);
        }
    }
    for (unsigned key = 0; key < PLAN_KEYS_MAX; key++)
        free(oracle->keys[key].list);
    free(oracle->written);
    free(oracle->slots);
    free(oracle->first_of_op);
    arena_close(&oracle->kept);
    arena_close(&oracle->scratch);
}

static uint32_t *slot_of(const struct oracle *oracle, const struct dot *dot)
{
    uint64_t hash = hash_mix(dot->actor.incarnation ^ hash_mix(dot->actor.birth ^ hash_mix(dot->counter)));
    return &oracle->slots[hash & (oracle->slot_count - 1)];
}

uint32_t oracle_find(const struct oracle *oracle, const struct dot *dot)
{
    uint32_t at = *slot_of(oracle, dot);
    while (at != ORACLE_NONE && !dot_equal(&oracle->written[at].dot, dot))
        at = oracle->written[at].next_same_slot;
    return at;
}

uint32_t oracle_first_of_op(const struct oracle *oracle, size_t op)
{
    return op < oracle->op_room ? oracle->first_of_op[op] : ORACLE_NONE;
}

hybrid_time oracle_horizon(const struct oracle *oracle, int key)
{
    return oracle->horizons[key];
}

int oracle_compare(const struct oracle *oracle, uint32_t a, uint32_t b)
{
    const struct written *x = &oracle->written[a], *y = &oracle->written[b];
    if (x->time != y->time)
        return x->time < y->time ? -1 : 1;
    return dot_compare(&x->dot, &y->dot);
}

bool oracle_may_follow(const struct oracle *oracle, uint32_t later, uint32_t earlier)
{
    const struct written *x = &oracle->written[later], *y = &oracle->written[earlier];
    return x->time_max != y->time ? x->time_max > y->time : dot_compare(&x->dot, &y->dot) > 0;
}

/* Who made the version that has this value already, SIZE_MAX: none has. */
static size_t maker_of_same(const struct oracle *oracle, int key, struct bytes value)
{
    const struct key_writes *writes = &oracle->keys[key];
    for (uint32_t i = 0; i < writes->count; i++) {
        const struct written *written = &oracle->written[writes->list[i]];
        if (!written->is_tombstone && bytes_equal(written->value, value))
            return written->op;
    }
    return SIZE_MAX;
}

/* Which operation made a version. A value bears the marks of all operations that it is made of; the one that no
 * version before it bears is its maker. */
static size_t maker_of(const struct oracle *oracle, int key, struct bytes value)
{
    const struct history *history = &oracle->world->history;
    uint64_t number;
    size_t first = SIZE_MAX;
    if (oracle->world->keys.list[key].kind == KEYS_COUNTER)
        return SIZE_MAX;
    for (size_t at = 0; value_next(value, '#', &at, &number);) {
        if (number >= history->count || history_op(history, number)->key != key)
            continue;
        if (oracle_first_of_op(oracle, number) == ORACLE_NONE)
            return number;
        if (first == SIZE_MAX)
            first = number;
    }
    size_t same = first == SIZE_MAX ? SIZE_MAX : maker_of_same(oracle, key, value);
    return same != SIZE_MAX ? same : first; /* carried out twice, or given a later time */
}

/* The operation of another attempt of the same request, SIZE_MAX: there is none. */
static size_t maker_by_request(const struct oracle *oracle, int key, uint64_t request)
{
    const struct key_writes *writes = &oracle->keys[key];
    for (uint32_t i = 0; i < writes->count && request != 0; i++) {
        if (oracle->written[writes->list[i]].request == request)
            return oracle->written[writes->list[i]].op;
    }
    return SIZE_MAX;
}

static void note_maker(struct oracle *oracle, uint32_t index)
{
    struct written *written = &oracle->written[index];
    written->next_of_op = ORACLE_NONE;
    if (written->op == SIZE_MAX)
        return;
    if (written->op >= oracle->op_room) {
        size_t room = 2 * written->op + 64;
        oracle->first_of_op = realloc(oracle->first_of_op, room * sizeof *oracle->first_of_op);
        CHECK_MEMORY(oracle->first_of_op);
        memset(oracle->first_of_op + oracle->op_room, 0xff, (room - oracle->op_room) * sizeof *oracle->first_of_op);
        oracle->op_room = room;
    }
    written->next_of_op = oracle->first_of_op[written->op];
    oracle->first_of_op[written->op] = index;
}

uint64_t oracle_digest(const struct version *version)
{
    return hash_fingerprint(version->value, DIGEST_SEED) ^ hash_mix(version->flags + 1);
}

uint32_t oracle_add_written(struct oracle *oracle, unsigned machine, int key, const struct version *version)
{
    struct key_writes *writes = &oracle->keys[key];
    if (oracle->count == oracle->room) {
        oracle->room = 2 * oracle->room + 256;
        oracle->written = realloc(oracle->written, oracle->room * sizeof *oracle->written);
        CHECK_MEMORY(oracle->written);
    }
    if (writes->count == writes->room) {
        writes->room = 2 * writes->room + 64;
        writes->list = realloc(writes->list, writes->room * sizeof *writes->list);
        CHECK_MEMORY(writes->list);
    }
    size_t op = maker_by_request(oracle, key, version->request);
    uint32_t index = oracle->count++, *slot = slot_of(oracle, &version->dot);
    uint8_t *value = arena_alloc(&oracle->kept, version->value.len + 1);
    if (version->value.len != 0)
        memcpy(value, version->value.at, version->value.len);
    oracle->written[index] = (struct written){.dot = version->dot,
                                              .time = version->time,
                                              .time_max = version->time,
                                              .key = key,
                                              .number = writes->count,
                                              .machine = machine,
                                              .at_ns = oracle->world->now_ns,
                                              .is_tombstone = version->kind == VERSION_TOMBSTONE,
                                              .digest = oracle_digest(version),
                                              .value = bytes_of(value, version->value.len),
                                              .request = version->request,
                                              .attempt = version->attempt,
                                              .expiry_ms = version->expiry_ms,
                                              .op = op != SIZE_MAX ? op : maker_of(oracle, key, version->value),
                                              .next_same_slot = *slot};
    *slot = index;
    writes->list[writes->count++] = index;
    note_maker(oracle, index);
    return index;
}

static void add_known(const struct oracle *oracle, uint32_t index, struct bitset *out)
{
    bitset_add(out, oracle->written[index].number);
    bitset_join(out, &oracle->written[index].past);
}

void oracle_known_of(const struct oracle *oracle, const struct object *object, struct bitset *out)
{
    for (uint32_t i = 0; i < object->live_count; i++) {
        uint32_t index = oracle_find(oracle, &object->live[i].dot);
        if (index != ORACLE_NONE)
            add_known(oracle, index, out);
    }
}

/* All versions of a key that a context covers. */
void oracle_covered_by(const struct oracle *oracle, int key, const struct context *context, struct bitset *out)
{
    const struct key_writes *writes = &oracle->keys[key];
    for (uint32_t i = 0; i < writes->count; i++) {
        const struct written *written = &oracle->written[writes->list[i]];
        const struct version named = {.dot = written->dot, .request = written->request, .attempt = written->attempt};
        if (context_covers_version(context, &named))
            bitset_add(out, i);
    }
}

void oracle_overtaken_by(const struct oracle *oracle, int key, const struct context *context, struct bitset *out)
{
    const struct key_writes *writes = &oracle->keys[key];
    for (uint32_t i = 0; i < writes->count; i++) {
        const struct written *attempt = &oracle->written[writes->list[i]];
        if (attempt->request != 0 && context_covers(context, &attempt->dot)
            && context_covers_attempt(context, attempt->request, attempt->attempt))
            bitset_join(out, &attempt->past);
    }
}

bool oracle_is_latest(const struct oracle *oracle, int key)
{
    return oracle->world->keys.list[key].kind == KEYS_LATEST;
}

bool oracle_holds(const struct oracle *oracle, const struct copy *copy, uint32_t written)
{
    const struct written *wanted = &oracle->written[written];
    if (!copy->exists)
        return false;
    if (oracle_is_latest(oracle, wanted->key))
        return copy->live_count > 0 && oracle_compare(oracle, copy->live[0].written, written) >= 0;
    return bitset_has(&copy->known, wanted->number);
}

bool oracle_machine_holds(const struct oracle *oracle, unsigned machine, uint32_t written)
{
    int key = oracle->written[written].key;
    const struct hint_copies *hints = &oracle->hints[machine][key];
    bool holds = oracle_holds(oracle, &oracle->copies[machine][key], written);
    for (unsigned i = 0; i < hints->count && !holds; i++)
        holds = oracle_holds(oracle, &hints->list[i]->copy, written);
    return holds;
}

/* Adds what those attempts had replaced that this version takes the place of, if it or something that knew of it is
 * what is explained. false: nothing was new. */
static bool add_overtaken(const struct oracle *oracle, uint32_t later, uint32_t index, struct bitset *replaced)
{
    const struct written *write = &oracle->written[index];
    const struct key_writes *writes = &oracle->keys[write->key];
    bool is_more = false;
    if (write->request == 0 || write->attempt <= 1 || (index != later && !bitset_has(replaced, write->number)))
        return false;
    for (uint32_t i = 0; i < writes->count; i++) {
        const struct written *attempt = &oracle->written[writes->list[i]];
        if (attempt->request != write->request || attempt->attempt >= write->attempt
            || !bitset_has(&write->past, attempt->number))
            continue;
        is_more |= bitset_missing(replaced, &attempt->past) >= 0;
        bitset_join(replaced, &attempt->past);
    }
    return is_more;
}

bool oracle_replaces(const struct oracle *oracle, uint32_t later, uint32_t wanted)
{
    const struct written *write = &oracle->written[later];
    const struct key_writes *writes = &oracle->keys[write->key];
    uint32_t number = oracle->written[wanted].number;
    if (bitset_has(&write->past, number))
        return true;
    struct bitset replaced = bitset_copy(&write->past);
    for (bool is_more = true; is_more && !bitset_has(&replaced, number);) {
        is_more = false;
        for (uint32_t i = 0; i < writes->count; i++)
            is_more |= add_overtaken(oracle, later, writes->list[i], &replaced);
    }
    bool is_replaced = bitset_has(&replaced, number);
    bitset_close(&replaced);
    return is_replaced;
}

void oracle_describe(const struct oracle *oracle, const struct copy *copy, char *text, size_t room)
{
    size_t len = (size_t)snprintf(text, room, "%s", copy->exists ? "" : "nothing");
    for (uint32_t i = 0; i < copy->live_count && len < room; i++) {
        const struct living *living = &copy->live[i];
        const struct written *written = &oracle->written[living->written];
        int shown = written->value.len < 40 ? (int)written->value.len : 40;
        len += (size_t)snprintf(text + len, room - len, "%sv%u of %s@%" PRIu64 ".%u %s%.*s", i == 0 ? "" : " | ",
                                written->number, oracle->world->machines[written->machine].name,
                                (uint64_t)hybrid_ms(written->time) % 100000, (unsigned)(written->time & 0xffff),
                                living->kind == VERSION_TOMBSTONE ? "(deleted)" : "", shown,
                                (const char *)written->value.at);
        if (living->expiry_ms != 0 && len < room)
            len += (size_t)snprintf(text + len, room - len, " until %" PRIu64, living->expiry_ms % 100000);
    }
}
