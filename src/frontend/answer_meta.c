/* Replies of the meta commands. */
#include "base/decimal.h"
#include "base/wire.h"
#include "frontend/task.h"
#include "protocol/reply.h"

#include <stdio.h>

static int64_t ttl_of(uint64_t expiry_ms, uint64_t now_ms)
{
    if (expiry_ms == 0)
        return -1;
    /* Rounded up: what was just stored for 30 seconds has 30 left, as by memcached's clock of whole seconds. */
    return expiry_ms > now_ms ? (int64_t)((expiry_ms - now_ms + 999) / 1000) : 0;
}

static struct bytes shown_key(const struct command *command)
{
    return meta_has(&command->meta, 'b') ? command->raw_key : command->key;
}

static uint64_t now_ms_of(const struct task *task, struct instant now)
{
    return node_now_ms(task->session->frontend->node, now);
}

static void answer_get(struct task *task, const struct request *request, struct instant now)
{
    const struct command *command = &task->command;
    struct chain *out = &task->session->out;
    struct meta_item item = {.key = shown_key(command)};
    uint32_t pick = meta_has(&command->meta, META_PICK) ? command->meta.sibling : 0;
    if (request->status != REQUEST_OK || pick >= request->version_count) {
        if (!command->quiet)
            reply_meta(out, command, "EN", &item);
        return;
    }
    const struct version *version = &request->versions[pick];
    item.flags = version->flags;
    item.size = version->value.len;
    item.ttl_s = meta_has(&command->meta, 't') ? ttl_of(version->expiry_ms, now_ms_of(task, now)) : -1;
    item.idle_s = request->idle_s;
    item.fetched = request->fetched_before;
    item.siblings = request->version_count;
    item.won = request->won;
    item.stale = request->stale;
    item.win_sent = request->win_sent;
    if (meta_has(&command->meta, 'c') && !settings_of(task->session)->cas_disabled)
        item.token = node_token(task->session->frontend->node, request, (int)pick);
    bool with_value = meta_has(&command->meta, 'v');
    reply_meta(out, command, with_value ? "VA" : "HD", &item);
    if (with_value) {
        chain_append_blob(out, request->record, version->value);
        chain_append(out, bytes_of("\r\n", 2));
    }
}

static const char *code_of(const struct request *request)
{
    switch (request->status) {
    case REQUEST_OK:
        return "HD";
    case REQUEST_MISS:
        return "NF";
    case REQUEST_EXISTS:
        return "EX";
    default:
        return "NS";
    }
}

/* What has no code of its own is an error line, which q does not hide. */
static const char *error_of(const struct request *request)
{
    switch (request->status) {
    case REQUEST_NON_NUMERIC:
        return protocol_error_text(ERROR_NON_NUMERIC);
    case REQUEST_TOO_LARGE:
        return protocol_error_text(ERROR_TOO_LARGE);
    case REQUEST_NO_MEMORY:
        return protocol_error_text(ERROR_NO_MEMORY);
    default:
        return NULL;
    }
}

static void answer_delta(struct task *task, const struct request *request, struct meta_item *item, struct instant now)
{
    const struct command *command = &task->command;
    struct chain *out = &task->session->out;
    uint8_t digits[DECIMAL_MAX + 2];
    uint8_t *end = decimal_write(digits, request->number);
    item->size = (size_t)(end - digits);
    item->ttl_s = ttl_of(request->written_expiry_ms, now_ms_of(task, now));
    bool with_value = meta_has(&command->meta, 'v');
    reply_meta(out, command, with_value ? "VA" : "HD", item);
    if (with_value) {
        end = wire_write_bytes(end, bytes_of("\r\n", 2));
        chain_append(out, bytes_of(digits, (size_t)(end - digits)));
    }
}

static void answer_write(struct task *task, const struct request *request, struct instant now)
{
    const struct command *command = &task->command;
    struct chain *out = &task->session->out;
    const char *error = error_of(request);
    if (error != NULL) {
        reply_line(out, error);
        return;
    }
    /* memcached tells of a number that it had to make, q or not. */
    if (request->status == REQUEST_OK && command->quiet && !request->created)
        return;
    struct meta_item item = {.key = shown_key(command)};
    item.token = settings_of(task->session)->cas_disabled ? 0 : request->written_token;
    bool is_delta = command->kind == COMMAND_INCR || command->kind == COMMAND_DECR;
    if (is_delta && request->status == REQUEST_OK)
        answer_delta(task, request, &item, now);
    else
        reply_meta(out, command, code_of(request), &item);
}

/* me, for people. There are no slab classes here: cls is 0. Sizes are those that memcached would need. */
static void answer_debug(struct task *task, const struct request *request, struct instant now)
{
    enum { LINE_MAX_BYTES = KEY_MAX + 200 };
    const struct command *command = &task->command;
    struct chain *out = &task->session->out;
    if (request->status != REQUEST_OK) {
        reply_line(out, "EN");
        return;
    }
    const struct version *version = &request->versions[0];
    bool cas_disabled = settings_of(task->session)->cas_disabled;
    int64_t ttl_s = ttl_of(version->expiry_ms, now_ms_of(task, now));
    size_t size =
        48 + command->key.len + 1 + version->value.len + 2 + (cas_disabled ? 0 : 8) + (version->flags != 0 ? 4 : 0);
    uint64_t token = cas_disabled ? 0 : node_token(task->session->frontend->node, request, 0);
    struct bytes key = shown_key(command);
    chain_append_text(out, "ME ");
    chain_append(out, key);
    char *at = (char *)chain_reserve(out, LINE_MAX_BYTES);
    int len = snprintf(at, LINE_MAX_BYTES, " exp=%lld la=%lu cas=%llu fetch=%s cls=0 size=%zu\r\n",
                       (long long)(ttl_s < 0 ? -1 : -ttl_s), (unsigned long)request->idle_s, (unsigned long long)token,
                       request->fetched_before ? "yes" : "no", size);
    chain_commit(out, (uint8_t *)at + len);
}

void answer_meta(struct task *task, const struct request *request, struct instant now)
{
    if (request->status == REQUEST_FAILED
        || (request->kind == REQUEST_GET && request->status != REQUEST_OK && request->status != REQUEST_MISS))
        answer_failure(task, request);
    else if (task->command.kind == COMMAND_META_DEBUG)
        answer_debug(task, request, now);
    else if (task->command.kind == COMMAND_META_GET)
        answer_get(task, request, now);
    else
        answer_write(task, request, now);
}
