/* The tree in the engine: stored, loaded, built from the records, put right.
 *
 * The engine's table of named values has `tree`, one byte of format, and `tree-0000` .. `tree-1023`, a block of leaves
 * each: 8 bytes checksum, then the leaves in the order of tree_place, 8 bytes each, all big-endian. A block that is not
 * there is all zeros. */
#include "storage/tree_inside.h"

#include "base/check.h"
#include "base/hash.h"
#include "base/wire.h"
#include "version/record.h"

#include <stdio.h>
#include <stdlib.h>

enum { BLOCK_BYTES = 8 + 8 * TREE_BLOCK_LEAVES, NAME_MAX_BYTES = 16, SCAN_RECORDS = 4096 };

static const char HEADER[] = "tree";

static void name_block(char *name, unsigned block)
{
    snprintf(name, NAME_MAX_BYTES, "tree-%04u", block % 10000);
}

static bool is_unsaved(const struct tree *tree, unsigned block)
{
    return (tree->unsaved[block / 64] >> block % 64 & 1) != 0;
}

static void mark_unsaved(struct tree *tree, uint32_t place)
{
    unsigned block = place / TREE_BLOCK_LEAVES;
    tree->unsaved[block / 64] |= (uint64_t)1 << block % 64;
}

/* ---- Storing ---- */

void tree_store_change(struct tree *tree, uint32_t hash, uint64_t before, uint64_t after)
{
    uint32_t place = tree_place_of_hash(hash);
    if (before == after)
        return;
    tree->stored[place] += after - before;
    mark_unsaved(tree, place);
}

static enum engine_status put_block(const struct tree *tree, struct engine *engine, unsigned block)
{
    uint8_t value[BLOCK_BYTES], *at = value + 8;
    char name[NAME_MAX_BYTES];
    const uint64_t *leaves = &tree->stored[(size_t)block * TREE_BLOCK_LEAVES];
    for (unsigned i = 0; i < TREE_BLOCK_LEAVES; i++)
        at = wire_write_u64(at, leaves[i]);
    wire_write_u64(value, hash_fingerprint(bytes_of(value + 8, BLOCK_BYTES - 8), block));
    name_block(name, block);
    return engine->ops->put_meta(engine, name, bytes_of(value, sizeof value));
}

enum engine_status tree_put(struct tree *tree, struct engine *engine)
{
    static const uint8_t format[1] = {TREE_FORMAT};
    enum engine_status status = ENGINE_OK;
    for (unsigned block = 0; block < TREE_BLOCKS && status == ENGINE_OK; block++)
        if (is_unsaved(tree, block))
            status = put_block(tree, engine, block);
    if (status == ENGINE_OK && !tree->has_header)
        status = engine->ops->put_meta(engine, HEADER, bytes_of(format, sizeof format));
    return status;
}

void tree_settle(struct tree *tree)
{
    memset(tree->unsaved, 0, sizeof tree->unsaved);
    tree->has_header = true;
}

/* ---- Loading ---- */

static void clear(struct tree *tree)
{
    memset(tree->stored, 0, TREE_LEAVES * sizeof *tree->stored);
    for (uint32_t i = 0; i < TREE_LEAVES; i++)
        atomic_store_explicit(&tree->leaves[i], 0, memory_order_relaxed);
}

static enum tree_load load_header(struct engine *engine)
{
    struct blob *value = NULL;
    enum engine_status status = engine->ops->read_meta(engine, HEADER, &value);
    if (status != ENGINE_OK)
        return status == ENGINE_ABSENT ? TREE_ABSENT : TREE_FAILED;
    bool is_ours = value->len == 1 && value->at[0] == TREE_FORMAT;
    blob_release(value);
    return is_ours ? TREE_LOADED : TREE_ABSENT;
}

