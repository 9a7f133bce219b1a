/* The meta commands: mn, mg, ms, md, ma, me. Errors and their order are those of memcached 1.6.18, which reads all
 * flags before it complains and then tells the last mistake, unless it meets a flag that is unknown or given twice. */
#include "protocol/base64.h"
#include "protocol/text_line.h"

/* Words of a line with the most flags: memcached counts 20 tokens, the end being one. */
enum { META_WORDS_MAX = 19 };

static const char bad_token[] = "CLIENT_ERROR bad token in command line format";

static bool decode_key(struct command *out)
{
    size_t len;
    if (!base64_decode(out->key, out->key_buffer, &len))
        return false;
    out->raw_key = out->key;
    out->key = bytes_of(out->key_buffer, len);
    return true;
}

static const char *take_mode(struct bytes token, char *mode)
{
    if (token.len != 1)
        return "CLIENT_ERROR incorrect length for M token";
    *mode = (char)token.at[0];
    return NULL;
}

static bool take_pick(struct bytes token, uint32_t *pick)
{
    uint64_t wide;
    if (!text_unsigned(token, &wide) || wide > UINT32_MAX)
        return false;
    *pick = (uint32_t)wide;
    return true;
}

/* What a flag with a token means. NULL, or what is wrong with it. A bad F has no text of its own: memcached then tells
 * an earlier mistake if there is one. */
static const char *take_flag(char letter, struct bytes token, struct command *out, char *mode, bool *bad_flags)
{
    switch (letter) {
    case 'b':
        return decode_key(out) ? NULL : "CLIENT_ERROR error decoding key";
    case 'N':
        out->create = true;
        return text_signed(token, &out->meta.vivify_exptime) ? NULL : bad_token;
    case 'T':
        out->has_exptime = true;
        return text_signed(token, &out->exptime) ? NULL : bad_token;
    case 'R':
        return text_signed(token, &out->meta.recache_ttl) ? NULL : bad_token;
    case 'C':
        out->has_token = true;
        return text_unsigned(token, &out->token) ? NULL : bad_token;
    case META_PICK:
        return take_pick(token, &out->meta.sibling) ? NULL : bad_token;
    case 'F':
        *bad_flags = !text_flags(token, &out->flags);
        return NULL;
    case 'M':
        return take_mode(token, mode);
    case 'J':
        return text_unsigned(token, &out->initial) ? NULL : "CLIENT_ERROR invalid numeric initial value";
    case 'D':
        return text_unsigned(token, &out->delta) ? NULL : "CLIENT_ERROR invalid numeric delta value";
    default:
        return NULL;
    }
}

