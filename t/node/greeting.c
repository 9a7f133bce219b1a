/* What is exchanged before any data, Dynamo 4.8 with [R7]. */
#include "node/ring.h"

#include "message/data.h"

static struct ring the_ring;
static struct ring *const ring = &the_ring;

/* Two machines whose rings are published and whose links are not yet dialled. */
static void open_unlinked(unsigned count)
{
    ring_open_with(ring, count, 1, 3);
    for (unsigned i = 0; i < count; i++)
        ring_publish(ring, i, count, 1);
}

static enum fate lose_greetings(struct ring *of, unsigned from, unsigned to, const struct frame *frame)
{
    (void)of, (void)from, (void)to;
    return frame->type == MESSAGE_GREETING ? FATE_LOST : FATE_ARRIVES;
}

static enum fate lose_replies_to_greetings(struct ring *of, unsigned from, unsigned to, const struct frame *frame)
{
    struct message_greeting greeting;
    (void)of, (void)from, (void)to;
    if (frame->type != MESSAGE_GREETING)
        return FATE_ARRIVES;
    assert_true(message_read_greeting(frame, &greeting));
    return greeting.is_reply ? FATE_LOST : FATE_ARRIVES;
}

static void no_data_goes_over_a_link_before_its_greeting_is_answered(void **state)
{
    (void)state;
    char key[32];
    open_unlinked(3);
    ring->judge = lose_replies_to_greetings;
    ring_dial_all(ring);
    ring_pump(ring);
    struct request *request = ask(ring, REQUEST_SET, key_led_by(ring, 1, 0, key));
    request->value = text("1");
    assert_int_equal(run(ring, 0, request), REQUEST_FAILED); /* one owner of two is not enough */
    assert_int_equal(request->failure, FAILURE_NO_QUORUM);
    assert_int_equal(ring->frames[MESSAGE_FORWARD] + ring->frames[MESSAGE_WRITE] + ring->frames[MESSAGE_READ], 0);
    ring->judge = NULL;
    ring_pass(ring, NODE_GREETING_MS + 1);
    assert_int_equal(set(ring, 0, key, "2"), REQUEST_OK);
    ring_close(ring);
}

static void a_lost_greeting_is_repeated(void **state)
{
    (void)state;
    open_unlinked(2);
    ring->judge = lose_greetings;
    ring_dial_all(ring);
    ring_pass(ring, 3 * NODE_GREETING_MS);
    ring->judge = NULL;
    ring_pass(ring, NODE_GREETING_MS + 1);
    assert_int_equal(set(ring, 0, "a", "1"), REQUEST_OK);
    assert_true(node_wake_at(ring_loop(ring, 0, 0)) > ring->now.mono_ns + 1000000); /* it greets no more */
    uint64_t greetings = ring->frames[MESSAGE_GREETING];
    ring_pass(ring, 3 * NODE_GREETING_MS);
    assert_int_equal(ring->frames[MESSAGE_GREETING], greetings);
    ring_close(ring);
}

static enum fate lose_everything(struct ring *of, unsigned from, unsigned to, const struct frame *frame)
{
    (void)of, (void)from, (void)to, (void)frame;
    return FATE_LOST;
}

/* The first request after a rest need not pay for what was lost before it, and neither need those beside it. */
static void a_silent_peer_is_up_again_without_any_request(void **state)
{
    (void)state;
    char key[32], other[32];
    open_unlinked(2);
    ring_dial_all(ring);
    ring_pump(ring);
    (void)key_led_by(ring, 1, 0, key);
    (void)key_led_by(ring, 1, 1, other);
    ring->judge = lose_everything;
    struct request *lost = ask(ring, REQUEST_SET, key);
    lost->value = text("1");
    start(ring, 0, lost);
    ring_pass(ring, RING_TIMEOUT_MS + 3 * PEER_PROBE_MS_MAX);
    assert_int_equal(lost->status, REQUEST_FAILED);
    ring->judge = NULL;
    ring_pass(ring, PEER_PROBE_MS_MAX + 1);
    struct request *first = ask(ring, REQUEST_SET, key), *second = ask(ring, REQUEST_SET, other);
    first->value = second->value = text("3");
    start(ring, 0, first);
    start(ring, 0, second); /* in the same turn: not only the probe gets through */
    ring_pump(ring);
    assert_int_equal(first->status, REQUEST_OK);
    assert_int_equal(second->status, REQUEST_OK);
    uint64_t greetings = ring->frames[MESSAGE_GREETING];
    ring_pass(ring, 3 * PEER_PROBE_MS_MAX);
    assert_int_equal(ring->frames[MESSAGE_GREETING], greetings); /* who is up is not probed */
    ring_close(ring);
}

