/* What other nodes ask of one: links that are lost at any point of it, limits, waiting for space. */
#include "node/ring.h"

#include "message/data.h"
#include "message/forward.h"

static struct ring the_ring;
static struct ring *const ring = &the_ring;

static unsigned frames_until_cut;

static enum fate cut_after_some(struct ring *of, unsigned from, unsigned to, const struct frame *frame)
{
    (void)frame;
    if (frames_until_cut == 0 || --frames_until_cut > 0)
        return FATE_ARRIVES;
    ring_part(of, from, to);
    return FATE_LOST;
}

/* One request through a node without a copy, which goes through every kind of serve, with the links between two
 * machines cut as the n-th frame is on its way. Returns whether there was an n-th frame. */
static bool lose_link_at(enum request_kind kind, unsigned n)
{
    char key[32];
    ring_open(ring, 4, 3);
    key_led_by(ring, 2, 0, key);
    unsigned from = place_of_key(ring, key, 3);
    assert_int_equal(set(ring, from, key, "1"), REQUEST_OK);
    frames_until_cut = n;
    ring->judge = cut_after_some;
    struct request *request = ask(ring, kind, key);
    request->value = text("2");
    request->delta = 1;
    start(ring, from, request);
    ring_pass(ring, RING_TIMEOUT_MS + 10);
    assert_true(is_done(request));
    bool was_cut = frames_until_cut == 0;
    bool may_fail = kind != REQUEST_GET;
    assert_true(request->status == REQUEST_OK || (was_cut && may_fail && request->failure == FAILURE_LOST));
    ring->judge = NULL;
    ring_dial_all(ring);
    ring_pass(ring, 10);
    const struct request *after = get(ring, from, key);
    assert_int_equal(after->status, REQUEST_OK);
    assert_true(bytes_equal(after->versions[0].value, text("1")) || bytes_equal(after->versions[0].value, text("2")));
    ring_close(ring);
    return was_cut;
}

static void a_link_may_be_lost_at_every_point(void **state)
{
    (void)state;
    static const enum request_kind kinds[] = {REQUEST_GET, REQUEST_SET, REQUEST_INCR};
    for (unsigned i = 0; i < 3; i++) {
        unsigned n = 1;
        while (lose_link_at(kinds[i], n))
            n++;
        assert_true(n > 4); /* to the coordinator and back, and at least one owner there and back */
    }
}

/* Owners whose logs are full keep what they are asked waiting; meanwhile the askers go. */
static void fill_log(unsigned machine)
{
    static char value[RING_VALUE_MAX];
    struct store_stats stats;
    char key[32];
    for (unsigned i = 0;; i++) {
        store_stats(ring->machines[machine].store, &stats);
        if (stats.updates_waited > 0)
            return;
        struct request *request = ask(ring, REQUEST_SET, key_led_by(ring, machine, i, key));
        request->value = bytes_of(value, sizeof value);
        node_request(ring_loop(ring, machine, 0), ring->now, request);
        ring_pump(ring);
    }
}

static void checkpoint(unsigned machine)
{
    struct machine *of = &ring->machines[machine];
    struct store_stats stats;
    for (unsigned slices = 0; slices < 10000; slices++) {
        (void)store_checkpoint_slice(of->store, ring->now, hybrid_next(node_clock(of->shared), ring->now));
        ring_pump(ring);
        store_stats(of->store, &stats);
        if (stats.records_dirty == 0)
            return;
    }
    fail_msg("the checkpoint does not end");
}

static void what_waits_for_space_outlives_its_link(void **state)
{
    (void)state;
    char key[32];
    ring_open_over(ring, BACKING_DURABLE, 2, 1, 1);
    ring_join_all(ring);
    fill_log(1);
    key_led_by(ring, 1, 100000, key);
    struct request *request = ask(ring, REQUEST_SET, key);
    request->value = text("1");
    start(ring, 0, request);
    assert_false(is_done(request));
    assert_int_equal(node_pending(ring_loop(ring, 1, 0)), 1);
    ring_cut(ring, ring_joint(ring, 0, 0, 1));
    assert_int_equal(node_pending(ring_loop(ring, 1, 0)), 1);
    checkpoint(1);
    assert_int_equal(node_pending(ring_loop(ring, 1, 0)), 0);
    ring_dial_all(ring);
    ring_pump(ring);
    assert_true(shows(ring, 0, key, "1"));
    ring_close(ring);
}

