/* Others stand in for owners that are down, refuse or take too long (Dynamo 4.6): who is asked, who counts [R9], what a
 * stand-in does as the coordinator. */
#include "coordinator/owners.h"

static struct ring the_ring;
static struct ring *const ring = &the_ring;

static uint64_t hints_for(unsigned machine, unsigned owner)
{
    return hints_of_owner(node_hints(ring->machines[machine].shared), ring->machines[owner].id);
}

static uint64_t hints_at(unsigned machine)
{
    struct hints_counters counters;
    hints_count(node_hints(ring->machines[machine].shared), &counters);
    return counters.kept;
}

static void an_owner_that_is_down_has_the_next_node_keep_its_write(void **state)
{
    (void)state;
    owners_open_sloppy(ring, 5, 3);
    unsigned first = at(ring, "k", 0), second = at(ring, "k", 1), third = at(ring, "k", 2), fourth = at(ring, "k", 3),
             fifth = at(ring, "k", 4);
    assert_int_equal(set(ring, first, "k", "0"), REQUEST_OK);
    assert_true(hints_at(fourth) == 0 && hints_at(fifth) == 0); /* all are well: nobody stands in */
    put_down(ring, "k", 1);
    assert_int_equal(set(ring, first, "k", "v"), REQUEST_OK);
    assert_true(holds(ring, first, "k", "v") && holds(ring, third, "k", "v") && holds(ring, second, "k", "0"));
    assert_true(keeps(ring, fourth, second, "k", "v") && holds(ring, fourth, "k", NULL));
    assert_true(hints_for(fourth, second) == 1 && hints_at(fifth) == 0);
    assert_int_equal(COORDINATED(ring, first, stand_ins), 1);

    assert_int_equal(set(ring, first, "k", "w"), REQUEST_OK); /* a hint of a key is one, whatever it has seen */
    assert_true(keeps(ring, fourth, second, "k", "w") && hints_for(fourth, second) == 1);
    owners_close(ring);
}

static void stand_ins_make_a_quorum_of_writes(void **state)
{
    (void)state;
    owners_open_sloppy(ring, 5, 3);
    unsigned first = at(ring, "a:k", 0); /* w = 3 */
    put_down(ring, "a:k", 1);
    put_down(ring, "a:k", 2);
    assert_int_equal(set(ring, first, "a:k", "v"), REQUEST_OK);
    assert_true(keeps(ring, at(ring, "a:k", 3), at(ring, "a:k", 1), "a:k", "v"));
    assert_true(keeps(ring, at(ring, "a:k", 4), at(ring, "a:k", 2), "a:k", "v"));

    ring_loop(ring, first, 0)->coordinator.settings.sloppy = false; /* quorum = strict */
    struct request *request = asked(ring, REQUEST_SET, "a:k", "w");
    assert_int_equal(run(ring, first, request), REQUEST_FAILED);
    assert_int_equal(request->failure, FAILURE_NO_QUORUM);
    assert_true(holds(ring, first, "a:k", "v")); /* nothing was done */
    owners_close(ring);
}

static void one_node_counts_once_whoever_it_stands_in_for(void **state)
{
    (void)state;
    owners_open_sloppy(ring, 4, 3);
    unsigned first = at(ring, "a:k", 0); /* w = 3 */
    put_down(ring, "a:k", 1);
    put_down(ring, "a:k", 2);
    struct request *request = asked(ring, REQUEST_SET, "a:k", "v");
    assert_int_equal(run(ring, first, request), REQUEST_FAILED);
    assert_int_equal(request->failure, FAILURE_NO_QUORUM);
    assert_int_equal(hints_at(at(ring, "a:k", 3)), 0);

    owners_close(ring);

    owners_open_sloppy(ring, 4, 3);
    put_down(ring, "k", 1);
    put_down(ring, "k", 2);
    assert_int_equal(set(ring, at(ring, "k", 0), "k", "v"), REQUEST_OK); /* w = 2 */
    assert_int_equal(hints_at(at(ring, "k", 3)), 1);
    owners_close(ring);
}

