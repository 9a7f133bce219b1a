/* One database of the data directory: engine, log and the store over both. There are two, the node's data and, where
 * there are other nodes, the hints that are kept for them (Dynamo 4.6: "a separate local database"). */
#ifndef SERVER_DATABASE_H
#define SERVER_DATABASE_H

#include "server/disk_files.h"
#include "server/logger.h"
#include "storage/store.h"

#include <stdbool.h>
#include <stdint.h>

enum {
    HINT_SEGMENT_BYTES = 4 << 20, /* of the hints' log: few nodes keep many, and then not for long */
    HINT_MEMORY_BYTES = 16 << 20  /* hints in memory; the others are read from the disk when they are handed over */
};

struct database {
    struct disk *disk;
    struct engine *engine; /* NULL: a volatile one */
    struct store *store;
    struct store_recovery recovery; /* what opening it has found */
};

struct database_options {
    const char *directory; /* exists; NULL: volatile */
    uint64_t map_bytes, reserve_bytes;
    enum log_write log_write;
    struct store_limits limits;
    struct store_ports ports; /* disk and engine are filled in; report is the engine's too */
    unsigned loops;
    struct logger *log;
};

/* Opens it and replays its log. false after an error that has been logged; close it all the same. */
bool database_open(struct database *database, const struct database_options *options);
/* Checkpoints and frees; `newest`: the hybrid clock. May be called on a zero-initialised structure. The keeper rings
 * until the store is closed. */
void database_close(struct database *database, hybrid_time newest);

/* The hints' limits. */
struct store_limits database_hint_limits(void);

#endif
