/* Simulated histories of one key on a few replicas, and an oracle that never forgets.
 *
 * Replicas keep their objects encoded, as a store would. Beside each stored record stands what the oracle
 * knows about it: the sets of all writes, touches and bytes that have reached this place. From these sets
 * alone, without contexts and counters, follows what must be live. Messages are old copies of a replica;
 * they are delivered late, repeatedly and in any order, and serve as what clients have read, too. */
#ifndef T_VERSION_HISTORY_H
#define T_VERSION_HISTORY_H

#include "base/check.h"
#include "base/prng.h"
#include "version/record.h"

#include <stdio.h>
#include <stdlib.h>

enum { REPLICAS = 4, MESSAGES = 12, WRITES_MAX = 64, TOUCHES_MAX = 64, REQUESTS_MAX = 16, PRUNE_ABOVE = 2 };

typedef void (*merge_function)(struct object *out, const struct object *a, hybrid_time horizon_a,
                               const struct object *b, hybrid_time horizon_b, struct arena *arena);

struct knowledge {
    uint64_t writes, touches; /* bit sets */
    uint64_t bytes;           /* writes whose bytes have not been dropped here */
};

/* A stored record with its oracle. */
struct place {
    uint8_t *record;
    size_t len;
    hybrid_time horizon;
    struct knowledge knows;
};

struct write {
    struct dot dot;
    hybrid_time time;
    uint32_t flags;
    bool is_delete;
    uint64_t overwrites; /* the writes that it was meant to replace, beside earlier attempts of its request */
    uint64_t request;
    uint32_t attempt;
};

/* A write that was forwarded: its sender gives up on attempts that may yet be carried out, once each [R10]. */
struct request {
    uint64_t name;
    uint32_t attempts; /* drawn */
    uint32_t waiting;  /* bit set of attempts that have not been carried out */
    hybrid_time began;
};

struct touch {
    uint32_t write;
    hybrid_time stamp;
    uint64_t expiry_ms;
    uint8_t marks;
};

struct node {
    struct place place;
    struct hybrid_clock clock;
    uint64_t incarnation, births, birth_floor;
};

/* What a history is made of. */
struct plan {
    merge_function merge;
    bool newest_only;   /* a last-write-wins bucket */
    bool with_horizons; /* objects are freed and contexts pruned; without: touches, lost and restored records */
    bool forgets_floor; /* negative control: pairs that came back from elsewhere are gone on with */
    bool bare_contexts; /* negative control: what was read is not merged, with its horizon, before a cas */
    bool horizon_early; /* negative control: the horizon moves before everyone is in sync */
    bool with_requests; /* some writes are attempts of requests, carried out late and in any order */
    bool bare_attempts; /* negative control: an attempt after the first does not cover those before it */
    bool drives_out;    /* negative control: what an attempt drives out of a last-write-wins bucket is gone */
};

struct history {
    struct plan plan;
    struct prng prng;
    uint64_t ms;
    struct node nodes[REPLICAS];
    struct place messages[MESSAGES];
    struct write writes[WRITES_MAX];
    struct touch touches[TOUCHES_MAX];
    struct request requests[REQUESTS_MAX];
    uint32_t write_count, touch_count, request_count;
    hybrid_time horizon; /* the highest anywhere */
    const char *broken;  /* the first claim that did not hold */
};

static inline void broken(struct history *history, bool holds, const char *claim)
{
    if (!holds && history->broken == NULL)
        history->broken = claim;
}

static inline struct bytes place_record(const struct place *place)
{
    return bytes_of(place->record, place->len);
}

static inline struct object place_object(const struct place *place, struct arena *arena)
{
    struct object object;
    CHECK(record_decode(place_record(place), &object, arena) == RECORD_OK);
    return object;
}

static inline void place_store(struct place *place, const struct object *object)
{
    size_t len = record_size(object);
    uint8_t *record = malloc(len); /* before the old one goes: the object's values lie in it */
    CHECK_MEMORY(record);
    record_encode(object, record);
    free(place->record);
    place->record = record;
    place->len = len;
}

static inline void place_clear(struct place *place)
{
    place_store(place, &(struct object){0});
}

static inline void place_copy(struct place *to, const struct place *from)
{
    uint8_t *record = malloc(from->len);
    CHECK_MEMORY(record);
    memcpy(record, from->record, from->len);
    free(to->record);
    *to = *from;
    to->record = record;
}

