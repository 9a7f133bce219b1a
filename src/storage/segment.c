#include "storage/segment.h"

#include "base/check.h"
#include "base/hash.h"
#include "base/wire.h"

#include <stdlib.h>

enum { SEGMENT_MARK_LEN = 24 };

static const char SEGMENT_MAGIC[8] = {'r', 'i', 'n', 'g', 'l', 'o', 'g', '1'};

static struct segment *segment_new(const char *name)
{
    struct segment *segment = calloc(1, sizeof *segment);
    CHECK_MEMORY(segment);
    list_init(&segment->link);
    CHECK(strlen(name) <= DISK_NAME_MAX);
    memcpy(segment->name, name, strlen(name));
    segment->owner = SEGMENT_OWNER_NONE;
    return segment;
}

struct segment *segment_create(struct disk *disk, const char *name, uint64_t size, enum disk_status *status)
{
    struct segment *segment = segment_new(name);
    *status = disk->create(disk, segment->name, size, &segment->file);
    if (*status == DISK_OK)
        return segment;
    free(segment);
    return NULL;
}

struct segment *segment_open(struct disk *disk, const char *name, enum disk_status *status)
{
    struct segment *segment = segment_new(name);
    *status = disk->open(disk, segment->name, &segment->file);
    if (*status == DISK_OK)
        return segment;
    free(segment);
    return NULL;
}

void segment_close(struct disk *disk, struct segment *segment)
{
    disk->close_file(disk, segment->file);
    free(segment);
}

static void write_mark(uint8_t mark[SEGMENT_MARK_LEN], uint64_t generation)
{
    memcpy(mark, SEGMENT_MAGIC, sizeof SEGMENT_MAGIC);
    wire_write_u64(mark + 8, generation);
    wire_write_u64(mark + 16, hash_fingerprint(bytes_of(mark, 16), 0));
}

enum disk_status segment_read_generation(struct disk *disk, struct segment *segment)
{
    segment->generation = 0;
    if (segment->file->size < SEGMENT_HEADER)
        return DISK_OK;
    uint8_t mark[SEGMENT_MARK_LEN], expected[SEGMENT_MARK_LEN];
    enum disk_status status = disk->read(disk, segment->file, 0, mark, sizeof mark);
    if (status != DISK_OK)
        return status;
    struct wire_reader reader = wire_reader_of(bytes_of(mark + 8, 8));
    uint64_t generation = wire_read_u64(&reader);
    write_mark(expected, generation);
    if (memcmp(mark, expected, sizeof mark) == 0)
        segment->generation = generation;
    return DISK_OK;
}

enum disk_status segment_begin(struct disk *disk, struct segment *segment, uint64_t generation, int owner)
{
    static const uint8_t zeros[LOG_RECORD_HEADER];
    uint8_t mark[SEGMENT_MARK_LEN];
    write_mark(mark, generation);
    CHECK(segment->file->size >= SEGMENT_HEADER + LOG_RECORD_HEADER);
    enum disk_status status = disk->write(disk, segment->file, SEGMENT_HEADER, bytes_of(zeros, sizeof zeros));
    if (status == DISK_OK)
        status = disk->write(disk, segment->file, 0, bytes_of(mark, sizeof mark));
    if (status != DISK_OK)
        return status;
    segment->generation = generation;
    segment->used = SEGMENT_HEADER;
    segment->synced = 0;
    segment->owner = owner;
    return DISK_OK;
}

static size_t end_mark_len(uint64_t left)
{
    return left < LOG_RECORD_HEADER ? (size_t)left : LOG_RECORD_HEADER;
}

static enum disk_status append_unmapped(struct disk *disk, struct segment *segment, const struct log_record *record,
                                        uint64_t size)
{
    size_t end_mark = end_mark_len(segment_left(segment) - size);
    uint8_t *copy = calloc(1, size + end_mark);
    if (copy == NULL)
        return DISK_IO;
    log_record_write(record, segment->generation, copy);
    enum disk_status status = disk->write(disk, segment->file, segment->used, bytes_of(copy, size + end_mark));
    free(copy);
    return status;
}

enum disk_status segment_void(struct disk *disk, struct segment *segment)
{
    static const uint8_t zeros[LOG_RECORD_HEADER];
    enum disk_status status =
        disk->write(disk, segment->file, segment->used, bytes_of(zeros, end_mark_len(segment_left(segment))));
    if (status == DISK_OK)
        segment->doubtful = false;
    return status;
}

enum disk_status segment_append(struct disk *disk, struct segment *segment, const struct log_record *record)
{
    uint64_t size = log_record_size(record->key.len, record->record.len), left = segment_left(segment);
    CHECK(size <= left);
    if (segment->file->map == NULL) {
        enum disk_status status = append_unmapped(disk, segment, record, size);
        if (status != DISK_OK) {
            segment->doubtful = segment_void(disk, segment) != DISK_OK;
            return status;
        }
    } else {
        uint8_t *at = segment->file->map + segment->used;
        memset(at + size, 0, end_mark_len(left - size));
        log_record_write(record, segment->generation, at);
    }
    segment->used += size;
    return DISK_OK;
}

