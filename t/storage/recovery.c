/* Crash and start again. */
#include "base/wire.h"
#include "storage/fixture.h"

#include "storage/inside.h"

#include <stdio.h>
#include <stdlib.h>

static void committed_survives_a_kill_and_buffered_may_not(void **state)
{
    (void)state;
    struct fixture fixture;
    fixture_init(&fixture);
    fixture_open(&fixture);
    fixture_set(&fixture, "a", "committed", DURABILITY_COMMITTED);
    fixture_set(&fixture, "b", "buffered", DURABILITY_BUFFERED);
    fixture_set(&fixture, "c", "gone", DURABILITY_COMMITTED);
    fixture_erase(&fixture, "c");
    fixture_crash(&fixture);
    fixture_open(&fixture);
    assert_false(fixture.found.clean);
    assert_int_equal(fixture.found.replayed_records, 3);
    assert_int_equal(fixture.found.torn_records, 0);
    assert_int_equal(fixture.found.newest, fixture.clock);
    fixture_expect(&fixture, "a", "committed");
    fixture_expect(&fixture, "b", NULL);
    fixture_expect(&fixture, "c", NULL);
    fixture_close(&fixture);
}

static void a_clean_stop_needs_no_replay(void **state)
{
    (void)state;
    struct fixture fixture;
    fixture_init(&fixture);
    fixture_open(&fixture);
    assert_true(fixture.found.clean); /* nothing there yet */
    fixture_set(&fixture, "a", "one", DURABILITY_BUFFERED);
    fixture_stop(&fixture);
    fixture_open(&fixture);
    assert_true(fixture.found.clean);
    assert_int_equal(fixture.found.newest, fixture.clock);
    fixture_expect(&fixture, "a", "one");
    fixture_crash(&fixture); /* without any update */
    fixture_open(&fixture);
    assert_false(fixture.found.clean);
    fixture_close(&fixture);
}

static void what_never_finished_a_checkpoint_has_run_all_the_same(void **state)
{
    (void)state;
    struct fixture fixture;
    fixture_init(&fixture);
    fixture_open(&fixture);
    assert_true(fixture.found.clean);
    assert_int_equal(fixture_set(&fixture, "a", "acknowledged", DURABILITY_BUFFERED), STORE_OK);
    fixture_crash(&fixture); /* before any checkpoint: neither log nor engine knows of it */
    fixture_open(&fixture);
    assert_int_equal(fixture.found.replayed_records, 0);
    assert_false(fixture.found.clean);
    fixture_stop(&fixture);
    fixture_open(&fixture);
    assert_true(fixture.found.clean);
    fixture_close(&fixture);
}

static void nothing_is_acknowledged_before_the_directory_is_marked_as_in_use(void **state)
{
    (void)state;
    struct fixture fixture;
    fixture_init(&fixture);
    fixture_open(&fixture);
    fixture_set(&fixture, "a", "one", DURABILITY_COMMITTED);
    fixture_stop(&fixture);
    fixture.engine.commit_fails = ENGINE_FULL;
    fixture_open(&fixture);
    assert_int_equal(fixture.reports, 1);
    assert_int_equal(fixture_set(&fixture, "b", "two", DURABILITY_COMMITTED), STORE_FULL);
    assert_int_equal(fixture_erase(&fixture, "a"), STORE_FULL);
    fixture_expect(&fixture, "a", "one");
    fixture_crash(&fixture);
    fixture_open(&fixture);
    assert_true(fixture.found.clean); /* and nothing was lost */
    fixture.engine.commit_fails = ENGINE_OK;
    fixture.now.mono_ns += (uint64_t)BACKOFF_MAX_MS * 1000000;
    assert_int_equal(fixture_set(&fixture, "b", "two", DURABILITY_BUFFERED), STORE_OK);
    fixture_crash(&fixture);
    fixture_open(&fixture);
    assert_false(fixture.found.clean);
    fixture_close(&fixture);
}

