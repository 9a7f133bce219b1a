/* What a copy is worth: marks are never lost, horizons are in force only when they are durable. */
#include "base/seeded.h"

#include "replica/standing.h"

#include <pthread.h>
#include <stdlib.h>

enum { LAST = 65535, ROWS = 8, THREADS = 4, ROUNDS = 20000 };

static void a_new_copy_is_trusted_and_knows_no_horizon(void **state)
{
    (void)state;
    struct standing *standing = standing_new();
    for (uint32_t i = 0; i <= LAST; i += 4369) {
        assert_true(standing_horizon(standing, (uint16_t)i) == 0);
        assert_false(standing_is_doubtful(standing, (uint16_t)i));
        assert_false(standing_is_behind(standing, (uint16_t)i));
    }
    assert_true(standing_is_confirmed(standing));
    assert_false(standing_wants_keeping(standing));
    standing_free(standing);
}

static void a_mark_is_of_its_partition_and_a_doubtful_copy_is_behind_too(void **state)
{
    (void)state;
    struct standing *standing = standing_new();
    standing_mark(standing, 7, STANDING_BEHIND);
    standing_mark(standing, LAST, STANDING_DOUBTFUL);
    assert_true(standing_is_behind(standing, 7) && !standing_is_doubtful(standing, 7));
    assert_true(standing_is_behind(standing, LAST) && standing_is_doubtful(standing, LAST));
    assert_false(standing_is_behind(standing, 8));
    standing_free(standing);
}

static void a_mark_of_the_whole_copy_reaches_every_partition(void **state)
{
    (void)state;
    struct standing *standing = standing_new();
    assert_true(standing_clear(standing, 3, standing_marks(standing, 3)));
    standing_mark_all(standing, STANDING_DOUBTFUL);
    assert_true(standing_is_doubtful(standing, 0) && standing_is_doubtful(standing, 3));
    assert_true(standing_is_doubtful(standing, LAST));
    assert_true(standing_clear(standing, 3, standing_marks(standing, 3)));
    assert_false(standing_is_doubtful(standing, 3) || standing_is_behind(standing, 3));
    assert_true(standing_is_doubtful(standing, 4));
    standing_mark_all(standing, STANDING_BEHIND);
    assert_true(standing_is_behind(standing, 3));
    assert_false(standing_is_doubtful(standing, 3));
    standing_free(standing);
}

static void a_mark_during_the_comparison_keeps_both_flags(void **state)
{
    (void)state;
    struct standing *standing = standing_new();
    standing_mark(standing, 1, STANDING_DOUBTFUL);
    uint64_t marks = standing_marks(standing, 1);
    standing_mark(standing, 1, STANDING_BEHIND);
    assert_false(standing_clear(standing, 1, marks));
    assert_true(standing_is_doubtful(standing, 1));
    marks = standing_marks(standing, 1);
    standing_mark_all(standing, STANDING_BEHIND);
    assert_false(standing_clear(standing, 1, marks));
    marks = standing_marks(standing, 1);
    standing_mark(standing, 2, STANDING_BEHIND); /* another one's */
    assert_true(standing_clear(standing, 1, marks));
    assert_false(standing_is_doubtful(standing, 1) || standing_is_behind(standing, 1));
    standing_free(standing);
}

static void nothing_is_trusted_until_the_directory_is_confirmed(void **state)
{
    (void)state;
    struct standing *standing = standing_new();
    standing_set_confirmed(standing, false);
    assert_true(standing_is_doubtful(standing, 5) && standing_is_behind(standing, 5));
    assert_true(standing_clear(standing, 5, standing_marks(standing, 5)));
    assert_true(standing_is_doubtful(standing, 5));
    standing_set_confirmed(standing, true);
    assert_false(standing_is_doubtful(standing, 5) || standing_is_behind(standing, 5));
    standing_free(standing);
}

static void keep(struct standing *standing, uint8_t *at)
{
    standing_encode(standing, ROWS, at);
    standing_kept(standing);
}

static void a_horizon_is_in_force_when_it_has_been_kept(void **state)
{
    (void)state;
    struct standing *standing = standing_new();
    uint8_t *at = malloc(standing_size(ROWS));
    assert_non_null(at);
    standing_raise_horizon(standing, 2, 100);
    assert_true(standing_wants_keeping(standing));
    assert_true(standing_horizon(standing, 2) == 0);
    assert_true(standing_newest_horizon(standing) == 100);
    standing_encode(standing, ROWS, at);
    assert_true(standing_horizon(standing, 2) == 0);
    standing_raise_horizon(standing, 2, 200); /* after the bytes that are being written */
    standing_kept(standing);
    assert_true(standing_horizon(standing, 2) == 100);
    assert_true(standing_wants_keeping(standing));
    keep(standing, at);
    assert_true(standing_horizon(standing, 2) == 200);
    assert_false(standing_wants_keeping(standing));
    standing_raise_horizon(standing, 2, 150);
    assert_false(standing_wants_keeping(standing));
    keep(standing, at);
    assert_true(standing_horizon(standing, 2) == 200);
    free(at);
    standing_free(standing);
}

