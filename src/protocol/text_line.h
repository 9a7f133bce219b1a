/* A command line cut into words without copying, and numbers as C's strtol reads them, which is what memcached uses. */
#ifndef PROTOCOL_TEXT_LINE_H
#define PROTOCOL_TEXT_LINE_H

#include "base/bytes.h"
#include "protocol/command.h"
#include "protocol/command_clear.h"

#include <stdbool.h>
#include <stdint.h>

/* memcached cuts a line into 24 tokens of which the last marks the end; what follows the 23rd word is not looked at. */
enum { TEXT_WORDS_MAX = 23 };

struct text_line {
    const uint8_t *end; /* of the line, without its newline */
    unsigned count;     /* words, the command's name is the first */
    struct bytes word[TEXT_WORDS_MAX];
};

/* The first space or NUL in [at, end), or end. To memcached a line is a C string, so it ends at a NUL. */
static inline const uint8_t *text_word_end(const uint8_t *at, const uint8_t *end)
{
    /* Eight bytes at a time: subtracting one from each borrows into the top bit of those that were zero. False alarms
     * only follow a real hit, so the last loop finds the right one. */
    const uint64_t ones = 0x0101010101010101, tops = 0x8080808080808080;
    while (end - at >= 8) {
        uint64_t chunk, spaced;
        memcpy(&chunk, at, sizeof chunk);
        spaced = chunk ^ (ones * ' ');
        if ((((chunk - ones) & ~chunk) | ((spaced - ones) & ~spaced)) & tops)
            break;
        at += 8;
    }
    while (at < end && *at != ' ' && *at != 0)
        at++;
    return at;
}

/* Takes the next word out of `rest`; false at its end. */
static inline bool text_next_word(struct bytes *rest, struct bytes *word)
{
    if (rest->len == 0)
        return false;
    const uint8_t *at = rest->at, *end = rest->at + rest->len;
    while (at < end && *at == ' ')
        at++;
    const uint8_t *stop = text_word_end(at, end);
    *word = bytes_of(at, (size_t)(stop - at));
    *rest = bytes_of(stop, (size_t)(end - stop));
    return stop > at;
}

/* Cuts `all`, a line without its newline. */
void text_line_cut(struct text_line *line, struct bytes all);

/* What follows word `index`: from the next word to the end, without spaces around it. Empty when there is none. */
struct bytes text_line_after(const struct text_line *line, unsigned index);

static inline bool text_word_is(struct bytes word, const char *text)
{
    return bytes_equal(word, bytes_of_text(text));
}

/* strtol: spaces, a sign, digits, then the end or white space of any kind; 64 bits, no overflow. */
bool text_signed(struct bytes word, int64_t *value);
/* strtoull as memcached accepts it: a '-' is allowed as long as the number does not look negative. */
bool text_unsigned(struct bytes word, uint64_t *value);
/* The same, of which memcached keeps the low 32 bits. */
bool text_flags(struct bytes word, uint32_t *value);

/* Turns *out into an error. Keeps what is there of quiet, has_value and value_len. */
static inline void command_refuse(struct command *out, enum protocol_error error)
{
    out->kind = COMMAND_ERROR;
    out->error = error;
}
static inline void command_refuse_text(struct command *out, const char *text)
{
    out->kind = COMMAND_ERROR;
    out->error = ERROR_META;
    out->error_text = text;
}

/* How a command's words become a command: the table in text.c calls one of these with the right number of words, quiet
 * and kind set already. */
typedef void text_fill(const struct text_line *line, struct command *out);
text_fill text_fill_get, text_fill_gat;                                                      /* text_read.c */
text_fill text_fill_storage, text_fill_arithmetic, text_fill_touch, text_fill_delete;        /* text_write.c */
text_fill text_fill_flush_all, text_fill_arguments, text_fill_verbosity, text_fill_memlimit; /* text_admin.c */
text_fill text_fill_slabs, text_fill_lru, text_fill_lru_crawler, text_fill_watch, text_fill_config;

/* get and its keys, which is hot enough to skip the cutting. */
void text_fill_get_keys(struct bytes keys, struct command *out);

/* A line whose first word is two letters that begin with m. */
void meta_fill(const struct text_line *line, struct command *out);

#endif
