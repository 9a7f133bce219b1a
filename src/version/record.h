/* The stored form of an object: one byte string with format version and checksum, the same in the buffer,
 * in the log, in LMDB and later on the wire.
 *
 *   checksum   8 bytes, fingerprint of all that follows
 *   format     1 byte, RECORD_FORMAT; records of format 1 are read too
 *   ...        contexts and versions; an object of one version whose context is just that version's dot
 *              (nearly all objects) has a short form with at most 64 bytes beyond key and value
 *
 * docs/record.md gives the layout byte by byte. */
#ifndef VERSION_RECORD_H
#define VERSION_RECORD_H

#include "base/arena.h"
#include "base/bytes.h"
#include "version/object.h"

#include <stdbool.h>
#include <stddef.h>

enum {
    RECORD_FORMAT = 2,
    RECORD_OVERHEAD_MAX = 64,   /* of the short form, beyond its value; docs/record.md says for which numbers */
    RECORD_REQUEST_MAX = 14,    /* and beyond that, of a version with a second name */
    RECORD_VERSIONS_MAX = 4096, /* live versions in one record */
    RECORD_PAIRS_MAX = 65536    /* pairs in one context */
};

enum record_status {
    RECORD_OK,
    RECORD_CORRUPT, /* checksum or structure is wrong: report, never serve */
    RECORD_TOO_NEW  /* a later format version: this program is too old for the data */
};

/* Has it no more versions and pairs than a record takes? A merge may have: each side was within the limits. */
static inline bool record_fits(const struct object *object)
{
    return object->live_count <= RECORD_VERSIONS_MAX && object->context.count <= RECORD_PAIRS_MAX;
}

/* Bytes that record_encode will write. The object must be canonical (sorted as object.h says) and within
 * the limits above. */
size_t record_size(const struct object *object);

/* Writes exactly record_size(object) bytes at `at`. */
void record_encode(const struct object *object, uint8_t *at);

/* Is the checksum right? Done once when a record comes from disk or wire; records in memory are trusted. */
enum record_status record_verify(struct bytes record);

/* Decodes a record; every length is checked, also when record_verify has not been called. Arrays come from
 * the arena, values point into `record`. */
enum record_status record_decode(struct bytes record, struct object *out, struct arena *arena);

/* The newest live version alone, without an arena: the fast path of a read. *live_count is the number of
 * live versions; *newest is undefined when that is 0. Values point into `record`. */
enum record_status record_newest(struct bytes record, struct version *newest, uint32_t *live_count);

/* A static text for people. */
const char *record_status_text(enum record_status status);

#endif
