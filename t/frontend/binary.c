/* The binary protocol, opcode by opcode. Replies are those that memcached 1.6.18 gives to the same packets. */
#include "frontend/talk.h"

#include "base/wire.h"

enum {
    GET = 0x00,
    SET,
    ADD,
    REPLACE,
    DELETE,
    INCREMENT,
    DECREMENT,
    QUIT,
    FLUSH,
    GETQ,
    NOOP,
    VERSION,
    GETK,
    GETKQ,
    APPEND,
    PREPEND,
    SETQ = 0x11,
    ADDQ,
    REPLACEQ,
    DELETEQ,
    INCREMENTQ,
    DECREMENTQ,
    QUITQ,
    FLUSHQ,
    APPENDQ,
    PREPENDQ,
    TOUCH = 0x1c,
    GAT,
    GATQ,
    GATK = 0x23,
    GATKQ
};

struct packet {
    uint16_t status;
    uint32_t opaque;
    uint64_t token;
    char extras[80], key[80], value[80];
    size_t extras_len;
};

static const struct bytes none;

static void send(struct talk *talk, uint8_t opcode, struct bytes extras, const char *key, const char *value,
                 uint64_t token)
{
    uint8_t packet[BINARY_HEADER + 100] = {0};
    size_t key_len = strlen(key), value_len = strlen(value);
    uint8_t *at = wire_write_u8(wire_write_u8(packet, 0x80), opcode);
    at = wire_write_u8(wire_write_u16(at, (uint16_t)key_len), (uint8_t)extras.len);
    at = wire_write_u16(wire_write_u8(at, 0), 0);
    at = wire_write_u32(at, (uint32_t)(extras.len + key_len + value_len));
    at = wire_write_u32(at, 0xc0ffee00U + opcode);
    at = wire_write_u64(at, token);
    at = wire_write_bytes(at, extras);
    at = wire_write_bytes(at, text(key));
    at = wire_write_bytes(at, text(value));
    talk_feed(talk, bytes_of(packet, (size_t)(at - packet)));
}

static void copy_text(char *to, struct bytes from)
{
    assert_true(from.len < 80);
    (void)wire_write_bytes((uint8_t *)to, from);
}

static struct packet next(struct talk *talk)
{
    struct packet packet = {0};
    struct wire_reader reader = wire_reader_of(talk_heard(talk));
    assert_int_equal(wire_read_u8(&reader), 0x81);
    (void)wire_read_u8(&reader);
    uint16_t key_len = wire_read_u16(&reader);
    packet.extras_len = wire_read_u8(&reader);
    (void)wire_read_u8(&reader);
    packet.status = wire_read_u16(&reader);
    uint32_t body = wire_read_u32(&reader);
    packet.opaque = wire_read_u32(&reader);
    packet.token = wire_read_u64(&reader);
    copy_text(packet.extras, wire_read_bytes(&reader, packet.extras_len));
    copy_text(packet.key, wire_read_bytes(&reader, key_len));
    copy_text(packet.value, wire_read_bytes(&reader, body - packet.extras_len - key_len));
    assert_true(reader.ok);
    input_keep_last(&talk->heard, talk->heard.len - BINARY_HEADER - body);
    return packet;
}

/* A command and its one reply. */
static struct packet asks(struct talk *talk, uint8_t opcode, struct bytes extras, const char *key, const char *value,
                          uint64_t token)
{
    send(talk, opcode, extras, key, value, token);
    struct packet packet = next(talk);
    assert_int_equal(talk->heard.len, 0);
    assert_int_equal(packet.opaque, 0xc0ffee00U + opcode);
    return packet;
}

static void hears_nothing(struct talk *talk)
{
    assert_int_equal(talk->heard.len, 0);
}

static struct bytes zeros(size_t len)
{
    static const uint8_t bytes[20];
    return bytes_of(bytes, len);
}

static const uint8_t flags_9[8] = {0, 0, 0, 9};

TALK_TEST(set_and_the_gets)
{
    struct packet stored = asks(talk, SET, bytes_of(flags_9, 8), "k", "value", 0);
    assert_int_equal(stored.status, BINARY_OK);
    assert_true(stored.token != 0);
    struct packet got = asks(talk, GET, none, "k", "", 0);
    assert_int_equal(got.token, stored.token);
    assert_memory_equal(got.extras, flags_9, 4);
    assert_string_equal(got.value, "value");
    assert_string_equal(got.key, "");
    assert_string_equal(asks(talk, GETK, none, "k", "", 0).key, "k");
    assert_string_equal(asks(talk, GETKQ, none, "k", "", 0).value, "value");
    struct packet miss = asks(talk, GET, none, "none", "", 0);
    assert_int_equal(miss.status, BINARY_NOT_FOUND);
    assert_string_equal(miss.value, "Not found");
    miss = asks(talk, GETK, none, "none", "", 0);
    assert_int_equal(miss.status, BINARY_NOT_FOUND);
    assert_string_equal(miss.key, "none");
    assert_string_equal(miss.value, "");
    send(talk, GETQ, none, "none", "", 0);
    send(talk, GETKQ, none, "none", "", 0);
    hears_nothing(talk);
}

