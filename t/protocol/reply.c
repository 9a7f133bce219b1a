/* Replies, byte by byte as memcached 1.6.18 was seen to write them. */
#include "parsed.h"

#include "base/blob.h"
#include "base/chain.h"
#include "protocol/reply.h"

#include <stdio.h>

struct fixture {
    struct pool chunks;
    struct chain out;
};

static int open_chain(void **state)
{
    struct fixture *fixture = calloc(1, sizeof *fixture);
    pool_init(&fixture->chunks, chain_chunk_size(), 4);
    chain_init(&fixture->out, &fixture->chunks);
    *state = fixture;
    return 0;
}

static int close_chain(void **state)
{
    struct fixture *fixture = *state;
    chain_close(&fixture->out);
    pool_close(&fixture->chunks);
    free(fixture);
    return 0;
}

/* The chain holds exactly this, and is empty afterwards. */
static void assert_sent(struct chain *out, struct bytes want)
{
    assert_int_equal(out->len, want.len);
    struct bytes slices[16];
    size_t count = chain_slices(out, slices, 16), done = 0;
    for (size_t i = 0; i < count; i++) {
        assert_memory_equal(slices[i].at, want.at + done, slices[i].len);
        done += slices[i].len;
    }
    assert_int_equal(done, want.len);
    chain_consume(out, done);
}

#define ASSERT_SENT(out, literal) assert_sent(out, bytes_of(literal, sizeof literal - 1))

static struct blob *blob_of(size_t len)
{
    struct blob *blob = blob_new(len);
    for (size_t i = 0; i < len; i++)
        blob->at[i] = (uint8_t)(i * 7);
    return blob;
}

static void lines_and_numbers_end_in_crlf(void **state)
{
    struct chain *out = &((struct fixture *)*state)->out;
    reply_line(out, "STORED");
    ASSERT_SENT(out, "STORED\r\n");
    reply_number(out, 0);
    reply_number(out, UINT64_MAX);
    ASSERT_SENT(out, "0\r\n18446744073709551615\r\n");
}

static void a_value_has_its_token_only_for_gets(void **state)
{
    struct chain *out = &((struct fixture *)*state)->out;
    struct blob *holder = blob_new(2);
    memcpy(holder->at, "hi", 2);
    reply_value(out, bytes_of_text("key"), 5, holder, blob_bytes(holder), false, 77);
    ASSERT_SENT(out, "VALUE key 5 2\r\nhi\r\n");
    reply_value(out, bytes_of_text("key"), UINT32_MAX, holder, blob_bytes(holder), true, UINT64_MAX);
    ASSERT_SENT(out, "VALUE key 4294967295 2 18446744073709551615\r\nhi\r\n");
    reply_value(out, bytes_of_text("k"), 0, holder, bytes_of(NULL, 0), false, 0);
    ASSERT_SENT(out, "VALUE k 0 0\r\n\r\n");
    blob_release(holder);
}

/* Short values are copied, long ones referred to: what is sent must not depend on it. */
static void values_of_all_sizes_are_whole(void **state)
{
    struct chain *out = &((struct fixture *)*state)->out;
    static const size_t sizes[] = {1, 1023, 1024, 1025, 2047, 2048, 5000, 100000};
    char key[KEY_MAX + 1];
    long_key(key, KEY_MAX);
    for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++) {
        struct blob *holder = blob_of(sizes[i]);
        char head[KEY_MAX + 40];
        int head_len = snprintf(head, sizeof head, "VALUE %s 9 %zu\r\n", key, sizes[i]);
        size_t len = (size_t)head_len + sizes[i] + 2;
        uint8_t *want = malloc(len);
        memcpy(want, head, (size_t)head_len);
        memcpy(want + head_len, holder->at, sizes[i]);
        memcpy(want + len - 2, "\r\n", 2);
        reply_value(out, bytes_of_text(key), 9, holder, blob_bytes(holder), false, 0);
        blob_release(holder); /* the chain keeps what it needs */
        assert_sent(out, bytes_of(want, len));
        free(want);
    }
}

