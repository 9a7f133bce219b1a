/* However the network cuts a stream, the parsers say the same. */
#include "parsed.h"

#include "fuzz/parse_stream.h"

static const char *const text_streams[] = {
    "get key\r\n",
    "get a b c d\r\nset k 1 2 3\r\nabc\r\nget k\r\n",
    "set k 0 0 0\r\n\r\nadd k 0 0 5 noreply\r\n\r\n\r\n\r\r\nversion\r\n",
    "cas k 0 0 2 123\r\nhi\r\nincr n 5\r\ndecr n 5 noreply\r\ntouch k 10\r\ndelete k noreply\r\n",
    "gets a\r\ngat 10 a b\r\ngats x\r\nflush_all\r\nstats settings\r\nverbosity 1\r\nquit\r\n",
    "mg k s v t Oabc\r\nms k 2 T5 c\r\nhi\r\nmd k q\r\nma n N0 J5 v\r\nme k\r\nmn\r\n",
    "ms 44OG44K544OI 2 b Wrong\r\nhi\r\nmg 44OG44K544OI b k\r\n",
    "ERR\r\n\r\n\nset k 0 0 x\r\nget\r\nGET / HTTP/1.1\r\nHost: x\r\n",
    "   get k\n lru_crawler sleep 5\nwatch\nshutdown\nconfig get cluster\r\n",
};

/* Every proper prefix of one command asks for more; the whole does not. */
static bool asks_for_more_until_whole(any_parser *parse, struct bytes command)
{
    struct parsed parsed = {0};
    bool good = true;
    for (size_t len = 0; len <= command.len; len++) {
        parse_bytes(&parsed, parse, bytes_of(command.at, len));
        good = good && (parsed.status == PARSE_MORE) == (len < command.len);
    }
    parsed_free(&parsed);
    return good;
}

static void every_prefix_of_a_text_command_asks_for_more(void **state)
{
    (void)state;
    struct parsed parsed = {0};
    for (size_t i = 0; i < sizeof text_streams / sizeof *text_streams; i++) {
        struct bytes in = bytes_of_text(text_streams[i]);
        while (in.len > 0) {
            const uint8_t *newline = memchr(in.at, '\n', in.len);
            size_t line_len = (size_t)(newline + 1 - in.at);
            assert_true(asks_for_more_until_whole(text_parse, bytes_of(in.at, line_len)));
            parse_bytes(&parsed, text_parse, in);
            size_t used = parsed.status == PARSE_OK ? parsed.used : line_len;
            size_t value = parsed.status == PARSE_OK && parsed.command.has_value ? parsed.command.value_len + 2 : 0;
            assert_int_equal(used, line_len);
            in = bytes_after(in, used + value);
        }
    }
    parsed_free(&parsed);
}

static size_t put_packet(uint8_t *at, uint8_t opcode, size_t extras_len, size_t key_len, size_t value_len)
{
    memset(at, 0, BINARY_HEADER);
    at[0] = 0x80;
    at[1] = opcode;
    at[3] = (uint8_t)key_len;
    at[4] = (uint8_t)extras_len;
    at[11] = (uint8_t)(extras_len + key_len + value_len);
    memset(at + BINARY_HEADER, 'x', extras_len + key_len + value_len);
    return BINARY_HEADER + extras_len + key_len + value_len;
}

static void every_prefix_of_a_packet_asks_for_more(void **state)
{
    (void)state;
    static const uint8_t shapes[][3] = {{0x00, 0, 7},   {0x01, 8, 7},  {0x05, 20, 1}, {0x0a, 0, 0},
                                        {0x1c, 4, 100}, {0x99, 30, 9}, {0xe0, 0, 5},  {0x00, 9, 0}};
    uint8_t packet[256];
    for (size_t i = 0; i < sizeof shapes / sizeof *shapes; i++) {
        size_t len = put_packet(packet, shapes[i][0], shapes[i][1], shapes[i][2], 0);
        assert_true(asks_for_more_until_whole(binary_parse, bytes_of(packet, len)));
    }
}

static void known_streams_say_the_same_however_cut(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof text_streams / sizeof *text_streams; i++) {
        struct bytes in = bytes_of_text(text_streams[i]);
        for (uint64_t seed = 0; seed < 20; seed++)
            assert_true(stream_any_split(text_parse, in, seed));
        assert_true(stream_run(text_parse, in, NULL, 0).commands > 0);
    }
}

