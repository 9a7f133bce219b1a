/* What the ring promises, one story each. The swarm (ringsim --seeds) draws its own; these are the ones worth telling.
 */
#include "sim/scenario.h"

static void two_halves_with_w1_write_the_same_cart_and_one_read_shows_both(void **state)
{
    (void)state;
    ring_with(quiet(2, 2, 2, 1));
    cut("a", "b");
    assert_int_equal(set_through("a", CART, "milk"), OP_DONE);
    assert_int_equal(set_through("b", CART, "bread"), OP_DONE);
    heal();
    expect_values("a", CART, "milk|bread");
    uint64_t token = token_through("b", CART);
    assert_int_equal(cas_through("a", CART, "milk,bread", token), OP_DONE);
    everyone_expects(CART, "milk,bread");
    end_of_scenario();
}

static void a_stale_replica_is_repaired_when_it_returns(void **state)
{
    (void)state;
    ring_of(3);
    set_through("a", PLAIN, "old");
    passes_ms(100);
    cut("c", "a|b");
    assert_int_equal(set_through("a", PLAIN, "new"), OP_DONE);
    expect_stored("c", PLAIN, "old");
    heal();
    expect_stored("c", PLAIN, "new");
    shows("c", PLAIN, "new");
    end_of_scenario();
}

static void a_forward_repeated_by_the_network_counts_once(void **state)
{
    (void)state;
    struct plan plan = quiet(3, 3, 2, 2);
    plan.duplicate_ppm = 1000000; /* everything comes twice */
    ring_with(plan);
    world->network.lossy = true;
    assert_int_equal(set_through("a", COUNTER, "100"), OP_DONE);
    for (uint64_t i = 1; i <= 10; i++)
        assert_int_equal(incr_through(owner(COUNTER, 1), COUNTER, 1), 100 + i);
    everyone_expects(COUNTER, "110");
    end_of_scenario();
}

static void flush_all_reaches_a_node_that_was_cut_off_before_it_serves(void **state)
{
    (void)state;
    ring_with(quiet(3, 3, 1, 3)); /* a node answers from its own copy */
    assert_int_equal(set_through("a", PLAIN, "old"), OP_DONE);
    cut("c", "a|b");
    flush_through("a");
    misses("b", PLAIN);
    heal();
    misses("c", PLAIN);
    assert_int_equal(set_through("c", PLAIN, "new"), OP_DONE);
    everyone_expects(PLAIN, "new");
    end_of_scenario();
}

static void a_flush_all_outlives_restarts(void **state)
{
    (void)state;
    ring_of(3);
    assert_int_equal(set_through("a", PLAIN, "old"), OP_DONE);
    flush_through("b");
    restarts("a");
    restarts("c");
    everyone_expects(PLAIN, "");
    end_of_scenario();
}

static uint64_t table_of(const char *name)
{
    return node_epoch(machine_called(name)->shared);
}

static void a_node_that_has_an_old_table_gets_the_new_one_and_serves_on(void **state)
{
    (void)state;
    world_of(quiet(4, 3, 2, 2));
    machine_called("d")->is_joiner = true; /* the three others found the ring */
    for (unsigned i = 0; i < 3; i++)
        machine_start(&world->machines[i]);
    passes_ms(5000);
    machine_start(machine_called("d"));
    while (table_of("a") == 1 && table_of("b") == 1 && table_of("c") == 1)
        assert_true(world_step(world));
    const char *late = table_of("a") == 1 ? "a" : "b"; /* the news has not come there yet */
    cut(late, *late == 'a' ? "b|c|d" : "a|c|d");
    passes_ms(10000);
    assert_int_equal(table_of("c"), 2);
    assert_int_equal(table_of("d"), 2);
    assert_int_equal(table_of(late), 1);
    assert_int_equal(set_through("d", PLAIN, "after"), OP_DONE);
    heal();
    shows(late, PLAIN, "after");
    assert_int_equal(table_of(late), 2);
    end_of_scenario();
}

static void a_paused_coordinator_is_passed_over(void **state)
{
    (void)state;
    struct plan plan = quiet(5, 3, 2, 2);
    plan.loops = 1; /* each loop finds out by itself */
    ring_with(plan);
    const char *first = owner(PLAIN, 0), *second = owner(PLAIN, 1);
    set_through(second, PLAIN, "before");
    pauses(first);
    (void)set_through(second, PLAIN, "lost, perhaps"); /* it shows that nobody answers */
    assert_int_equal(set_through(second, PLAIN, "after"), OP_DONE);
    goes_on(first);
    passes_ms(4000);
    for (unsigned i = 0; i < 5; i++) /* what had timed out may have been carried out as well, beside it */
        shows_among_others(world->machines[i].name, PLAIN, "after");
    end_of_scenario();
}

