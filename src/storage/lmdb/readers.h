/* The read transactions of the loops. Each reader has a lock of its own, in its own cache line: taking it costs nothing
 * that readers share, and whoever takes all of them has the environment for himself. */
#ifndef STORAGE_LMDB_READERS_H
#define STORAGE_LMDB_READERS_H

#include <lmdb.h>
#include <pthread.h>

struct reader {
    _Alignas(64) pthread_mutex_t lock;
    MDB_txn *txn; /* reset between operations; NULL before the first */
};

struct readers {
    struct reader *all;
    unsigned count;
};

/* `count` readers without a transaction; each gets its own at its first read. */
void readers_init(struct readers *readers, unsigned count);
/* Ends all transactions; before the environment is closed. */
void readers_close(struct readers *readers);

/* Locks the reader and gives it a fresh snapshot; `*env` (read under the lock) NULL answers MDB_PANIC. Whatever it
 * returns, readers_end must follow. */
int readers_begin(struct readers *readers, unsigned reader, MDB_env *const *env, MDB_txn **txn);
/* Gives the snapshot back. */
void readers_end(struct readers *readers, unsigned reader);

/* Waits for all readers, ends their transactions and keeps them out. */
void readers_lock_all(struct readers *readers);
void readers_unlock_all(struct readers *readers);

#endif