static void a_meta_table_that_cannot_be_read_is_not_an_empty_one(void **state)
{
    (void)state;
    struct fixture fixture;
    fixture_init(&fixture);
    fixture_open(&fixture);
    fixture_set(&fixture, "a", "one", DURABILITY_COMMITTED);
    fixture_stop(&fixture);
    fixture.engine.meta_fails = ENGINE_IO;
    assert_int_equal(store_open(&fixture.store, &fixture.limits, &fixture.ports, FIXTURE_LOOPS, &fixture.found),
                     STORE_OPEN_FAILED);
    assert_non_null(strstr(fixture.last_report, "could not be read"));
    fixture.engine.meta_fails = ENGINE_OK;
    fixture_open(&fixture);
    assert_true(fixture.found.clean);
    fixture_close(&fixture);
}

static void a_stop_without_engine_leaves_the_log(void **state)
{
    (void)state;
    struct fixture fixture;
    fixture_init(&fixture);
    fixture_open(&fixture);
    fixture_set(&fixture, "a", "one", DURABILITY_COMMITTED);
    fixture.engine.commit_fails = ENGINE_IO;
    fixture_stop(&fixture);
    fixture_open(&fixture); /* the replay's checkpoint fails as well: it goes on in memory */
    assert_false(fixture.found.clean);
    fixture_expect(&fixture, "a", "one");
    assert_int_equal(fixture_set(&fixture, "b", "two", DURABILITY_COMMITTED), STORE_OK);
    fixture_crash(&fixture);
    fixture.engine.commit_fails = ENGINE_OK;
    fixture_open(&fixture);
    assert_int_equal(fixture.found.replayed_records, 2);
    fixture_expect(&fixture, "a", "one");
    fixture_expect(&fixture, "b", "two");
    fixture_close(&fixture);
}

static void synced_waits_for_the_sync(void **state)
{
    (void)state;
    struct fixture fixture;
    fixture_init(&fixture);
    fixture_open(&fixture);
    struct write *write = write_new(&fixture, "a", "one", DURABILITY_SYNCED);
    assert_false(write_submit(write, 1));
    assert_int_equal(fixture.sync_wakes, 1);
    fixture_expect(&fixture, "a", "one"); /* visible before it is safe, as in memcached */
    fixture_slices(&fixture);
    assert_false(write->done);
    store_sync(fixture.store);
    assert_int_equal(fixture.wakes[1], 1);
    fixture_collect(&fixture);
    assert_true(write->done);
    assert_int_equal(write->op.status, STORE_OK);
    free(write);
    unsigned synced = fixture.disk.synced;
    store_sync(fixture.store); /* nothing new: nothing is synced */
    assert_int_equal(fixture.disk.synced, synced);
    fixture_close(&fixture);
}

/* Found by random seed 69: the second erasure found nothing to erase and said so at once, the first was then lost. */
static void a_synced_erasure_waits_for_an_earlier_one(void **state)
{
    (void)state;
    struct fixture fixture;
    struct prng prng;
    prng_init(&prng, 69);
    fixture_init(&fixture);
    fixture_open(&fixture);
    fixture_set(&fixture, "a", "one", DURABILITY_COMMITTED);
    fixture_checkpoint(&fixture);
    fixture_erase(&fixture, "a");
    struct write *erase = write_new(&fixture, "a", NULL, DURABILITY_SYNCED);
    assert_false(write_submit(erase, 1));
    fixture_slices(&fixture);
    store_sync(fixture.store);
    fixture_collect(&fixture);
    assert_true(erase->done);
    assert_int_equal(erase->op.status, STORE_OK);
    free(erase);
    fixture_crash(&fixture);
    fake_disk_power_loss(&fixture.disk, &prng);
    fixture_open(&fixture);
    fixture_expect(&fixture, "a", NULL);
    fixture_close(&fixture);
}

static void a_checkpoint_also_completes_synced(void **state)
{
    (void)state;
    struct fixture fixture;
    fixture_init(&fixture);
    fixture_open(&fixture);
    struct write *write = write_new(&fixture, "a", "one", DURABILITY_SYNCED);
    assert_false(write_submit(write, 0));
    fixture_checkpoint(&fixture);
    assert_true(write->done);
    free(write);
    fixture_close(&fixture);
}