static void concurrent_incr_from_many_clients_is_exact(void **state)
{
    enum { ROUNDS = 20 };
    (void)state;
    ring_of(5);
    assert_int_equal(set_through("a", COUNTER, "0"), OP_DONE);
    for (unsigned i = 0; i < SCENARIO_CLIENTS; i++)
        assert_true(client_connect(&world->clients[i], i % 5, i));
    for (unsigned round = 0; round < ROUNDS; round++) {
        for (unsigned i = 0; i < SCENARIO_CLIENTS; i++) {
            struct op *op = history_add(&world->history);
            size_t number = world->history.count - 1;
            op->kind = OP_INCR;
            op->key = key_called(COUNTER);
            op->number = 1;
            client_send(&world->clients[i], &number, 1);
        }
        passes_ms(200);
    }
    for (size_t i = 0; i < world->history.count; i++)
        assert_int_equal(history_op(&world->history, i)->outcome, OP_DONE);
    client_leave(&world->clients[0]);
    everyone_expects(COUNTER, "1000");
    end_of_scenario();
}

/* Every order of three starts, with pauses in between that are short or long. */
static void three_nodes_found_one_ring_in_any_order(void **state)
{
    static const unsigned orders[6][3] = {{0, 1, 2}, {0, 2, 1}, {1, 0, 2}, {1, 2, 0}, {2, 0, 1}, {2, 1, 0}};
    (void)state;
    for (unsigned i = 0; i < 12; i++) {
        world_of(quiet(3, 3, 2, 2));
        for (unsigned j = 0; j < 3; j++) {
            machine_start(&world->machines[orders[i % 6][j]]);
            passes_ms(i < 6 ? 10 : 3000);
        }
        passes_ms(6000);
        for (unsigned j = 0; j < 3; j++) {
            const struct ring_view *view = node_view(world->machines[j].shared);
            assert_int_equal(view->epoch, 1);
            assert_int_equal(view->member_count, 3);
            assert_int_equal(ring_fingerprint(view), ring_fingerprint(node_view(world->machines[0].shared)));
        }
        end_of_scenario();
    }
}

static void a_ring_that_lacks_a_seed_does_not_open(void **state)
{
    (void)state;
    world_of(quiet(3, 3, 2, 2));
    machine_start(machine_called("a"));
    machine_start(machine_called("b"));
    passes_ms(20000);
    assert_false(machine_serves(machine_called("a")));
    machine_start(machine_called("c"));
    passes_ms(6000);
    assert_true(machine_serves(machine_called("a")));
    everyone_expects(PLAIN, "");
    end_of_scenario();
}

static void cas_tokens_are_equal_on_every_node(void **state)
{
    (void)state;
    ring_of(5);
    assert_int_equal(set_through("a", PLAIN, "one"), OP_DONE);
    uint64_t token = token_through("a", PLAIN);
    for (unsigned i = 1; i < 5; i++)
        assert_int_equal(token_through(world->machines[i].name, PLAIN), token);
    assert_int_equal(cas_through("e", PLAIN, "two", token), OP_DONE);
    assert_int_equal(cas_through("b", PLAIN, "three", token), OP_EXISTS);
    everyone_expects(PLAIN, "two");
    end_of_scenario();
}

/* With an old token of another node a cas makes a sibling where the bucket wants it. */
static void an_old_token_of_another_node_makes_a_sibling_in_a_cart(void **state)
{
    (void)state;
    ring_of(5);
    assert_int_equal(set_through("a", CART, "milk"), OP_DONE);
    uint64_t token = token_through("d", CART);
    assert_int_equal(cas_through("b", CART, "milk,bread", token), OP_DONE);
    assert_int_equal(cas_through("d", CART, "milk,eggs", token), OP_DONE);
    everyone_expects(CART, "milk,bread|milk,eggs");
    end_of_scenario();
}