/* Whatever the id of the WRITE is. */
static void answer_writes(unsigned machine, unsigned from, enum message_status status)
{
    for (uint64_t id = 0; id < 64 << 16; id++) {
        const struct message_write_reply reply = {.id = id, .epoch = 1, .status = status};
        (void)coordinator_on_write_reply(&ring_loop(ring, machine, 0)->coordinator, ring->now, ring->machines[from].id,
                                         &reply);
    }
    ring_pump(ring);
}

static void an_owner_that_refuses_is_stood_for(void **state)
{
    (void)state;
    static const struct {
        enum message_status status;
        bool is_stood_for;
    } cases[] = {{MESSAGE_FULL, true}, {MESSAGE_FAILED, true}, {MESSAGE_HELD, false}, {MESSAGE_DEAD, false}};
    for (unsigned i = 0; i < sizeof cases / sizeof *cases; i++) {
        owners_open_sloppy(ring, 5, 3);
        unsigned first = at(ring, "k", 0), second = at(ring, "k", 1), third = at(ring, "k", 2),
                 fourth = at(ring, "k", 3);
        rule(FATE_HELD, MESSAGE_WRITE, (int)first, (int)second);
        rule(FATE_HELD, MESSAGE_WRITE, (int)first, (int)third);
        struct request *request = asked(ring, REQUEST_SET, "k", "v");
        start(ring, first, request);
        assert_false(is_done(request));
        answer_writes(first, second, cases[i].status);
        assert_int_equal(is_done(request), cases[i].is_stood_for);
        assert_true(keeps(ring, fourth, second, "k", cases[i].is_stood_for ? "v" : NULL));
        owners_close(ring);
    }
}

static void a_stand_in_that_refuses_is_followed_by_the_next(void **state)
{
    (void)state;
    owners_open_sloppy(ring, 5, 3);
    unsigned first = at(ring, "k", 0), fourth = at(ring, "k", 3), fifth = at(ring, "k", 4);
    put_down(ring, "k", 1);
    put_down(ring, "k", 2);
    rule(FATE_HELD, MESSAGE_WRITE, (int)first, (int)fourth);
    rule(FATE_LOST, MESSAGE_WRITE_REPLY, (int)fifth, (int)first);
    struct request *put = asked(ring, REQUEST_SET, "k", "v");
    start(ring, first, put);
    assert_false(is_done(put));
    answer_writes(first, fourth, MESSAGE_FULL);
    assert_false(is_done(put)); /* nobody is left: the fifth has been asked for the third already */
    answer_writes(first, fifth, MESSAGE_OK);
    assert_true(is_done(put) && put->status == REQUEST_OK);
    owners_close(ring);
}

/* Then W would be the coordinator and the stand-in, and a get that asks the two other owners would miss the write. */
static void nobody_stands_in_for_an_owner_that_is_only_slow(void **state)
{
    (void)state;
    owners_open_sloppy(ring, 5, 3);
    unsigned first = at(ring, "k", 0), second = at(ring, "k", 1), third = at(ring, "k", 2);
    rule(FATE_LOST, MESSAGE_WRITE, (int)first, (int)second);
    rule(FATE_LOST, MESSAGE_WRITE, (int)first, (int)third);
    struct request *request = asked(ring, REQUEST_SET, "k", "1");
    start(ring, first, request);
    for (unsigned ms = 0; ms < 600; ms += 10) { /* both answer whatever else they are asked: they are not silent */
        ring_pass(ring, 10);
        all_arrive();
        assert_int_equal(get(ring, first, "other")->status, REQUEST_MISS);
        rule(FATE_LOST, MESSAGE_WRITE, (int)first, (int)second);
        rule(FATE_LOST, MESSAGE_WRITE, (int)first, (int)third);
    }
    assert_false(is_done(request));
    assert_int_equal(hints_at(at(ring, "k", 3)) + hints_at(at(ring, "k", 4)), 0);
    ring_pass(ring, RING_TIMEOUT_MS);
    assert_true(is_done(request) && request->failure == FAILURE_TIMEOUT);
    owners_close(ring);
}