static void after_a_failed_sync_only_a_checkpoint_counts(void **state)
{
    (void)state;
    struct fixture fixture;
    fixture_init(&fixture);
    fixture_open(&fixture);
    struct write *write = write_new(&fixture, "a", "one", DURABILITY_SYNCED);
    assert_false(write_submit(write, 0));
    fixture.disk.sync_fails = true;
    store_sync(fixture.store);
    fixture.disk.sync_fails = false;
    store_sync(fixture.store); /* succeeding now would prove nothing */
    fixture_collect(&fixture);
    assert_false(write->done);
    fixture_slices(&fixture);
    assert_true(write->done);
    assert_int_equal(write->op.status, STORE_OK);
    free(write);
    assert_int_equal(fixture.disk.removed, 1); /* the segment is not used again */
    assert_int_equal(fixture_set(&fixture, "b", "two", DURABILITY_SYNCED), STORE_OK);

    /* And when the checkpoint fails as well, the client learns it. */
    write = write_new(&fixture, "a", "three", DURABILITY_SYNCED);
    assert_false(write_submit(write, 0));
    fixture.disk.sync_fails = true;
    fixture.engine.commit_fails = ENGINE_IO;
    store_sync(fixture.store);
    fixture_slices(&fixture);
    assert_true(write->done);
    assert_int_equal(write->op.status, STORE_IO);
    free(write);
    fixture_close(&fixture);
}

/* A flipped bit in the middle of the log costs its own record only, and is not taken for a write that never was. */
static void a_damaged_object_in_the_log_is_reported_and_what_follows_is_replayed(void **state)
{
    (void)state;
    struct fixture fixture;
    fixture_init(&fixture);
    fixture_open(&fixture);
    fixture_set(&fixture, "a", "one", DURABILITY_COMMITTED);
    fixture_set(&fixture, "bad-key", "two", DURABILITY_COMMITTED);
    struct segment *segment = fixture.store->loops[0].log.active;
    segment->file->map[segment->used - 16] ^= 0x55; /* padding is less than 8 bytes */
    fixture_set(&fixture, "c", "three", DURABILITY_COMMITTED);
    fixture_crash(&fixture);
    unsigned reports = fixture.reports;
    fixture_open(&fixture);
    assert_int_equal(fixture.found.torn_records, 0);
    assert_int_equal(fixture.found.replayed_records, 2);
    assert_int_equal(fixture.found.damaged, 1);
    assert_int_equal(fixture.reports, reports + 1);
    assert_non_null(strstr(fixture.last_report, "bad-key"));
    fixture_expect(&fixture, "a", "one");
    fixture_expect(&fixture, "bad-key", NULL);
    fixture_expect(&fixture, "c", "three");
    fixture_close(&fixture);
}

static void a_torn_tail_is_counted_and_harms_no_other_record(void **state)
{
    (void)state;
    struct fixture fixture;
    fixture_init(&fixture);
    fixture_open(&fixture);
    fixture_set(&fixture, "a", "one", DURABILITY_COMMITTED);
    fixture_set(&fixture, "b", "two", DURABILITY_COMMITTED);
    struct segment *segment = fixture.store->loops[0].log.active;
    segment->file->map[segment->used - 16] ^= 0x55; /* padding is less than 8 bytes */
    fixture_crash(&fixture);
    fixture_open(&fixture);
    assert_int_equal(fixture.found.torn_records, 1);
    assert_int_equal(fixture.found.replayed_records, 1);
    assert_int_equal(fixture.found.damaged, 0); /* as a killed process may leave it */
    fixture_expect(&fixture, "a", "one");
    fixture_expect(&fixture, "b", NULL);
    fixture_close(&fixture);
}

/* What hides that records follow: a header whose length is wrong, one whose checksum is, one that has been zeroed, and
 * a sector of zeros. Records behind it were acknowledged: whoever asks this copy must not rely on it. */
