/* Binary packets. Expectations of errors were observed on memcached 1.6.18, or are listed in docs/protocol.md as
 * differences. */
#include "parsed.h"

#include "base/wire.h"
#include "protocol/reply.h"

/* What a packet says of its lengths and what it has of them may differ. */
struct packet {
    uint8_t opcode;
    const char *key;
    uint8_t extras_len; /* bytes 1, 2, 3, ... */
    const char *value;  /* not part of what is parsed, but counted in the body */
    uint64_t token;
};

static size_t write_packet(uint8_t *at, const struct packet *packet)
{
    uint8_t *start = at;
    size_t key_len = packet->key == NULL ? 0 : strlen(packet->key);
    size_t value_len = packet->value == NULL ? 0 : strlen(packet->value);
    at = wire_write_u8(at, 0x80);
    at = wire_write_u8(at, packet->opcode);
    at = wire_write_u16(at, (uint16_t)key_len);
    at = wire_write_u8(at, packet->extras_len);
    at = wire_write_u8(at, 0);
    at = wire_write_u16(at, 0);
    at = wire_write_u32(at, (uint32_t)(packet->extras_len + key_len + value_len));
    at = wire_write_u32(at, 0xdeadbeef);
    at = wire_write_u64(at, packet->token);
    for (unsigned i = 1; i <= packet->extras_len; i++)
        *at++ = (uint8_t)i;
    at = wire_write_bytes(at, bytes_of(packet->key, key_len));
    at = wire_write_bytes(at, bytes_of(packet->value, value_len));
    return (size_t)(at - start);
}

static struct command *parse_packet(struct parsed *parsed, const struct packet *packet)
{
    uint8_t bytes[1024];
    size_t len = write_packet(bytes, packet);
    parse_bytes(parsed, binary_parse, bytes_of(bytes, len));
    assert_int_equal(parsed->status, PARSE_OK);
    assert_int_equal(parsed->used, len - (packet->value == NULL ? 0 : strlen(packet->value)));
    assert_int_equal(parsed->command.dialect, DIALECT_BINARY);
    assert_int_equal(parsed->command.opcode, packet->opcode);
    assert_true(parsed->command.opaque == 0xdeadbeef);
    return &parsed->command;
}

static void assert_packet_refused(const struct packet *packet, uint16_t status, bool close_after)
{
    struct parsed parsed = {0};
    struct command *command = parse_packet(&parsed, packet);
    if (command->kind != COMMAND_ERROR || command->binary_status != status || command->close_after != close_after
        || command->quiet)
        fail_msg("opcode 0x%02x: kind %d, status 0x%04x", packet->opcode, (int)command->kind, command->binary_status);
    parsed_free(&parsed);
}

