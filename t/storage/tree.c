/* The hash tree [R11]: what it says, that it is stored with the records and never built again, and that a damaged
 * record does not make it wrong for ever. t/storage/random.c checks it after each crash. */
#include "storage/check_tree.h"

#include "base/check.h"
#include "base/hash.h"
#include "storage/inside.h"
#include "version/fingerprint.h"
#include "version/record.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { KEYS = 300 };

static void name_key(char *name, unsigned key)
{
    snprintf(name, 32, "tree-key-%u", key);
}

static void set_keys(struct fixture *fixture, unsigned count, const char *value)
{
    for (unsigned i = 0; i < count; i++) {
        char name[32];
        name_key(name, i);
        assert_int_equal(fixture_set(fixture, name, value, DURABILITY_COMMITTED), STORE_OK);
    }
}

static void open_with_keys(struct fixture *fixture)
{
    fixture_init(fixture);
    fixture_open(fixture);
    set_keys(fixture, KEYS, "first");
}

static void a_leaf_belongs_to_one_partition_however_many_there_are(void **state)
{
    (void)state;
    for (uint32_t partitions = 1; partitions <= 65536; partitions *= 4) {
        assert_true(tree_leaves_of_partition(partitions) >= 4);
        for (uint32_t hash = 12345; hash < UINT32_MAX - 99999999U; hash += 99999999U) {
            uint32_t leaf = hash & (TREE_LEAVES - 1);
            assert_int_equal(tree_leaf_in_partition(hash, partitions) * partitions + hash % partitions, leaf);
        }
    }
}

static void leaves_do_not_depend_on_the_order_of_updates(void **state)
{
    (void)state;
    struct tree *forth = tree_new(), *back = tree_new();
    for (uint32_t i = 0; i < 1000; i++) {
        tree_change(forth, i * 7919, 0, tree_weight(i * 7919, i + 1));
        tree_change(back, (999 - i) * 7919, 0, tree_weight((999 - i) * 7919, 1000 - i));
    }
    for (uint16_t partition = 0; partition < 16; partition++)
        assert_int_equal(tree_root(forth, 16, partition), tree_root(back, 16, partition));
    tree_change(back, 0, tree_weight(0, 1), tree_weight(0, 2));
    assert_int_not_equal(tree_root(forth, 16, 0), tree_root(back, 16, 0));
    assert_int_equal(tree_root(forth, 16, 1), tree_root(back, 16, 1));
    tree_free(forth);
    tree_free(back);
}

static void what_has_gone_leaves_nothing_behind(void **state)
{
    (void)state;
    struct fixture fixture;
    open_with_keys(&fixture);
    fixture_checkpoint(&fixture);
    for (unsigned i = 0; i < KEYS; i++) {
        char name[32];
        name_key(name, i);
        fixture_erase(&fixture, name);
        if (i == KEYS / 2)
            fixture_checkpoint(&fixture);
    }
    for (uint16_t partition = 0; partition < 64; partition++)
        assert_int_equal(tree_root(store_tree(fixture.store), 64, partition), 0);
    fixture_checkpoint(&fixture);
    check_tree(&fixture, "all erased", 0);
    fixture_close(&fixture);
}

static void touching_a_record_changes_its_leaf(void **state)
{
    (void)state;
    struct fixture fixture;
    fixture_init(&fixture);
    fixture_open(&fixture);
    struct tree *tree = store_tree(fixture.store);
    uint32_t hash = hash_of_key(bytes_of_text("a"));
    uint64_t roots[4] = {tree_root(tree, 4, hash % 4)};
    for (unsigned i = 1; i < 4; i++) {
        fixture_set(&fixture, "a", "same bytes, another dot", DURABILITY_BUFFERED);
        roots[i] = tree_root(tree, 4, hash % 4);
        assert_int_not_equal(roots[i], roots[i - 1]);
    }
    assert_int_equal(tree_root(tree, 4, (hash + 1) % 4), 0);
    fixture_close(&fixture);
}

