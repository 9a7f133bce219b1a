/* get, gets, gat, gats. */
#include "protocol/text_line.h"

bool text_next_key(struct bytes *rest, struct bytes *key)
{
    return text_next_word(rest, key);
}

/* One key that is too long spoils the whole line. A short rest cannot hold one, so the common line is not walked. */
static bool has_long_key(struct bytes keys)
{
    struct bytes key;
    while (keys.len > KEY_MAX) {
        if (!text_next_word(&keys, &key))
            return false;
        if (key.len > KEY_MAX)
            return true;
    }
    return false;
}

void text_fill_get_keys(struct bytes keys, struct command *out)
{
    if (has_long_key(keys))
        command_refuse(out, ERROR_BAD_FORMAT);
    else if (text_next_word(&keys, &out->key))
        out->rest = keys;
    else
        command_refuse(out, ERROR_UNKNOWN_COMMAND);
}

void text_fill_get(const struct text_line *line, struct command *out)
{
    const uint8_t *at = line->word[1].at;
    text_fill_get_keys(bytes_of(at, (size_t)(line->end - at)), out);
}

void text_fill_gat(const struct text_line *line, struct command *out)
{
    if (!text_signed(line->word[1], &out->exptime)) {
        command_refuse(out, ERROR_BAD_EXPTIME);
    } else if (line->count == 2) {
        /* memcached takes this for an empty list of keys. */
        command_refuse_text(out, "END");
    } else {
        out->has_exptime = true;
        const uint8_t *at = line->word[2].at;
        text_fill_get_keys(bytes_of(at, (size_t)(line->end - at)), out);
    }
}