static void damage_that_hides_the_rest_of_a_segment_is_told_from_its_end(void **state)
{
    (void)state;
    for (unsigned kind = 0; kind < 8; kind++) {
        struct fixture fixture;
        fixture_init(&fixture);
        fixture.disk.unmapped = kind >= 4;
        fixture_open(&fixture);
        char key[32];
        uint64_t at = 0;
        for (unsigned i = 0; i < 40; i++) {
            snprintf(key, sizeof key, "key-%u", i);
            if (i == 10)
                at = fixture.store->loops[0].log.active->used;
            fixture_set(&fixture, key, "some value of some length", DURABILITY_COMMITTED);
        }
        struct fake_file *file = (struct fake_file *)fixture.store->loops[0].log.active->file;
        if (kind % 4 < 2)
            file->live[at + (kind % 4 == 0 ? 9 : 3)] ^= 0x40;
        else
            memset(file->live + at, 0, kind % 4 == 2 ? LOG_RECORD_HEADER : 512);
        fixture_crash(&fixture);
        unsigned reports = fixture.reports;
        fixture_open(&fixture);
        assert_int_equal(fixture.found.replayed_records, 10);
        assert_int_equal(fixture.found.damaged, 1);
        assert_int_equal(fixture.reports, reports + 1);
        assert_non_null(strstr(fixture.last_report, "is damaged"));
        fixture_close(&fixture);
    }
}

static void a_whole_log_is_never_taken_for_a_damaged_one(void **state)
{
    (void)state;
    for (unsigned kind = 0; kind < 2; kind++) {
        struct fixture fixture;
        fixture_init(&fixture);
        fixture.disk.unmapped = kind == 1;
        fixture_open(&fixture);
        for (unsigned i = 0; i < 3000;
             i++) { /* segments are used again and again: what they held is behind their ends */
            char key[32];
            snprintf(key, sizeof key, "key-%u", i % 100);
            fixture_set(&fixture, key, "some value of some length", DURABILITY_COMMITTED);
            if (i % 500 == 0)
                fixture_checkpoint(&fixture);
            if (i % 700 == 0) {
                fixture_crash(&fixture);
                fixture_open(&fixture);
                assert_int_equal(fixture.found.damaged, 0);
                assert_int_equal(fixture.found.torn_records, 0);
            }
        }
        fixture_close(&fixture);
    }
}

static void synced_survives_a_loss_of_power(void **state)
{
    (void)state;
    for (uint64_t seed = 1; seed <= 20; seed++) {
        struct fixture fixture;
        struct prng prng;
        prng_init(&prng, seed);
        fixture_init(&fixture);
        fixture_open(&fixture);
        char name[32];
        for (unsigned i = 0; i < 100; i++) {
            snprintf(name, sizeof name, "key-%u", i);
            fixture_set(&fixture, name, "old", DURABILITY_COMMITTED);
            if (i < 50)
                assert_int_equal(fixture_set(&fixture, name, "synced", DURABILITY_SYNCED), STORE_OK);
        }
        fixture_crash(&fixture);
        fake_disk_power_loss(&fixture.disk, &prng);
        fixture_open(&fixture);
        for (unsigned i = 0; i < 50; i++) {
            snprintf(name, sizeof name, "key-%u", i);
            fixture_expect(&fixture, name, "synced");
        }
        fixture_close(&fixture);
    }
}

/* Leaves the first values of "a" and "b" in the log, each in a segment of its own, below the floor; both are erased
 * since. */
static void leave_old_segments(struct fixture *fixture)
{
    struct write *a = write_new(fixture, "a", "old a", DURABILITY_COMMITTED);
    struct write *b = write_new(fixture, "b", "old b", DURABILITY_COMMITTED);
    write_submit(a, 0);
    write_submit(b, 1);
    fixture_slices(fixture);
    assert_true(a->done && b->done);
    free(a);
    free(b);
    fixture_checkpoint(fixture);
    fixture_erase(fixture, "a");
    fixture_erase(fixture, "b");
    fixture_checkpoint(fixture);
    fixture_set(fixture, "c", "new", DURABILITY_COMMITTED); /* over the erasures */
    fixture_checkpoint(fixture);
}