/* A node that was away during a flush_all shows nothing of what it had before, whoever is asked. */
static void flush_registers_come_before_data(void **state)
{
    (void)state;
    open_unlinked(3);
    ring_dial_all(ring);
    ring_pump(ring);
    assert_int_equal(set(ring, 0, "a", "old"), REQUEST_OK);
    ring_part(ring, 2, 0);
    ring_part(ring, 2, 1);
    struct request *flush = ask(ring, REQUEST_FLUSH, "");
    start(ring, 0, flush);
    ring_pass(ring, RING_TIMEOUT_MS + 1);
    assert_true(is_done(flush));
    assert_int_equal(flush->status, REQUEST_OK); /* all that could be reached have stored it */
    ring_dial_all(ring);
    ring_pump(ring);
    for (unsigned m = 0; m < 3; m++)
        assert_int_equal(get(ring, m, "a")->status, REQUEST_MISS);
    struct flush_registers registers = coordinator_flush_registers(&ring_loop(ring, 2, 0)->coordinator);
    assert_true(registers.flushed != 0);
    assert_int_equal(set(ring, 2, "a", "new"), REQUEST_OK);
    for (unsigned m = 0; m < 3; m++)
        assert_true(shows(ring, m, "a", "new"));
    ring_close(ring);
}

/* The same, with links that only the node that was away has dialled: it asks nothing before it has the reply. */
static void a_dialler_learns_of_a_flush_from_the_reply(void **state)
{
    (void)state;
    open_unlinked(2);
    struct node *knows = ring_loop(ring, 1, 0), *dials = ring_loop(ring, 0, 0);
    const struct flush_registers registers = {.flushed = hybrid_of_ms(ring->now.wall_ms + 5)};
    node_learn(knows, ring->now, registers.flushed, &registers);
    ring_pump(ring);
    (void)ring_dial(ring, 0, 0, 1);
    ring_pump(ring);
    assert_true(coordinator_flush_registers(&dials->coordinator).flushed == registers.flushed);
    assert_true(node_clock(ring->machines[0].shared)->last >= registers.flushed);
    ring_close(ring);
}

static enum fate hold_greetings(struct ring *of, unsigned from, unsigned to, const struct frame *frame)
{
    (void)of, (void)from, (void)to;
    return frame->type == MESSAGE_GREETING ? FATE_HELD : FATE_ARRIVES;
}

static void a_flush_between_greeting_and_reply_is_told_before_the_link_is_used(void **state)
{
    (void)state;
    open_unlinked(2);
    struct node *dials = ring_loop(ring, 0, 0), *accepts = ring_loop(ring, 1, 0);
    (void)ring_dial(ring, 0, 0, 1);
    ring->judge = hold_greetings;
    ring_pump(ring);
    const struct flush_registers registers = {.flushed = hybrid_of_ms(ring->now.wall_ms + 5)};
    node_learn(dials, ring->now, registers.flushed, &registers);
    ring_pump(ring);
    ring->judge = NULL;
    ring_release_held(ring);
    ring_pump(ring);
    assert_true(coordinator_flush_registers(&accepts->coordinator).flushed == registers.flushed);
    assert_int_equal(ring->frames[MESSAGE_GREETING], 4);
    assert_non_null(peers_find(&dials->peers, ring->machines[1].id)->link);
    ring_close(ring);
}