/* A batch is written, or it is not, at each of its operations; updates go on between batches. */
static void a_crash_at_any_batch_leaves_the_tree_right(void **state)
{
    (void)state;
    for (unsigned slices = 0; slices < 24; slices++) {
        struct fixture fixture;
        fixture_init(&fixture);
        fixture.limits.batch_records = 16;
        fixture_open(&fixture);
        set_keys(&fixture, KEYS / 2, "first");
        fixture_checkpoint(&fixture);
        set_keys(&fixture, KEYS, "second");
        fixture.now.mono_ns += (uint64_t)10000 * 1000000;
        for (unsigned i = 0; i < slices; i++) {
            store_checkpoint_slice(fixture.store, fixture.now, fixture.clock);
            set_keys(&fixture, i, "third"); /* entries that the round has collected, before and after their batch */
            if (i % 5 == 0)
                fixture_erase(&fixture, "tree-key-7");
        }
        check_tree(&fixture, "in a round", slices);
        fixture_crash(&fixture);
        fixture_open(&fixture);
        check_tree(&fixture, "after a crash in a round", slices);
        fixture_close(&fixture);
    }
}

static void a_batch_that_fails_changes_nothing_that_is_stored(void **state)
{
    (void)state;
    struct fixture fixture;
    open_with_keys(&fixture);
    fixture_checkpoint(&fixture);
    set_keys(&fixture, KEYS, "second");
    fixture.engine.commit_fails = ENGINE_IO;
    fixture.engine.fail_after = 1;
    fixture_checkpoint(&fixture);
    check_tree(&fixture, "after a failed commit", 0);
    set_keys(&fixture, KEYS / 3, "third");
    fixture.engine.commit_fails = ENGINE_OK;
    fixture.now.mono_ns += (uint64_t)10000 * 1000000;
    fixture_slices(&fixture);
    check_tree(&fixture, "after the next one", 0);
    fixture_close(&fixture);
}

static void a_start_loads_the_tree_and_looks_at_no_record(void **state)
{
    (void)state;
    struct fixture fixture;
    open_with_keys(&fixture);
    fixture_stop(&fixture);
    /* Who would look at this record would report it. */
    struct blob *record = fake_engine_record(&fixture.engine, 10 % 3, "tree-key-1");
    record->at[record->len - 1] ^= 1;
    fixture.reports = 0;
    fixture_open(&fixture);
    struct store_stats stats;
    store_stats(fixture.store, &stats);
    assert_int_equal(stats.corrupt_records, 0);
    assert_int_equal(fixture.reports, 0);
    record->at[record->len - 1] ^= 1;
    check_tree(&fixture, "after a clean start", 0);
    fixture_close(&fixture);
}

static void forget_tree(struct fake_engine *engine, const char *prefix)
{
    size_t kept = 0;
    for (size_t i = 0; i < engine->meta.count; i++) {
        struct fake_row row = engine->meta.rows[i];
        if (row.key->len >= strlen(prefix) && memcmp(row.key->at, prefix, strlen(prefix)) == 0) {
            blob_release(row.key);
            blob_release(row.record);
        } else {
            engine->meta.rows[kept++] = row;
        }
    }
    engine->meta.count = kept;
}

static void a_store_of_before_the_tree_gets_one_at_its_first_start(void **state)
{
    (void)state;
    struct fixture fixture;
    open_with_keys(&fixture);
    fixture_checkpoint(&fixture);
    set_keys(&fixture, KEYS / 2, "replayed");
    fixture_crash(&fixture);
    forget_tree(&fixture.engine, "tree");
    fixture.reports = 0;
    fixture_open(&fixture);
    assert_int_equal(fixture.reports, 1);
    assert_non_null(strstr(fixture.last_report, "no hash tree in the data directory"));
    check_tree(&fixture, "built", 0);
    fixture_crash(&fixture);
    fixture.reports = 0;
    fixture_open(&fixture); /* it has been stored at once */
    assert_int_equal(fixture.reports, 0);
    check_tree(&fixture, "loaded", 0);
    fixture_close(&fixture);
}

