#include "storage/lmdb/readers.h"

#include "base/check.h"

#include <stdlib.h>

void readers_init(struct readers *readers, unsigned count)
{
    readers->all = aligned_alloc(_Alignof(struct reader), count * sizeof(struct reader));
    CHECK_MEMORY(readers->all);
    readers->count = count;
    for (unsigned i = 0; i < count; i++) {
        readers->all[i].txn = NULL;
        CHECK(pthread_mutex_init(&readers->all[i].lock, NULL) == 0);
    }
}

void readers_close(struct readers *readers)
{
    readers_lock_all(readers);
    readers_unlock_all(readers);
    for (unsigned i = 0; i < readers->count; i++)
        pthread_mutex_destroy(&readers->all[i].lock);
    free(readers->all);
    *readers = (struct readers){0};
}

int readers_begin(struct readers *readers, unsigned reader, MDB_env *const *env, MDB_txn **txn)
{
    struct reader *self = &readers->all[reader];
    pthread_mutex_lock(&self->lock);
    int code = MDB_PANIC;
    if (*env != NULL && self->txn != NULL)
        code = mdb_txn_renew(self->txn);
    else if (*env != NULL)
        code = mdb_txn_begin(*env, NULL, MDB_RDONLY, &self->txn);
    *txn = code == 0 ? self->txn : NULL;
    return code;
}

void readers_end(struct readers *readers, unsigned reader)
{
    struct reader *self = &readers->all[reader];
    if (self->txn != NULL)
        mdb_txn_reset(self->txn);
    pthread_mutex_unlock(&self->lock);
}

void readers_lock_all(struct readers *readers)
{
    for (unsigned i = 0; i < readers->count; i++) {
        pthread_mutex_lock(&readers->all[i].lock);
        if (readers->all[i].txn != NULL)
            mdb_txn_abort(readers->all[i].txn);
        readers->all[i].txn = NULL;
    }
}

void readers_unlock_all(struct readers *readers)
{
    for (unsigned i = 0; i < readers->count; i++)
        pthread_mutex_unlock(&readers->all[i].lock);
}
