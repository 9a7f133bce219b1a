/* Replies of the text protocol to single requests, and errors in all dialects. */
#include "frontend/task.h"
#include "protocol/reply.h"

static const char *stored_text(const struct request *request)
{
    switch (request->status) {
    case REQUEST_OK:
        return "STORED";
    case REQUEST_EXISTS:
        return "EXISTS";
    case REQUEST_MISS:
        return "NOT_FOUND";
    case REQUEST_TOO_LARGE:
        return protocol_error_text(ERROR_TOO_LARGE);
    case REQUEST_NO_MEMORY:
        return protocol_error_text(ERROR_NO_MEMORY);
    default:
        return "NOT_STORED";
    }
}

static const char *text_of(const struct task *task, const struct request *request)
{
    bool ok = request->status == REQUEST_OK;
    const char *no_memory = protocol_error_text(ERROR_NO_MEMORY);
    switch (task->command.kind) {
    case COMMAND_DELETE:
        if (request->status == REQUEST_EXISTS)
            return "EXISTS";
        return request->status == REQUEST_NO_MEMORY ? no_memory : ok ? "DELETED" : "NOT_FOUND";
    case COMMAND_TOUCH:
        return request->status == REQUEST_NO_MEMORY ? no_memory : ok ? "TOUCHED" : "NOT_FOUND";
    case COMMAND_INCR:
    case COMMAND_DECR:
        if (request->status == REQUEST_NON_NUMERIC)
            return protocol_error_text(ERROR_NON_NUMERIC);
        return request->status == REQUEST_MISS ? "NOT_FOUND" : no_memory;
    case COMMAND_FLUSH_ALL:
        return ok ? "OK" : no_memory;
    default:
        return stored_text(request);
    }
}

static bool is_delta(const struct command *command)
{
    return command->kind == COMMAND_INCR || command->kind == COMMAND_DECR;
}

/* noreply hides everything, errors included, as in memcached. */
void answer_text(struct task *task, const struct request *request)
{
    if (task->command.quiet)
        return;
    if (request->status == REQUEST_FAILED)
        answer_failure(task, request);
    else if (request->status == REQUEST_OK && is_delta(&task->command))
        reply_number(&task->session->out, request->number);
    else
        reply_line(&task->session->out, text_of(task, request));
}

void answer_failure(struct task *task, const struct request *request)
{
    struct chain *out = &task->session->out;
    if (request->status == REQUEST_NO_MEMORY && !is_binary(task)) {
        reply_line(out, protocol_error_text(ERROR_NO_MEMORY));
        return;
    }
    const char *failure = request->status == REQUEST_FAILED ? request_failure_text(request->failure) : "Out of memory";
    if (is_binary(task)) {
        /* Clients take this status for a passing trouble of the server, which it is. */
        struct bytes none = bytes_of(NULL, 0);
        reply_binary(out, &task->command, BINARY_NO_MEMORY, none, none, bytes_of_text(failure), 0);
        return;
    }
    chain_append_text(out, "SERVER_ERROR ");
    reply_line(out, failure);
}

static uint16_t binary_status_of(const struct task *task)
{
    switch (task->refused) {
    case ERROR_NONE:
        return task->command.binary_status;
    case ERROR_TOO_LARGE:
        return BINARY_TOO_LARGE;
    default:
        return BINARY_NO_MEMORY;
    }
}

static const char *error_text_of(const struct task *task)
{
    if (task->refused != ERROR_NONE)
        return protocol_error_text(task->refused);
    if (task->command.error == ERROR_META)
        return task->command.error_text;
    return protocol_error_text(task->command.error);
}

void answer_error(struct task *task)
{
    const struct command *command = &task->command;
    struct chain *out = &task->session->out;
    if (command->dialect == DIALECT_BINARY)
        reply_binary_error(out, command, binary_status_of(task));
    else if (!command->quiet || command->dialect == DIALECT_META)
        reply_line(out, error_text_of(task));
    if (command->kind == COMMAND_ERROR && command->close_after)
        task->session->closing = true;
}

void answer_line(struct task *task, const char *line)
{
    struct bytes none = bytes_of(NULL, 0);
    if (task->command.quiet)
        return;
    if (is_binary(task))
        reply_binary(&task->session->out, &task->command, BINARY_OK, none, none, none, 0);
    else
        reply_line(&task->session->out, line);
}