static void a_stored_block_that_is_damaged_is_noticed_and_built_anew(void **state)
{
    (void)state;
    struct fixture fixture;
    open_with_keys(&fixture);
    fixture_stop(&fixture);
    struct fake_table *meta = &fixture.engine.meta;
    for (size_t i = 0; i < meta->count; i++)
        if (meta->rows[i].record->len > 1000 && i % 3 == 0)
            meta->rows[i].record->at[500] ^= 4;
    fixture_open(&fixture);
    assert_non_null(strstr(fixture.last_report, "stored hash tree was damaged"));
    check_tree(&fixture, "after damage", 0);
    fixture_close(&fixture);
}

/* Negative controls of the comparison itself. */
static void a_difference_left_out_is_found(void **state)
{
    (void)state;
    struct fixture fixture;
    open_with_keys(&fixture);
    fixture_checkpoint(&fixture);
    struct tree *tree = store_tree(fixture.store);
    uint32_t hash = hash_of_key(bytes_of_text("tree-key-5"));
    tree_change(tree, hash, 5, 6); /* an update whose difference was wrong */
    assert_int_equal(wrong_leaves(&fixture).newest, 1);
    tree_change(tree, hash, 6, 5);
    tree_store_change(tree, hash, 5, 6); /* a batch that left one out */
    assert_int_equal(wrong_leaves(&fixture).engine, 1);
    tree_store_change(tree, hash, 6, 5);
    forget_tree(&fixture.engine, "tree-0"); /* blocks that were not written */
    assert_true(wrong_leaves(&fixture).stored > 0);
    fixture_close(&fixture);
}

static void a_replayed_difference_left_out_is_found(void **state)
{
    (void)state;
    struct fixture fixture;
    open_with_keys(&fixture);
    fixture_checkpoint(&fixture);
    fixture_set(&fixture, "tree-key-5", "second", DURABILITY_COMMITTED);
    fixture_crash(&fixture);
    fixture_open(&fixture); /* replays one record and writes one batch */
    check_tree(&fixture, "replayed", 0);
    fixture_set(&fixture, "tree-key-5", "third", DURABILITY_COMMITTED);
    struct place place = {.hash = hash_of_key(bytes_of_text("tree-key-5")), .partition = 10 % 3};
    place.key = bytes_of_text("tree-key-5");
    struct stripe *stripe = buffer_stripe(&fixture.store->buffer, place.hash);
    buffer_find(&fixture.store->buffer, stripe, &place)
        ->base++; /* what it replaces in the engine is remembered wrongly */
    fixture_checkpoint(&fixture);
    assert_int_equal(wrong_leaves(&fixture).engine, 1);
    fixture_close(&fixture);
}

/* ---- Damaged records ---- */

static enum store_verdict put_again(struct store_op *op, struct bytes current, struct store_draft *draft)
{
    struct write *write = (struct write *)(void *)op;
    assert_int_equal(current.len, 0);
    uint8_t *at = store_draft_alloc(draft, write->value_len);
    memcpy(at, write->value, write->value_len);
    return STORE_REPLACE;
}

/* What read repair does: the copy of another owner takes the damaged record's place. Keys whose partition is the low
 * bits of their hash, as everywhere but in the fixture. */
static void place_rightly(struct store_op *op)
{
    op->partition = (uint16_t)(op->hash % 4);
}

static void set_rightly(struct fixture *fixture, const char *name, const char *value)
{
    struct write *write = write_new(fixture, name, value, DURABILITY_COMMITTED);
    place_rightly(&write->op);
    assert_true(write_submit(write, 0));
    assert_int_equal(write->op.status, STORE_OK);
    free(write);
}

static void repair(struct fixture *fixture, const char *name, struct bytes copy)
{
    struct write *write = write_new(fixture, name, "", DURABILITY_COMMITTED);
    place_rightly(&write->op);
    memcpy(write->value, copy.at, copy.len);
    write->value_len = copy.len;
    write->op.apply = put_again;
    write->op.replaces_corrupt = true;
    assert_true(write_submit(write, 1));
    assert_int_equal(write->op.status, STORE_OK);
    free(write);
}

