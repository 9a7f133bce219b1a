#include "replica/replica.h"

#include "replica/standing.h"

void replica_init(struct replica *replica, uint32_t node, uint64_t incarnation, hybrid_time newest)
{
    *replica = (struct replica){.node = node, .incarnation = incarnation, .is_alone = true};
    atomic_flag_clear(&replica->flush_guard);
    hybrid_init(&replica->clock, newest);
}

void replica_set_alone(struct replica *replica, bool is_alone)
{
    atomic_store(&replica->is_alone, is_alone);
}

bool replica_is_alone(const struct replica *replica)
{
    return atomic_load_explicit(&replica->is_alone, memory_order_acquire);
}

struct replica_present replica_present_at(struct replica *replica, struct instant now)
{
    struct replica_present present = {
        .now_ms = hybrid_now_ms(&replica->clock, now),
        .flushed = atomic_load_explicit(&replica->flushed, memory_order_acquire),
    };
    hybrid_time pending = atomic_load_explicit(&replica->flush_pending, memory_order_acquire);
    if (pending > present.flushed && hybrid_ms(pending) <= present.now_ms)
        present.flushed = pending;
    return present;
}

enum replica_sight replica_sight_of(const struct version *version, const struct replica_present *present)
{
    if (version->kind == VERSION_TOMBSTONE)
        return version->expiry_ms != 0 ? SIGHT_EXPIRED : SIGHT_DELETED;
    if (version_is_expired(version, present->now_ms))
        return SIGHT_EXPIRED;
    if (version->time <= present->flushed)
        return SIGHT_FLUSHED;
    return SIGHT_VISIBLE;
}

const struct version *replica_shown(const struct object *object, const struct replica_present *present)
{
    const struct version *newest = object_newest(object);
    return newest != NULL && replica_sight_of(newest, present) == SIGHT_VISIBLE ? newest : NULL;
}

hybrid_time replica_horizon(const struct replica *replica, const struct replica_present *present, uint16_t partition)
{
    if (!replica_is_alone(replica))
        return replica->standing == NULL ? 0 : standing_horizon(replica->standing, partition);
    return present->now_ms <= replica->grace_ms ? 0 : hybrid_of_ms(present->now_ms - replica->grace_ms);
}

uint32_t replica_pairs_kept(const struct replica *replica)
{
    return replica_is_alone(replica) ? REPLICA_PAIRS_KEPT_ALONE : REPLICA_PAIRS_KEPT;
}

/* Has nobody been shown this version since the horizon, as everyone knows who has a copy? Its expiry counts only if it
 * was set by then: another replica may know of a later one that lets it live on. */
static bool is_dead_since(const struct version *version, const struct replica_present *present, hybrid_time horizon)
{
    if (version->time > horizon || version->expiry_stamp > horizon)
        return false;
    switch (replica_sight_of(version, present)) {
    case SIGHT_VISIBLE:
        return false;
    case SIGHT_EXPIRED:
        /* Bytes are dropped only past the horizon, also those of a flushed version that would have expired later. */
        return version->kind == VERSION_TOMBSTONE || version->expiry_ms <= hybrid_ms(horizon);
    case SIGHT_DELETED:
        return true;
    case SIGHT_FLUSHED:
        return present->flushed <= horizon;
    }
    return false;
}

bool replica_is_freeable(const struct object *object, const struct replica_present *present, hybrid_time horizon)
{
    for (uint32_t i = 0; i < object->live_count; i++) {
        if (!is_dead_since(&object->live[i], present, horizon))
            return false;
    }
    for (uint32_t i = 0; i < object->context.count; i++) {
        if (object->context.pairs[i].time > horizon)
            return false; /* covers what could still come back */
    }
    return true;
}

