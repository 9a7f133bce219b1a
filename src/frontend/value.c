/* Data blocks: used where they lie when they are whole in the input, else collected in memory of their own. */
#include "frontend/limits.h"
#include "frontend/task.h"

#include <stdlib.h>

static size_t trailer_len(const struct command *command)
{
    return command->dialect == DIALECT_BINARY ? 0 : 2;
}

static bool is_sasl(const struct command *command)
{
    return command->kind == COMMAND_SASL_AUTH || command->kind == COMMAND_SASL_STEP;
}

static uint64_t value_limit(const struct session_settings *settings, const struct command *command)
{
    if (is_sasl(command))
        return AUTH_VALUE_MAX;
    return largest_value(settings->value_max, command->key.len, command->flags, settings->cas_disabled);
}

/* The block is not wanted: it is skipped as it comes. */
static void refuse(struct task *task, enum protocol_error error)
{
    task->refused = error;
    task->session->work->swallow = task->command.value_len + trailer_len(&task->command);
}

static void refuse_too_large(struct task *task)
{
    if (task->command.dialect != DIALECT_BINARY)
        counter_increment(&counters_of(task->session)->store_too_large);
    refuse(task, is_sasl(&task->command) ? ERROR_NO_MEMORY : ERROR_TOO_LARGE);
}

/* As memcached, whoever announces n bytes has n + 2 read, and the rest is taken for commands. */
static void take_block(struct task *task, const uint8_t *block)
{
    size_t len = (size_t)task->command.value_len;
    task->value = bytes_of(block, len);
    if (is_sasl(&task->command))
        return;
    counter_increment(&counters_of(task->session)->cmd_set);
    if (trailer_len(&task->command) == 2 && (block[len] != '\r' || block[len + 1] != '\n'))
        task->refused = ERROR_BAD_CHUNK;
}

bool value_begin(struct task *task, struct input_cursor *cursor)
{
    const struct command *command = &task->command;
    struct session_work *work = task->session->work;
    if (!command->has_value)
        return true;
    size_t trailer = trailer_len(command);
    if (command->kind == COMMAND_ERROR) {
        work->swallow = command->value_len + trailer;
        return true;
    }
    if (command->value_len > value_limit(settings_of(task->session), command)) {
        refuse_too_large(task);
        return true;
    }
    size_t whole = (size_t)command->value_len + trailer;
    if (cursor->left.len >= whole) {
        take_block(task, whole == 0 ? (const uint8_t *)"" : cursor->left.at);
        input_skip(cursor, whole);
        return true;
    }
    task->value_memory = malloc(whole);
    if (task->value_memory == NULL) {
        counter_increment(&counters_of(task->session)->store_no_memory);
        refuse(task, ERROR_NO_MEMORY);
        return true;
    }
    work->collecting = task;
    work->collected = 0;
    return false;
}

static size_t missing(const struct session_work *work)
{
    const struct command *command = &work->collecting->command;
    return (size_t)command->value_len + trailer_len(command) - work->collected;
}

bool value_filled(struct session_work *work, size_t len)
{
    struct task *task = work->collecting;
    CHECK(len <= missing(work));
    work->collected += len;
    if (missing(work) > 0)
        return false;
    work->collecting = NULL;
    take_block(task, task->value_memory);
    return true;
}

bool value_collect(struct session *session, struct input_cursor *cursor)
{
    struct session_work *work = session->work;
    size_t len = missing(work) < cursor->left.len ? missing(work) : cursor->left.len;
    memcpy(work->collecting->value_memory + work->collected, cursor->left.at, len);
    input_skip(cursor, len);
    return value_filled(work, len);
}

uint8_t *value_room(const struct session_work *work, size_t *len)
{
    if (missing(work) < VALUE_ROOM_MIN)
        return NULL;
    *len = missing(work);
    return work->collecting->value_memory + work->collected;
}
