/* The data directory: made, locked against a second process, and known by its identity file. */
#ifndef SERVER_DATA_DIR_H
#define SERVER_DATA_DIR_H

#include "ring/ring.h"
#include "server/logger.h"

#include <stdbool.h>
#include <stdint.h>

enum { DATA_FORMAT = 1 }; /* of the directory; a later one is refused */

struct data_dir {
    char *path;
    int lock; /* the descriptor that holds the lock; -1 when closed */
    /* From the identity file. */
    char node[RING_NAME_MAX + 1];
    uint32_t partitions;
    bool fresh; /* the directory had been empty: this start has made the identity */
};

struct data_dir_wish {
    const char *path;
    const char *node; /* NULL: as recorded, else node_default */
    const char *node_default;
    uint32_t partitions; /* 0: as recorded, else the default */
};

/* Makes the directory (0700) when it is missing, locks it, reads or writes the identity. false after an error that has
 * been logged: unreadable, read-only, of another program, of a later release, of another node, in use. */
bool data_dir_open(struct data_dir *dir, const struct data_dir_wish *wish, struct logger *log);

/* A directory within it, made when it is missing; its path is written to `path`, of `room` bytes. false (logged) when
 * it cannot be made. */
bool data_dir_make(const struct data_dir *dir, const char *name, char *path, size_t room, struct logger *log);

/* Makes what has been created in the directory, and the directory itself, survive a loss of power: a synced file whose
 * name was never synced is lost all the same. false (logged) when the disk fails. */
bool data_dir_sync(const struct data_dir *dir, struct logger *log);

/* Is it still where it was? Somebody may have deleted it under this process, which then works on files that nobody will
 * find again. */
bool data_dir_is_there(const struct data_dir *dir);

/* Gives the lock back. May be called twice, and on a zero-initialised structure. */
void data_dir_close(struct data_dir *dir);

#endif
