/* What a version is worth at a given moment: shown or not, kept or freed. */
#include "replica/replica.h"
#include "replica/standing.h"

#include "base/prng.h"
#include "base/seeded.h"

#include <stdlib.h>

enum { NOW = 1000000 }; /* ms */

static struct version value_written_at(uint64_t ms)
{
    hybrid_time time = hybrid_of_ms(ms);
    return (struct version){.dot = {.actor = {.node = 1, .incarnation = 7, .birth = 1}, .counter = ms},
                            .time = time,
                            .expiry_stamp = time,
                            .value = bytes_of_text("value")};
}

static struct version expiring(uint64_t written_ms, uint64_t expiry_ms)
{
    struct version version = value_written_at(written_ms);
    version.expiry_ms = expiry_ms;
    return version;
}

static struct version deleted_at(uint64_t ms)
{
    struct version version = value_written_at(ms);
    version.kind = VERSION_TOMBSTONE;
    version.value = bytes_of(NULL, 0);
    return version;
}

static enum replica_sight sight(struct version version, uint64_t now_ms, hybrid_time flushed)
{
    struct replica_present present = {.now_ms = now_ms, .flushed = flushed};
    return replica_sight_of(&version, &present);
}

static void a_value_is_visible_until_its_expiry_and_not_at_it(void **state)
{
    (void)state;
    assert_int_equal(sight(value_written_at(1), NOW, 0), SIGHT_VISIBLE);
    assert_int_equal(sight(value_written_at(1), UINT64_MAX, 0), SIGHT_VISIBLE);
    assert_int_equal(sight(expiring(1, NOW), NOW - 1, 0), SIGHT_VISIBLE);
    assert_int_equal(sight(expiring(1, NOW), NOW, 0), SIGHT_EXPIRED);
    assert_int_equal(sight(expiring(1, 1), NOW, 0), SIGHT_EXPIRED);
}

static void a_tombstone_is_deleted_unless_its_bytes_went_by_expiry(void **state)
{
    (void)state;
    struct version dropped = deleted_at(1);
    dropped.expiry_ms = 5;
    assert_int_equal(sight(deleted_at(1), NOW, 0), SIGHT_DELETED);
    assert_int_equal(sight(dropped, NOW, 0), SIGHT_EXPIRED);
    assert_int_equal(sight(dropped, 1, 0), SIGHT_EXPIRED); /* for ever: its bytes are gone */
}

static void a_flush_covers_its_own_time_and_nothing_later(void **state)
{
    (void)state;
    struct version version = value_written_at(500);
    assert_int_equal(sight(version, NOW, version.time - 1), SIGHT_VISIBLE);
    assert_int_equal(sight(version, NOW, version.time), SIGHT_FLUSHED);
    assert_int_equal(sight(version, NOW, version.time + 1), SIGHT_FLUSHED);
    version.expiry_stamp = hybrid_of_ms(900); /* a touch does not make it younger */
    assert_int_equal(sight(version, NOW, hybrid_of_ms(600)), SIGHT_FLUSHED);
}

static struct instant at_ms(uint64_t ms)
{
    return (struct instant){.mono_ns = ms * 1000000, .wall_ms = ms};
}

static void a_pending_flush_counts_from_the_moment_it_is_due(void **state)
{
    (void)state;
    static struct replica replica;
    replica_init(&replica, 1, 7, 0);
    replica_flush(&replica, 0, hybrid_of_ms(NOW), hybrid_of_ms(100));
    assert_true(replica_present_at(&replica, at_ms(NOW - 1)).flushed == 0);
    struct replica_present due = replica_present_at(&replica, at_ms(NOW));
    struct version before = value_written_at(NOW - 1), after = value_written_at(NOW + 1);
    assert_int_equal(replica_sight_of(&before, &due), SIGHT_FLUSHED);
    assert_int_equal(replica_sight_of(&after, &due), SIGHT_VISIBLE);
}

static void an_older_pending_flush_does_not_take_a_newer_one_back(void **state)
{
    (void)state;
    static struct replica replica;
    replica_init(&replica, 1, 7, 0);
    replica_flush(&replica, hybrid_of_ms(500), hybrid_of_ms(400), hybrid_of_ms(500));
    assert_true(replica_present_at(&replica, at_ms(NOW)).flushed == hybrid_of_ms(500));
}