static unsigned count_revived(struct fixture *fixture)
{
    return (fixture_get(fixture, "a", NULL) == STORE_OK ? 1U : 0U)
           + (fixture_get(fixture, "b", NULL) == STORE_OK ? 1U : 0U);
}

static void used_segments_are_never_replayed_again(void **state)
{
    (void)state;
    for (unsigned control = 0; control < 2; control++) {
        struct fixture fixture;
        fixture_init(&fixture);
        fixture_open(&fixture);
        leave_old_segments(&fixture);
        fixture_crash(&fixture);
        uint8_t floor[LOG_FLOOR_LEN];
        wire_write_u64(wire_write_u64(floor, 1), 1);
        if (control == 1) /* with the floor set back the old records are there: only the floor keeps them out */
            fake_engine_set_meta(&fixture.engine, META_LOG_FLOOR, bytes_of(floor, sizeof floor));
        fixture_open(&fixture);
        assert_true(control == 1 ? count_revived(&fixture) > 0 : count_revived(&fixture) == 0);
        assert_true(control == 1 || fixture.found.replayed_records == 0);
        fixture_close(&fixture);
    }
}

static void generations_and_sequences_never_go_back(void **state)
{
    (void)state;
    struct fixture fixture;
    fixture_init(&fixture);
    uint64_t generation = 0, sequence = 0;
    for (unsigned i = 0; i < 20; i++) {
        fixture_open(&fixture);
        assert_true(atomic_load(&fixture.store->logs.next_generation) >= generation);
        assert_true(atomic_load(&fixture.store->logs.next_sequence) >= sequence);
        fixture_set(&fixture, "a", "one", DURABILITY_COMMITTED);
        fixture_set(&fixture, "b", "one", DURABILITY_COMMITTED);
        if (i % 3 == 0)
            fixture_checkpoint(&fixture);
        generation = atomic_load(&fixture.store->logs.next_generation);
        sequence = atomic_load(&fixture.store->logs.next_sequence);
        if (i % 2 == 0)
            fixture_crash(&fixture);
        else
            fixture_stop(&fixture);
    }
    fixture_close(&fixture);
}

/* The headers of the segments that were in use are lost, pages behind them need not be. */
static void a_generation_is_not_given_twice_after_a_loss_of_power(void **state)
{
    (void)state;
    struct fixture fixture;
    fixture_init(&fixture);
    fixture_open(&fixture);
    fixture_set(&fixture, "a", "one", DURABILITY_COMMITTED);
    fixture_checkpoint(&fixture);
    fixture_set(&fixture, "a", "two", DURABILITY_COMMITTED);
    uint64_t next = atomic_load(&fixture.store->logs.next_generation);
    fixture_crash(&fixture);
    for (struct fake_file *file = fixture.disk.files; file != NULL; file = file->next)
        memset(file->live, 0, SEGMENT_HEADER);
    fixture_open(&fixture);
    assert_true(atomic_load(&fixture.store->logs.next_generation) >= next);
    fixture_close(&fixture);
}

/* The caller looks at the clock before the slice, and other loops write on. */
static void the_clock_of_a_checkpoint_is_not_behind_its_records(void **state)
{
    (void)state;
    struct fixture fixture;
    fixture_init(&fixture);
    fixture_open(&fixture);
    hybrid_time looked = fixture.clock;
    fixture_set(&fixture, "a", "one", DURABILITY_BUFFERED);
    hybrid_time written = fixture.clock;
    assert_true(written > looked);
    fixture.clock = looked;
    fixture_checkpoint(&fixture);
    fixture_crash(&fixture);
    fixture_open(&fixture);
    fixture_expect(&fixture, "a", "one");
    assert_true(fixture.found.newest >= written);
    fixture_close(&fixture);
}

/* Such a record comes from a node whose clock is wrong: it is kept, and no start takes its time for this node's [R2].
 */
