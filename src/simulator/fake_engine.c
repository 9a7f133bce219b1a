#include "simulator/fake_engine.h"

#include "base/check.h"
#include "base/prng.h"
#include "base/wire.h"

#include <stdlib.h>

static struct fake_engine *fake_of(struct engine *engine)
{
    return (struct fake_engine *)(void *)engine;
}

static struct blob *copy_of(struct bytes data)
{
    struct blob *blob = blob_new(data.len);
    CHECK_MEMORY(blob);
    wire_write_bytes(blob->at, data);
    return blob;
}

/* The first row whose key is not below `key`. */
static size_t lower_bound(const struct fake_table *table, struct bytes key)
{
    size_t low = 0, high = table->count;
    while (low < high) {
        size_t middle = (low + high) / 2;
        if (bytes_compare(blob_bytes(table->rows[middle].key), key) < 0)
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

static bool is_at(const struct fake_table *table, size_t row, struct bytes key)
{
    return row < table->count && bytes_equal(blob_bytes(table->rows[row].key), key);
}

static void insert_row(struct fake_table *table, size_t row, struct fake_row fresh)
{
    if (table->count == table->capacity) {
        table->capacity = table->capacity == 0 ? 64 : 2 * table->capacity;
        table->rows = realloc(table->rows, table->capacity * sizeof *table->rows);
        CHECK_MEMORY(table->rows);
    }
    memmove(table->rows + row + 1, table->rows + row, (table->count - row) * sizeof *table->rows);
    table->rows[row] = fresh;
    table->count++;
}

static void drop_row(struct fake_row *row)
{
    blob_release(row->key);
    blob_release(row->record);
}

static void empty_table(struct fake_table *table)
{
    for (size_t i = 0; i < table->count; i++)
        drop_row(&table->rows[i]);
    table->count = 0;
}

/* Applies one row of a batch. */
static void apply_row(struct fake_table *table, const struct fake_row *change)
{
    struct bytes key = blob_bytes(change->key);
    size_t row = lower_bound(table, key);
    if (is_at(table, row, key)) {
        drop_row(&table->rows[row]);
        memmove(table->rows + row, table->rows + row + 1, (table->count - row - 1) * sizeof *table->rows);
        table->count--;
    }
    if (change->record != NULL)
        insert_row(table, row, (struct fake_row){blob_retain(change->key), blob_retain(change->record)});
}

static uint64_t bytes_of_table(const struct fake_table *table)
{
    uint64_t bytes = 0;
    for (size_t i = 0; i < table->count; i++)
        bytes += table->rows[i].key->len + (table->rows[i].record == NULL ? 0 : table->rows[i].record->len);
    return bytes;
}

static enum engine_status read_record(struct engine *engine, unsigned reader, struct bytes key, struct blob **record)
{
    struct fake_engine *fake = fake_of(engine);
    (void)reader;
    fake->locks->take(&fake->lock);
    fake->reads++;
    enum engine_status status = fake->read_fails;
    size_t row = lower_bound(&fake->records, key);
    if (status == ENGINE_OK && !is_at(&fake->records, row, key))
        status = ENGINE_ABSENT;
    if (status == ENGINE_OK)
        *record = copy_of(blob_bytes(fake->records.rows[row].record));
    fake->locks->give(&fake->lock);
    if (fake->after_read != NULL)
        fake->after_read(fake->context);
    return status;
}

static void end_batch(struct fake_engine *fake)
{
    fake->in_batch = false;
    empty_table(&fake->batch);
    empty_table(&fake->batch_meta);
}

static enum engine_status begin(struct engine *engine)
{
    struct fake_engine *fake = fake_of(engine);
    CHECK(!fake->in_batch);
    fake->in_batch = true;
    return ENGINE_OK;
}

static enum engine_status change(struct fake_engine *fake, struct fake_table *batch, struct bytes key,
                                 struct blob *record)
{
    CHECK(fake->in_batch);
    insert_row(batch, batch->count, (struct fake_row){copy_of(key), record});
    if (fake->put_fails != ENGINE_OK)
        end_batch(fake);
    return fake->put_fails;
}

static enum engine_status put(struct engine *engine, struct bytes key, struct bytes record)
{
    CHECK(record.len != 0);
    return change(fake_of(engine), &fake_of(engine)->batch, key, copy_of(record));
}

static enum engine_status erase(struct engine *engine, struct bytes key)
{
    return change(fake_of(engine), &fake_of(engine)->batch, key, NULL);
}

static enum engine_status put_meta(struct engine *engine, const char *name, struct bytes value)
{
    return change(fake_of(engine), &fake_of(engine)->batch_meta, bytes_of_text(name), copy_of(value));
}

static enum engine_status commit(struct engine *engine)
{
    struct fake_engine *fake = fake_of(engine);
    CHECK(fake->in_batch);
    if (fake->before_commit != NULL)
        fake->before_commit(fake->context);
    fake->locks->take(&fake->lock);
    enum engine_status status = ENGINE_OK;
    if (fake->commit_fails != ENGINE_OK && fake->fail_after == 0)
        status = fake->commit_fails;
    uint64_t wanted = bytes_of_table(&fake->records) + bytes_of_table(&fake->batch);
    if (status == ENGINE_OK && (wanted > fake->bytes_max || wanted > fake->disk_max))
        status = ENGINE_FULL;
    fake->fail_after -= fake->fail_after > 0;
    for (size_t i = 1; i < fake->batch.count; i++) /* the store promises order within a batch */
        CHECK(bytes_compare(blob_bytes(fake->batch.rows[i - 1].key), blob_bytes(fake->batch.rows[i].key)) < 0);
    for (size_t i = 0; i < fake->batch.count && status == ENGINE_OK; i++)
        apply_row(&fake->records, &fake->batch.rows[i]);
    for (size_t i = 0; i < fake->batch_meta.count && status == ENGINE_OK; i++)
        apply_row(&fake->meta, &fake->batch_meta.rows[i]);
    fake->commits += status == ENGINE_OK;
    if (status == ENGINE_OK && fake->committed != NULL)
        fake->committed(fake->context);
    if (fake->batch.count > fake->batch_max)
        fake->batch_max = fake->batch.count;
    end_batch(fake);
    fake->locks->give(&fake->lock);
    return status;
}

static void abort_batch(struct engine *engine)
{
    CHECK(fake_of(engine)->in_batch);
    end_batch(fake_of(engine));
}

static enum engine_status read_meta(struct engine *engine, const char *name, struct blob **value)
{
    struct fake_engine *fake = fake_of(engine);
    struct bytes key = bytes_of_text(name);
    size_t row = lower_bound(&fake->meta, key);
    if (fake->meta_fails != ENGINE_OK)
        return fake->meta_fails;
    if (!is_at(&fake->meta, row, key))
        return ENGINE_ABSENT;
    *value = copy_of(blob_bytes(fake->meta.rows[row].record));
    return ENGINE_OK;
}

static enum engine_status scan(struct engine *engine, unsigned reader, struct bytes after, size_t max,
                               engine_visit *visit, void *context, size_t *visited)
{
    struct fake_engine *fake = fake_of(engine);
    (void)reader;
    size_t row = lower_bound(&fake->records, after);
    if (is_at(&fake->records, row, after))
        row++;
    *visited = 0;
    if (fake->read_fails != ENGINE_OK)
        return fake->read_fails;
    for (; row < fake->records.count && *visited < max; row++) {
        ++*visited;
        if (!visit(context, blob_bytes(fake->records.rows[row].key), blob_bytes(fake->records.rows[row].record)))
            break;
    }
    return ENGINE_OK;
}

static void usage(struct engine *engine, struct engine_usage *out)
{
    struct fake_engine *fake = fake_of(engine);
    fake->locks->take(&fake->lock);
    *out = (struct engine_usage){.bytes_max = fake->bytes_max,
                                 .bytes_used = bytes_of_table(&fake->records),
                                 .records = fake->records.count,
                                 .bytes_reserved = fake->bytes_reserved,
                                 .nearly_full = fake->nearly_full};
    fake->locks->give(&fake->lock);
}

static void close_engine(struct engine *engine)
{
    (void)engine;
}

static const struct engine_ops FAKE_OPS = {.read = read_record,
                                           .begin = begin,
                                           .put = put,
                                           .erase = erase,
                                           .put_meta = put_meta,
                                           .commit = commit,
                                           .abort = abort_batch,
                                           .read_meta = read_meta,
                                           .scan = scan,
                                           .usage = usage,
                                           .close = close_engine};

void fake_engine_init(struct fake_engine *fake, const struct lock_ops *locks)
{
    *fake = (struct fake_engine){
        .engine = {.ops = &FAKE_OPS}, .locks = locks, .bytes_max = UINT64_MAX, .disk_max = UINT64_MAX};
    locks->init(&fake->lock);
}

void fake_engine_free(struct fake_engine *fake)
{
    struct fake_table *tables[] = {&fake->records, &fake->meta, &fake->batch, &fake->batch_meta};
    for (size_t i = 0; i < 4; i++) {
        empty_table(tables[i]);
        free(tables[i]->rows);
    }
    fake->locks->close(&fake->lock);
}

static void copy_table(struct fake_table *copy, const struct fake_table *table)
{
    for (size_t i = 0; i < table->count; i++)
        insert_row(copy, i, (struct fake_row){blob_retain(table->rows[i].key), blob_retain(table->rows[i].record)});
}

void fake_engine_copy(struct fake_engine *copy, const struct fake_engine *fake)
{
    fake_engine_init(copy, fake->locks);
    copy_table(&copy->records, &fake->records);
    copy_table(&copy->meta, &fake->meta);
}

void fake_engine_crash(struct fake_engine *fake)
{
    end_batch(fake);
}

size_t fake_engine_draw(const struct fake_engine *fake, struct prng *prng, struct blob **key)
{
    if (fake->records.count == 0)
        return 0;
    size_t row = prng_below(prng, fake->records.count);
    *key = blob_retain(fake->records.rows[row].key);
    return row;
}

void fake_engine_flip(struct fake_engine *fake, size_t row, struct prng *prng)
{
    struct blob **record = &fake->records.rows[row].record;
    struct blob *flipped = copy_of(blob_bytes(*record)); /* copies of the engine share the old one */
    flipped->at[prng_below(prng, flipped->len)] ^= (uint8_t)(1u << prng_below(prng, 8));
    blob_release(*record);
    *record = flipped;
}

struct blob *fake_engine_record(struct fake_engine *fake, uint16_t partition, const char *key)
{
    uint8_t at[256];
    struct bytes name = bytes_of_text(key);
    uint8_t *end = wire_write_bytes(wire_write_u16(at, partition), name);
    struct bytes whole = bytes_of(at, (size_t)(end - at));
    size_t row = lower_bound(&fake->records, whole);
    return is_at(&fake->records, row, whole) ? fake->records.rows[row].record : NULL;
}

void fake_engine_set_meta(struct fake_engine *fake, const char *name, struct bytes value)
{
    struct fake_row change_row = {copy_of(bytes_of_text(name)), copy_of(value)};
    apply_row(&fake->meta, &change_row);
    drop_row(&change_row);
}
