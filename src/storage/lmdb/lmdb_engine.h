/* The checkpoint engine over LMDB (Dynamo 5, [R15]): one environment in a directory, tables `data` and `meta`.
 *
 * Every commit is synced (neither MDB_NOSYNC nor MDB_WRITEMAP). Each reader has a transaction of its own that is
 * renewed and reset for every operation, because a snapshot that stays open makes the file grow for good. The
 * environment is closed and opened again when LMDB reports MDB_PANIC; readers are kept out meanwhile. */
#ifndef STORAGE_LMDB_LMDB_ENGINE_H
#define STORAGE_LMDB_LMDB_ENGINE_H

#include "storage/engine.h"

#include <stddef.h>
#include <stdint.h>

enum {
    LMDB_FORMAT = 2, /* of the tables' layout; a directory with a later one is refused, an earlier one becomes this: a
                      * program that knows only 1 would leave the hash tree in `meta` as it is and change the records */
    LMDB_TABLES_MAX = 8,       /* named tables an environment may hold: data, meta and those of later releases */
    LMDB_SNAPSHOT_MS_MAX = 10, /* a scan renews its snapshot after this time */
    LMDB_ERROR_MAX = 512       /* bytes of an error text */
};

struct lmdb_options {
    const char *directory;  /* must exist; data.mdb and lock.mdb are made in it */
    uint64_t map_bytes;     /* the largest size of data.mdb; rounded down to pages */
    uint64_t reserve_bytes; /* kept back for deletes and sweeps: see engine_usage.nearly_full */
    unsigned readers;       /* numbers 0 .. readers - 1 may be used for read and scan */
    /* Something an operator should know, a whole sentence; any thread; may be NULL. */
    void (*report)(void *host, const char *text);
    void *host;
};

enum lmdb_open_status {
    LMDB_OPEN_OK,
    LMDB_OPEN_FOREIGN, /* data.mdb is not LMDB's or has not been made by this program */
    LMDB_OPEN_NEWER,   /* made by a later release */
    LMDB_OPEN_FAILED   /* the system refused */
};

/* Opens or creates. On anything but LMDB_OPEN_OK `error` (LMDB_ERROR_MAX bytes) says what, where and what to do. The
 * caller has made sure that no other process uses the directory: LMDB would let it in. Closed with ops->close. */
enum lmdb_open_status lmdb_engine_open(struct engine **engine, const struct lmdb_options *options, char *error);

#endif