/* Ends with the record damaged in the engine, and `copy` of what it was. */
static struct blob *damage_one(struct fixture *fixture, const char *name)
{
    fixture_init(fixture);
    fixture_open(fixture);
    for (unsigned i = 0; i < KEYS; i++) {
        char other[32];
        name_key(other, i);
        set_rightly(fixture, other, "value");
    }
    set_rightly(fixture, name, "precious");
    fixture_stop(fixture);
    uint16_t partition = (uint16_t)(hash_of_key(bytes_of_text(name)) % 4);
    struct blob *record = fake_engine_record(&fixture->engine, partition, name);
    struct blob *copy = blob_new(record->len);
    memcpy(copy->at, record->at, record->len);
    record->at[record->len - 1] ^= 1;
    fixture_open(fixture);
    return copy;
}

static void count_damaged(void *context, uint16_t partition, struct bytes key, struct bytes record)
{
    (void)partition, (void)key;
    *(unsigned *)context += record_verify(record) != RECORD_OK;
}

static unsigned scan_damaged(struct fixture *fixture, const char *name)
{
    uint16_t partition = (uint16_t)(hash_of_key(bytes_of_text(name)) % 4);
    struct store_cursor cursor = {.shows_damaged = true};
    unsigned damaged = 0;
    while (store_scan_partition(fixture->store, store_loop_of(fixture->store, 0), partition, &cursor, 7, count_damaged,
                                &damaged))
        assert_false(cursor.failed);
    return damaged;
}

/* A record that is damaged on the disk while a good copy of it is in memory: reads tell nothing of it, the first scan
 * that comes by has it written again. */
static void a_damaged_record_is_written_again_from_memory(void **state)
{
    (void)state;
    for (unsigned is_read = 0; is_read < 2; is_read++) {
        struct fixture fixture;
        struct blob *copy = damage_one(&fixture, "damaged"); /* nothing is in memory after a start */
        struct store_stats stats;
        if (is_read) {
            repair(&fixture, "damaged", blob_bytes(copy));
            fixture_checkpoint(&fixture);
            uint16_t partition = (uint16_t)(hash_of_key(bytes_of_text("damaged")) % 4);
            struct blob *record = fake_engine_record(&fixture.engine, partition, "damaged");
            record->at[record->len - 1] ^= 1;
        }
        assert_int_equal(scan_damaged(&fixture, "damaged"), 1);
        store_stats(fixture.store, &stats);
        assert_int_equal(stats.records_dirty, is_read);
        fixture_checkpoint(&fixture);
        assert_int_equal(scan_damaged(&fixture, "damaged"), is_read ? 0 : 1);
        if (is_read)
            check_tree(&fixture, "written again", 0);
        blob_release(copy);
        fixture_close(&fixture);
    }
}

static void a_repaired_record_leaves_the_tree_right(void **state)
{
    (void)state;
    for (unsigned crash = 0; crash < 3; crash++) {
        struct fixture fixture;
        struct blob *copy = damage_one(&fixture, "damaged");
        repair(&fixture, "damaged", blob_bytes(copy));
        if (crash == 1) { /* before the checkpoint: replay meets the damaged record */
            fixture_crash(&fixture);
            fixture_open(&fixture);
        }
        fixture_checkpoint(&fixture);
        if (crash == 2) {
            fixture_crash(&fixture);
            fixture_open(&fixture);
        }
        check_tree(&fixture, "repaired", crash);
        blob_release(copy);
        fixture_close(&fixture);
    }
}

static void a_repair_by_something_newer_leaves_the_tree_right_too(void **state)
{
    (void)state;
    struct fixture fixture;
    struct blob *copy = damage_one(&fixture, "damaged");
    repair(&fixture, "damaged", blob_bytes(copy));
    set_rightly(&fixture, "damaged", "and changed before the checkpoint");
    fixture_checkpoint(&fixture);
    check_tree(&fixture, "repaired and changed", 0);
    blob_release(copy);
    fixture_close(&fixture);
}