void segment_reader_init(struct segment_reader *reader, struct disk *disk, struct segment *segment)
{
    *reader = (struct segment_reader){.disk = disk, .segment = segment, .at = SEGMENT_HEADER};
}

void segment_reader_close(struct segment_reader *reader)
{
    free(reader->buffer);
    reader->buffer = NULL;
}

static bool make_room(struct segment_reader *reader, uint64_t size)
{
    if (size <= reader->buffer_size)
        return true;
    free(reader->buffer);
    reader->buffer_size = 2 * size;
    reader->buffer = malloc(reader->buffer_size);
    return reader->buffer != NULL;
}

/* The bytes of the next record without a map: its header tells how many. */
static enum disk_status load_next(struct segment_reader *reader, struct bytes *out)
{
    struct disk_file *file = reader->segment->file;
    uint64_t left = file->size - reader->at;
    if (!make_room(reader, LOG_RECORD_HEADER))
        return DISK_IO;
    enum disk_status status = reader->disk->read(reader->disk, file, reader->at, reader->buffer, LOG_RECORD_HEADER);
    uint64_t size = status == DISK_OK ? log_record_peek(reader->buffer) : 0;
    if (size < LOG_RECORD_HEADER || size > left)
        size = LOG_RECORD_HEADER; /* not a record: the header alone shows it */
    if (status == DISK_OK && size > LOG_RECORD_HEADER)
        status = make_room(reader, size) ? reader->disk->read(reader->disk, file, reader->at, reader->buffer, size)
                                         : DISK_IO;
    *out = bytes_of(reader->buffer, size);
    return status;
}

enum segment_read segment_read_next(struct segment_reader *reader, struct log_record *out)
{
    struct disk_file *file = reader->segment->file;
    if (reader->at + LOG_RECORD_HEADER > file->size)
        return SEGMENT_END;
    struct bytes data = bytes_of(NULL, 0);
    if (file->map != NULL)
        data = bytes_of(file->map + reader->at, file->size - reader->at);
    else if (load_next(reader, &data) != DISK_OK)
        return SEGMENT_IO;
    switch (log_record_read(data, reader->segment->generation, out)) {
    case LOG_RECORD_OK:
        reader->at += log_record_size(out->key.len, out->record.len);
        return SEGMENT_RECORD;
    case LOG_RECORD_DAMAGED:
        reader->at += log_record_size(out->key.len, out->record.len);
        return SEGMENT_DAMAGED;
    case LOG_RECORD_NONE:
        return SEGMENT_END;
    case LOG_RECORD_TOO_NEW:
        return SEGMENT_TOO_NEW;
    case LOG_RECORD_TORN:
        break;
    }
    return SEGMENT_TORN;
}

/* Bytes of the record that may begin with this header, 0: none does. */
static uint64_t plausible_size(const uint8_t *header, uint64_t left)
{
    uint64_t size = log_record_peek(header);
    return size > LOG_RECORD_HEADER && size <= left && size <= SEGMENT_SEARCH_BYTES ? size : 0;
}

static bool is_record(struct segment_reader *reader, const uint8_t *header)
{
    struct disk_file *file = reader->segment->file;
    struct bytes data;
    struct log_record record;
    if (plausible_size(header, file->size - reader->at) == 0)
        return false;
    if (file->map != NULL)
        data = bytes_of(file->map + reader->at, file->size - reader->at);
    else if (load_next(reader, &data) != DISK_OK)
        return false;
    switch (log_record_read(data, reader->segment->generation, &record)) {
    case LOG_RECORD_OK:
    case LOG_RECORD_DAMAGED:
    case LOG_RECORD_TOO_NEW:
        return true;
    case LOG_RECORD_NONE:
    case LOG_RECORD_TORN:
        break;
    }
    return false;
}

bool segment_goes_on(struct segment_reader *reader)
{
    struct disk_file *file = reader->segment->file;
    uint64_t from = reader->at, left = file->size - from;
    uint64_t len = left < SEGMENT_SEARCH_BYTES ? left : SEGMENT_SEARCH_BYTES;
    uint8_t *copy = NULL;
    const uint8_t *at = file->map == NULL ? NULL : file->map + from;
    if (len <= LOG_RECORD_HEADER)
        return false;
    if (at == NULL) {
        at = copy = malloc(len);
        if (copy == NULL || reader->disk->read(reader->disk, file, from, copy, len) != DISK_OK)
            len = 0;
    }
    bool found = false;
    for (uint64_t i = 8; i + LOG_RECORD_HEADER <= len && !found; i += 8) {
        reader->at = from + i;
        found = is_record(reader, at + i);
    }
    reader->at = from;
    free(copy);
    return found;
}