/* Attempts before this one; they may not have been made yet when it was. */
static inline uint64_t earlier_attempts(const struct history *history, const struct write *write)
{
    uint64_t earlier = 0;
    for (uint32_t i = 0; i < history->write_count && write->request != 0; i++) {
        const struct write *other = &history->writes[i];
        if (other->request == write->request && other->attempt < write->attempt)
            earlier |= (uint64_t)1 << i;
    }
    return earlier;
}

static inline uint64_t overwritten(const struct history *history, uint64_t writes)
{
    uint64_t gone = 0;
    for (uint32_t i = 0; i < history->write_count; i++) {
        if ((writes >> i & 1) != 0)
            gone |= history->writes[i].overwrites | earlier_attempts(history, &history->writes[i]);
    }
    return gone;
}

static inline int write_compare(const struct write *a, const struct write *b)
{
    return a->time != b->time ? (a->time < b->time ? -1 : 1) : dot_compare(&a->dot, &b->dot);
}

/* The newest of these writes, as a set; none of none. */
static inline uint64_t newest_of(const struct history *history, uint64_t writes)
{
    uint32_t newest = WRITES_MAX;
    for (uint32_t i = 0; i < history->write_count; i++) {
        if ((writes >> i & 1) != 0
            && (newest == WRITES_MAX || write_compare(&history->writes[i], &history->writes[newest]) > 0))
            newest = i;
    }
    return newest == WRITES_MAX ? 0 : (uint64_t)1 << newest;
}

/* The writes that must be live where `writes` are known. */
static inline uint64_t must_live(const struct history *history, uint64_t writes)
{
    uint64_t live = writes & ~overwritten(history, writes);
    return history->plan.newest_only ? newest_of(history, live) : live;
}

static inline uint32_t write_of_dot(const struct history *history, const struct dot *dot)
{
    for (uint32_t i = 0; i < history->write_count; i++) {
        if (dot_equal(&history->writes[i].dot, dot))
            return i;
    }
    return WRITES_MAX;
}

static inline bool touch_is_later(const struct touch *a, const struct touch *b)
{
    uint64_t expiry_a = a->expiry_ms == 0 ? UINT64_MAX : a->expiry_ms;
    uint64_t expiry_b = b->expiry_ms == 0 ? UINT64_MAX : b->expiry_ms;
    if (a->stamp != b->stamp)
        return a->stamp > b->stamp;
    return expiry_a != expiry_b ? expiry_a > expiry_b : a->marks > b->marks;
}

/* The touch that decides about a write where `touches` are known; a write begins with one of its own. */
static inline struct touch last_touch(const struct history *history, uint32_t write, uint64_t touches)
{
    struct touch last = {.write = write, .stamp = history->writes[write].time};
    for (uint32_t i = 0; i < history->touch_count; i++) {
        const struct touch *touch = &history->touches[i];
        if ((touches >> i & 1) != 0 && touch->write == write && touch_is_later(touch, &last))
            last = *touch;
    }
    return last;
}

static inline void check_version(struct history *history, const struct place *place, const struct version *version,
                                 uint32_t id)
{
    const struct write *write = &history->writes[id];
    struct touch touch = last_touch(history, id, place->knows.touches);
    bool has_bytes = !write->is_delete && (place->knows.bytes >> id & 1) != 0;
    broken(history, version->time == write->time, "a version keeps its time");
    broken(history, version->flags == write->flags, "a version keeps its flags");
    broken(history, (version->kind == VERSION_VALUE) == has_bytes, "the copy with bytes wins");
    broken(history, version->expiry_stamp == touch.stamp, "the later stamp wins");
    broken(history, version->expiry_ms == touch.expiry_ms && version->marks == touch.marks,
           "expiry and marks follow their stamp");
    uint8_t value[2] = {'v', (uint8_t)id};
    broken(history, !has_bytes || bytes_equal(version->value, bytes_of(value, 2)), "a dot names one value");
}

/* A tombstone goes wherever a node of the highest horizon, which may have freed it, has been merged. */
static inline bool may_be_freed(const struct history *history, uint32_t id)
{
    return history->writes[id].is_delete && history->writes[id].time <= history->horizon;
}

/* What was driven out is there only as long as what has done so may turn out to have been overtaken. */
static inline void check_behind_newest(struct history *history, const struct object *object)
{
    for (uint32_t i = 1; i < object->live_count; i++)
        broken(history, object->live[i - 1].request != 0, "the newest stays alone");
}