static void the_flush_register_never_goes_back_but_the_pending_one_is_replaced(void **state)
{
    (void)state;
    static struct replica replica;
    replica_init(&replica, 1, 7, 0);
    replica_flush(&replica, hybrid_of_ms(500), hybrid_of_ms(2 * NOW), hybrid_of_ms(500));
    replica_flush(&replica, hybrid_of_ms(400), hybrid_of_ms(3 * NOW), hybrid_of_ms(510));
    assert_true(replica_present_at(&replica, at_ms(NOW)).flushed == hybrid_of_ms(500));
    assert_true(replica_present_at(&replica, at_ms(2 * NOW)).flushed == hybrid_of_ms(500));
    assert_true(replica_present_at(&replica, at_ms(3 * NOW)).flushed == hybrid_of_ms(3 * NOW));
    replica_flush(&replica, hybrid_of_ms(600), 0, hybrid_of_ms(600));
    assert_true(replica_present_at(&replica, at_ms(3 * NOW)).flushed == hybrid_of_ms(600));
}

static struct object object_of(struct version *live, uint32_t count)
{
    return (struct object){.live = live, .live_count = count};
}

static void the_newest_version_decides_whether_a_key_is_shown(void **state)
{
    (void)state;
    struct replica_present present = {.now_ms = NOW};
    struct version tombstone_first[] = {deleted_at(200), value_written_at(100)};
    struct version value_first[] = {value_written_at(200), deleted_at(100)};
    struct version expired_first[] = {expiring(200, 300), value_written_at(100)};
    struct object hidden = object_of(tombstone_first, 2), shown = object_of(value_first, 2),
                  expired = object_of(expired_first, 2), none = object_of(NULL, 0);
    assert_null(replica_shown(&hidden, &present));
    assert_ptr_equal(replica_shown(&shown, &present), &value_first[0]);
    assert_null(replica_shown(&expired, &present));
    assert_null(replica_shown(&none, &present));
}

static void alone_the_horizon_is_the_present_less_the_grace(void **state)
{
    (void)state;
    static struct replica replica;
    replica_init(&replica, 1, 7, 0);
    struct replica_present present = {.now_ms = NOW};
    assert_true(replica_horizon(&replica, &present, 5) == hybrid_of_ms(NOW));
    replica.grace_ms = 300;
    assert_true(replica_horizon(&replica, &present, 5) == hybrid_of_ms(NOW - 300));
    replica.grace_ms = NOW; /* nothing can be that old yet */
    assert_true(replica_horizon(&replica, &present, 5) == 0);
    replica.grace_ms = UINT64_MAX;
    assert_true(replica_horizon(&replica, &present, 5) == 0);
    assert_int_equal(replica_pairs_kept(&replica), 1);
}

static void in_a_larger_ring_the_horizon_is_what_has_been_agreed_for_the_partition(void **state)
{
    (void)state;
    static struct replica replica;
    struct standing *standing = standing_new();
    uint8_t *kept = malloc(standing_size(8));
    assert_non_null(kept);
    replica_init(&replica, 1, 7, 0);
    struct replica_present present = {.now_ms = NOW};
    replica_set_alone(&replica, false);
    assert_true(replica_horizon(&replica, &present, 5) == 0);
    replica.standing = standing;
    standing_raise_horizon(standing, 5, 77);
    assert_true(replica_horizon(&replica, &present, 5) == 0); /* not yet durable */
    standing_encode(standing, 8, kept);
    standing_kept(standing);
    assert_true(replica_horizon(&replica, &present, 5) == 77);
    assert_true(replica_horizon(&replica, &present, 6) == 0);
    assert_int_equal(replica_pairs_kept(&replica), 10);
    replica_set_alone(&replica, true);
    assert_true(replica_horizon(&replica, &present, 5) == hybrid_of_ms(NOW));
    free(kept);
    standing_free(standing);
}

static bool is_freeable(struct version version, struct replica_present present, uint64_t horizon_ms)
{
    struct object object = object_of(&version, 1);
    return replica_is_freeable(&object, &present, hybrid_of_ms(horizon_ms));
}