static void every_opcode_has_its_command(void **state)
{
    (void)state;
    static const struct {
        uint8_t opcode, extras_len;
        const char *key, *value;
        enum command_kind kind;
        bool quiet, want_key;
    } cases[] = {
        {0x00, 0, "k", NULL, COMMAND_GET, false, false},
        {0x01, 8, "k", "vv", COMMAND_SET, false, false},
        {0x02, 8, "k", "vv", COMMAND_ADD, false, false},
        {0x03, 8, "k", "vv", COMMAND_REPLACE, false, false},
        {0x04, 0, "k", NULL, COMMAND_DELETE, false, false},
        {0x05, 20, "k", NULL, COMMAND_INCR, false, false},
        {0x06, 20, "k", NULL, COMMAND_DECR, false, false},
        {0x07, 0, NULL, NULL, COMMAND_QUIT, false, false},
        {0x08, 4, NULL, NULL, COMMAND_FLUSH_ALL, false, false},
        {0x08, 0, NULL, NULL, COMMAND_FLUSH_ALL, false, false},
        {0x09, 0, "k", NULL, COMMAND_GET, true, false},
        {0x0a, 0, NULL, NULL, COMMAND_NOOP, false, false},
        {0x0b, 0, NULL, NULL, COMMAND_VERSION, false, false},
        {0x0c, 0, "k", NULL, COMMAND_GET, false, true},
        {0x0d, 0, "k", NULL, COMMAND_GET, true, true},
        {0x0e, 0, "k", "vv", COMMAND_APPEND, false, false},
        {0x0f, 0, "k", "vv", COMMAND_PREPEND, false, false},
        {0x10, 0, "settings", NULL, COMMAND_STATS, false, false},
        {0x10, 0, NULL, NULL, COMMAND_STATS, false, false},
        {0x11, 8, "k", "vv", COMMAND_SET, true, false},
        {0x12, 8, "k", "vv", COMMAND_ADD, true, false},
        {0x13, 8, "k", "vv", COMMAND_REPLACE, true, false},
        {0x14, 0, "k", NULL, COMMAND_DELETE, true, false},
        {0x15, 20, "k", NULL, COMMAND_INCR, true, false},
        {0x16, 20, "k", NULL, COMMAND_DECR, true, false},
        {0x17, 0, NULL, NULL, COMMAND_QUIT, true, false},
        {0x18, 0, NULL, NULL, COMMAND_FLUSH_ALL, true, false},
        {0x19, 0, "k", "vv", COMMAND_APPEND, true, false},
        {0x1a, 0, "k", "vv", COMMAND_PREPEND, true, false},
        {0x1c, 4, "k", NULL, COMMAND_TOUCH, false, false},
        {0x1d, 4, "k", NULL, COMMAND_GAT, false, false},
        {0x1e, 4, "k", NULL, COMMAND_GAT, true, false},
        {0x20, 0, NULL, NULL, COMMAND_SASL_LIST, false, false},
        {0x21, 0, "PLAIN", "vv", COMMAND_SASL_AUTH, false, false},
        {0x22, 0, "PLAIN", "vv", COMMAND_SASL_STEP, false, false},
        {0x23, 4, "k", NULL, COMMAND_GAT, false, true},
        {0x24, 4, "k", NULL, COMMAND_GAT, true, true},
        {BINARY_OPCODE_SIBLINGS, 0, "k", NULL, COMMAND_SIBLINGS, false, false},
    };
    struct parsed parsed = {0};
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct packet packet = {cases[i].opcode, cases[i].key, cases[i].extras_len, cases[i].value, 0};
        struct command *command = parse_packet(&parsed, &packet);
        if (command->kind != cases[i].kind || command->quiet != cases[i].quiet
            || command->want_key != cases[i].want_key)
            fail_msg("opcode 0x%02x", cases[i].opcode);
        assert_bytes(command->key, cases[i].key == NULL ? "" : cases[i].key);
        assert_int_equal(command->has_value, cases[i].value != NULL);
        assert_int_equal(command->value_len, cases[i].value == NULL ? 0 : 2);
        assert_false(command->has_token);
    }
    parsed_free(&parsed);
}

static void extras_are_read_in_network_order(void **state)
{
    (void)state;
    struct parsed parsed = {0};
    struct command *command = parse_packet(&parsed, &(struct packet){0x01, "k", 8, "v", 0});
    assert_true(command->flags == 0x01020304 && command->exptime == 0x05060708);
    command = parse_packet(&parsed, &(struct packet){0x05, "k", 20, NULL, 0});
    assert_true(command->delta == 0x0102030405060708 && command->initial == 0x090a0b0c0d0e0f10);
    assert_true(command->exptime == 0x11121314 && command->create);
    command = parse_packet(&parsed, &(struct packet){0x1c, "k", 4, NULL, 0});
    assert_true(command->exptime == 0x01020304 && command->has_exptime);
    command = parse_packet(&parsed, &(struct packet){0x08, NULL, 4, NULL, 0});
    assert_true(command->exptime == 0x01020304 && command->has_exptime);
    command = parse_packet(&parsed, &(struct packet){0x08, NULL, 0, NULL, 0});
    assert_true(command->exptime == 0 && !command->has_exptime);
    parsed_free(&parsed);
}

static void an_exptime_of_all_ones_does_not_create_a_number(void **state)
{
    (void)state;
    uint8_t bytes[64];
    size_t len = write_packet(bytes, &(struct packet){0x06, "k", 20, NULL, 0});
    memset(bytes + BINARY_HEADER + 16, 0xff, 4);
    struct parsed parsed = {0};
    parse_bytes(&parsed, binary_parse, bytes_of(bytes, len));
    assert_int_equal(parsed.command.kind, COMMAND_DECR);
    assert_false(parsed.command.create);
    parsed_free(&parsed);
}

