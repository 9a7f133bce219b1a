/* Writes and read-modify-writes in a ring of three: what they know, whom they tell, when they are answered. */
#include "coordinator/owners.h"

static struct ring the_ring;
static struct ring *const ring = &the_ring;

static struct request *asked_to(enum request_kind kind, const char *key, const char *value)
{
    struct request *request = ask(ring, kind, key);
    request->value = text(value);
    return request;
}

static void put_answers_after_w_distinct_nodes(void **state)
{
    (void)state;
    owners_open(ring);
    unsigned first = at(ring, "k", 0), second = at(ring, "k", 1), third = at(ring, "k", 2);
    rule(FATE_HELD, MESSAGE_WRITE_REPLY, (int)second, ANY);
    rule(FATE_LOST, MESSAGE_WRITE_REPLY, (int)third, ANY);
    struct request *request = asked_to(REQUEST_SET, "k", "v");
    start(ring, first, request);
    assert_false(is_done(request)); /* the local copy is one of two */
    assert_true(holds(ring, first, "k", "v") && holds(ring, second, "k", "v") && holds(ring, third, "k", "v"));
    all_arrive();
    ring_release_held(ring);
    ring_pump(ring);
    assert_true(is_done(request) && request->status == REQUEST_OK);

    rule(FATE_TWICE, MESSAGE_WRITE_REPLY, (int)at(ring, "a:k", 1), ANY); /* w = 3: the same owner twice is one */
    rule(FATE_HELD, MESSAGE_WRITE_REPLY, (int)at(ring, "a:k", 2), ANY);
    request = asked_to(REQUEST_SET, "a:k", "v");
    start(ring, at(ring, "a:k", 0), request);
    assert_false(is_done(request));
    all_arrive();
    ring_release_held(ring);
    ring_pump(ring);
    assert_true(is_done(request) && request->status == REQUEST_OK);

    rule(FATE_LOST, MESSAGE_WRITE, ANY, ANY); /* w = 1 waits for nobody */
    assert_int_equal(run(ring, at(ring, "w:k", 0), asked_to(REQUEST_SET, "w:k", "v")), REQUEST_OK);
    owners_close(ring);
}

static void nothing_is_sent_before_the_local_copy_has_it(void **state)
{
    (void)state;
    owners_open(ring);
    unsigned first = at(ring, "k", 0);
    struct request *request = asked_to(REQUEST_SET, "k", "v");
    node_request(ring_loop(ring, first, 0), ring->now, request);
    assert_null(node_next_flush(ring_loop(ring, first, 0)));
    ring_pump(ring);
    assert_true(is_done(request) && request->status == REQUEST_OK);
    owners_close(ring);
}

static void deadline_is_unknown_outcome(void **state)
{
    (void)state;
    owners_open(ring);
    unsigned first = at(ring, "k", 0);
    rule(FATE_LOST, MESSAGE_WRITE_REPLY, ANY, ANY);
    struct request *request = asked_to(REQUEST_SET, "k", "v");
    start(ring, first, request);
    ring_pass(ring, RING_TIMEOUT_MS - 2);
    assert_false(is_done(request));
    ring_pass(ring, 4);
    assert_true(is_done(request));
    assert_int_equal(request->status, REQUEST_FAILED);
    assert_int_equal(request->failure, FAILURE_TIMEOUT);
    all_arrive();
    ring_pass(ring, 200); /* the silent ones are asked again */
    assert_true(shows(ring, first, "k", "v"));
    owners_close(ring);
}

