#include "storage/log_record.h"

#include "base/check.h"
#include "base/hash.h"
#include "base/wire.h"
#include "version/record.h"

#include <stdatomic.h>

enum { CHECKSUM_LEN = 8 };

static uint64_t checksum_of(const uint8_t *at, size_t key_len, size_t record_len, uint64_t generation)
{
    size_t covered = LOG_RECORD_HEADER - CHECKSUM_LEN + key_len + (record_len < 8 ? record_len : 8);
    uint32_t seed = (uint32_t)(generation ^ generation >> 32);
    return hash_fingerprint(bytes_of(at + CHECKSUM_LEN, covered), seed);
}

void log_record_write(const struct log_record *record, uint64_t generation, uint8_t *at)
{
    CHECK(record->key.len <= LOG_KEY_MAX && record->record.len <= LOG_OBJECT_MAX);
    size_t len = LOG_RECORD_HEADER + record->key.len + record->record.len;
    uint8_t *end = wire_write_u32(at + CHECKSUM_LEN, (uint32_t)len);
    end = wire_write_u16(end, record->partition);
    end = wire_write_u16(end, (uint16_t)record->key.len);
    end = wire_write_u64(end, record->sequence);
    end = wire_write_bytes(end, record->key);
    wire_write_bytes(end, record->record);
    uint64_t checksum = checksum_of(at, record->key.len, record->record.len, generation);
    /* The compiler must not move the checksum before the rest. */
    atomic_thread_fence(memory_order_release);
    wire_write_u64(at, checksum);
}

uint64_t log_record_peek(const uint8_t *header)
{
    struct wire_reader reader = wire_reader_of(bytes_of(header + CHECKSUM_LEN, LOG_RECORD_HEADER - CHECKSUM_LEN));
    uint32_t len = wire_read_u32(&reader);
    return len < LOG_RECORD_HEADER ? 0 : log_record_size(0, len - LOG_RECORD_HEADER);
}

static bool is_zero(const uint8_t *at)
{
    static const uint8_t zeros[LOG_RECORD_HEADER];
    return memcmp(at, zeros, sizeof zeros) == 0;
}

enum log_record_status log_record_read(struct bytes data, uint64_t generation, struct log_record *out)
{
    if (data.len < LOG_RECORD_HEADER || is_zero(data.at))
        return LOG_RECORD_NONE;
    struct wire_reader reader = wire_reader_of(data);
    uint64_t checksum = wire_read_u64(&reader);
    uint32_t len = wire_read_u32(&reader);
    out->partition = wire_read_u16(&reader);
    uint16_t key_len = wire_read_u16(&reader);
    out->sequence = wire_read_u64(&reader);
    if (key_len > LOG_KEY_MAX || len < LOG_RECORD_HEADER + (uint32_t)key_len || len > data.len)
        return LOG_RECORD_TORN;
    size_t record_len = len - LOG_RECORD_HEADER - (size_t)key_len;
    out->key = wire_read_bytes(&reader, key_len);
    out->record = wire_read_bytes(&reader, record_len);
    if (checksum != checksum_of(data.at, key_len, record_len, generation))
        return LOG_RECORD_TORN;
    if (record_len == 0)
        return LOG_RECORD_OK;
    switch (record_verify(out->record)) {
    case RECORD_OK:
        return LOG_RECORD_OK;
    case RECORD_TOO_NEW:
        return LOG_RECORD_TOO_NEW;
    case RECORD_CORRUPT:
        break;
    }
    return LOG_RECORD_DAMAGED;
}