bool replica_drop_expired_bytes(struct object *object, const struct replica_present *present, hybrid_time horizon)
{
    bool any = false;
    for (uint32_t i = 0; i < object->live_count; i++) {
        struct version *version = &object->live[i];
        if (version->kind == VERSION_VALUE && is_dead_since(version, present, horizon)) {
            version->kind = VERSION_TOMBSTONE;
            version->value = bytes_of(NULL, 0);
            any = true;
        }
    }
    return any;
}

static void raise(_Atomic hybrid_time *reg, hybrid_time to)
{
    hybrid_time seen = atomic_load_explicit(reg, memory_order_relaxed);
    while (seen < to && !atomic_compare_exchange_weak(reg, &seen, to)) {
    }
}

void replica_flush(struct replica *replica, hybrid_time flushed, hybrid_time pending, hybrid_time issued)
{
    raise(&replica->flushed, flushed);
    while (atomic_flag_test_and_set_explicit(&replica->flush_guard, memory_order_acquire)) {
    }
    hybrid_time present = atomic_load_explicit(&replica->flush_pending, memory_order_relaxed);
    if (issued > replica->flush_issued || (issued == replica->flush_issued && pending > present)) {
        replica->flush_issued = issued;
        atomic_store_explicit(&replica->flush_pending, pending, memory_order_release);
    }
    atomic_flag_clear_explicit(&replica->flush_guard, memory_order_release);
}

void replica_flush_registers(struct replica *replica, hybrid_time *flushed, hybrid_time *pending, hybrid_time *issued)
{
    while (atomic_flag_test_and_set_explicit(&replica->flush_guard, memory_order_acquire)) {
    }
    *flushed = atomic_load_explicit(&replica->flushed, memory_order_acquire);
    *pending = atomic_load_explicit(&replica->flush_pending, memory_order_relaxed);
    *issued = replica->flush_issued;
    atomic_flag_clear_explicit(&replica->flush_guard, memory_order_release);
}

void replica_observe(struct replica *replica, hybrid_time seen, struct instant now)
{
    hybrid_time last = atomic_load_explicit(&replica->clock.last, memory_order_relaxed);
    if (seen > last && hybrid_ms(seen) <= hybrid_now_ms(&replica->clock, now) + REPLICA_AHEAD_MS_MAX)
        hybrid_observe(&replica->clock, seen);
}

void replica_observe_object(struct replica *replica, const struct object *object, struct instant now)
{
    for (uint32_t i = 0; i < object->live_count; i++) {
        replica_observe(replica, object->live[i].time, now);
        replica_observe(replica, object->live[i].expiry_stamp, now);
    }
}

void replica_forget_births(struct replica *replica)
{
    raise(&replica->birth_floor, atomic_load_explicit(&replica->births, memory_order_relaxed));
}

void replica_note_returned(struct replica *replica, const struct context *held, const struct context *incoming)
{
    const struct pair *last = context_last_birth(incoming, replica->node, replica->incarnation);
    if (last != NULL && context_counter(held, &last->actor) < last->counter)
        raise(&replica->birth_floor, last->actor.birth);
}

struct version replica_fresh_version(struct replica *replica, const struct object *object, struct instant now)
{
    struct version fresh = {.time = hybrid_next(&replica->clock, now)};

    /* A birth is drawn only when the record holds no pair of this incarnation above the floor: until that is known, any
     * number above the floor does. */
    bool birth_used;
    uint64_t floor = atomic_load_explicit(&replica->birth_floor, memory_order_relaxed);
    fresh.dot = object_next_dot_above(object, floor, replica->node, replica->incarnation, floor + 1, &birth_used);
    if (birth_used)
        fresh.dot.actor.birth = atomic_fetch_add_explicit(&replica->births, 1, memory_order_relaxed) + 1;

    /* A stored time far ahead of the clock is kept as data and not merged into the clock, but a write that covers it
     * must come after it all the same [R2]. */
    const struct version *newest = object_newest(object);
    if (newest != NULL && fresh.time <= newest->time)
        fresh.time = newest->time + 1;
    fresh.expiry_stamp = fresh.time;
    return fresh;
}
