/* memcached's replies in text, as a client reads them. */
#include "base/decimal.h"
#include "simulator/client.h"

#include <string.h>

enum { WORDS_MAX = 6, SEEN_MAX = 128 };

/* One line without its end; false: not whole yet. */
static bool take_line(struct bytes in, size_t *used, struct bytes *line)
{
    const uint8_t *end = in.len == *used ? NULL : memchr(in.at + *used, '\n', in.len - *used);
    if (end == NULL)
        return false;
    size_t begin = *used;
    *used = (size_t)(end - in.at) + 1;
    size_t len = *used - begin - 1;
    if (len > 0 && in.at[begin + len - 1] == '\r')
        len--;
    *line = bytes_of(in.at + begin, len);
    return true;
}

static unsigned split(struct bytes line, struct bytes *words)
{
    unsigned count = 0;
    for (size_t at = 0; at < line.len && count < WORDS_MAX;) {
        size_t begin = at;
        while (at < line.len && line.at[at] != ' ')
            at++;
        words[count++] = bytes_of(line.at + begin, at - begin);
        at++;
    }
    return count;
}

static bool is(struct bytes line, const char *text)
{
    return bytes_equal(line, bytes_of_text(text));
}

/* Replies that any command may get. */
static bool take_error(struct op *op, struct bytes line)
{
    bool is_failure = bytes_begin_with(line, bytes_of_text("SERVER_ERROR"));
    if (!is_failure && !bytes_begin_with(line, bytes_of_text("CLIENT_ERROR cannot increment")))
        return false;
    op->outcome = is_failure ? OP_FAILED : OP_REFUSED;
    size_t len = line.len < sizeof op->error ? line.len : sizeof op->error - 1;
    memcpy(op->error, line.at, len);
    op->error[len] = '\0';
    return true;
}

/* VALUE <key> <flags> <bytes> [<token>] */
static bool take_value_line(struct bytes line, struct bytes key, bool with_token, uint64_t *len, uint64_t *token)
{
    struct bytes words[WORDS_MAX];
    unsigned count = split(line, words);
    return count == (with_token ? 5u : 4u) && is(words[0], "VALUE") && bytes_equal(words[1], key)
           && decimal_read(words[3], len) && (!with_token || decimal_read(words[4], token));
}

static enum reply_status take_values(struct history *history, struct op *op, struct bytes key, struct bytes in,
                                     size_t *used)
{
    struct seen seen[SEEN_MAX];
    unsigned count = 0;
    struct bytes line;
    for (*used = 0; take_line(in, used, &line);) {
        uint64_t len, token = 0;
        if (is(line, "END")) {
            op->outcome = count == 0 ? OP_MISS : OP_DONE;
            op->seen_count = count;
            op->seen = (struct seen *)(void *)history_keep(history, bytes_of(seen, count * sizeof *seen)).at;
            for (unsigned i = 0; i < count; i++)
                op->seen[i].value = history_keep(history, seen[i].value);
            return REPLY_OK;
        }
        if (count == 0 && take_error(op, line))
            return REPLY_OK;
        if (count == SEEN_MAX || !take_value_line(line, key, op->kind == OP_GETS, &len, &token))
            return REPLY_WRONG;
        if (in.len - *used < len + 2)
            return REPLY_MORE;
        seen[count++] = (struct seen){.value = bytes_of(in.at + *used, len), .token = token};
        *used += len;
        if (in.at[*used] != '\r' || in.at[*used + 1] != '\n')
            return REPLY_WRONG;
        *used += 2;
    }
    return REPLY_MORE;
}

static enum reply_status take_number(struct op *op, struct bytes line)
{
    if (is(line, "NOT_FOUND"))
        op->outcome = OP_MISS;
    else if (decimal_read(line, &op->answered))
        op->outcome = OP_DONE;
    else
        return REPLY_WRONG;
    return REPLY_OK;
}

/* The one line that says it was done, and those that say why not. */
static enum reply_status take_verdict(struct op *op, struct bytes line)
{
    static const char *const done[OP_KINDS] = {
        [OP_SET] = "STORED",     [OP_ADD] = "STORED",     [OP_REPLACE] = "STORED",
        [OP_APPEND] = "STORED",  [OP_PREPEND] = "STORED", [OP_CAS] = "STORED",
        [OP_DELETE] = "DELETED", [OP_TOUCH] = "TOUCHED",  [OP_FLUSH] = "OK"};
    bool may_miss = op->kind == OP_CAS || op->kind == OP_DELETE || op->kind == OP_TOUCH;
    bool may_refuse = op->kind >= OP_ADD && op->kind <= OP_PREPEND;
    if (is(line, done[op->kind]))
        op->outcome = OP_DONE;
    else if (may_miss && is(line, "NOT_FOUND"))
        op->outcome = OP_MISS;
    else if (may_refuse && is(line, "NOT_STORED"))
        op->outcome = OP_NOT_STORED;
    else if (op->kind == OP_CAS && is(line, "EXISTS"))
        op->outcome = OP_EXISTS;
    else
        return REPLY_WRONG;
    return REPLY_OK;
}

enum reply_status reply_take(struct history *history, struct op *op, struct bytes key, struct bytes in, size_t *used)
{
    struct bytes line;
    if (op_is_read(op))
        return take_values(history, op, key, in, used);
    *used = 0;
    if (!take_line(in, used, &line))
        return REPLY_MORE;
    if (take_error(op, line))
        return REPLY_OK;
    return op->kind == OP_INCR || op->kind == OP_DECR ? take_number(op, line) : take_verdict(op, line);
}