static void an_owner_that_says_nothing_is_left_out_and_probed_again(void **state)
{
    (void)state;
    owners_open(ring);
    unsigned first = at(ring, "k", 0), second = at(ring, "k", 1);
    rule(FATE_LOST, ANY, (int)second, (int)first);
    assert_int_equal(set(ring, first, "k", "1"), REQUEST_OK); /* the third makes it two */
    ring_pass(ring, RING_TIMEOUT_MS + 2);
    memset(ring->frames, 0, sizeof ring->frames);
    assert_int_equal(set(ring, first, "k", "2"), REQUEST_OK);
    assert_int_equal(ring->frames[MESSAGE_WRITE], 1);
    all_arrive();
    ring_pass(ring, PEER_PROBE_MS_MAX + 10); /* it has been greeted meanwhile */
    assert_int_equal(set(ring, first, "k", "3"), REQUEST_OK);
    assert_int_equal(ring->frames[MESSAGE_WRITE], 3);
    assert_int_equal(set(ring, first, "k", "4"), REQUEST_OK);
    assert_int_equal(ring->frames[MESSAGE_WRITE], 5);
    assert_true(holds(ring, second, "k", "4"));
    owners_close(ring);
}

static void with_too_few_owners_up_nothing_is_done(void **state)
{
    (void)state;
    owners_open(ring);
    unsigned first = at(ring, "k", 0);
    for (unsigned m = 0; m < 3; m++) {
        if (m != first)
            ring_part(ring, first, m);
    }
    struct request *request = asked_to(REQUEST_SET, "k", "v");
    assert_int_equal(run(ring, first, request), REQUEST_FAILED);
    assert_int_equal(request->failure, FAILURE_NO_QUORUM);
    assert_true(holds(ring, first, "k", NULL));
    assert_true(COORDINATED(ring, first, no_quorum) > 0);
    owners_close(ring);
}

/* Both other owners go while the write is on its way to them: it is here, and perhaps there. */
static void a_write_whose_owners_go_is_an_unknown_outcome_at_once(void **state)
{
    (void)state;
    owners_open(ring);
    unsigned first = at(ring, "k", 0);
    rule(FATE_HELD, MESSAGE_WRITE, ANY, ANY);
    struct request *request = asked_to(REQUEST_SET, "k", "v");
    start(ring, first, request);
    for (unsigned place = 1; place < 3; place++) {
        assert_false(is_done(request));
        ring_cut(ring, ring_joint(ring, first, 0, at(ring, "k", place)));
        ring_pump(ring);
    }
    assert_true(is_done(request) && request->failure == FAILURE_TIMEOUT);
    assert_true(holds(ring, first, "k", "v"));
    owners_close(ring);
}

static void writes_are_refused_while_they_are_held_and_reads_are_not(void **state)
{
    (void)state;
    owners_open(ring);
    unsigned first = at(ring, "k", 0);
    assert_int_equal(set(ring, first, "k", "v"), REQUEST_OK);
    node_hold_writes(ring->machines[first].shared, true);
    const enum request_kind kinds[] = {REQUEST_SET, REQUEST_ADD, REQUEST_INCR, REQUEST_DELETE, REQUEST_TOUCH};
    for (unsigned i = 0; i < sizeof kinds / sizeof *kinds; i++) {
        struct request *request = asked_to(kinds[i], "k", "w");
        assert_int_equal(run(ring, first, request), REQUEST_FAILED);
        assert_int_equal(request->failure, FAILURE_HELD);
    }
    assert_true(shows(ring, first, "k", "v"));
    node_hold_writes(ring->machines[first].shared, false);
    assert_int_equal(set(ring, first, "k", "w"), REQUEST_OK);
    owners_close(ring);
}

static void add_sees_what_only_another_owner_has(void **state)
{
    (void)state;
    owners_open(ring);
    plant(ring, 1, "k", "v");
    unsigned first = at(ring, "k", 0);
    assert_true(holds(ring, first, "k", NULL));
    assert_int_equal(run(ring, first, asked_to(REQUEST_ADD, "k", "mine")), REQUEST_NOT_STORED);
    /* Who has been told of it may count on it: it is at a quorum now. */
    assert_true(holds(ring, first, "k", "v") && holds(ring, at(ring, "k", 2), "k", "v"));
    owners_close(ring);
}