static void an_owner_that_falls_silent_is_stood_for_at_once(void **state)
{
    (void)state;
    owners_open_sloppy(ring, 5, 3);
    unsigned first = at(ring, "k", 0), second = at(ring, "k", 1), third = at(ring, "k", 2);
    rule(FATE_LOST, ANY, (int)second, ANY);
    rule(FATE_LOST, ANY, (int)third, ANY);
    struct request *request = asked(ring, REQUEST_SET, "k", "1");
    start(ring, first, request);
    ring_pass(ring, PEER_SILENCE_MS_MAX - 10);
    assert_false(is_done(request));
    assert_int_equal(hints_at(at(ring, "k", 3)) + hints_at(at(ring, "k", 4)), 0);
    ring_pass(ring, 20);
    assert_true(is_done(request) && request->status == REQUEST_OK);
    assert_int_equal(COORDINATED(ring, first, stand_ins), 2); /* as many as are silent */
    owners_close(ring);
}

static void what_a_stand_in_keeps_counts_and_that_it_keeps_nothing_does_not(void **state)
{
    (void)state;
    owners_open_sloppy(ring, 5, 3);
    unsigned first = at(ring, "k", 0);
    put_down(ring, "k", 1);
    put_down(ring, "k", 2);
    struct request *request = get(ring, first, "k"); /* r = 2 */
    assert_int_equal(request->status, REQUEST_FAILED);
    assert_int_equal(request->failure, FAILURE_NO_QUORUM);
    assert_int_equal(ring->frames[MESSAGE_READ], 2); /* both who could know have been asked */
    assert_int_equal(set(ring, first, "k", "v"), REQUEST_OK);
    memset(ring->frames, 0, sizeof ring->frames);
    assert_true(shows(ring, first, "k", "v"));
    assert_int_equal(ring->frames[MESSAGE_READ], 1);
    owners_close(ring);
}

static void while_owners_answer_no_stand_in_is_asked(void **state)
{
    (void)state;
    owners_open_sloppy(ring, 5, 3);
    unsigned first = at(ring, "k", 0), third = at(ring, "k", 2);
    assert_int_equal(set(ring, first, "k", "v"), REQUEST_OK);
    put_down(ring, "k", 1);
    assert_true(shows(ring, first, "k", "v"));
    assert_int_equal(ring->frames[MESSAGE_READ], 1);
    rule(FATE_LOST, MESSAGE_READ, (int)first, (int)third);
    struct request *request = ask(ring, REQUEST_GET, "k");
    start(ring, first, request);
    ring_pass(ring, 60); /* the hedge finds nobody else: stand-ins are for owners that are missing */
    assert_false(is_done(request));
    ring_pass(ring, 600); /* PEER_SILENCE_MS_MAX: now it is; nobody keeps anything for it */
    all_arrive();
    ring_pass(ring, RING_TIMEOUT_MS);
    assert_true(is_done(request));
    owners_close(ring);
}

/* What only a stand-in has is news for the owner that asks it, and what it shows it has. */
static void what_only_a_stand_in_has_is_read_and_merged(void **state)
{
    (void)state;
    owners_open_sloppy(ring, 5, 3);
    unsigned first = at(ring, "k", 0), fourth = at(ring, "k", 3);
    for (unsigned place = 0; place < 3; place++)
        put_down(ring, "k", place);
    assert_int_equal(set(ring, fourth, "k", "v"), REQUEST_OK);
    (void)ring_dial(ring, first, 0, fourth);
    (void)ring_dial(ring, fourth, 0, first);
    ring_pump(ring);
    assert_true(holds(ring, first, "k", NULL));
    assert_true(shows(ring, first, "k", "v"));
    assert_true(holds(ring, first, "k", "v"));
    owners_close(ring);
}

static void a_stand_in_coordinates_when_all_owners_are_down(void **state)
{
    (void)state;
    owners_open_sloppy(ring, 5, 3);
    unsigned first = at(ring, "k", 0), second = at(ring, "k", 1), fourth = at(ring, "k", 3), fifth = at(ring, "k", 4);
    for (unsigned place = 0; place < 3; place++)
        put_down(ring, "k", place);
    assert_int_equal(set(ring, fifth, "k", "v"), REQUEST_OK); /* goes to the fourth: it is next in the list */
    assert_int_equal(COORDINATED(ring, fourth, rounds), 1);
    assert_true(keeps(ring, fourth, first, "k", "v") && keeps(ring, fifth, second, "k", "v"));
    assert_true(hints_for(fourth, first) == 1 && hints_for(fifth, second) == 1);
    assert_true(shows(ring, fifth, "k", "v") && shows(ring, fourth, "k", "v"));

    assert_int_equal(run(ring, fifth, asked(ring, REQUEST_APPEND, "k", "w")), REQUEST_OK);
    assert_true(shows(ring, fourth, "k", "vw"));
    assert_true(hints_for(fourth, first) == 1 && hints_at(fourth) == 1);
    assert_int_equal(run(ring, fifth, ask(ring, REQUEST_DELETE, "k")), REQUEST_OK);
    assert_int_equal(get(ring, fifth, "k")->status, REQUEST_MISS);
    owners_close(ring);
}