static void a_write_that_waits_for_space_outlives_its_link(void **state)
{
    (void)state;
    char key[32];
    ring_open_over(ring, BACKING_DURABLE, 2, 1, 2);
    ring_join_all(ring);
    fill_log(1);
    ring_pass(ring, RING_TIMEOUT_MS + 10);
    unsigned pending = node_pending(ring_loop(ring, 1, 0));
    struct request *request = ask(ring, REQUEST_SET, key_led_by(ring, 0, 100000, key));
    request->value = text("1");
    start(ring, 0, request);
    assert_false(is_done(request));
    assert_int_equal(node_pending(ring_loop(ring, 1, 0)), pending + 1);
    ring_part(ring, 0, 1);
    ring_pump(ring);
    assert_true(is_done(request));
    checkpoint(1);
    checkpoint(0);
    assert_int_equal(node_pending(ring_loop(ring, 1, 0)), 0);
    ring_dial_all(ring);
    ring_pump(ring);
    assert_true(shows(ring, 1, key, "1"));
    ring_close(ring);
}

/* A node may say that it is empty when it holds writes: those that have not been carried out by then must not be. */
static void a_write_that_waits_for_space_is_not_carried_out_once_writes_are_held(void **state)
{
    (void)state;
    char key[32];
    ring_open_over(ring, BACKING_DURABLE, 2, 1, 1);
    ring_join_all(ring);
    fill_log(0);
    struct request *request = ask(ring, REQUEST_SET, key_led_by(ring, 0, 100000, key));
    request->value = text("1");
    start(ring, 0, request);
    assert_false(is_done(request));
    node_hold_writes(ring->machines[0].shared, true);
    checkpoint(0);
    assert_true(is_done(request));
    assert_int_equal(request->status, REQUEST_FAILED);
    assert_int_equal(request->failure, FAILURE_HELD);
    node_hold_writes(ring->machines[0].shared, false);
    assert_int_equal(run(ring, 0, ask(ring, REQUEST_GET, key)), REQUEST_MISS);
    ring_close(ring);
}

/* What this node still merges into its own store for a get that has been answered is under way, too. */
static void a_repair_of_the_own_copy_that_waits_for_space_is_pending(void **state)
{
    (void)state;
    char key[32];
    ring_open_over(ring, BACKING_DURABLE, 2, 1, 2);
    ring_join_all(ring);
    key_led_by(ring, 0, 100000, key);
    ring_cut(ring, ring_joint(ring, 0, 0, 1));
    assert_int_equal(set(ring, 0, key, "1"), REQUEST_FAILED); /* nothing is done */
    struct bucket_table table, before = ring_buckets();
    struct bucket alone = bucket_default("default");
    bucket_table_init(&table);
    alone.r = alone.w = 1;
    assert_null(bucket_table_put(&table, &alone));
    assert_true(node_reload_buckets(ring->machines[1].shared, &table));
    ring_cut(ring, ring_joint(ring, 1, 0, 0));
    assert_int_equal(set(ring, 1, key, "1"), REQUEST_OK);
    assert_true(node_reload_buckets(ring->machines[1].shared, &before));
    bucket_table_close(&table);
    bucket_table_close(&before);
    ring_dial_all(ring);
    ring_pump(ring);
    fill_log(0);
    ring_pass(ring, RING_TIMEOUT_MS + 10);
    unsigned pending = node_pending(ring_loop(ring, 0, 0));
    struct request *request = ask(ring, REQUEST_GET, key);
    start(ring, 0, request);
    assert_false(is_done(request));
    ring_pass(ring, 60); /* no longer than a hedge */
    assert_true(is_done(request) && request->status == REQUEST_OK);
    ring_pass(ring, RING_TIMEOUT_MS + 10);
    assert_int_equal(node_pending(ring_loop(ring, 0, 0)), pending + 1);
    checkpoint(0);
    checkpoint(1); /* for what the first machine sends it now */
    assert_int_equal(node_pending(ring_loop(ring, 0, 0)), 0);
    ring_close(ring);
}