static enum tree_load load_block(struct tree *tree, struct engine *engine, unsigned block)
{
    char name[NAME_MAX_BYTES];
    struct blob *value = NULL;
    name_block(name, block);
    enum engine_status status = engine->ops->read_meta(engine, name, &value);
    if (status != ENGINE_OK)
        return status == ENGINE_ABSENT ? TREE_LOADED : TREE_FAILED;
    struct wire_reader reader = wire_reader_of(blob_bytes(value));
    bool is_good = value->len == BLOCK_BYTES
                   && wire_read_u64(&reader) == hash_fingerprint(bytes_after(blob_bytes(value), 8), block);
    for (unsigned i = 0; i < TREE_BLOCK_LEAVES && is_good; i++) {
        size_t place = (size_t)block * TREE_BLOCK_LEAVES + i;
        tree->stored[place] = wire_read_u64(&reader);
        tree_add(tree, (uint32_t)place, tree->stored[place]);
    }
    blob_release(value);
    return is_good ? TREE_LOADED : TREE_DAMAGED;
}

enum tree_load tree_load(struct tree *tree, struct engine *engine)
{
    enum tree_load got = load_header(engine);
    tree->has_header = got == TREE_LOADED;
    for (unsigned block = 0; block < TREE_BLOCKS && got == TREE_LOADED; block++)
        got = load_block(tree, engine, block);
    if (got != TREE_LOADED && tree->has_header)
        clear(tree);
    return got;
}

/* ---- Summing up the engine's records ---- */

struct sum {
    struct tree *tree;  /* build: what is added to */
    uint64_t *leaves;   /* correct: what is added to, by the leaf's number */
    uint16_t partition; /* correct: the only one */
    bool ended;         /* it has */
    tree_meet_damaged *met;
    void *context;
    uint64_t records;
    uint8_t last[512]; /* where the next scan goes on */
    size_t last_len;
};

static bool add_record(void *context, struct bytes key, struct bytes record)
{
    struct sum *sum = context;
    struct wire_reader reader = wire_reader_of(key);
    uint16_t partition = wire_read_u16(&reader);
    struct bytes name = bytes_after(key, key.len < 2 ? key.len : 2);
    sum->ended = sum->leaves != NULL && partition != sum->partition;
    if (sum->ended || key.len > sizeof sum->last)
        return !sum->ended;
    memcpy(sum->last, key.at, key.len);
    sum->last_len = key.len;
    if (name.len == 0)
        return true; /* the node's own */
    sum->records++;
    if (record_verify(record) != RECORD_OK) {
        if (sum->met != NULL)
            sum->met(sum->context, partition, name);
        return true;
    }
    uint32_t hash = hash_of_key(name);
    uint64_t weight = tree_weight_of_record(hash, record);
    if (sum->leaves != NULL) {
        sum->leaves[hash & (TREE_LEAVES - 1)] += weight;
    } else {
        tree_change(sum->tree, hash, 0, weight);
        tree_store_change(sum->tree, hash, 0, weight);
    }
    return true;
}

static bool sum_up(struct sum *sum, struct engine *engine)
{
    size_t met = SCAN_RECORDS;
    while (met == SCAN_RECORDS && !sum->ended) {
        uint8_t after[sizeof sum->last];
        memcpy(after, sum->last, sum->last_len);
        if (engine->ops->scan(engine, ENGINE_READER_STORAGE, bytes_of(after, sum->last_len), SCAN_RECORDS, add_record,
                              sum, &met)
            != ENGINE_OK)
            return false;
    }
    return true;
}

bool tree_build(struct tree *tree, struct engine *engine, tree_meet_damaged *met, void *context, uint64_t *records)
{
    struct sum sum = {.tree = tree, .met = met, .context = context};
    if (tree->has_header) /* it was too damaged to be loaded: blocks that are zeros now may not be zeros there */
        memset(tree->unsaved, 0xff, sizeof tree->unsaved);
    tree->has_header = false;
    bool good = sum_up(&sum, engine);
    *records = sum.records;
    return good;
}

/* ---- Putting right ---- */

static uint64_t correct_leaf(struct tree *tree, const uint64_t *actual, uint32_t leaf)
{
    uint32_t place = tree_place(leaf);
    uint64_t difference = actual[leaf] - tree->stored[place];
    if (difference == 0)
        return 0;
    tree->stored[place] += difference;
    mark_unsaved(tree, place);
    tree_add(tree, place, difference);
    return 1;
}

