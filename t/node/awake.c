/* A process that was frozen or suspended finds it out, and behaves accordingly. */
#include "node/ring.h"

#include "message/forward.h"

static struct ring the_ring;
static struct ring *const ring = &the_ring;

static bool is_behind(unsigned machine, const char *key)
{
    uint16_t partition = ring_partition(node_view(ring->machines[machine].shared), hash_of_key(text(key)));
    return standing_is_behind(node_standing(ring->machines[machine].shared), partition);
}

/* Compared with the others by now. */
static void catch_up(unsigned machine)
{
    struct standing *standing = node_standing(ring->machines[machine].shared);
    for (unsigned p = 0; p < ring->settings.partition_count; p++)
        (void)standing_clear(standing, (uint16_t)p, standing_marks(standing, (uint16_t)p));
}

/* Time passes, but not for this machine. */
static void pass_frozen(unsigned frozen, uint64_t ms)
{
    for (; ms > 0; ms--) {
        ring->now.mono_ns += 1000000;
        ring->now.wall_ms++;
        for (unsigned m = 0; m < ring->machine_count; m++) {
            struct node *node = ring_loop(ring, m, 0);
            if (m != frozen && node_wake_at(node) <= ring->now.mono_ns)
                node_tick(node, ring->now);
        }
    }
}

static void who_runs_is_not_behind(void **state)
{
    (void)state;
    ring_open(ring, 3, 3);
    ring_pass(ring, 10 * NODE_BEAT_MS);
    for (unsigned m = 0; m < 3; m++)
        assert_false(is_behind(m, "k"));
    ring_close(ring);
}

/* By whatever comes first: its timer, a client's request, or what lay in its sockets. */
static void a_frozen_process_knows_when_it_goes_on(void **state)
{
    (void)state;
    for (unsigned way = 0; way < 3; way++) {
        char key[32];
        ring_open(ring, 3, 3);
        key_led_by(ring, 0, 0, key);
        ring_pass(ring, NODE_BEAT_MS);
        pass_frozen(0, NODE_BEAT_MS + NODE_FROZEN_MS + 1);
        assert_false(is_behind(0, key));
        if (way == 0) {
            node_tick(ring_loop(ring, 0, 0), ring->now);
        } else if (way == 1) {
            node_request(ring_loop(ring, 0, 0), ring->now, ask(ring, REQUEST_GET, key));
        } else {
            ring_pump(ring); /* somebody has greeted it meanwhile, or does now */
            (void)get(ring, 1, key);
            ring_pass(ring, 1);
        }
        assert_true(is_behind(0, key));
        ring_pass(ring, RING_TIMEOUT_MS);
        assert_false(is_behind(1, key) && way == 0); /* nobody asked anything of it meanwhile: nobody has missed it */
        ring_close(ring);
    }
}

static void a_ring_of_one_does_not_look_at_its_clock(void **state)
{
    (void)state;
    ring_open(ring, 1, 1);
    assert_int_equal(node_wake_at(ring_loop(ring, 0, 0)), UINT64_MAX);
    assert_int_equal(set(ring, 0, "k", "1"), REQUEST_OK);
    ring->now.mono_ns += 60000000000;
    assert_true(shows(ring, 0, "k", "1"));
    assert_false(is_behind(0, "k"));
    assert_int_equal(node_wake_at(ring_loop(ring, 0, 0)), UINT64_MAX);
    ring_close(ring);
}

/* The monotonic clock did not run, the wall clock has been set right since. */
static void a_suspended_machine_is_behind_too(void **state)
{
    (void)state;
    ring_open(ring, 3, 3);
    ring_pass(ring, NODE_BEAT_MS);
    ring->now.wall_ms += 60000;
    ring_pass(ring, NODE_BEAT_MS + 1);
    for (unsigned m = 0; m < 3; m++)
        assert_true(is_behind(m, "k"));
    ring_close(ring);
}

static void whoever_was_cut_off_is_behind_and_so_are_those_it_was_cut_off_from(void **state)
{
    (void)state;
    ring_open(ring, 3, 3);
    ring_part(ring, 0, 1);
    ring_pass(ring, 10);
    assert_false(is_behind(0, "k") || is_behind(1, "k"));
    ring_dial_all(ring);
    ring_pump(ring);
    assert_true(is_behind(0, "k") && is_behind(1, "k"));
    assert_false(is_behind(2, "k"));
    ring_close(ring);
}

