/* Buckets as bytes: format (1), number (2), then each: name and prefix (one byte of length and their bytes), r, w,
 * reconcile, stale-cas, durability, multi-value, durable-writes (1 each), max-siblings (4). The default bucket is
 * first. */
#include "ring/bucket.h"

#include "base/wire.h"
#include "ring/ring.h"

enum { FORMAT = 1, HEAD_BYTES = 3, FIXED_BYTES = 13 }; /* fixed: of a bucket without its name and prefix */

size_t bucket_table_size(const struct bucket_table *table)
{
    size_t size = HEAD_BYTES;
    for (uint32_t i = 0; i < table->count; i++)
        size += FIXED_BYTES + strlen(table->buckets[i].name) + table->buckets[i].prefix_len;
    return size;
}

static uint8_t *write_bucket(uint8_t *at, const struct bucket *bucket)
{
    struct bytes name = bytes_of_text(bucket->name);
    at = wire_write_u8(at, (uint8_t)name.len);
    at = wire_write_bytes(at, name);
    at = wire_write_u8(at, (uint8_t)bucket->prefix_len);
    at = wire_write_bytes(at, bytes_of(bucket->prefix, bucket->prefix_len));
    at = wire_write_u8(at, bucket->r);
    at = wire_write_u8(at, bucket->w);
    at = wire_write_u8(at, (uint8_t)bucket->reconcile);
    at = wire_write_u8(at, (uint8_t)bucket->stale_cas);
    at = wire_write_u8(at, (uint8_t)bucket->durability);
    at = wire_write_u8(at, bucket->multi_value);
    at = wire_write_u8(at, bucket->durable_writes);
    return wire_write_u32(at, bucket->siblings_max);
}

void bucket_table_encode(const struct bucket_table *table, uint8_t *at)
{
    at = wire_write_u8(at, FORMAT);
    at = wire_write_u16(at, (uint16_t)table->count);
    for (uint32_t i = 0; i < table->count; i++)
        at = write_bucket(at, &table->buckets[i]);
}

/* A number up to `max`, else the reader fails. */
static uint8_t read_up_to(struct wire_reader *reader, uint8_t max)
{
    uint8_t value = wire_read_u8(reader);
    if (value > max)
        reader->ok = false;
    return value;
}

static struct bytes read_short(struct wire_reader *reader, uint8_t len_max)
{
    return wire_read_bytes(reader, read_up_to(reader, len_max));
}

static bool is_name(struct bytes name)
{
    for (size_t i = 0; i < name.len; i++) {
        if (name.at[i] <= ' ' || name.at[i] == 0x7f)
            return false;
    }
    return name.len > 0;
}

static const char *read_bucket(struct wire_reader *reader, struct bucket *bucket)
{
    *bucket = (struct bucket){0};
    struct bytes name = read_short(reader, BUCKET_NAME_MAX), prefix = read_short(reader, BUCKET_PREFIX_MAX);
    bucket->r = wire_read_u8(reader);
    bucket->w = wire_read_u8(reader);
    bucket->reconcile = read_up_to(reader, RECONCILE_LWW);
    bucket->stale_cas = read_up_to(reader, STALE_CAS_SIBLING);
    bucket->durability = read_up_to(reader, DURABILITY_SYNCED);
    bucket->multi_value = read_up_to(reader, 1) == 1;
    bucket->durable_writes = wire_read_u8(reader);
    bucket->siblings_max = wire_read_u32(reader);
    if (!reader->ok)
        return "a bucket is cut off or has a setting that there is not";
    if (!is_name(name))
        return "a bucket's name is empty or has blanks or control characters";
    if (bucket->r < 1 || bucket->r > RING_COPIES_MAX || bucket->w < 1 || bucket->w > RING_COPIES_MAX)
        return "a bucket's r and w are 1 to 7";
    memcpy(bucket->name, name.at, name.len);
    if (prefix.len > 0)
        memcpy(bucket->prefix, prefix.at, prefix.len);
    bucket->prefix_len = (uint16_t)prefix.len;
    return NULL;
}

/* The first is the default bucket and replaces the one of `table`; the others are added, none twice. */
static const char *add_bucket(struct wire_reader *reader, struct bucket_table *table, uint32_t index)
{
    struct bucket bucket;
    const char *fault = read_bucket(reader, &bucket);
    if (fault != NULL)
        return fault;
    if (index == 0 && strcmp(bucket.name, "default") != 0)
        return "the default bucket is not the first";
    fault = bucket_table_put(table, &bucket);
    if (fault == NULL && table->count != index + 1)
        fault = "two buckets of one name";
    return fault;
}

bool bucket_table_decode(struct bytes in, struct bucket_table *out, const char **fault)
{
    struct wire_reader reader = wire_reader_of(in);
    uint8_t format = wire_read_u8(&reader);
    uint16_t count = wire_read_u16(&reader);
    *fault = NULL;
    if (!reader.ok || format != FORMAT || count == 0) {
        *fault = "no table of buckets of this version";
        return false;
    }
    bucket_table_init(out);
    for (uint32_t i = 0; i < count && *fault == NULL; i++)
        *fault = add_bucket(&reader, out, i);
    if (*fault == NULL && wire_left(&reader) > 0)
        *fault = "bytes behind the last bucket";
    if (*fault != NULL)
        bucket_table_close(out);
    return *fault == NULL;
}