static void binary_values_carry_flags_and_key(void **state)
{
    struct chain *out = &((struct fixture *)*state)->out;
    struct command to = {.opcode = 0x0c, .opaque = 0xdeadbeef};
    struct blob *holder = blob_new(2);
    memcpy(holder->at, "hi", 2);
    reply_binary_value(out, &to, 5, bytes_of_text("k"), holder, blob_bytes(holder), 0x0102030405060708);
    ASSERT_SENT(out, "\x81\x0c\0\x01\x04\0\0\0\0\0\0\x07\xde\xad\xbe\xef\x01\x02\x03\x04\x05\x06\x07\x08"
                     "\0\0\0\x05khi");
    blob_release(holder);
    holder = blob_of(3000);
    uint8_t want[28 + 3000] = "\x81\x0c\0\0\x04\0\0\0\0\0\x0b\xbc\xde\xad\xbe\xef\0\0\0\0\0\0\0\x01\0\0\0\x02";
    memcpy(want + 28, holder->at, 3000);
    reply_binary_value(out, &to, 2, bytes_of(NULL, 0), holder, blob_bytes(holder), 1);
    blob_release(holder);
    assert_sent(out, bytes_of(want, sizeof want));
}

static void binary_responses_repeat_opcode_and_opaque(void **state)
{
    struct chain *out = &((struct fixture *)*state)->out;
    struct bytes none = {0};
    reply_binary(out, &(struct command){.opcode = 0x0a, .opaque = 0x77}, BINARY_OK, none, none, none, 0);
    ASSERT_SENT(out, "\x81\x0a\0\0\0\0\0\0\0\0\0\0\0\0\0\x77\0\0\0\0\0\0\0\0");
    reply_binary(out, &(struct command){.opcode = 0x10}, BINARY_OK, none, bytes_of_text("pid"), bytes_of_text("42"), 0);
    ASSERT_SENT(out, "\x81\x10\0\x03\0\0\0\0\0\0\0\x05\0\0\0\0\0\0\0\0\0\0\0\0pid42");
    reply_binary(out, &(struct command){.opcode = 0x1c}, BINARY_OK, bytes_of("\0\0\0\x05", 4), none, none, 9);
    ASSERT_SENT(out, "\x81\x1c\0\0\x04\0\0\0\0\0\0\x04\0\0\0\0\0\0\0\0\0\0\0\x09\0\0\0\x05");
    reply_binary(out, &(struct command){.opcode = 0x0c}, BINARY_NOT_FOUND, none, bytes_of_text("no"), none, 0);
    ASSERT_SENT(out, "\x81\x0c\0\x02\0\0\0\x01\0\0\0\x02\0\0\0\0\0\0\0\0\0\0\0\0no");
}

static void binary_errors_say_memcacheds_words(void **state)
{
    struct chain *out = &((struct fixture *)*state)->out;
    static const struct {
        uint16_t status;
        const char *text;
    } cases[] = {
        {BINARY_NOT_FOUND, "Not found"},      {BINARY_EXISTS, "Data exists for key."},
        {BINARY_TOO_LARGE, "Too large."},     {BINARY_INVALID, "Invalid arguments"},
        {BINARY_NOT_STORED, "Not stored."},   {BINARY_NON_NUMERIC, "Non-numeric server-side value for incr or decr"},
        {BINARY_AUTH_ERROR, "Auth failure."}, {BINARY_UNKNOWN, "Unknown command"},
        {BINARY_NO_MEMORY, "Out of memory"},
    };
    struct command to = {.opcode = 0x05, .opaque = 0x01020304};
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        uint8_t want[100] = "\x81\x05\0\0\0\0\0\0\0\0\0\0\x01\x02\x03\x04";
        size_t len = strlen(cases[i].text);
        want[7] = (uint8_t)cases[i].status;
        want[11] = (uint8_t)len;
        memcpy(want + BINARY_HEADER, cases[i].text, len);
        reply_binary_error(out, &to, cases[i].status);
        assert_sent(out, bytes_of(want, BINARY_HEADER + len));
    }
}