/* memcached turns all three into its cas command. */
static void a_cas_makes_set_add_and_replace_the_same(void **state)
{
    (void)state;
    struct parsed parsed = {0};
    static const uint8_t opcodes[] = {0x01, 0x02, 0x03, 0x11, 0x12, 0x13};
    for (size_t i = 0; i < sizeof opcodes; i++) {
        struct command *command = parse_packet(&parsed, &(struct packet){opcodes[i], "k", 8, "v", 77});
        assert_int_equal(command->kind, COMMAND_SET);
        assert_true(command->has_token && command->token == 77);
    }
    static const struct {
        uint8_t opcode, extras_len;
        bool has_token;
    } others[] = {{0x04, 0, true},  {0x05, 20, true}, {0x0e, 0, true},
                  {0x00, 0, false}, {0x1c, 4, false}, {0x1d, 4, false}};
    for (size_t i = 0; i < sizeof others / sizeof *others; i++) {
        struct packet packet = {others[i].opcode, "k", others[i].extras_len, NULL, 77};
        assert_int_equal(parse_packet(&parsed, &packet)->has_token, others[i].has_token);
    }
    parsed_free(&parsed);
}

static void unknown_opcodes_are_answered_and_their_body_swallowed(void **state)
{
    (void)state;
    struct parsed parsed = {0};
    for (unsigned opcode = 0; opcode <= 0xff; opcode++) {
        if (opcode <= 0x1a || (opcode >= 0x1c && opcode <= 0x1e) || (opcode >= 0x20 && opcode <= 0x24)
            || opcode == BINARY_OPCODE_SIBLINGS)
            continue;
        struct packet packet = {(uint8_t)opcode, "key", 5, "value!", 9};
        assert_packet_refused(&packet, BINARY_UNKNOWN, false);
        struct command *command = parse_packet(&parsed, &packet);
        assert_true(command->has_value && command->value_len == 6);
    }
    parsed_free(&parsed);
}

static void what_does_not_fit_the_opcode_is_invalid_and_closes(void **state)
{
    (void)state;
    static const struct packet packets[] = {
        {0x00, "k", 4, NULL, 0},
        {0x00, NULL, 0, NULL, 0},
        {0x00, "k", 0, "v", 0},
        {0x09, NULL, 0, NULL, 0},
        {0x01, "k", 0, "v", 0},
        {0x01, NULL, 8, "v", 0},
        {0x11, "k", 7, "v", 0},
        {0x04, NULL, 0, NULL, 0},
        {0x04, "k", 0, "v", 0},
        {0x04, "k", 4, NULL, 0},
        {0x05, "k", 8, NULL, 0},
        {0x05, NULL, 20, NULL, 0},
        {0x05, "k", 20, "v", 0},
        {0x07, "k", 0, NULL, 0},
        {0x08, NULL, 8, NULL, 0},
        {0x08, "k", 0, NULL, 0},
        {0x08, NULL, 4, "v", 0},
        {0x0a, NULL, 0, "x", 0},
        {0x0b, "k", 0, NULL, 0},
        {0x0e, "k", 8, "v", 0},
        {0x0e, NULL, 0, "v", 0},
        {0x10, "k", 1, NULL, 0},
        {0x10, "reset", 0, "v", 0},
        {0x1c, "k", 0, NULL, 0},
        {0x1c, NULL, 4, NULL, 0},
        {0x1d, "k", 4, "v", 0},
        {0x20, "k", 0, NULL, 0},
        {0x21, NULL, 0, "v", 0},
        {0x21, "PLAIN", 4, "v", 0},
        {0x24, NULL, 4, NULL, 0},
        {BINARY_OPCODE_SIBLINGS, NULL, 0, NULL, 0},
        {BINARY_OPCODE_SIBLINGS, "k", 0, "v", 0},
    };
    for (size_t i = 0; i < sizeof packets / sizeof *packets; i++)
        assert_packet_refused(&packets[i], BINARY_INVALID, true);
}

static void a_key_of_251_bytes_is_invalid_and_closes(void **state)
{
    (void)state;
    char key[KEY_MAX + 2];
    long_key(key, KEY_MAX + 1);
    assert_packet_refused(&(struct packet){0x00, key, 0, NULL, 0}, BINARY_INVALID, true);
    assert_packet_refused(&(struct packet){0x11, key, 8, "v", 0}, BINARY_INVALID, true);
    assert_packet_refused(&(struct packet){0x99, key, 0, NULL, 0}, BINARY_INVALID, true);
    long_key(key, KEY_MAX);
    struct parsed parsed = {0};
    assert_int_equal(parse_packet(&parsed, &(struct packet){0x01, key, 8, "v", 0})->kind, COMMAND_SET);
    parsed_free(&parsed);
}