static enum fate lose_all_of_the_first(struct ring *of, unsigned from, unsigned to, const struct frame *frame)
{
    (void)of, (void)frame;
    return from == 0 || to == 0 ? FATE_LOST : FATE_ARRIVES;
}

static void so_is_whoever_could_not_be_heard(void **state)
{
    (void)state;
    char key[32];
    ring_open(ring, 3, 3);
    key_led_by(ring, 1, 0, key);
    ring->judge = lose_all_of_the_first;
    assert_int_equal(set(ring, 1, key, "1"), REQUEST_OK); /* by the other two */
    struct request *own = ask(ring, REQUEST_GET, key);
    start(ring, 0, own);
    ring_pass(ring, RING_TIMEOUT_MS + 10);
    assert_true(is_done(own) && own->status == REQUEST_FAILED);
    catch_up(0);
    ring->judge = NULL;
    ring_pass(ring, PEER_PROBE_MS_MAX + 1);
    assert_true(is_behind(0, key) && is_behind(1, key));
    ring_close(ring);
}

/* A set by whoever may have missed something asks the others first: it does not stand beside what it does not know. */
static void a_copy_that_is_behind_makes_no_siblings(void **state)
{
    (void)state;
    ring_open(ring, 3, 3);
    char key[32];
    for (unsigned i = 0;; i++) {
        snprintf(key, sizeof key, "s:%u", i);
        if (place_of_key(ring, key, 0) == 0)
            break;
    }
    assert_int_equal(set(ring, 0, key, "1"), REQUEST_OK);
    ring_part(ring, 0, 1);
    ring_part(ring, 0, 2);
    assert_int_equal(set(ring, 1, key, "2"), REQUEST_OK);
    ring_dial_all(ring);
    ring_pump(ring);
    assert_int_equal(set(ring, 0, key, "3"), REQUEST_OK);
    const struct request *after = get(ring, 2, key);
    assert_int_equal(after->version_count, 1);
    assert_true(bytes_equal(after->versions[0].value, text("3")));
    ring_close(ring);
}

static enum fate hold_forwards(struct ring *of, unsigned from, unsigned to, const struct frame *frame)
{
    (void)of, (void)from;
    return to == 0 && frame->type == MESSAGE_FORWARD ? FATE_HELD : FATE_ARRIVES;
}

/* The only owner is frozen for longer than anybody waits. What it finds then in its socket has been given up. */
static void what_lay_in_the_socket_of_a_frozen_process_is_not_carried_out(void **state)
{
    (void)state;
    char key[32];
    ring_open(ring, 2, 1);
    key_led_by(ring, 0, 0, key);
    ring_pass(ring, NODE_BEAT_MS);
    ring->judge = hold_forwards;
    struct request *request = ask(ring, REQUEST_SET, key);
    request->value = text("1");
    start(ring, 1, request);
    pass_frozen(0, RING_TIMEOUT_MS + 10);
    ring_pump(ring);
    assert_true(is_done(request) && request->failure == FAILURE_TIMEOUT);
    ring->judge = NULL;
    ring_release_held(ring);
    ring_pass(ring, RING_TIMEOUT_MS);
    assert_int_equal(COUNTER(ring, 0, served_forwards), 0);
    assert_int_equal(get(ring, 1, key)->status, REQUEST_MISS);
    assert_int_equal(set(ring, 1, key, "2"), REQUEST_OK); /* and what is new is */
    ring_close(ring);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(who_runs_is_not_behind),
        cmocka_unit_test(a_frozen_process_knows_when_it_goes_on),
        cmocka_unit_test(a_ring_of_one_does_not_look_at_its_clock),
        cmocka_unit_test(a_suspended_machine_is_behind_too),
        cmocka_unit_test(whoever_was_cut_off_is_behind_and_so_are_those_it_was_cut_off_from),
        cmocka_unit_test(so_is_whoever_could_not_be_heard),
        cmocka_unit_test(a_copy_that_is_behind_makes_no_siblings),
        cmocka_unit_test(what_lay_in_the_socket_of_a_frozen_process_is_not_carried_out),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
