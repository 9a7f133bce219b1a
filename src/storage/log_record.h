/* One record of the log: an update that is to survive the process.
 *
 *    0  checksum   8 bytes, fingerprint of bytes 8 .. 23, the key and the first 8 bytes of the record, seeded with
 *                  the segment's generation
 *    8  length     4 bytes, of header, key and record
 *   12  partition  2 bytes
 *   14  key length 2 bytes
 *   16  sequence   8 bytes, store-wide
 *   24  key, then the encoded object; without one the update erased the record
 *
 * Numbers are big-endian, records begin at multiples of 8. The first 8 bytes of an encoded object are the checksum
 * of the rest of it (version/record.h), so both checksums together cover every byte and none is hashed twice. A
 * segment that is used again needs no zeroing: what an earlier generation wrote never has the right checksum. */
#ifndef STORAGE_LOG_RECORD_H
#define STORAGE_LOG_RECORD_H

#include "base/bytes.h"
#include "storage/store.h"

#include <stdbool.h>
#include <stdint.h>

enum { LOG_RECORD_HEADER = 24, LOG_KEY_MAX = STORE_KEY_MAX };

struct log_record {
    uint64_t sequence;
    uint16_t partition;
    struct bytes key;
    struct bytes record; /* empty: erased */
};

/* The longest object that fits a length field. */
#define LOG_OBJECT_MAX ((uint64_t)UINT32_MAX - LOG_RECORD_HEADER - LOG_KEY_MAX)

/* Bytes in the log, padding included. */
static inline uint64_t log_record_size(size_t key_len, size_t record_len)
{
    return ((uint64_t)LOG_RECORD_HEADER + key_len + record_len + 7) & ~(uint64_t)7;
}

/* Writes log_record_size bytes (padding is left as it is) at `at`, the checksum last: a process that is killed in
 * between leaves something that is not a record. */
void log_record_write(const struct log_record *record, uint64_t generation, uint8_t *at);

enum log_record_status {
    LOG_RECORD_OK,
    LOG_RECORD_NONE,    /* a header of zeros: nothing was written here */
    LOG_RECORD_TORN,    /* not a complete record of this generation */
    LOG_RECORD_DAMAGED, /* of this generation, its key and length are right, its object is not: *out tells all but that
                         */
    LOG_RECORD_TOO_NEW  /* complete, but the object's format is a later program's */
};

/* Bytes of the record that begins with this header of LOG_RECORD_HEADER bytes, padding included; 0 when it cannot
 * begin one. */
uint64_t log_record_peek(const uint8_t *header);

/* Reads the record at the beginning of `data`. Slices of *out point into it. */
enum log_record_status log_record_read(struct bytes data, uint64_t generation, struct log_record *out);

#endif