static void many_repairs_at_once_leave_the_tree_right(void **state)
{
    (void)state;
    struct fixture fixture;
    struct blob *copy = damage_one(&fixture, "damaged");
    blob_release(copy);
    fixture_close(&fixture);
    fixture_init(&fixture);
    fixture_open(&fixture);
    for (unsigned i = 0; i < KEYS; i++) {
        char name[32];
        name_key(name, i);
        set_rightly(&fixture, name, "value");
    }
    fixture_stop(&fixture);
    struct fake_table *table = &fixture.engine.records;
    struct blob *copies[KEYS];
    assert_int_equal(table->count, KEYS);
    for (unsigned i = 0; i < KEYS; i++) {
        struct blob *record = table->rows[i].record;
        copies[i] = blob_new(record->len);
        memcpy(copies[i]->at, record->at, record->len);
        record->at[record->len - 1] ^= 1;
    }
    fixture_open(&fixture);
    for (unsigned i = 0; i < KEYS; i++) { /* more than are remembered one by one */
        char name[32];
        struct bytes key = bytes_after(blob_bytes(table->rows[i].key), 2);
        memcpy(name, key.at, key.len);
        name[key.len] = '\0';
        repair(&fixture, name, blob_bytes(copies[i]));
        blob_release(copies[i]);
    }
    fixture_checkpoint(&fixture);
    check_tree(&fixture, "all repaired", 0);
    fixture_close(&fixture);
}

static void a_checker_that_finds_a_wrong_leaf_has_it_put_right(void **state)
{
    (void)state;
    struct fixture fixture;
    struct store_stats stats;
    struct blob *copy = damage_one(&fixture, "unharmed");
    struct blob *record =
        fake_engine_record(&fixture.engine, (uint16_t)(hash_of_key(bytes_of_text("unharmed")) % 4), "unharmed");
    record->at[record->len - 1] ^= 1;
    struct tree *tree = store_tree(fixture.store);
    for (uint32_t hash = 1; hash < 400; hash += 4) { /* as a disk that flips bits behind the checksums' back could */
        tree_change(tree, hash, 0, hash);
        tree_store_change(tree, hash, 0, hash);
    }
    set_rightly(&fixture, "tree-key-3", "dirty while the tree is put right");
    store_correct_tree(fixture.store, 4, 1);
    fixture_slices(&fixture);
    check_tree(&fixture, "put right", 0);
    store_stats(fixture.store, &stats);
    assert_int_equal(stats.leaves_corrected, 100);
    fixture_crash(&fixture);
    fixture_open(&fixture);
    check_tree(&fixture, "and stored so", 0);
    blob_release(copy);
    fixture_close(&fixture);
}

/* ---- Marks, and scans of one partition ---- */

static void a_mark_is_passed_when_all_before_it_is_in_the_engine(void **state)
{
    (void)state;
    struct fixture fixture;
    fixture_init(&fixture);
    fixture.limits.batch_records = 16;
    fixture_open(&fixture);
    assert_true(store_is_checkpointed(fixture.store, store_mark(fixture.store))); /* nothing was updated */
    set_keys(&fixture, KEYS, "first");
    fixture.storage_wakes = 0;
    uint64_t mark = store_mark(fixture.store);
    assert_true(fixture.storage_wakes > 0);
    unsigned slices = 0;
    for (; !store_is_checkpointed(fixture.store, mark) && slices < 1000; slices++)
        store_checkpoint_slice(fixture.store, fixture.now, fixture.clock);
    assert_true(slices > KEYS / 16 && slices < 1000);
    assert_int_equal(fixture.engine.records.count, KEYS);
    fixture_close(&fixture);
}

static void a_mark_set_in_a_round_waits_for_the_next_one(void **state)
{
    (void)state;
    struct fixture fixture;
    fixture_init(&fixture);
    fixture.limits.batch_records = 16;
    fixture_open(&fixture);
    set_keys(&fixture, KEYS, "first");
    uint64_t first = store_mark(fixture.store);
    while (fixture.engine.records.count == 0)
        store_checkpoint_slice(fixture.store, fixture.now, fixture.clock);
    fixture_set(&fixture, "a", "after the round has collected", DURABILITY_COMMITTED);
    uint64_t mark = store_mark(fixture.store);
    while (!store_is_checkpointed(fixture.store, first))
        store_checkpoint_slice(fixture.store, fixture.now, fixture.clock);
    assert_false(store_is_checkpointed(fixture.store, mark));
    assert_null(fake_engine_record(&fixture.engine, 1, "a"));
    fixture_slices(&fixture);
    assert_true(store_is_checkpointed(fixture.store, mark));
    assert_non_null(fake_engine_record(&fixture.engine, 1, "a"));
    fixture_close(&fixture);
}

