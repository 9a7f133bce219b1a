/* A host of a store that nobody needs to wake, for tests that do everything themselves. */
#ifndef T_STORAGE_DEAF_H
#define T_STORAGE_DEAF_H

static inline void deaf_wake_loop(void *host, unsigned loop)
{
    (void)host;
    (void)loop;
}

static inline void deaf_wake(void *host)
{
    (void)host;
}

#endif