/* A refusal tells of what there is as much as a value does, also when only the coordinator itself has it. */
static void who_is_refused_for_what_only_the_coordinator_has_finds_it_at_a_quorum(void **state)
{
    (void)state;
    static const char *const keys[] = {"add", "cas", "incr", "gat"};
    owners_open(ring);
    for (unsigned i = 0; i < sizeof keys / sizeof *keys; i++) {
        const char *key = keys[i];
        unsigned first = at(ring, key, 0);
        plant(ring, 0, key, "v");
        struct request *request;
        enum request_status expected;
        switch (i) {
        case 0:
            request = asked_to(REQUEST_ADD, key, "mine");
            expected = REQUEST_NOT_STORED;
            break;
        case 1:
            request = asked_to(REQUEST_SET, key, "mine");
            request->has_token = true;
            request->token = 1;
            expected = REQUEST_EXISTS;
            break;
        case 2:
            request = incr_of(ring, key);
            expected = REQUEST_NON_NUMERIC;
            break;
        default:
            request = ask(ring, REQUEST_GET, key);
            request->has_effects = true; /* a claim that another has taken meanwhile */
            request->claims = true;
            expected = REQUEST_OK;
            break;
        }
        assert_int_equal(run(ring, first, request), expected);
        assert_true(holds(ring, at(ring, key, 1), key, "v") || holds(ring, at(ring, key, 2), key, "v"));
        memset(ring->frames, 0, sizeof ring->frames);
        assert_int_equal(run(ring, first, asked_to(REQUEST_ADD, key, "mine")), REQUEST_NOT_STORED);
        assert_int_equal(ring->frames[MESSAGE_WRITE], 0); /* all have it: nothing is sent */
    }
    owners_close(ring);
}

static void read_modify_writes_act_on_what_only_another_owner_has(void **state)
{
    (void)state;
    owners_open(ring);
    plant(ring, 1, "n", "41");
    struct request *incr = incr_of(ring, "n");
    assert_int_equal(run(ring, at(ring, "n", 0), incr), REQUEST_OK);
    assert_int_equal(incr->number, 42);
    plant(ring, 1, "a", "one");
    assert_int_equal(run(ring, at(ring, "a", 0), asked_to(REQUEST_APPEND, "a", "two")), REQUEST_OK);
    assert_true(holds(ring, at(ring, "a", 2), "a", "onetwo"));
    plant(ring, 1, "d", "v");
    assert_int_equal(run(ring, at(ring, "d", 0), ask(ring, REQUEST_DELETE, "d")), REQUEST_OK);
    assert_int_equal(get(ring, at(ring, "d", 1), "d")->status, REQUEST_MISS);
    plant(ring, 1, "t", "v");
    struct request *touch = ask(ring, REQUEST_TOUCH, "t");
    touch->expiry_ms = node_now_ms(ring_loop(ring, 0, 0), ring->now) + 50;
    assert_int_equal(run(ring, at(ring, "t", 0), touch), REQUEST_OK);
    ring_pass(ring, 51);
    assert_int_equal(get(ring, at(ring, "t", 1), "t")->status, REQUEST_MISS);
    plant(ring, 1, "g", "v");
    struct request *gat = ask(ring, REQUEST_GET, "g");
    gat->has_expiry = true;
    assert_int_equal(run(ring, at(ring, "g", 0), gat), REQUEST_OK);
    assert_true(bytes_equal(gat->versions[0].value, text("v")));
    owners_close(ring);
}

static void cas_takes_the_token_of_what_only_another_owner_has(void **state)
{
    (void)state;
    owners_open(ring);
    plant(ring, 1, "k", "v");
    struct request *seen = get(ring, at(ring, "k", 1), "k");
    uint64_t token = node_token(ring_loop(ring, at(ring, "k", 1), 0), seen, NODE_ALL_VERSIONS);
    plant(ring, 1, "m", "v");
    struct request *cas = asked_to(REQUEST_SET, "k", "w");
    cas->has_token = true;
    cas->token = token;
    assert_int_equal(run(ring, at(ring, "k", 0), cas), REQUEST_OK);
    assert_true(shows(ring, at(ring, "k", 2), "k", "w"));
    cas = asked_to(REQUEST_SET, "k", "x");
    cas->has_token = true;
    cas->token = token;
    assert_int_equal(run(ring, at(ring, "k", 0), cas), REQUEST_EXISTS);
    owners_close(ring);
}

