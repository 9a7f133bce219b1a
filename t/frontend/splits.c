/* However the network cuts the bytes, the replies are the same. */
#include "frontend/talk.h"

#include "base/prng.h"

enum { VALUE_LEN = 40000 };

static const char text_commands[] =
    "set k 5 0 3\r\nabc\r\nget k none k\r\ngets none\r\nset n 0 0 2 noreply\r\n10\r\nincr n 5\r\ndecr n 100\r\n"
    "add k 0 0 1\r\nx\r\nset k 0 0 2\r\nabc\r\nbogus\r\n\r\nset far 0 0 x\r\nversion\r\nms m 2 T30 c0 q\r\nhi\r\n"
    "ms m 2 T30 k O1\r\nhi\r\nmg m v t k O7\r\nmn\r\nma n N0 v\r\nmd m q\r\nme none\r\nstats detail x\r\ntouch k 0\r\n"
    "set huge 0 0 2000000 noreply\r\n";

/* A value that is refused, one that is read to where it belongs, and what comes behind them. */
static struct input text_stream(void)
{
    struct input stream = {0};
    uint8_t *filler = malloc(2000002);
    assert_non_null(filler);
    memset(filler, 'f', 2000000);
    memcpy(filler + 2000000, "\r\n", 2);
    input_append(&stream, text(text_commands));
    input_append(&stream, bytes_of(filler, 2000002));
    input_append(&stream, text("set large 0 0 40000\r\n"));
    input_append(&stream, bytes_of(filler + 2000000 - VALUE_LEN, VALUE_LEN + 2));
    input_append(&stream, text("append large 0 0 3\r\nxyz\r\nget large\r\nget huge\r\nquit\r\nget k\r\n"));
    free(filler);
    return stream;
}

static void add_packet(struct input *stream, uint8_t opcode, const char *extras, size_t extras_len, const char *key,
                       struct bytes value)
{
    uint8_t header[BINARY_HEADER] = {0x80, opcode, 0, (uint8_t)strlen(key), (uint8_t)extras_len};
    size_t body = extras_len + strlen(key) + value.len;
    for (unsigned i = 0; i < 4; i++)
        header[8 + i] = (uint8_t)(body >> (24 - 8 * i));
    header[15] = opcode;
    input_append(stream, bytes_of(header, sizeof header));
    input_append(stream, bytes_of(extras, extras_len));
    input_append(stream, text(key));
    input_append(stream, value);
}

static struct input binary_stream(void)
{
    static const char zeros[20];
    struct input stream = {0};
    uint8_t *filler = calloc(1, VALUE_LEN);
    assert_non_null(filler);
    add_packet(&stream, 0x11, zeros, 8, "k", text("value"));
    add_packet(&stream, 0x0d, zeros, 0, "k", text(""));
    add_packet(&stream, 0x0d, zeros, 0, "none", text(""));
    add_packet(&stream, 0x0a, zeros, 0, "", text(""));
    add_packet(&stream, 0x01, zeros, 8, "large", bytes_of(filler, VALUE_LEN));
    add_packet(&stream, 0x0e, zeros, 0, "large", text("xyz"));
    add_packet(&stream, 0x00, zeros, 0, "none", text(""));
    add_packet(&stream, 0x05, zeros, 20, "n", text(""));
    add_packet(&stream, 0x1f, zeros, 0, "odd", text("skipped"));
    add_packet(&stream, 0x10, zeros, 0, "detail x", text(""));
    add_packet(&stream, 0x04, zeros, 0, "k", text(""));
    add_packet(&stream, 0x07, zeros, 0, "", text(""));
    add_packet(&stream, 0x0a, zeros, 0, "", text(""));
    free(filler);
    return stream;
}

/* The replies to `stream` cut into pieces: of one byte, or of 1 .. piece_max random bytes. */
static struct input replies_to(const struct input *stream, size_t piece_max, uint64_t seed)
{
    struct talk *talk = calloc(1, sizeof *talk);
    assert_non_null(talk);
    struct prng prng;
    prng_init(&prng, seed);
    talk_start(talk);
    for (size_t at = 0; at < stream->len;) {
        size_t len = piece_max == 1 ? 1 : 1 + (size_t)prng_below(&prng, piece_max);
        len = len < stream->len - at ? len : stream->len - at;
        talk_feed(talk, bytes_of(stream->memory + stream->start + at, len));
        at += len;
    }
    assert_int_equal(talk->verdict, SESSION_CLOSE);
    struct input heard = talk->heard;
    talk->heard = (struct input){0};
    talk_end(talk);
    free(talk);
    return heard;
}

static void check_splits(struct input stream)
{
    struct input whole = replies_to(&stream, stream.len * 1000, 1);
    assert_true(whole.len > VALUE_LEN / 2 || whole.len > 200);
    for (uint64_t seed = 0; seed < 40; seed++) {
        size_t piece_max = seed == 0 ? 1 : seed % 3 == 0 ? 20000 : seed % 3 == 1 ? 7 : 300;
        struct input heard = replies_to(&stream, piece_max, seed);
        if (!bytes_equal(bytes_of(heard.memory + heard.start, heard.len),
                         bytes_of(whole.memory + whole.start, whole.len)))
            fail_msg("seed %llu: other replies, %zu bytes instead of %zu", (unsigned long long)seed, heard.len,
                     whole.len);
        input_close(&heard);
    }
    input_close(&whole);
    input_close(&stream);
}

static void any_split_of_text_gives_the_same_replies(void **state)
{
    (void)state;
    check_splits(text_stream());
}

static void any_split_of_binary_gives_the_same_replies(void **state)
{
    (void)state;
    check_splits(binary_stream());
}

TALK_TEST(a_get_line_that_comes_key_by_key_is_answered_whole)
{
    enum { KEYS = 40000 };
    says(talk, "set k 0 0 1\r\nx\r\n", "STORED\r\n");
    talk_feed(talk, text("get"));
    for (unsigned i = 0; i < KEYS; i++)
        talk_feed(talk, text(i % 4 == 0 ? " none" : " k"));
    talk_hears(talk, text(""));
    talk_feed(talk, text("\r\n"));
    size_t block = strlen("VALUE k 0 1\r\nx\r\n");
    assert_int_equal(talk->heard.len, KEYS / 4 * 3 * block + strlen("END\r\n"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(any_split_of_text_gives_the_same_replies),
        cmocka_unit_test(any_split_of_binary_gives_the_same_replies),
        cmocka_unit_test(a_get_line_that_comes_key_by_key_is_answered_whole),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