static void the_dead_are_freed_at_the_horizon_and_not_before(void **state)
{
    (void)state;
    struct replica_present present = {.now_ms = NOW};
    assert_false(is_freeable(deleted_at(500), present, 499));
    assert_true(is_freeable(deleted_at(500), present, 500));
    assert_false(is_freeable(expiring(500, 600), present, 599)); /* written long ago, expired lately */
    assert_true(is_freeable(expiring(500, 600), present, 600));
    assert_false(is_freeable(expiring(500, 1), present, 499)); /* born dead: still remembered for the grace */
    assert_true(is_freeable(expiring(500, 1), present, 500));
    assert_false(is_freeable(value_written_at(1), present, NOW));
    assert_false(is_freeable(expiring(1, NOW + 1), present, NOW));
}

/* touch to the past, as memcached allows: who has not heard of it shows the value, and may extend its life. */
static void an_expiry_set_lately_frees_nothing_yet(void **state)
{
    (void)state;
    struct replica_present present = {.now_ms = NOW};
    struct version touched = expiring(500, 1);
    touched.expiry_stamp = hybrid_of_ms(800);
    assert_false(is_freeable(touched, present, 799));
    assert_true(is_freeable(touched, present, 800));
    struct object object = object_of(&touched, 1);
    assert_false(replica_drop_expired_bytes(&object, &present, hybrid_of_ms(799)));
    assert_true(replica_drop_expired_bytes(&object, &present, hybrid_of_ms(800)));
}

/* The tombstone is old enough, but the context still covers a write that somebody may bring. */
static void a_context_is_kept_as_long_as_it_is_needed(void **state)
{
    (void)state;
    struct replica_present present = {.now_ms = NOW};
    struct version dead = deleted_at(500);
    struct pair pairs[] = {{{1, 1, 1}, 1, hybrid_of_ms(500)}, {{2, 1, 1}, 1, hybrid_of_ms(600)}};
    struct object object = {.context = {pairs, 2}, .live = &dead, .live_count = 1};
    assert_false(replica_is_freeable(&object, &present, hybrid_of_ms(599)));
    assert_true(replica_is_freeable(&object, &present, hybrid_of_ms(600)));
    object.live_count = 0;
    assert_false(replica_is_freeable(&object, &present, hybrid_of_ms(599)));
    assert_true(replica_is_freeable(&object, &present, hybrid_of_ms(600)));
}

static void the_flushed_are_freed_when_their_flush_is_at_the_horizon(void **state)
{
    (void)state;
    struct replica_present present = {.now_ms = NOW, .flushed = hybrid_of_ms(700)};
    assert_false(is_freeable(value_written_at(500), present, 699));
    assert_true(is_freeable(value_written_at(500), present, 700));
    assert_false(is_freeable(value_written_at(701), present, NOW));
    assert_true(is_freeable(expiring(500, NOW + 1), present, 700));
}

static void a_key_is_freed_only_with_all_its_versions(void **state)
{
    (void)state;
    struct replica_present present = {.now_ms = NOW};
    struct version live[] = {deleted_at(300), expiring(200, 250), deleted_at(100)};
    struct object object = object_of(live, 3), empty = object_of(NULL, 0);
    assert_true(replica_is_freeable(&object, &present, hybrid_of_ms(300)));
    assert_false(replica_is_freeable(&object, &present, hybrid_of_ms(299)));
    live[2] = value_written_at(100);
    assert_false(replica_is_freeable(&object, &present, hybrid_of_ms(300)));
    assert_true(replica_is_freeable(&empty, &present, 0));
}

static void bytes_are_dropped_but_the_dot_stays(void **state)
{
    (void)state;
    struct replica_present present = {.now_ms = NOW};
    struct version live[] = {value_written_at(900), expiring(500, 600), expiring(400, 800)};
    struct version before = live[1];
    struct object object = object_of(live, 3);
    uint64_t token = token_of_object(&object);
    assert_false(replica_drop_expired_bytes(&object, &present, hybrid_of_ms(599)));
    assert_true(replica_drop_expired_bytes(&object, &present, hybrid_of_ms(600)));
    assert_int_equal(object.live_count, 3);
    assert_int_equal(live[1].kind, VERSION_TOMBSTONE);
    assert_int_equal(live[1].value.len, 0);
    assert_true(dot_equal(&live[1].dot, &before.dot));
    assert_true(live[1].time == before.time && live[1].expiry_stamp == before.expiry_stamp
                && live[1].expiry_ms == before.expiry_ms);
    assert_int_equal(live[0].kind, VERSION_VALUE);
    assert_int_equal(live[2].kind, VERSION_VALUE); /* expired too, but not at the horizon */
    assert_true(token_of_object(&object) == token);
    assert_false(replica_drop_expired_bytes(&object, &present, hybrid_of_ms(600)));
}

