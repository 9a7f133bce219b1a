/* Users and passwords of -Y and -S, in memcached's format: one user:password a line. */
#ifndef SERVER_AUTH_H
#define SERVER_AUTH_H

#include "base/bytes.h"
#include "server/logger.h"

#include <pthread.h>
#include <stdbool.h>

enum {
    AUTH_NAME_MAX = 128,    /* bytes of a user's name or of a password */
    AUTH_ENTRIES_MAX = 1024 /* lines of the file */
};

struct auth_entry;

struct auth {
    pthread_rwlock_t lock; /* a reload replaces the entries */
    struct auth_entry *entries;
    unsigned count;
};

/* Nobody is known yet. */
void auth_init(struct auth *auth);
/* Wipes and frees what was read. */
void auth_close(struct auth *auth);

/* Reads the file. false after an error that has been logged (with file and line); the old entries then stay. */
bool auth_load(struct auth *auth, const char *path, struct logger *log);

/* Any thread. Takes the same time for every user, known or not, so that nobody learns names by measuring. */
bool auth_verify(struct auth *auth, struct bytes user, struct bytes password);

#endif