/* The client has read a sibling that neither the coordinator nor the owner that it asks has. Its token covers it all
 * the same, and the write is later than it. */
static void cas_covers_what_its_client_has_read_elsewhere(void **state)
{
    (void)state;
    struct arena arena;
    struct object here, there;
    struct context both;
    owners_open(ring);
    unsigned first = at(ring, "s:k", 0), third = at(ring, "s:k", 2);
    plant(ring, 0, "s:k", "here");
    plant(ring, 2, "s:k", "there");
    struct blob *records[] = {record_at(ring, first, "s:k"), record_at(ring, third, "s:k")};
    arena_init(&arena);
    assert_int_equal(record_decode(blob_bytes(records[0]), &here, &arena), RECORD_OK);
    assert_int_equal(record_decode(blob_bytes(records[1]), &there, &arena), RECORD_OK);
    there.context.pairs[0].time += hybrid_of_ms(50000); /* as if its clock were ahead */
    hybrid_time covered = there.context.pairs[0].time;
    context_join(&both, &here.context, &there.context, &arena);

    rule(FATE_LOST, ANY, (int)first, (int)third);
    struct request *cas = asked_to(REQUEST_SET, "s:k", "resolved");
    cas->has_token = true;
    cas->token = 12345;
    cas->knows_context = true;
    cas->context = both;
    assert_int_equal(run(ring, first, cas), REQUEST_OK);
    all_arrive();
    struct request *seen = get(ring, third, "s:k");
    assert_int_equal(seen->version_count, 1);
    assert_true(bytes_equal(seen->versions[0].value, text("resolved")));
    assert_true(seen->versions[0].time > covered);

    /* A context that claims to know more of the coordinator's own writes than there are is not believed. */
    both.pairs[0].counter += 10;
    both.pairs[1].counter += 10;
    cas = asked_to(REQUEST_SET, "s:k", "forged");
    cas->has_token = true;
    cas->token = 12345;
    cas->knows_context = true;
    cas->context = both;
    assert_int_equal(run(ring, first, cas), REQUEST_EXISTS);
    blob_release(records[0]);
    blob_release(records[1]);
    arena_close(&arena);
    owners_close(ring);
}

static void concurrent_incr_through_one_coordinator_is_exact(void **state)
{
    (void)state;
    enum { AT_ONCE = 40, ROUNDS = 20 };
    owners_open(ring);
    unsigned first = at(ring, "n", 0);
    bool seen[AT_ONCE * ROUNDS + 1] = {false};
    for (unsigned round = 0; round < ROUNDS; round++) {
        struct request *requests[AT_ONCE];
        for (unsigned i = 0; i < AT_ONCE; i++) {
            requests[i] = incr_of(ring, "n");
            node_request(ring_loop(ring, i % 2 == 0 ? first : (first + 1) % 3, 0), ring->now, requests[i]);
        }
        ring_pass(ring, 1);
        for (unsigned i = 0; i < AT_ONCE; i++) {
            assert_true(is_done(requests[i]) && requests[i]->status == REQUEST_OK);
            assert_in_range(requests[i]->number, 1, AT_ONCE * ROUNDS);
            assert_false(seen[requests[i]->number]);
            seen[requests[i]->number] = true;
        }
    }
    for (unsigned number = 1; number <= AT_ONCE * ROUNDS; number++)
        assert_true(seen[number]);
    owners_close(ring);
}

static void concurrent_adds_have_one_winner(void **state)
{
    (void)state;
    owners_open(ring);
    struct request *requests[30];
    unsigned winners = 0;
    for (unsigned i = 0; i < 30; i++) {
        requests[i] = asked_to(REQUEST_ADD, "k", "v");
        node_request(ring_loop(ring, i % 3, 0), ring->now, requests[i]);
    }
    ring_pump(ring);
    for (unsigned i = 0; i < 30; i++) {
        assert_true(is_done(requests[i]));
        assert_true(requests[i]->status == REQUEST_OK || requests[i]->status == REQUEST_NOT_STORED);
        winners += requests[i]->status == REQUEST_OK;
    }
    assert_int_equal(winners, 1);
    owners_close(ring);
}

