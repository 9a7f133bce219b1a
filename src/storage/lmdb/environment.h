/* An open LMDB environment with its tables, and what LMDB's error codes mean to us. */
#ifndef STORAGE_LMDB_ENVIRONMENT_H
#define STORAGE_LMDB_ENVIRONMENT_H

#include "storage/lmdb/lmdb_engine.h"

#include <lmdb.h>
#include <stdint.h>

struct environment {
    MDB_env *env; /* NULL: closed */
    MDB_dbi data, meta;
    size_t page_bytes;
    uintptr_t map; /* where the file's first byte is in memory; 0: not known */
};

/* As lmdb_engine_open. */
enum lmdb_open_status environment_open(struct environment *environment, const struct lmdb_options *options,
                                       char *error);
/* May be called twice. No transaction is open. */
void environment_close(struct environment *environment);

/* Does a key or value that LMDB has found lie within the file? A damaged length reaches beyond its end, where reading
 * would end the process. Call it before the bytes are touched. */
bool environment_contains(const struct environment *environment, const MDB_val *found);

/* Has a write of the meta page failed? Then nothing works until the environment has been reopened. */
bool environment_is_panicked(const struct environment *environment);

/* How full it is. Walks the list of free pages when the file has grown to the reserve; bounded. */
void environment_usage(const struct environment *environment, uint64_t reserve_bytes, struct engine_usage *out);

/* What a failed write means. A full disk often shows as EIO (a short write), so the file system is asked: with less
 * than `needed` bytes free it is ENGINE_FULL. */
enum engine_status environment_status(const struct environment *environment, int code, uint64_t needed);

#endif