static void an_absurd_time_does_not_become_the_clock(void **state)
{
    (void)state;
    for (unsigned kind = 0; kind < 4; kind++) {
        bool from_log = kind % 2 == 0, absurd = kind < 2;
        struct fixture fixture;
        fixture_init(&fixture);
        fixture.clock = hybrid_of_ms(1700000000000);
        fixture.ports.present = fixture.clock;
        fixture_open(&fixture);
        hybrid_time sane = fixture.clock;
        fixture.clock += hybrid_of_ms(absurd ? 2 * STORE_AHEAD_MS_MAX : STORE_AHEAD_MS_MAX / 2);
        fixture_set(&fixture, "ahead", "one", DURABILITY_COMMITTED);
        hybrid_time ahead = fixture.clock;
        fixture.clock = sane;
        if (!from_log)
            fixture_checkpoint(&fixture);
        fixture_crash(&fixture);
        fixture_open(&fixture);
        fixture_expect(&fixture, "ahead", "one");
        if (absurd)
            assert_true(fixture.found.newest <= sane);
        else
            assert_int_equal(fixture.found.newest, ahead);
        fixture.clock = fixture.found.newest > fixture.clock ? fixture.found.newest : fixture.clock;
        fixture_checkpoint(&fixture);
        fixture_stop(&fixture);
        fixture_open(&fixture);
        assert_true(absurd ? fixture.found.newest <= sane : fixture.found.newest >= ahead);
        fixture_close(&fixture);
    }
}

static void loops_of_different_number_read_one_log(void **state)
{
    (void)state;
    struct fixture fixture;
    char value[32];
    fixture_init(&fixture);
    fixture_open(&fixture);
    for (unsigned i = 0; i < 30; i++) { /* one key, every loop in turn: only the sequence tells the order */
        snprintf(value, sizeof value, "value-%u", i);
        struct write *write = write_new(&fixture, "a", i % 7 == 6 ? NULL : value, DURABILITY_COMMITTED);
        if (!write_submit(write, i % FIXTURE_LOOPS))
            fixture_slices(&fixture);
        assert_true(write->done);
        free(write);
    }
    fixture_crash(&fixture);
    struct store_recovery found;
    assert_int_equal(store_open(&fixture.store, &fixture.limits, &fixture.ports, 1, &found), STORE_OPEN_OK);
    assert_int_equal(found.replayed_records, 30);
    store_abandon(fixture.store);
    fixture_open(&fixture);
    assert_int_equal(fixture.found.replayed_records, 0);
    fixture_expect(&fixture, "a", "value-29");
    fixture_close(&fixture);
}

static void replay_keeps_memory_bounded(void **state)
{
    (void)state;
    struct fixture fixture;
    struct store_stats stats;
    char name[32], value[1000];
    memset(value, 'v', sizeof value - 1);
    value[sizeof value - 1] = '\0';
    fixture_init(&fixture);
    fixture.limits.log_bytes = 2 << 20;
    fixture.limits.memory_bytes = 4 << 20;
    fixture.limits.dirty_bytes = fixture.limits.checkpoint_bytes = 4 << 20;
    fixture_open(&fixture);
    for (unsigned i = 0; i < 800; i++) {
        snprintf(name, sizeof name, "key-%u", i);
        assert_int_equal(fixture_set(&fixture, name, value, DURABILITY_COMMITTED), STORE_OK);
    }
    fixture_crash(&fixture);
    fixture.limits.memory_bytes = 128 << 10;
    fixture_open(&fixture);
    assert_int_equal(fixture.found.replayed_records, 800);
    store_stats(fixture.store, &stats);
    assert_true(stats.bytes_buffered <= fixture.limits.memory_bytes);
    assert_int_equal(stats.records_dirty, 0);
    for (unsigned i = 0; i < 800; i++) {
        snprintf(name, sizeof name, "key-%u", i);
        fixture_expect(&fixture, name, value);
    }
    fixture_close(&fixture);
}