static void delete_of_unknown_key_leaves_tombstone(void **state)
{
    (void)state;
    owners_open(ring);
    unsigned first = at(ring, "k", 0), third = at(ring, "k", 2);
    assert_int_equal(run(ring, first, ask(ring, REQUEST_DELETE, "k")), REQUEST_MISS);
    assert_true(holds(ring, first, "k", NULL)); /* all three said that they have nothing */

    ring_part(ring, first, third);
    assert_int_equal(run(ring, first, ask(ring, REQUEST_DELETE, "k")), REQUEST_MISS);
    assert_true(holds_tombstone(ring, first, "k") && holds_tombstone(ring, at(ring, "k", 1), "k"));

    assert_int_equal(run(ring, at(ring, "a:k", 0), ask(ring, REQUEST_DELETE, "a:k")), REQUEST_FAILED); /* w = 3 */
    owners_close(ring);
}

/* The value was at the third owner only, which could not be asked: it may not come back later. */
static void a_delete_that_found_nothing_covers_nothing_that_it_could_not_know(void **state)
{
    (void)state;
    owners_open(ring);
    unsigned first = at(ring, "k", 0), third = at(ring, "k", 2);
    plant(ring, 2, "k", "old");
    rule(FATE_LOST, ANY, (int)first, (int)third);
    ring_pass(ring, 5);
    struct request *request = ask(ring, REQUEST_DELETE, "k");
    start(ring, first, request);
    ring_pass(ring, 60);
    assert_true(is_done(request) && request->status == REQUEST_MISS);
    all_arrive();
    for (unsigned place = 0; place < 3; place++) /* the newest decides: the delete is newer [R6] */
        assert_int_equal(get(ring, at(ring, "k", place), "k")->status, REQUEST_MISS);
    owners_close(ring);
}

static void lww_loser_restamps(void **state)
{
    (void)state;
    owners_open(ring);
    unsigned first = at(ring, "l:k", 0), second = at(ring, "l:k", 1), third = at(ring, "l:k", 2);
    struct hybrid_clock *ahead = node_clock(ring->machines[second].shared);
    hybrid_observe(ahead, hybrid_of_ms(ring->now.wall_ms + 10000));
    ring_cut(ring, ring_joint(ring, second, 0, first)); /* so that the second coordinates what it is asked */
    assert_int_equal(set(ring, second, "l:k", "ahead"), REQUEST_OK);
    assert_true(holds(ring, third, "l:k", "ahead") && holds(ring, first, "l:k", NULL));

    struct request *request = asked_to(REQUEST_SET, "l:k", "later");
    assert_int_equal(run(ring, first, request), REQUEST_OK);
    assert_int_equal(COORDINATED(ring, first, restamps), 1);
    for (unsigned place = 0; place < 3; place++) {
        assert_true(holds(ring, at(ring, "l:k", place), "l:k", "later"));
        struct request *seen = get(ring, at(ring, "l:k", place), "l:k");
        assert_true(bytes_equal(seen->versions[0].value, text("later")));
        assert_true(node_token(ring_loop(ring, at(ring, "l:k", place), 0), seen, NODE_ALL_VERSIONS)
                    == request->written_token);
    }
    owners_close(ring);
}

static void sync_all(void)
{
    for (unsigned m = 0; m < ring->machine_count; m++)
        store_sync(ring->machines[m].store);
    ring_pump(ring);
}

