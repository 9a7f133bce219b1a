#include "parsed.h"

#include "protocol/base64.h"

static void the_vectors_of_rfc_4648_decode(void **state)
{
    (void)state;
    static const struct {
        const char *text, *raw;
    } vectors[] = {{"Zg==", "f"},        {"Zm8=", "fo"},        {"Zm9v", "foo"},
                   {"Zm9vYg==", "foob"}, {"Zm9vYmE=", "fooba"}, {"Zm9vYmFy", "foobar"}};
    for (size_t i = 0; i < sizeof vectors / sizeof *vectors; i++) {
        uint8_t out[KEY_MAX];
        size_t len;
        assert_true(base64_decode(bytes_of_text(vectors[i].text), out, &len));
        assert_bytes(bytes_of(out, len), vectors[i].raw);
    }
}

static void every_byte_value_can_be_a_key(void **state)
{
    (void)state;
    uint8_t out[KEY_MAX];
    size_t len;
    assert_true(base64_decode(bytes_of_text("AP+A"), out, &len));
    assert_true(len == 3 && out[0] == 0 && out[1] == 0xff && out[2] == 0x80);
    assert_true(base64_decode(bytes_of_text("++//"), out, &len));
    assert_true(len == 3 && out[0] == 0xfb && out[1] == 0xef && out[2] == 0xff);
}

/* Two texts must not name one key, so only what an encoder would write is accepted. */
static void all_but_the_one_right_text_is_refused(void **state)
{
    (void)state;
    static const char *const wrong[] = {
        "",     "Z",     "Zg",       "Zg=",      "Zh==", "Zm9=",  "====",     "Zg===",
        "Z===", "Zm9v=", "Zm9vZ",    "Zm9v=m8=", "Zm 9", " Zm9v", "Zm9v\n",   "Zm9\n",
        "Zm9!", "Zm-_",  "Zg==Zg==", "=Zm9",     "Zm=v", "!!!!",  "Zm9v    ", "\xc3\xa9Zm"};
    uint8_t out[KEY_MAX];
    size_t len;
    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++) {
        if (base64_decode(bytes_of_text(wrong[i]), out, &len))
            fail_msg("accepted \"%s\"", wrong[i]);
    }
}

static void the_longest_key_decodes(void **state)
{
    (void)state;
    char text[249];
    memset(text, 'A', 248);
    text[248] = 0;
    uint8_t out[KEY_MAX];
    size_t len;
    assert_true(base64_decode(bytes_of_text(text), out, &len));
    assert_int_equal(len, 186);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_vectors_of_rfc_4648_decode),
        cmocka_unit_test(every_byte_value_can_be_a_key),
        cmocka_unit_test(all_but_the_one_right_text_is_refused),
        cmocka_unit_test(the_longest_key_decodes),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