TALK_TEST(storage_statuses)
{
    assert_int_equal(asks(talk, REPLACE, zeros(8), "k", "v", 0).status, BINARY_NOT_FOUND);
    assert_int_equal(asks(talk, APPEND, none, "k", "v", 0).status, BINARY_NOT_STORED);
    assert_int_equal(asks(talk, PREPEND, none, "k", "v", 0).status, BINARY_NOT_STORED);
    assert_int_equal(asks(talk, ADD, zeros(8), "k", "b", 0).status, BINARY_OK);
    assert_int_equal(asks(talk, ADD, zeros(8), "k", "x", 0).status, BINARY_EXISTS);
    assert_int_equal(asks(talk, APPEND, none, "k", "c", 0).status, BINARY_OK);
    assert_int_equal(asks(talk, PREPEND, none, "k", "a", 0).status, BINARY_OK);
    assert_string_equal(asks(talk, GET, none, "k", "", 0).value, "abc");
    assert_int_equal(asks(talk, DELETE, none, "k", "", 0).status, BINARY_OK);
    assert_int_equal(asks(talk, DELETE, none, "k", "", 0).status, BINARY_NOT_FOUND);
}

TALK_TEST(a_token_makes_writes_conditional)
{
    uint64_t first = asks(talk, SET, zeros(8), "k", "1", 0).token;
    struct packet second = asks(talk, SET, zeros(8), "k", "2", first);
    assert_int_equal(second.status, BINARY_OK);
    assert_int_equal(asks(talk, SET, zeros(8), "k", "3", first).status, BINARY_EXISTS);
    assert_int_equal(asks(talk, REPLACE, zeros(8), "k", "3", first).status, BINARY_EXISTS);
    assert_int_equal(asks(talk, SET, zeros(8), "none", "3", first).status, BINARY_NOT_FOUND);
    assert_int_equal(asks(talk, APPEND, none, "k", "3", first).status, BINARY_EXISTS);
    assert_int_equal(asks(talk, DELETE, none, "k", "", first).status, BINARY_EXISTS);
    assert_int_equal(asks(talk, DELETE, none, "k", "", second.token).status, BINARY_OK);
}

static struct bytes number_extras(uint8_t *at, uint64_t delta, uint64_t initial, uint32_t exptime)
{
    (void)wire_write_u32(wire_write_u64(wire_write_u64(at, delta), initial), exptime);
    return bytes_of(at, 20);
}

static uint64_t number_in(const struct packet *packet)
{
    struct wire_reader reader = wire_reader_of(bytes_of(packet->value, 8));
    return wire_read_u64(&reader);
}

TALK_TEST(numbers_are_made_unless_the_exptime_forbids_it)
{
    uint8_t at[20];
    assert_int_equal(asks(talk, INCREMENT, number_extras(at, 5, 10, UINT32_MAX), "n", "", 0).status, BINARY_NOT_FOUND);
    struct packet made = asks(talk, INCREMENT, number_extras(at, 5, 10, 0), "n", "", 0);
    assert_int_equal(number_in(&made), 10);
    assert_true(made.token != 0);
    struct packet more = asks(talk, INCREMENT, number_extras(at, 5, 10, 0), "n", "", 0);
    assert_int_equal(number_in(&more), 15);
    struct packet less = asks(talk, DECREMENT, number_extras(at, 100, 0, 0), "n", "", 0);
    assert_int_equal(number_in(&less), 0);
    (void)asks(talk, SET, zeros(8), "n", "abc", 0);
    assert_int_equal(asks(talk, INCREMENT, number_extras(at, 1, 0, 0), "n", "", 0).status, BINARY_NON_NUMERIC);
    assert_int_equal(talk->frontend.counters.incr_hits, 1);
    assert_int_equal(talk->frontend.counters.incr_misses, 1);
}