/* Its version is stored, but under a time that loses; the later one could not be made durable. */
static void a_loser_that_cannot_be_restamped_is_no_success(void **state)
{
    (void)state;
    all_arrive();
    ring_open_over(ring, BACKING_DURABLE, 3, 1, 3);
    ring_join_all(ring);
    ring->judge = owners_judge;
    owners_set_buckets(ring);
    unsigned first = at(ring, "l:k", 0), second = at(ring, "l:k", 1);
    hybrid_observe(node_clock(ring->machines[second].shared), hybrid_of_ms(ring->now.wall_ms + 10000));
    ring_cut(ring, ring_joint(ring, second, 0, first));
    assert_int_equal(set(ring, second, "l:k", "ahead"), REQUEST_OK);

    struct bucket_table table;
    bucket_table_init(&table);
    struct bucket latest = owners_bucket("l:", 2, 2);
    latest.reconcile = RECONCILE_LWW;
    latest.durability = DURABILITY_SYNCED;
    assert_null(bucket_table_put(&table, &latest));
    assert_true(node_reload_buckets(ring->machines[first].shared, &table));
    bucket_table_close(&table);
    struct request *request = asked_to(REQUEST_SET, "l:k", "later");
    start(ring, first, request);
    sync_all(); /* the local copy */
    sync_all(); /* the others', of whom the second says that it loses */
    assert_int_equal(COORDINATED(ring, first, restamps), 1);
    assert_false(is_done(request));
    struct backing *backing = ring->machines[first].backing;
    backing->engine.commit_fails = ENGINE_IO;
    backing->disk.sync_fails = true;
    sync_all();
    for (unsigned slices = 0; slices < 10 && !is_done(request); slices++) {
        (void)store_checkpoint_slice(ring->machines[first].store, ring->now, 0);
        ring_pump(ring);
    }
    assert_true(is_done(request));
    assert_int_equal(request->status, REQUEST_FAILED);
    assert_int_equal(request->failure, FAILURE_DISK_WRITE);
    backing->engine.commit_fails = ENGINE_OK;
    backing->disk.sync_fails = false;
    owners_close(ring);
}

static struct request *cas_of(const char *key, const char *value, uint64_t token)
{
    struct request *request = asked_to(REQUEST_SET, key, value);
    request->has_token = true;
    request->token = token;
    return request;
}

/* The coordinator knows neither the version that was acknowledged before nor how late it is there: its clients are
 * shown the later write all the same, and no version is lost for those who are shown all. */
static void a_write_after_another_is_the_newest_whatever_the_clocks_say(void **state)
{
    (void)state;
    static const char *const keys[] = {"k", "s:k"};
    for (unsigned i = 0; i < 2; i++) {
        const char *key = keys[i];
        owners_open(ring);
        unsigned first = at(ring, key, 0), second = at(ring, key, 1);
        hybrid_observe(node_clock(ring->machines[second].shared), hybrid_of_ms(ring->now.wall_ms + 500));
        ring_cut(ring, ring_joint(ring, second, 0, first)); /* so that the second coordinates what it is asked */
        assert_int_equal(set(ring, second, key, "1"), REQUEST_OK);
        struct request *later = asked_to(REQUEST_SET, key, "2");
        assert_int_equal(run(ring, first, later), REQUEST_OK);
        (void)ring_dial(ring, second, 0, first);
        ring_pump(ring);
        for (unsigned place = 0; place < 3; place++) {
            struct request *seen = get(ring, at(ring, key, place), key);
            assert_int_equal(seen->version_count, 2);
            assert_true(bytes_equal(seen->versions[0].value, text("2")));
        }
        if (i == 1) { /* the token names the writer's own version and covers nothing that he has not seen */
            assert_int_equal(run(ring, first, cas_of(key, "3", later->written_token)), REQUEST_OK);
            struct request *seen = get(ring, first, key);
            assert_int_equal(seen->version_count, 2);
            assert_true(bytes_equal(seen->versions[0].value, text("3")));
            assert_true(bytes_equal(seen->versions[1].value, text("1")));
        }
        owners_close(ring);
    }
}

/* The owner that knows of a later time says so only when the client has its answer. By then a delete may have covered
 * the version, which would come back under a new dot (P4). */