/* The reply to the first greeting says nothing of a second one, which told of a flush and did not arrive. */
static void an_old_reply_does_not_stand_for_a_greeting_that_was_lost(void **state)
{
    (void)state;
    open_unlinked(2);
    struct node *dials = ring_loop(ring, 0, 0), *accepts = ring_loop(ring, 1, 0);
    (void)ring_dial(ring, 0, 0, 1);
    ring->judge = hold_greetings;
    ring_pump(ring);
    const struct flush_registers registers = {.flushed = hybrid_of_ms(ring->now.wall_ms + 5)};
    node_learn(dials, ring->now, registers.flushed, &registers);
    ring->judge = lose_greetings;
    ring_pass(ring, NODE_GREETING_MS + 1);
    ring->judge = NULL;
    ring_release_held(ring);
    ring_pump(ring);
    assert_true(coordinator_flush_registers(&accepts->coordinator).flushed == registers.flushed);
    assert_non_null(peers_find(&dials->peers, ring->machines[1].id)->link);
    ring_close(ring);
}

/* A flush at a time that the acceptor does not believe stays unknown there, but keeps nobody from being reached. Each
 * greeting was answered by the next one, for ever. */
static void a_flush_that_the_other_does_not_believe_keeps_no_link_from_being_used(void **state)
{
    (void)state;
    open_unlinked(2);
    struct node *dials = ring_loop(ring, 0, 0), *accepts = ring_loop(ring, 1, 0);
    struct instant ahead = ring->now;
    ahead.wall_ms += 3600000;
    const struct flush_registers registers = {.flushed = hybrid_of_ms(ahead.wall_ms)};
    node_learn(dials, ahead, registers.flushed, &registers);
    ring_pump(ring);
    assert_true(coordinator_flush_registers(&dials->coordinator).flushed == registers.flushed);
    (void)ring_dial(ring, 0, 0, 1);
    ring_pump(ring);
    assert_int_equal(ring->frames[MESSAGE_GREETING], 2);
    assert_non_null(peers_find(&dials->peers, ring->machines[1].id)->link);
    assert_true(coordinator_flush_registers(&accepts->coordinator).flushed == 0);
    ring_close(ring);
}

static void clocks_follow_each_other_but_not_into_an_absurd_future(void **state)
{
    (void)state;
    open_unlinked(3);
    hybrid_observe(node_clock(ring->machines[1].shared), hybrid_of_ms(ring->now.wall_ms + 50000));
    hybrid_observe(node_clock(ring->machines[2].shared), hybrid_of_ms(ring->now.wall_ms + 5000000));
    (void)ring_dial(ring, 0, 0, 1);
    ring_pump(ring);
    assert_int_equal(node_now_ms(ring_loop(ring, 0, 0), ring->now), ring->now.wall_ms + 50000);
    (void)ring_dial(ring, 0, 0, 2);
    ring_pump(ring);
    assert_int_equal(node_now_ms(ring_loop(ring, 0, 0), ring->now), ring->now.wall_ms + 50000);
    ring_close(ring);
}

static void a_link_to_another_cluster_is_refused(void **state)
{
    (void)state;
    ring_open_with(ring, 2, 1, 3);
    ring_publish(ring, 0, 2, 1);
    ring->settings.cluster++;
    ring_publish(ring, 1, 2, 1);
    ring->refuses = true;
    (void)ring_dial(ring, 0, 0, 1);
    ring_pump(ring);
    assert_null(ring_joint(ring, 0, 0, 1));
    assert_int_equal(COUNTER(ring, 1, refused_links), 1);
    ring_close(ring);
}

static void data_before_the_greeting_is_malformed(void **state)
{
    (void)state;
    open_unlinked(2);
    ring->judge = lose_greetings;
    ring->refuses = true;
    struct joint *joint = ring_dial(ring, 0, 0, 1);
    uint32_t hash = hash_of_key(text("a"));
    const struct message_read read = {
        .id = 1, .epoch = 1, .key = text("a"), .hash = hash, .partition = (uint16_t)(hash & 63)};
    message_write_read(&joint->end[0].out, &read);
    ring_pump(ring);
    assert_false(joint->up);
    assert_int_equal(COUNTER(ring, 1, malformed), 1);
    ring_close(ring);
}

