/* Handshakes between honest ends: what they learn, and each reason for which they part. */
#include "ends.h"

static void assert_refused(const struct end *end, enum handshake_reason reason, const char *text)
{
    assert_int_equal(end->status, HANDSHAKE_REFUSED);
    assert_int_equal(end->handshake.reason, reason);
    assert_non_null(strstr(end->handshake.fault, text));
}

static void assert_both_done(const struct ends *ends)
{
    assert_int_equal(ends->dialler.status, HANDSHAKE_DONE);
    assert_int_equal(ends->acceptor.status, HANDSHAKE_DONE);
    assert_int_equal(ends->dialler.unread_len + ends->acceptor.unread_len, 0);
}

static void both_ends_know_each_other_afterwards(void **state)
{
    (void)state;
    struct ends ends;
    ends_open(&ends);
    ends_begin(&ends);
    ends_talk(&ends, SIZE_MAX);
    assert_both_done(&ends);
    const struct handshake_peer *dialler = &ends.acceptor.handshake.peer, *acceptor = &ends.dialler.handshake.peer;
    assert_string_equal(dialler->node, "alpha");
    assert_string_equal(acceptor->node, "beta");
    assert_true(dialler->incarnation == 0xa11a && acceptor->incarnation == 0xbe7a);
    assert_int_equal(dialler->plane, PLANE_DATA);
    assert_int_equal(dialler->loop, 3);
    assert_int_equal(dialler->version, MESSAGE_VERSION);
    assert_int_equal(acceptor->version, MESSAGE_VERSION);
    assert_string_equal(ends.dialler.handshake.fault, "");
    ends_close(&ends);
}

static void the_pieces_in_which_bytes_come_make_no_difference(void **state)
{
    (void)state;
    for (size_t step = 1; step <= 200; step++) {
        struct ends ends;
        ends_open(&ends);
        ends_begin(&ends);
        ends_talk(&ends, step);
        assert_both_done(&ends);
        ends_close(&ends);
    }
}

/* The first frame may come with the last message of the handshake. */
static void bytes_behind_the_handshake_are_left_alone(void **state)
{
    (void)state;
    struct ends ends;
    ends_open(&ends);
    ends_begin(&ends);
    end_pass(&ends.dialler, &ends.acceptor, SIZE_MAX);
    end_pass(&ends.acceptor, &ends.dialler, SIZE_MAX);
    chain_append_text(&ends.dialler.wire.chain, "frame of alpha");
    end_pass(&ends.dialler, &ends.acceptor, SIZE_MAX);
    assert_int_equal(ends.acceptor.status, HANDSHAKE_DONE);
    assert_true(bytes_equal(bytes_of(ends.acceptor.unread, ends.acceptor.unread_len), bytes_of_text("frame of alpha")));
    chain_append_text(&ends.acceptor.wire.chain, "frame of beta");
    end_pass(&ends.acceptor, &ends.dialler, SIZE_MAX);
    assert_int_equal(ends.dialler.status, HANDSHAKE_DONE);
    assert_true(bytes_equal(bytes_of(ends.dialler.unread, ends.dialler.unread_len), bytes_of_text("frame of beta")));
    assert_int_equal(end_hear(&ends.dialler, bytes_of(NULL, 0)), HANDSHAKE_DONE);
    assert_int_equal(ends.dialler.unread_len, strlen("frame of beta"));
    ends_close(&ends);
}

static void a_member_of_another_cluster_is_told_both_names(void **state)
{
    (void)state;
    struct ends ends;
    ends_open(&ends);
    ends.dialler.self.cluster = "films";
    ends_begin(&ends);
    ends_talk(&ends, SIZE_MAX);
    assert_refused(&ends.acceptor, HANDSHAKE_CLUSTERS, "\"music\"");
    assert_refused(&ends.acceptor, HANDSHAKE_CLUSTERS, "\"films\"");
    assert_refused(&ends.dialler, HANDSHAKE_CLUSTERS, "\"music\"");
    assert_refused(&ends.dialler, HANDSHAKE_CLUSTERS, "\"films\"");
    ends_close(&ends);
}