static void a_replay_that_finds_no_room_stops_and_can_be_repeated(void **state)
{
    (void)state;
    struct fixture fixture;
    char name[32], value[1000];
    memset(value, 'v', sizeof value - 1);
    value[sizeof value - 1] = '\0';
    fixture_init(&fixture);
    fixture_open(&fixture);
    for (unsigned i = 0; i < 200; i++) {
        snprintf(name, sizeof name, "key-%u", i);
        assert_int_equal(fixture_set(&fixture, name, value, DURABILITY_COMMITTED), STORE_OK);
    }
    fixture_crash(&fixture);
    fixture.limits.memory_bytes = 64 << 10;
    fixture.engine.commit_fails = ENGINE_FULL;
    assert_int_equal(store_open(&fixture.store, &fixture.limits, &fixture.ports, 1, &fixture.found), STORE_OPEN_FAILED);
    assert_null(fixture.store);
    fixture.engine.commit_fails = ENGINE_OK;
    fixture_open(&fixture);
    for (unsigned i = 0; i < 200; i++) {
        snprintf(name, sizeof name, "key-%u", i);
        fixture_expect(&fixture, name, value);
    }
    fixture_close(&fixture);
}

static void the_log_mends_what_the_engine_has_damaged(void **state)
{
    (void)state;
    struct fixture fixture;
    fixture_init(&fixture);
    fixture_open(&fixture);
    fixture_set(&fixture, "a", "one", DURABILITY_COMMITTED);
    fixture_checkpoint(&fixture);
    fixture_set(&fixture, "a", "two", DURABILITY_COMMITTED);
    fixture_crash(&fixture);
    struct blob *record = fake_engine_record(&fixture.engine, 1, "a");
    record->at[record->len - 1] ^= 1;
    fixture_open(&fixture);
    fixture_expect(&fixture, "a", "two");
    fixture_close(&fixture);
}

static void foreign_files_are_left_alone(void **state)
{
    (void)state;
    struct fixture fixture;
    struct disk_file *file;
    fixture_init(&fixture);
    struct disk *disk = &fixture.disk.disk;
    disk->create(disk, "log-notes.txt", 100, &file);
    disk->close_file(disk, file);
    disk->create(disk, "data.mdb", 100, &file);
    disk->close_file(disk, file);
    fixture_open(&fixture);
    assert_non_null(fake_disk_file(&fixture.disk, "log-notes.txt"));
    assert_non_null(fake_disk_file(&fixture.disk, "data.mdb"));
    fixture_close(&fixture);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(committed_survives_a_kill_and_buffered_may_not),
        cmocka_unit_test(a_clean_stop_needs_no_replay),
        cmocka_unit_test(what_never_finished_a_checkpoint_has_run_all_the_same),
        cmocka_unit_test(nothing_is_acknowledged_before_the_directory_is_marked_as_in_use),
        cmocka_unit_test(a_meta_table_that_cannot_be_read_is_not_an_empty_one),
        cmocka_unit_test(a_stop_without_engine_leaves_the_log),
        cmocka_unit_test(synced_waits_for_the_sync),
        cmocka_unit_test(a_synced_erasure_waits_for_an_earlier_one),
        cmocka_unit_test(a_checkpoint_also_completes_synced),
        cmocka_unit_test(after_a_failed_sync_only_a_checkpoint_counts),
        cmocka_unit_test(a_torn_tail_is_counted_and_harms_no_other_record),
        cmocka_unit_test(damage_that_hides_the_rest_of_a_segment_is_told_from_its_end),
        cmocka_unit_test(a_whole_log_is_never_taken_for_a_damaged_one),
        cmocka_unit_test(an_absurd_time_does_not_become_the_clock),
        cmocka_unit_test(a_damaged_object_in_the_log_is_reported_and_what_follows_is_replayed),
        cmocka_unit_test(synced_survives_a_loss_of_power),
        cmocka_unit_test(used_segments_are_never_replayed_again),
        cmocka_unit_test(generations_and_sequences_never_go_back),
        cmocka_unit_test(a_generation_is_not_given_twice_after_a_loss_of_power),
        cmocka_unit_test(the_clock_of_a_checkpoint_is_not_behind_its_records),
        cmocka_unit_test(loops_of_different_number_read_one_log),
        cmocka_unit_test(replay_keeps_memory_bounded),
        cmocka_unit_test(a_replay_that_finds_no_room_stops_and_can_be_repeated),
        cmocka_unit_test(the_log_mends_what_the_engine_has_damaged),
        cmocka_unit_test(foreign_files_are_left_alone),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
