/* Single-decree Paxos as such: acceptors and proposers over a network that loses, repeats and reorders. */
#include "membership/agreement.h"

#include "base/prng.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>

#include <cmocka.h>

enum { ACCEPTORS = 5, PROPOSERS = 3, QUEUE_MAX = 400, VALUE_BYTES = 2 };

struct flight {
    bool to_acceptor;
    unsigned proposer, acceptor;
    uint8_t type;
    struct message_agreement m;
    uint8_t value[VALUE_BYTES];
};

/* A value is its proposer's number and whether it needs all votes. */
struct council {
    struct prng prng;
    unsigned count; /* of acceptors */
    uint32_t ids[ACCEPTORS];
    struct acceptor acceptors[ACCEPTORS];
    struct proposer proposers[PROPOSERS];
    uint8_t own[PROPOSERS][VALUE_BYTES];
    struct flight queue[QUEUE_MAX];
    unsigned queued;
    bool quorum_of_one, forgets; /* the controls */
    uint8_t decided[VALUE_BYTES];
    bool is_decided, is_split; /* two values: must never happen */
};

static struct quorum quorum_of(const struct council *council, const uint8_t *value)
{
    uint32_t needed = council->quorum_of_one ? 1 : value != NULL && value[1] ? council->count : council->count / 2 + 1;
    return (struct quorum){.voters = council->ids, .voter_count = council->count, .needed = needed};
}

static void send(struct council *council, const struct flight *flight)
{
    unsigned copies = (unsigned)prng_below(&council->prng, 10) < 7 ? 1 : (unsigned)prng_below(&council->prng, 3);
    for (unsigned i = 0; i < copies && council->queued < QUEUE_MAX; i++) {
        struct flight *at = &council->queue[council->queued++];
        *at = *flight;
        if (flight->m.value.len != 0)
            memcpy(at->value, flight->m.value.at, VALUE_BYTES);
    }
}

static void ask(struct council *council, unsigned p, uint8_t type)
{
    struct proposer *proposer = &council->proposers[p];
    struct flight flight = {.to_acceptor = true, .proposer = p, .type = type};
    flight.m.decree = 1;
    flight.m.ballot = proposer->ballot;
    if (type == MESSAGE_ACCEPT)
        flight.m.value = bytes_of(proposer->value, proposer->value_len);
    for (unsigned i = 0; i < council->count; i++) {
        flight.acceptor = i;
        send(council, &flight);
    }
}

static void vote(struct council *council, struct flight *flight)
{
    struct acceptor *acceptor = &council->acceptors[flight->acceptor];
    struct flight answer = {
        .proposer = flight->proposer, .acceptor = flight->acceptor, .type = (uint8_t)(flight->type + 1)};
    bool good = flight->type == MESSAGE_PREPARE
                    ? acceptor_promise(acceptor, flight->m.ballot)
                    : acceptor_accept(acceptor, flight->m.ballot, bytes_of(flight->value, VALUE_BYTES));
    answer.m = (struct message_agreement){.decree = 1,
                                          .ballot = flight->m.ballot,
                                          .refusal = good ? VOTE_GIVEN : VOTE_LOWER_BALLOT,
                                          .promised = acceptor->promised};
    if (good && flight->type == MESSAGE_PREPARE) {
        answer.m.accepted = acceptor->accepted;
        answer.m.value = acceptor_value(acceptor);
    }
    send(council, &answer);
    if (council->forgets && prng_below(&council->prng, 10) == 0)
        acceptor_free_value(acceptor);
}

/* What a caller of the module does with the promises: exactly the rule that decide.c follows. */
static void choose(struct council *council, unsigned p)
{
    struct proposer *proposer = &council->proposers[p];
    struct bytes best = proposer_best(proposer);
    struct quorum majority = quorum_of(council, NULL);
    if (!proposer_has_promises(proposer, &majority))
        return;
    const uint8_t *value = council->own[p];
    uint8_t kept[VALUE_BYTES];
    if (best.len != 0) {
        struct quorum quorum = quorum_of(council, best.at);
        memcpy(kept, best.at, VALUE_BYTES);
        if (!proposer_disproves_best(proposer, &quorum))
            value = kept;
    }
    struct quorum quorum = quorum_of(council, value);
    proposer_offer(proposer, bytes_of(value, VALUE_BYTES), &quorum);
    ask(council, p, MESSAGE_ACCEPT);
}

