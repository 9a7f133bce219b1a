/* Mutual exclusion as a port: the pure store says where it needs it, the server brings the mutexes, the
 * simulator (one thread) brings none. */
#ifndef STORAGE_LOCK_H
#define STORAGE_LOCK_H

#include <stdint.h>

enum { LOCK_SPACE = 48 }; /* bytes; the server asserts that its mutex fits */

/* Embedded where it protects something, so that taking it touches no other cache line. */
struct lock {
    _Alignas(8) uint8_t space[LOCK_SPACE];
};

struct lock_ops {
    void (*init)(struct lock *);
    void (*take)(struct lock *);
    void (*give)(struct lock *);
    void (*close)(struct lock *);
};

/* For one thread: does nothing. */
extern const struct lock_ops lock_none;

#endif