TALK_TEST(quiet_writes_tell_only_errors)
{
    uint8_t at[20];
    send(talk, SETQ, zeros(8), "k", "b", 0);
    send(talk, APPENDQ, none, "k", "c", 0);
    send(talk, PREPENDQ, none, "k", "a", 0);
    send(talk, REPLACEQ, zeros(8), "k", "v", 0);
    send(talk, INCREMENTQ, number_extras(at, 1, 1, 0), "n", "", 0);
    send(talk, DECREMENTQ, number_extras(at, 1, 1, 0), "n", "", 0);
    send(talk, DELETEQ, none, "n", "", 0);
    hears_nothing(talk);
    assert_int_equal(asks(talk, ADDQ, zeros(8), "k", "x", 0).status, BINARY_EXISTS);
    assert_int_equal(asks(talk, DELETEQ, none, "n", "", 0).status, BINARY_NOT_FOUND);
    assert_int_equal(asks(talk, REPLACEQ, zeros(8), "n", "x", 0).status, BINARY_NOT_FOUND);
    send(talk, FLUSHQ, none, "", "", 0);
    hears_nothing(talk);
    assert_int_equal(asks(talk, GET, none, "k", "", 0).status, BINARY_NOT_FOUND);
}

TALK_TEST(touch_and_gat_tell_flags)
{
    static const uint8_t in_100_s[4] = {0, 0, 0, 100};
    assert_int_equal(asks(talk, TOUCH, bytes_of(in_100_s, 4), "k", "", 0).status, BINARY_NOT_FOUND);
    send(talk, GATQ, bytes_of(in_100_s, 4), "k", "", 0);
    send(talk, GATKQ, bytes_of(in_100_s, 4), "k", "", 0);
    hears_nothing(talk);
    uint64_t token = asks(talk, SET, bytes_of(flags_9, 8), "k", "v", 0).token;
    struct packet touched = asks(talk, TOUCH, bytes_of(in_100_s, 4), "k", "", 0);
    assert_int_equal(touched.status, BINARY_OK);
    assert_int_equal(touched.extras_len, 4);
    assert_memory_equal(touched.extras, flags_9, 4);
    assert_string_equal(touched.value, "");
    assert_int_equal(touched.token, token);
    struct packet got = asks(talk, GATK, bytes_of(in_100_s, 4), "k", "", 0);
    assert_string_equal(got.key, "k");
    assert_string_equal(got.value, "v");
    passes_s(talk, 101);
    assert_int_equal(asks(talk, GET, none, "k", "", 0).status, BINARY_NOT_FOUND);
}

TALK_TEST(version_noop_and_quit)
{
    assert_string_equal(asks(talk, VERSION, none, "", "", 0).value, "1.2.3");
    assert_int_equal(asks(talk, NOOP, none, "", "", 0).status, BINARY_OK);
    assert_int_equal(asks(talk, QUIT, none, "", "", 0).status, BINARY_OK);
    assert_int_equal(talk->verdict, SESSION_CLOSE);
}

TALK_TEST(quitq_closes_without_a_word)
{
    send(talk, QUITQ, none, "", "", 0);
    hears_nothing(talk);
    assert_int_equal(talk->verdict, SESSION_CLOSE);
}

TALK_TEST(an_unknown_opcode_leaves_the_session_in_step)
{
    send(talk, 0x3d, none, "key", "body", 0);
    struct packet packet = next(talk);
    assert_int_equal(packet.status, BINARY_UNKNOWN);
    assert_int_equal(asks(talk, NOOP, none, "", "", 0).status, BINARY_OK);
}

TALK_TEST(a_packet_of_the_wrong_shape_closes_the_session)
{
    assert_int_equal(asks(talk, GET, none, "k", "value", 0).status, BINARY_INVALID);
    assert_int_equal(talk->verdict, SESSION_CLOSE);
}

TALK_TEST_WITH(tokens_are_zero_when_cas_is_disabled, settings.cas_disabled = true)
{
    assert_int_equal(asks(talk, SET, zeros(8), "k", "v", 0).token, 0);
    assert_int_equal(asks(talk, GET, none, "k", "", 0).token, 0);
    assert_int_equal(asks(talk, SET, zeros(8), "k", "w", 5).status, BINARY_OK); /* as memcached -C */
}

TALK_TEST(a_full_store_says_out_of_memory)
{
    talk->store->full = true;
    struct packet packet = asks(talk, SETQ, zeros(8), "k", "v", 0);
    assert_int_equal(packet.status, BINARY_NO_MEMORY);
    assert_string_equal(packet.value, "Out of memory");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(set_and_the_gets),
        cmocka_unit_test(storage_statuses),
        cmocka_unit_test(a_token_makes_writes_conditional),
        cmocka_unit_test(numbers_are_made_unless_the_exptime_forbids_it),
        cmocka_unit_test(quiet_writes_tell_only_errors),
        cmocka_unit_test(touch_and_gat_tell_flags),
        cmocka_unit_test(version_noop_and_quit),
        cmocka_unit_test(quitq_closes_without_a_word),
        cmocka_unit_test(an_unknown_opcode_leaves_the_session_in_step),
        cmocka_unit_test(a_packet_of_the_wrong_shape_closes_the_session),
        cmocka_unit_test(tokens_are_zero_when_cas_is_disabled),
        cmocka_unit_test(a_full_store_says_out_of_memory),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
