#include "coordinator/round.h"

#include "base/check.h"
#include "base/pool.h"
#include "base/prng.h"
#include "coordinator/end.h"
#include "version/record.h"

#include <stdlib.h>
#include <string.h>

enum {
    SLOT_BITS = 16, /* of an id; the rest is a number that is never used again */
    SPARE_ROUNDS = 4096,
    SHARE_OF = 1000
};

struct round_table {
    struct round **slots;
    uint16_t *free_slots; /* a stack */
    uint32_t room, free_count;
    uint64_t number; /* of the last id */
    struct pool rounds;
    struct wheel wheel;
    struct list lingering; /* oldest first */
    uint32_t lingering_count;
    struct prng prng;
};

struct round_table *round_table_new(uint64_t seed)
{
    struct round_table *table = calloc(1, sizeof *table);
    CHECK_MEMORY(table);
    pool_init(&table->rounds, sizeof(struct round), SPARE_ROUNDS);
    wheel_init(&table->wheel);
    list_init(&table->lingering);
    prng_init(&table->prng, seed);
    return table;
}

void round_table_free(struct round_table *table)
{
    while (!list_is_empty(&table->lingering))
        round_close(CONTAINER_OF(table->lingering.next, struct round, lingering));
    pool_close(&table->rounds);
    free(table->slots);
    free(table->free_slots);
    free(table);
}

static void grow(struct round_table *table)
{
    uint32_t room = table->room == 0 ? 64 : table->room * 2;
    table->slots = realloc(table->slots, room * sizeof *table->slots);
    table->free_slots = realloc(table->free_slots, room * sizeof *table->free_slots);
    CHECK_MEMORY(table->slots);
    CHECK_MEMORY(table->free_slots);
    for (uint32_t slot = room; slot-- > table->room;) {
        table->slots[slot] = NULL;
        table->free_slots[table->free_count++] = (uint16_t)slot;
    }
    table->room = room;
}

/* A free slot, or -1. */
static int take_slot(struct round_table *table)
{
    if (table->free_count == 0 && table->room < COORDINATOR_ROUNDS_MAX)
        grow(table);
    if (table->free_count == 0 && !list_is_empty(&table->lingering))
        round_close(CONTAINER_OF(table->lingering.next, struct round, lingering));
    return table->free_count == 0 ? -1 : table->free_slots[--table->free_count];
}

static uint32_t slot_of(uint64_t id)
{
    return (uint32_t)(id & ((1U << SLOT_BITS) - 1));
}

void round_renew(struct round *round)
{
    struct round_table *table = round->coordinator->rounds;
    round->id = ++table->number << SLOT_BITS | slot_of(round->id);
    round->read_asked = round->answered = round->absent = 0;
    round->write_asked = round->acknowledged = round->stale = 0;
    round->hedge_ns = 0;
    round->hedged = false;
}

struct round *round_begin(struct coordinator *coordinator, struct request *request, enum round_kind kind)
{
    struct round_table *table = coordinator->rounds;
    int slot = take_slot(table);
    if (slot < 0)
        return NULL;
    struct round *round = pool_borrow(&table->rounds);
    memset(round, 0, offsetof(struct round, hint_key));
    table->slots[slot] = round;
    list_init(&round->lingering);
    round->coordinator = coordinator;
    round->id = (uint64_t)slot;
    round->request = request;
    request->round = round;
    round->bucket = request->bucket;
    round->deadline_ns = request->deadline_ns;
    round->hash = request->op.hash;
    round->partition = request->op.partition;
    round->kind = (uint8_t)kind;
    round->key_len = request->key_len;
    memcpy(round->hint_key + ROUND_KEY_AT, request->key, request->key_len);
    round_renew(round);
    round_take_owners(round);
    counter_increment(&coordinator->counters.rounds);
    return round;
}

void round_close(struct round *round)
{
    struct round_table *table = round->coordinator->rounds;
    CHECK(round->request == NULL && !round->store_has_request);
    wheel_clear(&table->wheel, &round->timer);
    if (!list_is_empty(&round->lingering)) {
        list_remove(&round->lingering);
        table->lingering_count--;
    }
    uint32_t slot = slot_of(round->id);
    if (!round->closing) {
        table->slots[slot] = NULL;
        table->free_slots[table->free_count++] = (uint16_t)slot;
        round->closing = true;
    }
    if (round->store_has_merge)
        return; /* comes again from there */
    round_drop_answers(round);
    blob_release(round->local);
    blob_release(round->made);
    blob_release(round->restamped);
    pool_return(&table->rounds, round);
}