/* All suspects of one partition. */
static uint64_t correct_partition(struct tree *tree, const uint64_t *actual, uint16_t partition,
                                  const struct tree_suspect *suspects, uint32_t count)
{
    uint64_t wrong = 0;
    for (uint32_t i = 0; i < count; i++) {
        const struct tree_suspect *suspect = &suspects[i];
        if (suspect->partition != partition)
            continue;
        if (suspect->partition_count == 0)
            wrong += correct_leaf(tree, actual, suspect->leaf);
        for (uint32_t leaf = partition; suspect->partition_count != 0 && leaf < TREE_LEAVES;
             leaf += suspect->partition_count)
            wrong += correct_leaf(tree, actual, leaf);
    }
    return wrong;
}

/* Too many to be told one by one. */
static uint64_t correct_all(struct tree *tree, struct engine *engine, bool *failed)
{
    struct tree *actual = tree_new();
    struct sum sum = {.tree = actual};
    uint64_t wrong = 0;
    *failed = !sum_up(&sum, engine);
    for (uint32_t place = 0; place < TREE_LEAVES && !*failed; place++) {
        uint64_t difference = actual->stored[place] - tree->stored[place];
        if (difference == 0)
            continue;
        tree->stored[place] += difference;
        mark_unsaved(tree, place);
        tree_add(tree, place, difference);
        wrong++;
    }
    tree_free(actual);
    return wrong;
}

static uint32_t take_suspects(struct tree *tree, struct tree_suspect *suspects, bool *all)
{
    while (atomic_flag_test_and_set_explicit(&tree->guard, memory_order_acquire)) {
    }
    uint32_t count = atomic_load_explicit(&tree->suspect_count, memory_order_relaxed);
    memcpy(suspects, tree->suspects, count * sizeof *suspects);
    *all = tree->all_suspect;
    tree->all_suspect = false;
    atomic_store_explicit(&tree->suspect_count, 0, memory_order_relaxed);
    atomic_flag_clear_explicit(&tree->guard, memory_order_release);
    return count;
}

static void suspect_all(struct tree *tree)
{
    while (atomic_flag_test_and_set_explicit(&tree->guard, memory_order_acquire)) {
    }
    tree->all_suspect = true;
    atomic_store_explicit(&tree->suspect_count, TREE_SUSPECTS_MAX, memory_order_relaxed);
    atomic_flag_clear_explicit(&tree->guard, memory_order_release);
}

static bool is_first_of_partition(const struct tree_suspect *suspects, uint32_t at)
{
    for (uint32_t i = 0; i < at; i++)
        if (suspects[i].partition == suspects[at].partition)
            return false;
    return true;
}

static void give_back(struct tree *tree, const struct tree_suspect *suspects, uint32_t count, uint16_t partition)
{
    for (uint32_t i = 0; i < count; i++) {
        if (suspects[i].partition != partition)
            continue;
        if (suspects[i].partition_count == 0)
            tree_suspect_leaf(tree, partition, suspects[i].leaf);
        else
            tree_suspect_partition(tree, suspects[i].partition_count, partition);
    }
}

static uint64_t correct_each(struct tree *tree, struct engine *engine, const struct tree_suspect *suspects,
                             uint32_t count, bool *failed)
{
    uint64_t wrong = 0, *leaves = malloc(TREE_LEAVES * sizeof *leaves);
    CHECK_MEMORY(leaves);
    for (uint32_t i = 0; i < count; i++) {
        if (!is_first_of_partition(suspects, i))
            continue;
        uint16_t partition = suspects[i].partition;
        struct sum sum = {.leaves = leaves, .partition = partition};
        sum.last_len = (size_t)(wire_write_u16(sum.last, partition) - sum.last);
        memset(leaves, 0, TREE_LEAVES * sizeof *leaves);
        if (sum_up(&sum, engine)) {
            wrong += correct_partition(tree, leaves, partition, suspects, count);
        } else {
            give_back(tree, suspects, count, partition);
            *failed = true;
        }
    }
    free(leaves);
    return wrong;
}

uint64_t tree_correct(struct tree *tree, struct engine *engine, bool *failed)
{
    struct tree_suspect suspects[TREE_SUSPECTS_MAX];
    bool all;
    *failed = false;
    uint32_t count = take_suspects(tree, suspects, &all);
    uint64_t wrong = all ? correct_all(tree, engine, failed) : correct_each(tree, engine, suspects, count, failed);
    if (all && *failed)
        suspect_all(tree);
    atomic_fetch_add_explicit(&tree->corrected, wrong, memory_order_relaxed);
    return wrong;
}
