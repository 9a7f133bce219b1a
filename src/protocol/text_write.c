/* Storage commands, incr, decr, touch and delete. The order of the checks is memcached's: it decides which error a line
 * with several mistakes gets. */
#include "protocol/text_line.h"

static bool take_key(const struct text_line *line, struct command *out)
{
    out->key = line->word[1];
    if (out->key.len <= KEY_MAX)
        return true;
    command_refuse(out, ERROR_BAD_FORMAT);
    return false;
}

/* A refused storage command does not swallow its data: memcached reads it as the next command, and so do clients that
 * count replies. */
void text_fill_storage(const struct text_line *line, struct command *out)
{
    int64_t value_len = -1;
    if (!take_key(line, out))
        return;
    bool numbers = text_flags(line->word[2], &out->flags) && text_signed(line->word[3], &out->exptime)
                   && text_signed(line->word[4], &value_len);
    if (out->kind == COMMAND_CAS) {
        numbers = numbers && text_unsigned(line->word[5], &out->token);
        out->has_token = true;
    }
    if (!numbers || value_len < 0 || value_len > TEXT_VALUE_MAX) {
        command_refuse(out, ERROR_BAD_FORMAT);
        return;
    }
    out->has_value = true;
    out->value_len = (uint64_t)value_len;
}

void text_fill_arithmetic(const struct text_line *line, struct command *out)
{
    if (take_key(line, out) && !text_unsigned(line->word[2], &out->delta))
        command_refuse(out, ERROR_BAD_DELTA);
}

void text_fill_touch(const struct text_line *line, struct command *out)
{
    out->has_exptime = true;
    if (take_key(line, out) && !text_signed(line->word[2], &out->exptime))
        command_refuse(out, ERROR_BAD_EXPTIME);
}

/* Very old clients send the time to hold the name, which may only be 0. */
void text_fill_delete(const struct text_line *line, struct command *out)
{
    if (line->count > 2) {
        bool hold_is_zero = text_word_is(line->word[2], "0");
        out->quiet = text_word_is(line->word[line->count - 1], "noreply");
        if (line->count == 3 ? !hold_is_zero && !out->quiet : !hold_is_zero || !out->quiet) {
            command_refuse(out, ERROR_BAD_DELETE);
            return;
        }
    }
    take_key(line, out);
}
