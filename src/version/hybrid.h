/* Hybrid logical time: wall milliseconds and a logical counter in one number, Dynamo 4.4 with [R2].
 *
 * All loops of a process share one clock. It never goes back and never issues a time twice; it follows
 * the monotonic clock, so a wall clock that is set back neither revives an expired value nor lets a
 * later write lose against an earlier one. Times seen from others push it ahead. */
#ifndef VERSION_HYBRID_H
#define VERSION_HYBRID_H

#include "base/instant.h"

#include <stdatomic.h>
#include <stdint.h>

/* (milliseconds since 1970) << 16 | logical counter. 0 is before everything. */
typedef uint64_t hybrid_time;

enum { HYBRID_LOGICAL_BITS = 16 };

/* Later ones lie thousands of years ahead: no clock gives them, and above the last one there would be no later time. */
#define HYBRID_TIME_MAX (UINT64_MAX >> 1)

static inline hybrid_time hybrid_of_ms(uint64_t wall_ms)
{
    return wall_ms << HYBRID_LOGICAL_BITS;
}

static inline uint64_t hybrid_ms(hybrid_time time)
{
    return time >> HYBRID_LOGICAL_BITS;
}

struct hybrid_clock {
    _Atomic hybrid_time last; /* the highest time issued or seen */
    _Atomic uint64_t base_ms; /* wall_ms - mono_ms, the largest seen so far */
};

/* `start`: the highest time known from the data directory, 0 for none. */
void hybrid_init(struct hybrid_clock *clock, hybrid_time start);

/* A new time, above every time issued or observed before. For writes. Any thread. */
hybrid_time hybrid_next(struct hybrid_clock *clock, struct instant now);

/* The present in milliseconds, for judging expiry; issues nothing. Never goes back. Any thread. */
uint64_t hybrid_now_ms(struct hybrid_clock *clock, struct instant now);

/* Another node's or the log's time: later times will be above it. The caller has judged that it is
 * not absurdly far ahead. Any thread. */
void hybrid_observe(struct hybrid_clock *clock, hybrid_time seen);

#endif