void round_linger(struct round *round)
{
    struct round_table *table = round->coordinator->rounds;
    CHECK(round->request == NULL);
    if (round_reads_out(round) == 0 && round_writes_out(round) == 0 && !round->store_has_merge) {
        round_close(round);
        return;
    }
    round->phase = ROUND_LINGERING;
    round->hedge_ns = 0;
    round_set_timer(round);
    if (!list_is_empty(&round->lingering))
        return; /* it has been restamped since */
    list_push_back(&table->lingering, &round->lingering);
    if (++table->lingering_count > ROUND_LINGERING_MAX)
        round_close(CONTAINER_OF(table->lingering.next, struct round, lingering));
}

struct round *round_of_answer(struct coordinator *coordinator, uint64_t id, uint32_t from, unsigned *place)
{
    struct round_table *table = coordinator->rounds;
    uint32_t slot = slot_of(id);
    struct round *round = slot < table->room ? table->slots[slot] : NULL;
    if (round == NULL || round->id != id)
        return NULL;
    int found = round_place_of(round, from);
    if (found < 0 || found == round->self)
        return NULL;
    *place = (unsigned)found;
    return round;
}

void round_visit_all(struct coordinator *coordinator, void (*visit)(struct round *, uint32_t node), uint32_t node)
{
    struct round_table *table = coordinator->rounds;
    for (uint32_t slot = 0; slot < table->room; slot++) {
        if (table->slots[slot] != NULL)
            visit(table->slots[slot], node);
    }
}

uint16_t round_reads_out(const struct round *round)
{
    return round->read_asked & (uint16_t) ~(round->reads.yes | round->reads.no);
}

uint16_t round_writes_out(const struct round *round)
{
    if (round->kind == ROUND_GET)
        return round->write_asked & (uint16_t)~round->acknowledged;
    return round->write_asked & (uint16_t) ~(round->writes.yes | round->writes.no);
}

void round_set_timer(struct round *round)
{
    uint64_t due_ns = round->deadline_ns;
    if (round->hedge_ns != 0 && round->hedge_ns < due_ns)
        due_ns = round->hedge_ns;
    wheel_set(&round->coordinator->rounds->wheel, &round->timer, round->coordinator->now.mono_ns, due_ns);
}

struct store_loop *round_local_store(const struct round *round)
{
    return round_stands_in(round) ? round->coordinator->hint_store : round->coordinator->store;
}

struct bytes round_local_key(struct round *round)
{
    if (!round_stands_in(round))
        return round_key(round);
    const struct round_place *self = &round->places[round->self];
    return hint_key(round->hint_key, round->places[self->stands_for].node, round_key(round));
}

void round_merge_locally(struct round *round)
{
    struct coordinator *coordinator = round->coordinator;
    if (round->store_has_merge) {
        round->repair_again = true;
        return;
    }
    replica_merge_init(&round->merge, coordinator->replica, &coordinator->scratch, coordinator->now, round->made,
                       round->bucket->reconcile == RECONCILE_LWW);
    round->merge.horizon = round->horizon;
    if (round->lost_local) { /* the others' copies take its place */
        replica_forget_births(coordinator->replica);
        round->merge.op.replaces_corrupt = true;
    }
    blob_retain(round->made); /* for merge.incoming: a later repair may change `made` meanwhile */
    round->merge.op.owner = COORDINATOR_OP_ROUND;
    round->merge.op.key = round_key(round);
    round->merge.op.hash = round->hash;
    round->merge.op.partition = round->partition;
    round->merge.op.durability = round->bucket->durability;
    round->merge.op.keeps_use = true;
    round->store_has_merge = true;
    coordinator->pending++;
    store_submit(coordinator->store, coordinator->now, &round->merge.op);
}

void round_end_request(struct round *round)
{
    struct request *request = round->request;
    CHECK(!round->store_has_request);
    round->request = NULL;
    request->round = NULL;
    end_request(round->coordinator, request);
}

void round_fail_request(struct round *round, enum request_failure failure)
{
    struct request *request = round->request;
    request_finish(request);
    request->status = REQUEST_FAILED;
    request->failure = failure;
    if (failure == FAILURE_NO_QUORUM)
        counter_increment(&round->coordinator->counters.no_quorum);
    if (failure == FAILURE_TIMEOUT)
        counter_increment(&round->coordinator->counters.timeouts);
    round_end_request(round);
}

struct wheel *round_wheel(const struct coordinator *coordinator)
{
    return &coordinator->rounds->wheel;
}

bool round_draw_share(struct coordinator *coordinator)
{
    uint16_t share = coordinator->settings.read_all_share;
    return share != 0 && prng_below(&coordinator->rounds->prng, SHARE_OF) < share;
}