static void hear(struct council *council, struct flight *flight)
{
    struct proposer *proposer = &council->proposers[flight->proposer];
    uint32_t from = council->ids[flight->acceptor];
    if (flight->m.value.len != 0)
        flight->m.value = bytes_of(flight->value, VALUE_BYTES);
    if (flight->type == MESSAGE_PROMISE && proposer_on_promise(proposer, from, &flight->m)
        && proposer->stage == PROPOSER_PREPARING)
        choose(council, flight->proposer);
    else if (flight->type == MESSAGE_ACCEPTED)
        proposer_on_accepted(proposer, from, &flight->m);
    if (proposer->stage != PROPOSER_DECIDED)
        return;
    if (council->is_decided && memcmp(council->decided, proposer->value, VALUE_BYTES) != 0)
        council->is_split = true;
    council->is_decided = true;
    memcpy(council->decided, proposer->value, VALUE_BYTES);
}

static void begin(struct council *council, unsigned p)
{
    struct proposer *proposer = &council->proposers[p];
    if (proposer->stage == PROPOSER_DECIDED)
        return;
    if (prng_below(&council->prng, 4) == 0) { /* it has crashed: a new one with rounds above the old ones */
        uint64_t round = proposer->round_max;
        proposer_start(proposer, 1, p + 1, council->ids, council->count, round);
    }
    proposer_begin(proposer);
    ask(council, p, MESSAGE_PREPARE);
}

static void run(struct council *council, uint64_t seed, bool quorum_of_one, bool forgets)
{
    *council = (struct council){.quorum_of_one = quorum_of_one, .forgets = forgets};
    prng_init(&council->prng, seed);
    council->count = 1 + (unsigned)prng_below(&council->prng, ACCEPTORS);
    for (unsigned i = 0; i < council->count; i++)
        council->ids[i] = 10 + i;
    for (unsigned p = 0; p < PROPOSERS; p++) {
        council->own[p][0] = (uint8_t)(p + 1);
        council->own[p][1] = (uint8_t)prng_below(&council->prng, 2);
        proposer_start(&council->proposers[p], 1, p + 1, council->ids, council->count, 0);
    }
    for (unsigned i = 0; i < 400; i++) {
        if (council->queued == 0 || prng_below(&council->prng, 25) == 0) {
            begin(council, (unsigned)prng_below(&council->prng, PROPOSERS));
            continue;
        }
        unsigned pick = (unsigned)prng_below(&council->prng, council->queued);
        struct flight flight = council->queue[pick];
        council->queue[pick] = council->queue[--council->queued];
        if (flight.to_acceptor)
            vote(council, &flight);
        else
            hear(council, &flight);
    }
}

static void close_council(struct council *council)
{
    for (unsigned i = 0; i < ACCEPTORS; i++)
        acceptor_free_value(&council->acceptors[i]);
    for (unsigned p = 0; p < PROPOSERS; p++)
        proposer_close(&council->proposers[p]);
}

static unsigned splits(uint64_t seeds, bool quorum_of_one, bool forgets, unsigned *decided)
{
    struct council *council = malloc(sizeof *council);
    assert_non_null(council);
    unsigned count = 0;
    *decided = 0;
    for (uint64_t seed = 1; seed <= seeds; seed++) {
        run(council, seed, quorum_of_one, forgets);
        if (council->is_split && !quorum_of_one && !forgets)
            print_message("seed %llu\n", (unsigned long long)seed);
        count += council->is_split;
        *decided += council->is_decided;
        close_council(council);
    }
    free(council);
    return count;
}

static void one_value_is_chosen_whatever_the_network_does(void **state)
{
    (void)state;
    unsigned decided;
    assert_int_equal(splits(20000, false, false, &decided), 0);
    assert_true(decided > 10000);
}