struct seen {
    unsigned count;
    uint16_t partition;
    char last[64];
};

static void see(void *context, uint16_t partition, struct bytes key, struct bytes record)
{
    struct seen *seen = context;
    assert_int_equal(partition, seen->partition);
    assert_true(record.len > 0);
    assert_true(bytes_compare(bytes_of_text(seen->last), key) < 0);
    memcpy(seen->last, key.at, key.len);
    seen->last[key.len] = '\0';
    seen->count++;
}

static void a_partition_is_scanned_alone_in_key_order(void **state)
{
    (void)state;
    struct fixture fixture;
    open_with_keys(&fixture); /* partitions 10 % 3, 11 % 3, 9 + 3 = 12 % 3 by the lengths of the names */
    fixture_checkpoint(&fixture);
    unsigned expected[3] = {200, 10, 90}; /* names of 12, 10, 11 characters */
    for (uint16_t partition = 0; partition < 4; partition++) {
        struct store_cursor cursor = {0};
        struct seen seen = {.partition = partition};
        unsigned calls = 1;
        while (store_scan_partition(fixture.store, store_loop_of(fixture.store, 0), partition, &cursor, 7, see, &seen))
            calls++;
        assert_int_equal(seen.count, partition == 3 ? 0 : expected[partition]);
        assert_int_equal(calls, seen.count / 7 + 1);
    }
    fixture_close(&fixture);
}

static void a_scan_that_cannot_read_says_so_and_goes_on_later(void **state)
{
    (void)state;
    struct fixture fixture;
    open_with_keys(&fixture);
    fixture_checkpoint(&fixture);
    struct store_cursor cursor = {0};
    struct seen seen = {.partition = 2};
    struct store_loop *loop = store_loop_of(fixture.store, 0);
    assert_true(store_scan_partition(fixture.store, loop, 2, &cursor, 50, see, &seen));
    fixture.engine.read_fails = ENGINE_IO;
    assert_true(store_scan_partition(fixture.store, loop, 2, &cursor, 50, see, &seen));
    assert_true(cursor.failed);
    assert_int_equal(seen.count, 50);
    fixture.engine.read_fails = ENGINE_OK;
    assert_false(store_scan_partition(fixture.store, loop, 2, &cursor, 50, see, &seen));
    assert_false(cursor.failed);
    assert_int_equal(seen.count, 90);
    fixture_close(&fixture);
}

static void a_store_of_hints_has_no_tree(void **state)
{
    (void)state;
    struct fixture fixture;
    fixture_init(&fixture);
    fixture.limits.no_tree = true;
    fixture_open(&fixture);
    assert_null(store_tree(fixture.store));
    set_keys(&fixture, 20, "hint");
    fixture_stop(&fixture);
    fixture_open(&fixture);
    assert_int_equal(fixture.engine.records.count, 20);
    for (size_t i = 0; i < fixture.engine.meta.count; i++)
        assert_true(fixture.engine.meta.rows[i].record->len <= 16);
    fixture_close(&fixture);
}

static void the_sum_of_some_leaves_is_what_they_add_up_to(void **state)
{
    (void)state;
    static const uint32_t RINGS[] = {1, 8, 64, 1024, 65536};
    struct tree *tree = tree_new();
    for (uint32_t i = 0; i < 3000; i++) /* some blocks stay unused */
        tree_change(tree, i * i * 977, 0, hash_mix(i));
    for (unsigned k = 0; k < sizeof RINGS / sizeof RINGS[0]; k++) {
        uint32_t leaves = tree_leaves_of_partition(RINGS[k]);
        for (uint32_t width = 1; width <= leaves; width *= 4) {
            uint16_t partition = (uint16_t)(RINGS[k] / 2);
            uint32_t first = leaves / 2 < leaves - width ? leaves / 2 : leaves - width;
            uint64_t sum = 0;
            for (uint32_t i = 0; i < width; i++)
                sum += tree_leaf(tree, RINGS[k], partition, first + i);
            assert_true(tree_sum(tree, RINGS[k], partition, first, width) == sum);
        }
    }
    uint64_t all = 0;
    for (uint32_t i = 0; i < 3000; i++)
        all += hash_mix(i);
    assert_true(tree_sum(tree, 1, 0, 0, TREE_LEAVES) == all);
    tree_free(tree);
}