/* Nobody here knows what the owners have. */
static void a_stand_in_does_not_add_to_what_it_cannot_know(void **state)
{
    (void)state;
    owners_open_sloppy(ring, 5, 3);
    unsigned first = at(ring, "k", 0), fifth = at(ring, "k", 4);
    assert_int_equal(set(ring, first, "k", "v"), REQUEST_OK);
    for (unsigned place = 0; place < 3; place++)
        put_down(ring, "k", place);
    static const enum request_kind kinds[] = {REQUEST_ADD, REQUEST_REPLACE, REQUEST_APPEND, REQUEST_DELETE};
    for (unsigned i = 0; i < sizeof kinds / sizeof *kinds; i++) {
        struct request *request = asked(ring, kinds[i], "k", "w");
        assert_int_equal(run(ring, fifth, request), REQUEST_FAILED);
        assert_int_equal(request->failure, FAILURE_NO_QUORUM);
    }
    assert_int_equal(get(ring, fifth, "k")->failure, FAILURE_NO_QUORUM);
    assert_int_equal(hints_at(fifth) + hints_at(at(ring, "k", 3)), 0);
    owners_close(ring);
}

/* Two hints of one key, for two owners: both are the stand-in's copy. */
static void a_stand_in_reads_what_it_keeps_for_every_owner(void **state)
{
    (void)state;
    owners_open_sloppy(ring, 4, 3);
    unsigned first = at(ring, "s:k", 0), second = at(ring, "s:k", 1), fourth = at(ring, "s:k", 3);
    put_down(ring, "s:k", 1);
    put_down(ring, "s:k", 2);
    assert_int_equal(set(ring, first, "s:k", "1"), REQUEST_OK);
    assert_true(keeps(ring, fourth, second, "s:k", "1"));
    put_down(ring, "s:k", 0);
    struct bucket_table table;
    bucket_table_init(&table);
    struct bucket alone = owners_bucket("s:", 1, 1);
    alone.stale_cas = STALE_CAS_SIBLING;
    assert_null(bucket_table_put(&table, &alone));
    assert_true(node_reload_buckets(ring->machines[fourth].shared, &table));
    bucket_table_close(&table);
    assert_int_equal(set(ring, fourth, "s:k", "2"), REQUEST_OK); /* covers what it keeps for the second */
    assert_true(keeps(ring, fourth, first, "s:k", "2") && keeps(ring, fourth, second, "s:k", "1"));
    struct request *request = get(ring, fourth, "s:k");
    assert_int_equal(request->status, REQUEST_OK);
    assert_int_equal(request->version_count, 1);
    assert_true(bytes_equal(request->versions[0].value, text("2")));
    owners_close(ring);
}

static void who_only_seems_to_be_down_is_asked_when_nobody_else_is_left(void **state)
{
    (void)state;
    owners_open(ring);
    unsigned first = at(ring, "k", 0);
    rule(FATE_LOST, ANY, ANY, (int)first);
    struct request *lost = asked(ring, REQUEST_SET, "k", "1");
    start(ring, first, lost);
    ring_pass(ring, RING_TIMEOUT_MS + 2);
    assert_true(is_done(lost) && lost->failure == FAILURE_TIMEOUT);
    for (unsigned place = 1; place < 3; place++)
        assert_true(peers_find(&ring_loop(ring, first, 0)->peers, ring->machines[at(ring, "k", place)].id)->is_silent);
    all_arrive();
    assert_int_equal(set(ring, first, "k", "2"), REQUEST_OK);
    assert_true(shows(ring, first, "k", "2"));
    owners_close(ring);
}