static void an_end_that_is_in_no_ring_yet_is_greeted_once_it_is(void **state)
{
    (void)state;
    ring_open_with(ring, 2, 1, 3);
    ring_publish(ring, 0, 2, 3);
    (void)ring_dial(ring, 0, 0, 1);
    ring_pump(ring);
    assert_int_equal(ring->machines[1].heard_epoch, 3);
    ring_publish(ring, 1, 2, 3);
    (void)ring_dial(ring, 1, 0, 0);
    ring_pass(ring, NODE_GREETING_MS + 1);
    assert_int_equal(set(ring, 0, "a", "1"), REQUEST_OK);
    assert_true(shows(ring, 1, "a", "1"));
    ring_close(ring);
}

static void of_two_links_to_a_peer_the_newer_is_used_and_the_older_when_that_is_cut(void **state)
{
    (void)state;
    char key[32];
    ring_open(ring, 2, 1);
    key_led_by(ring, 1, 0, key);
    struct joint *older = ring_joint(ring, 0, 0, 1), *newer = ring_dial(ring, 0, 0, 1);
    ring_pump(ring);
    struct peer *peer = peers_find(&ring_loop(ring, 0, 0)->peers, ring->machines[1].id);
    assert_ptr_equal(peer->link, &newer->end[0]);
    assert_int_equal(set(ring, 0, key, "1"), REQUEST_OK);
    ring_cut(ring, newer);
    assert_ptr_equal(peer->link, &older->end[0]);
    assert_int_equal(set(ring, 0, key, "2"), REQUEST_OK);
    ring_cut(ring, older);
    assert_null(peer->link);
    assert_int_equal(set(ring, 0, key, "3"), REQUEST_FAILED);
    ring_close(ring);
}

static enum fate hold_answers(struct ring *of, unsigned from, unsigned to, const struct frame *frame)
{
    (void)of, (void)from, (void)to;
    return frame->type == MESSAGE_WRITE_REPLY ? FATE_HELD : FATE_ARRIVES;
}

static void the_end_of_an_older_link_does_not_disturb_the_newer(void **state)
{
    (void)state;
    char key[32];
    ring_open(ring, 2, 2);
    key_led_by(ring, 0, 0, key);
    struct joint *older = ring_joint(ring, 0, 0, 1);
    (void)ring_dial(ring, 0, 0, 1);
    ring_pump(ring);
    ring->judge = hold_answers;
    struct request *request = ask(ring, REQUEST_SET, key);
    request->value = text("1");
    start(ring, 0, request);
    ring_cut(ring, older);
    ring_pump(ring);
    assert_false(is_done(request));
    ring->judge = NULL;
    ring_release_held(ring);
    ring_pump(ring);
    assert_true(is_done(request));
    assert_int_equal(request->status, REQUEST_OK);
    ring_close(ring);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(no_data_goes_over_a_link_before_its_greeting_is_answered),
        cmocka_unit_test(a_lost_greeting_is_repeated),
        cmocka_unit_test(a_silent_peer_is_up_again_without_any_request),
        cmocka_unit_test(flush_registers_come_before_data),
        cmocka_unit_test(a_dialler_learns_of_a_flush_from_the_reply),
        cmocka_unit_test(a_flush_between_greeting_and_reply_is_told_before_the_link_is_used),
        cmocka_unit_test(an_old_reply_does_not_stand_for_a_greeting_that_was_lost),
        cmocka_unit_test(a_flush_that_the_other_does_not_believe_keeps_no_link_from_being_used),
        cmocka_unit_test(clocks_follow_each_other_but_not_into_an_absurd_future),
        cmocka_unit_test(a_link_to_another_cluster_is_refused),
        cmocka_unit_test(data_before_the_greeting_is_malformed),
        cmocka_unit_test(an_end_that_is_in_no_ring_yet_is_greeted_once_it_is),
        cmocka_unit_test(of_two_links_to_a_peer_the_newer_is_used_and_the_older_when_that_is_cut),
        cmocka_unit_test(the_end_of_an_older_link_does_not_disturb_the_newer),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