static bool is_letter(uint8_t c)
{
    return (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z');
}

/* n takes no token, so that a stray "noreply" stays the mistake that it is for memcached. */
static bool is_known(char letter, struct bytes token, const struct command *out)
{
    if (letter == META_COUNT)
        return out->kind == COMMAND_META_GET && token.len == 0;
    if (letter == META_PICK)
        return out->kind == COMMAND_META_GET;
    return strchr("NTRlOPLkstcfvhuqFCMJDIb", letter) != NULL;
}

/* The flags from word `first` on. NULL, or the error to tell. */
static const char *take_flags(const struct text_line *line, unsigned first, struct command *out, char *mode)
{
    const char *error = NULL;
    bool bad_flags = false;
    for (unsigned i = first; i < line->count; i++) {
        struct bytes word = line->word[i];
        char letter = (char)word.at[0];
        if (word.at[0] >= 127)
            return "CLIENT_ERROR duplicate flag";
        if (is_letter(word.at[0]) && meta_has(&out->meta, letter))
            return "CLIENT_ERROR duplicate flag";
        struct bytes token = bytes_after(word, 1);
        if (!is_letter(word.at[0]) || !is_known(letter, token, out))
            return "CLIENT_ERROR invalid flag";
        out->meta.present |= meta_bit(letter);
        out->meta.list[out->meta.count++] = (struct meta_flag){.letter = letter, .token = token};
        const char *wrong = take_flag(letter, token, out, mode, &bad_flags);
        if (wrong != NULL)
            error = wrong;
    }
    if (error == NULL && bad_flags)
        return protocol_error_text(ERROR_BAD_FORMAT);
    return error;
}

static bool opaque_is_too_long(const struct command *out)
{
    for (unsigned i = 0; i < out->meta.count; i++) {
        if (out->meta.list[i].letter == 'O')
            return out->meta.list[i].token.len + 1 > META_OPAQUE_MAX;
    }
    return false;
}

static const char *const opaque_error = "CLIENT_ERROR opaque token too long";

/* What mg, ms, md and ma begin with. false: *out is an error, and nothing of a data block is swallowed. */
static bool take_key(const struct text_line *line, struct command *out, const char *too_many)
{
    if (line->count < 2) {
        command_refuse(out, ERROR_UNKNOWN_COMMAND);
        return false;
    }
    out->key = line->word[1];
    if (out->key.len > KEY_MAX) {
        command_refuse(out, ERROR_BAD_FORMAT);
        return false;
    }
    if (line->count > META_WORDS_MAX) {
        command_refuse_text(out, too_many);
        return false;
    }
    out->meta.vivify_exptime = 0;
    out->meta.recache_ttl = 0;
    out->meta.sibling = 0;
    return true;
}

static void fill_get(const struct text_line *line, struct command *out)
{
    char mode = 0;
    out->kind = COMMAND_META_GET;
    if (!take_key(line, out, "CLIENT_ERROR options flags are too long"))
        return;
    const char *error = take_flags(line, 2, out, &mode);
    if (error == NULL && opaque_is_too_long(out))
        error = opaque_error;
    if (error != NULL)
        command_refuse_text(out, error);
    out->has_token = false; /* a read compares nothing */
}

/* The kind of an ms, and whether its C counts. */
static bool take_storage_mode(char mode, struct command *out)
{
    switch (mode) {
    case 0:
    case 'S':
    case 'R':
        /* With a token to compare, replace and set are the same. */
        out->kind = mode == 'R' && !out->has_token ? COMMAND_REPLACE : COMMAND_SET;
        return true;
    case 'E':
        out->kind = COMMAND_ADD;
        out->has_token = false;
        return true;
    case 'A':
    case 'P':
        out->kind = mode == 'A' ? COMMAND_APPEND : COMMAND_PREPEND;
        out->has_token = out->has_token && out->token != 0;
        return true;
    default:
        return false;
    }
}

static void fill_set(const struct text_line *line, struct command *out)
{
    char mode = 0;
    int64_t value_len;
    if (!take_key(line, out, "CLIENT_ERROR options flags too long"))
        return;
    if (line->count == 2 || !text_signed(line->word[2], &value_len) || value_len < 0 || value_len > TEXT_VALUE_MAX) {
        command_refuse(out, ERROR_BAD_FORMAT);
        return;
    }
    /* From here the length of the data block is known, so it is swallowed whatever is wrong with the flags. */
    out->has_value = true;
    out->value_len = (uint64_t)value_len;
    out->kind = COMMAND_SET;
    const char *error = take_flags(line, 3, out, &mode);
    if (error == NULL && !take_storage_mode(mode, out))
        error = "CLIENT_ERROR invalid mode for ms M token";
    if (error == NULL && opaque_is_too_long(out))
        error = opaque_error;
    if (error != NULL)
        command_refuse_text(out, error);
}

static void fill_delete(const struct text_line *line, struct command *out)
{
    char mode = 0;
    if (!take_key(line, out, "CLIENT_ERROR options flags too long"))
        return;
    out->kind = COMMAND_DELETE;
    if (take_flags(line, 2, out, &mode) != NULL)
        command_refuse_text(out, "CLIENT_ERROR invalid or duplicate flag");
    else if (opaque_is_too_long(out))
        command_refuse_text(out, opaque_error);
}

static void fill_arithmetic(const struct text_line *line, struct command *out)
{
    char mode = 0;
    if (!take_key(line, out, "CLIENT_ERROR options flags too long"))
        return;
    out->kind = COMMAND_INCR;
    out->delta = 1;
    if (take_flags(line, 2, out, &mode) != NULL) {
        command_refuse_text(out, "CLIENT_ERROR invalid or duplicate flag");
        return;
    }
    if (mode == 'D' || mode == '-')
        out->kind = COMMAND_DECR;
    else if (mode != 0 && mode != 'I' && mode != '+')
        command_refuse_text(out, "CLIENT_ERROR invalid mode for ma M token");
    if (out->kind != COMMAND_ERROR && opaque_is_too_long(out))
        command_refuse_text(out, opaque_error);
    out->has_token = out->has_token && out->token != 0;
    if (out->create && !out->has_exptime)
        out->exptime = out->meta.vivify_exptime;
}

/* me takes no flags but b, and that only in front; others are not even looked at. */
static void fill_debug(const struct text_line *line, struct command *out)
{
    if (line->count < 2 || line->word[1].len > KEY_MAX) {
        command_refuse(out, ERROR_BAD_FORMAT);
        return;
    }
    out->kind = COMMAND_META_DEBUG;
    out->key = line->word[1];
    if (line->count >= 3 && text_word_is(line->word[2], "b")) {
        out->meta.present = meta_bit('b');
        if (!decode_key(out))
            command_refuse(out, ERROR_BAD_FORMAT);
    }
}

void meta_fill(const struct text_line *line, struct command *out)
{
    out->dialect = DIALECT_META;
    out->error = ERROR_NONE;
    switch (line->word[0].at[1]) {
    case 'g':
        fill_get(line, out);
        break;
    case 's':
        fill_set(line, out);
        break;
    case 'd':
        fill_delete(line, out);
        break;
    case 'a':
        fill_arithmetic(line, out);
        break;
    case 'n':
        out->kind = COMMAND_NOOP;
        break;
    case 'e':
        fill_debug(line, out);
        break;
    default:
        command_refuse(out, ERROR_UNKNOWN_COMMAND);
        break;
    }
    if (out->kind != COMMAND_ERROR) {
        out->quiet = meta_has(&out->meta, 'q');
        out->want_key = meta_has(&out->meta, 'k');
    }
}
