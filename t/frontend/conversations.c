/* Random conversations: commands, damaged bytes, splits, late answers in any order, clients that do not read and
 * clients that go. Nothing may be touched after it was freed (sanitizers), stuck, or left behind. */
#include "frontend/talk.h"

#include "base/prng.h"

enum { CONVERSATIONS = 3000, STEPS = 200, IN_BYTES = 400 };

static const char *const commands[] = {
    "get k0 k1 k2 k0\r\n",
    "gets k0 many:a many:a\r\n",
    "set k0 0 0 3\r\nabc\r\n",
    "set k1 0 0 3000\r\n",
    "get k1\r\nget k2\r\n",
    "mg k0 v t c N30 q k Ox\r\n",
    "ms k2 4 T10 C5 I\r\nabcd\r\n",
    "md k1 I q\r\n",
    "ma n N0 v\r\n",
    "touch k1 10\r\n",
    "gat 5 k0 k1 k2\r\n",
    "stats\r\n",
    "set k0 0 0 3000000\r\nxx",
    "set k2 0 0 40000\r\n",
    "version\r\n",
    "bogus\r\n",
    "incr n 1\r\n",
    "delete k0 noreply\r\n",
    "flush_all\r\n",
    "append k0 0 0 1\r\nx\r\n",
    "mn\r\n",
    "me bWU= b\r\n",
};

struct conversation {
    struct talk talk;
    struct prng prng;
};

static size_t below(struct conversation *conversation, size_t bound)
{
    return (size_t)prng_below(&conversation->prng, bound);
}

static size_t write_commands(struct conversation *conversation, uint8_t *in)
{
    size_t len = 0;
    for (unsigned i = 0; i < 4; i++) {
        struct bytes command = text(commands[below(conversation, sizeof commands / sizeof *commands)]);
        memcpy(in + len, command.at, command.len);
        len += command.len;
    }
    if (below(conversation, 10) == 0)
        in[below(conversation, len)] ^= (uint8_t)(1 + below(conversation, 255));
    return len;
}

static void feed_piece(struct talk *talk, struct bytes piece)
{
    size_t room;
    uint8_t *at = session_value_room(&talk->session, &room);
    if (at != NULL) {
        size_t len = piece.len < room ? piece.len : room;
        memcpy(at, piece.at, len);
        talk->verdict = session_filled(&talk->session, talk->now, len);
        return;
    }
    uint8_t *copy = malloc(piece.len);
    assert_non_null(copy);
    memcpy(copy, piece.at, piece.len);
    talk->verdict = session_feed(&talk->session, talk->now, bytes_of(copy, piece.len));
    free(copy);
}

static void client_sends(struct conversation *conversation)
{
    uint8_t in[IN_BYTES];
    struct talk *talk = &conversation->talk;
    size_t len = write_commands(conversation, in);
    for (size_t at = 0; at < len && talk->verdict == SESSION_READ;) {
        size_t piece = 1 + below(conversation, len - at);
        feed_piece(talk, bytes_of(in + at, piece));
        at += piece;
    }
}

static void node_answers(struct conversation *conversation)
{
    struct talk *talk = &conversation->talk;
    if (talk->store->held_count == 0)
        return;
    fake_release(talk->store, (unsigned)below(conversation, talk->store->held_count));
    node_settle(&talk->node, talk->now);
}

static void session_goes_on(struct talk *talk)
{
    talk->ready = 0;
    talk->verdict = session_continue(&talk->session, talk->now);
}

static void step(struct conversation *conversation)
{
    struct talk *talk = &conversation->talk;
    switch (below(conversation, 8)) {
    case 0:
    case 1:
        talk->store->holds = !talk->store->holds;
        break;
    case 2:
    case 3:
        node_answers(conversation);
        if (talk->ready > 0)
            session_goes_on(talk);
        break;
    case 4:
        talk_drain(talk);
        input_close(&talk->heard);
        if (talk->verdict == SESSION_PAUSE || talk->verdict == SESSION_YIELD)
            session_goes_on(talk);
        break;
    default:
        if (talk->verdict == SESSION_READ)
            client_sends(conversation);
        break;
    }
}

static void converse(struct conversation *conversation)
{
    struct talk *talk = &conversation->talk;
    talk_prepare(talk);
    talk->settings.requests_per_event = 1 + (uint32_t)below(conversation, 5);
    talk->settings.reads_inflight_max = 1 + (uint32_t)below(conversation, 4);
    talk->settings.out_bytes_max = below(conversation, 3) == 0 ? 200 : TALK_OUT_BYTES_MAX;
    talk_begin(talk);
    talk->verdict = SESSION_READ;
    for (unsigned i = 0; i < STEPS && talk->verdict != SESSION_CLOSE; i++)
        step(conversation);
    talk->ready = 0;
    if (session_close(&talk->session))
        return;
    while (talk->ready == 0) {
        assert_true(talk->store->held_count > 0); /* else it waits for nothing */
        node_answers(conversation);
    }
}

static void any_conversation_leaves_nothing_behind(void **state)
{
    (void)state;
    struct conversation *conversation = calloc(1, sizeof *conversation);
    assert_non_null(conversation);
    for (uint64_t seed = 1; seed <= CONVERSATIONS; seed++) {
        prng_init(&conversation->prng, seed);
        print_message("\rseed %llu", (unsigned long long)seed);
        converse(conversation);
        talk_end(&conversation->talk);
    }
    print_message("\n");
    free(conversation);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(any_conversation_leaves_nothing_behind),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