/* A flushed version beside a live one loses its bytes; it must not be kept for the rest of its own life after that. */
static void what_lost_its_bytes_by_a_flush_need_not_wait_for_its_expiry(void **state)
{
    (void)state;
    struct replica_present present = {.now_ms = NOW, .flushed = hybrid_of_ms(700)};
    struct version live[] = {value_written_at(900), expiring(500, 2 * NOW)};
    struct object object = object_of(live, 2);
    assert_true(replica_drop_expired_bytes(&object, &present, hybrid_of_ms(700)));
    assert_int_equal(live[1].kind, VERSION_TOMBSTONE);
    assert_int_equal(live[0].kind, VERSION_VALUE);
    struct object rest = object_of(&live[1], 1);
    assert_true(replica_is_freeable(&rest, &present, hybrid_of_ms(700)));
}

/* Freed means: nobody is shown it now, nor was at any time after the horizon. Checked against that sentence. */
static bool was_shown_after(const struct version *version, uint64_t horizon_ms, uint64_t now_ms, uint64_t flushed_ms)
{
    for (uint64_t ms = horizon_ms + 1; ms <= now_ms; ms++) {
        struct replica_present then = {.now_ms = ms, .flushed = flushed_ms <= ms ? hybrid_of_ms(flushed_ms) : 0};
        if (hybrid_ms(version->time) <= ms && replica_sight_of(version, &then) == SIGHT_VISIBLE)
            return true;
    }
    return false;
}

static void nothing_shown_after_the_horizon_is_freed(void **state)
{
    (void)state;
    const uint64_t seed = 91;
    struct prng prng;
    prng_init(&prng, seed);
    unsigned freed = 0, kept = 0;
    for (unsigned round = 0; round < 20000; round++) {
        enum { SPAN = 30 };
        uint64_t written = 1 + prng_below(&prng, SPAN), now = written + prng_below(&prng, SPAN);
        uint64_t horizon = prng_below(&prng, now + 1), flushed = prng_below(&prng, now + 1);
        struct version version = prng_below(&prng, 4) == 0
                                     ? deleted_at(written)
                                     : expiring(written, prng_below(&prng, 2) * (1 + prng_below(&prng, 2 * SPAN)));
        struct replica_present present = {.now_ms = now, .flushed = hybrid_of_ms(flushed)};
        bool freeable = is_freeable(version, present, horizon);
        assert_seeded(!freeable || !was_shown_after(&version, horizon, now, flushed), seed);
        assert_seeded(!freeable || written <= horizon, seed);
        freed += freeable;
        kept += !freeable;
    }
    assert_true(freed > 1000 && kept > 1000);
    struct version live = value_written_at(5); /* the check sees a version that is freed while it is shown */
    assert_true(was_shown_after(&live, 5, 6, 0));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_value_is_visible_until_its_expiry_and_not_at_it),
        cmocka_unit_test(a_tombstone_is_deleted_unless_its_bytes_went_by_expiry),
        cmocka_unit_test(a_flush_covers_its_own_time_and_nothing_later),
        cmocka_unit_test(a_pending_flush_counts_from_the_moment_it_is_due),
        cmocka_unit_test(an_older_pending_flush_does_not_take_a_newer_one_back),
        cmocka_unit_test(the_flush_register_never_goes_back_but_the_pending_one_is_replaced),
        cmocka_unit_test(the_newest_version_decides_whether_a_key_is_shown),
        cmocka_unit_test(alone_the_horizon_is_the_present_less_the_grace),
        cmocka_unit_test(in_a_larger_ring_the_horizon_is_what_has_been_agreed_for_the_partition),
        cmocka_unit_test(the_dead_are_freed_at_the_horizon_and_not_before),
        cmocka_unit_test(an_expiry_set_lately_frees_nothing_yet),
        cmocka_unit_test(a_context_is_kept_as_long_as_it_is_needed),
        cmocka_unit_test(the_flushed_are_freed_when_their_flush_is_at_the_horizon),
        cmocka_unit_test(a_key_is_freed_only_with_all_its_versions),
        cmocka_unit_test(bytes_are_dropped_but_the_dot_stays),
        cmocka_unit_test(what_lost_its_bytes_by_a_flush_need_not_wait_for_its_expiry),
        cmocka_unit_test(nothing_shown_after_the_horizon_is_freed),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