static void a_cart_is_written_with_what_is_there(void **state)
{
    (void)state;
    owners_open_sloppy(ring, 5, 3);
    unsigned first = at(ring, "s:k", 0), fifth = at(ring, "s:k", 4);
    assert_int_equal(set(ring, first, "s:k", "1"), REQUEST_OK);
    struct request *seen = get(ring, fifth, "s:k");
    uint64_t token = node_token(ring_loop(ring, fifth, 0), seen, NODE_ALL_VERSIONS);
    for (unsigned place = 0; place < 3; place++)
        put_down(ring, "s:k", place);
    struct request *cas = asked(ring, REQUEST_SET, "s:k", "2");
    cas->has_token = true;
    cas->token = token;
    assert_int_equal(run(ring, fifth, cas), REQUEST_OK); /* nobody here has what it overwrites; its context says it */
    struct request *unknown = asked(ring, REQUEST_SET, "s:other", "2");
    for (unsigned place = 0; place < 3; place++)
        put_down(ring, "s:other", place);
    unknown->has_token = true;
    unknown->token = 12345;
    enum request_status status = run(ring, at(ring, "s:other", 4), unknown);
    assert_int_equal(status, REQUEST_FAILED); /* that there is nothing nobody can say */
    assert_int_equal(unknown->failure, FAILURE_NO_QUORUM);
    owners_close(ring);
}

static void a_member_that_was_tried_or_is_quarantined_is_passed_over(void **state)
{
    (void)state;
    owners_open_sloppy(ring, 5, 3);
    unsigned first = at(ring, "k", 0), fifth = at(ring, "k", 4);
    struct node *node = ring_loop(ring, fifth, 0);
    struct request *request = asked(ring, REQUEST_SET, "k", "v");
    request->op.hash = hash_of_key(text("k"));
    request->op.partition = ring_partition(node->view, request->op.hash);
    int self = ring_member_index(node->view, ring->machines[fifth].id);
    static struct quarantine quarantine;
    for (unsigned place = 0; place < 5; place++) {
        int chosen = coordinator_route(&node->coordinator, ring->now, request, (uint32_t)self);
        assert_true(chosen >= 0);
        uint32_t id = node->view->members[chosen].id;
        assert_int_equal(id, ring->machines[at(ring, "k", place)].id);
        assert_int_equal(request->stands_in, place >= 3);
        request_note_tried(request, id);
    }
    assert_int_equal(coordinator_route(&node->coordinator, ring->now, request, (uint32_t)self), -1);
    request->tried_count = 0;
    quarantine_set(&quarantine, &ring->machines[first].id, 1);
    node->coordinator.quarantine = &quarantine;
    int chosen = coordinator_route(&node->coordinator, ring->now, request, (uint32_t)self);
    assert_int_equal(node->view->members[chosen].id, ring->machines[at(ring, "k", 1)].id);
    node->coordinator.quarantine = NULL;
    assert_int_equal(run(ring, fifth, request), REQUEST_OK);
    owners_close(ring);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(an_owner_that_is_down_has_the_next_node_keep_its_write),
        cmocka_unit_test(stand_ins_make_a_quorum_of_writes),
        cmocka_unit_test(one_node_counts_once_whoever_it_stands_in_for),
        cmocka_unit_test(an_owner_that_refuses_is_stood_for),
        cmocka_unit_test(a_stand_in_that_refuses_is_followed_by_the_next),
        cmocka_unit_test(nobody_stands_in_for_an_owner_that_is_only_slow),
        cmocka_unit_test(an_owner_that_falls_silent_is_stood_for_at_once),
        cmocka_unit_test(what_a_stand_in_keeps_counts_and_that_it_keeps_nothing_does_not),
        cmocka_unit_test(while_owners_answer_no_stand_in_is_asked),
        cmocka_unit_test(what_only_a_stand_in_has_is_read_and_merged),
        cmocka_unit_test(a_stand_in_coordinates_when_all_owners_are_down),
        cmocka_unit_test(a_stand_in_does_not_add_to_what_it_cannot_know),
        cmocka_unit_test(a_stand_in_reads_what_it_keeps_for_every_owner),
        cmocka_unit_test(who_only_seems_to_be_down_is_asked_when_nobody_else_is_left),
        cmocka_unit_test(a_cart_is_written_with_what_is_there),
        cmocka_unit_test(a_member_that_was_tried_or_is_quarantined_is_passed_over),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
