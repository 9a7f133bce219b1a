#include "antientropy/inside.h"

#include "base/check.h"
#include "base/hash.h"
#include "version/fingerprint.h"
#include "version/record.h"

#include <stdio.h>
#include <stdlib.h>

enum {
    BATCH_LEAVES = 4096,   /* so many leaves are looked at between two pauses, or one partition */
    PAUSE_MS = 10000,      /* between two batches: each of them asks for a checkpoint */
    SCAN_PAUSE_MS = 10,    /* between two looks at SLICE_RECORDS: 25,000 records a second at most */
    SLICE_STEPS = 4,       /* of SCAN_STEP records */
    FIRST_PAUSE_MS = 30000 /* after a start there is more urgent work */
};

void checker_init(struct checker *checker)
{
    *checker = (struct checker){.mends = -1, .counts = {.last_mismatch = -1}};
}

static void forget(struct checker *checker)
{
    free(checker->before);
    free(checker->sums);
    free(checker->unreadable);
    checker->before = checker->sums = NULL;
    checker->unreadable = NULL;
    checker->phase = CHECKER_REST;
}

void checker_close(struct checker *checker)
{
    forget(checker);
}

void checker_reset(struct checker *checker, struct instant now)
{
    forget(checker);
    checker->partition = 0;
    checker->is_second_look = false;
    checker->mends = -1; /* it is found again */
    checker->next_ns = now.mono_ns + (uint64_t)FIRST_PAUSE_MS * NS_PER_MS;
}

static uint32_t leaves(const struct antientropy *a)
{
    return tree_leaves_of_partition(a->view->partition_count);
}

static void begin_batch(struct antientropy *a)
{
    struct checker *checker = &a->checker;
    uint32_t left = a->view->partition_count - checker->partition, width = leaves(a);
    uint32_t most = checker->is_second_look || width >= BATCH_LEAVES ? 1 : BATCH_LEAVES / width;
    checker->count = left < most ? left : most;
    checker->scanned = 0;
    checker->cursor = (struct store_cursor){.shows_damaged = true};
    size_t all = (size_t)checker->count * width;
    checker->before = calloc(all, sizeof *checker->before);
    checker->sums = calloc(all, sizeof *checker->sums);
    checker->unreadable = calloc(all, sizeof *checker->unreadable);
    CHECK_MEMORY(checker->before);
    CHECK_MEMORY(checker->sums);
    CHECK_MEMORY(checker->unreadable);
    for (size_t i = 0; i < all; i++) {
        uint16_t partition = (uint16_t)(checker->partition + i / width);
        checker->before[i] = tree_leaf(a->tree, a->view->partition_count, partition, (uint32_t)(i % width));
    }
    checker->mark = store_mark(a->parts.store);
    checker->phase = CHECKER_MARK;
}

static void visit(void *context, uint16_t partition, struct bytes key, struct bytes record)
{
    struct antientropy *a = context;
    struct checker *checker = &a->checker;
    if (key.len < 1)
        return;
    uint32_t hash = hash_of_key(key);
    size_t leaf = tree_leaf_in_partition(hash, a->view->partition_count);
    size_t place = (size_t)(partition - checker->partition) * leaves(a) + leaf;
    bool ok = record_verify(record) == RECORD_OK;
    uint64_t fingerprint = ok ? record_fingerprint(record, &ok) : 0;
    if (ok)
        checker->sums[place] += tree_weight(hash, fingerprint);
    else
        checker->unreadable[place] = true;
}

/* Is there a leaf that nobody has changed and that is not what its records give? */
static bool is_mismatch(const struct antientropy *a, uint32_t partition)
{
    const struct checker *checker = &a->checker;
    size_t first = (size_t)(partition - checker->partition) * leaves(a);
    for (uint32_t leaf = 0; leaf < leaves(a); leaf++) {
        uint64_t before = checker->before[first + leaf];
        bool is_still = tree_leaf(a->tree, a->view->partition_count, (uint16_t)partition, leaf) == before;
        if (is_still && !checker->unreadable[first + leaf] && checker->sums[first + leaf] != before)
            return true;
    }
    return false;
}

static void report(struct antientropy *a, uint32_t partition)
{
    char text[256];
    a->checker.counts.mismatches++;
    a->checker.counts.last_mismatch = (int)partition;
    snprintf(text, sizeof text,
             "the hash tree of partition %u is not what its records give: a defect or a damaged disk; the tree is "
             "summed up anew, and what is missing comes from the other owners (`ringctl repair %u` compares key by "
             "key at once); check the disk",
             partition, partition);
    repair_report(a, text);
}