static inline void check_live(struct history *history, const struct place *place, const struct object *object)
{
    uint64_t live = 0, expected = must_live(history, place->knows.writes);
    for (uint32_t i = 0; i < object->live_count; i++) {
        uint32_t id = write_of_dot(history, &object->live[i].dot);
        broken(history, id < WRITES_MAX, "every version was written by someone");
        if (id == WRITES_MAX)
            return;
        broken(history, (live >> id & 1) == 0, "no dot is live twice");
        live |= (uint64_t)1 << id;
        check_version(history, place, &object->live[i], id);
    }
    broken(history, (live & overwritten(history, place->knows.writes)) == 0, "what was overwritten is dead");
    if (history->plan.newest_only)
        check_behind_newest(history, object);
    for (uint32_t id = 0; id < history->write_count; id++) {
        if ((expected & ~live) >> id & 1)
            broken(history, may_be_freed(history, id), "what nobody overwrote is live");
    }
}

static inline void check_place(struct history *history, const struct place *place)
{
    struct arena arena;
    arena_init(&arena);
    struct object object;
    broken(history, record_verify(place_record(place)) == RECORD_OK, "a stored record verifies");
    broken(history, record_decode(place_record(place), &object, &arena) == RECORD_OK, "a stored record decodes");
    if (history->broken == NULL)
        check_live(history, place, &object);
    for (uint32_t id = 0; id < history->write_count && history->broken == NULL; id++) {
        const struct write *write = &history->writes[id];
        bool known = (place->knows.writes >> id & 1) != 0;
        bool covered = context_covers(&object.context, &write->dot);
        broken(history, known || !covered, "a context covers only what is known");
        broken(history, !known || covered || write->time <= place->horizon, "what is known is covered");
    }
    arena_close(&arena);
}

static inline struct instant history_now(const struct history *history)
{
    return (struct instant){.mono_ns = history->ms * 1000000, .wall_ms = history->ms};
}

static inline void raise_floor(struct node *node, const struct context *dropped, uint32_t id)
{
    for (uint32_t i = 0; i < dropped->count; i++) {
        const struct actor *actor = &dropped->pairs[i].actor;
        if (actor->node == id && actor->incarnation == node->incarnation && actor->birth > node->birth_floor)
            node->birth_floor = actor->birth;
    }
}

/* Stores what a put or merge has made. */
static inline void node_store(struct history *history, uint32_t id, struct object *object)
{
    struct node *node = &history->nodes[id];
    if (history->plan.newest_only)
        object_keep_newest(object, history->plan.drives_out ? HYBRID_TIME_MAX : node->place.horizon);
    if (history->plan.with_horizons) {
        struct pair pairs[WRITES_MAX * 2];
        CHECK(object->context.count <= WRITES_MAX * 2);
        struct context before = {.pairs = pairs, .count = 0};
        for (uint32_t i = 0; i < object->context.count; i++)
            pairs[before.count++] = object->context.pairs[i];
        object_prune(object, PRUNE_ABOVE, node->place.horizon);
        struct context dropped = {.pairs = pairs, .count = 0};
        for (uint32_t i = 0; i < before.count; i++) {
            if (context_counter(&object->context, &before.pairs[i].actor) == 0)
                pairs[dropped.count++] = before.pairs[i];
        }
        raise_floor(node, &dropped, id + 1);
    }
    place_store(&node->place, object);
    check_place(history, &node->place);
}

static inline void do_merge(struct history *history, uint32_t to, const struct place *from)
{
    struct arena arena;
    arena_init(&arena);
    struct place *place = &history->nodes[to].place;
    struct object mine = place_object(place, &arena), theirs = place_object(from, &arena), merged;
    history->plan.merge(&merged, &mine, place->horizon, &theirs, from->horizon, &arena);
    place->knows.writes |= from->knows.writes;
    place->knows.touches |= from->knows.touches;
    place->knows.bytes |= from->knows.bytes;
    node_store(history, to, &merged);
    arena_close(&arena);
}