static void meta_flags_return_in_the_order_asked(void **state)
{
    struct chain *out = &((struct fixture *)*state)->out;
    static const struct {
        const char *line, *code, *reply;
    } cases[] = {
        {"mg k\r\n", "HD", "HD\r\n"},
        {"mg k v\r\n", "VA", "VA 2\r\n"},
        {"mg k s v f t k Oabc\r\n", "VA", "VA 2 s2 f7 t100 kk Oabc\r\n"},
        {"mg k k O1 f s\r\n", "HD", "HD kk O1 f7 s2\r\n"},
        {"mg k c l h q u T5 N6 R7\r\n", "HD", "HD c9 l3 h1\r\n"},
        {"mg k O\r\n", "HD", "HD O\r\n"},
        {"mg k svf\r\n", "HD", "HD s2\r\n"},
        {"mg k v n p1 s\r\n", "VA", "VA 2 n4 s2\r\n"},
        {"mg k k Oxyz s v n\r\n", "EN", "EN kk Oxyz\r\n"},
        {"ms k 2 k c s f v t O9\r\n", "HD", "HD kk c9 O9\r\n"},
        {"ms k 2 C5 k c Oq\r\n", "EX", "EX kk c0 Oq\r\n"},
        {"ms k 2 MR k c\r\n", "NS", "NS kk c0\r\n"},
        {"ms k 2 MA c k\r\n", "NF", "NF c0 kk\r\n"},
        {"ms k 2 ME c\r\n", "HD", "HD c9\r\n"},
        {"md k k O1 c s t\r\n", "HD", "HD kk O1\r\n"},
        {"md k C5 k O1\r\n", "EX", "EX kk O1\r\n"},
        {"md k q k\r\n", "NF", "NF kk\r\n"},
        {"ma k N0 J10 v t c k O1 s f\r\n", "VA", "VA 2 t100 c9 kk O1\r\n"},
        {"ma k k O2 t c\r\n", "NF", "NF kk O2\r\n"},
        {"ma k C5 k c\r\n", "EX", "EX kk\r\n"},
        {"ma k MI t\r\n", "HD", "HD t100\r\n"},
    };
    const struct meta_item item = {.key = bytes_of_text("k"),
                                   .flags = 7,
                                   .token = 9,
                                   .size = 2,
                                   .ttl_s = 100,
                                   .idle_s = 3,
                                   .fetched = true,
                                   .siblings = 4};
    struct parsed parsed = {0};
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        reply_meta(out, parse_text(&parsed, cases[i].line), cases[i].code, &item);
        assert_sent(out, bytes_of_text(cases[i].reply));
    }
    parsed_free(&parsed);
}

static void meta_marks_follow_as_z_x_w(void **state)
{
    struct chain *out = &((struct fixture *)*state)->out;
    struct parsed parsed = {0};
    struct command *command = parse_text(&parsed, "mg k s t\r\n");
    reply_meta(out, command, "HD", &(struct meta_item){.size = 2, .ttl_s = -1, .stale = true, .won = true});
    ASSERT_SENT(out, "HD s2 t-1 X W\r\n");
    reply_meta(out, command, "HD", &(struct meta_item){.size = 2, .ttl_s = 0, .stale = true, .win_sent = true});
    ASSERT_SENT(out, "HD s2 t0 Z X\r\n");
    command = parse_text(&parsed, "md k\r\n");
    reply_meta(out, command, "HD", &(struct meta_item){.stale = true, .won = true, .win_sent = true});
    ASSERT_SENT(out, "HD\r\n");
    parsed_free(&parsed);
}

static void a_base64_key_returns_as_sent_with_b_behind_it(void **state)
{
    struct chain *out = &((struct fixture *)*state)->out;
    struct parsed parsed = {0};
    struct command *command = parse_text(&parsed, "mg 44OG44K544OI b s k v\r\n");
    reply_meta(out, command, "VA", &(struct meta_item){.key = command->raw_key, .size = 2});
    ASSERT_SENT(out, "VA 2 s2 k44OG44K544OI b\r\n");
    command = parse_text(&parsed, "md 44OG44K544OI k b Ox\r\n");
    reply_meta(out, command, "NF", &(struct meta_item){.key = command->raw_key});
    ASSERT_SENT(out, "NF k44OG44K544OI b Ox\r\n");
    command = parse_text(&parsed, "mg 44OG44K544OI b s\r\n");
    reply_meta(out, command, "HD", &(struct meta_item){.key = command->raw_key, .size = 2});
    ASSERT_SENT(out, "HD s2\r\n");
    parsed_free(&parsed);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(lines_and_numbers_end_in_crlf, open_chain, close_chain),
        cmocka_unit_test_setup_teardown(a_value_has_its_token_only_for_gets, open_chain, close_chain),
        cmocka_unit_test_setup_teardown(values_of_all_sizes_are_whole, open_chain, close_chain),
        cmocka_unit_test_setup_teardown(binary_values_carry_flags_and_key, open_chain, close_chain),
        cmocka_unit_test_setup_teardown(binary_responses_repeat_opcode_and_opaque, open_chain, close_chain),
        cmocka_unit_test_setup_teardown(binary_errors_say_memcacheds_words, open_chain, close_chain),
        cmocka_unit_test_setup_teardown(meta_flags_return_in_the_order_asked, open_chain, close_chain),
        cmocka_unit_test_setup_teardown(meta_marks_follow_as_z_x_w, open_chain, close_chain),
        cmocka_unit_test_setup_teardown(a_base64_key_returns_as_sent_with_b_behind_it, open_chain, close_chain),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