/* The write failed: nobody called standing_kept, and the next turn tries again. */
static void what_could_not_be_kept_is_still_wanted(void **state)
{
    (void)state;
    struct standing *standing = standing_new();
    uint8_t *at = malloc(standing_size(ROWS));
    assert_non_null(at);
    standing_mark(standing, 1, STANDING_DOUBTFUL);
    standing_encode(standing, ROWS, at);
    assert_true(standing_wants_keeping(standing));
    keep(standing, at);
    assert_false(standing_wants_keeping(standing));
    standing_mark(standing, 1, STANDING_BEHIND); /* every start is behind anyway */
    assert_false(standing_wants_keeping(standing));
    assert_true(standing_clear(standing, 1, standing_marks(standing, 1)));
    assert_true(standing_wants_keeping(standing));
    free(at);
    standing_free(standing);
}

static void a_restart_takes_over_horizons_and_doubts(void **state)
{
    (void)state;
    struct standing *before = standing_new(), *after = standing_new();
    size_t size = standing_size(ROWS);
    uint8_t *at = malloc(size);
    assert_non_null(at);
    standing_raise_horizon(before, 2, 100);
    standing_raise_horizon(before, 3, HYBRID_TIME_MAX);
    standing_mark(before, 3, STANDING_DOUBTFUL);
    standing_mark(before, 4, STANDING_BEHIND);
    keep(before, at);
    assert_true(standing_decode(after, bytes_of(at, size)));
    assert_true(standing_horizon(after, 2) == 100 && !standing_is_doubtful(after, 2));
    assert_true(standing_horizon(after, 3) == HYBRID_TIME_MAX && standing_is_doubtful(after, 3));
    assert_false(standing_is_doubtful(after, 4));
    assert_false(standing_wants_keeping(after));
    assert_true(standing_newest_horizon(after) == HYBRID_TIME_MAX);
    standing_raise_horizon(after, 2, 99);
    keep(after, at);
    assert_true(standing_horizon(after, 2) == 100);
    free(at);
    standing_free(before);
    standing_free(after);
}

static void a_ring_of_other_size_or_damage_is_told(void **state)
{
    (void)state;
    struct standing *standing = standing_new(), *after = standing_new();
    size_t size = standing_size(ROWS);
    uint8_t *at = malloc(size);
    assert_non_null(at);
    standing_raise_horizon(standing, 2, 100);
    keep(standing, at);
    for (size_t len = 0; len < size; len++)
        assert_false(standing_decode(after, bytes_of(at, len)));
    at[0]++; /* a later format */
    assert_false(standing_decode(after, bytes_of(at, size)));
    at[0]--;
    at[2] ^= 0xff; /* more partitions than there can be */
    assert_false(standing_decode(after, bytes_of(at, size)));
    at[2] ^= 0xff;
    for (size_t bit = 0; bit < 8 * size; bit++) { /* one of them would make everything dead */
        at[bit / 8] ^= (uint8_t)(1 << bit % 8);
        assert_false(standing_decode(after, bytes_of(at, size)));
        at[bit / 8] ^= (uint8_t)(1 << bit % 8);
    }
    assert_true(standing_horizon(after, 2) == 0);
    assert_true(standing_decode(after, bytes_of(at, size)));
    free(at);
    standing_free(standing);
    standing_free(after);
}

struct marker {
    struct standing *standing;
    pthread_t thread;
    _Atomic uint64_t *begun; /* marks that have been begun, of all threads */
    uint64_t lost;
};

/* Nobody else clears, so a mark that this thread has made stays until it clears it itself: `clears` does so after a
 * comparison that nothing has disturbed. */
static void *mark_again_and_again(void *context)
{
    struct marker *marker = context;
    for (unsigned i = 0; i < ROUNDS; i++) {
        atomic_fetch_add(marker->begun, 1);
        if (i % 7 == 0)
            standing_mark_all(marker->standing, STANDING_BEHIND);
        else
            standing_mark(marker->standing, 3, i % 2 == 0 ? STANDING_DOUBTFUL : STANDING_BEHIND);
    }
    return NULL;
}

/* A clearing with marks from before must not swallow a mark that began after those were read. */
static void *clear_again_and_again(void *context)
{
    struct marker *marker = context;
    for (unsigned i = 0; i < ROUNDS; i++) {
        uint64_t marks = standing_marks(marker->standing, 3);
        standing_mark(marker->standing, 3, STANDING_DOUBTFUL); /* begins after, so it must survive */
        marker->lost += standing_clear(marker->standing, 3, marks);
        marker->lost += !standing_is_doubtful(marker->standing, 3) || !standing_is_behind(marker->standing, 3);
    }
    return NULL;
}