static void two_halves_write_and_the_later_wins_where_the_bucket_says_so(void **state)
{
    (void)state;
    ring_with(quiet(2, 2, 2, 1));
    cut("a", "b");
    assert_int_equal(set_through("a", LATEST, "first"), OP_DONE);
    passes_ms(1000);
    assert_int_equal(set_through("b", LATEST, "second"), OP_DONE);
    heal();
    everyone_expects(LATEST, "second");
    expect_stored("a", LATEST, "second");
    end_of_scenario();
}

static void a_minority_refuses_and_says_so(void **state)
{
    (void)state;
    ring_of(3);
    assert_int_equal(set_through("a", PLAIN, "before"), OP_DONE);
    cut("c", "a|b");
    passes_ms(2000);
    assert_int_equal(set_through("c", PLAIN, "minority"), OP_FAILED);
    assert_int_equal(set_through("a", PLAIN, "majority"), OP_DONE);
    heal();
    everyone_expects(PLAIN, "majority");
    end_of_scenario();
}

static void a_ring_survives_the_clean_restart_of_every_node(void **state)
{
    (void)state;
    ring_of(3);
    assert_int_equal(set_through("a", PLAIN, "kept"), OP_DONE);
    assert_int_equal(set_through("b", CART, "milk"), OP_DONE);
    restarts("a");
    restarts("b");
    restarts("c");
    everyone_expects(PLAIN, "kept");
    everyone_expects(CART, "milk");
    end_of_scenario();
}

/* Seed 2613: the first coordinator had stored the set and stopped; another one carried it out again; with the first
 * one's return the value came back beside the tombstone. */
static void what_was_deleted_does_not_return_with_a_node_that_had_stopped(void **state)
{
    (void)state;
    ring_with(quiet(4, 4, 3, 3));
    const char *first = owner(PLAIN, 0), *second = owner(PLAIN, 1), *third = owner(PLAIN, 2);
    char others[4 * (RING_NAME_MAX + 1)];
    snprintf(others, sizeof others, "%s|%s|%s", second, third, owner(PLAIN, 3));
    struct client *client = &world->clients[1];
    assert_true(client_connect(client, machine_called(second)->index, 0));
    struct op *op = history_add(&world->history);
    size_t number = world->history.count - 1;
    op->kind = OP_SET;
    op->key = key_called(PLAIN);
    op->value = bytes_of_text("zombie");
    client_send(client, &number, 1);
    const struct copy *copy = &world->oracle.copies[machine_called(first)->index][op->key];
    while (!copy->exists && world_step(world))
        continue;
    cut(first, others); /* it has stored the set, and nobody else has */
    passes_ms(3000);
    client_leave(client);
    assert_int_equal(op->outcome, OP_DONE); /* a second attempt of the set, by another coordinator [R10] */
    assert_int_equal(set_through(second, PLAIN, "value"), OP_DONE);
    assert_int_equal(delete_through(third, PLAIN), OP_DONE);
    heal();
    const struct op *read = ask_through(third, OP_GETS, PLAIN, NULL, 0);
    for (unsigned i = 0; i < read->seen_count; i++)
        assert_false(bytes_equal(read->seen[i].value, bytes_of_text("value")));
    end_of_scenario();
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(two_halves_with_w1_write_the_same_cart_and_one_read_shows_both),
        cmocka_unit_test(a_stale_replica_is_repaired_when_it_returns),
        cmocka_unit_test(a_forward_repeated_by_the_network_counts_once),
        cmocka_unit_test(flush_all_reaches_a_node_that_was_cut_off_before_it_serves),
        cmocka_unit_test(a_flush_all_outlives_restarts),
        cmocka_unit_test(a_node_that_has_an_old_table_gets_the_new_one_and_serves_on),
        cmocka_unit_test(a_paused_coordinator_is_passed_over),
        cmocka_unit_test(concurrent_incr_from_many_clients_is_exact),
        cmocka_unit_test(three_nodes_found_one_ring_in_any_order),
        cmocka_unit_test(a_ring_that_lacks_a_seed_does_not_open),
        cmocka_unit_test(cas_tokens_are_equal_on_every_node),
        cmocka_unit_test(an_old_token_of_another_node_makes_a_sibling_in_a_cart),
        cmocka_unit_test(two_halves_write_and_the_later_wins_where_the_bucket_says_so),
        cmocka_unit_test(a_minority_refuses_and_says_so),
        cmocka_unit_test(a_ring_survives_the_clean_restart_of_every_node),
        cmocka_unit_test(what_was_deleted_does_not_return_with_a_node_that_had_stopped),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