static void who_has_been_answered_is_not_restamped(void **state)
{
    (void)state;
    owners_open(ring);
    unsigned first = at(ring, "l:k", 0), third = at(ring, "l:k", 2);
    hybrid_observe(node_clock(ring->machines[third].shared),
                   hybrid_of_ms(ring->now.wall_ms + 100000)); /* nobody follows */
    plant(ring, 2, "l:k", "ahead");
    rule(FATE_HELD, MESSAGE_WRITE_REPLY, (int)third, (int)first);
    assert_int_equal(set(ring, first, "l:k", "1"), REQUEST_OK);
    all_arrive();
    ring_release_held(ring);
    ring_pump(ring);
    assert_int_equal(COORDINATED(ring, first, restamps), 0);
    assert_true(holds(ring, third, "l:k", "ahead")); /* it was never acknowledged, and is a later one */
    owners_close(ring);
}

/* A winner's time at the end of all time comes from a node that has gone mad: above it there is no other. */
static void an_impossible_winner_is_no_acknowledgement(void **state)
{
    (void)state;
    owners_open(ring);
    unsigned first = at(ring, "l:k", 0), second = at(ring, "l:k", 1), third = at(ring, "l:k", 2);
    struct coordinator *coordinator = &ring_loop(ring, first, 0)->coordinator;
    rule(FATE_LOST, MESSAGE_WRITE_REPLY, ANY, ANY);
    struct request *request = asked_to(REQUEST_SET, "l:k", "v");
    start(ring, first, request);
    for (uint64_t id = 0; id < 64 << 16; id++) { /* whichever it is */
        const struct message_write_reply reply = {.id = id, .epoch = 1, .winner = UINT64_MAX};
        (void)coordinator_on_write_reply(coordinator, ring->now, ring->machines[second].id, &reply);
        (void)coordinator_on_write_reply(coordinator, ring->now, ring->machines[third].id, &reply);
    }
    ring_pump(ring);
    assert_true(is_done(request) && request->status == REQUEST_FAILED);
    assert_int_equal(COORDINATED(ring, first, restamps), 0);
    owners_close(ring);
}

/* Whatever the id of the WRITE is. */
static void answer_writes(unsigned machine, unsigned from, hybrid_time winner)
{
    for (uint64_t id = 0; id < 64 << 16; id++) {
        const struct message_write_reply reply = {.id = id, .epoch = 1, .winner = winner};
        (void)coordinator_on_write_reply(&ring_loop(ring, machine, 0)->coordinator, ring->now, ring->machines[from].id,
                                         &reply);
    }
    ring_pump(ring);
}

/* Others go on with later and later times, which no clock follows. */
static void a_loser_is_written_anew_again_and_again_but_never_taken_for_a_winner(void **state)
{
    (void)state;
    static const unsigned turns[] = {10, 16, 17};
    for (unsigned i = 0; i < 3; i++) {
        owners_open(ring);
        unsigned first = at(ring, "l:k", 0), second = at(ring, "l:k", 1);
        rule(FATE_LOST, MESSAGE_WRITE, ANY, ANY);
        struct request *request = asked_to(REQUEST_SET, "l:k", "v");
        start(ring, first, request);
        uint64_t far_ms = ring->now.wall_ms + 10 * REPLICA_AHEAD_MS_MAX;
        for (unsigned turn = 0; turn < turns[i]; turn++) {
            assert_false(is_done(request));
            answer_writes(first, second, hybrid_of_ms(far_ms + 1000 * turn));
        }
        assert_int_equal(COORDINATED(ring, first, restamps), turns[i] < 16 ? turns[i] : 16);
        assert_int_equal(is_done(request), turns[i] > 16);
        if (turns[i] > 16) {
            assert_int_equal(request->failure, FAILURE_TIMEOUT); /* unknown: it is here, and may win yet */
        } else {
            answer_writes(first, second, 0);
            assert_true(is_done(request) && request->status == REQUEST_OK);
        }
        owners_close(ring);
    }
}

static void lww_writes_do_not_restamp_while_clocks_agree(void **state)
{
    (void)state;
    owners_open(ring);
    for (unsigned i = 0; i < 20; i++)
        assert_int_equal(set(ring, i % 3, "l:k", i % 2 == 0 ? "even" : "odd"), REQUEST_OK);
    for (unsigned m = 0; m < 3; m++)
        assert_int_equal(COORDINATED(ring, m, restamps), 0);
    owners_close(ring);
}