static bool is_behind(unsigned machine, const char *key)
{
    uint16_t partition = ring_partition(node_view(ring->machines[machine].shared), hash_of_key(text(key)));
    return standing_is_behind(node_standing(ring->machines[machine].shared), partition);
}

/* Until it has been compared it must not replace everything on its own, for what it has refused may be acknowledged. A
 * refusal while a comparison is under way outlives that. */
static void an_owner_that_refuses_a_write_is_behind_with_that_partition_alone(void **state)
{
    (void)state;
    char key[32], other[32];
    ring_open_over(ring, BACKING_DURABLE, 2, 1, 2);
    ring_join_all(ring);
    key_led_by(ring, 0, 0, key);
    unsigned n = 1;
    do {
        key_led_by(ring, 0, n++, other);
    } while (ring_partition(node_view(ring->machines[0].shared), hash_of_key(text(key)))
             == ring_partition(node_view(ring->machines[0].shared), hash_of_key(text(other))));
    assert_int_equal(set(ring, 0, key, "1"), REQUEST_OK);
    assert_int_equal(set(ring, 0, other, "1"), REQUEST_OK);
    ring->machines[1].backing->engine.nearly_full = true;
    checkpoint(1);
    assert_false(is_behind(1, key));
    (void)set(ring, 0, key, "2");
    assert_true(is_behind(1, key));
    assert_false(is_behind(1, other));
    assert_false(is_behind(0, key));

    struct standing *standing = node_standing(ring->machines[1].shared);
    uint16_t partition = ring_partition(node_view(ring->machines[1].shared), hash_of_key(text(key)));
    uint64_t marks = standing_marks(standing, partition); /* a comparison begins */
    (void)set(ring, 0, key, "3");
    assert_false(standing_clear(standing, partition, marks));
    assert_true(is_behind(1, key));
    ring->machines[1].backing->engine.nearly_full = false;
    checkpoint(0);
    ring_close(ring);
}

static void one_link_may_not_have_too_much_under_way(void **state)
{
    (void)state;
    static struct request requests[NODE_SERVES_MAX + 1];
    static bool done[NODE_SERVES_MAX + 1];
    char key[32];
    ring_open(ring, 4, 3);
    key_led_by(ring, 2, 0, key);
    unsigned from = place_of_key(ring, key, 3);
    ring_joint(ring, from, 0, 2)->end[0].out_max = SIZE_MAX;
    ring_treat(ring, MESSAGE_WRITE, FATE_LOST);
    memset(done, 0, sizeof done);
    for (unsigned i = 0; i <= NODE_SERVES_MAX; i++) {
        request_init(&requests[i], REQUEST_SET, text(key), ring_on_done, &done[i]);
        node_request(ring_loop(ring, from, 0), ring->now, &requests[i]);
    }
    ring_pump(ring);
    assert_int_equal(node_pending(ring_loop(ring, 2, 0)), NODE_SERVES_MAX);
    assert_int_equal(COUNTER(ring, 2, refused_serves), 1);
    assert_int_equal(COUNTER(ring, from, forward_retries), 1); /* another owner has it now */
    ring_pass(ring, RING_TIMEOUT_MS + 10);
    for (unsigned i = 0; i <= NODE_SERVES_MAX; i++)
        assert_true(done[i] && requests[i].failure == FAILURE_TIMEOUT);
    ring_close(ring);
}

static void a_reader_is_told_the_same_the_object_or_nothing(void **state)
{
    (void)state;
    char key[32];
    ring_open(ring, 2, 2);
    key_led_by(ring, 0, 0, key);
    assert_int_equal(set(ring, 0, key, "1"), REQUEST_OK);
    (void)get(ring, 0, key);
    assert_int_equal(atomic_load(&ring_loop(ring, 0, 0)->coordinator.counters.same_answers), 1);
    assert_int_equal(get(ring, 0, "nothing")->status, REQUEST_MISS);
    assert_int_equal(atomic_load(&ring_loop(ring, 0, 0)->coordinator.counters.other_answers), 0);
    assert_int_equal(COUNTER(ring, 1, served_reads), 2);
    ring_close(ring);
}

