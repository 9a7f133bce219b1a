/* Timers of the rounds on a wheel of about a millisecond a slot: setting and clearing one costs a few instructions,
 * however many there are, for nearly all of them are cleared before they are due. Within the room. */
#ifndef COORDINATOR_WHEEL_H
#define COORDINATOR_WHEEL_H

#include "base/list.h"

#include <stdint.h>

enum {
    WHEEL_SLOTS = 1024,
    WHEEL_TICK_BITS = 20 /* a tick is 2^20 ns */
};

/* Embedded in what it wakes; zero-initialised it is not set. */
struct timer {
    struct list link;
    uint64_t tick; /* due when this tick begins; 0: not set */
};

struct wheel {
    uint64_t tick;  /* every timer due before it has been taken */
    unsigned count; /* timers that are set */
    uint64_t occupied[WHEEL_SLOTS / 64];
    struct list slots[WHEEL_SLOTS];
};

/* No timer is set. */
void wheel_init(struct wheel *wheel);

/* Due at `due_ns` (monotonic), up to one tick later. Replaces what it was set to. */
void wheel_set(struct wheel *wheel, struct timer *timer, uint64_t now_ns, uint64_t due_ns);
void wheel_clear(struct wheel *wheel, struct timer *timer);

/* A timer that is due, cleared, or NULL. */
struct timer *wheel_next_due(struct wheel *wheel, uint64_t now_ns);

/* When wheel_next_due may have something, at the latest when it does; UINT64_MAX: no timer is set. */
uint64_t wheel_wake_at(const struct wheel *wheel);

#endif