static inline struct dot draw_dot(struct history *history, uint32_t id, const struct object *object)
{
    struct node *node = &history->nodes[id];
    bool used;
    uint64_t floor = history->plan.forgets_floor ? 0 : node->birth_floor;
    struct dot dot = object_next_dot_above(object, floor, id + 1, node->incarnation, node->births + 1, &used);
    node->births += used;
    broken(history, write_of_dot(history, &dot) == WRITES_MAX, "no dot names two values");
    return dot;
}

static inline hybrid_time newest_time(const struct history *history, uint64_t writes)
{
    hybrid_time newest = 0;
    for (uint32_t i = 0; i < history->write_count; i++) {
        if ((writes >> i & 1) != 0 && history->writes[i].time > newest)
            newest = history->writes[i].time;
    }
    return newest;
}

/* Which attempt of which request comes now, as bits of `waiting`; one that is carried out is not again. */
static inline struct request *any_request(struct history *history, uint32_t *attempt)
{
    struct prng *prng = &history->prng;
    if (history->request_count == 0 || (history->request_count < REQUESTS_MAX && prng_below(prng, 3) == 0)) {
        struct request *made = &history->requests[history->request_count++];
        made->name = prng_next(prng) | 1;
        made->began = newest_time(history, UINT64_MAX);
    }
    /* Mostly the last one, else few would have several attempts before something else happens. */
    uint32_t back = (uint32_t)prng_below(prng, prng_below(prng, 3) == 0 ? history->request_count : 1);
    struct request *request = &history->requests[history->request_count - 1 - back];
    if (request->attempts < 5 && (request->waiting == 0 || prng_below(prng, 2) == 0)) {
        request->attempts++;
        request->waiting |= (uint32_t)1 << request->attempts;
    }
    *attempt = 1 + (uint32_t)prng_below(prng, request->attempts + (request->attempts == 0));
    if ((request->waiting >> *attempt & 1) == 0)
        return NULL;
    request->waiting &= ~((uint32_t)1 << *attempt);
    return request;
}

/* What a coordinator finds out first: is the request done already, or has a later attempt overtaken this one? */
static inline bool is_attempt_over(const struct object *object, const struct object *seen, uint64_t name,
                                   uint32_t attempt)
{
    for (uint32_t i = 0; i < object->live_count; i++) {
        if (object->live[i].request == name)
            return true;
    }
    return context_covers_attempt(&object->context, name, attempt)
           || context_covers_attempt(&seen->context, name, attempt);
}

static inline void drop_pair(struct context *context, struct actor actor)
{
    uint32_t kept = 0;
    for (uint32_t i = 0; i < context->count; i++) {
        if (actor_compare(&context->pairs[i].actor, &actor) != 0)
            context->pairs[kept++] = context->pairs[i];
    }
    context->count = kept;
}

static inline void put_write(struct history *history, uint32_t id, const struct place *read, struct write *write,
                             const struct object *object, const struct object *seen, hybrid_time later_than,
                             struct arena *arena)
{
    struct node *node = &history->nodes[id];
    struct object put;
    uint32_t number = history->write_count;
    uint8_t value[2] = {'v', (uint8_t)number};
    struct version fresh = {.dot = write->dot, .time = write->time, .expiry_stamp = write->time};
    fresh.flags = write->flags;
    fresh.request = write->request;
    fresh.attempt = write->attempt;
    fresh.kind = write->is_delete ? VERSION_TOMBSTONE : VERSION_VALUE;
    fresh.value = write->is_delete ? bytes_of(NULL, 0) : bytes_of(value, 2);
    history->writes[history->write_count++] = *write;
    node->place.knows.writes |= (read == NULL ? 0 : read->knows.writes) | (uint64_t)1 << number;
    node->place.knows.bytes |= (uint64_t)!write->is_delete << number;
    object_put_over(&put, object, read == NULL ? NULL : &seen->context, &fresh, later_than, arena);
    if (history->plan.bare_attempts)
        drop_pair(&put.context, request_actor(write->request));
    node_store(history, id, &put);
}

static inline uint64_t writes_until(const struct history *history, hybrid_time time)
{
    uint64_t writes = 0;
    for (uint32_t i = 0; i < history->write_count; i++)
        writes |= (uint64_t)(history->writes[i].time <= time) << i;
    return writes;
}

