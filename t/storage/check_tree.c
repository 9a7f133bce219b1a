#include "storage/check_tree.h"

#include "base/hash.h"
#include "base/wire.h"
#include "storage/inside.h"
#include "version/record.h"

#include <stdio.h>
#include <string.h>

static void add(uint64_t *leaves, uint32_t hash, struct bytes record)
{
    if (record_verify(record) == RECORD_OK)
        leaves[tree_place_of_hash(hash)] += tree_weight_of_record(hash, record);
}

/* The engine's rows: all of them, and those that the buffer has nothing of. */
static void sum_rows(struct fixture *fixture, uint64_t *newest, uint64_t *engine)
{
    struct fake_table *table = &fixture->engine.records;
    for (size_t i = 0; i < table->count; i++) {
        struct bytes key = blob_bytes(table->rows[i].key), name = bytes_after(key, 2);
        uint16_t partition = (uint16_t)((unsigned)key.at[0] << 8 | key.at[1]);
        struct place place = {.hash = hash_of_key(name), .partition = partition, .key = name};
        struct stripe *stripe = buffer_stripe(&fixture->store->buffer, place.hash);
        if (name.len == 0)
            continue;
        add(engine, place.hash, blob_bytes(table->rows[i].record));
        if (buffer_find(&fixture->store->buffer, stripe, &place) == NULL)
            add(newest, place.hash, blob_bytes(table->rows[i].record));
    }
}

static void sum_buffer(struct fixture *fixture, uint64_t *newest)
{
    struct buffer *buffer = &fixture->store->buffer;
    for (uint32_t i = 0; i < 1U << buffer->stripe_bits; i++) {
        const struct stripe *stripe = &buffer->stripes[i];
        for (size_t b = 0; b < (size_t)1 << stripe->bits; b++)
            for (const struct entry *entry = stripe->table[b]; entry != NULL; entry = entry->next)
                if (entry->record != NULL && entry->key_len != 0)
                    add(newest, entry->hash, blob_bytes(entry->record));
    }
}

/* Leaves of a stored block that are not the engine's; nothing is stored where all are 0. */
static unsigned wrong_in_block(struct fixture *fixture, unsigned block, const uint64_t *engine)
{
    char name[16];
    struct blob *value = NULL;
    unsigned wrong = 0;
    snprintf(name, sizeof name, "tree-%04u", block % 10000);
    struct engine *it = &fixture->engine.engine;
    if (it->ops->read_meta(it, name, &value) != ENGINE_OK)
        value = NULL;
    for (unsigned i = 0; i < TREE_BLOCK_LEAVES; i++) {
        struct wire_reader reader =
            wire_reader_of(value == NULL ? bytes_of(NULL, 0) : bytes_after(blob_bytes(value), 8 + 8 * (size_t)i));
        wrong += wire_read_u64(&reader) != engine[i];
    }
    blob_release(value);
    return wrong;
}

struct wrong_leaves wrong_leaves(struct fixture *fixture)
{
    static _Thread_local uint64_t newest[TREE_LEAVES], engine[TREE_LEAVES]; /* all zeros between the calls */
    struct tree *tree = store_tree(fixture->store);
    struct wrong_leaves wrong = {0};
    sum_rows(fixture, newest, engine);
    sum_buffer(fixture, newest);
    for (uint32_t place = 0; place < TREE_LEAVES; place++) {
        wrong.newest += atomic_load_explicit(&tree->leaves[place], memory_order_relaxed) != newest[place];
        wrong.engine += tree->stored[place] != engine[place];
    }
    for (unsigned block = 0; block < TREE_BLOCKS; block++)
        wrong.stored += wrong_in_block(fixture, block, &engine[(size_t)block * TREE_BLOCK_LEAVES]);
    memset(newest, 0, sizeof newest);
    memset(engine, 0, sizeof engine);
    return wrong;
}

void check_tree(struct fixture *fixture, const char *what, uint64_t seed)
{
    struct wrong_leaves wrong = wrong_leaves(fixture);
    if (wrong.newest + wrong.engine + wrong.stored != 0)
        fail_msg("seed %llu, %s: leaves are wrong: %u of the newest records, %u of the engine's, %u stored",
                 (unsigned long long)seed, what, wrong.newest, wrong.engine, wrong.stored);
}