/* The tree is put right only when it is durable that this copy's horizon means nothing any more. Until then it hides
 * what is missing here; afterwards the other owners hear of it, and would take it for dead. */
static void mend(struct antientropy *a, struct instant now)
{
    struct checker *checker = &a->checker;
    checker->next_ns = now.mono_ns + (uint64_t)SCAN_PAUSE_MS * NS_PER_MS;
    if (standing_wants_keeping(a->parts.standing))
        return;
    store_correct_tree(a->parts.store, a->view->partition_count, (uint16_t)checker->mends);
    antientropy_look(a);
    checker->mends = -1;
    checker->next_ns = now.mono_ns + (uint64_t)PAUSE_MS * NS_PER_MS;
}

/* A record that cannot be read is still in the tree as it was, so roots do not tell: its partition is compared key by
 * key, and the other owners' copies take its place. */
static void repair_unreadable(struct antientropy *a, struct instant now)
{
    const struct checker *checker = &a->checker;
    for (uint32_t i = 0; i < checker->count; i++) {
        bool has_any = false;
        for (uint32_t leaf = 0; leaf < leaves(a); leaf++)
            has_any |= checker->unreadable[(size_t)i * leaves(a) + leaf];
        if (has_any)
            antientropy_repair(a, now, (int)(checker->partition + i));
    }
}

/* Goes on behind the last partition that was judged. */
static void end_batch(struct antientropy *a, struct instant now)
{
    struct checker *checker = &a->checker;
    uint32_t end = checker->partition + checker->count, doubted = end;
    repair_unreadable(a, now);
    for (uint32_t i = checker->partition; i < end && doubted == end; i++) {
        if (is_mismatch(a, i))
            doubted = i;
        else
            checker->counts.partitions++;
    }
    bool was_second_look = checker->is_second_look;
    checker->is_second_look = doubted < end && !was_second_look;
    checker->partition = doubted;
    if (doubted < end && was_second_look) {
        report(a, doubted);
        standing_withdraw_horizon(a->parts.standing, (uint16_t)doubted);
        checker->mends = (int)doubted;
        checker->counts.partitions++;
        checker->partition++;
    }
    if (checker->partition == a->view->partition_count) {
        checker->partition = 0;
        checker->counts.passes++;
    }
    forget(checker);
    uint64_t pause_ms = checker->mends >= 0 ? SCAN_PAUSE_MS : checker->is_second_look ? 1000 : PAUSE_MS;
    checker->next_ns = now.mono_ns + pause_ms * NS_PER_MS;
}

static void scan(struct antientropy *a, struct instant now)
{
    struct checker *checker = &a->checker;
    for (unsigned i = 0; i < SLICE_STEPS && checker->scanned < checker->count; i++) {
        uint16_t partition = (uint16_t)(checker->partition + checker->scanned);
        bool more =
            store_scan_partition(a->parts.store, a->parts.loop, partition, &checker->cursor, SCAN_STEP, visit, a);
        if (checker->cursor.failed) { /* the store counts it; another time */
            forget(checker);
            checker->next_ns = now.mono_ns + (uint64_t)PAUSE_MS * NS_PER_MS;
            return;
        }
        if (!more) {
            checker->scanned++;
            checker->cursor = (struct store_cursor){.shows_damaged = true};
        }
    }
    checker->next_ns = now.mono_ns + SCAN_PAUSE_MS * NS_PER_MS;
    if (checker->scanned == checker->count)
        end_batch(a, now);
}

/* Sweeps and reads meet most damaged records long before the checker comes to their partition. */
static void repair_met(struct antientropy *a, struct instant now)
{
    struct checker *checker = &a->checker;
    if (now.mono_ns < checker->damage_ns)
        return;
    int partition = store_next_damaged(a->parts.store);
    if (partition < 0 || (uint32_t)partition >= a->view->partition_count)
        return;
    antientropy_repair(a, now, partition);
    checker->damage_ns = now.mono_ns + (uint64_t)PAUSE_MS * NS_PER_MS;
}

void checker_go_on(struct antientropy *a, struct instant now)
{
    struct checker *checker = &a->checker;
    repair_met(a, now);
    unreadable_go_on(a, now);
    if (now.mono_ns < checker->next_ns)
        return;
    if (checker->mends >= 0) {
        mend(a, now);
        return;
    }
    if (checker->phase == CHECKER_REST)
        begin_batch(a);
    if (checker->phase == CHECKER_MARK && store_is_checkpointed(a->parts.store, checker->mark))
        checker->phase = CHECKER_SCAN;
    if (checker->phase == CHECKER_SCAN)
        scan(a, now);
    else
        checker->next_ns = now.mono_ns + (uint64_t)SCAN_PAUSE_MS * NS_PER_MS;
}
