/* One file of the log: a header, then records one after another.
 *
 *    0  magic       8 bytes
 *    8  generation  8 bytes, big-endian: no two uses of a segment have the same, later uses have higher ones
 *   16  checksum    8 bytes, fingerprint of bytes 0 .. 15
 *   24  zeros up to SEGMENT_HEADER
 *
 * Where the last record ends stands a record header of zeros, so that an end can be told from a torn record. */
#ifndef STORAGE_SEGMENT_H
#define STORAGE_SEGMENT_H

#include "base/list.h"
#include "storage/disk.h"
#include "storage/log_record.h"

enum { SEGMENT_HEADER = 64, SEGMENT_OWNER_NONE = -1 };

struct segment {
    struct list link; /* of the log set: spare or sealed */
    struct disk_file *file;
    char name[DISK_NAME_MAX + 1];
    uint64_t generation;
    uint64_t used;   /* where the next record goes */
    uint64_t synced; /* up to here it survives a loss of power */
    int owner;       /* the loop whose log it was last part of */
    unsigned pins;   /* the sync thread has it in hand: do not close */
    bool broken;     /* a sync failed: what it holds is safe only after a checkpoint */
    bool doubtful;   /* a failed append may have left a whole record behind `used` */
};

/* A new file, or an existing one. NULL with *status when the disk refuses. */
struct segment *segment_create(struct disk *disk, const char *name, uint64_t size, enum disk_status *status);
struct segment *segment_open(struct disk *disk, const char *name, enum disk_status *status);
/* Closes the file and frees. The file stays. */
void segment_close(struct disk *disk, struct segment *segment);

/* The generation in the header, 0 without a valid one. */
enum disk_status segment_read_generation(struct disk *disk, struct segment *segment);

/* Begins a new use of the segment, empty. */
enum disk_status segment_begin(struct disk *disk, struct segment *segment, uint64_t generation, int owner);

/* Bytes that records can take in a segment of this size. */
static inline uint64_t segment_capacity(uint64_t size)
{
    return size <= SEGMENT_HEADER ? 0 : size - SEGMENT_HEADER;
}

static inline uint64_t segment_left(const struct segment *segment)
{
    return segment->file->size - segment->used;
}

/* Appends a record that fits. Complete when it returns DISK_OK. Else replay must not meet it: its dot will be given to
 * another value. The segment is as before, or doubtful until segment_void succeeds. */
enum disk_status segment_append(struct disk *disk, struct segment *segment, const struct log_record *record);

/* Makes sure that nothing is behind the last record. */
enum disk_status segment_void(struct disk *disk, struct segment *segment);

/* Reads the records of a segment in their order. */
struct segment_reader {
    struct disk *disk;
    struct segment *segment;
    uint64_t at;
    uint8_t *buffer; /* without a map: the current record */
    uint64_t buffer_size;
};

enum segment_read { SEGMENT_RECORD, SEGMENT_END, SEGMENT_TORN, SEGMENT_DAMAGED, SEGMENT_TOO_NEW, SEGMENT_IO };

/* Begins at the first record; the segment stays the caller's. */
void segment_reader_init(struct segment_reader *reader, struct disk *disk, struct segment *segment);
/* Gives back the reader's memory. */
void segment_reader_close(struct segment_reader *reader);
/* SEGMENT_RECORD: *out is the next record, valid until the next call. Anything else is the end of what can be read. */
enum segment_read segment_read_next(struct segment_reader *reader, struct log_record *out);

/* After SEGMENT_END or SEGMENT_TORN: is there a record of the same generation further on, within SEGMENT_SEARCH_BYTES?
 * Then this is no end, but damage. What is there is only a sign: values may look like anything, so it is not replayed.
 */
enum { SEGMENT_SEARCH_BYTES = 4 << 20 };
bool segment_goes_on(struct segment_reader *reader);

#endif
