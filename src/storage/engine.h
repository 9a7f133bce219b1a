/* What keeps checkpointed records: the pluggable local engine of Dynamo 5.
 *
 * The store in front of it buffers, logs and orders; an engine only reads one record, writes bounded
 * batches and scans. storage/lmdb implements it over LMDB, tests and the simulator over memory. */
#ifndef STORAGE_ENGINE_H
#define STORAGE_ENGINE_H

#include "base/blob.h"
#include "base/bytes.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum engine_status {
    ENGINE_OK,
    ENGINE_ABSENT, /* no such record */
    ENGINE_FULL,   /* the map or the disk is full: nothing of the batch has been kept */
    ENGINE_IO,     /* the disk failed; the batch is not kept; a later batch may succeed */
    ENGINE_MEMORY  /* no memory for a copy of the record */
};

/* A record met by a scan; key with its partition prefix, both valid only during the call. Return false to stop. */
typedef bool engine_visit(void *context, struct bytes key, struct bytes record);

struct engine_usage {
    uint64_t bytes_used, bytes_max; /* of the map */
    uint64_t bytes_reserved;        /* of bytes_max, kept back for deletes and sweeps */
    uint64_t file_bytes;            /* of the data file on disk */
    uint64_t records;
    bool nearly_full; /* only the reserve is left: deletes and sweeps may go on, sets may not */
};

struct engine;

/* A reader for the storage thread, and for whoever is alone with the engine, beside those of the loops. */
enum { ENGINE_READER_STORAGE = 0xffff };

/* Keys are the partition (2 bytes, big-endian) followed by the client's key, so that a partition is one range. */
struct engine_ops {
    /* Copies a record out of a fresh snapshot into a new blob that the caller releases. `reader` is the
     * number of the calling loop (each has its own snapshot handle) or ENGINE_READER_STORAGE; one thread per reader at
     * a time. */
    enum engine_status (*read)(struct engine *, unsigned reader, struct bytes key, struct blob **record);

    /* One batch at a time, all by the storage thread: begin, any number of put and erase, then commit or abort.
     * After any status but ENGINE_OK the batch is over as by abort. A committed batch is on disk, synced. */
    enum engine_status (*begin)(struct engine *);
    enum engine_status (*put)(struct engine *, struct bytes key, struct bytes record);
    enum engine_status (*erase)(struct engine *, struct bytes key); /* absent is OK */
    enum engine_status (*put_meta)(struct engine *, const char *name, struct bytes value);
    enum engine_status (*commit)(struct engine *);
    void (*abort)(struct engine *);

    /* A named value of the meta table (format version, node identity, log floor, clock ...); as read. */
    enum engine_status (*read_meta)(struct engine *, const char *name, struct blob **value);

    /* Visits up to `max` records in key order, beginning with the first key after `after` (empty: the first of all),
     * out of one snapshot that is given back before return. *visited says how many. */
    enum engine_status (*scan)(struct engine *, unsigned reader, struct bytes after, size_t max, engine_visit *visit,
                               void *context, size_t *visited);

    void (*usage)(struct engine *, struct engine_usage *out); /* any thread */
    void (*close)(struct engine *);
};

struct engine {
    const struct engine_ops *ops;
};

#endif
