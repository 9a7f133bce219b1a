#include "base/decimal.h"

uint8_t *decimal_write(uint8_t *at, uint64_t value)
{
    uint8_t reversed[DECIMAL_MAX];
    unsigned len = 0;
    do {
        reversed[len++] = (uint8_t)('0' + value % 10);
        value /= 10;
    } while (value != 0);
    while (len > 0)
        *at++ = reversed[--len];
    return at;
}

bool decimal_read(struct bytes text, uint64_t *value)
{
    if (text.len == 0 || text.len > 64)
        return false;
    uint64_t sum = 0;
    for (size_t i = 0; i < text.len; i++) {
        unsigned digit = (unsigned)text.at[i] - '0';
        if (digit > 9 || sum > (UINT64_MAX - digit) / 10)
            return false;
        sum = sum * 10 + digit;
    }
    *value = sum;
    return true;
}

bool decimal_read_signed(struct bytes text, int64_t *value)
{
    bool negative = text.len > 0 && text.at[0] == '-';
    bool sign = negative || (text.len > 0 && text.at[0] == '+');
    uint64_t magnitude;
    if (!decimal_read(sign ? bytes_after(text, 1) : text, &magnitude))
        return false;
    uint64_t limit = (uint64_t)INT64_MAX + (negative ? 1 : 0);
    if (magnitude > limit)
        return false;
    *value = negative ? (int64_t)(0 - magnitude) : (int64_t)magnitude;
    return true;
}