static void stale_epoch_waits_for_view(void **state)
{
    (void)state;
    owners_open(ring);
    unsigned first = at(ring, "k", 0);
    for (unsigned m = 0; m < 3; m++) {
        if (m != first)
            ring_publish(ring, m, 3, 2);
    }
    struct request *put = asked_to(REQUEST_SET, "k", "v"), *incr = incr_of(ring, "n"),
                   *read = ask(ring, REQUEST_GET, "k");
    start(ring, first, put);
    start(ring, first, read);
    ring_pass(ring, 50);
    assert_false(is_done(put) || is_done(read));
    assert_true(holds(ring, first, "k", "v"));
    assert_true(COORDINATED(ring, first, stale_epochs) >= 2);
    ring_publish(ring, first, 3, 2);
    ring_pass(ring, 5);
    assert_true(is_done(put) && put->status == REQUEST_OK);
    assert_true(is_done(read) && read->status == REQUEST_OK);
    for (unsigned place = 0; place < 3; place++)
        assert_true(holds(ring, at(ring, "k", place), "k", "v"));
    assert_int_equal(run(ring, at(ring, "n", 0), incr), REQUEST_OK);
    owners_close(ring);
}

static void who_waits_in_vain_for_a_view_has_an_unknown_outcome(void **state)
{
    (void)state;
    owners_open(ring);
    unsigned first = at(ring, "k", 0);
    for (unsigned m = 0; m < 3; m++) {
        if (m != first)
            ring_publish(ring, m, 3, 2);
    }
    struct request *put = asked_to(REQUEST_SET, "k", "v");
    start(ring, first, put);
    ring_pass(ring, RING_TIMEOUT_MS + 2);
    assert_true(is_done(put) && put->failure == FAILURE_TIMEOUT);
    owners_close(ring);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(put_answers_after_w_distinct_nodes),
        cmocka_unit_test(nothing_is_sent_before_the_local_copy_has_it),
        cmocka_unit_test(deadline_is_unknown_outcome),
        cmocka_unit_test(an_owner_that_says_nothing_is_left_out_and_probed_again),
        cmocka_unit_test(with_too_few_owners_up_nothing_is_done),
        cmocka_unit_test(a_write_whose_owners_go_is_an_unknown_outcome_at_once),
        cmocka_unit_test(writes_are_refused_while_they_are_held_and_reads_are_not),
        cmocka_unit_test(add_sees_what_only_another_owner_has),
        cmocka_unit_test(who_is_refused_for_what_only_the_coordinator_has_finds_it_at_a_quorum),
        cmocka_unit_test(read_modify_writes_act_on_what_only_another_owner_has),
        cmocka_unit_test(cas_takes_the_token_of_what_only_another_owner_has),
        cmocka_unit_test(cas_covers_what_its_client_has_read_elsewhere),
        cmocka_unit_test(concurrent_incr_through_one_coordinator_is_exact),
        cmocka_unit_test(concurrent_adds_have_one_winner),
        cmocka_unit_test(delete_of_unknown_key_leaves_tombstone),
        cmocka_unit_test(a_delete_that_found_nothing_covers_nothing_that_it_could_not_know),
        cmocka_unit_test(lww_loser_restamps),
        cmocka_unit_test(a_loser_that_cannot_be_restamped_is_no_success),
        cmocka_unit_test(a_write_after_another_is_the_newest_whatever_the_clocks_say),
        cmocka_unit_test(who_has_been_answered_is_not_restamped),
        cmocka_unit_test(an_impossible_winner_is_no_acknowledgement),
        cmocka_unit_test(a_loser_is_written_anew_again_and_again_but_never_taken_for_a_winner),
        cmocka_unit_test(lww_writes_do_not_restamp_while_clocks_agree),
        cmocka_unit_test(stale_epoch_waits_for_view),
        cmocka_unit_test(who_waits_in_vain_for_a_view_has_an_unknown_outcome),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
