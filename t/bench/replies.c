/* The load generator notices every reply that is not the right one: a benchmark of wrong answers is worth nothing. */
#include "load_wire.h"

#include "base/wire.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

enum { KEY = 7 };

static const struct load_options options = {.key_prefix = "k", .value_size = 16, .keys = 100};
static const struct load_request get = {.key = KEY, .sequence = 3};
static const struct load_request set = {.key = KEY, .sequence = 4, .is_set = true};

static enum load_verdict judge(const struct load_wire *wire, const struct load_request *request, struct bytes in)
{
    size_t used = 0;
    enum load_verdict verdict = wire->read_reply(&options, request, in, &used);
    if (verdict != LOAD_MORE && verdict != LOAD_BROKEN)
        assert_int_equal(used, in.len);
    return verdict;
}

static enum load_verdict judge_text(const struct load_request *request, const char *in)
{
    return judge(&load_text, request, bytes_of_text(in));
}

/* A value begins with its key's number in hexadecimal, the lowest digit first. */
#define VALUE_OF_7 "7000000000000000"
#define VALUE_OF_8 "8000000000000000"

static void text_judges_each_reply(void **state)
{
    (void)state;
    assert_int_equal(judge_text(&get, "VALUE k7 0 16\r\n" VALUE_OF_7 "\r\nEND\r\n"), LOAD_HIT);
    assert_int_equal(judge_text(&get, "END\r\n"), LOAD_MISS);
    assert_int_equal(judge_text(&set, "STORED\r\n"), LOAD_STORED);
    assert_int_equal(judge_text(&set, "SERVER_ERROR out of memory storing object\r\n"), LOAD_REFUSED);
    assert_int_equal(judge_text(&get, "ERROR\r\n"), LOAD_REFUSED);
}

static void text_value_of_another_key_is_broken(void **state)
{
    (void)state;
    assert_int_equal(judge_text(&get, "VALUE k8 0 16\r\n" VALUE_OF_8 "\r\nEND\r\n"), LOAD_BROKEN);
    assert_int_equal(judge_text(&get, "VALUE k7 0 16\r\n" VALUE_OF_8 "\r\nEND\r\n"), LOAD_BROKEN);
    assert_int_equal(judge_text(&get, "VALUE k7 0 15\r\n" VALUE_OF_7 "\r\nEND\r\n"), LOAD_BROKEN);
    assert_int_equal(judge_text(&get, "VALUE k7 0 16\r\n" VALUE_OF_7 "\r\nFIN\r\n"), LOAD_BROKEN);
}

static void text_reply_to_another_command_is_broken(void **state)
{
    (void)state;
    assert_int_equal(judge_text(&get, "STORED\r\n"), LOAD_BROKEN);
    assert_int_equal(judge_text(&set, "END\r\n"), LOAD_BROKEN);
}

static void text_reply_is_awaited_at_every_split(void **state)
{
    (void)state;
    static const char whole[] = "VALUE k7 0 16\r\n" VALUE_OF_7 "\r\nEND\r\n";
    for (size_t len = 0; len < sizeof whole - 1; len++)
        assert_int_equal(judge(&load_text, &get, bytes_of(whole, len)), LOAD_MORE);
}

static size_t binary_reply(uint8_t *at, uint8_t opcode, uint16_t status, uint32_t opaque, const char *body)
{
    uint8_t *begin = at;
    size_t extras = opcode == 0 && status == 0 ? 4 : 0;
    at = wire_write_u8(at, 0x81);
    at = wire_write_u8(at, opcode);
    at = wire_write_u16(at, 0);
    at = wire_write_u8(at, (uint8_t)extras);
    at = wire_write_u8(at, 0);
    at = wire_write_u16(at, status);
    at = wire_write_u32(at, (uint32_t)(extras + strlen(body)));
    at = wire_write_u32(at, opaque);
    at = wire_write_u64(at, 99);
    memset(at, 0, extras);
    at += extras;
    at = wire_write_bytes(at, bytes_of_text(body));
    return (size_t)(at - begin);
}

static enum load_verdict judge_binary(const struct load_request *request, uint8_t opcode, uint16_t status,
                                      uint32_t opaque, const char *body)
{
    uint8_t reply[256];
    return judge(&load_binary, request, bytes_of(reply, binary_reply(reply, opcode, status, opaque, body)));
}

static void binary_judges_each_reply(void **state)
{
    (void)state;
    assert_int_equal(judge_binary(&get, 0, 0, 3, VALUE_OF_7), LOAD_HIT);
    assert_int_equal(judge_binary(&get, 0, 1, 3, "Not found"), LOAD_MISS);
    assert_int_equal(judge_binary(&set, 1, 0, 4, ""), LOAD_STORED);
    assert_int_equal(judge_binary(&set, 1, 0x82, 4, "Out of memory"), LOAD_REFUSED);
}

static void binary_reply_to_another_request_is_broken(void **state)
{
    (void)state;
    assert_int_equal(judge_binary(&get, 0, 0, 2, VALUE_OF_7), LOAD_BROKEN);
    assert_int_equal(judge_binary(&get, 1, 0, 3, ""), LOAD_BROKEN);
    assert_int_equal(judge_binary(&get, 0, 0, 3, VALUE_OF_8), LOAD_BROKEN);
    assert_int_equal(judge_binary(&get, 0, 0, 3, "short"), LOAD_BROKEN);
}

static void binary_reply_is_awaited_at_every_split(void **state)
{
    (void)state;
    uint8_t reply[256];
    size_t whole = binary_reply(reply, 0, 0, 3, VALUE_OF_7);
    for (size_t len = 0; len < whole; len++)
        assert_int_equal(judge(&load_binary, &get, bytes_of(reply, len)), LOAD_MORE);
}

static void requests_fit_the_room_that_is_promised(void **state)
{
    (void)state;
    char prefix[LOAD_KEY_MAX - 20 + 1];
    memset(prefix, 'p', sizeof prefix - 1);
    prefix[sizeof prefix - 1] = '\0';
    struct load_options longest = {.key_prefix = prefix, .value_size = 1000, .keys = UINT32_MAX};
    struct load_request request = {.key = UINT32_MAX - 1, .is_set = true};
    uint8_t out[1000 + LOAD_WIRE_OVERHEAD];
    assert_true((size_t)(load_text.write_request(&longest, &request, out) - out) <= sizeof out);
    assert_true((size_t)(load_binary.write_request(&longest, &request, out) - out) <= sizeof out);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(text_judges_each_reply),
        cmocka_unit_test(text_value_of_another_key_is_broken),
        cmocka_unit_test(text_reply_to_another_command_is_broken),
        cmocka_unit_test(text_reply_is_awaited_at_every_split),
        cmocka_unit_test(binary_judges_each_reply),
        cmocka_unit_test(binary_reply_to_another_request_is_broken),
        cmocka_unit_test(binary_reply_is_awaited_at_every_split),
        cmocka_unit_test(requests_fit_the_room_that_is_promised),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
