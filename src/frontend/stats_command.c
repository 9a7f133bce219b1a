/* `stats` in text and binary. */
#include "base/decimal.h"
#include "base/wire.h"
#include "frontend/limits.h"
#include "frontend/task.h"
#include "protocol/reply.h"

static const struct bytes none;

static bool is_text(struct bytes word, const char *text)
{
    return bytes_equal(word, bytes_of_text(text));
}

static void emit(void *context, struct bytes name, struct bytes value)
{
    struct task *task = context;
    struct chain *out = &task->session->out;
    if (is_binary(task)) {
        reply_binary(out, &task->command, BINARY_OK, none, name, value, 0);
        return;
    }
    chain_append_text(out, "STAT ");
    chain_append(out, name);
    if (value.len > 0) {
        chain_append_text(out, " ");
        chain_append(out, value);
    }
    chain_append_text(out, "\r\n");
}

static void end(struct task *task)
{
    if (is_binary(task))
        reply_binary(&task->session->out, &task->command, BINARY_OK, none, none, none, 0);
    else
        reply_line(&task->session->out, "END");
}

/* What memcached says in a text line is an empty packet or "Not found" in binary. */
static void answer_done(struct task *task, const char *line)
{
    if (is_binary(task))
        end(task);
    else
        reply_line(&task->session->out, line);
}

static void answer_wrong(struct task *task, const char *line)
{
    if (is_binary(task))
        reply_binary_error(&task->session->out, &task->command, BINARY_NOT_FOUND);
    else
        reply_line(&task->session->out, line);
}

static void add_line(void *context, struct bytes text)
{
    struct input *whole = context;
    input_append(whole, text);
    input_append(whole, bytes_of("\r\n", 2));
}

static void detail_dump(struct task *task)
{
    struct input whole = {0};
    prefix_stats_dump(task->session->frontend->prefixes, add_line, &whole);
    input_append(&whole, bytes_of_text("END\r\n"));
    struct bytes text = bytes_of(whole.memory + whole.start, whole.len);
    if (is_binary(task)) {
        emit(task, bytes_of_text("detailed"), text);
        end(task);
    } else {
        chain_append(&task->session->out, text);
    }
    input_close(&whole);
}

static void detail(struct task *task, struct bytes what)
{
    struct prefix_stats *prefixes = task->session->frontend->prefixes;
    if (is_text(what, "dump")) {
        detail_dump(task);
    } else if (is_text(what, "on") || is_text(what, "off")) {
        prefix_stats_switch(prefixes, is_text(what, "on"));
        answer_done(task, "OK");
    } else {
        answer_wrong(task, "CLIENT_ERROR usage: stats detail on|off|dump");
    }
}

static void reset(struct task *task)
{
    const struct session_host *host = task->session->frontend->host;
    host->stats_reset(host->host);
    prefix_stats_clear(task->session->frontend->prefixes);
    answer_done(task, "RESET");
}

/* There are no slab classes to dump the items of: after memcached's own checks the answer is always empty. */
static void cachedump(struct task *task, struct bytes class_word, struct bytes limit_word)
{
    enum { SLAB_CLASSES = 64 };
    uint64_t class, limit;
    if (limit_word.len == 0)
        answer_wrong(task, "CLIENT_ERROR bad command line");
    else if (!decimal_read(class_word, &class) || !decimal_read(limit_word, &limit))
        answer_wrong(task, "CLIENT_ERROR bad command line format");
    else if (class >= SLAB_CLASSES)
        answer_wrong(task, "CLIENT_ERROR Illegal slab id");
    else
        end(task);
}

struct description {
    struct task *task;
    uint64_t lines;
};

/* Each line has a name of its own, because clients put statistics into tables. */
static void emit_description(void *context, const char *line)
{
    struct description *description = context;
    uint8_t name[16 + DECIMAL_MAX];
    uint8_t *name_end = decimal_write(wire_write_bytes(name, bytes_of_text("siblings:")), description->lines++);
    emit(description->task, bytes_of(name, (size_t)(name_end - name)), bytes_of_text(line));
}

static void siblings(struct task *task, struct bytes key, struct instant now)
{
    if (key.len == 0 || key.len > KEY_MAX) {
        answer_wrong(task, "CLIENT_ERROR bad command line");
        return;
    }
    struct node *node = task->session->frontend->node;
    struct description description = {.task = task};
    (void)node_describe_key(node, now, key, emit_description, &description);
    (void)node_settle(node, now); /* others' requests may have ended meanwhile */
    end(task);
}

static void group(struct task *task, struct bytes name, struct bytes arguments)
{
    const struct session_host *host = task->session->frontend->host;
    bool known = host->stats(host->host, task->session, arguments, emit, task);
    /* Groups about slabs have nothing to tell here, but clients that ask for them are not wrong. */
    if (known || is_text(name, "items") || is_text(name, "slabs"))
        end(task);
    else
        answer_wrong(task, "ERROR");
}

void stats_command(struct task *task, struct instant now)
{
    struct bytes arguments = is_binary(task) ? task->command.key : task->command.rest;
    struct bytes rest = arguments, word[3] = {{0}};
    for (unsigned i = 0; i < 3 && text_next_key(&rest, &word[i]); i++)
        ;
    if (is_text(word[0], "reset"))
        reset(task);
    else if (is_text(word[0], "detail"))
        detail(task, word[1]);
    else if (is_text(word[0], "cachedump"))
        cachedump(task, word[1], word[2]);
    else if (is_text(word[0], "siblings"))
        siblings(task, word[1], now);
    else
        group(task, word[0], arguments);
}
