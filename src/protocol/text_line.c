#include "protocol/text_line.h"

void text_line_cut(struct text_line *line, struct bytes all)
{
    struct bytes rest = all;
    line->end = all.at + all.len;
    line->count = 0;
    while (line->count < TEXT_WORDS_MAX && text_next_word(&rest, &line->word[line->count]))
        line->count++;
    /* Fewer words than there is room for: all was seen, and what follows a NUL is no part of the line. */
    if (line->count < TEXT_WORDS_MAX && rest.len > 0)
        line->end = rest.at;
}

struct bytes text_line_after(const struct text_line *line, unsigned index)
{
    if (index + 1 >= line->count)
        return bytes_of(NULL, 0);
    const uint8_t *at = line->word[index + 1].at, *end = line->end;
    while (end > at && end[-1] == ' ')
        end--;
    return bytes_of(at, (size_t)(end - at));
}

static bool is_white(uint8_t c)
{
    return c == ' ' || (c >= '\t' && c <= '\r');
}

/* The parts of a number; false when there are no digits, too large a magnitude, or something else behind it. */
static bool read_parts(struct bytes word, bool *negative, uint64_t *magnitude)
{
    size_t i = 0;
    while (i < word.len && is_white(word.at[i]))
        i++;
    *negative = i < word.len && word.at[i] == '-';
    if (i < word.len && (word.at[i] == '-' || word.at[i] == '+'))
        i++;
    size_t first = i;
    uint64_t sum = 0;
    for (; i < word.len && word.at[i] >= '0' && word.at[i] <= '9'; i++) {
        unsigned digit = (unsigned)word.at[i] - '0';
        if (sum > (UINT64_MAX - digit) / 10)
            return false;
        sum = sum * 10 + digit;
    }
    *magnitude = sum;
    return i > first && (i == word.len || is_white(word.at[i]));
}

/* Almost every number of almost every client: up to 18 digits and nothing else. */
static inline bool read_plain(struct bytes word, uint64_t *value)
{
    if (word.len - 1 >= 18)
        return false;
    uint64_t sum = 0;
    for (size_t i = 0; i < word.len; i++) {
        unsigned digit = (unsigned)word.at[i] - '0';
        if (digit > 9)
            return false;
        sum = sum * 10 + digit;
    }
    *value = sum;
    return true;
}

bool text_signed(struct bytes word, int64_t *value)
{
    uint64_t magnitude;
    if (read_plain(word, &magnitude)) {
        *value = (int64_t)magnitude;
        return true;
    }
    bool negative;
    if (!read_parts(word, &negative, &magnitude) || magnitude > (uint64_t)INT64_MAX + (negative ? 1 : 0))
        return false;
    *value = (int64_t)(negative ? 0 - magnitude : magnitude);
    return true;
}

bool text_unsigned(struct bytes word, uint64_t *value)
{
    if (read_plain(word, value))
        return true;
    bool negative;
    uint64_t magnitude;
    if (!read_parts(word, &negative, &magnitude))
        return false;
    *value = negative ? 0 - magnitude : magnitude;
    return *value <= INT64_MAX || memchr(word.at, '-', word.len) == NULL;
}

bool text_flags(struct bytes word, uint32_t *value)
{
    uint64_t wide;
    if (!text_unsigned(word, &wide))
        return false;
    *value = (uint32_t)wide;
    return true;
}