/* A set (`read` NULL) or a cas with what was read from `read`. */
static inline void do_put(struct history *history, uint32_t id, const struct place *read, bool is_delete)
{
    if (history->write_count == WRITES_MAX)
        return;
    struct arena arena;
    arena_init(&arena);
    struct node *node = &history->nodes[id];
    struct object object = place_object(&node->place, &arena);
    struct object seen = read == NULL ? object : place_object(read, &arena);
    struct write write = {.is_delete = is_delete, .flags = (uint32_t)prng_below(&history->prng, 3)};
    struct request *request = NULL;
    /* What a cas has read was written before it began, on all its attempts: for last-write-wins they are sets. */
    bool may_have_name = history->plan.with_requests && (read == NULL || !history->plan.newest_only);
    if (may_have_name && prng_below(&history->prng, 4) != 0)
        request = any_request(history, &write.attempt);
    write.request = request != NULL ? request->name : 0;
    write.attempt = request != NULL ? write.attempt : 0;
    write.overwrites = read == NULL ? node->place.knows.writes : read->knows.writes;
    hybrid_observe(&node->clock, newest_time(history, write.overwrites | node->place.knows.writes));
    hybrid_time later_than = HYBRID_TIME_MAX;
    if (request != NULL) {
        hybrid_observe(&node->clock, request->began);
        if (history->plan.newest_only) {
            later_than = history->plan.drives_out ? HYBRID_TIME_MAX : request->began;
            write.overwrites &= writes_until(history, request->began);
        }
    }
    if (request == NULL || !is_attempt_over(&object, &seen, request->name, write.attempt)) {
        write.time = hybrid_next(&node->clock, history_now(history));
        write.dot = draw_dot(history, id, &object);
        if (history->broken == NULL)
            put_write(history, id, read, &write, &object, &seen, later_than, &arena);
    }
    arena_close(&arena);
}

static inline void do_touch(struct history *history, uint32_t id)
{
    struct arena arena;
    arena_init(&arena);
    struct node *node = &history->nodes[id];
    struct object object = place_object(&node->place, &arena);
    if (object.live_count > 0 && history->touch_count < TOUCHES_MAX) {
        struct version *version = &object.live[prng_below(&history->prng, object.live_count)];
        struct touch touch = {.write = write_of_dot(history, &version->dot)};
        /* A tie of stamps between nodes is wanted now and then: whole milliseconds make one likely. */
        hybrid_observe(&node->clock, version->expiry_stamp);
        touch.stamp = hybrid_next(&node->clock, history_now(history));
        touch.expiry_ms = prng_below(&history->prng, 3) * 1000;
        touch.marks = (uint8_t)prng_below(&history->prng, 4);
        version->expiry_stamp = touch.stamp;
        version->expiry_ms = touch.expiry_ms;
        version->marks = touch.marks;
        node->place.knows.touches |= (uint64_t)1 << history->touch_count;
        history->touches[history->touch_count++] = touch;
        node_store(history, id, &object);
    }
    arena_close(&arena);
}

/* An expired version's bytes go, its dot stays [R5]. */
static inline void do_drop_bytes(struct history *history, uint32_t id)
{
    struct arena arena;
    arena_init(&arena);
    struct node *node = &history->nodes[id];
    struct object object = place_object(&node->place, &arena);
    for (uint32_t i = 0; i < object.live_count; i++) {
        if (object.live[i].expiry_ms != 0) {
            object.live[i].kind = VERSION_TOMBSTONE;
            object.live[i].value = bytes_of(NULL, 0);
            node->place.knows.bytes &= ~((uint64_t)1 << write_of_dot(history, &object.live[i].dot));
        }
    }
    node_store(history, id, &object);
    arena_close(&arena);
}

static inline void drop_record(struct history *history, uint32_t id)
{
    struct arena arena;
    arena_init(&arena);
    struct node *node = &history->nodes[id];
    struct object object = place_object(&node->place, &arena);
    raise_floor(node, &object.context, id + 1);
    place_clear(&node->place);
    arena_close(&arena);
}

/* A stand-in delivers its hint and deletes it. */
static inline void do_hand_over(struct history *history, uint32_t from, uint32_t to)
{
    if (from == to)
        return;
    do_merge(history, to, &history->nodes[from].place);
    drop_record(history, from);
    history->nodes[from].place.knows = (struct knowledge){0};
}

/* A process starts again with a copy of an old directory, perhaps another node's. */
static inline void do_restore(struct history *history, uint32_t id, const struct place *copy)
{
    struct node *node = &history->nodes[id];
    place_copy(&node->place, copy);
    node->incarnation = prng_next(&history->prng) | 1;
    node->births = node->birth_floor = 0;
    check_place(history, &node->place);
}