/* Each attempt reads all that is there, so it must not come with each batch; but it comes again by itself. */
static void a_tree_that_cannot_be_put_right_is_tried_again_after_growing_pauses(void **state)
{
    (void)state;
    struct fixture fixture;
    struct store_stats stats;
    fixture_init(&fixture);
    fixture_open(&fixture);
    set_rightly(&fixture, "tree-key-1", "value");
    set_rightly(&fixture, "busy", "value");
    fixture_checkpoint(&fixture);
    uint16_t partition = (uint16_t)(hash_of_key(bytes_of_text("tree-key-1")) % 4);
    struct tree *tree = store_tree(fixture.store);
    tree_change(tree, partition, 0, 7);
    tree_store_change(tree, partition, 0, 7);
    store_correct_tree(fixture.store, 4, partition);
    fixture.engine.read_fails = ENGINE_IO;
    unsigned reports = fixture.reports;
    for (unsigned i = 0; i < 1000; i++) { /* ten seconds, and something to be written all the time */
        set_rightly(&fixture, "busy", "value");
        (void)store_mark(fixture.store);
        fixture_slices(&fixture);
        fixture.now.mono_ns += 10 * 1000000;
    }
    store_stats(fixture.store, &stats);
    assert_int_equal(stats.io_errors, 4); /* at 0, 1, 3 and 7 seconds */
    assert_int_equal(fixture.reports, reports + 1);
    assert_int_equal(stats.leaves_corrected, 0);
    fixture.engine.read_fails = ENGINE_OK;
    for (unsigned i = 0; i < 10; i++) { /* idle */
        (void)store_checkpoint_slice(fixture.store, fixture.now, fixture.clock);
        fixture.now.mono_ns += 1000000000;
    }
    check_tree(&fixture, "put right after all", 0);
    store_stats(fixture.store, &stats);
    assert_int_equal(stats.leaves_corrected, 1);
    fixture_close(&fixture);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_leaf_belongs_to_one_partition_however_many_there_are),
        cmocka_unit_test(leaves_do_not_depend_on_the_order_of_updates),
        cmocka_unit_test(what_has_gone_leaves_nothing_behind),
        cmocka_unit_test(touching_a_record_changes_its_leaf),
        cmocka_unit_test(a_crash_at_any_batch_leaves_the_tree_right),
        cmocka_unit_test(a_batch_that_fails_changes_nothing_that_is_stored),
        cmocka_unit_test(a_start_loads_the_tree_and_looks_at_no_record),
        cmocka_unit_test(a_store_of_before_the_tree_gets_one_at_its_first_start),
        cmocka_unit_test(a_stored_block_that_is_damaged_is_noticed_and_built_anew),
        cmocka_unit_test(a_difference_left_out_is_found),
        cmocka_unit_test(a_replayed_difference_left_out_is_found),
        cmocka_unit_test(a_repaired_record_leaves_the_tree_right),
        cmocka_unit_test(a_damaged_record_is_written_again_from_memory),
        cmocka_unit_test(a_repair_by_something_newer_leaves_the_tree_right_too),
        cmocka_unit_test(many_repairs_at_once_leave_the_tree_right),
        cmocka_unit_test(a_checker_that_finds_a_wrong_leaf_has_it_put_right),
        cmocka_unit_test(a_mark_is_passed_when_all_before_it_is_in_the_engine),
        cmocka_unit_test(a_mark_set_in_a_round_waits_for_the_next_one),
        cmocka_unit_test(a_partition_is_scanned_alone_in_key_order),
        cmocka_unit_test(a_scan_that_cannot_read_says_so_and_goes_on_later),
        cmocka_unit_test(a_store_of_hints_has_no_tree),
        cmocka_unit_test(the_sum_of_some_leaves_is_what_they_add_up_to),
        cmocka_unit_test(a_tree_that_cannot_be_put_right_is_tried_again_after_growing_pauses),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
