/* The store's mutual exclusion over POSIX mutexes. */
#ifndef SERVER_LOCKS_H
#define SERVER_LOCKS_H

#include "storage/lock.h"

extern const struct lock_ops lock_mutex;

#endif
