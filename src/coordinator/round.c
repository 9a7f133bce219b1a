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
    round->read_asked = round->write_asked = round->acknowledged = round->stale = 0;
    round->hedge_ns = 0;
    round->hedged = false;
}

static void drop_answers(struct round *round)
{
    for (unsigned place = 0; place < RING_COPIES_MAX; place++) {
        blob_release(round->owners[place].record);
        round->owners[place] = (struct round_owner){0};
    }
}

void round_take_owners(struct round *round)
{
    struct coordinator *coordinator = round->coordinator;
    const struct ring_view *view = coordinator->view;
    const uint16_t *list = ring_preference_list(view, round->partition);
    drop_answers(round);
    round->epoch = view->epoch;
    round->owner_count = (uint8_t)view->owner_count;
    round->self = -1;
    for (unsigned place = 0; place < view->owner_count; place++) {
        round->owners[place].node = view->members[list[place]].id;
        if (round->owners[place].node == coordinator->replica->node)
            round->self = (int8_t)place;
    }
}

struct round *round_begin(struct coordinator *coordinator, struct request *request, enum round_kind kind)
{
    struct round_table *table = coordinator->rounds;
    int slot = take_slot(table);
    if (slot < 0)
        return NULL;
    struct round *round = pool_borrow(&table->rounds);
    memset(round, 0, offsetof(struct round, key));
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
    memcpy(round->key, request->key, request->key_len);
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
    drop_answers(round);
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
    for (*place = 0; *place < round->owner_count; ++*place) {
        if (round->owners[*place].node == from && (int)*place != round->self)
            return round;
    }
    return NULL;
}

void round_visit_all(struct coordinator *coordinator, void (*visit)(struct round *, uint32_t node), uint32_t node)
{
    struct round_table *table = coordinator->rounds;
    for (uint32_t slot = 0; slot < table->room; slot++) {
        if (table->slots[slot] != NULL)
            visit(table->slots[slot], node);
    }
}

static bool is_other(const struct round *round, unsigned place)
{
    return (int)place != round->self;
}

static struct peer *peer_at(struct round *round, unsigned place)
{
    return peers_find(round->coordinator->peers, round->owners[place].node);
}

uint8_t round_up(struct round *round)
{
    uint8_t up = 0;
    for (unsigned place = 0; place < round->owner_count; place++) {
        const struct peer *peer = is_other(round, place) ? peer_at(round, place) : NULL;
        if (peer != NULL && peer_is_up(peer, round->coordinator->now))
            up |= quorum_bit(place);
    }
    return up;
}

/* Where to write a message to the owner at `place`, who is then one that has been asked; NULL: not up. */
static struct chain *open_request(struct round *round, unsigned place)
{
    struct coordinator *coordinator = round->coordinator;
    struct peer *peer = peer_at(round, place);
    struct chain *out = peer == NULL ? NULL : peer_request(coordinator->peers, peer, coordinator->now);
    if (out == NULL)
        return NULL;
    round->owners[place].asked_ns = coordinator->now.mono_ns;
    round->owners[place].replies_then = peer->replies;
    uint64_t hedge_ns = coordinator->now.mono_ns + peer_hedge_after_ns(peer);
    if (round->hedge_ns == 0 || hedge_ns < round->hedge_ns)
        round->hedge_ns = hedge_ns;
    return out;
}

static bool ask(struct round *round, unsigned place)
{
    struct chain *out = open_request(round, place);
    if (out == NULL)
        return false;
    const struct message_read message = {.id = round->id,
                                         .epoch = round->epoch,
                                         .partition = round->partition,
                                         .hash = round->hash,
                                         .has_fingerprint = !round->lost_local,
                                         .peek = round->kind == ROUND_PUT || round->request->peek,
                                         .fingerprint = round->local_fingerprint,
                                         .key = bytes_of(round->key, round->key_len)};
    message_write_read(out, &message);
    round->read_asked |= quorum_bit(place);
    return true;
}