/* Words that make commands, good and bad, more often than chance would. */
static size_t generate_text(struct prng *prng, uint8_t *at, size_t room)
{
    static const char *const words[] = {
        "get ",
        "set ",
        "add ",
        "cas ",
        "incr ",
        "mg ",
        "ms ",
        "md ",
        "ma ",
        "k ",
        "key2 ",
        "0 ",
        "1 ",
        "2 ",
        "-1 ",
        "x ",
        "\r\n",
        "\r\n",
        "\r\n",
        "\n",
        "noreply",
        "ab\r\n",
        "Oabc ",
        "T5 ",
        "MA ",
        "b ",
        "s ",
        "v ",
        "AAAA ",
        "delete ",
        "touch ",
        "\0",
        "flush_all ",
        "gat ",
        "stats ",
        "quit",
        "POST / HTTP/1.1",
        "  ",
        "\r",
        "4294967295 ",
    };
    size_t len = 0;
    while (len + 40 < room) {
        const char *word = words[prng_below(prng, sizeof words / sizeof *words)];
        size_t word_len = *word == 0 ? 1 : strlen(word);
        memcpy(at + len, word, word_len);
        len += word_len;
    }
    return len;
}

static size_t generate_binary(struct prng *prng, uint8_t *at, size_t room)
{
    size_t len = 0;
    while (len + 200 < room) {
        static const uint8_t extras[] = {0, 0, 4, 8, 20};
        uint8_t opcode = (uint8_t)prng_below(prng, 0x28);
        size_t packet_len = put_packet(at + len, opcode, extras[prng_below(prng, sizeof extras)],
                                       (size_t)prng_below(prng, 40), (size_t)prng_below(prng, 40));
        if (prng_below(prng, 8) == 0)
            at[len + prng_below(prng, BINARY_HEADER)] = (uint8_t)prng_next(prng);
        len += packet_len;
    }
    return len;
}

static void generated_streams_say_the_same_however_cut(void **state)
{
    (void)state;
    uint64_t commands = 0;
    for (uint64_t seed = 1; seed <= 400; seed++) {
        struct prng prng;
        prng_init(&prng, seed);
        uint8_t in[600];
        bool binary = seed % 2 == 0;
        size_t len = binary ? generate_binary(&prng, in, sizeof in) : generate_text(&prng, in, sizeof in);
        stream_parser *parse = binary ? binary_parse : text_parse;
        if (!stream_any_split(parse, bytes_of(in, len), seed))
            fail_msg("seed %llu", (unsigned long long)seed);
        commands += stream_run(parse, bytes_of(in, len), NULL, 0).commands;
    }
    /* The generator must not just make streams that end at once. */
    assert_true(commands > 1000);
}

/* Negative controls: a parser that is content with a line that has only begun, and one that looks at how much came. */
static enum parse_status parse_hastily(struct bytes in, struct command *out, size_t *used)
{
    enum parse_status status = text_parse(in, out, used);
    if (status != PARSE_MORE || in.len < 8)
        return status;
    memset(out, 0, sizeof *out);
    out->kind = COMMAND_NOOP;
    *used = in.len;
    return PARSE_OK;
}

static enum parse_status parse_by_arrival(struct bytes in, struct command *out, size_t *used)
{
    enum parse_status status = text_parse(in, out, used);
    if (status == PARSE_OK)
        out->opaque = (uint32_t)in.len;
    return status;
}

static void the_checkers_notice_a_parser_that_minds_the_cuts(void **state)
{
    (void)state;
    struct bytes in = bytes_of_text(text_streams[1]);
    assert_false(asks_for_more_until_whole(parse_hastily, bytes_of_text("get some_key\r\n")));
    assert_false(stream_any_split(parse_hastily, in, 1));
    assert_false(stream_any_split(parse_by_arrival, in, 1));
    assert_true(stream_any_split(text_parse, in, 1));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_prefix_of_a_text_command_asks_for_more),
        cmocka_unit_test(every_prefix_of_a_packet_asks_for_more),
        cmocka_unit_test(known_streams_say_the_same_however_cut),
        cmocka_unit_test(generated_streams_say_the_same_however_cut),
        cmocka_unit_test(the_checkers_notice_a_parser_that_minds_the_cuts),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
