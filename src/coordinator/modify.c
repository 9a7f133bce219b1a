#include "coordinator/modify.h"

#include "base/wire.h"

static bool is_space(uint8_t c)
{
    return c == ' ' || (c >= '\t' && c <= '\r');
}

bool modify_number_of(struct bytes value, uint64_t *number)
{
    while (value.len > 0 && is_space(value.at[0]))
        value = bytes_after(value, 1);
    if (value.len > 0 && value.at[0] == '+')
        value = bytes_after(value, 1);
    size_t digits = 0;
    while (digits < value.len && !is_space(value.at[digits]))
        digits++;
    return decimal_read(bytes_of(value.at, digits), number);
}

struct blob *modify_number_text(uint64_t number, size_t old_len)
{
    uint8_t digits[DECIMAL_MAX];
    size_t len = (size_t)(decimal_write(digits, number) - digits);
    struct blob *text = blob_new(len < old_len ? old_len : len);
    if (text == NULL)
        return NULL;
    memset(text->at, ' ', text->len);
    memcpy(text->at, digits, len);
    return text;
}

uint64_t modify_delta(uint64_t number, uint64_t delta, bool up)
{
    if (up)
        return number + delta;
    return delta > number ? 0 : number - delta;
}

struct blob *modify_concat(struct bytes first, struct bytes second)
{
    struct blob *whole = blob_new(first.len + second.len);
    if (whole != NULL)
        (void)wire_write_bytes(wire_write_bytes(whole->at, first), second);
    return whole;
}
