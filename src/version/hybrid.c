#include "version/hybrid.h"

#include "base/check.h"

#include <stdbool.h>

enum { NS_PER_MS = 1000000 };

/* Whoever lets a later one in has not judged it, and the clock could then wrap. */
static bool is_sane(hybrid_time time)
{
    return time <= HYBRID_TIME_MAX;
}

/* Relaxed order suffices everywhere: each promise is about one atomic number, which only ever rises. */
static void raise_to(_Atomic uint64_t *number, uint64_t least)
{
    uint64_t old = atomic_load_explicit(number, memory_order_relaxed);
    while (old < least
           && !atomic_compare_exchange_weak_explicit(number, &old, least, memory_order_relaxed, memory_order_relaxed))
        ;
}

/* Wall time as the largest distance between the two clocks gives it: a wall clock that is set back is
 * ignored, one that is set forward (or was wrong at the start and is now right) is followed. */
static hybrid_time present(struct hybrid_clock *clock, struct instant now)
{
    uint64_t mono_ms = now.mono_ns / NS_PER_MS;
    uint64_t base_ms = now.wall_ms > mono_ms ? now.wall_ms - mono_ms : 0;
    uint64_t known_ms = atomic_load_explicit(&clock->base_ms, memory_order_relaxed);
    if (base_ms > known_ms)
        raise_to(&clock->base_ms, base_ms);
    else
        base_ms = known_ms;
    return hybrid_of_ms(base_ms + mono_ms);
}

void hybrid_init(struct hybrid_clock *clock, hybrid_time start)
{
    CHECK(is_sane(start));
    atomic_init(&clock->last, start);
    atomic_init(&clock->base_ms, 0);
}

hybrid_time hybrid_next(struct hybrid_clock *clock, struct instant now)
{
    hybrid_time least = present(clock, now);
    hybrid_time last = atomic_load_explicit(&clock->last, memory_order_relaxed);
    hybrid_time next;
    do {
        /* When the logical counter is used up, the sum carries into the milliseconds. */
        next = last < least ? least : last + 1;
    } while (
        !atomic_compare_exchange_weak_explicit(&clock->last, &last, next, memory_order_relaxed, memory_order_relaxed));
    return next;
}

uint64_t hybrid_now_ms(struct hybrid_clock *clock, struct instant now)
{
    hybrid_time least = present(clock, now);
    hybrid_time last = atomic_load_explicit(&clock->last, memory_order_relaxed);
    if (least <= last)
        return hybrid_ms(last);
    /* What has been called the present must not become the future again, not for a thread whose instant
     * is older either. This writes at most once a millisecond. */
    raise_to(&clock->last, least);
    return hybrid_ms(least);
}

void hybrid_observe(struct hybrid_clock *clock, hybrid_time seen)
{
    CHECK(is_sane(seen));
    raise_to(&clock->last, seen);
}