unsigned round_ask(struct round *round, unsigned max)
{
    unsigned asked = 0;
    for (unsigned place = 0; place < round->owner_count && asked < max; place++) {
        if (is_other(round, place) && (round->read_asked & quorum_bit(place)) == 0)
            asked += ask(round, place);
    }
    return asked;
}

/* With buffered writes some replicas are asked for a synced one; nobody waits for just these [6.1]. */
static enum durability durability_of(const struct round *round)
{
    const struct bucket *bucket = round->bucket;
    bool syncs = bucket->durability == DURABILITY_BUFFERED && round->kind == ROUND_PUT
                 && quorum_count(round->write_asked) < bucket->durable_writes;
    return syncs ? DURABILITY_SYNCED : bucket->durability;
}

bool round_send(struct round *round, unsigned place, bool is_repair, bool awaited)
{
    struct chain *out = open_request(round, place);
    if (out == NULL)
        return false;
    const struct message_write message = {.id = awaited ? round->id : 0,
                                          .epoch = round->epoch,
                                          .partition = round->partition,
                                          .hash = round->hash,
                                          .durability = (uint8_t)durability_of(round),
                                          .is_repair = is_repair,
                                          .keeps_use = is_repair || round->keeps_use,
                                          .is_use = !is_repair && round->is_use,
                                          .key = bytes_of(round->key, round->key_len),
                                          .record = blob_bytes(round->made)};
    message_write_write(out, &message, round->made);
    if (awaited)
        round->write_asked |= quorum_bit(place);
    return true;
}

uint8_t round_reads_out(const struct round *round)
{
    return round->read_asked & (uint8_t) ~(round->reads.yes | round->reads.no);
}

uint8_t round_writes_out(const struct round *round)
{
    if (round->kind == ROUND_GET)
        return round->write_asked & (uint8_t)~round->acknowledged;
    return round->write_asked & (uint8_t) ~(round->writes.yes | round->writes.no);
}

void round_set_timer(struct round *round)
{
    uint64_t due_ns = round->deadline_ns;
    if (round->hedge_ns != 0 && round->hedge_ns < due_ns)
        due_ns = round->hedge_ns;
    wheel_set(&round->coordinator->rounds->wheel, &round->timer, round->coordinator->now.mono_ns, due_ns);
}

void round_note_silence(struct round *round)
{
    uint8_t out = round_reads_out(round) | round_writes_out(round);
    for (unsigned place = 0; place < round->owner_count; place++) {
        struct peer *peer = (out & quorum_bit(place)) != 0 ? peer_at(round, place) : NULL;
        if (peer != NULL && peer->replies == round->owners[place].replies_then)
            peer_on_silence(peer, round->coordinator->now);
    }
}

bool round_merge_fetched(const struct round *round, struct object *object, struct arena *arena)
{
    struct replica_copy fetched[RING_COPIES_MAX];
    unsigned count = 0;
    for (unsigned place = 0; place < round->owner_count; place++) {
        if (round->owners[place].record != NULL)
            fetched[count++] = (struct replica_copy){.record = round->owners[place].record};
    }
    hybrid_time horizon = 0;
    bool is_lww = round->bucket->reconcile == RECONCILE_LWW;
    bool good = replica_merge_copies(object, &horizon, fetched, count, is_lww, arena);
    replica_observe_object(round->coordinator->replica, object, round->coordinator->now);
    return good;
}

bool round_has_other_answer(const struct round *round, uint64_t fingerprint)
{
    for (unsigned place = 0; place < round->owner_count; place++) {
        bool has_answered = is_other(round, place) && (round->reads.yes & quorum_bit(place)) != 0;
        if (has_answered && round->owners[place].fingerprint != fingerprint)
            return true;
    }
    return false;
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
    if (round->lost_local) { /* the others' copies take its place */
        replica_forget_births(coordinator->replica);
        round->merge.op.replaces_corrupt = true;
    }
    blob_retain(round->made); /* for merge.incoming: a later repair may change `made` meanwhile */
    round->merge.op.owner = COORDINATOR_OP_ROUND;
    round->merge.op.key = bytes_of(round->key, round->key_len);
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