/* All owners exchange, then the horizon moves up to now and wholly dead objects are freed by some [R3]. */
static inline void do_horizon(struct history *history)
{
    for (uint32_t round = 0; round < 2 && !history->plan.horizon_early; round++) {
        for (uint32_t i = 0; i < REPLICAS; i++)
            do_merge(history, (i + 1) % REPLICAS, &history->nodes[i].place);
    }
    hybrid_time horizon = newest_time(history, UINT64_MAX);
    history->ms = hybrid_ms(horizon) + 1; /* the grace: nobody writes at or before the horizon any more */
    for (uint32_t i = 0; i < history->request_count; i++)
        history->requests[i].waiting = 0; /* and it is longer than the longest deadline */
    history->horizon = horizon;
    for (uint32_t i = 0; i < REPLICAS; i++) {
        if (prng_below(&history->prng, 4) != 0)
            history->nodes[i].place.horizon = horizon;
    }
}

static inline void do_free(struct history *history, uint32_t id)
{
    struct arena arena;
    arena_init(&arena);
    const struct place *place = &history->nodes[id].place;
    struct object object = place_object(place, &arena);
    bool dead = true;
    for (uint32_t i = 0; i < object.live_count; i++)
        dead = dead && object.live[i].kind == VERSION_TOMBSTONE && object.live[i].time <= place->horizon;
    for (uint32_t i = 0; i < object.context.count; i++)
        dead = dead && object.context.pairs[i].time <= place->horizon;
    if (dead)
        drop_record(history, id);
    check_place(history, place);
    arena_close(&arena);
}

static inline void step_of_plan(struct history *history, uint32_t id, const struct place *message)
{
    switch (prng_below(&history->prng, 6)) {
    case 0:
        history->plan.with_horizons ? do_horizon(history) : do_drop_bytes(history, id);
        break;
    case 1:
        if (!history->plan.with_horizons)
            do_restore(history, id, message);
        break;
    case 2:
        if (!history->plan.with_horizons)
            do_hand_over(history, id, (uint32_t)prng_below(&history->prng, REPLICAS));
        break;
    default:
        history->plan.with_horizons ? do_free(history, id) : do_touch(history, id);
    }
}

static inline void history_step(struct history *history)
{
    uint32_t id = (uint32_t)prng_below(&history->prng, REPLICAS);
    struct place *message = &history->messages[prng_below(&history->prng, MESSAGES)];
    history->ms += prng_below(&history->prng, 3);
    switch (prng_below(&history->prng, 10)) {
    case 0:
    case 1:
        do_put(history, id, NULL, prng_below(&history->prng, 3) == 0);
        break;
    case 2:
    case 3:
        /* A context carries no horizon; the object that it was read from does. */
        if (history->plan.with_horizons && !history->plan.bare_contexts)
            do_merge(history, id, message);
        do_put(history, id, message, prng_below(&history->prng, 3) == 0);
        break;
    case 4:
    case 5:
        place_copy(message, &history->nodes[id].place);
        break;
    case 6:
    case 7:
        do_merge(history, id, message);
        break;
    case 8:
        do_merge(history, id, &history->nodes[prng_below(&history->prng, REPLICAS)].place);
        break;
    default:
        step_of_plan(history, id, message);
    }
}

static inline void history_open(struct history *history, uint64_t seed, struct plan plan)
{
    *history = (struct history){.plan = plan, .ms = 1000};
    prng_init(&history->prng, seed);
    for (uint32_t i = 0; i < REPLICAS; i++) {
        hybrid_init(&history->nodes[i].clock, 0);
        history->nodes[i].incarnation = prng_next(&history->prng) | 1;
        place_clear(&history->nodes[i].place);
    }
    for (uint32_t i = 0; i < MESSAGES; i++)
        place_clear(&history->messages[i]);
}

/* Runs until something is broken; `steps` at most. */
static inline void history_run(struct history *history, uint32_t steps)
{
    for (uint32_t i = 0; i < steps && history->broken == NULL; i++)
        history_step(history);
}

static inline void history_close(struct history *history)
{
    for (uint32_t i = 0; i < REPLICAS; i++)
        free(history->nodes[i].place.record);
    for (uint32_t i = 0; i < MESSAGES; i++)
        free(history->messages[i].record);
}

#endif
