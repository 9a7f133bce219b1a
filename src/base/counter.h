/* Counters that one thread writes and any thread reads: no locked instruction is needed to add. */
#ifndef BASE_COUNTER_H
#define BASE_COUNTER_H

#include <stdatomic.h>
#include <stdint.h>

/* Adds `n` to a counter that only this thread writes. */
static inline void counter_add(_Atomic uint64_t *counter, uint64_t n)
{
    atomic_store_explicit(counter, atomic_load_explicit(counter, memory_order_relaxed) + n, memory_order_relaxed);
}

/* Adds one to a counter that only this thread writes. */
static inline void counter_increment(_Atomic uint64_t *counter)
{
    counter_add(counter, 1);
}

#endif