static void the_longest_names_fit_into_a_refusal(void **state)
{
    (void)state;
    struct ends ends;
    char here[RING_NAME_MAX + 1], there[RING_NAME_MAX + 1];
    memset(here, 'h', RING_NAME_MAX);
    memset(there, 't', RING_NAME_MAX);
    here[RING_NAME_MAX] = there[RING_NAME_MAX] = '\0';
    ends_open(&ends);
    ends.acceptor.self.cluster = here;
    ends.dialler.self.cluster = there;
    ends_begin(&ends);
    ends_talk(&ends, 1);
    assert_refused(&ends.dialler, HANDSHAKE_CLUSTERS, here);
    assert_refused(&ends.dialler, HANDSHAKE_CLUSTERS, there);
    ends_close(&ends);
}

static void assert_secrets_differ(struct bytes dialler, struct bytes acceptor)
{
    struct ends ends;
    ends_open(&ends);
    ends.dialler.self.secret = dialler;
    ends.acceptor.self.secret = acceptor;
    ends_begin(&ends);
    ends_talk(&ends, SIZE_MAX);
    assert_refused(&ends.dialler, HANDSHAKE_SECRETS, "the shared secret differs");
    assert_refused(&ends.acceptor, HANDSHAKE_SECRETS, "the shared secret differs");
    ends_close(&ends);
}

static void ends_with_different_secrets_part(void **state)
{
    (void)state;
    static const uint8_t zeros[HANDSHAKE_SECRET_MAX];
    assert_secrets_differ(bytes_of_text("one"), bytes_of_text("two"));
    assert_secrets_differ(bytes_of_text("one"), bytes_of(NULL, 0));
    assert_secrets_differ(bytes_of(NULL, 0), bytes_of_text("two"));
    assert_secrets_differ(bytes_of(zeros, HANDSHAKE_SECRET_MAX), bytes_of(zeros, HANDSHAKE_SECRET_MAX - 1));
}

static void without_a_secret_the_name_of_the_cluster_is_enough(void **state)
{
    (void)state;
    struct ends ends;
    ends_open(&ends);
    ends.dialler.self.secret = ends.acceptor.self.secret = bytes_of(NULL, 0);
    ends_begin(&ends);
    ends_talk(&ends, SIZE_MAX);
    assert_both_done(&ends);
    ends_close(&ends);
}

/* Returns the version that both chose, 0 when they parted. */
static unsigned negotiate(uint8_t dialler_min, uint8_t dialler_max, uint8_t acceptor_min, uint8_t acceptor_max)
{
    struct ends ends;
    ends_open(&ends);
    ends.dialler.self.version_min = dialler_min;
    ends.dialler.self.version_max = dialler_max;
    ends.acceptor.self.version_min = acceptor_min;
    ends.acceptor.self.version_max = acceptor_max;
    ends_begin(&ends);
    ends_talk(&ends, SIZE_MAX);
    unsigned chosen = 0;
    if (ends.dialler.status == HANDSHAKE_DONE) {
        assert_both_done(&ends);
        chosen = ends.dialler.handshake.peer.version;
        assert_int_equal(ends.acceptor.handshake.peer.version, chosen);
    } else {
        assert_refused(&ends.acceptor, HANDSHAKE_VERSIONS, "this node speaks message versions");
        assert_ptr_equal(strstr(ends.acceptor.handshake.fault, "this"), ends.acceptor.handshake.fault); /* it noticed */
        assert_refused(&ends.dialler, HANDSHAKE_VERSIONS, "versions");
    }
    ends_close(&ends);
    return chosen;
}

