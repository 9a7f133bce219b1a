/* Replies of the binary protocol. Quiet commands hide misses of gets and successes of writes, never errors. */
#include "base/wire.h"
#include "frontend/task.h"
#include "protocol/reply.h"

static const struct bytes none;

static uint64_t token_of(const struct task *task, const struct request *request, int pick)
{
    const struct frontend *frontend = task->session->frontend;
    return frontend->settings->cas_disabled ? 0 : node_token(frontend->node, request, pick);
}

static struct bytes key_if_wanted(const struct command *command)
{
    return command->want_key ? command->key : none;
}

static void answer_found(struct task *task, const struct request *request, uint32_t pick)
{
    const struct command *command = &task->command;
    const struct version *version = &request->versions[pick];
    uint64_t token = token_of(task, request, (int)pick);
    if (command->kind == COMMAND_TOUCH) {
        uint8_t flags[4];
        (void)wire_write_u32(flags, version->flags);
        reply_binary(&task->session->out, command, BINARY_OK, bytes_of(flags, sizeof flags), none, none, token);
        return;
    }
    reply_binary_value(&task->session->out, command, version->flags, key_if_wanted(command), request->record,
                       version->value, token);
}

static void answer_missing(struct task *task)
{
    const struct command *command = &task->command;
    if (command->quiet)
        return;
    if (command->want_key)
        reply_binary(&task->session->out, command, BINARY_NOT_FOUND, none, command->key, none, 0);
    else
        reply_binary_error(&task->session->out, command, BINARY_NOT_FOUND);
}

/* A run of quiet gets ends with the first get that is not quiet, which still belongs to it, or with any other command:
 * within it, asking again for a key gets its next sibling. */
static void answer_get(struct task *task, const struct request *request)
{
    struct mentions *run = &task->session->work->run;
    if (request->status == REQUEST_OK)
        answer_found(task, request, task->command.kind == COMMAND_TOUCH ? 0 : retrieval_pick(run, request));
    else if (request->status == REQUEST_MISS)
        answer_missing(task);
    else
        answer_failure(task, request);
}

/* Every sibling as a packet, newest first, and an empty one at the end; a miss is just that one. */
static void answer_siblings(struct task *task, const struct request *request)
{
    const struct command *command = &task->command;
    struct chain *out = &task->session->out;
    if (request->status == REQUEST_OK) {
        uint64_t token = token_of(task, request, NODE_ALL_VERSIONS);
        for (uint32_t i = 0; i < request->version_count; i++) {
            const struct version *version = &request->versions[i];
            reply_binary_value(out, command, version->flags, command->key, request->record, version->value, token);
        }
    } else if (request->status != REQUEST_MISS) {
        answer_failure(task, request);
        return;
    }
    reply_binary(out, command, BINARY_OK, none, none, none, 0);
}

static uint16_t status_of(const struct task *task, const struct request *request)
{
    switch (request->status) {
    case REQUEST_MISS:
        return BINARY_NOT_FOUND;
    case REQUEST_EXISTS:
        return BINARY_EXISTS;
    case REQUEST_NON_NUMERIC:
        return BINARY_NON_NUMERIC;
    case REQUEST_TOO_LARGE:
        return BINARY_TOO_LARGE;
    case REQUEST_NO_MEMORY:
        return BINARY_NO_MEMORY;
    default:
        break;
    }
    if (task->command.kind == COMMAND_ADD)
        return BINARY_EXISTS;
    return task->command.kind == COMMAND_REPLACE ? BINARY_NOT_FOUND : BINARY_NOT_STORED;
}

static void answer_write(struct task *task, const struct request *request)
{
    const struct command *command = &task->command;
    struct chain *out = &task->session->out;
    if (request->status == REQUEST_FAILED) {
        answer_failure(task, request);
        return;
    }
    if (request->status != REQUEST_OK) {
        reply_binary_error(out, command, status_of(task, request));
        return;
    }
    if (command->quiet)
        return;
    bool tells_token = command->kind != COMMAND_DELETE && command->kind != COMMAND_FLUSH_ALL;
    uint64_t token = tells_token && !settings_of(task->session)->cas_disabled ? request->written_token : 0;
    uint8_t number[8];
    struct bytes value = none;
    if (command->kind == COMMAND_INCR || command->kind == COMMAND_DECR) {
        (void)wire_write_u64(number, request->number);
        value = bytes_of(number, sizeof number);
    }
    reply_binary(out, command, BINARY_OK, none, none, value, token);
}

void answer_binary(struct task *task, const struct request *request)
{
    if (task->command.kind == COMMAND_SIBLINGS)
        answer_siblings(task, request);
    else if (request->kind == REQUEST_GET)
        answer_get(task, request);
    else
        answer_write(task, request);
}