/* A header and what it says of itself: key, extras, body; then `more` bytes of anything. */
static void parse_header(struct parsed *parsed, uint8_t opcode, uint16_t key_len, uint8_t extras_len, uint32_t body_len,
                         size_t more)
{
    size_t len = BINARY_HEADER + more;
    uint8_t *bytes = calloc(1, len), *at = bytes;
    at = wire_write_u8(at, 0x80);
    at = wire_write_u8(at, opcode);
    at = wire_write_u16(at, key_len);
    at = wire_write_u8(at, extras_len);
    wire_write_u32(at + 3, body_len);
    parse_bytes(parsed, binary_parse, bytes_of(bytes, len));
    free(bytes);
}

static void lengths_that_lie_are_unknown_and_close(void **state)
{
    (void)state;
    static const struct {
        uint16_t key_len;
        uint8_t extras_len;
        uint32_t body_len;
    } lies[] = {{10, 0, 5}, {10, 8, 15}, {1, 0, 0}, {0, 1, 0}, {65535, 255, 65789}, {65535, 0, 0}, {251, 0, 250}};
    struct parsed parsed = {0};
    for (size_t i = 0; i < sizeof lies / sizeof *lies; i++) {
        size_t needed = (size_t)lies[i].key_len + lies[i].extras_len;
        parse_header(&parsed, 0x01, lies[i].key_len, lies[i].extras_len, lies[i].body_len, needed);
        assert_int_equal(parsed.status, PARSE_OK);
        assert_int_equal(parsed.command.kind, COMMAND_ERROR);
        assert_int_equal(parsed.command.binary_status, BINARY_UNKNOWN);
        assert_true(parsed.command.close_after && !parsed.command.has_value && parsed.command.value_len == 0);
        parse_header(&parsed, 0x01, lies[i].key_len, lies[i].extras_len, lies[i].body_len, needed - 1);
        assert_int_equal(parsed.status, PARSE_MORE);
    }
    parsed_free(&parsed);
}

static void a_body_of_4_gigabytes_does_not_wrap(void **state)
{
    (void)state;
    struct parsed parsed = {0};
    parse_header(&parsed, 0x01, 1, 8, UINT32_MAX, 9);
    assert_int_equal(parsed.command.kind, COMMAND_SET);
    assert_true(parsed.command.value_len == (uint64_t)UINT32_MAX - 9);
    parse_header(&parsed, 0xfe, 1, 8, UINT32_MAX, 9);
    assert_int_equal(parsed.command.kind, COMMAND_ERROR);
    assert_true(parsed.command.value_len == (uint64_t)UINT32_MAX - 9 && parsed.command.has_value);
    parsed_free(&parsed);
}

static void a_wrong_magic_closes_once_the_header_is_there(void **state)
{
    (void)state;
    uint8_t header[BINARY_HEADER] = {0x81};
    struct parsed parsed = {0};
    parse_bytes(&parsed, binary_parse, bytes_of(header, BINARY_HEADER - 1));
    assert_int_equal(parsed.status, PARSE_MORE);
    parse_bytes(&parsed, binary_parse, bytes_of(header, BINARY_HEADER));
    assert_int_equal(parsed.status, PARSE_CLOSE);
    parsed_free(&parsed);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_opcode_has_its_command),
        cmocka_unit_test(extras_are_read_in_network_order),
        cmocka_unit_test(an_exptime_of_all_ones_does_not_create_a_number),
        cmocka_unit_test(a_cas_makes_set_add_and_replace_the_same),
        cmocka_unit_test(unknown_opcodes_are_answered_and_their_body_swallowed),
        cmocka_unit_test(what_does_not_fit_the_opcode_is_invalid_and_closes),
        cmocka_unit_test(a_key_of_251_bytes_is_invalid_and_closes),
        cmocka_unit_test(lengths_that_lie_are_unknown_and_close),
        cmocka_unit_test(a_body_of_4_gigabytes_does_not_wrap),
        cmocka_unit_test(a_wrong_magic_closes_once_the_header_is_there),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