static void control_acceptors_that_forget_are_caught(void **state)
{
    (void)state;
    unsigned decided;
    assert_true(splits(200, false, true, &decided) > 0);
}

static void control_a_quorum_of_one_is_caught(void **state)
{
    (void)state;
    unsigned decided;
    assert_true(splits(200, true, false, &decided) > 0);
}

static void promise_never_goes_down(void **state)
{
    (void)state;
    struct acceptor acceptor = {0};
    assert_true(acceptor_promise(&acceptor, (struct ballot){.round = 5, .node = 7}));
    assert_false(acceptor_promise(&acceptor, (struct ballot){.round = 5, .node = 6}));
    assert_false(acceptor_accept(&acceptor, (struct ballot){.round = 4, .node = 9}, bytes_of_text("v")));
    assert_true(acceptor_accept(&acceptor, (struct ballot){.round = 5, .node = 7}, bytes_of_text("v")));
    acceptor_move(&acceptor, 2);
    assert_false(acceptor_is_bound(&acceptor));
    assert_false(acceptor_promise(&acceptor, (struct ballot){.round = 5, .node = 6}));
    acceptor_free_value(&acceptor);
}

/* The fate of a value that needs all of three: accepted by two, refused for ever by the third. */
static void value_that_needs_all_is_passed_over_when_one_denies_it(void **state)
{
    (void)state;
    const uint32_t ids[] = {1, 2, 3};
    const struct quorum all = {.voters = ids, .voter_count = 3, .needed = 3},
                        majority = {.voters = ids, .voter_count = 3, .needed = 2};
    struct proposer proposer = {0};
    proposer_start(&proposer, 1, 9, ids, 3, 0);
    proposer_begin(&proposer);
    struct message_agreement told = {
        .decree = 1, .ballot = proposer.ballot, .accepted = {.round = 1, .node = 1}, .value = bytes_of_text("join")};
    assert_true(proposer_on_promise(&proposer, 1, &told));
    assert_true(proposer_on_promise(&proposer, 2, &told));
    assert_true(proposer_has_promises(&proposer, &majority) && !proposer_has_promises(&proposer, &all));
    assert_false(proposer_disproves_best(&proposer, &all));
    struct message_agreement nothing = {.decree = 1, .ballot = proposer.ballot};
    assert_true(proposer_on_promise(&proposer, 3, &nothing));
    assert_true(proposer_disproves_best(&proposer, &all));
    assert_false(proposer_disproves_best(&proposer, &majority));
    proposer_close(&proposer);
}

static void strangers_and_old_ballots_do_not_count(void **state)
{
    (void)state;
    const uint32_t ids[] = {1, 2, 3};
    const struct quorum one = {.voters = ids, .voter_count = 3, .needed = 1};
    struct proposer proposer = {0};
    proposer_start(&proposer, 4, 9, ids, 3, 17);
    proposer_begin(&proposer);
    assert_int_equal(proposer.ballot.round, 18);
    struct message_agreement m = {.decree = 4, .ballot = {.round = 17, .node = 9}};
    assert_false(proposer_on_promise(&proposer, 1, &m));
    m.ballot = proposer.ballot;
    assert_false(proposer_on_promise(&proposer, 8, &m));
    m.decree = 3;
    assert_false(proposer_on_promise(&proposer, 1, &m));
    assert_false(proposer_has_promises(&proposer, &one));
    m.decree = 4;
    assert_true(proposer_on_promise(&proposer, 1, &m));
    assert_false(proposer_on_promise(&proposer, 1, &m));
    assert_true(proposer_has_promises(&proposer, &one));
    proposer_close(&proposer);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(one_value_is_chosen_whatever_the_network_does),
        cmocka_unit_test(control_acceptors_that_forget_are_caught),
        cmocka_unit_test(control_a_quorum_of_one_is_caught),
        cmocka_unit_test(promise_never_goes_down),
        cmocka_unit_test(value_that_needs_all_is_passed_over_when_one_denies_it),
        cmocka_unit_test(strangers_and_old_ballots_do_not_count),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