static void the_newest_version_that_both_speak_is_chosen(void **state)
{
    (void)state;
    assert_int_equal(negotiate(1, 1, 1, 1), 1);
    assert_int_equal(negotiate(1, 3, 1, 1), 1);
    assert_int_equal(negotiate(1, 1, 1, 3), 1);
    assert_int_equal(negotiate(2, 3, 1, 2), 2);
    assert_int_equal(negotiate(1, 2, 2, 3), 2);
    assert_int_equal(negotiate(1, 255, 4, 200), 200);
    assert_int_equal(negotiate(1, 1, 2, 3), 0);
    assert_int_equal(negotiate(2, 3, 1, 1), 0);
}

static void a_node_that_reaches_itself_is_told_so(void **state)
{
    (void)state;
    struct ends ends;
    ends_open(&ends);
    ends.acceptor.self.node = "alpha";
    ends.acceptor.self.incarnation = ends.dialler.self.incarnation;
    ends_begin(&ends);
    ends_talk(&ends, SIZE_MAX);
    assert_refused(&ends.acceptor, HANDSHAKE_SELF, "\"alpha\" has reached itself");
    assert_refused(&ends.dialler, HANDSHAKE_SELF, "\"alpha\" has reached itself");
    ends_close(&ends);
}

/* Its seeds may name it in other words than it does itself: it finds out by asking. */
static void a_node_may_ask_itself_as_a_member(void **state)
{
    (void)state;
    struct ends ends;
    struct end *alpha = &ends.dialler;
    ends_open(&ends);
    ends.acceptor.self.node = "alpha";
    ends.acceptor.self.incarnation = alpha->self.incarnation;
    handshake_accept(&ends.acceptor.handshake, &ends.acceptor.self, ends.acceptor.nonce);
    handshake_dial(&alpha->handshake, &alpha->self, PLANE_MEMBERSHIP, 3, alpha->nonce, &alpha->wire.chain);
    ends_talk(&ends, SIZE_MAX);
    assert_both_done(&ends);
    assert_true(ends.acceptor.handshake.peer.incarnation == alpha->self.incarnation);
    ends_close(&ends);
}

static void a_second_process_of_one_name_is_refused(void **state)
{
    (void)state;
    struct ends ends;
    ends_open(&ends);
    ends.acceptor.self.node = "alpha";
    ends_begin(&ends);
    ends_talk(&ends, SIZE_MAX);
    assert_refused(&ends.acceptor, HANDSHAKE_NAMESAKE, "another process claims to be node \"alpha\"");
    assert_refused(&ends.dialler, HANDSHAKE_NAMESAKE, "another process claims to be node \"alpha\"");
    ends_close(&ends);
}

static void a_handshake_that_was_refused_takes_nothing_more(void **state)
{
    (void)state;
    struct ends ends;
    ends_open(&ends);
    ends.dialler.self.cluster = "films";
    ends_begin(&ends);
    ends_talk(&ends, SIZE_MAX);
    for (int i = 0; i < 2; i++) {
        assert_int_equal(end_hear(&ends.acceptor, bytes_of_text("ring")), HANDSHAKE_REFUSED);
        assert_int_equal(ends.acceptor.wire.chain.len, 0);
    }
    assert_int_equal(ends.acceptor.unread_len, 2 * strlen("ring"));
    ends_close(&ends);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(both_ends_know_each_other_afterwards),
        cmocka_unit_test(the_pieces_in_which_bytes_come_make_no_difference),
        cmocka_unit_test(bytes_behind_the_handshake_are_left_alone),
        cmocka_unit_test(a_member_of_another_cluster_is_told_both_names),
        cmocka_unit_test(the_longest_names_fit_into_a_refusal),
        cmocka_unit_test(ends_with_different_secrets_part),
        cmocka_unit_test(without_a_secret_the_name_of_the_cluster_is_enough),
        cmocka_unit_test(the_newest_version_that_both_speak_is_chosen),
        cmocka_unit_test(a_node_that_reaches_itself_is_told_so),
        cmocka_unit_test(a_node_may_ask_itself_as_a_member),
        cmocka_unit_test(a_second_process_of_one_name_is_refused),
        cmocka_unit_test(a_handshake_that_was_refused_takes_nothing_more),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
