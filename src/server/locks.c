#include "server/locks.h"

#include "base/check.h"

#include <pthread.h>

_Static_assert(sizeof(pthread_mutex_t) <= LOCK_SPACE, "a mutex must fit into struct lock");
_Static_assert(_Alignof(pthread_mutex_t) <= 8, "struct lock must be aligned for a mutex");

static pthread_mutex_t *mutex_of(struct lock *lock)
{
    return (pthread_mutex_t *)(void *)lock->space;
}

/* Adaptive: what stripes protect takes well under a microsecond, so waiting briefly is cheaper than sleeping. */
static void mutex_init(struct lock *lock)
{
    pthread_mutexattr_t attributes;
    CHECK(pthread_mutexattr_init(&attributes) == 0);
    CHECK(pthread_mutexattr_settype(&attributes, PTHREAD_MUTEX_ADAPTIVE_NP) == 0);
    CHECK(pthread_mutex_init(mutex_of(lock), &attributes) == 0);
    pthread_mutexattr_destroy(&attributes);
}

static void mutex_take(struct lock *lock)
{
    CHECK(pthread_mutex_lock(mutex_of(lock)) == 0);
}

static void mutex_give(struct lock *lock)
{
    CHECK(pthread_mutex_unlock(mutex_of(lock)) == 0);
}

static void mutex_close(struct lock *lock)
{
    CHECK(pthread_mutex_destroy(mutex_of(lock)) == 0);
}

const struct lock_ops lock_mutex = {
    .init = mutex_init,
    .take = mutex_take,
    .give = mutex_give,
    .close = mutex_close,
};