static void marks_survive_clearings_of_other_threads(void **state)
{
    (void)state;
    struct standing *standing = standing_new();
    _Atomic uint64_t begun = 0;
    struct marker markers[THREADS];
    standing_mark(standing, 3, STANDING_DOUBTFUL);
    for (unsigned i = 0; i < THREADS; i++) {
        markers[i] = (struct marker){.standing = standing, .begun = &begun};
        void *(*run)(void *) = i == 0 ? clear_again_and_again : mark_again_and_again;
        assert_int_equal(pthread_create(&markers[i].thread, NULL, run, &markers[i]), 0);
    }
    for (unsigned i = 0; i < THREADS; i++)
        assert_int_equal(pthread_join(markers[i].thread, NULL), 0);
    assert_true(markers[0].lost == 0);
    assert_true(atomic_load(&begun) == (uint64_t)ROUNDS * (THREADS - 1));
    assert_true(standing_clear(standing, 3, standing_marks(standing, 3)));
    assert_false(standing_is_behind(standing, 3));
    standing_free(standing);
}

/* Two threads clear and mark the same partition; each mark that is followed by no clearing that began later stays. */
static void *mark_and_look(void *context)
{
    struct marker *marker = context;
    for (unsigned i = 0; i < ROUNDS; i++) {
        standing_mark(marker->standing, 3, STANDING_BEHIND);
        atomic_store(marker->begun, i + 1);
    }
    return NULL;
}

static void a_comparison_clears_only_what_came_before_it(void **state)
{
    (void)state;
    struct standing *standing = standing_new();
    _Atomic uint64_t done = 0;
    struct marker marker = {.standing = standing, .begun = &done};
    assert_int_equal(pthread_create(&marker.thread, NULL, mark_and_look, &marker), 0);
    uint64_t cleared = 0;
    while (atomic_load(&done) < ROUNDS || cleared == 0) { /* the other thread may be through before this one begins */
        uint64_t marks = standing_marks(standing, 3);
        cleared += standing_clear(standing, 3, marks);
        uint64_t after = standing_marks(standing, 3);
        if (after > marks) /* marked meanwhile: whoever marks, the flag is up until this thread clears again */
            assert_true(standing_is_behind(standing, 3));
    }
    assert_int_equal(pthread_join(marker.thread, NULL), 0);
    assert_true(cleared > 0);
    standing_free(standing);
}

/* Also when it comes while the storage thread is about to put an older state into force. */
static void a_horizon_that_was_withdrawn_is_gone_when_that_has_been_kept(void **state)
{
    (void)state;
    enum { ROW = 3 };
    struct standing *standing = standing_new();
    uint8_t *at = malloc(standing_size(ROWS));
    assert_non_null(at);
    standing_raise_horizon(standing, ROW, 70);
    standing_encode(standing, ROWS, at);
    standing_withdraw_horizon(standing, ROW);
    standing_kept(standing);
    assert_true(standing_wants_keeping(standing) && standing_is_doubtful(standing, ROW));
    standing_encode(standing, ROWS, at);
    standing_kept(standing);
    assert_false(standing_wants_keeping(standing));
    assert_true(standing_horizon(standing, ROW) == 0);
    struct standing *later = standing_new();
    assert_true(standing_decode(later, bytes_of(at, standing_size(ROWS))));
    assert_true(standing_horizon(later, ROW) == 0 && standing_is_doubtful(later, ROW));
    standing_raise_horizon(standing, ROW, 60); /* it may rise again, from anywhere */
    standing_encode(standing, ROWS, at);
    standing_kept(standing);
    assert_true(standing_horizon(standing, ROW) == 60);
    free(at);
    standing_free(later);
    standing_free(standing);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_new_copy_is_trusted_and_knows_no_horizon),
        cmocka_unit_test(a_mark_is_of_its_partition_and_a_doubtful_copy_is_behind_too),
        cmocka_unit_test(a_mark_of_the_whole_copy_reaches_every_partition),
        cmocka_unit_test(a_mark_during_the_comparison_keeps_both_flags),
        cmocka_unit_test(nothing_is_trusted_until_the_directory_is_confirmed),
        cmocka_unit_test(a_horizon_is_in_force_when_it_has_been_kept),
        cmocka_unit_test(what_could_not_be_kept_is_still_wanted),
        cmocka_unit_test(a_horizon_that_was_withdrawn_is_gone_when_that_has_been_kept),
        cmocka_unit_test(a_restart_takes_over_horizons_and_doubts),
        cmocka_unit_test(a_ring_of_other_size_or_damage_is_told),
        cmocka_unit_test(marks_survive_clearings_of_other_threads),
        cmocka_unit_test(a_comparison_clears_only_what_came_before_it),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