/* The first `wrong` bytes of a frame's fields are what another node could never send. */
static void refuse(void (*write)(struct chain *), unsigned end)
{
    ring_open(ring, 2, 2);
    struct joint *joint = ring_joint(ring, 0, 0, 1);
    ring->refuses = true;
    write(&joint->end[end].out);
    link_wants_flush(&joint_node(ring, joint, end)->flushes, &joint->end[end]);
    ring_pump(ring);
    assert_false(joint->up);
    assert_int_equal(COUNTER(ring, end == 0 ? 1 : 0, malformed), 1);
    assert_int_equal(set(ring, 0, "a", "1"), REQUEST_FAILED);
    ring_close(ring);
}

static void write_misplaced_read(struct chain *out)
{
    const struct message_read read = {.id = 1, .epoch = 1, .partition = 65000, .key = text("a")};
    message_write_read(out, &read);
}

static void write_forward_without_number(struct chain *out)
{
    const struct message_forward forward = {.epoch = 1, .kind = REQUEST_GET, .key = text("a")};
    message_write_forward(out, &forward, NULL);
}

static void write_unknown_type(struct chain *out)
{
    frame_append(out, 40, text("?"));
}

static void write_reply(struct chain *out)
{
    const struct message_write_reply reply = {.id = 1, .epoch = 1};
    message_write_write_reply(out, &reply);
}

static void write_read(struct chain *out)
{
    const struct message_read read = {
        .id = 1, .epoch = 1, .partition = (uint16_t)(hash_of_key(text("a")) & 63), .key = text("a")};
    message_write_read(out, &read);
}

static void write_flush_at_the_end_of_time(struct chain *out)
{
    const struct message_flush flush = {.id = 1, .registers = {.flushed = 1, .issued = UINT64_MAX}};
    message_write_flush(out, &flush);
}

static void write_greeting_from_the_end_of_time(struct chain *out)
{
    const struct message_greeting greeting = {
        .epoch = 1, .cluster = RING_CLUSTER, .is_reply = true, .flush = {.flushed = UINT64_MAX}};
    message_write_greeting(out, &greeting);
}

static void what_no_node_would_send_closes_the_link(void **state)
{
    (void)state;
    refuse(write_misplaced_read, 0);
    refuse(write_forward_without_number, 0);
    refuse(write_unknown_type, 0);
    refuse(write_unknown_type, 1);
    refuse(write_reply, 0); /* a reply on the way of the requests, and the other way round */
    refuse(write_read, 1);
    refuse(write_flush_at_the_end_of_time, 0);
    refuse(write_greeting_from_the_end_of_time, 1);
}

/* A get that was found, without what was found. */
static void an_answer_that_shows_nothing_closes_the_link(void **state)
{
    (void)state;
    char key[32];
    ring_open(ring, 3, 1);
    ring->refuses = true;
    struct joint *joint = ring_joint(ring, 0, 0, 1);
    struct request *request = ask(ring, REQUEST_GET, key_led_by(ring, 1, 0, key));
    node_request(ring_loop(ring, 0, 0), ring->now, request);
    const struct message_forward_reply reply = {.number = 1, .epoch = 1, .status = REQUEST_OK};
    message_write_forward_reply(&joint->end[1].out, &reply, NULL);
    link_wants_flush(&ring_loop(ring, 1, 0)->flushes, &joint->end[1]);
    ring_carry(ring, joint, 1);
    ring_pump(ring);
    assert_false(joint->up);
    assert_true(is_done(request));
    assert_int_equal(request->status, REQUEST_FAILED);
    ring_close(ring);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_link_may_be_lost_at_every_point),
        cmocka_unit_test(what_waits_for_space_outlives_its_link),
        cmocka_unit_test(a_write_that_waits_for_space_outlives_its_link),
        cmocka_unit_test(a_write_that_waits_for_space_is_not_carried_out_once_writes_are_held),
        cmocka_unit_test(a_repair_of_the_own_copy_that_waits_for_space_is_pending),
        cmocka_unit_test(an_owner_that_refuses_a_write_is_behind_with_that_partition_alone),
        cmocka_unit_test(one_link_may_not_have_too_much_under_way),
        cmocka_unit_test(a_reader_is_told_the_same_the_object_or_nothing),
        cmocka_unit_test(what_no_node_would_send_closes_the_link),
        cmocka_unit_test(an_answer_that_shows_nothing_closes_the_link),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
